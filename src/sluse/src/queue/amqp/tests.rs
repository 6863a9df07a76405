//! Over a real RabbitMQ.

use std::time::{Duration, Instant};

use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions, ExchangeDeclareOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, ExchangeKind};
use reqwest::Method;

use super::definitions::Zone;
use super::*;

mod broker;
mod faults;
mod hostile;
mod proxy;

use broker::{Broker, House, eventually};

const AT_ONCE: Duration = Duration::ZERO;
const PATIENT: Duration = Duration::from_secs(120);

fn word(text: &str) -> CodeWord {
    text.parse().unwrap()
}

fn message(body: &[u8]) -> Message {
    Message { id: crate::id::tests::new_id(), body: body.to_vec() }
}

fn copy(receipt: &LeaseReceipt) -> LeaseReceipt {
    LeaseReceipt { number: receipt.number, fence: receipt.fence }
}

fn queue(address: &BrokerAddress, name: &str, at_once: u16, options: AmqpOptions) -> AmqpQueue {
    AmqpQueues::new(address, options).queue(&word(name), at_once)
}

/// A queue as one role has it.
fn as_role(house: &House<'_>, user: &str, name: &str, at_once: u16) -> AmqpQueue {
    queue(&house.address(user), name, at_once, AmqpOptions::default())
}

async fn take_one(queue: &AmqpQueue) -> Leased {
    let mut taken = queue.lease(1, PATIENT).await.unwrap();
    assert_eq!(taken.len(), 1, "nothing came");
    taken.remove(0)
}

/// All at once on one broker, each in a virtual host of its own: a broker takes longer to start than they do to run.
#[tokio::test]
async fn broker_that_works() {
    let broker = Broker::start().await;
    tokio::join!(
        message_passes_from_role_to_role_and_acked_is_gone(&broker),
        nacked_message_waits_and_comes_back_uncounted_with_its_age(&broker),
        dead_letter_is_for_the_operator_alone_and_redrives(&broker),
        lease_that_runs_out_makes_the_holder_stale_and_counts(&broker),
        message_that_kills_every_holder_is_set_aside_by_the_broker(&broker),
        held_message_does_not_hold_its_neighbours(&broker),
        message_that_nobody_leases_any_more_goes_to_another_holder_uncounted(&broker),
        unroutable_message_is_never_taken_for_stored(&broker),
        full_queue_refuses_puts_and_still_drains(&broker),
        message_that_no_sluse_put_is_set_aside(&broker),
        user_that_the_broker_does_not_know_and_a_password_that_is_none_do_not_get_in(&broker),
        user_may_do_its_roles_work_and_nothing_else(&broker),
        faults::cut_connection_makes_receipts_stale_and_the_message_comes_back(&broker),
        faults::deaf_consumer_is_made_anew(&broker),
        faults::consumer_whose_messages_are_all_lost_on_the_way_is_made_anew(&broker),
        faults::confirms_that_never_come_do_not_use_up_all_channels(&broker),
        faults::consumer_that_the_broker_ends_is_made_anew(&broker),
    );
}

async fn message_passes_from_role_to_role_and_acked_is_gone(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let (intake, bridge) = (
        as_role(&house, "sluse-intake", "submissions", 0),
        as_role(&house, "sluse-bridge", "submissions", 4),
    );
    let message = message(b"sealed");
    assert_eq!(intake.put(message.clone()).await.unwrap(), Put::Stored);
    let leased = take_one(&bridge).await;
    assert_eq!((leased.attempt, &leased.message), (1, &message));
    assert!(leased.enqueued_at.elapsed().unwrap() < PATIENT);
    assert!(bridge.lease(1, AT_ONCE).await.unwrap().is_empty());
    let again = copy(&leased.receipt);
    bridge.extend(&leased.receipt).await.unwrap();
    bridge.ack(leased.receipt).await.unwrap();
    assert!(matches!(bridge.ack(again).await, Err(QueueError::Stale)));
    let depth = bridge.depth().await.unwrap();
    assert_eq!(depth, Depth { ready: 0, leased: None, delayed: 0, dead: 0, oldest: None });
    assert!(matches!(bridge.list(1).await, Err(QueueError::NotListed)));
}

async fn nacked_message_waits_and_comes_back_uncounted_with_its_age(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let (intake, bridge) = (
        as_role(&house, "sluse-intake", "submissions", 0),
        as_role(&house, "sluse-bridge", "submissions", 1),
    );
    let message = message(b"sealed");
    intake.put(message.clone()).await.unwrap();
    let first = take_one(&bridge).await;
    let put_at = first.enqueued_at;
    let nacked = Instant::now();
    bridge.nack(first.receipt, Duration::from_secs(1)).await.unwrap();
    let second = take_one(&bridge).await;
    assert!(nacked.elapsed() >= Duration::from_secs(1), "{:?}", nacked.elapsed());
    assert_eq!((second.attempt, second.enqueued_at, &second.message), (1, put_at, &message));
    bridge.nack(second.receipt, AT_ONCE).await.unwrap();
    let third = take_one(&bridge).await;
    assert_eq!((third.attempt, third.enqueued_at), (1, put_at));
    bridge.nack(third.receipt, Duration::from_secs(600)).await.unwrap();
    eventually("it waits for a minute", async || (bridge.depth().await.unwrap().delayed == 1).then_some(()))
        .await;
    assert!(bridge.lease(1, AT_ONCE).await.unwrap().is_empty());
}

async fn dead_letter_is_for_the_operator_alone_and_redrives(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let (intake, bridge) = (
        as_role(&house, "sluse-intake", "submissions", 0),
        as_role(&house, "sluse-bridge", "submissions", 1),
    );
    let operator = as_role(&house, "sluse-operator", "submissions", 0);
    let (message, other) = (message(b"poison"), message(b"other"));
    for message in [&other, &message] {
        intake.put(message.clone()).await.unwrap();
        let leased = take_one(&bridge).await;
        bridge.dead_letter(leased.receipt, &word("cannot_be_opened")).await.unwrap();
    }
    for _ in 0..3 {
        let dead = operator.dead_letters(10).await.unwrap();
        let ids: Vec<_> = dead.iter().map(|letter| letter.id).collect();
        assert_eq!(ids, [other.id, message.id]);
        assert_eq!((dead[1].reason.as_str(), dead[1].bytes, dead[1].attempt), ("cannot_be_opened", 6, 1));
    }
    let refused = bridge.dead_letters(10).await.unwrap_err().to_string();
    assert!(refused.contains("ACCESS_REFUSED"), "{refused}");
    assert!(!operator.redrive(crate::id::tests::new_id()).await.unwrap());
    assert!(operator.redrive(message.id).await.unwrap());
    let leased = take_one(&bridge).await;
    assert_eq!((leased.attempt, leased.message), (1, message));
    eventually("the other one is alone", async || (operator.depth().await.unwrap().dead == 1).then_some(()))
        .await;
}

async fn lease_that_runs_out_makes_the_holder_stale_and_counts(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let options = AmqpOptions { lease: Duration::from_millis(1), ..AmqpOptions::default() };
    let bridge = queue(&house.address("sluse-bridge"), "submissions", 1, options);
    as_role(&house, "sluse-intake", "submissions", 0).put(message(b"x")).await.unwrap();
    let old = take_one(&bridge).await;
    let new = take_one(&bridge).await;
    assert_eq!((old.attempt, new.attempt), (1, 2));
    assert!(matches!(bridge.extend(&old.receipt).await, Err(QueueError::Stale)));
    assert!(matches!(bridge.nack(copy(&old.receipt), AT_ONCE).await, Err(QueueError::Stale)));
    assert!(matches!(bridge.dead_letter(copy(&old.receipt), &word("x")).await, Err(QueueError::Stale)));
    assert!(matches!(bridge.ack(old.receipt).await, Err(QueueError::Stale)));
}

async fn message_that_kills_every_holder_is_set_aside_by_the_broker(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |plan| plan.delivery_limit = 2).await;
    let options = AmqpOptions { lease: Duration::from_millis(1), ..AmqpOptions::default() };
    let bridge = queue(&house.address("sluse-bridge"), "submissions", 1, options);
    let message = message(b"deadly");
    as_role(&house, "sluse-intake", "submissions", 0).put(message.clone()).await.unwrap();
    for attempt in 1..=3 {
        assert_eq!(take_one(&bridge).await.attempt, attempt);
    }
    let operator = as_role(&house, "sluse-operator", "submissions", 0);
    let dead = eventually("it is dead", async || operator.dead_letters(1).await.unwrap().pop()).await;
    assert_eq!((dead.id, dead.reason.as_str()), (message.id, "delivery_limit"));
}

async fn held_message_does_not_hold_its_neighbours(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let intake = as_role(&house, "sluse-intake", "submissions", 0);
    let bridges = [1, 2].map(|_| as_role(&house, "sluse-bridge", "submissions", 1));
    for _ in 0..2 {
        intake.put(message(b"x")).await.unwrap();
    }
    let first = take_one(&bridges[0]).await;
    let second = take_one(&bridges[1]).await;
    assert_ne!(first.message.id, second.message.id);
    // One is stuck with its message; the other gets all that comes.
    bridges[1].ack(second.receipt).await.unwrap();
    for _ in 0..3 {
        intake.put(message(b"y")).await.unwrap();
        let next = take_one(&bridges[1]).await;
        bridges[1].ack(next.receipt).await.unwrap();
    }
    bridges[0].ack(first.receipt).await.unwrap();
}

async fn message_that_nobody_leases_any_more_goes_to_another_holder_uncounted(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let options = AmqpOptions { idle_after: Duration::ZERO, ..AmqpOptions::default() };
    let unfit = queue(&house.address("sluse-bridge"), "submissions", 1, options);
    assert!(unfit.lease(1, AT_ONCE).await.unwrap().is_empty());
    let other = as_role(&house, "sluse-bridge", "submissions", 1);
    let intake = as_role(&house, "sluse-intake", "submissions", 0);
    for _ in 0..3 {
        // The unfit one asks, so that it consumes, and loses interest before anything comes.
        assert!(unfit.lease(1, Duration::from_millis(200)).await.unwrap().is_empty());
        intake.put(message(b"x")).await.unwrap();
        let leased = take_one(&other).await;
        assert_eq!(leased.attempt, 1);
        other.ack(leased.receipt).await.unwrap();
    }
}

async fn unroutable_message_is_never_taken_for_stored(broker: &Broker) {
    let house = broker.house(Zone::Secure, |_| {}).await;
    let queues = AmqpQueues::new(&house.address("sluse-bridge"), AmqpOptions::default());
    let (known, unknown) =
        (queues.queue(&word("deliver.parking"), 0), queues.queue(&word("deliver.nowhere"), 0));
    let put = |n: usize| {
        let queue = if n.is_multiple_of(3) { &unknown } else { &known };
        async move { (n, queue.put(message(&[7; 5000])).await) }
    };
    let mut stored = 0;
    for (n, put) in futures_util::future::join_all((0..300).map(put)).await {
        match put {
            Ok(_) => {
                assert!(!n.is_multiple_of(3), "{n}");
                stored += 1;
            }
            Err(cause) => {
                assert!(n.is_multiple_of(3), "{n}: {cause}");
                assert!(matches!(cause, QueueError::Unroutable(_)), "{cause}");
                assert!(cause.to_string().contains("no queue on the broker takes"), "{cause}");
            }
        }
    }
    assert_eq!(stored, 200);
    eventually("all are there", async || (known.depth().await.unwrap().ready == 200).then_some(())).await;
}

async fn full_queue_refuses_puts_and_still_drains(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |plan| plan.max_bytes = 100_000).await;
    let intake = as_role(&house, "sluse-intake", "submissions", 0);
    let mut stored = 0;
    let refused = loop {
        match intake.put(message(&[1; 20_000])).await {
            Ok(_) => stored += 1,
            Err(cause) => break cause,
        }
        assert!(stored < 50);
    };
    assert!(matches!(refused, QueueError::Full), "{refused}");
    let bridge = as_role(&house, "sluse-bridge", "submissions", 4);
    for _ in 0..stored {
        let leased = take_one(&bridge).await;
        bridge.ack(leased.receipt).await.unwrap();
    }
    eventually("there is room", async || intake.put(message(b"x")).await.ok()).await;
    let too_large = intake.put(message(&vec![0; MAX_BODY + 1])).await;
    assert!(matches!(too_large, Err(QueueError::TooLarge { .. })));
    let missing =
        as_role(&house, "sluse-operator", "deliver.nowhere", 0).depth().await.unwrap_err().to_string();
    assert!(missing.contains("NOT_FOUND"), "{missing}");
}

async fn message_that_no_sluse_put_is_set_aside(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    let link = Link::new(house.address("sluse-intake"), "attacks");
    let (channel, _wire) = link.channel().await.unwrap();
    let id = crate::id::tests::new_id();
    let good = BasicProperties::default().with_message_id(id.to_string().as_str().into());
    let bad = BasicProperties::default().with_message_id("../../etc/passwd".into());
    for (properties, size) in [(bad, 10), (good.clone(), MAX_BODY + 1), (good, 10)] {
        let options = BasicPublishOptions::default();
        let body = vec![b'x'; size];
        channel
            .basic_publish("sluse.intake".into(), "submissions".into(), options, &body, properties)
            .await
            .unwrap();
    }
    let bridge = as_role(&house, "sluse-bridge", "submissions", 8);
    let leased = take_one(&bridge).await;
    assert_eq!((leased.message.id, leased.message.body.len()), (id, 10));
    let operator = as_role(&house, "sluse-operator", "submissions", 0);
    let mut reasons = eventually("both are set aside", async || {
        let dead = operator.dead_letters(10).await.unwrap();
        (dead.len() == 2).then(|| dead.iter().map(|letter| letter.reason.to_string()).collect::<Vec<_>>())
    })
    .await;
    reasons.sort();
    assert_eq!(reasons, ["no_submission_id", "too_large"]);
}

/// What a channel says when it is asked for something.
async fn refused<T>(link: &Link, ask: impl AsyncFnOnce(lapin::Channel) -> lapin::Result<T>) -> String {
    let (channel, _wire) = link.channel().await.unwrap();
    match ask(channel).await {
        Ok(_) => "allowed".to_owned(),
        Err(cause) => cause.to_string(),
    }
}

/// Whether a user's publish reaches the exchange: the refusal comes after it, so a second request waits for it.
async fn publish(link: &Link, exchange: &str, key: &str) -> String {
    refused(link, async |channel| {
        let (exchange, key) = (exchange.into(), key.into());
        let options = BasicPublishOptions::default();
        channel.basic_publish(exchange, key, options, b"x", BasicProperties::default()).await?;
        channel.basic_qos(1, BasicQosOptions::default()).await
    })
    .await
}

async fn user_may_do_its_roles_work_and_nothing_else(broker: &Broker) {
    let (dmz, secure) = (broker.whole_house(Zone::Dmz).await, broker.whole_house(Zone::Secure).await);
    let every = [
        (&dmz, "sluse-intake", vec!["sluse.outcomes"], vec!["sluse.intake", "sluse.outcomes.back"]),
        (&dmz, "sluse-bridge", vec!["sluse.submissions"], vec!["sluse.bridge", "sluse.submissions.back"]),
        (&secure, "sluse-bridge", vec![], vec!["sluse.relay", "sluse.bridge"]),
        (
            &secure,
            "sluse-outlet",
            vec!["sluse.deliver.parking", "sluse.deliver.reports"],
            vec!["sluse.deliver.parking.back", "sluse.deliver.reports.back"],
        ),
        (&secure, "sluse-console", vec!["sluse.reports"], vec!["sluse.reports.back"]),
    ];
    for (house, user, reads, writes) in every {
        let link = Link::new(house.address(user), "attacks");
        let names: Vec<&str> = match house.vhost == dmz.vhost {
            true => vec!["submissions", "outcomes"],
            false => vec!["deliver.parking", "deliver.reports", "reports"],
        };
        for name in &names {
            let names = Names::of(&word(name));
            for queue in [names.queue.clone(), names.dead.clone(), names.retry(STEPS[0])] {
                let may = reads.contains(&queue.as_str());
                let name = || queue.as_str().into();
                let got = refused(&link, async |channel| {
                    channel.basic_get(name(), BasicGetOptions::default()).await
                })
                .await;
                assert_eq!(got == "allowed", may, "{user} gets {queue}: {got}");
                let consumed = refused(&link, async |channel| {
                    channel
                        .basic_consume(
                            name(),
                            "".into(),
                            BasicConsumeOptions::default(),
                            FieldTable::default(),
                        )
                        .await
                })
                .await;
                assert_eq!(consumed == "allowed", may, "{user} consumes {queue}: {consumed}");
            }
            for exchange in [names.exchange, &names.back] {
                let told = publish(&link, exchange, "no-such-key").await;
                assert_eq!(told == "allowed", writes.contains(&exchange), "{user} to {exchange}: {told}");
            }
            let told = publish(&link, "", &names.queue).await;
            assert!(told.contains("ACCESS_REFUSED"), "{user} past the exchange: {told}");
        }
        let declared = refused(&link, async |channel| {
            channel
                .queue_declare("sluse.own".into(), QueueDeclareOptions::default(), FieldTable::default())
                .await
        })
        .await;
        assert!(declared.contains("ACCESS_REFUSED"), "{user} declares: {declared}");
        let declared = refused(&link, async |channel| {
            let options = ExchangeDeclareOptions::default();
            channel
                .exchange_declare("sluse.own".into(), ExchangeKind::Fanout, options, FieldTable::default())
                .await
        })
        .await;
        assert!(declared.contains("ACCESS_REFUSED"), "{user} declares: {declared}");
    }
}

async fn user_that_the_broker_does_not_know_and_a_password_that_is_none_do_not_get_in(broker: &Broker) {
    let house = broker.house(Zone::Dmz, |_| {}).await;
    for user in ["nobody", "sluse-outlet"] {
        // One has a certificate of the authority but no account, the other no right to this virtual host.
        house.broker.ask(Method::GET, "/api/whoami", None).await.unwrap();
        let refused = as_role(&house, user, "submissions", 0).put(message(b"x")).await;
        assert!(matches!(refused, Err(QueueError::Unavailable(_))), "{user}");
    }
    let dir = tempfile::tempdir().unwrap();
    let password = dir.path().join("password");
    std::fs::write(&password, "sluse-intake\n").unwrap();
    std::fs::set_permissions(&password, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let files =
        BrokerFiles { user: Some("sluse-intake"), password: Some(&password), ..BrokerFiles::default() };
    let url = format!("amqp://127.0.0.1:{}/{}", house.plain_port(), house.vhost);
    let address = BrokerAddress::read(&url, files).unwrap();
    let refused = queue(&address, "submissions", 0, AmqpOptions::default()).put(message(b"x")).await;
    assert!(matches!(refused, Err(QueueError::Unavailable(_))));
    let administrator = queue(&house.plain(None), "submissions", 0, AmqpOptions::default());
    administrator.put(message(b"x")).await.unwrap();
}
