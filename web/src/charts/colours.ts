import type { Family } from "../api.ts";

export type Colours = { text: string; muted: string; line: string; edge: string; panel: string; raised: string; accent: string; font: string };

export const FAMILIES: Family[] = ["trade", "spread", "attack", "incident"];

/** Charts draw on a canvas, so the style sheet's colours are read out for them. */
export function readColours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const v = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: v("--text"), muted: v("--muted"), line: v("--line"), edge: v("--edge"), panel: v("--panel"), raised: v("--raised"),
    accent: v("--accent"), font: v("--font"),
  };
}

export const FORUM_COLOURS = 8;

/** Forums take the palette's colours in the order of their names, so that a colour means one forum within a view. */
export function forumIndex(names: string[]): Map<string, number> {
  return new Map([...new Set(names)].sort().map((name, i) => [name, i % FORUM_COLOURS]));
}
