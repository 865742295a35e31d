import { useEffect, useMemo, useRef, useState } from "react";
import type { Overview } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { to, useGo } from "../router.tsx";
import { useSettings } from "../settings.tsx";
import { forumIndex, readColours } from "./colours.ts";

type GraphData = Overview["graph"];

/** The network of key accounts. The library is loaded only when there is something to draw. */
export function Network({ graph, label }: { graph: GraphData; label: string }) {
  const box = useRef<HTMLDivElement>(null);
  const { theme } = useSettings();
  const { t } = useI18n();
  const go = useGo();
  const [failed, setFailed] = useState(false);
  const forums = useMemo(() => forumIndex(graph.nodes.map((n) => n.forum)), [graph]);
  const follow = useRef(go);
  follow.current = go;

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    let stop: (() => void) | null = null;
    let over = false;
    const style = getComputedStyle(document.documentElement);
    void import("./sigma.ts").then(({ draw }) => {
      if (over) return;
      stop = draw(element, graph, {
        colours: readColours(),
        forum: (name) => style.getPropertyValue(`--c${forums.get(name) ?? 0}`).trim(),
        open: (id) => follow.current(to.actor(id)),
      });
    }).catch(() => { if (!over) setFailed(true); });
    return () => {
      over = true;
      stop?.();
    };
  }, [graph, theme, forums]);

  if (failed) return <p className="none">{t("state.nowebgl")}</p>;
  return (
    <>
      <div ref={box} className="network" role="img" aria-label={label} />
      <ul className="legend">
        {[...forums].map(([name, i]) => (
          <li key={name}><i className="swatch" style={{ background: `var(--c${i})` }} aria-hidden="true" /><bdi>{name}</bdi></li>
        ))}
      </ul>
    </>
  );
}
