import { useMemo, useState } from "react";
import type { Role, Sentence, Threat } from "../api.ts";
import { Bars } from "../charts/chart.tsx";
import { useI18n } from "../i18n/index.ts";
import { bins } from "../parts/bins.ts";
import { AccountLink, EntityList, Meter, Panel, PostLinks, Seen, StatusBadge, TypeBadge, Value } from "../parts/bits.tsx";
import { ThreatBriefs } from "../parts/lists.tsx";
import { MarkLegend, Marked, marksOfSentence, whyOfSentence } from "../parts/spans.tsx";
import { useLocal } from "../parts/local.ts";
import { Answer, None } from "../parts/states.tsx";
import { TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to, useQuery } from "../router.tsx";

const ROLES: Role[] = ["actor", "target", "asset", "version", "vulnerability", "technique", "price", "quantity", "payment", "contact", "time", "place"];
const STEP = 40;
const TOPICS = ["threat"] as const;

export default function ThreatPage({ id }: { id: string }) {
  // The id comes from the address: decoded once, encoded once, whatever stands in it.
  const answer = useApi<Threat>(`/threats/${encodeURIComponent(decode(id))}`, TOPICS);
  useTitle(answer.data?.title);
  return <Answer of={answer}>{(data) => <Content data={data} />}</Answer>;
}

function decode(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function Content({ data }: { data: Threat }) {
  const { t, count, fixed } = useI18n();
  return (
    <div className="page">
      <div className="subject">
        <h1><bdi>{data.title}</bdi></h1>
        <div className="facts">
          <TypeBadge type={data.type} family={data.family} />
          <StatusBadge status={data.status} />
          <span>{t("col.severity")} <b className="num">{fixed(data.severity)}</b></span>
          <span>{t("col.confidence")} <b className="num">{fixed(data.confidence)}</b></span>
          <span>{t("col.firstSeen")} <Seen iso={data.first_seen} /></span>
          <span>{t("col.lastSeen")} <Seen iso={data.last_seen} /></span>
          <span>{count(data.mentions, "mentions")}</span>
          <span>{count(data.posts, "posts")}</span>
          <span><bdi>{data.forums.join(", ")}</bdi></span>
        </div>
      </div>
      <div className="grid">
        <div className="column w8">
          <Arguments data={data} />
          <Panel title={t("threat.timeline")} note={count(data.timeline.length, "mentions")} id="timeline"
            action={<TakeTable name={`threat-${data.id}`} columns={EVIDENCE} rows={data.timeline} />}>
            <Timeline list={data.timeline} />
          </Panel>
        </div>
        <div className="column w4">
          <SeverityParts data={data} />
          <Credibility data={data} />
          <StatusOverTime data={data} />
          <OverTime list={data.timeline} />
          <Participants data={data} />
          <Panel title={t("threat.entities")}><EntityList entities={data.entities} /></Panel>
          <Panel title={t("threat.related")}><ThreatBriefs threats={data.related} /></Panel>
        </div>
      </div>
    </div>
  );
}

function SeverityParts({ data }: { data: Threat }) {
  const { t, name, fixed } = useI18n();
  return (
    <Panel title={t("threat.severityParts")} note={<b className="num">{fixed(data.severity)}</b>}>
      {data.severity_parts.length === 0 ? <None /> : (
        <ul className="sevparts">
          {data.severity_parts.map((p) => (
            <li key={p.name}>
              <span className="what">{name("part", p.name)}</span>
              <Meter value={p.value} />
              <span className="note">{t("threat.weight", { weight: fixed(p.weight) })}</span>
              <span className="sub"><bdi>{p.note}</bdi></span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

/** How far the claim can be trusted, part by part, with the posts that each part rests on. */
function Credibility({ data }: { data: Threat }) {
  const { t, name, fixed } = useI18n();
  const c = data.credibility;
  if (!c) return null;
  return (
    <Panel title={t("threat.credibility")} note={<b className="num">{fixed(c.value)}</b>}>
      <ul className="sevparts">
        {c.parts.map((p) => (
          <li key={p.name}>
            <span className="what">{name("part", p.name)}</span>
            <Meter value={p.value} />
            <span className="note">{p.weight !== undefined && t("threat.weight", { weight: fixed(p.weight) })}</span>
            <span className="sub"><bdi>{p.note}</bdi> <PostLinks posts={p.posts} first={2} /></span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function StatusOverTime({ data }: { data: Threat }) {
  const { t } = useI18n();
  const list = data.status_over_time ?? [];
  if (list.length === 0) return null;
  return (
    <Panel title={t("threat.statusOverTime")}>
      <ol className="rows">
        {list.map((s, i) => <li key={i}><StatusBadge status={s.status} />{s.post !== undefined && <Link to={to.post(s.post)} className="num">#{s.post}</Link>}<span className="n"><Seen iso={s.time} /></span></li>)}
      </ol>
    </Panel>
  );
}

const EVIDENCE: Column<Sentence>[] = [
  { id: "time", head: "facet.time", raw: (s) => s.time, cell: () => null }, { id: "post", head: "col.posts", raw: (s) => s.post_id, cell: () => null },
  { id: "forum", head: "col.forum", raw: (s) => s.forum, cell: () => null }, { id: "account", head: "col.name", raw: (s) => s.account?.name ?? null, cell: () => null },
  { id: "type", head: "col.type", raw: (s) => s.type, cell: () => null }, { id: "modality", head: "col.status", raw: (s) => s.modality, cell: () => null },
  { id: "confidence", head: "col.confidence", raw: (s) => s.confidence, cell: () => null }, { id: "sentence", head: "threat.timeline", raw: (s) => s.sentence, cell: () => null },
];

function Arguments({ data }: { data: Threat }) {
  const { t, name, num } = useI18n();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const FIRST = 5;
  const groups = ROLES.map((role) => ({ role, list: data.arguments.filter((a) => a.role === role) })).filter((g) => g.list.length > 0);
  return (
    <Panel title={t("threat.arguments")}>
      {groups.length === 0 ? <None /> : (
        <dl className="arguments">
          {groups.map(({ role, list }) => (
            <div key={role}>
              <dt>{name("role", role)}</dt>
              <dd>
                <ul>
                  {(open.has(role) ? list : list.slice(0, FIRST)).map((a, i) => (
                    <li key={i}>
                      <span className="what">
                        {a.entity_id === null ? <Value>{a.value}</Value> : <Link to={to.entity(a.entity_id)}><bdi>{a.value}</bdi></Link>}
                        {a.count > 1 && <span className="n">×{num(a.count)}</span>}
                      </span>
                      <PostLinks posts={a.posts} />
                    </li>
                  ))}
                </ul>
                {list.length > FIRST && !open.has(role) && (
                  <button type="button" className="quiet small" onClick={() => setOpen(new Set([...open, role]))}>
                    {t("list.more", { n: list.length - FIRST })}
                  </button>
                )}
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Panel>
  );
}

function OverTime({ list }: { list: Sentence[] }) {
  const { t, date, month } = useI18n();
  const found = useMemo(() => bins(list.map((s) => s.time)), [list]);
  const unit = { day: "threat.perDay", week: "threat.perWeek", month: "threat.perMonth" } as const;
  return (
    <Panel title={t("threat.overTime")} note={found ? t(unit[found.unit]) : undefined}>
      {found === null ? <None>{t("state.nochart")}</None> : (
        <Bars
          label={t("threat.overTimeLabel")} height={150}
          labels={found.starts.map((s) => (found.unit === "month" ? month(s.slice(0, 7)) : date(s)))}
          series={[{ name: t("col.mentions"), data: found.counts, colour: "--accent" }]}
        />
      )}
    </Panel>
  );
}

function Participants({ data }: { data: Threat }) {
  const { t, name, num } = useI18n();
  const [all, setAll] = useState(false);
  const FIRST = 10;
  const list = data.all_participants;
  return (
    <Panel title={t("threat.participants")} note={num(list.length)}>
      {list.length === 0 ? <None /> : (
        <ul className="rows people">
          {(all ? list : list.slice(0, FIRST)).map((p) => (
            <li key={p.id}>
              <span className="what">
                <Link to={to.actor(p.id)}><bdi>{p.name}</bdi></Link>
                <span className="sub">
                  <bdi>{p.forum}</bdi>
                  <span>{p.rank === null ? t("actor.unranked") : t("actor.ranked", { rank: num(p.rank) })}</span>
                  {p.as.length > 0 && <span>{p.as.map((a) => name("role", a)).join(", ")}</span>}
                </span>
              </span>
              <span className="n">{num(p.mentions)}</span>
            </li>
          ))}
        </ul>
      )}
      {!all && list.length > FIRST && (
        <button type="button" className="quiet more" onClick={() => setAll(true)}>{t("list.more", { n: list.length - FIRST })}</button>
      )}
    </Panel>
  );
}

function Timeline({ list }: { list: Sentence[] }) {
  const { t, name, num } = useI18n();
  const [query, set] = useQuery();
  const [shown, setShown] = useState(STEP);
  const [why, setWhy] = useLocal("threatminer.why", "off");
  const explained = list.some((s) => (s.why ?? []).length > 0);
  const modality = query.get("modality");
  const counts = useMemo(() => {
    const found = new Map<string, number>();
    for (const s of list) found.set(s.modality, (found.get(s.modality) ?? 0) + 1);
    return [...found].sort((a, b) => b[1] - a[1]);
  }, [list]);
  const chosen = modality !== null && counts.some(([m]) => m === modality) ? list.filter((s) => s.modality === modality) : list;
  const marks = useMemo(() => list.flatMap(marksOfSentence), [list]);
  if (list.length === 0) return <None />;
  const pick = (m: string | null) => set({ modality: m }, { replace: true });

  return (
    <>
      <div className="timelinehead">
        {counts.length > 1 && (
          <div className="tabs" role="group" aria-label={t("list.filter")}>
            <button type="button" aria-pressed={chosen === list} onClick={() => pick(null)}>{t("threat.allModality")} <span className="n">{num(list.length)}</span></button>
            {counts.map(([m, n]) => (
              <button key={m} type="button" aria-pressed={modality === m} onClick={() => pick(m)}>{name("modality", m)} <span className="n">{num(n)}</span></button>
            ))}
          </div>
        )}
        {explained && <button type="button" className="quiet small" data-do="why" aria-pressed={why === "on"} onClick={() => setWhy(why === "on" ? "off" : "on")}>{t("threat.why")}</button>}
        <MarkLegend marks={marks} />
      </div>
      {explained && why === "on" && <p className="note">{t("threat.whyText")}</p>}
      <ol className="timeline">
        {chosen.slice(0, shown).map((s, i) => <Entry key={`${s.post_id}-${s.sentence_start}-${i}`} s={s} why={why === "on"} />)}
      </ol>
      {chosen.length > shown && (
        <button type="button" className="quiet more" onClick={() => setShown(shown + STEP)}>
          {t("list.more", { n: Math.min(STEP, chosen.length - shown) })}
        </button>
      )}
    </>
  );
}

function Entry({ s, why }: { s: Sentence; why: boolean }) {
  const { t, name, time, fixed } = useI18n();
  const marks = useMemo(() => (why ? whyOfSentence(s) : marksOfSentence(s)), [s, why]);
  const end = s.sentence_start + Array.from(s.sentence).length;
  return (
    <li className={`mod-${s.modality}`}>
      <div className="meta">
        <time dateTime={s.time ?? undefined}>{time(s.time) || t("threat.undated")}</time>
        <AccountLink account={s.account} />
        <bdi>{s.forum}</bdi>
        <span>{name("event", s.type)}</span>
        <span className={`badge mod mod-${s.modality}`}>{name("modality", s.modality)}</span>
        <span className="num" title={t("col.confidence")}>{fixed(s.confidence)}</span>
        <Link className="num evidence" to={to.post(s.post_id, { start: s.sentence_start, end })}>{t("threat.openPost", { id: s.post_id })}</Link>
      </div>
      <p className="sentence" dir="auto"><Marked text={s.sentence} marks={marks} /></p>
      <Link to={to.thread(s.thread_id)} className="thread"><bdi>{s.thread}</bdi></Link>
    </li>
  );
}
