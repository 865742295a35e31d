import { useEffect, useState, type FormEvent } from "react";
import { ApiError, getAll, withQuery, type ActorSummary, type EntitySummary, type Facet, type Page, type SearchPage } from "../api.ts";
import { useI18n, type Key } from "../i18n/index.ts";
import { AccountLink } from "../parts/bits.tsx";
import { Chosen, Facets, PAGE, Pager, pageOf, type FacetSpec } from "../parts/lists.tsx";
import { HistoryList, SavedList, SaveSearch, remember } from "../parts/searches.tsx";
import { Failed, Loading, None } from "../parts/states.tsx";
import { TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to, useQuery } from "../router.tsx";

const HELP: { query: string; key: Key }[] = [
  { query: "fresh logs", key: "find.h.words" },
  { query: '"fresh logs"', key: "find.h.phrase" },
  { query: "cvv OR dump", key: "find.h.or" },
  { query: "cvv NOT free", key: "find.h.not" },
  { query: "(cvv OR dump) AND usa", key: "find.h.group" },
  { query: "crypt*", key: "find.h.prefix" },
  { query: "trojan~1", key: "find.h.fuzzy" },
  { query: "author:admin", key: "find.h.author" },
  { query: 'forum:"night market"', key: "find.h.forum" },
  { query: "board:exploits", key: "find.h.board" },
  { query: "title:loader", key: "find.h.title" },
  { query: "lang:ru", key: "find.h.lang" },
  { query: "time:2025-06-01..2025-06-30", key: "find.h.time" },
  { query: "type:ddos", key: "find.h.type" },
  { query: "has:cve", key: "find.h.has" },
  { query: "entity:203.0.113.7", key: "find.h.entity" },
];

type Hit = SearchPage["items"][number];

/** Words without the query language's signs: what names and values can be looked up by. */
function plainWords(q: string): string | null {
  return /[:()*~]|\b(AND|OR|NOT)\b/.test(q) ? null : q.replaceAll('"', "").trim() || null;
}

export default function Search() {
  const { t, name, count, num } = useI18n();
  const [query, set] = useQuery();
  const q = query.get("q")?.trim() ?? "";
  useTitle(q ? `${q}, ${t("find.title")}` : t("find.title"));
  // Month and type of event are words of the query language; forum and language have parameters of their own.
  const [month, type] = [query.get("month"), query.get("type")];
  const narrowed = month === null && type === null ? q : [`(${q})`, month && /^\d{4}-\d{2}$/.test(month) ? `time:${month}` : "", type && /^\w+$/.test(type) ? `type:${type}` : ""].join(" ").trim();
  const params = { q: narrowed, forum: query.get("forum"), lang: query.get("lang") };
  const answer = useApi<SearchPage>(q === "" ? null : withQuery("/search", { ...params, offset: (pageOf(query) - 1) * PAGE, limit: PAGE }));
  const facets = answer.data?.facets;
  const specs: FacetSpec[] = [
    { field: "forum", title: "facet.forum", show: (v) => v },
    { field: "lang", from: facets?.["lang"] ? "lang" : "language", title: "facet.language", show: (v) => name("language", v) },
    { field: "type", title: "facet.event", show: (v) => name("event", v) },
    { field: "month", title: "facet.month", show: (v) => v },
  ];
  // A query that cannot be read: 400 with the reason, or the older answer with an error in it.
  const wrong = answer.error instanceof ApiError && answer.error.status === 400 ? answer.error.message : answer.data?.error ?? null;
  useEffect(() => { if (q !== "" && answer.data && wrong === null && !answer.loading) remember(q); }, [q, answer.data, wrong, answer.loading]);

  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    set({ q: text.trim(), page: null });
  };
  const columns: Column<Hit>[] = [
    { id: "post", head: "col.posts", raw: (p) => p.id, cell: () => null }, { id: "time", head: "facet.time", raw: (p) => p.time, cell: () => null },
    { id: "forum", head: "col.forum", raw: (p) => p.forum, cell: () => null }, { id: "board", head: "facet.forum", raw: (p) => p.board, cell: () => null },
    { id: "thread", head: "thread.title", raw: (p) => p.thread, cell: () => null }, { id: "account", head: "col.name", raw: (p) => p.account?.name ?? null, cell: () => null },
    { id: "excerpt", head: "entity.posts", raw: (p) => p.excerpt, cell: () => null },
  ];

  return (
    <div className={q === "" ? "page" : "page withfacets"}>
      {q !== "" && <Facets specs={specs} facets={facets} />}
      <div className="results">
        <div className="headline">
          <h1>{t("find.title")}</h1>
          {answer.data && q !== "" && wrong === null && (
            <span className="note">{count(answer.data.total, "results")}, {t("find.took", { ms: num(answer.data.took_ms) })}</span>
          )}
          {q !== "" && wrong === null && <SaveSearch query={q} />}
          <TakeTable name="posts" columns={columns} rows={wrong === null ? answer.data?.items ?? [] : []} all={() => getAll<Hit>("/search", params, 2000)} />
        </div>
        <form className="bigsearch" onSubmit={submit}>
          <input type="search" className="mono" value={text} maxLength={1000} onChange={(e) => setText(e.target.value)}
            aria-label={t("search.placeholder")} placeholder={t("search.placeholder")} autoComplete="off" spellCheck={false} />
          <button type="submit">{t("search.submit")}</button>
        </form>
        {wrong === null && typeof answer.data?.parsed === "string" && answer.data.parsed !== "" && answer.data.parsed !== narrowed && (
          <p className="note parsed">{t("find.parsed")} <code>{answer.data.parsed}</code></p>
        )}
        {wrong !== null && <div className="problem" role="alert"><b>{t("find.bad")}</b><p>{wrong}</p></div>}
        <Help open={q === "" || wrong !== null} />
        {q !== "" && <Chosen specs={specs} />}
        {q === "" ? (
          <div className="grid">
            <SavedList />
            <HistoryList />
          </div>
        ) : wrong !== null ? null : answer.error ? <Failed error={answer.error} retry={answer.retry} inside /> : answer.data === undefined ? <Loading /> : (
          <div className={answer.loading ? "stale" : undefined} aria-busy={answer.loading}>
            {pageOf(query) === 1 && <AlsoFound words={plainWords(q)} />}
            <Months list={facets?.["month"] ?? []} />
            <Results data={answer.data} />
          </div>
        )}
      </div>
    </div>
  );
}

/** Names and values that are what was typed: the way from one box to everything. */
function AlsoFound({ words }: { words: string | null }) {
  const { t, name } = useI18n();
  const actors = useApi<Page<ActorSummary>>(words === null ? null : withQuery("/actors", { q: words, limit: 5 }));
  const entities = useApi<Page<EntitySummary>>(words === null ? null : withQuery("/entities", { q: words, limit: 6 }));
  const a = words === null ? [] : actors.data?.items ?? [];
  const e = words === null ? [] : entities.data?.items ?? [];
  if (a.length + e.length === 0) return null;
  return (
    <ul className="alsofound" aria-label={t("find.also")}>
      {a.map((x) => <li key={`a${x.id}`}><Link to={to.actor(x.id)} data-also="actor"><span className="note">{t("find.hacker")}</span> <bdi>{x.name}</bdi></Link></li>)}
      {e.map((x) => <li key={`e${x.id}`}><Link to={to.entity(x.id)} data-also="entity"><span className="note">{name("type", x.type)}</span> <bdi className="mono">{x.value}</bdi></Link></li>)}
      {(entities.data?.total ?? 0) > e.length && <li><Link to={withQuery("/entities", { q: words })}>{t("overview.all")}</Link></li>}
    </ul>
  );
}

/** Hits by month, each a filter; for those who cannot see bars the facet says the same. */
function Months({ list }: { list: Facet[] }) {
  const { month, num } = useI18n();
  const [query, set] = useQuery();
  const chosen = query.get("month");
  const sorted = [...list].filter((m) => /^\d{4}-\d{2}$/.test(m.value)).sort((a, b) => a.value.localeCompare(b.value)).slice(-36);
  if (sorted.length < 3) return null;
  const most = Math.max(1, ...sorted.map((m) => m.count));
  return (
    <div className="months" aria-hidden="true">
      {sorted.map((m) => (
        <button key={m.value} type="button" tabIndex={-1} className={chosen === m.value ? "on" : ""} title={`${month(m.value)}: ${num(m.count)}`} aria-label={`${month(m.value)}: ${num(m.count)}`}
          onClick={() => set({ month: chosen === m.value ? null : m.value, page: null })}>
          <i style={{ height: `${Math.max(4, (m.count / most) * 100)}%` }} />
        </button>
      ))}
    </div>
  );
}

function Help({ open }: { open: boolean }) {
  const { t } = useI18n();
  return (
    <details className="help" open={open} key={String(open)}>
      <summary>{t("find.help")}</summary>
      <dl>
        {HELP.map((h) => (
          <div key={h.query}>
            <dt><Link to={to.search(h.query)} className="mono">{h.query}</Link></dt>
            <dd>{t(h.key)}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function Results({ data }: { data: SearchPage }) {
  const { t, time } = useI18n();
  if (data.items.length === 0) return <><None>{t("find.none")}</None><Pager total={data.total} /></>;
  return (
    <>
      <ol className="refs hits">
        {data.items.map((p) => (
          <li key={p.id}>
            <div className="meta">
              <Link to={to.post(p.id)} className="num">#{p.id}</Link>
              <AccountLink account={p.account} />
              <bdi>{p.forum}</bdi>
              {p.board !== null && <bdi>{p.board}</bdi>}
              <time dateTime={p.time ?? undefined}>{time(p.time) || t("post.noTime")}</time>
            </div>
            <Link to={to.post(p.id)} className="title"><bdi>{p.thread}</bdi></Link>
            <p className="excerpt" dir="auto">
              {p.snippet.length === 0 ? p.excerpt : p.snippet.map((s, i) => (s.hit ? <mark key={i} className="hit">{s.text}</mark> : s.text))}
            </p>
          </li>
        ))}
      </ol>
      <Pager total={data.total} />
    </>
  );
}
