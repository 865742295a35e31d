import { useState, type ReactNode } from "react";
import type { EntityCount, Family, Named, PostRef } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Link, to } from "../router.tsx";
import { None } from "./states.tsx";

type PanelProps = { title: string; note?: ReactNode; action?: ReactNode; className?: string; id?: string; children: ReactNode };

export function Panel({ title, note, action, className, id, children }: PanelProps) {
  return (
    <section className={className ? `panel ${className}` : "panel"} id={id}>
      <header>
        <h2>{title}</h2>
        {note !== undefined && <span className="note">{note}</span>}
        {action !== undefined && <span className="action">{action}</span>}
      </header>
      {children}
    </section>
  );
}

/** A value from a post: may be long and of any script, so it wraps anywhere and takes its own direction. */
export function Value({ children, title }: { children: string; title?: string }) {
  return <bdi className="value" title={title}>{children}</bdi>;
}

export function TypeBadge({ type, family }: { type: string; family: Family }) {
  const { name } = useI18n();
  return (
    <span className="type" title={name("family", family)}>
      <i className={`swatch f-${family}`} aria-hidden="true" />
      {name("event", type)}
    </span>
  );
}

export function StatusBadge({ status }: { status: string }) {
  const { name } = useI18n();
  return <span className={`badge st-${status}`}>{name("status", status)}</span>;
}

/** A share from 0 to 1 as a number with a bar. */
export function Meter({ value, label }: { value: number; label?: string }) {
  const { fixed } = useI18n();
  const share = Math.min(1, Math.max(0, value || 0));
  return (
    <span className="meter" title={label}>
      <b>{fixed(value)}</b>
      <i aria-hidden="true"><i style={{ width: `${share * 100}%` }} /></i>
    </span>
  );
}

const PART_ORDER = ["structure", "audience", "core", "mutual", "brokerage", "persistence", "renewal", "provision", "events", "knowledge", "reach", "gravity", "standing", "certainty", "substance"];

export function partNames(list: Record<string, number>[]): string[] {
  const names = new Set(list.flatMap((parts) => Object.keys(parts)));
  const place = (n: string) => (PART_ORDER.includes(n) ? PART_ORDER.indexOf(n) : PART_ORDER.length);
  return [...names].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}

/** Named parts as one stacked bar; `max` is the length of the longest bar in the list. */
export function PartsBar({ parts, names, max }: { parts: Record<string, number>; names: string[]; max: number }) {
  const { name, fixed } = useI18n();
  const text = names.map((n) => `${name("part", n)} ${fixed(parts[n] ?? 0, 3)}`).join("\n");
  return (
    <span className="parts" role="img" aria-label={text} title={text}>
      {names.map((n, i) => (
        <i key={n} className={`p${i % 10}`} style={{ width: `${(Math.max(0, parts[n] ?? 0) / (max || 1)) * 100}%` }} />
      ))}
    </span>
  );
}

export function PartsLegend({ names }: { names: string[] }) {
  const { name } = useI18n();
  return (
    <ul className="legend">
      {names.map((n, i) => <li key={n}><i className={`swatch p${i % 10}`} aria-hidden="true" />{name("part", n)}</li>)}
    </ul>
  );
}

/** Links to the posts a statement rests on: a few, the others on demand. */
export function PostLinks({ posts, first = 3 }: { posts: number[]; first?: number }) {
  const { t, num } = useI18n();
  const [all, setAll] = useState(false);
  const shown = all ? posts : posts.slice(0, first);
  return (
    <span className="postlinks">
      {shown.map((id) => (
        <Link key={id} to={to.post(id)} aria-label={t("threat.openPost", { id })}>#{id}</Link>
      ))}
      {posts.length > shown.length && (
        <button type="button" className="quiet small" onClick={() => setAll(true)}
          aria-label={t("list.more", { n: posts.length - shown.length })}>
          +{num(posts.length - shown.length)}
        </button>
      )}
    </span>
  );
}

export function AccountLink({ account }: { account: Named | null }) {
  const { t } = useI18n();
  return account
    ? <Link className="account" to={to.actor(account.id)}><bdi>{account.name}</bdi></Link>
    : <span className="muted">{t("post.unknownAuthor")}</span>;
}

export function AccountLinks({ accounts }: { accounts: Named[] }) {
  return (
    <span className="accounts">
      {accounts.map((a) => <AccountLink key={a.id} account={a} />)}
    </span>
  );
}

export function EntityList({ entities, first = 12 }: { entities: EntityCount[]; first?: number }) {
  const { t, name, num } = useI18n();
  const [all, setAll] = useState(false);
  if (entities.length === 0) return <None />;
  const shown = all ? entities : entities.slice(0, first);
  return (
    <>
      <ul className="rows entities">
        {shown.map((e) => (
          <li key={e.id}>
            <span className="kind">{name("type", e.type)}</span>
            <Link to={to.entity(e.id)} className="mono"><bdi>{e.value}</bdi></Link>
            <span className="n">{num(e.count)}</span>
          </li>
        ))}
      </ul>
      {entities.length > shown.length && (
        <button type="button" className="quiet more" onClick={() => setAll(true)}>{t("list.more", { n: entities.length - shown.length })}</button>
      )}
    </>
  );
}

export function PostRefs({ posts, step = 10, showAccount = true }: { posts: PostRef[]; step?: number; showAccount?: boolean }) {
  const { t, time } = useI18n();
  const [shown, setShown] = useState(step);
  if (posts.length === 0) return <None />;
  return (
    <>
      <ol className="refs">
        {posts.slice(0, shown).map((p) => (
          <li key={p.id}>
            <div className="meta">
              <Link to={to.post(p.id)} className="num">#{p.id}</Link>
              {showAccount && <AccountLink account={p.account} />}
              <span>{p.forum}</span>
              <time dateTime={p.time ?? undefined}>{time(p.time) || t("post.noTime")}</time>
            </div>
            <Link to={to.post(p.id)} className="thread"><bdi>{p.thread}</bdi></Link>
            <p className="excerpt" dir="auto">{p.excerpt}</p>
          </li>
        ))}
      </ol>
      {posts.length > shown && (
        <button type="button" className="quiet more" onClick={() => setShown(shown + step)}>
          {t("list.more", { n: Math.min(step, posts.length - shown) })}
        </button>
      )}
    </>
  );
}

export function Seen({ iso }: { iso: string | null }) {
  const { date, time } = useI18n();
  return iso ? <time dateTime={iso} title={`${time(iso)} UTC`}>{date(iso)}</time> : <span className="muted">–</span>;
}

/** What the server says of a value before somebody blocks it: private, documentation, sinkhole, … */
export function Tags({ tags }: { tags: string[] }) {
  return <>{tags.map((tag) => <span key={tag} className="badge tag">{tag.replaceAll("_", " ")}</span>)}</>;
}

/** Horizontal bars, one a row, each leading somewhere: a chart that can be used with the keyboard. */
export function BarList({ rows, label }: { rows: { key: string; name: ReactNode; to?: string; count: number }[]; label: string }) {
  const { num } = useI18n();
  const max = Math.max(1, ...rows.map((r) => r.count));
  return (
    <ul className="barlist" aria-label={label}>
      {rows.map((r) => (
        <li key={r.key}>
          <span className="what">{r.to ? <Link to={r.to}>{r.name}</Link> : r.name}</span>
          <span className="bar" aria-hidden="true"><i style={{ width: `${(r.count / max) * 100}%` }} /></span>
          <span className="n">{num(r.count)}</span>
        </li>
      ))}
    </ul>
  );
}
