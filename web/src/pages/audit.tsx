import { withQuery } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { SubNav } from "../parts/places.tsx";
import { Answer } from "../parts/states.tsx";
import { Table, TakeTable, type Column } from "../parts/table.tsx";
import { useTitle } from "../parts/title.ts";
import { useApi } from "../parts/use-api.ts";
import { useQuery } from "../router.tsx";
import type { AuditEntry, Listed } from "../workplace.ts";

const LIMIT = 100;

/** Who looked at what and changed what. */
export default function Audit() {
  const { t, time } = useI18n();
  const [query, set] = useQuery();
  useTitle(t("nav.audit"));
  const cursor = query.get("cursor");
  const answer = useApi<Listed<AuditEntry>>(withQuery("/audit", { cursor, limit: LIMIT }));
  const columns: Column<AuditEntry>[] = [
    { id: "time", head: "facet.time", shape: "when", raw: (a) => a.time, cell: (a) => time(a.time) },
    { id: "user", head: "audit.user", raw: (a) => a.user, cell: (a) => <bdi>{a.user ?? "–"}</bdi> },
    { id: "action", head: "audit.action", shape: "main", raw: (a) => a.action, cell: (a) => <span className="title">{a.action.replaceAll("_", " ")}</span> },
    { id: "object", head: "audit.object", raw: (a) => a.object, cell: (a) => <bdi>{a.object ?? "–"}</bdi> },
    { id: "address", head: "audit.address", raw: (a) => a.address, cell: (a) => <code>{a.address ?? "–"}</code> },
  ];
  return (
    <div className="page">
      <SubNav />
      <div className="headline">
        <h1>{t("nav.audit")}</h1>
        <TakeTable name="audit" columns={columns} rows={answer.data?.items ?? []} />
      </div>
      <p className="note lead">{t("audit.text")}</p>
      <Answer of={answer} inside optional>
        {(data) => (
          <>
            <Table rows={data.items.map((a, i) => ({ ...a, i }))} columns={columns} id={(a) => a.i} label={t("nav.audit")} />
            {(data.next || cursor !== null) && (
              <nav className="pager" aria-label={t("list.pages")}>
                {cursor !== null && <button type="button" data-turn="prev" onClick={() => set({ cursor: null })}>{t("list.first")}</button>}
                {data.next && <button type="button" data-turn="next" className="push" onClick={() => set({ cursor: data.next ?? null })}>{t("list.next")}</button>}
              </nav>
            )}
          </>
        )}
      </Answer>
    </div>
  );
}
