import { withQuery } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Seen } from "../parts/bits.tsx";
import { SubNav } from "../parts/places.tsx";
import { Answer, None } from "../parts/states.tsx";
import { Table, TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { useQuery } from "../router.tsx";
import type { Channel, Delivery, Listed } from "../workplace.ts";

const TOPICS = ["alert"] as const;

/** What went out on which channel, how often it was tried, and what the other side said. */
export default function Deliveries() {
  const { t, name, num, time } = useI18n();
  const [query, set] = useQuery();
  useTitle(t("nav.deliveries"));
  const cursor = query.get("cursor");
  const answer = useApi<Listed<Delivery>>(withQuery("/deliveries", { channel: query.get("channel"), cursor }), TOPICS);
  const channels = useApi<Listed<Channel>>(answer.error ? null : "/channels");
  const called = (d: Delivery) => {
    if (d.channel_name) return d.channel_name;
    if (d.channel && typeof d.channel === "object") return d.channel.name;
    return channels.data?.items.find((c) => c.id === d.channel)?.name ?? (d.channel === null || d.channel === undefined ? "–" : `#${d.channel}`);
  };
  const when = (d: Delivery) => d.time ?? d.created ?? null;
  const alerts = (d: Delivery) => (Array.isArray(d.alerts) ? d.alerts.length : d.alerts ?? 0);
  const columns: Column<Delivery>[] = [
    { id: "channel", head: "nav.channels", shape: "main", raw: called, cell: (d) => <bdi className="title">{called(d)}</bdi> },
    { id: "time", head: "facet.time", shape: "when", raw: when, cell: (d) => <span title={`${time(when(d))} UTC`}>{time(when(d))}</span> },
    { id: "state", head: "col.status", raw: (d) => d.state ?? null, cell: (d) => <span className={`badge de-${d.state ?? ""}`}>{name("delivery", d.state ?? "")}</span> },
    { id: "alerts", head: "nav.alerts", shape: "right", raw: alerts, cell: (d) => num(alerts(d)) },
    { id: "attempts", head: "delivery.attempts", shape: "right", raw: (d) => d.attempts ?? null, cell: (d) => num(d.attempts ?? 0) },
    { id: "next", head: "delivery.next", shape: "when", raw: (d) => d.next_try ?? null, cell: (d) => (d.state === "waiting" ? <Seen iso={d.next_try ?? null} /> : "–") },
    { id: "detail", head: "delivery.detail", shape: "wide", raw: (d) => d.detail ?? null, cell: (d) => <bdi>{d.detail ?? "–"}</bdi> },
  ];
  return (
    <div className="page">
      <SubNav />
      <div className="headline">
        <h1>{t("nav.deliveries")}</h1>
        <TakeTable name="deliveries" columns={columns} rows={answer.data?.items ?? []} />
      </div>
      <Answer of={answer} inside optional>
        {(data) => (
          <>
            <div className="bar">
              <select value={query.get("channel") ?? ""} onChange={(e) => set({ channel: e.target.value, cursor: null })} aria-label={t("nav.channels")}>
                <option value="">{t("delivery.allChannels")}</option>
                {channels.data?.items.map((c) => <option key={c.id} value={c.id}>{c.name}</option>)}
              </select>
            </div>
            <Table rows={data.items} columns={columns} id={(d) => d.id} label={t("nav.deliveries")} empty={<None>{t("delivery.none")}</None>} />
            {data.next && <nav className="pager" aria-label={t("list.pages")}><button type="button" data-turn="next" className="push" onClick={() => set({ cursor: data.next ?? null })}>{t("list.next")}</button></nav>}
          </>
        )}
      </Answer>
    </div>
  );
}
