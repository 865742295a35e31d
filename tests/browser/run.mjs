// Opens every page of a running server with data in a browser and checks what a person would see.
//   node tests/browser/run.mjs --base http://127.0.0.1:PORT [--shots DIR] [--only WORD]
// The browser is Debian's chromium, or the one named by CHROMIUM.
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { journeys } from "./journeys.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const { chromium } = createRequire(join(here, "../../web/package.json"))("playwright-core");

function option(name) {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? process.argv[at + 1] : undefined;
}
const base = option("base")?.replace(/\/$/, "");
const shots = option("shots");
const only = option("only");
if (!base) {
  console.error("usage: node tests/browser/run.mjs --base http://127.0.0.1:PORT [--shots DIR] [--only WORD]");
  process.exit(2);
}
if (shots) mkdirSync(shots, { recursive: true });

const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((p) => p && existsSync(p));
if (!executablePath) {
  console.error("no browser found: apt-get install chromium, or set CHROMIUM to its path");
  process.exit(2);
}

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
  page.on("console", (m) => { if (m.type() === "error" || /Content.Security.Policy/i.test(m.text())) problems.push(`console: ${m.text()}`); });
  page.on("pageerror", (e) => problems.push(`page error: ${e.message}`));
  page.on("requestfailed", (r) => { if (!/ERR_ABORTED/.test(r.failure()?.errorText ?? "")) problems.push(`request failed: ${r.url()} ${r.failure()?.errorText}`); });
  page.on("response", (r) => { if (r.status() >= 400) problems.push(`status ${r.status()}: ${r.url()}`); });
  page.on("request", (r) => { if (!r.url().startsWith(base) && !/^(data|blob):/.test(r.url())) problems.push(`request to elsewhere: ${r.url()}`); });
  page.on("dialog", (d) => { problems.push(`dialog: ${d.message()}`); void d.dismiss(); });
  return problems;
}

/** Waits until nothing loads any more and charts are drawn. */
export async function settle(page) {
  await page.waitForLoadState("networkidle");
  await page.waitForFunction(() => !document.querySelector(".state.loading") && !document.querySelector("[aria-busy='true']"), undefined, { timeout: 15000 });
  await page.waitForFunction(() => [...document.querySelectorAll(".chart, .network")].every((e) => e.querySelector("canvas, svg")), undefined, { timeout: 15000 });
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
    if (document.querySelector("main script, main iframe, main img, main object, main embed, main b b, main bdi > :not(bdi)")) problems.push("text from posts became HTML");
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
const pages = [
  ["overview", "/"], ["threats", "/threats"], ["threat", `/threats/${encodeURIComponent(found.threat.id)}`],
  ["actors", "/actors"], ["actor", `/actors/${found.actor.id}`], ["entities", "/entities"], ["entity", `/entities/${found.entity.id}`],
  ["thread", `/threads/${found.post.thread_id}`], ["post", `/posts/${found.post.id}?start=${found.said.sentence_start}&end=${found.said.sentence_start + Array.from(found.said.sentence).length}`],
  ["search", `/search?q=${encodeURIComponent(found.word)}`], ["search-empty", "/search"],
];
const sizes = [["wide", 1366, 768], ["phone", 390, 844]];

const browser = await chromium.launch({
  executablePath,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** A page of its own session with theme and language as a returning user has them. */
async function open(theme, lang, [, width, height]) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, locale: lang === "zh" ? "zh-CN" : "en-GB" });
  await context.addInitScript(([t, l]) => {
    localStorage.setItem("threatminer.theme", t);
    localStorage.setItem("threatminer.lang", l);
  }, [theme, lang]);
  const page = await context.newPage();
  const problems = watch(page);
  return { context, page, problems };
}

try {
  for (const size of sizes) {
    for (const theme of ["dark", "light"]) {
      for (const lang of ["en", "zh"]) {
        const { context, page, problems } = await open(theme, lang, size);
        for (const [name, path] of pages) {
          const title = `${name} ${size[0]} ${theme} ${lang}`;
          if (only && !title.includes(only)) continue;
          problems.length = 0;
          try {
            await page.goto(base + path);
            await settle(page);
            const more = await common(page, lang);
            const shown = await page.evaluate(() => document.documentElement.dataset.theme);
            if (shown !== theme) more.push(`theme is ${shown}`);
            if (shots) {
              await page.waitForTimeout(250);
              const scrolled = name === "post" ? { fullPage: false } : { fullPage: true };
              await page.screenshot({ path: join(shots, `${title.replaceAll(" ", "-")}.png`), ...scrolled });
            }
            check(title, [...problems, ...more]);
          } catch (error) {
            check(title, [...problems, String(error)]);
          }
        }
        await context.close();
      }
    }
  }
  for (const [name, run] of journeys) {
    if (only && !name.includes(only)) continue;
    const { context, page, problems } = await open("dark", "en", sizes[0]);
    try {
      const more = await run({ page, base, found, api, settle });
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
