// The REST contract of the analyst's own things: accounts and access, alerts, trends (docs/api.md).
import type { Named, Span } from "./api.ts";

export type UserRole = "viewer" | "analyst" | "admin";
export const USER_ROLES: UserRole[] = ["viewer", "analyst", "admin"];
export type Session = { mode: "open" | "accounts"; setup: boolean; user: { id: number; name: string; role: UserRole } | null };
export type User = { id: number; name: string; role: UserRole; created: string | null; last_login: string | null; disabled: boolean };
/** As the server wants it at least. */
export const LEAST_PASSWORD = 12;
export type Scope = "read" | "write" | "admin";
export const SCOPES: Scope[] = ["read", "write", "admin"];
export type Token = { id: number; name: string; scopes: Scope[]; created: string | null; last_used: string | null; expires: string | null; token?: string };
export type AuditEntry = { time: string; user: string | null; action: string; object: string | null; address: string | null };
export type SavedSearch = { id: number; name: string; query: string; created: string | null };

/** A list of the newer endpoints: counted or by cursor, whichever the server gives. */
export type Listed<T> = { items: T[]; total?: number; next?: string | null };

export const WATCH_KINDS = ["keyword", "organization", "cve", "indicator", "actor"] as const;
export type Watchlist = { id: number; name: string; kind: (typeof WATCH_KINDS)[number]; items: string[]; created: string | null };

/** What rings: all that is given must hold, of a list one entry is enough. Fields that this page does not know stay as they came. */
export type When = {
  keywords?: string[]; regex?: string; families?: string[]; events?: string[]; modality?: string[]; watchlists?: number[];
  forums?: string[]; languages?: string[]; min_severity?: number; query?: string; key_hacker?: { top: number };
  burst?: { hours: number; at_least: number; factor: number }; max_age_days?: number; per?: string;
} & Record<string, unknown>;
export const DIGESTS = ["now", "hourly", "daily"] as const;
export type Digest = (typeof DIGESTS)[number];
export type Rule = { id: number; name: string; enabled: boolean; when: When; channels: number[]; digest: Digest };
export const CHANNEL_KINDS = ["email", "webhook", "slack", "telegram", "syslog"] as const;
export type ChannelKind = (typeof CHANNEL_KINDS)[number];
export type Channel = { id: number; name: string; kind: ChannelKind; settings: Record<string, unknown> };

export const ALERT_STATES = ["new", "seen", "closed"] as const;
export type AlertState = (typeof ALERT_STATES)[number];
export type Alert = {
  id: number; rule: Named | null; time: string; posted?: string | null; title: string; severity: number; state: AlertState;
  threat: string | null; post: number | null; account: number | null;
  evidence: (Span & { post_id: number; sentence: string }) | null;
};
export type Delivery = {
  id: number; time?: string | null; created?: string | null; finished?: string | null; channel?: Named | number | null; channel_name?: string;
  kind?: string; state?: string; attempts?: number; detail?: string | null; next_try?: string | null; alerts?: number | number[];
};

export type Series = { name: string; kind: "family" | "type" | "malware" | "target" | "place"; counts: number[]; burst: number | null };
export type Trends = {
  weeks: string[]; series: Series[];
  outlook: { family: string; week: string; expected: number; low: number; high: number }[];
  backtest: { weeks: number; coverage: number; mae: number; naive_mae: number } | null;
  notes?: string[];
};

export type NetworkData = {
  nodes: { id: number; name: string; forum: string; rank: number | null; score: number; community?: number | null; role?: string | null }[];
  edges: { from: number; to: number; weight: number }[];
};
