//! Segments as a stream, in any chunking and constant memory: never more than one segment is held.
//!
//! The opener knows beforehand how long the stream is to be, so that it tells one cut short or added to from one that was
//! changed. The output is exactly Tink's; padding and digest are [`crate::blob`]'s.

use zeroize::Zeroizing;

use crate::blob_key::BlobKey;
use crate::segment::{
    HEADER_LEN, OpenSegmentError, SEGMENT_LEN, SealSegmentError, SegmentOpener, SegmentSealer, TAG_LEN,
};

/// Bytes of ciphertext for `plaintext_len` bytes of plaintext.
///
/// Nothing when the result would not fit in 64 bits.
#[must_use]
pub const fn ciphertext_len(plaintext_len: u64) -> Option<u64> {
    // The header takes the place of plaintext in the first segment.
    let Some(with_header) = plaintext_len.checked_add(HEADER_LEN as u64) else { return None };
    let segments = with_header.div_ceil((SEGMENT_LEN - TAG_LEN) as u64);
    with_header.checked_add(segments * TAG_LEN as u64)
}

/// Encrypts a stream.
pub struct StreamSealer {
    segments: SegmentSealer,
    /// The segment that is being filled, after the header when it is the first. Its capacity is a whole segment from the
    /// start, so it never moves.
    buffer: Zeroizing<Vec<u8>>,
    /// Where the plaintext begins in the buffer.
    start: usize,
    written: u64,
}

impl StreamSealer {
    /// Starts a stream.
    ///
    /// # Errors
    /// When there are no random bytes.
    pub fn new(key: &BlobKey, associated: &[u8]) -> Result<Self, SealSegmentError> {
        let (segments, header) = SegmentSealer::new(key, associated)?;
        Ok(Self::starting_with(segments, header))
    }

    /// Starts a stream with a segment sealer that has sealed nothing yet.
    pub(crate) fn starting_with(segments: SegmentSealer, header: [u8; HEADER_LEN]) -> Self {
        let mut buffer = Zeroizing::new(Vec::with_capacity(SEGMENT_LEN));
        buffer.extend_from_slice(&header);
        Self { segments, buffer, start: HEADER_LEN, written: 0 }
    }

    /// Takes plaintext; appends what ciphertext is complete to `out`.
    ///
    /// # Errors
    /// Only by a defect or after 2³² segments; the stream is then of no use.
    pub fn update(&mut self, mut plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), SealSegmentError> {
        const FULL: usize = SEGMENT_LEN - TAG_LEN;
        while !plaintext.is_empty() {
            // A full segment waits until more follows, since only then it is known not to be the last.
            if self.buffer.len() == FULL {
                self.flush(out)?;
            }
            if self.buffer.is_empty() && plaintext.len() > FULL {
                // A whole segment that more follows: copied once, to where it is to lie, and sealed there.
                let (segment, rest) = plaintext.split_at(FULL);
                plaintext = rest;
                let from = out.len();
                out.reserve(SEGMENT_LEN);
                out.extend_from_slice(segment);
                match self.segments.seal(out.get_mut(from..).unwrap_or_default()) {
                    Ok(tag) => out.extend_from_slice(&tag),
                    Err(error) => {
                        out.truncate(from);
                        return Err(error);
                    }
                }
                self.written += SEGMENT_LEN as u64;
            } else {
                let (head, rest) = plaintext.split_at(plaintext.len().min(FULL - self.buffer.len()));
                plaintext = rest;
                self.buffer.extend_from_slice(head);
            }
        }
        Ok(())
    }

    /// Ends the stream; appends the rest of the ciphertext to `out` and gives the length of all of it.
    ///
    /// # Errors
    /// Only by a defect or after 2³² segments.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<u64, SealSegmentError> {
        let plaintext = self.buffer.get_mut(self.start..).unwrap_or_default();
        let tag = self.segments.seal_last(plaintext)?;
        self.buffer.extend_from_slice(&tag);
        self.written += self.buffer.len() as u64;
        give(&mut self.buffer, out);
        Ok(self.written)
    }

    /// Seals the full buffer as a segment that others follow, and empties it.
    fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), SealSegmentError> {
        let plaintext = self.buffer.get_mut(self.start..).unwrap_or_default();
        let tag = self.segments.seal(plaintext)?;
        self.buffer.extend_from_slice(&tag);
        self.written += self.buffer.len() as u64;
        self.start = 0;
        give(&mut self.buffer, out);
        self.buffer.reserve_exact(SEGMENT_LEN);
        Ok(())
    }
}

/// Why a stream did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenStreamError {
    /// It ended before its length was reached.
    #[error("cut short: {missing} bytes are missing")]
    Truncated {
        /// Bytes of ciphertext that did not come.
        missing: u64,
    },
    /// It goes on after its length.
    #[error("bytes after the end")]
    Extended,
    /// The length is more than a stream can have.
    #[error("longer than a stream can be")]
    TooLong,
    /// A segment or the header is not as it was sealed.
    #[error(transparent)]
    Segment(#[from] OpenSegmentError),
}

/// Decrypts a stream.
pub struct StreamOpener {
    key: BlobKey,
    associated: Vec<u8>,
    /// Nothing before the first segment is complete.
    segments: Option<SegmentOpener>,
    /// The segment that is being collected.
    buffer: Zeroizing<Vec<u8>>,
    /// Bytes of ciphertext still to come that are not in the buffer.
    missing: u64,
    /// The first error; it stays.
    failed: Option<OpenStreamError>,
}

impl StreamOpener {
    /// Starts to open a stream that is to hold exactly `plaintext_len` bytes.
    ///
    /// # Errors
    /// When no stream can be that long.
    pub fn new(key: BlobKey, associated: &[u8], plaintext_len: u64) -> Result<Self, OpenStreamError> {
        Ok(Self {
            key,
            associated: associated.to_vec(),
            segments: None,
            buffer: Zeroizing::new(Vec::new()),
            missing: ciphertext_len(plaintext_len).ok_or(OpenStreamError::TooLong)?,
            failed: None,
        })
    }

    /// Takes ciphertext; appends the plaintext of the segments that are complete and verified to `out`. After an error
    /// `out` is as before, and the error stays.
    ///
    /// # Errors
    /// See [`OpenStreamError`].
    pub fn push(&mut self, ciphertext: &[u8], out: &mut Vec<u8>) -> Result<(), OpenStreamError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let before = out.len();
        self.take(ciphertext, out).inspect_err(|error| {
            self.failed = Some(*error);
            out.truncate(before);
        })
    }

    /// Checks that the stream is complete.
    ///
    /// # Errors
    /// The error that stayed, or [`OpenStreamError::Truncated`].
    pub fn finish(self) -> Result<(), OpenStreamError> {
        let missing = self.missing;
        match self.failed {
            Some(error) => Err(error),
            None if missing > 0 || !self.buffer.is_empty() => Err(OpenStreamError::Truncated { missing }),
            None => Ok(()),
        }
    }

    fn take(&mut self, mut ciphertext: &[u8], out: &mut Vec<u8>) -> Result<(), OpenStreamError> {
        while !ciphertext.is_empty() {
            let buffered = self.buffer.len();
            let segment_len = usize::try_from(self.missing)
                .map_or(SEGMENT_LEN, |missing| SEGMENT_LEN.min(missing.saturating_add(buffered)));
            let wanted = segment_len - buffered;
            if wanted == 0 {
                return Err(OpenStreamError::Extended);
            }
            let (head, rest) = ciphertext.split_at(ciphertext.len().min(wanted));
            ciphertext = rest;
            self.missing -= head.len() as u64;
            let last = self.missing == 0;
            if buffered == 0 && head.len() == segment_len {
                // A whole segment: copied once, to where its plaintext is to lie, and opened there.
                let from = out.len();
                out.extend_from_slice(head);
                let length = self.open(out.get_mut(from..).unwrap_or_default(), last)?;
                out.truncate(from + length);
            } else {
                self.buffer.reserve_exact(segment_len - buffered);
                self.buffer.extend_from_slice(head);
                if self.buffer.len() == segment_len {
                    let mut buffer = std::mem::take(&mut self.buffer);
                    let length = self.open(&mut buffer, last)?;
                    buffer.truncate(length);
                    give(&mut buffer, out);
                    self.buffer = buffer;
                }
            }
        }
        Ok(())
    }

    /// Opens a segment in place, with the header before it when it is the first; gives the plaintext's length.
    fn open(&mut self, in_out: &mut [u8], last: bool) -> Result<usize, OpenSegmentError> {
        match &mut self.segments {
            Some(segments) => segments.open_as(in_out, 0, last),
            None => {
                let header = in_out.first_chunk().ok_or(OpenSegmentError::BadHeader)?;
                let segments = SegmentOpener::new(&self.key, &self.associated, header)?;
                self.segments.insert(segments).open_as(in_out, HEADER_LEN, last)
            }
        }
    }
}

/// Moves the buffer's bytes to the end of `out`, and leaves the buffer empty. An empty `out` changes places with the buffer,
/// which saves the copy, unless it is so large that its owner means to collect more in it.
fn give(buffer: &mut Zeroizing<Vec<u8>>, out: &mut Vec<u8>) {
    if out.is_empty() && out.capacity() <= 2 * SEGMENT_LEN {
        std::mem::swap(&mut **buffer, out);
        buffer.clear();
    } else {
        out.append(buffer);
    }
}

#[cfg(test)]
mod tests;
