import { withQuery, type Thread } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Pager, pageOf } from "../parts/lists.tsx";
import { PostCard, ThreadHead } from "../parts/post-card.tsx";
import { MarkLegend, marksOfPost } from "../parts/spans.tsx";
import { Answer, None } from "../parts/states.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { useQuery } from "../router.tsx";

const SIZE = 50;

export default function ThreadPage({ id }: { id: number }) {
  const { t, count } = useI18n();
  const [query] = useQuery();
  const answer = useApi<Thread>(withQuery(`/threads/${id}`, { offset: (pageOf(query) - 1) * SIZE, limit: SIZE }));
  useTitle(answer.data?.title);
  return (
    <Answer of={answer}>
      {(data) => (
        <div className="page reading">
          <ThreadHead level={1} thread={data.title || t("thread.title")} forum={data.forum} board={data.board} note={count(data.total, "posts")} />
          <div className="stickylegend"><MarkLegend marks={data.posts.flatMap((p) => marksOfPost(p, null))} /></div>
          {data.posts.length === 0 ? <None /> : data.posts.map((p) => <PostCard key={p.id} post={p} />)}
          <Pager total={data.total} size={SIZE} />
        </div>
      )}
    </Answer>
  );
}
