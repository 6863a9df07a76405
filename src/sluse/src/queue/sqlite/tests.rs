use std::task::Poll;
use std::time::Duration;

use super::*;

mod model;

const AT_ONCE: Duration = Duration::ZERO;
const PATIENT: Duration = Duration::from_secs(10);

fn word(text: &str) -> CodeWord {
    text.parse().unwrap()
}

fn open(dir: &tempfile::TempDir, lease: Duration) -> SqliteQueues {
    SqliteQueues::open(&dir.path().join("queue.db"), QueueOptions { lease, max_bytes: None }).unwrap()
}

fn scratch() -> (tempfile::TempDir, SqliteQueue) {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir, Duration::from_secs(15)).queue(&word("q"));
    (dir, queue)
}

fn message(body: &[u8]) -> Message {
    Message { id: crate::id::tests::new_id(), body: body.to_vec() }
}

fn copy(receipt: &LeaseReceipt) -> LeaseReceipt {
    LeaseReceipt { number: receipt.number, fence: receipt.fence }
}

async fn take_one(queue: &SqliteQueue) -> Leased {
    let mut taken = queue.lease(1, PATIENT).await.unwrap();
    assert_eq!(taken.len(), 1);
    taken.remove(0)
}

#[tokio::test]
async fn message_passes_and_acked_is_gone() {
    let (_dir, queue) = scratch();
    let message = message(b"sealed");
    assert_eq!(queue.put(message.clone()).await.unwrap(), Put::Stored);
    assert_eq!(queue.put(message.clone()).await.unwrap(), Put::AlreadyThere);
    let leased = take_one(&queue).await;
    assert_eq!((leased.attempt, &leased.message), (1, &message));
    assert_eq!(queue.put(message.clone()).await.unwrap(), Put::AlreadyThere);
    assert!(queue.lease(1, AT_ONCE).await.unwrap().is_empty());
    queue.ack(leased.receipt).await.unwrap();
    assert_eq!(
        queue.depth().await.unwrap(),
        Depth { ready: 0, leased: Some(0), delayed: 0, dead: 0, oldest: None }
    );
    assert_eq!(queue.put(message).await.unwrap(), Put::Stored);
}

#[tokio::test]
async fn stale_holder_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let queue = open(&dir, Duration::from_millis(1)).queue(&word("q"));
    queue.put(message(b"x")).await.unwrap();
    let old = take_one(&queue).await;
    let new = take_one(&queue).await;
    assert_eq!(new.attempt, 2);
    assert!(matches!(queue.extend(&old.receipt).await, Err(QueueError::Stale)));
    assert!(matches!(queue.nack(copy(&old.receipt), AT_ONCE).await, Err(QueueError::Stale)));
    assert!(matches!(queue.dead_letter(copy(&old.receipt), &word("x")).await, Err(QueueError::Stale)));
    assert!(matches!(queue.ack(old.receipt).await, Err(QueueError::Stale)));
    queue.ack(new.receipt).await.unwrap();
}

#[tokio::test]
async fn lease_of_an_acked_message_does_not_end_the_next() {
    let (_dir, queue) = scratch();
    queue.put(message(b"first")).await.unwrap();
    let first = take_one(&queue).await.receipt;
    queue.ack(copy(&first)).await.unwrap();
    queue.put(message(b"second")).await.unwrap();
    take_one(&queue).await;
    assert!(matches!(queue.ack(first).await, Err(QueueError::Stale)));
    assert_eq!(queue.depth().await.unwrap().leased, Some(1));
}

#[tokio::test]
async fn queues_of_one_file_do_not_mix() {
    let dir = tempfile::tempdir().unwrap();
    let queues = open(&dir, Duration::from_secs(15));
    let (a, b) = (queues.queue(&word("a")), queues.queue(&word("b")));
    let message = message(b"x");
    assert_eq!(a.put(message.clone()).await.unwrap(), Put::Stored);
    assert_eq!(b.put(message.clone()).await.unwrap(), Put::Stored);
    a.ack(take_one(&a).await.receipt).await.unwrap();
    assert!(a.lease(1, AT_ONCE).await.unwrap().is_empty());
    assert_eq!(take_one(&b).await.message, message);
}

#[tokio::test]
async fn waiting_lease_is_woken_by_a_put_and_by_a_nack() {
    let dir = tempfile::tempdir().unwrap();
    let mut queues = open(&dir, Duration::from_secs(60));
    // So that it is not the look that finds the message.
    let long = Duration::from_secs(3600);
    queues.poll = long;
    let queue = queues.queue(&word("q"));
    let (leased, put) = tokio::join!(timeout(PATIENT, queue.lease(1, long)), queue.put(message(b"x")));
    put.unwrap();
    let receipt = leased.expect("not woken").unwrap().remove(0).receipt;
    let (leased, nacked) = tokio::join!(timeout(PATIENT, queue.lease(1, long)), queue.nack(receipt, AT_ONCE));
    nacked.unwrap();
    assert_eq!(leased.expect("not woken").unwrap().len(), 1);
}

#[tokio::test]
async fn waiting_lease_finds_what_another_process_put() {
    let (dir, queue) = scratch();
    let elsewhere = open(&dir, Duration::from_secs(15)).queue(&word("q"));
    let (leased, put) = tokio::join!(queue.lease(1, PATIENT), elsewhere.put(message(b"x")));
    put.unwrap();
    assert_eq!(leased.unwrap().len(), 1);
}

/// Polls once and says whether it is done.
async fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut future = Some(future);
    std::future::poll_fn(|context| match future.take().map(|future| future.poll(context)) {
        Some(Poll::Ready(output)) => Poll::Ready(Some(output)),
        _ => Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn abandoned_lease_is_given_back_uncounted() {
    let (_dir, queue) = scratch();
    queue.put(message(b"x")).await.unwrap();
    for polled_and_answered in [(true, false), (true, true), (false, false)].repeat(20) {
        let mut lease = Box::pin(queue.lease(1, PATIENT));
        if polled_and_answered.0 {
            assert!(poll_once(lease.as_mut()).await.is_none());
        }
        if polled_and_answered.1 {
            // Answered after the lease was made, which now lies unread.
            queue.depth().await.unwrap();
        }
        drop(lease);
        let given_back = async { while queue.depth().await.unwrap().ready == 0 {} };
        timeout(PATIENT, given_back).await.expect("a lease lasts longer than this");
    }
    assert_eq!(take_one(&queue).await.attempt, 1);
}

#[tokio::test]
async fn full_queue_refuses_puts_and_still_drains() {
    let dir = tempfile::tempdir().unwrap();
    let options = QueueOptions { max_bytes: Some(1 << 20), ..QueueOptions::default() };
    let queue = SqliteQueues::open(&dir.path().join("queue.db"), options).unwrap().queue(&word("q"));
    let mut stored = 0;
    let error = loop {
        match queue.put(message(&[1; 50_000])).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, QueueError::Full), "{error}");
    assert!((10..21).contains(&stored), "{stored}");
    assert_eq!(queue.depth().await.unwrap().ready, stored);
    // Acks succeed although every put beside them fails.
    for _ in 0..stored {
        let leased = take_one(&queue).await;
        let (acked, put) = tokio::join!(queue.ack(leased.receipt), queue.put(message(&[1; 2 << 20])));
        acked.unwrap();
        assert!(matches!(put, Err(QueueError::Full)));
    }
    assert_eq!(queue.put(message(&[1; 50_000])).await.unwrap(), Put::Stored);
}

#[tokio::test]
async fn oversized_body_is_refused() {
    let (_dir, queue) = scratch();
    assert!(matches!(queue.put(message(&vec![0; MAX_BODY + 1])).await, Err(QueueError::TooLarge { .. })));
    assert_eq!(queue.put(message(&vec![0; MAX_BODY])).await.unwrap(), Put::Stored);
}

#[tokio::test]
async fn dead_letter_lists_and_redrives() {
    let (_dir, queue) = scratch();
    let message = message(b"poison");
    queue.put(message.clone()).await.unwrap();
    queue.dead_letter(take_one(&queue).await.receipt, &word("unopenable")).await.unwrap();
    assert!(queue.lease(1, AT_ONCE).await.unwrap().is_empty());
    let dead = queue.dead_letters(10).await.unwrap();
    assert_eq!(
        (dead.len(), dead[0].id, dead[0].reason.as_str(), dead[0].bytes),
        (1, message.id, "unopenable", 6)
    );
    assert!(!queue.redrive(crate::id::tests::new_id()).await.unwrap());
    assert!(queue.redrive(message.id).await.unwrap());
    assert!(queue.dead_letters(10).await.unwrap().is_empty());
    let leased = take_one(&queue).await;
    assert_eq!((leased.attempt, leased.message), (1, message));
}
