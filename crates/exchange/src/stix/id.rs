//! Identifiers that are the same for the same thing, export after export.

use serde_json::Value;
use uuid::Uuid;

/// Name space of STIX 2.1 section 2.9 for observables.
const OBSERVABLES: Uuid = Uuid::from_u128(0x00ab_edb4_aa42_466c_9c01_fed2_3315_a9b7);
/// Our own name space for everything else; the specification keeps the one above for observables alone.
const OBJECTS: Uuid = Uuid::from_u128(0x6f1d_3d0a_5c1b_4f6e_9b0a_2d7c_8e4a_9f13);

/// Identifier of an observable from its contributing properties. `serde_json` writes keys in order and text without needless
/// escapes, which is what RFC 8785 asks for as long as no number has a fraction.
pub(super) fn observable(kind: &str, contributing: &Value) -> String {
    format!("{kind}--{}", Uuid::new_v5(&OBSERVABLES, contributing.to_string().as_bytes()))
}

/// Identifier of any other object from what makes it itself.
pub(super) fn object(kind: &str, parts: &[&str]) -> String {
    // A unit separator cannot stand in a handle or a title, so that ("ab", "c") and ("a", "bc") stay apart.
    format!("{kind}--{}", uuid(&[&[kind], parts].concat()))
}

/// A UUID of ours. STIX 2.1 section 2.9 wants version 4 for everything but observables: the digest fills the places of the
/// random bits, so that the form is the one asked for and the value still follows from the parts.
pub(crate) fn uuid(parts: &[&str]) -> Uuid {
    let digest = Uuid::new_v5(&OBJECTS, parts.join("\u{1f}").as_bytes());
    uuid::Builder::from_random_bytes(digest.into_bytes()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn observables_agree_with_other_tools() {
        // Checked against the reference library of OASIS.
        assert_eq!(
            observable("ipv4-addr", &json!({"value": "203.0.113.7"})),
            "ipv4-addr--9ddd739e-87b1-587d-83f2-62ef1130af2f"
        );
    }

    #[test]
    fn objects_depend_on_each_part() {
        assert_ne!(object("malware", &["ab", "c"]), object("malware", &["a", "bc"]));
        assert_ne!(object("malware", &["x"]), object("tool", &["x"]).replace("tool", "malware"));
    }
}
