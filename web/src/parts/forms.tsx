import { useState, type FormEvent, type ReactNode } from "react";
import { ApiError } from "../api.ts";
import { useI18n } from "../i18n/index.ts";

/** What went wrong with a change, in words for the analyst. */
export function useSaying(): (error: unknown) => string {
  const { t } = useI18n();
  return (error) => {
    if (!(error instanceof ApiError)) return t("state.network");
    if (error.status === 404 || error.status === 405) return error.message || t("state.unavailable.text");
    if (error.status === 403) return error.message || t("state.forbidden.text");
    return error.message || t("state.status", { status: error.status });
  };
}

/** Runs changes one at a time and keeps what the last one said. */
export function useDoing(): { busy: boolean; problem: string | null; done: boolean; run: (change: () => Promise<unknown>) => Promise<boolean>; clear: () => void } {
  const say = useSaying();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [done, setDone] = useState(false);
  const run = async (change: () => Promise<unknown>) => {
    setBusy(true);
    setProblem(null);
    setDone(false);
    try {
      await change();
      setDone(true);
      return true;
    } catch (error) {
      setProblem(say(error));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, done, run, clear: () => { setProblem(null); setDone(false); } };
}

export function Problem({ text }: { text: string | null }) {
  return text === null ? null : <p className="problem" role="alert">{text}</p>;
}

export function Field({ label, hint, children }: { label: string; hint?: string; children: ReactNode }) {
  return (
    <label className="field">
      <span>{label}</span>
      {children}
      {hint !== undefined && <small>{hint}</small>}
    </label>
  );
}

type TextProps = {
  label: string; value: string; set: (value: string) => void; hint?: string; type?: "text" | "password" | "date" | "number"; required?: boolean;
  placeholder?: string; autoComplete?: string; minLength?: number; autoFocus?: boolean;
};
export function TextField({ label, value, set, hint, type = "text", autoComplete = "off", ...rest }: TextProps) {
  return (
    <Field label={label} {...(hint === undefined ? {} : { hint })}>
      <input type={type} value={value} onChange={(e) => set(e.target.value)} maxLength={2000} autoComplete={autoComplete} spellCheck={false} {...rest} />
    </Field>
  );
}

export function AreaField({ label, value, set, hint, rows = 6, mono = false }: { label: string; value: string; set: (value: string) => void; hint?: string; rows?: number; mono?: boolean }) {
  return (
    <Field label={label} {...(hint === undefined ? {} : { hint })}>
      <textarea className={mono ? "mono" : undefined} rows={rows} value={value} onChange={(e) => set(e.target.value)} spellCheck={false} />
    </Field>
  );
}

export function ChoiceField({ label, value, options, set, show }: {
  label: string; value: string; options: readonly string[]; set: (value: string) => void; show: (value: string) => string;
}) {
  return (
    <Field label={label}>
      <select value={value} onChange={(e) => set(e.target.value)}>
        {options.map((o) => <option key={o} value={o}>{show(o)}</option>)}
      </select>
    </Field>
  );
}

/** Several of a few. */
export function Checks({ label, options, chosen, set, show }: {
  label: string; options: readonly string[]; chosen: readonly string[]; set: (chosen: string[]) => void; show: (value: string) => string;
}) {
  return (
    <fieldset className="checks">
      <legend>{label}</legend>
      {options.map((o) => (
        <label key={o}>
          <input type="checkbox" checked={chosen.includes(o)} onChange={(e) => set(e.target.checked ? [...chosen, o] : chosen.filter((x) => x !== o))} />
          <span>{show(o)}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function Form({ submit, busy, label, children, cancel }: {
  submit: () => void; busy: boolean; label: string; children: ReactNode; cancel?: () => void;
}) {
  const { t } = useI18n();
  const send = (event: FormEvent) => { event.preventDefault(); submit(); };
  return (
    <form className="form" onSubmit={send}>
      {children}
      <div className="buttons">
        <button type="submit" className="strong" disabled={busy}>{label}</button>
        {cancel && <button type="button" onClick={cancel}>{t("do.cancel")}</button>}
      </div>
    </form>
  );
}

/** A button that asks once more before it acts: no dialog of the browser, and nothing lost by one click. */
export function Sure({ label, act, disabled = false }: { label: string; act: () => void; disabled?: boolean }) {
  const { t } = useI18n();
  const [asked, setAsked] = useState(false);
  return asked
    ? <button type="button" className="small danger" disabled={disabled} onClick={() => { setAsked(false); act(); }} onBlur={() => setAsked(false)} autoFocus>{t("do.sure")}</button>
    : <button type="button" className="quiet small" disabled={disabled} onClick={() => setAsked(true)}>{label}</button>;
}
