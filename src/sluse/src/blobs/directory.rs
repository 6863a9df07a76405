//! Blobs as files in a folder.
//!
//! ```text
//!   root/                     0700
//!     tmp/<32 hex>.tmp        being written, 0600; stale ones are removed when the store is opened
//!     3f/3f09…c2              whole and durable, 0600; the folder is the name's first two characters
//! ```
//!
//! temp ─▶ fsync ─▶ rename (never over another) ─▶ fsync of the folder. File I/O runs on tokio's blocking threads, in
//! pieces of [`CHUNK`] bytes; one blob at work holds one such piece.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use super::{Access, BlobError, BlobReader, BlobWriter, Blobs, CHUNK, ReadBlob, StoredBlob, WriteBlob};
use crate::durable::{self, TempFile};
use crate::id::BlobRef;

/// How a blob folder is used.
#[derive(Debug, Clone, Copy)]
pub struct DirectoryOptions {
    /// Free bytes of the file system below which nothing more is written.
    pub min_free_bytes: u64,
    /// Age at which a temporary file is a leftover of a process that died; longer than any upload takes.
    pub stale_after: Duration,
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        Self { min_free_bytes: 0, stale_after: Duration::from_secs(24 * 60 * 60) }
    }
}

/// A blob folder.
#[derive(Debug, Clone)]
pub struct DirectoryBlobs {
    root: Arc<Path>,
    min_free_bytes: u64,
}

impl DirectoryBlobs {
    /// Opens the folder, making it where needed, and removes stale temporary files. Blocks.
    ///
    /// # Errors
    /// The folder cannot be made or used.
    pub fn open(root: &Path, options: DirectoryOptions) -> Result<Self, BlobError> {
        let temp = root.join("tmp");
        durable::create_dir(&temp).map_err(failed)?;
        make_shards(root).map_err(failed)?;
        remove_stale(&temp, options.stale_after).map_err(failed)?;
        Ok(Self { root: Arc::from(root), min_free_bytes: options.min_free_bytes })
    }

    fn path(&self, name: &BlobRef) -> PathBuf {
        let name = name.to_string();
        self.root.join(name.get(..2).unwrap_or_default()).join(name)
    }

    /// Refuses when `more` bytes would leave too little room.
    fn room_for(&self, more: usize) -> Result<(), BlobError> {
        if self.min_free_bytes == 0 {
            return Ok(());
        }
        let free = durable::free_bytes(&self.root).map_err(failed)?;
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        if free.saturating_sub(more) < self.min_free_bytes { Err(BlobError::Full) } else { Ok(()) }
    }
}

#[async_trait]
impl Blobs for DirectoryBlobs {
    async fn create(&self, name: &BlobRef) -> Result<BlobWriter, BlobError> {
        let (store, name) = (self.clone(), *name);
        off_thread(move || {
            store.room_for(CHUNK)?;
            // Not the blob's own name: another writer of the same blob must not be in the way before the end.
            let random = BlobRef::generate().map_err(|cause| BlobError::Unavailable(Box::new(cause)))?;
            let temp =
                TempFile::create_in(&store.root.join("tmp"), &format!("{random}.tmp")).map_err(failed)?;
            let writer = DirectoryWriter { store, name, temp: Some(temp), buffer: Vec::new(), written: 0 };
            Ok(Box::new(writer) as BlobWriter)
        })
        .await
    }

    async fn open(&self, name: &BlobRef) -> Result<BlobReader, BlobError> {
        let (path, name) = (self.path(name), *name);
        off_thread(move || {
            let file = durable::open(&path).map_err(|error| match error.kind() {
                // Without the folder that is made with the store, it is the store that is not there: a disk that is not mounted.
                io::ErrorKind::NotFound if path.parent().is_some_and(Path::is_dir) => {
                    BlobError::Missing(name)
                }
                _ => failed(error),
            })?;
            let size = file.metadata().map_err(failed)?.len();
            Ok(Box::new(DirectoryReader { file: Some(file), size, left: size }) as BlobReader)
        })
        .await
    }

    async fn delete(&self, name: &BlobRef) -> Result<(), BlobError> {
        let path = self.path(name);
        off_thread(move || durable::remove(&path).map(drop).map_err(failed)).await
    }

    async fn list(&self, age: Duration, limit: usize) -> Result<Vec<StoredBlob>, BlobError> {
        let root = Arc::clone(&self.root);
        off_thread(move || list(&root, age, limit).map_err(failed)).await
    }

    async fn probe(&self, access: Access) -> Result<(), BlobError> {
        let name = BlobRef::generate().map_err(|cause| BlobError::Unavailable(Box::new(cause)))?;
        match access {
            Access::Write => self.create(&name).await.map(drop),
            Access::Read => match self.open(&name).await {
                Ok(_) | Err(BlobError::Missing(_)) => Ok(()),
                Err(error) => Err(error),
            },
            Access::Delete => self.delete(&name).await,
            Access::List => self.list(Duration::MAX, 1).await.map(drop),
        }
    }
}

struct DirectoryWriter {
    store: DirectoryBlobs,
    name: BlobRef,
    /// Absent while a blocking thread has it, and for good once such a step failed or was abandoned.
    temp: Option<TempFile>,
    buffer: Vec<u8>,
    written: u64,
}

impl DirectoryWriter {
    /// Writes the buffer out and takes its memory back.
    async fn flush(&mut self) -> Result<(), BlobError> {
        let temp = self.temp.take().ok_or(BlobError::Interrupted)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let store = self.store.clone();
        let (temp, buffer) = off_thread(move || {
            store.room_for(buffer.len())?;
            temp.file().write_all(&buffer).map_err(failed)?;
            buffer.clear();
            Ok((temp, buffer))
        })
        .await?;
        (self.temp, self.buffer) = (Some(temp), buffer);
        Ok(())
    }
}

#[async_trait]
impl WriteBlob for DirectoryWriter {
    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), BlobError> {
        if self.temp.is_none() {
            return Err(BlobError::Interrupted);
        }
        while !bytes.is_empty() {
            let room = CHUNK.saturating_sub(self.buffer.len());
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.buffer.extend_from_slice(now);
            self.written = self.written.saturating_add(u64::try_from(now.len()).unwrap_or(u64::MAX));
            bytes = later;
            if self.buffer.len() >= CHUNK {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<u64, BlobError> {
        self.flush().await?;
        let temp = self.temp.take().ok_or(BlobError::Interrupted)?;
        let (path, name, written) = (self.store.path(&self.name), self.name, self.written);
        off_thread(move || {
            temp.publish(&path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => BlobError::AlreadyThere(name),
                _ => failed(error),
            })?;
            Ok(written)
        })
        .await
    }
}

struct DirectoryReader {
    /// Absent while a blocking thread has it, and for good once such a step failed or was abandoned.
    file: Option<File>,
    size: u64,
    left: u64,
}

#[async_trait]
impl ReadBlob for DirectoryReader {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read_chunk(&mut self) -> Result<Option<Vec<u8>>, BlobError> {
        let mut file = self.file.take().ok_or(BlobError::Interrupted)?;
        let wanted = usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK);
        let (file, chunk) = off_thread(move || {
            let mut chunk = vec![0; wanted];
            file.read_exact(&mut chunk).map_err(failed)?;
            Ok((file, chunk))
        })
        .await?;
        self.file = Some(file);
        self.left = self.left.saturating_sub(u64::try_from(wanted).unwrap_or(u64::MAX));
        Ok(if chunk.is_empty() { None } else { Some(chunk) })
    }
}

/// Makes the 256 folders at once, so that no blob is ever published in one whose own entry is not durable.
fn make_shards(root: &Path) -> io::Result<()> {
    for shard in 0..=u8::MAX {
        match DirBuilder::new().mode(0o700).create(root.join(format!("{shard:02x}"))) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    durable::sync_dir(root)
}

fn list(root: &Path, age: Duration, limit: usize) -> io::Result<Vec<StoredBlob>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(root)? {
        let folder = folder?;
        // `tmp`, and whatever else an operator may have put there, is not two characters long.
        if folder.file_name().len() != 2 || !folder.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder.path())? {
            if found.len() >= limit {
                return Ok(found);
            }
            let file = file?;
            let Some(name) = file.file_name().to_str().and_then(|name| name.parse::<BlobRef>().ok()) else {
                continue;
            };
            match file.metadata() {
                Ok(metadata) if metadata.is_file() && older(metadata.modified()?, age) => {
                    found.push(StoredBlob { name, bytes: metadata.len(), stored_at: metadata.modified()? });
                }
                Ok(_) => {}
                // Deleted meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(found)
}

fn remove_stale(temp: &Path, age: Duration) -> io::Result<()> {
    for file in fs::read_dir(temp)? {
        let file = file?;
        let ours = file.file_name().to_str().is_some_and(|name| name.ends_with(".tmp"));
        match file.metadata().and_then(|metadata| metadata.modified()) {
            Ok(modified) if ours && older(modified, age) => {
                durable::remove(&file.path())?;
            }
            Ok(_) => {}
            // Another process finished or removed it meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn older(modified: SystemTime, age: Duration) -> bool {
    SystemTime::now().duration_since(modified).is_ok_and(|since| since >= age)
}

fn failed(error: io::Error) -> BlobError {
    if durable::is_full(&error) { BlobError::Full } else { BlobError::Unavailable(Box::new(error)) }
}

/// Runs blocking work on a thread made for it.
async fn off_thread<T, W>(work: W) -> Result<T, BlobError>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, BlobError> + Send + 'static,
{
    spawn_blocking(work).await.map_err(|error| BlobError::Unavailable(Box::new(error)))?
}

#[cfg(test)]
mod tests;
