import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { forgetAll, onRefusal, send } from "./api.ts";
import type { Session, UserRole } from "./workplace.ts";

/**
 * Who is at work. `absent` is a server without accounts: everything is open, as when it says so itself.
 * `refused` means that an answer wanted a login although the session looked open.
 */
type State = { session: Session | null; known: "asking" | "told" | "absent" | "silent"; refused: boolean };
type Work = State & {
  /** Whether the login page stands before everything else. */
  locked: boolean;
  may: (role: UserRole) => boolean;
  login: (name: string, password: string) => Promise<void>;
  setup: (token: string, name: string, password: string) => Promise<void>;
  logout: () => Promise<void>;
  /** Asks the server anew who is at work. */
  renew: () => Promise<void>;
};

const SessionContext = createContext<Work | null>(null);
const RANK: Record<UserRole, number> = { viewer: 0, analyst: 1, admin: 2 };

async function ask(): Promise<State> {
  try {
    const answer = await fetch("/api/v1/session", { headers: { accept: "application/json" } });
    if (answer.status === 404 || answer.status === 405) return { session: null, known: "absent", refused: false };
    const body = (await answer.json().catch(() => null)) as Session | null;
    if (answer.ok && body) return { session: body, known: "told", refused: false };
    // A server in trouble is no reason to ask for a password: its pages say what is wrong.
    return answer.status === 401 ? { session: null, known: "told", refused: true } : { session: null, known: "silent", refused: false };
  } catch {
    return { session: null, known: "silent", refused: false };
  }
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const [state, setState] = useState<State>({ session: null, known: "asking", refused: false });
  const renew = useCallback(async () => {
    const next = await ask();
    forgetAll();
    setState(next);
  }, []);

  useEffect(() => {
    onRefusal(() => setState((s) => (s.refused ? s : { ...s, refused: true, session: s.session ? { ...s.session, user: null } : null })));
    void renew();
    return () => onRefusal(() => undefined);
  }, [renew]);

  const work = useMemo<Work>(() => {
    const { session, known, refused } = state;
    const open = known === "absent" || known === "silent" || session?.mode === "open";
    return {
      ...state, renew,
      locked: refused || (known === "told" && !open && !session?.user),
      may: (role) => open || (session?.user ? RANK[session.user.role] >= RANK[role] : false),
      login: async (name, password) => { await send("POST", "/session", { name, password }); await renew(); },
      setup: async (token, name, password) => { await send("POST", "/setup", { token, name, password }); await renew(); },
      logout: async () => { await send("DELETE", "/session"); await renew(); },
    };
  }, [state, renew]);

  return <SessionContext value={work}>{children}</SessionContext>;
}

export function useSession(): Work {
  const work = useContext(SessionContext);
  if (!work) throw new Error("useSession outside SessionProvider");
  return work;
}
