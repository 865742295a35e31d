//! Alerts: judging posts that were analysed, bringing what rings to its channels, and the routes for all of it.

mod courier;
mod facts;
mod judge;
mod routes;

pub use courier::{Courier, Sent};
pub use judge::{Trial, judge, trial};
pub(crate) use routes::routes;
pub use routes::{alert_view, delivery_view, would_ring};

use tm_notify::{Channel, Digest, RuleError, WatchKind, Watchlist, When};
use tm_store::{ChannelRow, RuleRow, WatchlistRow};

/// Agent that deliveries name.
pub const AGENT: &str = concat!("threatminer/", env!("CARGO_PKG_VERSION"));

/// A watchlist as rules read it.
///
/// # Errors
/// In words, when the kind is not known.
pub fn watchlist(row: &WatchlistRow) -> Result<Watchlist, String> {
    let kind: WatchKind = row.kind.parse()?;
    Ok(Watchlist { id: row.id, name: row.name.clone(), kind, items: row.items.clone() })
}

/// Checks a watchlist before it is stored: the name is trimmed, items are trimmed and each once.
///
/// # Errors
/// In words that say which item is wrong and why.
pub fn checked_watchlist(mut row: WatchlistRow) -> Result<WatchlistRow, String> {
    row.name = name(&row.name)?;
    row.items = Watchlist::tidy(row.kind.parse()?, &row.items)?;
    Ok(row)
}

/// Checks a rule before it is stored, with the watchlists and channels that it names.
///
/// # Errors
/// In words that say what is wrong.
pub fn checked_rule(
    mut row: RuleRow,
    lists: &[WatchlistRow],
    channels: &[ChannelRow],
) -> Result<RuleRow, String> {
    row.name = name(&row.name)?;
    let _: Digest = row.digest.parse().map_err(|e: RuleError| e.to_string())?;
    let when = When::parse(&row.conditions).map_err(|e| e.to_string())?;
    if let Some(query) = &when.query {
        facts::readable(query)?;
    }
    for id in &when.watchlists {
        if !lists.iter().any(|l| l.id == *id) {
            return Err(RuleError::NoWatchlist(*id).to_string());
        }
    }
    for id in &row.channels {
        if !channels.iter().any(|c| c.id == *id) {
            return Err(format!("there is no channel {id}"));
        }
    }
    row.channels.sort_unstable();
    row.channels.dedup();
    row.primed = !when.needs_past();
    row.conditions = serde_json::to_string(&when).map_err(|e| e.to_string())?;
    Ok(row)
}

/// Checks a channel before it is stored.
///
/// # Errors
/// In words that say what is wrong, without any secret.
pub fn checked_channel(mut row: ChannelRow) -> Result<ChannelRow, String> {
    row.name = name(&row.name)?;
    Channel::parse(&row.kind, &row.settings).map_err(|e| e.to_string())?;
    Ok(row)
}

fn name(text: &str) -> Result<String, String> {
    let name = text.trim();
    match name.chars().count() {
        0 => Err("the name is empty".into()),
        n if n > 100 => Err("the name is longer than 100 characters".into()),
        _ if name.chars().any(char::is_control) => Err("the name holds control characters".into()),
        _ => Ok(name.to_owned()),
    }
}
