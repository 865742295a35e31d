// Invented answers for the analyst's own things: alerts and rules, watchlists, channels, accounts, trends, the whole network.
// Changes last as long as the server does.

const iso = (days, hours = 0) => new Date(Date.UTC(2025, 11, 20, 12) - (days * 24 + hours) * 3_600_000).toISOString().replace(".000", "");
const XSS = "<img src=x onerror=\"document.title='owned'\">";

/** `found` gives the invented posts and what was made of them (answers.mjs). */
export function workplace(found) {
  const { posts, ranked, threats } = found;
  const said = posts.filter((p) => p.events.length > 0);
  const state = {
    watchlists: [
      { id: 1, name: "Our companies", kind: "organization", items: ["Cloudflare", "Beispiel AG", XSS], created: iso(40) },
      { id: 2, name: "Flaws we run", kind: "cve", items: ["CVE-2025-12345", "CVE-2025-*"], created: iso(12) },
    ],
    rules: [
      { id: 1, name: "Planned attack on us", enabled: true, when: { families: ["attack"], modality: ["planned"], watchlists: [1] }, channels: [1], digest: "now" },
      { id: 2, name: `Cards ${XSS}`, enabled: false, when: { keywords: ["cvv", "дамп*"], languages: ["ru"], min_severity: 0.4, entities: [{ type: "card" }] }, channels: [], digest: "daily" },
    ],
    channels: [
      { id: 1, name: "Night shift", kind: "email", settings: { host: "mail.example", security: "tls", from: "tm@soc.example", to: ["night@soc.example"], password: "••••••••" } },
      { id: 2, name: "Chat", kind: "slack", settings: { url: "https://hooks.example/••••" } },
    ],
    users: [
      { id: 1, name: "root", role: "admin", created: iso(90), last_login: iso(0, 2), disabled: false },
      { id: 2, name: `Аналитик ${XSS}`, role: "analyst", created: iso(30), last_login: null, disabled: true },
    ],
    tokens: [{ id: 1, name: "siem", scopes: ["read"], created: iso(9), last_used: iso(0, 1), expires: iso(-90) }],
    searches: [{ id: 1, name: "NightPetrel", query: "nightpetrel", created: iso(3) }],
    alerts: said.slice(0, 60).map((p, i) => {
      const e = p.events[0];
      return {
        id: 60 - i, rule: { id: 1 + (i % 2), name: i % 2 ? "Cards" : "Planned attack on us" }, time: iso(i / 3), title: i === 1 ? XSS : `${p.account?.name ?? "?"}: ${p.thread}`,
        severity: 0.9 - i / 80, state: ["new", "seen", "closed"][i % 3], threat: e.threat_id, post: p.id, account: p.account?.id ?? null,
        evidence: { post_id: p.id, start: e.trigger.start, end: e.trigger.end, sentence: p.text.split("\n")[0] },
      };
    }),
    marks: new Map(),
    user: null,
  };
  let next = 100;

  const list = (items) => ({ total: items.length, items, next: null, facets: {} });
  const collection = (name, method, id, body) => {
    if (method === "GET" && id === undefined) return list(state[name]);
    if (method === "POST" && id === undefined) {
      const made = { ...body, id: (next += 1), created: iso(0) };
      delete made.password;
      state[name].push(made);
      return name === "tokens" ? { ...made, token: "tm_0123456789abcdef0123456789abcdef" } : made;
    }
    const at = state[name].findIndex((x) => x.id === Number(id));
    if (at < 0) return null;
    if (method === "DELETE") { state[name].splice(at, 1); return {}; }
    state[name][at] = { ...state[name][at], ...body, id: Number(id) };
    return state[name][at];
  };

  function trends() {
    const start = Date.UTC(2025, 0, 6);
    const weeks = Array.from({ length: 50 }, (_, i) => new Date(start + i * 7 * 86_400_000).toISOString().slice(0, 10));
    const wave = (k) => weeks.map((_, i) => Math.max(0, Math.round(6 + 4 * Math.sin(i / (2 + k)) + ((i * 7 + k * 13) % 5))));
    const rise = (k) => [...wave(k).slice(0, -1), 40];
    return {
      weeks,
      series: [
        ...["trade", "spread", "attack", "incident"].map((name, k) => ({ name, kind: "family", counts: wave(k), burst: null })),
        { name: "ddos", kind: "type", counts: rise(1), burst: 4.2 }, { name: "sell", kind: "type", counts: wave(2), burst: null },
        { name: "GullNet", kind: "malware", counts: rise(3), burst: 2.7 }, { name: `IP杀手 ${XSS}`, kind: "malware", counts: wave(5), burst: 0.4 },
        { name: "Cloudflare", kind: "target", counts: wave(1), burst: null }, { name: "США", kind: "place", counts: wave(4), burst: null },
      ],
      outlook: ["trade", "spread", "attack", "incident"].flatMap((family, k) => [0, 1, 2, 3].map((i) => ({ family, week: new Date(start + (50 + i) * 7 * 86_400_000).toISOString().slice(0, 10), expected: 7 + k, low: 3 - i / 2, high: 12 + k + i }))),
      backtest: { weeks: 20, coverage: 0.88, mae: 2.41, naive_mae: 3.02 },
    };
  }

  function network(query) {
    const forum = query.get("forum");
    const community = query.get("community");
    const of = (id) => id % 7;
    const wanted = Number(query.get("limit") ?? 1000);
    // Copies of the invented accounts make the network as large as the page must bear.
    const all = Array.from({ length: 1000 }, (_, i) => {
      const a = ranked[i % ranked.length];
      return { id: i < ranked.length ? a.id : 100_000 + i, name: i < ranked.length ? a.name : `${a.name} ${i}`, forum: a.forum, rank: i + 1, score: a.score / (1 + i / 60), community: of(i), role: i % 3 ? "vendor" : null };
    });
    const nodes = all.filter((n) => (!forum || n.forum === forum) && (!community || String(n.community) === community)).slice(0, wanted);
    const edges = [];
    for (let i = 0; i < nodes.length; i += 1) {
      for (const step of [7, 14, 35]) {
        const j = (i + step * (1 + (i % 3))) % nodes.length;
        if (i !== j) edges.push({ from: nodes[i].id, to: nodes[j].id, weight: 1 + ((i * step) % 9) });
      }
      if (i > 20) edges.push({ from: nodes[i].id, to: nodes[i % 20].id, weight: 2 });
    }
    return { nodes, edges };
  }

  /** The answer as {status, body}, or undefined where the path is none of these. */
  return function answer(method, path, query, body, accounts) {
    const [kind, id, more] = path.split("/");
    const ok = (value, status = 200) => (value === null ? { status: 404, body: { title: "not found", detail: `there is no ${path}` } } : { status, body: value });
    if (kind === "session") {
      if (method === "DELETE") { state.user = null; return ok({}); }
      if (method === "POST") {
        if (body?.password !== "correct horse battery") return { status: 401, body: { title: "unauthorized", detail: "name or password is wrong" } };
        state.user = { id: 1, name: body.name, role: body.name === "viewer" ? "viewer" : "admin" };
        return ok({ mode: "accounts", setup: false, user: state.user });
      }
      return ok({ mode: accounts ? "accounts" : "open", setup: !accounts, user: accounts ? state.user : null });
    }
    if (kind === "setup") {
      if (body?.token !== "one-time-token") return { status: 403, body: { detail: "the token is not the one that was printed" } };
      return ok({});
    }
    if (accounts && !state.user && kind !== "health") return { status: 401, body: { title: "unauthorized", detail: "log in or send a token" } };
    if (["watchlists", "rules", "channels", "users", "tokens", "searches"].includes(kind)) {
      if (kind === "watchlists" && id === "import") return ok(collection("watchlists", "POST", undefined, { name: "Imported", kind: "indicator", items: ["203.0.113.9"] }), 201);
      if (more === "test") return kind === "rules" ? ok({ total: 3, items: state.alerts.slice(0, 3) }) : ok(Number(id) === 1 ? { delivered: true, detail: "250 queued" } : { delivered: false, detail: `connection refused ${XSS}` });
      return ok(collection(kind, method, id, body));
    }
    if (kind === "alerts") {
      if (method === "PATCH") return ok(collection("alerts", "PATCH", id, body));
      const wanted = state.alerts.filter((a) => (!query.get("state") || a.state === query.get("state")) && (!query.get("rule") || a.rule.id === Number(query.get("rule"))));
      const offset = Number(query.get("cursor") ?? query.get("offset") ?? 0);
      const limit = Number(query.get("limit") ?? 50);
      return ok({ total: wanted.length, items: wanted.slice(offset, offset + limit), next: offset + limit < wanted.length ? String(offset + limit) : null });
    }
    if (kind === "deliveries") {
      const item = (i, channel, was, detail) => ({ id: i, channel, channel_name: state.channels[channel - 1]?.name ?? "gone", kind: "alerts", state: was, created: iso(i), next_try: iso(i, -1), attempts: i, alerts: 2, detail });
      return ok({ items: [item(1, 1, "delivered", "250 queued"), item(2, 2, "waiting", "503 try later"), item(3, 2, "given_up", XSS)].filter((d) => !query.get("channel") || String(d.channel) === query.get("channel")), next: null });
    }
    if (kind === "audit") return ok({ items: Array.from({ length: 30 }, (_, i) => ({ time: iso(i / 10), user: i % 4 ? "root" : null, action: ["view_portrait", "login", "change_rule"][i % 3], object: i === 2 ? XSS : `actor ${i}`, address: "192.0.2.7" })), next: null });
    if (kind === "trends") return ok(trends());
    if (kind === "network") return ok(network(query));
    if ((kind === "aliases" || kind === "labels") && method === "POST") return ok({});
    if (kind === "actors" && more === "mark") { state.marks.set(Number(id), body); return ok({}); }
    if (kind === "export" || kind === "report") return { status: 200, text: `${kind} ${query.get("format")}`, type: "text/plain" };
    if (kind === "openapi.json") return ok({ openapi: "3.1.0" });
    if (kind === "threats" && id !== undefined) return { extra: extras(threats) };
    return undefined;
  };

  /** What a threat has beside its older fields. */
  function extras() {
    return (threat) => ({
      ...threat,
      status_over_time: [{ time: iso(60), status: "asked" }, { time: iso(30), status: "planned" }, { time: iso(4), status: threat.status }],
      credibility: { value: 0.62, parts: [{ name: "standing", value: 0.7, note: `its seller is known ${XSS}`, posts: [1, 2] }, { name: "substance", value: 0.4, note: "no sample was shown", posts: [3] }] },
      timeline: threat.timeline.map((s) => ({ ...s, why: s.spans.map((x, i) => ({ start: x.start, end: x.end, weight: i % 3 === 2 ? -0.2 : 0.9 / (i + 1) })) })),
    });
  }
}
