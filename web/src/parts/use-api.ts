import { useCallback, useEffect, useState } from "react";
import { ApiError, cached, forget, get } from "../api.ts";

export type Loaded<T> = { data: T | undefined; error: ApiError | Error | undefined; loading: boolean; retry: () => void };

type State<T> = { path: string; data: T | undefined; error: Error | undefined };

/**
 * The answer to a GET. While the path changes the former answer stays (`loading` tells), so lists do not flicker
 * between filters. A null path asks for nothing.
 */
export function useApi<T>(path: string | null): Loaded<T> {
  const [attempt, setAttempt] = useState(0);
  const [state, setState] = useState<State<T>>({ path: "", data: undefined, error: undefined });

  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    get<T>(path, abort.signal).then(
      (data) => setState({ path, data, error: undefined }),
      (error: unknown) => {
        if (!abort.signal.aborted) setState({ path, data: undefined, error: error as Error });
      },
    );
    return () => abort.abort();
  }, [path, attempt]);

  const retry = useCallback(() => {
    if (path !== null) forget(path);
    setState({ path: "", data: undefined, error: undefined });
    setAttempt((n) => n + 1);
  }, [path]);

  if (path === null) return { data: undefined, error: undefined, loading: false, retry };
  const current = state.path === path;
  const data = current ? state.data : cached<T>(path) ?? state.data;
  return { data, error: current ? state.error : undefined, loading: !current && cached<T>(path) === undefined, retry };
}
