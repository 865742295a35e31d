import type { Page, Source } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Panel, Seen } from "./bits.tsx";
import { useApi } from "./use-api.ts";

/** What a source lacks, most telling first: words of the page, then what was not got. */
function Note({ source }: { source: Source }) {
  const { t, num } = useI18n();
  const missing = source.shortfall.reduce((sum, s) => sum + Math.max(0, s.counted - s.got), 0);
  const problems = source.figures["problems"] ?? 0;
  return (
    <>
      {source.reason && <bdi>{source.reason}</bdi>}
      {missing > 0 && <span>{t("sources.missing", { n: num(missing) })}</span>}
      {problems > 0 && <span title={source.problems.join("\n")}>{t("sources.problems", { n: num(problems) })}</span>}
      {source.page && <a href={`/api/v1/sources/${source.id}/page`}>{t("sources.page")}</a>}
    </>
  );
}

/** Health of collection; nothing while no source is known. */
export function SourcesPanel() {
  const { t, num, name } = useI18n();
  const { data } = useApi<Page<Source>>("/sources");
  if (!data || data.items.length === 0) return null;
  const good = data.items.filter((s) => s.state === "good").length;
  return (
    <Panel className="w12" id="sources" title={t("sources.title")} note={t("sources.good", { n: num(good), all: num(data.items.length) })}>
      <table className="list">
        <thead>
          <tr>
            <th scope="col" className="grow">{t("sources.source")}</th>
            <th scope="col">{t("col.status")}</th>
            <th scope="col">{t("sources.note")}</th>
            <th scope="col" className="right">{t("sources.new")}</th>
            <th scope="col" className="right">{t("sources.requests")}</th>
            <th scope="col">{t("sources.last")}</th>
          </tr>
        </thead>
        <tbody>
          {data.items.map((s) => (
            <tr key={s.id}>
              <td className="main"><bdi title={s.url}>{s.name}</bdi></td>
              <td data-l={t("col.status")}><span className={`badge co-${s.state}`}>{name("collection", s.state)}</span></td>
              <td data-l={t("sources.note")} className="notes"><Note source={s} /></td>
              <td data-l={t("sources.new")} className="right num">{num(s.figures["new"] ?? 0)}</td>
              <td data-l={t("sources.requests")} className="right num">{num(s.figures["requests"] ?? 0)}</td>
              <td data-l={t("sources.last")} className="when"><Seen iso={s.ended ?? s.started} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
