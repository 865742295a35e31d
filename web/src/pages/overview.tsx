import { useState } from "react";
import type { Overview } from "../api.ts";
import { Bars } from "../charts/chart.tsx";
import { FAMILIES } from "../charts/colours.ts";
import { Network } from "../charts/network.tsx";
import { useI18n, type Key } from "../i18n/index.ts";
import { AlertsPanel } from "../parts/alerts.tsx";
import { BarList, Panel, PartsBar, PartsLegend, Seen, partNames } from "../parts/bits.tsx";
import { ThreatBriefs } from "../parts/lists.tsx";
import { PERIODS } from "../parts/period.tsx";
import { Rising } from "../parts/rising.tsx";
import { SourcesPanel } from "../parts/sources.tsx";
import { Answer, None } from "../parts/states.tsx";
import { Table, TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to } from "../router.tsx";

const TILES: { field: keyof Overview["counts"]; key: Key; to?: string }[] = [
  { field: "threats", key: "overview.threats", to: "/threats" },
  { field: "mentions", key: "overview.mentions" },
  { field: "entities", key: "overview.entities", to: "/entities" },
  { field: "posts", key: "overview.posts", to: "/search" },
  { field: "relevant_posts", key: "overview.relevant" },
  { field: "threads", key: "overview.threads" },
  { field: "accounts", key: "overview.accounts", to: "/actors" },
  { field: "forums", key: "overview.forums" },
  { field: "pending", key: "overview.pending" },
];

const TYPES_SHOWN = 11;
const TOPICS = ["analyzed", "threat"] as const;
/** How far back "what changed" reaches at one click. */
const CHANGED = PERIODS.slice(0, 4);

export default function OverviewPage() {
  const { t } = useI18n();
  const answer = useApi<Overview>("/overview", TOPICS);
  useTitle(t("overview.title"));
  return <Answer of={answer}>{(data) => <Content data={data} />}</Answer>;
}

function Content({ data }: { data: Overview }) {
  const { t, num, name, month } = useI18n();
  const [allTypes, setAllTypes] = useState(false);
  const { counts } = data;
  if (counts.posts === 0) {
    return (
      <div className="state">
        <h1>{t("state.nodata")}</h1>
        <p>{t("state.nodata.text")}</p>
        <SourcesPanel />
      </div>
    );
  }
  const types = [...data.entities_by_type].sort((a, b) => b.count - a.count);
  const parts = partNames(data.key_actors.map((a) => a.parts));
  const best = Math.max(...data.key_actors.map((a) => a.score), 0);

  return (
    <div className="page">
      <h1 className="hidden">{t("overview.title")}</h1>
      <nav className="changed" aria-label={t("overview.changed")}>
        <span className="note">{t("overview.changed")}</span>
        {CHANGED.map((p) => <Link key={p.id} to={`/threats?sort=last_seen&period=${p.id}`} data-period={p.id}>{t(p.key)}</Link>)}
        <Link to="/actors?sort=first_seen">{t("overview.newActors")}</Link>
        <Link to="/threats?status=planned">{t("overview.planned")}</Link>
      </nav>
      <dl className="tiles">
        {TILES.filter((tile) => tile.field !== "pending" || counts.pending > 0).map((tile) => (
          <div key={tile.field} className="tile">
            <dt>{tile.to ? <Link to={tile.to}>{t(tile.key)}</Link> : t(tile.key)}</dt>
            <dd>{num(counts[tile.field])}</dd>
          </div>
        ))}
      </dl>

      <div className="grid">
        <Panel className="w8" title={t("overview.overTime")}>
          {data.events_over_time.labels.length === 0 ? <None>{t("state.nochart")}</None> : (
            <Bars
              label={t("overview.overTime")} height={270} labels={data.events_over_time.labels.map(month)}
              series={FAMILIES.map((f) => ({
                name: name("family", f), data: data.events_over_time.families[f] ?? [], colour: `--f-${f}`,
              }))}
            />
          )}
        </Panel>
        <Panel className="w4" title={t("overview.byType")} action={<Link to="/entities">{t("overview.all")}</Link>}>
          {types.length === 0 ? <None /> : (
            <BarList label={t("overview.byType")} rows={(allTypes ? types : types.slice(0, TYPES_SHOWN)).map((x) => ({
              key: x.type, name: name("type", x.type), to: `/entities?type=${encodeURIComponent(x.type)}`, count: x.count,
            }))} />
          )}
          {types.length > TYPES_SHOWN && (
            <button type="button" className="quiet more" onClick={() => setAllTypes(!allTypes)}>
              {t(allTypes ? "overview.less" : "overview.more")}
            </button>
          )}
        </Panel>

        <Panel className="w6" title={t("overview.top")} action={<Link to="/threats">{t("overview.all")}</Link>}>
          <ThreatBriefs threats={data.top_threats} />
        </Panel>
        <Panel className="w6" title={t("overview.latest")} action={<Link to="/threats?sort=last_seen">{t("overview.all")}</Link>}>
          <ThreatBriefs threats={data.latest_threats} by="last_seen" />
        </Panel>

        <AlertsPanel />
        <Rising />

        <Panel className="w8" title={t("overview.network")} action={<Link to="/network">{t("overview.all")}</Link>}>
          {data.graph.nodes.length === 0 ? <None /> : (
            <>
              <Network graph={data.graph} label={t("overview.networkLabel")} />
              <p className="note under">{t("overview.networkHint")}</p>
            </>
          )}
        </Panel>
        <Panel className="w4" title={t("overview.ranking")} action={<Link to="/actors">{t("overview.all")}</Link>}>
          {data.key_actors.length === 0 ? <None /> : (
            <>
              <PartsLegend names={parts} />
              <ol className="ranking">
                {data.key_actors.map((a) => (
                  <li key={a.id}>
                    <span className="num muted">{a.rank}</span>
                    <span className="what">
                      <Link to={to.actor(a.id)}><bdi>{a.name}</bdi></Link>
                      <span className="sub"><bdi>{a.forum}</bdi></span>
                    </span>
                    <PartsBar parts={a.parts} names={parts} max={best} />
                    <b className="num">{a.score.toFixed(2)}</b>
                  </li>
                ))}
              </ol>
            </>
          )}
        </Panel>

        <SourcesPanel />
        <Forums list={data.forums} />
      </div>
    </div>
  );
}

function Forums({ list }: { list: Overview["forums"] }) {
  const { t, num, name } = useI18n();
  const columns: Column<Overview["forums"][number]>[] = [
    { id: "forum", head: "col.forum", shape: "main", raw: (f) => f.name, cell: (f) => <Link to={`/threats?forum=${encodeURIComponent(f.name)}`}><bdi>{f.name}</bdi></Link> },
    { id: "language", head: "col.language", raw: (f) => f.language, cell: (f) => (f.language ? name("language", f.language) : "–") },
    { id: "posts", head: "col.posts", shape: "right", raw: (f) => f.posts, cell: (f) => num(f.posts) },
    { id: "accounts", head: "col.accounts", shape: "right", raw: (f) => f.accounts, cell: (f) => num(f.accounts) },
    { id: "first_post", head: "col.firstSeen", shape: "when", raw: (f) => f.first_post, cell: (f) => <Seen iso={f.first_post} /> },
    { id: "last_post", head: "col.lastSeen", shape: "when", raw: (f) => f.last_post, cell: (f) => <Seen iso={f.last_post} /> },
  ];
  return (
    <Panel className="w12" title={t("overview.forums")} action={<TakeTable name="forums" columns={columns} rows={list} />}>
      <Table rows={list} columns={columns} id={(f) => f.id} label={t("overview.forums")} />
    </Panel>
  );
}
