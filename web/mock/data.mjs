// Invented data for UI development: three languages, awkward names and texts, the same at every start.

let seed = 20250618;
const random = () => {
  seed = (seed * 1664525 + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const pick = (list) => list[Math.floor(random() * list.length)];
const int = (from, to) => from + Math.floor(random() * (to - from + 1));
const iso = (ms) => new Date(ms).toISOString().replace(".000Z", "Z");
const START = Date.UTC(2024, 0, 5);
const END = Date.UTC(2025, 11, 20);

export const forums = [
  { id: 1, name: "Nightmarket Board", language: "en" },
  { id: 2, name: "Чёрный Порт", language: "ru" },
  { id: 3, name: "暗影论坛", language: "zh" },
  { id: 4, name: "Empty <i>Forum</i> & Sons", language: null },
];
const boards = { en: ["Marketplace", "Malware", "Off-topic"], ru: ["Торговля", "Кардинг", "Флейм"], zh: ["交易区", "免杀技术", "灌水"] };
const names = {
  en: ["petrel_zero", "gullnet", "Mortimer", "0xbase", "shadow.seller", "<img src=x onerror=alert(1)>", "ghost👻writer",
    "a_very_long_account_name_that_somebody_chose_to_break_every_table_layout_there_is", "lurker", "n00b_42", "kappa", "‮reversed"],
  ru: ["plastikov", "Mr_Dump", "Гарант_Семён", "КартоТрест", "vor_demo", "хакер-любитель", "Ёжик", "<b>жирный</b>", "logi_demo", "Новичок99"],
  zh: ["毒蝎子", "小白", "影子商人", "夜行者", "马甲一号", "<script>alert('爪')</script>", "路过的🐱", "老鸟"],
};

export const accounts = [];
for (const forum of forums.slice(0, 3)) {
  for (const name of names[forum.language]) accounts.push({ id: accounts.length + 1, name, forum: forum.name, language: forum.language });
}
while (accounts.length < 90) {
  const forum = forums[accounts.length % 3];
  accounts.push({ id: accounts.length + 1, name: `user_${accounts.length}`, forum: forum.name, language: forum.language });
}

// Texts with marks: {t:type|word} trigger, {role|word} argument, {e:type|word} entity; roles may hold entities: {asset+malware|word}.
const FAMILY = {
  sell: "trade", buy: "trade", exchange: "trade", release: "spread", update: "spread", leak: "spread", ddos: "attack", intrusion: "attack",
  ransom: "attack", fraud: "attack", malware: "attack", vulnerability: "incident", patch: "incident", takedown: "incident",
};
const texts = {
  en: [
    ["t1", "asserted", "🚨👾 Today we {t:ddos|took down} {target+organization|Cloudflare} with botnet {asset+malware|GullNet}, {quantity|4.2 Tbps} 🔥🔥. Proof on {contact+telegram|t.me/petrel_example}.\nDashboard was dead for 40 minutes <b>not bold</b>.\n\nC2 lives at {e:ipv4|203.0.113.77}, ask {e:email|ops@gull.example}"],
    ["t1", "planned", "Announcement: on {time|2025-09-14} the group {actor+threat_actor|NightPetrel} will {t:ddos|attack} {target+organization|Cloudflare}. Bookmark this 👩‍💻👨‍👩‍👧."],
    ["t1", "negated", "lol {actor+threat_actor|NightPetrel} did not {t:ddos|take down} anything, it was maintenance"],
    ["t4", "asserted", "WTS {t:sell|selling} {asset+goods|fresh logs} {place|US/EU}, {price+price|$1,500} per {quantity|10k}, card •••• •••• •••• 1111, escrow ok. Hash {e:sha256|ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}"],
    ["t5", "asserted", "{vulnerability+cve|CVE-2025-12345} in {target+software|WordPress} is {t:vulnerability|exploitable} before {version|6.4.2}. See {e:url|hxxp://blog[.]example/a?b=<script>alert(1)</script>&c=d}"],
    ["t5", "asked", "does anyone have a {t:patch|fix} for {vulnerability+cve|CVE-2025-12345}? my box {e:domain|shop-with-a-very-long-host-name.that-never.ends.example} is bare"],
    [null, null, "thx"], [null, null, "up"], [null, null, "Which router is good for a small flat? <img src=x onerror=\"document.title='owned'\"> 🙂"],
  ],
  ru: [
    ["t3", "asserted", "{t:sell|Продам} {asset+goods|CVV} {place|США}, {price+price|12 $} штука, ЕС {price+price|25 $}. Валид {quantity|85 %}. Телеграм {contact+telegram|@plastik_cc_demo} 💳"],
    ["t3", "asked", "Кто {t:buy|купит} {asset+goods|дампы с пином}? Пишите в жабу {contact+jabber|vor@xmpp.example}"],
    ["t3", "hypothetical", "если {t:fraud|обналить} {asset+goods|карты} через {technique|дропов}, то гарант {actor|Гарант_Семён} возьмёт {price+price|500 руб.}"],
    [null, null, "в личку"], [null, null, "Спасибо, бро 👍"], [null, null, "Какая погода в порту? & < > \" '"],
  ],
  zh: [
    ["t2", "asserted", "{t:update|发布} {asset+malware|IP杀手} {version|2.0}:支持IPv6,驱动过 {target+software|360} 和 {target+software|Defender}。{price+price|800 元}/月,源码 {price+price|5000 元},QQ {contact+qq|100010086} 🦂"],
    ["t2", "planned", "下周 {t:release|放出} {asset+malware|IP杀手} 破解版,镜像 {e:domain|ipk2.dl-mirror.example}"],
    ["t2", "asserted", "我的机器 {t:malware|中了} {asset+malware|IP杀手},回连 {e:ipv4|203.0.113.77},求助 𠮷𠮷"],
    [null, null, "顶"], [null, null, "路过,支持楼主"],
  ],
};

const entityIndex = new Map();
export const entities = [];
function entityOf(type, value) {
  const key = `${type}\n${value}`;
  let found = entityIndex.get(key);
  if (!found) {
    found = { id: entities.length + 1, type, value };
    entities.push(found);
    entityIndex.set(key, found);
  }
  return found;
}

function parse(source) {
  const out = { text: "", trigger: null, type: null, args: [], entities: [] };
  let at = 0;
  for (const part of source.split(/(\{[^{}|]+\|[^{}]*\})/u)) {
    const mark = /^\{([^|]+)\|([^}]*)\}$/u.exec(part);
    const word = mark ? mark[2] : part;
    const start = at;
    at += Array.from(word).length;
    out.text += word;
    if (!mark) continue;
    const [role, type] = mark[1].split("+");
    if (role.startsWith("t:")) { out.trigger = { start, end: at }; out.type = role.slice(2); continue; }
    if (role.startsWith("e:")) out.entities.push({ ...entityOf(role.slice(2), word), start, end: at });
    else out.args.push({ role, start, end: at, value: word });
    if (type) out.entities.push({ ...entityOf(type, word), start, end: at });
  }
  return out;
}

export const posts = [];
export const threads = [];
let eventId = 0;
const titles = {
  en: ["NightPetrel vs Cloudflare", "[SELL] fresh logs & <u>more</u>", "weekly chatter", "CVE-2025-12345 talk",
    "A thread whose title goes on and on without any reason other than to see what the layout does when nobody thought of an end to it 🚀"],
  ru: ["Продажа CVV, Plastik Shop", "Флудильня", "Спор через гаранта"],
  zh: ["IP杀手 2.0 发布", "闲聊水区", "求助:中招了怎么办"],
};

for (let i = 0; i < 120; i += 1) {
  const forum = forums[i % 3];
  const language = forum.language;
  const thread = { id: i + 1, title: pick(titles[language]), forum: forum.name, board: pick(boards[language]), posts: [] };
  const size = i === 0 ? 160 : i === 5 ? 1 : int(2, 14);
  let time = i === 0 ? Date.UTC(2025, 8, 10, 18, 22) : START + random() * (END - START);
  for (let k = 0; k < size; k += 1) {
    const own = accounts.filter((a) => a.language === language);
    const account = random() < 0.03 ? null : own[Math.floor(own.length * random() ** 2.2)];
    const [threat, modality, source] = pick(texts[language]);
    const p = parse(source);
    time += random() * 86_400_000 * (i === 0 ? 0.15 : 2);
    const answers = k > 0 ? pick(thread.posts) : null;
    // Some spans overlap by purpose: an entity over trigger and argument.
    const found = p.entities.map((e) => ({ ...e, source: pick(["pattern", "model", "gazetteer"]), confidence: 0.6 + random() * 0.4 }));
    if (p.trigger && random() < 0.3) found.push({ ...entityOf("technique", "overlap"), start: Math.max(0, p.trigger.start - 3), end: p.trigger.end + 3, source: "model", confidence: 0.51 });
    const post = {
      id: posts.length + 1, external_id: `x${posts.length}`, forum: forum.name, board: thread.board, thread_id: thread.id, thread: thread.title,
      account: account ? { id: account.id, name: account.name } : null, time: random() < 0.02 ? null : iso(time), language,
      text: k === 3 && i === 1 ? "" : p.text, url: random() < 0.8 ? `http://forum.example/viewtopic.php?t=${thread.id}&p=${posts.length}"><script>` : null,
      relevance: threat ? 0.6 + random() * 0.4 : random() * 0.4, reply_to: answers?.id ?? null,
      quotes: answers && random() < 0.3 ? [{ post_id: answers.id, author: answers.account?.name ?? null }] : [],
      entities: found,
      events: p.trigger ? [{
        id: (eventId += 1), type: p.type, family: FAMILY[p.type], modality, confidence: 0.5 + random() * 0.5, threat_id: threat, trigger: p.trigger,
        arguments: p.args.map((a) => ({ role: a.role, start: a.start, end: a.end, confidence: 0.5 + random() * 0.5 })),
      }] : [],
    };
    if (post.text === "") { post.entities = []; post.events = []; }
    thread.posts.push(post);
    posts.push(post);
  }
  threads.push(thread);
}

const excerpt = (text) => Array.from(text).slice(0, 140).join("");
export const ref = (p) => ({ id: p.id, forum: p.forum, thread_id: p.thread_id, thread: p.thread, board: p.board, account: p.account, time: p.time, excerpt: excerpt(p.text) });
export const slice = (text, s) => Array.from(text).slice(s.start, s.end).join("");
export const tally = (list) => {
  const counts = new Map();
  for (const x of list) counts.set(x, (counts.get(x) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, count })).sort((a, b) => b.count - a.count);
};
export const times = (list) => list.map((p) => p.time).filter(Boolean).sort();
export const months = (list) => {
  const found = times(list).map((t) => t.slice(0, 7));
  if (found.length === 0) return [];
  const labels = [];
  for (let d = new Date(`${found[0]}-01T00:00:00Z`); d.toISOString().slice(0, 7) <= found.at(-1); d.setUTCMonth(d.getUTCMonth() + 1)) labels.push(d.toISOString().slice(0, 7));
  return labels;
};
export const perMonth = (labels, list) => labels.map((m) => list.filter((p) => p.time?.startsWith(m)).length);
export { FAMILY, random, int };
