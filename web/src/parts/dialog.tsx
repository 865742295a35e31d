import { useEffect, useId, useRef, type ReactNode } from "react";
import { useI18n } from "../i18n/index.ts";
import { Icon } from "./icons.tsx";

/** A modal window: the browser keeps the focus inside and closes it on Escape. */
export function Dialog({ title, close, children }: { title: string; close: () => void; children: ReactNode }) {
  const { t } = useI18n();
  const box = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    const element = box.current;
    if (element && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog ref={box} aria-labelledby={heading} onCancel={(e) => { e.preventDefault(); close(); }}
      onClick={(e) => { if (e.target === box.current) close(); }}>
      <div className="dialogbody">
        <header>
          <h2 id={heading}>{title}</h2>
          <button type="button" className="quiet small" onClick={close} aria-label={t("do.close")}><Icon name="close" /></button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
