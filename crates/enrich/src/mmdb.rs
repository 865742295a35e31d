//! Databases of addresses in the form of MaxMind (<https://maxmind.github.io/MaxMind-DB/>): countries, places, networks.

use crate::{EnrichError, Lookup};
use maxminddb::Reader;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::path::Path;
use tm_model::EntityType;

/// One database, held in memory.
pub struct Mmdb {
    name: String,
    file: String,
    reader: Reader<Vec<u8>>,
}

impl Mmdb {
    /// Opens a database.
    ///
    /// # Errors
    /// [`EnrichError`] when the file cannot be read or is none.
    pub fn open(path: &Path) -> Result<Mmdb, EnrichError> {
        let file = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|source| EnrichError::Io { file: file.clone(), source })?;
        let reader = Reader::from_source(bytes)
            .map_err(|e| EnrichError::Form { file: file.clone(), reason: e.to_string() })?;
        let name = reader.metadata().database_type.clone();
        Ok(Mmdb { name, file, reader })
    }
}

impl Lookup for Mmdb {
    fn name(&self) -> &str {
        &self.name
    }

    fn facts(&self, kind: EntityType, value: &str) -> Result<Option<Map<String, Value>>, EnrichError> {
        if !matches!(kind, EntityType::Ipv4 | EntityType::Ipv6) {
            return Ok(None);
        }
        let Ok(ip) = value.parse::<IpAddr>() else { return Ok(None) };
        let bad = |e: maxminddb::MaxMindDbError| EnrichError::Form {
            file: self.file.clone(),
            reason: e.to_string(),
        };
        // A database of IPv4 alone does not know the other kind.
        if ip.is_ipv6() && self.reader.metadata().ip_version == 4 {
            return Ok(None);
        }
        let found = self.reader.lookup(ip).map_err(bad)?;
        let Some(record) = found.decode::<Value>().map_err(bad)? else { return Ok(None) };
        let mut facts = Map::new();
        for (name, at) in [
            ("country", "/country/iso_code"),
            ("country_name", "/country/names/en"),
            ("registered_country", "/registered_country/iso_code"),
            ("city", "/city/names/en"),
            ("asn", "/autonomous_system_number"),
            ("organization", "/autonomous_system_organization"),
            ("isp", "/isp"),
        ] {
            if let Some(fact) = record.pointer(at).filter(|f| f.is_string() || f.is_number()) {
                facts.insert(name.to_owned(), fact.clone());
            }
        }
        if facts.is_empty() {
            return Ok(None);
        }
        if let Ok(network) = found.network() {
            facts.insert("network".into(), json!(network.to_string()));
        }
        Ok(Some(facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(out: &mut Vec<u8>, s: &str) {
        assert!(s.len() < 29);
        out.push(0x40 | s.len() as u8);
        out.extend_from_slice(s.as_bytes());
    }

    fn number(out: &mut Vec<u8>, n: u32) {
        // An unsigned number of 32 bits, type 6.
        out.push(0xc0 | 4);
        out.extend_from_slice(&n.to_be_bytes());
    }

    /// An unsigned number of 16 bits, type 5.
    fn short(out: &mut Vec<u8>, n: u16) {
        out.push(0xa0 | 2);
        out.extend_from_slice(&n.to_be_bytes());
    }

    /// An unsigned number of 64 bits, extended type 9.
    fn long(out: &mut Vec<u8>, n: u64) {
        out.extend_from_slice(&[8, 2]);
        out.extend_from_slice(&n.to_be_bytes());
    }

    fn map(out: &mut Vec<u8>, n: u8) {
        out.push(0xe0 | n);
    }

    /// A database that knows 203.0.113.0/24 and nothing else.
    fn database() -> Vec<u8> {
        let prefix = [203u8, 0, 113];
        let bits: Vec<u8> = prefix.iter().flat_map(|b| (0..8).rev().map(move |i| b >> i & 1)).collect();
        let nodes = bits.len() as u32;
        let mut out = Vec::new();
        for (i, bit) in bits.iter().enumerate() {
            // Where the path goes on: the next node, behind the last one the record (16 bytes of separator, then offset 0).
            let on = if i + 1 < bits.len() { i as u32 + 1 } else { nodes + 16 };
            let pair = if *bit == 0 { [on, nodes] } else { [nodes, on] };
            for record in pair {
                out.extend_from_slice(&record.to_be_bytes()[1..]);
            }
        }
        out.extend_from_slice(&[0; 16]);
        map(&mut out, 3);
        text(&mut out, "country");
        map(&mut out, 1);
        text(&mut out, "iso_code");
        text(&mut out, "NL");
        text(&mut out, "autonomous_system_number");
        number(&mut out, 64500);
        text(&mut out, "isp");
        text(&mut out, "Test Net");
        out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        map(&mut out, 9);
        text(&mut out, "binary_format_major_version");
        short(&mut out, 2);
        text(&mut out, "binary_format_minor_version");
        short(&mut out, 0);
        text(&mut out, "build_epoch");
        long(&mut out, 1_767_225_600);
        text(&mut out, "database_type");
        text(&mut out, "Test-Net");
        text(&mut out, "description");
        map(&mut out, 0);
        text(&mut out, "ip_version");
        short(&mut out, 4);
        text(&mut out, "languages");
        // An empty array, extended type 11.
        out.extend_from_slice(&[0, 4]);
        text(&mut out, "node_count");
        number(&mut out, nodes);
        text(&mut out, "record_size");
        short(&mut out, 24);
        out
    }

    #[test]
    fn addresses_have_countries_and_networks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.mmdb");
        std::fs::write(&path, database()).unwrap();
        let db = Mmdb::open(&path).unwrap();
        assert_eq!(db.name(), "Test-Net");
        let facts = db.facts(EntityType::Ipv4, "203.0.113.7").unwrap().unwrap();
        assert_eq!(
            Value::Object(facts),
            json!({"country": "NL", "asn": 64500, "isp": "Test Net", "network": "203.0.113.0/24"})
        );
        assert_eq!(db.facts(EntityType::Ipv4, "198.51.100.1").unwrap(), None);
        assert_eq!(db.facts(EntityType::Ipv6, "2001:db8::1").unwrap(), None);
        assert_eq!(db.facts(EntityType::Domain, "a.example").unwrap(), None);
        // Cut anywhere, it is an error or knows less; it never panics.
        for end in (0..database().len()).step_by(7) {
            std::fs::write(&path, &database()[..end]).unwrap();
            if let Ok(db) = Mmdb::open(&path) {
                let _ = db.facts(EntityType::Ipv4, "203.0.113.7");
            }
        }
        assert!(Mmdb::open(&folder.path().join("none")).is_err());
    }
}
