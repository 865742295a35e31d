import { useState, type FormEvent, type ReactNode } from "react";
import { withQuery, type ActorSummary, type EntityCount, type Page, type Portrait } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { EntityList, Panel, PartsBar, PartsLegend, Seen, partNames } from "../parts/bits.tsx";
import { SubNav } from "../parts/places.tsx";
import { Answer, None } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to, useGo, useQuery } from "../router.tsx";
import { Activity, Hours, Radar } from "./actor-charts.tsx";

function idsOf(text: string | null): number[] {
  return [...new Set((text ?? "").split(",").filter((x) => /^\d{1,16}$/.test(x)).map(Number))].slice(0, 2);
}

/** Two portraits beside each other, and what they share. */
export default function Compare() {
  const { t } = useI18n();
  const [query] = useQuery();
  const [first, second] = idsOf(query.get("ids"));
  const a = useApi<Portrait>(first === undefined ? null : `/actors/${first}`);
  const b = useApi<Portrait>(second === undefined ? null : `/actors/${second}`);
  useTitle(t("nav.compare"));
  return (
    <div className="page">
      <SubNav />
      <div className="headline"><h1>{t("nav.compare")}</h1></div>
      {first === undefined || second === undefined ? (
        <Choose first={first} />
      ) : (
        <Answer of={a} inside>{(one) => <Answer of={b} inside>{(two) => <Both one={one} two={two} />}</Answer>}</Answer>
      )}
    </div>
  );
}

/** Finds the accounts to compare by their names. */
function Choose({ first }: { first: number | undefined }) {
  const { t } = useI18n();
  const go = useGo();
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const known = useApi<Portrait>(first === undefined ? null : `/actors/${first}`);
  const found = useApi<Page<ActorSummary>>(withQuery("/actors", { q: asked, limit: 12 }));
  const submit = (event: FormEvent) => { event.preventDefault(); setAsked(text.trim()); };
  return (
    <>
      <p>{first === undefined ? t("compare.none") : <>{t("compare.with")} <b><bdi>{known.data?.actor.name ?? `#${first}`}</bdi></b></>}</p>
      <form className="inline" onSubmit={submit}>
        <input type="search" value={text} maxLength={200} onChange={(e) => setText(e.target.value)} placeholder={t("list.filterNames")} aria-label={t("list.filterNames")} autoComplete="off" />
        <button type="submit">{t("search.submit")}</button>
      </form>
      <Answer of={found} inside>
        {(data) => {
          const list = data.items.filter((x) => x.id !== first);
          return list.length === 0 ? <None /> : (
            <ul className="rows people">
              {list.map((x) => (
                <li key={x.id}>
                  <span className="what">
                    <button type="button" className="linkish" onClick={() => go(to.compare(first === undefined ? [x.id] : [first, x.id]))}><bdi>{x.name}</bdi></button>
                    <span className="sub"><bdi>{x.forum}</bdi></span>
                  </span>
                </li>
              ))}
            </ul>
          );
        }}
      </Answer>
    </>
  );
}

function shared<T>(a: T[], b: T[], key: (x: T) => string | number): T[] {
  const other = new Set(b.map(key));
  return a.filter((x) => other.has(key(x)));
}

function Both({ one, two }: { one: Portrait; two: Portrait }) {
  const { t, num, fixed, name, count } = useI18n();
  const names = partNames([one.actor.parts, two.actor.parts]);
  const best = Math.max(one.actor.score, two.actor.score);
  const words = shared(one.keywords, two.keywords, (k) => k.word);
  const entities: EntityCount[] = shared(one.entities, two.entities, (e) => e.id);
  const threats = shared(one.threats, two.threats, (x) => x.id);
  const tie = one.neighbours.find((n) => n.id === two.actor.id) ?? null;
  const alias = one.aliases.find((a) => a.id === two.actor.id) ?? two.aliases.find((a) => a.id === one.actor.id) ?? null;
  const row = (label: string, of: (p: Portrait) => ReactNode) => <tr><th scope="row">{label}</th><td>{of(one)}</td><td>{of(two)}</td></tr>;
  const zone = (p: Portrait) => (p.time_zone ? `UTC${p.time_zone.offset < 0 ? "−" : "+"}${Math.abs(p.time_zone.offset)}` : "–");

  return (
    <div className="grid">
      <Panel className="w12" title={t("compare.figures")}>
        <PartsLegend names={names} />
        <table className="versus">
          <thead>
            <tr>
              <td />
              {[one, two].map((p) => <th key={p.actor.id} scope="col"><Link to={to.actor(p.actor.id)}><bdi>{p.actor.name}</bdi></Link> <span className="sub"><bdi>{p.actor.forum}</bdi></span></th>)}
            </tr>
          </thead>
          <tbody>
            {row(t("col.rank"), (p) => num(p.actor.rank))}
            {row(t("col.score"), (p) => fixed(p.actor.score, 3))}
            {row(t("col.parts"), (p) => <PartsBar parts={p.actor.parts} names={names} max={best} />)}
            {row(t("col.posts"), (p) => num(p.actor.posts))}
            {row(t("actor.started"), (p) => num(p.actor.threads_started))}
            {row(t("col.answers"), (p) => num(p.actor.answers_received))}
            {row(t("col.firstSeen"), (p) => <Seen iso={p.actor.first_seen} />)}
            {row(t("col.lastSeen"), (p) => <Seen iso={p.actor.last_seen} />)}
            {row(t("col.language"), (p) => p.languages.map((l) => `${name("language", l.language)} ${num(l.posts)}`).join(", ") || "–")}
            {row(t("actor.roles"), (p) => (p.roles ?? []).slice(0, 3).map((r) => name("part", r.role)).join(", ") || "–")}
            {row(t("actor.community"), (p) => (p.community === null ? "–" : num(p.community)))}
            {row(t("compare.zone"), zone)}
          </tbody>
        </table>
      </Panel>
      <Panel className="w4" title={t("compare.tie")}>
        {tie === null && alias === null ? <None /> : (
          <ul className="brief">
            {tie && <li>{t("compare.answers", { a: one.actor.name, b: two.actor.name, n: tie.answered, m: tie.answered_by })}</li>}
            {alias && <li>{t("actor.alias", { percent: Math.round(alias.probability * 100) })} {alias.reasons.map((r) => r.text).join("; ")}</li>}
          </ul>
        )}
        <h3>{t("actor.keywords")}</h3>
        {words.length === 0 ? <None /> : <p>{words.map((w) => w.word).join(" · ")}</p>}
      </Panel>
      <Panel className="w4" title={t("compare.entities")} note={num(entities.length)}><EntityList entities={entities} /></Panel>
      <Panel className="w4" title={t("compare.threats")} note={num(threats.length)}>
        {threats.length === 0 ? <None /> : (
          <ul className="rows">{threats.map((x) => <li key={x.id}><Link to={to.threat(x.id)}><bdi>{x.title}</bdi></Link><span className="n">{count(x.mentions, "mentions")}</span></li>)}</ul>
        )}
      </Panel>
      {[one, two].map((p) => (
        <div key={p.actor.id} className="column w6">
          <Panel title={`${p.actor.name}: ${t("actor.activity")}`}><Activity data={p} /></Panel>
          <Panel title={t("actor.byHour")}><Hours data={p} /></Panel>
          <Panel title={t("actor.fields")}><Radar data={p} /></Panel>
        </div>
      ))}
    </div>
  );
}
