import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { get, withQuery, type Post, type Thread } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { PostCard, ThreadHead } from "../parts/post-card.tsx";
import { MarkLegend, marksOfPost } from "../parts/spans.tsx";
import { Answer, Loading } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { useQuery } from "../router.tsx";

const CHUNK = 200;
const MOST_CHUNKS = 50;
const AROUND = 8;
const MORE = 25;

type Around = { posts: Post[]; at: number; total: number } | null;

/**
 * The thread's posts up to and around a post. The server does not say where in its thread a post stands, so the thread
 * is read in large pieces until it comes; a long thread costs more than one request.
 */
async function findInThread(post: Post, signal: AbortSignal): Promise<Around> {
  const posts: Post[] = [];
  for (let i = 0; i < MOST_CHUNKS; i += 1) {
    const piece = await get<Thread>(withQuery(`/threads/${post.thread_id}`, { offset: posts.length, limit: CHUNK }), signal);
    posts.push(...piece.posts);
    const at = posts.findIndex((p) => p.id === post.id);
    const done = posts.length >= piece.total || piece.posts.length === 0;
    if (at >= 0 && (done || posts.length > at + AROUND)) return { posts, at, total: piece.total };
    if (done) return null;
  }
  return null;
}

function numberOf(text: string | null): number | null {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : null;
}

export default function PostPage({ id }: { id: number }) {
  const { t } = useI18n();
  const answer = useApi<Post>(`/posts/${id}`);
  useTitle(answer.data ? `${t("post.title", { id })}, ${answer.data.thread}` : undefined);
  return <Answer of={answer}>{(post) => <InThread post={post} />}</Answer>;
}

function InThread({ post }: { post: Post }) {
  const { t, count } = useI18n();
  const [query] = useQuery();
  const [around, setAround] = useState<Around | undefined>(undefined);
  const [before, setBefore] = useState(AROUND);
  const [after, setAfter] = useState(AROUND);
  const scrolled = useRef(false);

  useEffect(() => {
    const abort = new AbortController();
    // The post itself is at hand: where its thread cannot be had it is shown alone.
    findInThread(post, abort.signal).then(setAround, () => { if (!abort.signal.aborted) setAround(null); });
    return () => abort.abort();
  }, [post]);

  const start = numberOf(query.get("start"));
  const end = numberOf(query.get("end"));
  const cited = useMemo(() => (start !== null && end !== null && end > start ? { start, end } : null), [start, end]);

  useLayoutEffect(() => {
    if (around === undefined || scrolled.current) return;
    scrolled.current = true;
    const card = document.getElementById(`post-${post.id}`);
    const target = card?.querySelector(".m-cited") ?? card;
    if (!card || !target) return;
    // What stays at the top while scrolling must not cover the post.
    const top = [...document.querySelectorAll("header.top, .stickylegend")]
      .reduce((sum, e) => (getComputedStyle(e).position === "sticky" ? sum + e.getBoundingClientRect().height : sum), 0);
    // A cited span far down in a long post is brought to the middle; else the post's head is at the top.
    const deep = target !== card && target.getBoundingClientRect().top - card.getBoundingClientRect().top > window.innerHeight * 0.6;
    const y = deep
      ? target.getBoundingClientRect().top + window.scrollY - window.innerHeight / 2
      : card.getBoundingClientRect().top + window.scrollY - top - 8;
    // After the router's own scrolling to the top of a new page.
    const timer = window.setTimeout(() => window.scrollTo(0, Math.max(0, y)), 0);
    return () => window.clearTimeout(timer);
  }, [around, post.id]);

  if (around === undefined) return <Loading />;
  const list = around ? around.posts : [post];
  const at = around ? around.at : 0;
  const from = Math.max(0, at - before);
  const until = Math.min(list.length, at + after + 1);
  const shown = list.slice(from, until);
  const left = around ? around.total - until : 0;
  const marks = shown.flatMap((p) => marksOfPost(p, p.id === post.id ? cited : null));

  const later = async () => {
    if (around && until + MORE > list.length && list.length < around.total) {
      const piece = await get<Thread>(withQuery(`/threads/${post.thread_id}`, { offset: list.length, limit: CHUNK })).catch(() => null);
      if (piece) setAround({ posts: [...list, ...piece.posts], at, total: piece.total });
    }
    setAfter(after + MORE);
  };

  return (
    <div className="page reading">
      <ThreadHead level={1} thread={post.thread || t("thread.title")} forum={post.forum} board={post.board} threadId={post.thread_id}
        {...(around ? { note: count(around.total, "posts") } : {})} />
      {around === null && <p className="none">{t("post.notInThread")}</p>}
      <div className="stickylegend"><MarkLegend marks={marks} /></div>
      {from > 0 && (
        <button type="button" className="quiet more" onClick={() => setBefore(before + MORE)}>{t("post.earlier", { n: Math.min(MORE, from) })}</button>
      )}
      {shown.map((p) => <PostCard key={p.id} post={p} marked={p.id === post.id} cited={p.id === post.id ? cited : null} />)}
      {left > 0 && (
        <button type="button" className="quiet more" onClick={() => void later()}>{t("post.later", { n: Math.min(MORE, left) })}</button>
      )}
    </div>
  );
}
