import {
  createContext, useCallback, useContext, useEffect, useLayoutEffect, useMemo, useState,
  type AnchorHTMLAttributes, type MouseEvent, type ReactNode,
} from "react";

// A router over the History API: paths and queries are the whole state, so every view has a link.
type Place = { path: string; search: string; key: string };
type Go = (to: string, options?: { replace?: boolean; keepScroll?: boolean }) => void;

const PlaceContext = createContext<Place | null>(null);
const GoContext = createContext<Go>(() => undefined);
const scrolls = new Map<string, number>();
let counter = 0;

function fresh(): string {
  counter += 1;
  return `${performance.timeOrigin.toString(36)}-${counter}`;
}

/**
 * The one-time link of a first start keeps its token behind the `#`, where no server and no referrer sees it. It is taken
 * out of the address at once.
 */
export const setupToken: string = (() => {
  const [path, query] = location.hash.replace(/^#/, "").split("?");
  if (path !== "/setup") return "";
  history.replaceState(null, "", "/setup");
  return new URLSearchParams(query ?? "").get("token") ?? "";
})();

function here(): Place {
  const state = history.state as { key?: string } | null;
  return { path: location.pathname, search: location.search, key: state?.key ?? "first" };
}

/** Content arrives late, so the old position is tried until the page is tall enough for it. */
function restore(y: number): () => void {
  let tries = 0;
  let timer = 0;
  const attempt = () => {
    window.scrollTo(0, y);
    tries += 1;
    if (Math.abs(window.scrollY - y) > 2 && tries < 20) timer = window.setTimeout(attempt, 40);
  };
  attempt();
  return () => window.clearTimeout(timer);
}

export function Router({ children }: { children: ReactNode }) {
  const [place, setPlace] = useState(here);
  const [scroll, setScroll] = useState<{ key: string; y: number } | null>(null);

  useEffect(() => {
    history.scrollRestoration = "manual";
    const save = () => scrolls.set(here().key, window.scrollY);
    const pop = () => {
      const now = here();
      setPlace(now);
      setScroll({ key: now.key, y: scrolls.get(now.key) ?? 0 });
    };
    window.addEventListener("popstate", pop);
    window.addEventListener("scroll", save, { passive: true });
    return () => {
      window.removeEventListener("popstate", pop);
      window.removeEventListener("scroll", save);
    };
  }, []);

  useLayoutEffect(() => (scroll ? restore(scroll.y) : undefined), [scroll]);

  const go = useCallback<Go>((to, options) => {
    const key = options?.replace ? here().key : fresh();
    if (options?.replace) history.replaceState({ key }, "", to);
    else history.pushState({ key }, "", to);
    setPlace(here());
    if (!options?.keepScroll) setScroll({ key, y: 0 });
  }, []);

  return (
    <GoContext value={go}>
      <PlaceContext value={place}>{children}</PlaceContext>
    </GoContext>
  );
}

export function usePlace(): Place {
  const place = useContext(PlaceContext);
  if (!place) throw new Error("usePlace outside Router");
  return place;
}

export function useGo(): Go {
  return useContext(GoContext);
}

type QueryValue = string | number | null;

/** The query of the address, and a setter that changes some of its fields. */
export function useQuery(): [URLSearchParams, (change: Record<string, QueryValue>, options?: { replace?: boolean }) => void] {
  const { path, search } = usePlace();
  const go = useGo();
  const query = useMemo(() => new URLSearchParams(search), [search]);
  const set = useCallback((change: Record<string, QueryValue>, options?: { replace?: boolean }) => {
    const next = new URLSearchParams(location.search);
    for (const [key, value] of Object.entries(change)) {
      if (value === null || value === "") next.delete(key);
      else next.set(key, String(value));
    }
    const text = next.toString();
    go(text ? `${path}?${text}` : path, { ...options, keepScroll: !("page" in change && change.page) });
  }, [go, path]);
  return [query, set];
}

type LinkProps = AnchorHTMLAttributes<HTMLAnchorElement> & { to: string };

export function Link({ to, onClick, ...rest }: LinkProps) {
  const go = useGo();
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return <a {...rest} href={to} onClick={follow} />;
}

export const to = {
  threat: (id: string) => `/threats/${encodeURIComponent(id)}`,
  actor: (id: number) => `/actors/${id}`,
  entity: (id: number) => `/entities/${id}`,
  thread: (id: number) => `/threads/${id}`,
  post: (id: number, span?: { start: number; end: number }) =>
    span ? `/posts/${id}?start=${span.start}&end=${span.end}` : `/posts/${id}`,
  compare: (ids: number[]) => `/compare?ids=${ids.join(",")}`,
  search: (q: string) => `/search?q=${encodeURIComponent(q)}`,
};
