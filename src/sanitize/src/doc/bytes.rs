//! Little-endian numbers and runs of bytes in a structure that may end early.

use crate::failure::Failure;

/// Reads a structure from its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Failure> {
        let (taken, rest) =
            self.rest.split_at_checked(count).ok_or_else(|| broken("a structure ends early"))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Failure> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    pub(super) fn u16(&mut self) -> Result<u16, Failure> {
        u16_at(self.take(2)?, 0)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Failure> {
        u32_at(self.take(4)?, 0)
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// The bytes from `at`, `count` of them.
pub(super) fn slice(bytes: &[u8], at: usize, count: usize) -> Result<&[u8], Failure> {
    at.checked_add(count)
        .and_then(|end| bytes.get(at..end))
        .ok_or_else(|| broken("a structure lies outside its stream"))
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Result<u16, Failure> {
    match slice(bytes, at, 2)? {
        [a, b] => Ok(u16::from_le_bytes([*a, *b])),
        _ => Err(broken("a structure ends early")),
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Result<u32, Failure> {
    match slice(bytes, at, 4)? {
        [a, b, c, d] => Ok(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => Err(broken("a structure ends early")),
    }
}

/// Overwrites bytes at `at`; nothing happens where they would not fit.
pub(super) fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    if let Some(place) = at.checked_add(new.len()).and_then(|end| bytes.get_mut(at..end)) {
        place.copy_from_slice(new);
    }
}

/// An offset or length as Word stores it.
pub(super) fn u32_of(number: usize) -> Result<u32, Failure> {
    u32::try_from(number)
        .ok()
        .filter(|&number| number < 0x4000_0000)
        .ok_or_else(|| broken("a stream is too large"))
}

pub(super) fn usize_of(number: u32) -> Result<usize, Failure> {
    usize::try_from(number).map_err(Failure::malformed)
}

pub(super) fn broken(what: &str) -> Failure {
    Failure::Malformed(what.to_owned())
}
