//! k-cores (Seidman 1983): the core number of a node is the largest k such that it has k neighbours who themselves have k
//! neighbours, and so on. Peeled a level at a time (as in ParK, Dasari et al. 2014), so that only the degrees are read at
//! random; linear in the edges and levels.

use crate::csr::Rows;

/// Core number of each node of an undirected graph without self loops ([`crate::Graph::skeleton`]).
pub fn core_numbers(graph: &Rows) -> Vec<u32> {
    let nodes = graph.nodes();
    // What is left of each degree; a node that was peeled keeps the level at which it went.
    let mut left: Vec<u32> = (0..nodes).map(|v| graph.degree(v) as u32).collect();
    let mut remaining: Vec<u32> = (0..nodes as u32).collect();
    let mut work: Vec<u32> = Vec::new();
    let mut level = 0u32;
    while !remaining.is_empty() {
        // Who fell to an earlier level by now is done; the rest waits, and the lowest degree says which level is next.
        let mut lowest = u32::MAX;
        work.clear();
        remaining.retain(|&v| {
            let d = left[v as usize];
            if d < level {
                return false;
            }
            lowest = lowest.min(d);
            true
        });
        if remaining.is_empty() {
            break;
        }
        level = lowest;
        remaining.retain(|&v| {
            let now = left[v as usize] == level;
            if now {
                work.push(v);
            }
            !now
        });
        while let Some(v) = work.pop() {
            for &u in graph.of(v as usize) {
                let d = &mut left[u as usize];
                if *d > level {
                    *d -= 1;
                    if *d == level {
                        work.push(u);
                    }
                }
            }
        }
        level += 1;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::{EdgeList, Graph};
    use proptest::prelude::*;

    /// The definition: for each k throw out who has fewer than k neighbours until nothing changes.
    fn reference(rows: &Rows) -> Vec<u32> {
        let n = rows.nodes();
        let mut core = vec![0u32; n];
        for k in 1..n as u32 {
            let mut alive = vec![true; n];
            loop {
                let weak: Vec<usize> = (0..n)
                    .filter(|&v| alive[v])
                    .filter(|&v| (rows.of(v).iter().filter(|u| alive[**u as usize]).count() as u32) < k)
                    .collect();
                if weak.is_empty() {
                    break;
                }
                weak.into_iter().for_each(|v| alive[v] = false);
            }
            (0..n).filter(|&v| alive[v]).for_each(|v| core[v] = k);
        }
        core
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(edges in proptest::collection::vec((0u32..14, 0u32..14), 0..90)) {
            let list: EdgeList = edges.iter().map(|&(a, b)| (a, b, 1.0)).collect();
            let rows = Graph::new(14, list).unwrap().skeleton();
            prop_assert_eq!(core_numbers(&rows), reference(&rows));
        }
    }
}
