import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError, cached, forget, get } from "../api.ts";
import { useLive, type Topic } from "../live.ts";

export type Loaded<T> = { data: T | undefined; error: ApiError | Error | undefined; loading: boolean; retry: () => void; renew: () => void };

type State<T> = { path: string; data: T | undefined; error: Error | undefined };
const NO_TOPICS: readonly Topic[] = [];

/**
 * The answer to a GET. While the path changes the former answer stays (`loading` tells), so lists do not flicker
 * between filters. A null path asks for nothing. News of the `live` topics bring a new answer quietly: what is shown stays
 * until it is there, and stays where it fails.
 */
export function useApi<T>(path: string | null, live: readonly Topic[] = NO_TOPICS): Loaded<T> {
  const [attempt, setAttempt] = useState(0);
  const [state, setState] = useState<State<T>>({ path: "", data: undefined, error: undefined });
  const quiet = useRef(false);

  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    const silent = quiet.current;
    quiet.current = false;
    get<T>(path, abort.signal).then(
      (data) => setState({ path, data, error: undefined }),
      (error: unknown) => {
        if (!abort.signal.aborted && !silent) setState({ path, data: undefined, error: error as Error });
      },
    );
    return () => abort.abort();
  }, [path, attempt]);

  const retry = useCallback(() => {
    if (path !== null) forget(path);
    setState({ path: "", data: undefined, error: undefined });
    setAttempt((n) => n + 1);
  }, [path]);

  const renew = useCallback(() => {
    if (path === null) return;
    forget(path);
    quiet.current = true;
    setAttempt((n) => n + 1);
  }, [path]);
  // What failed is not asked for again by itself: a missing endpoint stays missing.
  useLive(state.error ? NO_TOPICS : live, renew);

  if (path === null) return { data: undefined, error: undefined, loading: false, retry, renew };
  const current = state.path === path;
  const data = current ? state.data : cached<T>(path) ?? state.data;
  return { data, error: current ? state.error : undefined, loading: !current && cached<T>(path) === undefined, retry, renew };
}
