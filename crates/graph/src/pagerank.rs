//! Topic-specific PageRank on a weighted, directed graph.
//!
//! Page, Brin, Motwani, Winograd 1999; teleport distributions after Haveliwala 2002. Where the reader who is stuck at a
//! node without edges starts anew by the teleport distribution t, PageRank solves x = dPx + s·t where s is what is not
//! passed along edges: all of a stuck node's rank, 1 − d of each other's. Solved by Gauss-Seidel over blocks (Arasu et al.
//! 2002): a block reads what the blocks before it have just found, and s is kept up to date with them, without which the
//! total would settle last. Blocks do not depend on the number of threads, and each node's sum is added in one order, so
//! neither does the result.

use crate::csr::Graph;
use rayon::prelude::*;

/// How PageRank is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageRankOptions {
    /// Probability of following an edge, 0 to below 1.
    pub damping: f64,
    /// Bound on the L1 distance from the solution, estimated from how fast the steps shrink.
    pub tolerance: f64,
    /// Sweeps at most.
    pub sweeps: u32,
}

impl Default for PageRankOptions {
    fn default() -> Self {
        PageRankOptions { damping: 0.85, tolerance: 1e-8, sweeps: 500 }
    }
}

/// Edges that a block holds at least, so that threads have something to do between two waits, and blocks at most: more
/// blocks are nearer to plain Gauss-Seidel and need fewer sweeps.
const BLOCK_EDGES: usize = 1 << 14;
const BLOCKS: usize = 128;

/// The teleport distribution: `wish` in any non-negative scale, uniform when it is all zero.
fn distribution(nodes: usize, wish: &[f64]) -> Vec<f64> {
    let usable = |i: usize| wish.get(i).copied().filter(|t| t.is_finite() && *t > 0.0).unwrap_or(0.0);
    let sum: f64 = (0..nodes).map(usable).sum();
    if sum > 0.0 && sum.is_finite() {
        (0..nodes).map(|i| usable(i) / sum).collect()
    } else {
        vec![1.0 / nodes as f64; nodes]
    }
}

/// Ends of blocks of about equal work (entries and rows).
fn blocks(graph: &Graph) -> Vec<usize> {
    let nodes = graph.nodes();
    let work = graph.edges() + nodes;
    let each = (work / BLOCKS).max(BLOCK_EDGES);
    let (mut ends, mut filled) = (Vec::new(), 0usize);
    for v in 0..nodes {
        filled += graph.incoming().degree(v) + 1;
        if filled >= each {
            ends.push(v + 1);
            filled = 0;
        }
    }
    if ends.last() != Some(&nodes) {
        ends.push(nodes);
    }
    ends
}

/// A number in which shares are passed on: half the width is half the memory that the walk reads at random.
trait Share: Copy + Send + Sync + Into<f64> {
    fn of(x: f64) -> Self;
}
impl Share for f64 {
    fn of(x: f64) -> f64 {
        x
    }
}
impl Share for f32 {
    fn of(x: f64) -> f32 {
        x as f32
    }
}

/// What is passed along the edges of one row. Four sums at once: a single one would wait for each addition.
fn received<S: Share>(mut nodes: &[u32], mut weights: &[f32], give: &[S]) -> f64 {
    let mut four = [0.0f64; 4];
    let along = |u: u32, w: f32| -> f64 { give[u as usize].into() * f64::from(w) };
    while let ([a, b, c, d, nodes_left @ ..], [p, q, r, s, weights_left @ ..]) = (nodes, weights) {
        four[0] += along(*a, *p);
        four[1] += along(*b, *q);
        four[2] += along(*c, *r);
        four[3] += along(*d, *s);
        (nodes, weights) = (nodes_left, weights_left);
    }
    for (u, w) in nodes.iter().zip(weights) {
        four[0] += along(*u, *w);
    }
    (four[0] + four[1]) + (four[2] + four[3])
}

/// The equations, and the state of their solution.
struct Solution<'a> {
    graph: &'a Graph,
    damping: f64,
    jump: Vec<f64>,
    /// What a node gives along one unit of weight, as a share of its rank.
    share: Vec<f64>,
    rank: Vec<f64>,
    /// The last step of each rank.
    step: Vec<f32>,
    /// What is not passed along edges.
    anew: f64,
    ends: Vec<usize>,
    fresh: Vec<f64>,
}

impl Solution<'_> {
    /// What a node does not pass on, as a share of its rank.
    fn kept(&self, v: usize) -> f64 {
        if self.share[v] > 0.0 { 1.0 - self.damping } else { 1.0 }
    }

    fn give<S: Share>(&self) -> Vec<S> {
        self.rank.iter().zip(&self.share).map(|(r, s)| S::of(r * s)).collect()
    }

    /// One sweep over all blocks; returns the L1 length of the step, the sum of the ranks, and the step as a multiple of the
    /// one before, as far as the two point the same way.
    fn sweep<S: Share>(&mut self, give: &mut [S]) -> (f64, f64, f64) {
        let (mut first, mut change, mut total) = (0usize, 0.0f64, 0.0f64);
        let (mut along, mut square) = (0.0f64, 0.0f64);
        let rows = self.graph.incoming();
        let threads = rayon::current_num_threads();
        for block in 0..self.ends.len() {
            let end = self.ends[block];
            let (jump, anew, read) = (&self.jump, self.anew, &*give);
            let at = |v: usize| {
                let range = rows.range(v);
                anew * jump[v] + received(&rows.node[range.clone()], &rows.weight[range], read)
            };
            let piece = &mut self.fresh[..end - first];
            let fill = |from: usize, part: &mut [f64]| {
                for (k, x) in part.iter_mut().enumerate() {
                    *x = at(from + k);
                }
            };
            if threads > 1 {
                let grain = (piece.len() / 16).max(64);
                piece.par_chunks_mut(grain).enumerate().for_each(|(i, part)| fill(first + i * grain, part));
            } else {
                fill(first, piece);
            }
            let mut passed = 0.0;
            for (k, slot) in give[first..end].iter_mut().enumerate() {
                let (v, x) = (first + k, self.fresh[k]);
                let step = x - self.rank[v];
                change += step.abs();
                passed += step * self.kept(v);
                total += x;
                let old = f64::from(self.step[v]);
                along += step * old;
                square += old * old;
                self.rank[v] = x;
                self.step[v] = step as f32;
                *slot = S::of(x * self.share[v]);
            }
            self.anew += passed;
            first = end;
        }
        (change, total, if square > 0.0 { along / square } else { 0.0 })
    }

    /// Goes where steps that shrink by `rate` would lead (Aitken 1926; for PageRank Kamvar et al. 2003).
    fn extrapolate(&mut self, rate: f64) {
        let ahead = rate / (1.0 - rate);
        for (r, s) in self.rank.iter_mut().zip(&self.step) {
            *r = (*r + ahead * f64::from(*s)).max(0.0);
        }
        self.anew = (0..self.rank.len()).map(|v| self.rank[v] * self.kept(v)).sum();
    }
}

/// Step, as a share of the whole, below which shares are passed on at full width.
const NARROW: f64 = 3e-6;

/// PageRank of each node; the values add up to one. `teleport` is the topic: where the reader starts anew, in any
/// non-negative scale; when it is all zero (or empty) every node is equally likely.
pub fn pagerank(graph: &Graph, teleport: &[f64], options: &PageRankOptions) -> Vec<f64> {
    let nodes = graph.nodes();
    if nodes == 0 {
        return Vec::new();
    }
    let damping = options.damping.clamp(0.0, 0.999_999);
    let jump = distribution(nodes, teleport);
    let ends = blocks(graph);
    let widest = ends.iter().scan(0, |from, &to| Some(to - std::mem::replace(from, to))).max().unwrap_or(0);
    let share = (0..nodes)
        .map(|v| {
            let strength = graph.out().strength(v);
            if strength > 0.0 { damping / strength } else { 0.0 }
        })
        .collect();
    let mut at = Solution {
        graph,
        damping,
        rank: jump.clone(),
        jump,
        share,
        step: vec![0.0; nodes],
        anew: 0.0,
        ends,
        fresh: vec![0.0; widest],
    };
    at.anew = (0..nodes).map(|v| at.rank[v] * at.kept(v)).sum();
    let (mut narrow, mut wide): (Vec<f32>, Vec<f64>) = (at.give(), Vec::new());
    // Right after an extrapolation steps shrink faster than they will: the steady rate is remembered for the estimate.
    let (mut before, mut rate, mut steady, mut since) = (f64::INFINITY, damping, 0.0f64, 0u32);
    for _ in 0..options.sweeps {
        let (change, total, along) =
            if wide.is_empty() { at.sweep(&mut narrow) } else { at.sweep(&mut wide) };
        // Steps shrink by a steady rate in the end: what is still to come is a geometric series.
        let last = rate;
        if before.is_finite() && before > 0.0 {
            rate = (change / before).clamp(0.05, damping.max(0.05));
        }
        before = change;
        since += 1;
        let slowest = rate.max(steady);
        if !wide.is_empty() && change * slowest / (1.0 - slowest) <= options.tolerance * total {
            break;
        }
        let widen = wide.is_empty() && change <= NARROW * total;
        if since >= 3 && (rate - last).abs() < 0.02 * rate && (along - rate).abs() < 0.1 * rate {
            at.extrapolate(rate);
            steady = rate;
            since = 0;
            if wide.is_empty() {
                narrow = at.give();
            } else {
                wide = at.give();
            }
        }
        if widen {
            wide = at.give();
            narrow = Vec::new();
        }
    }
    let mut rank = at.rank;
    let total: f64 = rank.iter().sum();
    rank.iter_mut().for_each(|r| *r /= total);
    rank
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::EdgeList;
    use proptest::prelude::*;

    fn exact() -> PageRankOptions {
        PageRankOptions { tolerance: 1e-13, ..PageRankOptions::default() }
    }

    fn graph(nodes: usize, edges: &[(u32, u32, f32)]) -> Graph {
        Graph::new(nodes, edges.iter().copied().collect::<EdgeList>()).unwrap()
    }

    /// The definition, by plain power iteration on a dense matrix.
    fn reference(nodes: usize, edges: &[(u32, u32, f32)], jump: &[f64]) -> Vec<f64> {
        let mut matrix = vec![vec![0.0; nodes]; nodes];
        for &(a, b, w) in edges {
            matrix[a as usize][b as usize] += f64::from(w);
        }
        let sum: f64 = jump.iter().sum();
        let jump: Vec<f64> =
            if sum > 0.0 { jump.iter().map(|t| t / sum).collect() } else { vec![1.0 / nodes as f64; nodes] };
        let mut rank = jump.clone();
        for _ in 0..400 {
            let mut next: Vec<f64> = jump.iter().map(|t| 0.15 * t).collect();
            for (u, row) in matrix.iter().enumerate() {
                let out: f64 = row.iter().sum();
                for v in 0..nodes {
                    next[v] += 0.85 * rank[u] * if out > 0.0 { row[v] / out } else { jump[v] };
                }
            }
            rank = next;
        }
        rank
    }

    #[test]
    fn known_values() {
        // Three nodes, 0 → 1 → 2 → 0 and 0 → 2; values of networkx.pagerank(alpha = 0.85, tol = 1e-12).
        let rank = pagerank(&graph(3, &[(0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0), (0, 2, 1.0)]), &[], &exact());
        for (r, e) in rank.iter().zip([0.387_789_711_6, 0.214_810_627_4, 0.397_399_661_0]) {
            assert!((r - e).abs() < 1e-9, "{rank:?}");
        }
        assert_eq!(pagerank(&graph(1, &[]), &[], &exact()), [1.0]);
        assert!(pagerank(&graph(0, &[]), &[], &exact()).is_empty());
    }

    #[test]
    fn topic_pulls() {
        let g = graph(4, &[(0, 1, 1.0), (1, 0, 1.0), (2, 3, 1.0), (3, 2, 1.0)]);
        let rank = pagerank(&g, &[1.0, 0.0, 0.0, 0.0], &exact());
        assert!(rank[0] > 0.5 && rank[2] == 0.0 && rank[3] == 0.0);
    }

    #[test]
    fn threads_change_nothing() {
        let mut x = 1u64;
        let mut next = |n: u64| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((x >> 33) % n) as u32
        };
        let edges: Vec<(u32, u32, f32)> =
            (0..120_000).map(|_| (next(9000), next(2 + 9000 / 3), 1.0 + next(5) as f32)).collect();
        let g = graph(9000, &edges);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| pagerank(&g, &[], &PageRankOptions::default()))
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert_eq!(one, with(5));
        // The estimate of the error holds.
        let true_rank = pagerank(&g, &[], &exact());
        assert!(one.iter().zip(&true_rank).map(|(a, b)| (a - b).abs()).sum::<f64>() < 2e-8);
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            edges in proptest::collection::vec((0u32..12, 0u32..12, 0u8..5), 0..60),
            jump in proptest::collection::vec(0u8..3, 12),
        ) {
            let edges: Vec<_> = edges.into_iter().map(|(a, b, w)| (a, b, f32::from(w))).collect();
            let jump: Vec<f64> = jump.into_iter().map(f64::from).collect();
            let rank = pagerank(&graph(12, &edges), &jump, &exact());
            for (a, b) in rank.iter().zip(reference(12, &edges, &jump)) {
                prop_assert!((a - b).abs() < 1e-10, "{} {}", a, b);
            }
        }
    }
}
