import { useState } from "react";
import type { EntityDetail } from "../api.ts";
import { Bars } from "../charts/chart.tsx";
import { useI18n } from "../i18n/index.ts";
import { EntityList, Panel, PostRefs, Seen, Tags } from "../parts/bits.tsx";
import { Facts } from "../parts/facts.tsx";
import { Icon } from "../parts/icons.tsx";
import { ThreatBriefs } from "../parts/lists.tsx";
import { Answer, None } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to } from "../router.tsx";

export default function EntityPage({ id }: { id: number }) {
  const answer = useApi<EntityDetail>(`/entities/${id}`);
  useTitle(answer.data?.entity.value);
  return <Answer of={answer}>{(data) => <Content data={data} />}</Answer>;
}

function Copy({ text }: { text: string }) {
  const { t } = useI18n();
  const [done, setDone] = useState(false);
  // The clipboard exists only on secure origins and localhost.
  if (!navigator.clipboard) return null;
  const copy = () => void navigator.clipboard.writeText(text).then(() => {
    setDone(true);
    window.setTimeout(() => setDone(false), 1500);
  }, () => undefined);
  return <button type="button" className="quiet small" onClick={copy}><Icon name="copy" />{t(done ? "entity.copied" : "entity.copy")}</button>;
}

function Content({ data }: { data: EntityDetail }) {
  const { t, name, num, count, month } = useI18n();
  const e = data.entity;
  const near = data.co_occurring ?? data.cooccurring ?? [];
  const most = Math.max(1, ...data.actors.map((a) => a.count));
  return (
    <div className="page">
      <div className="subject">
        <h1 className="mono"><bdi>{e.value}</bdi></h1>
        <div className="facts">
          <span className="badge">{name("type", e.type)}</span>
          <Tags tags={e.tags ?? []} />
          <span>{count(e.posts, "posts")}</span>
          <span>{t("col.firstSeen")} <Seen iso={data.first_seen ?? e.first_seen} /></span>
          <span>{t("col.lastSeen")} <Seen iso={data.last_seen ?? e.last_seen} /></span>
          <Copy text={e.value} />
          <Link to={`/watchlists?new=${e.type === "cve" ? "cve" : e.type === "organization" ? "organization" : "indicator"}&item=${encodeURIComponent(e.value)}`}>{t("watch.it")}</Link>
          <Link to={to.search(`"${e.value.replace(/["\\]/g, " ").trim()}"`)}>{t("entity.searchFor")}</Link>
        </div>
      </div>
      <div className="grid">
        <div className="column w8">
          <Panel title={t("entity.activity")}>
            {data.activity.labels.length === 0 ? <None>{t("state.nochart")}</None> : (
              <Bars label={t("entity.activity")} height={170} labels={data.activity.labels.map(month)}
                series={[{ name: t("col.posts"), data: data.activity.posts, colour: "--accent" }]} />
            )}
          </Panel>
          <Panel title={t("entity.posts")} note={count(e.posts, "posts")}><PostRefs posts={data.posts} /></Panel>
        </div>
        <div className="column w4">
          {data.link && (
            <Panel title={t("entity.link")} note={data.link.source ?? undefined}>
              <p><b><bdi>{data.link.name}</bdi></b> <code>{[...new Set([data.link.id, ...(data.link.identifiers ?? [])].filter(Boolean))].join(" ")}</code></p>
              {data.link.aliases.length > 0 && <p className="note">{t("entity.aliases")} <bdi>{data.link.aliases.join(", ")}</bdi></p>}
            </Panel>
          )}
          {(data.enrichment ?? []).map((x, i) => (
            <Panel key={`${x.source} ${i}`} title={t("entity.enrichment")} note={x.source}><Facts facts={x.facts} /></Panel>
          ))}
          <Panel title={t("entity.threats")}><ThreatBriefs threats={data.threats} /></Panel>
          <Panel title={t("entity.actors")}>
            {data.actors.length === 0 ? <None /> : (
              <ul className="barlist">
                {data.actors.map((a) => (
                  <li key={a.id}>
                    <span className="what"><Link to={to.actor(a.id)}><bdi>{a.name}</bdi></Link> <span className="sub"><bdi>{a.forum}</bdi></span></span>
                    <span className="bar" aria-hidden="true"><i style={{ width: `${(a.count / most) * 100}%` }} /></span>
                    <span className="n">{num(a.count)}</span>
                  </li>
                ))}
              </ul>
            )}
          </Panel>
          <Panel title={t("entity.cooccurring")}><EntityList entities={near} first={15} /></Panel>
        </div>
      </div>
    </div>
  );
}
