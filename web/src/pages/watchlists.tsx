import { useState } from "react";
import { send } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Panel } from "../parts/bits.tsx";
import { AreaField, ChoiceField, Field, Form, Problem, Sure, TextField, useDoing } from "../parts/forms.tsx";
import { SubNav } from "../parts/places.tsx";
import { Answer, None } from "../parts/states.tsx";
import { TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to, useQuery } from "../router.tsx";
import { useSession } from "../session.tsx";
import { WATCH_KINDS, type Listed, type Watchlist } from "../workplace.ts";

const lines = (text: string) => [...new Set(text.split("\n").map((l) => l.trim()).filter(Boolean))];
const SHOWN = 24;

export default function Watchlists() {
  const { t, name, num } = useI18n();
  const [query, set] = useQuery();
  const { may } = useSession();
  const answer = useApi<Listed<Watchlist>>("/watchlists");
  useTitle(t("nav.watchlists"));
  const editing = query.get("edit");
  const making = query.get("new");
  const done = () => { set({ new: null, edit: null, item: null }, { replace: true }); answer.renew(); };
  const columns: Column<{ list: Watchlist; item: string }>[] = [
    { id: "list", head: "col.name", raw: (x) => x.list.name, cell: () => null }, { id: "kind", head: "col.type", raw: (x) => x.list.kind, cell: () => null },
    { id: "item", head: "col.value", raw: (x) => x.item, cell: () => null },
  ];

  return (
    <div className="page">
      <SubNav />
      <div className="headline">
        <h1>{t("nav.watchlists")}</h1>
        {answer.data && may("analyst") && <button type="button" className="strong" data-do="new" onClick={() => set({ new: "keyword", edit: null })}>{t("watch.new")}</button>}
        <TakeTable name="watchlists" columns={columns} rows={(answer.data?.items ?? []).flatMap((list) => list.items.map((item) => ({ list, item })))} />
      </div>
      <p className="note lead">{t("watch.text")}</p>
      <Answer of={answer} inside optional>
        {(data) => (
          <>
            {making !== null && may("analyst") && (
              <Editor key="new" list={null} lists={data.items} kind={making} item={query.get("item") ?? ""} done={done} cancel={() => set({ new: null, item: null }, { replace: true })} />
            )}
            {may("analyst") && <Import done={() => answer.renew()} />}
            {data.items.length === 0 ? <None>{t("watch.none")}</None> : (
              <div className="cards">
                {data.items.map((w) => (editing === String(w.id)
                  ? <Editor key={w.id} list={w} lists={data.items} kind={w.kind} item="" done={done} cancel={() => set({ edit: null }, { replace: true })} />
                  : (
                    <Panel key={w.id} title={w.name} note={`${name("watchkind", w.kind)} · ${num(w.items.length)}`}
                      action={may("analyst") ? <Buttons list={w} edit={() => set({ edit: w.id, new: null }, { replace: true })} renew={answer.renew} /> : undefined}>
                      {w.items.length === 0 ? <None /> : (
                        <ul className="itemlist">
                          {w.items.slice(0, SHOWN).map((item) => (
                            <li key={item}><Link to={to.search(`"${item.replace(/["\\]/g, " ").trim()}"`)}><bdi>{item}</bdi></Link></li>
                          ))}
                          {w.items.length > SHOWN && <li className="note">{t("facet.more", { n: num(w.items.length - SHOWN) })}</li>}
                        </ul>
                      )}
                    </Panel>
                  )))}
              </div>
            )}
          </>
        )}
      </Answer>
    </div>
  );
}

function Buttons({ list, edit, renew }: { list: Watchlist; edit: () => void; renew: () => void }) {
  const { t } = useI18n();
  const doing = useDoing();
  const remove = async () => { if (await doing.run(() => send("DELETE", `/watchlists/${list.id}`))) renew(); };
  return (
    <>
      <Problem text={doing.problem} />
      <button type="button" className="quiet small" data-do="edit" onClick={edit}>{t("do.edit")}</button>
      <Sure label={t("do.delete")} disabled={doing.busy} act={() => void remove()} />
    </>
  );
}

/** A new list, a changed one, or one more value for a list that is there. */
function Editor({ list, lists, kind: given, item, done, cancel }: {
  list: Watchlist | null; lists: Watchlist[]; kind: string; item: string; done: () => void; cancel: () => void;
}) {
  const { t, name: named } = useI18n();
  const kindOf = (k: string) => WATCH_KINDS.find((x) => x === k) ?? "keyword";
  const [name, setName] = useState(list?.name ?? "");
  const [kind, setKind] = useState(kindOf(given));
  const [items, setItems] = useState(list ? list.items.join("\n") : item);
  const fitting = list === null && item !== "" ? lists.filter((l) => l.kind === kind) : [];
  const [into, setInto] = useState("");
  const doing = useDoing();
  const save = async () => {
    const target = lists.find((l) => String(l.id) === into);
    const ok = await doing.run(() => {
      if (target) return send("PUT", `/watchlists/${target.id}`, { name: target.name, kind: target.kind, items: [...new Set([...target.items, ...lines(items)])] });
      const body = { name: name.trim(), kind, items: lines(items) };
      return list ? send("PUT", `/watchlists/${list.id}`, body) : send("POST", "/watchlists", body);
    });
    if (ok) done();
  };
  return (
    <section className="panel editor">
      <Form submit={() => void save()} busy={doing.busy} label={t("do.save")} cancel={cancel}>
        {fitting.length > 0 && (
          <Field label={t("watch.into")}>
            <select value={into} onChange={(e) => setInto(e.target.value)}>
              <option value="">{t("watch.new")}</option>
              {fitting.map((l) => <option key={l.id} value={l.id}>{l.name}</option>)}
            </select>
          </Field>
        )}
        {into === "" && (
          <>
            <TextField label={t("field.name")} value={name} set={setName} required />
            <ChoiceField label={t("col.type")} value={kind} options={WATCH_KINDS} set={(k) => setKind(kindOf(k))} show={(k) => named("watchkind", k)} />
          </>
        )}
        <AreaField label={t("watch.items")} hint={t("watch.itemsHint")} value={items} set={setItems} />
        <Problem text={doing.problem} />
      </Form>
    </section>
  );
}

function Import({ done }: { done: () => void }) {
  const { t } = useI18n();
  const doing = useDoing();
  const [format, setFormat] = useState("stix");
  const read = async (file: File | undefined) => {
    if (file && await doing.run(async () => send("POST", `/watchlists/import?format=${format}`, await file.text()))) done();
  };
  return (
    <details className="help">
      <summary>{t("watch.import")}</summary>
      <div className="inline">
        <select value={format} onChange={(e) => setFormat(e.target.value)} aria-label={t("export.format")}><option value="stix">STIX 2.1</option><option value="misp">MISP</option></select>
        <input type="file" accept=".json,application/json" aria-label={t("watch.file")} onChange={(e) => { void read(e.target.files?.[0]); e.target.value = ""; }} />
        {doing.done && <span className="note" role="status">{t("do.done")}</span>}
      </div>
      <Problem text={doing.problem} />
    </details>
  );
}
