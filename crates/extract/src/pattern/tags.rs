//! What a sober analyst wants to know of an indicator before it goes into a blocklist: whether it is private, made up
//! for documentation, everybody's, a sinkhole, parked.
//!
//! Addresses follow the IANA special-purpose registries (RFC 6890, RFC 5737, RFC 3849, RFC 6598); names the reserved ones
//! of RFC 2606 and RFC 6761; the lists in `rules/lists` come from the MISP warning lists.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;
use tm_model::EntityType;

const HOST_LISTS: [(&str, &str); 5] = [
    ("well_known", include_str!("../../../../rules/lists/well_known.txt")),
    ("url_shortener", include_str!("../../../../rules/lists/url_shortener.txt")),
    ("sandbox", include_str!("../../../../rules/lists/sandbox.txt")),
    ("security_vendor", include_str!("../../../../rules/lists/security_vendor.txt")),
    ("disposable_mail", include_str!("../../../../rules/lists/disposable_mail.txt")),
];
const BLOCK_LISTS: [(&str, &str); 2] = [
    ("sinkhole", include_str!("../../../../rules/lists/sinkhole.txt")),
    ("parked", include_str!("../../../../rules/lists/parked.txt")),
];

/// Special-purpose blocks of IPv4 addresses: network, length, tag.
const BLOCKS: [([u8; 4], u8, &str); 17] = [
    ([0, 0, 0, 0], 8, "unspecified"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "carrier_nat"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link_local"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 2, 0], 24, "documentation"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "benchmarking"),
    ([198, 51, 100, 0], 24, "documentation"),
    ([203, 0, 113, 0], 24, "documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([255, 255, 255, 255], 32, "broadcast"),
    ([8, 8, 8, 8], 32, "public_resolver"),
    ([8, 8, 4, 4], 32, "public_resolver"),
    ([1, 1, 1, 1], 32, "public_resolver"),
    ([9, 9, 9, 9], 32, "public_resolver"),
];

static HOSTS: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut hosts: HashMap<&str, Vec<&str>> = HashMap::new();
    for (tag, list) in HOST_LISTS {
        for host in list.lines().filter(|l| !l.starts_with('#')) {
            hosts.entry(host).or_default().push(tag);
        }
    }
    hosts
});

static NETWORKS: LazyLock<Vec<(u32, u32, &'static str)>> = LazyLock::new(|| {
    let listed = BLOCK_LISTS.iter().flat_map(|(tag, list)| {
        list.lines().filter_map(|line| {
            let (address, length) = line.split_once('/')?;
            Some((address.parse().ok()?, length.parse().ok()?, *tag))
        })
    });
    let special = BLOCKS.into_iter().map(|(a, n, tag)| (Ipv4Addr::from(a), n, tag));
    listed
        .chain(special)
        .map(|(address, length, tag): (Ipv4Addr, u8, _)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            (u32::from(address) & mask, mask, tag)
        })
        .collect()
});

/// Tags of a normalised value, sorted; empty for types that carry none.
///
/// ```
/// use tm_extract::tags_of;
/// use tm_model::EntityType;
/// assert_eq!(tags_of(EntityType::Ipv4, "192.168.0.7"), ["private"]);
/// assert_eq!(tags_of(EntityType::Url, "https://docs.google.com/x"), ["well_known"]);
/// ```
pub fn tags_of(kind: EntityType, value: &str) -> Vec<&'static str> {
    let mut tags = match kind {
        EntityType::Ipv4 => value.parse().map(of_ipv4).unwrap_or_default(),
        EntityType::Cidr => {
            value.split('/').next().and_then(|a| a.parse().ok()).map(of_ipv4).unwrap_or_default()
        }
        EntityType::Ipv6 => value.parse().map(of_ipv6).unwrap_or_default(),
        EntityType::Domain => of_host(value),
        EntityType::Email => value.split_once('@').map(|(_, host)| of_host(host)).unwrap_or_default(),
        EntityType::Url => {
            let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
            let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
            let host = authority.rsplit('@').next().unwrap_or("");
            if let Some(inner) = host.strip_prefix('[') {
                inner.split(']').next().and_then(|a| a.parse().ok()).map(of_ipv6).unwrap_or_default()
            } else {
                let host = host.split(':').next().unwrap_or("");
                host.parse().map(of_ipv4).unwrap_or_else(|_| of_host(host))
            }
        }
        _ => Vec::new(),
    };
    tags.sort_unstable();
    tags.dedup();
    tags
}

fn of_ipv4(address: Ipv4Addr) -> Vec<&'static str> {
    let bits = u32::from(address);
    NETWORKS.iter().filter(|(network, mask, _)| bits & mask == *network).map(|n| n.2).collect()
}

fn of_ipv6(address: Ipv6Addr) -> Vec<&'static str> {
    let s = address.segments();
    let mut tags = Vec::new();
    if address.is_loopback() {
        tags.push("loopback");
    } else if address.is_unspecified() {
        tags.push("unspecified");
    } else if s[0] == 0x2001 && s[1] == 0x0db8 || s[0] == 0x3fff && s[1] < 0x1000 {
        tags.push("documentation");
    } else if s[0] & 0xfe00 == 0xfc00 {
        tags.push("private");
    } else if s[0] & 0xffc0 == 0xfe80 {
        tags.push("link_local");
    } else if s[0] & 0xff00 == 0xff00 {
        tags.push("multicast");
    }
    if let Some(inner) = address.to_ipv4_mapped() {
        tags.extend(of_ipv4(inner));
    }
    tags
}

fn of_host(host: &str) -> Vec<&'static str> {
    let mut tags = Vec::new();
    let reserved = ["example", "test", "invalid", "localhost", "local", "lan", "home.arpa"];
    let under =
        |name: &str| host == name || host.ends_with(name) && host[..host.len() - name.len()].ends_with('.');
    if ["example", "test", "invalid", "example.com", "example.net", "example.org"].iter().any(|n| under(n)) {
        tags.push("documentation");
    } else if reserved.iter().any(|n| under(n)) {
        tags.push("private");
    }
    // The host and each name above it.
    let mut name = Some(host);
    while let Some(host) = name {
        if let Some(found) = HOSTS.get(host) {
            tags.extend(found);
        }
        name = host.split_once('.').map(|(_, rest)| rest);
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_what_not_to_block() {
        for (kind, value, expect) in [
            (EntityType::Ipv4, "203.0.113.7", &["documentation"][..]),
            (EntityType::Ipv4, "8.8.8.8", &["public_resolver"]),
            (EntityType::Ipv4, "45.77.1.2", &[]),
            (EntityType::Ipv6, "2001:db8::1", &["documentation"]),
            (EntityType::Ipv6, "::ffff:10.0.0.1", &["private"]),
            (EntityType::Cidr, "172.16.0.0/12", &["private"]),
            (EntityType::Domain, "panel.evil.example", &["documentation"]),
            (EntityType::Domain, "notexample.com", &[]),
            (EntityType::Domain, "www.google.com", &["well_known"]),
            (EntityType::Url, "http://user:x@10.1.2.3:8080/a", &["private"]),
            (EntityType::Url, "https://app.any.run/tasks/x", &["sandbox", "security_vendor"]),
            (EntityType::Email, "a@0-mail.com", &["disposable_mail"]),
            (EntityType::Md5, "900150983cd24fb0d6963f7d28e17f72", &[]),
        ] {
            assert_eq!(tags_of(kind, value), expect, "{value}");
        }
    }
}
