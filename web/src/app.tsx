import { Component, lazy, Suspense, useEffect, useRef, type ReactNode } from "react";
import { useI18n } from "./i18n/index.ts";
import { Footer, Header } from "./parts/frame.tsx";
import { Crashed, Loading, NotFound } from "./parts/states.tsx";
import { usePlace } from "./router.tsx";

const Overview = lazy(() => import("./pages/overview.tsx"));
const Threats = lazy(() => import("./pages/threats.tsx"));
const ThreatPage = lazy(() => import("./pages/threat.tsx"));
const Actors = lazy(() => import("./pages/actors.tsx"));
const ActorPage = lazy(() => import("./pages/actor.tsx"));
const Entities = lazy(() => import("./pages/entities.tsx"));
const EntityPage = lazy(() => import("./pages/entity.tsx"));
const PostPage = lazy(() => import("./pages/post.tsx"));
const ThreadPage = lazy(() => import("./pages/thread.tsx"));
const SearchPage = lazy(() => import("./pages/search.tsx"));

function route(path: string): ReactNode {
  const [section, rawId, more] = path.replace(/^\/+|\/+$/g, "").split("/");
  if (more !== undefined) return <NotFound />;
  if (rawId === undefined) {
    switch (section) {
      case "": return <Overview />;
      case "threats": return <Threats />;
      case "actors": return <Actors />;
      case "entities": return <Entities />;
      case "search": return <SearchPage />;
      default: return <NotFound />;
    }
  }
  if (section === "threats") return <ThreatPage key={rawId} id={rawId} />;
  // All other ids are whole numbers; anything else is no address of ours.
  if (!/^\d{1,16}$/.test(rawId)) return <NotFound />;
  const id = Number(rawId);
  switch (section) {
    case "actors": return <ActorPage key={id} id={id} />;
    case "entities": return <EntityPage key={id} id={id} />;
    case "posts": return <PostPage key={id} id={id} />;
    case "threads": return <ThreadPage key={id} id={id} />;
    default: return <NotFound />;
  }
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
  const main = useRef<HTMLElement>(null);
  const previous = useRef(path);

  // Keyboard and screen reader users start at the new page's content, not at the old link.
  useEffect(() => {
    if (previous.current !== path) main.current?.focus({ preventScroll: true });
    previous.current = path;
  }, [path]);

  return (
    <>
      <a className="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current?.focus(); }}>{t("app.skip")}</a>
      <Header />
      <main id="main" ref={main} tabIndex={-1}>
        <Boundary key={path}>
          <Suspense fallback={<Loading />}>{route(path)}</Suspense>
        </Boundary>
      </main>
      <Footer />
    </>
  );
}
