//! Publishing that returns when the broker has made the message durable.
//!
//! Every publish is mandatory and confirmed. lapin hands a returned (unroutable) message to whichever confirm of the
//! channel comes next, so with several in flight on one channel an unroutable message could be taken for stored. Here a
//! channel has one message in flight, and several channels fly at once.
//!
//! Invariant: what is under way is bounded by [`CHANNELS`] and [`WINDOW_KIB`], also when callers stop waiting: a publish
//! goes on to its confirm, or to the end of its connection, and keeps its share until then.

use std::sync::{Arc, Mutex, PoisonError};

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{Channel, Confirmation};
use tokio::sync::Semaphore;
use tokio::time::timeout;

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
    slots: Semaphore,
    window: Semaphore,
    idle: Mutex<Vec<Line>>,
}

/// A channel in confirm mode with nothing in flight, and its connection.
#[derive(Debug)]
struct Line {
    channel: Channel,
    wire: Arc<Wire>,
}

impl Publisher {
    /// Publishes over `link`, which is connected when needed.
    pub(super) fn new(link: Arc<Link>) -> Arc<Self> {
        Arc::new(Self {
            link,
            slots: Semaphore::new(CHANNELS),
            window: Semaphore::new(usize::try_from(WINDOW_KIB).unwrap_or(Semaphore::MAX_PERMITS)),
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
        let (publisher, properties) = (Arc::clone(self), marks.write());
        let (exchange, key) = (exchange.to_owned(), key.to_owned());
        let share = u32::try_from(body.len() >> 10).unwrap_or(u32::MAX).clamp(1, WINDOW_KIB);
        let publishing = tokio::spawn(async move {
            // Neither semaphore is ever closed.
            let closed = |_| Fault::Late("make room");
            let _slot = publisher.slots.acquire().await.map_err(closed)?;
            let _window = publisher.window.acquire_many(share).await.map_err(closed)?;
            let line = publisher.line().await?;
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            let (to, with) = (exchange.as_str().into(), key.as_str().into());
            let refused = |cause| Fault::refused("take a message", &cause);
            let sent =
                line.channel.basic_publish(to, with, options, &body, properties).await.map_err(refused)?;
            let confirmed = sent.await.map_err(refused)?;
            publisher.give_back(line);
            match confirmed {
                Confirmation::Ack(None) => Ok(()),
                Confirmation::Ack(Some(_)) => Err(Fault::Unroutable { exchange, key }),
                Confirmation::Nack(_) => Err(Fault::Full),
                Confirmation::NotRequested => Err(Fault::Late("confirm a message")),
            }
        });
        match timeout(ANSWER, publishing).await {
            Ok(Ok(published)) => published,
            Ok(Err(cause)) => Err(Fault::Away(cause.to_string())),
            Err(_) => Err(Fault::Late("confirm a message")),
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
