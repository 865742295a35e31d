//! Entities as cyber-observable objects (STIX 2.1 section 6) and as patterns of indicators (section 9).

use super::id;
use serde_json::{Map, Value, json};
use tm_model::EntityType;

/// An observable for a value, with its identifier; `None` for types that the standard has nothing for.
///
/// Contacts and wallets are user accounts whose kind stands in our property extension: the standard's account types are few.
/// Their identifier contributes the kind as well, so that one name on two services is two accounts.
pub(super) fn observable(kind: EntityType, value: &str, extension: &str) -> Option<Value> {
    use EntityType as E;
    let simple = |name: &str| object(name, json!({"value": value}), Map::new());
    let hash = |name: &str| object("file", json!({"hashes": {name: value}}), Map::new());
    Some(match kind {
        E::Ipv4 => simple("ipv4-addr"),
        E::Ipv6 => simple("ipv6-addr"),
        E::Cidr => simple(if value.contains(':') { "ipv6-addr" } else { "ipv4-addr" }),
        E::Domain | E::Onion => simple("domain-name"),
        E::Url => simple("url"),
        E::Email => simple("email-addr"),
        E::Mac => simple("mac-addr"),
        E::Asn => {
            let number: u32 = value.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok()?;
            object("autonomous-system", json!({"number": number}), Map::new())
        }
        E::Md5 => hash("MD5"),
        E::Sha1 => hash("SHA-1"),
        E::Sha256 => hash("SHA-256"),
        E::Sha512 => hash("SHA-512"),
        E::Ssdeep => hash("SSDEEP"),
        E::FileName => object("file", json!({"name": value}), Map::new()),
        E::FilePath => object("directory", json!({"path": value}), Map::new()),
        E::RegistryKey => object("windows-registry-key", json!({"key": value}), Map::new()),
        E::Software => object("software", json!({"name": value}), Map::new()),
        E::Btc | E::Eth | E::Xmr | E::Ltc | E::Doge | E::Trx | E::Iban | E::Card | E::Phone => {
            account(kind.as_str(), value, value, extension)
        }
        kind if kind.is_contact() => account(kind.as_str(), value, value, extension),
        _ => return None,
    })
}

/// A user account of a service or of a forum.
pub(super) fn account(kind: &str, login: &str, shown: &str, extension: &str) -> Value {
    let own = json!({extension: {"extension_type": "property-extension", "account_kind": kind}});
    let rest = Map::from_iter([("display_name".to_owned(), json!(shown)), ("extensions".to_owned(), own)]);
    object("user-account", json!({"account_login": login, "user_id": format!("{kind}:{login}")}), rest)
}

fn object(kind: &str, contributing: Value, rest: Map<String, Value>) -> Value {
    let mut out = json!({"type": kind, "spec_version": "2.1", "id": id::observable(kind, &contributing)});
    if let (Some(out), Value::Object(own)) = (out.as_object_mut(), contributing) {
        out.extend(own);
        out.extend(rest);
    }
    out
}

/// A pattern that matches the value; `None` for types that no blocklist has.
pub(super) fn pattern(kind: EntityType, value: &str) -> Option<String> {
    use EntityType as E;
    let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
    let path = match kind {
        E::Ipv4 => "ipv4-addr:value",
        E::Ipv6 => "ipv6-addr:value",
        E::Cidr if value.contains(':') => return Some(format!("[ipv6-addr:value ISSUBSET '{quoted}']")),
        E::Cidr => return Some(format!("[ipv4-addr:value ISSUBSET '{quoted}']")),
        E::Domain | E::Onion => "domain-name:value",
        E::Url => "url:value",
        E::Md5 => "file:hashes.MD5",
        E::Sha1 => "file:hashes.'SHA-1'",
        E::Sha256 => "file:hashes.'SHA-256'",
        E::Sha512 => "file:hashes.'SHA-512'",
        _ => return None,
    };
    Some(format!("[{path} = '{quoted}']"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_escape() {
        assert_eq!(
            pattern(EntityType::Url, "http://a.example/'x\\").as_deref(),
            Some("[url:value = 'http://a.example/\\'x\\\\']")
        );
    }

    #[test]
    fn one_name_on_two_services_is_two_accounts() {
        let make = |k| observable(k, "vega", "extension-definition--x").unwrap()["id"].clone();
        assert_ne!(make(EntityType::Telegram), make(EntityType::Skype));
    }

    #[test]
    fn numbers_of_autonomous_systems() {
        let made = observable(EntityType::Asn, "AS64500", "x").unwrap();
        assert_eq!(made["number"], 64500);
        assert!(observable(EntityType::Asn, "ASfoo", "x").is_none());
    }
}
