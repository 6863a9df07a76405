//! What every backend has to keep, tried on whichever store is given.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use super::{Access, BlobError, Blobs, CHUNK, PART};
use crate::id::BlobRef;

/// Bytes that do not repeat in step with any block.
pub(super) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

pub(super) fn new_name() -> BlobRef {
    BlobRef::generate().unwrap()
}

/// Writes a blob in uneven pieces.
pub(super) async fn put(blobs: &dyn Blobs, content: &[u8]) -> BlobRef {
    let name = new_name();
    let mut writer = blobs.create(&name).await.unwrap();
    for piece in content.chunks(300_001) {
        writer.write(piece).await.unwrap();
    }
    assert_eq!(writer.finish().await.unwrap(), u64::try_from(content.len()).unwrap());
    name
}

pub(super) async fn read_all(blobs: &dyn Blobs, name: &BlobRef) -> Vec<u8> {
    let mut reader = blobs.open(name).await.unwrap();
    let mut content = Vec::new();
    while let Some(chunk) = reader.read_chunk().await.unwrap() {
        assert!((1..=CHUNK).contains(&chunk.len()));
        content.extend_from_slice(&chunk);
    }
    assert!(reader.read_chunk().await.unwrap().is_none(), "the end stays the end");
    assert_eq!(u64::try_from(content.len()).unwrap(), reader.size());
    content
}

/// All of it.
pub(super) async fn is_kept(blobs: impl Blobs + 'static) {
    probes_pass_and_leave_nothing(&blobs).await;
    list_tells_old_blobs_and_nothing_else(&blobs).await;
    content_comes_back_whole(&blobs).await;
    nothing_is_there_before_the_end(&blobs).await;
    blob_is_never_overwritten(&blobs).await;
    deleted_is_missing_and_deleting_again_is_fine(&blobs).await;
    one_of_two_writers_wins(Arc::new(blobs)).await;
}

pub(super) async fn content_comes_back_whole(blobs: &dyn Blobs) {
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 77, PART, PART + 1, 2 * PART + 5] {
        let content = pattern(length);
        let name = put(blobs, &content).await;
        assert!(read_all(blobs, &name).await == content, "{length} bytes came back otherwise");
    }
}

pub(super) async fn nothing_is_there_before_the_end(blobs: &dyn Blobs) {
    for length in [10, 2 * PART + 10] {
        let name = new_name();
        let mut writer = blobs.create(&name).await.unwrap();
        writer.write(&pattern(length)).await.unwrap();
        assert!(matches!(blobs.open(&name).await, Err(BlobError::Missing(missing)) if missing == name));
        writer.finish().await.unwrap();
        assert_eq!(blobs.open(&name).await.unwrap().size(), u64::try_from(length).unwrap());
    }
}

pub(super) async fn blob_is_never_overwritten(blobs: &dyn Blobs) {
    // The second of two writers fails, whichever way each of them writes.
    for (first, second) in [(1, 2), (1, PART + 2), (PART + 1, 2), (PART + 1, PART + 2)] {
        let name = new_name();
        for (length, wins) in [(first, true), (second, false)] {
            let mut writer = blobs.create(&name).await.unwrap();
            writer.write(&pattern(length)).await.unwrap();
            let finished = writer.finish().await;
            if wins {
                finished.unwrap();
            } else {
                assert!(matches!(finished, Err(BlobError::AlreadyThere(taken)) if taken == name));
            }
        }
        assert_eq!(read_all(blobs, &name).await.len(), first);
    }
}

pub(super) async fn deleted_is_missing_and_deleting_again_is_fine(blobs: &dyn Blobs) {
    blobs.delete(&new_name()).await.unwrap();
    let name = put(blobs, b"").await;
    blobs.delete(&name).await.unwrap();
    blobs.delete(&name).await.unwrap();
    assert!(matches!(blobs.open(&name).await, Err(BlobError::Missing(missing)) if missing == name));
}

/// The store must be empty.
pub(super) async fn list_tells_old_blobs_and_nothing_else(blobs: &dyn Blobs) {
    let before = SystemTime::now() - Duration::from_secs(60);
    let mut names = Vec::new();
    for length in 0..5 {
        names.push(put(blobs, &pattern(length)).await);
    }
    let mut unfinished = blobs.create(&new_name()).await.unwrap();
    unfinished.write(b"not whole").await.unwrap();
    let mut listed = blobs.list(Duration::ZERO, 100).await.unwrap();
    listed.sort_by_key(|blob| blob.bytes);
    assert_eq!(listed.iter().map(|blob| blob.name).collect::<Vec<_>>(), names);
    assert_eq!(listed.iter().map(|blob| blob.bytes).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(listed.iter().all(|blob| blob.stored_at > before));
    assert_eq!(blobs.list(Duration::ZERO, 3).await.unwrap().len(), 3);
    assert!(blobs.list(Duration::from_secs(3600), 100).await.unwrap().is_empty());
}

/// Begins a large blob and abandons a write of it in the middle; gives the name.
pub(super) async fn abandoned_write_does_not_go_on(blobs: &dyn Blobs) -> BlobRef {
    let (name, big) = (new_name(), pattern(6 * PART));
    let mut writer = loop {
        let mut writer = blobs.create(&name).await.unwrap();
        let mut write = writer.write(&big);
        let polled = std::future::poll_fn(|context| Poll::Ready(write.as_mut().poll(context))).await;
        drop(write);
        // The store may be done before anyone looks.
        if polled.is_pending() {
            break writer;
        }
    };
    assert!(matches!(writer.write(b"more").await, Err(BlobError::Interrupted)));
    assert!(matches!(writer.finish().await, Err(BlobError::Interrupted)));
    name
}

pub(super) async fn probes_pass_and_leave_nothing(blobs: &dyn Blobs) {
    for access in [Access::Write, Access::Read, Access::Delete, Access::List] {
        blobs.probe(access).await.unwrap();
    }
    assert!(blobs.list(Duration::ZERO, 10).await.unwrap().is_empty());
}

/// Two writers of one name at the same time: one wins, and its content is what is there.
pub(super) async fn one_of_two_writers_wins(blobs: Arc<dyn Blobs>) {
    let name = new_name();
    let write = |byte: u8, length: usize| {
        let blobs = Arc::clone(&blobs);
        async move {
            let mut writer = blobs.create(&name).await.unwrap();
            writer.write(&vec![byte; length]).await.unwrap();
            (byte, writer.finish().await.is_ok())
        }
    };
    let ended = tokio::join!(write(1, 10), write(2, 10));
    let winners: Vec<u8> = [ended.0, ended.1].into_iter().filter(|end| end.1).map(|end| end.0).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(read_all(blobs.as_ref(), &name).await, vec![winners[0]; 10]);
}
