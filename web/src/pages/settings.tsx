import { useState } from "react";
import { send, type Health } from "../api.ts";
import { LANGS, langNames, langTags, useI18n } from "../i18n/index.ts";
import { showKeys } from "../keys.tsx";
import { useLiveState } from "../live.ts";
import { Panel } from "../parts/bits.tsx";
import { Form, Problem, TextField, useDoing } from "../parts/forms.tsx";
import { THEME_KEYS } from "../parts/frame.tsx";
import { SubNav } from "../parts/places.tsx";
import { forgetHistory, history } from "../parts/searches.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { useSession } from "../session.tsx";
import { useSettings, type ThemeChoice } from "../settings.tsx";
import { LEAST_PASSWORD } from "../workplace.ts";

const THEMES: ThemeChoice[] = ["system", "dark", "light"];

export default function SettingsPage() {
  const { t, name, num } = useI18n();
  const { choice, setChoice, lang, setLang } = useSettings();
  const { session, known, logout } = useSession();
  const live = useLiveState();
  const health = useApi<Health>("/health");
  const [searches, setSearches] = useState(() => history().length);
  useTitle(t("nav.settings"));
  return (
    <div className="page">
      <SubNav />
      <div className="headline"><h1>{t("nav.settings")}</h1></div>
      <div className="cards">
        <Panel title={t("settings.look")}>
          <h3>{t("theme.label")}</h3>
          <div className="tabs" role="group" aria-label={t("theme.label")}>
            {THEMES.map((c) => <button key={c} type="button" aria-pressed={c === choice} onClick={() => setChoice(c)}>{t(THEME_KEYS[c])}</button>)}
          </div>
          <h3>{t("lang.label")}</h3>
          <div className="tabs" role="group" aria-label={t("lang.label")}>
            {LANGS.map((l) => <button key={l} type="button" lang={langTags[l]} aria-pressed={l === lang} onClick={() => setLang(l)}>{langNames[l]}</button>)}
          </div>
          <p className="note">{t("settings.lookText")}</p>
        </Panel>
        <Panel title={t("settings.account")}>
          {session?.user ? (
            <>
              <p><b><bdi>{session.user.name}</bdi></b> · {name("userrole", session.user.role)}</p>
              <p className="note">{t(`access.${session.user.role}` as const)}</p>
              <button type="button" onClick={() => void logout()}>{t("login.out")}</button>
              <ChangePassword />
            </>
          ) : <p>{t(known === "absent" ? "settings.noAccounts" : "settings.open")}</p>}
        </Panel>
        <Panel title={t("settings.work")}>
          <p><button type="button" onClick={showKeys}>{t("keys.title")} <kbd>?</kbd></button></p>
          <p>{t("settings.searches", { n: num(searches) })} {searches > 0 && <button type="button" className="quiet small" onClick={() => { forgetHistory(); setSearches(0); }}>{t("find.historyClear")}</button>}</p>
        </Panel>
        <Panel title={t("settings.server")}>
          <dl className="factlist">
            <div><dt>{t("settings.version")}</dt><dd>{health.data?.version ?? "–"}</dd></div>
            <div><dt>{t("settings.model")}</dt><dd>{health.data?.model ?? "–"}</dd></div>
            <div><dt>{t("overview.posts")}</dt><dd>{num(health.data?.posts ?? 0)}</dd></div>
            <div><dt>{t("overview.pending")}</dt><dd>{num(health.data?.pending ?? 0)}</dd></div>
            <div><dt>{t("settings.news")}</dt><dd>{t(live === "live" ? "live.on" : "live.polling")}</dd></div>
            <div><dt>API</dt><dd><a href="/api/v1/openapi.json">OpenAPI</a></dd></div>
          </dl>
        </Panel>
      </div>
    </div>
  );
}

/** The user's own password. The server ends all sessions with it, so the page asks who is there afterwards. */
function ChangePassword() {
  const { t } = useI18n();
  const { renew } = useSession();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const doing = useDoing();
  const save = async () => {
    if (!(await doing.run(() => send("POST", "/session/password", { current, password: next })))) { setCurrent(""); return; }
    await renew();
  };
  return (
    <details className="help">
      <summary>{t("settings.password")}</summary>
      <Form submit={() => void save()} busy={doing.busy} label={t("do.save")}>
        <TextField label={t("settings.current")} type="password" autoComplete="current-password" value={current} set={setCurrent} required />
        <TextField label={t("settings.next")} type="password" autoComplete="new-password" value={next} set={setNext} required minLength={LEAST_PASSWORD} hint={t("login.passwordHint", { n: LEAST_PASSWORD })} />
        <Problem text={doing.problem} />
      </Form>
    </details>
  );
}
