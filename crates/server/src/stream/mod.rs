//! What happens, as server-sent events.
//!
//! The hub keeps the last events in a ring; each listener remembers only the last one that it was sent and reads on from
//! there. However slow a listener is, it costs no more than its connection; what fell out of the ring before it came is told
//! as `missed`, and the page loads its lists anew.

mod watch;

pub(crate) use watch::watch;

use crate::access::{Who, now};
use crate::problem::ApiError;
use crate::{AppState, access};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch as signal;

/// Events that are kept.
const KEPT: usize = 1024;
/// Listeners at the same time.
const LISTENERS: usize = 4096;
/// Longest data of an event, in bytes.
const LONGEST: usize = 16 * 1024;
/// How often a listener is shown that the connection lives.
const ALIVE: Duration = Duration::from_secs(15);
/// How often it is asked whether a listener may still listen.
const ASKED: Duration = Duration::from_secs(60);

/// What kinds of events there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Posts were stored.
    Posts,
    /// Posts were analysed and conclusions drawn.
    Analyzed,
    /// A threat event is new or changed.
    Threat,
    /// A rule rang.
    Alert,
    /// A source changed its state.
    Source,
}

impl Kind {
    /// Its name in the stream.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Posts => "posts",
            Kind::Analyzed => "analyzed",
            Kind::Threat => "threat",
            Kind::Alert => "alert",
            Kind::Source => "source",
        }
    }
}

#[derive(Debug)]
struct Sent {
    id: u64,
    kind: Kind,
    data: String,
}

/// Where events are told and heard.
#[derive(Debug)]
pub struct Hub {
    ring: Mutex<VecDeque<Arc<Sent>>>,
    newest: signal::Sender<u64>,
    listeners: AtomicUsize,
    closed: signal::Sender<bool>,
}

impl Default for Hub {
    fn default() -> Hub {
        // Identifiers grow over restarts too: there are never a million events a second.
        let first = u64::try_from(now().0).unwrap_or(0).saturating_mul(1_000_000);
        Hub {
            ring: Mutex::new(VecDeque::with_capacity(KEPT)),
            newest: signal::channel(first).0,
            listeners: AtomicUsize::new(0),
            closed: signal::channel(false).0,
        }
    }
}

impl Hub {
    /// Tells an event to all who listen. One that is too long is told without its data.
    pub fn tell(&self, kind: Kind, data: &Value) {
        let mut data = data.to_string();
        if data.len() > LONGEST {
            data = "{}".into();
        }
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let id = *self.newest.borrow() + 1;
        if ring.len() == KEPT {
            ring.pop_front();
        }
        ring.push_back(Arc::new(Sent { id, kind, data }));
        self.newest.send_replace(id);
    }

    /// Ends all streams, so that a server that stops does not wait for them.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// The first event behind `after`, and whether some between them are gone.
    fn behind(&self, after: u64) -> Option<(Arc<Sent>, bool)> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let at = ring.partition_point(|e| e.id <= after);
        let next = ring.get(at)?;
        Some((Arc::clone(next), next.id > after + 1))
    }
}

/// A listener, counted as long as it lives.
struct Listener {
    app: Arc<AppState>,
    after: u64,
    newest: signal::Receiver<u64>,
    closed: signal::Receiver<bool>,
    credentials: (Option<String>, Option<String>),
    who: Who,
    check: tokio::time::Instant,
    /// Events were told before this process began, or fell out of the ring.
    gap: bool,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.app.stream.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if *self.closed.borrow() {
                return None;
            }
            let found = self.app.stream.behind(self.after);
            if let Some((_, true)) = &found
                && !self.gap
            {
                self.gap = true;
            }
            if self.gap {
                self.gap = false;
                // Reads on with the oldest event that is kept.
                self.after = found.map_or(*self.newest.borrow(), |(sent, _)| sent.id - 1);
                return Some(Event::default().event("missed").id(self.after.to_string()).data("{}"));
            }
            if let Some((sent, _)) = found {
                self.after = sent.id;
                let event = Event::default().event(sent.kind.as_str()).id(sent.id.to_string());
                return Some(event.data(&sent.data));
            }
            tokio::select! {
                changed = self.newest.changed() => if changed.is_err() { return None },
                _ = self.closed.changed() => return None,
                () = tokio::time::sleep_until(self.check) => {
                    self.check += ASKED;
                    if !self.may().await {
                        return None;
                    }
                }
            }
        }
    }

    /// A stream outlives neither its session nor its token.
    async fn may(&self) -> bool {
        let (bearer, session) = (self.credentials.0.as_deref(), self.credentials.1.as_deref());
        let who = self.app.access.who(&*self.app.store, bearer, session, self.who.address).await;
        matches!(who, Ok(Some(who)) if who.may(access::VIEW))
    }
}

/// `GET /api/v1/stream`.
pub(crate) async fn listen(
    State(app): State<Arc<AppState>>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let hub = &app.stream;
    if hub.listeners.fetch_add(1, Ordering::Relaxed) >= LISTENERS {
        hub.listeners.fetch_sub(1, Ordering::Relaxed);
        return Err(ApiError::Busy(format!("{LISTENERS} listeners are the most this server serves")));
    }
    let newest = *hub.newest.borrow();
    let asked =
        headers.get("last-event-id").and_then(|v| v.to_str().ok()).and_then(|v| v.trim().parse::<u64>().ok());
    let kept = hub.ring.lock().unwrap_or_else(PoisonError::into_inner).front().map_or(newest + 1, |e| e.id);
    // An identifier of the future is none of ours.
    let after = asked.filter(|id| *id <= newest);
    let mut listener = Listener {
        after: after.unwrap_or(newest),
        newest: hub.newest.subscribe(),
        closed: hub.closed.subscribe(),
        credentials: access::credentials(&headers, app.access.cookie()),
        who,
        check: tokio::time::Instant::now() + ASKED,
        gap: asked.is_some() && after.is_none_or(|id| id + 1 < kept),
        app,
    };
    listener.newest.mark_unchanged();
    // The first line tells the browser that the stream is there, before anything has happened.
    let hello = Event::default().retry(Duration::from_secs(3)).comment("threatminer");
    let begun = futures::stream::once(async move { Ok::<_, Infallible>(hello) });
    let events = futures::stream::unfold(listener, |mut l| async move {
        let event = l.next().await?;
        Some((Ok::<_, Infallible>(event), l))
    });
    let stream = futures::StreamExt::chain(begun, events);
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(ALIVE)).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather answers (nginx) would hold events back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// What the stream carries, for the description of the API.
pub(crate) fn kinds() -> Value {
    json!([Kind::Posts, Kind::Analyzed, Kind::Threat, Kind::Alert, Kind::Source].map(Kind::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_is_bounded_and_says_what_is_gone() {
        let hub = Hub::default();
        let first = *hub.newest.borrow();
        for n in 0..KEPT + 10 {
            hub.tell(Kind::Posts, &json!({"n": n}));
        }
        assert_eq!(hub.ring.lock().unwrap().len(), KEPT);
        let (sent, gap) = hub.behind(first).unwrap();
        assert_eq!((sent.id, gap), (first + 11, true));
        let (sent, gap) = hub.behind(first + 500).unwrap();
        assert_eq!((sent.id, gap), (first + 501, false));
        assert!(hub.behind(first + KEPT as u64 + 10).is_none());
        hub.tell(Kind::Alert, &json!("x".repeat(LONGEST)));
        assert_eq!(hub.behind(first + KEPT as u64 + 10).unwrap().0.data, "{}");
    }
}
