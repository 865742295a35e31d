import type { ReactNode } from "react";
import { ApiError } from "../api.ts";
import { useI18n } from "../i18n/index.ts";
import { Link } from "../router.tsx";
import type { Loaded } from "./use-api.ts";

export function Loading() {
  const { t } = useI18n();
  return (
    <div className="state loading" role="status">
      <span className="spinner" aria-hidden="true" />
      <span>{t("state.loading")}</span>
    </div>
  );
}

type Place = { inside?: boolean };

/** The heading of a state: the page's own unless it stands inside of a page that has one. */
function Title({ inside, children }: Place & { children: ReactNode }) {
  return inside ? <h2>{children}</h2> : <h1>{children}</h1>;
}

export function NotFound() {
  const { t } = useI18n();
  return (
    <div className="state">
      <h1>{t("state.notfound")}</h1>
      <p>{t("state.notfound.text")}</p>
      <p><Link to="/">{t("state.home")}</Link></p>
    </div>
  );
}

export function Crashed() {
  const { t } = useI18n();
  return (
    <div className="state" role="alert">
      <h1>{t("state.crashed")}</h1>
      <p><a href="/">{t("state.home")}</a></p>
    </div>
  );
}

/** What this server does not offer, because it is older or was built without it. */
export function Unavailable({ inside = false }: Place) {
  const { t } = useI18n();
  return (
    <div className="state" data-state="unavailable">
      <Title inside={inside}>{t("state.unavailable")}</Title>
      <p>{t("state.unavailable.text")}</p>
    </div>
  );
}

export function Forbidden({ inside = false }: Place) {
  const { t } = useI18n();
  return (
    <div className="state" data-state="forbidden">
      <Title inside={inside}>{t("state.forbidden")}</Title>
      <p>{t("state.forbidden.text")}</p>
    </div>
  );
}

export function Failed({ error, retry, inside = false, offered = true }: Place & { error: Error; retry: () => void; offered?: boolean }) {
  const { t } = useI18n();
  if (error instanceof ApiError && error.status === 403) return <Forbidden inside={inside} />;
  if (error instanceof ApiError && error.status === 401) {
    return <div className="state"><Title inside={inside}>{t("login.needed")}</Title></div>;
  }
  if (error instanceof ApiError && error.status === 404) {
    if (!offered) return <Unavailable inside={inside} />;
    return (
      <div className="state">
        <Title inside={inside}>{t("state.notfound")}</Title>
        <p>{error.message || t("state.notfound.text")}</p>
        <p><Link to="/">{t("state.home")}</Link></p>
      </div>
    );
  }
  const said = error instanceof ApiError ? error.message || t("state.status", { status: error.status }) : t("state.network");
  return (
    <div className="state" role="alert">
      <Title inside={inside}>{t("state.error")}</Title>
      <p>{said}</p>
      <button type="button" onClick={retry}>{t("state.retry")}</button>
    </div>
  );
}

type AnswerProps<T> = {
  of: Loaded<T>;
  /** The page has its heading already. */
  inside?: boolean;
  /** A 404 means that this server does not offer the thing at all. */
  optional?: boolean;
  children: (data: T) => ReactNode;
};

/** Loading, error or the content: every page goes through here. */
export function Answer<T>({ of, inside = false, optional = false, children }: AnswerProps<T>) {
  if (of.error) return <Failed error={of.error} retry={of.retry} inside={inside} offered={!optional} />;
  if (of.data === undefined) return <Loading />;
  return <div className={of.loading ? "stale" : undefined} aria-busy={of.loading}>{children(of.data)}</div>;
}

export function None({ children }: { children?: ReactNode }) {
  const { t } = useI18n();
  return <p className="none">{children ?? t("state.none")}</p>;
}
