// The analyst's ten questions, each from the overview in at most three clicks. Typing into a box that the `/` key reaches and
// pressing Enter counts as one.
const MOST = 3;

/** Counts what a person does. */
function hand(page, settle) {
  let clicks = 0;
  return {
    get clicks() { return clicks; },
    async click(selector) {
      clicks += 1;
      await page.locator(selector).first().click();
      await settle(page);
    },
    async search(text) {
      clicks += 1;
      await page.keyboard.press("/");
      await page.keyboard.type(text);
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/search\?q=/);
      await settle(page);
    },
    async fill(selector, text, url) {
      clicks += 1;
      await page.locator(selector).first().fill(text);
      await page.waitForURL(url);
      await settle(page);
    },
  };
}

const count = (page, selector) => page.locator(selector).count();

/** One question: `way` goes there and says what is missing. */
function question(text, way) {
  return [`question: ${text}`, async (with_) => {
    const { page, base, settle } = with_;
    await page.goto(base);
    await settle(page);
    const by = hand(page, settle);
    const missing = await way({ ...with_, by });
    return [missing, by.clicks > MOST && `${by.clicks} clicks`, by.clicks === 0 && "nothing was clicked"];
  }];
}

export const questions = [
  question("who sells X", async ({ page, by, api }) => {
    const sale = (await api("/threats?type=sell&limit=1")).items[0];
    const word = sale.title.match(/[\p{L}\p{N}]{3,}/u)[0];
    await by.click("header.top > nav a[href='/threats']");
    await by.click(".facet:nth-of-type(2) button:has-text('Sale')");
    await by.fill(".headline .filter", word, /q=/);
    return (await count(page, "table.threats td.main .sub .account")) === 0 && "no seller is named";
  }),
  question("what is new about a value, such as a CVE", async ({ page, by, found }) => {
    await by.search(found.entity.value);
    await by.click("[data-also='entity']");
    return !(await count(page, ".subject time")) && "the value's page does not say when it was seen";
  }),
  question("everything about a handle, and who it might be", async ({ page, by, found }) => {
    await by.search(found.actor.name);
    await by.click("[data-also='actor']");
    return (await page.locator(".subject h1").textContent()) !== found.actor.name && "the portrait is another one's";
  }),
  question("what changed since yesterday", async ({ page, by, absent }) => {
    await by.click(".changed [data-period='24h']");
    if (absent.has("network")) return false;
    return (await count(page, ".chip")) === 0 && "the time is not filtered";
  }),
  question("who are the key hackers and who talks with whom", async ({ page, by }) => {
    await by.click(".panel:has(.network) .action a");
    return (await count(page, ".netpage canvas")) === 0 && "no network is drawn";
  }),
  question("which attacks and sales are planned", async ({ page, by }) => {
    await by.click(".changed a[href*='planned']");
    const status = await page.locator("table.threats .badge").allTextContents();
    return (status.length === 0 || status.some((s) => s !== "Planned")) && `statuses are ${status.join(", ")}`;
  }),
  question("on what does the worst threat rest", async ({ page, by }) => {
    await by.click(".briefs a.title");
    await by.click(".timeline a.evidence");
    return !(await count(page, ".post.marked .m-cited")) && "the cited words are not marked";
  }),
  question("who else uses this contact", async ({ page, by, api }) => {
    // A hacker of the overview's list that left a contact.
    const list = await api("/overview");
    for (const a of list.key_actors) {
      const portrait = await api(`/actors/${a.id}`);
      if (portrait.contacts.length === 0) continue;
      await by.click(`.ranking a[href='/actors/${a.id}']`);
      await by.click(`a[href='/entities/${portrait.contacts[0].id}']`);
      return !(await count(page, ".barlist a[href^='/actors/']")) && "nobody is named who uses it";
    }
    return "no key hacker has a contact";
  }),
  question("what should be blocked, as a file", async ({ page, by, absent }) => {
    await by.click("header.top > nav a[href='/reports']");
    if (absent.has("session")) return !(await count(page, "[data-take='export-stix']")) && "there is no button";
    const waiting = page.waitForEvent("download");
    await by.click("[data-take='export-stix']");
    return !/\.json$/.test((await waiting).suggestedFilename()) && "no file came";
  }),
  question("does collection work", async ({ page, by, api }) => {
    await by.click("[data-switch='menu']");
    await by.click(".menupanel a[href='/sources']");
    const known = (await api("/sources")).items.length;
    const shown = await count(page, "table.list tbody tr");
    return shown !== known && `${shown} sources instead of ${known}`;
  }),
];
