//! Events of MISP (core format, draft-18 of the MISP project), as a list that its import and PyMISP read.
//!
//! A threat event becomes a MISP event: its entities attributes, its accounts objects of the template `user-account`, its
//! sentences attributes of type `comment`. Entities and accounts without a threat event form one event each. Attributes are
//! flagged for detection (`to_ids`) only where [`Entity::blockable`](crate::Entity::blockable) says so.

use crate::stix::{describe, uuid as derived};
use crate::{Actor, Entity, Holdings, Participant, Sentence, ThreatItem, Tlp};
use serde_json::{Value, json};
use std::collections::HashMap;
use tm_model::{EntityType, Role, Timestamp};

/// Sentences of a threat event that become attributes.
const SENTENCES: usize = 25;
/// Template of the objects for accounts, from the MISP object templates (CC0).
const USER_ACCOUNT: &str = "49606b06-22f0-4ac8-8eee-2f12ad46f3d3";

/// All of it, in the form of MISP's own export: `{"response": [{"Event": …}, …]}`.
pub fn events(holdings: &Holdings, tlp: Tlp) -> Value {
    let entities: HashMap<(EntityType, &str), &Entity> =
        holdings.entities.iter().map(|e| ((e.kind, e.value.as_str()), e)).collect();
    let mut out: Vec<Value> =
        holdings.threats.iter().map(|t| json!({"Event": threat(t, &entities, tlp)})).collect();
    let mut told: std::collections::HashSet<(EntityType, &str)> = std::collections::HashSet::new();
    for t in &holdings.threats {
        told.extend(t.entities.iter().map(|(k, v)| (*k, v.as_str())));
    }
    let rest: Vec<&Entity> =
        holdings.entities.iter().filter(|e| !told.contains(&(e.kind, e.value.as_str()))).collect();
    if !rest.is_empty() {
        let attributes: Vec<Value> = rest.iter().filter_map(|e| attribute("entities", e)).collect();
        let last = rest.iter().filter_map(|e| e.last).max();
        out.push(json!({"Event": event("entities", "Entities of hacker forums", 4, last, attributes, Vec::new(), Vec::new(), tlp)}));
    }
    if holdings.threats.is_empty() && !holdings.actors.is_empty() {
        let objects: Vec<Value> = holdings.actors.iter().map(actor).collect();
        let last = holdings.actors.iter().filter_map(|a| a.last).max();
        out.push(json!({"Event": event("actors", "Key members of hacker forums", 4, last, Vec::new(), objects, Vec::new(), tlp)}));
    }
    let words: Vec<Value> = (holdings.events.iter().map(|e| sentence("events", &e.sentence)))
        .chain(holdings.posts.iter().map(|p| {
            let e = &p.evidence;
            comment("posts", &[&e.forum, &e.post], &p.text, &who(e), e.time)
        }))
        .collect();
    if !words.is_empty() {
        let last = holdings
            .posts
            .iter()
            .map(|p| p.evidence.time)
            .chain(holdings.events.iter().map(|e| e.sentence.evidence.time));
        let last = last.flatten().max();
        out.push(json!({"Event": event("words", "Posts of hacker forums", 4, last, words, Vec::new(), Vec::new(), tlp)}));
    }
    json!({"response": out})
}

fn uuid(parts: &[&str]) -> String {
    derived(parts).to_string()
}

fn seconds(t: Option<Timestamp>) -> i64 {
    t.map_or(0, |t| t.0.max(0))
}

#[allow(clippy::too_many_arguments)]
fn event(
    key: &str,
    info: &str,
    level: u8,
    last: Option<Timestamp>,
    attributes: Vec<Value>,
    objects: Vec<Value>,
    tags: Vec<String>,
    tlp: Tlp,
) -> Value {
    let day = last.map_or_else(|| "1970-01-01".to_owned(), Timestamp::day);
    let mut all = vec![format!("tlp:{}", tlp.as_str()), "source:forum".to_owned()];
    all.extend(tags);
    let tags: Vec<Value> = all.into_iter().map(|name| json!({"name": name})).collect();
    // Distribution 0 is "your organisation only": whoever imports decides who else may see it.
    json!({"uuid": uuid(&["misp-event", key]), "info": info, "date": day, "timestamp": seconds(last).to_string(),
        "threat_level_id": level.to_string(), "analysis": "1", "distribution": "0", "published": false,
        "Orgc": {"name": "ThreatMiner", "uuid": uuid(&["misp-org"])},
        "Tag": tags, "Attribute": attributes, "Object": objects})
}

fn threat(t: &ThreatItem, entities: &HashMap<(EntityType, &str), &Entity>, tlp: Tlp) -> Value {
    let mut attributes: Vec<Value> = vec![comment(&t.id, &["summary"], &describe(t), "summary", t.last)];
    for (kind, value) in &t.entities {
        if let Some(e) = entities.get(&(*kind, value.as_str())) {
            attributes.extend(attribute(&t.id, e));
        }
    }
    for (role, value, count) in &t.arguments {
        if t.entities.iter().any(|(_, v)| v.eq_ignore_ascii_case(value)) {
            continue;
        }
        let (category, kind) = match role {
            Role::Target => ("Targeting data", "target-external"),
            Role::Actor => ("Attribution", "threat-actor"),
            Role::Place
            | Role::Price
            | Role::Quantity
            | Role::Payment
            | Role::Time
            | Role::Version
            | Role::Asset
            | Role::Technique
            | Role::Vulnerability
            | Role::Contact => ("Other", "text"),
        };
        attributes.push(json!({"uuid": uuid(&["misp-argument", &t.id, role.as_str(), value]), "category": category, "type": kind,
            "value": value, "to_ids": false, "comment": format!("{role}, {count} mentions"), "timestamp": seconds(t.last).to_string()}));
    }
    attributes.extend(t.timeline.iter().take(SENTENCES).map(|s| sentence(&t.id, s)));
    let objects: Vec<Value> = t.participants.iter().map(|p| participant(&t.id, p, t.last)).collect();
    // MISP counts from 1, high, to 4, undefined.
    let level = if t.severity >= 0.66 {
        1
    } else if t.severity >= 0.33 {
        2
    } else {
        3
    };
    let tags = vec![
        format!("threatminer:event=\"{}\"", t.kind),
        format!("threatminer:family=\"{}\"", t.kind.family()),
        format!("threatminer:status=\"{}\"", t.status),
    ];
    event(&t.id, &t.title, level, t.last.or(t.first), attributes, objects, tags, tlp)
}

fn who(e: &crate::Evidence) -> String {
    format!("{} in {}, post {}", e.author.as_deref().unwrap_or("unknown"), e.forum, e.post)
}

fn sentence(within: &str, s: &Sentence) -> Value {
    let e = &s.evidence;
    let key = [e.forum.as_str(), &e.post, s.kind.as_str(), &s.text];
    comment(within, &key, &s.text, &format!("{} ({}): {}", s.kind, s.modality, who(e)), e.time)
}

fn comment(within: &str, key: &[&str], text: &str, note: &str, time: Option<Timestamp>) -> Value {
    let text = if text.trim().is_empty() { "(no words)" } else { text };
    json!({"uuid": uuid(&[&["misp-comment", within], key].concat()), "category": "Other", "type": "comment", "value": text,
        "to_ids": false, "comment": note, "timestamp": seconds(time).to_string()})
}

/// Category and type of an attribute.
fn kind_of(kind: EntityType) -> Option<(&'static str, &'static str)> {
    use EntityType as E;
    Some(match kind {
        E::Ipv4 | E::Ipv6 | E::Cidr => ("Network activity", "ip-dst"),
        E::Asn => ("Network activity", "AS"),
        E::Mac => ("Network activity", "mac-address"),
        E::Domain | E::Onion => ("Network activity", "domain"),
        E::Url => ("Network activity", "url"),
        E::Email => ("Network activity", "email"),
        E::UserAgent => ("Network activity", "user-agent"),
        E::Md5 => ("Payload delivery", "md5"),
        E::Sha1 => ("Payload delivery", "sha1"),
        E::Sha256 => ("Payload delivery", "sha256"),
        E::Sha512 => ("Payload delivery", "sha512"),
        E::Ssdeep => ("Payload delivery", "ssdeep"),
        E::FileName | E::FilePath => ("Payload delivery", "filename"),
        E::RegistryKey => ("Persistence mechanism", "regkey"),
        E::Cve => ("External analysis", "vulnerability"),
        E::Cwe => ("External analysis", "weakness"),
        E::Btc => ("Financial fraud", "btc"),
        E::Xmr => ("Financial fraud", "xmr"),
        E::Iban => ("Financial fraud", "iban"),
        E::Phone => ("Financial fraud", "phone-number"),
        E::Jabber => ("Social network", "jabber-id"),
        E::Malware => ("Payload delivery", "malware-type"),
        E::ThreatActor => ("Attribution", "threat-actor"),
        E::Organization => ("Targeting data", "target-org"),
        E::Location => ("Targeting data", "target-location"),
        // Moments and prices say nothing by themselves.
        E::Date | E::Price => return None,
        _ => ("Other", "text"),
    })
}

fn attribute(within: &str, e: &Entity) -> Option<Value> {
    let (category, kind) = kind_of(e.kind)?;
    let evidence: Vec<String> = e.evidence.iter().map(who).collect();
    let note = format!("{}, {} posts; {}", e.kind, e.posts, evidence.join("; "));
    // A CVE is fit for detection in MISP's sense only when it names a product; leave that to the analyst.
    let mut out = json!({"uuid": uuid(&["misp-attribute", within, e.kind.as_str(), &e.value]), "category": category, "type": kind,
        "value": e.value, "to_ids": e.blockable(), "comment": note, "timestamp": seconds(e.last).to_string()});
    if let (Some(first), Some(last)) = (e.first, e.last) {
        out["first_seen"] = json!(first.to_string());
        out["last_seen"] = json!(last.to_string());
    }
    let tags: Vec<Value> =
        e.tags.iter().map(|t| json!({"name": format!("threatminer:tag=\"{t}\"")})).collect();
    if !tags.is_empty() {
        out["Tag"] = json!(tags);
    }
    Some(out)
}

fn participant(within: &str, p: &Participant, time: Option<Timestamp>) -> Value {
    account(within, &p.forum, &p.name, &format!("{} mentions", p.mentions), time)
}

fn actor(a: &Actor) -> Value {
    let mut words =
        vec![a.rank.map_or_else(|| "not ranked".to_owned(), |r| format!("rank {r}, score {:.2}", a.score))];
    words.push(format!("{} posts", a.posts));
    words.extend(a.contacts.iter().map(|(kind, value)| format!("{kind}: {value}")));
    account("actors", &a.forum, &a.name, &words.join("; "), a.last)
}

fn account(within: &str, forum: &str, name: &str, note: &str, time: Option<Timestamp>) -> Value {
    let object = uuid(&["misp-object", within, forum, name]);
    let part = |relation: &str, value: &str| {
        json!({"uuid": uuid(&["misp-object-attribute", &object, relation]), "object_relation": relation, "type": "text",
            "category": "Other", "value": value, "to_ids": false, "timestamp": seconds(time).to_string()})
    };
    let attributes = [
        part("username", name),
        part("account-type", "forum"),
        part("description", &format!("account of {forum}; {note}")),
    ];
    json!({"uuid": object, "name": "user-account", "meta-category": "misc", "template_uuid": USER_ACCOUNT, "template_version": "6",
        "description": "Account of a forum", "comment": note, "timestamp": seconds(time).to_string(), "Attribute": attributes})
}
