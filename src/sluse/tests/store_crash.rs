//! Kills processes with SIGKILL while they write, and looks at what they had confirmed.
//!
//! Each test starts this same program again to run one of the `child_*` tests, which do nothing when run by themselves.
//! A child prints a line after each confirmation; the parent kills it after some lines.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use sluse::audit::{AuditLog, AuditOptions, Event, Position, Record, Role, verify};
use sluse::blobs::{Blobs, DirectoryBlobs, DirectoryOptions};
use sluse::id::{BlobRef, SubmissionId};
use sluse::queue::{Message, Put, Queue, QueueOptions, SqliteQueue, SqliteQueues};

const FOLDER: &str = "SLUSE_CRASH_TEST_FOLDER";

fn spawn(child: &str, dir: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", child, "--nocapture", "--test-threads=1"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    (process, output)
}

/// The lines of a child that is killed once it has said `count` of them.
fn killed_after(child: &str, dir: &Path, count: usize) -> Vec<(String, String)> {
    let (mut process, output) = spawn(child, dir);
    let mut said = Vec::new();
    for line in output.lines() {
        // The kill may cut the last line short; the child ends each with a stop for that.
        let line = line.unwrap();
        if let Some((verb, what)) = line.strip_suffix('.').and_then(|line| line.split_once(' ')) {
            said.push((verb.to_owned(), what.to_owned()));
        }
        if said.len() == count {
            process.kill().unwrap();
        }
    }
    assert!(!process.wait().unwrap().success(), "it ended by itself");
    assert!(said.len() >= count);
    said
}

fn say(verb: &str, what: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{verb} {what}.").unwrap();
    out.flush().unwrap();
}

/// The folder to work in, when this process is a child.
fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

fn forever<F: Future<Output = ()>>(future: F) {
    // The test harness has begun a line.
    println!();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future);
}

fn queue(dir: &Path, lease: Duration) -> SqliteQueue {
    let options = QueueOptions { lease, max_bytes: None };
    SqliteQueues::open(&dir.join("queue.db"), options).unwrap().queue(&"q".parse().unwrap())
}

async fn all(tasks: Vec<tokio::task::JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

#[test]
fn child_puts_and_acks() {
    let Some(dir) = folder() else { return };
    forever(async {
        let queue = queue(&dir, Duration::from_millis(200));
        let putters = (0..6).map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move {
                loop {
                    let id = SubmissionId::new(sluse_envelope::UnixMillis::now()).unwrap();
                    say("putting", id);
                    queue.put(Message { id, body: vec![7; 3000] }).await.unwrap();
                    say("put", id);
                }
            })
        });
        let ackers = (0..3).map(|_| {
            let queue = queue.clone();
            tokio::spawn(async move {
                loop {
                    for leased in queue.lease(3, Duration::from_secs(1)).await.unwrap() {
                        let id = leased.message.id;
                        say("acking", id);
                        // Stale after a slow turn of the machine: then the message is another's.
                        if queue.ack(leased.receipt).await.is_ok() {
                            say("acked", id);
                        }
                    }
                }
            })
        });
        all(putters.chain(ackers).collect()).await;
    });
}

#[tokio::test]
async fn killed_queue_keeps_confirmed_puts_and_forgets_acked() {
    let dir = tempfile::tempdir().unwrap();
    let mut said: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for round in 0..4 {
        for (verb, what) in killed_after("child_puts_and_acks", dir.path(), 150 + 97 * round) {
            said.entry(verb).or_default().insert(what);
        }
        let queue = queue(dir.path(), Duration::from_millis(200));
        let left: BTreeSet<_> =
            queue.list(u32::MAX).await.unwrap().into_iter().map(|line| line.id.to_string()).collect();
        for id in &said["put"] {
            assert!(left.contains(id) || said["acking"].contains(id), "confirmed, and lost: {id}");
        }
        for id in &said["acked"] {
            assert!(!left.contains(id), "acked, and there: {id}");
        }
        assert!(left.is_subset(&said["putting"]));
    }
    // What the killed had leased comes back.
    let queue = queue(dir.path(), Duration::from_secs(60));
    let mut left = queue.list(u32::MAX).await.unwrap().len();
    while left > 0 {
        let leased = queue.lease(1000, Duration::from_secs(10)).await.unwrap();
        assert!(!leased.is_empty());
        left -= leased.len();
    }
}

#[test]
fn child_consumes() {
    let Some(dir) = folder() else { return };
    forever(async {
        let queue = queue(&dir, Duration::from_secs(60));
        loop {
            for leased in queue.lease(4, Duration::from_secs(1)).await.unwrap() {
                let id = leased.message.id;
                queue.ack(leased.receipt).await.unwrap();
                say("acked", id);
            }
        }
    });
}

#[tokio::test]
async fn processes_share_a_queue_and_each_message_goes_to_one() {
    let dir = tempfile::tempdir().unwrap();
    let queue = queue(dir.path(), Duration::from_secs(60));
    let (sender, receiver) = std::sync::mpsc::channel();
    let consumers: Vec<_> = (0..3)
        .map(|_| {
            let (process, output) = spawn("child_consumes", dir.path());
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in output.lines().map_while(Result::ok) {
                    sender.send(line).ok();
                }
            });
            process
        })
        .collect();
    let mut expected = BTreeSet::new();
    let mut puts = Vec::new();
    for _ in 0..300 {
        let (queue, id) = (queue.clone(), SubmissionId::new(sluse_envelope::UnixMillis::now()).unwrap());
        expected.insert(format!("acked {id}."));
        puts.push(tokio::spawn(async move {
            assert_eq!(queue.put(Message { id, body: vec![1; 100] }).await.unwrap(), Put::Stored);
        }));
    }
    all(puts).await;
    let mut acked = Vec::new();
    while acked.len() < expected.len() {
        let line = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
        if line.starts_with("acked") {
            acked.push(line);
        }
    }
    for mut consumer in consumers {
        consumer.kill().unwrap();
        consumer.wait().unwrap();
    }
    assert_eq!(acked.iter().cloned().collect::<BTreeSet<_>>(), expected);
    let depth = queue.depth().await.unwrap();
    assert_eq!((depth.ready, depth.leased), (0, Some(0)));
}

/// What a blob of that name holds.
fn content(name: &BlobRef) -> Vec<u8> {
    let seed =
        usize::from(name.to_string().as_bytes()[0]) + 256 * usize::from(name.to_string().as_bytes()[1]);
    name.to_string().into_bytes().into_iter().cycle().take(seed * 37).collect()
}

#[test]
fn child_writes_blobs() {
    let Some(dir) = folder() else { return };
    forever(async {
        let blobs = DirectoryBlobs::open(&dir, DirectoryOptions::default()).unwrap();
        let writers = (0..4).map(|_| {
            let blobs = blobs.clone();
            tokio::spawn(async move {
                loop {
                    let name = BlobRef::generate().unwrap();
                    let mut writer = blobs.create(&name).await.unwrap();
                    for piece in content(&name).chunks(100_000) {
                        writer.write(piece).await.unwrap();
                    }
                    writer.finish().await.unwrap();
                    say("finished", name);
                }
            })
        });
        all(writers.collect()).await;
    });
}

#[tokio::test]
async fn killed_blob_store_holds_whole_blobs_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut finished = Vec::new();
    for round in 0..3 {
        finished.extend(killed_after("child_writes_blobs", dir.path(), 20 + 13 * round));
    }
    let blobs = DirectoryBlobs::open(dir.path(), DirectoryOptions::default()).unwrap();
    let listed = blobs.list(Duration::ZERO, usize::MAX).await.unwrap();
    for blob in &listed {
        let mut reader = blobs.open(&blob.name).await.unwrap();
        let mut read = Vec::new();
        while let Some(chunk) = reader.read_chunk().await.unwrap() {
            read.extend_from_slice(&chunk);
        }
        assert!(read == content(&blob.name), "{} is not whole", blob.name);
    }
    let names: BTreeSet<_> = listed.iter().map(|blob| blob.name.to_string()).collect();
    for (_, name) in finished {
        assert!(names.contains(&name), "finished, and lost: {name}");
    }
}

fn sign(bytes: &[u8]) -> [u8; 64] {
    let mut signature = [0; 64];
    for (index, byte) in bytes.iter().enumerate() {
        signature[index % 64] ^= byte.rotate_left(u32::try_from(index % 7).unwrap());
    }
    signature
}

fn check(bytes: &[u8], signature: &[u8; 64]) -> bool {
    sign(bytes) == *signature
}

fn audit(dir: &Path) -> AuditLog {
    let options = AuditOptions { max_file_bytes: 20_000, sign_every: Duration::from_millis(20) };
    AuditLog::open(dir, Role::Bridge, options, sign, &check).unwrap()
}

#[test]
fn child_appends() {
    let Some(dir) = folder() else { return };
    forever(async {
        let log = audit(&dir);
        let appenders = (0..8).map(|_| {
            let log = log.clone();
            tokio::spawn(async move {
                loop {
                    let record = Record::of(Event::Received)
                        .about(SubmissionId::new(sluse_envelope::UnixMillis::now()).unwrap())
                        .with("size_bytes", 7);
                    say("at", log.append(record).await.unwrap());
                }
            })
        });
        all(appenders.collect()).await;
    });
}

#[tokio::test]
async fn killed_audit_log_keeps_every_confirmed_position() {
    let dir = tempfile::tempdir().unwrap();
    let mut known: Vec<Position> = Vec::new();
    for round in 0..5 {
        let said = killed_after("child_appends", dir.path(), 100 + 61 * round);
        known.extend(said.into_iter().map(|(_, position)| position.parse::<Position>().unwrap()));
        audit(dir.path()).close().await.unwrap();
        let summary = verify(dir.path(), &check, &known).unwrap();
        assert!(summary.files > 1);
        assert_eq!(summary.last, summary.signed);
    }
}
