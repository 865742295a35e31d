import { useEffect, useRef, useState } from "react";
import { useI18n, type Key } from "./i18n/index.ts";
import { Dialog } from "./parts/dialog.tsx";
import { useGo } from "./router.tsx";

/** Second keys after `g`. */
const PLACES: Record<string, { path: string; key: Key }> = {
  o: { path: "/", key: "nav.overview" }, t: { path: "/threats", key: "nav.threats" }, h: { path: "/actors", key: "nav.actors" },
  n: { path: "/network", key: "nav.network" }, e: { path: "/entities", key: "nav.entities" }, s: { path: "/search", key: "nav.search" },
  r: { path: "/trends", key: "nav.trends" }, a: { path: "/alerts", key: "nav.alerts" }, w: { path: "/watchlists", key: "nav.watchlists" },
  x: { path: "/reports", key: "nav.reports" }, c: { path: "/sources", key: "nav.sources" }, ",": { path: "/settings", key: "nav.settings" },
};
const CHORD_MS = 1500;

/** What j and k stop at: each row's first link, in the order of the page. */
const ROWS = "main .list tbody tr, main .timeline > li, main .refs > li, main .briefs > li, main article.post, main .ranking > li, main .rows > li, main .alertlist > li";

function typing(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  return !!element && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));
}

function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>(ROWS)].filter((r) => r.offsetParent !== null && r.querySelector("a[href], button"));
  if (rows.length === 0) return;
  const active = document.activeElement;
  const at = rows.findIndex((r) => r.contains(active));
  const next = rows[at < 0 ? (by === 1 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))];
  const stop = next?.querySelector<HTMLElement>("a.title, .what a[href], td.main a[href], a.evidence, a[href], button");
  stop?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: "nearest" });
}

/** The keyboard of the whole page; `?` shows it. */
export function Keys() {
  const { t } = useI18n();
  const go = useGo();
  const [help, setHelp] = useState(false);
  const chord = useRef(0);

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.key === "Escape") {
        const active = document.activeElement as HTMLElement | null;
        if (active && active !== document.body) active.blur();
        return;
      }
      if (typing(event.target) || document.querySelector("dialog[open]")) return;
      if (chord.current > Date.now()) {
        chord.current = 0;
        const place = PLACES[event.key];
        if (place) { event.preventDefault(); go(place.path); }
        return;
      }
      switch (event.key) {
        case "g": chord.current = Date.now() + CHORD_MS; break;
        case "j": event.preventDefault(); step(1); break;
        case "k": event.preventDefault(); step(-1); break;
        case "n": document.querySelector<HTMLButtonElement>(".pager [data-turn=next]:not(:disabled)")?.click(); break;
        case "p": document.querySelector<HTMLButtonElement>(".pager [data-turn=prev]:not(:disabled)")?.click(); break;
        case "?": event.preventDefault(); setHelp(true); break;
      }
    };
    const open = () => setHelp(true);
    window.addEventListener("keydown", press);
    window.addEventListener("threatminer:keys", open);
    return () => {
      window.removeEventListener("keydown", press);
      window.removeEventListener("threatminer:keys", open);
    };
  }, [go]);

  if (!help) return null;
  const single: [string, Key][] = [["/", "keys.search"], ["j", "keys.next"], ["k", "keys.prev"], ["Enter", "keys.open"], ["n", "keys.nextPage"], ["p", "keys.prevPage"], ["?", "keys.help"], ["Esc", "keys.close"]];
  return (
    <Dialog title={t("keys.title")} close={() => setHelp(false)}>
      <dl className="keys">
        {single.map(([k, what]) => <div key={k}><dt><kbd>{k}</kbd></dt><dd>{t(what)}</dd></div>)}
        {Object.entries(PLACES).map(([k, p]) => <div key={k}><dt><kbd>g</kbd> <kbd>{k}</kbd></dt><dd>{t(p.key)}</dd></div>)}
      </dl>
    </Dialog>
  );
}

export function showKeys(): void {
  window.dispatchEvent(new Event("threatminer:keys"));
}
