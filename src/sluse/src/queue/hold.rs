//! Keeping a lease while its message is worked on.

use std::time::Duration;

use super::{LeaseReceipt, Queue, QueueError};

/// How often a lease is extended; well under every backend's lease time.
const EXTEND_EVERY: Duration = Duration::from_secs(4);

/// Works on a leased message and extends its lease meanwhile. `None`, with the work dropped, when another holder has the
/// message now.
pub(crate) async fn while_leased<T>(
    queue: &dyn Queue,
    receipt: &LeaseReceipt,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            ended = &mut work => return Some(ended),
            () = tokio::time::sleep(EXTEND_EVERY) => {
                // Any other error: the lease may still hold, and the next try may reach the queue.
                if let Err(QueueError::Stale) = queue.extend(receipt).await {
                    return None;
                }
            }
        }
    }
}
