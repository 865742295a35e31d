import type { Portrait } from "../api.ts";
import { Bars, Chart, categoryAxis, valueAxis } from "../charts/chart.tsx";
import { useI18n } from "../i18n/index.ts";
import { None } from "../parts/states.tsx";

type Props = { data: Portrait };

export function Activity({ data: { activity } }: Props) {
  const { t, month } = useI18n();
  if (activity.labels.length === 0) return <None>{t("state.nochart")}</None>;
  return (
    <Bars
      label={t("actor.activity")} height={240} labels={activity.labels.map(month)}
      series={[
        { name: t("actor.started"), data: activity.started, colour: "--accent" },
        { name: t("actor.answered"), data: activity.answered, colour: "--second" },
      ]}
    />
  );
}

export function Hours({ data: { activity } }: Props) {
  const { t } = useI18n();
  return (
    <Bars label={t("actor.byHour")} height={150} labels={activity.by_hour.map((_, i) => String(i).padStart(2, "0"))}
      series={[{ name: t("col.posts"), data: activity.by_hour, colour: "--accent" }]} />
  );
}

export function Weekdays({ data: { activity } }: Props) {
  const { t, weekday } = useI18n();
  return (
    <Bars label={t("actor.byWeekday")} height={150} labels={activity.by_weekday.map((_, i) => weekday(i))}
      series={[{ name: t("col.posts"), data: activity.by_weekday, colour: "--accent" }]} />
  );
}

export function RankHistory({ data: { rank_history: list } }: Props) {
  const { t, num, fixed } = useI18n();
  if (list.length === 0) return <None>{t("state.nochart")}</None>;
  return (
    <Chart
      label={t("actor.rank")} height={150} on={list}
      option={(c) => ({
        grid: { left: 4, right: 14, top: 14, bottom: 2, containLabel: true },
        xAxis: categoryAxis(c, list.map((x) => x.label)),
        // Rank 1 is best and stands on top.
        yAxis: valueAxis(c, { inverse: true, min: 1, max: (v: { max: number }) => Math.max(2, v.max) }),
        tooltip: {
          axisPointer: { type: "line" },
          formatter: (raw: unknown) => {
            const at = (Array.isArray(raw) ? raw[0] : raw) as { dataIndex: number };
            const x = list[at.dataIndex];
            return x ? `${x.label}\n${t("actor.rankOf", { rank: num(x.rank), of: num(x.of) })}\n${t("actor.scoreIs", { score: fixed(x.score, 3) })}` : "";
          },
        },
        series: [{
          type: "line", name: t("col.rank"), data: list.map((x) => x.rank), symbol: "circle", symbolSize: 6,
          lineStyle: { color: c.accent, width: 2 }, itemStyle: { color: c.accent },
        }],
      })}
    />
  );
}

export function Radar({ data: { fields } }: Props) {
  const { t, name, num, fixed } = useI18n();
  if (!fields.some((f) => f.value > 0)) return <None />;
  return (
    <Chart
      label={t("actor.fields")} height={240} on={fields}
      option={(c) => ({
        radar: {
          indicator: fields.map((f) => ({ name: name("field", f.name), max: 1 })), radius: "66%", splitNumber: 4,
          axisName: { color: c.muted, fontSize: 11 }, axisLine: { lineStyle: { color: c.line } },
          splitLine: { lineStyle: { color: c.line } }, splitArea: { show: false },
        },
        tooltip: {
          trigger: "item",
          formatter: () => fields.map((f) => `${name("field", f.name)}  ${fixed(f.value)}  (${num(f.posts)} ${t("unit.posts")})`).join("\n"),
        },
        series: [{
          type: "radar", symbolSize: 4, lineStyle: { color: c.accent, width: 2 }, itemStyle: { color: c.accent },
          areaStyle: { color: c.accent, opacity: 0.18 }, data: [{ value: fields.map((f) => f.value), name: t("actor.fields") }],
        }],
      })}
    />
  );
}
