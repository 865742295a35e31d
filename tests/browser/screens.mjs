// Makes the pictures of the user guide from a running server with the demo's data.
//   node tests/browser/screens.mjs --base http://127.0.0.1:PORT [--out docs/images] [--only NAME]
// Pictures of what the server does not offer are left as they are.
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch, open, option, settle } from "./lib.mjs";

const base = option("base")?.replace(/\/$/, "");
const out = option("out") ?? "docs/images";
const only = option("only");
if (!base) {
  console.error("usage: node tests/browser/screens.mjs --base http://127.0.0.1:PORT [--out docs/images] [--only NAME]");
  process.exit(2);
}
mkdirSync(out, { recursive: true });
const QUALITY = 0.72;
const MOST_BYTES = 1_500_000;

async function api(path) {
  const answer = await fetch(`${base}/api/v1${path}`);
  if (!answer.ok) throw new Error(`GET ${path}: ${answer.status}`);
  return answer.json();
}

const threat = (await api("/threats?limit=1")).items[0];
const detail = await api(`/threats/${encodeURIComponent(threat.id)}`);
const said = detail.timeline.find((s) => s.spans.length > 3) ?? detail.timeline[0];
const [first, second] = (await api("/actors?limit=2")).items;
const entity = (await api("/entities?type=malware&limit=1")).items[0] ?? (await api("/entities?limit=1")).items[0];
const end = said.sentence_start + Array.from(said.sentence).length;

/** Name, address, and how: theme, size, language, what is done before. */
const SCREENS = [
  ["overview", "/", { theme: "dark" }],
  ["overview-phone", "/", { theme: "light", size: "phone", lang: "ru" }],
  ["threats", "/threats?family=trade", { theme: "light" }],
  ["threat", `/threats/${encodeURIComponent(threat.id)}`, { theme: "dark" }],
  ["post", `/posts/${said.post_id}?start=${said.sentence_start}&end=${end}`, { theme: "light" }],
  ["hackers", "/actors", { theme: "light", lang: "zh" }],
  ["hacker", `/actors/${first.id}`, { theme: "dark" }],
  ["network", `/network?by=community&at=${first.id}`, { theme: "dark" }],
  ["compare", `/compare?ids=${first.id},${second.id}`, { theme: "light" }],
  ["entity", `/entities/${entity.id}`, { theme: "light" }],
  ["search", `/search?q=${encodeURIComponent(entity.value)}`, { theme: "dark" }],
  ["trends", "/trends", { theme: "light" }],
  ["alerts", "/alerts", { theme: "dark" }],
  ["rule", "/rules?new=1", { theme: "light" }],
  ["reports", "/reports", { theme: "light" }],
  ["keyboard", "/threats", { theme: "dark", before: (page) => page.keyboard.press("?") }],
];

const browser = await launch();
try {
  // Chromium writes WebP from a canvas; the pictures stay small without a further tool.
  const drawing = await (await browser.newContext()).newPage();
  const webp = async (png) => {
    const url = await drawing.evaluate(async ([data, quality]) => {
      const image = new Image();
      image.src = `data:image/png;base64,${data}`;
      await image.decode();
      const canvas = document.createElement("canvas");
      canvas.width = image.width;
      canvas.height = image.height;
      canvas.getContext("2d").drawImage(image, 0, 0);
      return canvas.toDataURL("image/webp", quality);
    }, [png.toString("base64"), QUALITY]);
    return Buffer.from(url.split(",")[1], "base64");
  };
  for (const [name, path, how] of SCREENS) {
    if (only && name !== only) continue;
    const { context, page } = await open(browser, how);
    await page.goto(base + path);
    await settle(page);
    if (await page.locator("[data-state='unavailable']").count()) {
      console.log(`left   ${name}: the server does not offer it`);
    } else {
      await how.before?.(page);
      await page.waitForTimeout(600);
      const bytes = await webp(await page.screenshot());
      writeFileSync(join(out, `${name}.webp`), bytes);
      console.log(`made   ${name} (${Math.round(bytes.length / 1000)} kB)`);
    }
    await context.close();
  }
} finally {
  await browser.close();
}
const sum = readdirSync(out).reduce((n, f) => n + statSync(join(out, f)).size, 0);
console.log(`${Math.round(sum / 1000)} kB in ${out}`);
process.exit(sum > MOST_BYTES ? 1 : 0);
