//! Communities over time: the same community keeps its number though members come and go.
//!
//! New communities are matched with those before by shared members, best overlap (Jaccard) first (after Greene, Doyle,
//! Cunningham 2010); each number is given on once. What has no predecessor gets a new number, never one that was in use.

use std::collections::BTreeMap;

/// Overlap from which a community is the same as before.
const SAME: f64 = 0.25;

/// Numbers for the communities of `now`, given those of `before`; both map an account to its community. `next` is the first
/// number never used. Returns the stable number of each account's community and the new `next`.
pub fn stable(before: &BTreeMap<i64, u32>, now: &BTreeMap<i64, u32>, next: u32) -> (BTreeMap<i64, u32>, u32) {
    let count = |of: &BTreeMap<i64, u32>| {
        let mut sizes: BTreeMap<u32, u32> = BTreeMap::new();
        of.values().for_each(|c| *sizes.entry(*c).or_default() += 1);
        sizes
    };
    let (old, new) = (count(before), count(now));
    let mut shared: BTreeMap<(u32, u32), u32> = BTreeMap::new();
    for (account, c) in now {
        if let Some(b) = before.get(account) {
            *shared.entry((*b, *c)).or_default() += 1;
        }
    }
    let mut pairs: Vec<(f64, u32, u32)> = shared
        .into_iter()
        .map(|((b, c), n)| {
            let union = old.get(&b).copied().unwrap_or(0) + new.get(&c).copied().unwrap_or(0) - n;
            (f64::from(n) / f64::from(union.max(1)), b, c)
        })
        .filter(|p| p.0 >= SAME)
        .collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let (mut given, mut used): (BTreeMap<u32, u32>, Vec<u32>) = (BTreeMap::new(), Vec::new());
    for (_, b, c) in pairs {
        if !given.contains_key(&c) && !used.contains(&b) {
            given.insert(c, b);
            used.push(b);
        }
    }
    let mut next = old.keys().max().map_or(next, |m| next.max(m + 1));
    for c in new.keys() {
        given.entry(*c).or_insert_with(|| {
            next += 1;
            next - 1
        });
    }
    (now.iter().map(|(a, c)| (*a, given.get(c).copied().unwrap_or(*c))).collect(), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(groups: &[(u32, std::ops::Range<i64>)]) -> BTreeMap<i64, u32> {
        groups.iter().flat_map(|(c, r)| r.clone().map(|a| (a, *c))).collect()
    }

    #[test]
    fn numbers_follow_the_members() {
        // Two communities swap their order, one splits, one is new.
        let (found, next) = stable(
            &map(&[(0, 0..10), (1, 10..30)]),
            &map(&[(0, 10..26), (1, 0..9), (2, 26..30), (3, 50..55)]),
            2,
        );
        assert_eq!((found[&12], found[&3], found[&27], found[&52], next), (1, 0, 2, 3, 4));
        // A number of a community that is gone is not used again.
        let (found, next) = stable(&found, &map(&[(0, 10..26), (1, 100..110)]), next);
        assert_eq!((found[&12], found[&105], next), (1, 4, 5));
        assert_eq!(stable(&BTreeMap::new(), &BTreeMap::new(), 0).1, 0);
    }
}
