//! The queue of a cluster: NATS JetStream. Leases, heartbeats, redelivery, deduplication and replication are JetStream's.

use super::{Lease, Offer, QueueError, QueueResult, WorkQueue};
use crate::SourceRow;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, RetentionPolicy};
use async_nats::jetstream::{AckKind, Context, Message, new};
use async_nats::{ConnectOptions, ServerAddr};
use async_trait::async_trait;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tm_model::PostRecord;
use tokio::sync::RwLock;

/// How the streams are kept.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// First word of the streams' names and subjects; two clusters on one server need two.
    pub prefix: String,
    /// How long a lease lasts without renewal.
    pub patience: Duration,
    /// The same offer within this time is not taken again.
    pub window: Duration,
    /// Servers that keep each message: 1, or 3 in a NATS cluster.
    pub replicas: usize,
}

impl Default for NatsOptions {
    fn default() -> NatsOptions {
        NatsOptions {
            prefix: "threatminer".into(),
            patience: Duration::from_secs(60),
            window: Duration::from_secs(60),
            replicas: 1,
        }
    }
}

/// What a collector hands over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parcel {
    /// Posts of a forum, to be stored as a crawl stores them.
    Posts {
        /// The forum's name.
        forum: String,
        /// Its posts.
        posts: Vec<PostRecord>,
    },
    /// How a source fares, with address and text of the page that shows what is wrong.
    Source {
        /// The source.
        row: Box<SourceRow>,
        /// The page.
        page: Option<(String, String)>,
    },
}

/// Largest parcel after decompression; a larger one was not written by this program.
const LARGEST: usize = 64 << 20;
/// How long a connected server may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    Work,
    Posts,
}

/// A queue in NATS JetStream.
#[derive(Debug)]
pub struct NatsQueue {
    context: Context,
    options: NatsOptions,
    /// Consumers of the two streams; forgotten when one fails, and made anew: the server may have lost everything.
    work: RwLock<Option<PullConsumer>>,
    posts: RwLock<Option<PullConsumer>>,
}

fn failed<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> QueueError {
    move |e| QueueError::Failed { what, why: e.to_string() }
}

impl NatsQueue {
    /// Connects to `nats://HOST:PORT` (several with commas in between) and makes the streams that are missing.
    ///
    /// # Errors
    /// [`QueueError::Connect`] when no server can be reached.
    pub async fn connect(url: &str, options: NatsOptions) -> QueueResult<NatsQueue> {
        let servers: Vec<ServerAddr> = url
            .split(',')
            .map(|u| u.trim().parse())
            .collect::<Result<_, _>>()
            .map_err(|e: std::io::Error| QueueError::Connect { url: shown(url), why: e.to_string() })?;
        let client = ConnectOptions::new()
            .name("threatminer")
            .connection_timeout(ANSWER)
            .request_timeout(Some(ANSWER))
            .ping_interval(Duration::from_secs(10))
            .connect(servers)
            .await
            .map_err(|e| QueueError::Connect { url: shown(url), why: e.to_string() })?;
        let queue =
            NatsQueue { context: new(client), options, work: RwLock::default(), posts: RwLock::default() };
        queue.consumer(Line::Work).await?;
        queue.consumer(Line::Posts).await?;
        Ok(queue)
    }

    fn name(&self, line: Line) -> (String, String) {
        let word = match line {
            Line::Work => "work",
            Line::Posts => "posts",
        };
        (format!("{}_{word}", self.options.prefix), format!("{}.{word}", self.options.prefix))
    }

    /// The consumer that all workers share; makes stream and consumer where they are missing.
    async fn consumer(&self, line: Line) -> QueueResult<PullConsumer> {
        let slot = match line {
            Line::Work => &self.work,
            Line::Posts => &self.posts,
        };
        if let Some(consumer) = slot.read().await.as_ref() {
            return Ok(consumer.clone());
        }
        let mut slot = slot.write().await;
        let (name, subject) = self.name(line);
        let stream = self
            .context
            .get_or_create_stream(Config {
                name,
                subjects: vec![subject],
                // What is done is gone.
                retention: RetentionPolicy::WorkQueue,
                duplicate_window: self.options.window,
                num_replicas: self.options.replicas,
                ..Config::default()
            })
            .await
            .map_err(failed("make the stream"))?;
        let consumer = stream
            .get_or_create_consumer(
                "workers",
                pull::Config {
                    durable_name: Some("workers".into()),
                    ack_policy: AckPolicy::Explicit,
                    ack_wait: self.options.patience,
                    // The worker counts tries and sets aside what ends badly; a limit here would leave it in the stream.
                    max_deliver: -1,
                    ..pull::Config::default()
                },
            )
            .await
            .map_err(failed("make the consumer"))?;
        *slot = Some(consumer.clone());
        Ok(consumer)
    }

    async fn forget(&self, line: Line) {
        match line {
            Line::Work => *self.work.write().await = None,
            Line::Posts => *self.posts.write().await = None,
        }
    }

    /// Publishes, and has the server say that it is kept. Returns false for a message that was published a moment ago.
    async fn publish(&self, line: Line, id: &str, payload: Vec<u8>) -> QueueResult<bool> {
        let what = "hand over a message";
        let attempt = async {
            let message = PublishMessage::build().payload(payload.into()).message_id(id);
            let kept = self.context.send_publish(self.name(line).1, message).await.map_err(failed(what))?;
            Ok(!kept.await.map_err(failed(what))?.duplicate)
        };
        let done = attempt.await;
        if done.is_err() {
            // Perhaps the stream is gone: the next call makes it again.
            self.forget(line).await;
        }
        done
    }

    async fn next(&self, line: Line, wait: Duration) -> QueueResult<Option<Message>> {
        let what = "take a message";
        let attempt = async {
            let consumer = self.consumer(line).await?;
            let mut batch =
                consumer.batch().max_messages(1).expires(wait).messages().await.map_err(failed(what))?;
            // A server that went away answers nothing at all.
            match tokio::time::timeout(wait + ANSWER, batch.next()).await {
                Ok(next) => next.transpose().map_err(failed(what)),
                Err(_) => Err(QueueError::Failed { what, why: "no answer".into() }),
            }
        };
        let done = attempt.await;
        if done.is_err() {
            self.forget(line).await;
        }
        done
    }

    async fn count(&self, line: Line) -> QueueResult<u64> {
        // Makes the stream if it is gone.
        self.consumer(line).await?;
        let stream = match self.context.get_stream(self.name(line).0).await {
            Ok(stream) => stream,
            Err(e) => {
                self.forget(line).await;
                return Err(failed("count messages")(e));
            }
        };
        Ok(stream.cached_info().state.messages)
    }

    /// Hands a parcel over to whoever has the store; returns when the server keeps it. The same parcel within the window is
    /// kept once.
    ///
    /// # Errors
    /// [`QueueError::TooLarge`] for one post that no message can hold; other errors may be gone at the next call.
    pub async fn send(&self, parcel: &Parcel) -> QueueResult<()> {
        self.consumer(Line::Posts).await?;
        let mut waiting = vec![parcel.clone()];
        while let Some(parcel) = waiting.pop() {
            let text = serde_json::to_vec(&parcel).map_err(failed("write a parcel"))?;
            let id = blake3::hash(&text).to_hex()[..32].to_owned();
            let packed = zstd::bulk::compress(&text, 3).map_err(failed("write a parcel"))?;
            let most = self.context.client().max_payload().saturating_sub(1024);
            if packed.len() <= most && text.len() <= LARGEST {
                self.publish(Line::Posts, &id, packed).await?;
                continue;
            }
            match parcel {
                Parcel::Posts { forum, mut posts } if posts.len() > 1 => {
                    let rest = posts.split_off(posts.len() / 2);
                    waiting.push(Parcel::Posts { forum: forum.clone(), posts: rest });
                    waiting.push(Parcel::Posts { forum, posts });
                }
                Parcel::Source { row, page: Some(_) } => waiting.push(Parcel::Source { row, page: None }),
                _ => return Err(QueueError::TooLarge { size: packed.len(), most }),
            }
        }
        Ok(())
    }

    /// The next parcel, for which it waits at most so long.
    ///
    /// # Errors
    /// [`QueueError::Failed`] when the server does not answer. A message that is no parcel is taken out and logged.
    pub async fn receive(&self, wait: Duration) -> QueueResult<Option<Received>> {
        let Some(message) = self.next(Line::Posts, wait).await? else { return Ok(None) };
        let read = zstd::bulk::decompress(&message.payload, LARGEST)
            .map_err(|e| e.to_string())
            .and_then(|text| serde_json::from_slice(&text).map_err(|e| e.to_string()));
        match read {
            Ok(parcel) => Ok(Some(Received { parcel, attempt: attempt(&message), message })),
            Err(why) => {
                message.ack_with(AckKind::Term).await.map_err(failed("refuse a message"))?;
                Err(QueueError::Damaged(why))
            }
        }
    }

    /// Number of parcels that no store has yet.
    ///
    /// # Errors
    /// [`QueueError::Failed`] when the server does not answer.
    pub async fn parcels(&self) -> QueueResult<u64> {
        self.count(Line::Posts).await
    }
}

/// A parcel that has arrived; it is handed out again unless [`Received::stored`] is called.
pub struct Received {
    /// What a collector sent.
    pub parcel: Parcel,
    /// How many times it was handed out, from 1.
    pub attempt: u32,
    message: Message,
}

impl Received {
    /// The store has it.
    ///
    /// # Errors
    /// [`QueueError::Failed`] when the server does not answer; the parcel then comes again and is recognised by the store.
    pub async fn stored(&self) -> QueueResult<()> {
        self.message.double_ack().await.map_err(failed("acknowledge a parcel"))
    }

    /// The store cannot take it now.
    ///
    /// # Errors
    /// [`QueueError::Failed`] when the server does not answer.
    pub async fn release(&self, pause: Duration) -> QueueResult<()> {
        self.message.ack_with(AckKind::Nak(Some(pause))).await.map_err(failed("give a parcel back"))
    }
}

#[async_trait]
impl WorkQueue for NatsQueue {
    async fn offer(&self, offer: &Offer) -> QueueResult<bool> {
        self.consumer(Line::Work).await?;
        let payload = serde_json::to_vec(offer).map_err(failed("write an offer"))?;
        self.publish(Line::Work, &offer.key(), payload).await
    }

    async fn lease(&self, wait: Duration) -> QueueResult<Option<Box<dyn Lease>>> {
        let Some(message) = self.next(Line::Work, wait).await? else { return Ok(None) };
        match serde_json::from_slice(&message.payload) {
            Ok(offer) => Ok(Some(Box::new(Held { offer, attempt: attempt(&message), message }))),
            Err(e) => {
                message.ack_with(AckKind::Term).await.map_err(failed("refuse a message"))?;
                Err(QueueError::Damaged(e.to_string()))
            }
        }
    }

    async fn open(&self) -> QueueResult<u64> {
        self.count(Line::Work).await
    }

    fn patience(&self) -> Duration {
        self.options.patience
    }
}

fn attempt(message: &Message) -> u32 {
    message.info().map_or(1, |i| u32::try_from(i.delivered).unwrap_or(1).max(1))
}

struct Held {
    offer: Offer,
    attempt: u32,
    message: Message,
}

#[async_trait]
impl Lease for Held {
    fn offer(&self) -> &Offer {
        &self.offer
    }

    fn attempt(&self) -> u32 {
        self.attempt
    }

    async fn renew(&self) -> QueueResult<()> {
        self.message.ack_with(AckKind::Progress).await.map_err(failed("renew a lease"))
    }

    async fn done(&self) -> QueueResult<()> {
        self.message.double_ack().await.map_err(failed("end a lease"))
    }

    async fn release(&self, pause: Duration) -> QueueResult<()> {
        self.message.ack_with(AckKind::Nak(Some(pause))).await.map_err(failed("give a lease back"))
    }
}

/// An address without what stands before its host: a password may.
fn shown(url: &str) -> String {
    let one = |u: &str| match (u.find("://"), u.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}{}", &u[..scheme + 3], &u[at + 1..]),
        _ => u.to_owned(),
    };
    url.split(',').map(|u| one(u.trim())).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("nats://a:secret@h:4222, nats://i:4222"), "nats://h:4222,nats://i:4222");
    }
}
