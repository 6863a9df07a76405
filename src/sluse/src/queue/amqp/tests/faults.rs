//! The network and the broker fail; nothing that was confirmed is lost.

use std::collections::BTreeSet;

use super::broker::Broker;
use super::proxy::Proxy;
use super::*;

pub(super) async fn cut_connection_makes_receipts_stale_and_the_message_comes_back(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
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

pub(super) async fn deaf_consumer_is_made_anew(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let proxy = Proxy::start(house.plain_port()).await;
    let options = AmqpOptions { deaf_after: Duration::from_millis(600), ..AmqpOptions::default() };
    let queue = queue(&house.plain(Some(proxy.port)), "submissions", 3, options);
    let putting = super::queue(&house.plain(None), "submissions", 0, AmqpOptions::default());
    proxy.keep_deliveries(true);
    for _ in 0..6 {
        putting.put(message(b"x")).await.unwrap();
    }
    let all_came = async {
        for _ in 0..6 {
            let leased = take_one(&queue).await;
            queue.ack(leased.receipt).await.unwrap();
        }
    };
    let let_through = async {
        // The broker hands out three of them, which never arrive; three wait.
        let swallowed = async || (proxy.swallowed() == 3).then_some(());
        eventually("three are swallowed", swallowed).await;
        proxy.keep_deliveries(false);
    };
    tokio::join!(all_came, let_through);
}

pub(super) async fn consumer_whose_messages_are_all_lost_on_the_way_is_made_anew(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let proxy = Proxy::start(house.plain_port()).await;
    let options = AmqpOptions { anew_after: Duration::from_secs(1), ..AmqpOptions::default() };
    let queue = queue(&house.plain(Some(proxy.port)), "submissions", 3, options);
    proxy.keep_deliveries(true);
    queue.put(message(b"x")).await.unwrap();
    let let_through = async {
        // To the broker it is in our hands, and nothing waits.
        let swallowed = async || (proxy.swallowed() > 0).then_some(());
        eventually("it is swallowed", swallowed).await;
        proxy.keep_deliveries(false);
    };
    tokio::join!(take_one(&queue), let_through);
}

pub(super) async fn confirms_that_never_come_do_not_use_up_all_channels(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let proxy = Proxy::start(house.plain_port()).await;
    let options = AmqpOptions { unconfirmed_after: Duration::from_secs(1), ..AmqpOptions::default() };
    let queue = queue(&house.plain(Some(proxy.port)), "submissions", 0, options);
    proxy.keep_confirms(true);
    let puts = futures_util::future::join_all((0..150).map(|_| queue.put(message(b"x")))).await;
    assert!(puts.iter().all(Result::is_err));
    proxy.keep_confirms(false);
    eventually("puts work again", async || queue.put(message(b"y")).await.ok()).await;
}

pub(super) async fn consumer_that_the_broker_ends_is_made_anew(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let options = AmqpOptions { anew_after: Duration::from_secs(5), ..AmqpOptions::default() };
    let queue = queue(&house.plain(None), "submissions", 1, options);
    let consumes = async || {
        assert!(queue.lease(1, Duration::from_millis(300)).await.unwrap().is_empty());
        let path = format!("/api/queues/{}/sluse.submissions", house.vhost);
        let told = house.broker.ask(Method::GET, &path, None).await.unwrap();
        (told["consumers"] == 1).then_some(())
    };
    eventually("it consumes", consumes).await;
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

/// One after another on one broker, which each leaves as it was.
#[tokio::test(flavor = "multi_thread")]
async fn broker_that_fails() {
    let mut broker = Broker::start().await;
    killed_broker_loses_nothing_that_it_confirmed(&mut broker).await;
    broker_without_memory_refuses_puts_at_once_and_takes_acks(&broker).await;
    role_starts_although_the_broker_is_away(&mut broker).await;
}

async fn killed_broker_loses_nothing_that_it_confirmed(broker: &mut Broker) {
    let (address, plain) = {
        let house = broker.house(Zone::Dmz, |_| {}).await;
        (house.address("sluse-intake"), house.address("sluse-bridge"))
    };
    let intake = queue(&address, "submissions", 0, AmqpOptions::default());
    let bridge = queue(&plain, "submissions", 8, AmqpOptions::default());
    // From here on a put that fails means that the broker was killed.
    eventually("puts work", async || intake.put(message(b"first")).await.ok()).await;
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

async fn broker_without_memory_refuses_puts_at_once_and_takes_acks(broker: &Broker) {
    let house = broker.whole_house(Zone::Dmz).await;
    let queue = queue(&house.address("sluse-intake"), "submissions", 0, AmqpOptions::default());
    // What is held is not to run out, however slow the machine.
    let options = AmqpOptions { lease: PATIENT, ..AmqpOptions::default() };
    let bridge = super::queue(&house.address("sluse-bridge"), "submissions", 1, options);
    queue.put(message(b"before")).await.unwrap();
    let leased = take_one(&bridge).await;
    queue.put(message(b"held")).await.unwrap();
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
    // What cannot be given back does not come again counted, however many leases that takes.
    let options =
        AmqpOptions { lease: Duration::from_secs(2), idle_after: AT_ONCE, ..AmqpOptions::default() };
    let queues = AmqpQueues::new(&house.address("sluse-bridge"), options);
    let (other, outcomes) = (queues.queue(&word("submissions"), 1), queues.queue(&word("outcomes"), 0));
    eventually("it cannot publish either", async || {
        let put = tokio::time::timeout(Duration::from_secs(1), outcomes.put(message(b"x"))).await;
        put.ok()?.err().filter(|cause| cause.to_string().contains("short of memory"))
    })
    .await;
    let held = take_one(&other).await;
    assert_eq!(held.message.body, b"held");
    assert!(other.nack(held.receipt, AT_ONCE).await.is_err());
    assert!(other.lease(1, Duration::from_secs(5)).await.unwrap().is_empty(), "it came again");
    // The message that is held is settled all the same: acks go another way than puts.
    bridge.ack(leased.receipt).await.unwrap();
    broker.control(&["set_vm_memory_high_watermark", "absolute", "1GB"]);
    eventually("it takes messages again", async || queue.put(message(b"after")).await.ok()).await;
    // Only what was put while it was blocked can wait beside it; what was acked is gone.
    let mut awaited = vec![b"after".to_vec(), b"held".to_vec()];
    while !awaited.is_empty() {
        let leased = take_one(&bridge).await;
        bridge.ack(copy(&leased.receipt)).await.unwrap();
        assert_ne!(leased.message.body, b"before");
        assert!(leased.attempt == 1 || leased.message.body != b"held", "{}", leased.attempt);
        awaited.retain(|body| *body != leased.message.body);
    }
}

async fn role_starts_although_the_broker_is_away(broker: &mut Broker) {
    let address = broker.house(Zone::Dmz, |_| {}).await.address("sluse-bridge");
    broker.kill();
    let bridge = queue(&address, "submissions", 1, AmqpOptions::default());
    assert!(bridge.lease(1, Duration::from_millis(100)).await.unwrap().is_empty());
    assert!(matches!(bridge.depth().await, Err(QueueError::Unavailable(_))));
    broker.restart().await;
    eventually("it is connected", async || bridge.depth().await.ok()).await;
}
