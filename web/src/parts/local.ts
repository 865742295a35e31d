import { useCallback, useState } from "react";

// Storage may be forbidden by the browser; what is chosen then lasts as long as the page.
export function readLocal(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function writeLocal(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    return;
  }
}

/** A choice that this browser remembers. */
export function useLocal(key: string, fallback: string): [string, (value: string) => void] {
  const [value, setValue] = useState(() => readLocal(key) ?? fallback);
  const set = useCallback((next: string) => { writeLocal(key, next); setValue(next); }, [key]);
  return [value, set];
}
