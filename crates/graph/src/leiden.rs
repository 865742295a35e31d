//! Communities by the Leiden method (Traag, Waltman, van Eck 2019), for modularity with a resolution (Reichardt,
//! Bornholdt 2006). Deterministic: nodes are visited in a fixed order, and the refinement takes the best community instead
//! of drawing one. One thread; linear in the edges for each pass.

use crate::csr::Rows;
use std::collections::VecDeque;

/// How communities are sought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeidenOptions {
    /// Above 1 more and smaller communities, below 1 fewer.
    pub resolution: f64,
    /// Runs of the whole method, each begun with the communities of the one before; ends early when nothing changes.
    pub runs: u32,
}

impl Default for LeidenOptions {
    fn default() -> Self {
        LeidenOptions { resolution: 1.0, runs: 2 }
    }
}

/// Communities of the nodes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Communities {
    /// For each node its community, numbered from 0 by size (largest first), ties by their lowest node.
    pub of: Vec<u32>,
    /// Number of communities.
    pub count: usize,
    /// Modularity at the resolution that was asked for.
    pub modularity: f64,
}

/// A graph of one level: `own` is twice the weight inside a node that stands for several.
struct Level {
    rows: Rows,
    own: Vec<f64>,
    strength: Vec<f64>,
}

impl Level {
    fn new(rows: Rows, own: Vec<f64>) -> Level {
        let strength = (0..rows.nodes()).map(|v| rows.strength(v) + own[v]).collect();
        Level { rows, own, strength }
    }
}

/// Weights towards communities, collected for one node at a time.
struct Tally {
    weight: Vec<f64>,
    touched: Vec<u32>,
}

impl Tally {
    fn new(n: usize) -> Tally {
        Tally { weight: vec![0.0; n], touched: Vec::new() }
    }
    fn add(&mut self, community: u32, weight: f64) {
        let slot = &mut self.weight[community as usize];
        if *slot == 0.0 {
            self.touched.push(community);
        }
        *slot += weight;
    }
    fn clear(&mut self) {
        for c in self.touched.drain(..) {
            self.weight[c as usize] = 0.0;
        }
    }
}

/// Moves nodes to the community that gains most until no move gains. Returns whether any moved.
fn move_nodes(level: &Level, of: &mut [u32], gamma: f64, twice: f64) -> bool {
    let n = level.rows.nodes();
    let mut total = vec![0.0f64; n];
    let mut size = vec![0u32; n];
    for v in 0..n {
        total[of[v] as usize] += level.strength[v];
        size[of[v] as usize] += 1;
    }
    let mut empty: Vec<u32> = (0..n as u32).filter(|c| size[*c as usize] == 0).collect();
    let mut queue: VecDeque<u32> = (0..n as u32).collect();
    let mut queued = vec![true; n];
    let mut tally = Tally::new(n);
    let mut moved = false;
    while let Some(v) = queue.pop_front() {
        let v = v as usize;
        queued[v] = false;
        let k = level.strength[v];
        let own = of[v];
        for (u, w) in level.rows.weighted(v) {
            tally.add(of[u], w);
        }
        total[own as usize] -= k;
        let gain = |c: u32, inside: f64| inside - gamma * k * total[c as usize] / twice;
        let stay = gain(own, tally.weight[own as usize]);
        let (mut best, mut most) = (own, stay);
        for &c in &tally.touched {
            let g = gain(c, tally.weight[c as usize]);
            // A gain must be more than rounding; of equal ones the lower number wins, whatever the order of the row.
            if g > most + 1e-12 * k || (best != own && (g - most).abs() <= 1e-12 * k && c < best) {
                (best, most) = (c, g);
            }
        }
        if most < -1e-12 * k
            && size[own as usize] > 1
            && let Some(c) = empty.pop()
        {
            best = c;
        }
        tally.clear();
        total[best as usize] += k;
        if best != own {
            of[v] = best;
            size[own as usize] -= 1;
            size[best as usize] += 1;
            if size[own as usize] == 0 {
                empty.push(own);
            }
            moved = true;
            for &u in level.rows.of(v) {
                if of[u as usize] != best && !queued[u as usize] {
                    queued[u as usize] = true;
                    queue.push_back(u);
                }
            }
        }
    }
    moved
}

/// Splits each community into parts that hang together well: every node begins alone and joins, once, the part of its
/// community that gains most among those that are well connected to the rest of the community.
fn refine(level: &Level, of: &[u32], gamma: f64, twice: f64) -> Vec<u32> {
    let n = level.rows.nodes();
    let mut part: Vec<u32> = (0..n as u32).collect();
    let mut community_total = vec![0.0f64; n];
    for v in 0..n {
        community_total[of[v] as usize] += level.strength[v];
    }
    let mut total = level.strength.clone();
    let mut alone = vec![true; n];
    // Weight from a part to the rest of its community.
    let mut outside: Vec<f64> = (0..n)
        .map(|v| level.rows.weighted(v).filter(|(u, _)| of[*u] == of[v]).map(|(_, w)| w).sum())
        .collect();
    let mut tally = Tally::new(n);
    for v in 0..n {
        if !alone[v] {
            continue;
        }
        let (k, all) = (level.strength[v], community_total[of[v] as usize]);
        if outside[v] < gamma * k * (all - k) / twice {
            continue;
        }
        for (u, w) in level.rows.weighted(v).filter(|(u, _)| of[*u] == of[v]) {
            tally.add(part[u], w);
        }
        let (mut best, mut most) = (v as u32, 0.0f64);
        for &c in &tally.touched {
            let t = total[c as usize];
            if c as usize == v || outside[c as usize] < gamma * t * (all - t) / twice {
                continue;
            }
            let gain = tally.weight[c as usize] - gamma * k * t / twice;
            if gain > most || (gain == most && gain > 0.0 && c < best) {
                (best, most) = (c, gain);
            }
        }
        if best as usize != v {
            let inside = tally.weight[best as usize];
            part[v] = best;
            total[best as usize] += k;
            outside[best as usize] += outside[v] - 2.0 * inside;
            alone[v] = false;
            alone[best as usize] = false;
        }
        tally.clear();
    }
    part
}

/// Numbers communities from 0 in the order of their first node; returns how many.
fn renumber(of: &mut [u32]) -> usize {
    let mut number = vec![u32::MAX; of.len()];
    let mut next = 0u32;
    for c in of.iter_mut() {
        let slot = &mut number[*c as usize];
        if *slot == u32::MAX {
            *slot = next;
            next += 1;
        }
        *c = *slot;
    }
    next as usize
}

/// The graph whose nodes are the `count` parts of another.
fn aggregate(level: &Level, part: &[u32], count: usize) -> Level {
    let n = level.rows.nodes();
    let mut start = vec![0u32; count + 1];
    for p in part {
        start[*p as usize + 1] += 1;
    }
    for i in 0..count {
        start[i + 1] += start[i];
    }
    let mut members = vec![0u32; n];
    let mut fill = start.clone();
    for v in 0..n {
        let at = &mut fill[part[v] as usize];
        members[*at as usize] = v as u32;
        *at += 1;
    }
    let mut rows = Rows { start: vec![0], node: Vec::new(), weight: Vec::new() };
    let mut own = vec![0.0f64; count];
    let mut tally = Tally::new(count);
    for p in 0..count {
        for &v in &members[start[p] as usize..start[p + 1] as usize] {
            own[p] += level.own[v as usize];
            for (u, w) in level.rows.weighted(v as usize) {
                if part[u] as usize == p {
                    own[p] += w;
                } else {
                    tally.add(part[u], w);
                }
            }
        }
        tally.touched.sort_unstable();
        for &c in &tally.touched {
            rows.node.push(c);
            rows.weight.push(tally.weight[c as usize] as f32);
        }
        tally.clear();
        rows.start.push(rows.node.len() as u32);
    }
    Level::new(rows, own)
}

/// Modularity of communities: Σ over communities of inside/2m − γ (strength/2m)².
pub fn modularity(graph: &Rows, of: &[u32], resolution: f64) -> f64 {
    let n = graph.nodes();
    let count = of.iter().max().map_or(0, |c| *c as usize + 1);
    let (mut inside, mut total) = (vec![0.0f64; count], vec![0.0f64; count]);
    for v in 0..n {
        let c = of[v] as usize;
        for (u, w) in graph.weighted(v) {
            total[c] += w;
            if of[u] as usize == c {
                inside[c] += w;
            }
        }
    }
    let twice: f64 = total.iter().sum();
    if twice == 0.0 {
        return 0.0;
    }
    inside.iter().zip(&total).map(|(i, t)| i / twice - resolution * (t / twice) * (t / twice)).sum()
}

/// Communities of an undirected graph ([`crate::Graph::undirected`]).
pub fn leiden(graph: &Rows, options: &LeidenOptions) -> Communities {
    let nodes = graph.nodes();
    let gamma = if options.resolution.is_finite() { options.resolution.max(0.0) } else { 1.0 };
    let mut of: Vec<u32> = (0..nodes as u32).collect();
    let ground = Level::new(graph.clone(), vec![0.0; nodes]);
    let twice: f64 = ground.strength.iter().sum();
    if twice > 0.0 {
        for _ in 0..options.runs.max(1) {
            let mut moved = move_nodes(&ground, &mut of, gamma, twice);
            // Which node of the current level each node of the graph belongs to.
            let mut place: Vec<u32> = Vec::new();
            let mut higher: Option<Level> = None;
            loop {
                let level = higher.as_ref().unwrap_or(&ground);
                let mut now = if place.is_empty() { of.clone() } else { std::mem::take(&mut of) };
                let communities = renumber(&mut now);
                if communities == level.rows.nodes() {
                    of =
                        if place.is_empty() { now } else { place.iter().map(|p| now[*p as usize]).collect() };
                    break;
                }
                let mut part = refine(level, &now, gamma, twice);
                let mut count = renumber(&mut part);
                if count == level.rows.nodes() {
                    // Nothing could be joined inside the communities: go on with them as they are.
                    part = now.clone();
                    count = communities;
                }
                let mut above = vec![0u32; count];
                for v in 0..part.len() {
                    above[part[v] as usize] = now[v];
                }
                let next = aggregate(level, &part, count);
                place =
                    if place.is_empty() { part } else { place.iter().map(|p| part[*p as usize]).collect() };
                of = above;
                moved |= move_nodes(&next, &mut of, gamma, twice);
                higher = Some(next);
            }
            if !moved {
                break;
            }
        }
    }
    let count = renumber(&mut of);
    let mut size = vec![0u32; count];
    of.iter().for_each(|c| size[*c as usize] += 1);
    let mut order: Vec<u32> = (0..count as u32).collect();
    order.sort_by_key(|c| (std::cmp::Reverse(size[*c as usize]), *c));
    let mut number = vec![0u32; count];
    for (i, c) in order.iter().enumerate() {
        number[*c as usize] = i as u32;
    }
    of.iter_mut().for_each(|c| *c = number[*c as usize]);
    let modularity = modularity(graph, &of, gamma);
    Communities { of, count, modularity }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::{EdgeList, Graph};
    use proptest::prelude::*;

    #[test]
    fn two_cliques_and_a_bridge() {
        let mut edges = vec![(0u32, 5u32)];
        for base in [0, 5] {
            for a in 0..5 {
                for b in 0..a {
                    edges.push((base + a, base + b));
                }
            }
        }
        let list: EdgeList = edges.iter().map(|&(a, b)| (a, b, 1.0)).collect();
        let found = leiden(&Graph::new(11, list).unwrap().undirected(), &LeidenOptions::default());
        assert_eq!(found.of, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2]);
        // networkx.community.modularity of the same communities: 10/21 inside each, (21/42)² against it.
        assert!((found.modularity - (20.0 / 21.0 - 0.5)).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn no_node_gains_by_leaving(edges in proptest::collection::vec((0u32..16, 0u32..16, 1u8..4), 0..60)) {
            let list: EdgeList = edges.iter().map(|&(a, b, w)| (a, b, f32::from(w))).collect();
            let rows = Graph::new(16, list).unwrap().undirected();
            let found = leiden(&rows, &LeidenOptions { runs: 10, ..LeidenOptions::default() });
            prop_assert!((found.modularity - modularity(&rows, &found.of, 1.0)).abs() < 1e-12);
            for v in 0..16 {
                for c in 0..=found.count as u32 {
                    let mut other = found.of.clone();
                    other[v] = c;
                    prop_assert!(modularity(&rows, &other, 1.0) <= found.modularity + 1e-6);
                }
            }
            // Each community hangs together.
            for c in 0..found.count as u32 {
                let members: Vec<usize> = (0..16).filter(|v| found.of[*v] == c).collect();
                let mut seen = vec![members[0]];
                let mut at = 0;
                while at < seen.len() {
                    for &u in rows.of(seen[at]) {
                        if found.of[u as usize] == c && !seen.contains(&(u as usize)) {
                            seen.push(u as usize);
                        }
                    }
                    at += 1;
                }
                prop_assert_eq!(seen.len(), members.len());
            }
        }
    }
}
