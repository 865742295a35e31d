import { useState } from "react";
import { send, type Post } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { useSession } from "../session.tsx";
import { Problem, useDoing } from "./forms.tsx";
import { slice } from "./spans.tsx";

/** The analyst's corrections of one post: that it carries nothing, or that an event in it is none. */
export function Correct({ post }: { post: Post }) {
  const { t, name } = useI18n();
  const { may } = useSession();
  const doing = useDoing();
  const [done, setDone] = useState(false);
  if (!may("analyst")) return null;
  const say = async (body: object) => { if (await doing.run(() => send("POST", "/labels", { post_id: post.id, ...body }))) setDone(true); };
  const relevant = post.events.length > 0;
  return (
    <details className="help correct">
      <summary>{t("label.title")}</summary>
      <p className="note">{t("label.text")}</p>
      <div className="buttons">
        <button type="button" className="small" disabled={doing.busy} onClick={() => void say({ kind: "relevance", relevant: !relevant })}>{t(relevant ? "label.irrelevant" : "label.relevant")}</button>
        {post.events.map((e) => (
          <button key={e.id} type="button" className="small" disabled={doing.busy} onClick={() => void say({ kind: "nothing", trigger: e.trigger })}>
            {t("label.nothing")}: {name("event", e.type)} “{slice(post.text, e.trigger.start, e.trigger.end)}”
          </button>
        ))}
      </div>
      {done && <p className="note" role="status">{t("label.done")}</p>}
      <Problem text={doing.problem} />
    </details>
  );
}
