//! Why a broker did not do what was asked.

use lapin::ErrorKind;
use sluse_sanitize::report::plain;

use crate::queue::QueueError;

/// Why a broker did not do what was asked. All of it is the broker's or the network's fault, and may pass.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Fault {
    /// No connection.
    #[error("the broker is out of reach: {0}")]
    Away(String),
    /// It took longer than it may.
    #[error("the broker did not {0} in time")]
    Late(&'static str),
    /// The broker takes no messages for now.
    #[error("the broker takes no messages: it is short of memory or disk")]
    Blocked,
    /// No queue gets what is published there.
    #[error("no queue on the broker takes what is published to {exchange} for {key}: import its definitions")]
    Unroutable {
        /// The exchange.
        exchange: String,
        /// The routing key.
        key: String,
    },
    /// It refused a message for want of room.
    #[error("the broker's queue is full")]
    Full,
    /// It refused a request, or the connection broke meanwhile.
    #[error("the broker did not {act}: {cause}")]
    Refused {
        /// What was asked.
        act: &'static str,
        /// What it said.
        cause: String,
    },
    /// The broker ended the consumer.
    #[error("the broker ended the consumer")]
    Cancelled,
    /// The consumer gets nothing although something waits.
    #[error("messages wait, but the consumer gets none")]
    Deaf,
    /// The consumer has got nothing for so long that it is made anew.
    #[error("the consumer has got nothing for long")]
    Quiet,
    /// More was sent than may be held at once.
    #[error("the broker sends more than it was allowed to")]
    Flood,
}

impl Fault {
    /// An error of the protocol's library.
    pub(super) fn refused(act: &'static str, cause: &lapin::Error) -> Self {
        let cause = match cause.kind() {
            // What the broker says is written by whoever holds it.
            ErrorKind::ProtocolError(told) => plain(told.get_message().as_str()),
            _ => plain(&cause.to_string()),
        };
        Self::Refused { act, cause }
    }
}

impl From<Fault> for QueueError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => Self::Full,
            fault @ Fault::Unroutable { .. } => Self::Unroutable(Box::new(fault)),
            other => Self::Unavailable(Box::new(other)),
        }
    }
}
