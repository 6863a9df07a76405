//! Queues on a RabbitMQ broker: quorum queues, publisher confirms, a consumer that comes back by itself.
//!
//! | module | question |
//! |---|---|
//! | `address` | which broker, and who are we to it? |
//! | `topology` | what stands there for each queue? |
//! | [`definitions`] | how does the operator make it stand there, and who may do what? |
//! | `link` | how is a connection kept? |
//! | `gate` | what of the broker's bytes may be parsed? |
//! | `publisher` | when is a message durable? |
//! | `consumer`, `held` | who holds which message? |
//! | `dead` | what was set aside? |
//! | `marks` | what travels beside a body? |
//! | `fault` | why not? |
//!
//! A role connects twice: a broker that is short of memory stops reading from connections that publish, and acks must
//! still get through, or nothing would ever make room. Nothing here declares anything or needs the right to.
//!
//! What differs from the embedded queue: a repeated put is stored twice; a pause after a nack is one of a few steps; a
//! message may overtake another; what is leased elsewhere is not known; a broker that is away is waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::task::AbortOnDropHandle;

use self::consumer::{Closing, Receiver, count};
use self::link::Link;
use self::marks::Marks;
use self::publisher::Publisher;
use self::topology::{DEAD, Names, STEPS, key_of_delay};
use super::{DeadLetter, Depth, LeaseReceipt, Leased, Listed, MAX_BODY, Message, Put, Queue, QueueError};
use crate::id::{CodeWord, SubmissionId};

mod address;
mod consumer;
mod dead;
pub mod definitions;
mod fault;
mod gate;
mod held;
mod link;
mod marks;
mod publisher;
mod topology;

pub use address::{BrokerAddress, BrokerAddressError, BrokerFiles};

/// AMQP confirms no acks: a broker that is killed may forget the last ones, and is back within this time, mostly.
const LOST_ACKS: Duration = Duration::from_secs(600);

/// How a consumer behaves in time.
#[derive(Debug, Clone, Copy)]
pub struct AmqpOptions {
    /// How long a holder has before it must extend; default 30 s.
    pub lease: Duration,
    /// How long a consumer may get nothing before it asks whether something waits; default 5 s.
    pub deaf_after: Duration,
    /// How long a consumer may get nothing before it is made anew, whatever seems to wait; default 60 s.
    pub anew_after: Duration,
    /// How long messages may lie here without anybody leasing them; default 10 s.
    pub idle_after: Duration,
    /// How long a confirm may take before its channel is given up; default 60 s.
    pub unconfirmed_after: Duration,
}

impl Default for AmqpOptions {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(30),
            deaf_after: Duration::from_secs(5),
            anew_after: Duration::from_secs(60),
            idle_after: Duration::from_secs(10),
            unconfirmed_after: Duration::from_secs(60),
        }
    }
}

/// A broker, from which queues are taken by name. Nothing is connected before it is needed.
#[derive(Debug)]
pub struct AmqpQueues {
    receiving: Arc<Link>,
    publisher: Arc<Publisher>,
    options: AmqpOptions,
    queues: Mutex<HashMap<CodeWord, AmqpQueue>>,
}

impl AmqpQueues {
    /// A broker that is connected to when one of its queues is used.
    #[must_use]
    pub fn new(address: &BrokerAddress, options: AmqpOptions) -> Self {
        Self {
            receiving: Link::new(address.clone(), "receives"),
            publisher: Publisher::new(Link::new(address.clone(), "publishes"), options.unconfirmed_after),
            options,
            queues: Mutex::default(),
        }
    }

    /// The queue of that name, of which `at_once` messages are leased at once at most. Taken twice, it is the same.
    #[must_use]
    pub fn queue(&self, name: &CodeWord, at_once: u16) -> AmqpQueue {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let known = queues.entry(name.clone()).or_insert_with(|| {
            let names = Names::of(name);
            let (link, publisher) = (Arc::clone(&self.receiving), Arc::clone(&self.publisher));
            let receiver = Receiver::new(names.clone(), link, publisher, at_once, self.options);
            AmqpQueue {
                names,
                link: Arc::clone(&self.receiving),
                publisher: Arc::clone(&self.publisher),
                receiver: Arc::new(receiver),
                consuming: Arc::default(),
            }
        });
        known.clone()
    }
}

/// One queue of a broker.
#[derive(Debug, Clone)]
pub struct AmqpQueue {
    names: Names,
    link: Arc<Link>,
    publisher: Arc<Publisher>,
    receiver: Arc<Receiver>,
    /// Runs from the first lease on.
    consuming: Arc<OnceLock<AbortOnDropHandle<()>>>,
}

#[async_trait]
impl Queue for AmqpQueue {
    async fn put(&self, message: Message) -> Result<Put, QueueError> {
        let bytes = message.body.len();
        if bytes > MAX_BODY {
            return Err(QueueError::TooLarge { bytes });
        }
        let (marks, body) = (Marks::new(message.id), Arc::new(message.body));
        self.publisher.publish(self.names.exchange, &self.names.key, &marks, body).await?;
        Ok(Put::Stored)
    }

    async fn lease(&self, max: usize, wait: Duration) -> Result<Vec<Leased>, QueueError> {
        self.consuming.get_or_init(|| AbortOnDropHandle::new(tokio::spawn(Arc::clone(&self.receiver).run())));
        Ok(self.receiver.lease(max, wait).await)
    }

    async fn extend(&self, receipt: &LeaseReceipt) -> Result<(), QueueError> {
        self.receiver.extend(receipt)
    }

    async fn ack(&self, receipt: LeaseReceipt) -> Result<(), QueueError> {
        self.receiver.ack(&receipt).await
    }

    async fn nack(&self, receipt: LeaseReceipt, delay: Duration) -> Result<(), QueueError> {
        self.receiver.send_back(receipt, key_of_delay(delay), None).await
    }

    async fn dead_letter(&self, receipt: LeaseReceipt, reason: &CodeWord) -> Result<(), QueueError> {
        self.receiver.send_back(receipt, DEAD, Some(reason)).await
    }

    async fn ready(&self) -> Result<(), QueueError> {
        Ok(self.publisher.ready().await?)
    }

    fn ack_may_be_lost(&self) -> Duration {
        LOST_ACKS
    }

    async fn depth(&self) -> Result<Depth, QueueError> {
        let (channel, _wire) = self.link.channel().await?;
        let channel = Closing(channel);
        let ready = count(&channel.0, &self.names.queue).await?;
        let dead = count(&channel.0, &self.names.dead).await?;
        let mut delayed = 0_u64;
        for step in STEPS {
            delayed = delayed.saturating_add(count(&channel.0, &self.names.retry(step)).await?);
        }
        channel.close().await?;
        Ok(Depth { ready, leased: None, delayed, dead, oldest: None })
    }

    async fn list(&self, _limit: u32) -> Result<Vec<Listed>, QueueError> {
        Err(QueueError::NotListed)
    }

    async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, QueueError> {
        Ok(dead::list(&self.link, &self.names, limit).await?)
    }

    async fn redrive(&self, id: SubmissionId) -> Result<bool, QueueError> {
        Ok(dead::redrive(&self.link, &self.publisher, &self.names, id).await?)
    }
}

#[cfg(test)]
mod tests;
