import { getAll, send, withQuery } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Evidence, ALERT_TOPICS, alertPlace } from "../parts/alerts.tsx";
import { Meter } from "../parts/bits.tsx";
import { Problem, useDoing } from "../parts/forms.tsx";
import { SubNav } from "../parts/places.tsx";
import { Answer, None } from "../parts/states.tsx";
import { TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to, useQuery } from "../router.tsx";
import { useSession } from "../session.tsx";
import { ALERT_STATES, type Alert, type AlertState, type Listed, type Rule } from "../workplace.ts";

const LIMIT = 50;

export default function Alerts() {
  const { t, name, num, ago, time } = useI18n();
  const [query, set] = useQuery();
  const { may } = useSession();
  const doing = useDoing();
  useTitle(t("nav.alerts"));
  const state = ALERT_STATES.find((s) => s === query.get("state")) ?? null;
  const rule = query.get("rule");
  const cursor = query.get("cursor");
  const answer = useApi<Listed<Alert>>(withQuery("/alerts", { state, rule, cursor, limit: LIMIT }), ALERT_TOPICS);
  const rules = useApi<Listed<Rule>>(answer.error ? null : "/rules");

  const put = async (list: Alert[], next: AlertState) => {
    await doing.run(async () => { for (const a of list) await send("PATCH", `/alerts/${a.id}`, { state: next }); });
    answer.renew();
  };
  const columns: Column<Alert>[] = [
    { id: "id", head: "col.value", raw: (a) => a.id, cell: () => null }, { id: "time", head: "facet.time", raw: (a) => a.time, cell: () => null },
    { id: "rule", head: "nav.rules", raw: (a) => a.rule?.name ?? null, cell: () => null }, { id: "title", head: "col.name", raw: (a) => a.title, cell: () => null },
    { id: "severity", head: "col.severity", raw: (a) => a.severity, cell: () => null }, { id: "state", head: "col.status", raw: (a) => a.state, cell: () => null },
    { id: "threat", head: "col.threat", raw: (a) => a.threat, cell: () => null }, { id: "post", head: "col.posts", raw: (a) => a.post, cell: () => null },
    { id: "sentence", head: "threat.timeline", raw: (a) => a.evidence?.sentence ?? null, cell: () => null },
  ];

  return (
    <div className="page">
      <SubNav />
      <div className="headline">
        <h1>{t("nav.alerts")}</h1>
        {answer.data?.total !== undefined && <span className="note">{num(answer.data.total)}</span>}
        <TakeTable name="alerts" columns={columns} rows={answer.data?.items ?? []} {...(answer.data?.total === undefined ? {} : { all: () => getAll<Alert>("/alerts", { state, rule }) })} />
      </div>
      <Answer of={answer} inside optional>
        {(data) => (
          <>
            <div className="bar">
              <div className="tabs" role="group" aria-label={t("col.status")}>
                <button type="button" aria-pressed={state === null} onClick={() => set({ state: null, cursor: null })}>{t("threat.allModality")}</button>
                {ALERT_STATES.map((s) => <button key={s} type="button" data-state={s} aria-pressed={state === s} onClick={() => set({ state: s, cursor: null })}>{name("alertstate", s)}</button>)}
              </div>
              {(rules.data?.items.length ?? 0) > 0 && (
                <select value={rule ?? ""} onChange={(e) => set({ rule: e.target.value, cursor: null })} aria-label={t("nav.rules")}>
                  <option value="">{t("alert.allRules")}</option>
                  {rules.data?.items.map((r) => <option key={r.id} value={r.id}>{r.name}</option>)}
                </select>
              )}
              {may("analyst") && data.items.some((a) => a.state === "new") && (
                <button type="button" className="quiet small push" disabled={doing.busy} data-do="all-seen" onClick={() => void put(data.items.filter((a) => a.state === "new"), "seen")}>{t("alert.allSeen")}</button>
              )}
            </div>
            <Problem text={doing.problem} />
            {data.items.length === 0 ? <None>{t("alert.none")} <Link to="/rules">{t("alert.toRules")}</Link></None> : (
              <ol className="alertlist">
                {data.items.map((a) => (
                  <li key={a.id} className={`as-${a.state}`} data-alert={a.id}>
                    <Meter value={a.severity} label={t("col.severity")} />
                    <div className="what">
                      <Link to={alertPlace(a)} className="title"><bdi>{a.title}</bdi></Link>
                      <div className="meta">
                        <span className={`badge al-${a.state}`}>{name("alertstate", a.state)}</span>
                        {a.rule && <bdi>{a.rule.name}</bdi>}
                        <time dateTime={a.time} title={`${time(a.time)} UTC`}>{ago(a.time)}</time>
                        {a.threat !== null && <Link to={to.threat(a.threat)}>{t("post.openThreat")}</Link>}
                        {a.post !== null && <Link to={to.post(a.post)} className="num">#{a.post}</Link>}
                        {a.account !== null && <Link to={to.actor(a.account)}>{t("find.hacker")}</Link>}
                      </div>
                      <Evidence alert={a} />
                    </div>
                    {may("analyst") && (
                      <span className="buttons">
                        {a.state === "new" && <button type="button" className="small" disabled={doing.busy} data-do="seen" onClick={() => void put([a], "seen")}>{t("alert.seen")}</button>}
                        {a.state !== "closed" && <button type="button" className="small" disabled={doing.busy} data-do="close" onClick={() => void put([a], "closed")}>{t("alert.close")}</button>}
                        {a.state === "closed" && <button type="button" className="quiet small" disabled={doing.busy} onClick={() => void put([a], "seen")}>{t("alert.reopen")}</button>}
                      </span>
                    )}
                  </li>
                ))}
              </ol>
            )}
            {(data.next || cursor !== null) && (
              <nav className="pager" aria-label={t("list.pages")}>
                {cursor !== null && <button type="button" data-turn="prev" onClick={() => set({ cursor: null })}>{t("list.first")}</button>}
                {data.next && <button type="button" data-turn="next" className="push" onClick={() => set({ cursor: data.next ?? null })}>{t("list.next")}</button>}
              </nav>
            )}
          </>
        )}
      </Answer>
    </div>
  );
}
