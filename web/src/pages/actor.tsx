import type { Portrait } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { EntityList, Meter, Panel, PartsBar, PostLinks, PostRefs, Seen, StatusBadge, TypeBadge, partNames } from "../parts/bits.tsx";
import { AliasRow, MarkActor } from "../parts/mark.tsx";
import { Answer, None } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { Link, to } from "../router.tsx";
import { Activity, Hours, Radar, RankHistory, Weekdays } from "./actor-charts.tsx";

export default function ActorPage({ id }: { id: number }) {
  const answer = useApi<Portrait>(`/actors/${id}`);
  useTitle(answer.data?.actor.name);
  return <Answer of={answer}>{(data) => <Content data={data} />}</Answer>;
}

/** A query for an author's posts; quotes inside the name would end the phrase. */
function byAuthor(name: string, word?: string): string {
  const phrase = (text: string) => `"${text.replace(/["\\]/g, " ").trim()}"`;
  return word === undefined ? `author:${phrase(name)}` : `author:${phrase(name)} ${phrase(word)}`;
}

function Content({ data }: { data: Portrait }) {
  const { t, num, count, name, fixed } = useI18n();
  const a = data.actor;
  const names = partNames([a.parts]);
  return (
    <div className="page">
      <div className="subject">
        <h1><bdi>{a.name}</bdi></h1>
        <div className="facts">
          <span><bdi>{a.forum}</bdi></span>
          <span>{t("col.rank")} <b className="num">{num(a.rank)}</b></span>
          <span>{t("col.score")} <b className="num">{fixed(a.score, 3)}</b></span>
          <span>{count(a.posts, "posts")}</span>
          <span>{t("actor.started")} <b className="num">{num(a.threads_started)}</b></span>
          <span>{num(a.answers_received)} {t("actor.answersReceived")}</span>
          <span>{t("col.firstSeen")} <Seen iso={a.first_seen} /></span>
          <span>{t("col.lastSeen")} <Seen iso={a.last_seen} /></span>
          {data.languages.length > 0 && (
            <span>{data.languages.map((l) => `${name("language", l.language)} ${num(l.posts)}`).join(", ")}</span>
          )}
        </div>
        <div className="facts">
          <MarkActor data={data} />
          <Link to={to.compare([a.id])}>{t("compare.do")}</Link>
          <Link to={`/network?at=${a.id}`}>{t("actor.inNetwork")}</Link>
          <Link to={`/watchlists?new=actor&item=${encodeURIComponent(a.name)}`}>{t("watch.it")}</Link>
          <Link to={to.search(byAuthor(a.name))}>{t("actor.allPosts")}</Link>
        </div>
      </div>
      <div className="grid">
        <Panel className="w8" title={t("actor.brief")}>
          {data.brief.length === 0 ? <None /> : (
            <ul className="brief">
              {data.brief.map((s, i) => (
                <li key={i}><span dir="auto">{s.text}</span> <PostLinks posts={s.posts} first={4} /></li>
              ))}
            </ul>
          )}
        </Panel>
        <Panel className="w4" title={t("actor.scoreParts")} note={<b className="num">{fixed(a.score, 3)}</b>}>
          {names.length === 0 ? <None /> : (
            <>
              <PartsBar parts={a.parts} names={names} max={a.score} />
              <ul className="rows scoreparts">
                {names.map((n, i) => (
                  <li key={n}>
                    <span className="what"><i className={`swatch p${i % 10}`} aria-hidden="true" />{name("part", n)}</span>
                    <span className="n">{fixed(a.parts[n] ?? 0, 3)}</span>
                  </li>
                ))}
              </ul>
            </>
          )}
        </Panel>

        <Panel className="w8" title={t("actor.activity")}><Activity data={data} /></Panel>
        <Panel className="w4" title={t("actor.fields")}><Radar data={data} /></Panel>
        <Panel className="w4" title={t("actor.byHour")}><Hours data={data} /></Panel>
        <Panel className="w4" title={t("actor.byWeekday")}><Weekdays data={data} /></Panel>
        <Panel className="w4" title={t("actor.rank")}><RankHistory data={data} /></Panel>

        <div className="column w8">
          <Threats data={data} />
          <Panel title={t("actor.postsStarted")}><PostRefs posts={data.posts_started} step={6} showAccount={false} /></Panel>
          <Panel title={t("actor.postsAnswered")}><PostRefs posts={data.posts_answered} step={6} showAccount={false} /></Panel>
        </div>
        <div className="column w4">
          <Person data={data} />
          <Panel title={t("actor.contacts")}><EntityList entities={data.contacts} /></Panel>
          <Keywords data={data} />
          <Neighbours data={data} />
          <Panel title={t("actor.entities")}><EntityList entities={data.entities} /></Panel>
        </div>
      </div>
    </div>
  );
}

/** What the account is taken for: parts it plays, community, likely zone, accounts that may be the same person. */
function Person({ data }: { data: Portrait }) {
  const { t, num, name } = useI18n();
  const zone = data.time_zone;
  const roles = data.roles ?? [];
  const offset = (h: number) => `UTC${h < 0 ? "−" : "+"}${Math.abs(h)}`;
  const empty = roles.length === 0 && data.aliases.length === 0 && !zone && data.community === null;
  return (
    <Panel title={t("actor.person")}>
      {empty ? <None /> : (
        <ul className="brief">
          {roles.map((r) => (
            <li key={r.role}><b>{name("part", r.role)}</b> <span className="num">{num(r.count)}</span> <PostLinks posts={r.posts} first={3} /></li>
          ))}
          {data.community !== null && (
            <li>{t("actor.community")} <Link to={`/network?community=${data.community}`}><b className="num">{num(data.community)}</b></Link></li>
          )}
          {zone && (
            <li>{t("actor.zone", { zone: offset(zone.offset), low: offset(zone.low), high: offset(zone.high), n: zone.posts })}</li>
          )}
          {data.aliases.map((a) => <AliasRow key={a.id} account={data.actor.id} alias={a} />)}
        </ul>
      )}
    </Panel>
  );
}

function Keywords({ data }: { data: Portrait }) {
  const { t, count } = useI18n();
  const most = Math.max(1e-9, ...data.keywords.map((k) => k.weight));
  return (
    <Panel title={t("actor.keywords")}>
      {data.keywords.length === 0 ? <None /> : (
        <ul className="keywords">
          {data.keywords.map((k) => (
            <li key={k.word} style={{ fontSize: `${12 + 9 * Math.sqrt(Math.max(0, k.weight) / most)}px` }}>
              <Link to={to.search(byAuthor(data.actor.name, k.word))} title={count(k.count, "posts")}><bdi>{k.word}</bdi></Link>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Threats({ data }: { data: Portrait }) {
  const { t, name, num } = useI18n();
  return (
    <Panel title={t("actor.threats")} note={num(data.threats.length)}>
      {data.threats.length === 0 ? <None /> : (
        <ul className="briefs">
          {data.threats.map((x) => (
            <li key={x.id}>
              <Meter value={x.severity} />
              <span className="what">
                <Link to={to.threat(x.id)} className="title"><bdi>{x.title}</bdi></Link>
                <span className="sub">
                  <TypeBadge type={x.type} family={x.family} />
                  <StatusBadge status={x.status} />
                  {x.as.length > 0 && <span>{t("col.as")}: <b>{x.as.map((r) => name("role", r)).join(", ")}</b></span>}
                  <span>{num(x.own_mentions)} {t("actor.own")}</span>
                  <Seen iso={x.last_seen} />
                </span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

function Neighbours({ data }: { data: Portrait }) {
  const { t, num } = useI18n();
  const most = Math.max(1, ...data.neighbours.flatMap((n) => [n.answered, n.answered_by]));
  return (
    <Panel title={t("actor.neighbours")}>
      {data.neighbours.length === 0 ? <None /> : (
        <>
          <ul className="legend">
            <li><i className="swatch p0" aria-hidden="true" />{t("actor.answeredThem")}</li>
            <li><i className="swatch p1" aria-hidden="true" />{t("actor.answeredBy")}</li>
          </ul>
          <ul className="neighbours">
            {data.neighbours.map((n) => (
              <li key={n.id}>
                <span className="what">
                  <Link to={to.actor(n.id)}><bdi>{n.name}</bdi></Link>
                  <span className="sub">{n.rank === null ? t("actor.unranked") : t("actor.ranked", { rank: num(n.rank) })}</span>
                </span>
                <span className="two">
                  <span title={t("actor.answeredThem")}><i className="p0" style={{ width: `${(n.answered / most) * 100}%` }} /><b>{num(n.answered)}</b></span>
                  <span title={t("actor.answeredBy")}><i className="p1" style={{ width: `${(n.answered_by / most) * 100}%` }} /><b>{num(n.answered_by)}</b></span>
                </span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}
