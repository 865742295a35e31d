import { useState } from "react";
import { ApiError, withQuery } from "../api.ts";
import { useI18n, type Key } from "../i18n/index.ts";
import { Panel } from "../parts/bits.tsx";
import { Field, Problem, TextField, useSaying } from "../parts/forms.tsx";
import { useTitle } from "../parts/title.ts";
import { useQuery } from "../router.tsx";

const WHATS = ["threats", "events", "actors", "entities", "posts"];
const EXPORTS: { format: string; what: boolean; key: Key }[] = [
  { format: "stix", what: false, key: "export.stix" }, { format: "misp", what: false, key: "export.misp" }, { format: "csv", what: true, key: "export.csv" },
  { format: "jsonl", what: true, key: "export.jsonl" }, { format: "parquet", what: true, key: "export.parquet" },
];
const REPORTS: { format: string; key: Key }[] = [{ format: "html", key: "report.html" }, { format: "md", key: "report.md" }];
const ENDING: Record<string, string> = { stix: "json", misp: "json", csv: "csv", jsonl: "jsonl", parquet: "parquet", html: "html", md: "md" };

/** Fetches a document and hands it to the browser as a file; the reason where there is none. */
async function download(path: string, fallback: string): Promise<void> {
  const answer = await fetch(`/api/v1${path}`);
  if (!answer.ok) {
    const body = (await answer.json().catch(() => null)) as { detail?: string; error?: string } | null;
    throw new ApiError(answer.status, body?.detail ?? body?.error ?? "");
  }
  const named = /filename="?([^";]+)"?/.exec(answer.headers.get("content-disposition") ?? "")?.[1];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = (named ?? fallback).replace(/[^\w.-]/g, "_");
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export default function Reports() {
  const { t, name } = useI18n();
  const say = useSaying();
  const [query, set] = useQuery();
  useTitle(t("nav.reports"));
  const since = query.get("since") ?? "";
  const what = query.get("what") ?? "threats";
  const [busy, setBusy] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [got, setGot] = useState<string | null>(null);
  const take = async (id: string, path: string) => {
    setBusy(id);
    setProblem(null);
    setGot(null);
    try {
      await download(path, `threatminer-${id}.${ENDING[id.split("-").at(-1) ?? ""] ?? "txt"}`);
      setGot(id);
    } catch (error) {
      setProblem(say(error));
    } finally {
      setBusy(null);
    }
  };
  return (
    <div className="page">
      <div className="headline"><h1>{t("nav.reports")}</h1></div>
      <p className="note lead">{t("report.text")}</p>
      <section className="panel">
        <div className="columns">
          <TextField label={t("report.since")} type="date" value={since} set={(v) => set({ since: v }, { replace: true })} hint={t("report.sinceHint")} />
          <Field label={t("report.what")}>
            <select value={what} onChange={(e) => set({ what: e.target.value === "threats" ? null : e.target.value }, { replace: true })}>
              {WHATS.map((w) => <option key={w} value={w}>{name("figure", w)}</option>)}
            </select>
          </Field>
        </div>
        <Problem text={problem} />
        <span className="note" role="status">{got !== null ? t("report.got") : ""}</span>
      </section>
      <div className="cards">
        {REPORTS.map((r) => (
          <Panel key={r.format} title={t(r.key)} action={<button type="button" className="strong small" data-take={`report-${r.format}`} disabled={busy !== null} onClick={() => void take(`report-${r.format}`, withQuery("/report", { format: r.format, since }))}>{t("report.take")}</button>}>
            <p className="note">{t(r.format === "html" ? "report.htmlText" : "report.mdText")}</p>
          </Panel>
        ))}
        {EXPORTS.map((e) => (
          <Panel key={e.format} title={t(e.key)} action={<button type="button" className="strong small" data-take={`export-${e.format}`} disabled={busy !== null} onClick={() => void take(`export-${e.format}`, withQuery("/export", { format: e.format, since, what: e.what ? what : null }))}>{t("report.take")}</button>}>
            <p className="note">{e.what ? t("export.whatText", { what: name("figure", what) }) : t(e.format === "stix" ? "export.stixText" : "export.mispText")}</p>
          </Panel>
        ))}
      </div>
      <p className="note">{t("report.taxii")} <code>/taxii2/</code></p>
    </div>
  );
}
