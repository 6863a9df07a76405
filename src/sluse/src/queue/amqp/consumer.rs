//! The one consumer that a role has on a queue: it comes back by itself, and nothing of it outlives its channel.
//!
//! ```text
//!            somebody leases                nobody has leased for a while, and messages lie here
//!   paused ───────────────────▶ consuming ──────────────────────────────────────────────────────▶ paused
//!     ▲                            │                                    (what lies here is given back)
//!     │     channel lost, cancelled, or deaf: receipts become stale
//!     └── new channel, generation + 1 ◀──┘
//! ```
//!
//! The broker sends no more than `at_once` messages that are not acked, so that several holders share the work.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use sluse_envelope::{SubmissionId, UnixMillis};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

use super::AmqpOptions;
use super::fault::Fault;
use super::held::{Holdings, Received};
use super::link::{ANSWER, Link, answer, pause};
use super::marks::Marks;
use super::publisher::Publisher;
use super::topology::{AGAIN, DEAD, Names};
use crate::id::CodeWord;
use crate::queue::{LeaseReceipt, Leased, MAX_BODY, QueueError};

/// A consumer's name on its channel.
const TAG: &str = "sluse";
/// How often leases, silence and the channel are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// A consumer that lasted this long has not failed at its beginning.
const WELL: Duration = Duration::from_secs(30);
/// Shortest time between two lines of the log about messages that were set aside here.
const BETWEEN_LINES: Duration = Duration::from_secs(60);

/// Receives from one queue while somebody leases from it.
#[derive(Debug)]
pub(super) struct Receiver {
    names: Names,
    link: Arc<Link>,
    publisher: Arc<Publisher>,
    at_once: u16,
    options: AmqpOptions,
    holdings: Mutex<Holdings>,
    arrived: Notify,
    /// Leases that wait now, and when the last one ended.
    waiting: AtomicUsize,
    last_asked: Mutex<Instant>,
    asked: Notify,
    /// One permit for each message that may be on its way to being set aside.
    refusing: Arc<Semaphore>,
    /// Messages set aside since the last line about it in the log, and when that was.
    refused: Mutex<(u64, Option<Instant>)>,
}

impl Receiver {
    pub(super) fn new(
        names: Names,
        link: Arc<Link>,
        publisher: Arc<Publisher>,
        at_once: u16,
        options: AmqpOptions,
    ) -> Self {
        Self {
            names,
            link,
            publisher,
            at_once: at_once.max(1),
            options,
            holdings: Mutex::default(),
            arrived: Notify::new(),
            waiting: AtomicUsize::new(0),
            last_asked: Mutex::new(Instant::now()),
            asked: Notify::new(),
            refusing: Arc::new(Semaphore::new(at_once.max(1).into())),
            refused: Mutex::default(),
        }
    }

    /// Leases what has arrived, waiting for the first. A broker that is away is waited for.
    pub(super) async fn lease(&self, max: usize, wait: Duration) -> Vec<Leased> {
        let deadline = Instant::now() + wait;
        let _asking = Asking::begin(self);
        loop {
            let arrived = self.arrived.notified();
            let mut arrived = std::pin::pin!(arrived);
            arrived.as_mut().enable();
            let leased = self.holdings().lease(max, self.options.lease);
            if !leased.is_empty() || max == 0 || timeout_at(deadline, arrived).await.is_err() {
                return leased;
            }
        }
    }

    pub(super) fn extend(&self, receipt: &LeaseReceipt) -> Result<(), QueueError> {
        self.holdings().extend(receipt, self.options.lease).map(|_| ()).ok_or(QueueError::Stale)
    }

    pub(super) async fn ack(&self, receipt: &LeaseReceipt) -> Result<(), QueueError> {
        let received = self.holdings().settle(receipt).ok_or(QueueError::Stale)?;
        ack(&received).await
    }

    /// Publishes what the receipt stands for to the back exchange, then acks it. When that fails it is tried on behind
    /// the caller's back while the lease is kept: the broker would count an attempt for each lease that runs out.
    pub(super) async fn send_back(
        self: &Arc<Self>,
        receipt: LeaseReceipt,
        key: &'static str,
        reason: Option<&CodeWord>,
    ) -> Result<(), QueueError> {
        let sent = self.try_send_back(&receipt, key, reason).await;
        if let Err(cause @ (QueueError::Unavailable(_) | QueueError::Full)) = &sent {
            tracing::warn!(queue = self.names.queue, %cause, "a message is held until it can be given back");
            tokio::spawn(keep_sending_back(Arc::downgrade(self), receipt, key, reason.cloned()));
        }
        sent
    }

    async fn try_send_back(
        &self,
        receipt: &LeaseReceipt,
        key: &str,
        reason: Option<&CodeWord>,
    ) -> Result<(), QueueError> {
        // Still leased while it is published, and after that fails.
        let received =
            self.holdings().extend(receipt, self.options.lease).cloned().ok_or(QueueError::Stale)?;
        let marks = match reason {
            Some(reason) => dead(&received.marks, reason.clone()),
            None => received.marks.clone(),
        };
        let published =
            self.publisher.publish(&self.names.back, key, &marks, Arc::clone(&received.body)).await;
        self.extend(receipt)?;
        published?;
        let received = self.holdings().settle(receipt).ok_or(QueueError::Stale)?;
        ack(&received).await
    }

    /// Consumes for ever, over as many channels as it takes.
    pub(super) async fn run(self: Arc<Self>) {
        let (mut failures, mut told) = (0, None);
        loop {
            let begun = Instant::now();
            // A broker that is away is the link's to log.
            if let Ok((channel, wire)) = self.link.channel().await {
                let channel = Closing(channel);
                self.holdings().begin_generation();
                let Err(fault) = self.consume(&channel.0).await;
                self.holdings().begin_generation();
                if begun.elapsed() > WELL || matches!(fault, Fault::Quiet) {
                    (failures, told) = (0, None);
                }
                let cause = Some(fault.to_string());
                if told != cause && !matches!(fault, Fault::Quiet) {
                    tracing::warn!(queue = self.names.queue, cause, "the consumer is made anew");
                    told = cause;
                }
                if matches!(fault, Fault::Flood) {
                    wire.cut();
                }
                // Never two consumers at once: the old one is gone before the next begins.
                let _ = channel.close().await;
            }
            tokio::time::sleep(pause(failures)).await;
            failures = failures.saturating_add(1);
        }
    }

    /// Consumes over one channel until it is of no use any more.
    async fn consume(&self, channel: &Channel) -> Result<std::convert::Infallible, Fault> {
        let prefetch = channel.basic_qos(self.at_once, BasicQosOptions::default());
        answer("limit what it sends", prefetch).await?;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while !self.is_asked() {
                tokio::select! {
                    () = self.asked.notified() => {}
                    _ = look.tick() => self.look(channel)?,
                }
            }
            let queue = self.names.queue.as_str().into();
            let consuming = channel.basic_consume(
                queue,
                TAG.into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            );
            let mut consumer = answer("begin to send", consuming).await?;
            let mut silence = Silence::begin();
            while !self.is_idle() {
                tokio::select! {
                    delivery = consumer.next() => {
                        silence = Silence::begin();
                        self.received(delivery)?;
                    }
                    _ = look.tick() => {
                        self.look(channel)?;
                        self.listen(channel, &mut silence).await?;
                    }
                }
            }
            self.rest(channel, consumer).await?;
        }
    }

    fn received(&self, delivery: Option<lapin::Result<Delivery>>) -> Result<(), Fault> {
        let mut delivery = match delivery {
            None => return Err(Fault::Cancelled),
            Some(Err(cause)) => return Err(Fault::refused("go on sending", &cause)),
            Some(Ok(delivery)) => delivery,
        };
        let marks = Marks::read(&delivery.properties);
        let refused = match marks.id {
            _ if delivery.data.len() > MAX_BODY => "too_large",
            Some(_) if self.holdings().buffered() >= usize::from(self.at_once) => return Err(Fault::Flood),
            Some(id) => {
                let body = Arc::new(std::mem::take(&mut delivery.data));
                self.holdings().arrived(Received { id, marks, body, delivery: Arc::new(delivery) });
                self.arrived.notify_waiters();
                return Ok(());
            }
            None => "no_submission_id",
        };
        self.refuse(marks, delivery, refused)
    }

    /// Sets aside what is no message of ours. Until that is done it counts among what the broker sent.
    fn refuse(&self, marks: Marks, mut delivery: Delivery, reason: &'static str) -> Result<(), Fault> {
        let permit = Arc::clone(&self.refusing).try_acquire_owned().map_err(|_| Fault::Flood)?;
        self.log_refused(reason);
        let (publisher, back) = (Arc::clone(&self.publisher), self.names.back.clone());
        let body = Arc::new(std::mem::take(&mut delivery.data));
        tokio::spawn(async move {
            // One of its own, so that the operator can name it.
            let id = marks.id.or_else(|| SubmissionId::new(UnixMillis::now()).ok());
            let marks = dead(&Marks { id, ..marks }, CodeWord::constant(reason));
            let mut failures = 0;
            // Given back now it would come again at once. When its channel ends, it comes again anyway.
            while publisher.publish(&back, DEAD, &marks, Arc::clone(&body)).await.is_err() {
                tokio::time::sleep(pause(failures)).await;
                failures = failures.saturating_add(1);
                if !delivery.acker.usable() {
                    return;
                }
            }
            drop(permit);
            if let Err(cause) = answer("take an ack", delivery.ack(BasicAckOptions::default())).await {
                tracing::debug!(%cause, "a message that no sluse put comes back");
            }
        });
        Ok(())
    }

    /// Says that messages were set aside: at once, and then not more often than is of use.
    fn log_refused(&self, reason: &'static str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = &mut *refused;
        *count = count.saturating_add(1);
        if last.is_none_or(|last| last.elapsed() > BETWEEN_LINES) {
            tracing::error!(
                queue = self.names.queue,
                reason,
                count = *count,
                "messages that no sluse put were set aside"
            );
            *refused = (0, Some(Instant::now()));
        }
    }

    /// Gives back what holders have let run out, and notices when the channel is gone.
    fn look(&self, channel: &Channel) -> Result<(), Fault> {
        if !channel.status().connected() {
            return Err(Fault::Cancelled);
        }
        for received in self.holdings().expired() {
            tokio::spawn(async move {
                // When this fails the channel is lost, and the message comes back all the same.
                let _ = answer("take a message back", received.delivery.nack(give_back())).await;
            });
        }
        Ok(())
    }

    /// Asks, after a while without a message that somebody waits for, whether one waits in the queue.
    async fn listen(&self, channel: &Channel, silence: &mut Silence) -> Result<(), Fault> {
        let unacked = self.holdings().unacked();
        let wanted = self.is_asked() && unacked < usize::from(self.at_once);
        // A broker can believe that we hold what never came, and then nothing seems to wait.
        if wanted && unacked == 0 && silence.begun.elapsed() > self.options.anew_after {
            return Err(Fault::Quiet);
        }
        if !wanted || silence.since.elapsed() < self.options.deaf_after {
            return Ok(());
        }
        let ready = count(channel, &self.names.queue).await?;
        if ready > 0 && silence.suspicious {
            return Err(Fault::Deaf);
        }
        *silence = Silence { since: Instant::now(), suspicious: ready > 0, ..*silence };
        Ok(())
    }

    /// Ends the consumer, and gives back what nobody leases, so that others can have it.
    async fn rest(&self, channel: &Channel, mut consumer: Consumer) -> Result<(), Fault> {
        answer("stop sending", channel.basic_cancel(TAG.into(), BasicCancelOptions::default())).await?;
        while let Some(delivery) =
            timeout(ANSWER, consumer.next()).await.map_err(|_| Fault::Late("stop sending"))?
        {
            self.received(Some(delivery))?;
        }
        let unwanted = self.holdings().take_buffer();
        for received in unwanted {
            let body = Arc::clone(&received.body);
            let published = self.publisher.publish(&self.names.back, AGAIN, &received.marks, body).await;
            let settled = match published {
                Ok(()) => answer("take an ack", received.delivery.ack(BasicAckOptions::default())).await,
                Err(_) => answer("take a message back", received.delivery.nack(give_back())).await,
            };
            settled?;
        }
        Ok(())
    }

    fn is_asked(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Whether messages lie here that nobody has asked for in a while.
    fn is_idle(&self) -> bool {
        let last = *self.last_asked.lock().unwrap_or_else(PoisonError::into_inner);
        !self.is_asked() && last.elapsed() > self.options.idle_after && self.holdings().buffered() > 0
    }

    fn holdings(&self) -> MutexGuard<'_, Holdings> {
        self.holdings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Messages that wait in a queue; it must be there.
pub(super) async fn count(channel: &Channel, queue: &str) -> Result<u64, Fault> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let declared = channel.queue_declare(queue.into(), passive, FieldTable::default());
    Ok(answer("show its queue", declared).await?.message_count().into())
}

/// The marks of a dead letter.
pub(super) fn dead(marks: &Marks, reason: CodeWord) -> Marks {
    Marks {
        reason: Some(reason),
        died_at: Some(std::time::SystemTime::now()),
        attempts: marks.attempts.saturating_add(1),
        ..marks.clone()
    }
}

fn give_back() -> BasicNackOptions {
    BasicNackOptions { requeue: true, ..BasicNackOptions::default() }
}

async fn ack(received: &Received) -> Result<(), QueueError> {
    match answer("take an ack", received.delivery.ack(BasicAckOptions::default())).await? {
        true => Ok(()),
        false => Err(QueueError::Stale),
    }
}

/// Gives back, or sets aside, what could not be at once, until that is done or the lease is another's.
async fn keep_sending_back(
    receiver: Weak<Receiver>,
    receipt: LeaseReceipt,
    key: &'static str,
    reason: Option<CodeWord>,
) {
    for failures in 0.. {
        let Some(lease) = receiver.upgrade().map(|receiver| receiver.options.lease) else { return };
        tokio::time::sleep(pause(failures).min(lease / 3)).await;
        let Some(receiver) = receiver.upgrade() else { return };
        match receiver.try_send_back(&receipt, key, reason.as_ref()).await {
            Err(QueueError::Unavailable(_) | QueueError::Full) => {}
            _ => return,
        }
    }
}

/// How long nothing has come, when that was last looked at, and whether something waited then.
struct Silence {
    begun: Instant,
    since: Instant,
    suspicious: bool,
}

impl Silence {
    fn begin() -> Self {
        let now = Instant::now();
        Self { begun: now, since: now, suspicious: false }
    }
}

/// A lease that waits.
struct Asking<'a>(&'a Receiver);

impl<'a> Asking<'a> {
    fn begin(receiver: &'a Receiver) -> Self {
        receiver.waiting.fetch_add(1, Ordering::SeqCst);
        receiver.asked.notify_one();
        Self(receiver)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
        *self.0.last_asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A channel that is closed when dropped, which gives back all that was not acked on it.
pub(super) struct Closing(pub(super) Channel);

impl Closing {
    /// Closes it and waits until the broker says so.
    pub(super) async fn close(self) -> Result<(), Fault> {
        answer("close a channel", self.0.close(200, "done".into())).await
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        let channel = self.0.clone();
        if channel.status().connected()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { answer("close a channel", channel.close(200, "done".into())).await });
        }
    }
}
