//! Plaintext in sealed anonymous memory: never on a disk, never changed once it is there.
//!
//! ```text
//! MemoryWriter ── write, write, … ── seal ──▶ SealedMemory ── read_at ──▶ clamd
//!   (may grow up to its cap)                   (no write, no resize)  └── descriptor ──▶ worker
//! ```
//!
//! Invariant: the kernel refuses to write to, grow, shrink or unseal what a [`SealedMemory`] names, whoever holds a
//! descriptor of it. So a digest that was computed once stays true, and a worker cannot change what clamd will see.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, memfd_create};
use rustix::io::Errno;

/// The seals on finished content; `SEAL` forbids to lift the others.
const SEALS: SealFlags =
    SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// Why content could not be kept or read. All but `Full` are our own machine's fault.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// More was written than the writer was made for.
    #[error("the content is larger than {cap} bytes")]
    Full {
        /// The writer's cap, in bytes.
        cap: u64,
    },
    /// The kernel refused.
    #[error("anonymous memory: {0}")]
    System(#[from] Errno),
    /// A descriptor from elsewhere is not sealed memory of the size that was said.
    #[error("the descriptor is no sealed memory of {expected} bytes")]
    NotSealed {
        /// The size that was said, in bytes.
        expected: u64,
    },
}

/// Content that is still being written.
#[derive(Debug)]
pub struct MemoryWriter {
    fd: OwnedFd,
    len: u64,
    cap: u64,
}

impl MemoryWriter {
    /// Empty content that may grow to `cap` bytes.
    ///
    /// # Errors
    /// [`MemoryError::System`] when the kernel has no descriptor left.
    pub fn new(cap: u64) -> Result<Self, MemoryError> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Linux before 6.3 does not know NOEXEC_SEAL and says EINVAL.
        let fd = match memfd_create(c"sluse", flags | MemfdFlags::NOEXEC_SEAL) {
            Err(Errno::INVAL) => memfd_create(c"sluse", flags)?,
            made => made?,
        };
        Ok(Self { fd, len: 0, cap })
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`MemoryError::Full`] when they do not fit, and then nothing of them is written.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), MemoryError> {
        let full = MemoryError::Full { cap: self.cap };
        let added = u64::try_from(bytes.len()).map_err(|_| MemoryError::Full { cap: self.cap })?;
        if self.len.checked_add(added).is_none_or(|len| len > self.cap) {
            return Err(full);
        }
        while !bytes.is_empty() {
            let written = match rustix::io::pwrite(&self.fd, bytes, self.len) {
                Err(Errno::INTR) => continue,
                Ok(0) => return Err(Errno::NOSPC.into()),
                written => written?,
            };
            bytes = bytes.get(written..).unwrap_or_default();
            self.len += u64::try_from(written).unwrap_or(0);
        }
        Ok(())
    }

    /// Seals what was written.
    ///
    /// # Errors
    /// [`MemoryError::System`] when the kernel refuses.
    pub fn seal(self) -> Result<SealedMemory, MemoryError> {
        fcntl_add_seals(&self.fd, SEALS)?;
        Ok(SealedMemory { fd: self.fd, len: self.len })
    }
}

/// Content that nobody can change any more.
#[derive(Debug)]
pub struct SealedMemory {
    fd: OwnedFd,
    len: u64,
}

impl SealedMemory {
    /// Sealed memory with a copy of `bytes`.
    ///
    /// # Errors
    /// [`MemoryError::System`] when the kernel refuses.
    pub fn copy_of(bytes: &[u8]) -> Result<Self, MemoryError> {
        let mut writer = MemoryWriter::new(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
        writer.write(bytes)?;
        writer.seal()
    }

    /// Takes a descriptor from another process, after making sure that it is sealed memory of `expected` bytes.
    pub(super) fn received(fd: OwnedFd, expected: u64) -> Result<Self, MemoryError> {
        // Only sealable anonymous memory answers with seals; ordinary files, pipes and sockets say EINVAL.
        let seals = fcntl_get_seals(&fd)?;
        let len = u64::try_from(fstat(&fd)?.st_size).unwrap_or(0);
        if !seals.contains(SEALS) || len != expected {
            return Err(MemoryError::NotSealed { expected });
        }
        Ok(Self { fd, len })
    }

    /// Size in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is no content.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `buffer` from `offset` on; returns how many bytes there were, fewer than asked for only at the end.
    ///
    /// # Errors
    /// The kernel's.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            match rustix::io::pread(&self.fd, rest, at) {
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
                Ok(0) => break,
                Ok(read) => filled += read,
            }
        }
        Ok(filled)
    }

    /// A copy of the whole content.
    ///
    /// # Errors
    /// [`io::ErrorKind::OutOfMemory`] when it does not fit in memory, else the kernel's.
    pub fn to_vec(&self) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.resize(len, 0);
        match self.read_at(0, &mut bytes)? {
            read if read == len => Ok(bytes),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl AsFd for SealedMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut writer = MemoryWriter::new(10).unwrap();
        writer.write(b"12345").unwrap();
        writer.write(b"67890").unwrap();
        let sealed = writer.seal().unwrap();
        assert_eq!(sealed.to_vec().unwrap(), b"1234567890");
        let mut tail = [0; 8];
        assert_eq!(sealed.read_at(7, &mut tail).unwrap(), 3);
        assert_eq!(&tail[..3], b"890");
    }

    #[test]
    fn a_byte_over_the_cap_is_refused() {
        let mut writer = MemoryWriter::new(4).unwrap();
        writer.write(b"123").unwrap();
        assert!(matches!(writer.write(b"45"), Err(MemoryError::Full { cap: 4 })));
        assert_eq!(writer.seal().unwrap().to_vec().unwrap(), b"123");
    }

    #[test]
    fn sealed_content_cannot_be_written_resized_or_unsealed() {
        let sealed = SealedMemory::copy_of(b"citizen").unwrap();
        assert_eq!(rustix::io::pwrite(&sealed, b"X", 0), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&sealed, 3), Err(Errno::PERM));
        assert_eq!(rustix::fs::ftruncate(&sealed, 300), Err(Errno::PERM));
        assert_eq!(fcntl_add_seals(&sealed, SealFlags::FUTURE_WRITE), Err(Errno::PERM));
    }

    #[test]
    fn a_descriptor_that_is_not_sealed_or_of_another_size_is_refused() {
        let unsealed = MemoryWriter::new(4).unwrap().fd;
        assert!(matches!(SealedMemory::received(unsealed, 0), Err(MemoryError::NotSealed { .. })));
        let sealed = SealedMemory::copy_of(b"1234").unwrap().fd;
        assert!(matches!(SealedMemory::received(sealed, 5), Err(MemoryError::NotSealed { expected: 5 })));
        let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(SealedMemory::received(socket.into(), 0).is_err());
    }
}
