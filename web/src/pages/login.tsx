import { useEffect, useState } from "react";
import { ApiError } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Form, Problem, TextField, useSaying } from "../parts/forms.tsx";
import { useTitle } from "../parts/title.ts";
import { useGo, usePlace } from "../router.tsx";
import { useSession } from "../session.tsx";

/** Stands before every page of a server with accounts, and leaves the address as it is: after it the page asked for is there. */
export default function Login() {
  const { t } = useI18n();
  const { login, locked, session } = useSession();
  const { path } = usePlace();
  const go = useGo();
  const say = useSaying();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  useTitle(t("login.title"));
  useEffect(() => { if (!locked && path === "/login") go("/", { replace: true }); }, [locked, path, go]);
  const submit = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await login(name.trim(), password);
    } catch (error) {
      setPassword("");
      setProblem(error instanceof ApiError && error.status === 401 ? t("login.wrong") : say(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className="gate">
      <section className="panel">
        <h1>{t("login.title")}</h1>
        {session?.setup && <p className="note">{t("login.setupHint")}</p>}
        <Form submit={() => void submit()} busy={busy} label={t("login.in")}>
          <TextField label={t("login.name")} value={name} set={setName} autoComplete="username" required autoFocus />
          <TextField label={t("login.password")} type="password" value={password} set={setPassword} autoComplete="current-password" required />
          <Problem text={problem} />
        </Form>
      </section>
    </div>
  );
}
