import { useEffect, useRef, useState } from "react";
import { LANGS, langNames, langTags, useI18n } from "../i18n/index.ts";
import { showKeys } from "../keys.tsx";
import { Link, usePlace } from "../router.tsx";
import { useSession } from "../session.tsx";
import { useSettings } from "../settings.tsx";
import { Icon } from "./icons.tsx";
import { BACKSTAGE, SECTIONS, within, type Place } from "./places.tsx";

/** All pages, language, keyboard and account in one place; on a phone it is the navigation. */
export function Menu() {
  const { t, name } = useI18n();
  const { path } = usePlace();
  const { lang, setLang } = useSettings();
  const { session, may, logout } = useSession();
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => setOpen(false), [path]);
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event: PointerEvent) => { if (!box.current?.contains(event.target as Node)) setOpen(false); };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      setOpen(false);
      button.current?.focus();
    };
    window.addEventListener("pointerdown", outside);
    window.addEventListener("keydown", escape, true);
    return () => {
      window.removeEventListener("pointerdown", outside);
      window.removeEventListener("keydown", escape, true);
    };
  }, [open]);

  const link = (p: Place) => (
    <li key={p.path}><Link to={p.path} onClick={() => setOpen(false)} aria-current={within(p, path) ? "page" : undefined}>{t(p.key)}</Link></li>
  );
  const group = (list: Place[]) => <ul>{list.filter((p) => !p.role || may(p.role)).map(link)}</ul>;
  const alerts = SECTIONS.find((s) => s.path === "/alerts");
  const actors = SECTIONS.find((s) => s.path === "/actors");

  return (
    <div className="menu" ref={box}>
      <button ref={button} type="button" className="quiet" data-switch="menu" aria-expanded={open} aria-haspopup="true" onClick={() => setOpen(!open)}
        aria-label={t("nav.menu")} title={t("nav.menu")}>
        <Icon name="menu" />
      </button>
      {open && (
        <div className="menupanel">
          <nav aria-label={t("nav.menu")}>
            {group(SECTIONS.filter((s) => s !== alerts && s !== actors))}
            {group(actors?.places ?? [])}
            {group(alerts?.places ?? [])}
            {group([...BACKSTAGE.flatMap((s) => (s.places.length > 0 ? s.places : [s]))])}
          </nav>
          <div className="menufoot">
            <div className="tabs" role="group" aria-label={t("lang.label")}>
              {LANGS.map((l) => (
                <button key={l} type="button" lang={langTags[l]} data-lang={l} aria-pressed={l === lang} onClick={() => setLang(l)}>{langNames[l]}</button>
              ))}
            </div>
            <button type="button" className="quiet small" onClick={() => { setOpen(false); showKeys(); }}>{t("keys.title")} <kbd>?</kbd></button>
            {session?.user && (
              <span className="who">
                <bdi>{session.user.name}</bdi> <span className="note">{name("userrole", session.user.role)}</span>
                <button type="button" className="quiet small" data-do="logout" onClick={() => { setOpen(false); void logout(); }}>{t("login.out")}</button>
              </span>
            )}
          </div>
        </div>
      )}
    </div>
  );
}
