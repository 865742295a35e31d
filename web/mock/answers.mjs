// The contract's answers over the invented data (docs/api.md).
import { FAMILY, accounts, entities, forums, int, months, perMonth, posts, random, ref, slice, tally, threads, times } from "./data.mjs";

const byAccount = new Map(accounts.map((a) => [a.id, posts.filter((p) => p.account?.id === a.id)]));
const starter = new Map(threads.map((t) => [t.id, t.posts[0]]));
const postOf = new Map(posts.map((p) => [p.id, p]));
const nameOf = new Map(accounts.map((a) => [a.id, a]));

// Accounts, ranked.
const FIELDS = ["web", "network", "system", "database", "mobile", "malware", "fraud", "data trade"];
const ranked = accounts.filter((a) => byAccount.get(a.id).length > 0).map((a) => {
  const own = byAccount.get(a.id);
  const answers = posts.filter((p) => p.reply_to !== null && postOf.get(p.reply_to).account?.id === a.id).length;
  const parts = {
    structure: Math.min(1, answers / 45) * 0.35, provision: Math.min(1, own.length / 60) * 0.25,
    events: Math.min(1, own.filter((p) => p.events.length).length / 40) * 0.15, knowledge: random() * 0.15, reach: random() * 0.1 * Math.min(1, own.length / 10),
  };
  const seen = times(own);
  return {
    id: a.id, name: a.name, forum: a.forum, rank: 0, score: Object.values(parts).reduce((x, y) => x + y, 0), parts, posts: own.length,
    threads_started: threads.filter((t) => t.posts[0].account?.id === a.id).length, answers_received: answers,
    first_seen: seen[0] ?? null, last_seen: seen.at(-1) ?? null, fields: FIELDS.filter((_, i) => (a.id * 7 + i) % 4 === 0).slice(0, a.id % 4),
  };
}).sort((a, b) => b.score - a.score).map((a, i) => ({ ...a, rank: i + 1 }));
export { posts, ranked };
const rankOf = new Map(ranked.map((a) => [a.id, a.rank]));

// Threats.
const TITLES = {
  t1: ["ddos", "Denial of service on Cloudflare by NightPetrel"], t2: ["update", "IP杀手 2.0: new version by 毒蝎子"],
  t3: ["sell", "CVV for sale by plastikov"], t4: ["sell", "<b>fresh logs</b> for sale by a_very_long_account_name_that_somebody_chose_to_break_every_table_layout_there_is"],
  t5: ["vulnerability", "Flaw: CVE-2025-12345 in WordPress"],
};
const mentionsOf = (id) => posts.flatMap((p) => p.events.filter((e) => e.threat_id === id).map((e) => ({ p, e })));
function summary(id, type, title, list, severity) {
  const seen = times(list.map((x) => x.p));
  const people = tally(list.map((x) => x.p.account?.id).filter(Boolean));
  return {
    id, title, type, family: FAMILY[type], status: ["active", "planned", "discussed", "asked", "negated"][id.length > 3 ? int(0, 4) : Number(id.slice(1)) % 5],
    severity, confidence: 0.5 + random() * 0.5, first_seen: seen[0] ?? "2024-02-01T00:00:00Z", last_seen: seen.at(-1) ?? "2024-02-01T00:00:00Z",
    mentions: list.length, posts: new Set(list.map((x) => x.p.id)).size, forums: tally(list.map((x) => x.p.forum)).map((f) => f.value),
    participants: people.slice(0, 3).map((x) => ({ id: x.value, name: nameOf.get(x.value).name })),
  };
}
const main = Object.entries(TITLES).map(([id, [type, title]], i) => summary(id, type, title, mentionsOf(id), 0.92 - i * 0.11));
const types = Object.keys(FAMILY);
const small = Array.from({ length: 70 }, (_, i) => {
  const p = posts.filter((x) => x.events.length)[i * 3 + 1] ?? posts[0];
  return summary(`th-${i + 100}`, types[i % types.length], `“${["loader", "дамп", "数据库"][i % 3]} ${i}” ${["offered", "discussed", "sought"][i % 3]}`, p.events.map((e) => ({ p, e })), 0.4 * random() + 0.05);
});
const allThreats = [...main, ...small];
export const threats = allThreats;
const languageOf = new Map(forums.map((f) => [f.name, f.language]));

function threat(id) {
  const s = allThreats.find((x) => x.id === id);
  if (!s) return null;
  const list = TITLES[id] ? mentionsOf(id) : posts.filter((p) => p.events.length).slice(3, 4).flatMap((p) => p.events.map((e) => ({ p, e })));
  const args = new Map();
  const people = new Map();
  for (const { p, e } of list) {
    for (const a of e.arguments) {
      const value = slice(p.text, a);
      const key = `${a.role}\n${value}`;
      const found = args.get(key) ?? { role: a.role, value, count: 0, posts: [], entity_id: p.entities.find((x) => x.start === a.start && x.end === a.end)?.id ?? null };
      found.count += 1;
      if (!found.posts.includes(p.id)) found.posts.push(p.id);
      args.set(key, found);
    }
    if (p.account) {
      const found = people.get(p.account.id) ?? { ...p.account, forum: p.forum, rank: rankOf.get(p.account.id) ?? null, mentions: 0, as: ["author"] };
      found.mentions += 1;
      people.set(p.account.id, found);
    }
  }
  return {
    ...s,
    severity_parts: [
      { name: "gravity", value: 0.9, weight: 0.3, note: `events of type ${s.type}` }, { name: "reach", value: 0.71, weight: 0.25, note: `${s.posts} posts, ${s.forums.length} forums` },
      { name: "standing", value: 0.55, weight: 0.2, note: "score of its best-ranked participant" }, { name: "certainty", value: 0.8, weight: 0.15, note: "most mentions assert or announce it" },
      { name: "substance", value: 1, weight: 0.1, note: "6 kinds of arguments, 3 indicators" },
    ],
    arguments: [...args.values()].sort((a, b) => b.count - a.count), all_participants: [...people.values()].sort((a, b) => b.mentions - a.mentions),
    timeline: list.map(({ p, e }) => {
      // The sentence is the line that holds the trigger.
      const points = Array.from(p.text);
      let from = e.trigger.start;
      while (from > 0 && points[from - 1] !== "\n") from -= 1;
      let until = e.trigger.end;
      while (until < points.length && points[until] !== "\n") until += 1;
      const inside = (x) => x.start >= from && x.end <= until;
      return {
        time: p.time, post_id: p.id, thread_id: p.thread_id, thread: p.thread, forum: p.forum, account: p.account,
        sentence: points.slice(from, until).join(""), sentence_start: from,
        spans: [{ ...e.trigger, kind: "trigger", label: e.type }, ...e.arguments.filter(inside).map((a) => ({ start: a.start, end: a.end, kind: "argument", label: a.role }))],
        type: e.type, modality: e.modality, confidence: e.confidence,
      };
    }).sort((a, b) => (a.time ?? "").localeCompare(b.time ?? "")),
    entities: counted(list.map((x) => x.p)), related: main.filter((x) => x.id !== id).slice(0, id === "t5" ? 0 : 3),
  };
}

function counted(list) {
  const counts = new Map();
  for (const p of list) for (const e of new Set(p.entities.map((x) => x.id))) counts.set(e, (counts.get(e) ?? 0) + 1);
  return [...counts].map(([id, count]) => ({ ...entities[id - 1], count })).sort((a, b) => b.count - a.count);
}

function portrait(id) {
  const actor = ranked.find((a) => a.id === id);
  if (!actor) return null;
  const own = byAccount.get(id);
  const labels = months(own);
  const started = own.filter((p) => starter.get(p.thread_id) === p);
  const answered = own.filter((p) => starter.get(p.thread_id) !== p);
  const contacts = ["telegram", "jabber", "qq", "email"];
  const found = counted(own);
  const neighbours = new Map();
  const near = (a) => neighbours.get(a.id) ?? neighbours.set(a.id, { ...a, forum: actor.forum, rank: rankOf.get(a.id) ?? null, answered: 0, answered_by: 0 }).get(a.id);
  for (const p of posts) {
    const to = p.reply_to === null ? null : postOf.get(p.reply_to).account;
    if (!p.account || !to || p.account.id === to.id) continue;
    if (p.account.id === id) near(to).answered += 1;
    if (to.id === id) near(p.account).answered_by += 1;
  }
  const day = (p) => (new Date(p.time).getUTCDay() + 6) % 7;
  const dated = own.filter((p) => p.time);
  const few = own.length < 3;
  return {
    actor,
    brief: few ? [] : [
      { text: `${actor.name} wrote ${own.length} posts on ${actor.forum} and received ${actor.answers_received} answers.`, posts: own.slice(0, 9).map((p) => p.id) },
      { text: "Sells goods and names ways of contact.", posts: own.slice(1, 3).map((p) => p.id) }, { text: "Most active in the evening.", posts: [] },
    ],
    languages: tally(own.map((p) => p.language)).map((x) => ({ language: x.value, posts: x.count })),
    activity: {
      labels, started: perMonth(labels, started), answered: perMonth(labels, answered),
      by_hour: Array.from({ length: 24 }, (_, h) => dated.filter((p) => new Date(p.time).getUTCHours() === h).length),
      by_weekday: Array.from({ length: 7 }, (_, d) => dated.filter((p) => day(p) === d).length),
    },
    fields: FIELDS.map((name, i) => ({ name, value: few ? 0 : ((id * 13 + i * 29) % 100) / 100, posts: few ? 0 : (id + i) % 17 })),
    keywords: few ? [] : ["botnet", "логи", "免杀", "cvv", "dump", "гарант", "<b>html</b>", "源码", "proxy", "ipv6", "supercalifragilisticexpialidocious"].map((word, i) => ({ word, weight: 1 / (i + 1), count: 30 - i * 2 })),
    rank_history: labels.length < 4 ? [] : ["2024 Q3", "2024 Q4", "2025 Q1", "2025 Q2", "2025 Q3"].map((label, i) => ({ label, rank: Math.max(1, actor.rank + [9, 4, 6, 2, 0][i]), of: 80, score: actor.score * (0.6 + i / 10) })),
    contacts: found.filter((e) => contacts.includes(e.type)), entities: found,
    threats: main.filter((t) => own.some((p) => p.events.some((e) => e.threat_id === t.id))).map((t) => ({ ...t, as: ["author", "actor"].slice(0, 1 + (id % 2)), own_mentions: own.flatMap((p) => p.events).filter((e) => e.threat_id === t.id).length })),
    community: 3,
    roles: [{ role: "vendor", strength: 0.8, count: 4, posts: own.slice(0, 3).map((p) => p.id) }],
    aliases: ranked.filter((a) => a.id !== id).slice(0, 2).map((a, i) => ({ id: a.id, name: a.name, forum: a.forum, probability: 0.8 - i * 0.3, verdict: null, reasons: [{ text: "names the same contact <b>twice</b>", weight: 1.4 }] })),
    time_zone: { offset: 3, low: 2, high: 5, posts: own.length },
    neighbours: [...neighbours.values()].sort((a, b) => b.answered + b.answered_by - a.answered - a.answered_by).slice(0, 15),
    posts_started: started.slice(-20).reverse().map(ref), posts_answered: answered.slice(-20).reverse().map(ref),
  };
}

const entityPosts = (id) => posts.filter((p) => p.entities.some((e) => e.id === id));
const entitySummary = (e) => {
  const list = entityPosts(e.id);
  const seen = times(list);
  return { id: e.id, type: e.type, value: e.value, posts: list.length, first_seen: seen[0] ?? null, last_seen: seen.at(-1) ?? null };
};
const entityList = entities.map(entitySummary).sort((a, b) => b.posts - a.posts);
function entity(id) {
  const found = entityList.find((e) => e.id === id);
  if (!found) return null;
  const list = entityPosts(id);
  const labels = months(list);
  return {
    entity: found, activity: { labels, posts: perMonth(labels, list) }, posts: list.slice(-100).reverse().map(ref),
    actors: tally(list.map((p) => p.account?.id).filter(Boolean)).slice(0, 15).map((x) => ({ id: x.value, name: nameOf.get(x.value).name, forum: nameOf.get(x.value).forum, count: x.count })),
    threats: main.filter((t) => list.some((p) => p.events.some((e) => e.threat_id === t.id))), cooccurring: counted(list).filter((e) => e.id !== id),
    link: found.type === "malware" ? { name: "GullNet <b>bot</b>", aliases: ["Gull", "чайка"], id: "S9999", source: "gazetteer" } : null,
    enrichment: found.type === "cve" ? [{ source: "cve feed", facts: { published: "2025-02-01", cvss: 9.8, cwe: ["CWE-79", "CWE-89"], products: { WordPress: "<6.4.2" } } }] : [],
  };
}

function sources() {
  const source = (id, name, state, more = {}) => ({
    id, name, url: `https://${id}.forum.example/`, forum: name, engine: "phpbb", member: null, state, reason: null,
    started: "2025-06-01T10:00:00Z", ended: "2025-06-01T10:04:00Z", last_good: "2025-06-01T10:04:00Z",
    figures: { new: 41, requests: 190, problems: 0 }, shortfall: [], problems: [], page: null, ...more,
  });
  return [
    source(1, forums[0]?.name ?? "Dark Harbour", "good"),
    source(2, "Night Pier", "challenge", { reason: "cloudflare", last_good: null, page: "https://2.forum.example/index.php" }),
    source(3, "Тихий причал", "good", {
      figures: { new: 0, requests: 3, problems: 2 }, problems: ["thread 12: no answer after 4 tries", "thread 13: too many redirects"],
      shortfall: [{ what: "board", title: "Доступы", got: 70, counted: 77 }],
    }),
  ];
}

function overview() {
  const events = posts.flatMap((p) => p.events.map((e) => ({ time: p.time, family: e.family })));
  const labels = months(events);
  const nodes = ranked.slice(0, 40);
  const ids = new Set(nodes.map((n) => n.id));
  const edges = tally(posts.flatMap((p) => {
    const to = p.reply_to === null ? null : postOf.get(p.reply_to).account;
    return p.account && to && p.account.id !== to.id && ids.has(p.account.id) && ids.has(to.id) ? [`${p.account.id} ${to.id}`] : [];
  })).map((x) => ({ from: Number(x.value.split(" ")[0]), to: Number(x.value.split(" ")[1]), weight: x.count }));
  return {
    counts: {
      posts: posts.length, relevant_posts: posts.filter((p) => p.events.length).length, accounts: accounts.length, threads: threads.length, forums: forums.length,
      threats: allThreats.length, mentions: events.length, entities: entities.length, pending: 14,
    },
    forums: forums.map((f) => {
      const own = posts.filter((p) => p.forum === f.name);
      const seen = times(own);
      return { id: f.id, name: f.name, posts: own.length, accounts: accounts.filter((a) => a.forum === f.name).length, language: f.language, first_post: seen[0] ?? null, last_post: seen.at(-1) ?? null };
    }),
    entities_by_type: tally(entities.map((e) => e.type)).map((x) => ({ type: x.value, count: x.count })),
    events_over_time: { labels, families: Object.fromEntries(["trade", "spread", "attack", "incident"].map((f) => [f, perMonth(labels, events.filter((e) => e.family === f))])) },
    latest_threats: [...allThreats].sort((a, b) => b.last_seen.localeCompare(a.last_seen)).slice(0, 8),
    top_threats: [...allThreats].sort((a, b) => b.severity - a.severity).slice(0, 8),
    key_actors: ranked.slice(0, 20), graph: { nodes: nodes.map(({ id, name, forum, rank, score }) => ({ id, name, forum, rank, score })), edges },
  };
}

const facetsOf = (list, fields) => Object.fromEntries(Object.entries(fields).map(([name, of]) => [name, tally(list.flatMap(of))]));
const has = (text, q) => !q || text.toLowerCase().includes(q.toLowerCase());

function page(list, fields, query) {
  const offset = Number(query.get("offset") ?? 0);
  const limit = Math.min(500, Number(query.get("limit") ?? 50));
  return { total: list.length, items: list.slice(offset, offset + limit), facets: facetsOf(list, fields) };
}

function search(query) {
  const q = query.get("q") ?? "";
  if (/"[^"]*$/.test(q) && (q.match(/"/g)?.length ?? 0) % 2) return { total: 0, took_ms: 0, items: [], facets: { forum: [], language: [] }, error: 'query: a " is not closed' };
  const words = q.replace(/(author|time|type):("[^"]*"|\S+)/g, "").replace(/["()*]/g, " ").split(/\s+/).filter((w) => w && !/^(AND|OR|NOT)$/.test(w)).map((w) => w.toLowerCase());
  const month = /time:(\d{4}-\d{2})\b/.exec(q)?.[1];
  const author = /author:(?:"([^"]*)"|(\S+))/.exec(q);
  const list = posts.filter((p) => words.every((w) => p.text.toLowerCase().includes(w))
    && (!author || has(p.account?.name ?? "", author[1] ?? author[2]))
    && (!month || p.time?.startsWith(month)) && (!query.get("forum") || p.forum === query.get("forum")) && (!query.get("lang") || p.language === query.get("lang")));
  const found = page(list, {}, query);
  return {
    total: list.length, took_ms: 3, error: null, months: tally(list.map((p) => p.time?.slice(0, 7)).filter(Boolean)),
    items: found.items.map((p) => ({ ...ref(p), snippet: words[0] ? snippet(p.text, words[0]) : [] })),
    facets: { forum: tally(list.map((p) => p.forum)), language: tally(list.map((p) => p.language)) },
  };
}

function snippet(text, word) {
  const at = text.toLowerCase().indexOf(word);
  return [{ text: text.slice(0, at), hit: false }, { text: text.slice(at, at + word.length), hit: true }, { text: text.slice(at + word.length), hit: false }].filter((x) => x.text);
}

/** The answer to a path under /api/v1, or null where there is none. */
export function answer(path, query, old = false) {
  const [kind, rawId] = path.split("/");
  const id = rawId === undefined ? undefined : decodeURIComponent(rawId);
  const q = query.get("q");
  const is = (field, value) => !query.get(field) || query.get(field) === value;
  if (kind === "health") return { version: "0.1.0-mock", model: "mock, no model", posts: posts.length, pending: 14, status: "analysing" };
  if (kind === "overview") return overview();
  if (kind === "sources") return page(sources(), {}, query);
  if (kind === "threats" && id === undefined) {
    const sort = query.get("sort") ?? "severity";
    const list = allThreats.filter((x) => is("family", x.family) && is("type", x.type) && is("status", x.status) && (!query.get("forum") || x.forums.includes(query.get("forum"))) && has(x.title, q)
      && (old || ((!query.get("lang") || x.forums.some((f) => languageOf.get(f) === query.get("lang"))) && x.severity >= Number(query.get("severity") ?? 0)
        && (!query.get("since") || x.last_seen >= query.get("since")) && (!query.get("until") || x.first_seen <= query.get("until")))));
    list.sort((a, b) => (typeof a[sort] === "string" ? b[sort].localeCompare(a[sort]) : b[sort] - a[sort]));
    return page(list, { family: (x) => [x.family], type: (x) => [x.type], status: (x) => [x.status], forum: (x) => x.forums, ...(old ? {} : { lang: (x) => [...new Set(x.forums.map((f) => languageOf.get(f)).filter(Boolean))] }) }, query);
  }
  if (kind === "threats") return threat(id);
  if (kind === "actors" && id === undefined) {
    const list = ranked.filter((a) => is("forum", a.forum) && has(a.name, q));
    const sort = query.get("sort");
    if (sort === "posts") list.sort((a, b) => b.posts - a.posts);
    if (sort === "first_seen") list.sort((a, b) => (b.first_seen ?? "").localeCompare(a.first_seen ?? ""));
    if (sort === "last_seen") list.sort((a, b) => (b.last_seen ?? "").localeCompare(a.last_seen ?? ""));
    return page(list, { forum: (a) => [a.forum] }, query);
  }
  if (kind === "actors") return portrait(Number(id));
  if (kind === "entities" && id === undefined) return page(entityList.filter((e) => is("type", e.type) && has(e.value, q)), { type: (e) => [e.type] }, query);
  if (kind === "entities") return entity(Number(id));
  if (kind === "posts") return postOf.get(Number(id)) ?? null;
  if (kind === "threads") {
    const found = threads.find((t) => t.id === Number(id));
    if (!found) return null;
    const some = page(found.posts, {}, query);
    return { id: found.id, title: found.title, forum: found.forum, board: found.board, total: some.total, posts: some.items };
  }
  if (kind === "search") {
    const found = search(query);
    if (old) return found;
    if (found.error) return { refusal: 400, body: { type: "about:blank", title: "bad request", detail: found.error, error: found.error } };
    return { ...found, facets: { ...found.facets, lang: found.facets.language, month: found.months } };
  }
  return null;
}
