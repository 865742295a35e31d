//! When things are brought, and tried again.

use crate::rule::Digest;
use tm_model::Timestamp;

/// First pause between two tries, in seconds.
const FIRST: i64 = 30;
/// Longest pause between two tries, in seconds.
const LONGEST: i64 = 6 * 3600;
/// Hour of the day (UTC) at which a daily digest is brought.
const MORNING: i64 = 6 * 3600;

/// Seconds to wait after try number `attempt` (from 1): doubled each time, up to six hours, a quarter more or less. The
/// variation follows from `seed`, so that many deliveries that failed together do not come back together.
pub fn pause(attempt: u32, seed: u64) -> i64 {
    let whole = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(LONGEST);
    // SplitMix64 (Steele, Lea, Flood 2014).
    let mut z = seed.wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let share = ((z ^ (z >> 31)) % 1001) as i64 - 500;
    whole + whole * share / 2000
}

/// Which delivery an alert of a rule at `now` belongs to, and when it is due. Alerts with the same key go together.
pub fn slot(digest: Digest, rule: i64, channel: i64, now: Timestamp) -> (String, Timestamp) {
    let due = match digest {
        Digest::Now => now.0,
        Digest::Hourly => now.0 - now.0.rem_euclid(3600) + 3600,
        Digest::Daily => {
            let since = (now.0 - MORNING).rem_euclid(86_400);
            now.0 - since + 86_400
        }
    };
    (format!("{}:{rule}:{channel}:{due}", digest.as_str()), Timestamp(due))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_vary() {
        for seed in 0..200 {
            for attempt in 1..40 {
                let whole = (30i64 << (attempt - 1).min(20)).min(21_600);
                let p = pause(attempt, seed);
                assert!((whole * 3 / 4..=whole * 5 / 4).contains(&p), "{attempt} {seed}: {p}");
            }
        }
        assert_ne!(pause(3, 1), pause(3, 2));
        assert_eq!(pause(3, 1), pause(3, 1));
        assert!(pause(u32::MAX, 1) > 0);
    }

    #[test]
    fn digests_end_at_the_hour_and_in_the_morning() {
        let at = |t: &str| Timestamp::parse(t).unwrap();
        let due = |digest, t| slot(digest, 1, 2, at(t)).1.to_string();
        assert_eq!(due(Digest::Now, "2026-01-02T03:04:05Z"), "2026-01-02T03:04:05Z");
        assert_eq!(due(Digest::Hourly, "2026-01-02T03:04:05Z"), "2026-01-02T04:00:00Z");
        assert_eq!(due(Digest::Hourly, "2026-01-02T04:00:00Z"), "2026-01-02T05:00:00Z");
        assert_eq!(due(Digest::Daily, "2026-01-02T03:04:05Z"), "2026-01-02T06:00:00Z");
        assert_eq!(due(Digest::Daily, "2026-01-02T06:00:00Z"), "2026-01-03T06:00:00Z");
        assert_eq!(slot(Digest::Hourly, 1, 2, Timestamp(7)).0, "hourly:1:2:3600");
    }
}
