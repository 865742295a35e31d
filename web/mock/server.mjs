// Serves dist and invented data for the REST contract, for work on the UI:  node mock/server.mjs [PORT]
// MOCK_FAIL=1 answers every request with an error, MOCK_EMPTY=1 with no data, MOCK_SLOW=1500 after so many milliseconds.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { answer } from "./answers.mjs";

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
// As strict as a server may be: the UI must live with it.
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const EMPTY_COUNTS = { posts: 0, relevant_posts: 0, accounts: 0, threads: 0, forums: 0, threats: 0, mentions: 0, entities: 0, pending: 0 };

function json(response, status, body) {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(body));
}

function empty(path) {
  if (path === "overview") {
    return { counts: EMPTY_COUNTS, forums: [], entities_by_type: [], events_over_time: { labels: [], families: {} }, latest_threats: [], top_threats: [], key_actors: [], graph: { nodes: [], edges: [] } };
  }
  return path.includes("/") ? null : { total: 0, items: [], facets: {}, took_ms: 0, error: null };
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (url.pathname.startsWith("/api/")) {
    const path = url.pathname.replace("/api/v1/", "");
    if (process.env.MOCK_SLOW) await new Promise((done) => setTimeout(done, Number(process.env.MOCK_SLOW)));
    if (process.env.MOCK_FAIL) return json(response, 500, { error: "the database is locked: stop the other process and try again" });
    const body = process.env.MOCK_EMPTY && path !== "health" ? empty(path) : answer(path, url.searchParams);
    return body === null ? json(response, 404, { error: `there is no ${path}` }) : json(response, 200, body);
  }
  const wanted = normalize(url.pathname).replace(/^(\.\.[/\\])+/, "");
  const head = (type) => ({ "content-type": type, "content-security-policy": POLICY, "x-content-type-options": "nosniff" });
  try {
    if (!extname(wanted)) throw new Error("a page");
    const body = await readFile(join(dist, wanted));
    response.writeHead(200, head(TYPES[extname(wanted)] ?? "application/octet-stream"));
    response.end(body);
  } catch {
    response.writeHead(200, head(TYPES[".html"]));
    response.end(await readFile(join(dist, "index.html")).catch(() => "run npm run build first"));
  }
  return undefined;
});

const port = Number(process.argv[2] ?? 5180);
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
