//! From head outputs to events and entities.

use super::encoder::{Encoded, Scratch, unit};
use super::gate::is_ideograph;
use super::kernel::Turned;
use super::math::{sigmoid, softmax};
use super::model::{
    ARGUMENT_TAGS, ENTITY_TAGS, LINK_WIDTH, Model, POST_OUTPUTS, TAGGED_ENTITIES, TOKEN_TAGS, TRIGGER_TAGS,
    link_bucket,
};
use super::tokenizer::Token;
use tm_model::{Argument, CharIndex, EntityHit, EventHit, EventType, Modality, Role, Source, Span};

/// A tagged phrase: tokens `first..last`, class, mean probability of that class over the tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Phrase {
    first: usize,
    last: usize,
    class: usize,
    confidence: f32,
}

/// Probabilities of the post and token heads for one post: what a student learns from.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// Relevance, then each event type: [`POST_OUTPUTS`] numbers.
    pub post: Vec<f32>,
    /// `[tokens, TOKEN_TAGS]`; trigger, argument and entity tags of a token each add up to 1.
    pub tags: Vec<f32>,
}

/// What the heads say about one post.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    pub relevance: f32,
    pub events: Vec<EventHit>,
    pub entities: Vec<EntityHit>,
    pub vector: Vec<f32>,
}

/// Posts that list offers can hold many events; more than this is noise of a table.
const MAX_EVENTS: usize = 12;
/// Least mass of a type's tags for a second trigger of that type in a post; the best one needs none.
const SECOND_TRIGGER: f32 = 0.5;
/// Share of a trigger's mass at its peak that its other tokens reach.
const SLOPE: f32 = 0.3;

impl Model {
    /// Reads posts that are already cut into tokens.
    pub(crate) fn read_tokens(
        &self,
        texts: &[&str],
        tokens: &[Vec<Token>],
        scratch: &mut Scratch,
    ) -> Vec<Reading> {
        let slices: Vec<&[Token]> = tokens.iter().map(Vec::as_slice).collect();
        let encoded = self.encode(&slices, scratch);
        texts
            .iter()
            .zip(tokens)
            .zip(&encoded)
            .map(|((text, tokens), e)| self.decode(text, tokens, e))
            .collect()
    }

    /// What the heads say of posts before anything is decided, on the calling thread.
    pub fn opinions(&self, posts: &[&[Token]]) -> Vec<Opinion> {
        self.encode(posts, &mut Scratch::default()).iter().map(|e| self.opinion(e)).collect()
    }

    fn opinion(&self, e: &Encoded) -> Opinion {
        let mut post = Vec::new();
        self.apply(&self.post, &e.pooled, &mut post);
        post.iter_mut().for_each(|x| *x = sigmoid(*x));
        debug_assert_eq!(post.len(), POST_OUTPUTS);
        let mut tags = Vec::new();
        self.apply(&self.tags, &e.states, &mut tags);
        for row in tags.chunks_exact_mut(TOKEN_TAGS) {
            softmax(&mut row[..TRIGGER_TAGS], 1.0);
            softmax(&mut row[TRIGGER_TAGS..TRIGGER_TAGS + ARGUMENT_TAGS], 1.0);
            softmax(&mut row[TRIGGER_TAGS + ARGUMENT_TAGS..], 1.0);
        }
        Opinion { post, tags }
    }

    fn decode(&self, text: &str, tokens: &[Token], e: &Encoded) -> Reading {
        let h = self.config.hidden;
        let Opinion { post, tags } = self.opinion(e);
        let index = CharIndex::new(text);
        let spell = |p: &Phrase| spell(text, &index, tokens, p.first, p.last);
        let (limits, scales) = (&self.config.thresholds, &self.config.calibration);

        let triggers = self.triggers(&tags, &post[1..]);
        let phrases = best_path(&tags, TRIGGER_TAGS, ARGUMENT_TAGS, tokens);
        let links = self.links(&e.states, h, &triggers, &phrases);
        let mut events: Vec<EventHit> = Vec::new();
        for (t, trigger) in triggers.iter().enumerate() {
            let Some(span) = spell(trigger) else { continue };
            let kind = EventType::ALL[trigger.class];
            if events.iter().any(|e| e.kind == kind && e.trigger.overlaps(span)) {
                continue;
            }
            let mut arguments: Vec<Argument> = Vec::new();
            for (a, phrase) in phrases.iter().enumerate() {
                let link = links[a * triggers.len() + t];
                let best = (0..triggers.len()).map(|t| links[a * triggers.len() + t]).fold(0.0f32, f32::max);
                // An argument belongs to each trigger that claims it, and else to the one that comes nearest.
                let linked = link >= 0.5 || (link == best && link >= 0.1);
                let confidence = scales.argument.apply(phrase.confidence);
                if !linked || confidence < limits.argument {
                    continue;
                }
                if let Some(span) = spell(phrase) {
                    let text = index.slice(span).to_owned();
                    let role = Role::ALL[phrase.class];
                    arguments.push(Argument { role, text, span, confidence: round(confidence) });
                }
            }
            events.push(EventHit {
                kind,
                modality: self.modality_of(e, h, trigger),
                confidence: round(trigger.confidence),
                trigger: span,
                trigger_text: index.slice(span).to_owned(),
                arguments,
            });
        }
        events.sort_by_key(|e| (e.trigger.start, e.kind));

        let entities = best_path(&tags, TRIGGER_TAGS + ARGUMENT_TAGS, ENTITY_TAGS, tokens)
            .iter()
            .filter_map(|p| {
                let confidence = scales.entity.apply(p.confidence);
                let span = spell(p).filter(|_| confidence >= limits.entity)?;
                let words = index.slice(span);
                let value = words.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
                let (kind, text, confidence) =
                    (TAGGED_ENTITIES[p.class], words.to_owned(), round(confidence));
                Some(EntityHit { kind, value, text, span, source: Source::Model, confidence })
            })
            .collect();

        let vector = unit(&e.pooled[..h]);
        let relevance = rescale(scales.relevance.apply(post[0]), limits.relevance);
        Reading { relevance: round(relevance), events, entities, vector }
    }

    /// Outputs of a head for each row, one row after the other.
    fn apply(&self, head: &Turned, rows: &[f32], out: &mut Vec<f32>) {
        self.kernels.float_linear(rows, head, out);
        let (stride, outputs) = (head.stride(), head.outputs());
        let n = out.len() / stride;
        for r in 1..n {
            out.copy_within(r * stride..r * stride + outputs, r * outputs);
        }
        out.truncate(n * outputs);
    }

    /// Triggers that the tagger and the post head agree on, at most one a type and place, best first.
    fn triggers(&self, tags: &[f32], types: &[f32]) -> Vec<Phrase> {
        let mut found = Vec::new();
        for (class, &probability) in types.iter().enumerate() {
            let mass: Vec<f32> =
                tags.chunks_exact(TOKEN_TAGS).map(|row| row[1 + 2 * class] + row[2 + 2 * class]).collect();
            for (first, last) in peaks(&mass) {
                let top = mass[first..last].iter().copied().fold(0.0, f32::max);
                let confidence = self.config.calibration.event.apply((top * probability).sqrt());
                if confidence >= self.config.thresholds.event {
                    found.push(Phrase { first, last, class, confidence });
                }
            }
        }
        found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then(a.first.cmp(&b.first)));
        found.truncate(MAX_EVENTS);
        found
    }

    /// Probability that argument `a` belongs to trigger `t`, at `a · triggers + t`.
    fn links(&self, states: &[f32], h: usize, triggers: &[Phrase], arguments: &[Phrase]) -> Vec<f32> {
        let project = |map: &Turned, phrases: &[Phrase]| {
            let rows: Vec<f32> = phrases.iter().flat_map(|p| mean(states, h, p.first, p.last)).collect();
            let mut out = Vec::new();
            self.apply(map, &rows, &mut out);
            out
        };
        let (t, a) = (project(&self.link_trigger, triggers), project(&self.link_argument, arguments));
        let mut links = Vec::with_capacity(triggers.len() * arguments.len());
        for (j, argument) in arguments.iter().enumerate() {
            for (i, trigger) in triggers.iter().enumerate() {
                let (u, v) = (&t[i * LINK_WIDTH..][..LINK_WIDTH], &a[j * LINK_WIDTH..][..LINK_WIDTH]);
                let dot: f32 = u.iter().zip(v).map(|(x, y)| x * y).sum();
                let near = self.link_distance[link_bucket(trigger.first, argument.first)];
                links.push(sigmoid(dot / (LINK_WIDTH as f32).sqrt() + near));
            }
        }
        links
    }

    fn modality_of(&self, e: &Encoded, h: usize, trigger: &Phrase) -> Modality {
        let mut input = mean(&e.states, h, trigger.first, trigger.last);
        input.extend_from_slice(&e.pooled[..h]);
        let mut out = Vec::new();
        self.apply(&self.modality, &input, &mut out);
        let best = (0..out.len()).max_by(|&a, &b| out[a].total_cmp(&out[b]).then(b.cmp(&a)));
        Modality::ALL[best.unwrap_or(0)]
    }
}

/// Ranges of tokens around the peaks of a type's mass, highest first. Readers agree on a post's types far more often than on
/// which of two words is the trigger: the mass is then split over both and neither would win against "outside", so the
/// highest one is taken whatever its height, and the post head decides.
fn peaks(mass: &[f32]) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..mass.len()).collect();
    order.sort_by(|&a, &b| mass[b].total_cmp(&mass[a]).then(a.cmp(&b)));
    let mut used = vec![false; mass.len()];
    let mut found: Vec<(usize, usize)> = Vec::new();
    for top in order {
        if !found.is_empty() && mass[top] < SECOND_TRIGGER {
            break;
        }
        if used[top] {
            continue;
        }
        let belongs = |i: usize| mass[i] >= SLOPE * mass[top] && !used[i];
        let first = (0..top).rev().take_while(|&i| belongs(i)).last().unwrap_or(top);
        let last = (top + 1..mass.len()).take_while(|&i| belongs(i)).last().unwrap_or(top) + 1;
        used[first.saturating_sub(1)..(last + 1).min(mass.len())].fill(true);
        found.push((first, last));
    }
    found
}

/// Mean of the states of tokens `first..last`.
fn mean(states: &[f32], h: usize, first: usize, last: usize) -> Vec<f32> {
    let mut sum = vec![0.0; h];
    for row in states[first * h..last * h].chunks_exact(h) {
        sum.iter_mut().zip(row).for_each(|(s, x)| *s += x);
    }
    sum.iter_mut().for_each(|s| *s /= (last - first) as f32);
    sum
}

/// Moves the threshold to 0.5 so that every consumer can cut there; monotone, keeps 0 and 1.
fn rescale(p: f32, threshold: f32) -> f32 {
    if p < threshold {
        p / threshold * 0.5
    } else {
        0.5 + (p - threshold) / (1.0 - threshold).max(1e-6) * 0.5
    }
}

/// Four decimals: enough to rank by, few enough that an addition done in another order prints the same.
fn round(x: f32) -> f32 {
    (x * 1e4).round() / 1e4
}

/// Viterbi over begin/inside/outside tags with the constraint that inside follows begin or inside of its own class.
/// `offset..offset + tags` are the columns of this head within a row of probabilities.
fn best_path(probabilities: &[f32], offset: usize, tags: usize, tokens: &[Token]) -> Vec<Phrase> {
    let rows = tokens.len();
    if rows == 0 {
        return Vec::new();
    }
    let log = |row: usize, tag: usize| probabilities[row * TOKEN_TAGS + offset + tag].max(1e-9).ln();
    let inside = |tag: usize| tag > 0 && tag.is_multiple_of(2);
    let mut score: Vec<f32> =
        (0..tags).map(|t| if inside(t) { f32::NEG_INFINITY } else { log(0, t) }).collect();
    let mut back: Vec<u8> = vec![0; rows * tags];
    for row in 1..rows {
        // Outside and begin may follow anything: one maximum serves them all.
        let best = (0..tags).fold(0, |b, t| if score[t] > score[b] { t } else { b });
        let next: Vec<f32> = (0..tags)
            .map(|t| {
                let from = match t {
                    t if !inside(t) => best,
                    t if score[t - 1] >= score[t] => t - 1,
                    t => t,
                };
                back[row * tags + t] = from as u8;
                score[from] + log(row, t)
            })
            .collect();
        score = next;
    }
    let mut tag = (0..tags).fold(0, |b, t| if score[t] > score[b] { t } else { b });
    let mut path = vec![0usize; rows];
    for row in (0..rows).rev() {
        path[row] = tag;
        tag = usize::from(back[row * tags + tag]);
    }
    let mut phrases = Vec::new();
    let mut row = 0;
    while row < rows {
        if path[row] == 0 {
            row += 1;
            continue;
        }
        let (first, class) = (row, (path[row] - 1) / 2);
        row += 1;
        while row < rows && path[row] == 2 + 2 * class {
            row += 1;
        }
        let sum: f32 = (first..row)
            .map(|r| {
                let p = &probabilities[r * TOKEN_TAGS + offset..];
                p[1 + 2 * class] + p[2 + 2 * class]
            })
            .sum();
        phrases.push(Phrase { first, last: row, class, confidence: sum / (row - first) as f32 });
    }
    phrases
}

/// Code points of tokens `first..last`: grown to whole words where the script has blanks (labels never cut a word, a
/// tagger of word pieces can), trimmed of white space and loose punctuation. `None` when nothing is left.
fn spell(text: &str, index: &CharIndex<'_>, tokens: &[Token], first: usize, last: usize) -> Option<Span> {
    let mut start = tokens[first..last].iter().find(|t| !t.span.is_empty())?.span.start;
    let mut end = tokens[last - 1].span.end;
    let at = |i: u32| text[index.byte_at(i)..].chars().next();
    let glue = |c: char| (c.is_alphanumeric() && !is_ideograph(c)) || c == '_';
    while start > 0 && at(start).is_some_and(glue) && at(start - 1).is_some_and(glue) {
        start -= 1;
    }
    while end < index.len() && at(end).is_some_and(glue) && at(end - 1).is_some_and(glue) {
        end += 1;
    }
    let loose = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '.' | ','
                    | ';'
                    | ':'
                    | '!'
                    | '?'
                    | '。'
                    | '，'
                    | '、'
                    | '；'
                    | '：'
                    | '！'
                    | '？'
                    | '"'
                    | '\''
                    | '«'
                    | '»'
                    | '“'
                    | '”'
                    | '*'
                    | '|'
            )
    };
    while start < end && at(start).is_some_and(loose) {
        start += 1;
    }
    while start < end && at(end - 1).is_some_and(loose) {
        end -= 1;
    }
    (start < end).then_some(Span::new(start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(n: usize) -> Vec<Token> {
        (0..n as u32).map(|i| Token { id: 4, span: Span::new(i, i + 1), word_start: true }).collect()
    }

    #[test]
    fn paths_obey_the_constraint() {
        // Row 0 prefers "inside class 0" without a begin: the path must open it with begin or stay outside.
        let mut p = vec![0.01; 3 * TOKEN_TAGS];
        (p[0], p[1], p[2]) = (0.1, 0.3, 0.6);
        p[TOKEN_TAGS + 2] = 0.9;
        p[2 * TOKEN_TAGS] = 0.9;
        let phrases = best_path(&p, 0, TRIGGER_TAGS, &tokens(3));
        assert_eq!(phrases.len(), 1);
        assert_eq!((phrases[0].first, phrases[0].last, phrases[0].class), (0, 2, 0));
    }

    #[test]
    fn peaks_are_words_apart() {
        assert_eq!(peaks(&[0.01, 0.2, 0.1]), [(1, 3)]);
        assert_eq!(peaks(&[0.0, 0.6, 0.3, 0.0, 0.0, 0.9]), [(5, 6), (1, 3)]);
        assert_eq!(peaks(&[0.9, 0.2, 0.6]), [(0, 1), (2, 3)]);
        // What stands beside a trigger is part of it or nothing.
        assert_eq!(peaks(&[2.5, 0.6, 0.0]), [(0, 1)]);
        assert_eq!(peaks(&[]), []);
    }

    #[test]
    fn spans_grow_to_words_and_lose_punctuation() {
        let text = "(selling), 出售料子";
        let index = CharIndex::new(text);
        let token = |a, b| Token { id: 4, span: Span::new(a, b), word_start: false };
        let spelled = |a, b| spell(text, &index, &[token(a, b)], 0, 1).map(|s| index.slice(s));
        assert_eq!(spelled(3, 5), Some("selling"));
        assert_eq!(spelled(3, 10), Some("selling)"));
        assert_eq!(spelled(11, 13), Some("出售"));
        assert_eq!(spelled(9, 10), None);
    }

    #[test]
    fn thresholds_move_to_one_half() {
        assert_eq!(rescale(0.3, 0.3), 0.5);
        assert_eq!((rescale(0.0, 0.3), rescale(1.0, 0.3)), (0.0, 1.0));
    }
}
