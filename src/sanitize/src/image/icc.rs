//! Is a colour profile what it says, and nothing more? (ICC.1:2022, clauses 7.2 and 7.3)
//!
//! A sane profile is kept byte for byte. It has a header for the picture's colour space, only tags that are known, and
//! no byte that belongs to neither.

/// Larger profiles are dropped; those of displays and cameras have 0.5 to 60 KB.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// Bytes before the tag table.
const HEADER: usize = 128;

/// Tags of ICC.1 for display, input and output profiles, and Apple's for displays.
const TAGS: [&[u8; 4]; 64] = [
    b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"B2A1", b"B2A2", b"B2D0", b"B2D1", b"B2D2", b"B2D3", b"D2B0",
    b"D2B1", b"D2B2", b"D2B3", b"aabg", b"aagg", b"aarg", b"bTRC", b"bXYZ", b"bkpt", b"calt", b"chad",
    b"chrm", b"cicp", b"ciis", b"clot", b"clro", b"clrt", b"cprt", b"crdi", b"data", b"desc", b"dmdd",
    b"dmnd", b"dscm", b"gTRC", b"gXYZ", b"gamt", b"gbd0", b"gbd1", b"kTRC", b"lumi", b"meas", b"mmod",
    b"ncl2", b"ncol", b"ndin", b"pre0", b"pre1", b"pre2", b"pseq", b"psid", b"rTRC", b"rXYZ", b"resp",
    b"rig0", b"rig2", b"targ", b"tech", b"vcgp", b"vcgt", b"view", b"vued", b"wtpt",
];

/// Whether a profile is fit to be kept for pictures with this many colour channels.
pub(super) fn is_sane(profile: &[u8], channels: u8) -> bool {
    check(profile, channels).is_some()
}

fn check(profile: &[u8], channels: u8) -> Option<()> {
    let space: &[u8] = match channels {
        1 => b"GRAY",
        4 => b"CMYK",
        _ => b"RGB ",
    };
    let field = |at: usize| profile.get(at..at + 4);
    let number = |at: usize| usize::try_from(u32::from_be_bytes(field(at)?.try_into().ok()?)).ok();
    let sane = profile.len() <= MAX_BYTES
        && number(0)? == profile.len()
        && [b"mntr", b"scnr", b"prtr", b"spac"].iter().any(|class| field(12) == Some(class.as_slice()))
        && field(16)? == space
        && (field(20)? == b"XYZ " || field(20)? == b"Lab ")
        && field(36)? == b"acsp"
        && profile.get(100..HEADER)?.iter().all(|&b| b == 0);
    let count = number(HEADER).filter(|&n| sane && n <= TAGS.len())?;
    let mut parts = Vec::with_capacity(count);
    for n in 0..count {
        let entry = HEADER + 4 + n * 12;
        let signature = field(entry)?;
        TAGS.iter().find(|tag| tag.as_slice() == signature)?;
        let (start, size) = (number(entry + 4)?, number(entry + 8)?);
        parts.push((start, start.checked_add(size).filter(|&end| end <= profile.len())?));
    }
    // Tags may share data; between them there is only padding to 4 bytes.
    parts.sort_unstable();
    let mut end = HEADER + 4 + count * 12;
    for (start, part_end) in parts.into_iter().chain([(profile.len(), profile.len())]) {
        if start < HEADER + 4 + count * 12 {
            return None;
        }
        if start > end {
            let gap = profile.get(end..start)?;
            if gap.len() > 3 || gap.iter().any(|&b| b != 0) {
                return None;
            }
        }
        end = end.max(part_end);
    }
    Some(())
}

/// A small profile for tests, with the given colour space and one tag.
#[cfg(test)]
pub(super) fn profile(space: &[u8; 4], tag: &[u8; 4], extra: &[u8]) -> Vec<u8> {
    let mut profile = vec![0; HEADER];
    profile[12..16].copy_from_slice(b"mntr");
    profile[16..20].copy_from_slice(space);
    profile[20..24].copy_from_slice(b"XYZ ");
    profile[36..40].copy_from_slice(b"acsp");
    profile.extend(1_u32.to_be_bytes());
    profile.extend(tag);
    profile.extend(144_u32.to_be_bytes());
    profile.extend(20_u32.to_be_bytes());
    profile.extend(b"XYZ \0\0\0\0\0\0\xf6\xd6\0\x01\0\0\0\0\xd3\x2d");
    profile.extend(extra);
    let size = u32::try_from(profile.len()).unwrap();
    profile[..4].copy_from_slice(&size.to_be_bytes());
    profile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_honest_profile_is_sane() {
        assert!(is_sane(&profile(b"RGB ", b"wtpt", b""), 3));
        assert!(is_sane(&profile(b"GRAY", b"wtpt", b"\0\0"), 1));
    }

    #[test]
    fn a_profile_for_another_colour_space_is_not() {
        assert!(!is_sane(&profile(b"CMYK", b"wtpt", b""), 3) && !is_sane(&profile(b"RGB ", b"wtpt", b""), 1));
    }

    #[test]
    fn hidden_bytes_unknown_tags_and_lies_are_not_sane() {
        assert!(!is_sane(&profile(b"RGB ", b"wtpt", b"payload"), 3), "behind the last tag");
        assert!(!is_sane(&profile(b"RGB ", b"wtpt", b"abc"), 3), "in the padding");
        assert!(!is_sane(&profile(b"RGB ", b"evil", b""), 3), "unknown tag");
        let mut reserved = profile(b"RGB ", b"wtpt", b"");
        reserved[120] = 1;
        assert!(!is_sane(&reserved, 3), "in the reserved bytes");
        let mut size = profile(b"RGB ", b"wtpt", b"");
        size[3] += 1;
        assert!(!is_sane(&size, 3), "size field");
        let mut outside = profile(b"RGB ", b"wtpt", b"");
        outside[136] = 0xff;
        assert!(!is_sane(&outside, 3), "tag outside");
        assert!(!is_sane(b"", 3));
    }
}
