//! A threat event in words and figures, from the mentions that fusion has joined.

use super::names::{name_key, version_key};
use std::collections::{BTreeMap, BTreeSet};
use tm_model::{EventType, Family, Mention, Modality, Role, Threat, ThreatArgument, ThreatStatus};

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

/// The type that most mentions have; of equally frequent ones that of the earliest mention.
fn main_kind(list: &[&Mention]) -> EventType {
    let count = |kind: EventType| list.iter().filter(|m| m.kind == kind).count();
    let most = list.iter().map(|m| count(m.kind)).max().unwrap_or(0);
    list.iter().map(|m| m.kind).find(|&k| count(k) == most).unwrap_or(EventType::Sell)
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

/// The threat event of mentions, at least one, that speak of one happening. `standing` is each account's score as a key
/// hacker, 0 to 1; `names` its handle, for the title.
pub(super) fn describe(
    mentions: &[&Mention],
    standing: &BTreeMap<i64, f64>,
    names: &BTreeMap<i64, String>,
) -> Option<Threat> {
    let mut list = mentions.to_vec();
    // A mention that came late may be the earliest.
    list.sort_by_key(|m| (m.time, m.post_id, m.trigger.start, m.id));
    let head = *list.first()?;
    let authors: BTreeSet<i64> = list.iter().filter_map(|m| m.account_id).collect();
    let post_count = list.iter().map(|m| m.post_id).collect::<BTreeSet<_>>().len();
    let threads = list.iter().map(|m| m.thread_id).collect::<BTreeSet<_>>().len();
    let indicators = list.iter().flat_map(|m| &m.indicators).collect::<BTreeSet<_>>().len();
    let kind = main_kind(&list);
    let arguments = merge_arguments(&list);
    let forums = list.iter().map(|m| m.forum_id).collect::<BTreeSet<_>>().len();
    let certain =
        list.iter().filter(|m| matches!(m.modality, Modality::Asserted | Modality::Planned)).count();
    let roles = arguments.iter().map(|a| a.role).collect::<BTreeSet<_>>().len();
    let best = authors.iter().filter_map(|a| standing.get(a)).copied().fold(0.0f64, f64::max);
    let posts = post_count as f32;
    let part = |name: &str, value: f32, weight: f32, note: String| {
        (name.to_owned(), (value.clamp(0.0, 1.0) * 1e3).round() / 1e3, weight, note)
    };
    let severity_parts = vec![
        part("gravity", gravity(kind), 0.30, format!("events of type {kind}")),
        part(
            "reach",
            (1.0 + posts).ln() / 60f32.ln(),
            0.25,
            format!("{post_count} posts, {threads} threads, {forums} forums"),
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
            (roles as f32 + indicators.min(3) as f32) / 7.0,
            0.10,
            format!("{roles} kinds of arguments, {indicators} indicators"),
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
    Some(Threat {
        id: format!("t{:012x}", fingerprint(head) >> 16),
        title: title(kind, &arguments, author, &head.trigger_text),
        kind,
        status: status_of(&list),
        severity: (severity * 1e3).round() / 1e3,
        severity_parts,
        confidence: (confidence.min(0.99) * 1e3).round() / 1e3,
        first_seen: list.iter().filter_map(|m| m.time).min(),
        last_seen: list.iter().filter_map(|m| m.time).max(),
        arguments,
        mentions: list.iter().map(|m| m.id).collect(),
    })
}

/// FNV-1a over what makes the earliest mention: the event keeps its identifier as it grows.
fn fingerprint(m: &Mention) -> u64 {
    let text = format!("{}|{}|{}", m.post_id, m.trigger.start, m.kind);
    let hash =
        text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
