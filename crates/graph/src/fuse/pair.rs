//! How likely two mentions speak of one happening: a logistic model over named features.
//!
//! The weights below were fitted on `data/fusion/dev.jsonl` by `threatminer eval fusion --fit` (penalised logistic
//! regression, see `fit`); docs/fusion.md has what each is worth.

use super::names::{alike, generic, joined, split_version, version_key, words};
use std::collections::{BTreeSet, HashMap};
use tm_model::{EventType, Family, Mention, Modality, Role, Timestamp};

/// Names of the features, in the order of [`Weights`].
pub const FEATURES: [&str; FEATURE_COUNT] = [
    "bias",
    "same type",
    "kin type",
    "same post",
    "answers",
    "same thread, trade",
    "same thread, spread",
    "same thread, attack",
    "same thread, incident",
    "same author",
    "same author, same thing",
    "shared name",
    "shared name, rarest",
    "other target",
    "other asset",
    "named party",
    "other party",
    "other seller",
    "shared indicator",
    "same version",
    "other version",
    "same place",
    "other place",
    "similar words",
    "nothing named",
    "nothing named, same thread",
    "gap, trade",
    "gap, spread",
    "gap, attack",
    "gap, incident",
    "weeks apart, attack",
    "once more",
    "asked",
];
/// Number of features.
pub const FEATURE_COUNT: usize = 33;

/// Weights of the features; their sum over a pair is the log-odds that the two are one happening.
pub type Weights = [f64; FEATURE_COUNT];

/// The shipped weights.
pub const WEIGHTS: Weights = [
    -0.53, // bias
    1.21,  // same type
    0.53,  // kin type
    -0.45, // same post
    -0.25, // answers
    1.80,  // same thread, trade
    0.61,  // same thread, spread
    0.80,  // same thread, attack
    1.04,  // same thread, incident
    -1.00, // same author
    1.02,  // same author, same thing
    0.56,  // shared name
    0.56,  // shared name, rarest
    -1.62, // other target
    -0.52, // other asset
    0.72,  // named party
    -0.85, // other party
    -2.05, // other seller
    0.70,  // shared indicator
    0.50,  // same version: set by hand, see docs/fusion.md
    -0.98, // other version
    0.37,  // same place
    -1.11, // other place
    0.43,  // similar words
    -0.06, // nothing named
    0.82,  // nothing named, same thread
    -0.88, // gap, trade
    -2.71, // gap, spread
    -1.33, // gap, attack
    -0.63, // gap, incident
    -1.45, // weeks apart, attack
    -0.92, // once more
    -0.18, // asked
];

/// Share of the time between two mentions that counts where both name the same version; set by hand, docs/fusion.md.
const VERSION_GAP: f64 = 0.8;

/// What is compared of a mention, precomputed.
#[derive(Debug, Clone)]
pub(super) struct Facets {
    pub kind: EventType,
    pub family: Family,
    pub modality: Modality,
    pub post: i64,
    pub thread: i64,
    pub account: Option<i64>,
    pub time: Option<Timestamp>,
    pub answers: Vec<i64>,
    /// Words of targets, of assets and flaws, of actors, of the author's handle, as numbers of the [`Lexicon`].
    pub targets: Vec<u32>,
    pub assets: Vec<u32>,
    pub actors: Vec<u32>,
    pub handle: Vec<u32>,
    pub versions: Vec<String>,
    pub places: Vec<u32>,
    pub indicators: Vec<u32>,
    /// The sentence vector in 127ths; empty when there is none.
    pub vector: Vec<i8>,
    /// Says that something happens again.
    pub again: bool,
}

/// Words and indicators as numbers, with how many threads hold each: a name that stands everywhere says little.
///
/// Counts grow as mentions are read, so that what is concluded of a mention does not depend on what comes after it.
#[derive(Debug, Clone, Default)]
pub(super) struct Lexicon {
    numbers: HashMap<String, u32>,
    entries: Vec<Entry>,
    threads: BTreeSet<i64>,
}

#[derive(Debug, Clone)]
struct Entry {
    text: String,
    generic: bool,
    /// Numbers of words that are alike, lower ones; few.
    threads: BTreeSet<i64>,
}

/// Threads of a word beyond which counting is no use.
const COMMON: usize = 4096;

impl Lexicon {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(&n) = self.numbers.get(text) {
            return n;
        }
        let n = self.entries.len() as u32;
        self.numbers.insert(text.to_owned(), n);
        self.entries.push(Entry { text: text.to_owned(), generic: generic(text), threads: BTreeSet::new() });
        n
    }

    fn numbers(&mut self, phrase: &str, into: &mut Vec<u32>) {
        for word in words(phrase).into_iter().chain(joined(phrase)) {
            let n = self.number(&word);
            if !into.contains(&n) {
                into.push(n);
            }
        }
    }

    pub fn text(&self, number: u32) -> &str {
        self.entries.get(number as usize).map_or("", |e| e.text.as_str())
    }

    /// Notes that a thread holds what a mention names.
    pub fn see(&mut self, facets: &Facets) {
        self.threads.insert(facets.thread);
        let all = [&facets.targets, &facets.assets, &facets.actors, &facets.indicators];
        for &n in all.into_iter().flatten() {
            if let Some(e) = self.entries.get_mut(n as usize).filter(|e| e.threads.len() < COMMON) {
                e.threads.insert(facets.thread);
            }
        }
    }

    /// 0 for what stands everywhere, near 1 for what stands in few threads.
    pub fn rarity(&self, number: u32) -> f64 {
        let Some(e) = self.entries.get(number as usize) else { return 0.0 };
        if e.generic {
            return 0.1;
        }
        // Fifty more than there are: in a small store two threads do not make a name common.
        let threads = self.threads.len() as f64 + 50.0;
        let rare = 1.0 - (e.threads.len() as f64 / threads).sqrt().min(1.0);
        // Names are long; short words are often something else.
        let length = e.text.chars().map(|c| if c.is_ascii() { 1.0 } else { 2.5 }).sum::<f64>();
        rare * (length / 5.0).min(1.0)
    }

    fn alike(&self, a: u32, b: u32) -> bool {
        a == b || alike(self.text(a), self.text(b))
    }

    /// Rarity of the words that two lists share: that of the rarest, and 1 - ∏ (1 - rarity) over all.
    fn shared(&self, a: &[u32], b: &[u32]) -> (f64, f64) {
        let (mut rarest, mut none) = (0.0f64, 1.0);
        for &x in a {
            if let Some(&y) = b.iter().find(|&&y| self.alike(x, y)) {
                let rarity = self.rarity(x).min(self.rarity(y));
                rarest = rarest.max(rarity);
                none *= 1.0 - rarity;
            }
        }
        (rarest, 1.0 - none)
    }

    /// How telling the rarest word of a list is.
    fn weight(&self, list: &[u32]) -> f64 {
        list.iter().map(|&n| self.rarity(n)).fold(0.0, f64::max)
    }

    /// Both lists name something and share nothing: how telling the weaker of the two is.
    fn apart(&self, a: &[u32], b: &[u32]) -> f64 {
        if a.is_empty() || b.is_empty() || a.iter().any(|&x| b.iter().any(|&y| self.alike(x, y))) {
            return 0.0;
        }
        self.weight(a).min(self.weight(b))
    }

    /// What is compared of a mention. `handle` is its author's name.
    pub fn facets(&mut self, m: &Mention, handle: Option<&str>) -> Facets {
        let mut f = Facets {
            kind: m.kind,
            family: m.kind.family(),
            modality: m.modality,
            post: m.post_id,
            thread: m.thread_id,
            account: m.account_id,
            time: m.time,
            answers: m.answers.clone(),
            targets: Vec::new(),
            assets: Vec::new(),
            actors: Vec::new(),
            handle: Vec::new(),
            versions: Vec::new(),
            places: Vec::new(),
            indicators: Vec::new(),
            vector: Vec::new(),
            again: again(&m.trigger_text),
        };
        for (role, text, _, _) in &m.arguments {
            match role {
                Role::Target => self.numbers(text, &mut f.targets),
                Role::Asset => {
                    let (name, version) = split_version(text);
                    self.numbers(name, &mut f.assets);
                    f.versions.extend(version);
                }
                Role::Vulnerability => self.numbers(text, &mut f.assets),
                Role::Actor => self.numbers(text, &mut f.actors),
                Role::Version => f.versions.extend(Some(version_key(text)).filter(|v| !v.is_empty())),
                Role::Place => self.numbers(text, &mut f.places),
                _ => {}
            }
        }
        // A trigger such as "2.0 is out" names its version.
        if f.family == Family::Spread && f.versions.is_empty() {
            let dotted = m.trigger_text.split_whitespace().find(|w| {
                let w = w.trim_start_matches(['v', 'V']);
                w.contains('.') && w.chars().all(|c| c.is_ascii_digit() || c == '.')
            });
            f.versions.extend(dotted.map(version_key).filter(|v| !v.is_empty()));
        }
        f.versions.sort();
        f.versions.dedup();
        if let Some(handle) = handle {
            self.numbers(handle, &mut f.handle);
        }
        for value in &m.indicators {
            let n = self.number(value);
            if !f.indicators.contains(&n) {
                f.indicators.push(n);
            }
        }
        let length = m.vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        if length > 0.0 {
            f.vector = m
                .vector
                .iter()
                .map(|x| (x / length * 127.0 * 4.0).round().clamp(-127.0, 127.0) as i8)
                .collect();
        }
        f
    }
}

/// Words that say that something happens once more.
fn again(trigger: &str) -> bool {
    let t = trigger.to_lowercase();
    [
        "again",
        "second",
        "round two",
        "round 2",
        "once more",
        "снова",
        "опять",
        "вторая",
        "второй",
        "повторн",
        "又",
        "再次",
        "二次",
    ]
    .iter()
    .any(|w| t.contains(w))
}

/// One type, or a release and its announcement as an update: authors use either word.
fn same(a: EventType, b: EventType) -> bool {
    use EventType::{Release, Update};
    a == b || matches!((a, b), (Release, Update) | (Update, Release))
}

/// Types of which one deed is told in the words of the other.
fn kin(a: EventType, b: EventType) -> bool {
    use EventType as E;
    let pair = |x, y| (a == x && b == y) || (a == y && b == x);
    pair(E::Vulnerability, E::Patch)
        || pair(E::Sell, E::Exchange)
        || pair(E::Intrusion, E::Ransom)
        || pair(E::Ransom, E::Malware)
        || pair(E::Intrusion, E::Malware)
}

fn cosine(a: &[i8], b: &[i8]) -> Option<f64> {
    if a.is_empty() || a.len() != b.len() {
        return None;
    }
    let dot =
        |x: &[i8], y: &[i8]| x.iter().zip(y).map(|(&x, &y)| i64::from(x) * i64::from(y)).sum::<i64>() as f64;
    let length = (dot(a, a) * dot(b, b)).sqrt();
    (length > 0.0).then(|| dot(a, b) / length)
}

/// Features of a pair, or `None` for families that never meet. `new` comes after `old`.
pub(super) fn features(new: &Facets, old: &Facets, lexicon: &Lexicon) -> Option<Weights> {
    if new.family != old.family {
        return None;
    }
    let yes = |b: bool| f64::from(u8::from(b));
    let family = |f: Family| yes(new.family == f);
    let same_post = new.post == old.post;
    let same_thread = new.thread == old.thread;
    let same_account = new.account.is_some() && new.account == old.account;
    // The same person on another forum: handles that are alike.
    let same_handle = !same_account && lexicon.shared(&new.handle, &old.handle).0 > 0.5;
    let same_author = same_account || same_handle;
    let answers = new.answers.contains(&old.post)
        || old.answers.contains(&new.post)
        || new.answers.iter().any(|a| old.answers.contains(a));
    let join = |a: &[u32], b: &[u32]| [a, b].concat();
    let (new_things, old_things) = (join(&new.targets, &new.assets), join(&old.targets, &old.assets));
    let (rarest, shared) = lexicon.shared(&new_things, &old_things);
    // Generic words count here: a seller's CVV in two places are one offer.
    let same_thing = new_things.iter().any(|&x| old_things.iter().any(|&y| lexicon.alike(x, y)));
    // A party named by one is the author of the other, or named by both.
    let named = [(&new.actors, &old.actors), (&new.actors, &old.handle), (&new.handle, &old.actors)]
        .iter()
        .map(|(a, b)| lexicon.shared(a, b).1)
        .fold(0.0, f64::max);
    let indicators = lexicon.shared(&new.indicators, &old.indicators).1;
    let other_party = if named > 0.0 { 0.0 } else { lexicon.apart(&new.actors, &old.actors) };
    let other_seller = new.family == Family::Trade
        && !same_author
        && !same_thread
        && named == 0.0
        && indicators == 0.0
        && !answers;
    let versions = !new.versions.is_empty() && !old.versions.is_empty();
    let same_version = versions && new.versions.iter().any(|v| old.versions.contains(v));
    let places = lexicon.shared(&new.places, &old.places).1;
    let bare =
        new_things.is_empty() && new.actors.is_empty() || old_things.is_empty() && old.actors.is_empty();
    let days = match (new.time, old.time) {
        (Some(a), Some(b)) => (a.0 - b.0).abs() as f64 / 86_400.0,
        _ => 0.0,
    };
    let gap = (1.0 + days).ln() / 61f64.ln();
    let similar = cosine(&new.vector, &old.vector).map_or(0.0, |c| ((c - 0.8) / 0.2).clamp(-1.0, 1.0));
    let attack = family(Family::Attack);
    Some([
        1.0,
        yes(same(new.kind, old.kind)),
        yes(kin(new.kind, old.kind)),
        yes(same_post),
        yes(answers),
        yes(same_thread) * family(Family::Trade),
        yes(same_thread) * family(Family::Spread),
        yes(same_thread) * attack,
        yes(same_thread) * family(Family::Incident),
        yes(same_author),
        yes(same_author && same_thing),
        shared,
        rarest,
        lexicon.apart(&new.targets, &old.targets),
        lexicon.apart(&new.assets, &old.assets),
        named,
        other_party,
        yes(other_seller),
        indicators,
        yes(same_version),
        yes(versions && !same_version),
        places,
        yes(!new.places.is_empty() && !old.places.is_empty() && places == 0.0),
        similar,
        yes(bare),
        yes(bare && same_thread),
        gap * family(Family::Trade),
        // The same version of a thing is spread for a long time.
        gap * family(Family::Spread) * if same_version { VERSION_GAP } else { 1.0 },
        gap * attack,
        gap * family(Family::Incident),
        attack * ((days - 14.0) / 14.0).clamp(0.0, 1.0),
        yes(new.again && days > 5.0) * attack,
        yes(new.modality == Modality::Asked),
    ])
}

/// The log-odds of a pair.
pub(super) fn log_odds(features: &Weights, weights: &Weights) -> f64 {
    features.iter().zip(weights).map(|(f, w)| f * w).sum()
}
