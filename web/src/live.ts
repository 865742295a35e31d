// News from the server. One tab of the browser listens (a server-sent stream costs one of six connections to a host) and
// tells the others; where there is no stream, all ask again from time to time.
import { useEffect, useRef, useSyncExternalStore } from "react";

export const TOPICS = ["posts", "analyzed", "threat", "alert", "source"] as const;
export type Topic = (typeof TOPICS)[number];
export type LiveState = "off" | "live" | "polling";
type Listener = (topic: Topic, data: unknown) => void;

const POLL_MS = 30_000;
const RETRY_MS = 60_000;
/** Answers are asked for again at most so often, however much comes. */
const QUIET_MS = 2_000;

const listeners = new Set<Listener>();
const watchers = new Set<() => void>();
let state: LiveState = "off";
let begun = false;

function become(next: LiveState): void {
  if (state === next) return;
  state = next;
  for (const tell of watchers) tell();
}

function hear(topic: Topic, data: unknown): void {
  for (const tell of listeners) tell(topic, data);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** Polling tells every topic: whoever shows something asks again. */
function poll(): void {
  if (state === "polling" && !document.hidden) for (const topic of TOPICS) hear(topic, null);
}

function listen(say: (message: { topic: Topic; data: unknown } | { state: LiveState }) => void): void {
  const source = new EventSource("/api/v1/stream");
  const both = (message: { topic: Topic; data: unknown }) => { hear(message.topic, message.data); say(message); };
  source.onopen = () => { become("live"); say({ state: "live" }); };
  source.onerror = () => {
    become("polling");
    say({ state: "polling" });
    // A closed source (no such path, a login that ended) does not try again by itself.
    if (source.readyState === EventSource.CLOSED) window.setTimeout(() => void attempt(say), RETRY_MS);
  };
  for (const topic of TOPICS) {
    source.addEventListener(topic, (event) => both({ topic, data: parsed((event as MessageEvent<string>).data) }));
  }
}

let refusedOnce = false;
/** A server without a stream is asked once, politely: an EventSource would fill the console with its failures. */
async function attempt(say: (message: { topic: Topic; data: unknown } | { state: LiveState }) => void): Promise<void> {
  if (refusedOnce) return;
  const abort = new AbortController();
  try {
    const answer = await fetch("/api/v1/stream", { headers: { accept: "text/event-stream" }, signal: abort.signal });
    const streams = answer.ok && (answer.headers.get("content-type") ?? "").startsWith("text/event-stream");
    abort.abort();
    if (streams) return listen(say);
    refusedOnce = answer.status === 404;
    become("polling");
    say({ state: "polling" });
    if (!refusedOnce) window.setTimeout(() => void attempt(say), RETRY_MS);
  } catch {
    become("polling");
    window.setTimeout(() => void attempt(say), RETRY_MS);
  }
}

/** Begins once, when the page may ask at all. */
export function beginLive(): void {
  if (begun) return;
  begun = true;
  window.setInterval(poll, POLL_MS);
  if (!("EventSource" in window)) return become("polling");
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("threatminer.live") : null;
  const say = (message: object) => channel?.postMessage(message);
  channel?.addEventListener("message", (event: MessageEvent<{ topic?: Topic; data?: unknown; state?: LiveState; ask?: boolean }>) => {
    const { topic, data, state: theirs, ask } = event.data;
    if (ask && leading) say({ state });
    if (theirs) become(theirs);
    if (topic) hear(topic, data);
  });
  let leading = false;
  // Locks exist on secure origins only; elsewhere each tab listens for itself.
  if (channel && navigator.locks) {
    say({ ask: true });
    void navigator.locks.request("threatminer.live", () => {
      leading = true;
      void attempt(say);
      return new Promise<never>(() => undefined);
    });
  } else {
    void attempt(() => undefined);
  }
  return undefined;
}

export function useLiveState(): LiveState {
  return useSyncExternalStore((tell) => { watchers.add(tell); return () => watchers.delete(tell); }, () => state);
}

/** Calls back when something of these topics happened, gathered so that a busy server does not make a busy page. */
export function useLive(topics: readonly Topic[], then: (topic: Topic, data: unknown) => void): void {
  const call = useRef(then);
  call.current = then;
  const wanted = topics.join(" ");
  useEffect(() => {
    if (wanted === "") return undefined;
    const list = wanted.split(" ");
    let timer = 0;
    const tell: Listener = (topic, data) => {
      if (!list.includes(topic) || timer !== 0) return;
      timer = window.setTimeout(() => { timer = 0; call.current(topic, data); }, QUIET_MS);
    };
    listeners.add(tell);
    return () => { listeners.delete(tell); window.clearTimeout(timer); };
  }, [wanted]);
}
