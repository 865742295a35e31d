import type { Page, Source } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Link } from "../router.tsx";
import { Panel, Seen } from "./bits.tsx";
import { Table, type Column } from "./table.tsx";
import { useApi } from "./use-api.ts";

export const SOURCE_TOPICS = ["source"] as const;

export const missingOf = (source: Source) => source.shortfall.reduce((sum, s) => sum + Math.max(0, s.counted - s.got), 0);

/** What a source lacks, most telling first: words of the page, then what was not got. */
function Note({ source }: { source: Source }) {
  const { t, num } = useI18n();
  const missing = missingOf(source);
  const problems = source.figures["problems"] ?? 0;
  return (
    <>
      {source.reason && <bdi>{source.reason}</bdi>}
      {missing > 0 && <span>{t("sources.missing", { n: num(missing) })}</span>}
      {problems > 0 && <span title={source.problems.join("\n")}>{t("sources.problems", { n: num(problems) })}</span>}
      {source.page && <a href={`/api/v1/sources/${source.id}/page`}>{t("sources.page")}</a>}
    </>
  );
}

export function useSourceColumns(): Column<Source>[] {
  const { t, num, name } = useI18n();
  return [
    { id: "name", head: "sources.source", shape: "main", raw: (s) => s.name, cell: (s) => <Link to={`/sources?id=${s.id}`} className="title" title={s.url}><bdi>{s.name}</bdi></Link> },
    { id: "state", head: "col.status", raw: (s) => s.state, cell: (s) => <span className={`badge co-${s.state}`}>{name("collection", s.state)}</span> },
    { id: "note", head: "sources.note", className: "notes", raw: (s) => [s.reason, missingOf(s) > 0 ? t("sources.missing", { n: missingOf(s) }) : null], cell: (s) => <Note source={s} /> },
    { id: "new", head: "sources.new", shape: "right", raw: (s) => s.figures["new"] ?? 0, cell: (s) => num(s.figures["new"] ?? 0) },
    { id: "requests", head: "sources.requests", shape: "right", raw: (s) => s.figures["requests"] ?? 0, cell: (s) => num(s.figures["requests"] ?? 0) },
    { id: "last", head: "sources.last", shape: "when", raw: (s) => s.ended ?? s.started, cell: (s) => <Seen iso={s.ended ?? s.started} /> },
  ];
}

/** Health of collection; nothing while no source is known. */
export function SourcesPanel() {
  const { t, num } = useI18n();
  const { data } = useApi<Page<Source>>("/sources", SOURCE_TOPICS);
  const columns = useSourceColumns();
  if (!data || data.items.length === 0) return null;
  const good = data.items.filter((s) => s.state === "good").length;
  return (
    <Panel className="w12" id="sources" title={t("sources.title")} note={t("sources.good", { n: num(good), all: num(data.items.length) })}
      action={<Link to="/sources">{t("overview.all")}</Link>}>
      <Table rows={data.items} columns={columns} id={(s) => s.id} label={t("sources.title")} />
    </Panel>
  );
}
