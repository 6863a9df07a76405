use std::os::unix::fs::PermissionsExt;

use super::*;

fn scratch() -> (tempfile::TempDir, DirectoryBlobs) {
    let dir = tempfile::tempdir().unwrap();
    let blobs = DirectoryBlobs::open(&dir.path().join("blobs"), DirectoryOptions::default()).unwrap();
    (dir, blobs)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect()
}

async fn read_all(blobs: &dyn Blobs, name: &BlobRef) -> Vec<u8> {
    let mut reader = blobs.open(name).await.unwrap();
    let mut content = Vec::new();
    while let Some(chunk) = reader.read_chunk().await.unwrap() {
        assert!((1..=CHUNK).contains(&chunk.len()));
        content.extend_from_slice(&chunk);
    }
    assert_eq!(u64::try_from(content.len()).unwrap(), reader.size());
    content
}

/// Everything in the store's folders.
fn files(dir: &tempfile::TempDir) -> Vec<PathBuf> {
    let folders = fs::read_dir(dir.path().join("blobs")).unwrap().map(|entry| entry.unwrap().path());
    folders
        .filter(|path| path.is_dir())
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[tokio::test]
async fn content_comes_back_whole() {
    let (dir, blobs) = scratch();
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 77] {
        let (name, content) = (BlobRef::generate().unwrap(), pattern(length));
        let mut writer = blobs.create(&name).await.unwrap();
        for piece in content.chunks(300_001) {
            writer.write(piece).await.unwrap();
        }
        assert!(matches!(blobs.open(&name).await, Err(BlobError::Missing(_))));
        assert_eq!(writer.finish().await.unwrap(), u64::try_from(length).unwrap());
        assert_eq!(read_all(&blobs, &name).await, content);
    }
    for file in files(&dir) {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn dropped_writer_leaves_nothing() {
    let (dir, blobs) = scratch();
    let mut writer = blobs.create(&BlobRef::generate().unwrap()).await.unwrap();
    writer.write(&pattern(2 * CHUNK)).await.unwrap();
    assert_eq!(files(&dir).len(), 1);
    drop(writer);
    assert!(files(&dir).is_empty());
}

#[tokio::test]
async fn blob_is_never_overwritten() {
    let (dir, blobs) = scratch();
    let name = BlobRef::generate().unwrap();
    for first in [true, false] {
        let mut writer = blobs.create(&name).await.unwrap();
        writer.write(&[u8::from(first)]).await.unwrap();
        let finished = writer.finish().await;
        assert!(if first { finished.is_ok() } else { matches!(finished, Err(BlobError::AlreadyThere(_))) });
    }
    assert_eq!(read_all(&blobs, &name).await, [1]);
    assert_eq!(files(&dir).len(), 1);
}

#[tokio::test]
async fn abandoned_write_does_not_go_on() {
    let (dir, blobs) = scratch();
    let big = pattern(4 * CHUNK);
    let mut writer = loop {
        let mut writer = blobs.create(&BlobRef::generate().unwrap()).await.unwrap();
        let mut write = writer.write(&big);
        let polled =
            std::future::poll_fn(|context| std::task::Poll::Ready(write.as_mut().poll(context))).await;
        drop(write);
        // The disk may be done before anyone looks.
        if polled.is_pending() {
            break writer;
        }
    };
    assert!(matches!(writer.write(b"more").await, Err(BlobError::Interrupted)));
    assert!(matches!(writer.finish().await, Err(BlobError::Interrupted)));
    let gone = async {
        while !files(&dir).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
async fn deleted_is_missing_and_deleting_again_is_fine() {
    let (_dir, blobs) = scratch();
    let name = BlobRef::generate().unwrap();
    blobs.delete(&name).await.unwrap();
    blobs.create(&name).await.unwrap().finish().await.unwrap();
    blobs.delete(&name).await.unwrap();
    blobs.delete(&name).await.unwrap();
    assert!(matches!(blobs.open(&name).await, Err(BlobError::Missing(missing)) if missing == name));
}

#[tokio::test]
async fn list_tells_old_blobs_and_nothing_else() {
    let (dir, blobs) = scratch();
    let mut names = Vec::new();
    for _ in 0..5 {
        let name = BlobRef::generate().unwrap();
        blobs.create(&name).await.unwrap().finish().await.unwrap();
        names.push(name);
    }
    let _unfinished = blobs.create(&BlobRef::generate().unwrap()).await.unwrap();
    fs::write(dir.path().join("blobs").join("README"), "an operator's").unwrap();
    fs::write(files(&dir)[0].with_file_name("not-a-blob"), "an operator's").unwrap();
    let mut listed: Vec<_> =
        blobs.list(Duration::ZERO, 100).await.unwrap().into_iter().map(|blob| blob.name).collect();
    listed.sort();
    names.sort();
    assert_eq!(listed, names);
    assert_eq!(blobs.list(Duration::ZERO, 3).await.unwrap().len(), 3);
    assert!(blobs.list(Duration::from_secs(3600), 100).await.unwrap().is_empty());
}

#[tokio::test]
async fn leftovers_go_at_the_next_start_and_fresh_ones_stay() {
    let (dir, blobs) = scratch();
    let temp = dir.path().join("blobs/tmp");
    let stale = temp.join("0123.tmp");
    fs::write(&stale, "half a blob").unwrap();
    let old = SystemTime::now() - Duration::from_secs(25 * 3600);
    File::options().write(true).open(&stale).unwrap().set_modified(old).unwrap();
    fs::write(temp.join("4567.tmp"), "another process writes this").unwrap();
    assert!(blobs.list(Duration::ZERO, 10).await.unwrap().is_empty());
    DirectoryBlobs::open(&dir.path().join("blobs"), DirectoryOptions::default()).unwrap();
    assert_eq!(files(&dir), [temp.join("4567.tmp")]);
}

#[tokio::test]
async fn too_little_room_refuses_and_leaves_nothing() {
    let (dir, blobs) = scratch();
    let mut writer = blobs.create(&BlobRef::generate().unwrap()).await.unwrap();
    let options = DirectoryOptions { min_free_bytes: u64::MAX, ..DirectoryOptions::default() };
    let strict = DirectoryBlobs::open(&dir.path().join("blobs"), options).unwrap();
    assert!(matches!(strict.create(&BlobRef::generate().unwrap()).await, Err(BlobError::Full)));
    writer.write(&[1]).await.unwrap();
    drop(writer);
    assert!(files(&dir).is_empty());
}

#[tokio::test]
async fn truncated_blob_is_an_error_and_not_an_end() {
    let (dir, blobs) = scratch();
    let name = BlobRef::generate().unwrap();
    let mut writer = blobs.create(&name).await.unwrap();
    writer.write(&pattern(CHUNK + 10)).await.unwrap();
    writer.finish().await.unwrap();
    let mut reader = blobs.open(&name).await.unwrap();
    File::options().write(true).open(&files(&dir)[0]).unwrap().set_len(100).unwrap();
    assert!(matches!(reader.read_chunk().await, Err(BlobError::Unavailable(_))));
    assert!(matches!(reader.read_chunk().await, Err(BlobError::Interrupted)));
}
