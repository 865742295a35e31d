//! Moments, in whole seconds of UTC.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// A time that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no time: expected RFC 3339, like 2025-06-18T09:30:00Z, or unix seconds")]
pub struct TimestampError(pub String);

impl Timestamp {
    /// Reads RFC 3339 (with any offset, or `YYYY-MM-DD[ T]HH:MM[:SS]` taken as UTC, or a bare date) or unix seconds.
    ///
    /// # Errors
    /// [`TimestampError`] when the text is none of these or lies outside the years -9999 to 9999.
    pub fn parse(text: &str) -> Result<Timestamp, TimestampError> {
        let t = text.trim();
        let bad = || TimestampError(t.chars().take(40).collect());
        if let Ok(seconds) = t.parse::<i64>() {
            return Timestamp::checked(seconds).ok_or_else(bad);
        }
        if let Ok(seconds) = t.parse::<f64>() {
            // Python's time.time() ends up in many exports.
            return Timestamp::checked(seconds.floor() as i64).ok_or_else(bad);
        }
        if let Ok(moment) = t.parse::<jiff::Timestamp>() {
            return Ok(Timestamp(moment.as_second()));
        }
        t.parse::<jiff::civil::DateTime>()
            .or_else(|_| t.parse::<jiff::civil::Date>().map(|d| d.at(0, 0, 0, 0)))
            .ok()
            .and_then(|d| d.to_zoned(jiff::tz::TimeZone::UTC).ok())
            .map(|z| Timestamp(z.timestamp().as_second()))
            .ok_or_else(bad)
    }

    /// The moment `seconds` after the epoch, or `None` when no calendar has it.
    pub fn checked(seconds: i64) -> Option<Timestamp> {
        jiff::Timestamp::from_second(seconds).ok().map(|_| Timestamp(seconds))
    }

    fn civil(self) -> jiff::civil::DateTime {
        let moment = jiff::Timestamp::from_second(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        moment.to_zoned(jiff::tz::TimeZone::UTC).datetime()
    }
    /// `YYYY-MM`, the bucket of monthly charts.
    pub fn month(self) -> String {
        let d = self.civil();
        format!("{:04}-{:02}", d.year(), d.month())
    }
    /// `YYYY-MM-DD`.
    pub fn day(self) -> String {
        let d = self.civil();
        format!("{:04}-{:02}-{:02}", d.year(), d.month(), d.day())
    }
    /// Calendar quarter, `2025 Q2`.
    pub fn quarter(self) -> String {
        let d = self.civil();
        format!("{:04} Q{}", d.year(), (d.month() + 2) / 3)
    }
    /// Hour of the day in UTC, 0 to 23.
    pub fn hour(self) -> usize {
        self.civil().hour() as usize
    }
    /// Day of the week in UTC, Monday is 0.
    pub fn weekday(self) -> usize {
        self.civil().weekday().to_monday_zero_offset() as usize
    }
    /// All months from the month of `self` to the month of `last`, both included.
    pub fn months_until(self, last: Timestamp) -> Vec<String> {
        let (mut date, end) = (self.civil().date().first_of_month(), last.civil().date().first_of_month());
        let mut months = Vec::new();
        while date <= end {
            months.push(format!("{:04}-{:02}", date.year(), date.month()));
            match date.checked_add(jiff::Span::new().months(1)) {
                Ok(next) => date = next,
                Err(_) => break,
            }
        }
        months
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Seconds(i64),
            Float(f64),
            Text(String),
        }
        let text = match Raw::deserialize(d)? {
            Raw::Seconds(s) => s.to_string(),
            Raw::Float(s) => s.to_string(),
            Raw::Text(t) => t,
        };
        Timestamp::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_exports_contain() {
        for text in [
            "1750239000",
            "1750239000.25",
            "2025-06-18T09:30:00Z",
            "2025-06-18T17:30:00+08:00",
            "2025-06-18 09:30:00",
            "2025-06-18T09:30",
        ] {
            assert_eq!(Timestamp::parse(text), Ok(Timestamp(1_750_239_000)), "{text}");
        }
        assert_eq!(Timestamp::parse("2025-06-18").map(|t| t.to_string()), Ok("2025-06-18T00:00:00Z".into()));
        assert!(Timestamp::parse("вчера").is_err());
        assert!(Timestamp::parse("99999999999999999").is_err());
    }

    #[test]
    fn calendar_parts() {
        let t = Timestamp(1_750_239_000);
        assert_eq!(
            (t.month(), t.quarter(), t.hour(), t.weekday()),
            ("2025-06".into(), "2025 Q2".into(), 9, 2)
        );
        assert_eq!(t.months_until(Timestamp(1_756_684_800)), ["2025-06", "2025-07", "2025-08", "2025-09"]);
    }
}
