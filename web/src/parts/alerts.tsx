import { useI18n } from "../i18n/index.ts";
import { Link, to } from "../router.tsx";
import type { Alert, Listed } from "../workplace.ts";
import { Meter, Panel } from "./bits.tsx";
import { None } from "./states.tsx";
import { useApi } from "./use-api.ts";

export const ALERT_TOPICS = ["alert"] as const;

/** The sentence that an alert rests on; its offsets count in the post and mark it there. */
export function Evidence({ alert }: { alert: Pick<Alert, "evidence"> }) {
  return alert.evidence && <p className="sentence" dir="auto">{alert.evidence.sentence}</p>;
}

/** Where an alert leads: its evidence first. */
export function alertPlace(a: Pick<Alert, "evidence" | "threat" | "post" | "account">): string {
  if (a.evidence) return to.post(a.evidence.post_id, { start: a.evidence.start, end: a.evidence.end });
  if (a.threat !== null) return to.threat(a.threat);
  if (a.post !== null) return to.post(a.post);
  return a.account !== null ? to.actor(a.account) : "/alerts";
}

/** New alerts on the overview; nothing where the server has none to offer. */
export function AlertsPanel() {
  const { t, name, ago, time, num } = useI18n();
  const { data } = useApi<Listed<Alert>>("/alerts?state=new&limit=8", ALERT_TOPICS);
  if (!data) return null;
  return (
    <Panel className="w6" id="alerts" title={t("overview.alerts")} note={num(data.total ?? data.items.length)} action={<Link to="/alerts">{t("overview.all")}</Link>}>
      {data.items.length === 0 ? <None>{t("alert.none")} <Link to="/rules">{t("alert.toRules")}</Link></None> : (
        <ul className="briefs">
          {data.items.map((a) => (
            <li key={a.id}>
              <Meter value={a.severity} />
              <span className="what">
                <Link to={alertPlace(a)} className="title"><bdi>{a.title}</bdi></Link>
                <span className="sub">
                  {a.rule && <bdi>{a.rule.name}</bdi>}
                  <span>{name("alertstate", a.state)}</span>
                  <time dateTime={a.time} title={`${time(a.time)} UTC`}>{ago(a.time)}</time>
                </span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
