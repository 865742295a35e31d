//! Graphs in compressed sparse rows.
//!
//! Nodes are numbered from 0, weights are what the edge list says (how much attention `from` gives to `to`). Rows are
//! built by counting sort, so the cost is linear in the edges and no comparison is made; within a row the nodes ascend and
//! parallel edges are one edge with the sum of their weights.

/// A graph that cannot be represented.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Rows are indexed by 32 bits.
    #[error("{0} edges are more than the {max} that a graph holds", max = u32::MAX)]
    TooManyEdges(usize),
    /// The columns of an edge list have different lengths.
    #[error("the columns of the edge list have {from}, {to} and {weight} entries")]
    Ragged {
        /// Sources.
        from: usize,
        /// Targets.
        to: usize,
        /// Weights.
        weight: usize,
    },
}

/// Edges in columns: 12 bytes an edge. Order does not matter; repeated pairs add up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EdgeList {
    /// Sources.
    pub from: Vec<u32>,
    /// Targets.
    pub to: Vec<u32>,
    /// Weights. An edge whose weight is not a finite number above zero is no edge.
    pub weight: Vec<f32>,
}

impl EdgeList {
    /// An empty list with room for `edges`.
    pub fn with_capacity(edges: usize) -> EdgeList {
        EdgeList {
            from: Vec::with_capacity(edges),
            to: Vec::with_capacity(edges),
            weight: Vec::with_capacity(edges),
        }
    }
    /// Appends an edge.
    pub fn push(&mut self, from: u32, to: u32, weight: f32) {
        self.from.push(from);
        self.to.push(to);
        self.weight.push(weight);
    }
    /// Number of edges.
    pub fn len(&self) -> usize {
        self.from.len()
    }
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.from.is_empty()
    }
}

impl FromIterator<(u32, u32, f32)> for EdgeList {
    fn from_iter<T: IntoIterator<Item = (u32, u32, f32)>>(edges: T) -> EdgeList {
        let mut list = EdgeList::default();
        edges.into_iter().for_each(|(from, to, weight)| list.push(from, to, weight));
        list
    }
}

/// One direction of a graph: for each node its neighbours, ascending, with weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    pub(crate) start: Vec<u32>,
    pub(crate) node: Vec<u32>,
    /// Empty when weights do not matter.
    pub(crate) weight: Vec<f32>,
}

impl Rows {
    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.start.len() - 1
    }
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.node.len()
    }
    /// True when no node has a neighbour.
    pub fn is_empty(&self) -> bool {
        self.node.is_empty()
    }
    pub(crate) fn range(&self, v: usize) -> std::ops::Range<usize> {
        self.start[v] as usize..self.start[v + 1] as usize
    }
    /// Neighbours of `v`, ascending.
    ///
    /// # Panics
    /// When `v` is no node.
    pub fn of(&self, v: usize) -> &[u32] {
        &self.node[self.range(v)]
    }
    /// Neighbours of `v` with the weights of the edges; 1 where weights do not matter.
    ///
    /// # Panics
    /// When `v` is no node.
    pub fn weighted(&self, v: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        self.range(v).map(|i| (self.node[i] as usize, self.weight.get(i).map_or(1.0, |w| f64::from(*w))))
    }
    /// Number of neighbours of `v`.
    pub fn degree(&self, v: usize) -> usize {
        (self.start[v + 1] - self.start[v]) as usize
    }
    /// Sum of the weights of `v`'s row.
    pub fn strength(&self, v: usize) -> f64 {
        if self.weight.is_empty() {
            return self.degree(v) as f64;
        }
        self.weight[self.range(v)].iter().map(|w| f64::from(*w)).sum()
    }

    fn offsets(nodes: usize, keys: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut start = vec![0u32; nodes + 1];
        for k in keys {
            start[k as usize + 1] += 1;
        }
        for i in 0..nodes {
            start[i + 1] += start[i];
        }
        start
    }

    /// The same edges seen from their other end. Rows of the result ascend.
    pub(crate) fn transposed(&self) -> Rows {
        let nodes = self.nodes();
        let start = Rows::offsets(nodes, self.node.iter().copied());
        let mut fill = start.clone();
        let mut node = vec![0u32; self.node.len()];
        let mut weight = vec![0f32; self.weight.len()];
        for v in 0..nodes {
            for i in self.range(v) {
                let at = &mut fill[self.node[i] as usize];
                node[*at as usize] = v as u32;
                if let Some(w) = self.weight.get(i) {
                    weight[*at as usize] = *w;
                }
                *at += 1;
            }
        }
        Rows { start, node, weight }
    }

    /// Adds up entries of the same node, in place. Rows must ascend.
    fn merge(&mut self) {
        let (mut write, mut read) = (0usize, 0usize);
        for v in 0..self.nodes() {
            let end = self.start[v + 1] as usize;
            self.start[v] = write as u32;
            while read < end {
                let node = self.node[read];
                let mut sum = f64::from(self.weight[read]);
                read += 1;
                while read < end && self.node[read] == node {
                    sum += f64::from(self.weight[read]);
                    read += 1;
                }
                self.node[write] = node;
                self.weight[write] = (sum as f32).min(f32::MAX);
                write += 1;
            }
        }
        let nodes = self.nodes();
        self.start[nodes] = write as u32;
        self.node.truncate(write);
        self.weight.truncate(write);
    }
}

/// A directed, weighted graph, both directions in memory: 16 bytes an edge, 8 a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    out: Rows,
    incoming: Rows,
}

impl Graph {
    /// Builds the rows. Takes the list, so that it can be freed on the way; edges to or from nodes that do not exist and
    /// edges without a finite weight above zero are left out.
    ///
    /// # Errors
    /// [`GraphError`] when the list is ragged or too long.
    pub fn new(nodes: usize, edges: EdgeList) -> Result<Graph, GraphError> {
        let EdgeList { from, to, weight } = edges;
        if from.len() != to.len() || from.len() != weight.len() {
            return Err(GraphError::Ragged { from: from.len(), to: to.len(), weight: weight.len() });
        }
        if u32::try_from(from.len()).is_err() {
            return Err(GraphError::TooManyEdges(from.len()));
        }
        let usable = |i: usize| {
            (from[i] as usize) < nodes && (to[i] as usize) < nodes && weight[i] > 0.0 && weight[i].is_finite()
        };
        // By target first: the transpose of that is ordered by source and, within, by target.
        let start = Rows::offsets(nodes, (0..from.len()).filter(|i| usable(*i)).map(|i| to[i]));
        let mut fill = start.clone();
        let kept = start[nodes] as usize;
        let (mut node, mut heavy) = (vec![0u32; kept], vec![0f32; kept]);
        for i in (0..from.len()).filter(|i| usable(*i)) {
            let at = &mut fill[to[i] as usize];
            node[*at as usize] = from[i];
            heavy[*at as usize] = weight[i];
            *at += 1;
        }
        drop((from, to, weight, fill));
        let unordered = Rows { start, node, weight: heavy };
        let mut out = unordered.transposed();
        drop(unordered);
        out.merge();
        let incoming = out.transposed();
        Ok(Graph { out, incoming })
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.out.nodes()
    }
    /// Number of edges, parallel ones counted once.
    pub fn edges(&self) -> usize {
        self.out.len()
    }
    /// To whom each node's edges go.
    pub fn out(&self) -> &Rows {
        &self.out
    }
    /// From whom each node's edges come.
    pub fn incoming(&self) -> &Rows {
        &self.incoming
    }
    /// The graph with all edges turned round.
    pub fn reversed(self) -> Graph {
        Graph { out: self.incoming, incoming: self.out }
    }

    /// The graph without directions and self loops: each pair once a side, with the sum of both directions' weights.
    pub fn undirected(&self) -> Rows {
        self.join(true)
    }
    /// [`Graph::undirected`] without weights, at half the memory.
    pub fn skeleton(&self) -> Rows {
        self.join(false)
    }

    fn join(&self, weighted: bool) -> Rows {
        let nodes = self.nodes();
        let mut start = Vec::with_capacity(nodes + 1);
        start.push(0u32);
        let most: usize = 2 * self.edges();
        let mut node = Vec::with_capacity(most);
        let mut weight = Vec::with_capacity(if weighted { most } else { 0 });
        for v in 0..nodes {
            let (mut a, mut b) = (self.out.range(v), self.incoming.range(v));
            let (mut i, mut j) = (a.next(), b.next());
            loop {
                let left = i.map(|i| self.out.node[i]);
                let right = j.map(|j| self.incoming.node[j]);
                let next = match (left, right) {
                    (None, None) => break,
                    (Some(x), None) | (None, Some(x)) => x,
                    (Some(x), Some(y)) => x.min(y),
                };
                let mut sum = 0.0f32;
                if left == Some(next) {
                    sum += i.map_or(0.0, |i| self.out.weight[i]);
                    i = a.next();
                }
                if right == Some(next) {
                    sum += j.map_or(0.0, |j| self.incoming.weight[j]);
                    j = b.next();
                }
                if next as usize != v {
                    node.push(next);
                    if weighted {
                        weight.push(sum);
                    }
                }
            }
            start.push(node.len() as u32);
        }
        node.shrink_to_fit();
        weight.shrink_to_fit();
        Rows { start, node, weight }
    }

    /// The same graph with its nodes numbered by falling number of neighbours, ties by their old number. What is read most
    /// then lies together, and the walks over the rows miss the cache less often.
    pub fn by_degree(&self) -> Reordered {
        let nodes = self.nodes();
        let degree = |v: usize| self.out.degree(v) + self.incoming.degree(v);
        let most = (0..nodes).map(degree).max().unwrap_or(0);
        let start = Rows::offsets(most + 1, (0..nodes).map(|v| (most - degree(v)) as u32));
        let mut fill = start;
        let (mut old, mut new) = (vec![0u32; nodes], vec![0u32; nodes]);
        for v in 0..nodes {
            let at = &mut fill[most - degree(v)];
            old[*at as usize] = v as u32;
            new[v] = *at;
            *at += 1;
        }
        let mut start = Vec::with_capacity(nodes + 1);
        start.push(0u32);
        let mut node = Vec::with_capacity(self.edges());
        let mut weight = Vec::with_capacity(self.edges());
        for &v in &old {
            for i in self.incoming.range(v as usize) {
                node.push(new[self.incoming.node[i] as usize]);
                weight.push(self.incoming.weight[i]);
            }
            start.push(node.len() as u32);
        }
        // Twice transposed, rows ascend again.
        let unordered = Rows { start, node, weight };
        let out = unordered.transposed();
        drop(unordered);
        let incoming = out.transposed();
        Reordered { graph: Graph { out, incoming }, original: old }
    }
}

/// A graph under other numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Reordered {
    /// The graph.
    pub graph: Graph,
    /// For each node its number in the graph that it was made from.
    pub original: Vec<u32>,
}

impl Reordered {
    /// Values of this graph's nodes in the order of the original's.
    pub fn restore<T: Copy + Default>(&self, values: &[T]) -> Vec<T> {
        let mut result = vec![T::default(); values.len()];
        for (v, &o) in values.iter().zip(&self.original) {
            result[o as usize] = *v;
        }
        result
    }
    /// Values of the original's nodes in the order of this graph's.
    pub fn carry<T: Copy>(&self, values: &[T]) -> Vec<T> {
        self.original.iter().map(|&o| values[o as usize]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_is_no_edge_is_left_out() {
        let list: EdgeList =
            [(0, 1, 1.0), (0, 1, 2.0), (0, 9, 1.0), (1, 0, 0.0), (1, 0, -1.0), (1, 0, f32::NAN), (1, 1, 0.5)]
                .into_iter()
                .collect();
        let g = Graph::new(2, list).unwrap();
        assert_eq!(g.edges(), 2);
        assert_eq!(g.out().weighted(0).collect::<Vec<_>>(), [(1, 3.0)]);
        assert_eq!(g.undirected().len(), 2, "self loops are no neighbours");
        assert!(matches!(
            Graph::new(1, EdgeList { from: vec![0], ..EdgeList::default() }),
            Err(GraphError::Ragged { .. })
        ));
        assert_eq!(Graph::new(0, EdgeList::default()).unwrap().nodes(), 0);
    }

    proptest! {
        #[test]
        fn rows_hold_what_the_list_says(edges in proptest::collection::vec((0u32..9, 0u32..9, 0u8..4), 0..80)) {
            let mut want: BTreeMap<(u32, u32), f64> = BTreeMap::new();
            for &(a, b, w) in edges.iter().filter(|e| e.2 > 0) {
                *want.entry((a, b)).or_default() += f64::from(w);
            }
            let list: EdgeList = edges.iter().map(|&(a, b, w)| (a, b, f32::from(w))).collect();
            let g = Graph::new(9, list).unwrap();
            let read = |rows: &Rows, turn: bool| -> BTreeMap<(u32, u32), f64> {
                (0..9).flat_map(|v| rows.weighted(v).map(move |(u, w)| {
                    (if turn { (u as u32, v as u32) } else { (v as u32, u as u32) }, w)
                }).collect::<Vec<_>>()).collect()
            };
            prop_assert_eq!(&read(g.out(), false), &want);
            prop_assert_eq!(&read(g.incoming(), true), &want);
            let r = g.by_degree();
            let back: BTreeMap<(u32, u32), f64> = read(r.graph.out(), false).into_iter()
                .map(|((a, b), w)| ((r.original[a as usize], r.original[b as usize]), w)).collect();
            prop_assert_eq!(&back, &want);
            for v in 0..9 {
                prop_assert!(g.out().of(v).is_sorted() && r.graph.incoming().of(v).is_sorted());
            }
            let mut pairs: BTreeMap<(u32, u32), f64> = BTreeMap::new();
            for (&(a, b), w) in want.iter().filter(|((a, b), _)| a != b) {
                *pairs.entry((a, b)).or_default() += w;
                *pairs.entry((b, a)).or_default() += w;
            }
            prop_assert_eq!(read(&g.undirected(), false), pairs);
        }
    }
}
