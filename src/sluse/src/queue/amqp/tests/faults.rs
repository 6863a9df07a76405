//! The network and the broker fail; nothing that was confirmed is lost.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use super::proxy::Proxy;
use super::*;

#[tokio::test]
async fn cut_connection_makes_receipts_stale_and_the_message_comes_back() {
    let house = broker::shared().await.house(Zone::Dmz, |_| {}).await;
    let proxy = Proxy::start(house.plain_port()).await;
    let queue = queue(&house.plain(Some(proxy.port)), "submissions", 2, AmqpOptions::default());
    let message = message(b"x");
    queue.put(message.clone()).await.unwrap();
    let old = take_one(&queue).await;
    proxy.cut();
    let new = take_one(&queue).await;
    assert_eq!((new.message.id, new.attempt), (message.id, 2));
    assert!(matches!(queue.extend(&old.receipt).await, Err(QueueError::Stale)));
    assert!(matches!(queue.ack(old.receipt).await, Err(QueueError::Stale)));
    queue.ack(new.receipt).await.unwrap();
    eventually("puts work again", async || queue.put(super::message(b"y")).await.ok()).await;
}

#[tokio::test]
async fn deaf_consumer_is_made_anew() {
    let house = broker::shared().await.house(Zone::Dmz, |_| {}).await;
    let proxy = Proxy::start(house.plain_port()).await;
    let options = AmqpOptions { deaf_after: Duration::from_millis(600), ..AmqpOptions::default() };
    let queue = queue(&house.plain(Some(proxy.port)), "submissions", 3, options);
    let putting = super::queue(&house.plain(None), "submissions", 0, AmqpOptions::default());
    proxy.delivers.store(false, Ordering::SeqCst);
    for _ in 0..6 {
        // The broker hands out three of them, which never arrive; three wait.
        putting.put(message(b"x")).await.unwrap();
    }
    assert!(queue.lease(1, Duration::from_millis(300)).await.unwrap().is_empty());
    proxy.delivers.store(true, Ordering::SeqCst);
    for _ in 0..6 {
        let leased = take_one(&queue).await;
        queue.ack(leased.receipt).await.unwrap();
    }
}

#[tokio::test]
async fn consumer_that_the_broker_ends_is_made_anew() {
    let house = broker::shared().await.house(Zone::Dmz, |_| {}).await;
    let queue = queue(&house.plain(None), "submissions", 1, AmqpOptions::default());
    assert!(queue.lease(1, Duration::from_millis(300)).await.unwrap().is_empty());
    let path = format!("/api/queues/{}/sluse.submissions", house.vhost);
    house.broker.ask(Method::DELETE, &path, None).await.unwrap();
    let put = queue.put(message(b"x")).await.unwrap_err().to_string();
    assert!(put.contains("no queue on the broker takes"), "{put}");
    let again = definitions::definitions(&definitions::Plan {
        zone: Zone::Dmz,
        vhost: house.vhost.clone(),
        destinations: Vec::new(),
        replicas: Some(1),
        delivery_limit: 200,
        max_bytes: 1 << 30,
    });
    house.broker.ask(Method::POST, "/api/definitions", Some(&again)).await.unwrap();
    queue.put(message(b"x")).await.unwrap();
    take_one(&queue).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_broker_loses_nothing_that_it_confirmed() {
    let mut broker = broker::own().await;
    let (address, plain) = {
        let house = broker.house(Zone::Dmz, |_| {}).await;
        (house.address("sluse-intake"), house.address("sluse-bridge"))
    };
    let intake = queue(&address, "submissions", 0, AmqpOptions::default());
    let bridge = queue(&plain, "submissions", 8, AmqpOptions::default());
    let puts: Vec<_> = (0..8)
        .map(|_| {
            let intake = intake.clone();
            tokio::spawn(async move {
                let mut confirmed = Vec::new();
                loop {
                    let message = message(&[3; 3000]);
                    let id = message.id;
                    match intake.put(message).await {
                        Ok(_) => confirmed.push(id),
                        Err(_) => return confirmed,
                    }
                }
            })
        })
        .collect();
    // In the midst of it: some were handed out, many wait, and several are on their way.
    let held = take_one(&bridge).await;
    eventually("many wait", async || (bridge.depth().await.ok()?.ready > 100).then_some(())).await;
    broker.kill();
    let mut confirmed = BTreeSet::new();
    for put in puts {
        confirmed.extend(put.await.unwrap());
    }
    assert!(intake.put(message(b"away")).await.is_err());
    broker.restart().await;
    let mut came = BTreeSet::new();
    while !confirmed.is_subset(&came) {
        let batch = bridge.lease(8, PATIENT).await.unwrap();
        assert!(!batch.is_empty(), "{} of {} came", came.len(), confirmed.len());
        for leased in batch {
            came.insert(leased.message.id);
            let _ = bridge.ack(leased.receipt).await;
        }
    }
    assert!(matches!(bridge.ack(held.receipt).await, Err(QueueError::Stale)));
    eventually("puts work again", async || intake.put(message(b"back")).await.ok()).await;
}

#[tokio::test]
async fn broker_without_memory_refuses_puts_at_once_and_takes_acks() {
    let broker = broker::own().await;
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let queue = queue(&house.address("sluse-intake"), "submissions", 0, AmqpOptions::default());
    let bridge = as_role(&house, "sluse-bridge", "submissions", 1);
    queue.put(message(b"before")).await.unwrap();
    let leased = take_one(&bridge).await;
    broker.control(&["set_vm_memory_high_watermark", "absolute", "1MB"]);
    let refused = eventually("it is blocked", async || {
        let put = queue.put(message(b"x")).await;
        put.err().filter(|cause| cause.to_string().contains("short of memory"))
    })
    .await;
    assert!(matches!(refused, QueueError::Unavailable(_)), "{refused}");
    let begun = Instant::now();
    assert!(queue.put(message(b"x")).await.is_err());
    assert!(begun.elapsed() < Duration::from_secs(5), "it waits for what cannot come");
    // The message that is held is settled all the same: acks go another way than puts.
    bridge.ack(leased.receipt).await.unwrap();
    broker.control(&["set_vm_memory_high_watermark", "absolute", "1GB"]);
    eventually("it takes messages again", async || queue.put(message(b"after")).await.ok()).await;
    // Only what was put while it was blocked can wait beside it; what was acked is gone.
    loop {
        let leased = take_one(&bridge).await;
        assert_ne!(leased.message.body, b"before");
        let last = leased.message.body == b"after";
        bridge.ack(leased.receipt).await.unwrap();
        if last {
            break;
        }
    }
}

#[tokio::test]
async fn role_starts_although_the_broker_is_away() {
    let mut broker = broker::own().await;
    let address = broker.house(Zone::Dmz, |_| {}).await.address("sluse-bridge");
    broker.kill();
    let bridge = queue(&address, "submissions", 1, AmqpOptions::default());
    assert!(bridge.lease(1, Duration::from_millis(100)).await.unwrap().is_empty());
    assert!(matches!(bridge.depth().await, Err(QueueError::Unavailable(_))));
    broker.restart().await;
    eventually("it is connected", async || bridge.depth().await.ok()).await;
}
