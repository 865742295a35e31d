//! Alias candidates on accounts cut in two: every other post goes to a second account of another name. How often is the
//! other half the best match by style, and how precise is what is shown?
//!
//! `cargo bench -p tm-graph --bench aliases -- FILE.jsonl…` (posts with `author`, `text`, `time`)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, missing_docs)]

use std::collections::BTreeMap;
use tm_graph::alias::{Profile, candidates, style};
use tm_model::PostRecord;

fn main() {
    let files: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/");
    let default = ["nightmarket", "cherny-port", "anying"].map(|n| format!("{root}{n}.jsonl"));
    println!(
        "| posts | posts a half | accounts | recall@1 by style | shown pairs | precision | recall |\n|---|---|---|---|---|---|---|"
    );
    for path in if files.is_empty() { default.to_vec() } else { files } {
        let text = std::fs::read_to_string(&path).expect("a file of posts");
        let mut of: BTreeMap<String, Vec<PostRecord>> = BTreeMap::new();
        for line in text.lines() {
            let post: PostRecord = serde_json::from_str(line).expect("a post");
            if let Some(author) = post.author.clone() {
                of.entry(author).or_default().push(post);
            }
        }
        for half in [5usize, 10, 20, 50, 200] {
            let people: Vec<&Vec<PostRecord>> = of.values().filter(|p| p.len() >= 2 * half).collect();
            if people.len() < 5 {
                continue;
            }
            let mut profiles = Vec::new();
            for (i, posts) in people.iter().enumerate() {
                for side in 0..2 {
                    let mut p = Profile::new((2 * i + side) as i64, side as i64, &format!("half{side}of{i}"));
                    for post in posts.iter().skip(side).step_by(2).take(half) {
                        p.read(&post.text);
                        post.time.iter().for_each(|t| p.hours[t.hour()] += 1);
                    }
                    profiles.push(p);
                }
            }
            let z = style(&profiles);
            let hits = (0..z.len())
                .filter(|a| (0..z[*a].len()).max_by(|x, y| z[*a][*x].total_cmp(&z[*a][*y])) == Some(a ^ 1))
                .count();
            let shown = candidates(&profiles);
            let right = shown.iter().filter(|c| c.a ^ 1 == c.b).count();
            let name = path.rsplit('/').next().unwrap_or(&path);
            println!(
                "| {name} | {half} | {} | {:.3} | {} | {} | {:.3} |",
                people.len(),
                hits as f64 / z.len() as f64,
                shown.len(),
                if shown.is_empty() {
                    "-".into()
                } else {
                    format!("{:.3}", right as f64 / shown.len() as f64)
                },
                right as f64 / people.len() as f64
            );
        }
    }
}
