import type { Page, Source } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Panel, Seen } from "../parts/bits.tsx";
import { Facts } from "../parts/facts.tsx";
import { SOURCE_TOPICS, useSourceColumns } from "../parts/sources.tsx";
import { Answer, None } from "../parts/states.tsx";
import { Table, TakeTable } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { useQuery } from "../router.tsx";

const STATES = ["running", "good", "login_needed", "refused", "challenge", "down", "unreadable"];

export default function Sources() {
  const { t, num, name } = useI18n();
  const [query, set] = useQuery();
  useTitle(t("nav.sources"));
  const answer = useApi<Page<Source>>("/sources", SOURCE_TOPICS);
  const columns = useSourceColumns();
  const state = STATES.find((s) => s === query.get("state")) ?? null;
  return (
    <div className="page">
      <div className="headline">
        <h1>{t("nav.sources")}</h1>
        {answer.data && answer.data.items.length > 0 && <span className="note">{t("sources.good", { n: num(answer.data.items.filter((s) => s.state === "good").length), all: num(answer.data.items.length) })}</span>}
        <TakeTable name="sources" columns={columns} rows={answer.data?.items ?? []} />
      </div>
      <Answer of={answer} inside>
        {(data) => {
          const chosen = data.items.find((s) => String(s.id) === query.get("id"));
          const list = state === null ? data.items : data.items.filter((s) => s.state === state);
          const states = STATES.filter((s) => data.items.some((x) => x.state === s));
          return (
            <>
              {states.length > 1 && (
                <div className="bar">
                  <div className="tabs" role="group" aria-label={t("col.status")}>
                    <button type="button" aria-pressed={state === null} onClick={() => set({ state: null })}>{t("threat.allModality")} <span className="n">{num(data.items.length)}</span></button>
                    {states.map((s) => (
                      <button key={s} type="button" aria-pressed={s === state} onClick={() => set({ state: s })}>{name("collection", s)} <span className="n">{num(data.items.filter((x) => x.state === s).length)}</span></button>
                    ))}
                  </div>
                </div>
              )}
              {chosen && <Detail source={chosen} close={() => set({ id: null })} />}
              <Table rows={list} columns={columns} id={(s) => s.id} label={t("nav.sources")} empty={<None>{t("sources.none")}</None>} />
            </>
          );
        }}
      </Answer>
    </div>
  );
}

function Detail({ source, close }: { source: Source; close: () => void }) {
  const { t, num, name } = useI18n();
  return (
    <Panel className="detail" title={source.name} note={<span className={`badge co-${source.state}`}>{name("collection", source.state)}</span>}
      action={<button type="button" className="quiet small" onClick={close}>{t("do.close")}</button>}>
      <div className="columns">
        <dl className="factlist">
          <div><dt>{t("sources.address")}</dt><dd><code>{source.url}</code></dd></div>
          <div><dt>{t("sources.engine")}</dt><dd>{source.engine ?? "–"}</dd></div>
          <div><dt>{t("sources.member")}</dt><dd><bdi>{source.member ?? "–"}</bdi></dd></div>
          <div><dt>{t("sources.started")}</dt><dd><Seen iso={source.started} /></dd></div>
          <div><dt>{t("sources.last")}</dt><dd><Seen iso={source.ended} /></dd></div>
          <div><dt>{t("sources.lastGood")}</dt><dd><Seen iso={source.last_good} /></dd></div>
          {source.reason && <div><dt>{t("sources.note")}</dt><dd><bdi>{source.reason}</bdi></dd></div>}
        </dl>
        <Facts facts={source.figures} />
      </div>
      {source.shortfall.length > 0 && (
        <>
          <h3>{t("sources.shortfall")}</h3>
          <ul className="rows">{source.shortfall.slice(0, 30).map((s, i) => <li key={i}><span className="what"><bdi>{s.title}</bdi></span><span className="n">{num(s.got)} / {num(s.counted)}</span></li>)}</ul>
        </>
      )}
      {source.problems.length > 0 && (
        <>
          <h3>{t("sources.problemList")}</h3>
          <ul className="rows">{source.problems.slice(0, 30).map((p, i) => <li key={i}><bdi>{p}</bdi></li>)}</ul>
        </>
      )}
      {source.page && <p><a href={`/api/v1/sources/${source.id}/page`}>{t("sources.page")}</a></p>}
    </Panel>
  );
}
