//! Trends: what is spoken of more than usual, and what the coming weeks may bring, with how often such statements were right.
//!
//! Weeks begin on Monday (UTC). The last week that counts is the last one that had ended at the newest mention; a week that is
//! under way would look like a fall.
//!
//! - **Bursts.** The last week of a series against its own past: under the null hypothesis the count is negative binomial with
//!   the mean and the variance of up to [`PAST`] weeks before (Poisson where these do not vary more than it would). Series are
//!   tested together and the false discovery rate is held at [`FDR`] (Benjamini and Hochberg 1995).
//! - **Outlook.** Simple exponential smoothing of a family's weekly counts, the smoothing constant chosen by its one-step
//!   errors; the interval is that of a negative binomial with the spread of those errors (Hyndman, Koehler, Ord, Snyder 2008,
//!   class 1 for the growth of variance with the horizon).
//! - **Back-test.** The same forecast made at each of the last weeks from what was known before, against what came, and against
//!   the naive forecast (next week as this week).

use serde::Serialize;
use std::collections::BTreeMap;
use tm_model::{EventType, Family, Timestamp};

/// Weeks before the last one that say what is usual.
pub const PAST: usize = 26;
/// False discovery rate among bursts.
pub const FDR: f64 = 0.1;
/// Probability that the interval of a forecast is meant to hold.
pub const LEVEL: f64 = 0.8;
/// Weeks that the outlook looks ahead.
pub const AHEAD: usize = 4;
/// Least number of weeks for an outlook; fewer are too little to say anything.
pub const LEAST: usize = 12;
/// Least count for a burst: two mentions are no trend.
const LEAST_BURST: u32 = 3;
/// Weeks that a series shows.
const SHOWN: usize = 52;
/// Weeks of the back-test.
const TESTED: usize = 26;
/// Longest span of weeks that is looked at; a post with an absurd date must not cost memory.
const LONGEST: i64 = 52 * 20;

const WEEK: i64 = 7 * 86_400;
/// 1970-01-05 was a Monday.
const MONDAY: i64 = 4 * 86_400;

/// One mention, as trends count it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// When.
    pub time: Timestamp,
    /// Type.
    pub kind: EventType,
    /// Kind of name (`malware`, `target`, `place`) and name.
    pub names: Vec<(&'static str, String)>,
}

/// Weekly counts of one thing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// Name.
    pub name: String,
    /// `family`, `type`, `malware`, `target` or `place`.
    pub kind: String,
    /// Mentions of each week.
    pub counts: Vec<u32>,
    /// How many times the usual the last week is, where that is more than chance.
    pub burst: Option<f64>,
    /// Probability of such a count by chance, where it was tested.
    pub p: Option<f64>,
}

/// A forecast.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Expected {
    /// Family.
    pub family: Family,
    /// Monday of the week.
    pub week: String,
    /// Expected mentions.
    pub expected: f64,
    /// Lower end of the interval.
    pub low: u32,
    /// Upper end.
    pub high: u32,
}

/// How forecasts of one week ahead did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Default)]
pub struct Backtest {
    /// Forecasts made, over all families.
    pub weeks: usize,
    /// Share of counts that lay in the interval; [`LEVEL`] is what it is meant to be.
    pub coverage: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Mean absolute error of the naive forecast.
    pub naive_mae: f64,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trends {
    /// Mondays of the weeks.
    pub weeks: Vec<String>,
    /// Series: families and types, and the names that are spoken of most or burst.
    pub series: Vec<Series>,
    /// Forecasts; empty where there is too little to go by.
    pub outlook: Vec<Expected>,
    /// How such forecasts did; none without an outlook.
    pub backtest: Option<Backtest>,
    /// Probability that the intervals are meant to hold.
    pub level: f64,
    /// What is to be kept in mind, such as that there is too little data.
    pub notes: Vec<String>,
}

/// Names shown of each kind, beside those that burst.
const NAMES: usize = 12;

fn week_of(t: Timestamp) -> i64 {
    (t.0 - MONDAY).div_euclid(WEEK)
}

fn monday(week: i64) -> String {
    Timestamp(week * WEEK + MONDAY).day()
}

/// Trends of facts, in any order.
pub fn trends(facts: &[Fact]) -> Trends {
    let mut notes = Vec::new();
    let newest = facts.iter().map(|f| f.time).max();
    // The newest mention's week is under way unless it is Sunday's last second.
    let last = newest.map_or(0, |t| week_of(t) - 1);
    let oldest = facts.iter().map(|f| week_of(f.time)).min().unwrap_or(0);
    let first = oldest.max(last - LONGEST);
    let n = if facts.is_empty() { 0 } else { usize::try_from(last - first + 1).unwrap_or(0) };
    if n == 0 {
        notes.push("no whole week of mentions: there is nothing to compare".into());
        let weeks = Vec::new();
        return Trends {
            weeks,
            series: Vec::new(),
            outlook: Vec::new(),
            backtest: None,
            level: LEVEL,
            notes,
        };
    }
    let mut counts: BTreeMap<(&str, String), Vec<u32>> = BTreeMap::new();
    for family in Family::ALL {
        counts.insert(("family", family.to_string()), vec![0; n]);
    }
    let mut spellings: BTreeMap<(&str, String), BTreeMap<&str, u32>> = BTreeMap::new();
    for f in facts {
        let Some(i) = usize::try_from(week_of(f.time) - first).ok().filter(|&i| i < n) else { continue };
        let mut add = |kind: &'static str, name: String| {
            counts.entry((kind, name)).or_insert_with(|| vec![0; n])[i] += 1;
        };
        add("family", f.kind.family().to_string());
        add("type", f.kind.to_string());
        let mut seen: Vec<(&str, String)> = Vec::new();
        for (kind, name) in &f.names {
            let key = crate::fuse::name_key(name);
            if key.chars().count() < 2 || seen.contains(&(kind, key.clone())) {
                continue;
            }
            *spellings.entry((kind, key.clone())).or_default().entry(name).or_default() += 1;
            add(kind, key.clone());
            seen.push((kind, key));
        }
    }
    let mut series: Vec<Series> = counts
        .into_iter()
        .map(|((kind, key), counts)| {
            let name = spellings
                .get(&(kind, key.clone()))
                .and_then(|s| s.iter().max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0))))
                .map_or(key, |s| (*s.0).to_owned());
            Series { name, kind: kind.to_owned(), counts, burst: None, p: None }
        })
        .collect();
    if n < 5 {
        notes.push(format!("{n} whole weeks of mentions are too few to tell a burst from chance"));
    } else {
        bursts(&mut series);
    }
    let (outlook, backtest) = if n < LEAST {
        notes.push(format!("{n} whole weeks of mentions are too few for an outlook, {LEAST} are needed"));
        (Vec::new(), None)
    } else {
        forecasts(&series, last, &mut notes)
    };
    keep(&mut series);
    let shown = n.min(SHOWN);
    for s in &mut series {
        s.counts.drain(..n - shown);
    }
    let weeks = (last - shown as i64 + 1..=last).map(monday).collect();
    Trends { weeks, series, outlook, backtest, level: LEVEL, notes }
}

/// Leaves families, types, bursts, and of each kind of name those that are spoken of most.
fn keep(series: &mut Vec<Series>) {
    let recent = |s: &Series| s.counts.iter().rev().take(8).sum::<u32>();
    let rank = |kind: &str| ["family", "type", "malware", "target", "place"].iter().position(|k| *k == kind);
    series.sort_by(|a, b| {
        (rank(&a.kind), b.burst.is_some(), recent(b), &a.name).cmp(&(
            rank(&b.kind),
            a.burst.is_some(),
            recent(a),
            &b.name,
        ))
    });
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    series.retain(|s| {
        let n = taken.entry(s.kind.clone()).or_default();
        *n += 1;
        matches!(s.kind.as_str(), "family" | "type") || s.burst.is_some() || (*n <= NAMES && recent(s) > 0)
    });
}

/// Mean and variance.
fn moments(values: &[u32]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, variance)
}

/// Tests the last week of each series and marks those whose rise is more than chance.
fn bursts(series: &mut [Series]) {
    let mut tested: Vec<(f64, usize, f64)> = Vec::new();
    for (i, s) in series.iter().enumerate() {
        let Some((&now, past)) = s.counts.split_last() else { continue };
        let past = &past[past.len().saturating_sub(PAST)..];
        let (mean, variance) = moments(past);
        // Half a mention over all weeks: what was never seen is not impossible.
        let mean = mean + 0.5 / past.len().max(1) as f64;
        if now >= LEAST_BURST {
            tested.push((upper_tail(now, mean, variance.max(mean)), i, f64::from(now) / mean));
        }
    }
    tested.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    // Series too small to be tested count among the tests: leaving them out by their count would be looking first.
    let m = series.iter().filter(|s| s.counts.iter().any(|&c| c > 0)).count().max(1) as f64;
    let last =
        tested.iter().enumerate().rev().find(|(k, t)| t.0 <= FDR * (*k as f64 + 1.0) / m).map(|(k, _)| k);
    for (k, &(p, i, ratio)) in tested.iter().enumerate() {
        series[i].p = Some((p * 1e6).round() / 1e6);
        if last.is_some_and(|last| k <= last) && ratio > 1.0 {
            series[i].burst = Some((ratio * 100.0).round() / 100.0);
        }
    }
}

/// Probability of exactly `0..=most` under a negative binomial with this mean and variance; Poisson when they are equal.
fn probabilities(mean: f64, variance: f64, most: u32) -> Vec<f64> {
    let mut p = Vec::with_capacity(most as usize + 1);
    if mean <= 0.0 {
        p.push(1.0);
        p.resize(most as usize + 1, 0.0);
    } else if variance <= mean * 1.000_001 {
        p.push((-mean).exp());
        for k in 1..=most {
            p.push(p[k as usize - 1] * mean / f64::from(k));
        }
    } else {
        let r = mean * mean / (variance - mean);
        let q = (variance - mean) / variance;
        p.push(((1.0 - q).ln() * r).exp());
        for k in 1..=most {
            p.push(p[k as usize - 1] * q * (r + f64::from(k) - 1.0) / f64::from(k));
        }
    }
    p
}

/// Counts above this are not told apart; sums over them would take long.
const CAP: u32 = 100_000;

/// Probability of `count` or more.
fn upper_tail(count: u32, mean: f64, variance: f64) -> f64 {
    if count == 0 {
        return 1.0;
    }
    // Large means underflow at 0; there the normal tail is as good.
    if mean > 600.0 {
        let z = (f64::from(count) - 0.5 - mean) / variance.sqrt();
        return normal_tail(z);
    }
    let below: f64 = probabilities(mean, variance, (count - 1).min(CAP)).iter().sum();
    (1.0 - below).clamp(0.0, 1.0)
}

/// Upper tail of the normal distribution (Abramowitz and Stegun 26.2.17).
fn normal_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let poly = t
        * (0.319_381_53
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * poly;
    if z >= 0.0 { tail } else { 1.0 - tail }
}

/// The interval that leaves (1 - level) / 2 at most on either side.
fn interval(mean: f64, variance: f64) -> (u32, u32) {
    let outside = (1.0 - LEVEL) / 2.0;
    if mean > 600.0 {
        let half = 1.281_55 * variance.sqrt();
        return ((mean - half).max(0.0) as u32, (mean + half).ceil() as u32);
    }
    let most = (mean + 12.0 * variance.max(mean).sqrt() + 30.0).min(f64::from(CAP)) as u32;
    let (mut sum, mut low, mut high) = (0.0, None, most);
    for (k, p) in probabilities(mean, variance.max(mean), most).iter().enumerate() {
        sum += p;
        if low.is_none() && sum > outside {
            low = Some(k as u32);
        }
        if sum >= 1.0 - outside {
            high = k as u32;
            break;
        }
    }
    (low.unwrap_or(0), high)
}

/// Smoothed level after the last week, the constant, and the ratio of squared one-step errors to the level.
#[derive(Debug, Clone, Copy)]
struct Smoothed {
    level: f64,
    alpha: f64,
    spread: f64,
}

fn smooth(counts: &[u32]) -> Smoothed {
    let fit = |alpha: f64| {
        let start = counts.len().min(6);
        let mut level = counts[..start].iter().map(|&c| f64::from(c)).sum::<f64>() / start.max(1) as f64;
        let (mut error, mut spread, mut n) = (0.0, 0.0, 0.0);
        for &c in counts {
            let e = f64::from(c) - level;
            error += e * e;
            spread += e * e / level.max(0.25);
            n += 1.0;
            level += alpha * e;
        }
        (error, Smoothed { level, alpha, spread: (spread / f64::max(n, 1.0)).max(1.0) })
    };
    // A grid; the smallest constant of equally good ones, because it forgets least.
    let mut best = fit(0.05);
    for alpha in [0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8] {
        let next = fit(alpha);
        if next.0 < best.0 - 1e-9 {
            best = next;
        }
    }
    best.1
}

impl Smoothed {
    /// Mean, low and high of `ahead` weeks from now, 1 for the next.
    fn expect(self, ahead: usize) -> (f64, u32, u32) {
        let mean = self.level.max(0.05);
        let growth = 1.0 + (ahead as f64 - 1.0) * self.alpha * self.alpha;
        let (low, high) = interval(mean, mean * self.spread * growth);
        (mean, low, high)
    }
}

fn forecasts(series: &[Series], last: i64, notes: &mut Vec<String>) -> (Vec<Expected>, Option<Backtest>) {
    let (mut outlook, mut hits, mut error, mut naive, mut n) = (Vec::new(), 0usize, 0.0, 0.0, 0usize);
    for family in Family::ALL {
        let Some(s) = series.iter().find(|s| s.kind == "family" && s.name == family.as_str()) else {
            continue;
        };
        let counts = &s.counts;
        let busy = counts.iter().filter(|&&c| c > 0).count();
        if busy < LEAST / 2 {
            notes.push(format!("no outlook for {family}: mentions in {busy} weeks only"));
            continue;
        }
        let now = smooth(counts);
        for ahead in 1..=AHEAD {
            let (mean, low, high) = now.expect(ahead);
            let week = monday(last + ahead as i64);
            outlook.push(Expected {
                family: *family,
                week,
                expected: (mean * 100.0).round() / 100.0,
                low,
                high,
            });
        }
        // Forecasts of each of the last weeks from the weeks before it.
        let begin = counts.len().saturating_sub(TESTED).max(LEAST - 4);
        for t in begin..counts.len() {
            let (mean, low, high) = smooth(&counts[..t]).expect(1);
            let came = counts[t];
            hits += usize::from((low..=high).contains(&came));
            error += (f64::from(came) - mean).abs();
            naive += (f64::from(came) - f64::from(counts[t - 1])).abs();
            n += 1;
        }
    }
    let round = |x: f64| (x / n.max(1) as f64 * 1e3).round() / 1e3;
    let test = (n > 0).then(|| Backtest {
        weeks: n,
        coverage: round(hits as f64),
        mae: round(error),
        naive_mae: round(naive),
    });
    if let Some(t) = test.filter(|t| t.mae > t.naive_mae) {
        notes.push(format!(
            "over {} past forecasts the naive one (next week as this week) was better: {:.2} against {:.2}",
            t.weeks, t.naive_mae, t.mae
        ));
    }
    (outlook, test)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;

    fn facts(counts: &[u32], kind: EventType, name: Option<&str>) -> Vec<Fact> {
        let mut facts = Vec::new();
        for (week, &n) in counts.iter().enumerate() {
            for i in 0..n {
                let time = Timestamp(MONDAY + (2800 + week as i64) * WEEK + i64::from(i) * 60);
                let names = name.map(|n| ("malware", n.to_owned())).into_iter().collect();
                facts.push(Fact { time, kind, names });
            }
        }
        // The week under way does not count.
        let time = Timestamp(MONDAY + (2800 + counts.len() as i64) * WEEK + 5);
        facts.push(Fact { time, kind, names: Vec::new() });
        facts
    }

    /// Poisson by inversion.
    fn poisson(random: &mut Random, mean: f64) -> u32 {
        let u = random.unit();
        let mut sum = 0.0;
        probabilities(mean, mean, 200)
            .iter()
            .position(|p| {
                sum += p;
                sum > u
            })
            .unwrap_or(200) as u32
    }

    #[test]
    fn a_rise_is_a_burst_and_noise_is_none() {
        let mut random = Random::new(3, 0);
        let mut quiet: Vec<u32> = (0..30).map(|_| poisson(&mut random, 4.0)).collect();
        let t = trends(&facts(&quiet, EventType::Sell, Some("Tarnish")));
        assert!(t.series.iter().all(|s| s.burst.is_none()), "{:?}", t.series);
        assert_eq!(t.weeks.len(), 30);
        *quiet.last_mut().unwrap() = 25;
        let t = trends(&facts(&quiet, EventType::Sell, Some("Tarnish")));
        let of = |kind: &str| {
            t.series.iter().find(|s| s.kind == kind && s.counts.last() == Some(&25)).unwrap().burst
        };
        assert!(of("family").unwrap() > 3.0 && of("type").is_some() && of("malware").is_some());
    }

    #[test]
    fn false_bursts_are_few() {
        let mut random = Random::new(9, 1);
        let mut marked = 0;
        for _ in 0..200 {
            let counts: Vec<u32> = (0..27).map(|_| poisson(&mut random, 3.0)).collect();
            let mut s = [Series { name: "x".into(), kind: "type".into(), counts, burst: None, p: None }];
            bursts(&mut s);
            marked += usize::from(s[0].burst.is_some());
        }
        assert!(marked <= 30, "{marked} of 200");
    }

    #[test]
    fn intervals_hold_as_often_as_they_say() {
        let mut random = Random::new(5, 2);
        let counts: Vec<u32> = (0..200).map(|_| poisson(&mut random, 6.0)).collect();
        let t = trends(&facts(&counts, EventType::Ddos, None));
        let test = t.backtest.unwrap();
        assert_eq!(test.weeks, TESTED);
        assert!((0.7..=1.0).contains(&test.coverage), "{test:?}");
        assert!(test.mae < test.naive_mae, "{test:?}");
        assert_eq!(t.outlook.len(), AHEAD);
        assert!(t.outlook.iter().all(|e| e.family == Family::Attack
            && f64::from(e.low) < e.expected
            && e.expected < f64::from(e.high)));
        assert!(t.outlook[0].week < t.outlook[3].week && t.weeks.last().unwrap() < &t.outlook[0].week);
    }

    #[test]
    fn too_little_is_said() {
        let t = trends(&facts(&[1, 0, 2], EventType::Leak, None));
        assert!(t.outlook.is_empty() && t.backtest.is_none() && t.notes.len() == 2, "{:?}", t.notes);
        let t = trends(&[]);
        assert!(t.weeks.is_empty() && t.series.is_empty() && t.notes.len() == 1);
    }

    #[test]
    fn tails() {
        assert!((upper_tail(1, 2.0, 2.0) - (1.0 - (-2f64).exp())).abs() < 1e-12);
        // Geometric: mean 1, variance 2, P(X ≥ 2) = 1/4.
        assert!((upper_tail(2, 1.0, 2.0) - 0.25).abs() < 1e-12);
        assert!((normal_tail(1.96) - 0.025).abs() < 1e-4);
        assert_eq!(interval(0.05, 0.05), (0, 0));
    }
}
