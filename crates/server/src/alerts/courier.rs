//! Bringing deliveries to their channels.

use super::AGENT;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tm_model::Timestamp;
use tm_notify::{Channel, Note, Parcel, SendError, Sender, pause};
use tm_store::{
    AlertFilter, AlertRow, ChannelRow, DeliveryFilter, DeliveryRow, PostFilter, Store, StoreError,
};

/// Deliveries that are looked at together.
const BATCH: u32 = 200;
/// Seconds within which a try has ended: a delivery that was taken longer ago was lost in a kill.
const LEASE: i64 = 60;
/// Longest that a receiver may put a delivery off, in seconds.
const PUT_OFF: u64 = 6 * 3600;

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Delivered.
    pub delivered: u32,
    /// To be tried again.
    pub failed: u32,
    /// Given up.
    pub given_up: u32,
}

/// Brings what is due.
#[derive(Debug, Clone)]
pub struct Courier {
    sender: Sender,
    link: Option<String>,
    patience: i64,
}

impl Courier {
    /// `link` is where the analysts' page is, for links in messages; `days` after which a delivery is given up.
    ///
    /// # Errors
    /// [`SendError`] when TLS cannot be set up.
    pub fn new(link: Option<&str>, days: u32) -> Result<Courier, SendError> {
        Ok(Courier {
            sender: Sender::new(AGENT)?,
            link: link.map(|l| l.trim_end_matches('/').to_owned()),
            patience: i64::from(days) * 86_400,
        })
    }

    /// Tries what is due at `now` once, channels side by side: one that does not answer holds up no other.
    ///
    /// # Errors
    /// [`StoreError`] when the store fails.
    pub async fn round(&self, store: &Arc<dyn Store>, now: Timestamp) -> Result<Sent, StoreError> {
        let due = DeliveryFilter { due: Some(now), limit: BATCH, ..DeliveryFilter::default() };
        let mut by_channel: BTreeMap<i64, Vec<DeliveryRow>> = BTreeMap::new();
        for delivery in store.deliveries(&due).await? {
            by_channel.entry(delivery.channel).or_default().push(delivery);
        }
        if by_channel.is_empty() {
            return Ok(Sent::default());
        }
        let channels: HashMap<i64, ChannelRow> =
            store.channels().await?.into_iter().map(|c| (c.id, c)).collect();
        let mut tasks = tokio::task::JoinSet::new();
        for (id, deliveries) in by_channel {
            let (courier, store, channel) = (self.clone(), Arc::clone(store), channels.get(&id).cloned());
            tasks.spawn(async move { courier.channel(&*store, channel, deliveries, now).await });
        }
        let mut sum = Sent::default();
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok(sent) => {
                    let sent = sent?;
                    sum.delivered += sent.delivered;
                    sum.failed += sent.failed;
                    sum.given_up += sent.given_up;
                }
                Err(error) => tracing::error!(%error, "a delivery broke off; it is tried again"),
            }
        }
        Ok(sum)
    }

    /// Brings the deliveries of one channel, one after the other; behind the first that finds nobody the others wait.
    async fn channel(
        &self,
        store: &dyn Store,
        channel: Option<ChannelRow>,
        deliveries: Vec<DeliveryRow>,
        now: Timestamp,
    ) -> Result<Sent, StoreError> {
        let mut sum = Sent::default();
        let started = std::time::Instant::now();
        for delivery in deliveries {
            let now = Timestamp(now.0 + started.elapsed().as_secs() as i64);
            let attempt = delivery.attempts + 1;
            let next = now.0 + pause(attempt, delivery.id as u64).max(LEASE);
            if !store.claim_delivery(delivery.id, delivery.attempts, Timestamp(next)).await? {
                continue;
            }
            let Some(channel) = &channel else {
                store.record_try(delivery.id, "given_up", Some(now), "the channel was removed").await?;
                sum.given_up += 1;
                continue;
            };
            match self.bring(store, channel, &delivery, now).await? {
                Ok(said) => {
                    store.record_try(delivery.id, "delivered", Some(now), &said).await?;
                    sum.delivered += 1;
                }
                Err(error) => {
                    let over = now.0.saturating_sub(delivery.due.0) >= self.patience;
                    let last = delivery.kind == "test" || over;
                    let (state, end) = if last { ("given_up", Some(now)) } else { ("waiting", None) };
                    store.record_try(delivery.id, state, end, &error.to_string()).await?;
                    let (id, channel) = (delivery.id, &channel.name);
                    tracing::warn!(delivery = id, channel, attempt, state, %error, "a delivery failed");
                    if last {
                        sum.given_up += 1;
                        continue;
                    }
                    sum.failed += 1;
                    match error {
                        // Being put off counts as a try.
                        SendError::Later(seconds) => {
                            let then = Timestamp(now.0 + seconds.min(PUT_OFF) as i64);
                            if then.0 > next {
                                store.claim_delivery(delivery.id, attempt, then).await?;
                            }
                            break;
                        }
                        SendError::Unreachable(_) => break,
                        SendError::Refused(_) | SendError::Private(_) => {}
                    }
                }
            }
        }
        Ok(sum)
    }

    async fn bring(
        &self,
        store: &dyn Store,
        row: &ChannelRow,
        delivery: &DeliveryRow,
        now: Timestamp,
    ) -> Result<Result<String, SendError>, StoreError> {
        let channel = match Channel::parse(&row.kind, &row.settings) {
            Ok(channel) => channel,
            Err(error) => return Ok(Err(SendError::Refused(error.to_string()))),
        };
        let test = delivery.kind == "test";
        let alerts = if test { Vec::new() } else { self.notes(store, delivery.id).await? };
        let parcel = Parcel { delivery: delivery.key.clone(), test, sent: now, alerts };
        Ok(self.sender.send(&channel, &parcel).await)
    }

    /// The alerts of a delivery, in the order in which they rang.
    async fn notes(&self, store: &dyn Store, delivery: i64) -> Result<Vec<Note>, StoreError> {
        let of = AlertFilter { delivery: Some(delivery), ..AlertFilter::default() };
        let (_, mut alerts) = store.alerts(&of).await?;
        alerts.reverse();
        let ids: Vec<i64> = alerts.iter().filter_map(|a| a.account).collect();
        let of = PostFilter { ids: Some(ids), ..PostFilter::default() };
        let accounts: HashMap<i64, _> = store.accounts(&of).await?.1.into_iter().map(|a| (a.id, a)).collect();
        let mut forums: HashMap<i64, String> = HashMap::new();
        for chunk in alerts.iter().filter_map(|a| a.post).collect::<Vec<_>>().chunks(500) {
            let posts =
                store.posts(&PostFilter { ids: Some(chunk.to_vec()), ..PostFilter::default() }).await?;
            let threads: Vec<i64> = posts.iter().map(|p| p.thread_id).collect();
            let threads: HashMap<i64, String> =
                store.threads(&threads).await?.into_iter().map(|t| (t.id, t.forum)).collect();
            forums.extend(posts.iter().filter_map(|p| Some((p.id, threads.get(&p.thread_id)?.clone()))));
        }
        let note = |a: AlertRow| {
            let account = a.account.and_then(|id| accounts.get(&id));
            let forum = a.post.and_then(|id| forums.get(&id).cloned());
            let (span, sentence) = match a.evidence {
                Some((span, sentence)) => (Some(span), Some(sentence)),
                None => (None, None),
            };
            Note {
                link: self.link(&a.threat, a.post, a.account),
                id: a.id,
                rule: a.rule_name,
                time: a.time,
                posted: a.posted,
                title: a.title,
                severity: a.severity,
                threat: a.threat,
                post: a.post,
                account: a.account,
                author: account.map(|x| x.name.clone()),
                forum: forum.or_else(|| account.map(|x| x.forum.clone())),
                span,
                sentence,
            }
        };
        Ok(alerts.into_iter().map(note).collect())
    }

    fn link(&self, threat: &Option<String>, post: Option<i64>, account: Option<i64>) -> Option<String> {
        let base = self.link.as_ref()?;
        threat
            .as_ref()
            .map(|id| format!("{base}/threats/{id}"))
            .or_else(|| post.map(|id| format!("{base}/posts/{id}")))
            .or_else(|| account.map(|id| format!("{base}/actors/{id}")))
    }

    /// Tries a channel now; whether the message arrived, and what was said. The try is in the log of deliveries.
    ///
    /// # Errors
    /// [`StoreError`] when the store fails.
    pub async fn test(
        &self,
        store: &dyn Store,
        channel: &ChannelRow,
        now: Timestamp,
    ) -> Result<(bool, String), StoreError> {
        let (_, deliveries) =
            (0, store.deliveries(&DeliveryFilter { limit: 1, ..DeliveryFilter::default() }).await?);
        let key = format!("test:{}:{}:{}", channel.id, now.0, deliveries.first().map_or(0, |d| d.id));
        let delivery = store.add_delivery(channel, &key, now).await?;
        if !store.claim_delivery(delivery.id, 0, Timestamp(now.0 + LEASE)).await? {
            return Ok((false, "another process tries it just now".into()));
        }
        let (state, detail) = match self.bring(store, channel, &delivery, now).await? {
            Ok(said) => ("delivered", said),
            Err(error) => ("given_up", error.to_string()),
        };
        store.record_try(delivery.id, state, Some(now), &detail).await?;
        Ok((state == "delivered", detail))
    }
}
