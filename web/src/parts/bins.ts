// Dated things counted by day, week or month, whichever gives a readable number of bars.

const DAY = 86_400_000;
const WEEK = 7 * DAY;
const MONDAY = 4 * DAY; // 1970-01-05 was a Monday

export type Bins = { unit: "day" | "week" | "month"; starts: string[]; counts: number[] };

const month = (ms: number) => new Date(ms).toISOString().slice(0, 7);

export function bins(times: (string | null)[]): Bins | null {
  const stamps = times.map((t) => (t ? Date.parse(t) : Number.NaN)).filter((n) => !Number.isNaN(n)).sort((a, b) => a - b);
  const first = stamps[0];
  const last = stamps.at(-1);
  if (first === undefined || last === undefined) return null;
  const days = (last - first) / DAY;
  if (days > 400) return byMonth(stamps, first, last);
  const unit = days > 60 ? "week" : "day";
  const step = unit === "week" ? WEEK : DAY;
  const shift = unit === "week" ? MONDAY : 0;
  const floor = (ms: number) => Math.floor((ms - shift) / step);
  const from = floor(first);
  const counts = new Array<number>(floor(last) - from + 1).fill(0);
  for (const s of stamps) counts[floor(s) - from] = (counts[floor(s) - from] ?? 0) + 1;
  return { unit, counts, starts: counts.map((_, i) => new Date((from + i) * step + shift).toISOString()) };
}

function byMonth(stamps: number[], first: number, last: number): Bins {
  const starts: string[] = [];
  const cursor = new Date(`${month(first)}-01T00:00:00Z`);
  while (cursor.getTime() <= last) {
    starts.push(cursor.toISOString());
    cursor.setUTCMonth(cursor.getUTCMonth() + 1);
  }
  const place = new Map(starts.map((s, i) => [s.slice(0, 7), i]));
  const counts = starts.map(() => 0);
  for (const s of stamps) {
    const i = place.get(month(s));
    if (i !== undefined) counts[i] = (counts[i] ?? 0) + 1;
  }
  return { unit: "month", starts, counts };
}
