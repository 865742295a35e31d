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

export function Failed({ error, retry }: { error: Error; retry: () => void }) {
  const { t } = useI18n();
  if (error instanceof ApiError && error.status === 404) {
    return (
      <div className="state">
        <h1>{t("state.notfound")}</h1>
        <p>{error.message || t("state.notfound.text")}</p>
        <p><Link to="/">{t("state.home")}</Link></p>
      </div>
    );
  }
  const said = error instanceof ApiError ? error.message || t("state.status", { status: error.status }) : t("state.network");
  return (
    <div className="state" role="alert">
      <h1>{t("state.error")}</h1>
      <p>{said}</p>
      <button type="button" onClick={retry}>{t("state.retry")}</button>
    </div>
  );
}

/** Loading, error or the content: every page goes through here. */
export function Answer<T>({ of, children }: { of: Loaded<T>; children: (data: T) => ReactNode }) {
  if (of.error) return <Failed error={of.error} retry={of.retry} />;
  if (of.data === undefined) return <Loading />;
  return <div className={of.loading ? "stale" : undefined} aria-busy={of.loading}>{children(of.data)}</div>;
}

export function None({ children }: { children?: ReactNode }) {
  const { t } = useI18n();
  return <p className="none">{children ?? t("state.none")}</p>;
}
