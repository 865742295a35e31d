import { useState } from "react";
import { send } from "../api.ts";
import { useI18n, type Key } from "../i18n/index.ts";
import { Panel } from "../parts/bits.tsx";
import { Facts } from "../parts/facts.tsx";
import { Checks, ChoiceField, Form, Problem, Sure, TextField, useDoing } from "../parts/forms.tsx";
import { SubNav } from "../parts/places.tsx";
import { Answer, None } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, useQuery } from "../router.tsx";
import { useSession } from "../session.tsx";
import { CHANNEL_KINDS, type Channel, type ChannelKind, type Listed } from "../workplace.ts";

type Setting = { id: string; key: Key; kind?: "secret" | "list" | "number" | "yes"; choices?: string[]; required?: boolean; placeholder?: string };
/** What each kind of channel is told. Secrets are sent and never shown again. */
const SETTINGS: Record<ChannelKind, Setting[]> = {
  email: [
    { id: "host", key: "channel.host", required: true }, { id: "port", key: "channel.port", kind: "number" },
    { id: "security", key: "channel.security", choices: ["tls", "starttls", "none"] }, { id: "user", key: "channel.user" },
    { id: "password", key: "channel.password", kind: "secret" }, { id: "from", key: "channel.from", required: true },
    { id: "to", key: "channel.to", kind: "list", required: true },
  ],
  webhook: [{ id: "url", key: "channel.url", required: true, placeholder: "https://…" }, { id: "secret", key: "channel.secret", kind: "secret" }],
  slack: [{ id: "url", key: "channel.url", required: true, placeholder: "https://hooks…" }, { id: "channel", key: "channel.room" }],
  telegram: [{ id: "token", key: "channel.token", kind: "secret", required: true }, { id: "chat", key: "channel.chat", required: true }],
  syslog: [
    { id: "host", key: "channel.host", required: true }, { id: "port", key: "channel.port", kind: "number" },
    { id: "transport", key: "channel.transport", choices: ["udp", "tcp"] }, { id: "facility", key: "channel.facility", kind: "number" },
  ],
};

export default function Channels() {
  const { t } = useI18n();
  const [query, set] = useQuery();
  const { may } = useSession();
  const answer = useApi<Listed<Channel>>("/channels");
  useTitle(t("nav.channels"));
  const editing = query.get("edit");
  const done = () => { set({ new: null, edit: null }, { replace: true }); answer.renew(); };
  return (
    <div className="page">
      <SubNav />
      <div className="headline">
        <h1>{t("nav.channels")}</h1>
        {answer.data && may("analyst") && <button type="button" className="strong" data-do="new" onClick={() => set({ new: 1, edit: null })}>{t("channel.new")}</button>}
      </div>
      <p className="note lead">{t("channel.text")}</p>
      <Answer of={answer} inside optional>
        {(data) => (
          <>
            {query.get("new") !== null && may("analyst") && <Editor channel={null} done={done} cancel={() => set({ new: null }, { replace: true })} />}
            {data.items.length === 0 ? <None>{t("channel.none")}</None> : (
              <div className="cards">
                {data.items.map((c) => (editing === String(c.id)
                  ? <Editor key={c.id} channel={c} done={done} cancel={() => set({ edit: null }, { replace: true })} />
                  : <Card key={c.id} channel={c} edit={() => set({ edit: c.id, new: null }, { replace: true })} renew={answer.renew} />))}
              </div>
            )}
          </>
        )}
      </Answer>
    </div>
  );
}

function Card({ channel, edit, renew }: { channel: Channel; edit: () => void; renew: () => void }) {
  const { t, name } = useI18n();
  const { may } = useSession();
  const doing = useDoing();
  const [said, setSaid] = useState<{ delivered: boolean; detail: string | null } | null>(null);
  const test = () => doing.run(async () => setSaid(await send<{ delivered: boolean; detail: string | null }>("POST", `/channels/${channel.id}/test`)));
  const remove = async () => { if (await doing.run(() => send("DELETE", `/channels/${channel.id}`))) renew(); };
  return (
    <Panel title={channel.name} note={name("channelkind", channel.kind)} action={may("analyst") ? (
      <>
        <button type="button" className="small" data-do="test" disabled={doing.busy} onClick={() => void test()}>{t("channel.test")}</button>
        <button type="button" className="quiet small" data-do="edit" onClick={edit}>{t("do.edit")}</button>
        <Sure label={t("do.delete")} disabled={doing.busy} act={() => void remove()} />
      </>
    ) : undefined}>
      <Facts facts={channel.settings} />
      <p><Link to={`/deliveries?channel=${channel.id}`}>{t("nav.deliveries")}</Link></p>
      {said && <p className={said.delivered ? "good" : "problem"} role="status" data-delivered={said.delivered}>{t(said.delivered ? "channel.delivered" : "channel.notDelivered")} {said.detail ?? ""}</p>}
      <Problem text={doing.problem} />
    </Panel>
  );
}

function Editor({ channel, done, cancel }: { channel: Channel | null; done: () => void; cancel: () => void }) {
  const { t, name: named } = useI18n();
  const [name, setName] = useState(channel?.name ?? "");
  const [kind, setKind] = useState<ChannelKind>(channel?.kind ?? "email");
  const shown = (v: unknown): string => (v === undefined || v === null ? "" : Array.isArray(v) ? v.join(", ") : String(v));
  const [values, setValues] = useState<Record<string, string>>(() => Object.fromEntries(
    Object.entries(channel?.settings ?? {}).filter(([k]) => !SETTINGS[channel?.kind ?? "email"].some((s) => s.id === k && s.kind === "secret")).map(([k, v]) => [k, shown(v)])));
  const [near, setNear] = useState(channel?.settings["allow_private"] === true);
  const doing = useDoing();
  const fields = SETTINGS[kind];

  const settings = (): Record<string, unknown> => {
    // What the form does not show stays as it was; a secret left empty is left out, so that the server keeps its own.
    const kept = channel && channel.kind === kind ? { ...channel.settings } : {};
    for (const f of fields) {
      const text = (values[f.id] ?? "").trim();
      if (f.kind === "secret" && text === "") continue;
      if (text === "") { delete kept[f.id]; continue; }
      kept[f.id] = f.kind === "list" ? text.split(/[,\n]/).map((x) => x.trim()).filter(Boolean) : f.kind === "number" ? Number(text) : text;
    }
    if (near) kept["allow_private"] = true;
    else delete kept["allow_private"];
    return kept;
  };
  const save = async () => {
    const body = { name: name.trim(), kind, settings: settings() };
    if (await doing.run(() => (channel ? send("PUT", `/channels/${channel.id}`, body) : send("POST", "/channels", body)))) done();
  };
  return (
    <section className="panel editor">
      <Form submit={() => void save()} busy={doing.busy} label={t("do.save")} cancel={cancel}>
        <div className="columns">
          <TextField label={t("field.name")} value={name} set={setName} required />
          {channel === null && <ChoiceField label={t("col.type")} value={kind} options={CHANNEL_KINDS} set={(k) => setKind(k as ChannelKind)} show={(k) => named("channelkind", k)} />}
          {fields.map((f) => {
            const value = values[f.id] ?? "";
            const put = (v: string) => setValues({ ...values, [f.id]: v });
            if (f.choices) return <ChoiceField key={f.id} label={t(f.key)} value={value || (f.choices[0] ?? "")} options={f.choices} set={put} show={(c) => c} />;
            return (
              <TextField key={f.id} label={t(f.key)} value={value} set={put} type={f.kind === "secret" ? "password" : "text"} autoComplete={f.kind === "secret" ? "new-password" : "off"}
                required={(f.required ?? false) && !(channel && f.kind === "secret")} {...(f.placeholder ? { placeholder: f.placeholder } : {})}
                {...(channel && f.kind === "secret" ? { hint: t("channel.keepSecret") } : {})} />
            );
          })}
        </div>
        <Checks label={t("channel.reach")} options={["near"]} chosen={near ? ["near"] : []} set={(c) => setNear(c.length > 0)} show={() => t("channel.private")} />
        <Problem text={doing.problem} />
      </Form>
    </section>
  );
}
