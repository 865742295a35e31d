import { useState } from "react";
import { useI18n } from "../i18n/index.ts";

export type Cell = string | number | boolean | null;

// A cell that begins so would be a formula in a spreadsheet, and cells come from forums.
const FORMULA = /^[=+\-@\t\r]/;

export function csv(head: string[], rows: Cell[][]): string {
  const cell = (value: Cell) => {
    if (value === null) return "";
    if (typeof value !== "string") return String(value);
    const text = FORMULA.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

export function save(name: string, type: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Takes a table along, as CSV or JSON: all rows that match, not only those of the page. */
export function Take({ name, head, rows }: { name: string; head: string[]; rows: () => Cell[][] | Promise<Cell[][]> }) {
  const { t } = useI18n();
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState(false);
  const take = async (kind: "csv" | "json") => {
    setBusy(true);
    setFailed(false);
    try {
      const list = await rows();
      // The byte order mark lets spreadsheets read Cyrillic and Chinese.
      if (kind === "csv") save(`${name}.csv`, "text/csv;charset=utf-8", `\uFEFF${csv(head, list)}`);
      else save(`${name}.json`, "application/json", JSON.stringify(list.map((row) => Object.fromEntries(head.map((h, i) => [h, row[i] ?? null]))), null, 1));
    } catch {
      setFailed(true);
    } finally {
      setBusy(false);
    }
  };
  return (
    <span className="take">
      {failed && <span className="note" role="status">{t("state.error")}</span>}
      <button type="button" className="quiet small" disabled={busy} onClick={() => void take("csv")} title={t("take.title", { kind: "CSV" })}>CSV</button>
      <button type="button" className="quiet small" disabled={busy} onClick={() => void take("json")} title={t("take.title", { kind: "JSON" })}>JSON</button>
    </span>
  );
}
