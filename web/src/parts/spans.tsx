import { useMemo, useState, type ReactNode } from "react";
import type { Family, Modality, Post, Sentence } from "../api.ts";
import { useI18n, type I18n } from "../i18n/index.ts";
import { Link, to } from "../router.tsx";

// Marked text. The server's offsets count code points, so the text is cut as an array of them, never by UTF-16 index.

export type Mark =
  | { kind: "trigger"; start: number; end: number; type: string; family?: Family; modality?: Modality; confidence?: number }
  | { kind: "argument"; start: number; end: number; role: string; confidence?: number }
  | { kind: "entity"; start: number; end: number; id: number; type: string; value: string; source: string; confidence: number }
  | { kind: "cited"; start: number; end: number }
  | { kind: "why"; start: number; end: number; weight: number; level: 1 | 2 | 3 | 4 };

type Piece = { text: string; marks: Mark[] };

/** Cuts at every border of a mark; each piece knows all marks over it, so overlaps and nesting need no special case. */
export function cut(text: string, marks: Mark[]): Piece[] {
  const points = Array.from(text);
  const n = points.length;
  const usable = marks
    .map((m) => ({ ...m, start: Math.max(0, Math.min(n, m.start)), end: Math.max(0, Math.min(n, m.end)) }))
    .filter((m) => m.end > m.start);
  const borders = [...new Set([0, n, ...usable.flatMap((m) => [m.start, m.end])])].sort((a, b) => a - b);
  const pieces: Piece[] = [];
  for (let i = 0; i + 1 < borders.length; i += 1) {
    const from = borders[i] as number;
    const until = borders[i + 1] as number;
    pieces.push({
      text: points.slice(from, until).join(""),
      marks: usable.filter((m) => m.start <= from && m.end >= until),
    });
  }
  return pieces;
}

type Run = { entity: (Mark & { kind: "entity" }) | null; pieces: Piece[] };

/** Pieces under one entity become one link, however other marks cut it. */
function runs(pieces: Piece[]): Run[] {
  const list: Run[] = [];
  for (const piece of pieces) {
    // The longest one: a link in a link cannot be.
    const entity = piece.marks
      .filter((m) => m.kind === "entity")
      .reduce<Run["entity"]>((best, m) => (best === null || m.end - m.start > best.end - best.start ? m : best), null);
    const last = list.at(-1);
    if (entity && last?.entity === entity) last.pieces.push(piece);
    else list.push({ entity, pieces: [piece] });
  }
  return list;
}

export function slice(text: string, start: number, end: number): string {
  return Array.from(text).slice(start, end).join("");
}

// Twelve roles in five hues: more could not be told apart.
const ROLE_GROUP: Record<string, string> = {
  actor: "who", contact: "who", author: "who",
  target: "whom", place: "whom",
  asset: "what", version: "what", quantity: "what",
  vulnerability: "how", technique: "how",
  price: "pay", payment: "pay", time: "when",
};
export const roleGroup = (role: string) => ROLE_GROUP[role] ?? "what";

export function describe(mark: Mark, { t, name, fixed }: I18n): string {
  const sure = (c: number | undefined) => (c === undefined ? "" : ` · ${t("col.confidence")} ${fixed(c)}`);
  switch (mark.kind) {
    case "trigger":
      return `${t("post.trigger")}: ${name("event", mark.type)}${mark.modality ? ` · ${name("modality", mark.modality)}` : ""}${sure(mark.confidence)}`;
    case "argument":
      return `${name("role", mark.role)}${sure(mark.confidence)}`;
    case "entity":
      return `${t("post.entity")}: ${name("type", mark.type)} · ${mark.value} · ${name("source", mark.source)}${sure(mark.confidence)}`;
    case "cited":
      return t("post.emphasis");
    case "why":
      return t("threat.whyWeight", { weight: fixed(mark.weight) });
  }
}

function classes(marks: Mark[]): string {
  const names = new Set<string>();
  for (const m of marks) {
    names.add(`m-${m.kind}`);
    if (m.kind === "argument") names.add(`r-${roleGroup(m.role)}`);
    if (m.kind === "why") names.add(`why-${m.level}${m.weight < 0 ? " against" : ""}`);
  }
  return [...names].join(" ");
}

type Tip = { x: number; y: number; below: boolean; lines: string[] };

export function Marked({ text, marks }: { text: string; marks: Mark[] }) {
  const i18n = useI18n();
  const pieces = useMemo(() => cut(text, marks), [text, marks]);
  const [tip, setTip] = useState<Tip | null>(null);

  const show = (element: HTMLElement, list: Mark[]) => {
    const box = element.getClientRects()[0] ?? element.getBoundingClientRect();
    const below = box.top < 120;
    setTip({
      x: Math.max(8, Math.min(box.left, window.innerWidth - 300)), y: below ? box.bottom + 6 : box.top - 6, below,
      lines: list.map((m) => describe(m, i18n)),
    });
  };
  const hide = () => setTip(null);

  const handlers = (list: Mark[]) => ({
    onMouseEnter: (e: { currentTarget: HTMLElement }) => show(e.currentTarget, list),
    onFocus: (e: { currentTarget: HTMLElement }) => show(e.currentTarget, list),
    onMouseLeave: hide,
    onBlur: hide,
  });

  return (
    <>
      {runs(pieces).map((run, i): ReactNode => {
        const only = run.pieces[0];
        if (run.entity) {
          const all = [...new Set(run.pieces.flatMap((p) => p.marks))];
          return (
            <Link key={i} className="entity" onFocus={(e) => show(e.currentTarget, all)} onBlur={hide} to={to.entity(run.entity.id)} data-mark="entity">
              {run.pieces.map((p, k) => (
                <mark key={k} className={classes(p.marks)} onMouseEnter={(e) => show(e.currentTarget, p.marks)} onMouseLeave={hide}>{p.text}</mark>
              ))}
            </Link>
          );
        }
        if (!only || only.marks.length === 0) return only?.text;
        // A cited stretch is seen, not stopped at; what says something more can be reached with the keyboard.
        const stop = only.marks.some((m) => m.kind !== "cited");
        return stop
          ? <mark key={i} className={classes(only.marks)} {...handlers(only.marks)} tabIndex={0} data-mark={only.marks[0]?.kind}>{only.text}</mark>
          : <mark key={i} className={classes(only.marks)}>{only.text}</mark>;
      })}
      {tip && (
        <span className={tip.below ? "tip below" : "tip"} role="tooltip" style={{ left: tip.x, top: tip.y }}>
          {tip.lines.map((line, i) => <span key={i}>{line}</span>)}
        </span>
      )}
    </>
  );
}

export function marksOfPost(post: Post, cited: { start: number; end: number } | null): Mark[] {
  const marks: Mark[] = [];
  for (const e of post.events) {
    marks.push({ kind: "trigger", ...e.trigger, type: e.type, family: e.family, modality: e.modality, confidence: e.confidence });
    for (const a of e.arguments) marks.push({ kind: "argument", start: a.start, end: a.end, role: a.role, confidence: a.confidence });
  }
  for (const e of post.entities) marks.push({ kind: "entity", ...e });
  if (cited) marks.push({ kind: "cited", ...cited });
  return marks;
}

/** A sentence's spans are given in the post; here they are moved to the sentence. */
export function marksOfSentence(s: Sentence): Mark[] {
  return s.spans.map((x): Mark => {
    const start = x.start - s.sentence_start;
    const end = x.end - s.sentence_start;
    return x.kind === "trigger" ? { kind: "trigger", start, end, type: s.type, modality: s.modality } : { kind: "argument", start, end, role: x.label };
  });
}

/** The words that carried the decision, in four strengths of their share of the heaviest. */
export function whyOfSentence(s: Sentence): Mark[] {
  const list = s.why ?? [];
  const most = Math.max(1e-9, ...list.map((w) => Math.abs(w.weight)));
  return list.map((w): Mark => ({
    kind: "why", start: w.start - s.sentence_start, end: w.end - s.sentence_start, weight: w.weight,
    level: Math.min(4, 1 + Math.floor((Math.abs(w.weight) / most) * 3.999)) as 1 | 2 | 3 | 4,
  }));
}

export function MarkLegend({ marks }: { marks: Mark[] }) {
  const { t, name } = useI18n();
  const roles = [...new Set(marks.flatMap((m) => (m.kind === "argument" ? [m.role] : [])))]
    .sort((a, b) => roleGroup(a).localeCompare(roleGroup(b)) || a.localeCompare(b));
  const has = (kind: Mark["kind"]) => marks.some((m) => m.kind === kind);
  if (marks.length === 0) return null;
  return (
    <ul className="legend marks" aria-label={t("post.legend")}>
      {has("cited") && <li><span className="m-cited">{t("post.emphasis")}</span></li>}
      {has("trigger") && <li><span className="m-trigger">{t("post.trigger")}</span></li>}
      {roles.map((r) => <li key={r}><span className={`m-argument r-${roleGroup(r)}`}>{name("role", r)}</span></li>)}
      {has("entity") && <li><span className="m-entity">{t("post.entity")}</span></li>}
    </ul>
  );
}
