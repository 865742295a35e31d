//! Fusion: mentions of the same happening become one threat event.
//!
//! Mentions are read in the order of time; each joins the threat event that it fits best, or begins one. What speaks for
//! joining: the same thing named (weighted by how rare the name is), the same thread, the same author, shared indicators
//! (contacts, hosts, wallets, hashes), similar words (sentence vectors). What speaks against: another seller, another
//! target, another version, too long a silence.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use tm_model::{EventType, Family, Mention, Modality, Role, Threat, ThreatArgument, ThreatStatus, Timestamp};

/// Score from which on a mention joins.
const JOIN: f64 = 1.0;
/// Days of silence after which a mention of a family begins a new event.
const fn silence(family: Family) -> i64 {
    match family {
        Family::Attack => 28,
        Family::Trade => 240,
        Family::Spread => 120,
        Family::Incident => 60,
    }
}

/// A threat event that is growing.
#[derive(Debug, Default)]
struct Cluster {
    mentions: Vec<usize>,
    keys: BTreeMap<String, u32>,
    versions: BTreeSet<String>,
    threads: BTreeSet<i64>,
    authors: BTreeSet<i64>,
    posts: BTreeSet<i64>,
    indicators: BTreeSet<String>,
    center: Vec<f32>,
    last: Option<Timestamp>,
}

/// Letters and digits of a name, lower-cased, so that `IP Killer`, `ip-killer` and `IPKiller` are one; a version that is
/// part of the name is cut off.
pub fn name_key(text: &str) -> String {
    let (name, _) = split_version(text);
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// `IP Killer v2.0` → (`IP Killer`, `2.0`).
fn split_version(text: &str) -> (&str, Option<String>) {
    let trimmed = text.trim();
    let tail = trimmed.rsplit(|c: char| c.is_whitespace()).next().unwrap_or("");
    let digits = tail.trim_start_matches(['v', 'V', 'в']);
    let number = digits.contains('.')
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
        && digits.starts_with(|c: char| c.is_ascii_digit());
    if number && tail.len() < trimmed.len() {
        (&trimmed[..trimmed.len() - tail.len()], Some(version_key(digits)))
    } else {
        (trimmed, None)
    }
}

/// `v2.0`, `2.0` and `2` are one version.
fn version_key(text: &str) -> String {
    let digits: String = text.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    let digits = digits.trim_matches('.');
    digits.strip_suffix(".0").unwrap_or(digits).to_owned()
}

/// Types that can be one happening: a release announced as an update and the other way round.
fn same_kind(a: EventType, b: EventType) -> bool {
    use EventType::{Release, Update};
    a == b || matches!((a, b), (Release, Update) | (Update, Release))
}

/// Names of what a mention is about.
fn keys_of(m: &Mention) -> BTreeSet<String> {
    let about = |role: Role| match m.kind.family() {
        Family::Attack => matches!(role, Role::Target | Role::Asset | Role::Actor | Role::Vulnerability),
        Family::Incident => matches!(role, Role::Vulnerability | Role::Target | Role::Asset | Role::Actor),
        _ => matches!(role, Role::Asset | Role::Target | Role::Actor),
    };
    m.arguments
        .iter()
        .filter(|(role, ..)| about(*role))
        .map(|(_, text, ..)| name_key(text))
        .filter(|k| k.chars().count() >= 2)
        .collect()
}

fn versions_of(m: &Mention) -> BTreeSet<String> {
    m.arguments
        .iter()
        .filter_map(|(role, text, ..)| match role {
            Role::Version => Some(version_key(text)),
            Role::Asset => split_version(text).1,
            _ => None,
        })
        .filter(|v| !v.is_empty())
        .collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    let length = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
    let (x, y) = (length(a), length(b));
    if x > 0.0 && y > 0.0 { f64::from(dot / (x * y)) } else { 0.0 }
}

/// Finds, for each mention, the clusters worth comparing: those that share a name, a thread, an indicator or an author.
#[derive(Default)]
struct Index {
    by: HashMap<String, BTreeSet<usize>>,
}

impl Index {
    fn handles(m: &Mention, keys: &BTreeSet<String>) -> Vec<String> {
        let mut handles: Vec<String> = keys.iter().map(|k| format!("k{k}")).collect();
        handles.push(format!("t{}", m.thread_id));
        handles.extend(m.account_id.map(|a| format!("a{a}")));
        handles.extend(m.indicators.iter().map(|i| format!("i{i}")));
        handles
    }
}

/// Joins mentions (in the order of time) into threat events. `standing` is each account's score as a key hacker, 0 to 1;
/// `names` its handle, for titles.
pub fn fuse(
    mentions: &[Mention],
    standing: &BTreeMap<i64, f64>,
    names: &BTreeMap<i64, String>,
) -> Vec<Threat> {
    let keys: Vec<BTreeSet<String>> = mentions.iter().map(keys_of).collect();
    let versions: Vec<BTreeSet<String>> = mentions.iter().map(versions_of).collect();
    // Rarity by threads, not mentions: a seller who repeats a name in one thread does not make it common.
    let mut spread: HashMap<&str, BTreeSet<i64>> = HashMap::new();
    for (m, keys) in mentions.iter().zip(&keys) {
        for k in keys {
            spread.entry(k).or_default().insert(m.thread_id);
        }
    }
    // Fifty more than there are: in a small store two threads do not make a name common.
    let threads = mentions.iter().map(|m| m.thread_id).collect::<BTreeSet<_>>().len() as f64 + 50.0;
    let rarity = |key: &str| {
        let n = spread.get(key).map_or(1, BTreeSet::len) as f64;
        // Generic goods ("logs", "база") stand in many threads; a name of a thing is long and stands in few.
        let length = (key.chars().map(|c| if c.is_ascii() { 1.0 } else { 2.0 }).sum::<f64>() / 7.0).min(1.0);
        (1.0 - (n / threads).sqrt().min(1.0)) * length
    };

    let mut clusters: Vec<Cluster> = Vec::new();
    let mut index = Index::default();
    for (i, m) in mentions.iter().enumerate() {
        let mut candidates: BTreeSet<usize> = BTreeSet::new();
        for handle in Index::handles(m, &keys[i]) {
            // The newest hundred: an index entry of a busy author must not make fusion quadratic.
            candidates.extend(index.by.get(&handle).into_iter().flatten().rev().take(100));
        }
        let fits = |&c: &usize| {
            let score = fit(&clusters[c], mentions, i, &keys[i], &versions[i], &rarity);
            (score >= JOIN).then_some((score, c))
        };
        let best = candidates.iter().filter_map(fits).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let place = best.map_or_else(
            || {
                clusters.push(Cluster::default());
                clusters.len() - 1
            },
            |b| b.1,
        );
        let c = &mut clusters[place];
        if c.center.is_empty() {
            c.center = m.vector.clone();
        } else {
            c.center.iter_mut().zip(&m.vector).for_each(|(a, b)| *a += b);
        }
        c.mentions.push(i);
        keys[i].iter().for_each(|k| *c.keys.entry(k.clone()).or_default() += 1);
        c.versions.extend(versions[i].iter().cloned());
        c.threads.insert(m.thread_id);
        c.posts.insert(m.post_id);
        c.authors.extend(m.account_id);
        c.indicators.extend(m.indicators.iter().cloned());
        c.last = c.last.max(m.time);
        for handle in Index::handles(m, &keys[i]) {
            index.by.entry(handle).or_default().insert(place);
        }
    }
    let mut threats: Vec<Threat> = clusters.iter().map(|c| describe(c, mentions, standing, names)).collect();
    threats.sort_by(|a, b| a.first_seen.cmp(&b.first_seen).then_with(|| a.id.cmp(&b.id)));
    threats
}

/// How well mention `i` fits a cluster; [`JOIN`] is enough.
fn fit(
    c: &Cluster,
    mentions: &[Mention],
    i: usize,
    keys: &BTreeSet<String>,
    versions: &BTreeSet<String>,
    rarity: &dyn Fn(&str) -> f64,
) -> f64 {
    let m = &mentions[i];
    let head = &mentions[c.mentions[0]];
    if !same_kind(head.kind, m.kind) {
        return 0.0;
    }
    let gap = match (m.time, c.last) {
        (Some(a), Some(b)) => (a.0 - b.0).abs() / 86_400,
        _ => 0,
    };
    if gap > silence(m.kind.family()) {
        return 0.0;
    }
    let named = keys
        .iter()
        .map(|k| {
            if c.keys.contains_key(k) {
                rarity(k)
            } else {
                // One name inside the other ("ipkiller" in "ipkillertrojan") counts almost as much.
                let inside = |o: &&String| {
                    k.len() >= 5 && o.len() >= 5 && (o.contains(k.as_str()) || k.contains(o.as_str()))
                };
                c.keys.keys().filter(inside).map(|o| rarity(o).min(rarity(k)) * 0.9).fold(0.0, f64::max)
            }
        })
        .fold(0.0f64, f64::max);
    let same_post = c.posts.contains(&m.post_id);
    let same_thread = c.threads.contains(&m.thread_id);
    let same_author = m.account_id.is_some_and(|a| c.authors.contains(&a));
    let shared = m.indicators.iter().filter(|i| c.indicators.contains(*i)).count().min(2) as f64;
    let close = ((cosine(&c.center, &m.vector) - 0.85) / 0.15).clamp(0.0, 1.0);
    let mut score = 1.35 * named + 0.5 * shared + 0.3 * close;
    score += if same_post {
        0.7
    } else if same_thread {
        0.6
    } else {
        0.0
    };
    score += if same_author { 0.3 } else { 0.0 };
    match m.kind.family() {
        // Two sellers of the same goods are two events.
        Family::Trade if !same_author && shared == 0.0 && !same_thread => score -= 1.0,
        // A seller's own thread is one offer, whatever each post of it repeats.
        Family::Trade if same_author && (named > 0.0 || close > 0.5 || same_thread) => score += 0.4,
        // Another target is another attack, wherever it is spoken of.
        Family::Attack if named == 0.0 && !keys.is_empty() && !c.keys.is_empty() && !same_post => {
            score -= 0.5
        }
        _ => {}
    }
    if !versions.is_empty() && !c.versions.is_empty() && versions.is_disjoint(&c.versions) {
        score -= 0.8;
    }
    score - 0.2 * (gap as f64 / silence(m.kind.family()) as f64)
}

/// Weight of a type in severity: what it can do to a victim.
const fn gravity(kind: EventType) -> f32 {
    use EventType as E;
    match kind {
        E::Ransom | E::Intrusion => 1.0,
        E::Ddos | E::Malware => 0.9,
        E::Leak | E::Update | E::Vulnerability => 0.8,
        E::Sell | E::Release | E::Fraud => 0.7,
        E::Buy | E::Exchange => 0.4,
        E::Takedown | E::Patch => 0.3,
    }
}

fn status_of(list: &[&Mention]) -> ThreatStatus {
    let share = |modality| list.iter().filter(|m| m.modality == modality).count();
    let incident = list[0].kind.family() == Family::Incident;
    if share(Modality::Asserted) > 0 && share(Modality::Negated) <= share(Modality::Asserted) {
        if incident { ThreatStatus::Discussed } else { ThreatStatus::Active }
    } else if share(Modality::Planned) > 0 {
        ThreatStatus::Planned
    } else if share(Modality::Negated) > 0 {
        ThreatStatus::Negated
    } else if share(Modality::Asked) > share(Modality::Hypothetical) {
        ThreatStatus::Asked
    } else {
        ThreatStatus::Discussed
    }
}

fn merge_arguments(list: &[&Mention]) -> Vec<ThreatArgument> {
    struct Merged {
        spellings: BTreeMap<String, u32>,
        posts: BTreeSet<i64>,
        count: u32,
    }
    let mut merged: BTreeMap<(Role, String), Merged> = BTreeMap::new();
    for m in list {
        for (role, text, _, value) in &m.arguments {
            let key = match role {
                Role::Version => version_key(text),
                _ => name_key(value.as_deref().unwrap_or(text)),
            };
            let key = if key.is_empty() { text.to_lowercase() } else { key };
            let entry = merged.entry((*role, key)).or_insert_with(|| Merged {
                spellings: BTreeMap::new(),
                posts: BTreeSet::new(),
                count: 0,
            });
            *entry.spellings.entry(text.split_whitespace().collect::<Vec<_>>().join(" ")).or_default() += 1;
            entry.posts.insert(m.post_id);
            entry.count += 1;
        }
    }
    let mut arguments: Vec<ThreatArgument> = merged
        .into_iter()
        .map(|((role, _), m)| ThreatArgument {
            role,
            // The most frequent spelling, the longer of two equally frequent ones.
            value: m
                .spellings
                .into_iter()
                .max_by(|a, b| a.1.cmp(&b.1).then(a.0.len().cmp(&b.0.len())).then(b.0.cmp(&a.0)))
                .map(|s| s.0)
                .unwrap_or_default(),
            count: m.count,
            posts: m.posts.into_iter().collect(),
        })
        .collect();
    arguments
        .sort_by(|a, b| b.count.cmp(&a.count).then(a.role.cmp(&b.role)).then_with(|| a.value.cmp(&b.value)));
    arguments
}

/// What it is, in words.
fn title(kind: EventType, arguments: &[ThreatArgument], author: Option<&str>, trigger: &str) -> String {
    let of = |role: Role| arguments.iter().find(|a| a.role == role).map(|a| a.value.as_str());
    let (asset, target) = (of(Role::Asset), of(Role::Target));
    let thing = asset.or(of(Role::Vulnerability)).or(target).or(of(Role::Technique));
    let with_version = |name: &str| match of(Role::Version) {
        Some(v) if !name.contains(version_key(v).as_str()) => format!("{name} {v}"),
        _ => name.to_owned(),
    };
    let by = |who: Option<&str>| who.map(|w| format!(" by {w}")).unwrap_or_default();
    let on = |what: Option<&str>| what.map(|t| format!(" on {t}")).unwrap_or_default();
    let named = thing.map_or_else(|| format!("“{trigger}”"), with_version);
    let actor = of(Role::Actor).or(author);
    use EventType as E;
    match kind {
        E::Sell => format!("{named} for sale{}", by(actor)),
        E::Buy => format!("{named} sought{}", by(author)),
        E::Exchange => format!("{named} offered in exchange{}", by(author)),
        E::Release => format!("{named} shared{}", by(actor)),
        E::Update => format!("{named}: new version{}", by(actor)),
        E::Leak => format!(
            "{} leaked{}",
            target.or(asset).map_or_else(|| named.clone(), str::to_owned),
            by(of(Role::Actor))
        ),
        E::Ddos => format!("DDoS{}{}", on(target.or(asset)), by(of(Role::Actor))),
        E::Intrusion => format!("Intrusion{}{}", on(target.or(asset)), by(of(Role::Actor))),
        E::Ransom => format!("Extortion{}{}", on(target.or(asset)), by(of(Role::Actor).or(asset))),
        E::Fraud => format!("Fraud: {named}{}", by(of(Role::Actor))),
        E::Malware => format!("{named} in use{}", on(target.filter(|_| asset.is_some()))),
        E::Vulnerability => format!("Flaw: {}{}", of(Role::Vulnerability).unwrap_or(&named), on(target)),
        E::Patch => format!("Fix for {named}"),
        E::Takedown => format!("Takedown of {}", of(Role::Actor).or(target).or(asset).unwrap_or(&named)),
    }
    .chars()
    .take(140)
    .collect()
}

fn describe(
    c: &Cluster,
    mentions: &[Mention],
    standing: &BTreeMap<i64, f64>,
    names: &BTreeMap<i64, String>,
) -> Threat {
    let list: Vec<&Mention> = c.mentions.iter().map(|&i| &mentions[i]).collect();
    let head = list[0];
    let update = list.iter().filter(|m| m.kind == EventType::Update).count() * 2 >= list.len();
    let kind = match head.kind {
        EventType::Release | EventType::Update if update => EventType::Update,
        EventType::Release | EventType::Update => EventType::Release,
        kind => kind,
    };
    let arguments = merge_arguments(&list);
    let forums = list.iter().map(|m| m.forum_id).collect::<BTreeSet<_>>().len();
    let certain =
        list.iter().filter(|m| matches!(m.modality, Modality::Asserted | Modality::Planned)).count();
    let roles = arguments.iter().map(|a| a.role).collect::<BTreeSet<_>>().len();
    let best = c.authors.iter().filter_map(|a| standing.get(a)).copied().fold(0.0f64, f64::max);
    let posts = c.posts.len() as f32;
    let part = |name: &str, value: f32, weight: f32, note: String| {
        (name.to_owned(), (value.clamp(0.0, 1.0) * 1e3).round() / 1e3, weight, note)
    };
    let severity_parts = vec![
        part("gravity", gravity(kind), 0.30, format!("events of type {kind}")),
        part(
            "reach",
            (1.0 + posts).ln() / 60f32.ln(),
            0.25,
            format!("{} posts, {} threads, {forums} forums", c.posts.len(), c.threads.len()),
        ),
        part("standing", best as f32, 0.20, "score of its best-ranked participant".into()),
        part(
            "certainty",
            certain as f32 / list.len() as f32,
            0.15,
            format!("{certain} of {} mentions assert or announce it", list.len()),
        ),
        part(
            "substance",
            (roles as f32 + c.indicators.len().min(3) as f32) / 7.0,
            0.10,
            format!("{roles} kinds of arguments, {} indicators", c.indicators.len()),
        ),
    ];
    let severity: f32 = severity_parts.iter().map(|p| p.1 * p.2).sum();
    // Independent authors corroborate; one author's repetition does not.
    let mut sure: BTreeMap<i64, f32> = BTreeMap::new();
    for m in &list {
        let entry = sure.entry(m.account_id.unwrap_or(-m.post_id)).or_default();
        *entry = entry.max(m.confidence);
    }
    let confidence = 1.0 - sure.values().map(|p| 1.0 - p * 0.75).product::<f32>();
    let author = head.account_id.and_then(|a| names.get(&a)).map(String::as_str);
    Threat {
        id: format!("t{:012x}", fingerprint(head) >> 16),
        title: title(kind, &arguments, author, &head.trigger_text),
        kind,
        status: status_of(&list),
        severity: (severity * 1e3).round() / 1e3,
        severity_parts,
        confidence: (confidence.min(0.99) * 1e3).round() / 1e3,
        first_seen: list.iter().filter_map(|m| m.time).min(),
        last_seen: c.last,
        arguments,
        mentions: list.iter().map(|m| m.id).collect(),
    }
}

/// FNV-1a over what makes the earliest mention: the event keeps its identifier as it grows.
fn fingerprint(m: &Mention) -> u64 {
    let text = format!("{}|{}|{}", m.post_id, m.trigger.start, m.kind);
    let hash =
        text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tm_model::Span;

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
            fuse(mentions, &BTreeMap::new(), &BTreeMap::new()).into_iter().map(|t| t.mentions).collect();
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
        let threats = fuse(&m, &BTreeMap::new(), &BTreeMap::new());
        assert_eq!(threats[1].title, "IP Killer 2.0: new version");
    }

    #[test]
    fn status_and_severity_have_reasons() {
        let mut m = mention(1, EventType::Ddos, 1, 1, 0, &[(Role::Target, "Cloudflare")]);
        m.modality = Modality::Planned;
        let threat = &fuse(&[m], &BTreeMap::from([(1, 0.5)]), &BTreeMap::new())[0];
        assert_eq!(threat.status, ThreatStatus::Planned);
        let sum: f32 = threat.severity_parts.iter().map(|p| p.1 * p.2).sum();
        assert!((sum - threat.severity).abs() < 1e-3);
    }

    #[test]
    fn names_and_versions() {
        assert_eq!(name_key("IP-Killer v2.0"), "ipkiller");
        assert_eq!(split_version("Stealer 1.2").1.as_deref(), Some("1.2"));
        assert_eq!((version_key("v2.0"), version_key("2")), ("2".into(), "2".into()));
    }
}
