//! A disk that is really full: the stores refuse, lose nothing, and go on when there is room again.
//!
//! The disk is a tmpfs of 8 MiB in a mount namespace of its own (`unshare --map-root-user --mount`), in which this
//! program runs again. Where the system forbids user namespaces, the test fails and says so.
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sluse::audit::{AuditError, AuditLog, AuditOptions, Event, Record, Role, verify};
use sluse::blobs::{BlobError, Blobs, DirectoryBlobs, DirectoryOptions};
use sluse::durable;
use sluse::id::{BlobRef, SubmissionId};
use sluse::queue::{Message, Queue, QueueError, QueueOptions, SqliteQueues};

const FOLDER: &str = "SLUSE_FULL_TEST_FOLDER";

/// Runs one of the `child_*` tests with a small disk of its own.
fn on_a_small_disk(child: &str) {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c"])
        .arg("mount -t tmpfs -o size=8m small \"$0\" && exec \"$@\"")
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", child, "--nocapture"])
        .env(FOLDER, dir.path())
        .output()
        .expect("this test needs the program `unshare` (util-linux)");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.contains("1 passed"), "(needs user namespaces)\n{said}");
}

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// Takes all the room that is left; gives the file that does.
fn fill(dir: &Path) -> PathBuf {
    let filler = dir.join("filler");
    while durable::free_bytes(dir).unwrap() > 0 {
        let more = vec![1; usize::try_from(durable::free_bytes(dir).unwrap()).unwrap()];
        let mut content = fs::read(&filler).unwrap_or_default();
        content.extend(more);
        drop(fs::write(&filler, content));
    }
    filler
}

#[test]
fn full_disk_refuses_files() {
    on_a_small_disk("child_files");
}

#[test]
fn child_files() {
    let Some(dir) = folder() else { return };
    let file = dir.join("file");
    durable::write(&file, b"old").unwrap();
    let filler = fill(&dir);
    assert!(durable::is_full(&durable::write(&file, &[1; 100_000]).unwrap_err()));
    assert_eq!(fs::read(&file).unwrap(), b"old");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "the temporary file is gone");
    fs::remove_file(filler).unwrap();
    durable::write(&file, &[1; 100_000]).unwrap();
}

#[test]
fn full_disk_refuses_puts() {
    on_a_small_disk("child_queue");
}

#[tokio::test]
async fn child_queue() {
    let Some(dir) = folder() else { return };
    let queues = SqliteQueues::open(&dir.join("queue.db"), QueueOptions::default()).unwrap();
    let queue = queues.queue(&"q".parse().unwrap());
    let put = || {
        queue.put(Message {
            id: SubmissionId::new(sluse_envelope::UnixMillis::now()).unwrap(),
            body: vec![1; 100_000],
        })
    };
    let mut stored = 0;
    for _ in 0..5 {
        put().await.unwrap();
        stored += 1;
    }
    let filler = fill(&dir);
    let error = loop {
        match put().await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, QueueError::Full), "{error:?}");
    fs::remove_file(filler).unwrap();
    put().await.unwrap();
    stored += 1;
    let mut leased = 0;
    while leased < stored {
        let batch = queue.lease(100, Duration::from_secs(10)).await.unwrap();
        assert!(!batch.is_empty());
        leased += batch.len();
    }
    assert_eq!(leased, stored);
}

#[test]
fn full_disk_refuses_blobs() {
    on_a_small_disk("child_blobs");
}

#[tokio::test]
async fn child_blobs() {
    let Some(dir) = folder() else { return };
    let blobs = DirectoryBlobs::open(&dir, DirectoryOptions::default()).unwrap();
    let mut writer = blobs.create(&BlobRef::generate().unwrap()).await.unwrap();
    let error = loop {
        if let Err(error) = writer.write(&[1; 700_000]).await {
            break error;
        }
    };
    assert!(matches!(error, BlobError::Full), "{error:?}");
    drop(writer);
    assert_eq!(fs::read_dir(dir.join("tmp")).unwrap().count(), 0);
    let mut writer = blobs.create(&BlobRef::generate().unwrap()).await.unwrap();
    writer.write(&[1; 700_000]).await.unwrap();
    writer.finish().await.unwrap();
}

#[test]
fn full_disk_refuses_audit_entries() {
    on_a_small_disk("child_audit");
}

#[tokio::test]
async fn child_audit() {
    let Some(dir) = folder() else { return };
    let open = || {
        AuditLog::open(&dir.join("a"), Role::Intake, AuditOptions::default(), |_| [3; 64], &|_, s| {
            *s == [3; 64]
        })
        .unwrap()
    };
    let log = open();
    let record = || Record::of(Event::Received).with("codes", vec!["x".repeat(60).parse().unwrap(); 100]);
    let mut known = vec![log.append(record()).await.unwrap()];
    let filler = fill(&dir);
    let error = loop {
        match log.append(record()).await {
            Ok(position) => known.push(position),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AuditError::Full { .. }), "{error:?}");
    fs::remove_file(filler).unwrap();
    log.close().await.unwrap();
    // Nothing is left of the entry that did not fit.
    let check = |_: &[u8], signature: &[u8; 64]| *signature == [3; 64];
    assert_eq!(verify(&dir.join("a"), &check, &known).unwrap().last, known[known.len() - 1]);
    let log = open();
    known.push(log.append(record()).await.unwrap());
    log.close().await.unwrap();
    verify(&dir.join("a"), &check, &known).unwrap();
}
