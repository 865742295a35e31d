import { useMemo, useRef, useState, type FormEvent } from "react";
import { ApiError, withQuery, type Overview } from "../api.ts";
import { Network, type Colouring, type NetworkHandle } from "../charts/network.tsx";
import { useI18n } from "../i18n/index.ts";
import { Icon } from "../parts/icons.tsx";
import { SubNav } from "../parts/places.tsx";
import { Answer, None } from "../parts/states.tsx";
import { TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi, type Loaded } from "../parts/use-api.ts";
import { Link, to, useQuery } from "../router.tsx";
import type { NetworkData } from "../workplace.ts";

const SIZES = ["100", "300", "1000"];
const NEAR = 12;

/** The network of this server, or the overview's smaller one where it has no other. */
function useNetwork(params: Record<string, string | null>): Loaded<NetworkData> & { small: boolean } {
  const full = useApi<NetworkData>(withQuery("/network", params));
  const missing = full.error instanceof ApiError && full.error.status === 404;
  const overview = useApi<Overview>(missing ? "/overview" : null);
  const forum = params["forum"] ?? null;
  const graph = useMemo<NetworkData | undefined>(() => {
    if (!overview.data) return undefined;
    const { nodes, edges } = overview.data.graph;
    return { nodes: forum === null ? nodes : nodes.filter((n) => n.forum === forum), edges };
  }, [overview.data, forum]);
  if (!missing) return { ...full, small: false };
  return { ...overview, data: graph, small: true };
}

export default function NetworkPage() {
  const { t } = useI18n();
  const [query] = useQuery();
  useTitle(t("nav.network"));
  const limit = SIZES.find((s) => s === query.get("limit")) ?? "1000";
  const answer = useNetwork({ limit, forum: query.get("forum"), community: query.get("community") });
  return (
    <div className="page">
      <SubNav />
      <Answer of={answer} inside>{(data) => <Content data={data} small={answer.small} limit={limit} />}</Answer>
    </div>
  );
}

function Content({ data, small, limit }: { data: NetworkData; small: boolean; limit: string }) {
  const { t, num, fixed, name } = useI18n();
  const [query, set] = useQuery();
  const [text, setText] = useState("");
  const [missed, setMissed] = useState(false);
  const net = useRef<NetworkHandle>(null);
  const communities = data.nodes.some((n) => n.community !== null && n.community !== undefined);
  const by: Colouring = communities && query.get("by") === "community" ? "community" : "forum";
  const chosen = data.nodes.find((n) => String(n.id) === query.get("at")) ?? null;
  const forums = useMemo(() => [...new Set(data.nodes.map((n) => n.forum))].sort(), [data]);
  const near = useMemo(() => {
    if (!chosen) return [];
    const weight = new Map<number, number>();
    for (const e of data.edges) {
      const other = e.from === chosen.id ? e.to : e.to === chosen.id ? e.from : null;
      if (other !== null) weight.set(other, (weight.get(other) ?? 0) + e.weight);
    }
    return [...weight].sort((a, b) => b[1] - a[1] || a[0] - b[0]).flatMap(([id, w]) => {
      const node = data.nodes.find((n) => n.id === id);
      return node ? [{ node, weight: w }] : [];
    });
  }, [data, chosen]);

  const at = chosen?.id ?? null;

  const find = (event: FormEvent) => {
    event.preventDefault();
    const wanted = text.trim().toLocaleLowerCase();
    const hit = wanted === "" ? undefined : data.nodes.find((n) => n.name.toLocaleLowerCase() === wanted) ?? data.nodes.find((n) => n.name.toLocaleLowerCase().includes(wanted));
    setMissed(wanted !== "" && !hit);
    if (hit) set({ at: hit.id }, { replace: true });
  };
  const columns: Column<NetworkData["nodes"][number]>[] = [
    { id: "rank", head: "col.rank", raw: (n) => n.rank, cell: () => null }, { id: "name", head: "col.name", raw: (n) => n.name, cell: () => null },
    { id: "forum", head: "col.forum", raw: (n) => n.forum, cell: () => null }, { id: "score", head: "col.score", raw: (n) => n.score, cell: () => null },
    { id: "community", head: "actor.community", raw: (n) => n.community ?? null, cell: () => null }, { id: "id", head: "col.value", raw: (n) => n.id, cell: () => null },
  ];

  return (
    <>
      <div className="headline">
        <h1>{t("nav.network")}</h1>
        <span className="note">{t("network.size", { nodes: num(data.nodes.length), edges: num(data.edges.length) })}</span>
        <form className="inline" role="search" onSubmit={find}>
          <input type="search" list="network-names" value={text} maxLength={200} onChange={(e) => { setText(e.target.value); setMissed(false); }}
            placeholder={t("network.find")} aria-label={t("network.find")} autoComplete="off" spellCheck={false} />
          <datalist id="network-names">{data.nodes.slice(0, 300).map((n) => <option key={n.id} value={n.name} />)}</datalist>
          <button type="submit">{t("search.submit")}</button>
        </form>
        <TakeTable name="network" columns={columns} rows={data.nodes} />
      </div>
      <div className="bar">
        <select value={query.get("forum") ?? ""} onChange={(e) => set({ forum: e.target.value, at: null })} aria-label={t("col.forum")}>
          <option value="">{t("network.allForums")}</option>
          {[...new Set([...forums, ...(query.get("forum") ? [query.get("forum") as string] : [])])].map((f) => <option key={f} value={f}>{f}</option>)}
        </select>
        {!small && (
          <select value={limit} onChange={(e) => set({ limit: e.target.value === "1000" ? null : e.target.value, at: null })} aria-label={t("network.limit")}>
            {SIZES.map((s) => <option key={s} value={s}>{t("network.first", { n: num(Number(s)) })}</option>)}
          </select>
        )}
        {communities && (
          <div className="tabs" role="group" aria-label={t("network.by")}>
            {(["forum", "community"] as const).map((b) => (
              <button key={b} type="button" aria-pressed={b === by} data-by={b} onClick={() => set({ by: b === "forum" ? null : b }, { replace: true })}>
                {t(b === "forum" ? "network.byForum" : "network.byCommunity")}
              </button>
            ))}
          </div>
        )}
        {query.get("community") !== null && (
          <button type="button" className="chip" onClick={() => set({ community: null, at: null })}>{t("actor.community")} {query.get("community")}<Icon name="close" /></button>
        )}
        {missed && <span className="note" role="status">{t("network.missed")}</span>}
        {small && <span className="note">{t("network.small")}</span>}
        <span className="push zooms">
          <button type="button" className="quiet" onClick={() => net.current?.zoom(1.6)} aria-label={t("network.nearer")} title={t("network.nearer")}><Icon name="plus" /></button>
          <button type="button" className="quiet" onClick={() => net.current?.zoom(1 / 1.6)} aria-label={t("network.farther")} title={t("network.farther")}><Icon name="minus" /></button>
          <button type="button" className="quiet" onClick={() => { set({ at: null }, { replace: true }); net.current?.whole(); }} aria-label={t("network.whole")} title={t("network.whole")}><Icon name="whole" /></button>
        </span>
      </div>
      {data.nodes.length === 0 ? <None /> : (
        <div className="netpage">
          <section className="panel">
            <Network ref={net} graph={data} by={by} label={t("overview.networkLabel")} className="network tall" wheel at={at} pick={(id) => set({ at: id }, { replace: true })} />
          </section>
          <aside className="panel" aria-label={t("network.chosen")}>
            {!chosen ? (
              <>
                <p className="note">{t("network.hint")}</p>
                <ol className="ranking slim">
                  {data.nodes.slice(0, 20).map((n) => (
                    <li key={n.id}>
                      <span className="num muted">{n.rank ?? "–"}</span>
                      <button type="button" className="linkish" onClick={() => set({ at: n.id }, { replace: true })}><bdi>{n.name}</bdi></button>
                      <b className="num">{fixed(n.score)}</b>
                    </li>
                  ))}
                </ol>
              </>
            ) : (
              <>
                <h2><Link to={to.actor(chosen.id)} data-chosen={chosen.id}><bdi>{chosen.name}</bdi></Link></h2>
                <p className="sub"><bdi>{chosen.forum}</bdi></p>
                <p className="sub">
                  {chosen.rank !== null && <>{t("actor.ranked", { rank: num(chosen.rank) })} · </>}{t("actor.scoreIs", { score: fixed(chosen.score, 3) })}
                  {chosen.role && <> · {name("part", chosen.role)}</>}
                </p>
                {chosen.community !== null && chosen.community !== undefined && !small && (
                  <p><button type="button" className="linkish" onClick={() => set({ community: chosen.community ?? null, at: null })}>{t("network.onlyCommunity", { n: chosen.community })}</button></p>
                )}
                <h3>{t("actor.neighbours")} <span className="note">{num(near.length)}</span></h3>
                {near.length === 0 ? <None /> : (
                  <ul className="rows">
                    {near.slice(0, NEAR).map(({ node, weight }) => (
                      <li key={node.id}>
                        <button type="button" className="linkish" onClick={() => set({ at: node.id }, { replace: true })}><bdi>{node.name}</bdi></button>
                        <span className="n">{fixed(weight, 1)}</span>
                      </li>
                    ))}
                  </ul>
                )}
                <p><Link to={to.actor(chosen.id)}>{t("network.portrait")}</Link></p>
              </>
            )}
          </aside>
        </div>
      )}
    </>
  );
}
