//! A large blob through an S3 server, in a process that does nothing else: the memory that it takes is bounded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Instant;

use sluse::blobs::{Blobs, CHUNK, DirectoryBlobs, DirectoryOptions, S3Address, S3Blobs, Secret};
use sluse::id::BlobRef;

#[path = "../src/blobs/s3/tests/server.rs"]
#[allow(dead_code)]
mod server;

const SIZE: usize = 200 << 20;
/// Three parts of 8 MiB, a chunk, and what a client and its buffers take.
const MAX_MORE_KIB: u64 = 48 << 10;

fn peak_rss_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Writes and reads a large blob; prints how fast that was.
async fn through(what: &str, blobs: &dyn Blobs) {
    let name = BlobRef::generate().unwrap();
    let chunk: Vec<u8> = (0..CHUNK).map(|n| u8::try_from(n % 251).unwrap()).collect();
    let begin = Instant::now();
    let mut writer = blobs.create(&name).await.unwrap();
    for _ in 0..SIZE / CHUNK {
        writer.write(&chunk).await.unwrap();
    }
    assert_eq!(writer.finish().await.unwrap(), SIZE as u64);
    let (written, begin) = (begin.elapsed(), Instant::now());

    let mut reader = blobs.open(&name).await.unwrap();
    let mut read = 0;
    while let Some(got) = reader.read_chunk().await.unwrap() {
        assert!(got == chunk, "other bytes than were written");
        read += got.len();
    }
    assert_eq!(read, SIZE);
    println!("{what}: {} MiB written in {written:?}, read in {:?}", SIZE >> 20, begin.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_mebibytes_are_written_and_read_in_bounded_memory() {
    let server = server::Server::start(&["blobs"]);
    let key = Secret::parse("key").unwrap();
    let address = S3Address::new("s3://blobs", &server.endpoint(), "eu", key.clone(), key, None).unwrap();
    let before = peak_rss_kib();
    through("S3", &S3Blobs::new(&address).unwrap()).await;
    let more = peak_rss_kib() - before;
    println!("memory: {more} KiB more");
    assert!(more < MAX_MORE_KIB, "{more} KiB more");

    let folder = tempfile::tempdir().unwrap();
    let directory = DirectoryBlobs::open(folder.path(), DirectoryOptions::default()).unwrap();
    through("folder", &directory).await;
}
