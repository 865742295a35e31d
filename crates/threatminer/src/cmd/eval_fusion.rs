//! `eval fusion`: how mentions are joined, against labelled happenings; and the fit of its weights.
//!
//! Data: posts in the form of `import`, each with `events` in the form of `data/events` and in each event the `happening`
//! that it speaks of, a name of one's choice.

use super::Setting;
use crate::cli::Eval;
use crate::output;
use anyhow::Context as _;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use tm_extract::Analyzer;
use tm_graph::fuse::{Clustering, FEATURES, Fuser, Settings, Weights, fit, quality};
use tm_model::{CharIndex, EntityType, EventType, Mention, Modality, PostAnalysis, PostRecord, Role, Span};

/// Penalty of the fit; chosen on one part of the development half for the other.
const PENALTY: f64 = 2.0;

#[derive(serde::Deserialize)]
struct GoldArgument {
    role: Role,
    span: (u32, u32),
}

#[derive(serde::Deserialize)]
struct GoldMention {
    #[serde(rename = "type")]
    kind: EventType,
    modality: Modality,
    trigger: (u32, u32),
    #[serde(default)]
    args: Vec<GoldArgument>,
    happening: String,
}

#[derive(serde::Deserialize)]
struct Gold {
    #[serde(default)]
    events: Vec<GoldMention>,
}

/// Mentions with their author's handle, and the labelled happening of each.
#[derive(Default)]
struct Stream {
    posts: usize,
    mentions: Vec<Mention>,
    handles: HashMap<i64, String>,
    /// For each labelled mention its happening and the mention that stands for it, if one was found.
    gold: Vec<(String, Option<usize>)>,
}

fn read(path: &Path) -> anyhow::Result<Vec<(PostRecord, Gold)>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().enumerate().filter(|l| !l.1.trim().is_empty());
    lines
        .map(|(i, line)| {
            let bad = || format!("{}, line {}", path.display(), i + 1);
            let post: PostRecord = serde_json::from_str(line).with_context(bad)?;
            let gold: Gold = serde_json::from_str(line).with_context(bad)?;
            let index = CharIndex::new(&post.text);
            let spans = gold
                .events
                .iter()
                .flat_map(|e| std::iter::once(e.trigger).chain(e.args.iter().map(|a| a.span)));
            for (start, end) in spans {
                anyhow::ensure!(
                    !index.slice(Span::new(start, end)).is_empty(),
                    "{}: post {} has no words from {start} to {end}",
                    bad(),
                    post.external_id()
                );
            }
            Ok((post, gold))
        })
        .collect()
}

/// Numbers names as they come.
fn number(known: &mut HashMap<String, i64>, name: String) -> i64 {
    let next = known.len() as i64 + 1;
    *known.entry(name).or_insert(next)
}

fn stream(mut posts: Vec<(PostRecord, Gold)>, analyzer: &Analyzer, from_text: bool) -> Stream {
    posts.sort_by_key(|p| p.0.time);
    let texts: Vec<&str> = posts.iter().map(|p| p.0.text.as_str()).collect();
    let found: Vec<PostAnalysis> = analyzer.analyze_all(&texts);
    let mut out = Stream { posts: posts.len(), ..Stream::default() };
    let (mut forums, mut threads, mut accounts, mut ids) =
        (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
    for (post, _) in &posts {
        let forum = post.forum.clone().unwrap_or_default();
        number(&mut ids, format!("{forum}\n{}", post.external_id()));
    }
    for ((post, gold), analysis) in posts.iter().zip(&found) {
        let forum = post.forum.clone().unwrap_or_default();
        let local = |s: &str| format!("{forum}\n{s}");
        let thread = post.thread.clone().or_else(|| post.title.clone()).unwrap_or_default();
        let account = post.author.as_ref().map(|a| number(&mut accounts, local(&a.to_lowercase())));
        if let (Some(account), Some(name)) = (account, &post.author) {
            out.handles.insert(account, name.clone());
        }
        let quoted = post.quotes.iter().filter_map(|q| q.post.as_ref());
        let mut answers: Vec<i64> =
            post.reply_to.iter().chain(quoted).filter_map(|id| ids.get(&local(id)).copied()).collect();
        answers.sort_unstable();
        answers.dedup();
        let index = CharIndex::new(&post.text);
        let mut add = |kind, modality, confidence, trigger: Span, arguments: Vec<(Role, Span)>| {
            let near = &analysis.entities;
            out.mentions.push(Mention {
                id: out.mentions.len() as i64,
                post_id: ids.get(&local(&post.external_id())).copied().unwrap_or_default(),
                thread_id: number(&mut threads, local(&thread)),
                forum_id: number(&mut forums, forum.clone()),
                account_id: account,
                time: post.time,
                kind,
                modality,
                confidence,
                trigger,
                trigger_text: index.slice(trigger).to_owned(),
                arguments: arguments
                    .into_iter()
                    .map(|(role, span)| {
                        let value = near.iter().find(|e| e.span.overlaps(span)).map(|e| e.value.clone());
                        (role, index.slice(span).to_owned(), span, value)
                    })
                    .collect(),
                // The store keeps vectors of posts with events alone.
                vector: if analysis.events.is_empty() { Vec::new() } else { analysis.vector.clone() },
                answers: answers.clone(),
                indicators: near
                    .iter()
                    .filter(|e| e.kind.is_indicator() && e.kind != EntityType::Price)
                    .map(|e| format!("{}:{}", e.kind, e.value))
                    .collect(),
            });
            out.mentions.len() - 1
        };
        if from_text {
            let first: Vec<(usize, EventType, Span)> = analysis
                .events
                .iter()
                .map(|e| {
                    let arguments = e.arguments.iter().map(|a| (a.role, a.span)).collect();
                    (add(e.kind, e.modality, e.confidence, e.trigger, arguments), e.kind, e.trigger)
                })
                .collect();
            // What the model found stands for a label when its trigger overlaps, else when its family is the same.
            let mut free = first;
            for g in &gold.events {
                let place = Span::new(g.trigger.0, g.trigger.1);
                let hit = free
                    .iter()
                    .position(|f| f.2.overlaps(place) && f.1.family() == g.kind.family())
                    .or_else(|| free.iter().position(|f| f.1.family() == g.kind.family()));
                out.gold.push((g.happening.clone(), hit.map(|h| free.remove(h).0)));
            }
        } else {
            for g in &gold.events {
                let arguments = g.args.iter().map(|a| (a.role, Span::new(a.span.0, a.span.1))).collect();
                let i = add(g.kind, g.modality, 1.0, Span::new(g.trigger.0, g.trigger.1), arguments);
                out.gold.push((g.happening.clone(), Some(i)));
            }
        }
    }
    out
}

impl Stream {
    fn handle(&self, m: &Mention) -> Option<&str> {
        m.account_id.and_then(|a| self.handles.get(&a)).map(String::as_str)
    }

    /// Happening of each mention.
    fn join(&self, settings: &Settings) -> Vec<usize> {
        let mut fuser = Fuser::new(settings.clone(), &[]);
        for m in &self.mentions {
            fuser.add(m, self.handle(m));
        }
        fuser.happenings()
    }

    /// Labelled class and cluster of each labelled mention; one that was not found is a cluster of its own.
    fn pairs(&self, joined: &[usize]) -> Vec<(usize, usize)> {
        let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
        self.gold
            .iter()
            .enumerate()
            .map(|(i, (name, mention))| {
                let next = classes.len();
                let class = *classes.entry(name).or_insert(next);
                (class, mention.map_or(self.mentions.len() + i, |m| joined[m]))
            })
            .collect()
    }
}

/// Weights as `--fit` prints them.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Fitted {
    weights: BTreeMap<String, f64>,
    join: f64,
    best: f64,
}

fn settings(options: &Eval) -> anyhow::Result<Settings> {
    let mut settings = Settings::default();
    let place = |name: &str| {
        FEATURES
            .iter()
            .position(|f| *f == name)
            .with_context(|| format!("no feature '{name}', known are: {}", FEATURES.join("; ")))
    };
    if let Some(path) = &options.weights {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let fitted: Fitted = serde_json::from_str(&text)
            .with_context(|| format!("{}: expected what --fit prints", path.display()))?;
        settings.weights = [0.0; FEATURES.len()];
        for (name, weight) in &fitted.weights {
            settings.weights[place(name)?] = *weight;
        }
        (settings.join, settings.best) = (fitted.join, fitted.best);
    }
    for name in &options.without {
        settings.weights[place(name)?] = 0.0;
    }
    Ok(settings)
}

fn learn(stream: &Stream) -> Settings {
    let class: HashMap<usize, &str> =
        stream.gold.iter().filter_map(|(name, m)| Some(((*m)?, name.as_str()))).collect();
    let pairs = Fuser::pairs(&stream.mentions, &|m| stream.handle(m).map(str::to_owned));
    let labelled: Vec<(Weights, bool)> =
        pairs.into_iter().filter_map(|(i, j, x)| Some((x, class.get(&i)? == class.get(&j)?))).collect();
    let together = labelled.iter().filter(|p| p.1).count();
    output::note(format!("{} pairs, {together} of one happening", labelled.len()));
    let weights = fit(&labelled, PENALTY).map(|w| (w * 100.0).round() / 100.0);
    // Threshold and share of the best member: a grid, the first of equals.
    let mut best: Option<(f64, Settings)> = None;
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        for join in (-8..=8).map(|j| f64::from(j) * 0.25) {
            let settings = Settings { weights, join, best: share };
            let q = quality(&stream.pairs(&stream.join(&settings)));
            if best.as_ref().is_none_or(|b| q.f1 + q.nmi > b.0 + 1e-9) {
                best = Some((q.f1 + q.nmi, settings));
            }
        }
    }
    best.map(|b| b.1).unwrap_or_default()
}

pub fn run(context: &Setting, options: &Eval) -> anyhow::Result<ExitCode> {
    let mut posts = Vec::new();
    for path in &options.data {
        posts.extend(read(path)?);
    }
    let analyzer = context.analyzer()?;
    let stream = stream(posts, &analyzer, options.from_text);
    if stream.gold.is_empty() {
        output::note("no labelled mention in the data");
        return Ok(ExitCode::from(1));
    }
    let mut out = output::stdout();
    if options.fit {
        let s = learn(&stream);
        let weights = FEATURES.iter().zip(s.weights).map(|(n, w)| ((*n).to_owned(), w)).collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&Fitted { weights, join: s.join, best: s.best })?)?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = settings(options)?;
    let joined = stream.join(&settings);
    let pairs = stream.pairs(&joined);
    let q: Clustering = quality(&pairs);
    let found = stream.gold.iter().filter(|g| g.1.is_some()).count();
    if options.json {
        let mut value = serde_json::to_value(&q)?;
        value["posts"] = json!(stream.posts);
        value["found"] = json!(found);
        output::json_line(&mut out, &value)?;
    } else {
        writeln!(
            out,
            "{} posts, {} labelled mentions of {} happenings, intervals 95 % bootstrap over happenings",
            stream.posts, q.items, q.classes
        )?;
        if options.from_text {
            writeln!(out, "{found} of the labelled mentions were found by {}", analyzer.version())?;
        }
        writeln!(
            out,
            "B-cubed F1 {:.3} [{:.3}, {:.3}]  P {:.3} R {:.3}",
            q.f1, q.f1_ci95[0], q.f1_ci95[1], q.precision, q.recall
        )?;
        writeln!(out, "NMI        {:.3} [{:.3}, {:.3}]", q.nmi, q.nmi_ci95[0], q.nmi_ci95[1])?;
        writeln!(out, "{} threat events among the labelled mentions", q.clusters)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
