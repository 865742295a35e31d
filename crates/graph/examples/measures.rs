//! Prints all measures of graphs, one JSON object a graph, for comparing with other libraries (`benches/agree.py`).
//!
//! Standard input: for each graph a line `graph NODES`, then lines `FROM TO WEIGHT`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::BufRead;
use tm_graph::{
    EdgeList, Graph, PageRankOptions, betweenness, clustering, constraint, core_numbers, hits, leiden,
    modularity, pagerank, strong_components, weak_components,
};

fn numbers<T: std::fmt::Display>(values: impl IntoIterator<Item = T>) -> String {
    let list: Vec<String> = values.into_iter().map(|v| v.to_string()).collect();
    format!("[{}]", list.join(","))
}

fn show(nodes: usize, edges: EdgeList) {
    let g = Graph::new(nodes, edges).unwrap();
    let exact = PageRankOptions { tolerance: 1e-12, ..PageRankOptions::default() };
    let topic: Vec<f64> = (0..nodes).map(|v| (v % 3) as f64).collect();
    let h = hits(&g, 1e-11, 3000);
    let (rows, bare) = (g.undirected(), g.skeleton());
    let groups = leiden(&rows, &tm_graph::LeidenOptions::default()).of;
    println!(
        "{{\"pagerank\":{},\"topic\":{},\"hubs\":{},\"authorities\":{},\"core\":{},\"weak\":{},\"strong\":{},\"betweenness\":{},\
         \"clustering\":{},\"constraint\":{},\"groups\":{},\"modularity\":{}}}",
        numbers(pagerank(&g, &[], &exact)),
        numbers(pagerank(&g, &topic, &exact)),
        numbers(h.hubs),
        numbers(h.authorities),
        numbers(core_numbers(&bare)),
        numbers(weak_components(&g)),
        numbers(strong_components(&g)),
        numbers(betweenness(&g)),
        numbers(clustering(&bare)),
        numbers(constraint(&rows)),
        numbers(&groups),
        modularity(&rows, &groups, 1.0),
    );
}

fn main() {
    let mut now: Option<(usize, EdgeList)> = None;
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.first() == Some(&"graph") {
            if let Some((n, edges)) = now.replace((fields[1].parse().unwrap(), EdgeList::default())) {
                show(n, edges);
            }
        } else if let (Some((_, edges)), [a, b, w]) = (&mut now, fields.as_slice()) {
            edges.push(a.parse().unwrap(), b.parse().unwrap(), w.parse().unwrap());
        }
    }
    if let Some((n, edges)) = now {
        show(n, edges);
    }
}
