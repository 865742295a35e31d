import { useState } from "react";
import { send } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Seen } from "../parts/bits.tsx";
import { ChoiceField, Form, Problem, Sure, TextField, useDoing } from "../parts/forms.tsx";
import { SubNav } from "../parts/places.tsx";
import { Answer, None } from "../parts/states.tsx";
import { Table, TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { useSession } from "../session.tsx";
import { LEAST_PASSWORD, USER_ROLES, type Listed, type User, type UserRole } from "../workplace.ts";

export default function Users() {
  const { t, name } = useI18n();
  const { session } = useSession();
  const answer = useApi<Listed<User>>("/users");
  const [making, setMaking] = useState(false);
  const [password, setPassword] = useState<User | null>(null);
  const doing = useDoing();
  useTitle(t("nav.users"));
  const change = async (id: number, part: Partial<User> & { password?: string }) => {
    const ok = await doing.run(() => send("PATCH", `/users/${id}`, part));
    if (ok) answer.renew();
    return ok;
  };
  const columns: Column<User>[] = [
    { id: "name", head: "field.name", shape: "main", raw: (u) => u.name, cell: (u) => <bdi className="title">{u.name}</bdi> },
    {
      id: "role", head: "user.role", raw: (u) => u.role, cell: (u) => (
        <select value={u.role} disabled={doing.busy || u.id === session?.user?.id} aria-label={`${t("user.role")}: ${u.name}`} onChange={(e) => void change(u.id, { role: e.target.value as UserRole })}>
          {USER_ROLES.map((r) => <option key={r} value={r}>{name("userrole", r)}</option>)}
        </select>
      ),
    },
    { id: "created", head: "field.created", shape: "when", raw: (u) => u.created, cell: (u) => <Seen iso={u.created} /> },
    { id: "last_login", head: "user.lastLogin", shape: "when", raw: (u) => u.last_login, cell: (u) => <Seen iso={u.last_login} /> },
    { id: "disabled", head: "col.status", raw: (u) => u.disabled, cell: (u) => (u.disabled ? <span className="badge">{t("user.disabled")}</span> : t("user.enabled")) },
  ];
  const shown: Column<User>[] = [...columns, {
    id: "change", head: "field.change", raw: () => null, cell: (u) => (
      <span className="buttons">
        <button type="button" className="quiet small" onClick={() => setPassword(u)}>{t("login.password")}</button>
        {u.id !== session?.user?.id && (
          <>
            <button type="button" className="quiet small" disabled={doing.busy} onClick={() => void change(u.id, { disabled: !u.disabled })}>{t(u.disabled ? "user.enable" : "user.disable")}</button>
            <Sure label={t("do.delete")} disabled={doing.busy} act={() => void doing.run(() => send("DELETE", `/users/${u.id}`)).then((ok) => { if (ok) answer.renew(); })} />
          </>
        )}
      </span>
    ),
  }];
  return (
    <div className="page">
      <SubNav />
      <div className="headline">
        <h1>{t("nav.users")}</h1>
        {answer.data && <button type="button" className="strong" data-do="new" onClick={() => setMaking(true)}>{t("user.new")}</button>}
        <TakeTable name="users" columns={columns} rows={answer.data?.items ?? []} />
      </div>
      <Answer of={answer} inside optional>
        {(data) => (
          <>
            {making && <Editor done={() => { setMaking(false); answer.renew(); }} cancel={() => setMaking(false)} />}
            {password && <NewPassword key={password.id} user={password} set={async (p) => { if (await change(password.id, { password: p })) setPassword(null); }} cancel={() => setPassword(null)} busy={doing.busy} />}
            <Problem text={doing.problem} />
            <Table rows={data.items} columns={shown} id={(u) => u.id} label={t("nav.users")} empty={<None>{t("user.none")}</None>} />
          </>
        )}
      </Answer>
    </div>
  );
}

function NewPassword({ user, set, cancel, busy }: { user: User; set: (password: string) => Promise<void>; cancel: () => void; busy: boolean }) {
  const { t } = useI18n();
  const [text, setText] = useState("");
  return (
    <section className="panel editor">
      <Form submit={() => void set(text)} busy={busy} label={t("do.save")} cancel={cancel}>
        <TextField label={t("user.newPassword", { name: user.name })} type="password" autoComplete="new-password" value={text} set={setText} required minLength={LEAST_PASSWORD} autoFocus />
      </Form>
    </section>
  );
}

function Editor({ done, cancel }: { done: () => void; cancel: () => void }) {
  const { t, name: named } = useI18n();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<UserRole>("analyst");
  const doing = useDoing();
  const save = async () => { if (await doing.run(() => send("POST", "/users", { name: name.trim(), password, role }))) done(); };
  return (
    <section className="panel editor">
      <Form submit={() => void save()} busy={doing.busy} label={t("do.save")} cancel={cancel}>
        <div className="columns">
          <TextField label={t("field.name")} value={name} set={setName} required autoFocus />
          <TextField label={t("login.password")} type="password" autoComplete="new-password" value={password} set={setPassword} required minLength={LEAST_PASSWORD} hint={t("login.passwordHint", { n: LEAST_PASSWORD })} />
          <ChoiceField label={t("user.role")} value={role} options={USER_ROLES} set={(r) => setRole(r as UserRole)} show={(r) => named("userrole", r)} />
        </div>
        <p className="note">{t(`access.${role}` as const)}</p>
        <Problem text={doing.problem} />
      </Form>
    </section>
  );
}
