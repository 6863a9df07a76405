//! A broker in an intruder's hands, and what comes through an honest one from somebody who may write to it.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::queue::amqp::gate::FRAME_MAX;

/// Says what a broker says on the way to a consumer, and then what the attack is made of.
struct Hostile {
    address: BrokerAddress,
    _password: tempfile::TempDir,
    /// What it was told: class, method and arguments of each.
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Hostile {
    /// Announces frames of `frame_max` bytes; sends `attack` to each consumer.
    async fn start(frame_max: u32, attack: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let password = dir.path().join("password");
        std::fs::write(&password, "x\n").unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
        let files = BrokerFiles { user: Some("u"), password: Some(&password), ..BrokerFiles::default() };
        let url = format!("amqp://127.0.0.1:{}/v", listener.local_addr().unwrap().port());
        let address = BrokerAddress::read(&url, files).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (hears, attack) = (Arc::clone(&heard), Arc::new(attack));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (hears, attack) = (Arc::clone(&hears), Arc::clone(&attack));
                tokio::spawn(async move {
                    let _ = talk(client, frame_max, &attack, &hears).await;
                    hears.lock().unwrap().push(b"gone".to_vec());
                });
            }
        });
        Self { address, _password: dir, heard }
    }

    fn queue(&self, at_once: u16) -> AmqpQueue {
        queue(&self.address, "submissions", at_once, AmqpOptions::default())
    }

    /// Waits until it was told something that begins so.
    async fn hears(&self, begin: &[u8]) -> Vec<u8> {
        let heard = async || self.heard.lock().unwrap().iter().find(|told| told.starts_with(begin)).cloned();
        eventually("it was told", heard).await
    }
}

async fn talk(
    mut client: TcpStream,
    frame_max: u32,
    attack: &[u8],
    heard: &Mutex<Vec<Vec<u8>>>,
) -> std::io::Result<()> {
    client.read_exact(&mut [0; 8]).await?;
    let start = [&[0, 10, 0, 10, 0, 9, 0, 0, 0, 0][..], &long(b"PLAIN"), &long(b"en_US")].concat();
    client.write_all(&frame(1, 0, &start)).await?;
    let mut published = 0_u64;
    loop {
        let mut head = [0; 7];
        client.read_exact(&mut head).await?;
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut told = vec![0; usize::try_from(size).unwrap() + 1];
        client.read_exact(&mut told).await?;
        told.pop();
        let channel = u16::from_be_bytes([head[1], head[2]]);
        if head[0] != 1 {
            continue;
        }
        let answer = match [told[1], told[3]] {
            [10, 11] => [&[0, 10, 0, 30, 0, 0][..], &frame_max.to_be_bytes(), &[0, 20]].concat(),
            [10, 40] => vec![0, 10, 0, 41, 0],
            [10, 50] => vec![0, 10, 0, 51],
            [20, 10] => vec![0, 20, 0, 11, 0, 0, 0, 0],
            [20, 40] => vec![0, 20, 0, 41],
            [60, 10] => vec![0, 60, 0, 11],
            [60, 20] => [&[0, 60, 0, 21][..], &short(b"sluse")].concat(),
            [60, 30] => [&[0, 60, 0, 31][..], &short(b"sluse")].concat(),
            [60, 40] => {
                published += 1;
                [&[0, 60, 0, 80][..], &published.to_be_bytes(), &[0]].concat()
            }
            [85, 10] => {
                published = 0;
                vec![0, 85, 0, 11]
            }
            _ => Vec::new(),
        };
        if !answer.is_empty() {
            client.write_all(&frame(1, channel, &answer)).await?;
        }
        if told.starts_with(&[0, 60, 0, 20]) {
            client.write_all(attack).await?;
        }
        heard.lock().unwrap().push(told);
    }
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let size = u32::try_from(payload.len()).unwrap();
    [&[kind][..], &channel.to_be_bytes(), &size.to_be_bytes(), payload, &[0xce]].concat()
}

fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()][..], text].concat()
}

fn long(text: &[u8]) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat()
}

/// A delivery on the consumer's channel, of a body in frames of the largest size.
fn deliver(tag: u64, flags: u16, properties: &[u8], body: &[u8]) -> Vec<u8> {
    let method = [&[0, 60, 0, 60][..], &short(b"sluse"), &tag.to_be_bytes(), &[0, 0, 0]].concat();
    let size = u64::try_from(body.len()).unwrap();
    let header = [&[0, 60, 0, 0][..], &size.to_be_bytes(), &flags.to_be_bytes(), properties].concat();
    let chunk = usize::try_from(FRAME_MAX - 8).unwrap();
    let bodies = body.chunks(chunk).flat_map(|chunk| frame(3, 1, chunk));
    [frame(1, 1, &method), frame(2, 1, &header)].concat().into_iter().chain(bodies).collect()
}

/// One with an id and nothing else.
fn good(tag: u64, body: &[u8]) -> Vec<u8> {
    deliver(tag, 1 << 7, &short(crate::id::tests::new_id().to_string().as_bytes()), body)
}

/// One whose headers hold a list in a list, so many times.
fn nested(tag: u64, depth: u32) -> Vec<u8> {
    let lists = (0..depth).rev().flat_map(|below| [&[b'A'][..], &(5 * below).to_be_bytes()].concat());
    let table: Vec<u8> = short(b"a").into_iter().chain(lists).collect();
    deliver(tag, 1 << 13, &long(&table), b"x")
}

/// What a consumer tells when it acks one.
fn acked(tag: u8) -> [u8; 12] {
    [0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, tag]
}

#[tokio::test]
async fn frames_announced_without_limit_are_of_our_size() {
    for announced in [0, u32::MAX] {
        let hostile = Hostile::start(announced, Vec::new()).await;
        hostile.queue(1).put(message(b"x")).await.unwrap();
        let tuned = hostile.hears(&[0, 10, 0, 31]).await;
        assert_eq!(tuned[6..10], FRAME_MAX.to_be_bytes());
    }
}

#[tokio::test]
async fn lists_nested_without_end_are_set_aside_and_hold_up_nothing() {
    let attack = [nested(1, 20_000), nested(2, 60), good(3, b"good")].concat();
    let hostile = Hostile::start(FRAME_MAX, attack).await;
    let queue = hostile.queue(3);
    assert_eq!(take_one(&queue).await.message.body, b"good");
    hostile.hears(&acked(1)).await;
    hostile.hears(&acked(2)).await;
}

#[tokio::test]
async fn body_longer_than_any_is_set_aside_without_it() {
    let long = vec![b'x'; 2 * MAX_BODY + 1];
    let attack = [deliver(1, 0, &[], &long), deliver(2, 0, &[], &long[1..]), good(3, b"good")].concat();
    let hostile = Hostile::start(FRAME_MAX, attack).await;
    let queue = hostile.queue(3);
    assert_eq!(take_one(&queue).await.message.body, b"good");
    hostile.hears(&acked(1)).await;
    hostile.hears(&acked(2)).await;
}

#[tokio::test]
async fn flood_beyond_what_may_be_held_cuts_the_connection() {
    for attack in [(1..=64).flat_map(|tag| good(tag, b"x")).collect(), nested(1, 1).repeat(64)] {
        let hostile = Hostile::start(FRAME_MAX, attack).await;
        let queue = hostile.queue(4);
        let leases = async {
            queue.lease(1, PATIENT).await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = hostile.hears(b"gone") => {}
            () = leases => {}
        }
    }
}
