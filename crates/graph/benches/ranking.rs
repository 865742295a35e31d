//! Quality of the ranking: finds planted key members in forums of five shapes, beside degree, PageRank, content alone and
//! HackerRank; attacks it; prints tables for docs/ranking.md.
//!
//! `cargo bench -p tm-graph --bench ranking [-- --parts]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

mod shapes;

use shapes::Shape;
use tm_graph::rank::hackerrank::{coverage, evaluate, hacker_rank};
use tm_graph::rank::structure::{PARTS, signals};
use tm_graph::{Graph, Interactions, PageRankOptions, core_numbers, pagerank};

/// Forums of each shape.
const SEEDS: u64 = 8;

fn interactions(shape: &Shape) -> Interactions {
    let mut list = Interactions::default();
    for t in &shape.turns {
        list.add(t.from, t.to, 1.0, Some(t.time), Some(t.topic));
    }
    // Accounts that never took part in anything are still accounts.
    list.reserve_accounts(shape.accounts as u32);
    list
}

fn order(score: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..score.len() as u32).collect();
    order.sort_by(|a, b| score[*b as usize].total_cmp(&score[*a as usize]).then(a.cmp(b)));
    order
}

#[derive(Default, Clone, Copy)]
struct Quality {
    auc: f64,
    ap: f64,
    ndcg: f64,
    coverage: f64,
}

fn quality(score: &[f64], key: &[bool], graph: &Graph) -> Quality {
    let order = order(score);
    let (mut hits, mut ap, mut dcg, mut ideal) = (0.0, 0.0, 0.0, 0.0);
    let total = key.iter().filter(|k| **k).count() as f64;
    for (i, v) in order.iter().enumerate() {
        if key[*v as usize] {
            hits += 1.0;
            ap += hits / (i + 1) as f64;
            if i < 20 {
                dcg += 1.0 / (i as f64 + 2.0).log2();
            }
        }
        if i < 20 && (i as f64) < total {
            ideal += 1.0 / (i as f64 + 2.0).log2();
        }
    }
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (a, _) in key.iter().enumerate().filter(|k| *k.1) {
        for (b, _) in key.iter().enumerate().filter(|k| !*k.1) {
            pairs += 1.0;
            wins += if score[a] > score[b] {
                1.0
            } else if score[a] == score[b] {
                0.5
            } else {
                0.0
            };
        }
    }
    Quality {
        auc: wins / pairs,
        ap: ap / total,
        ndcg: dcg / ideal,
        coverage: coverage(graph, &order[..order.len().min(10)]),
    }
}

const METHODS: [&str; 7] =
    ["degree", "PageRank", "k-core", "content", "HackerRank", "ours", "ours, no times"];

fn scores(shape: &Shape) -> (Graph, Vec<Vec<f64>>, Vec<[f64; 7]>) {
    let list = interactions(shape);
    let graph = Graph::new(shape.accounts, list.edges()).unwrap();
    let n = shape.accounts;
    let degree = (0..n).map(|v| (graph.out().degree(v) + graph.incoming().degree(v)) as f64).collect();
    let rank = pagerank(&graph, &[], &PageRankOptions::default());
    let core = core_numbers(&graph.skeleton()).into_iter().map(f64::from).collect();
    let content = evaluate(&shape.members).1;
    let hacker = hacker_rank(&shape.members, &graph).unwrap();
    let found = signals(&list).unwrap().signals;
    let sum = |s: &[f64; 7]| PARTS.iter().zip(s).map(|(p, x)| p.1 * x).sum::<f64>();
    let ours = found.iter().map(sum).collect();
    let mut timeless = Interactions::default();
    shape.turns.iter().for_each(|t| timeless.add(t.from, t.to, 1.0, None, None));
    timeless.reserve_accounts(n as u32);
    let still = signals(&timeless).unwrap().signals.iter().map(sum).collect();
    (graph, vec![degree, rank, core, content, hacker, ours, still], found)
}

/// Lifts a nobody by force in the market and tells where he ends up, of about a thousand, by each method.
fn attacks() {
    println!("\n| attack on the market | degree | PageRank | HackerRank | ours |\n|---|---|---|---|---|");
    let mut r = tm_graph::Random::new(5, 5);
    let (start, day) = (1_600_000_000i64, 86_400i64);
    for attack in [
        "none",
        "ring of 50 accounts, two years",
        "ring that splits in two",
        "300 spam posts to all",
        "bump bot, 2000 answers by one",
        "one thread, 400 answers in two days",
        "200 answers by new accounts in a week",
    ] {
        let mut shape = shapes::market(3);
        let nobody = 850u32;
        shape.turns.retain(|t| t.from != nobody && t.to != nobody);
        let n = shape.accounts as u32;
        let mut add =
            |from: u32, to: u32, time: i64| shape.turns.push(shapes::Turn { from, to, time, topic: 0 });
        let mut more = 0u32;
        match attack {
            "ring of 50 accounts, two years" | "ring that splits in two" => {
                more = 50;
                let halves = attack.ends_with("two");
                for a in 0..50u32 {
                    for _ in 0..60 {
                        let b = r.below(50) as u32;
                        let b = if halves && r.unit() < 0.8 { b / 2 * 2 + a % 2 } else { b };
                        if a != b {
                            add(n + a, n + b.min(49), start + (r.unit() * 720.0) as i64 * day);
                        }
                    }
                    for _ in 0..20 {
                        let t = start + (r.unit() * 720.0) as i64 * day;
                        add(n + a, nobody, t);
                        add(nobody, n + a, t + 600);
                        // And to everybody else, in the hope of an answer.
                        add(n + a, r.below(u64::from(n)) as u32, t);
                    }
                }
            }
            "300 spam posts to all" => {
                (0..300).for_each(|i| add(nobody, r.below(u64::from(n)) as u32, start + (100 + i / 30) * day))
            }
            "bump bot, 2000 answers by one" => {
                more = 1;
                (0..2000).for_each(|i| add(n, nobody, start + (i * 720 / 2000) * day));
            }
            "one thread, 400 answers in two days" => {
                (0..400).for_each(|i| add(r.below(u64::from(n)) as u32, nobody, start + 300 * day + i * 400))
            }
            "200 answers by new accounts in a week" => {
                more = 200;
                (0..200).for_each(|i| add(n + i as u32, nobody, start + 300 * day + i * 3000));
            }
            _ => {}
        }
        shape.accounts += more as usize;
        shape.key.resize(shape.accounts, false);
        let none = tm_graph::rank::hackerrank::Member { topics: vec![1.0; 8], ..Default::default() };
        shape.members.resize(shape.accounts, none);
        let (_, all, _) = scores(&shape);
        let place = |m: usize| order(&all[m]).iter().position(|v| *v == nobody).map_or(0, |p| p + 1);
        println!("| {attack} | {} | {} | {} | {} |", place(0), place(1), place(4), place(5));
    }
}

fn main() {
    let parts = std::env::args().any(|a| a == "--parts");
    let names: Vec<&str> = shapes::all(0).iter().map(|s| s.name).collect();
    let mut sums = vec![vec![Quality::default(); METHODS.len()]; names.len()];
    let mut alone = vec![[0.0f64; 7]; names.len()];
    let mut without = vec![[0.0f64; 7]; names.len()];
    for seed in 0..SEEDS {
        for (s, shape) in shapes::all(seed).iter().enumerate() {
            let (graph, all, found) = scores(shape);
            for (m, score) in all.iter().enumerate() {
                let q = quality(score, &shape.key, &graph);
                let t = &mut sums[s][m];
                let each = 1.0 / SEEDS as f64;
                (t.auc, t.ap) = (t.auc + q.auc * each, t.ap + q.ap * each);
                (t.ndcg, t.coverage) = (t.ndcg + q.ndcg * each, t.coverage + q.coverage * each);
            }
            for p in 0..7 {
                let one: Vec<f64> = found.iter().map(|f| f[p]).collect();
                alone[s][p] += quality(&one, &shape.key, &graph).ap / SEEDS as f64;
                let rest: Vec<f64> = found
                    .iter()
                    .map(|f| (0..7).filter(|q| *q != p).map(|q| PARTS[q].1 * f[q]).sum::<f64>())
                    .collect();
                without[s][p] += quality(&rest, &shape.key, &graph).ap / SEEDS as f64;
            }
        }
    }
    println!("| shape | method | AUC | AP | nDCG@20 | coverage of the first 10 |\n|---|---|---|---|---|---|");
    let mut mean = vec![Quality::default(); METHODS.len()];
    for (s, name) in names.iter().enumerate() {
        for (m, method) in METHODS.iter().enumerate() {
            let q = sums[s][m];
            println!(
                "| {name} | {method} | {:.3} | {:.3} | {:.3} | {:.3} |",
                q.auc, q.ap, q.ndcg, q.coverage
            );
            let t = &mut mean[m];
            let each = 1.0 / names.len() as f64;
            (t.auc, t.ap) = (t.auc + q.auc * each, t.ap + q.ap * each);
            (t.ndcg, t.coverage) = (t.ndcg + q.ndcg * each, t.coverage + q.coverage * each);
        }
    }
    for (method, q) in METHODS.iter().zip(&mean) {
        println!("| mean | {method} | {:.3} | {:.3} | {:.3} | {:.3} |", q.auc, q.ap, q.ndcg, q.coverage);
    }
    attacks();
    if std::env::args().any(|a| a == "--dump") {
        // Signals and truth, for looking at other weights: shape, seed, key, seven values.
        for seed in 0..SEEDS {
            for shape in shapes::all(seed) {
                let (_, _, found) = scores(&shape);
                for (v, f) in found.iter().enumerate() {
                    let line: Vec<String> = f.iter().map(|x| format!("{x:.5}")).collect();
                    println!("@ {} {seed} {} {}", shape.name, u8::from(shape.key[v]), line.join(" "));
                }
            }
        }
    }
    if parts {
        println!("\nAP of each part alone, and of the sum without it");
        for (p, (part, _)) in PARTS.iter().enumerate() {
            let line: Vec<String> = (0..names.len())
                .map(|s| format!("{} {:.3} / {:.3}", names[s], alone[s][p], without[s][p]))
                .collect();
            println!("{part:<12} {}", line.join("  "));
        }
    }
}
