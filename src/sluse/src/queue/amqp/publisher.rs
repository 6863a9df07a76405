//! Publishing that returns when the broker has made the message durable.
//!
//! Every publish is mandatory and confirmed. lapin hands a returned (unroutable) message to whichever confirm of the
//! channel comes next, so with several in flight on one channel an unroutable message could be taken for stored. Here a
//! channel has one message in flight, and several channels fly at once.
//!
//! Invariant: what is under way is bounded by [`CHANNELS`] and [`WINDOW_KIB`], also when callers stop waiting: what was
//! sent keeps its share until its confirm, the end of its channel, or the end of its connection. A confirm that does not
//! come ends the channel, so that one queue that takes nothing does not use up what is there for all.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::consumer::Closing;
use super::fault::Fault;
use super::link::{ANSWER, Link, Wire, answer};
use super::marks::Marks;

/// Messages in flight at once: channels are cheap, but each is a process of the broker.
const CHANNELS: usize = 128;
/// Bodies in flight at once, in KiB.
const WINDOW_KIB: u32 = 32 << 10;

/// Publishes over one connection.
#[derive(Debug)]
pub(super) struct Publisher {
    link: Arc<Link>,
    slots: Arc<Semaphore>,
    window: Arc<Semaphore>,
    unconfirmed_after: Duration,
    idle: Mutex<Vec<Line>>,
}

/// A channel in confirm mode with nothing in flight, and its connection.
#[derive(Debug)]
struct Line {
    channel: Channel,
    wire: Arc<Wire>,
}

impl Publisher {
    /// Publishes over `link`, which is connected when needed; gives a channel up when a confirm does not come in time.
    pub(super) fn new(link: Arc<Link>, unconfirmed_after: Duration) -> Arc<Self> {
        Arc::new(Self {
            link,
            slots: Arc::new(Semaphore::new(CHANNELS)),
            window: Arc::new(Semaphore::new(usize::try_from(WINDOW_KIB).unwrap_or(Semaphore::MAX_PERMITS))),
            unconfirmed_after,
            idle: Mutex::default(),
        })
    }

    /// Publishes a message and waits until the broker has it durably, [`ANSWER`] at most. After an error it may be
    /// stored all the same.
    pub(super) async fn publish(
        self: &Arc<Self>,
        exchange: &str,
        key: &str,
        marks: &Marks,
        body: Arc<Vec<u8>>,
    ) -> Result<(), Fault> {
        let share = u32::try_from(body.len() >> 10).unwrap_or(u32::MAX).clamp(1, WINDOW_KIB);
        let properties = marks.write();
        let publishing = async {
            // Neither semaphore is ever closed. Who stops waiting here leaves nothing behind.
            let closed = |_| Fault::Late("make room");
            let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(closed)?;
            let window = Arc::clone(&self.window).acquire_many_owned(share).await.map_err(closed)?;
            let (publisher, exchange, key) = (Arc::clone(self), exchange.to_owned(), key.to_owned());
            let sending = tokio::spawn(async move {
                let _held = (slot, window);
                publisher.send(exchange, key, properties, &body).await
            });
            sending.await.map_err(|cause| Fault::Away(cause.to_string()))?
        };
        timeout(ANSWER, publishing).await.unwrap_or(Err(Fault::Late("confirm a message")))
    }

    /// Whether the broker would take a message now.
    pub(super) async fn ready(&self) -> Result<(), Fault> {
        let asking = async {
            let _slot = self.slots.acquire().await.map_err(|_| Fault::Late("make room"))?;
            self.line().await
        };
        let line = timeout(ANSWER, asking).await.unwrap_or(Err(Fault::Late("make room")))?;
        self.give_back(line);
        Ok(())
    }

    /// Sends a message and waits for its confirm.
    async fn send(
        &self,
        exchange: String,
        key: String,
        properties: BasicProperties,
        body: &[u8],
    ) -> Result<(), Fault> {
        let line = self.line().await?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (to, with) = (exchange.as_str().into(), key.as_str().into());
        let confirming =
            async { line.channel.basic_publish(to, with, options, body, properties).await?.await };
        let Ok(confirmed) = timeout(self.unconfirmed_after, confirming).await else {
            // A channel that ends in order has been read to its end, so the body lies in nobody's buffer any more.
            if Closing(line.channel).close().await.is_err() {
                line.wire.cut();
            }
            return Err(Fault::Late("confirm a message"));
        };
        let confirmed = confirmed.map_err(|cause| Fault::refused("take a message", &cause))?;
        self.give_back(line);
        match confirmed {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(Fault::Unroutable { exchange, key }),
            Confirmation::Nack(_) => Err(Fault::Full),
            Confirmation::NotRequested => Err(Fault::Late("confirm a message")),
        }
    }

    async fn line(&self) -> Result<Line, Fault> {
        let known = loop {
            match self.idle().pop() {
                Some(line) if line.channel.status().connected() => break Some(line),
                Some(_) => {}
                None => break None,
            }
        };
        let line = match known {
            Some(line) => line,
            None => {
                let (channel, wire) = self.link.channel().await?;
                answer("confirm", channel.confirm_select(ConfirmSelectOptions::default())).await?;
                Line { channel, wire }
            }
        };
        // What is written now would lie in memory until the broker reads again.
        if line.wire.is_blocked() {
            self.give_back(line);
            return Err(Fault::Blocked);
        }
        Ok(line)
    }

    fn give_back(&self, line: Line) {
        if line.channel.status().connected() {
            self.idle().push(line);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Line>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::amqp::{BrokerAddress, BrokerFiles};

    #[tokio::test]
    async fn publish_that_waits_in_vain_for_room_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let password = dir.path().join("password");
        std::fs::write(&password, "x\n").unwrap();
        std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let files = BrokerFiles { user: Some("u"), password: Some(&password), ..BrokerFiles::default() };
        let link = Link::new(BrokerAddress::read("amqp://127.0.0.1/v", files).unwrap(), "publishes");
        let publisher = Publisher::new(link, ANSWER);
        let _all = publisher.slots.acquire_many(u32::try_from(CHANNELS).unwrap()).await.unwrap();
        let (body, marks) = (Arc::new(vec![0; 1000]), Marks::new(crate::id::tests::new_id()));
        let publishing = publisher.publish("e", "k", &marks, Arc::clone(&body));
        assert!(timeout(Duration::from_millis(10), publishing).await.is_err());
        assert_eq!(Arc::strong_count(&body), 1);
    }
}
