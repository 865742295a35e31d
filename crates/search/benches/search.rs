//! Search over generated posts: latency against the bare index of tantivy in the same run, size against the text.
//!
//! ```text
//! cargo bench -p tm-search --bench search                              # 200,000 posts
//! cargo bench -p tm-search --bench search -- --posts 1000000
//! cargo bench -p tm-search --bench search -- --posts 1000000 --write posts.jsonl --queries queries.tsv
//! python3 crates/search/benches/peers.py posts.jsonl queries.tsv       # SQLite FTS5 and PostgreSQL over the same
//! ```
//!
//! The bare index holds the texts alone (Chinese cut into single characters) with positions, and is asked by tantivy's own
//! query parser for the best twenty and the number of all. Ours answers the same with titles, authors, stems and facets.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

mod posts;

use posts::{Dice, Generator};
use std::io::Write;
use std::time::{Duration, Instant};
use tantivy::collector::{Count, TopDocs};
use tantivy::schema::{IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::{IndexWriter, TantivyDocument};
use tm_model::Timestamp;
use tm_search::{Document, Index, Progress};

/// Chinese with blanks between its characters, for tools that know no other way.
fn spaced(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if ('\u{4e00}'..='\u{9fff}').contains(&c) {
            out.push(' ');
            out.push(c);
            out.push(' ');
        } else {
            out.push(c);
        }
    }
    out
}

/// Queries of each kind: ours, and the same for the others (`None` where they have nothing like it).
fn queries(g: &Generator) -> Vec<(&'static str, String, Option<String>)> {
    let mut dice = Dice(99);
    let mut all = Vec::new();
    let mut add = |kind, ours: String, theirs: Option<String>| all.push((kind, ours, theirs));
    for _ in 0..20 {
        let mut word = |v: &[String], from: usize, to: usize| v[from + dice.below(to - from)].clone();
        let (common, middle, rare) =
            (word(&g.en.words, 5, 120), word(&g.en.words, 200, 2_000), word(&g.en.words, 5_000, 60_000));
        let other = word(&g.en.words, 100, 1_000);
        let (ru, ru2) = (word(&g.ru.words, 40, 2_000), word(&g.ru.words, 5, 100));
        let (zh, zh2) = (word(&g.zh.words, 15, 1_000), word(&g.zh.words, 15, 60));
        add("one common word", common.clone(), Some(common.clone()));
        add("one rare word", rare.clone(), Some(rare));
        add("two words", format!("{middle} {common}"), Some(format!("{middle} AND {common}")));
        add(
            "three words",
            format!("{middle} {other} {common}"),
            Some(format!("{middle} AND {other} AND {common}")),
        );
        add("phrase", format!("\"{other} {common}\""), Some(format!("\"{other} {common}\"")));
        add(
            "alternatives",
            format!("{middle} OR {other} OR {common}"),
            Some(format!("{middle} OR {other} OR {common}")),
        );
        add("Russian", format!("{ru} {ru2}"), Some(format!("{ru} AND {ru2}")));
        let phrase = |w: &str| format!("\"{}\"", spaced(w).split_whitespace().collect::<Vec<_>>().join(" "));
        add("Chinese word", zh.clone(), Some(phrase(&zh)));
        add(
            "two Chinese words",
            format!("{zh} {zh2}"),
            Some(format!("{} AND {}", phrase(&zh), phrase(&zh2))),
        );
        add("prefix", format!("{}*", middle.chars().take(4).collect::<String>()), None);
        add("fuzzy", format!("{other}~1"), None);
        add("fields", format!("{common} lang:en time:2022 forum:\"forum en 1\""), None);
    }
    all
}

fn percentile(times: &mut [Duration], p: f64) -> f64 {
    times.sort_unstable();
    times
        .get(((times.len() as f64 * p).ceil() as usize).saturating_sub(1))
        .map_or(0.0, |t| t.as_secs_f64() * 1e3)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after =
        |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1)).cloned();
    let total: usize = after("--posts").and_then(|n| n.parse().ok()).unwrap_or(200_000);
    let list = queries(&Generator::new(total));
    if let Some(path) = after("--queries") {
        let rows: String = list
            .iter()
            .filter_map(|(kind, _, theirs)| Some(format!("{kind}\t{}\n", theirs.as_ref()?)))
            .collect();
        std::fs::write(path, rows).unwrap();
    }
    if let Some(path) = after("--write") {
        let mut out = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        for p in Generator::new(total) {
            let quote = |s: &str| {
                format!("\"{}\"", s.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
            };
            let reply = p.reply_to.map_or(String::new(), |r| format!(",\"reply_to\":\"{r}\""));
            writeln!(
                out,
                "{{\"id\":\"{}\",\"forum\":{},\"board\":{},\"thread\":\"{}\",\"title\":{},\"author\":{},\"time\":{},\"text\":{}{reply}}}",
                p.id, quote(&p.forum), quote(&p.board), p.thread, quote(&p.title), quote(&p.author), p.time, quote(&p.text)
            )
            .unwrap();
        }
        out.flush().unwrap();
        return;
    }
    let folder = std::env::temp_dir().join(format!("tm-search-bench-{}", std::process::id()));
    let (ours_at, bare_at) = (folder.join("ours"), folder.join("bare"));
    std::fs::create_dir_all(&bare_at).unwrap();
    let started = Instant::now();
    let ours = Index::open(&ours_at).unwrap();
    let (mut batch, mut bytes) = (Vec::new(), 0u64);
    let mark = |change| Progress { store: "bench".into(), change };
    for p in Generator::new(total) {
        bytes += p.text.len() as u64;
        batch.push(Document {
            id: p.id as i64 + 1,
            thread: p.thread as i64,
            text: p.text,
            title: p.title,
            author: p.author,
            forum: p.forum,
            board: p.board,
            language: p.lang.parse().ok(),
            time: Some(Timestamp(p.time)),
            ..Document::default()
        });
        if batch.len() == 1000 {
            ours.add(&std::mem::take(&mut batch)).unwrap();
            if (p.id + 1).is_multiple_of(50_000) {
                ours.commit(&mark(p.id as i64)).unwrap();
            }
        }
    }
    ours.add(&batch).unwrap();
    ours.commit(&mark(total as i64)).unwrap();
    ours.release().unwrap();
    let ours_took = started.elapsed();
    println!(
        "{total} posts, {:.1} MB of text ({:.0} bytes a post)",
        bytes as f64 / 1e6,
        bytes as f64 / total as f64
    );
    println!(
        "ours: {:.1} s, {:.1} MB, {:.2} of the text",
        ours_took.as_secs_f64(),
        ours.bytes() as f64 / 1e6,
        ours.bytes() as f64 / bytes as f64
    );
    let started = Instant::now();
    let mut schema = Schema::builder();
    let indexing = TextFieldIndexing::default()
        .set_tokenizer("default")
        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
    let field = schema.add_text_field("text", TextOptions::default().set_indexing_options(indexing));
    let bare = tantivy::Index::create_in_dir(&bare_at, schema.build()).unwrap();
    let mut writer: IndexWriter = bare.writer_with_num_threads(1, 96 << 20).unwrap();
    for p in Generator::new(total) {
        let mut doc = TantivyDocument::new();
        doc.add_text(field, spaced(&p.text));
        writer.add_document(doc).unwrap();
    }
    writer.commit().unwrap();
    writer.wait_merging_threads().unwrap();
    let size: u64 = std::fs::read_dir(&bare_at).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
    println!(
        "bare: {:.1} s, {:.1} MB, {:.2} of the text",
        started.elapsed().as_secs_f64(),
        size as f64 / 1e6,
        size as f64 / bytes as f64
    );
    let searcher = bare.reader().unwrap().searcher();
    let mut parser = tantivy::query::QueryParser::for_index(&bare, vec![field]);
    parser.set_conjunction_by_default();
    println!(
        "\n{:<20} {:>9} {:>9} {:>9} {:>9}   ms: ours p50, p99; bare p50, p99",
        "", "ours", "", "bare", ""
    );
    let kinds = list.iter().map(|q| q.0).fold(Vec::new(), |mut all, k| {
        if !all.contains(&k) {
            all.push(k);
        }
        all
    });
    let (mut all_ours, mut all_bare) = (Vec::new(), Vec::new());
    for kind in kinds {
        let (mut mine, mut theirs) = (Vec::new(), Vec::new());
        for (_, query, other) in list.iter().filter(|q| q.0 == kind) {
            // Each three times: the first finds the pages cold.
            for turn in 0..3 {
                let started = Instant::now();
                let hits = ours.search(query, None, None, 0, 20).unwrap();
                let took = started.elapsed();
                std::hint::black_box(&hits);
                if turn > 0 {
                    mine.push(took);
                    if other.is_some() {
                        all_ours.push(took);
                    }
                }
                let Some(other) = other else { continue };
                let started = Instant::now();
                let query = parser.parse_query(other).unwrap();
                std::hint::black_box(
                    searcher.search(&*query, &(Count, TopDocs::with_limit(20).order_by_score())).unwrap(),
                );
                if turn > 0 {
                    theirs.push(started.elapsed());
                    all_bare.push(started.elapsed());
                }
            }
        }
        println!(
            "{kind:<20} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
            percentile(&mut mine, 0.5),
            percentile(&mut mine, 0.99),
            percentile(&mut theirs, 0.5),
            percentile(&mut theirs, 0.99)
        );
    }
    let (a, b) = (percentile(&mut all_ours, 0.99), percentile(&mut all_bare, 0.99));
    println!(
        "all that both answer: p50 {:.2} against {:.2}, p99 {a:.2} against {b:.2}, {:.2} times",
        percentile(&mut all_ours, 0.5),
        percentile(&mut all_bare, 0.5),
        a / b.max(1e-9)
    );
    std::fs::remove_dir_all(&folder).unwrap();
}
