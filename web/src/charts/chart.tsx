import { useEffect, useRef } from "react";
import type { EChartsCoreOption, EChartsType } from "echarts/core";
import { useI18n } from "../i18n/index.ts";
import { useSettings } from "../settings.tsx";
import { readColours, type Colours } from "./colours.ts";

type Props = {
  /** What the chart shows, for those who cannot see it. */
  label: string;
  height: number;
  option: (colours: Colours) => EChartsCoreOption;
  /** What the option depends on besides theme and language. */
  on: unknown;
  onSelect?: (index: number) => void;
};

export function Chart({ label, height, option, on, onSelect }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const { theme } = useSettings();
  const { lang } = useI18n();
  const make = useRef(option);
  make.current = option;
  const select = useRef(onSelect);
  select.current = onSelect;

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    let over = false;
    const watch = new ResizeObserver(() => chart.current?.resize());
    void import("./echarts.ts").then(({ init }) => {
      if (over) return;
      const made = init(element, null, { renderer: "canvas" });
      made.on("click", (event) => { if (typeof event.dataIndex === "number") select.current?.(event.dataIndex); });
      made.setOption(frame(make.current));
      chart.current = made;
      watch.observe(element);
    });
    return () => {
      over = true;
      watch.disconnect();
      chart.current?.dispose();
      chart.current = null;
    };
    // The chart itself lives as long as its place; options follow below.
  }, []);

  useEffect(() => {
    chart.current?.setOption(frame(make.current), true);
  }, [theme, lang, on]);

  return <div ref={box} className="chart" style={{ height }} role="img" aria-label={label} />;
}

function frame(option: (colours: Colours) => EChartsCoreOption): EChartsCoreOption {
  const c = readColours();
  const own = option(c);
  return {
    animation: false,
    textStyle: { fontFamily: c.font, color: c.text, fontSize: 12 },
    grid: { left: 8, right: 10, top: 12, bottom: 4, containLabel: true },
    ...own,
    // Names and words in tooltips come from posts: drawn on the canvas, never as HTML.
    tooltip: {
      trigger: "axis", renderMode: "richText", confine: true, backgroundColor: c.raised, borderColor: c.line, borderWidth: 1,
      padding: [6, 10], textStyle: { color: c.text, fontSize: 12, fontFamily: c.font }, axisPointer: { type: "shadow", shadowStyle: { opacity: 0.12 } },
      ...(own["tooltip"] as object | undefined),
    },
  };
}

export function categoryAxis(c: Colours, data: string[], extra?: object): object {
  return {
    type: "category", data, axisLine: { lineStyle: { color: c.line } }, axisTick: { show: false },
    axisLabel: { color: c.muted, fontSize: 11, hideOverlap: true }, ...extra,
  };
}

export function valueAxis(c: Colours, extra?: object): object {
  return {
    type: "value", minInterval: 1, splitNumber: 3, axisLabel: { color: c.muted, fontSize: 11, hideOverlap: true },
    splitLine: { lineStyle: { color: c.line } }, ...extra,
  };
}

/** `colour` is the name of a style sheet variable, so that legend and bars cannot differ. */
export type BarSeries = { name: string; data: number[]; colour: `--${string}` };

type BarsProps = { label: string; height?: number; labels: string[]; series: BarSeries[]; onSelect?: (index: number) => void };

/** Bars over a row of labels, stacked where there are several series. */
export function Bars({ label, height = 180, labels, series, onSelect }: BarsProps) {
  const style = getComputedStyle(document.documentElement);
  return (
    <>
      {series.length > 1 && (
        <ul className="legend">
          {series.map((s) => <li key={s.name}><i className="swatch" style={{ background: `var(${s.colour})` }} aria-hidden="true" />{s.name}</li>)}
        </ul>
      )}
      <Chart
        label={label} height={height} on={JSON.stringify([labels, series])} {...(onSelect ? { onSelect } : {})}
        option={(c) => ({
          grid: { left: 4, right: 8, top: 12, bottom: 2, containLabel: true },
          xAxis: categoryAxis(c, labels),
          yAxis: valueAxis(c),
          series: series.map((s) => ({
            type: "bar", stack: "all", name: s.name, data: s.data, itemStyle: { color: style.getPropertyValue(s.colour).trim() },
            barMaxWidth: 26, barCategoryGap: "22%",
          })),
        })}
      />
    </>
  );
}
