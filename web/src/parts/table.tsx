import type { ReactNode } from "react";
import { useI18n, type Key } from "../i18n/index.ts";
import { Take, type Cell } from "./take.tsx";
import { None } from "./states.tsx";

/** One column: how it looks, and what it is when the table is taken along. */
export type Column<T> = {
  id: string; head: Key; cell: (row: T) => ReactNode; raw: (row: T) => Cell | Cell[];
  /** `main` heads the card that a row becomes on a phone, `wide` takes its whole width there, `right` is a number. */
  shape?: "main" | "wide" | "right" | "when";
  className?: string;
};

type Props<T> = {
  rows: T[]; columns: Column<T>[]; id: (row: T) => string | number; label: string; className?: string; empty?: ReactNode;
};

const plain = (cell: Cell | Cell[]): Cell => (Array.isArray(cell) ? cell.filter((c) => c !== null).join("; ") : cell);

export function rowsOf<T>(rows: T[], columns: Column<T>[]): Cell[][] {
  return rows.map((row) => columns.map((c) => plain(c.raw(row))));
}

/** A table; on a phone each row is a card. */
export function Table<T>({ rows, columns, id, label, className = "", empty }: Props<T>) {
  const { t } = useI18n();
  if (rows.length === 0) return <>{empty ?? <None />}</>;
  const head = (c: Column<T>) => [c.shape === "right" ? "right" : "", c.shape === "main" ? "grow" : ""].join(" ").trim() || undefined;
  const body = (c: Column<T>) => [c.shape === "right" ? "right num" : c.shape === "wide" ? "widecell" : c.shape ?? "", c.className ?? ""].join(" ").trim() || undefined;
  return (
    <table className={`list ${className}`.trim()} aria-label={label}>
      <thead><tr>{columns.map((c) => <th key={c.id} scope="col" className={head(c)}>{t(c.head)}</th>)}</tr></thead>
      <tbody>
        {rows.map((row) => (
          <tr key={id(row)}>
            {columns.map((c) => <td key={c.id} className={body(c)} {...(c.shape === "main" ? {} : { "data-l": t(c.head) })}>{c.cell(row)}</td>)}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The two buttons that take a table along. `all` gives every row that matches where the page shows only some. */
export function TakeTable<T>({ name, columns, rows, all }: { name: string; columns: Column<T>[]; rows: T[]; all?: () => Promise<T[]> }) {
  if (rows.length === 0) return null;
  return <Take name={`threatminer-${name}`} head={columns.map((c) => c.id)} rows={async () => rowsOf(all ? await all() : rows, columns)} />;
}
