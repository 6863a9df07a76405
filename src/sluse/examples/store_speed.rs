//! How fast the queue, the audit log and the blob folder are on this machine's disk.
//!
//! `cargo run --release -p sluse --example store_speed -- FOLDER`
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_precision_loss, clippy::expect_used)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sluse::audit::{AuditLog, AuditOptions, Event, Record, Role};
use sluse::blobs::{Blobs, DirectoryBlobs, DirectoryOptions};
use sluse::id::{BlobRef, SubmissionId};
use sluse::queue::{Message, Queue, QueueOptions, SqliteQueues};

/// How long each measurement runs.
const RUN: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let folder = std::env::args().nth(1).expect("give a folder to work in");
    let dir = tempfile::tempdir_in(folder).unwrap();
    queue(dir.path()).await;
    audit(dir.path()).await;
    blobs(dir.path()).await;
}

/// Runs `work` on `tasks` tasks until the time is over; prints and gives the count.
async fn measure<W, F>(what: &str, tasks: usize, work: W) -> usize
where
    W: Fn() -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let count = Arc::new(AtomicUsize::new(0));
    let begin = Instant::now();
    let running: Vec<_> = (0..tasks)
        .map(|_| {
            let (work, count) = (work.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                while begin.elapsed() < RUN {
                    work().await;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in running {
        task.await.unwrap();
    }
    let count = count.load(Ordering::Relaxed);
    println!("{what}, {tasks} at once: {:.0} per second", count as f64 / begin.elapsed().as_secs_f64());
    count
}

async fn queue(dir: &Path) {
    for tasks in [1, 16, 256] {
        let queues =
            SqliteQueues::open(&dir.join(format!("queue-{tasks}.db")), QueueOptions::default()).unwrap();
        let queue = queues.queue(&"q".parse().unwrap());
        let putter = queue.clone();
        let put = move || {
            let queue = putter.clone();
            async move {
                drop(
                    queue
                        .put(Message {
                            id: SubmissionId::new(sluse_envelope::UnixMillis::now()).unwrap(),
                            body: vec![7; 4096],
                        })
                        .await
                        .map(drop),
                );
            }
        };
        let count = measure("put of 4 KiB", tasks, put).await;
        let (begin, mut acked) = (Instant::now(), 0);
        while acked < count {
            let leased = queue.lease(64, RUN).await.unwrap();
            acked += leased.len();
            let acks: Vec<_> = leased
                .into_iter()
                .map(|leased| {
                    let queue = queue.clone();
                    tokio::spawn(async move { queue.ack(leased.receipt).await.unwrap() })
                })
                .collect();
            for ack in acks {
                ack.await.unwrap();
            }
        }
        println!("  lease of 64 and acks: {:.0} per second", count as f64 / begin.elapsed().as_secs_f64());
        queues.close().await;
    }
}

async fn audit(dir: &Path) {
    let log =
        AuditLog::open(&dir.join("audit"), Role::Bridge, AuditOptions::default(), |_| [0; 64], &|_, _| true)
            .unwrap();
    for tasks in [1, 64, 256] {
        let log = log.clone();
        let append = move || {
            let log = log.clone();
            async move {
                let record = Record::of(Event::Relayed)
                    .about(SubmissionId::new(sluse_envelope::UnixMillis::now()).unwrap())
                    .with("attachments", 3);
                log.append(record).await.unwrap();
            }
        };
        measure("audit append", tasks, append).await;
    }
}

async fn blobs(dir: &Path) {
    let blobs = DirectoryBlobs::open(&dir.join("blobs"), DirectoryOptions::default()).unwrap();
    for (bytes, tasks) in [(64 << 10, 1), (64 << 10, 16), (8 << 20, 4)] {
        let (blobs, content) = (blobs.clone(), Arc::new(vec![7; bytes]));
        let write = move || {
            let (blobs, content) = (blobs.clone(), Arc::clone(&content));
            async move {
                let name = BlobRef::generate().unwrap();
                let mut writer = blobs.create(&name).await.unwrap();
                writer.write(&content).await.unwrap();
                writer.finish().await.unwrap();
                blobs.delete(&name).await.unwrap();
            }
        };
        measure(&format!("blob of {} KiB, written and deleted", bytes >> 10), tasks, write).await;
    }
}
