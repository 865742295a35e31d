//! Betweenness (Freeman 1977): on how many shortest paths between others a node stands. Paths follow the edges and are
//! measured in steps: a weight says how much attention was given, not how far apart two accounts are.
//!
//! Exact by Brandes 2001. Sampled: pairs of nodes are drawn, all shortest paths between the two are found by a search from
//! both ends (Borassi, Natale 2016, KADABRA), and each node is credited with the share of them that it stands on (Riondato,
//! Upfal 2018, ABRA), which varies less than crediting one path. Credits are whole numbers of 2⁻³², so that adding them up
//! in any order gives the same. The bound on the error is the empirical Bernstein bound (Maurer, Pontil 2009) with the
//! allowed failure shared out over nodes and looks.

use crate::csr::{Graph, Rows};
use crate::random::Random;
use rayon::prelude::*;

/// Pieces into which the sources are cut; their sums are added in order.
const PIECES: usize = 32;

struct Search {
    level: Vec<u32>,
    paths: Vec<f64>,
    /// (1 + dependency) / paths of the nodes of one level, 0 elsewhere.
    credit: Vec<f64>,
    /// Nodes in the order in which they are met, with one place to spare.
    order: Vec<u32>,
    /// Where each level begins in `order`.
    levels: Vec<usize>,
}

const UNSEEN: u32 = u32::MAX;

impl Search {
    fn new(nodes: usize) -> Search {
        Search {
            level: vec![UNSEEN; nodes],
            paths: vec![0.0; nodes],
            credit: vec![0.0; nodes],
            order: vec![0; nodes + 1],
            levels: Vec::new(),
        }
    }

    /// Adds what the shortest paths from `source` give to each node. Neither walk branches on what it reads: half of the
    /// guesses would be wrong, and a wrong guess costs more than all else about an edge.
    fn from(&mut self, rows: &Rows, source: usize, sum: &mut [f64]) {
        let (level, paths, credit) = (&mut self.level[..], &mut self.paths[..], &mut self.credit[..]);
        let (order, levels) = (&mut self.order[..], &mut self.levels);
        order[0] = source as u32;
        level[source] = 0;
        paths[source] = 1.0;
        levels.clear();
        let (mut at, mut met) = (0usize, 1usize);
        while at < met {
            levels.push(at);
            let (end, next) = (met, levels.len() as u32);
            while at < end {
                let v = order[at] as usize;
                at += 1;
                let count = paths[v];
                for &u in rows.of(v) {
                    let seen = level[u as usize];
                    order[met] = u;
                    met += usize::from(seen == UNSEEN);
                    level[u as usize] = seen.min(next);
                    paths[u as usize] += if seen >= next { count } else { 0.0 };
                }
            }
        }
        // From the farthest level; its nodes have no successors. Only the level above the current one holds credit, so that
        // a row's sum needs no look at levels.
        let mut end = met;
        for depth in (0..levels.len()).rev() {
            let begin = levels[depth];
            for &v in &order[begin..end] {
                let v = v as usize;
                // Kept in `paths` until the level above has been read by all.
                let dependency = if end < met {
                    paths[v] * rows.of(v).iter().map(|u| credit[*u as usize]).sum::<f64>()
                } else {
                    0.0
                };
                if v != source {
                    sum[v] += dependency;
                }
                paths[v] = (1.0 + dependency) / paths[v];
            }
            let above = levels.get(depth + 1).copied().unwrap_or(met);
            let above_end = levels.get(depth + 2).copied().unwrap_or(met);
            for &u in &order[above..above_end] {
                credit[u as usize] = 0.0;
            }
            for &v in &order[begin..end] {
                credit[v as usize] = paths[v as usize];
            }
            end = begin;
        }
        credit[source] = 0.0;
        for &v in &order[..met] {
            level[v as usize] = UNSEEN;
            paths[v as usize] = 0.0;
        }
    }
}

/// Exact betweenness: the number of ordered pairs of others between which a node stands, pairs with several shortest paths
/// counted by share. Takes nodes × edges steps.
pub fn betweenness(graph: &Graph) -> Vec<f64> {
    let nodes = graph.nodes();
    let each = nodes.div_ceil(PIECES).max(1);
    let sums: Vec<Vec<f64>> = (0..nodes.div_ceil(each))
        .into_par_iter()
        .map(|piece| {
            let mut search = Search::new(nodes);
            let mut sum = vec![0.0; nodes];
            for source in piece * each..nodes.min((piece + 1) * each) {
                search.from(graph.out(), source, &mut sum);
            }
            sum
        })
        .collect();
    let mut total = vec![0.0; nodes];
    for sum in &sums {
        for (t, s) in total.iter_mut().zip(sum) {
            *t += s;
        }
    }
    total
}

/// How betweenness is sampled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingOptions {
    /// Error at which to stop, as a share of all ordered pairs.
    pub error: f64,
    /// Probability with which any node's error may be larger.
    pub failure: f64,
    /// Pairs at most; when they are used up, the bound reached is reported.
    pub most: u64,
    /// Seed.
    pub seed: u64,
}

impl Default for SamplingOptions {
    fn default() -> Self {
        SamplingOptions { error: 0.001, failure: 0.1, most: 1 << 20, seed: 1 }
    }
}

/// Estimates with their bound.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sampled {
    /// Share of the ordered pairs of nodes between which each stands, 0 to 1; times n(n−1) it is what [`betweenness`] says.
    pub share: Vec<f64>,
    /// With the allowed probability no node's error is larger.
    pub error: f64,
    /// Pairs that were drawn.
    pub pairs: u64,
}

/// One end of a search: levels and numbers of paths, with what has to be reset.
struct End {
    level: Vec<u32>,
    paths: Vec<f64>,
    seen: Vec<u32>,
    /// First of the current level in `seen`.
    front: usize,
    /// Entries of the rows of the current level.
    work: usize,
    depth: u32,
}

impl End {
    fn new(nodes: usize) -> End {
        End {
            level: vec![UNSEEN; nodes],
            paths: vec![0.0; nodes],
            seen: Vec::new(),
            front: 0,
            work: 0,
            depth: 0,
        }
    }
    fn begin(&mut self, rows: &Rows, v: usize) {
        for u in self.seen.drain(..) {
            self.level[u as usize] = UNSEEN;
        }
        self.level[v] = 0;
        self.paths[v] = 1.0;
        self.seen.push(v as u32);
        (self.front, self.depth, self.work) = (0, 0, rows.degree(v));
    }
    /// Goes one level farther; collects the nodes that the other end has reached. False when there is nowhere to go.
    fn advance(&mut self, rows: &Rows, other: &[u32], met: &mut Vec<u32>) -> bool {
        let end = self.seen.len();
        self.depth += 1;
        let mut work = 0;
        for i in self.front..end {
            let v = self.seen[i] as usize;
            let count = self.paths[v];
            for &u in rows.of(v) {
                let l = &mut self.level[u as usize];
                if *l == UNSEEN {
                    *l = self.depth;
                    self.paths[u as usize] = count;
                    self.seen.push(u);
                    work += rows.degree(u as usize);
                    if other[u as usize] != UNSEEN {
                        met.push(u);
                    }
                } else if *l == self.depth {
                    self.paths[u as usize] += count;
                }
            }
        }
        (self.front, self.work) = (end, work);
        self.seen.len() > end
    }
}

struct Sampler<'a> {
    graph: &'a Graph,
    ahead: End,
    back: End,
    met: Vec<u32>,
    share: Vec<f64>,
    marked: Vec<u32>,
    sum: Vec<u64>,
    squares: Vec<u64>,
}

const UNIT: f64 = 4_294_967_296.0;

impl<'a> Sampler<'a> {
    fn new(graph: &'a Graph) -> Sampler<'a> {
        let n = graph.nodes();
        Sampler {
            graph,
            ahead: End::new(n),
            back: End::new(n),
            met: Vec::new(),
            share: vec![0.0; n],
            marked: Vec::new(),
            sum: vec![0; n],
            squares: vec![0; n],
        }
    }

    fn credit(&mut self, v: u32, share: f64) {
        if self.share[v as usize] == 0.0 {
            self.marked.push(v);
        }
        self.share[v as usize] += share;
    }

    /// Credits the nodes between `s` and `t`.
    fn pair(&mut self, s: usize, t: usize) {
        let (out, incoming) = (self.graph.out(), self.graph.incoming());
        self.ahead.begin(out, s);
        self.back.begin(incoming, t);
        self.met.clear();
        while self.met.is_empty() {
            // From the side that has less to read.
            let went = if self.ahead.work <= self.back.work {
                self.ahead.advance(out, &self.back.level, &mut self.met)
            } else {
                self.back.advance(incoming, &self.ahead.level, &mut self.met)
            };
            if !went {
                return;
            }
        }
        let met = std::mem::take(&mut self.met);
        let all: f64 = met.iter().map(|v| self.ahead.paths[*v as usize] * self.back.paths[*v as usize]).sum();
        self.marked.clear();
        for &v in &met {
            let through = self.ahead.paths[v as usize] * self.back.paths[v as usize];
            self.credit(v, through / all);
        }
        // Down to both ends, level by level: `marked` fills with each level while the one before is read.
        for down in [true, false] {
            let rows = if down { incoming } else { out };
            let mut level: Vec<u32> = met.clone();
            loop {
                let mut below: Vec<u32> = Vec::new();
                for &v in &level {
                    let end = if down { &self.ahead } else { &self.back };
                    let depth = end.level[v as usize];
                    if depth <= 1 {
                        continue;
                    }
                    let each = self.share[v as usize] / end.paths[v as usize];
                    for &u in rows.of(v as usize) {
                        let end = if down { &self.ahead } else { &self.back };
                        if end.level[u as usize] == depth - 1 {
                            let gain = each * end.paths[u as usize];
                            if self.share[u as usize] == 0.0 {
                                below.push(u);
                            }
                            self.credit(u, gain);
                        }
                    }
                }
                if below.is_empty() {
                    break;
                }
                level = below;
            }
        }
        for i in 0..self.marked.len() {
            let v = self.marked[i] as usize;
            let share = std::mem::take(&mut self.share[v]).min(1.0);
            if v != s && v != t {
                self.sum[v] += (share * UNIT) as u64;
                self.squares[v] += (share * share * UNIT) as u64;
            }
        }
        self.met = met;
    }
}

/// Pairs that one stream of random numbers draws.
const STREAM: u64 = 512;

/// Betweenness by sampling, with a bound on the error; the same for any number of threads.
pub fn sampled_betweenness(graph: &Graph, options: &SamplingOptions) -> Sampled {
    let nodes = graph.nodes();
    if nodes < 3 || options.most == 0 {
        return Sampled { share: vec![0.0; nodes], error: 0.0, pairs: 0 };
    }
    let threads = rayon::current_num_threads().max(1);
    let mut samplers: Vec<Sampler<'_>> = (0..threads).map(|_| Sampler::new(graph)).collect();
    let streams = options.most.div_ceil(STREAM);
    // How often the bound is looked at, at most: the number of pairs grows by half each time.
    let looks = (streams as f64).ln() / 1.5f64.ln() + 2.0;
    let log = (3.0 * nodes as f64 * looks / options.failure.clamp(1e-9, 0.5)).ln();
    let (mut done, mut goal) = (0u64, 8u64.min(streams));
    loop {
        samplers.par_iter_mut().enumerate().for_each(|(k, sampler)| {
            for stream in (done..goal).filter(|s| *s as usize % threads == k) {
                let mut random = Random::new(options.seed, stream);
                for _ in 0..STREAM {
                    let s = random.below(nodes as u64) as usize;
                    let t = random.below(nodes as u64 - 1) as usize;
                    sampler.pair(s, if t >= s { t + 1 } else { t });
                }
            }
        });
        done = goal;
        let pairs = done * STREAM;
        let n = pairs as f64;
        let (mut share, mut error) = (vec![0.0; nodes], 0.0f64);
        for (v, mean_share) in share.iter_mut().enumerate() {
            let total = |f: fn(&Sampler<'_>, usize) -> u64| samplers.iter().map(|s| f(s, v)).sum::<u64>();
            let mean = total(|s, v| s.sum[v]) as f64 / UNIT / n;
            let variance =
                (total(|s, v| s.squares[v]) as f64 / UNIT / n - mean * mean).max(0.0) * n / (n - 1.0);
            *mean_share = mean;
            error = error.max((2.0 * variance * log / n).sqrt() + 7.0 * log / (3.0 * (n - 1.0)));
        }
        if error <= options.error || done >= streams {
            return Sampled { share, error, pairs };
        }
        goal = (done + done / 2 + 1).min(streams);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::EdgeList;
    use proptest::prelude::*;

    /// Counts shortest paths for each pair from distances and numbers of paths.
    fn reference(n: usize, edges: &[(u32, u32)]) -> Vec<f64> {
        let mut next = vec![vec![false; n]; n];
        edges.iter().for_each(|&(a, b)| next[a as usize][b as usize] = true);
        let search = |s: usize| {
            let (mut d, mut c) = (vec![usize::MAX; n], vec![0.0f64; n]);
            (d[s], c[s]) = (0, 1.0);
            for level in 0..n {
                for v in (0..n).filter(|v| d[*v] == level).collect::<Vec<_>>() {
                    for u in (0..n).filter(|u| next[v][*u]) {
                        if d[u] == usize::MAX {
                            d[u] = level + 1;
                        }
                        if d[u] == level + 1 {
                            c[u] += c[v];
                        }
                    }
                }
            }
            (d, c)
        };
        let all: Vec<_> = (0..n).map(search).collect();
        let mut sum = vec![0.0; n];
        for s in 0..n {
            for t in (0..n).filter(|t| *t != s && all[s].0[*t] != usize::MAX) {
                for v in (0..n).filter(|v| *v != s && *v != t) {
                    if all[s].0[v] != usize::MAX
                        && all[v].0[t] != usize::MAX
                        && all[s].0[v] + all[v].0[t] == all[s].0[t]
                    {
                        sum[v] += all[s].1[v] * all[v].1[t] / all[s].1[t];
                    }
                }
            }
        }
        sum
    }

    proptest! {
        #[test]
        fn exact_agrees_with_the_definition(edges in proptest::collection::vec((0u32..11, 0u32..11), 0..50)) {
            let list: EdgeList = edges.iter().map(|&(a, b)| (a, b, 1.0)).collect();
            let found = betweenness(&Graph::new(11, list).unwrap());
            for (a, b) in found.iter().zip(reference(11, &edges)) {
                prop_assert!((a - b).abs() < 1e-9, "{} {}", a, b);
            }
        }
    }

    #[test]
    fn the_sampled_one_keeps_its_bound_at_any_number_of_threads() {
        let mut random = Random::new(7, 0);
        // A few nodes are met far more often than others.
        let edges: Vec<(u32, u32, f32)> = (0..3000)
            .map(|_| {
                let pull = random.unit() * random.unit() * random.unit();
                (random.below(600) as u32, (pull * 600.0) as u32, 1.0)
            })
            .collect();
        let g = Graph::new(600, edges.into_iter().collect()).unwrap();
        let exact = betweenness(&g);
        let options = SamplingOptions { error: 0.004, ..SamplingOptions::default() };
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| sampled_betweenness(&g, &options))
        };
        let one = with(1);
        assert_eq!(one, with(3));
        assert!(one.error <= 0.004 && one.pairs > 0);
        for (a, b) in one.share.iter().zip(&exact) {
            assert!((a - b / (600.0 * 599.0)).abs() <= one.error);
        }
        assert!(one.share.iter().any(|s| *s > 0.01));
        let none = Graph::new(2, EdgeList::default()).unwrap();
        assert_eq!(sampled_betweenness(&none, &options).share, [0.0, 0.0]);
    }
}
