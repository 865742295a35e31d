// The REST contract of what was found, as types (docs/api.md), one cached GET and one call that changes something. The
// analyst's own things (alerts, rules, accounts) are in workplace.ts.

export type Family = "trade" | "spread" | "attack" | "incident";
export type EventType =
  | "sell" | "buy" | "exchange" | "release" | "update" | "leak" | "ddos" | "intrusion" | "ransom"
  | "fraud" | "malware" | "vulnerability" | "patch" | "takedown";
export type Modality = "asserted" | "planned" | "hypothetical" | "asked" | "negated";
export type Role =
  | "actor" | "target" | "asset" | "version" | "vulnerability" | "technique" | "price" | "quantity"
  | "payment" | "contact" | "time" | "place";
export type Status = "asked" | "planned" | "active" | "discussed" | "negated";

export type Facet = { value: string; count: number };
export type Page<T> = { total: number; items: T[]; facets: Record<string, Facet[]> };
export type Health = { version: string; model: string; posts: number; pending: number; status: "ok" | "analysing" };
export type Named = { id: number; name: string };

export type Overview = {
  counts: {
    posts: number; relevant_posts: number; accounts: number; threads: number; forums: number;
    threats: number; mentions: number; entities: number; pending: number;
  };
  forums: {
    id: number; name: string; posts: number; accounts: number; language: string | null;
    first_post: string | null; last_post: string | null;
  }[];
  entities_by_type: { type: string; count: number }[];
  events_over_time: { labels: string[]; families: Record<Family, number[]> };
  latest_threats: ThreatSummary[];
  top_threats: ThreatSummary[];
  key_actors: ActorSummary[];
  graph: {
    nodes: { id: number; name: string; forum: string; rank: number; score: number }[];
    edges: { from: number; to: number; weight: number }[];
  };
};

export type SourceState = "running" | "good" | "login_needed" | "refused" | "challenge" | "down" | "unreadable";
export type Source = {
  id: number; name: string; url: string; forum: string | null; engine: string | null; member: string | null;
  state: SourceState; reason: string | null; started: string; ended: string | null; last_good: string | null;
  figures: Record<string, number>;
  shortfall: { what: "thread" | "board"; title: string; got: number; counted: number }[];
  problems: string[]; page: string | null;
};

export type ThreatSummary = {
  id: string; title: string; type: EventType; family: Family; status: Status;
  severity: number; confidence: number; first_seen: string; last_seen: string;
  mentions: number; posts: number; forums: string[]; participants: Named[];
};

export type Span = { start: number; end: number };
export type Sentence = {
  time: string | null; post_id: number; thread_id: number; thread: string; forum: string;
  account: Named | null; sentence: string; sentence_start: number;
  spans: (Span & { kind: "trigger" | "argument"; label: string })[];
  type: EventType; modality: Modality; confidence: number;
  /** The words that carried the decision, in the post; absent where the server does not say. */
  why?: (Span & { weight: number })[];
};

export type Threat = ThreatSummary & {
  severity_parts: { name: string; value: number; weight: number; note: string }[];
  arguments: { role: Role; value: string; count: number; posts: number[]; entity_id: number | null }[];
  all_participants: { id: number; name: string; forum: string; rank: number | null; mentions: number; as: string[] }[];
  timeline: Sentence[];
  entities: EntityCount[];
  related: ThreatSummary[];
  status_over_time?: { time: string | null; status: Status; post?: number }[];
  credibility?: { value: number; parts: { name: string; value: number; weight?: number; note: string; posts: number[] }[] } | null;
};

export type ActorSummary = {
  id: number; name: string; forum: string; rank: number; score: number; parts: Record<string, number>;
  posts: number; threads_started: number; answers_received: number;
  first_seen: string | null; last_seen: string | null; fields: string[];
  mark?: Mark | null;
};
export type Mark = "key" | "not_key" | "watch";

export type Portrait = {
  actor: ActorSummary;
  brief: { text: string; posts: number[] }[];
  languages: { language: string; posts: number }[];
  activity: { labels: string[]; started: number[]; answered: number[]; by_hour: number[]; by_weekday: number[] };
  fields: { name: string; value: number; posts: number }[];
  keywords: { word: string; weight: number; count: number }[];
  rank_history: { label: string; rank: number; of: number; score: number }[];
  community: number | null;
  mark?: Mark | { mark: Mark | null; note?: string | null } | null;
  roles: { role: string; strength: number; count: number; posts: number[] }[] | null;
  aliases: { id: number; name: string; forum: string; probability: number; verdict: "accepted" | "rejected" | null
             reasons: { text: string; weight: number }[] }[];
  time_zone: { offset: number; low: number; high: number; posts: number } | null;
  contacts: EntityCount[];
  entities: EntityCount[];
  threats: (ThreatSummary & { as: string[]; own_mentions: number })[];
  neighbours: { id: number; name: string; forum: string; rank: number | null; answered: number; answered_by: number }[];
  posts_started: PostRef[];
  posts_answered: PostRef[];
};

export type EntityCount = { id: number; type: string; value: string; count: number };
export type EntitySummary = {
  id: number; type: string; value: string; posts: number; first_seen: string | null; last_seen: string | null;
  tags?: string[];
};
export type EntityDetail = {
  entity: EntitySummary;
  activity: { labels: string[]; posts: number[] };
  posts: PostRef[];
  actors: { id: number; name: string; forum: string; count: number }[];
  threats: ThreatSummary[];
  cooccurring?: EntityCount[];
  co_occurring?: EntityCount[];
  first_seen?: string | null; last_seen?: string | null;
  link?: { name: string; aliases: string[]; id: string | null; source: string | null; identifiers?: string[] } | null;
  enrichment?: { source: string; facts: Record<string, unknown> }[];
};
export type PostRef = {
  id: number; forum: string; thread_id: number; thread: string; board: string | null;
  account: Named | null; time: string | null; excerpt: string;
};
export type PostEntity = Span & {
  id: number; type: string; value: string; source: "pattern" | "model" | "gazetteer"; confidence: number;
  tags?: string[];
};
export type PostEvent = {
  id: number; type: EventType; family: Family; modality: Modality; confidence: number; threat_id: string | null;
  trigger: Span;
  arguments: (Span & { role: Role; confidence: number })[];
};
export type Post = {
  id: number; external_id: string; forum: string; board: string | null; thread_id: number; thread: string;
  account: Named | null; time: string | null; language: string | null; text: string; url: string | null;
  relevance: number | null; reply_to: number | null; quotes: { post_id: number | null; author: string | null }[];
  entities: PostEntity[];
  events: PostEvent[];
};
export type Thread = { id: number; title: string; forum: string; board: string | null; total: number; posts: Post[] };
export type SearchPage = {
  total: number; took_ms: number;
  items: (PostRef & { snippet: { text: string; hit: boolean }[] })[];
  facets: Record<string, Facet[]>;
  error?: string | null;
  /** How the query was understood, where the server says so. */
  parsed?: unknown;
};

export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

const BASE = "/api/v1";
// Answers are kept a minute, so that "back" shows a page at once and at its old scroll position.
const KEEP_MS = 60_000;
const KEEP_ENTRIES = 80;
const kept = new Map<string, { at: number; data: unknown }>();
/** Collections this server does not have: they are asked for once, not with every page. */
const absent = new Map<string, ApiError>();

type Refusal = (status: number) => void;
let refused: Refusal = () => undefined;
/** Who is told that a login is needed. */
export function onRefusal(tell: Refusal): void {
  refused = tell;
}

export function cached<T>(path: string): T | undefined {
  const hit = kept.get(path);
  if (!hit || Date.now() - hit.at > KEEP_MS) return undefined;
  return hit.data as T;
}

/** The first part of a path: what a server has or has not. */
const collection = (path: string) => path.replace(/^\//, "").split(/[/?]/)[0] ?? "";
const single = (path: string) => /^\/[^/?]+\//.test(path);

/** What an error answer says of itself: problem+json or the older `{"error"}`. */
function said(body: unknown): string {
  if (!body || typeof body !== "object") return "";
  const { detail, error, title } = body as Record<string, unknown>;
  return [detail, error, title].find((x): x is string => typeof x === "string" && x !== "") ?? "";
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const hit = cached<T>(path);
  if (hit !== undefined) return hit;
  const missing = absent.get(collection(path));
  if (missing) throw missing;
  const answer = await fetch(BASE + path, { headers: { accept: "application/json" }, signal: signal ?? null });
  const body: unknown = await answer.json().catch(() => null);
  if (!answer.ok) {
    const error = new ApiError(answer.status, said(body));
    if (answer.status === 401) refused(401);
    if (answer.status === 404 && !single(path)) absent.set(collection(path), error);
    throw error;
  }
  if (body === null) throw new ApiError(answer.status, "");
  kept.delete(path);
  kept.set(path, { at: Date.now(), data: body });
  if (kept.size > KEEP_ENTRIES) kept.delete(kept.keys().next().value as string);
  return body as T;
}

export function forget(path: string): void {
  kept.delete(path);
  absent.delete(collection(path));
}

/** After a change or a login nothing that was kept is true any more. */
export function forgetAll(): void {
  kept.clear();
  absent.clear();
}

/** A call that changes something; the answer is its JSON, or null where there is none. */
export async function send<T>(method: "POST" | "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<T> {
  const text = typeof body === "string" ? body : body === undefined ? null : JSON.stringify(body);
  const answer = await fetch(BASE + path, {
    method, body: text,
    headers: { accept: "application/json", ...(text === null ? {} : { "content-type": "application/json" }) },
  });
  const back: unknown = await answer.json().catch(() => null);
  if (!answer.ok) {
    if (answer.status === 401 && path !== "/session") refused(401);
    throw new ApiError(answer.status, said(back));
  }
  kept.clear();
  return back as T;
}

/** A path with those parameters that are set. */
export function withQuery(path: string, params: Record<string, string | number | null | undefined>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") query.set(key, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** All items of a list, page by page, up to a bound that a browser can hold. */
export async function getAll<T>(path: string, params: Record<string, string | number | null | undefined>, most = 5000): Promise<T[]> {
  const items: T[] = [];
  for (;;) {
    const page = await get<Page<T>>(withQuery(path, { ...params, offset: items.length, limit: 500 }));
    items.push(...page.items);
    if (page.items.length === 0 || items.length >= page.total || items.length >= most) return items.slice(0, most);
  }
}
