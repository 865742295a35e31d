//! Clustering of mentions as they come, in the order of time.

use super::pair::{Facets, Lexicon, WEIGHTS, Weights, features, log_odds};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tm_model::{Anchor, Correction, Label, Mention};

/// What decides whether a mention joins.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Weights of the pair model.
    pub weights: Weights,
    /// Log-odds from which on a mention joins.
    pub join: f64,
    /// Share of the best member in a cluster's log-odds; the rest is the mean over its members.
    pub best: f64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { weights: WEIGHTS, join: JOIN, best: BEST }
    }
}

/// Chosen on the development half, see docs/fusion.md.
const JOIN: f64 = 0.5;
const BEST: f64 = 0.25;
/// Log-odds of one pair are cut here, so that no single pair outweighs all others.
const MOST: f64 = 6.0;
/// Members that stand for a cluster: its first ones, its last ones, and those found through a shared name.
const FIRST: usize = 2;
const LAST: usize = 6;
const FOUND: usize = 6;
/// Mentions that one name, thread, author or indicator leads to, the newest ones: a busy author must not make fusion
/// quadratic.
const LEADS: usize = 48;
/// Rarity below which a word leads nowhere.
const LEAD_RARITY: f64 = 0.3;

/// A place to look for mentions of the same happening: what kind of place, family, number.
type Lead = (u8, u8, u64);
const POST: u8 = 0;
const THREAD: u8 = 1;
const ACCOUNT: u8 = 2;
const INDICATOR: u8 = 3;
/// The first letters of a word: names that begin alike are compared.
const WORD: u8 = 4;

/// First letters of a word, hashed (FNV-1a).
fn beginning(word: &str) -> u64 {
    word.chars()
        .take(4)
        .fold(0xcbf2_9ce4_8422_2325, |h, c| (h ^ u64::from(u32::from(c))).wrapping_mul(0x0100_0000_01b3))
}

/// Joins mentions into happenings as they come; holds what is needed to place the next one.
///
/// The mentions of an analysis in the order of time give the same happenings whether they come at once or one after the
/// other: nothing that is concluded of a mention depends on later ones. A mention that comes late, with a time before others,
/// is placed among what is known when it comes; the next full fusion reads it in its turn.
#[derive(Debug, Clone)]
pub struct Fuser {
    settings: Settings,
    lexicon: Lexicon,
    facets: Vec<Facets>,
    /// Cluster of each mention.
    place: Vec<usize>,
    clusters: Vec<Vec<usize>>,
    leads: HashMap<Lead, Vec<u32>>,
    rules: Rules,
    /// Mentions that labels speak of: number of the mention, anchor.
    anchored: BTreeMap<Anchor, usize>,
}

/// Merges and splits by analysts: newest verdict on each pair of places, with its label.
#[derive(Debug, Clone, Default)]
struct Rules {
    verdicts: BTreeMap<(Anchor, Anchor), (bool, i64)>,
    of_post: BTreeMap<i64, BTreeSet<Anchor>>,
}

impl Rules {
    fn new(labels: &[Label]) -> Rules {
        let mut rules = Rules::default();
        for label in labels {
            let (same, other) = match label.correction {
                Correction::Same { other } => (true, other),
                Correction::Different { other } => (false, other),
                _ => continue,
            };
            let Some(one) = label.anchor() else { continue };
            rules.verdicts.insert((one.min(other), one.max(other)), (same, label.id));
            for anchor in [one, other] {
                rules.of_post.entry(anchor.post_id).or_default().insert(anchor);
            }
        }
        rules
    }
}

impl Fuser {
    /// Begins with nothing. Of `labels` the merges and splits count.
    pub fn new(settings: Settings, labels: &[Label]) -> Fuser {
        Fuser {
            settings,
            lexicon: Lexicon::default(),
            facets: Vec::new(),
            place: Vec::new(),
            clusters: Vec::new(),
            leads: HashMap::new(),
            rules: Rules::new(labels),
            anchored: BTreeMap::new(),
        }
    }

    /// Where to look for mentions of the same happening, in a fixed order.
    fn leads_of(&self, f: &Facets) -> Vec<Lead> {
        let family = f.family as u8;
        let mut leads = vec![(THREAD, family, f.thread as u64), (POST, family, f.post as u64)];
        leads.extend(f.answers.iter().map(|&a| (POST, family, a as u64)));
        leads.extend(f.account.map(|a| (ACCOUNT, family, a as u64)));
        leads.extend(f.indicators.iter().map(|&n| (INDICATOR, family, u64::from(n))));
        let names = [&f.targets, &f.assets, &f.actors, &f.handle].into_iter().flatten();
        leads.extend(
            names
                .filter(|&&n| self.lexicon.rarity(n) >= LEAD_RARITY)
                .map(|&n| (WORD, family, beginning(self.lexicon.text(n)))),
        );
        leads.sort_unstable();
        leads.dedup();
        leads
    }

    /// Mentions that a new one is compared with, ascending.
    fn found(&self, leads: &[Lead]) -> Vec<usize> {
        let mut found: Vec<usize> = leads
            .iter()
            .filter_map(|lead| self.leads.get(lead))
            .flat_map(|list| list.iter().rev().take(LEADS))
            .map(|&i| i as usize)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Log-odds that a mention belongs to a cluster: over the members that stand for it, the mean joined with the best.
    fn fit(&self, f: &Facets, cluster: usize, found: &[usize]) -> f64 {
        let members = &self.clusters[cluster];
        let mut stand: BTreeSet<usize> = members.iter().take(FIRST).copied().collect();
        stand.extend(members.iter().rev().take(LAST));
        stand.extend(found.iter().rev().take(FOUND));
        let (mut best, mut sum, mut n) = (f64::NEG_INFINITY, 0.0, 0usize);
        for i in stand {
            let Some(x) = features(f, &self.facets[i], &self.lexicon) else { continue };
            let z = log_odds(&x, &self.settings.weights).clamp(-MOST, MOST);
            best = best.max(z);
            sum += z;
            n += 1;
        }
        if n == 0 {
            return f64::NEG_INFINITY;
        }
        self.settings.best * best + (1.0 - self.settings.best) * sum / n as f64
    }

    /// Clusters that an analyst has said a mention does not belong to.
    fn forbidden(&self, anchors: &[Anchor]) -> BTreeSet<usize> {
        let mut clusters = BTreeSet::new();
        for ((a, b), (same, _)) in &self.rules.verdicts {
            let other = if anchors.contains(a) {
                b
            } else if anchors.contains(b) {
                a
            } else {
                continue;
            };
            if let (false, Some(&i)) = (*same, self.anchored.get(other)) {
                clusters.insert(self.place[i]);
            }
        }
        clusters
    }

    /// Places a mention; the number of its cluster. `handle` is its author's name.
    pub fn add(&mut self, m: &Mention, handle: Option<&str>) -> usize {
        let facets = self.lexicon.facets(m, handle);
        let anchors: Vec<Anchor> = self
            .rules
            .of_post
            .get(&m.post_id)
            .into_iter()
            .flatten()
            .filter(|a| a.trigger.overlaps(m.trigger) && !self.anchored.contains_key(a))
            .copied()
            .collect();
        let forbidden = self.forbidden(&anchors);
        let leads = self.leads_of(&facets);
        let mut by_cluster: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for i in self.found(&leads) {
            by_cluster.entry(self.place[i]).or_default().push(i);
        }
        let best = by_cluster
            .iter()
            .filter(|(c, _)| !forbidden.contains(c))
            .map(|(&c, found)| (self.fit(&facets, c, found), c))
            .filter(|(score, _)| *score >= self.settings.join)
            // Of two that fit equally well the older one.
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let place = best.map_or_else(
            || {
                self.clusters.push(Vec::new());
                self.clusters.len() - 1
            },
            |b| b.1,
        );
        let i = self.facets.len();
        self.lexicon.see(&facets);
        self.facets.push(facets);
        self.place.push(place);
        self.clusters[place].push(i);
        for lead in leads {
            self.leads.entry(lead).or_default().push(i as u32);
        }
        for anchor in anchors {
            self.anchored.insert(anchor, i);
        }
        place
    }

    /// For each mention, in the order in which they came, the happening that it belongs to: clusters with those that an
    /// analyst has merged with them, named by the lowest number among them.
    pub fn happenings(&self) -> Vec<usize> {
        let mut of: Vec<usize> = (0..self.clusters.len()).collect();
        let mut merges: Vec<(i64, usize, usize)> = Vec::new();
        let mut splits: Vec<(i64, usize, usize)> = Vec::new();
        for ((a, b), (same, label)) in &self.rules.verdicts {
            if let (Some(&a), Some(&b)) = (self.anchored.get(a), self.anchored.get(b)) {
                let pair = (*label, self.place[a], self.place[b]);
                if *same { merges.push(pair) } else { splits.push(pair) }
            }
        }
        merges.sort_unstable();
        for (label, a, b) in merges {
            let (a, b) = (of[a], of[b]);
            // A later split of what this would bring together stands against it.
            let against = splits.iter().any(|&(l, x, y)| {
                l > label && (of[x], of[y]) != (of[y], of[x]) && {
                    let pair = (of[x].min(of[y]), of[x].max(of[y]));
                    pair == (a.min(b), a.max(b))
                }
            });
            if a != b && !against {
                let (keep, gone) = (a.min(b), a.max(b));
                of.iter_mut().filter(|c| **c == gone).for_each(|c| *c = keep);
            }
        }
        self.place.iter().map(|&c| of[c]).collect()
    }

    /// Pairs of mentions that would be compared, the newer one first, with their features: what the weights are fitted on.
    pub fn pairs(
        mentions: &[Mention],
        handle: &dyn Fn(&Mention) -> Option<String>,
    ) -> Vec<(usize, usize, Weights)> {
        let mut fuser = Fuser::new(Settings { join: f64::INFINITY, ..Settings::default() }, &[]);
        let mut pairs = Vec::new();
        for (i, m) in mentions.iter().enumerate() {
            let handle = handle(m);
            let facets = fuser.lexicon.facets(m, handle.as_deref());
            for j in fuser.found(&fuser.leads_of(&facets)) {
                if let Some(x) = features(&facets, &fuser.facets[j], &fuser.lexicon) {
                    pairs.push((i, j, x));
                }
            }
            fuser.add(m, handle.as_deref());
        }
        pairs
    }
}
