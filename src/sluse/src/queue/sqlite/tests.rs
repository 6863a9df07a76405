use std::time::Duration;

use super::*;

const NOW: Duration = Duration::ZERO;

fn word(text: &str) -> CodeWord {
    text.parse().unwrap()
}

fn open(dir: &tempfile::TempDir, lease: Duration) -> SqliteQueues {
    SqliteQueues::open(&dir.path().join("queue.db"), QueueOptions { lease, max_bytes: None }).unwrap()
}

fn message(body: &[u8]) -> Message {
    Message { id: crate::id::tests::new_id(), body: body.to_vec() }
}

async fn take_one(queue: &SqliteQueue) -> Leased {
    let mut taken = queue.lease(1, Duration::from_secs(10)).await.unwrap();
    assert_eq!(taken.len(), 1);
    taken.remove(0)
}

#[tokio::test]
async fn message_passes_and_acked_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let queues = open(&dir, Duration::from_secs(15));
    let queue = queues.queue(&word("submissions"));
    let message = message(b"sealed");
    assert_eq!(queue.put(message.clone()).await.unwrap(), Put::Stored);
    assert_eq!(queue.put(message.clone()).await.unwrap(), Put::AlreadyThere);
    let leased = take_one(&queue).await;
    assert_eq!((leased.attempt, &leased.message), (1, &message));
    assert_eq!(queue.put(message.clone()).await.unwrap(), Put::AlreadyThere);
    assert!(queue.lease(1, NOW).await.unwrap().is_empty());
    queue.ack(leased.receipt).await.unwrap();
    assert_eq!(
        queue.depth().await.unwrap(),
        Depth { ready: 0, leased: 0, delayed: 0, dead: 0, oldest: None }
    );
    assert_eq!(queue.put(message).await.unwrap(), Put::Stored);
}

#[tokio::test]
async fn stale_holder_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let queues = open(&dir, Duration::from_millis(1));
    let queue = queues.queue(&word("q"));
    queue.put(message(b"x")).await.unwrap();
    let old = take_one(&queue).await;
    let older = LeaseReceipt { number: old.receipt.number, fence: old.receipt.fence };
    let oldest = LeaseReceipt { number: old.receipt.number, fence: old.receipt.fence };
    let new = take_one(&queue).await;
    assert_eq!(new.attempt, 2);
    assert!(matches!(queue.extend(&old.receipt).await, Err(QueueError::Stale)));
    assert!(matches!(queue.ack(old.receipt).await, Err(QueueError::Stale)));
    assert!(matches!(queue.nack(older, NOW).await, Err(QueueError::Stale)));
    assert!(matches!(queue.dead_letter(oldest, &word("x")).await, Err(QueueError::Stale)));
    queue.ack(new.receipt).await.unwrap();
}
