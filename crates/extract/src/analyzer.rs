//! The façade: posts in, analyses out.

use crate::language::detect_language;
use crate::named::{hide_victims, merge};
use crate::neural::{Model, Scratch};
use crate::pattern::Rules;
use rayon::prelude::*;
use tm_model::{EntityHit, PostAnalysis, Span};

/// Posts that one thread reads together. Fixed, so that results cannot depend on the number of threads.
const CHUNK: usize = 32;

/// Finds entities and events in posts. Cheap to share between threads; holds no state between calls.
#[derive(Debug)]
pub struct Analyzer {
    rules: Option<Rules>,
    model: Option<Model>,
    /// Whether known names are looked up.
    names: bool,
}

impl Analyzer {
    /// Patterns and model together.
    pub fn new(rules: Rules, model: Model) -> Analyzer {
        Analyzer { rules: Some(rules), model: Some(model), names: true }
    }
    /// Patterns and known names: no events, no names that nobody knows.
    pub fn rules_only(rules: Rules) -> Analyzer {
        Analyzer { rules: Some(rules), model: None, names: true }
    }
    /// Patterns alone, many times faster than anything with a model.
    pub fn indicators_only(rules: Rules) -> Analyzer {
        Analyzer { rules: Some(rules), model: None, names: false }
    }
    /// The model alone, as training measures it: nothing is merged, no name looked up, nothing hidden.
    pub fn model_only(model: Model) -> Analyzer {
        Analyzer { rules: None, model: Some(model), names: false }
    }

    pub(crate) fn model(&self) -> Option<&Model> {
        self.model.as_ref()
    }

    /// Name of the model, which results carry; `rules` without one.
    pub fn version(&self) -> &str {
        self.model.as_ref().map_or("rules", |m| m.config().name.as_str())
    }

    /// Analyses posts on all threads of the current rayon pool; results stand in the order of the texts.
    pub fn analyze_all(&self, texts: &[&str]) -> Vec<PostAnalysis> {
        texts.par_chunks(CHUNK).flat_map_iter(|chunk| self.analyze(chunk)).collect()
    }

    /// Indicators in what a text links to but does not spell out. They carry the empty span at its end.
    pub fn linked(&self, text: &str, links: &[String]) -> Vec<EntityHit> {
        let Some(rules) = &self.rules else { return Vec::new() };
        let end = text.chars().count() as u32;
        links
            .iter()
            .filter(|link| !text.contains(link.as_str()))
            .flat_map(|link| rules.find(link))
            .map(|hit| EntityHit { span: Span::new(end, end), ..hit })
            .collect()
    }

    /// Analyses posts on the calling thread.
    pub fn analyze(&self, texts: &[&str]) -> Vec<PostAnalysis> {
        let mut results: Vec<PostAnalysis> = texts
            .iter()
            .map(|text| PostAnalysis {
                language: detect_language(text),
                relevance: 0.0,
                entities: self.rules.as_ref().map(|r| r.find(text)).unwrap_or_default(),
                events: Vec::new(),
                vector: Vec::new(),
            })
            .collect();
        let mut named: Vec<Vec<EntityHit>> = vec![Vec::new(); texts.len()];
        let Some(model) = &self.model else {
            self.finish(texts, &mut results, named);
            return results;
        };
        let gate = model.config().thresholds.gate;
        let mut chosen = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            let score = model.gate(text);
            if score >= gate {
                chosen.push(i);
            } else {
                // Below one half and below all that the encoder let through at the gate's edge.
                results[i].relevance = (score * 0.1 * 1e4).round() / 1e4;
            }
        }
        let picked: Vec<&str> = chosen.iter().map(|&i| beginning(texts[i])).collect();
        let tokens: Vec<_> = picked.iter().map(|t| model.tokenizer().encode(t)).collect();
        let readings = model.read_tokens(&picked, &tokens, &mut Scratch::default());
        for (i, reading) in chosen.into_iter().zip(readings) {
            let result = &mut results[i];
            result.relevance = reading.relevance;
            result.vector = reading.vector;
            // An event makes a post relevant, whatever the post head says.
            if let Some(best) = reading.events.iter().map(|e| e.confidence).max_by(f32::total_cmp) {
                result.relevance = result.relevance.max(0.5f32.min(best + 0.1));
            }
            result.events = reading.events;
            named[i] = reading.entities;
        }
        self.finish(texts, &mut results, named);
        results
    }

    /// Joins patterns, model and known names, and hides what belongs to victims.
    fn finish(&self, texts: &[&str], results: &mut [PostAnalysis], named: Vec<Vec<EntityHit>>) {
        for ((text, result), named) in texts.iter().zip(results).zip(named) {
            if self.rules.is_none() {
                result.entities = named;
                continue;
            }
            if self.names {
                merge(text, &mut result.entities, named);
            }
            hide_victims(text, &mut result.entities);
        }
    }
}

/// Bytes of a post that the encoder reads. The states of a token take 1.5 kB: a post of megabytes, which nobody wrote by hand,
/// would take gigabytes and hold up all others. Rules read all of it.
const ENCODED_BYTES: usize = 64 * 1024;

/// As much of a text as the encoder reads, in whole characters.
fn beginning(text: &str) -> &str {
    if text.len() <= ENCODED_BYTES {
        return text;
    }
    let end = (0..=ENCODED_BYTES).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural::Instructions;

    #[test]
    fn the_encoder_reads_no_more_than_a_bounded_beginning() {
        let long = "б".repeat(ENCODED_BYTES);
        assert_eq!(beginning(&long).len(), ENCODED_BYTES);
        assert!(beginning(&format!("x{long}")).len() == ENCODED_BYTES - 1);
        assert_eq!(beginning("short"), "short");
    }

    fn shipped(most: Instructions) -> Analyzer {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/threatminer.safetensors");
        let mut model =
            Model::read(&std::fs::read(path).expect("the model is there")).expect("it can be read");
        model.limit(most);
        Analyzer::model_only(model)
    }

    #[test]
    fn threads_company_and_instructions_change_nothing() {
        let long = "Selling fresh bank logs, $40 each, escrow accepted. PM me. ".repeat(40);
        let posts = [
            "Selling fresh bank logs, price $40, escrow accepted, contact @seller_example",
            "thanks",
            "\u{43f}\u{440}\u{43e}\u{434}\u{430}\u{43c} \u{43b}\u{43e}\u{433}\u{438} \u{441}\u{442}\u{438}\u{43b}\u{435}\u{440}\u{430}, 200$ \u{437}\u{430} \u{441}\u{43e}\u{442}\u{43d}\u{44e}",
            "\u{51fa}\u{552e} CVV \u{6599}\u{5b50}",
            "",
            &long,
        ];
        let texts: Vec<&str> = posts.iter().copied().cycle().take(70).collect();
        let fastest = shipped(Instructions::detect());
        let on = |threads: usize, analyzer: &Analyzer, texts: &[&str]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
            pool.install(|| analyzer.analyze_all(texts))
        };
        let expect = on(1, &fastest, &texts);
        assert!(expect.iter().any(|a| !a.events.is_empty()));
        assert_eq!(on(2, &fastest, &texts), expect);
        let alone: Vec<PostAnalysis> = posts.iter().flat_map(|p| fastest.analyze(&[*p])).collect();
        assert_eq!(alone, expect[..posts.len()]);
        // Plain code is slow: short posts will do.
        for set in Instructions::ALL.into_iter().filter(|&i| i < Instructions::detect()) {
            assert_eq!(on(1, &shipped(set), &posts[..4]), expect[..4], "{}", set.name());
        }
    }
}
