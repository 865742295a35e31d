import { getAll, withQuery, type EntitySummary, type Page } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Seen, Tags } from "../parts/bits.tsx";
import { Chosen, Facets, FilterField, Nothing, PAGE, Pager, pageOf, type FacetSpec } from "../parts/lists.tsx";
import { Answer } from "../parts/states.tsx";
import { Table, TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to, useQuery } from "../router.tsx";

const TOPICS = ["analyzed"] as const;

export default function Entities() {
  const { t, name, num, count } = useI18n();
  const [query] = useQuery();
  useTitle(t("nav.entities"));
  const specs: FacetSpec[] = [{ field: "type", title: "facet.type", show: (v) => name("type", v) }];
  const params = { type: query.get("type"), q: query.get("q") };
  const answer = useApi<Page<EntitySummary>>(withQuery("/entities", { ...params, offset: (pageOf(query) - 1) * PAGE, limit: PAGE }), TOPICS);
  const columns: Column<EntitySummary>[] = [
    {
      id: "value", head: "col.value", shape: "main", raw: (e) => e.value,
      cell: (e) => <><Link to={to.entity(e.id)} className="mono title"><bdi>{e.value}</bdi></Link> <Tags tags={e.tags ?? []} /></>,
    },
    { id: "type", head: "col.type", raw: (e) => e.type, cell: (e) => name("type", e.type) },
    { id: "posts", head: "col.posts", shape: "right", raw: (e) => e.posts, cell: (e) => num(e.posts) },
    { id: "first_seen", head: "col.firstSeen", shape: "when", raw: (e) => e.first_seen, cell: (e) => <Seen iso={e.first_seen} /> },
    { id: "last_seen", head: "col.lastSeen", shape: "when", raw: (e) => e.last_seen, cell: (e) => <Seen iso={e.last_seen} /> },
  ];
  const file: Column<EntitySummary>[] = [...columns, { id: "tags", head: "col.value", raw: (e) => e.tags ?? [], cell: () => null }];

  return (
    <div className="page withfacets">
      <Facets specs={specs} facets={answer.data?.facets} />
      <div className="results">
        <div className="headline">
          <h1>{t("nav.entities")}</h1>
          {answer.data && <span className="note">{count(answer.data.total, "entities")}</span>}
          <FilterField field="q" label={t("list.filterValues")} />
          <TakeTable name="entities" columns={file} rows={answer.data?.items ?? []} all={() => getAll<EntitySummary>("/entities", params)} />
        </div>
        <Chosen specs={specs} text="q" />
        <Answer of={answer} inside>
          {(data) => (
            <>
              <Table rows={data.items} columns={columns} id={(e) => e.id} label={t("nav.entities")} empty={<Nothing />} />
              <Pager total={data.total} />
            </>
          )}
        </Answer>
      </div>
    </div>
  );
}
