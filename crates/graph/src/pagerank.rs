//! Topic-specific PageRank (Haveliwala 2002) on a weighted, directed graph.

/// An edge: `from` gives `weight` of its standing to `to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Source node.
    pub from: u32,
    /// Target node.
    pub to: u32,
    /// Above zero; other edges are ignored.
    pub weight: f64,
}

/// Damping factor of the original (Page et al. 1999).
const DAMPING: f64 = 0.85;

/// PageRank of each node; the values add up to one.
///
/// `teleport` is the topic: where the random reader starts anew, in any non-negative scale; when it is all zero every node
/// is equally likely. Nodes without outgoing edges give their share to the teleport distribution. Iterates until the L1
/// change is below `tolerance`, at most 200 times.
pub fn pagerank(nodes: usize, edges: &[Edge], teleport: &[f64], tolerance: f64) -> Vec<f64> {
    if nodes == 0 {
        return Vec::new();
    }
    let usable = |e: &&Edge| {
        e.weight > 0.0 && e.weight.is_finite() && (e.from as usize) < nodes && (e.to as usize) < nodes
    };
    // Incoming edges in compressed rows: each node sums up its own, in a fixed order.
    let mut out = vec![0.0f64; nodes];
    let mut start = vec![0usize; nodes + 1];
    for e in edges.iter().filter(usable) {
        out[e.from as usize] += e.weight;
        start[e.to as usize + 1] += 1;
    }
    for i in 0..nodes {
        start[i + 1] += start[i];
    }
    let mut fill = start.clone();
    let mut incoming = vec![(0u32, 0.0f64); start[nodes]];
    for e in edges.iter().filter(usable) {
        incoming[fill[e.to as usize]] = (e.from, e.weight / out[e.from as usize]);
        fill[e.to as usize] += 1;
    }
    let sum: f64 = teleport.iter().take(nodes).filter(|t| t.is_finite() && **t > 0.0).sum();
    let jump: Vec<f64> = (0..nodes)
        .map(|i| match teleport.get(i) {
            Some(&t) if sum > 0.0 && t.is_finite() && t > 0.0 => t / sum,
            _ if sum > 0.0 => 0.0,
            _ => 1.0 / nodes as f64,
        })
        .collect();
    let mut rank = jump.clone();
    for _ in 0..200 {
        let dangling: f64 = (0..nodes).filter(|&i| out[i] == 0.0).map(|i| rank[i]).sum();
        let next: Vec<f64> = (0..nodes)
            .map(|i| {
                let received: f64 =
                    incoming[start[i]..start[i + 1]].iter().map(|&(j, w)| rank[j as usize] * w).sum();
                (1.0 - DAMPING) * jump[i] + DAMPING * (received + dangling * jump[i])
            })
            .collect();
        let change: f64 = next.iter().zip(&rank).map(|(a, b)| (a - b).abs()).sum();
        rank = next;
        if change < tolerance {
            break;
        }
    }
    rank
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn edge(from: u32, to: u32) -> Edge {
        Edge { from, to, weight: 1.0 }
    }

    #[test]
    fn known_values() {
        // Three nodes, 0 → 1 → 2 → 0 and 0 → 2; values of networkx.pagerank(alpha = 0.85, tol = 1e-12).
        let rank = pagerank(3, &[edge(0, 1), edge(1, 2), edge(2, 0), edge(0, 2)], &[], 1e-12);
        for (r, e) in rank.iter().zip([0.387_789_711_6, 0.214_810_627_4, 0.397_399_661_0]) {
            assert!((r - e).abs() < 1e-8, "{rank:?}");
        }
    }

    #[test]
    fn topic_pulls() {
        let edges = [edge(0, 1), edge(1, 0), edge(2, 3), edge(3, 2)];
        let rank = pagerank(4, &edges, &[1.0, 0.0, 0.0, 0.0], 1e-12);
        assert!(rank[0] > 0.5 && rank[2] == 0.0 && rank[3] == 0.0);
    }

    proptest! {
        #[test]
        fn adds_up_to_one(edges in proptest::collection::vec((0u32..12, 0u32..12, -1.0f64..5.0), 0..60)) {
            let edges: Vec<Edge> = edges.into_iter().map(|(from, to, weight)| Edge { from, to, weight }).collect();
            let rank = pagerank(10, &edges, &[], 1e-10);
            prop_assert!((rank.iter().sum::<f64>() - 1.0).abs() < 1e-8);
            prop_assert!(rank.iter().all(|r| *r >= 0.0));
        }
    }
}
