// The workplace: keyboard, languages, files of tables, and (with the mock's --mock) news, changes, logins and hostile names.

const text = (page, selector) => page.locator(selector).first().textContent();

async function rows({ page, base, settle }) {
  await page.goto(`${base}/threats`);
  await settle(page);
  const at = () => page.evaluate(() => document.activeElement?.getAttribute("href"));
  await page.keyboard.press("j");
  const first = await at();
  await page.keyboard.press("j");
  const second = await at();
  await page.keyboard.press("k");
  const back = await at();
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/threats\/./);
  return [!/^\/threats\/./.test(first ?? "") && `j stops at ${first}`, first === second && "j does not go on", back !== first && "k does not go back"];
}

async function chords({ page, base, settle }) {
  await page.goto(base);
  await settle(page);
  await page.keyboard.press("g");
  await page.keyboard.press("e");
  await page.waitForURL(/\/entities$/);
  await page.keyboard.press("?");
  await page.locator("dialog[open] .keys").waitFor();
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  const moved = page.url().endsWith("/threats");
  await page.keyboard.press("Escape");
  const open = await page.locator("dialog[open]").count();
  return [moved && "keys work behind the dialog", open > 0 && "Escape does not close the help"];
}

/** The language of the browser is taken where none was chosen, and the choice is remembered. */
async function languages({ browser, base, settle }) {
  const problems = [];
  for (const [locale, lang, overview] of [["ru-RU", "ru", "Обзор"], ["zh-CN", "zh-CN", "总览"], ["de-DE", "en", "Overview"]]) {
    const context = await browser.newContext({ locale, viewport: { width: 1366, height: 768 } });
    const page = await context.newPage();
    page.underWay = 0;
    await page.goto(base);
    await page.locator("header.top > nav a").first().waitFor();
    const shown = await page.evaluate(() => document.documentElement.lang);
    const word = await text(page, "header.top > nav a");
    if (shown !== lang || word !== overview) problems.push(`${locale}: ${shown}, ${word}`);
    if (lang === "ru") {
      await page.locator("[data-switch='lang']").selectOption("zh");
      await page.reload();
      await page.locator("header.top > nav a").first().waitFor();
      if ((await page.evaluate(() => document.documentElement.lang)) !== "zh-CN") problems.push("the chosen language is forgotten");
    }
    await context.close();
  }
  void settle;
  return problems;
}

async function read(download) {
  const stream = await download.createReadStream();
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString("utf8");
}

/** A table taken along has every matching row, quoted so that a spreadsheet reads it. */
async function files({ page, base, settle, api }) {
  await page.goto(`${base}/threats`);
  await settle(page);
  const total = (await api("/threats?limit=1")).total;
  let waiting = page.waitForEvent("download");
  await page.locator(".headline .take button").first().click();
  const csv = await read(await waiting);
  waiting = page.waitForEvent("download");
  await page.locator(".headline .take button").last().click();
  const json = JSON.parse(await read(await waiting));
  const lines = csv.trimEnd().split("\r\n");
  return [
    !csv.startsWith("\uFEFFseverity,title,") && `the head is ${lines[0]}`, lines.length < total + 1 && `${lines.length - 1} of ${total} rows`,
    json.length !== total && `${json.length} of ${total} objects`, lines.some((l) => /(^|,)[=+@-]\D/.test(l)) && "a cell begins a formula",
  ];
}

/** What the first load brings, as the network carried it. */
async function weight({ page, base, settle }) {
  let bytes = 0;
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Network.enable");
  const scripts = new Set();
  cdp.on("Network.responseReceived", (e) => { if (/\/(assets\/|first\.js|$)/.test(new URL(e.response.url).pathname)) scripts.add(e.requestId); });
  cdp.on("Network.loadingFinished", (e) => { if (scripts.has(e.requestId)) bytes += e.encodedDataLength; });
  await page.goto(base);
  await settle(page);
  return [bytes === 0 && "nothing was measured", bytes > 400_000 && `${bytes} bytes`];
}

async function searchPivots({ page, base, settle, found }) {
  await page.goto(`${base}/search?q=${encodeURIComponent(found.actor.name)}`);
  await settle(page);
  const hit = await page.locator("[data-also='actor']").count();
  await page.goto(`${base}/search`);
  await settle(page);
  const kept = await page.locator(`.panel a[href='/search?q=${encodeURIComponent(found.actor.name).replaceAll("'", "%27")}']`).count();
  return [hit === 0 && "the hacker is not offered", kept === 0 && "the search is not in the history"];
}

async function comparing({ page, base, settle }) {
  await page.goto(`${base}/actors`);
  await settle(page);
  await page.locator("table.actors input[type=checkbox]").nth(0).check();
  await page.locator("table.actors input[type=checkbox]").nth(1).check();
  await page.locator(".bar .button").click();
  await page.waitForURL(/\/compare\?ids=\d+,\d+/);
  await settle(page);
  const columns = await page.locator(".versus thead th").count();
  return [columns !== 2 && `${columns} portraits beside each other`];
}

async function networkSearch({ page, base, settle, found }) {
  await page.goto(`${base}/network`);
  await settle(page);
  await page.locator(".headline input[type=search]").fill(found.actor.name);
  await page.keyboard.press("Enter");
  await page.waitForURL(/at=\d+/);
  const chosen = await page.locator("[data-chosen]").getAttribute("data-chosen");
  return [Number(chosen) !== found.actor.id && `chosen is ${chosen}`];
}

/** Only where the server's data can be changed and news be made. */
const withMock = (run) => Object.assign(run, { needsMock: true });

const news = withMock(async ({ page, base, settle }) => {
  await page.goto(base);
  await settle(page);
  await page.locator("[data-live='live']").waitFor({ timeout: 10000 });
  const asked = page.waitForRequest((r) => r.url().includes("/api/v1/overview"), { timeout: 10000 });
  const told = await (await fetch(`${base}/api/v1/mock/event`, { method: "POST", body: JSON.stringify({ topic: "threat", data: {} }) })).json();
  await asked;
  return [told.told === 0 && "nobody listens"];
});

const rules = withMock(async ({ page, base, settle }) => {
  await page.goto(`${base}/rules?new=1`);
  await settle(page);
  await page.locator(".editor input").first().fill("Ring <b>me</b>");
  await page.locator(".editor textarea").first().fill("loader\nкриптор*");
  await page.locator(".editor button[type=submit]").click();
  const card = page.locator(".cards .panel", { hasText: "Ring <b>me</b>" });
  await card.waitFor();
  await card.locator("[data-do=test]").click();
  await card.locator("[data-rung]").waitFor();
  const rung = await card.locator("[data-rung]").getAttribute("data-rung");
  const words = await card.locator(".conditions").textContent();
  await card.getByText("Delete").click();
  await card.getByText("Really delete").click();
  await card.waitFor({ state: "detached" });
  return [rung !== "3" && `rung is ${rung}`, !words.includes("loader · криптор*") && `conditions are ${words}`];
});

const channels = withMock(async ({ page, base, settle }) => {
  await page.goto(`${base}/channels`);
  await settle(page);
  await page.locator("[data-do=test]").nth(0).click();
  await page.locator("[data-delivered='true']").waitFor();
  await page.locator("[data-do=test]").nth(1).click();
  await page.locator("[data-delivered='false']").waitFor();
  return [];
});

const alerts = withMock(async ({ page, base, settle }) => {
  await page.goto(`${base}/alerts?state=new`);
  await settle(page);
  const first = await page.locator("[data-alert]").first().getAttribute("data-alert");
  await page.locator(`[data-alert='${first}'] [data-do=close]`).click();
  await page.locator(`[data-alert='${first}']`).waitFor({ state: "detached" });
  await page.goto(`${base}/alerts?state=closed`);
  await settle(page);
  return [(await page.locator(`[data-alert='${first}']`).count()) !== 1 && "the closed alert is not among the closed"];
});

const watching = withMock(async ({ page, base, settle }) => {
  await page.goto(`${base}/watchlists?new=indicator&item=203.0.113.77`);
  await settle(page);
  await page.locator(".editor input").first().fill("Blocked");
  await page.locator(".editor button[type=submit]").click();
  await page.locator(".cards .panel", { hasText: "203.0.113.77" }).waitFor();
  return [];
});

const marking = withMock(async ({ page, base, settle, found }) => {
  await page.goto(`${base}/actors/${found.actor.id}`);
  await settle(page);
  await page.locator("[data-mark-as=watch]").click();
  await page.locator("[data-mark-as=watch][aria-pressed=true]").waitFor();
  await page.locator("[data-verdict=same]").first().click();
  await page.locator("[data-verdict=same][aria-pressed=true]").waitFor();
  return [];
});

const why = withMock(async ({ page, base, settle, found }) => {
  await page.goto(`${base}/threats/${encodeURIComponent(found.threat.id)}`);
  await settle(page);
  await page.locator("[data-do=why]").click();
  const words = await page.locator(".timeline .m-why").count();
  return [words === 0 && "no word is marked"];
});

const tokens = withMock(async ({ page, base, settle }) => {
  await page.goto(`${base}/tokens`);
  await settle(page);
  await page.locator("[data-do=new]").click();
  await page.locator(".editor input").first().fill("ci");
  await page.locator(".editor button[type=submit]").click();
  await page.locator("[data-token]").waitFor();
  return [!(await text(page, "[data-token]")).startsWith("tm_") && "the token is not shown"];
});

export const work = [
  ["j and k walk through rows, Enter opens", rows],
  ["g and a letter go to a page, ? shows the keys, Esc closes", chords],
  ["the language follows the browser and is remembered", languages],
  ["a table is taken along as CSV and JSON", files],
  ["the first load stays small", weight],
  ["one search box leads to hackers, and searches are kept", searchPivots],
  ["two hackers are compared", comparing],
  ["an account is found in the network", networkSearch],
  ["news of the server are shown by themselves", news],
  ["a rule is made, tested and deleted", rules],
  ["channels are tested", channels],
  ["an alert is closed", alerts],
  ["a value goes to a watchlist", watching],
  ["an account is marked, an alias accepted", marking],
  ["the words that carried a decision are marked", why],
  ["a token is shown once", tokens],
];
