"""The queries of the search bench on SQLite FTS5 and, when a server is named, PostgreSQL full text: best twenty and number of all.

    cargo bench -p tm-search --bench search -- --posts 200000 --write posts.jsonl --queries queries.tsv
    python3 crates/search/benches/peers.py posts.jsonl queries.tsv
    PGHOST=... python3 crates/search/benches/peers.py posts.jsonl queries.tsv --postgres   # needs psycopg2

Chinese is cut into single characters for both, as neither knows its words.
"""
import json, os, re, sqlite3, sys, tempfile, time

HAN = re.compile("([\u4e00-\u9fff])")


def spaced(text):
    return HAN.sub(r" \1 ", text)


def report(name, took):
    for kind in dict.fromkeys(k for k, _ in took):
        times = sorted(t for k, t in took if k == kind)
        print(f"{name:<10} {kind:<20} p50 {times[len(times) // 2] * 1e3:9.2f} ms  p99 {times[max(0, -(-len(times) * 99 // 100) - 1)] * 1e3:9.2f} ms")
    times = sorted(t for _, t in took)
    print(f"{name:<10} {'all':<20} p50 {times[len(times) // 2] * 1e3:9.2f} ms  p99 {times[max(0, -(-len(times) * 99 // 100) - 1)] * 1e3:9.2f} ms")


def timed(queries, ask):
    took = []
    for kind, query in queries:
        for turn in range(2):
            start = time.perf_counter()
            ask(query)
            if turn:
                took.append((kind, time.perf_counter() - start))
    return took


def main():
    posts, queries = sys.argv[1], [line.rstrip("\n").split("\t") for line in open(sys.argv[2])]
    if os.environ.get("PEERS_QUERIES"):
        queries = queries[: int(os.environ["PEERS_QUERIES"])]
    texts = lambda: ((i + 1, spaced(json.loads(line)["text"])) for i, line in enumerate(open(posts)))
    if "--postgres" not in sys.argv:
        path = os.path.join(tempfile.mkdtemp(), "fts.db")
        db = sqlite3.connect(path)
        db.execute("CREATE VIRTUAL TABLE f USING fts5(text, content='', tokenize='unicode61')")
        start = time.perf_counter()
        db.executemany("INSERT INTO f(rowid, text) VALUES (?, ?)", texts())
        db.commit()
        print(f"fts5: {time.perf_counter() - start:.1f} s, {os.path.getsize(path) / 1e6:.1f} MB")

        def ask(query):
            db.execute("SELECT rowid FROM f WHERE f MATCH ? ORDER BY rank LIMIT 20", (query,)).fetchall()
            db.execute("SELECT count(*) FROM f WHERE f MATCH ?", (query,)).fetchall()

        report("fts5", timed(queries, ask))
        return
    import psycopg2, psycopg2.extras

    db = psycopg2.connect("")
    cursor = db.cursor()
    cursor.execute("CREATE TEMP TABLE f (id int, words tsvector)")
    start = time.perf_counter()
    psycopg2.extras.execute_values(cursor, "INSERT INTO f VALUES %s", texts(), template="(%s, to_tsvector('simple', left(%s, 500000)))", page_size=2000)
    cursor.execute("CREATE INDEX ON f USING gin (words)")
    cursor.execute("ANALYZE f")
    cursor.execute("SELECT pg_total_relation_size('f')")
    print(f"postgres: {time.perf_counter() - start:.1f} s, {cursor.fetchone()[0] / 1e6:.1f} MB")

    def ask(query):
        # websearch_to_tsquery reads phrases and OR, and joins words by AND.
        query = query.replace(" AND ", " ")
        cursor.execute("SELECT id FROM f, websearch_to_tsquery('simple', %s) q WHERE words @@ q ORDER BY ts_rank(words, q) DESC LIMIT 20", (query,))
        cursor.fetchall()
        cursor.execute("SELECT count(*) FROM f WHERE words @@ websearch_to_tsquery('simple', %s)", (query,))
        cursor.fetchall()

    report("postgres", timed(queries, ask))


main()
