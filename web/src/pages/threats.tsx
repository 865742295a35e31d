import { getAll, withQuery, type Page, type ThreatSummary } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Chosen, Facets, FilterField, PAGE, Pager, SortField, ThreatTable, pageOf, threatFile, type FacetSpec } from "../parts/lists.tsx";
import { PERIODS, PeriodField, boundsOf } from "../parts/period.tsx";
import { Answer } from "../parts/states.tsx";
import { TakeTable } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { useQuery } from "../router.tsx";

const SORTS = ["severity", "last_seen", "first_seen", "mentions"];
const SEVERITIES = ["0.25", "0.5", "0.75"];
const TOPICS = ["threat"] as const;

export default function Threats() {
  const i18n = useI18n();
  const { t, name, count } = i18n;
  const [query, set] = useQuery();
  useTitle(t("nav.threats"));
  const specs: FacetSpec[] = [
    { field: "family", title: "facet.family", show: (v) => name("family", v) },
    { field: "type", title: "facet.type", show: (v) => name("event", v) },
    { field: "status", title: "facet.status", show: (v) => name("status", v) },
    { field: "forum", title: "facet.forum", show: (v) => v },
    { field: "lang", title: "facet.language", show: (v) => name("language", v) },
    { field: "severity", title: "facet.severity", show: (v) => `≥ ${v}`, chip: true },
    { field: "period", title: "facet.time", show: (v) => { const p = PERIODS.find((x) => x.id === v); return p ? t(p.key) : v; }, chip: true },
    { field: "since", title: "period.since", show: (v) => v, chip: true },
    { field: "until", title: "period.until", show: (v) => v, chip: true },
    { field: "place", title: "role.place", show: (v) => v, chip: true },
    { field: "target", title: "role.target", show: (v) => v, chip: true },
  ];
  const asked = query.get("sort");
  const params = {
    family: query.get("family"), type: query.get("type"), status: query.get("status"), forum: query.get("forum"), lang: query.get("lang"),
    severity: query.get("severity"), place: query.get("place"), target: query.get("target"), ...boundsOf(query),
    q: query.get("q"), sort: asked && SORTS.includes(asked) ? asked : "severity",
  };
  const answer = useApi<Page<ThreatSummary>>(withQuery("/threats", { ...params, offset: (pageOf(query) - 1) * PAGE, limit: PAGE }), TOPICS);
  // A server that counts by language also filters by the rest; an older one would only seem to.
  const narrows = answer.data?.facets["lang"] !== undefined;

  return (
    <div className="page withfacets">
      <Facets specs={specs} facets={answer.data?.facets}>
        {narrows && (
          <>
            <PeriodField />
            <fieldset className="facet">
              <legend>{t("facet.severity")}</legend>
              <select value={query.get("severity") ?? ""} onChange={(e) => set({ severity: e.target.value, page: null })} aria-label={t("facet.severity")}>
                <option value="">{t("facet.any")}</option>
                {SEVERITIES.map((s) => <option key={s} value={s}>≥ {s}</option>)}
              </select>
            </fieldset>
            <fieldset className="facet"><legend>{t("role.target")}</legend><FilterField field="target" label={t("list.filterTarget")} /></fieldset>
            <fieldset className="facet"><legend>{t("role.place")}</legend><FilterField field="place" label={t("list.filterPlace")} /></fieldset>
          </>
        )}
      </Facets>
      <div className="results">
        <div className="headline">
          <h1>{t("nav.threats")}</h1>
          {answer.data && <span className="note">{count(answer.data.total, "threats")}</span>}
          <FilterField field="q" label={t("list.filterThreats")} />
          <SortField options={SORTS} fallback="severity" />
          <TakeTable name="threats" columns={threatFile(i18n)} rows={answer.data?.items ?? []} all={() => getAll<ThreatSummary>("/threats", params)} />
        </div>
        <Chosen specs={specs} text="q" />
        <Answer of={answer} inside>
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
