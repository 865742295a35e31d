"""Times scipy, igraph and networkit on a graph that `measures -- SIZE --write FILE` wrote. One thread.

python3 -m venv /tmp/peers && /tmp/peers/bin/pip install numpy scipy igraph networkit
/tmp/peers/bin/python crates/graph/benches/peers.py FILE [NAME…]
"""
import sys, time
import numpy as np

path, wanted = sys.argv[1], set(sys.argv[2:])
with open(path, "rb") as f:
    n, e = np.fromfile(f, "<u8", 2)
    source, target = np.fromfile(f, "<u4", e), np.fromfile(f, "<u4", e)
    weight = np.fromfile(f, "<f4", e).astype(np.float64)
n, e = int(n), int(e)


def timed(name, run):
    if wanted and not any(name.startswith(w) for w in wanted):
        return None
    begin, before = time.perf_counter(), time.process_time()
    result, note = run()
    print(f"{name:<28} {time.perf_counter() - begin:9.4f} s  cpu {time.process_time() - before:9.4f}  {note}", flush=True)
    return result


def scipy_pagerank(matrix):
    """networkx.pagerank's scipy form, the matrix as a CSR transpose already, until the L1 change is below 1e-8."""
    out = np.asarray(matrix.sum(axis=0)).ravel()
    scale = np.where(out > 0, 1 / np.where(out > 0, out, 1), 0)
    stuck = out == 0
    x = np.full(n, 1 / n)
    for step in range(500):
        y = 0.85 * (matrix @ (x * scale) + x[stuck].sum() / n) + 0.15 / n
        change = np.abs(y - x).sum()
        x = y
        if change < 1e-8:
            break
    return x, f"{step + 1} steps, max {x.max():.4e}"


def scipy_hits(matrix, transposed):
    x = np.full(n, 1 / n)
    for step in range(5000):
        y = matrix @ (transposed @ x)
        y /= y.sum()
        change = np.abs(y - x).sum()
        x = y
        if change < 1e-8:
            break
    return x, f"{step + 1} steps, max authority {x.max():.4e}"


def need(*names):
    return not wanted or any(a.startswith(w) or w.startswith(a) for a in names for w in wanted)


if need("scipy-pagerank", "scipy-hits"):
    import scipy.sparse as sp
    incoming = sp.csr_matrix((weight, (target, source)), shape=(n, n))
    outgoing = sp.csr_matrix((weight, (source, target)), shape=(n, n))
    timed("scipy-pagerank", lambda: scipy_pagerank(incoming))
    timed("scipy-hits", lambda: scipy_hits(incoming, outgoing))
    if need("scipy-svds"):
        from scipy.sparse.linalg import svds
        timed("scipy-svds-hits", lambda: (svds(outgoing, k=1, tol=0), ""))
    del incoming, outgoing
if need("igraph-pagerank", "igraph-betweenness", "igraph-leiden"):
    import igraph
    g = igraph.Graph(n=n, edges=np.stack([source, target], 1), directed=True)
    timed("igraph-pagerank", lambda: (g.pagerank(weights=weight), ""))
    if n <= 20_000:
        timed("igraph-betweenness", lambda: (g.betweenness(), ""))
    if n <= 200_000 or "igraph-leiden" in wanted:
        u = g.copy()
        u.es["weight"] = weight
        u = u.as_undirected(combine_edges="sum").simplify(combine_edges="sum")
        def run():
            c = u.community_leiden("modularity", weights="weight", n_iterations=2)
            return c, f"Q {c.modularity:.4f} (weights: {u.modularity(c.membership, weights='weight'):.4f})"
        timed("igraph-leiden", run)
    del g
if need("networkit"):
    import networkit as nk
    nk.setNumberOfThreads(1)
    low, high = np.minimum(source, target), np.maximum(source, target)
    keep = low != high
    key = low[keep].astype(np.uint64) * np.uint64(n) + high[keep]
    unique, inverse = np.unique(key, return_inverse=True)
    both = np.bincount(inverse, weights=weight[keep])
    a, b = (unique // np.uint64(n)).astype(np.uint64), (unique % np.uint64(n)).astype(np.uint64)
    u = nk.GraphFromCoo((both, (a, b)), n=n, weighted=True, directed=False)
    bare = nk.graphtools.toUnweighted(u)
    timed("networkit-kcore", lambda: ((k := nk.centrality.CoreDecomposition(bare)).run(), f"highest {k.maxCoreNumber()}"))
    timed("networkit-components", lambda: ((k := nk.components.ConnectedComponents(bare)).run(), f"{k.numberOfComponents()}"))
    def community(make):
        c = make()
        c.run()
        return c, f"Q {nk.community.Modularity().getQuality(c.getPartition(), u):.4f}"
    timed("networkit-louvain", lambda: community(lambda: nk.community.PLM(u, refine=False)))
    timed("networkit-leiden", lambda: community(lambda: nk.community.ParallelLeiden(u, randomize=False)))
    if n <= 200_000:
        def kadabra():
            k = nk.centrality.KadabraBetweenness(bare, err=0.001, delta=0.1)
            k.run()
            return k, "err 0.001"
        def kadabra_top():
            k = nk.centrality.KadabraBetweenness(bare, err=0.01, delta=0.1, k=100)
            k.run()
            return k, "err 0.01, top 100"
        timed("networkit-kadabra", kadabra)
        timed("networkit-kadabra-top", kadabra_top)
