use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::blobs::contract::{self, pattern, put};

fn scratch() -> (tempfile::TempDir, DirectoryBlobs) {
    let dir = tempfile::tempdir().unwrap();
    let blobs = DirectoryBlobs::open(&dir.path().join("blobs"), DirectoryOptions::default()).unwrap();
    (dir, blobs)
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
async fn contract_is_kept() {
    let (dir, blobs) = scratch();
    contract::is_kept(blobs).await;
    for file in files(&dir) {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn store_that_vanished_does_not_say_that_a_blob_is_missing() {
    let (dir, blobs) = scratch();
    let name = put(&blobs, b"x").await;
    fs::rename(dir.path().join("blobs"), dir.path().join("elsewhere")).unwrap();
    fs::create_dir(dir.path().join("blobs")).unwrap();
    assert!(matches!(blobs.open(&name).await, Err(BlobError::Unavailable(_))));
    assert!(matches!(blobs.probe(Access::Read).await, Err(BlobError::Unavailable(_))));
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
async fn abandoned_write_does_not_go_on_and_leaves_nothing() {
    let (dir, blobs) = scratch();
    contract::abandoned_write_does_not_go_on(&blobs).await;
    let gone = async {
        while !files(&dir).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
}

#[tokio::test]
async fn files_of_an_operator_are_not_listed() {
    let (dir, blobs) = scratch();
    let name = put(&blobs, b"").await;
    fs::write(dir.path().join("blobs").join("README"), "an operator's").unwrap();
    fs::write(files(&dir)[0].with_file_name("not-a-blob"), "an operator's").unwrap();
    let listed = blobs.list(Duration::ZERO, 100).await.unwrap();
    assert_eq!(listed.iter().map(|blob| blob.name).collect::<Vec<_>>(), [name]);
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
