import { useState } from "react";
import { send, type Mark, type Portrait } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Link, to } from "../router.tsx";
import { useSession } from "../session.tsx";
import { Problem, useDoing } from "./forms.tsx";

const MARKS: Mark[] = ["key", "not_key", "watch"];

function markOf(data: Portrait): { mark: Mark | null; note: string } {
  const given = data.mark ?? data.actor.mark ?? null;
  if (given === null || typeof given === "string") return { mark: given, note: "" };
  return { mark: given.mark, note: given.note ?? "" };
}

/** The analyst's own word about an account: key, not key, watched, with a note. It outlives a new ranking. */
export function MarkActor({ data }: { data: Portrait }) {
  const { t, name } = useI18n();
  const { may } = useSession();
  const [state, setState] = useState(markOf(data));
  const [open, setOpen] = useState(false);
  const doing = useDoing();
  if (!may("analyst")) return state.mark === null ? null : <span className={`badge mk-${state.mark}`}>{name("mark", state.mark)}</span>;
  const put = async (next: { mark: Mark | null; note: string }) => {
    if (await doing.run(() => send("POST", `/actors/${data.actor.id}/mark`, { mark: next.mark, note: next.note || null }))) setState(next);
  };
  return (
    <span className="marking">
      <span className="tabs" role="group" aria-label={t("mark.title")}>
        {MARKS.map((m) => (
          <button key={m} type="button" data-mark-as={m} disabled={doing.busy} aria-pressed={state.mark === m} onClick={() => void put({ ...state, mark: state.mark === m ? null : m })}>
            {name("mark", m)}
          </button>
        ))}
        <button type="button" aria-pressed={open} onClick={() => setOpen(!open)}>{t("mark.note")}</button>
      </span>
      {open
        ? (
          <form className="inline" onSubmit={(e) => { e.preventDefault(); void put(state).then(() => setOpen(false)); }}>
            <input value={state.note} maxLength={1000} aria-label={t("mark.note")} onChange={(e) => setState({ ...state, note: e.target.value })} />
            <button type="submit" disabled={doing.busy}>{t("do.save")}</button>
          </form>
        )
        : state.note !== "" && <span className="note" dir="auto">{state.note}</span>}
      <Problem text={doing.problem} />
    </span>
  );
}

type Alias = Portrait["aliases"][number];

/** One account that may be the same person, with what speaks for and against it, and the analyst's verdict. */
export function AliasRow({ account, alias }: { account: number; alias: Alias }) {
  const { t } = useI18n();
  const { may } = useSession();
  const [verdict, setVerdict] = useState(alias.verdict);
  const doing = useDoing();
  const say = async (next: Alias["verdict"]) => {
    const words = { accepted: "same", rejected: "different" } as const;
    if (await doing.run(() => send("POST", "/aliases", { account, other: alias.id, verdict: next === null ? null : words[next] }))) setVerdict(next);
  };
  return (
    <li className={verdict === "rejected" ? "alias struck" : "alias"}>
      {t("actor.alias", { percent: Math.round(alias.probability * 100) })}{" "}
      <Link to={to.actor(alias.id)}><bdi>{alias.name}</bdi></Link> (<bdi>{alias.forum}</bdi>): {alias.reasons.map((r) => r.text).join("; ")}{" "}
      <Link to={to.compare([account, alias.id])}>{t("compare.do")}</Link>
      {may("analyst")
        ? (
          <span className="tabs" role="group" aria-label={t("alias.verdict", { name: alias.name })}>
            <button type="button" data-verdict="same" disabled={doing.busy} aria-pressed={verdict === "accepted"} onClick={() => void say(verdict === "accepted" ? null : "accepted")}>{t("alias.same")}</button>
            <button type="button" data-verdict="different" disabled={doing.busy} aria-pressed={verdict === "rejected"} onClick={() => void say(verdict === "rejected" ? null : "rejected")}>{t("alias.different")}</button>
          </span>
        )
        : verdict !== null && <span className="badge">{t(verdict === "accepted" ? "alias.same" : "alias.different")}</span>}
      <Problem text={doing.problem} />
    </li>
  );
}
