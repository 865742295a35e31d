//! Findings as tables: JSON Lines, CSV, Parquet. Command line and server hand out the same.

use crate::gather::{Matter, Scope};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use tm_exchange::{Column, ColumnKind, ExchangeError, Holdings, TableForm, TableWriter};
use tm_model::{Post, Timestamp, mask_secrets};
use tm_store::{AccountRow, PostFilter, Store, StoreError, ThreatFilter, ThreatRow};

/// Posts that are read together.
const BATCH: u32 = 5000;

/// A table that could not be written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output failed.
    #[error(transparent)]
    Output(#[from] ExchangeError),
    /// A report is no table.
    #[error("a report is no table")]
    NoTable,
}

/// Writes what the scope asks for; gives the output back, and the number of rows.
///
/// # Errors
/// [`TableError`] when the store or the output fails.
pub async fn write<W: Write + Send>(
    store: &dyn Store,
    form: TableForm,
    scope: &Scope,
    out: W,
) -> Result<(W, u64), TableError> {
    let mut table = Table {
        out: TableWriter::new(out, form, columns(scope.matter)?)?,
        since: scope.since,
        left: if scope.limit == 0 { u64::MAX } else { scope.limit.into() },
        rows: 0,
    };
    rows(store, scope, &mut table).await?;
    let rows = table.rows;
    Ok((table.out.finish()?, rows))
}

/// An account as a row, and as the command line prints it.
pub fn account(a: &AccountRow) -> Value {
    let s = a.standing.as_ref();
    let parts: serde_json::Map<String, Value> =
        s.map(|s| s.standing.parts.iter().map(|(k, v)| (k.clone(), json!(v))).collect()).unwrap_or_default();
    json!({"rank": s.map(|s| s.standing.rank), "account": a.name, "forum": a.forum, "score": s.map(|s| s.standing.score),
        "parts": parts, "posts": a.posts, "threads_started": a.threads_started, "answers_received": s.map(|s| s.answers),
        "first_seen": a.first, "last_seen": a.last,
        "fields": s.map(|s| s.fields.iter().map(|f| json!({"name": f.0, "share": f.1})).collect::<Vec<_>>())})
}

/// A threat event as a row, and as the command line prints it.
pub fn threat(t: &ThreatRow) -> Value {
    let arguments: Vec<_> = t
        .arguments
        .iter()
        .map(|a| json!({"role": a.role, "value": mask_secrets(&a.value), "count": a.count, "posts": a.posts}))
        .collect();
    json!({"id": t.id, "title": mask_secrets(&t.title), "type": t.kind, "family": t.kind.family(), "status": t.status,
        "severity": t.severity, "confidence": t.confidence, "first_seen": t.first, "last_seen": t.last,
        "mentions": t.mentions, "posts": t.posts, "forums": t.forums,
        "participants": t.participants.iter().map(|p| p.1.as_str()).collect::<Vec<_>>(), "arguments": arguments,
        "severity_parts": t.severity_parts.iter().map(|(n, v, w, note)| json!({"name": n, "value": v, "weight": w, "note": note})).collect::<Vec<_>>()})
}

/// What a report covers, in words.
pub fn scope_in_words(held: &Holdings, scope: &Scope) -> String {
    let mut limits = vec![match (scope.since, held.forums.iter().filter_map(|f| f.last).max()) {
        (Some(since), Some(last)) => format!("{} to {}", since.day(), last.day()),
        (Some(since), None) => format!("since {}", since.day()),
        (None, _) => "all that is stored".to_owned(),
    }];
    if scope.min_severity > 0.0 {
        limits.push(format!("severity at least {:.0} of 100", scope.min_severity * 100.0));
    }
    limits.push(format!("at most {} threat events, most severe first", scope.limit));
    limits.join(", ")
}

/// Columns of CSV and Parquet.
fn columns(matter: Matter) -> Result<&'static [Column], TableError> {
    macro_rules! columns {
        ($($name:literal $kind:ident),* $(,)?) => { &[$(Column { name: $name, kind: ColumnKind::$kind }),*] };
    }
    Ok(match matter {
        Matter::Report => return Err(TableError::NoTable),
        Matter::Threats => {
            columns!["id" Text, "title" Text, "type" Text, "family" Text, "status" Text, "severity" Real,
            "confidence" Real, "first_seen" Time, "last_seen" Time, "mentions" Whole, "posts" Whole, "forums" Text,
            "participants" Text, "arguments" Text, "severity_parts" Text]
        }
        Matter::Actors => {
            columns!["rank" Whole, "account" Text, "forum" Text, "score" Real, "parts" Text, "posts" Whole,
            "threads_started" Whole, "answers_received" Whole, "first_seen" Time, "last_seen" Time, "fields" Text]
        }
        Matter::Entities => {
            columns!["type" Text, "value" Text, "posts" Whole, "first_seen" Time, "last_seen" Time, "tags" Text]
        }
        Matter::Posts => {
            columns!["id" Text, "forum" Text, "board" Text, "thread" Text, "title" Text, "author" Text, "time" Time,
            "text" Text, "reply_to" Text, "quotes" Text, "mentions" Text, "links" Text, "edited" Time, "sticky" Flag, "url" Text,
            "language" Text, "relevance" Real]
        }
        Matter::Events => {
            columns!["post" Text, "forum" Text, "author" Text, "time" Time, "type" Text, "family" Text,
            "modality" Text, "confidence" Real, "trigger" Text, "arguments" Text, "threat" Text]
        }
    })
}

/// A table on the way out, within the scope that was asked for.
struct Table<W: Write + Send> {
    out: TableWriter<W>,
    since: Option<Timestamp>,
    left: u64,
    rows: u64,
}

impl<W: Write + Send> Table<W> {
    /// Writes a row that was last seen then, unless it lies outside the scope.
    fn row(&mut self, seen: Option<Timestamp>, row: &Value) -> Result<(), TableError> {
        let late = self.since.is_none_or(|since| seen.is_some_and(|s| s >= since));
        if late && self.left > 0 {
            self.out.row(row)?;
            self.left -= 1;
            self.rows += 1;
        }
        Ok(())
    }
}

async fn rows<W: Write + Send>(
    store: &dyn Store,
    scope: &Scope,
    out: &mut Table<W>,
) -> Result<(), TableError> {
    let mask = |text: &str| if scope.masked { mask_secrets(text) } else { text.to_owned() };
    match scope.matter {
        Matter::Report => return Err(TableError::NoTable),
        Matter::Threats => {
            let by_severity = ThreatFilter { sort: "severity".into(), ..ThreatFilter::default() };
            for t in store.threats(&by_severity).await?.1 {
                if t.severity >= scope.min_severity {
                    out.row(t.last, &threat(&t))?;
                }
            }
        }
        Matter::Actors => {
            let all = PostFilter { sort: "rank".into(), ..PostFilter::default() };
            for a in store.accounts(&all).await?.1 {
                out.row(a.last, &account(&a))?;
            }
        }
        Matter::Entities => {
            for e in store.entities(&PostFilter::default()).await?.1 {
                let tags = tm_extract::tags_of(e.kind, &e.value);
                out.row(
                    e.last,
                    &json!({"type": e.kind, "value": mask(&e.value), "posts": e.posts, "first_seen": e.first,
                    "last_seen": e.last, "tags": tags}),
                )?;
            }
        }
        Matter::Posts | Matter::Events => {
            let mut after = 0;
            while out.left > 0 {
                let posts = store
                    .posts(&PostFilter { after: Some(after), limit: BATCH, ..PostFilter::default() })
                    .await?;
                let Some(last) = posts.last() else { break };
                after = last.id;
                batch(store, scope, &posts, out, &mask).await?;
            }
        }
    }
    Ok(())
}

async fn batch<W: Write + Send>(
    store: &dyn Store,
    scope: &Scope,
    posts: &[Post],
    out: &mut Table<W>,
    mask: &(dyn Fn(&str) -> String + Sync),
) -> Result<(), TableError> {
    let ids: Vec<i64> = posts.iter().map(|p| p.id).collect();
    let threads: Vec<i64> = posts.iter().map(|p| p.thread_id).collect();
    let threads: HashMap<i64, _> = store.threads(&threads).await?.into_iter().map(|t| (t.id, t)).collect();
    let accounts = PostFilter {
        ids: Some(posts.iter().filter_map(|p| p.account_id).collect()),
        ..PostFilter::default()
    };
    let names: HashMap<i64, String> =
        store.accounts(&accounts).await?.1.into_iter().map(|a| (a.id, a.name)).collect();
    let name = |p: &Post| p.account_id.and_then(|a| names.get(&a).cloned());
    if scope.matter == Matter::Posts {
        let mut external: HashMap<i64, String> =
            posts.iter().map(|p| (p.id, p.external_id.clone())).collect();
        let quotes = store.quotes_of(&ids).await?;
        let far: Vec<i64> = quotes
            .iter()
            .filter_map(|q| q.1)
            .chain(posts.iter().filter_map(|p| p.reply_to))
            .filter(|id| !external.contains_key(id))
            .collect();
        for p in store.posts(&PostFilter { ids: Some(far), ..PostFilter::default() }).await? {
            external.insert(p.id, p.external_id);
        }
        let mut quoted: HashMap<i64, Vec<Value>> = HashMap::new();
        for (post, target, author) in quotes {
            let target = target.and_then(|t| external.get(&t).cloned());
            quoted.entry(post).or_default().push(match (target, author) {
                (Some(id), None) => json!(id),
                (post, author) => json!({"post": post, "author": author}),
            });
        }
        for p in posts {
            let thread = threads.get(&p.thread_id);
            out.row(p.time, &json!({"id": p.external_id, "forum": thread.map(|t| &t.forum), "board": thread.and_then(|t| t.board.as_ref()),
                "thread": thread.and_then(|t| t.key.as_ref()), "title": thread.map(|t| &t.title), "author": name(p), "time": p.time, "text": mask(&p.text),
                "reply_to": p.reply_to.and_then(|r| external.get(&r)), "quotes": quoted.remove(&p.id).unwrap_or_default(),
                "mentions": p.mentions, "links": p.links.iter().map(|l| mask(l)).collect::<Vec<_>>(), "edited": p.edited,
                "sticky": thread.is_some_and(|t| t.sticky), "url": p.url, "language": p.language, "relevance": p.relevance}))?;
        }
        return Ok(());
    }
    let by_id: HashMap<i64, &Post> = posts.iter().map(|p| (p.id, p)).collect();
    for e in store.events_of(&ids).await? {
        let Some(p) = by_id.get(&e.post_id) else { continue };
        let arguments: Vec<Value> = e
            .arguments
            .iter()
            .map(|a| json!({"role": a.role, "text": mask(&a.text), "start": a.start, "end": a.end, "confidence": a.confidence}))
            .collect();
        out.row(p.time, &json!({"post": p.external_id, "forum": threads.get(&p.thread_id).map(|t| &t.forum), "author": name(p), "time": p.time,
            "type": e.kind, "family": e.kind.family(), "modality": e.modality, "confidence": e.confidence,
            "trigger": {"text": e.trigger_text, "start": e.trigger.start, "end": e.trigger.end}, "arguments": arguments,
            "threat": e.threat_id}))?;
    }
    Ok(())
}
