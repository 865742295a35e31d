import { createContext, useContext } from "react";
import { en as enFound } from "./en.ts";
import { en as enWork } from "./en-work.ts";
import { ru as ruFound } from "./ru.ts";
import { ru as ruWork } from "./ru-work.ts";
import { zh as zhFound } from "./zh.ts";
import { zh as zhWork } from "./zh-work.ts";

// English is the source: its keys are the types that every other language must fill, one for what was found (en.ts) and one
// for the workplace around it (en-work.ts). A missing key does not compile.
export type Found = Record<keyof typeof enFound, string>;
export type Work = Record<keyof typeof enWork, string>;
export type Key = keyof Found | keyof Work;
type Dictionary = Record<Key, string>;
export const LANGS = ["en", "zh", "ru"] as const;
export type Lang = (typeof LANGS)[number];
export type Params = Record<string, string | number>;

const dictionaries: Record<Lang, Dictionary> = {
  en: { ...enFound, ...enWork }, zh: { ...zhFound, ...zhWork }, ru: { ...ruFound, ...ruWork },
};
const locales: Record<Lang, string> = { en: "en-GB", zh: "zh-CN", ru: "ru-RU" };
/** What `lang` attributes say. */
export const langTags: Record<Lang, string> = { en: "en", zh: "zh-CN", ru: "ru" };
export const langNames: Record<Lang, string> = { en: "English", zh: "中文", ru: "Русский" };

type Vocabulary = "family" | "event" | "modality" | "status" | "role" | "part" | "field" | "language" | "type" | "sort" | "source" | "collection"
  | "watchkind" | "channelkind" | "digest" | "alertstate" | "userrole" | "scope" | "mark" | "figure" | "serieskind" | "delivery";
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
  // One and many do for English, Chinese needs neither, Russian has a form for few.
  const form = (n: number, unit: Unit): Key => {
    const kind = plural.select(n);
    return kind === "one" ? `unit.${unit}.one` : kind === "few" ? `unit.${unit}.few` : `unit.${unit}`;
  };
  const agoFormat = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });

  return {
    lang,
    locale,
    t,
    num,
    /** A name from one of the server's vocabularies; a name that is unknown here is shown as it came. */
    name: (vocabulary: Vocabulary, value: string): string =>
      (dictionary as Record<string, string>)[`${vocabulary}.${value}`] ?? value.replaceAll("_", " "),
    count: (n: number, unit: Unit): string =>
      `${num(n)} ${dictionary[form(n, unit)]}`,
    date: (iso: string | null | undefined) => when(iso, dateOnly),
    time: (iso: string | null | undefined) => when(iso, dateTime),
    dayMonth: (iso: string) => when(iso, dayMonth),
    /** How long since, in the largest unit that tells. */
    ago: (iso: string | null | undefined): string => {
      const ms = iso ? Date.parse(iso) - Date.now() : Number.NaN;
      if (Number.isNaN(ms)) return "";
      const hours = ms / 3_600_000;
      if (Math.abs(hours) < 1) return agoFormat.format(Math.round(hours * 60), "minute");
      if (Math.abs(hours) < 48) return agoFormat.format(Math.round(hours), "hour");
      return Math.abs(hours) < 24 * 90 ? agoFormat.format(Math.round(hours / 24), "day") : agoFormat.format(Math.round(hours / 24 / 30.4), "month");
    },
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
