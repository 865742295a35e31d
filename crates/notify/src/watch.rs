//! Watchlists, ready to be looked up.

use crate::fold::{Words, fold, key};
use crate::matching::Facts;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use tm_model::{EntityType, Role, Span};

/// What the items of a watchlist are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WatchKind {
    /// Words in text or title.
    Keyword,
    /// Names of companies, brands, agencies, and their domains with all below them.
    Organization,
    /// CVE identifiers.
    Cve,
    /// Addresses, blocks of addresses, domains with all below them, hashes, wallets, contacts.
    Indicator,
    /// Handles of hackers, `name` or `name@forum`, as author or spoken of.
    Actor,
}

impl WatchKind {
    /// All of them.
    pub const ALL: [WatchKind; 5] =
        [WatchKind::Keyword, WatchKind::Organization, WatchKind::Cve, WatchKind::Indicator, WatchKind::Actor];
    /// The name used in files and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            WatchKind::Keyword => "keyword",
            WatchKind::Organization => "organization",
            WatchKind::Cve => "cve",
            WatchKind::Indicator => "indicator",
            WatchKind::Actor => "actor",
        }
    }
}

impl std::str::FromStr for WatchKind {
    type Err = String;
    fn from_str(s: &str) -> Result<WatchKind, String> {
        WatchKind::ALL.into_iter().find(|k| k.as_str() == s).ok_or_else(|| {
            format!("unknown kind '{s}', known are: {}", WatchKind::ALL.map(WatchKind::as_str).join(" "))
        })
    }
}

/// A watchlist as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watchlist {
    /// Identifier.
    pub id: i64,
    /// Name.
    pub name: String,
    /// What its items are.
    pub kind: WatchKind,
    /// The items.
    pub items: Vec<String>,
}

/// A watchlist that can be looked up.
#[derive(Debug)]
pub(crate) struct Watch {
    kind: WatchKind,
    items: Vec<String>,
    /// Items of keywords and organisations.
    words: Words,
    /// Folded value or name key, and the item.
    exact: HashMap<String, usize>,
    /// Address blocks: base, length, item.
    blocks: Vec<(IpAddr, u8, usize)>,
}

/// What of a watchlist was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The item.
    pub item: String,
    /// Where in the text; none when it stands in title or author.
    pub span: Option<Span>,
}

impl Watch {
    pub(crate) fn new(list: &Watchlist) -> Result<Watch, String> {
        let mut exact = HashMap::new();
        let mut blocks = Vec::new();
        for (i, item) in list.items.iter().enumerate() {
            let item = item.trim();
            match list.kind {
                WatchKind::Keyword => {}
                WatchKind::Organization => {
                    exact.entry(key(item)).or_insert(i);
                    exact.entry(domain(item)).or_insert(i);
                }
                WatchKind::Indicator => {
                    blocks.extend(block(item).map(|(base, length)| (base, length, i)));
                    exact.entry(fold(item)).or_insert(i);
                    exact.entry(domain(item)).or_insert(i);
                }
                WatchKind::Cve | WatchKind::Actor => {
                    exact.entry(fold(item)).or_insert(i);
                }
            }
        }
        exact.remove("");
        let words = match list.kind {
            WatchKind::Keyword | WatchKind::Organization => {
                Words::new(list.items.iter().map(String::as_str))?
            }
            _ => Words::new([])?,
        };
        Ok(Watch { kind: list.kind, items: list.items.clone(), words, exact, blocks })
    }

    /// What of the list stands in a post, at a place that passes `near`; places outside the text count as well.
    pub(crate) fn find(&self, post: &Facts, folded: &str, near: &dyn Fn(Span) -> bool) -> Option<Seen> {
        let seen =
            |i: usize, span: Option<Span>| self.items.get(i).map(|item| Seen { item: item.clone(), span });
        match self.kind {
            WatchKind::Keyword => self.spoken(post, folded, near),
            WatchKind::Organization => self.spoken(post, folded, near).or_else(|| {
                let named = post.entities.iter().find_map(|e| {
                    let i = match e.kind {
                        EntityType::Organization => self.exact.get(&key(&e.value)).copied(),
                        _ => self.host(e.kind, &e.value),
                    };
                    i.filter(|_| near(e.span)).and_then(|i| seen(i, Some(e.span)))
                });
                named.or_else(|| {
                    let targets = post.events.iter().flat_map(|e| &e.arguments);
                    targets.filter(|a| a.0 == Role::Target && near(a.2)).find_map(|(_, text, span)| {
                        self.exact.get(&key(text)).and_then(|i| seen(*i, Some(*span)))
                    })
                })
            }),
            WatchKind::Cve => post.entities.iter().filter(|e| e.kind == EntityType::Cve).find_map(|e| {
                self.exact.get(&fold(&e.value)).filter(|_| near(e.span)).and_then(|i| seen(*i, Some(e.span)))
            }),
            WatchKind::Indicator => post.entities.iter().filter(|e| e.kind.is_indicator()).find_map(|e| {
                let i = self.exact.get(&fold(&e.value)).copied();
                let i = i.or_else(|| self.host(e.kind, &e.value)).or_else(|| self.address(e.kind, &e.value));
                i.filter(|_| near(e.span)).and_then(|i| seen(i, Some(e.span)))
            }),
            WatchKind::Actor => self.actor(post).and_then(|(i, span)| seen(i, span)),
        }
    }

    fn spoken(&self, post: &Facts, folded: &str, near: &dyn Fn(Span) -> bool) -> Option<Seen> {
        let (i, span) = match self.words.find(folded, near) {
            Some((i, span)) => (i, Some(span)),
            None => (self.words.find(&fold(&post.title), |_| true)?.0, None),
        };
        self.items.get(i).map(|item| Seen { item: item.clone(), span })
    }

    /// An entity with a host at or below a watched domain.
    fn host(&self, kind: EntityType, value: &str) -> Option<usize> {
        use EntityType as E;
        if !matches!(kind, E::Domain | E::Onion | E::Url | E::Email | E::Jabber) {
            return None;
        }
        let whole = host(value);
        let mut host = whole.as_str();
        loop {
            if let Some(i) = self.exact.get(host) {
                return Some(*i);
            }
            // A single label is never watched as a domain: "ru" would ring for a whole country.
            host = host.split_once('.').map(|(_, rest)| rest).filter(|rest| rest.contains('.'))?;
        }
    }

    fn address(&self, kind: EntityType, value: &str) -> Option<usize> {
        if !matches!(kind, EntityType::Ipv4 | EntityType::Ipv6) || self.blocks.is_empty() {
            return None;
        }
        let ip: IpAddr = value.parse().ok()?;
        self.blocks.iter().find(|(base, length, _)| within(ip, *base, *length)).map(|b| b.2)
    }

    fn actor(&self, post: &Facts) -> Option<(usize, Option<Span>)> {
        if let Some((_, name)) = &post.author {
            let name = fold(name);
            let full = format!("{name}@{}", fold(&post.forum));
            if let Some(i) = self.exact.get(&full).or_else(|| self.exact.get(&name)) {
                return Some((*i, None));
            }
        }
        let spoken = post.entities.iter().filter(|e| e.kind == EntityType::ThreatActor);
        let spoken = spoken.map(|e| (e.value.as_str(), e.span));
        let acting = post.events.iter().flat_map(|e| &e.arguments).filter(|a| a.0 == Role::Actor);
        let acting = acting.map(|(_, text, span)| (text.as_str(), *span));
        spoken.chain(acting).find_map(|(name, span)| {
            let name = fold(name.trim().trim_start_matches('@'));
            self.exact.get(&name).map(|i| (*i, Some(span)))
        })
    }
}

/// A watched domain, folded; empty for what is none. A watched address of mail or page stands for itself alone.
fn domain(item: &str) -> String {
    let folded = fold(item);
    let name = folded.trim_start_matches("*.").trim_end_matches('.');
    let plain = name.contains('.') && !name.contains(['/', '@', ':', ' ']);
    if plain { name.to_owned() } else { String::new() }
}

/// The host of a domain, e-mail address or URL, folded.
fn host(value: &str) -> String {
    let folded = fold(value.trim());
    let rest = folded.split_once("://").map_or(folded.as_str(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = host.rsplit_once('@').map_or(host, |(_, h)| h);
    let port = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
    let host = host.rsplit_once(':').filter(|(h, p)| !h.contains(':') && port(p)).map_or(host, |(h, _)| h);
    host.trim_end_matches('.').to_owned()
}

fn block(item: &str) -> Option<(IpAddr, u8)> {
    let (base, length) = item.split_once('/')?;
    let base: IpAddr = base.trim().parse().ok()?;
    let length: u8 = length.trim().parse().ok()?;
    (length <= if base.is_ipv4() { 32 } else { 128 }).then_some((base, length))
}

fn within(ip: IpAddr, base: IpAddr, length: u8) -> bool {
    let (a, b, bits) = match (ip, base) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let shift = bits - u32::from(length);
    shift >= 128 || a >> shift == b >> shift
}

/// Items without doubles, blank ones out, in their order.
pub(crate) fn distinct(items: &[String]) -> Vec<String> {
    let mut seen = HashSet::new();
    items
        .iter()
        .map(|i| i.trim())
        .filter(|i| !i.is_empty() && seen.insert(fold(i)))
        .map(str::to_owned)
        .collect()
}

/// Items of a list at most.
const MOST: usize = 1_000_000;
/// Code points of an item at most.
const LONGEST: usize = 500;

impl Watchlist {
    /// The items of a list, trimmed and each once.
    ///
    /// # Errors
    /// In words: when there are too many, one is too long, or a CVE identifier is none.
    pub fn tidy(kind: WatchKind, items: &[String]) -> Result<Vec<String>, String> {
        let items = distinct(items);
        if items.len() > MOST {
            return Err(format!("{} items are more than {MOST}", items.len()));
        }
        for item in &items {
            if item.chars().count() > LONGEST {
                let head: String = item.chars().take(40).collect();
                return Err(format!("'{head}…' is longer than {LONGEST} characters"));
            }
            if item.trim_end_matches('*').trim().is_empty() {
                return Err("an item of nothing but * would match everything".into());
            }
            let parts: Vec<&str> = item.split('-').collect();
            let digits = |s: &str, least| s.len() >= least && s.bytes().all(|b| b.is_ascii_digit());
            let cve = parts.len() == 3
                && parts[0].eq_ignore_ascii_case("cve")
                && digits(parts[1], 4)
                && digits(parts[2], 4);
            if kind == WatchKind::Cve && !cve {
                return Err(format!("'{item}' is no CVE identifier such as CVE-2025-12345"));
            }
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::FactsEntity;

    fn post(text: &str, entities: &[(EntityType, &str)]) -> Facts {
        Facts {
            post: 1,
            forum: "Тест".into(),
            author: Some((4, "Vega".into())),
            title: "thread about pears".into(),
            text: text.into(),
            entities: entities
                .iter()
                .map(|(kind, v)| FactsEntity { kind: *kind, value: (*v).into(), span: Span::new(0, 1) })
                .collect(),
            ..Facts::default()
        }
    }

    fn check(kind: WatchKind, items: &[&str], post: &Facts, expect: Option<&str>) {
        let items: Vec<String> = items.iter().map(|i| (*i).to_owned()).collect();
        let list = Watchlist { id: 1, name: "l".into(), kind, items };
        let found = Watch::new(&list).unwrap().find(post, &fold(&post.text), &|_| true);
        assert_eq!(found.as_ref().map(|s| s.item.as_str()), expect, "{kind:?} {:?}", list.items);
    }

    #[test]
    fn kinds() {
        use EntityType as E;
        use WatchKind as K;
        check(K::Keyword, &["pears", "x"], &post("nothing", &[]), Some("pears"));
        check(K::Organization, &["Пример Банк"], &post("база ПРИМЕР БАНК", &[]), Some("Пример Банк"));
        check(
            K::Organization,
            &["Acme Corp"],
            &post("x", &[(E::Organization, "ACME-corp")]),
            Some("Acme Corp"),
        );
        let deep = post("x", &[(E::Url, "http://u:p@vpn.corp.example:8443/login")]);
        check(K::Organization, &["corp.example"], &deep, Some("corp.example"));
        check(K::Indicator, &["*.corp.example"], &deep, Some("*.corp.example"));
        check(K::Indicator, &["orp.example"], &deep, None);
        check(K::Indicator, &["example"], &post("x", &[(E::Domain, "a.b.example")]), None);
        check(
            K::Indicator,
            &["203.0.113.0/24"],
            &post("x", &[(E::Ipv4, "203.0.113.9")]),
            Some("203.0.113.0/24"),
        );
        check(K::Indicator, &["203.0.113.0/24"], &post("x", &[(E::Ipv4, "203.0.114.9")]), None);
        check(
            K::Indicator,
            &["2001:db8::/32"],
            &post("x", &[(E::Ipv6, "2001:db8::7")]),
            Some("2001:db8::/32"),
        );
        check(K::Indicator, &["0.0.0.0/0"], &post("x", &[(E::Ipv4, "203.0.113.9")]), Some("0.0.0.0/0"));
        check(
            K::Indicator,
            &["a@mail.example"],
            &post("x", &[(E::Email, "A@mail.example")]),
            Some("a@mail.example"),
        );
        check(K::Indicator, &["a@mail.example"], &post("x", &[(E::Email, "b@mail.example")]), None);
        check(K::Cve, &["cve-2025-1234"], &post("x", &[(E::Cve, "CVE-2025-1234")]), Some("cve-2025-1234"));
        check(K::Cve, &["CVE-2025-123"], &post("x", &[(E::Cve, "CVE-2025-1234")]), None);
        check(K::Actor, &["vega"], &post("x", &[]), Some("vega"));
        check(K::Actor, &["vega@тест"], &post("x", &[]), Some("vega@тест"));
        check(K::Actor, &["vega@other"], &post("x", &[]), None);
        check(K::Actor, &["Nord"], &post("x", &[(E::ThreatActor, "@nord")]), Some("Nord"));
    }

    #[test]
    fn lists_are_tidied() {
        let tidy = |kind, items: &[&str]| {
            Watchlist::tidy(kind, &items.iter().map(|i| (*i).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(tidy(WatchKind::Keyword, &[" a ", "A", "", "b"]), Ok(vec!["a".into(), "b".into()]));
        assert!(tidy(WatchKind::Cve, &["CVE-25-1"]).is_err());
        assert!(tidy(WatchKind::Keyword, &["**"]).is_err());
    }
}
