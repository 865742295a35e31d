import { withQuery, type ActorSummary, type Page } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { PartsBar, PartsLegend, Seen, partNames } from "../parts/bits.tsx";
import { Chosen, Facets, FilterField, Nothing, PAGE, Pager, SortField, pageOf, type FacetSpec } from "../parts/lists.tsx";
import { Answer } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to, useQuery } from "../router.tsx";

const SORTS = ["rank", "posts", "last_seen"];

export default function Actors() {
  const { t, name, num, count } = useI18n();
  const [query] = useQuery();
  useTitle(t("nav.actors"));
  const specs: FacetSpec[] = [{ field: "forum", title: "facet.forum", show: (v) => v }];
  const asked = query.get("sort");
  const answer = useApi<Page<ActorSummary>>(withQuery("/actors", {
    forum: query.get("forum"), q: query.get("q"), sort: asked && SORTS.includes(asked) ? asked : "rank",
    offset: (pageOf(query) - 1) * PAGE, limit: PAGE,
  }));

  return (
    <div className="page withfacets">
      <Facets specs={specs} facets={answer.data?.facets} />
      <div className="results">
        <div className="headline">
          <h1>{t("nav.actors")}</h1>
          {answer.data && <span className="note">{count(answer.data.total, "actors")}</span>}
          <FilterField field="q" label={t("list.filterNames")} />
          <SortField options={SORTS} fallback="rank" />
        </div>
        <Chosen specs={specs} text="q" />
        <Answer of={answer}>
          {(data) => {
            const parts = partNames(data.items.map((a) => a.parts));
            const best = Math.max(...data.items.map((a) => a.score), 0);
            return (
              <>
                {data.items.length === 0 ? <Nothing /> : (
                  <>
                    <PartsLegend names={parts} />
                    <table className="list actors">
                      <thead>
                        <tr>
                          <th scope="col" className="right">{t("col.rank")}</th>
                          <th scope="col" className="grow">{t("col.name")}</th>
                          <th scope="col" className="right">{t("col.score")}</th>
                          <th scope="col">{t("col.parts")}</th>
                          <th scope="col">{t("col.fields")}</th>
                          <th scope="col" className="right">{t("col.posts")}</th>
                          <th scope="col" className="right">{t("col.started")}</th>
                          <th scope="col" className="right">{t("col.answers")}</th>
                          <th scope="col">{t("col.lastSeen")}</th>
                        </tr>
                      </thead>
                      <tbody>
                        {data.items.map((a) => (
                          <tr key={a.id}>
                            <td data-l={t("col.rank")} className="right num">{num(a.rank)}</td>
                            <td className="main">
                              <Link to={to.actor(a.id)} className="title"><bdi>{a.name}</bdi></Link>
                              <span className="sub"><bdi>{a.forum}</bdi></span>
                            </td>
                            <td data-l={t("col.score")} className="right num">{a.score.toFixed(3)}</td>
                            <td data-l={t("col.parts")} className="partscell"><PartsBar parts={a.parts} names={parts} max={best} /></td>
                            <td data-l={t("col.fields")} className="fieldscell">{a.fields.map((f) => name("field", f)).join(", ") || "–"}</td>
                            <td data-l={t("col.posts")} className="right num">{num(a.posts)}</td>
                            <td data-l={t("col.started")} className="right num">{num(a.threads_started)}</td>
                            <td data-l={t("col.answers")} className="right num">{num(a.answers_received)}</td>
                            <td data-l={t("col.lastSeen")} className="when"><Seen iso={a.last_seen} /></td>
                          </tr>
                        ))}
                      </tbody>
                    </table>
                  </>
                )}
                <Pager total={data.total} />
              </>
            );
          }}
        </Answer>
      </div>
    </div>
  );
}
