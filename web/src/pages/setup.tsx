import { useState } from "react";
import { useI18n } from "../i18n/index.ts";
import { Form, Problem, TextField, useDoing } from "../parts/forms.tsx";
import { useTitle } from "../parts/title.ts";
import { setupToken, useGo } from "../router.tsx";
import { useSession } from "../session.tsx";
import { LEAST_PASSWORD } from "../workplace.ts";

/** Makes the administrator, with the token of the link that the program printed when it started. */
export default function Setup() {
  const { t } = useI18n();
  const { setup } = useSession();
  const go = useGo();
  const [token, setToken] = useState(setupToken);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const doing = useDoing();
  useTitle(t("setup.title"));
  const differ = again !== "" && again !== password;
  const submit = async () => {
    if (password !== again) return;
    if (await doing.run(() => setup(token.trim(), name.trim(), password))) go("/", { replace: true });
  };
  return (
    <div className="gate">
      <section className="panel">
        <h1>{t("setup.title")}</h1>
        <p className="note">{t("setup.text")}</p>
        <Form submit={() => void submit()} busy={doing.busy || differ} label={t("setup.do")}>
          {setupToken === "" && <TextField label={t("setup.token")} hint={t("setup.tokenHint")} value={token} set={setToken} required />}
          <TextField label={t("login.name")} value={name} set={setName} autoComplete="username" required autoFocus />
          <TextField label={t("login.password")} type="password" value={password} set={setPassword} autoComplete="new-password" required minLength={LEAST_PASSWORD} hint={t("login.passwordHint", { n: LEAST_PASSWORD })} />
          <TextField label={t("setup.again")} type="password" value={again} set={setAgain} autoComplete="new-password" required />
          <Problem text={differ ? t("setup.differ") : doing.problem} />
        </Form>
      </section>
    </div>
  );
}
