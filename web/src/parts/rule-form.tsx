import { useState } from "react";
import { send } from "../api.ts";
import { FAMILIES } from "../charts/colours.ts";
import { useI18n } from "../i18n/index.ts";
import { DIGESTS, type Channel, type Digest, type Rule, type Watchlist, type When } from "../workplace.ts";
import { AreaField, Checks, ChoiceField, Form, Problem, TextField, useDoing } from "./forms.tsx";

const EVENTS = ["sell", "buy", "exchange", "release", "update", "leak", "ddos", "intrusion", "ransom", "fraud", "malware", "vulnerability", "patch", "takedown"];
const MODALITIES = ["asserted", "planned", "hypothetical", "asked", "negated"];
const LANGUAGES = ["en", "ru", "zh"];
const lines = (text: string) => [...new Set(text.split("\n").map((l) => l.trim()).filter(Boolean))];
const list = (x: unknown): string[] => (Array.isArray(x) ? x.map(String) : []);
const plain = (x: unknown): string => (x === undefined || x === null ? "" : typeof x === "object" ? JSON.stringify(x) : String(x));

/** A rule in words: what must hold, one line for each condition. */
export function useWhenWords(): (when: When, watchlists: Watchlist[]) => [string, string][] {
  const { t, name, fixed } = useI18n();
  return (when, watchlists) => {
    const words: [string, string][] = [];
    const add = (key: string, value: string) => { if (value !== "") words.push([key, value]); };
    const known = new Set(["keywords", "regex", "families", "events", "modality", "watchlists", "forums", "languages", "min_severity", "query", "key_hacker", "burst", "max_age_days", "per"]);
    add(t("rule.keywords"), list(when.keywords).join(" · "));
    add(t("rule.regex"), plain(when.regex));
    add(t("facet.family"), list(when.families).map((f) => name("family", f)).join(", "));
    add(t("facet.event"), list(when.events).map((e) => name("event", e)).join(", "));
    add(t("rule.modality"), list(when.modality).map((m) => name("modality", m)).join(", "));
    add(t("nav.watchlists"), list(when.watchlists).map((id) => watchlists.find((w) => String(w.id) === id)?.name ?? `#${id}`).join(", "));
    add(t("col.forums"), list(when.forums).join(", "));
    add(t("facet.language"), list(when.languages).map((l) => name("language", l)).join(", "));
    if (typeof when.min_severity === "number") add(t("col.severity"), `≥ ${fixed(when.min_severity)}`);
    add(t("rule.query"), plain(when.query));
    if (when.key_hacker) add(t("rule.keyHacker"), t("rule.top", { n: when.key_hacker.top }));
    if (when.burst) add(t("rule.burst"), t("rule.burstText", { hours: when.burst.hours, n: when.burst.at_least, factor: when.burst.factor }));
    for (const [key, value] of Object.entries(when)) if (!known.has(key)) add(key.replaceAll("_", " "), plain(value));
    return words;
  };
}

/** Without what is empty: an empty list is no condition. */
function tidy(when: When): When {
  return Object.fromEntries(Object.entries(when).filter(([, v]) => v !== undefined && v !== null && v !== "" && !(Array.isArray(v) && v.length === 0))) as When;
}

type Props = { rule: Rule | null; channels: Channel[]; watchlists: Watchlist[]; done: () => void; cancel: () => void };

export function RuleEditor({ rule, channels, watchlists, done, cancel }: Props) {
  const { t, name } = useI18n();
  const [called, setCalled] = useState(rule?.name ?? "");
  const [digest, setDigest] = useState<Digest>(rule?.digest ?? "now");
  const [to, setTo] = useState<string[]>((rule?.channels ?? []).map(String));
  const [when, setWhen] = useState<When>(rule?.when ?? {});
  const [keywords, setKeywords] = useState(list(rule?.when.keywords).join("\n"));
  const [forums, setForums] = useState(list(rule?.when.forums).join("\n"));
  const [json, setJson] = useState<string | null>(null);
  const [unread, setUnread] = useState(false);
  const doing = useDoing();
  const change = (part: When) => setWhen({ ...when, ...part });
  const number = (text: string) => (text.trim() === "" || Number.isNaN(Number(text)) ? undefined : Number(text));

  const save = async () => {
    let conditions = tidy({ ...when, keywords: lines(keywords), forums: lines(forums) });
    if (json !== null) {
      try {
        conditions = tidy(JSON.parse(json) as When);
        setUnread(false);
      } catch {
        setUnread(true);
        return;
      }
    }
    const body = { name: called.trim(), enabled: rule?.enabled ?? true, when: conditions, channels: to.map(Number), digest };
    if (await doing.run(() => (rule ? send("PUT", `/rules/${rule.id}`, body) : send("POST", "/rules", body)))) done();
  };

  return (
    <section className="panel editor">
      <Form submit={() => void save()} busy={doing.busy} label={t("do.save")} cancel={cancel}>
        <div className="columns">
          <TextField label={t("field.name")} value={called} set={setCalled} required />
          <ChoiceField label={t("rule.digest")} value={digest} options={DIGESTS} set={(d) => setDigest(d as Digest)} show={(d) => name("digest", d)} />
        </div>
        {json === null && (
          <>
            <div className="columns">
              <AreaField label={t("rule.keywords")} hint={t("rule.keywordsHint")} rows={4} value={keywords} set={setKeywords} />
              <AreaField label={t("col.forums")} hint={t("rule.forumsHint")} rows={4} value={forums} set={setForums} />
            </div>
            <Checks label={t("facet.family")} options={FAMILIES} chosen={list(when.families)} set={(families) => change({ families })} show={(f) => name("family", f)} />
            <Checks label={t("facet.event")} options={EVENTS} chosen={list(when.events)} set={(events) => change({ events })} show={(e) => name("event", e)} />
            <Checks label={t("rule.modality")} options={MODALITIES} chosen={list(when.modality)} set={(modality) => change({ modality })} show={(m) => name("modality", m)} />
            {watchlists.length > 0 && (
              <Checks label={t("nav.watchlists")} options={watchlists.map((w) => String(w.id))} chosen={list(when.watchlists)} set={(ids) => change({ watchlists: ids.map(Number) })}
                show={(id) => watchlists.find((w) => String(w.id) === id)?.name ?? id} />
            )}
            <Checks label={t("facet.language")} options={LANGUAGES} chosen={list(when.languages)} set={(languages) => change({ languages })} show={(l) => name("language", l)} />
            <div className="columns">
              <TextField label={t("rule.query")} hint={t("rule.queryHint")} value={plain(when.query)} set={(query) => change({ query })} />
              <TextField label={t("rule.regex")} value={plain(when.regex)} set={(regex) => change({ regex })} />
              <TextField label={t("rule.severity")} value={plain(when.min_severity)} placeholder="0–1" set={(v) => change({ min_severity: number(v) as number })} />
              <TextField label={t("rule.keyHackerTop")} value={plain(when.key_hacker?.top)} set={(v) => { const top = number(v); change({ key_hacker: (top === undefined ? undefined : { top }) as { top: number } }); }} />
            </div>
            <Checks label={t("rule.burst")} options={["burst"]} chosen={when.burst ? ["burst"] : []} set={(c) => change({ burst: (c.length > 0 ? { hours: 24, at_least: 5, factor: 3 } : undefined) as { hours: number; at_least: number; factor: number } })}
              show={() => t("rule.burstText", { hours: when.burst?.hours ?? 24, n: when.burst?.at_least ?? 5, factor: when.burst?.factor ?? 3 })} />
          </>
        )}
        <Checks label={t("nav.channels")} options={channels.map((c) => String(c.id))} chosen={to} set={setTo} show={(id) => channels.find((c) => String(c.id) === id)?.name ?? id} />
        {channels.length === 0 && <p className="note">{t("rule.noChannels")}</p>}
        {json === null
          ? <button type="button" className="quiet small" onClick={() => setJson(JSON.stringify(tidy({ ...when, keywords: lines(keywords), forums: lines(forums) }), null, 2))}>{t("rule.json")}</button>
          : <AreaField label={t("rule.json")} hint={t("rule.jsonHint")} rows={12} mono value={json} set={setJson} />}
        {unread && <Problem text={t("rule.jsonBad")} />}
        <Problem text={doing.problem} />
      </Form>
    </section>
  );
}
