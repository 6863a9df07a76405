//! Where a role's queues are.

use std::path::PathBuf;

use super::amqp::{BrokerAddress, BrokerAddressError};

/// Where a role's queues are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueAddress {
    /// An SQLite file on this machine.
    Sqlite(PathBuf),
    /// A RabbitMQ broker.
    Amqp(BrokerAddress),
}

impl QueueAddress {
    /// The same place with the operator's login, where one is named. Blocks.
    ///
    /// # Errors
    /// When a file of that login cannot be used.
    pub fn for_operator(&self) -> Result<Self, BrokerAddressError> {
        match self {
            Self::Sqlite(_) => Ok(self.clone()),
            Self::Amqp(broker) => broker.for_operator().map(Self::Amqp),
        }
    }
}
