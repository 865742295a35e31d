"""Compares all measures with networkx on random graphs: stuck nodes, self loops, parallel edges, weights of zero,
separate parts, single nodes. Prints the largest difference of each measure; more than 1e-6 is a failure.

python3 -m venv /tmp/peers && /tmp/peers/bin/pip install networkx scipy
/tmp/peers/bin/python crates/graph/benches/agree.py "cargo run --release -q -p tm-graph --example measures"
"""
import json, random, shlex, subprocess, sys
import networkx as nx
import numpy as np

random.seed(1)
graphs = [(1, []), (1, [(0, 0, 1)]), (2, []), (3, [(0, 1, 0)])]
for i in range(400):
    n = random.randint(1, 60)
    m = int(n * random.choice([0.3, 1, 2, 5, 10]))
    pull = random.choice([1, 2, 3])
    edges = []
    for _ in range(m):
        a, b = random.randrange(n), int(random.random() ** pull * n)
        edges.append((a, b, random.choice([0, 1, 1, 2, 3, 0.5])))
    graphs.append((n, edges))
text = "".join(f"graph {n}\n" + "".join(f"{a} {b} {w}\n" for a, b, w in e) for n, e in graphs)
found = subprocess.run(shlex.split(sys.argv[1]), input=text, capture_output=True, text=True, check=True).stdout
worst, skipped = {}, 0


def note(name, ours, theirs):
    worst[name] = max(worst.get(name, 0), max((abs(a - b) for a, b in zip(ours, theirs)), default=0))


def same_groups(a, b):
    return len(set(zip(a, b))) == len(set(a)) == len(set(b))


for (n, edges), line in zip(graphs, found.splitlines(), strict=True):
    ours = json.loads(line)
    g = nx.DiGraph()
    g.add_nodes_from(range(n))
    for a, b, w in edges:
        if w > 0:
            g.add_edge(a, b, weight=g.get_edge_data(a, b, {"weight": 0})["weight"] + w)
    note("pagerank", ours["pagerank"], nx.pagerank(g, tol=1e-14, max_iter=2000).values())
    topic = {v: v % 3 for v in range(n)}
    if any(topic.values()):
        note("topic", ours["topic"], nx.pagerank(g, personalization=topic, tol=1e-14, max_iter=2000).values())
    note("betweenness", ours["betweenness"], nx.betweenness_centrality(g, normalized=False).values())
    u = nx.Graph()
    u.add_nodes_from(range(n))
    for a, b, d in g.edges(data=True):
        if a != b:
            u.add_edge(a, b, weight=u.get_edge_data(a, b, {"weight": 0})["weight"] + d["weight"])
    note("core", ours["core"], [nx.core_number(u)[v] for v in range(n)])
    note("clustering", ours["clustering"], [nx.clustering(u)[v] for v in range(n)])
    burt = nx.constraint(u, weight="weight")
    note("constraint", ours["constraint"], [0 if np.isnan(burt[v]) else burt[v] for v in range(n)])
    label = lambda parts: [next(i for i, p in enumerate(parts) if v in p) for v in range(n)]
    assert same_groups(ours["weak"], label(list(nx.weakly_connected_components(g))))
    assert same_groups(ours["strong"], label(list(nx.strongly_connected_components(g))))
    if u.number_of_edges():
        parts = [{v for v in range(n) if ours["groups"][v] == c} for c in set(ours["groups"])]
        note("modularity", [ours["modularity"]], [nx.community.modularity(u, parts, weight="weight")])
    if g.number_of_edges():
        m = nx.to_numpy_array(g, nodelist=range(n))
        values, vectors = np.linalg.eigh(m.T @ m)
        if n > 1 and values[-1] - values[-2] < 1e-3 * values[-1]:
            skipped += 1  # two principal vectors: any mixture is right
            continue
        a = np.abs(vectors[:, -1])
        h = m @ a
        note("authorities", ours["authorities"], a / a.sum())
        note("hubs", ours["hubs"], h / h.sum())
print(len(graphs), "graphs;", skipped, "without a single principal vector left out of HITS")
for name, w in worst.items():
    print(f"{name:<12} {w:.2e}")
sys.exit(int(max(worst.values()) > 1e-6))
