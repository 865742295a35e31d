import { createContext, useContext } from "react";
import { en } from "./en.ts";
import { zh } from "./zh.ts";

export type Key = keyof typeof en;
/** A language must fill every key: a missing one does not compile. */
export type Dictionary = Record<Key, string>;
export type Lang = "en" | "zh";
export type Params = Record<string, string | number>;

const dictionaries: Record<Lang, Dictionary> = { en, zh };
const locales: Record<Lang, string> = { en: "en-GB", zh: "zh-CN" };
export const langNames: Record<Lang, string> = { en: "English", zh: "中文" };

type Vocabulary = "family" | "event" | "modality" | "status" | "role" | "part" | "field" | "language" | "type" | "sort" | "source" | "collection";
type Unit = "posts" | "mentions" | "accounts" | "answers" | "threats" | "results" | "entities" | "actors";

export type I18n = ReturnType<typeof makeI18n>;

export function makeI18n(lang: Lang) {
  const dictionary = dictionaries[lang];
  const locale = locales[lang];
  const format = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });
  const dateOnly = format({ year: "numeric", month: "short", day: "2-digit" });
  const dateTime = format({ year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const monthOnly = format({ year: "numeric", month: "short" });
  const dayMonth = format({ month: "short", day: "numeric" });
  const weekday = format({ weekday: "short" });
  const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const plural = new Intl.PluralRules(locale);

  const t = (key: Key, params?: Params): string =>
    params ? dictionary[key].replace(/\{(\w+)\}/g, (all, name: string) => String(params[name] ?? all)) : dictionary[key];
  const when = (iso: string | null | undefined, shape: Intl.DateTimeFormat): string => {
    const date = iso ? new Date(iso) : null;
    return date && !Number.isNaN(date.getTime()) ? shape.format(date) : "";
  };
  const num = (n: number) => whole.format(n);

  return {
    lang,
    locale,
    t,
    num,
    /** A name from one of the server's vocabularies; a name that is unknown here is shown as it came. */
    name: (vocabulary: Vocabulary, value: string): string =>
      (dictionary as Record<string, string>)[`${vocabulary}.${value}`] ?? value.replaceAll("_", " "),
    count: (n: number, unit: Unit): string =>
      `${num(n)} ${plural.select(n) === "one" ? dictionary[`unit.${unit}.one`] : dictionary[`unit.${unit}`]}`,
    date: (iso: string | null | undefined) => when(iso, dateOnly),
    time: (iso: string | null | undefined) => when(iso, dateTime),
    dayMonth: (iso: string) => when(iso, dayMonth),
    /** "2025-06" as a month of the language; other labels stay. */
    month: (label: string) => (/^\d{4}-\d{2}$/.test(label) ? when(`${label}-01T00:00:00Z`, monthOnly) : label),
    /** Monday is 0. */
    weekday: (i: number) => weekday.format(new Date(Date.UTC(2024, 0, 1 + i))),
    fixed: (n: number, digits = 2) => (Number.isFinite(n) ? n : 0).toFixed(digits),
    list: (items: string[]) => new Intl.ListFormat(locale, { type: "unit", style: "short" }).format(items),
  };
}

export const I18nContext = createContext<I18n>(makeI18n("en"));
export const useI18n = () => useContext(I18nContext);
