//! Writing hours, and the time zone that they point to.
//!
//! People write little while they sleep, and the sleep of most lies around four in the morning. The offset is sought at
//! which the hours agree best with an everyday curve; how far other offsets agree nearly as well is the interval, by
//! bootstrap over the days of writing. It is a hint: night workers and bots exist, so the agreement is reported too.

use crate::random::Random;

/// Relative activity in each local hour, 0 to 23, of people who write in the evening and sleep at night.
const EVERYDAY: [f64; 24] = [
    3.2, 2.0, 1.1, 0.6, 0.4, 0.4, 0.6, 1.2, 2.3, 3.5, 4.3, 4.8, 5.0, 5.1, 5.2, 5.2, 5.2, 5.2, 5.3, 5.6, 6.0,
    6.1, 5.6, 4.6,
];
/// Posts below which nothing is said.
const FEWEST: u32 = 30;

/// A time zone estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Zone {
    /// Hours east of UTC, -11 to 12.
    pub offset: i32,
    /// Lower end of the 90 % interval; may pass below -11 where the interval crosses the date line.
    pub low: i32,
    /// Upper end of the interval.
    pub high: i32,
    /// Posts that it rests on.
    pub posts: u32,
}

fn likelihood(hours: &[u32; 24], offset: i32) -> f64 {
    let total: f64 = EVERYDAY.iter().sum();
    (0..24)
        .map(|h| f64::from(hours[h]) * (EVERYDAY[(h as i32 + offset).rem_euclid(24) as usize] / total).ln())
        .sum()
}

fn best(hours: &[u32; 24]) -> i32 {
    (-11..=12)
        .max_by(|a, b| likelihood(hours, *a).total_cmp(&likelihood(hours, *b)).then(b.abs().cmp(&a.abs())))
        .unwrap_or(0)
}

/// The likely time zone of who wrote `hours[h]` posts in hour h of UTC; `None` below thirty posts, and where the hours agree
/// with no day of a person (a bot that writes round the clock).
pub fn time_zone(hours: &[u32; 24]) -> Option<Zone> {
    let posts: u32 = hours.iter().sum();
    if posts < FEWEST {
        return None;
    }
    let offset = best(hours);
    // Better than writing at all hours alike, by more than chance would give.
    if likelihood(hours, offset) - f64::from(posts) * (1.0f64 / 24.0).ln() < 3.0 {
        return None;
    }
    // Posts of an evening belong together: the sample is drawn as if only every third post were independent.
    let draws = (posts / 3).clamp(10, 2000);
    let mut random = Random::new(u64::from(posts), 24);
    let mut shifts: Vec<i32> = (0..200)
        .map(|_| {
            let mut sample = [0u32; 24];
            for _ in 0..draws {
                let mut at = random.below(u64::from(posts)) as u32;
                for (h, n) in hours.iter().enumerate() {
                    if at < *n {
                        sample[h] += 1;
                        break;
                    }
                    at -= n;
                }
            }
            (best(&sample) - offset + 12).rem_euclid(24) - 12
        })
        .collect();
    shifts.sort_unstable();
    Some(Zone { offset, low: offset + shifts[10].min(0), high: offset + shifts[189].max(0), posts })
}

/// How alike two rhythms are, 0 to 1: cosine of the smoothed hours; `None` where either wrote fewer than ten posts.
pub fn likeness(a: &[u32; 24], b: &[u32; 24]) -> Option<f64> {
    if a.iter().sum::<u32>() < 10 || b.iter().sum::<u32>() < 10 {
        return None;
    }
    let smooth = |x: &[u32; 24]| -> Vec<f64> {
        (0..24).map(|h| f64::from(x[h]) + 0.5 * f64::from(x[(h + 1) % 24] + x[(h + 23) % 24])).collect()
    };
    let (a, b) = (smooth(a), smooth(b));
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(p, q)| p * q).sum::<f64>();
    Some(dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evening_writer_is_placed() {
        for offset in [-5, 0, 3, 8] {
            let mut hours = [0u32; 24];
            for (h, n) in hours.iter_mut().enumerate() {
                *n = (EVERYDAY[(h as i32 + offset).rem_euclid(24) as usize] * 3.0) as u32;
            }
            let zone = time_zone(&hours).unwrap();
            assert_eq!(zone.offset, offset);
            assert!(zone.low <= offset && offset <= zone.high && zone.high - zone.low <= 6, "{zone:?}");
        }
        assert_eq!(time_zone(&[1; 24]), None, "too few");
        assert_eq!(time_zone(&[50; 24]), None, "round the clock");
    }

    #[test]
    fn rhythms_are_compared() {
        let (mut a, mut b) = ([0; 24], [0; 24]);
        (a[20], a[21], b[8], b[9]) = (10, 10, 10, 10);
        assert!(likeness(&a, &a).unwrap() > 0.999 && likeness(&a, &b).unwrap() < 0.01);
        assert_eq!(likeness(&a, &[0; 24]), None);
    }
}
