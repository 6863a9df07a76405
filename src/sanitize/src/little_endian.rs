//! Little-endian numbers at byte offsets; what lies outside is `None`.

/// Bytes read by offset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn u16(self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes(self.array(at)?))
    }

    pub(crate) fn i16(self, at: usize) -> Option<i16> {
        Some(i16::from_le_bytes(self.array(at)?))
    }

    pub(crate) fn u32(self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.array(at)?))
    }

    pub(crate) fn i32(self, at: usize) -> Option<i32> {
        Some(i32::from_le_bytes(self.array(at)?))
    }

    /// A 32-bit length, count or offset.
    pub(crate) fn size(self, at: usize) -> Option<usize> {
        usize::try_from(self.u32(at)?).ok()
    }

    pub(crate) fn bytes(self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(at..at.checked_add(length)?)
    }

    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.bytes(at, N)?.try_into().ok()
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Fields(bytes).u16(at)
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Fields(bytes).u32(at)
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(Fields(bytes).array(at)?))
}

/// Overwrites a 32-bit field; `None`: it lies outside.
pub(crate) fn set_u32(bytes: &mut [u8], at: usize, value: usize) -> Option<()> {
    let value = u32::try_from(value).ok()?;
    bytes.get_mut(at..at.checked_add(4)?)?.copy_from_slice(&value.to_le_bytes());
    Some(())
}
