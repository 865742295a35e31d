import { useI18n, type Key } from "../i18n/index.ts";
import { Link, usePlace } from "../router.tsx";
import type { UserRole } from "../workplace.ts";

export type Place = { path: string; key: Key; role?: UserRole; also?: string[] };
export type Section = Place & { places: Place[] };

/** All pages, as the header, the menu and the lines below a section's heading show them. */
export const SECTIONS: Section[] = [
  { path: "/", key: "nav.overview", places: [] },
  { path: "/threats", key: "nav.threats", places: [] },
  {
    path: "/actors", key: "nav.actors", places: [
      { path: "/actors", key: "nav.actors" }, { path: "/network", key: "nav.network" }, { path: "/compare", key: "nav.compare" },
    ],
  },
  { path: "/entities", key: "nav.entities", places: [] },
  { path: "/search", key: "nav.search", also: ["/posts", "/threads"], places: [] },
  { path: "/trends", key: "nav.trends", places: [] },
  {
    path: "/alerts", key: "nav.alerts", places: [
      { path: "/alerts", key: "nav.alerts" }, { path: "/watchlists", key: "nav.watchlists" }, { path: "/rules", key: "nav.rules" },
      { path: "/channels", key: "nav.channels" }, { path: "/deliveries", key: "nav.deliveries" },
    ],
  },
  { path: "/reports", key: "nav.reports", places: [] },
];

/** What stands in the menu only. */
export const BACKSTAGE: Section[] = [
  { path: "/sources", key: "nav.sources", places: [] },
  {
    path: "/settings", key: "nav.settings", places: [
      { path: "/settings", key: "nav.settings" }, { path: "/tokens", key: "nav.tokens" },
      { path: "/users", key: "nav.users", role: "admin" }, { path: "/audit", key: "nav.audit", role: "admin" },
    ],
  },
];

export function within(place: Place, path: string): boolean {
  if (place.path === "/") return path === "/";
  return [place.path, ...(place.also ?? [])].some((p) => path === p || path.startsWith(`${p}/`));
}

export function inSection(section: Section, path: string): boolean {
  return within(section, path) || section.places.some((p) => within(p, path));
}

/** The pages of the section that this page belongs to. */
export function SubNav() {
  const { t } = useI18n();
  const { path } = usePlace();
  const section = [...SECTIONS, ...BACKSTAGE].find((s) => inSection(s, path));
  if (!section || section.places.length === 0) return null;
  return (
    <nav className="subnav" aria-label={t(section.key)}>
      {section.places.map((p) => (
        <Link key={p.path} to={p.path} aria-current={within(p, path) ? "page" : undefined}>{t(p.key)}</Link>
      ))}
    </nav>
  );
}
