import { useState } from "react";
import { send } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Seen } from "../parts/bits.tsx";
import { Checks, Form, Problem, Sure, TextField, useDoing } from "../parts/forms.tsx";
import { SubNav } from "../parts/places.tsx";
import { Answer, None } from "../parts/states.tsx";
import { Table, TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { useSession } from "../session.tsx";
import { SCOPES, type Listed, type Scope, type Token } from "../workplace.ts";

export default function Tokens() {
  const { t, name } = useI18n();
  const answer = useApi<Listed<Token>>("/tokens");
  const [making, setMaking] = useState(false);
  const [fresh, setFresh] = useState<Token | null>(null);
  const doing = useDoing();
  useTitle(t("nav.tokens"));
  const remove = async (id: number) => { if (await doing.run(() => send("DELETE", `/tokens/${id}`))) answer.renew(); };
  const columns: Column<Token>[] = [
    { id: "name", head: "field.name", shape: "main", raw: (x) => x.name, cell: (x) => <bdi className="title">{x.name}</bdi> },
    { id: "scopes", head: "token.scopes", raw: (x) => x.scopes, cell: (x) => x.scopes.map((s) => name("scope", s)).join(", ") },
    { id: "created", head: "field.created", shape: "when", raw: (x) => x.created, cell: (x) => <Seen iso={x.created} /> },
    { id: "last_used", head: "token.lastUsed", shape: "when", raw: (x) => x.last_used, cell: (x) => <Seen iso={x.last_used} /> },
    { id: "expires", head: "token.expires", shape: "when", raw: (x) => x.expires, cell: (x) => (x.expires ? <Seen iso={x.expires} /> : t("token.never")) },
  ];
  const shown: Column<Token>[] = [...columns, { id: "delete", head: "field.change", raw: () => null, cell: (x) => <Sure label={t("do.delete")} disabled={doing.busy} act={() => void remove(x.id)} /> }];
  return (
    <div className="page">
      <SubNav />
      <div className="headline">
        <h1>{t("nav.tokens")}</h1>
        {answer.data && <button type="button" className="strong" data-do="new" onClick={() => { setMaking(true); setFresh(null); }}>{t("token.new")}</button>}
        <TakeTable name="tokens" columns={columns} rows={answer.data?.items ?? []} />
      </div>
      <p className="note lead">{t("token.text")}</p>
      <Answer of={answer} inside optional>
        {(data) => (
          <>
            {making && <Editor done={(token) => { setMaking(false); setFresh(token); answer.renew(); }} cancel={() => setMaking(false)} />}
            {fresh?.token && (
              <div className="panel fresh" role="status">
                <p><b>{t("token.once")}</b></p>
                <code data-token>{fresh.token}</code>
                <p className="note"><code>curl -H &quot;Authorization: Bearer …&quot; {location.origin}/api/v1/threats</code></p>
              </div>
            )}
            <Problem text={doing.problem} />
            <Table rows={data.items} columns={shown} id={(x) => x.id} label={t("nav.tokens")} empty={<None>{t("token.none")}</None>} />
          </>
        )}
      </Answer>
    </div>
  );
}

function Editor({ done, cancel }: { done: (token: Token) => void; cancel: () => void }) {
  const { t, name: named } = useI18n();
  const { may } = useSession();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<string[]>(["read"]);
  const [expires, setExpires] = useState("");
  const doing = useDoing();
  const save = () => doing.run(async () => {
    const body = { name: name.trim(), scopes: scopes as Scope[], expires: expires === "" ? null : `${expires}T23:59:59Z` };
    done(await send<Token>("POST", "/tokens", body));
  });
  return (
    <section className="panel editor">
      <Form submit={() => void save()} busy={doing.busy} label={t("do.save")} cancel={cancel}>
        <div className="columns">
          <TextField label={t("field.name")} value={name} set={setName} required autoFocus />
          <TextField label={t("token.expires")} type="date" value={expires} set={setExpires} />
        </div>
        <Checks label={t("token.scopes")} options={SCOPES.filter((s) => s === "read" || may(s === "admin" ? "admin" : "analyst"))} chosen={scopes} set={setScopes} show={(s) => named("scope", s)} />
        <Problem text={doing.problem} />
      </Form>
    </section>
  );
}
