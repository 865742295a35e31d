import { withQuery, type EntitySummary, type Page } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Seen } from "../parts/bits.tsx";
import { Chosen, Facets, FilterField, Nothing, PAGE, Pager, pageOf, type FacetSpec } from "../parts/lists.tsx";
import { Answer } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to, useQuery } from "../router.tsx";

export default function Entities() {
  const { t, name, num, count } = useI18n();
  const [query] = useQuery();
  useTitle(t("nav.entities"));
  const specs: FacetSpec[] = [{ field: "type", title: "facet.type", show: (v) => name("type", v) }];
  const answer = useApi<Page<EntitySummary>>(withQuery("/entities", {
    type: query.get("type"), q: query.get("q"), offset: (pageOf(query) - 1) * PAGE, limit: PAGE,
  }));

  return (
    <div className="page withfacets">
      <Facets specs={specs} facets={answer.data?.facets} />
      <div className="results">
        <div className="headline">
          <h1>{t("nav.entities")}</h1>
          {answer.data && <span className="note">{count(answer.data.total, "entities")}</span>}
          <FilterField field="q" label={t("list.filterValues")} />
        </div>
        <Chosen specs={specs} text="q" />
        <Answer of={answer}>
          {(data) => (
            <>
              {data.items.length === 0 ? <Nothing /> : (
                <table className="list">
                  <thead>
                    <tr>
                      <th scope="col" className="grow">{t("col.value")}</th>
                      <th scope="col">{t("col.type")}</th>
                      <th scope="col" className="right">{t("col.posts")}</th>
                      <th scope="col">{t("col.firstSeen")}</th>
                      <th scope="col">{t("col.lastSeen")}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {data.items.map((e) => (
                      <tr key={e.id}>
                        <td className="main"><Link to={to.entity(e.id)} className="mono"><bdi>{e.value}</bdi></Link></td>
                        <td data-l={t("col.type")}>{name("type", e.type)}</td>
                        <td data-l={t("col.posts")} className="right num">{num(e.posts)}</td>
                        <td data-l={t("col.firstSeen")} className="when"><Seen iso={e.first_seen} /></td>
                        <td data-l={t("col.lastSeen")} className="when"><Seen iso={e.last_seen} /></td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              )}
              <Pager total={data.total} />
            </>
          )}
        </Answer>
      </div>
    </div>
  );
}
