import { useI18n, type Key } from "../i18n/index.ts";
import { useQuery } from "../router.tsx";

/** Times that an analyst asks for, as the address has them; `own` has its days in `since` and `until`. */
export const PERIODS: { id: string; hours: number; key: Key }[] = [
  { id: "24h", hours: 24, key: "period.day" }, { id: "7d", hours: 24 * 7, key: "period.week" }, { id: "30d", hours: 24 * 30, key: "period.month" },
  { id: "90d", hours: 24 * 90, key: "period.quarter" }, { id: "365d", hours: 24 * 365, key: "period.year" },
];
const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** The bounds that the address asks for. A running period begins at a full hour, so that answers can be kept. */
export function boundsOf(query: URLSearchParams, now = Date.now()): { since: string | null; until: string | null } {
  const period = PERIODS.find((p) => p.id === query.get("period"));
  if (period) return { since: new Date(Math.floor(now / 3_600_000 - period.hours) * 3_600_000).toISOString().replace(".000", ""), until: null };
  const day = (field: string) => { const v = query.get(field); return v !== null && DAY.test(v) ? v : null; };
  const until = day("until");
  return { since: day("since"), until: until === null ? null : `${until}T23:59:59Z` };
}

export function PeriodField() {
  const { t } = useI18n();
  const [query, set] = useQuery();
  const own = query.get("since") !== null || query.get("until") !== null;
  const chosen = PERIODS.find((p) => p.id === query.get("period"))?.id ?? (own ? "own" : "");
  const today = new Date().toISOString().slice(0, 10);
  const pick = (id: string) => set(id === "own" ? { period: null, since: query.get("since") ?? today, page: null } : { period: id, since: null, until: null, page: null });
  return (
    <fieldset className="facet">
      <legend>{t("facet.time")}</legend>
      <select value={chosen} onChange={(e) => pick(e.target.value)} aria-label={t("facet.time")}>
        <option value="">{t("period.all")}</option>
        {PERIODS.map((p) => <option key={p.id} value={p.id}>{t(p.key)}</option>)}
        <option value="own">{t("period.own")}</option>
      </select>
      {chosen === "own" && (
        <span className="days">
          <input type="date" value={query.get("since") ?? ""} aria-label={t("period.since")} onChange={(e) => set({ since: e.target.value, page: null })} />
          <input type="date" value={query.get("until") ?? ""} aria-label={t("period.until")} onChange={(e) => set({ until: e.target.value, page: null })} />
        </span>
      )}
    </fieldset>
  );
}
