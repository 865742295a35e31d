//! Times the measures on generated forum graphs and, with `--write FILE`, hands the graph to `peers.py`, which times other
//! libraries on the same one. See docs/ranking.md.
//!
//! `cargo bench -p tm-graph --bench measures -- s|m|l|xl [--threads N] [--write FILE] [--only NAME]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::io::Write;
use std::time::Instant;
use tm_graph::{
    EdgeList, Graph, LeidenOptions, PageRankOptions, Random, SamplingOptions, betweenness, clustering,
    core_numbers, hits, leiden, pagerank, sampled_betweenness, strong_components, weak_components,
};

/// A forum: boards of uneven size; accounts whose activity and standing are heavy-tailed and who are at home in one board;
/// four of five answers go to somebody of the same board; one in six is answered in turn. Numbers are dealt at random, as
/// a database deals them.
fn forum(accounts: usize, interactions: usize, seed: u64) -> EdgeList {
    let mut r = Random::new(seed, 0);
    let boards = (accounts as f64).sqrt() as usize / 2;
    // Heavy-tailed sizes: board b takes a share ~ 1/(b+5).
    let weight: Vec<f64> = (0..boards).map(|b| 1.0 / (b as f64 + 5.0)).collect();
    let total: f64 = weight.iter().sum();
    let mut members: Vec<Vec<u32>> = Vec::new();
    let mut deal: Vec<u32> = (0..accounts as u32).collect();
    for i in (1..accounts).rev() {
        deal.swap(i, r.below(i as u64 + 1) as usize);
    }
    let mut at = 0usize;
    for w in &weight {
        let take = ((w / total * accounts as f64) as usize).max(2).min(accounts - at);
        members.push(deal[at..at + take].to_vec());
        at += take;
    }
    members[0].extend(&deal[at..]);
    let mut list = EdgeList::with_capacity(interactions);
    // The square of a uniform number favours the beginning of a board's list: its regulars.
    let pick =
        |r: &mut Random, of: &[u32], power: i32| of[((r.unit().powi(power)) * of.len() as f64) as usize];
    let mut board_of = vec![0u32; accounts];
    for (b, m) in members.iter().enumerate() {
        m.iter().for_each(|a| board_of[*a as usize] = b as u32);
    }
    while list.len() < interactions {
        let any = deal[r.below(accounts as u64) as usize];
        let home = board_of[any as usize] as usize;
        let from = if r.unit() < 0.5 { any } else { pick(&mut r, &members[home], 2) };
        let where_to = if r.unit() < 0.72 {
            home
        } else {
            board_of[deal[r.below(accounts as u64) as usize] as usize] as usize
        };
        let to = pick(&mut r, &members[where_to], 3);
        if from == to {
            continue;
        }
        let weight = 1.0 + (r.unit().powi(-1).ln() * 1.5).floor() as f32;
        list.push(from, to, weight);
        if r.unit() < 0.17 && list.len() < interactions {
            list.push(to, from, 1.0);
        }
    }
    list
}

fn memory(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find(|l| l.starts_with(key))
        .and_then(|l| l.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// Seconds that the threads of this process have run: what a busy machine leaves comparable.
fn cpu() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let ran = tasks.filter_map(|t| std::fs::read_to_string(t.path().join("schedstat")).ok());
    ran.filter_map(|s| s.split_whitespace().next()?.parse::<f64>().ok()).sum::<f64>() / 1e9
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let value =
        |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1)).cloned();
    let threads = value("--threads").map_or(1, |t| t.parse().expect("a number of threads"));
    let size = arguments.first().map_or("s", String::as_str);
    let (accounts, interactions) = match size {
        "s" => (10_000, 85_000),
        "m" => (100_000, 900_000),
        "l" => (1_000_000, 9_000_000),
        "xl" => (5_000_000, 46_500_000),
        other => panic!("unknown size {other}: s, m, l or xl"),
    };
    let only = value("--only");
    let wanted = |name: &str| only.as_deref().is_none_or(|o| o.split(',').any(|o| o == name));
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().unwrap();
    let list = forum(accounts, interactions, 42);
    let clock = Instant::now();
    let graph = Graph::new(accounts, list).unwrap();
    println!(
        "{size}: {} accounts, {} edges, {threads} thread(s); rows built in {:.3} s, memory {:.0} MB (peak {:.0})",
        graph.nodes(),
        graph.edges(),
        clock.elapsed().as_secs_f64(),
        memory("VmRSS"),
        memory("VmHWM")
    );
    if let Some(path) = value("--write") {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        file.write_all(&(graph.nodes() as u64).to_le_bytes()).unwrap();
        file.write_all(&(graph.edges() as u64).to_le_bytes()).unwrap();
        for v in 0..graph.nodes() {
            for _ in graph.out().of(v) {
                file.write_all(&(v as u32).to_le_bytes()).unwrap();
            }
        }
        for v in 0..graph.nodes() {
            for u in graph.out().of(v) {
                file.write_all(&u.to_le_bytes()).unwrap();
            }
        }
        for v in 0..graph.nodes() {
            for (_, w) in graph.out().weighted(v) {
                file.write_all(&(w as f32).to_le_bytes()).unwrap();
            }
        }
        file.flush().unwrap();
    }
    let clock = Instant::now();
    let ordered = graph.by_degree();
    println!("reordered {:.3} s", clock.elapsed().as_secs_f64());
    let time = |name: &str, run: &dyn Fn() -> String| {
        if wanted(name) {
            let (clock, before) = (Instant::now(), cpu());
            let note = run();
            println!(
                "{name:<22} {:>9.4} s  cpu {:>9.4}  {note}  (peak {:.0} MB)",
                clock.elapsed().as_secs_f64(),
                cpu() - before,
                memory("VmHWM")
            );
        }
    };
    let options = PageRankOptions::default();
    time("pagerank", &|| {
        format!("max {:.4e}", pagerank(&graph, &[], &options).into_iter().fold(0.0, f64::max))
    });
    // The rest works on the reordered graph alone.
    drop(graph);
    let graph = ordered.graph;
    time("pagerank-reordered", &|| {
        format!("max {:.4e}", pagerank(&graph, &[], &options).into_iter().fold(0.0, f64::max))
    });
    time("hits", &|| {
        format!("max authority {:.4e}", hits(&graph, 1e-8, 1000).authorities.into_iter().fold(0.0, f64::max))
    });
    time("weak-components", &|| format!("{}", weak_components(&graph).iter().max().map_or(0, |c| c + 1)));
    time("strong-components", &|| format!("{}", strong_components(&graph).iter().max().map_or(0, |c| c + 1)));
    if wanted("kcore") || wanted("clustering") {
        let rows = graph.skeleton();
        time("kcore", &|| format!("highest {}", core_numbers(&rows).iter().max().unwrap_or(&0)));
        time("clustering", &|| {
            let c = clustering(&rows);
            format!("mean {:.5}", c.iter().sum::<f64>() / c.len() as f64)
        });
    }
    if wanted("leiden") {
        let rows = graph.undirected();
        for runs in [1, 2] {
            time("leiden", &|| {
                let c = leiden(&rows, &LeidenOptions { runs, ..LeidenOptions::default() });
                format!("runs {runs}, Q {:.4}, {} communities", c.modularity, c.count)
            });
        }
    }
    if size == "s" || only.as_deref() == Some("betweenness") {
        time("betweenness", &|| format!("max {:.4e}", betweenness(&graph).into_iter().fold(0.0, f64::max)));
    }
    if size == "s" || size == "m" {
        let exact = (only.as_deref() == Some("overlap")).then(|| betweenness(&graph));
        for error in [0.01, 0.003, 0.002, 0.001] {
            if !(wanted("sampled") || wanted("overlap")) {
                continue;
            }
            let (clock, before) = (Instant::now(), cpu());
            let s = sampled_betweenness(&graph, &SamplingOptions { error, ..SamplingOptions::default() });
            let seconds = clock.elapsed().as_secs_f64();
            let top = |x: &[f64]| {
                let mut order: Vec<usize> = (0..x.len()).collect();
                order.sort_by(|a, b| x[*b].total_cmp(&x[*a]));
                order.truncate(100);
                order
            };
            let overlap = exact.as_ref().map(|e| {
                let (a, b) = (top(e), top(&s.share));
                let pairs = e.len() as f64 * (e.len() as f64 - 1.0);
                let worst = e.iter().zip(&s.share).map(|(e, s)| (e / pairs - s).abs()).fold(0.0, f64::max);
                format!(
                    ", top-100 overlap {}, true error {worst:.5}",
                    a.iter().filter(|v| b.contains(v)).count()
                )
            });
            let spent = cpu() - before;
            println!(
                "sampled error {error:<6} {seconds:>9.4} s  cpu {spent:>9.4}  {} pairs, bound {:.5}{}",
                s.pairs,
                s.error,
                overlap.unwrap_or_default()
            );
        }
    }
}
