import { useI18n } from "../i18n/index.ts";
import { Link, to } from "../router.tsx";
import type { Series, Trends } from "../workplace.ts";
import { Panel } from "./bits.tsx";
import { useApi } from "./use-api.ts";

/** Where a series leads: to the threats or posts behind it. */
export function behind(series: Series): string {
  switch (series.kind) {
    case "family": return `/threats?family=${encodeURIComponent(series.name)}&sort=last_seen`;
    case "type": return `/threats?type=${encodeURIComponent(series.name)}&sort=last_seen`;
    case "place": return `/threats?place=${encodeURIComponent(series.name)}&sort=last_seen`;
    case "target": return `/threats?target=${encodeURIComponent(series.name)}&sort=last_seen`;
    default: return to.search(`"${series.name.replace(/["\\]/g, " ").trim()}"`);
  }
}

export function useSeriesName(): (series: Series) => string {
  const { name } = useI18n();
  return (s) => (s.kind === "family" ? name("family", s.name) : s.kind === "type" ? name("event", s.name) : s.name);
}

/** What is spoken of more than its own past lets expect, strongest first. */
export function bursting(trends: Trends): Series[] {
  return trends.series.filter((s) => (s.burst ?? 0) > 0).sort((a, b) => (b.burst ?? 0) - (a.burst ?? 0) || a.name.localeCompare(b.name));
}

/** Small bars of a series; the numbers stand beside it. */
export function Spark({ counts }: { counts: number[] }) {
  const last = counts.slice(-16);
  const most = Math.max(1, ...last);
  return (
    <svg className="spark" viewBox={`0 0 ${last.length * 5} 18`} preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {last.map((n, i) => <rect key={i} x={i * 5} width="4" y={18 - Math.max(1, (n / most) * 18)} height={Math.max(1, (n / most) * 18)} />)}
    </svg>
  );
}

export function RisingList({ list }: { list: Series[] }) {
  const { name, num, fixed, t } = useI18n();
  const called = useSeriesName();
  return (
    <ul className="rows rising">
      {list.map((s) => (
        <li key={`${s.kind} ${s.name}`}>
          <span className="what"><Link to={behind(s)}><bdi>{called(s)}</bdi></Link> <span className="note">{name("serieskind", s.kind)}</span></span>
          <Spark counts={s.counts} />
          <span className="n" title={t("trends.burst")}>{num(s.counts.at(-1) ?? 0)} · <b>{fixed(s.burst ?? 0, 1)}</b></span>
        </li>
      ))}
    </ul>
  );
}

const SHOWN = 8;

export function Rising() {
  const { t } = useI18n();
  const { data } = useApi<Trends>("/trends");
  if (!data) return null;
  const list = bursting(data).slice(0, SHOWN);
  if (list.length === 0) return null;
  return (
    <Panel className="w6" title={t("overview.rising")} action={<Link to="/trends">{t("overview.all")}</Link>}>
      <RisingList list={list} />
    </Panel>
  );
}
