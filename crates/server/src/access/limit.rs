//! How often a password may be tried.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Seconds over which attempts count.
const WINDOW: i64 = 15 * 60;
/// Attempts of one address on one name.
const PAIR: u32 = 5;
/// Attempts of one address.
const ADDRESS: u32 = 30;
/// Attempts on one name from anywhere. High, because whoever guesses must not be able to keep the owner out cheaply.
const NAME: u32 = 100;
/// Counters that are kept.
const MOST: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Pair(String, IpAddr),
    Address(IpAddr),
    Name(String),
}

/// Counts attempts by name and address, whether or not there is such a user: what it answers tells nothing about that.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    counts: Mutex<HashMap<Key, (u32, i64)>>,
}

/// A network of one customer: the address itself, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(a) => match a.to_ipv4_mapped() {
            Some(a) => a.into(),
            None => std::net::Ipv6Addr::from_bits(a.to_bits() & !u128::from(u64::MAX)).into(),
        },
    }
}

fn keys(name: &str, address: IpAddr) -> [(Key, u32); 3] {
    let (name, address): (String, IpAddr) =
        (name.to_lowercase().chars().take(64).collect(), network(address));
    [(Key::Pair(name.clone(), address), PAIR), (Key::Address(address), ADDRESS), (Key::Name(name), NAME)]
}

impl Limiter {
    /// Counts an attempt before it is made, so that many at once do not slip through.
    ///
    /// # Errors
    /// Seconds to wait.
    pub(crate) fn attempt(&self, name: &str, address: IpAddr, now: i64) -> Result<(), i64> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(name, address);
        let wait = keys
            .iter()
            .filter_map(|(key, most)| {
                let (n, began) = counts.get(key)?;
                (*n >= *most && now < began + WINDOW).then_some(began + WINDOW - now)
            })
            .max();
        if let Some(wait) = wait {
            return Err(wait);
        }
        if counts.len() + keys.len() > MOST {
            counts.retain(|_, (_, began)| now < *began + WINDOW);
            if counts.len() + keys.len() > MOST {
                // Made-up names fill the table: the counters of addresses are what stops them.
                counts.retain(|key, _| matches!(key, Key::Address(_)));
                if counts.len() + keys.len() > MOST {
                    counts.clear();
                }
            }
        }
        for (key, _) in keys {
            let entry = counts.entry(key).or_insert((0, now));
            if now >= entry.1 + WINDOW {
                *entry = (0, now);
            }
            entry.0 += 1;
        }
        Ok(())
    }

    /// The attempt was right: what it and its forerunners counted on this name from this address is forgotten.
    pub(crate) fn succeeded(&self, name: &str, address: IpAddr) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let [pair, address, name] = keys(name, address).map(|k| k.0);
        let n = counts.remove(&pair).map_or(0, |p| p.0);
        for key in [address, name] {
            if let Some(entry) = counts.get_mut(&key) {
                entry.0 = entry.0.saturating_sub(n);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_attempts_then_a_wait() {
        let limiter = Limiter::default();
        let a: IpAddr = "192.0.2.1".parse().unwrap();
        let b: IpAddr = "192.0.2.2".parse().unwrap();
        for n in 0..5 {
            assert_eq!(limiter.attempt("Root", a, n), Ok(()));
        }
        assert_eq!(limiter.attempt("root", a, 10), Err(WINDOW - 10));
        assert_eq!(limiter.attempt("root", b, 10), Ok(()), "another address is not kept out");
        assert_eq!(limiter.attempt("other", a, 10), Ok(()));
        assert_eq!(limiter.attempt("root", a, WINDOW), Ok(()), "the wait ends");
    }

    #[test]
    fn one_address_cannot_go_through_names() {
        let limiter = Limiter::default();
        let a: IpAddr = "2001:db8::1".parse().unwrap();
        let same_network: IpAddr = "2001:db8::2".parse().unwrap();
        for n in 0..ADDRESS {
            assert_eq!(limiter.attempt(&format!("user{n}"), a, 0), Ok(()));
        }
        assert!(limiter.attempt("fresh", same_network, 0).is_err());
        assert!(limiter.attempt("fresh", "2001:db8:0:1::1".parse().unwrap(), 0).is_ok());
    }

    #[test]
    fn a_login_that_succeeds_forgets_its_own_failures() {
        let limiter = Limiter::default();
        let a: IpAddr = "192.0.2.1".parse().unwrap();
        for _ in 0..20 {
            for n in 0..4 {
                assert_eq!(limiter.attempt("root", a, n), Ok(()));
            }
            limiter.succeeded("root", a);
        }
    }

    #[test]
    fn made_up_names_cost_bounded_memory() {
        let limiter = Limiter::default();
        for n in 0..40_000u32 {
            let address = std::net::Ipv4Addr::from_bits(n / 20).into();
            let _ = limiter.attempt(&format!("n{n}"), address, 0);
        }
        assert!(limiter.counts.lock().unwrap().len() <= MOST);
    }
}
