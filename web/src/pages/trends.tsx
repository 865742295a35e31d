import { useMemo } from "react";
import { Bars, Chart, categoryAxis, valueAxis } from "../charts/chart.tsx";
import { FAMILIES } from "../charts/colours.ts";
import { useI18n } from "../i18n/index.ts";
import { Panel } from "../parts/bits.tsx";
import { RisingList, Spark, behind, bursting, useSeriesName } from "../parts/rising.tsx";
import { Answer, None } from "../parts/states.tsx";
import { Table, TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, useQuery } from "../router.tsx";
import type { Series, Trends } from "../workplace.ts";

const KINDS = ["type", "malware", "target", "place"] as const;
const TOPICS = ["threat"] as const;
const SPANS = ["13", "26", "52", "104"];

export default function TrendsPage() {
  const { t } = useI18n();
  useTitle(t("nav.trends"));
  const answer = useApi<Trends>("/trends", TOPICS);
  return (
    <div className="page">
      <Answer of={answer} optional>{(data) => <Content data={data} />}</Answer>
    </div>
  );
}

function Content({ data }: { data: Trends }) {
  const { t, name, num, fixed, date } = useI18n();
  const [query, set] = useQuery();
  const called = useSeriesName();
  const span = SPANS.find((s) => s === query.get("weeks")) ?? "52";
  const kind = KINDS.find((k) => k === query.get("kind")) ?? "type";
  const from = Math.max(0, data.weeks.length - Number(span));
  const weeks = data.weeks.slice(from);
  const families = useMemo(() => FAMILIES.map((f) => ({
    name: name("family", f), colour: `--f-${f}` as const,
    data: (data.series.find((s) => s.kind === "family" && s.name === f)?.counts ?? []).slice(from),
  })), [data, from, name]);
  const list = data.series.filter((s) => s.kind === kind).sort((a, b) => recent(b) - recent(a) || a.name.localeCompare(b.name));
  const rising = bursting(data).slice(0, 12);
  const columns: Column<Series>[] = [
    { id: "name", head: "col.name", shape: "main", raw: (s) => s.name, cell: (s) => <Link to={behind(s)} className="title"><bdi>{called(s)}</bdi></Link> },
    { id: "weeks", head: "trends.lastWeeks", raw: (s) => s.counts.slice(-16).map(String), cell: (s) => <Spark counts={s.counts} /> },
    { id: "last_week", head: "trends.lastWeek", shape: "right", raw: (s) => s.counts.at(-1) ?? 0, cell: (s) => num(s.counts.at(-1) ?? 0) },
    { id: "four_weeks", head: "trends.fourWeeks", shape: "right", raw: recent, cell: (s) => num(recent(s)) },
    { id: "burst", head: "trends.burst", shape: "right", raw: (s) => s.burst, cell: (s) => (s.burst === null || s.burst <= 0 ? "–" : <b>{fixed(s.burst, 1)}</b>) },
  ];

  return (
    <>
      <div className="headline">
        <h1>{t("nav.trends")}</h1>
        {weeks.length > 0 && <span className="note">{t("trends.until", { week: date(`${weeks.at(-1) ?? ""}`) || (weeks.at(-1) ?? "") })}</span>}
        <label className="sort push">
          <span>{t("trends.span")}</span>
          <select value={span} aria-label={t("trends.span")} onChange={(e) => set({ weeks: e.target.value === "52" ? null : e.target.value })}>
            {SPANS.map((s) => <option key={s} value={s}>{t("trends.weeks", { n: num(Number(s)) })}</option>)}
          </select>
        </label>
      </div>
      {(data.notes ?? []).map((n) => <p key={n} className="note lead">{n}</p>)}
      {data.weeks.length === 0 ? <None>{t("state.nochart")}</None> : (
        <div className="grid">
          <Panel className="w8" title={t("trends.families")}>
            <Bars label={t("trends.families")} height={270} labels={weeks.map((w) => date(w) || w)} series={families} />
          </Panel>
          <Panel className="w4" title={t("overview.rising")} note={t("trends.burstText")}>
            {rising.length === 0 ? <None>{t("trends.noBurst")}</None> : <RisingList list={rising} />}
          </Panel>
          {data.outlook.length > 0 && FAMILIES.filter((f) => data.outlook.some((o) => o.family === f)).map((f) => (
            <Panel key={f} className="w6" title={`${t("trends.outlook")}: ${name("family", f)}`}><Outlook data={data} family={f} /></Panel>
          ))}
          {data.backtest && (
            <Panel className="w12" title={t("trends.backtest")}>
              <p>{t("trends.backtestText", {
                weeks: num(data.backtest.weeks), coverage: num(Math.round(data.backtest.coverage * 100)), mae: fixed(data.backtest.mae, 2), naive: fixed(data.backtest.naive_mae, 2),
              })}</p>
              <p className="note">{t(data.backtest.mae < data.backtest.naive_mae ? "trends.better" : "trends.notBetter")}</p>
            </Panel>
          )}
          <Panel className="w12" title={t("trends.series")} action={<TakeTable name={`trends-${kind}`} columns={columns} rows={list} />}>
            <div className="tabs" role="group" aria-label={t("list.filter")}>
              {KINDS.map((k) => (
                <button key={k} type="button" aria-pressed={k === kind} onClick={() => set({ kind: k === "type" ? null : k })}>{name("serieskind", k)}</button>
              ))}
            </div>
            <Table rows={list.slice(0, 40)} columns={columns} id={(s) => s.name} label={t("trends.series")} />
          </Panel>
        </div>
      )}
    </>
  );
}

const recent = (s: Series) => s.counts.slice(-4).reduce((a, b) => a + b, 0);
const PAST = 16;

/** The last weeks as they were, the coming ones with their bounds. */
function Outlook({ data, family }: { data: Trends; family: string }) {
  const { t, date, fixed } = useI18n();
  const past = data.weeks.slice(-PAST);
  const counts = (data.series.find((s) => s.kind === "family" && s.name === family)?.counts ?? []).slice(-PAST);
  const coming = data.outlook.filter((o) => o.family === family);
  const labels = [...past, ...coming.map((o) => o.week)];
  const gap = past.map(() => null);
  const first = coming[0];
  return (
    <>
      <Chart
        label={`${t("trends.outlook")}: ${family}`} height={170} on={[data, family]}
        option={(c) => ({
          grid: { left: 4, right: 10, top: 12, bottom: 2, containLabel: true },
          xAxis: categoryAxis(c, labels.map((w) => date(w) || w)),
          yAxis: valueAxis(c, { min: 0 }),
          series: [
            { type: "bar", name: t("col.mentions"), data: [...counts, ...coming.map(() => null)], itemStyle: { color: c.accent }, barMaxWidth: 18 },
            // The band is drawn as an invisible foot with the width of the interval on it.
            { type: "line", stack: "band", name: t("trends.low"), data: [...gap, ...coming.map((o) => o.low)], lineStyle: { opacity: 0 }, symbol: "none" },
            { type: "line", stack: "band", name: t("trends.high"), data: [...gap, ...coming.map((o) => o.high - o.low)], lineStyle: { opacity: 0 }, symbol: "none", areaStyle: { color: c.accent, opacity: 0.2 } },
            { type: "line", name: t("trends.expected"), data: [...gap, ...coming.map((o) => o.expected)], symbol: "circle", symbolSize: 5, lineStyle: { color: c.text, type: "dashed" }, itemStyle: { color: c.text } },
          ],
          tooltip: {
            formatter: (raw: unknown) => {
              const at = (Array.isArray(raw) ? raw[0] : raw) as { dataIndex: number };
              const week = labels[at.dataIndex] ?? "";
              const o = coming[at.dataIndex - past.length];
              return o ? `${date(week) || week}\n${t("trends.range", { expected: fixed(o.expected, 1), low: fixed(o.low, 1), high: fixed(o.high, 1) })}` : `${date(week) || week}\n${t("col.mentions")} ${counts[at.dataIndex] ?? 0}`;
            },
          },
        })}
      />
      {first && <p className="note under">{t("trends.nextWeek")} {t("trends.range", { expected: fixed(first.expected, 1), low: fixed(first.low, 1), high: fixed(first.high, 1) })}</p>}
    </>
  );
}
