import { useState } from "react";
import { ApiError, getAll, withQuery, type ActorSummary, type Page } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { PartsBar, PartsLegend, Seen, partNames } from "../parts/bits.tsx";
import { Chosen, Facets, FilterField, Nothing, PAGE, Pager, pageOf, type FacetSpec } from "../parts/lists.tsx";
import { SubNav } from "../parts/places.tsx";
import { Answer } from "../parts/states.tsx";
import { Table, TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to, useQuery } from "../router.tsx";

/** What each list of hackers is sorted by. */
const LISTS = ["rank", "posts", "first_seen", "last_seen"] as const;
const LIST_KEYS = { rank: "actors.key", posts: "actors.active", first_seen: "actors.new", last_seen: "actors.recent" } as const;
const TOPICS = ["analyzed"] as const;
/** Two fit beside each other. */
const COMPARED = 2;

export default function Actors() {
  const { t, name, num, count } = useI18n();
  const [query, set] = useQuery();
  const [chosen, setChosen] = useState<number[]>([]);
  useTitle(t("nav.actors"));
  const specs: FacetSpec[] = [{ field: "forum", title: "facet.forum", show: (v) => v }];
  const sort = LISTS.find((s) => s === query.get("sort")) ?? "rank";
  const wanted = { forum: query.get("forum"), q: query.get("q"), sort };
  const window = { offset: (pageOf(query) - 1) * PAGE, limit: PAGE };
  const asked = useApi<Page<ActorSummary>>(withQuery("/actors", { ...wanted, ...window }), TOPICS);
  // A server that does not sort by first sight gives the last seen instead; the column tells.
  const unsorted = sort === "first_seen" && asked.error instanceof ApiError && asked.error.status === 400;
  const instead = useApi<Page<ActorSummary>>(unsorted ? withQuery("/actors", { ...wanted, sort: "last_seen", ...window }) : null);
  const answer = unsorted ? instead : asked;
  const params = unsorted ? { ...wanted, sort: "last_seen" } : wanted;

  const parts = partNames(answer.data?.items.map((a) => a.parts) ?? []);
  const best = Math.max(...(answer.data?.items.map((a) => a.score) ?? []), 0);
  const choose = (id: number, on: boolean) => setChosen(on ? [...chosen, id].slice(-COMPARED) : chosen.filter((x) => x !== id));
  const columns: Column<ActorSummary>[] = [
    { id: "rank", head: "col.rank", shape: "right", raw: (a) => a.rank, cell: (a) => (a.rank > 0 ? num(a.rank) : "–") },
    {
      id: "name", head: "col.name", shape: "main", raw: (a) => a.name, cell: (a) => (
        <span className="named">
          <input type="checkbox" checked={chosen.includes(a.id)} onChange={(e) => choose(a.id, e.target.checked)} aria-label={t("compare.choose", { name: a.name })} />
          <span>
            <Link to={to.actor(a.id)} className="title"><bdi>{a.name}</bdi></Link>
            {a.mark && <span className={`badge mk-${a.mark}`}>{name("mark", a.mark)}</span>}
            <span className="sub"><bdi>{a.forum}</bdi></span>
          </span>
        </span>
      ),
    },
    { id: "score", head: "col.score", shape: "right", raw: (a) => a.score, cell: (a) => a.score.toFixed(3) },
    { id: "parts", head: "col.parts", shape: "wide", className: "partscell", raw: (a) => parts.map((p) => `${p} ${(a.parts[p] ?? 0).toFixed(3)}`), cell: (a) => <PartsBar parts={a.parts} names={parts} max={best} /> },
    { id: "fields", head: "col.fields", className: "fieldscell", raw: (a) => a.fields, cell: (a) => a.fields.map((f) => name("field", f)).join(", ") || "–" },
    { id: "posts", head: "col.posts", shape: "right", raw: (a) => a.posts, cell: (a) => num(a.posts) },
    { id: "started", head: "col.started", shape: "right", raw: (a) => a.threads_started, cell: (a) => num(a.threads_started) },
    { id: "answers", head: "col.answers", shape: "right", raw: (a) => a.answers_received, cell: (a) => num(a.answers_received) },
    ...(sort === "first_seen" ? [{ id: "first_seen", head: "col.firstSeen", shape: "when", raw: (a: ActorSummary) => a.first_seen, cell: (a: ActorSummary) => <Seen iso={a.first_seen} /> } as const] : []),
    { id: "last_seen", head: "col.lastSeen", shape: "when", raw: (a) => a.last_seen, cell: (a) => <Seen iso={a.last_seen} /> },
  ];
  const file: Column<ActorSummary>[] = [
    ...columns, { id: "forum", head: "col.forum", raw: (a) => a.forum, cell: () => null }, { id: "id", head: "col.value", raw: (a) => a.id, cell: () => null },
  ];

  return (
    <div className="page withfacets">
      <Facets specs={specs} facets={answer.data?.facets} />
      <div className="results">
        <SubNav />
        <div className="headline">
          <h1>{t("nav.actors")}</h1>
          {answer.data && <span className="note">{count(answer.data.total, "actors")}</span>}
          <FilterField field="q" label={t("list.filterNames")} />
          <TakeTable name="hackers" columns={file} rows={answer.data?.items ?? []} all={() => getAll<ActorSummary>("/actors", params)} />
        </div>
        <div className="bar">
          <div className="tabs" role="group" aria-label={t("list.sort")}>
            {LISTS.map((s) => (
              <button key={s} type="button" data-sort={s} aria-pressed={s === sort} onClick={() => set({ sort: s === "rank" ? null : s, page: null })}>{t(LIST_KEYS[s])}</button>
            ))}
          </div>
          {chosen.length > 0 && (
            <span className="push">
              {chosen.length < COMPARED
                ? <span className="note">{t("compare.another")}</span>
                : <Link to={to.compare(chosen)} className="button strong">{t("compare.do")}</Link>}
            </span>
          )}
        </div>
        <Chosen specs={specs} text="q" />
        <Answer of={answer} inside>
          {(data) => (
            <>
              {data.items.length > 0 && <PartsLegend names={parts} />}
              <Table className="actors" rows={data.items} columns={columns} id={(a) => a.id} label={t("nav.actors")} empty={<Nothing />} />
              <Pager total={data.total} />
            </>
          )}
        </Answer>
      </div>
    </div>
  );
}
