import { useEffect, useRef, useState, type FormEvent } from "react";
import { type Health } from "../api.ts";
import { langNames, useI18n, type Key, type Lang } from "../i18n/index.ts";
import { Link, to, useGo, usePlace } from "../router.tsx";
import { useSettings, type ThemeChoice } from "../settings.tsx";
import { Icon } from "./icons.tsx";

const SECTIONS: { path: string; key: Key; also?: string[] }[] = [
  { path: "/", key: "nav.overview" },
  { path: "/threats", key: "nav.threats" },
  { path: "/actors", key: "nav.actors" },
  { path: "/entities", key: "nav.entities" },
  { path: "/search", key: "nav.search", also: ["/posts", "/threads"] },
];

const THEMES: ThemeChoice[] = ["dark", "light", "system"];
const THEME_KEYS: Record<ThemeChoice, Key> = { dark: "theme.dark", light: "theme.light", system: "theme.system" };

function SearchBox() {
  const { t } = useI18n();
  const go = useGo();
  const { path, search } = usePlace();
  const field = useRef<HTMLInputElement>(null);
  const asked = path === "/search" ? new URLSearchParams(search).get("q") ?? "" : "";
  const [text, setText] = useState(asked);
  useEffect(() => setText(asked), [asked]);

  useEffect(() => {
    const key = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const typing = target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        field.current?.focus();
        field.current?.select();
      }
    };
    window.addEventListener("keydown", key);
    return () => window.removeEventListener("keydown", key);
  }, []);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    field.current?.blur();
    go(text.trim() ? to.search(text.trim()) : "/search");
  };

  return (
    <form className="searchbox" role="search" onSubmit={submit}>
      <Icon name="search" />
      <input
        ref={field} type="search" value={text} onChange={(e) => setText(e.target.value)} maxLength={1000}
        placeholder={t("search.placeholder")} aria-label={t("search.placeholder")} title={t("search.hint")}
        autoComplete="off" spellCheck={false} onKeyDown={(e) => { if (e.key === "Escape") field.current?.blur(); }}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

export function Header() {
  const { t } = useI18n();
  const { choice, setChoice, lang, setLang } = useSettings();
  const { path } = usePlace();
  const inside = (section: (typeof SECTIONS)[number]) =>
    section.path === "/" ? path === "/" : [section.path, ...(section.also ?? [])].some((p) => path === p || path.startsWith(`${p}/`));
  const nextTheme = THEMES[(THEMES.indexOf(choice) + 1) % THEMES.length] ?? "system";
  const nextLang: Lang = lang === "en" ? "zh" : "en";

  return (
    <header className="top">
      <Link to="/" className="brand" title={t("app.tagline")}>
        <Icon name="brand" />
        <span>ThreatMiner</span>
      </Link>
      <nav aria-label={t("nav.main")}>
        {SECTIONS.map((s) => (
          <Link key={s.path} to={s.path} aria-current={inside(s) ? "page" : undefined}>{t(s.key)}</Link>
        ))}
      </nav>
      <SearchBox />
      <div className="switches">
        <button
          type="button" className="quiet" data-switch="theme" onClick={() => setChoice(nextTheme)}
          aria-label={`${t("theme.label")}: ${t(THEME_KEYS[choice])}`} title={`${t("theme.label")}: ${t(THEME_KEYS[choice])}`}
        >
          <Icon name={choice} />
          <span className="wide">{t(THEME_KEYS[choice])}</span>
        </button>
        <button
          type="button" className="quiet" data-switch="lang" lang={nextLang === "zh" ? "zh-CN" : "en"}
          onClick={() => setLang(nextLang)} title={t("lang.label")}
        >
          {langNames[nextLang]}
        </button>
      </div>
    </header>
  );
}

const POLL_MS = 10_000;

export function Footer() {
  const { t, num } = useI18n();
  const [health, setHealth] = useState<Health | null | undefined>(undefined);

  // Asked past the cache, and again only while the server has posts to analyse.
  useEffect(() => {
    let timer = 0;
    let over = false;
    const ask = async () => {
      try {
        const answer = await fetch("/api/v1/health");
        const now = answer.ok ? ((await answer.json()) as Health) : null;
        if (over) return;
        setHealth(now);
        if (now?.status === "analysing") timer = window.setTimeout(() => void ask(), POLL_MS);
      } catch {
        if (!over) setHealth(null);
      }
    };
    void ask();
    return () => { over = true; window.clearTimeout(timer); };
  }, []);

  return (
    <footer className="bottom">
      <span className={`dot ${health ? health.status : "off"}`} aria-hidden="true" />
      <span>
        {health === undefined ? t("state.loading")
          : health === null ? t("health.unknown")
            : health.status === "ok" ? t("health.ok") : t("health.analysing", { n: num(health.pending) })}
      </span>
      {health && <span>{t("health.version", { version: health.version })}</span>}
      {health && <span className="clip">{t("health.model", { model: health.model })}</span>}
      <span className="push">{t("health.utc")}</span>
    </footer>
  );
}
