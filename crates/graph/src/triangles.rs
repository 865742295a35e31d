//! Triangles: local clustering (Watts, Strogatz 1998) and Burt's constraint (Burt 1992), both from one list of triangles
//! that is found by the forward method (Schank, Wagner 2005) in edges^1.5 steps at most.

use crate::csr::Rows;

/// Calls `found` once a triangle with the places of its six entries in the rows: ab, ba, ac, ca, bc, cb.
fn triangles(graph: &Rows, mut found: impl FnMut([u32; 3], [usize; 6])) {
    let nodes = graph.nodes();
    let key = |v: u32| (graph.degree(v as usize), v);
    // For each entry the place of the same pair in the other row: rows ascend, so each row is filled in order.
    let mut twin = vec![0u32; graph.len()];
    let mut fill: Vec<u32> = graph.start[..nodes].to_vec();
    for v in 0..nodes {
        for i in graph.range(v) {
            let at = &mut fill[graph.node[i] as usize];
            twin[i] = *at;
            *at += 1;
        }
    }
    // Each pair is kept at its weaker end, which bounds the rows by the root of the edges.
    let mut mark = vec![u32::MAX; nodes];
    for a in 0..nodes as u32 {
        let up = |v: u32| graph.range(v as usize).filter(move |&i| key(graph.node[i]) > key(v));
        for i in up(a) {
            mark[graph.node[i] as usize] = i as u32;
        }
        for i in up(a) {
            let b = graph.node[i];
            for j in up(b) {
                let c = graph.node[j];
                let k = mark[c as usize];
                if k != u32::MAX {
                    let t = |i: usize| twin[i] as usize;
                    found([a, b, c], [i, t(i), k as usize, t(k as usize), j, t(j)]);
                }
            }
        }
        for i in up(a) {
            mark[graph.node[i] as usize] = u32::MAX;
        }
    }
}

/// Share of the pairs of a node's neighbours that are neighbours themselves, 0 where there is no pair.
pub fn clustering(graph: &Rows) -> Vec<f64> {
    let mut count = vec![0u64; graph.nodes()];
    triangles(graph, |corners, _| corners.iter().for_each(|v| count[*v as usize] += 1));
    (0..graph.nodes())
        .map(|v| {
            let d = graph.degree(v) as f64;
            if d < 2.0 { 0.0 } else { 2.0 * count[v] as f64 / (d * (d - 1.0)) }
        })
        .collect()
}

/// Burt's constraint: how much a node's contacts are each other's. Low for brokers, who join what is else apart; NaN-free:
/// nodes without neighbours get 0. `graph` is undirected with the weights of both directions added.
pub fn constraint(graph: &Rows) -> Vec<f64> {
    let nodes = graph.nodes();
    let strength: Vec<f64> = (0..nodes).map(|v| graph.strength(v)).collect();
    let share = |from: usize, entry: usize| {
        f64::from(graph.weight.get(entry).copied().unwrap_or(1.0)) / strength[from]
    };
    let mut indirect = vec![0.0f64; graph.len()];
    triangles(graph, |[a, b, c], [ab, ba, ac, ca, bc, cb]| {
        let [a, b, c] = [a as usize, b as usize, c as usize];
        indirect[ab] += share(a, ac) * share(c, cb);
        indirect[ba] += share(b, bc) * share(c, ca);
        indirect[ac] += share(a, ab) * share(b, bc);
        indirect[ca] += share(c, cb) * share(b, ba);
        indirect[bc] += share(b, ba) * share(a, ac);
        indirect[cb] += share(c, ca) * share(a, ab);
    });
    (0..nodes).map(|v| graph.range(v).map(|i| (share(v, i) + indirect[i]).powi(2)).sum()).collect()
}

/// Participation coefficient (Guimerà, Amaral 2005): 0 when all of a node's weight goes to one group, towards 1 when it is
/// spread evenly over many. Groups are communities, forums or boards.
pub fn participation(graph: &Rows, group_of: &[u32]) -> Vec<f64> {
    let groups = group_of.iter().max().map_or(0, |g| *g as usize + 1);
    let mut towards = vec![0.0f64; groups];
    (0..graph.nodes())
        .map(|v| {
            let mut total = 0.0;
            for (u, w) in graph.weighted(v) {
                towards[group_of[u] as usize] += w;
                total += w;
            }
            let mut squares = 0.0;
            for &u in graph.of(v) {
                let t = std::mem::take(&mut towards[group_of[u as usize] as usize]);
                squares += t * t;
            }
            if total > 0.0 { (1.0 - squares / (total * total)).max(0.0) } else { 0.0 }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::{EdgeList, Graph};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agree_with_the_definitions(edges in proptest::collection::vec((0u32..12, 0u32..12, 1u8..4), 0..70)) {
            let list: EdgeList = edges.iter().map(|&(a, b, w)| (a, b, f32::from(w))).collect();
            let rows = Graph::new(12, list).unwrap().undirected();
            let mut m = vec![vec![0.0f64; 12]; 12];
            for (v, row) in m.iter_mut().enumerate() {
                for (u, w) in rows.weighted(v) {
                    row[u] = w;
                }
            }
            let (cluster, burt) = (clustering(&rows), constraint(&rows));
            for v in 0..12 {
                let near: Vec<usize> = (0..12).filter(|u| m[v][*u] > 0.0).collect();
                let mut pairs = 0.0;
                for &a in &near {
                    pairs += near.iter().filter(|b| m[a][**b] > 0.0).count() as f64;
                }
                let d = near.len() as f64;
                let want = if d < 2.0 { 0.0 } else { pairs / (d * (d - 1.0)) };
                prop_assert!((cluster[v] - want).abs() < 1e-12);
                let p = |a: usize, b: usize| m[a][b] / m[a].iter().sum::<f64>();
                let want: f64 = near.iter().map(|&u| {
                    let through: f64 = near.iter().filter(|w| m[**w][u] > 0.0).map(|&w| p(v, w) * p(w, u)).sum();
                    (p(v, u) + through).powi(2)
                }).sum();
                prop_assert!((burt[v] - want).abs() < 1e-9, "{} {}", burt[v], want);
            }
        }
    }

    #[test]
    fn who_speaks_with_all_groups_takes_part_in_all() {
        let list: EdgeList =
            [(0, 1, 1.0), (0, 2, 1.0), (0, 3, 1.0), (0, 4, 1.0), (1, 2, 5.0)].into_iter().collect();
        let rows = Graph::new(6, list).unwrap().undirected();
        let found = participation(&rows, &[0, 0, 1, 2, 3, 3]);
        assert!((found[0] - 0.75).abs() < 1e-12);
        assert_eq!(found[5], 0.0);
    }
}
