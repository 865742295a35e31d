import { Component, lazy, Suspense, useEffect, useRef, type ComponentType, type ReactNode } from "react";
import { useI18n } from "./i18n/index.ts";
import { Keys } from "./keys.tsx";
import { Footer, Header } from "./parts/frame.tsx";
import { Crashed, Loading, NotFound } from "./parts/states.tsx";
import { usePlace } from "./router.tsx";
import { useSession } from "./session.tsx";

// Each page is a chunk of its own: the first load brings what the first page needs.
const LISTS: Record<string, ComponentType> = {
  "": lazy(() => import("./pages/overview.tsx")),
  threats: lazy(() => import("./pages/threats.tsx")),
  actors: lazy(() => import("./pages/actors.tsx")),
  network: lazy(() => import("./pages/network.tsx")),
  compare: lazy(() => import("./pages/compare.tsx")),
  entities: lazy(() => import("./pages/entities.tsx")),
  search: lazy(() => import("./pages/search.tsx")),
  trends: lazy(() => import("./pages/trends.tsx")),
  alerts: lazy(() => import("./pages/alerts.tsx")),
  watchlists: lazy(() => import("./pages/watchlists.tsx")),
  rules: lazy(() => import("./pages/rules.tsx")),
  channels: lazy(() => import("./pages/channels.tsx")),
  deliveries: lazy(() => import("./pages/deliveries.tsx")),
  reports: lazy(() => import("./pages/reports.tsx")),
  sources: lazy(() => import("./pages/sources.tsx")),
  settings: lazy(() => import("./pages/settings.tsx")),
  tokens: lazy(() => import("./pages/tokens.tsx")),
  users: lazy(() => import("./pages/users.tsx")),
  audit: lazy(() => import("./pages/audit.tsx")),
};
const NUMBERED: Record<string, ComponentType<{ id: number }>> = {
  actors: lazy(() => import("./pages/actor.tsx")),
  entities: lazy(() => import("./pages/entity.tsx")),
  posts: lazy(() => import("./pages/post.tsx")),
  threads: lazy(() => import("./pages/thread.tsx")),
};
const ThreatPage = lazy(() => import("./pages/threat.tsx"));
const LoginPage = lazy(() => import("./pages/login.tsx"));
const SetupPage = lazy(() => import("./pages/setup.tsx"));

function route(path: string): ReactNode {
  const [section = "", rawId, more] = path.replace(/^\/+|\/+$/g, "").split("/");
  if (more !== undefined) return <NotFound />;
  if (rawId === undefined) {
    const Page = Object.hasOwn(LISTS, section) ? LISTS[section] : undefined;
    return Page ? <Page /> : <NotFound />;
  }
  if (section === "threats") return <ThreatPage key={rawId} id={rawId} />;
  // All other ids are whole numbers; anything else is no address of ours.
  const Page = /^\d{1,16}$/.test(rawId) && Object.hasOwn(NUMBERED, section) ? NUMBERED[section] : undefined;
  return Page ? <Page key={rawId} id={Number(rawId)} /> : <NotFound />;
}

/** A page that fails to draw must not take the navigation with it. */
class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };
  static getDerivedStateFromError() {
    return { failed: true };
  }
  override render() {
    return this.state.failed ? <Crashed /> : this.props.children;
  }
}

export function App() {
  const { path } = usePlace();
  const { t } = useI18n();
  const { known, locked } = useSession();
  const main = useRef<HTMLElement>(null);
  const previous = useRef(path);

  // Keyboard and screen reader users start at the new page's content, not at the old link.
  useEffect(() => {
    if (previous.current !== path) main.current?.focus({ preventScroll: true });
    previous.current = path;
  }, [path]);

  const page = path === "/setup" ? <SetupPage /> : known === "asking" ? <Loading /> : locked || path === "/login" ? <LoginPage /> : route(path);
  return (
    <>
      <a className="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current?.focus(); }}>{t("app.skip")}</a>
      <Header />
      <main id="main" ref={main} tabIndex={-1}>
        <Boundary key={`${path} ${String(locked)}`}>
          <Suspense fallback={<Loading />}>{page}</Suspense>
        </Boundary>
      </main>
      <Footer />
      <Keys />
    </>
  );
}
