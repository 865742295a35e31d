//! Accounts that may be the same person: candidates with a probability and reasons, for an analyst to accept or reject.
//! Nothing is ever merged by them.
//!
//! Evidence adds up as log-odds. Identifiers that only one person controls (keys, wallets, contacts) weigh by how few
//! accounts name them. Style is the cosine of weighted character 3- and 4-grams (Kešelj et al. 2003; Stamatatos 2013), read
//! not as it is but by how far it stands out among the cosines of either account with all others: that makes it comparable
//! between languages and between short and long accounts. Writing hours and equal names add a little.

use crate::hours;
use std::collections::BTreeMap;
use tm_model::EntityType;

/// Buckets into which n-grams are hashed.
const BUCKETS: usize = 1 << 15;
/// Characters of an account that style reads at most.
const MOST_TEXT: usize = 60_000;
/// Characters that it needs at least.
const LEAST_TEXT: usize = 400;
/// Log-odds that two accounts drawn at random are one person.
const PRIOR: f64 = -7.0;
/// Probability from which a pair is worth showing.
pub const SHOWN: f64 = 0.5;
/// Accounts that name an identifier, above which it ties nobody to anybody (an escrow's contact, a common tool).
const COMMON: usize = 4;

/// What is known of an account.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// The account.
    pub account: i64,
    /// Its forum.
    pub forum: i64,
    /// Its name.
    pub name: String,
    /// Posts in each hour of UTC.
    pub hours: [u32; 24],
    /// Identifiers that it names: type and normalised value.
    pub identifiers: Vec<(EntityType, String)>,
    grams: BTreeMap<u16, f32>,
    text: usize,
}

impl Profile {
    /// A profile without words yet.
    pub fn new(account: i64, forum: i64, name: &str) -> Profile {
        Profile { account, forum, name: name.to_owned(), ..Profile::default() }
    }

    /// Reads the words of a post. Addresses and numbers are left out: they tell the subject, not the hand.
    pub fn read(&mut self, text: &str) {
        let mut chars: Vec<char> = Vec::new();
        for word in text.split_whitespace() {
            if self.text + chars.len() > MOST_TEXT {
                break;
            }
            if word.contains("://") || word.contains('@') || word.len() > 120 {
                continue;
            }
            chars.push(' ');
            chars.extend(word.chars().map(|c| if c.is_numeric() { '0' } else { c }));
        }
        chars.push(' ');
        self.text += chars.len();
        for n in [3, 4] {
            for gram in chars.windows(n) {
                // FNV-1a over code points.
                let hash = gram.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, c| {
                    (h ^ u64::from(u32::from(*c))).wrapping_mul(0x0100_0000_01b3)
                });
                *self.grams.entry(((hash >> 20) as usize % BUCKETS) as u16).or_default() += 1.0;
            }
        }
    }

    fn readable(&self) -> bool {
        self.text >= LEAST_TEXT
    }
}

/// Why two accounts may be one person.
#[derive(Debug, Clone, PartialEq)]
pub struct Reason {
    /// In words, for the analyst.
    pub text: String,
    /// What it adds to the log-odds.
    pub weight: f64,
}

/// A candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The lower identifier.
    pub a: i64,
    /// The higher identifier.
    pub b: i64,
    /// 0 to 1.
    pub probability: f64,
    /// Strongest first.
    pub reasons: Vec<Reason>,
}

/// What an identifier that two accounts share says.
fn weight_of(kind: EntityType) -> f64 {
    use EntityType as E;
    match kind {
        E::PgpFingerprint | E::Tox | E::Session => 9.0,
        E::Btc | E::Eth | E::Xmr | E::Ltc | E::Doge | E::Trx => 6.5,
        k if k.is_contact() => 7.0,
        _ => 0.0,
    }
}

/// Unit vectors of n-grams, weighted by rarity over the accounts.
fn vectors(profiles: &[Profile]) -> Vec<Vec<(u16, f32)>> {
    let mut spread = vec![0u32; BUCKETS];
    for p in profiles.iter().filter(|p| p.readable()) {
        p.grams.keys().for_each(|g| spread[*g as usize] += 1);
    }
    let n = profiles.iter().filter(|p| p.readable()).count().max(1) as f32;
    profiles
        .iter()
        .map(|p| {
            if !p.readable() {
                return Vec::new();
            }
            let mut v: Vec<(u16, f32)> = p
                .grams
                .iter()
                .map(|(g, c)| (*g, (1.0 + c).ln() * ((n + 1.0) / spread[*g as usize] as f32).ln()))
                .collect();
            let length = v.iter().map(|x| x.1 * x.1).sum::<f32>().sqrt().max(1e-9);
            v.iter_mut().for_each(|x| x.1 /= length);
            v
        })
        .collect()
}

/// Style of pairs as z-scores: how far the cosine stands out among those of the less striking of the two accounts.
/// Rows of accounts with too few words are empty.
pub fn style(profiles: &[Profile]) -> Vec<Vec<f32>> {
    let vectors = vectors(profiles);
    let n = profiles.len();
    let mut dense = vec![0f32; BUCKETS];
    let mut cosines: Vec<Vec<f32>> = vec![Vec::new(); n];
    for a in 0..n {
        if vectors[a].is_empty() {
            continue;
        }
        vectors[a].iter().for_each(|(g, x)| dense[*g as usize] = *x);
        cosines[a] = vectors.iter().map(|v| v.iter().map(|(g, x)| dense[*g as usize] * x).sum()).collect();
        vectors[a].iter().for_each(|(g, _)| dense[*g as usize] = 0.0);
    }
    let moments: Vec<(f32, f32)> = (0..n)
        .map(|a| {
            let others: Vec<f32> = (0..n)
                .filter(|b| *b != a && !vectors[*b].is_empty())
                .filter_map(|b| cosines[a].get(b).copied())
                .collect();
            let k = others.len().max(1) as f32;
            let mean = others.iter().sum::<f32>() / k;
            let variance = others.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / k;
            (mean, variance.sqrt().max(0.01))
        })
        .collect();
    for a in 0..n {
        for b in 0..cosines[a].len() {
            let x = cosines[a][b];
            let z = |m: (f32, f32)| (x - m.0) / m.1;
            cosines[a][b] =
                if a == b || vectors[b].is_empty() { f32::MIN } else { z(moments[a]).min(z(moments[b])) };
        }
    }
    cosines
}

/// Log-odds that a style z-score adds. Set by hand after looking at halves of accounts
/// (`benches/aliases.rs`), not calibrated: below two and a half it speaks against.
fn style_weight(z: f64) -> f64 {
    (1.6 * (z - 2.5)).clamp(-2.0, 7.0)
}

/// Accounts up to which all pairs are compared by style; beyond, only pairs with another reason are.
const ALL_PAIRS: usize = 4000;

/// Pairs that may be the same person, most probable first, then by account.
pub fn candidates(profiles: &[Profile]) -> Vec<Candidate> {
    let mut holders: BTreeMap<(EntityType, &str), Vec<usize>> = BTreeMap::new();
    for (i, p) in profiles.iter().enumerate() {
        for (kind, value) in p.identifiers.iter().filter(|(k, _)| weight_of(*k) > 0.0) {
            let list = holders.entry((*kind, value.as_str())).or_default();
            if list.last() != Some(&i) {
                list.push(i);
            }
        }
    }
    let mut found: BTreeMap<(usize, usize), Vec<Reason>> = BTreeMap::new();
    for ((kind, value), list) in holders.iter().filter(|(_, l)| (2..=COMMON).contains(&l.len())) {
        let weight = weight_of(*kind) - 1.5 * (list.len() as f64 - 2.0);
        for (i, &a) in list.iter().enumerate() {
            for &b in &list[i + 1..] {
                let text = format!("both name the {kind} {}", tm_model::mask_secrets(value));
                found.entry((a, b)).or_default().push(Reason { text, weight });
            }
        }
    }
    let mut names: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, p) in profiles.iter().enumerate() {
        names.entry(p.name.to_lowercase()).or_default().push(i);
    }
    for (name, list) in
        names.iter().filter(|(n, l)| n.chars().count() >= 4 && (2..=COMMON).contains(&l.len()))
    {
        for (i, &a) in list.iter().enumerate() {
            for &b in list[i + 1..].iter().filter(|b| profiles[**b].forum != profiles[a].forum) {
                // A long name is rarer than a short one.
                let weight = 3.5 + 0.3 * (name.chars().count() as f64 - 4.0).min(8.0);
                found
                    .entry((a, b))
                    .or_default()
                    .push(Reason { text: format!("both are called {name}"), weight });
            }
        }
    }
    let compared = if profiles.len() <= ALL_PAIRS { style(profiles) } else { Vec::new() };
    for (a, row) in compared.iter().enumerate() {
        for (b, z) in row.iter().enumerate().skip(a + 1) {
            if *z > 3.0 || (*z > -1e6 && found.contains_key(&(a, b))) {
                let weight = style_weight(f64::from(*z));
                let text = format!("their style stands out from chance by {z:.1} deviations");
                found.entry((a, b)).or_default().push(Reason { text, weight });
            }
        }
    }
    let mut result: Vec<Candidate> = found
        .into_iter()
        .map(|((a, b), mut reasons)| {
            let (a, b) = (&profiles[a], &profiles[b]);
            if let Some(like) = hours::likeness(&a.hours, &b.hours) {
                let text = format!("their writing hours agree to {like:.2}");
                reasons.push(Reason { text, weight: (4.0 * (like - 0.8)).clamp(-2.0, 0.8) });
            }
            reasons.iter_mut().for_each(|r| r.weight = (r.weight * 100.0).round() / 100.0);
            reasons.sort_by(|x, y| y.weight.total_cmp(&x.weight).then_with(|| x.text.cmp(&y.text)));
            // Several identifiers of one kind of carelessness are not independent: each further one counts half.
            let odds: f64 = PRIOR
                + reasons
                    .iter()
                    .enumerate()
                    .map(|(i, r)| {
                        if r.weight > 0.0 { r.weight * 0.5f64.powi((i as i32 - 1).max(0)) } else { r.weight }
                    })
                    .sum::<f64>();
            let probability = (1e3 / (1.0 + (-odds).exp())).round() / 1e3;
            Candidate { a: a.account.min(b.account), b: a.account.max(b.account), probability, reasons }
        })
        .filter(|c| c.probability >= SHOWN)
        .collect();
    result.sort_by(|x, y| y.probability.total_cmp(&x.probability).then((x.a, x.b).cmp(&(y.a, y.b))));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(id: i64, forum: i64, name: &str, key: Option<(EntityType, &str)>) -> Profile {
        let mut p = Profile::new(id, forum, name);
        p.identifiers.extend(key.map(|(k, v)| (k, v.to_owned())));
        p
    }

    #[test]
    fn a_shared_key_is_a_candidate_and_an_escrows_contact_is_none() {
        let key = Some((EntityType::PgpFingerprint, "0123456789abcdef0123456789abcdef01234567"));
        let found = candidates(&[
            profile(9, 1, "vega", key),
            profile(2, 2, "plinth", key),
            profile(3, 1, "oriel", None),
        ]);
        assert_eq!((found.len(), found[0].a, found[0].b), (1, 2, 9));
        assert!(found[0].probability > 0.8 && found[0].reasons[0].text.contains("pgp_fingerprint"));
        let escrow = Some((EntityType::Telegram, "guarantor_example"));
        let many: Vec<Profile> = (0..8).map(|i| profile(i, 1, &format!("account{i}"), escrow)).collect();
        assert!(candidates(&many).is_empty());
    }

    #[test]
    fn an_equal_name_alone_is_not_enough() {
        assert!(candidates(&[profile(1, 1, "nightfall", None), profile(2, 2, "Nightfall", None)]).is_empty());
    }

    #[test]
    fn a_hand_is_known_by_its_habits() {
        let (shouting, plain) = (
            "SELLING fresh logs!!! cheap & fast, pm me now!!! ",
            "I think, however, that the packer was not at fault; see above. ",
        );
        let mut people = Vec::new();
        for i in 0..12i64 {
            let mut p = Profile::new(i, i % 2, &format!("name{i}"));
            // Each has words of their own; the first two share a manner as well.
            let own =
                format!("topic{} word{} subject{} ", "abcdefghijkl".chars().nth(i as usize).unwrap(), i, i);
            for _ in 0..20 {
                p.read(&format!(
                    "{own}{}",
                    if i < 2 { shouting.to_owned() } else { format!("{plain}{i}x{}", i * 7919) }
                ));
            }
            people.push(p);
        }
        let z = style(&people);
        let best = (0..12).filter(|b| *b != 0).max_by(|a, b| z[0][*a].total_cmp(&z[0][*b])).unwrap();
        assert_eq!(best, 1);
        let mut short = Profile::new(99, 1, "short");
        short.read("too short");
        assert!(style(&[short.clone(), short])[0].is_empty());
    }
}
