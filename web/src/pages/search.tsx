import { useEffect, useRef, useState, type FormEvent } from "react";
import { withQuery, type SearchPage } from "../api.ts";
import { useI18n, type Key } from "../i18n/index.ts";
import { AccountLink } from "../parts/bits.tsx";
import { Chosen, Facets, PAGE, Pager, pageOf, type FacetSpec } from "../parts/lists.tsx";
import { Answer, None } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to, useQuery } from "../router.tsx";

const HELP: { query: string; key: Key }[] = [
  { query: "fresh logs", key: "find.h.words" },
  { query: '"fresh logs"', key: "find.h.phrase" },
  { query: "cvv OR dump", key: "find.h.or" },
  { query: "cvv NOT free", key: "find.h.not" },
  { query: "crypt*", key: "find.h.prefix" },
  { query: "(cvv OR dump) AND usa", key: "find.h.group" },
  { query: "author:admin", key: "find.h.author" },
  { query: 'forum:"night market"', key: "find.h.forum" },
  { query: "board:exploits", key: "find.h.board" },
  { query: "title:loader", key: "find.h.title" },
  { query: "lang:ru", key: "find.h.lang" },
  { query: "time:2025-06-01..2025-06-30", key: "find.h.time" },
];

export default function Search() {
  const { t, name, count, num } = useI18n();
  const [query, set] = useQuery();
  const q = query.get("q")?.trim() ?? "";
  useTitle(q ? `${q}, ${t("find.title")}` : t("find.title"));
  const specs: FacetSpec[] = [
    { field: "forum", title: "facet.forum", show: (v) => v },
    { field: "lang", from: "language", title: "facet.language", show: (v) => name("language", v) },
  ];
  const answer = useApi<SearchPage>(q === "" ? null : withQuery("/search", {
    q, forum: query.get("forum"), lang: query.get("lang"), offset: (pageOf(query) - 1) * PAGE, limit: PAGE,
  }));

  const [text, setText] = useState(q);
  useEffect(() => setText(q), [q]);
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    set({ q: text.trim(), page: null });
  };

  return (
    <div className={q === "" ? "page" : "page withfacets"}>
      {q !== "" && <Facets specs={specs} facets={answer.data?.facets} />}
      <div className="results">
        <div className="headline">
          <h1>{t("find.title")}</h1>
          {answer.data && q !== "" && answer.data.error === null && (
            <span className="note">{count(answer.data.total, "results")}, {t("find.took", { ms: num(answer.data.took_ms) })}</span>
          )}
        </div>
        <form className="bigsearch" onSubmit={submit}>
          <input ref={field} type="search" className="mono" value={text} maxLength={1000} onChange={(e) => setText(e.target.value)}
            aria-label={t("search.placeholder")} placeholder={t("search.placeholder")} autoComplete="off" spellCheck={false} />
          <button type="submit">{t("search.submit")}</button>
        </form>
        <Help open={q === "" || (answer.data?.error ?? null) !== null} />
        {q !== "" && <Chosen specs={specs} />}
        {q === "" ? (
          <div className="state slim">
            <h2>{t("find.start")}</h2>
            <p>{t("find.startText")}</p>
          </div>
        ) : (
          <Answer of={answer}>
            {(data) => (data.error !== null
              ? <div className="problem" role="alert"><b>{t("find.bad")}</b><p>{data.error}</p></div>
              : <Results data={data} />)}
          </Answer>
        )}
      </div>
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
