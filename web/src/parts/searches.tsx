import { useState } from "react";
import { send } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Link, to } from "../router.tsx";
import { useSession } from "../session.tsx";
import type { Listed, SavedSearch } from "../workplace.ts";
import { Panel } from "./bits.tsx";
import { Problem, Sure, useDoing } from "./forms.tsx";
import { readLocal, writeLocal } from "./local.ts";
import { None } from "./states.tsx";
import { useApi } from "./use-api.ts";

const HISTORY_KEY = "threatminer.searches";
const HISTORY_MOST = 20;

/** What was searched in this browser, newest first. */
export function history(): string[] {
  try {
    const list = JSON.parse(readLocal(HISTORY_KEY) ?? "[]") as unknown;
    return Array.isArray(list) ? list.filter((x): x is string => typeof x === "string") : [];
  } catch {
    return [];
  }
}

export function remember(query: string): void {
  writeLocal(HISTORY_KEY, JSON.stringify([query, ...history().filter((x) => x !== query)].slice(0, HISTORY_MOST)));
}

export function forgetHistory(): void {
  writeLocal(HISTORY_KEY, null);
}

export function HistoryList() {
  const { t } = useI18n();
  const [list, setList] = useState(history);
  return (
    <Panel className="w6" title={t("find.history")}
      action={list.length > 0 ? <button type="button" className="quiet small" onClick={() => { forgetHistory(); setList([]); }}>{t("find.historyClear")}</button> : undefined}>
      {list.length === 0 ? <None>{t("find.historyNone")}</None> : (
        <ul className="rows">{list.map((q) => <li key={q}><Link to={to.search(q)} className="mono"><bdi>{q}</bdi></Link></li>)}</ul>
      )}
    </Panel>
  );
}

export function SavedList() {
  const { t, date } = useI18n();
  const { may } = useSession();
  const answer = useApi<Listed<SavedSearch>>("/searches");
  const doing = useDoing();
  const remove = async (id: number) => { if (await doing.run(() => send("DELETE", `/searches/${id}`))) answer.renew(); };
  return (
    <Panel className="w6" title={t("find.saved")}>
      <Problem text={doing.problem} />
      {answer.error || (answer.data && answer.data.items.length === 0) ? <None>{t(answer.error ? "find.savedAbsent" : "find.savedNone")}</None> : (
        <ul className="rows">
          {answer.data?.items.map((s) => (
            <li key={s.id}>
              <span className="what"><Link to={to.search(s.query)}><bdi>{s.name}</bdi></Link> <span className="sub mono"><bdi>{s.query}</bdi></span></span>
              <span className="n">{date(s.created)} {may("viewer") && <Sure label={t("do.delete")} act={() => void remove(s.id)} />}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** Keeps the query of this page under a name. Not shown where the server keeps none. */
export function SaveSearch({ query }: { query: string }) {
  const { t } = useI18n();
  const { may } = useSession();
  const saved = useApi<Listed<SavedSearch>>("/searches");
  const [name, setName] = useState<string | null>(null);
  const doing = useDoing();
  if (saved.error || !saved.data || !may("viewer")) return null;
  if (saved.data.items.some((s) => s.query === query)) return <span className="badge accent">{t("find.isSaved")}</span>;
  if (name === null) return <button type="button" className="quiet small" data-do="save-search" onClick={() => setName(query)}>{t("find.save")}</button>;
  const keep = async () => {
    if (await doing.run(() => send("POST", "/searches", { name: name.trim() || query, query }))) { setName(null); saved.renew(); }
  };
  return (
    <form className="inline" onSubmit={(e) => { e.preventDefault(); void keep(); }}>
      <input value={name} maxLength={200} aria-label={t("field.name")} onChange={(e) => setName(e.target.value)} />
      <button type="submit" disabled={doing.busy}>{t("do.save")}</button>
      <Problem text={doing.problem} />
    </form>
  );
}
