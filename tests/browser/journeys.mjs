// Ways through the UI that cross pages. Each returns a list of problems; a thrown error is one too.

const visible = (locator) => locator.first().waitFor({ state: "visible", timeout: 10000 });

async function threatToPost({ page, base, found, settle }) {
  await page.goto(`${base}/threats/${encodeURIComponent(found.threat.id)}`);
  await settle(page);
  await page.locator(".timeline a.evidence").first().click();
  await page.waitForURL(/\/posts\/\d+\?start=\d+&end=\d+/);
  await settle(page);
  await visible(page.locator(".post.marked .m-trigger[data-mark], .post.marked .text .m-trigger"));
  await visible(page.locator(".post.marked .text .m-cited"));
  const seen = await page.evaluate(() => {
    const box = document.querySelector(".post.marked .text .m-cited").getBoundingClientRect();
    return box.top >= 0 && box.top < innerHeight;
  });
  await page.goBack();
  await settle(page);
  return [!seen && "the cited span is out of sight", !/\/threats\//.test(page.url()) && "back does not lead to the threat"];
}

async function actorCharts({ page, base, settle }) {
  await page.goto(`${base}/actors`);
  await settle(page);
  await page.locator("table.actors td.main a").first().click();
  await page.waitForURL(/\/actors\/\d+$/);
  await settle(page);
  const charts = await page.locator(".chart canvas, .chart svg").count();
  const sized = await page.evaluate(() => [...document.querySelectorAll(".chart canvas, .chart svg")].every((c) => c.getBoundingClientRect().width > 50));
  return [charts < 3 && `only ${charts} charts in the portrait`, !sized && "a chart has no size"];
}

async function network({ page, base, settle }) {
  await page.goto(base);
  await settle(page);
  const box = page.locator(".network");
  await box.scrollIntoViewIfNeeded();
  const area = await box.boundingBox();
  // Nodes are on a canvas: the pointer looks for one, as a person's would.
  for (let y = 30; y < area.height - 20; y += 14) {
    for (let x = 30; x < area.width - 20; x += 14) {
      await page.mouse.move(area.x + x, area.y + y);
      if ((await box.evaluate((e) => e.style.cursor)) === "pointer") {
        await page.mouse.click(area.x + x, area.y + y);
        await page.waitForURL(/\/actors\/\d+$/, { timeout: 5000 });
        return [];
      }
    }
  }
  return ["no node was found in the network"];
}

// Every marked piece must be what the server's code points say, in texts with emoji too.
async function offsets({ page, base, api, found, settle }) {
  const seen = new Set();
  const problems = [];
  const list = [...found.threat.timeline].sort((a, b) => Number(/\p{Extended_Pictographic}/u.test(b.sentence)) - Number(/\p{Extended_Pictographic}/u.test(a.sentence)));
  for (const s of list) {
    if (seen.size >= 4) break;
    if (seen.has(s.post_id)) continue;
    seen.add(s.post_id);
    const post = await api(`/posts/${s.post_id}`);
    await page.goto(`${base}/posts/${s.post_id}`);
    await settle(page);
    const shown = await page.locator(`[data-post-text="${s.post_id}"]`).evaluate((e) => {
      const clone = e.cloneNode(true);
      clone.querySelectorAll(".tip").forEach((t) => t.remove());
      return { text: clone.textContent, triggers: [...clone.querySelectorAll(".m-trigger")].map((m) => m.textContent).join(""), html: clone.querySelectorAll(":not(mark):not(a)").length };
    });
    const points = Array.from(post.text);
    const inTrigger = points.filter((_, i) => post.events.some((e) => i >= e.trigger.start && i < e.trigger.end)).join("");
    if (shown.text !== post.text) problems.push(`post ${s.post_id}: the text shown is not the post's`);
    if (shown.triggers !== inTrigger) problems.push(`post ${s.post_id}: trigger "${shown.triggers}" instead of "${inTrigger}"`);
    if (shown.html > 0) problems.push(`post ${s.post_id}: its text became HTML`);
  }
  return problems;
}

async function entityFromPost({ page, base, api, found, settle }) {
  for (const s of found.threat.timeline.slice(0, 30)) {
    const post = await api(`/posts/${s.post_id}`);
    if (post.entities.length === 0) continue;
    await page.goto(`${base}/posts/${post.id}`);
    await settle(page);
    await page.locator(`[data-post-text="${post.id}"] a[data-mark=entity]`).first().click();
    await page.waitForURL(/\/entities\/\d+$/);
    await settle(page);
    return [];
  }
  return [];
}

async function slashSearches({ page, base, found, settle }) {
  await page.goto(`${base}/threats`);
  await settle(page);
  await page.keyboard.press("/");
  await page.keyboard.type(found.word);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/search\?q=/);
  await settle(page);
  await visible(page.locator(".hits li"));
  const marked = await page.locator(".hits mark.hit").count();
  return [marked === 0 && "no hit is highlighted"];
}

async function badQuery({ page, base, settle, problems }) {
  await page.goto(`${base}/search?q=${encodeURIComponent('"open')}`);
  await visible(page.locator(".problem"));
  await settle(page);
  // A server may say so with status 400, which the browser's console repeats.
  for (let i = problems.length - 1; i >= 0; i -= 1) if (/status 400|400 \(Bad Request\)/.test(problems[i])) problems.splice(i, 1);
  return [(await page.locator(".problem p").textContent()).trim() === "" && "no reason is given"];
}

async function facets({ page, base, settle }) {
  await page.goto(`${base}/threats`);
  await settle(page);
  const before = await page.locator(".headline .note").textContent();
  await page.locator(".facet button").first().click();
  await page.waitForURL(/family=/);
  await settle(page);
  const chip = await page.locator(".chip").count();
  await page.goBack();
  await settle(page);
  const after = await page.locator(".headline .note").textContent();
  return [chip !== 1 && "the chosen filter is not shown", before !== after && `back shows ${after} instead of ${before}`];
}

async function switches({ page, base, settle }) {
  await page.goto(base);
  await settle(page);
  const state = () => page.evaluate(() => [document.documentElement.dataset.theme, document.documentElement.lang, localStorage.getItem("threatminer.theme"), localStorage.getItem("threatminer.lang")].join(" "));
  await page.locator("[data-switch='theme']").click();
  await page.locator("[data-switch='lang']").selectOption("zh");
  const now = await state();
  return [now !== "light zh-CN light zh" && `after both switches: ${now}`];
}

async function unknown({ page, base }) {
  await page.goto(`${base}/no/such/page`);
  await visible(page.locator("main h1"));
  return [];
}

async function keyboard({ page, base, settle }) {
  await page.goto(`${base}/threats`);
  await settle(page);
  await page.keyboard.press("Tab");
  const skip = await page.evaluate(() => document.activeElement?.className);
  await page.keyboard.press("Enter");
  const inMain = await page.evaluate(() => document.activeElement?.id);
  for (let i = 0; i < 60; i += 1) {
    await page.keyboard.press("Tab");
    const onThreat = await page.evaluate(() => /^\/threats\/./.test(document.activeElement?.getAttribute("href") ?? ""));
    if (onThreat) {
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/threats\/./);
      return [skip !== "skip" && "the first stop is not the skip link", inMain !== "main" && "the skip link does not lead to the content"];
    }
  }
  return ["no threat was reached with the Tab key"];
}

export const journeys = [
  ["a threat leads to a post with highlighted spans, and back", threatToPost],
  ["a hacker leads to the portrait with charts", actorCharts],
  ["a node of the network opens the portrait", network],
  ["marks are cut by code points and texts stay text", offsets],
  ["an entity in a post opens its page", entityFromPost],
  ["the key / searches and hits are marked", slashSearches],
  ["a query that does not parse says why", badQuery],
  ["a facet filters and back undoes it", facets],
  ["theme and language switch and are remembered", switches],
  ["an unknown address has its page", unknown],
  ["a threat is reached with the keyboard alone", keyboard],
];
