// Opens every page of a running server with data in a browser and checks what a person would see.
//   node tests/browser/run.mjs --base http://127.0.0.1:PORT [--shots DIR] [--only WORD] [--mock] [--no-pages]
// The browser is Debian's chromium, or the one named by CHROMIUM. The server may be the program or web/mock/server.mjs;
// --mock says that it is the latter, whose news and changes can be tried; --no-pages leaves it at the journeys.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { journeys } from "./journeys.mjs";
import { LANGS, SIZES, axe, launch, open, option, settle } from "./lib.mjs";
import { questions } from "./questions.mjs";
import { work } from "./work.mjs";

const base = option("base")?.replace(/\/$/, "");
const shots = option("shots");
const only = option("only");
const mock = process.argv.includes("--mock");
const noPages = process.argv.includes("--no-pages");
if (!base) {
  console.error("usage: node tests/browser/run.mjs --base http://127.0.0.1:PORT [--shots DIR] [--only WORD] [--mock] [--no-pages]");
  process.exit(2);
}
if (shots) mkdirSync(shots, { recursive: true });

let passed = 0;
let failed = 0;
function check(name, problems) {
  const list = problems.filter(Boolean);
  if (list.length === 0) passed += 1;
  else failed += 1;
  console.log(`${list.length === 0 ? "ok  " : "FAIL"} ${name}${list.map((p) => `\n       ${p}`).join("")}`);
}

async function api(path) {
  const answer = await fetch(`${base}/api/v1${path}`);
  if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** What a server may lack; where it has it, an error from there is an error. */
const OPTIONAL = ["session", "alerts", "watchlists", "rules", "channels", "deliveries", "users", "tokens", "audit", "searches", "trends", "network", "stream"];
const absent = new Set();
for (const name of OPTIONAL) {
  const abort = new AbortController();
  const answer = await fetch(`${base}/api/v1/${name}`, { signal: abort.signal });
  if (answer.status === 404) absent.add(name);
  abort.abort();
}
if (absent.size > 0) console.log(`this server has no ${[...absent].join(", ")}`);
const lacking = (url) => absent.has(new URL(url).pathname.split("/")[3] ?? "");

/** Ids to visit, from what the server has. */
async function places() {
  const [threats, actors, entities] = await Promise.all([api("/threats?limit=5"), api("/actors?limit=5"), api("/entities?limit=5")]);
  if (!threats.items[0] || !actors.items[0] || !entities.items[0]) throw new Error("the server has no threats, hackers or entities: import data first");
  const threat = await api(`/threats/${encodeURIComponent(threats.items[0].id)}`);
  const said = threat.timeline[0];
  const post = await api(`/posts/${said.post_id}`);
  // A whole word of a post: what a reader would type, and what stands in at least one hit's own text.
  const word = post.text.match(/[\p{L}\p{N}]{4,}/u)?.[0] ?? "the";
  return { threat, actor: actors.items[0], entity: entities.items[0], post, said, word };
}

/** Collects all that goes wrong in a page while it is watched. */
function watch(page) {
  const problems = [];
  page.on("console", (m) => { if ((m.type() === "error" && !lacking(m.location().url || base)) || /Content.Security.Policy/i.test(m.text())) problems.push(`console: ${m.text()}`); });
  page.on("pageerror", (e) => problems.push(`page error: ${e.message}`));
  page.on("requestfailed", (r) => { if (!/ERR_ABORTED/.test(r.failure()?.errorText ?? "")) problems.push(`request failed: ${r.url()} ${r.failure()?.errorText}`); });
  page.on("response", (r) => { if (r.status() >= 400 && !lacking(r.url())) problems.push(`status ${r.status()}: ${r.url()}`); });
  page.on("request", (r) => { if (!r.url().startsWith(base) && !/^(data|blob):/.test(r.url())) problems.push(`request to elsewhere: ${r.url()}`); });
  page.on("dialog", (d) => { problems.push(`dialog: ${d.message()}`); void d.dismiss(); });
  return problems;
}

/** What must hold on every page. */
async function common(page, lang) {
  return page.evaluate((wanted) => {
    const problems = [];
    const root = document.documentElement;
    const heading = document.querySelectorAll("main h1");
    if (heading.length !== 1) problems.push(`${heading.length} main headings`);
    else if (!heading[0].textContent.trim()) problems.push("the main heading is empty");
    if (document.querySelector("main [role='alert']")) problems.push(`an error is shown: ${document.querySelector("main [role='alert']").textContent}`);
    if (root.scrollWidth > root.clientWidth) {
      const wide = [...document.querySelectorAll("main *, header *, footer *")].find((e) => e.getBoundingClientRect().right > root.clientWidth + 1);
      problems.push(`horizontal overflow: ${root.scrollWidth} > ${root.clientWidth}, by ${wide?.tagName}.${wide?.className}`);
    }
    if (!root.lang.startsWith(wanted)) problems.push(`language is ${root.lang}`);
    if (document.querySelector("main script, main iframe, main img, main object, main embed, main b b, main bdi > :not(bdi)") || document.title.includes("owned")) problems.push("text from posts became HTML");
    for (const link of document.querySelectorAll("a[href]")) {
      const href = link.getAttribute("href");
      if (!href.startsWith("/") && !href.startsWith("#")) problems.push(`a link leads out: ${href}`);
    }
    for (const control of document.querySelectorAll("button, a[href], input, select")) {
      const name = control.getAttribute("aria-label") ?? control.closest("label")?.textContent ?? control.textContent;
      if (!name?.trim()) problems.push(`a control without a name: ${control.outerHTML.slice(0, 90)}`);
    }
    return problems;
  }, lang);
}

const found = await places();
const second = (await api("/actors?limit=2")).items[1] ?? found.actor;
const pages = [
  ["overview", "/"], ["threats", "/threats"], ["threat", `/threats/${encodeURIComponent(found.threat.id)}`],
  ["actors", "/actors?sort=first_seen"], ["actor", `/actors/${found.actor.id}`], ["network", `/network?at=${found.actor.id}`],
  ["compare", `/compare?ids=${found.actor.id},${second.id}`], ["entities", "/entities"], ["entity", `/entities/${found.entity.id}`],
  ["thread", `/threads/${found.post.thread_id}`], ["post", `/posts/${found.post.id}?start=${found.said.sentence_start}&end=${found.said.sentence_start + Array.from(found.said.sentence).length}`],
  ["search", `/search?q=${encodeURIComponent(found.word)}`], ["search-empty", "/search"], ["trends", "/trends"], ["alerts", "/alerts"], ["watchlists", "/watchlists?new=keyword"],
  ["rules", "/rules?new=1"], ["channels", "/channels?new=1"], ["deliveries", "/deliveries"], ["reports", "/reports"], ["sources", "/sources"], ["settings", "/settings"],
  ["tokens", "/tokens"], ["users", "/users"], ["audit", "/audit"], ["setup", "/setup"],
];

const browser = await launch();
/** A word of each language that the header must show: a page that fell back to English has another one. */
const MENU = { en: "Menu", zh: "菜单", ru: "Меню" };

try {
  // English in each size and theme; the other languages once in each size and once in each theme.
  const combinations = Object.keys(SIZES).flatMap((size, i) => ["dark", "light"].map((theme, k) => ({ size, theme, langs: ["en", i === k ? "ru" : "zh"] })));
  for (const { size, theme, langs } of noPages ? [] : combinations) {
    for (const lang of langs) {
      const { context, page } = await open(browser, { theme, lang, size });
      const problems = watch(page);
      for (const [name, path] of pages) {
        const title = `${name} ${size} ${theme} ${lang}`;
        if (only && !title.includes(only)) continue;
        problems.length = 0;
        try {
          await page.goto(base + path);
          await settle(page);
          const more = await common(page, lang);
          const shown = await page.evaluate(() => document.documentElement.dataset.theme);
          if (shown !== theme) more.push(`theme is ${shown}`);
          const menu = await page.locator("[data-switch='menu']").getAttribute("aria-label");
          if (menu !== MENU[lang]) more.push(`the menu is called ${menu}`);
          // A page must be clean in each theme and size; languages differ in words alone.
          if (lang === "en") more.push(...(await axe(page)));
          if (shots) {
            await page.waitForTimeout(250);
            await page.screenshot({ path: join(shots, `${title.replaceAll(" ", "-")}.png`), fullPage: name !== "post" });
          }
          check(title, [...problems, ...more]);
        } catch (error) {
          check(title, [...problems, String(error)]);
        }
      }
      await context.close();
    }
  }
  for (const [name, run] of [...journeys, ...questions, ...work]) {
    if ((only && !name.includes(only)) || (run.needsMock && !mock)) continue;
    const { context, page } = await open(browser);
    const problems = watch(page);
    try {
      const more = await run({ browser, page, base, found, api, settle, mock, absent, problems });
      check(name, [...problems, ...(more ?? [])]);
    } catch (error) {
      check(name, [...problems, String(error)]);
    }
    await context.close();
  }
} finally {
  await browser.close();
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
