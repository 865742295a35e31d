import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { I18nContext, LANGS, langTags, makeI18n, type Lang } from "./i18n/index.ts";
import { readLocal, writeLocal } from "./parts/local.ts";

export type ThemeChoice = "dark" | "light" | "system";
export type Theme = "dark" | "light";
type SettingsState = {
  choice: ThemeChoice; theme: Theme; lang: Lang;
  setChoice: (choice: ThemeChoice) => void; setLang: (lang: Lang) => void;
};

const THEME_KEY = "threatminer.theme";
const LANG_KEY = "threatminer.lang";

const SettingsContext = createContext<SettingsState | null>(null);

export function Settings({ children }: { children: ReactNode }) {
  const [choice, setChoice] = useState<ThemeChoice>(() => {
    const value = readLocal(THEME_KEY);
    return value === "dark" || value === "light" ? value : "system";
  });
  const [lang, setLang] = useState<Lang>(() => {
    const value = readLocal(LANG_KEY);
    // Else the first language of the browser's list that is spoken here.
    const wanted = [value ?? "", ...navigator.languages.map((l) => l.slice(0, 2).toLowerCase())];
    return wanted.flatMap((w) => LANGS.filter((l) => l === w))[0] ?? "en";
  });
  const [systemLight, setSystemLight] = useState(() => matchMedia("(prefers-color-scheme: light)").matches);

  useEffect(() => {
    const media = matchMedia("(prefers-color-scheme: light)");
    const change = () => setSystemLight(media.matches);
    media.addEventListener("change", change);
    return () => media.removeEventListener("change", change);
  }, []);

  const theme: Theme = choice === "system" ? (systemLight ? "light" : "dark") : choice;
  // Set while rendering, not in an effect: charts read the colours of the new theme when they are drawn.
  document.documentElement.dataset.theme = theme;
  document.documentElement.lang = langTags[lang];

  const i18n = useMemo(() => makeI18n(lang), [lang]);
  const state = useMemo<SettingsState>(() => ({
    choice, theme, lang,
    setChoice: (next) => { writeLocal(THEME_KEY, next); setChoice(next); },
    setLang: (next) => { writeLocal(LANG_KEY, next); setLang(next); },
  }), [choice, theme, lang]);

  return (
    <SettingsContext value={state}>
      <I18nContext value={i18n}>{children}</I18nContext>
    </SettingsContext>
  );
}

export function useSettings(): SettingsState {
  const state = useContext(SettingsContext);
  if (!state) throw new Error("useSettings outside Settings");
  return state;
}
