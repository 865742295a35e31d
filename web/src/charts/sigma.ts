// Drawing of the account network with sigma; a chunk of its own.
import Graph from "graphology";
import forceAtlas2 from "graphology-layout-forceatlas2";
import Sigma from "sigma";
import type { NetworkData } from "../workplace.ts";
import type { Colours } from "./colours.ts";

type Options = { colours: Colours; colour: (id: number) => string; open: (id: number) => void; wheel: boolean; ready: () => void };
export type Drawing = {
  stop: () => void;
  /** Reads the colours of the nodes anew. */
  recolour: () => void;
  /** Nearer above 1, farther below. */
  zoom: (by: number) => void;
  whole: () => void;
  /** Brings a node to the middle and lets only its neighbours stand out; null lets go. */
  show: (id: number | null) => void;
};
type NodeAttributes = { x: number; y: number; size: number; label: string; color: string; score: number };
type EdgeAttributes = { size: number; color: string; weight: number };
type Drawn = { x: number; y: number; size: number; label?: string | null; color: string };
type LabelSettings = { labelSize: number; labelFont: string; labelWeight: string };

const MAX_LABEL = 22;
/** More nodes than this are laid out in pieces, by an approximation, and drawn with plain lines. */
const LARGE = 200;
/** Work of the layout between two frames, in node steps: some tens of milliseconds. */
const STEP_COST = 8000;

// Names may be of any length; the full one is in the portrait.
function short(name: string): string {
  const points = Array.from(name);
  return points.length > MAX_LABEL ? `${points.slice(0, MAX_LABEL - 1).join("")}…` : name;
}

export function draw(box: HTMLElement, data: NetworkData, { colours, colour, open, wheel, ready }: Options): Drawing {
  const graph = new Graph<NodeAttributes, EdgeAttributes>({ type: "directed", multi: false });
  const top = Math.max(1e-9, ...data.nodes.map((n) => n.score));
  // Many nodes are drawn smaller, else they cover each other.
  const scale = data.nodes.length > LARGE ? 0.6 : 1;
  data.nodes.forEach((n, i) => {
    if (graph.hasNode(String(n.id))) return;
    // A golden-angle spiral by rank: the layout starts, and therefore ends, the same every time.
    const angle = i * 2.399963;
    const far = Math.sqrt(i + 1);
    graph.addNode(String(n.id), {
      x: far * Math.cos(angle), y: far * Math.sin(angle), size: (2 + 12 * Math.sqrt(Math.max(0, n.score) / top)) * scale,
      label: short(n.name), color: colour(n.id), score: n.score,
    });
  });
  const heaviest = Math.max(1, ...data.edges.map((e) => e.weight));
  for (const e of data.edges) {
    const [a, b] = [String(e.from), String(e.to)];
    if (a === b || !graph.hasNode(a) || !graph.hasNode(b) || graph.hasEdge(a, b)) continue;
    graph.addEdge(a, b, { size: (0.6 + 2.4 * (e.weight / heaviest)) * scale, color: colours.edge, weight: Math.max(0.1, e.weight) });
  }
  let over: string | null = null;
  // A node that was chosen stays in the light when the pointer leaves.
  let pinned: string | null = null;
  const label = (context: CanvasRenderingContext2D, node: Drawn, settings: LabelSettings, hovered: boolean) => {
    if (!node.label) return;
    const size = settings.labelSize;
    context.font = `${hovered ? "600" : settings.labelWeight} ${size}px ${settings.labelFont}`;
    const x = node.x + node.size + 4;
    const y = node.y + size / 3;
    // An outline in the ground's colour keeps a label legible over edges.
    context.lineWidth = 3.5;
    context.lineJoin = "round";
    context.strokeStyle = colours.panel;
    context.strokeText(node.label, x, y);
    context.fillStyle = colours.text;
    context.fillText(node.label, x, y);
  };

  const large = graph.order > LARGE;
  const begin = () => new Sigma<NodeAttributes, EdgeAttributes>(graph, box, {
    allowInvalidContainer: true,
    labelFont: colours.font,
    labelSize: 12,
    labelWeight: "400",
    labelDensity: 0.7,
    labelGridCellSize: 95,
    labelRenderedSizeThreshold: 5 * scale,
    defaultEdgeType: large ? "line" : "arrow",
    hideEdgesOnMove: large,
    minCameraRatio: 0.05,
    maxCameraRatio: 3,
    stagePadding: 58,
    zIndex: true,
    defaultDrawNodeLabel: (context, node, settings) => label(context, node as Drawn, settings as LabelSettings, false),
    defaultDrawNodeHover: (context, node, settings) => {
      const drawn = node as Drawn;
      context.beginPath();
      context.arc(drawn.x, drawn.y, drawn.size + 2.5, 0, Math.PI * 2);
      context.lineWidth = 2;
      context.strokeStyle = colours.text;
      context.stroke();
      label(context, drawn, settings as LabelSettings, true);
    },
    nodeReducer: (node, attributes) => {
      if (over === null || node === over || graph.areNeighbors(node, over)) {
        return over === null ? attributes : { ...attributes, forceLabel: true, zIndex: 1 };
      }
      return { ...attributes, color: colours.line, label: "", zIndex: 0 };
    },
    edgeReducer: (edge, attributes) => {
      if (over === null) return attributes;
      return graph.hasExtremity(edge, over) ? { ...attributes, color: colours.accent, zIndex: 1 } : { ...attributes, hidden: true };
    },
  });

  let sigma: ReturnType<typeof begin> | null = null;
  const refresh = () => sigma?.refresh({ skipIndexation: true });
  const show = (id: number | null) => {
    const node = id === null ? null : String(id);
    pinned = node !== null && graph.hasNode(node) ? node : null;
    over = pinned;
    refresh();
    const place = pinned === null ? undefined : sigma?.getNodeDisplayData(pinned);
    const camera = sigma?.getCamera();
    if (place && camera) void camera.animate({ x: place.x, y: place.y, ratio: Math.min(camera.ratio, large ? 0.4 : 0.7) }, { duration: 250 });
  };
  const put = () => {
    // The layout is round and its place is wide: stretched, names have more room.
    const wide = Math.min(1.7, Math.max(1, box.clientWidth / Math.max(1, box.clientHeight)));
    graph.updateEachNodeAttributes((_, attributes) => ({ ...attributes, x: attributes.x * wide }));
    sigma = begin();
    sigma.on("enterNode", ({ node }) => { over = node; box.style.cursor = "pointer"; refresh(); });
    sigma.on("leaveNode", () => { over = pinned; box.style.cursor = ""; refresh(); });
    sigma.on("clickNode", ({ node }) => open(Number(node)));
    // Where the page scrolls by the wheel, zoom is by pinch, double click, or wheel with Ctrl.
    sigma.getMouseCaptor().on("wheel", (event) => {
      const original = event.original as WheelEvent;
      if (!wheel && !original.ctrlKey) event.preventSigmaDefault();
    });
    if (pinned !== null) show(Number(pinned));
    ready();
  };

  // Equal pieces between frames: the page stays alive, and the layout ends the same every time.
  const iterations = graph.order > 1 ? (large ? 160 : 300) : 0;
  const step = large ? Math.max(1, Math.floor(STEP_COST / graph.order)) : iterations;
  let left = iterations;
  let timer = 0;
  const settle = () => {
    if (left > 0) {
      forceAtlas2.assign(graph, {
        iterations: Math.min(step, left),
        settings: { gravity: 1.2, scalingRatio: 14, adjustSizes: !large, edgeWeightInfluence: 0.5, slowDown: 4, barnesHutOptimize: large },
      });
      left -= step;
    }
    if (left > 0) timer = window.setTimeout(settle, 0);
    else put();
  };
  settle();

  const camera = () => sigma?.getCamera();
  return {
    stop: () => { window.clearTimeout(timer); sigma?.kill(); },
    recolour: () => graph.updateEachNodeAttributes((node, attributes) => ({ ...attributes, color: colour(Number(node)) })),
    zoom: (by) => { const c = camera(); if (c) void c.animate({ ratio: Math.min(3, Math.max(0.05, c.ratio / by)) }, { duration: 150 }); },
    whole: () => { pinned = null; over = null; refresh(); void camera()?.animatedReset({ duration: 200 }); },
    show,
  };
}
