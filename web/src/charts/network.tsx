import { useEffect, useImperativeHandle, useMemo, useRef, useState, type Ref } from "react";
import { useI18n } from "../i18n/index.ts";
import { to, useGo } from "../router.tsx";
import { useSettings } from "../settings.tsx";
import type { NetworkData } from "../workplace.ts";
import { FORUM_COLOURS, forumIndex, readColours } from "./colours.ts";
import type { Drawing } from "./sigma.ts";

export type Colouring = "forum" | "community";
export type NetworkHandle = Pick<Drawing, "zoom" | "whole">;

type Props = {
  graph: NetworkData; label: string; by?: Colouring; className?: string;
  /** What a click on a node does; the portrait opens otherwise. */
  pick?: (id: number) => void;
  /** The node that stands out, in the middle. */
  at?: number | null;
  /** The wheel zooms without Ctrl: for a page that is the network. */
  wheel?: boolean;
  ref?: Ref<NetworkHandle>;
};

/** What a node is coloured by, as the legend names it. */
export function groupOf(node: NetworkData["nodes"][number], by: Colouring): string {
  return by === "forum" ? node.forum : node.community === null || node.community === undefined ? "" : String(node.community);
}

/** Groups with their colours: forums by name, communities by size, as many as there are colours. */
export function groupsOf(graph: NetworkData, by: Colouring): Map<string, number> {
  if (by === "forum") return forumIndex(graph.nodes.map((n) => n.forum));
  const sizes = new Map<string, number>();
  for (const n of graph.nodes) { const g = groupOf(n, by); if (g !== "") sizes.set(g, (sizes.get(g) ?? 0) + 1); }
  const largest = [...sizes].sort((a, b) => b[1] - a[1] || Number(a[0]) - Number(b[0])).slice(0, FORUM_COLOURS - 1);
  return new Map(largest.map(([g], i) => [g, i]));
}

/** The network of accounts. The library is loaded only when there is something to draw. */
export function Network({ graph, label, by = "forum", className = "network", pick, at = null, wheel = false, ref }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const drawing = useRef<Drawing | null>(null);
  const { theme } = useSettings();
  const { t } = useI18n();
  const go = useGo();
  const [failed, setFailed] = useState(false);
  const [ready, setReady] = useState(false);
  const groups = useMemo(() => groupsOf(graph, by), [graph, by]);
  const follow = useRef<(id: number) => void>(() => undefined);
  follow.current = pick ?? ((id) => go(to.actor(id)));
  useImperativeHandle(ref, () => ({
    zoom: (by) => drawing.current?.zoom(by), whole: () => drawing.current?.whole(),
  }), []);

  const colouring = useMemo(() => {
    const style = getComputedStyle(document.documentElement);
    const other = style.getPropertyValue("--second").trim();
    return new Map(graph.nodes.map((n) => {
      const at = groups.get(groupOf(n, by));
      return [n.id, at === undefined ? other : style.getPropertyValue(`--c${at}`).trim()];
    }));
    // The theme changes what the style sheet's names mean.
  }, [graph, groups, by, theme]);
  const colours = useRef(colouring);
  colours.current = colouring;

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    let over = false;
    setReady(false);
    void import("./sigma.ts").then(({ draw }) => {
      if (over) return;
      drawing.current = draw(element, graph, { colours: readColours(), colour: (id) => colours.current.get(id) ?? "", open: (id) => follow.current(id), wheel, ready: () => setReady(true) });
    }).catch(() => { if (!over) setFailed(true); });
    return () => {
      over = true;
      drawing.current?.stop();
      drawing.current = null;
    };
  }, [graph, theme, wheel]);
  useEffect(() => drawing.current?.recolour(), [colouring]);
  useEffect(() => { if (ready) drawing.current?.show(at); }, [at, ready]);

  if (failed) return <p className="none">{t("state.nowebgl")}</p>;
  return (
    <>
      <div className="netbox" aria-busy={!ready}>
        <div ref={box} className={className} role="img" aria-label={label} />
        {!ready && <span className="spinner" aria-hidden="true" />}
      </div>
      <ul className="legend">
        {[...groups].map(([name, i]) => (
          <li key={name}><i className="swatch" style={{ background: `var(--c${i})` }} aria-hidden="true" /><bdi>{by === "community" ? `${t("actor.community")} ${name}` : name}</bdi></li>
        ))}
        {by === "community" && <li><i className="swatch" style={{ background: "var(--second)" }} aria-hidden="true" />{t("network.others")}</li>}
      </ul>
    </>
  );
}
