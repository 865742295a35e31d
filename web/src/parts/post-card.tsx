import { memo, useMemo } from "react";
import type { Post } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Link, to } from "../router.tsx";
import { AccountLink } from "./bits.tsx";
import { Correct } from "./correct.tsx";
import { MarkLegend, Marked, marksOfPost, roleGroup, slice } from "./spans.tsx";

type Props = { post: Post; cited?: { start: number; end: number } | null; marked?: boolean; legend?: boolean };

/** One post: text as it is with its marks, and below what was found in it. */
export const PostCard = memo(function PostCard({ post, cited = null, marked = false, legend = false }: Props) {
  const { t, name, time, fixed } = useI18n();
  const marks = useMemo(() => marksOfPost(post, cited), [post, cited?.start, cited?.end]);
  return (
    <article className={marked ? "post marked" : "post"} id={`post-${post.id}`} aria-current={marked ? "true" : undefined}>
      <header>
        <AccountLink account={post.account} />
        <time dateTime={post.time ?? undefined}>{time(post.time) || t("post.noTime")}</time>
        {post.language && <span>{name("language", post.language)}</span>}
        {post.reply_to !== null && <Link to={to.post(post.reply_to)}>{t("post.replyTo", { id: post.reply_to })}</Link>}
        {post.quotes.map((q, i) => {
          const said = q.author !== null ? t("post.quotes", { name: q.author }) : q.post_id !== null ? t("post.quotesPost", { id: q.post_id }) : null;
          if (said === null) return null;
          return q.post_id !== null ? <Link key={i} to={to.post(q.post_id)}><bdi>{said}</bdi></Link> : <bdi key={i}>{said}</bdi>;
        })}
        {post.relevance !== null && <span className="num">{t("post.relevance", { value: fixed(post.relevance) })}</span>}
        {marked && <span className="badge accent">{t("post.marked")}</span>}
        <Link className="num push" to={to.post(post.id)} aria-label={t("post.permalink", { id: post.id })}>#{post.id}</Link>
      </header>
      {legend && <MarkLegend marks={marks} />}
      {post.text === ""
        ? <p className="none">{t("post.empty")}</p>
        : <div className="text" dir="auto" data-post-text={post.id}><Marked text={post.text} marks={marks} /></div>}
      {post.events.length > 0 && (
        <ul className="found" aria-label={t("post.events")}>
          {post.events.map((e) => (
            <li key={e.id}>
              <i className={`swatch f-${e.family}`} aria-hidden="true" />
              <b title={name("family", e.family)}>{name("event", e.type)}</b>
              <span className={`badge mod mod-${e.modality}`}>{name("modality", e.modality)}</span>
              <span className="num" title={t("col.confidence")}>{fixed(e.confidence)}</span>
              <span className="m-trigger"><bdi>{slice(post.text, e.trigger.start, e.trigger.end)}</bdi></span>
              {e.arguments.map((a, i) => (
                <span key={i} className="argument">
                  {name("role", a.role)} <span className={`m-argument r-${roleGroup(a.role)}`}><bdi>{slice(post.text, a.start, a.end)}</bdi></span>
                </span>
              ))}
              {e.threat_id !== null && <Link to={to.threat(e.threat_id)}>{t("post.openThreat")}</Link>}
            </li>
          ))}
        </ul>
      )}
      {marked && <Correct post={post} />}
      {(post.url !== null && marked) && (
        <p className="source">
          <span>{t("post.source")}</span> <code>{post.url}</code>
          <span>{t("post.externalId")}</span> <code>{post.external_id}</code>
        </p>
      )}
    </article>
  );
});

export function ThreadHead({ level, thread, forum, board, threadId, note }: {
  level: 1 | 2; thread: string; forum: string; board: string | null; threadId?: number; note?: string;
}) {
  const title = threadId === undefined ? <bdi>{thread}</bdi> : <Link to={to.thread(threadId)}><bdi>{thread}</bdi></Link>;
  return (
    <div className="subject">
      {level === 1 ? <h1>{title}</h1> : <h2>{title}</h2>}
      <div className="facts">
        <span><bdi>{forum}</bdi></span>
        {board !== null && <span><bdi>{board}</bdi></span>}
        {note !== undefined && <span>{note}</span>}
      </div>
    </div>
  );
}
