//! Which words carried a decision: occlusion (Zeiler and Fergus 2014; for words Li, Monroe, Jurafsky 2016).
//!
//! The words around a trigger are left out one at a time and the stretch is read again. A word weighs as much as the odds of
//! the event fall without it. What is measured is the model itself, not a picture of it; it costs as many
//! readings of a short stretch as there are words, so it is done for what is shown and never for all posts.

use crate::analyzer::Analyzer;
use crate::neural::{Scratch, Token};
use crate::sentence::sentence_around;
use tm_model::{EventType, Span};

/// Tokens around a trigger that are read; what lies further away is left out of the comparison on both sides.
const WINDOW: usize = 80;
/// Words that are left out in turn, those nearest to the trigger.
const WORDS: usize = 20;
/// Words that are handed out, the heaviest ones.
const SHOWN: usize = 6;
/// Share of the odds below which a word is not handed out.
const LEAST: f32 = 0.25;

/// A word and what it weighs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Why {
    /// Where it stands in the post.
    pub span: Span,
    /// Share of the odds of the event that goes without it, 0 to 1.
    pub weight: f32,
}

/// Tokens of each word: what stands between white space or signs, and each piece of Chinese.
fn words(tokens: &[Token], ideographs: &dyn Fn(Span) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut words: Vec<std::ops::Range<usize>> = Vec::new();
    for (i, t) in tokens.iter().enumerate() {
        let goes_on = i > 0
            && !t.word_start
            && tokens[i - 1].span.end == t.span.start
            && !ideographs(t.span)
            && !ideographs(tokens[i - 1].span);
        match words.last_mut().filter(|_| goes_on) {
            Some(word) => word.end = i + 1,
            None => words.push(i..i + 1),
        }
    }
    words
}

impl Analyzer {
    /// The words that carried the decision that an event of type `kind` stands at `trigger`, by their place. Empty without a
    /// model, and where the model by itself finds no such event (an analyst's correction, for instance).
    pub fn why(&self, text: &str, kind: EventType, trigger: Span) -> Vec<Why> {
        let Some(model) = self.model() else { return Vec::new() };
        let all = model.tokenizer().encode(text);
        let Some(at) = all.iter().position(|t| t.span.overlaps(trigger)) else { return Vec::new() };
        let start = at.saturating_sub(WINDOW / 2).min(all.len().saturating_sub(WINDOW));
        let tokens = &all[start..all.len().min(start + WINDOW)];
        let sentence = sentence_around(text, trigger);
        let chars: Vec<char> = text.chars().collect();
        let ideographs =
            |span: Span| chars.get(span.start as usize).is_some_and(|c| matches!(c, '\u{3400}'..='\u{9fff}'));
        let letters = |span: Span| {
            chars
                .get(span.start as usize..(span.end as usize).min(chars.len()))
                .is_some_and(|c| c.iter().any(|c| c.is_alphanumeric()))
        };
        let span_of = |word: &std::ops::Range<usize>| {
            let (first, last) = (tokens[word.start].span, tokens[word.end - 1].span);
            // A piece may cover the white space before its word and the full stop behind it.
            let bare = |at: u32| chars.get(at as usize).is_some_and(|c| !c.is_alphanumeric());
            let (mut start, mut end) = (first.start, last.end);
            while start < end && bare(start) {
                start += 1;
            }
            while start < end && bare(end - 1) {
                end -= 1;
            }
            Span::new(start, end)
        };
        let distance = |span: Span| {
            if span.overlaps(trigger) {
                0
            } else {
                span.start.saturating_sub(trigger.end).max(trigger.start.saturating_sub(span.end)) + 1
            }
        };
        let mut candidates: Vec<(std::ops::Range<usize>, Span)> = words(tokens, &ideographs)
            .into_iter()
            .map(|w| (w.clone(), span_of(&w)))
            .filter(|(_, span)| !span.is_empty() && sentence.overlaps(*span) && letters(*span))
            .collect();
        candidates.sort_by_key(|(_, span)| (distance(*span), span.start));
        candidates.truncate(WORDS);

        let mut variants: Vec<Vec<Token>> = vec![tokens.to_vec()];
        variants.extend(candidates.iter().map(|(word, _)| {
            let (before, after) = (&tokens[..word.start], &tokens[word.end..]);
            [before, after].concat()
        }));
        let texts = vec![text; variants.len()];
        let readings = model.read_tokens(&texts, &variants, &mut Scratch::default());
        let confidence: Vec<f32> = readings
            .iter()
            .map(|r| {
                // Without the trigger itself its neighbour may say the same.
                let same = r.events.iter().filter(|e| e.kind == kind && sentence.overlaps(e.trigger));
                same.map(|e| e.confidence).fold(0.0, f32::max)
            })
            .collect();
        let Some((&whole, without)) = confidence.split_first().filter(|c| *c.0 > 0.0) else {
            return Vec::new();
        };
        let mut found: Vec<Why> = candidates
            .iter()
            .zip(without)
            .map(|((_, span), c)| {
                // Of the odds and not of the confidence: near one a word that decides hardly moves the latter.
                let odds = |p: f32| p.min(0.9999) / (1.0 - p.min(0.9999));
                Why { span: *span, weight: ((1.0 - odds(*c) / odds(whole)) * 1e3).round() / 1e3 }
            })
            .filter(|w| w.weight >= LEAST)
            .collect();
        found.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.span.cmp(&b.span)));
        found.truncate(SHOWN);
        found.sort_by_key(|w| w.span);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neural::Model;

    #[test]
    fn the_trigger_weighs_and_what_is_far_does_not() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/threatminer.safetensors");
        let model = Model::read(&std::fs::read(path).expect("the model is there")).expect("it can be read");
        let analyzer = Analyzer::model_only(model);
        for text in [
            "Hello all. Selling fresh CVV, 12$ each, telegram @demo_seller. Have a nice day.",
            "Всем привет. Продам логи стилера, 200$ за сотню, гарант.",
            "各位好。出售 CVV 料子，80元一条，联系飞机 @demo_cvv",
        ] {
            let analysis = &analyzer.analyze(&[text])[0];
            let event = analysis.events.first().expect("an offer");
            let why = analyzer.why(text, event.kind, event.trigger);
            assert!(!why.is_empty() && why.len() <= SHOWN, "{text}: {why:?}");
            assert!(why.iter().all(|w| w.weight > 0.0 && w.weight <= 1.0 && w.span.slice(text).is_some()));
            assert!(!why.iter().any(|w| w.span.slice(text).is_some_and(|s| s.contains("nice"))), "{why:?}");
            // The same question has the same answer.
            assert_eq!(why, analyzer.why(text, event.kind, event.trigger));
        }
        assert!(analyzer.why("thanks", EventType::Sell, Span::new(0, 6)).is_empty());
        assert!(analyzer.why("", EventType::Sell, Span::new(0, 1)).is_empty());
    }
}
