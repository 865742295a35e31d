//! STIX 2.1 bundles (OASIS Standard, 10 June 2021).
//!
//! | of ours | becomes |
//! |---|---|
//! | threat event | `incident` (incident family) or `campaign`, with a `report` that holds all of it and a `note` with the timeline |
//! | account | `threat-actor` and its `user-account` |
//! | indicator | observable, `observed-data`; where it is fit for a blocklist `indicator` and `sighting` |
//! | malware, tool, technique, flaw | `malware`, `tool`, `attack-pattern`, `vulnerability` |
//! | named actor, target | `threat-actor`, `identity` |
//! | forum | `identity`, where sightings were made |
//! | post, event mention | `note` on the account that wrote it |
//!
//! Identifiers are derived from what an object is: two exports of the same store agree, and a consumer updates instead of
//! doubling. Evidence stands in external references (forum, the forum's post identifier, address, sentence).

mod id;
mod observable;

pub(crate) use id::uuid;

use crate::{Actor, Entity, Evidence, Holdings, Sentence, ThreatItem, Tlp};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use tm_model::{EntityType, EventType, Family, Role, Timestamp};

/// Sentences of a threat event that become external references and lines of its note.
const SENTENCES: usize = 25;
/// Where the property extension is described.
const SCHEMA: &str = "https://github.com/threatminer/threatminer/blob/main/docs/exports.md";
/// Moment of objects that have none of their own.
const BEGINNING: Timestamp = Timestamp(1_704_067_200);

/// The marking definitions that STIX 2.1 section 7.2.1.4 fixes.
fn marking(tlp: Tlp) -> Value {
    let (name, id) = match tlp {
        Tlp::Clear => ("white", "613f2e26-407d-48c7-9eca-b8e91df99dc9"),
        Tlp::Green => ("green", "34098fce-860f-48ae-8e50-ebd3cc5e41da"),
        Tlp::Amber => ("amber", "f88d31f6-486f-44da-b317-01333bde0b82"),
        Tlp::Red => ("red", "5e57c739-391a-4eb3-b6be-7d92ca15ed5e"),
    };
    json!({"type": "marking-definition", "spec_version": "2.1", "id": format!("marking-definition--{id}"),
        "created": "2017-01-20T00:00:00.000Z", "definition_type": "tlp", "name": format!("TLP:{}", name.to_uppercase()),
        "definition": {"tlp": name}})
}

/// A bundle of everything in the holdings.
///
/// Objects come in a fixed order: marking, producer, extension, then what the holdings name first.
pub fn bundle(holdings: &Holdings, tlp: Tlp) -> Value {
    let objects = objects(holdings, tlp);
    let ids: Vec<&str> = objects.iter().filter_map(|o| o["id"].as_str()).collect();
    let id = format!("bundle--{}", uuid(&[&["bundle"], ids.as_slice()].concat()));
    json!({"type": "bundle", "id": id, "objects": objects})
}

/// The objects of [`bundle`], each identifier once.
pub fn objects(holdings: &Holdings, tlp: Tlp) -> Vec<Value> {
    let mut maker = Maker::new(tlp);
    let entities: HashMap<(EntityType, &str), &Entity> =
        holdings.entities.iter().map(|e| ((e.kind, e.value.as_str()), e)).collect();
    let actors: HashMap<(&str, &str), &Actor> =
        holdings.actors.iter().map(|a| ((a.forum.as_str(), a.name.as_str()), a)).collect();
    for threat in &holdings.threats {
        maker.threat(threat, &entities, &actors);
    }
    for actor in &holdings.actors {
        maker.actor(actor);
    }
    for entity in &holdings.entities {
        maker.entity(entity);
    }
    for event in &holdings.events {
        let arguments: Vec<String> = event.arguments.iter().map(|(r, v)| format!("{r}: {v}")).collect();
        let s = &event.sentence;
        let title = format!("{} ({})", s.kind, s.modality);
        let content = [s.text.as_str(), &arguments.join("; ")].join("\n");
        let key = event.offset.to_string();
        let labels = vec![format!("event:{}", s.kind), format!("modality:{}", s.modality)];
        maker.note(&s.evidence, &key, &title, content.trim(), &labels, Some(event.confidence));
    }
    for post in &holdings.posts {
        maker.note(&post.evidence, "post", &post.evidence.thread, &post.text, &[], None);
    }
    maker.objects
}

struct Maker {
    marking: String,
    producer: String,
    extension: String,
    objects: Vec<Value>,
    place: HashMap<String, usize>,
}

fn moment(t: Option<Timestamp>) -> String {
    // STIX knows years of four digits only.
    let t = t.filter(|t| (0..253_402_300_800).contains(&t.0)).unwrap_or(BEGINNING);
    // Moments of domain objects must be precise to the millisecond, even where nobody knows them.
    t.to_string().replace('Z', ".000Z")
}

/// 0 to 1 as the whole number of 0 to 100 that STIX wants.
fn percent(x: f64) -> u64 {
    (x.clamp(0.0, 1.0) * 100.0).round() as u64
}

fn cut(text: &str, most: usize) -> String {
    let mut out: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        out.push('…');
    }
    out
}

/// Where a statement comes from.
fn reference(e: &Evidence, words: Option<&str>) -> Value {
    let mut out = Map::new();
    out.insert("source_name".into(), json!(if e.forum.is_empty() { "forum" } else { &e.forum }));
    out.insert("external_id".into(), json!(e.post));
    if let Some(url) = e.url.as_deref().filter(|u| u.starts_with("http://") || u.starts_with("https://")) {
        out.insert("url".into(), json!(url));
    }
    let author = e.author.as_deref().unwrap_or("unknown");
    let day = e.time.map(|t| format!(", {t}")).unwrap_or_default();
    let words = words.map(|w| format!(": {}", cut(w, 300))).unwrap_or_default();
    out.insert("description".into(), json!(format!("{author}{day}{words}")));
    Value::Object(out)
}

impl Maker {
    fn new(tlp: Tlp) -> Maker {
        let marking = marking(tlp);
        let producer = id::object("identity", &["producer", "ThreatMiner"]);
        let extension = id::object("extension-definition", &["account"]);
        let mut maker = Maker {
            marking: marking["id"].as_str().unwrap_or_default().to_owned(),
            producer: producer.clone(),
            extension: extension.clone(),
            objects: Vec::new(),
            place: HashMap::new(),
        };
        maker.put(marking);
        maker.domain("identity", &producer, None, None, json!({"name": "ThreatMiner", "identity_class": "system",
            "description": "Mines hacker forums for threat intelligence; statements are claims of forum members until confirmed."}));
        maker.domain("extension-definition", &extension, None, None, json!({"name": "Kind of account",
            "description": "Which service a user account belongs to, beyond the account types of the standard.",
            "schema": SCHEMA, "version": "1.0.0", "extension_types": ["property-extension"]}));
        maker
    }

    /// Adds an object unless it is there.
    fn put(&mut self, object: Value) -> String {
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        if !self.place.contains_key(&id) {
            self.place.insert(id.clone(), self.objects.len());
            self.objects.push(object);
        }
        id
    }

    /// Adds a domain or relationship object with the properties that all of them share.
    fn domain(
        &mut self,
        kind: &str,
        id: &str,
        created: Option<Timestamp>,
        modified: Option<Timestamp>,
        own: Value,
    ) -> String {
        let created = moment(created);
        let modified = moment(modified).max(created.clone());
        let mut out = json!({"type": kind, "spec_version": "2.1", "id": id, "created": created, "modified": modified,
            "object_marking_refs": [self.marking]});
        if id != self.producer {
            out["created_by_ref"] = json!(self.producer);
        }
        if let (Some(out), Value::Object(own)) = (out.as_object_mut(), own) {
            out.extend(own.into_iter().filter(|(_, v)| !v.is_null() && *v != json!([])));
        }
        self.put(out)
    }

    fn observable(&mut self, kind: EntityType, value: &str) -> Option<String> {
        let mut object = observable::observable(kind, value, &self.extension)?;
        object["object_marking_refs"] = json!([self.marking]);
        Some(self.put(object))
    }

    fn relate(
        &mut self,
        from: &str,
        kind: &str,
        to: &str,
        first: Option<Timestamp>,
        last: Option<Timestamp>,
    ) -> String {
        let id = id::object("relationship", &[from, kind, to]);
        self.domain(
            "relationship",
            &id,
            first,
            last,
            json!({"relationship_type": kind, "source_ref": from, "target_ref": to}),
        )
    }

    fn forum(&mut self, name: &str) -> String {
        let id = id::object("identity", &["forum", name]);
        self.domain("identity", &id, None, None,
            json!({"name": name, "identity_class": "organization", "labels": ["forum"], "description": "Forum that posts were read from."}))
    }

    /// The account of a forum, as an observable.
    fn account(&mut self, forum: &str, name: &str) -> String {
        let login = format!("{name}@{forum}");
        let mut object = observable::account("forum", &login, name, &self.extension);
        object["object_marking_refs"] = json!([self.marking]);
        self.put(object)
    }

    fn persona(&mut self, forum: &str, name: &str, known: Option<&Actor>) -> String {
        let id = id::object("threat-actor", &["account", forum, name]);
        if self.place.contains_key(&id) {
            return id;
        }
        let (first, last) = known.map_or((None, None), |a| (a.first, a.last));
        let mut words = vec![format!("Account of the forum {forum}.")];
        let mut references = Vec::new();
        if let Some(a) = known {
            words.push(format!("{} posts, {} threads started.", a.posts, a.threads_started));
            if let Some(rank) = a.rank {
                let parts: Vec<String> = a.parts.iter().map(|(n, v)| format!("{n} {v:.2}")).collect();
                words.push(format!("Rank {rank}, score {:.2} = {}.", a.score, parts.join(" + ")));
            }
            let fields: Vec<String> = a.fields.iter().take(3).map(|f| f.0.clone()).collect();
            if !fields.is_empty() {
                words.push(format!("Fields: {}.", fields.join(", ")));
            }
            references.extend(a.evidence.iter().map(|e| reference(e, None)));
        }
        let mut own = json!({"name": name, "description": words.join(" "), "threat_actor_types": ["unknown"],
            "external_references": references});
        if let (Some(first), Some(last)) = (first, last) {
            own["first_seen"] = json!(moment(Some(first)));
            own["last_seen"] = json!(moment(Some(last)));
        }
        self.domain("threat-actor", &id, first, last, own);
        let account = self.account(forum, name);
        self.relate(&id, "related-to", &account, first, last);
        id
    }

    fn actor(&mut self, actor: &Actor) {
        let id = self.persona(&actor.forum, &actor.name, Some(actor));
        for (kind, value) in &actor.contacts {
            if let Some(contact) = self.observable(*kind, value) {
                self.relate(&id, "related-to", &contact, actor.first, actor.last);
            }
        }
    }

    /// Everything that an entity becomes; the object that others should point to comes back.
    fn entity(&mut self, e: &Entity) -> Option<String> {
        use EntityType as E;
        let references: Vec<Value> = e.evidence.iter().map(|x| reference(x, None)).collect();
        let named = |kind: &'static str, own: Value| Some((kind, own));
        let domain = match e.kind {
            E::Malware => named("malware", json!({"name": e.value, "is_family": true})),
            E::Tool => named("tool", json!({"name": e.value})),
            E::ThreatActor => {
                named("threat-actor", json!({"name": e.value, "threat_actor_types": ["unknown"]}))
            }
            E::Organization => named("identity", json!({"name": e.value, "identity_class": "organization"})),
            E::Technique => named("attack-pattern", json!({"name": e.value})),
            E::AttackTechnique => named(
                "attack-pattern",
                json!({"name": e.value, "external_references":
                [{"source_name": "mitre-attack", "external_id": e.value}]}),
            ),
            E::Cve => named(
                "vulnerability",
                json!({"name": e.value, "external_references": [{"source_name": "cve", "external_id": e.value}]}),
            ),
            E::Cwe | E::Vulnerability => named("vulnerability", json!({"name": e.value})),
            _ => None,
        };
        if let Some((kind, mut own)) = domain {
            let id = id::object(kind, &["entity", &e.value.to_lowercase()]);
            let mut all = own["external_references"].as_array().cloned().unwrap_or_default();
            all.extend(references);
            own["external_references"] = json!(all);
            return Some(self.domain(kind, &id, e.first, e.last, own));
        }
        let observable = self.observable(e.kind, &e.value)?;
        let id = id::object("observed-data", &[e.kind.as_str(), &e.value]);
        let (first, last) = (moment(e.first), moment(e.last));
        let observed = self.domain(
            "observed-data",
            &id,
            e.first,
            e.last,
            json!({"first_observed": first,
            "last_observed": last.max(first.clone()), "number_observed": e.posts.clamp(1, 999_999_999),
            "object_refs": [observable], "external_references": references}),
        );
        let Some(pattern) = observable::pattern(e.kind, &e.value).filter(|_| e.blockable()) else {
            return Some(observable);
        };
        let id = id::object("indicator", &[e.kind.as_str(), &e.value]);
        let indicator = self.domain("indicator", &id, e.first, e.last, json!({"name": e.value, "pattern": pattern,
            "pattern_type": "stix", "pattern_version": "2.1", "valid_from": first, "indicator_types": ["unknown"],
            "description": format!("{} in {} posts of hacker forums; a mention, not a verdict.", e.kind, e.posts),
            "external_references": references}));
        self.relate(&indicator, "based-on", &observed, e.first, e.last);
        let mut forums: Vec<&str> =
            e.evidence.iter().map(|x| x.forum.as_str()).filter(|f| !f.is_empty()).collect();
        forums.sort_unstable();
        forums.dedup();
        let seen: Vec<String> = forums.iter().map(|f| self.forum(f)).collect();
        let id = id::object("sighting", &[&indicator]);
        let mut own = json!({"sighting_of_ref": indicator, "observed_data_refs": [observed], "where_sighted_refs": seen,
            "count": e.posts.min(999_999_999)});
        if e.first.is_some() && e.last > e.first {
            own["first_seen"] = json!(first);
            own["last_seen"] = json!(moment(e.last));
        }
        self.domain("sighting", &id, e.first, e.last, own);
        Some(indicator)
    }

    fn threat(
        &mut self,
        t: &ThreatItem,
        entities: &HashMap<(EntityType, &str), &Entity>,
        actors: &HashMap<(&str, &str), &Actor>,
    ) {
        let kind = if t.kind.family() == Family::Incident { "incident" } else { "campaign" };
        let id = id::object(kind, &["threat", &t.id]);
        let references: Vec<Value> =
            t.timeline.iter().take(SENTENCES).map(|s| reference(&s.evidence, Some(&s.text))).collect();
        let labels = vec![
            format!("event:{}", t.kind),
            format!("family:{}", t.kind.family()),
            format!("status:{}", t.status),
        ];
        let mut own = json!({"name": t.title, "description": describe(t), "confidence": percent(t.confidence),
            "labels": labels, "external_references": references});
        if let (Some(_), Some(last)) = (t.first, t.last)
            && kind == "campaign"
        {
            own["first_seen"] = json!(moment(t.first));
            own["last_seen"] = json!(moment(Some(last)));
        }
        self.domain(kind, &id, t.first, t.last, own);
        let mut refs = vec![id.clone()];
        for p in &t.participants {
            let known = actors.get(&(p.forum.as_str(), p.name.as_str())).copied();
            let persona = self.persona(&p.forum, &p.name, known);
            // Who offers goods is behind the offer; who talks of an attack need not be behind the attack.
            let how = if speaks_for_itself(t.kind) { "attributed-to" } else { "related-to" };
            let related = self.relate(&id, how, &persona, t.first, t.last);
            refs.extend([persona, related]);
        }
        for (kind, value) in &t.entities {
            let Some(entity) = entities.get(&(*kind, value.as_str())) else { continue };
            let Some(made) = self.entity(entity) else { continue };
            let related = self.tie(&id, &made, *kind, value, t);
            refs.push(made);
            refs.push(related);
        }
        for (role, value, _) in t.arguments.iter().filter(|(r, ..)| matches!(r, Role::Target | Role::Actor)) {
            // A target or actor that stands among the entities is there already, under its own type.
            if t.entities.iter().any(|(_, v)| v.eq_ignore_ascii_case(value)) {
                continue;
            }
            let (kind, own, how) = match role {
                Role::Target => ("identity", json!({"name": value, "identity_class": "unknown"}), "targets"),
                _ => (
                    "threat-actor",
                    json!({"name": value, "threat_actor_types": ["unknown"]}),
                    "attributed-to",
                ),
            };
            let made = id::object(kind, &["entity", &value.to_lowercase()]);
            self.domain(kind, &made, t.first, t.last, own);
            let how = if id.starts_with("incident") { "related-to" } else { how };
            let related = self.relate(&id, how, &made, t.first, t.last);
            refs.extend([made, related]);
        }
        let lines: Vec<String> = t.timeline.iter().take(SENTENCES).map(line).collect();
        if !lines.is_empty() {
            let note = id::object("note", &["timeline", &t.id]);
            refs.push(self.domain(
                "note",
                &note,
                t.first,
                t.last,
                json!({"abstract": "Timeline", "content": lines.join("\n"), "object_refs": [id]}),
            ));
        }
        let mut seen = std::collections::HashSet::new();
        refs.retain(|r| seen.insert(r.clone()));
        let report = id::object("report", &["threat", &t.id]);
        self.domain("report", &report, t.first, t.last, json!({"name": t.title, "description": describe(t),
            "published": moment(t.last.or(t.first)), "report_types": ["threat-report"], "confidence": percent(t.confidence),
            "labels": [format!("severity:{}", percent(t.severity))], "object_refs": refs}));
    }

    /// How a threat event stands to an entity of its posts.
    fn tie(&mut self, id: &str, made: &str, kind: EntityType, value: &str, t: &ThreatItem) -> String {
        let target = t.arguments.iter().any(|(r, v, _)| {
            matches!(r, Role::Target | Role::Vulnerability)
                && v.to_lowercase().contains(&value.to_lowercase())
        });
        let campaign = id.starts_with("campaign");
        let prefix = made.split("--").next().unwrap_or_default();
        let (from, how, to) = match prefix {
            "indicator" if campaign => (made, "indicates", id),
            "malware" | "tool" | "attack-pattern" if campaign => (id, "uses", made),
            "vulnerability" if campaign && (target || kind == EntityType::Cve) => (id, "targets", made),
            "identity" if campaign && target => (id, "targets", made),
            _ => (id, "related-to", made),
        };
        self.relate(from, how, to, t.first, t.last)
    }

    /// What somebody wrote, as a note on the account.
    fn note(
        &mut self,
        e: &Evidence,
        key: &str,
        title: &str,
        text: &str,
        labels: &[String],
        confidence: Option<f64>,
    ) {
        let about = match &e.author {
            Some(author) => self.account(&e.forum, author),
            None => self.forum(&e.forum),
        };
        let id = id::object("note", &[&e.forum, &e.post, key]);
        let mut own = json!({"abstract": cut(title, 200), "content": if text.is_empty() { "(no words)" } else { text },
            "object_refs": [about], "labels": labels, "external_references": [reference(e, None)]});
        if let Some(author) = &e.author {
            own["authors"] = json!([author]);
        }
        if let Some(confidence) = confidence {
            own["confidence"] = json!(percent(confidence));
        }
        self.domain("note", &id, e.time, e.time, own);
    }
}

/// Whether the author of such a mention is the one who does it.
fn speaks_for_itself(kind: EventType) -> bool {
    matches!(kind.family(), Family::Trade | Family::Spread)
}

fn line(s: &Sentence) -> String {
    let time = s.evidence.time.map_or_else(|| "?".to_owned(), |t| t.to_string());
    let author = s.evidence.author.as_deref().unwrap_or("?");
    format!("{time} [{}] {author} ({}): {}", s.modality, s.evidence.forum, cut(&s.text, 500))
}

/// A threat event in words.
pub(crate) fn describe(t: &ThreatItem) -> String {
    let mut roles: BTreeMap<Role, Vec<String>> = BTreeMap::new();
    for (role, value, count) in &t.arguments {
        let value = if *count > 1 { format!("{value} ({count})") } else { value.clone() };
        roles.entry(*role).or_default().push(value);
    }
    let mut words = vec![format!(
        "{} ({} family), {}. Severity {}, confidence {} of 100; {} mentions in {}.",
        t.kind,
        t.kind.family(),
        t.status,
        percent(t.severity),
        percent(t.confidence),
        t.mentions,
        t.forums.join(", ")
    )];
    words.extend(roles.iter().map(|(role, values)| {
        format!("{role}: {}.", values.iter().take(8).cloned().collect::<Vec<_>>().join(", "))
    }));
    words.join(" ")
}

#[cfg(test)]
pub(crate) mod tests;
