//! Looks at the store now and then and tells what is new, whichever process wrote it.

use super::Kind;
use crate::AppState;
use crate::view::{self, time};
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tm_store::{Pulse, Result, ThreatFilter, ThreatRow};

/// How often it looks.
const PAUSE: Duration = Duration::from_secs(2);
/// Threat events that are told one by one after a conclusion, gravest first; `analyzed` has the number of all.
const TOLD: usize = 50;

/// What of a threat event a listener would want to know.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    mentions: u64,
    status: String,
    severity: f64,
}

#[derive(Debug, Default)]
struct Seen {
    pulse: Pulse,
    threats: HashMap<String, Known>,
    sources: HashMap<i64, String>,
}

/// Looks until the task is ended. What is there at the beginning is not news.
pub(crate) async fn watch(app: Arc<AppState>) {
    let mut seen: Option<Seen> = None;
    loop {
        let looked = match &mut seen {
            None => begin(&app).await.map(|s| seen = Some(s)),
            Some(seen) => look(&app, seen).await,
        };
        if let Err(error) = looked {
            tracing::warn!(%error, "the stream of events cannot look at the store");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn threats(app: &AppState) -> Result<Vec<ThreatRow>> {
    Ok(app.store.threats(&ThreatFilter { sort: "severity".into(), ..ThreatFilter::default() }).await?.1)
}

fn known(t: &ThreatRow) -> Known {
    Known { mentions: t.mentions, status: t.status.clone(), severity: view::round(t.severity) }
}

async fn begin(app: &AppState) -> Result<Seen> {
    Ok(Seen {
        pulse: app.store.pulse().await?,
        threats: threats(app).await?.iter().map(|t| (t.id.clone(), known(t))).collect(),
        sources: app.store.sources().await?.into_iter().map(|s| (s.id, s.state)).collect(),
    })
}

async fn look(app: &AppState, seen: &mut Seen) -> Result<()> {
    let pulse = app.store.pulse().await?;
    if pulse == seen.pulse {
        return Ok(());
    }
    if pulse.newest_post > seen.pulse.newest_post {
        let forums = app.store.posts_above(seen.pulse.newest_post).await?;
        let new: u64 = forums.iter().map(|f| f.1).sum();
        let forums: Vec<_> = forums.iter().map(|(name, n)| json!({"name": name, "new": n})).collect();
        app.stream.tell(Kind::Posts, &json!({"new": new, "newest": pulse.newest_post, "forums": forums}));
    }
    if pulse.sources != seen.pulse.sources {
        let mut states = HashMap::new();
        for s in app.store.sources().await? {
            if seen.sources.get(&s.id) != Some(&s.state) {
                app.stream.tell(
                    Kind::Source,
                    &json!({"id": s.id, "name": s.name, "state": s.state, "reason": s.reason}),
                );
            }
            states.insert(s.id, s.state);
        }
        seen.sources = states;
    }
    if pulse.conclusions != seen.pulse.conclusions {
        let rows = threats(app).await?;
        let news: Vec<(&ThreatRow, &str)> = rows
            .iter()
            .filter_map(|t| match seen.threats.get(&t.id) {
                None => Some((t, "new")),
                Some(before) => (*before != known(t)).then_some((t, "changed")),
            })
            .collect();
        let count = |what: &str| news.iter().filter(|n| n.1 == what).count();
        app.stream.tell(
            Kind::Analyzed,
            &json!({"threats": rows.len(), "new_threats": count("new"), "changed_threats": count("changed")}),
        );
        for (t, change) in news.iter().take(TOLD) {
            app.stream.tell(
                Kind::Threat,
                &json!({"id": t.id, "title": tm_model::mask_secrets(&t.title), "type": t.kind, "family": t.kind.family(),
                    "status": t.status, "severity": view::round(t.severity), "last_seen": time(t.last), "change": change}),
            );
        }
        seen.threats = rows.iter().map(|t| (t.id.clone(), known(t))).collect();
    }
    seen.pulse = pulse;
    Ok(())
}
