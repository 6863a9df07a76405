//! How long a plaintext becomes before it is encrypted, so that a ciphertext's length says little about its content.
//!
//! Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019): of a length's
//! binary digits only the first few may be other than zero, so that lengths up to M fall into O(log log M) classes per
//! doubling. It adds at most 12 %, and ever less as lengths grow. Below [`MIN_PADDED`] all lengths are one class.

/// The shortest padded length. Form data alone is nearly always shorter, so all such messages look alike; it is also what a
/// file system takes for the smallest file.
pub const MIN_PADDED: u64 = 4096;

/// The padded length of `length` bytes of plaintext. The result maps to itself.
///
/// Nothing when the result would not fit in 64 bits.
#[must_use]
pub const fn padded(length: u64) -> Option<u64> {
    if length <= MIN_PADDED {
        return Some(MIN_PADDED);
    }
    let exponent = length.ilog2();
    let kept_bits = exponent.ilog2() + 1;
    let mask = (1_u64 << (exponent - kept_bits)) - 1;
    match length.checked_add(mask) {
        Some(raised) => Some(raised & !mask),
        None => None,
    }
}

/// Says whether all bytes are zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // A fold without early exit compiles to wide instructions.
    bytes.chunks(4096).all(|chunk| chunk.iter().fold(0, |seen, byte| seen | byte) == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lengths_are_one_class() {
        assert_eq!(padded(0), Some(4096));
        assert_eq!(padded(4096), Some(4096));
    }

    #[test]
    fn examples_worked_by_hand() {
        // 4097: exponent 12, 4 bits kept, so multiples of 2^8.
        assert_eq!(padded(4097), Some(4352));
        assert_eq!(padded(65_535), Some(65_536));
        // 1,000,000: exponent 19, 5 bits kept, multiples of 2^14 = 16,384.
        assert_eq!(padded(1_000_000), Some(1_015_808));
        assert_eq!(padded(1 << 30), Some(1 << 30));
    }

    #[test]
    fn adds_at_most_twelve_percent_and_maps_to_itself() {
        let mut length = MIN_PADDED + 1;
        while length < 1 << 40 {
            let result = padded(length).unwrap();
            assert!(result >= length && (result - length) * 100 <= length * 12, "{length}");
            assert_eq!(padded(result), Some(result), "{length}");
            length += 1 + length / 97;
        }
    }

    #[test]
    fn a_length_near_the_end_of_the_number_range_is_refused() {
        assert_eq!(padded(u64::MAX), None);
        assert_eq!(padded(1 << 63), Some(1 << 63));
    }

    #[test]
    fn one_set_bit_anywhere_is_not_zero() {
        let mut bytes = vec![0; 10_000];
        assert!(is_zero(&bytes) && is_zero(&[]));
        for index in [0, 4095, 4096, 9999] {
            bytes[index] = 0x80;
            assert!(!is_zero(&bytes));
            bytes[index] = 0;
        }
    }
}
