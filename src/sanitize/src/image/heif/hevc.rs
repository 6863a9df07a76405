//! HEVC in HEIF, down to NAL units: parameter sets and slices stay, all else goes (ISO/IEC 14496-15, 8.3; H.265, 7.3.1).

/// Video, sequence and picture parameter sets.
const PARAMETER_SETS: std::ops::RangeInclusive<u8> = 32..=34;
/// Slices of pictures that need no other: IDR and CRA.
const SLICES: std::ops::RangeInclusive<u8> = 16..=21;

/// Bytes of HEVCDecoderConfigurationRecord before its arrays.
const FIXED: usize = 22;

/// A decoder configuration with its parameter sets only, and how many bytes say a NAL unit's length.
pub(super) fn configuration(body: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (fixed, rest) = body.split_at_checked(FIXED)?;
    let (&arrays, mut rest) = rest.split_first()?;
    let length_size = usize::from(fixed.last()? & 3) + 1;
    if fixed.first() != Some(&1) || length_size == 3 {
        return None;
    }
    let (mut kept, mut out) = (0, Vec::new());
    for _ in 0..arrays {
        let (&[kind, n1, n0], after) = rest.split_first_chunk()?;
        let mut units = after;
        for _ in 0..u16::from_be_bytes([n1, n0]) {
            let (length, after) = units.split_first_chunk()?;
            let (unit, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
            if unit_kind(unit)? != kind & 0x3f {
                return None;
            }
            units = after;
        }
        if PARAMETER_SETS.contains(&(kind & 0x3f)) {
            let length = rest.len() - units.len();
            out.extend_from_slice(rest.get(..length)?);
            kept += 1;
        }
        rest = units;
    }
    rest.is_empty().then(|| ([fixed, &[kept], &out].concat(), length_size))
}

/// A picture's parameter sets and slices, each behind its length; also says whether there was more.
pub(super) fn slices(data: &[u8], length_size: usize) -> Option<(Vec<u8>, bool)> {
    let (mut out, mut rest) = (Vec::with_capacity(data.len()), data);
    let mut has_slice = false;
    while !rest.is_empty() {
        let (length, after) = rest.split_at_checked(length_size)?;
        let length = length.iter().fold(0_usize, |number, &byte| number << 8 | usize::from(byte));
        let (unit, after) = after.split_at_checked(length)?;
        let kind = unit_kind(unit)?;
        has_slice |= SLICES.contains(&kind);
        if SLICES.contains(&kind) || PARAMETER_SETS.contains(&kind) {
            out.extend_from_slice(rest.get(..length_size + length)?);
        }
        rest = after;
    }
    let dropped = out.len() < data.len();
    has_slice.then_some((out, dropped))
}

/// The type in a NAL unit's header of two bytes.
fn unit_kind(unit: &[u8]) -> Option<u8> {
    match unit {
        [head, _, ..] if head & 0x80 == 0 => Some(head >> 1),
        _ => None,
    }
}
