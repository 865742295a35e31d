import { useEffect, useRef, useState, type FormEvent } from "react";
import { type Health } from "../api.ts";
import { LANGS, langNames, langTags, useI18n, type Key, type Lang } from "../i18n/index.ts";
import { beginLive, useLive, useLiveState } from "../live.ts";
import { Link, to, useGo, usePlace } from "../router.tsx";
import { useSession } from "../session.tsx";
import { useSettings, type ThemeChoice } from "../settings.tsx";
import type { Alert, Listed } from "../workplace.ts";
import { Icon } from "./icons.tsx";
import { Menu } from "./menu.tsx";
import { SECTIONS, inSection } from "./places.tsx";
import { useApi } from "./use-api.ts";

const THEMES: ThemeChoice[] = ["dark", "light", "system"];
export const THEME_KEYS: Record<ThemeChoice, Key> = { dark: "theme.dark", light: "theme.light", system: "theme.system" };

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
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey && !document.querySelector("dialog[open]")) {
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
        placeholder={t("search.everything")} aria-label={t("search.everything")} title={t("search.hint")}
        autoComplete="off" spellCheck={false} onKeyDown={(e) => { if (e.key === "Escape") field.current?.blur(); }}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

const ALERT_TOPICS = ["alert"] as const;

/** How many alerts wait, beside their section's name; nothing where the server has no alerts. */
function Waiting() {
  const { t, num } = useI18n();
  const { data } = useApi<Listed<Alert>>("/alerts?state=new&limit=50", ALERT_TOPICS);
  const n = data?.total ?? data?.items.length ?? 0;
  if (n === 0) return null;
  return <b className="count" title={t("alert.waiting", { n: num(n) })}>{num(n)}</b>;
}

export function Header() {
  const { t } = useI18n();
  const { choice, setChoice, lang, setLang } = useSettings();
  const { path } = usePlace();
  const { locked, known } = useSession();
  const nextTheme = THEMES[(THEMES.indexOf(choice) + 1) % THEMES.length] ?? "system";
  const ready = known !== "asking" && !locked;

  return (
    <header className="top">
      <Link to="/" className="brand" title={t("app.tagline")}>
        <Icon name="brand" />
        <span>ThreatMiner</span>
      </Link>
      {!locked && (
        <nav aria-label={t("nav.main")}>
          {SECTIONS.map((s) => (
            <Link key={s.path} to={s.path} aria-current={inSection(s, path) ? "page" : undefined}>
              {t(s.key)}{s.path === "/alerts" && ready && <Waiting />}
            </Link>
          ))}
        </nav>
      )}
      {!locked && <SearchBox />}
      <div className="switches">
        <button
          type="button" className="quiet" data-switch="theme" onClick={() => setChoice(nextTheme)}
          aria-label={`${t("theme.label")}: ${t(THEME_KEYS[choice])}`} title={`${t("theme.label")}: ${t(THEME_KEYS[choice])}`}
        >
          <Icon name={choice} />
        </button>
        <select className="quiet" data-switch="lang" value={lang} onChange={(e) => setLang(e.target.value as Lang)} aria-label={t("lang.label")} title={t("lang.label")}>
          {LANGS.map((l) => <option key={l} value={l} lang={langTags[l]}>{langNames[l]}</option>)}
        </select>
        {!locked && <Menu />}
      </div>
    </header>
  );
}

const POLL_MS = 10_000;
const HEALTH_TOPICS = ["posts", "analyzed"] as const;

export function Footer() {
  const { t, num } = useI18n();
  const [health, setHealth] = useState<Health | null | undefined>(undefined);
  const { known, locked } = useSession();
  const live = useLiveState();
  const asking = useRef<() => void>(() => undefined);

  useEffect(() => { if (known !== "asking" && !locked) beginLive(); }, [known, locked]);
  // Asked past the cache; again when news come, and while the server has posts to analyse.
  useEffect(() => {
    let timer = 0;
    let over = false;
    const ask = async () => {
      window.clearTimeout(timer);
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
    asking.current = () => void ask();
    if (known !== "asking" && !locked) void ask();
    return () => { over = true; window.clearTimeout(timer); };
  }, [known, locked]);
  useLive(HEALTH_TOPICS, () => asking.current());

  return (
    <footer className="bottom">
      <span className={`dot ${health ? health.status : "off"}`} aria-hidden="true" />
      <span>
        {health === undefined ? t("state.loading")
          : health === null ? t("health.unknown")
            : health.status === "ok" ? t("health.ok") : t("health.analysing", { n: num(health.pending) })}
      </span>
      {live !== "off" && <span data-live={live} title={t(live === "live" ? "live.on.text" : "live.polling.text")}>{t(live === "live" ? "live.on" : "live.polling")}</span>}
      {health && <span>{t("health.version", { version: health.version })}</span>}
      {health && <span className="clip">{t("health.model", { model: health.model })}</span>}
      <span className="push">{t("health.utc")}</span>
    </footer>
  );
}
