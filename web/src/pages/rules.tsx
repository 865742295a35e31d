import { useState } from "react";
import { send } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Panel } from "../parts/bits.tsx";
import { Problem, Sure, useDoing } from "../parts/forms.tsx";
import { SubNav } from "../parts/places.tsx";
import { RuleEditor, useWhenWords } from "../parts/rule-form.tsx";
import { Answer, None } from "../parts/states.tsx";
import { TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, useQuery } from "../router.tsx";
import { useSession } from "../session.tsx";
import type { Alert, Channel, Listed, Rule, Watchlist } from "../workplace.ts";
import { alertPlace, Evidence } from "../parts/alerts.tsx";

export default function Rules() {
  const { t } = useI18n();
  const [query, set] = useQuery();
  const { may } = useSession();
  const answer = useApi<Listed<Rule>>("/rules");
  const channels = useApi<Listed<Channel>>(answer.error ? null : "/channels");
  const watchlists = useApi<Listed<Watchlist>>(answer.error ? null : "/watchlists");
  useTitle(t("nav.rules"));
  const editing = query.get("edit");
  const done = () => { set({ new: null, edit: null }, { replace: true }); answer.renew(); };
  const lists = { channels: channels.data?.items ?? [], watchlists: watchlists.data?.items ?? [] };
  const columns: Column<Rule>[] = [
    { id: "id", head: "col.value", raw: (r) => r.id, cell: () => null }, { id: "name", head: "col.name", raw: (r) => r.name, cell: () => null },
    { id: "enabled", head: "rule.enabled", raw: (r) => r.enabled, cell: () => null }, { id: "when", head: "rule.when", raw: (r) => JSON.stringify(r.when), cell: () => null },
    { id: "channels", head: "nav.channels", raw: (r) => r.channels.map(String), cell: () => null }, { id: "digest", head: "rule.digest", raw: (r) => r.digest, cell: () => null },
  ];
  return (
    <div className="page">
      <SubNav />
      <div className="headline">
        <h1>{t("nav.rules")}</h1>
        {answer.data && may("analyst") && <button type="button" className="strong" data-do="new" onClick={() => set({ new: 1, edit: null })}>{t("rule.new")}</button>}
        <TakeTable name="rules" columns={columns} rows={answer.data?.items ?? []} />
      </div>
      <p className="note lead">{t("rule.text")}</p>
      <Answer of={answer} inside optional>
        {(data) => (
          <>
            {query.get("new") !== null && may("analyst") && <RuleEditor rule={null} {...lists} done={done} cancel={() => set({ new: null }, { replace: true })} />}
            {data.items.length === 0 ? <None>{t("rule.none")}</None> : (
              <div className="cards one">
                {data.items.map((r) => (editing === String(r.id)
                  ? <RuleEditor key={r.id} rule={r} {...lists} done={done} cancel={() => set({ edit: null }, { replace: true })} />
                  : <RuleCard key={r.id} rule={r} {...lists} edit={() => set({ edit: r.id, new: null }, { replace: true })} renew={answer.renew} />))}
              </div>
            )}
          </>
        )}
      </Answer>
    </div>
  );
}

/** What a rule would have rung for; not complete where there were more posts than a trial reads. */
type Rung = { total: number; items: Omit<Alert, "id" | "rule" | "state" | "time">[]; complete?: boolean };

function RuleCard({ rule, channels, watchlists, edit, renew }: { rule: Rule; channels: Channel[]; watchlists: Watchlist[]; edit: () => void; renew: () => void }) {
  const { t, name, num, date } = useI18n();
  const { may } = useSession();
  const words = useWhenWords();
  const doing = useDoing();
  const [rung, setRung] = useState<Rung | null>(null);
  const test = () => doing.run(async () => setRung(await send<Rung>("POST", `/rules/${rule.id}/test`)));
  const change = async (call: () => Promise<unknown>) => { if (await doing.run(call)) renew(); };
  return (
    <Panel title={rule.name} note={<>{name("digest", rule.digest)}{!rule.enabled && <> · <span className="badge">{t("rule.off")}</span></>}</>}
      action={may("analyst") ? (
        <>
          <button type="button" className="small" data-do="test" disabled={doing.busy} onClick={() => void test()}>{t("rule.test")}</button>
          <button type="button" className="quiet small" disabled={doing.busy} onClick={() => void change(() => send("PUT", `/rules/${rule.id}`, { ...rule, enabled: !rule.enabled }))}>{t(rule.enabled ? "rule.turnOff" : "rule.turnOn")}</button>
          <button type="button" className="quiet small" data-do="edit" onClick={edit}>{t("do.edit")}</button>
          <Sure label={t("do.delete")} disabled={doing.busy} act={() => void change(() => send("DELETE", `/rules/${rule.id}`))} />
        </>
      ) : undefined}>
      <ul className="conditions">{words(rule.when, watchlists).map(([what, value], i) => <li key={i}><span className="note">{what}</span> <bdi>{value}</bdi></li>)}</ul>
      <p className="note">{t("nav.channels")}: {rule.channels.length === 0 ? t("rule.noChannel") : rule.channels.map((id) => channels.find((c) => c.id === id)?.name ?? `#${id}`).join(", ")}</p>
      <p><Link to={`/alerts?rule=${rule.id}`}>{t("rule.alerts")}</Link></p>
      <Problem text={doing.problem} />
      {rung !== null && (
        <div className="rung" role="status" data-rung={rung.total}>
          <b>{t("rule.rung", { n: num(rung.total) })}</b> {rung.complete === false && <span className="note">{t("rule.rungMore")}</span>}
          <ol className="alertlist">
            {rung.items.slice(0, 10).map((a, i) => (
              <li key={i}><div className="what"><Link to={alertPlace(a)} className="title"><bdi>{a.title}</bdi></Link> <span className="note">{date(a.posted)}</span><Evidence alert={a} /></div></li>
            ))}
          </ol>
        </div>
      )}
    </Panel>
  );
}
