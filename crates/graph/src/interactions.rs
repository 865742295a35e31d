//! Interactions as rows of an edge list: who turned to whom, how strongly, when, about what.

use crate::csr::EdgeList;
use std::collections::HashMap;

/// No time, no topic.
const NONE_TIME: i64 = i64::MIN;
/// Longest name that is kept, in bytes.
const LONGEST: usize = 4096;

/// A row that is no interaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Fewer than two fields, or an empty one.
    #[error("expected from and to, separated by a tab")]
    Names,
    /// A name beyond what an account can be called.
    #[error("a name is longer than {LONGEST} bytes")]
    Long,
    /// The third field.
    #[error("expected a weight of at least 0 in the third column")]
    Weight,
    /// The fourth field.
    #[error("expected unix seconds in the fourth column")]
    Time,
    /// More accounts than 32 bits count.
    #[error("more accounts than a graph holds")]
    TooMany,
}

/// Interactions in columns. Accounts and topics are numbered in the order in which they first appear.
#[derive(Debug, Clone, Default)]
pub struct Interactions {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u32>,
    reserved: u32,
    topics: HashMap<Box<str>, u32>,
    /// Who turned to somebody.
    pub from: Vec<u32>,
    /// To whom.
    pub to: Vec<u32>,
    /// How strongly; at least 0.
    pub weight: Vec<f32>,
    time: Vec<i64>,
    /// About what; `u32::MAX` where nothing is said.
    pub topic: Vec<u32>,
}

impl Interactions {
    /// Reads a row: from, to, weight (1 when missing), unix seconds, topic, separated by tabs. Bytes that are no UTF-8 are
    /// replaced.
    ///
    /// # Errors
    /// [`RowError`]; the row is not kept.
    pub fn read(&mut self, row: &[u8]) -> Result<(), RowError> {
        let mut fields = row.split(|b| *b == b'\t').map(<[u8]>::trim_ascii);
        let (from, to) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        if from.is_empty() || to.is_empty() {
            return Err(RowError::Names);
        }
        if from.len().max(to.len()) > LONGEST {
            return Err(RowError::Long);
        }
        let text = |f: &[u8]| std::str::from_utf8(f).ok().and_then(|t| t.parse::<f64>().ok());
        let weight = match fields.next() {
            None | Some([]) => 1.0,
            Some(f) => text(f).filter(|w| w.is_finite() && *w >= 0.0).ok_or(RowError::Weight)?,
        };
        let time = match fields.next() {
            None | Some([]) => NONE_TIME,
            Some(f) => text(f).filter(|t| t.abs() < 1e15).ok_or(RowError::Time)? as i64,
        };
        let topic = match fields.next() {
            None | Some([]) => u32::MAX,
            Some(f) => {
                let next = self.topics.len() as u32;
                let name = String::from_utf8_lossy(f);
                match self.topics.get(&*name) {
                    Some(&t) => t,
                    None => {
                        self.topics.insert(name.into(), next);
                        next
                    }
                }
            }
        };
        let from = self.number(from)?;
        let to = self.number(to)?;
        self.push(from, to, weight.min(f64::from(f32::MAX)) as f32, time, topic);
        Ok(())
    }

    fn number(&mut self, name: &[u8]) -> Result<u32, RowError> {
        let name = String::from_utf8_lossy(name);
        if let Some(&n) = self.numbers.get(&*name) {
            return Ok(n);
        }
        let n = u32::try_from(self.names.len()).ok().filter(|n| *n < u32::MAX).ok_or(RowError::TooMany)?;
        self.names.push((*name).into());
        self.numbers.insert((*name).into(), n);
        Ok(n)
    }

    fn push(&mut self, from: u32, to: u32, weight: f32, time: i64, topic: u32) {
        self.from.push(from);
        self.to.push(to);
        self.weight.push(weight);
        self.time.push(time);
        self.topic.push(topic);
    }

    /// Appends an interaction between accounts that are numbered already, for callers that have no names.
    pub fn add(&mut self, from: u32, to: u32, weight: f32, time: Option<i64>, topic: Option<u32>) {
        self.push(from, to, weight, time.unwrap_or(NONE_TIME), topic.unwrap_or(u32::MAX));
    }

    /// Accounts up to `accounts` exist, though nobody has turned to them.
    pub fn reserve_accounts(&mut self, accounts: u32) {
        self.reserved = self.reserved.max(accounts);
    }

    /// Number of accounts: those with names, and those that an interaction refers to.
    pub fn accounts(&self) -> usize {
        let highest = self.from.iter().chain(&self.to).max().map_or(0, |v| *v as usize + 1);
        self.names.len().max(highest).max(self.reserved as usize)
    }
    /// Name of an account, its number where it has none.
    pub fn name(&self, account: u32) -> String {
        self.names.get(account as usize).map_or_else(|| account.to_string(), |n| n.to_string())
    }
    /// Time of the interaction `i`.
    pub fn time(&self, i: usize) -> Option<i64> {
        self.time.get(i).copied().filter(|t| *t != NONE_TIME)
    }
    /// Number of interactions.
    pub fn len(&self) -> usize {
        self.from.len()
    }
    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.from.is_empty()
    }
    /// What a graph is built from; who turns to himself is left out.
    pub fn edges(&self) -> EdgeList {
        (0..self.len())
            .filter(|i| self.from[*i] != self.to[*i])
            .map(|i| (self.from[i], self.to[i], self.weight[i]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_all_forms() {
        let mut list = Interactions::default();
        list.read(b"vega\tplinth\t2.5\t1700000000\tmarket").unwrap();
        list.read("вега\tvega\r".as_bytes()).unwrap();
        list.read(b"plinth\tvega\t\t1700000001.5").unwrap();
        list.read(b"\xff\tvega\t0").unwrap();
        assert_eq!((list.len(), list.accounts()), (4, 4));
        assert_eq!(
            (list.name(0), list.name(2), list.name(3)),
            ("vega".into(), "вега".into(), "\u{fffd}".into())
        );
        assert_eq!(
            (list.time(0), list.time(1), list.time(2)),
            (Some(1_700_000_000), None, Some(1_700_000_001))
        );
        assert_eq!(list.weight, [2.5, 1.0, 1.0, 0.0]);
        for (row, error) in [
            (&b"alone"[..], RowError::Names),
            (b"\tx", RowError::Names),
            (b"a\tb\t-1", RowError::Weight),
            (b"a\tb\tNaN", RowError::Weight),
            (b"a\tb\t1\tyesterday", RowError::Time),
        ] {
            assert_eq!(list.read(row), Err(error));
        }
        assert_eq!(list.len(), 4);
    }
}
