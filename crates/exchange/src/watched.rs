//! Values to watch for, read from STIX 2.1 bundles and MISP events of others.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A document that brings nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchedError {
    /// It has not the form that was named.
    #[error("this is no {0}")]
    Form(&'static str),
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchedFormat {
    /// A bundle, a list of objects, or an envelope of TAXII.
    Stix,
    /// An event, a list of events, or the answer of a search.
    Misp,
}

impl std::str::FromStr for WatchedFormat {
    type Err = String;
    fn from_str(s: &str) -> Result<WatchedFormat, String> {
        match s {
            "stix" => Ok(WatchedFormat::Stix),
            "misp" => Ok(WatchedFormat::Misp),
            other => Err(format!("unknown format '{other}', known are: stix misp")),
        }
    }
}

/// What a document brings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watched {
    /// Values by the kind of watchlist that holds such: `actor`, `cve`, `indicator`, `keyword`, `organization`.
    pub lists: BTreeMap<&'static str, Vec<String>>,
    /// Objects or attributes that hold nothing to watch for.
    pub skipped: u64,
}

#[derive(Default)]
struct Gathered {
    lists: BTreeMap<&'static str, BTreeSet<String>>,
    skipped: u64,
}

impl Gathered {
    fn put(&mut self, kind: &'static str, value: &str) -> bool {
        let value = value.trim();
        let fits = !value.is_empty() && value.chars().count() <= 500;
        if fits {
            self.lists.entry(kind).or_default().insert(value.to_owned());
        }
        fits
    }
}

/// Reads what a document names. Values come sorted, each once.
///
/// # Errors
/// [`WatchedError::Form`] when it is no such document.
pub fn read(format: WatchedFormat, document: &Value) -> Result<Watched, WatchedError> {
    let mut out = Gathered::default();
    match format {
        WatchedFormat::Stix => {
            let objects = document["objects"].as_array().or_else(|| document.as_array());
            for object in objects.ok_or(WatchedError::Form("STIX bundle: it has no objects"))? {
                if !stix(object, &mut out) {
                    out.skipped += 1;
                }
            }
        }
        WatchedFormat::Misp => {
            let response = document["response"].as_array().or_else(|| document.as_array());
            let events: Vec<&Value> = response.map_or_else(|| vec![document], |r| r.iter().collect());
            let events: Vec<&Value> = events.into_iter().map(|e| e.get("Event").unwrap_or(e)).collect();
            let attributes = |v: &Value| v["Attribute"].as_array().cloned().unwrap_or_default();
            if !events.iter().any(|e| e.get("Attribute").is_some() || e.get("Object").is_some()) {
                return Err(WatchedError::Form("MISP event: it has neither Attribute nor Object"));
            }
            for event in events {
                let objects = event["Object"].as_array().map(Vec::as_slice).unwrap_or_default();
                for attribute in attributes(event).into_iter().chain(objects.iter().flat_map(attributes)) {
                    if !misp(&attribute, &mut out) {
                        out.skipped += 1;
                    }
                }
            }
        }
    }
    let lists = out.lists.into_iter().map(|(kind, values)| (kind, values.into_iter().collect())).collect();
    Ok(Watched { lists, skipped: out.skipped })
}

/// Whether a STIX object holds something to watch for.
fn stix(object: &Value, out: &mut Gathered) -> bool {
    let text = |name: &str| object[name].as_str().unwrap_or_default();
    match text("type") {
        "indicator" if object["revoked"].as_bool() != Some(true) && text("pattern_type") == "stix" => {
            let values = compared(text("pattern"));
            values.iter().filter(|v| out.put("indicator", v)).count() > 0
        }
        "ipv4-addr" | "ipv6-addr" | "domain-name" | "url" | "email-addr" | "mac-addr" => {
            out.put("indicator", text("value"))
        }
        "file" => {
            let hashes = object["hashes"].as_object();
            let values: Vec<&str> = hashes.into_iter().flatten().filter_map(|(_, v)| v.as_str()).collect();
            values.iter().filter(|v| out.put("indicator", v)).count() > 0
        }
        "vulnerability" if text("name").to_ascii_uppercase().starts_with("CVE-") => {
            out.put("cve", text("name"))
        }
        "vulnerability" => {
            let references = object["external_references"].as_array().map(Vec::as_slice).unwrap_or_default();
            let cve =
                references.iter().find(|r| r["source_name"] == "cve").and_then(|r| r["external_id"].as_str());
            cve.is_some_and(|id| out.put("cve", id))
        }
        "threat-actor" | "intrusion-set" => {
            let mut names = vec![text("name")];
            names.extend(object["aliases"].as_array().into_iter().flatten().filter_map(Value::as_str));
            names.iter().filter(|n| out.put("actor", n)).count() > 0
        }
        "malware" | "tool" => out.put("keyword", text("name")),
        "identity" if text("identity_class") == "organization" => out.put("organization", text("name")),
        _ => false,
    }
}

/// Values that the comparisons of a STIX pattern (section 9) ask for: the quoted text behind `=`, `IN` or `ISSUBSET`.
fn compared(pattern: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut chars = pattern.chars();
    let mut before = String::new();
    while let Some(c) = chars.next() {
        if c != '\'' {
            before.push(c);
            continue;
        }
        let mut value = String::new();
        while let Some(c) = chars.next() {
            match c {
                '\\' => value.extend(chars.next()),
                '\'' => break,
                c => value.push(c),
            }
        }
        let head = before.trim_end();
        let negated = head.ends_with("!=") || head.contains("NOT ");
        // In a path, as `file:hashes.'SHA-256'`, the quoted text is a name.
        let compares = ["=", "ISSUBSET", "(", ","].iter().any(|o| head.ends_with(o));
        if compares && !negated {
            out.push(value);
        }
        // Within a list the comma decides; everywhere else what stands before the next value.
        if !head.ends_with('(') && !head.ends_with(',') || !compares {
            before.clear();
        } else {
            before = if negated { "NOT ".into() } else { String::new() };
        }
    }
    out
}

/// Whether an attribute of MISP holds something to watch for.
fn misp(attribute: &Value, out: &mut Gathered) -> bool {
    let text = |name: &str| attribute[name].as_str().unwrap_or_default();
    if attribute["deleted"].as_bool() == Some(true) {
        return false;
    }
    // A composite such as `filename|sha256` or `ip-dst|port`: its parts are named like attributes.
    let (kinds, values) = (text("type"), text("value"));
    let parts = kinds.split('|').zip(values.split('|'));
    let taken = parts.filter(|(kind, value)| {
        let list = match *kind {
            "ip-src" | "ip-dst" | "domain" | "hostname" | "url" | "uri" | "link" | "md5" | "sha1"
            | "sha256" | "sha512" | "ssdeep" | "email" | "email-src" | "email-dst" | "btc" | "xmr"
            | "mac-address" | "jabber-id" | "phone-number" | "iban" | "AS" => "indicator",
            "vulnerability" if value.to_ascii_uppercase().starts_with("CVE-") => "cve",
            "threat-actor" => "actor",
            "target-org" => "organization",
            _ => return false,
        };
        out.put(list, value)
    });
    taken.count() > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bundles() {
        let indicator = |p: &str| json!({"type": "indicator", "pattern_type": "stix", "pattern": p});
        let bundle = json!({"type": "bundle", "objects": [
            indicator("[ipv4-addr:value = '203.0.113.7'] AND [url:value = 'http://a.example/\\'x']"),
            indicator("[file:hashes.'SHA-256' = 'aa' OR file:hashes.MD5 = 'bb']"),
            indicator("[domain-name:value IN ('b.example', 'c.example')]"),
            indicator("[domain-name:value != 'not.example']"),
            indicator("[ipv4-addr:value ISSUBSET '198.51.100.0/24']"),
            {"type": "vulnerability", "name": "CVE-2025-1234"},
            {"type": "vulnerability", "name": "Bleed", "external_references": [{"source_name": "cve", "external_id": "CVE-2025-1"}]},
            {"type": "threat-actor", "name": "vega", "aliases": ["vega_2"]},
            {"type": "identity", "name": "Acme", "identity_class": "organization"},
            {"type": "malware", "name": "Loader"},
            {"type": "relationship"}, 7,
        ]});
        let found = read(WatchedFormat::Stix, &bundle).unwrap();
        let list = |k: &str| found.lists.get(k).map(|l| l.join(" ")).unwrap_or_default();
        assert_eq!(
            list("indicator"),
            "198.51.100.0/24 203.0.113.7 aa b.example bb c.example http://a.example/'x"
        );
        assert_eq!(list("cve"), "CVE-2025-1 CVE-2025-1234");
        assert_eq!(
            (list("actor"), list("organization"), list("keyword")),
            ("vega vega_2".into(), "Acme".into(), "Loader".into())
        );
        assert_eq!(found.skipped, 3);
        assert!(read(WatchedFormat::Stix, &json!({"x": 1})).is_err());
    }

    #[test]
    fn events() {
        let event = json!({"Event": {"Attribute": [
            {"type": "ip-dst|port", "value": "203.0.113.7|443"}, {"type": "vulnerability", "value": "CVE-2025-1234"},
            {"type": "comment", "value": "x"}, {"type": "domain", "value": "d.example", "deleted": true}],
            "Object": [{"Attribute": [{"type": "sha256", "value": "cc"}, {"type": "target-org", "value": "Acme"}]}]}});
        let found = read(WatchedFormat::Misp, &json!({"response": [event]})).unwrap();
        assert_eq!(found.lists["indicator"], ["203.0.113.7", "cc"]);
        assert_eq!(found.lists["cve"], ["CVE-2025-1234"]);
        assert_eq!(found.lists["organization"], ["Acme"]);
        assert_eq!(found.skipped, 2);
        assert!(read(WatchedFormat::Misp, &json!({"x": 1})).is_err());
    }

    #[test]
    fn what_is_written_here_is_read_here() {
        let made = crate::stix::bundle(&crate::stix::tests::holdings(), crate::Tlp::Clear);
        let found = read(WatchedFormat::Stix, &made).unwrap();
        assert!(!found.lists["indicator"].is_empty());
    }
}
