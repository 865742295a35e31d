//! Roles that an account plays, each with the posts that show it.
//!
//! A role is a share of behaviour, not a verdict: an account can hold several, strongest first. Each rests on events found
//! in posts or on how the account stands in the network, and names its evidence.

use std::collections::BTreeMap;
use tm_model::{EventType, Modality};

/// What an account does on a forum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Releases and updates tools.
    Developer,
    /// Sells.
    Vendor,
    /// Stands between communities.
    Broker,
    /// Runs the place: pinned threads, rules, answers on all boards.
    Administrator,
    /// Answers many who ask.
    Teacher,
    /// Asks, and is answered.
    Learner,
    /// Buys.
    Buyer,
    /// Publishes stolen data.
    Leaker,
    /// Writes the same again and again, unanswered.
    Spammer,
}

impl Role {
    /// The name used in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Developer => "developer",
            Role::Vendor => "vendor",
            Role::Broker => "broker",
            Role::Administrator => "administrator",
            Role::Teacher => "teacher",
            Role::Learner => "learner",
            Role::Buyer => "buyer",
            Role::Leaker => "leaker",
            Role::Spammer => "spammer",
        }
    }
}

/// What roles need to know of a post.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RolePost {
    /// The post.
    pub post: i64,
    /// It starts a thread.
    pub starts: bool,
    /// Its thread is pinned.
    pub pinned: bool,
    /// Account that it answers, quotes or mentions.
    pub to: Option<i64>,
    /// Accounts that turned to it.
    pub answered_by: u32,
    /// It asks: a question mark, or an event that is asked for.
    pub asks: bool,
    /// Hash of its words, to tell repetition.
    pub words: u64,
    /// Events in it.
    pub events: Vec<(EventType, Modality)>,
}

/// A role with its evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// The role.
    pub role: Role,
    /// How much of the account's behaviour it is, 0 to 1.
    pub strength: f64,
    /// Posts that show it, at most five, ascending.
    pub posts: Vec<i64>,
    /// Number of posts that show it.
    pub count: u32,
}

/// Posts that have to show a role.
const FEWEST: u32 = 2;
/// Strength below which a role is not named.
const WEAKEST: f64 = 0.08;

/// Roles of one account, strongest first. `spread` is its participation between communities (0 to 1), `standing` the share
/// of accounts that rank below it.
pub fn roles(posts: &[RolePost], spread: f64, standing: f64) -> Vec<Played> {
    let n = posts.len() as f64;
    let mut repeated: BTreeMap<u64, u32> = BTreeMap::new();
    posts.iter().for_each(|p| *repeated.entry(p.words).or_default() += 1);
    let event = |kinds: &'static [EventType]| {
        move |p: &RolePost| {
            p.events
                .iter()
                .any(|(k, m)| kinds.contains(k) && matches!(m, Modality::Asserted | Modality::Planned))
        }
    };
    let asked = |kinds: &'static [EventType]| {
        move |p: &RolePost| p.events.iter().any(|(k, m)| kinds.contains(k) && *m != Modality::Negated)
    };
    let mut found: Vec<Played> = Vec::new();
    let mut look = |role: Role, scale: f64, shows: &dyn Fn(&RolePost) -> bool| {
        let mut held: Vec<i64> = posts.iter().filter(|p| shows(p)).map(|p| p.post).collect();
        let count = held.len() as u32;
        let strength = (f64::from(count) / n * scale).min(1.0);
        if count >= FEWEST && strength >= WEAKEST {
            held.sort_unstable();
            held.truncate(5);
            found.push(Played { role, strength: (strength * 1e3).round() / 1e3, posts: held, count });
        }
    };
    look(Role::Vendor, 1.5, &event(&[EventType::Sell]));
    look(Role::Buyer, 1.5, &asked(&[EventType::Buy]));
    look(Role::Developer, 1.5, &event(&[EventType::Release, EventType::Update]));
    look(Role::Leaker, 1.5, &event(&[EventType::Leak]));
    let asks = posts.iter().filter(|p| p.asks).count() as f64 / n.max(1.0);
    if asks < 0.35 && standing >= 0.5 {
        look(Role::Teacher, 1.0, &|p| p.to.is_some() && !p.asks && p.answered_by > 0);
    }
    look(Role::Learner, if asks > 0.3 { 1.0 } else { 0.0 }, &|p| p.asks);
    look(Role::Administrator, 6.0 * standing, &|p| p.pinned && p.starts);
    look(Role::Spammer, 1.0, &|p| repeated.get(&p.words).is_some_and(|r| *r >= 4) && p.answered_by == 0);
    // Where somebody stands in the network shows in all that is exchanged across; the posts that others turned to tell it.
    if spread > 0.5 && standing >= 0.7 {
        look(Role::Broker, spread, &|p| p.to.is_some() && p.answered_by > 0);
    }
    found.sort_by(|a, b| b.strength.total_cmp(&a.strength).then(a.role.cmp(&b.role)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(id: i64, events: &[(EventType, Modality)]) -> RolePost {
        RolePost { post: id, words: id as u64, events: events.to_vec(), ..RolePost::default() }
    }
    fn names(found: &[Played]) -> Vec<&'static str> {
        found.iter().map(|p| p.role.as_str()).collect()
    }

    #[test]
    fn a_vendor_shows_by_his_offers() {
        let sale = [(EventType::Sell, Modality::Asserted)];
        let posts: Vec<RolePost> = (1..=9).map(|i| post(i, if i % 3 == 0 { &sale } else { &[] })).collect();
        let found = roles(&posts, 0.0, 0.9);
        assert_eq!(names(&found), ["vendor"]);
        assert_eq!((found[0].posts.as_slice(), found[0].count, found[0].strength), (&[3, 6, 9][..], 3, 0.5));
        let denied: Vec<RolePost> =
            (1..=9).map(|i| post(i, &[(EventType::Sell, Modality::Negated)])).collect();
        assert!(roles(&denied, 0.0, 0.9).is_empty());
    }

    #[test]
    fn who_repeats_unanswered_is_a_spammer_and_who_asks_learns() {
        let spam: Vec<RolePost> =
            (0..8).map(|i| RolePost { post: i, words: 7, ..RolePost::default() }).collect();
        assert_eq!(names(&roles(&spam, 0.0, 0.1)), ["spammer"]);
        let bumped: Vec<RolePost> = spam.iter().cloned().map(|p| RolePost { answered_by: 1, ..p }).collect();
        assert!(roles(&bumped, 0.0, 0.1).is_empty());
        let asks: Vec<RolePost> = (0..8).map(|i| RolePost { asks: i < 5, ..post(i, &[]) }).collect();
        assert_eq!(names(&roles(&asks, 0.0, 0.1)), ["learner"]);
    }

    #[test]
    fn teachers_and_brokers_are_answered() {
        let posts: Vec<RolePost> =
            (0..10).map(|i| RolePost { to: Some(9), answered_by: 1, ..post(i, &[]) }).collect();
        assert_eq!(names(&roles(&posts, 0.8, 0.9)), ["teacher", "broker"]);
        assert_eq!(names(&roles(&posts, 0.1, 0.2)), Vec::<&str>::new());
        assert!(roles(&[], 0.9, 0.9).is_empty());
    }
}
