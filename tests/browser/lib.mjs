// What the browser test and the screenshots share: the browser, a page as a returning user has it, waiting, and axe.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const fromWeb = createRequire(join(here, "../../web/package.json"));
const { chromium } = fromWeb("playwright-core");
const AXE = readFileSync(fromWeb.resolve("axe-core/axe.min.js"), "utf8");

export const LANGS = { en: "en-GB", zh: "zh-CN", ru: "ru-RU" };
export const SIZES = { wide: [1366, 768], phone: [390, 844] };

export function option(name) {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? process.argv[at + 1] : undefined;
}

export async function launch() {
  const executablePath = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((p) => p && existsSync(p));
  if (!executablePath) {
    console.error("no browser found: apt-get install chromium, or set CHROMIUM to its path");
    process.exit(2);
  }
  return chromium.launch({
    executablePath,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A page of its own session with theme and language as a returning user has them; a null language is the browser's own. */
export async function open(browser, { theme = "dark", lang = "en", size = "wide", locale = LANGS[lang] ?? "en-GB", remembered = lang } = {}) {
  const [width, height] = SIZES[size];
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, locale, reducedMotion: "reduce" });
  // Only where nothing is stored yet: what a test chooses must outlive the next load.
  await context.addInitScript(([t, l]) => {
    if (localStorage.getItem("threatminer.theme") === null) localStorage.setItem("threatminer.theme", t);
    if (l !== null && localStorage.getItem("threatminer.lang") === null) localStorage.setItem("threatminer.lang", l);
  }, [theme, remembered]);
  const page = await context.newPage();
  // Requests under way, without the stream of news, which never ends.
  page.underWay = 0;
  const counts = (r) => r.resourceType() !== "eventsource" && !r.url().endsWith("/api/v1/stream");
  page.on("request", (r) => { if (counts(r)) page.underWay += 1; });
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (r) => { if (counts(r)) page.underWay -= 1; });
  return { context, page };
}

/** Waits until nothing loads any more and charts are drawn. */
export async function settle(page) {
  const until = Date.now() + 45000;
  let quiet = 0;
  while (quiet < 4) {
    await page.waitForTimeout(60);
    quiet = page.underWay <= 0 ? quiet + 1 : 0;
    if (Date.now() > until) throw new Error(`${page.underWay} requests are still under way`);
  }
  await page.waitForFunction(() => !document.querySelector(".state.loading") && !document.querySelector("[aria-busy='true']"), undefined, { timeout: 45000 });
  await page.waitForFunction(() => [...document.querySelectorAll(".chart, .network")].every((e) => e.querySelector("canvas, svg")), undefined, { timeout: 45000 });
}

/** What axe finds wrong by WCAG 2.1 A and AA, one line each. */
export async function axe(page) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], resultTypes: ["violations"] });
    return violations.map((v) => `axe ${v.id} (${v.impact}): ${v.nodes.length} times, ${v.nodes[0].target.join(" ")} ${v.nodes[0].any[0]?.message ?? v.nodes[0].all[0]?.message ?? v.help}`);
  });
}
