// Serves dist for work on the UI:  node mock/server.mjs [PORT] [--api http://127.0.0.1:8080]
// With --api the REST API is that of a running program; else it is invented data for the whole contract.
// MOCK_FAIL=1 answers every request with an error, MOCK_EMPTY=1 with no data, MOCK_SLOW=1500 after so many milliseconds,
// MOCK_ACCOUNTS=1 wants a login (any name, password "correct horse battery"), MOCK_OLD=1 is a server without the newer paths,
// MOCK_DIST=DIR another build.
import { readFile } from "node:fs/promises";
import { createServer, request as ask } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const dist = process.env.MOCK_DIST ?? join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
// As strict as a server may be: the UI must live with it.
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const EMPTY_COUNTS = { posts: 0, relevant_posts: 0, accounts: 0, threads: 0, forums: 0, threats: 0, mentions: 0, entities: 0, pending: 0 };
const at = process.argv.indexOf("--api");
const api = at > 0 ? new URL(process.argv[at + 1]) : null;
const env = process.env;

function json(response, status, body) {
  response.writeHead(status, { "content-type": status < 400 ? "application/json; charset=utf-8" : "application/problem+json" });
  response.end(JSON.stringify(body));
}

function empty(path) {
  if (path === "overview") {
    return { counts: EMPTY_COUNTS, forums: [], entities_by_type: [], events_over_time: { labels: [], families: {} }, latest_threats: [], top_threats: [], key_actors: [], graph: { nodes: [], edges: [] } };
  }
  if (path === "trends") return { weeks: [], series: [], outlook: [], backtest: null };
  if (path === "network") return { nodes: [], edges: [] };
  if (path === "session") return { mode: "open", setup: true, user: null };
  return path.includes("/") ? null : { total: 0, items: [], facets: {}, took_ms: 0, error: null };
}

async function bodyOf(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  try {
    return JSON.parse(Buffer.concat(pieces).toString("utf8") || "null");
  } catch {
    return null;
  }
}

/** Passes a request on, with the names that the program answers to. */
function forward(request, response) {
  const headers = { ...request.headers, host: api.host };
  if (headers.origin) headers.origin = api.origin;
  const passed = ask({ host: api.hostname, port: api.port, path: request.url, method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  passed.on("error", () => json(response, 502, { error: "the program does not answer" }));
  response.on("close", () => passed.destroy());
  request.pipe(passed);
}

const listeners = new Set();
let events = 0;
function stream(response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  response.write(": here\n\n");
  listeners.add(response);
  response.on("close", () => listeners.delete(response));
}

let invented;
async function inventedApi(request, response, url) {
  const path = url.pathname.replace("/api/v1/", "");
  if (env.MOCK_SLOW) await new Promise((done) => setTimeout(done, Number(env.MOCK_SLOW)));
  if (env.MOCK_FAIL) return json(response, 500, { error: "the database is locked: stop the other process and try again" });
  if (env.MOCK_EMPTY && path !== "health" && path !== "stream") {
    const body = empty(path);
    return body === null ? json(response, 404, { error: `there is no ${path}` }) : json(response, 200, body);
  }
  invented ??= Promise.all([import("./answers.mjs"), import("./workplace.mjs")]).then(([answers, work]) => ({ ...answers, work: work.workplace(answers) }));
  const { answer, work } = await invented;
  const body = request.method === "GET" ? null : await bodyOf(request);
  // Lets a test make news: POST /api/v1/mock/event {topic, data}
  if (path === "mock/event") {
    events += 1;
    for (const to of listeners) to.write(`event: ${body.topic}\nid: ${events}\ndata: ${JSON.stringify(body.data ?? {})}\n\n`);
    return json(response, 200, { told: listeners.size });
  }
  const found = env.MOCK_OLD ? undefined : work(request.method, path, url.searchParams, body, Boolean(env.MOCK_ACCOUNTS));
  if (path === "stream" && !env.MOCK_OLD && found === undefined) return stream(response);
  if (found?.text) { response.writeHead(found.status, { "content-type": found.type }); response.end(found.text); return undefined; }
  if (found && !found.extra) return json(response, found.status, found.body);
  const old = answer(path, url.searchParams, Boolean(env.MOCK_OLD));
  if (old === null) return json(response, 404, { error: `there is no ${path}` });
  return json(response, old.refusal ?? 200, found?.extra ? found.extra(old) : old.refusal ? old.body : old);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (url.pathname.startsWith("/api/") || url.pathname.startsWith("/taxii2/")) return api ? forward(request, response) : inventedApi(request, response, url);
  const wanted = normalize(url.pathname).replace(/^(\.\.[/\\])+/, "");
  const head = (type) => ({ "content-type": type, "content-security-policy": POLICY, "x-content-type-options": "nosniff" });
  try {
    if (!extname(wanted)) throw new Error("a page");
    const body = await readFile(join(dist, wanted));
    response.writeHead(200, { ...head(TYPES[extname(wanted)] ?? "application/octet-stream"), "content-encoding": "gzip" });
    response.end(gzipSync(body));
  } catch {
    response.writeHead(200, head(TYPES[".html"]));
    response.end(await readFile(join(dist, "index.html")).catch(() => "run npm run build first"));
  }
  return undefined;
});

const port = /^\d+$/.test(process.argv[2] ?? "") ? Number(process.argv[2]) : 5180;
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
