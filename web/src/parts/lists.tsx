import { useEffect, useRef, useState, type ReactNode } from "react";
import type { Facet, ThreatSummary } from "../api.ts";
import { useI18n, type I18n, type Key } from "../i18n/index.ts";
import { Link, to, useQuery } from "../router.tsx";
import { AccountLinks, Meter, Seen, StatusBadge, TypeBadge } from "./bits.tsx";
import { Icon } from "./icons.tsx";
import { None } from "./states.tsx";
import { Table, type Column } from "./table.tsx";

export const PAGE = 25;

/** The page of the address, from 1. */
export function pageOf(query: URLSearchParams): number {
  const n = Number(query.get("page"));
  return Number.isInteger(n) && n > 0 && n < 1e7 ? n : 1;
}

export function Pager({ total, size = PAGE }: { total: number; size?: number }) {
  const { t, num } = useI18n();
  const [query, set] = useQuery();
  const page = pageOf(query);
  const last = Math.max(1, Math.ceil(total / size));
  if (total === 0) return null;
  const turn = (n: number) => set({ page: n === 1 ? null : n }, undefined);
  const go = (n: number) => { turn(n); window.scrollTo(0, 0); };
  return (
    <nav className="pager" aria-label={t("list.pages")}>
      <span className="note">
        {t("list.range", { from: num(Math.min(total, (page - 1) * size + 1)), to: num(Math.min(total, page * size)), total: num(total) })}
      </span>
      {last > 1 && (
        <span className="turn">
          <button type="button" data-turn="prev" disabled={page <= 1} onClick={() => go(Math.min(last, page - 1))}>{t("list.prev")}</button>
          <span className="num">{num(page)} / {num(last)}</span>
          <button type="button" data-turn="next" disabled={page >= last} onClick={() => go(page + 1)}>{t("list.next")}</button>
        </span>
      )}
    </nav>
  );
}

/** What an empty list says: that filters left nothing, or that there is nothing. */
export function Nothing() {
  const { t } = useI18n();
  const [query] = useQuery();
  const filtered = [...query.keys()].some((k) => k !== "page" && k !== "sort");
  return <None>{t(filtered ? "state.noresult" : "state.none")}</None>;
}

/** A text field bound to a field of the query; it writes after a pause, without a history entry for each letter. */
export function FilterField({ field, label }: { field: string; label: string }) {
  const [query, set] = useQuery();
  const given = query.get(field) ?? "";
  const [text, setText] = useState(given);
  const sent = useRef(given);
  useEffect(() => {
    if (given !== sent.current) { sent.current = given; setText(given); }
  }, [given]);
  useEffect(() => {
    if (text.trim() === sent.current) return undefined;
    const timer = window.setTimeout(() => {
      sent.current = text.trim();
      set({ [field]: text.trim(), page: null }, { replace: true });
    }, 300);
    return () => window.clearTimeout(timer);
  }, [text, field, set]);
  return (
    <input className="filter" type="search" value={text} maxLength={300} onChange={(e) => setText(e.target.value)}
      placeholder={label} aria-label={label} autoComplete="off" spellCheck={false} />
  );
}

export function SortField({ options, fallback }: { options: string[]; fallback: string }) {
  const { t, name } = useI18n();
  const [query, set] = useQuery();
  const asked = query.get("sort") ?? fallback;
  return (
    <label className="sort">
      <span>{t("list.sort")}</span>
      <select value={options.includes(asked) ? asked : fallback} aria-label={t("list.sort")}
        onChange={(e) => set({ sort: e.target.value === fallback ? null : e.target.value, page: null })}>
        {options.map((o) => <option key={o} value={o}>{name("sort", o)}</option>)}
      </select>
    </label>
  );
}

/** A filter of the address. `chip` ones have a control of their own and are shown only as what is filtered by. */
export type FacetSpec = { field: string; title: Key; from?: string; show: (value: string) => string; chip?: boolean };

const FACET_ROWS = 10;

function FacetGroup({ spec, values }: { spec: FacetSpec; values: Facet[] }) {
  const { t, num } = useI18n();
  const [query, set] = useQuery();
  const [all, setAll] = useState(false);
  const chosen = query.get(spec.field);
  // A chosen value stays visible even where the server no longer counts it.
  const list = chosen !== null && !values.some((v) => v.value === chosen) ? [{ value: chosen, count: 0 }, ...values] : values;
  if (list.length === 0) return null;
  const shown = all ? list : list.filter((v, i) => i < FACET_ROWS || v.value === chosen);
  return (
    <fieldset className="facet">
      <legend>{t(spec.title)}</legend>
      <ul>
        {shown.map((v) => (
          <li key={v.value}>
            <button type="button" aria-pressed={chosen === v.value}
              onClick={() => set({ [spec.field]: chosen === v.value ? null : v.value, page: null })}>
              <span className="what"><bdi>{spec.show(v.value)}</bdi></span>
              <span className="n">{num(v.count)}</span>
            </button>
          </li>
        ))}
      </ul>
      {list.length > FACET_ROWS && (
        <button type="button" className="quiet small" onClick={() => setAll(!all)}>
          {all ? t("facet.less") : t("facet.more", { n: list.length - shown.length })}
        </button>
      )}
    </fieldset>
  );
}

export function Facets({ specs, facets, children }: { specs: FacetSpec[]; facets: Record<string, Facet[]> | undefined; children?: ReactNode }) {
  const { t } = useI18n();
  const [query] = useQuery();
  const [open, setOpen] = useState(false);
  const chosen = specs.filter((s) => query.get(s.field) !== null).length;
  return (
    <aside className={open ? "facets open" : "facets"} aria-label={t("list.filters")}>
      <button type="button" className="toggle" aria-expanded={open} onClick={() => setOpen(!open)}>
        {t("list.filters")}{chosen > 0 && <b>{chosen}</b>}<Icon name="down" />
      </button>
      <div className="groups">
        {specs.filter((s) => !s.chip).map((s) => <FacetGroup key={s.field} spec={s} values={facets?.[s.from ?? s.field] ?? []} />)}
        {children}
      </div>
    </aside>
  );
}

/** What is filtered by, each with a way out. */
export function Chosen({ specs, text }: { specs: FacetSpec[]; text?: string }) {
  const { t } = useI18n();
  const [query, set] = useQuery();
  const chosen = specs.flatMap((s) => {
    const value = query.get(s.field);
    return value === null ? [] : [{ field: s.field, label: `${t(s.title)}: ${s.show(value)}` }];
  });
  if (chosen.length === 0) return null;
  const fields = [...chosen.map((c) => c.field), ...(text ? [text] : [])];
  return (
    <div className="chosen">
      {chosen.map((c) => (
        <button key={c.field} type="button" className="chip" onClick={() => set({ [c.field]: null, page: null })}
          aria-label={t("list.clearOne", { name: c.label })}>
          <bdi>{c.label}</bdi><Icon name="close" />
        </button>
      ))}
      <button type="button" className="quiet small" onClick={() => set({ ...Object.fromEntries(fields.map((f) => [f, null])), page: null })}>
        {t("state.clear")}
      </button>
    </div>
  );
}

export function threatColumns({ num }: I18n): Column<ThreatSummary>[] {
  return [
    { id: "severity", head: "col.severity", raw: (x) => x.severity, cell: (x) => <Meter value={x.severity} label={x.confidence.toFixed(2)} /> },
    {
      id: "title", head: "col.threat", shape: "main", raw: (x) => x.title, cell: (x) => (
        <>
          <Link to={to.threat(x.id)} className="title"><bdi>{x.title}</bdi></Link>
          {x.participants.length > 0 && <span className="sub"><AccountLinks accounts={x.participants} /></span>}
        </>
      ),
    },
    { id: "type", head: "col.type", raw: (x) => x.type, cell: (x) => <TypeBadge type={x.type} family={x.family} /> },
    { id: "status", head: "col.status", raw: (x) => x.status, cell: (x) => <StatusBadge status={x.status} /> },
    { id: "mentions", head: "col.mentions", shape: "right", raw: (x) => x.mentions, cell: (x) => num(x.mentions) },
    { id: "forums", head: "col.forums", className: "forums", raw: (x) => x.forums, cell: (x) => <bdi>{x.forums.join(", ")}</bdi> },
    { id: "last_seen", head: "col.lastSeen", shape: "when", raw: (x) => x.last_seen, cell: (x) => <Seen iso={x.last_seen} /> },
  ];
}

/** What only the file has: it is no wider table, it is the same rows for other tools. */
export function threatFile(i18n: I18n): Column<ThreatSummary>[] {
  const more: Column<ThreatSummary>[] = [
    { id: "id", head: "col.threat", raw: (x) => x.id, cell: () => null },
    { id: "family", head: "facet.family", raw: (x) => x.family, cell: () => null },
    { id: "confidence", head: "col.confidence", raw: (x) => x.confidence, cell: () => null },
    { id: "first_seen", head: "col.firstSeen", raw: (x) => x.first_seen, cell: () => null },
    { id: "posts", head: "col.posts", raw: (x) => x.posts, cell: () => null },
    { id: "participants", head: "threat.participants", raw: (x) => x.participants.map((p) => p.name), cell: () => null },
  ];
  return [...threatColumns(i18n), ...more];
}

export function ThreatTable({ threats }: { threats: ThreatSummary[] }) {
  const i18n = useI18n();
  return <Table className="threats" rows={threats} columns={threatColumns(i18n)} id={(x) => x.id} label={i18n.t("nav.threats")} empty={<Nothing />} />;
}

/** The short form for side panels. */
export function ThreatBriefs({ threats, by = "severity" }: { threats: ThreatSummary[]; by?: "severity" | "last_seen" }) {
  const { count } = useI18n();
  if (threats.length === 0) return <None />;
  return (
    <ul className="briefs">
      {threats.map((x) => (
        <li key={x.id}>
          <Meter value={x.severity} />
          <span className="what">
            <Link to={to.threat(x.id)} className="title"><bdi>{x.title}</bdi></Link>
            <span className="sub">
              <TypeBadge type={x.type} family={x.family} />
              <StatusBadge status={x.status} />
              {by === "severity" ? <span>{count(x.mentions, "mentions")}</span> : null}
              <Seen iso={x.last_seen} />
            </span>
          </span>
        </li>
      ))}
    </ul>
  );
}
