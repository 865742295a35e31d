//! Connected components: weak by union of trees (Tarjan 1975), strong by one depth-first walk (Tarjan 1972) without
//! recursion. Components are numbered by their lowest node, from 0.

use crate::csr::Graph;

/// Numbers groups by the order of their first node.
fn renumber(nodes: usize, group_of: impl Fn(usize) -> usize) -> Vec<u32> {
    let mut number = vec![u32::MAX; nodes];
    let mut next = 0u32;
    (0..nodes)
        .map(|v| {
            let slot = &mut number[group_of(v)];
            if *slot == u32::MAX {
                *slot = next;
                next += 1;
            }
            *slot
        })
        .collect()
}

/// For each node the number of the component in which it is reached when directions do not matter.
pub fn weak_components(graph: &Graph) -> Vec<u32> {
    let nodes = graph.nodes();
    let mut parent: Vec<u32> = (0..nodes as u32).collect();
    fn root(parent: &mut [u32], mut v: u32) -> u32 {
        while parent[v as usize] != v {
            parent[v as usize] = parent[parent[v as usize] as usize];
            v = parent[v as usize];
        }
        v
    }
    for v in 0..nodes {
        for &u in graph.out().of(v) {
            let (a, b) = (root(&mut parent, v as u32), root(&mut parent, u));
            // The lower number stays: in a graph ordered by degree that is where most trees already hang.
            let (low, high) = (a.min(b), a.max(b));
            parent[high as usize] = low;
        }
    }
    let roots: Vec<u32> = (0..nodes as u32).map(|v| root(&mut parent, v)).collect();
    renumber(nodes, |v| roots[v] as usize)
}

/// For each node the number of the component in which each node reaches each other along the edges.
pub fn strong_components(graph: &Graph) -> Vec<u32> {
    let nodes = graph.nodes();
    const NONE: u32 = u32::MAX;
    let (mut index, mut low) = (vec![NONE; nodes], vec![0u32; nodes]);
    let mut component = vec![NONE; nodes];
    let (mut stack, mut walk): (Vec<u32>, Vec<(u32, u32)>) = (Vec::new(), Vec::new());
    let (mut time, mut found) = (0u32, 0u32);
    for s in 0..nodes {
        if index[s] != NONE {
            continue;
        }
        walk.push((s as u32, 0));
        while let Some(&mut (v, ref mut at)) = walk.last_mut() {
            let v = v as usize;
            if *at == 0 {
                index[v] = time;
                low[v] = time;
                time += 1;
                stack.push(v as u32);
            }
            let row = graph.out().of(v);
            let mut child = None;
            while let Some(&u) = row.get(*at as usize) {
                *at += 1;
                if index[u as usize] == NONE {
                    child = Some(u);
                    break;
                }
                if component[u as usize] == NONE {
                    low[v] = low[v].min(index[u as usize]);
                }
            }
            if let Some(u) = child {
                walk.push((u, 0));
                continue;
            }
            // A row that is read to its end must not look like one that has not begun.
            *at = at.saturating_add(1);
            walk.pop();
            if let Some(&(up, _)) = walk.last() {
                low[up as usize] = low[up as usize].min(low[v]);
            }
            if low[v] == index[v] {
                while let Some(u) = stack.pop() {
                    component[u as usize] = found;
                    if u as usize == v {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    renumber(nodes, |v| component[v] as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::EdgeList;
    use proptest::prelude::*;

    /// reach[a][b]: b can be reached from a.
    fn reach(n: usize, edges: &[(u32, u32)], both: bool) -> Vec<Vec<bool>> {
        let mut r = vec![vec![false; n]; n];
        (0..n).for_each(|v| r[v][v] = true);
        for &(a, b) in edges {
            r[a as usize][b as usize] = true;
            if both {
                r[b as usize][a as usize] = true;
            }
        }
        for k in 0..n {
            for i in 0..n {
                for j in 0..n {
                    r[i][j] |= r[i][k] && r[k][j];
                }
            }
        }
        r
    }

    #[test]
    fn deep_paths_do_not_overflow() {
        let n = 200_000u32;
        let list: EdgeList = (0..n).map(|v| (v, (v + 1) % n, 1.0)).collect();
        let g = Graph::new(n as usize, list).unwrap();
        assert!(strong_components(&g).iter().all(|c| *c == 0));
    }

    proptest! {
        #[test]
        fn agree_with_reachability(edges in proptest::collection::vec((0u32..10, 0u32..10), 0..25)) {
            let list: EdgeList = edges.iter().map(|&(a, b)| (a, b, 1.0)).collect();
            let g = Graph::new(10, list).unwrap();
            let (weak, strong) = (weak_components(&g), strong_components(&g));
            let (undirected, directed) = (reach(10, &edges, true), reach(10, &edges, false));
            for a in 0..10 {
                for b in 0..10 {
                    prop_assert_eq!(weak[a] == weak[b], undirected[a][b]);
                    prop_assert_eq!(strong[a] == strong[b], directed[a][b] && directed[b][a]);
                }
            }
            prop_assert_eq!((weak[0], strong[0]), (0, 0));
        }
    }
}
