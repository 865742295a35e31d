//! Fusion: mentions of the same happening become one threat event.
//!
//! Mentions are read in the order of time. For each, those that share a name, a thread, an author, an answer or an indicator
//! with it are looked up; a logistic model over named features gives the log-odds that two of them are one happening (`pair`);
//! the mention joins the cluster that it fits best on the mean and the best over its members, or begins one (`cluster`).
//! What an analyst has merged or split is honoured. `describe` puts a cluster into words, `quality` scores a clustering
//! against labels, `fit` learns the weights. Figures: docs/fusion.md.

mod cluster;
mod describe;
mod fit;
mod names;
mod pair;
mod quality;

pub use cluster::{Fuser, Settings};
pub use fit::fit;
pub use names::name_key;
pub use pair::{FEATURE_COUNT, FEATURES, WEIGHTS, Weights};
pub use quality::{Clustering, bcubed, quality};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use tm_model::{Label, Mention, Threat};

/// What fusion knows beside the mentions.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Each account's score as a key hacker, 0 to 1.
    pub standing: BTreeMap<i64, f64>,
    /// Each account's handle.
    pub names: BTreeMap<i64, String>,
    /// Corrections by analysts; merges and splits count.
    pub labels: Vec<Label>,
}

/// Joins mentions (in the order of time) into threat events, by time of their first mention.
pub fn fuse(mentions: &[Mention], context: &Context) -> Vec<Threat> {
    let mut live = Live::new(context.clone());
    live.place(mentions.to_vec());
    live.threats()
}

/// Fusion that goes on: threat events and what is needed to place the next mention.
#[derive(Debug)]
pub struct Live {
    context: Context,
    fuser: Fuser,
    mentions: Vec<Mention>,
    /// Identifier under which each happening was written.
    written: HashMap<usize, String>,
}

/// What new mentions changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Threat events that are new or have grown.
    pub changed: Vec<Threat>,
    /// Identifiers that are no more.
    pub gone: Vec<String>,
}

impl Live {
    /// Begins with nothing.
    pub fn new(context: Context) -> Live {
        let fuser = Fuser::new(Settings::default(), &context.labels);
        Live { context, fuser, mentions: Vec::new(), written: HashMap::new() }
    }

    /// Number of mentions placed.
    pub fn len(&self) -> usize {
        self.mentions.len()
    }

    /// True when no mention is placed.
    pub fn is_empty(&self) -> bool {
        self.mentions.is_empty()
    }

    /// Handles of accounts that are new.
    pub fn know(&mut self, names: impl IntoIterator<Item = (i64, String)>) {
        self.context.names.extend(names);
    }

    /// Places mentions. They should come in the order of time.
    pub fn place(&mut self, mentions: Vec<Mention>) {
        for mut m in mentions {
            let name = m.account_id.and_then(|a| self.context.names.get(&a)).map(String::as_str);
            self.fuser.add(&m, name);
            // Kept inside the fuser in a shorter form.
            m.vector = Vec::new();
            self.mentions.push(m);
        }
    }

    /// Places mentions; what has changed by them.
    pub fn add(&mut self, mentions: Vec<Mention>) -> Change {
        let first = self.mentions.len();
        self.place(mentions);
        let happenings = self.fuser.happenings();
        let touched: BTreeSet<usize> = happenings[first..].iter().copied().collect();
        let mut members: BTreeMap<usize, Vec<&Mention>> = BTreeMap::new();
        for (m, h) in self.mentions.iter().zip(&happenings) {
            if touched.contains(h) {
                members.entry(*h).or_default().push(m);
            }
        }
        let mut change = Change::default();
        for (h, list) in members {
            let Some(threat) = describe::describe(&list, &self.context.standing, &self.context.names) else {
                continue;
            };
            if let Some(id) = self.written.insert(h, threat.id.clone()).filter(|id| *id != threat.id) {
                change.gone.push(id);
            }
            change.changed.push(threat);
        }
        change
    }

    /// All threat events, by time of their first mention.
    pub fn threats(&mut self) -> Vec<Threat> {
        let mut members: BTreeMap<usize, Vec<&Mention>> = BTreeMap::new();
        for (m, h) in self.mentions.iter().zip(self.fuser.happenings()) {
            members.entry(h).or_default().push(m);
        }
        let mut threats = Vec::with_capacity(members.len());
        for (h, list) in members {
            if let Some(threat) = describe::describe(&list, &self.context.standing, &self.context.names) {
                self.written.insert(h, threat.id.clone());
                threats.push(threat);
            }
        }
        threats.sort_by(|a, b| a.first_seen.cmp(&b.first_seen).then_with(|| a.id.cmp(&b.id)));
        threats
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tm_model::{EventType, Modality, Role, Span, ThreatStatus, Timestamp};

    fn mention(
        id: i64,
        kind: EventType,
        thread: i64,
        account: i64,
        day: i64,
        arguments: &[(Role, &str)],
    ) -> Mention {
        Mention {
            id,
            post_id: id,
            thread_id: thread,
            forum_id: 1,
            account_id: Some(account),
            time: Some(Timestamp(1_750_000_000 + day * 86_400)),
            kind,
            modality: Modality::Asserted,
            confidence: 0.8,
            trigger: Span::new(0, 3),
            trigger_text: "x".into(),
            arguments: arguments.iter().map(|(r, t)| (*r, (*t).to_owned(), Span::new(0, 1), None)).collect(),
            vector: Vec::new(),
            answers: Vec::new(),
            indicators: Vec::new(),
        }
    }

    fn groups(mentions: &[Mention]) -> Vec<Vec<i64>> {
        let mut groups: Vec<Vec<i64>> =
            fuse(mentions, &Context::default()).into_iter().map(|t| t.mentions).collect();
        groups.sort();
        groups
    }

    #[test]
    fn one_attack_across_threads_and_a_second_one_later() {
        use EventType::Ddos;
        let m = [
            mention(1, Ddos, 1, 1, 0, &[(Role::Target, "Cloudflare"), (Role::Actor, "NightPetrel")]),
            mention(2, Ddos, 2, 2, 4, &[(Role::Target, "cloudflare")]),
            mention(3, Ddos, 3, 3, 5, &[(Role::Target, "OtherHost")]),
            mention(4, Ddos, 4, 4, 60, &[(Role::Target, "Cloudflare")]),
        ];
        assert_eq!(groups(&m), [vec![1, 2], vec![3], vec![4]]);
    }

    #[test]
    fn two_sellers_are_two_events() {
        use EventType::Sell;
        let m = [
            mention(1, Sell, 1, 1, 0, &[(Role::Asset, "fresh CVV")]),
            mention(2, Sell, 2, 2, 1, &[(Role::Asset, "fresh CVV")]),
            mention(3, Sell, 1, 1, 9, &[(Role::Asset, "fresh CVV")]),
        ];
        assert_eq!(groups(&m), [vec![1, 3], vec![2]]);
    }

    #[test]
    fn versions_keep_apart_and_spellings_join() {
        use EventType::{Release, Update};
        let m = [
            mention(1, Release, 1, 1, 0, &[(Role::Asset, "IP Killer"), (Role::Version, "1.6")]),
            mention(2, Update, 2, 1, 60, &[(Role::Asset, "IP Killer 2.0")]),
            mention(3, Release, 3, 2, 66, &[(Role::Asset, "IPKiller"), (Role::Version, "v2.0")]),
        ];
        assert_eq!(groups(&m), [vec![1], vec![2, 3]]);
        let threats = fuse(&m, &Context::default());
        assert_eq!(threats[1].title, "IP Killer 2.0: new version");
    }

    #[test]
    fn status_and_severity_have_reasons() {
        let mut m = mention(1, EventType::Ddos, 1, 1, 0, &[(Role::Target, "Cloudflare")]);
        m.modality = Modality::Planned;
        let standing = BTreeMap::from([(1, 0.5)]);
        let threat = &fuse(&[m], &Context { standing, ..Context::default() })[0];
        assert_eq!(threat.status, ThreatStatus::Planned);
        let sum: f32 = threat.severity_parts.iter().map(|p| p.1 * p.2).sum();
        assert!((sum - threat.severity).abs() < 1e-3);
    }

    /// A stream of mentions with few names, authors and threads, so that much could be joined.
    fn stream(seed: u64, n: usize) -> Vec<Mention> {
        let mut random = crate::Random::new(seed, 0);
        let names = [
            "Cloudharbour",
            "Norvane Bank",
            "Tarnish",
            "fresh CVV",
            "logs",
            "海鲨云",
            "Мотылёк",
            "Petrella Hotels",
        ];
        (0..n)
            .map(|i| {
                let kind = EventType::ALL[random.below(EventType::ALL.len() as u64) as usize];
                let name = names[random.below(names.len() as u64) as usize];
                let role = if kind.family() == tm_model::Family::Attack { Role::Target } else { Role::Asset };
                let (thread, account) = (random.below(20) as i64, random.below(12) as i64);
                mention(i as i64, kind, thread, account, i as i64 / 3, &[(role, name)])
            })
            .collect()
    }

    #[test]
    fn mentions_one_by_one_give_what_all_at_once_give() {
        for seed in 0..5 {
            let all = stream(seed, 300);
            let at_once = fuse(&all, &Context::default());
            let mut live = Live::new(Context::default());
            let mut kept: BTreeMap<String, Threat> = BTreeMap::new();
            for m in &all {
                let change = live.add(vec![m.clone()]);
                for id in &change.gone {
                    kept.remove(id);
                }
                kept.extend(change.changed.into_iter().map(|t| (t.id.clone(), t)));
            }
            assert_eq!(live.threats(), at_once);
            // What was written on the way is what stands at the end.
            let mut written: Vec<Threat> = kept.into_values().collect();
            written.sort_by(|a, b| a.first_seen.cmp(&b.first_seen).then_with(|| a.id.cmp(&b.id)));
            assert_eq!(written, at_once);
            assert_eq!((live.len(), live.is_empty()), (300, false));
        }
    }

    #[test]
    fn analysts_overrule() {
        use EventType::Ddos;
        use tm_model::{Anchor, Correction, Label};
        let m = [
            mention(1, Ddos, 1, 1, 0, &[(Role::Target, "Cloudharbour")]),
            mention(2, Ddos, 1, 2, 1, &[(Role::Target, "Cloudharbour")]),
            mention(3, Ddos, 9, 3, 2, &[(Role::Target, "Norvane Bank")]),
        ];
        let at = |post_id: i64| Anchor { post_id, trigger: Span::new(0, 3) };
        let label = |id: i64, post: i64, correction: Correction| Label {
            id,
            time: Timestamp(0),
            author: None,
            post_id: post,
            trigger: Some(Span::new(0, 3)),
            correction,
            note: None,
        };
        let joined = |labels: Vec<Label>| {
            let context = Context { labels, ..Context::default() };
            let mut g: Vec<Vec<i64>> = fuse(&m, &context).into_iter().map(|t| t.mentions).collect();
            g.sort();
            g
        };
        assert_eq!(joined(Vec::new()), [vec![1, 2], vec![3]]);
        let same = label(1, 1, Correction::Same { other: at(3) });
        let apart = label(2, 2, Correction::Different { other: at(1) });
        assert_eq!(joined(vec![same.clone()]), [vec![1, 2, 3]]);
        assert_eq!(joined(vec![apart.clone()]), [vec![1], vec![2], vec![3]]);
        assert_eq!(joined(vec![same.clone(), apart]), [vec![1, 3], vec![2]]);
        // The later word on a pair counts.
        let back = label(3, 3, Correction::Different { other: at(1) });
        assert_eq!(joined(vec![same.clone(), back.clone()]), [vec![1, 2], vec![3]]);
        assert_eq!(joined(vec![back, label(4, 1, Correction::Same { other: at(3) })]), [vec![1, 2, 3]]);
        // A place that no mention has says nothing.
        assert_eq!(joined(vec![label(5, 77, Correction::Same { other: at(1) })]), [vec![1, 2], vec![3]]);
    }
}
