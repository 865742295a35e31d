import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { I18nContext, makeI18n, type Lang } from "./i18n/index.ts";

export type ThemeChoice = "dark" | "light" | "system";
export type Theme = "dark" | "light";
type SettingsState = {
  choice: ThemeChoice; theme: Theme; lang: Lang;
  setChoice: (choice: ThemeChoice) => void; setLang: (lang: Lang) => void;
};

const THEME_KEY = "threatminer.theme";
const LANG_KEY = "threatminer.lang";

const SettingsContext = createContext<SettingsState | null>(null);

// Storage may be forbidden by the browser; the choice then lasts as long as the page.
function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    return;
  }
}

export function Settings({ children }: { children: ReactNode }) {
  const [choice, setChoice] = useState<ThemeChoice>(() => {
    const value = stored(THEME_KEY);
    return value === "dark" || value === "light" ? value : "system";
  });
  const [lang, setLang] = useState<Lang>(() => {
    const value = stored(LANG_KEY);
    if (value === "en" || value === "zh") return value;
    return /^zh/i.test(navigator.language) ? "zh" : "en";
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
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";

  const i18n = useMemo(() => makeI18n(lang), [lang]);
  const state = useMemo<SettingsState>(() => ({
    choice, theme, lang,
    setChoice: (next) => { store(THEME_KEY, next); setChoice(next); },
    setLang: (next) => { store(LANG_KEY, next); setLang(next); },
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
