import { withQuery, type Page, type ThreatSummary } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Chosen, Facets, FilterField, PAGE, Pager, SortField, ThreatTable, pageOf, type FacetSpec } from "../parts/lists.tsx";
import { Answer } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { useQuery } from "../router.tsx";

const SORTS = ["severity", "last_seen", "first_seen", "mentions"];

export default function Threats() {
  const { t, name, count } = useI18n();
  const [query] = useQuery();
  useTitle(t("nav.threats"));
  const specs: FacetSpec[] = [
    { field: "family", title: "facet.family", show: (v) => name("family", v) },
    { field: "type", title: "facet.type", show: (v) => name("event", v) },
    { field: "status", title: "facet.status", show: (v) => name("status", v) },
    { field: "forum", title: "facet.forum", show: (v) => v },
  ];
  const asked = query.get("sort");
  const answer = useApi<Page<ThreatSummary>>(withQuery("/threats", {
    family: query.get("family"), type: query.get("type"), status: query.get("status"), forum: query.get("forum"),
    q: query.get("q"), sort: asked && SORTS.includes(asked) ? asked : "severity",
    offset: (pageOf(query) - 1) * PAGE, limit: PAGE,
  }));

  return (
    <div className="page withfacets">
      <Facets specs={specs} facets={answer.data?.facets} />
      <div className="results">
        <div className="headline">
          <h1>{t("nav.threats")}</h1>
          {answer.data && <span className="note">{count(answer.data.total, "threats")}</span>}
          <FilterField field="q" label={t("list.filterThreats")} />
          <SortField options={SORTS} fallback="severity" />
        </div>
        <Chosen specs={specs} text="q" />
        <Answer of={answer}>
          {(data) => (
            <>
              <ThreatTable threats={data.items} />
              <Pager total={data.total} />
            </>
          )}
        </Answer>
      </div>
    </div>
  );
}
