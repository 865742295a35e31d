//! What dumps say of members beside their posts. Nothing of it is read unless it was asked for; then e-mail addresses
//! and network addresses are kept by account. Passwords, hashes, salts and sessions are never read.

use crate::{decode_entities, sql::Row};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr},
};

/// What a dump says of an account beside its posts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Personal {
    /// E-mail addresses.
    pub emails: BTreeSet<String>,
    /// Network addresses it registered, was seen or posted from; at most 50.
    pub addresses: BTreeSet<String>,
}

/// Network addresses kept of an account.
const MOST: usize = 50;

const EMAILS: [&str; 5] = ["email", "user_email", "email_address", "emailaddress", "poster_email"];
const ADDRESSES: [&str; 13] = [
    "regip",
    "lastip",
    "last_ip",
    "registration_ip",
    "user_ip",
    "member_ip",
    "member_ip2",
    "ip_address",
    "ipaddress",
    "poster_ip",
    "posterip",
    "useip",
    "ip",
];

/// Personal data by handle.
#[derive(Debug, Default)]
pub(super) struct Register {
    accounts: BTreeMap<String, Personal>,
}

impl Register {
    /// Takes in a row of an account or of a post.
    pub(super) fn note(&mut self, handle: &str, row: &Row) {
        let emails: Vec<String> = EMAILS
            .iter()
            .map(|column| row.text(column))
            .filter(|e| e.contains('@') && e.len() < 320)
            .map(|e| decode_entities(e.trim()).into_owned())
            .collect();
        let addresses: Vec<String> =
            ADDRESSES.iter().filter_map(|column| address(row.bytes(column)?)).collect();
        if emails.is_empty() && addresses.is_empty() {
            return;
        }
        let account = self.accounts.entry(handle.to_owned()).or_default();
        account.emails.extend(emails);
        account.addresses.extend(addresses.into_iter().take(MOST.saturating_sub(account.addresses.len())));
    }

    pub(super) fn take(&mut self) -> Vec<(String, Personal)> {
        std::mem::take(&mut self.accounts).into_iter().collect()
    }

    pub(super) fn adopt(&mut self, other: Register) {
        for (handle, personal) in other.accounts {
            let account = self.accounts.entry(handle).or_default();
            account.emails.extend(personal.emails);
            account.addresses.extend(personal.addresses);
        }
    }
}

/// A network address as text, or as the bytes that MyBB and SMF store.
fn address(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok().map(str::trim);
    if let Some(address) = text.and_then(|t| t.parse::<std::net::IpAddr>().ok()) {
        return (!address.is_unspecified()).then(|| address.to_string());
    }
    let address = match value.len() {
        4 => <[u8; 4]>::try_from(value).ok().map(|b| Ipv4Addr::from(b).to_string()),
        16 => <[u8; 16]>::try_from(value).ok().map(|b| Ipv6Addr::from(b).to_string()),
        _ => None,
    };
    address.filter(|_| !value.iter().all(|b| *b == 0))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_are_read_as_text_and_as_bytes() {
        assert_eq!(address(b"203.0.113.9").as_deref(), Some("203.0.113.9"));
        assert_eq!(address(&[203, 0, 113, 9]).as_deref(), Some("203.0.113.9"));
        assert_eq!(
            address(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).as_deref(),
            Some("2001:db8::1")
        );
        assert_eq!(
            (address(b"0.0.0.0"), address(b""), address(&[0; 4]), address(b"local")),
            (None, None, None, None)
        );
    }
}
