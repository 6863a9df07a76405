use super::*;

/// Plaintext in the first segment when it is full.
const FIRST: usize = SEGMENT_LEN - HEADER_LEN - TAG_LEN;
/// Plaintext in each other full segment.
const OTHER: usize = SEGMENT_LEN - TAG_LEN;
/// Lengths around every boundary.
const LENGTHS: [usize; 11] = [
    0,
    1,
    1000,
    FIRST - 1,
    FIRST,
    FIRST + 1,
    FIRST + OTHER - 1,
    FIRST + OTHER,
    FIRST + OTHER + 1,
    3 << 20,
    4_200_000,
];

fn key() -> BlobKey {
    BlobKey::from_bytes([3; 32])
}

fn plaintext(length: usize) -> Vec<u8> {
    (0_u64..).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()).take(length).collect()
}

fn seal(plaintext: &[u8], piece: usize, keep_out: bool) -> Vec<u8> {
    let mut sealer = StreamSealer::new(&key(), b"place").unwrap();
    let (mut all, mut out) = (Vec::new(), Vec::new());
    for piece in plaintext.chunks(piece) {
        sealer.update(piece, &mut out).unwrap();
        if !keep_out {
            all.append(&mut out);
        }
    }
    let length = sealer.finish(&mut out).unwrap();
    all.append(&mut out);
    assert_eq!(length, all.len() as u64);
    all
}

fn open(ciphertext: &[u8], plaintext_len: usize, piece: usize) -> Result<Vec<u8>, OpenStreamError> {
    let mut opener = StreamOpener::new(key(), b"place", plaintext_len as u64)?;
    let mut out = Vec::new();
    for piece in ciphertext.chunks(piece) {
        opener.push(piece, &mut out)?;
    }
    opener.finish()?;
    Ok(out)
}

fn tampered(segment: u32) -> OpenStreamError {
    OpenStreamError::Segment(OpenSegmentError::Tampered(segment))
}

#[test]
fn every_length_opens_in_every_chunking() {
    for length in LENGTHS {
        let plaintext = plaintext(length);
        for (piece, keep_out) in
            [(65_536, false), (1_000_003, true), (SEGMENT_LEN, false), (usize::MAX, false)]
        {
            let ciphertext = seal(&plaintext, piece, keep_out);
            assert_eq!(Some(ciphertext.len() as u64), ciphertext_len(length as u64));
            for piece in [65_536, 777_777, SEGMENT_LEN, usize::MAX] {
                assert!(open(&ciphertext, length, piece).unwrap() == plaintext, "{length} in {piece}");
            }
        }
    }
}

#[test]
fn single_bytes_pass_too() {
    let plaintext = plaintext(5000);
    let ciphertext = seal(&plaintext, 1, false);
    assert_eq!(open(&ciphertext, 5000, 1).unwrap(), plaintext);
}

#[test]
fn lengths_are_those_of_whole_segments() {
    assert_eq!(ciphertext_len(0), Some(56));
    assert_eq!(ciphertext_len(FIRST as u64), Some(1 << 20));
    assert_eq!(ciphertext_len(FIRST as u64 + 1), Some((1 << 20) + 17));
    assert_eq!(ciphertext_len((FIRST + OTHER) as u64), Some(2 << 20));
    assert_eq!(ciphertext_len(u64::MAX), None);
    assert_eq!(ciphertext_len(u64::MAX - 40), None);
}

#[test]
fn nothing_is_released_before_its_segment_is_whole() {
    let ciphertext = seal(&plaintext(FIRST + 100), usize::MAX, false);
    let mut opener = StreamOpener::new(key(), b"place", (FIRST + 100) as u64).unwrap();
    let mut out = Vec::new();
    opener.push(&ciphertext[..SEGMENT_LEN - 1], &mut out).unwrap();
    assert!(out.is_empty());
    opener.push(&ciphertext[SEGMENT_LEN - 1..SEGMENT_LEN + 50], &mut out).unwrap();
    assert_eq!(out.len(), FIRST);
    opener.push(&ciphertext[SEGMENT_LEN + 50..], &mut out).unwrap();
    assert_eq!(out.len(), FIRST + 100);
    opener.finish().unwrap();
}

#[test]
fn cut_short_at_every_byte_is_truncated() {
    let ciphertext = seal(&plaintext(300), usize::MAX, false);
    for length in 0..ciphertext.len() {
        assert!(
            matches!(open(&ciphertext[..length], 300, 7), Err(OpenStreamError::Truncated { .. })),
            "{length}"
        );
    }
}

#[test]
fn cut_short_at_a_segment_s_end_is_truncated() {
    let length = FIRST + OTHER + 10;
    let ciphertext = seal(&plaintext(length), usize::MAX, false);
    for cut in [SEGMENT_LEN - 1, SEGMENT_LEN, SEGMENT_LEN + 1, 2 * SEGMENT_LEN, ciphertext.len() - 1] {
        assert_eq!(
            open(&ciphertext[..cut], length, 1 << 16),
            Err(OpenStreamError::Truncated { missing: (ciphertext.len() - cut) as u64 })
        );
    }
}

#[test]
fn cut_short_at_a_segment_s_end_with_a_matching_length_is_tampered() {
    let ciphertext = seal(&plaintext(FIRST + OTHER + 10), usize::MAX, false);
    assert_eq!(open(&ciphertext[..SEGMENT_LEN], FIRST, 1 << 16), Err(tampered(0)));
    assert_eq!(open(&ciphertext[..2 * SEGMENT_LEN], FIRST + OTHER, 1 << 16), Err(tampered(1)));
}

#[test]
fn bytes_or_segments_after_the_end_are_extended() {
    let length = FIRST + 10;
    let ciphertext = seal(&plaintext(length), usize::MAX, false);
    for tail in [&[0][..], &ciphertext[..SEGMENT_LEN], &ciphertext[SEGMENT_LEN..]] {
        let extended = [&ciphertext, tail].concat();
        assert_eq!(open(&extended, length, 1 << 16), Err(OpenStreamError::Extended));
        assert_eq!(open(&extended, length, usize::MAX), Err(OpenStreamError::Extended));
    }
}

#[test]
fn a_longer_expected_length_does_not_let_the_last_segment_pass_for_another() {
    let ciphertext = seal(&plaintext(FIRST), usize::MAX, false);
    let longer = [&ciphertext[..], &[0; 26]].concat();
    assert_eq!(open(&longer, FIRST + 10, 1 << 16), Err(tampered(0)));
}

#[test]
fn reordered_repeated_or_dropped_segments_are_tampered() {
    let length = FIRST + 3 * OTHER;
    let ciphertext = seal(&plaintext(length), usize::MAX, false);
    let segments: Vec<&[u8]> = ciphertext.chunks(SEGMENT_LEN).collect();
    let [a, b, c, d] = segments[..] else { panic!("four segments") };
    for (order, first_bad) in [([a, c, b, d], 1), ([a, b, b, d], 2), ([b, a, c, d], 0), ([a, b, d, c], 2)] {
        let error = open(&order.concat(), length, 1 << 16).unwrap_err();
        if first_bad > 0 {
            assert_eq!(error, tampered(first_bad));
        } else {
            assert!(matches!(error, OpenStreamError::Segment(_)));
        }
    }
    assert_eq!(open(&[a, c, d].concat(), length, 1 << 16), Err(tampered(1)));
}

#[test]
fn any_bit_flipped_anywhere_is_refused_and_releases_nothing() {
    let ciphertext = seal(&plaintext(60), usize::MAX, false);
    for index in 0..ciphertext.len() {
        for bit in 0..8 {
            let mut changed = ciphertext.clone();
            changed[index] ^= 1 << bit;
            let mut opener = StreamOpener::new(key(), b"place", 60).unwrap();
            let mut out = b"before".to_vec();
            let error = opener.push(&changed, &mut out).unwrap_err();
            let expected =
                if index == 0 { OpenSegmentError::BadHeader } else { OpenSegmentError::Tampered(0) };
            assert_eq!(error, OpenStreamError::Segment(expected), "byte {index} bit {bit}");
            assert_eq!(out, b"before");
        }
    }
}

#[test]
fn an_error_stays() {
    let mut ciphertext = seal(&plaintext(60), usize::MAX, false);
    ciphertext[50] ^= 1;
    let mut opener = StreamOpener::new(key(), b"place", 60).unwrap();
    let mut out = Vec::new();
    assert_eq!(opener.push(&ciphertext, &mut out), Err(tampered(0)));
    assert_eq!(opener.push(&[], &mut out), Err(tampered(0)));
    assert_eq!(opener.finish(), Err(tampered(0)));
}

#[test]
fn another_place_or_key_is_tampered() {
    let ciphertext = seal(&plaintext(60), usize::MAX, false);
    let mut elsewhere = StreamOpener::new(key(), b"plaice", 60).unwrap();
    assert_eq!(elsewhere.push(&ciphertext, &mut Vec::new()), Err(tampered(0)));
    let mut other = StreamOpener::new(BlobKey::from_bytes([4; 32]), b"place", 60).unwrap();
    assert_eq!(other.push(&ciphertext, &mut Vec::new()), Err(tampered(0)));
}

#[test]
fn at_most_one_segment_is_held_whatever_is_pushed() {
    let length = 3 << 20;
    let ciphertext = seal(&plaintext(length), usize::MAX, false);
    let mut opener = StreamOpener::new(key(), b"place", length as u64).unwrap();
    let mut out = Vec::new();
    for piece in ciphertext.chunks(100_000) {
        opener.push(piece, &mut out).unwrap();
        assert!(opener.buffer.capacity() <= SEGMENT_LEN);
        out.clear();
    }
    let mut sealer = StreamSealer::new(&key(), b"").unwrap();
    let mut out = Vec::new();
    for piece in plaintext(length).chunks(100_000) {
        sealer.update(piece, &mut out).unwrap();
        assert!(sealer.buffer.capacity() <= SEGMENT_LEN);
        out.clear();
    }
}

#[test]
fn a_huge_announced_length_takes_no_memory() {
    let mut opener = StreamOpener::new(key(), b"place", u64::MAX / 2).unwrap();
    opener.push(&[40; 100], &mut Vec::new()).unwrap();
    assert!(opener.buffer.capacity() <= SEGMENT_LEN);
    assert!(matches!(StreamOpener::new(key(), b"", u64::MAX), Err(OpenStreamError::TooLong)));
}

#[derive(serde::Deserialize)]
struct Vector {
    key: BlobKey,
    associated_data: String,
    size: usize,
    header: String,
    ciphertext_sha256: crate::digest::Sha256,
}

#[test]
fn the_committed_vectors_come_out_again_from_their_headers() {
    use base64::Engine as _;
    let bytes = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap();
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("../../vectors/streams.json")).unwrap();
    assert_eq!(vectors.len(), 7);
    for vector in vectors {
        let header = bytes(&vector.header).try_into().unwrap();
        let segments =
            SegmentSealer::with_header(&vector.key, &bytes(&vector.associated_data), &header).unwrap();
        let mut sealer = StreamSealer::starting_with(segments, header);
        let content: Vec<u8> = (0..=250).cycle().take(vector.size).collect();
        let mut out = Vec::new();
        sealer.update(&content, &mut out).unwrap();
        sealer.finish(&mut out).unwrap();
        assert_eq!(crate::digest::Sha256::of(&out), vector.ciphertext_sha256, "{}", vector.size);
    }
}
