// The page against invented servers (web/mock): one with everything, whose data can be changed; one that wants a login; an older
// one; an empty one; one that fails.  node tests/browser/mock.mjs [--states]  (--states leaves out the journeys)
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { launch, open, settle } from "./lib.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const running = [];

/** A mock server on a free port; resolves to its address. */
function start(env = {}) {
  const server = spawn(process.execPath, [join(here, "../../web/mock/server.mjs"), "0"], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  running.push(server);
  return new Promise((done, failed) => {
    server.stdout.once("data", (text) => done(String(text).trim()));
    server.once("exit", (code) => failed(new Error(`the mock ended with ${code}`)));
  });
}

let passed = 0;
let failed = 0;
function check(name, problems) {
  const list = problems.filter(Boolean);
  if (list.length === 0) passed += 1;
  else failed += 1;
  console.log(`${list.length === 0 ? "ok  " : "FAIL"} ${name}${list.map((p) => `\n       ${p}`).join("")}`);
}

/** Pages or journeys of run.mjs, with the server whose data can be changed and whose names are hostile. */
async function run(base, ...options) {
  const child = spawn(process.execPath, [join(here, "run.mjs"), "--base", base, "--mock", ...options], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (text) => { said += text; });
  await new Promise((done) => { child.on("exit", done); });
  const lines = said.trimEnd().split("\n");
  const [, ok, bad] = /^(\d+) passed, (\d+) failed$/.exec(lines.pop() ?? "") ?? [];
  console.log(lines.join("\n").trimEnd());
  passed += Number(ok ?? 0);
  failed += Number(bad ?? 1);
}

const PAGES = ["/trends", "/alerts", "/watchlists", "/rules", "/channels", "/deliveries", "/tokens", "/users", "/audit"];
const crashed = (page) => page.locator("[role=alert]").count();

async function older(browser, base) {
  const { context, page } = await open(browser);
  const wrong = [];
  page.on("pageerror", (e) => wrong.push(e.message));
  for (const path of PAGES) {
    await page.goto(base + path);
    await settle(page);
    if ((await page.locator("[data-state='unavailable']").count()) !== 1) wrong.push(`${path} does not say that the server lacks it`);
    if (await crashed(page)) wrong.push(`${path} shows an error`);
  }
  for (const path of ["/", "/network", "/threats", "/reports", "/settings"]) {
    await page.goto(base + path);
    await settle(page);
    if (await crashed(page)) wrong.push(`${path} shows an error`);
  }
  if ((await page.locator("[data-live='polling']").count()) !== 1) wrong.push("the page does not say that it polls");
  check("an older server: what it lacks is said, the rest works", wrong);
  await context.close();
}

async function accounts(browser, base) {
  const { context, page } = await open(browser);
  const wrong = [];
  page.on("pageerror", (e) => wrong.push(e.message));
  await page.goto(`${base}/threats?family=trade`);
  await page.locator("main .gate").waitFor();
  if (await page.locator("header.top > nav, .searchbox").count()) wrong.push("the navigation is there before the login");
  const fill = async (name, password) => {
    await page.locator("main input").nth(0).fill(name);
    await page.locator("main input[type=password]").fill(password);
    await page.locator("main button[type=submit]").click();
  };
  await fill("viewer", "wrong");
  await page.locator("main [role=alert]").waitFor();
  if (await page.locator("main input[type=password]").inputValue() !== "") wrong.push("a wrong password stays in its field");
  await fill("viewer", "correct horse battery");
  await page.locator("table.threats").waitFor();
  await settle(page);
  if (!page.url().endsWith("/threats?family=trade")) wrong.push(`after the login the address is ${page.url()}`);
  await page.goto(`${base}/rules`);
  await settle(page);
  if (await page.locator("[data-do=new], [data-do=edit], [data-do=test]").count()) wrong.push("a viewer is offered changes");
  await page.locator("[data-switch=menu]").click();
  if (await page.locator(".menupanel a[href='/users']").count()) wrong.push("a viewer is offered the users");
  await page.locator("[data-do=logout]").click();
  await page.locator("main .gate").waitFor();
  check("accounts: login keeps the address, a viewer changes nothing, logout ends it", wrong);

  const more = [];
  await page.goto("about:blank").catch(() => undefined);
  await page.goto(`${base}/#/setup?token=one-time-token`);
  await page.locator("main .gate").waitFor();
  if (/token/.test(page.url())) more.push("the token stays in the address");
  const inputs = page.locator("main input");
  if ((await inputs.count()) !== 3) more.push(`${await inputs.count()} fields instead of name and twice the password`);
  await inputs.nth(0).fill("root");
  await inputs.nth(1).fill("correct horse battery");
  await inputs.nth(2).fill("correct horse batterx");
  if (await page.locator("main button[type=submit]").isEnabled()) more.push("two different passwords can be sent");
  await inputs.nth(2).fill("correct horse battery");
  const sent = page.waitForRequest((r) => r.url().endsWith("/api/v1/setup"));
  await page.locator("main button[type=submit]").click();
  const body = (await sent).postDataJSON();
  if (body.token !== "one-time-token" || body.name !== "root") more.push(`sent was ${JSON.stringify(body)}`);
  check("set-up: the one-time link makes the administrator and leaves no token behind", more);
  await context.close();
}

async function empty(browser, base) {
  const { context, page } = await open(browser);
  const wrong = [];
  page.on("pageerror", (e) => wrong.push(e.message));
  for (const path of ["/", "/threats", "/actors", "/network", "/entities", "/search?q=x", ...PAGES, "/sources"]) {
    await page.goto(base + path);
    await settle(page);
    if (await crashed(page)) wrong.push(`${path} shows an error`);
    if ((await page.locator("main .none, main .state").count()) === 0) wrong.push(`${path} does not say that there is nothing`);
  }
  check("an empty server: every page says so", wrong);
  await context.close();
}

async function failing(browser, base) {
  const { context, page } = await open(browser);
  const wrong = [];
  page.on("pageerror", (e) => wrong.push(e.message));
  for (const path of ["/", "/threats", "/threats/t1", "/actors", "/actors/1", "/entities", "/posts/1", "/search?q=x", ...PAGES, "/sources"]) {
    await page.goto(base + path);
    await page.locator("main [role=alert] button").first().waitFor({ timeout: 45000 }).catch(() => wrong.push(`${path} shows no error with a way to try again`));
    if (!(await page.locator("header.top .brand").count())) wrong.push(`${path} took the header with it`);
  }
  check("a failing server: every page says why and offers another try", wrong);
  await context.close();
}

const browser = await launch();
try {
  if (!process.argv.includes("--states")) {
    const base = await start();
    // Filled pages in one look with axe and in one with the longest words; the journeys change what is there.
    await run(base, "--only", "wide light en");
    await run(base, "--only", "phone light ru");
    await run(base, "--no-pages");
  }
  await older(browser, await start({ MOCK_OLD: "1" }));
  await accounts(browser, await start({ MOCK_ACCOUNTS: "1" }));
  await empty(browser, await start({ MOCK_EMPTY: "1" }));
  await failing(browser, await start({ MOCK_FAIL: "1" }));
} finally {
  await browser.close();
  for (const server of running) server.kill();
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
