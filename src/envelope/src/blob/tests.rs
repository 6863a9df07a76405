use super::*;
use crate::segment::SEGMENT_LEN;

fn place() -> BlobPlace {
    BlobPlace {
        submission: "017f22e2-79b0-7cc3-98c4-dc0c0c07398f".parse().unwrap(),
        index: 2,
        direction: Direction::Dmz,
    }
}

fn content(length: usize) -> Vec<u8> {
    (1..=251).cycle().take(length).collect()
}

fn seal(content: &[u8]) -> (SealedBlob, Vec<u8>) {
    let mut out = Vec::new();
    let mut sealer = BlobSealer::new(&place()).unwrap();
    for piece in content.chunks(50_000) {
        sealer.update(piece, &mut out).unwrap();
    }
    let sealed = sealer.finish(&mut out).unwrap();
    (sealed, out)
}

fn expected(sealed: &SealedBlob) -> Expected {
    Expected { size: sealed.size, sha256: sealed.sha256 }
}

fn open(
    key: &BlobKey,
    place: &BlobPlace,
    expected: Expected,
    bytes: &[u8],
) -> Result<Vec<u8>, OpenBlobError> {
    let mut opener = BlobOpener::new(key.clone(), place, expected)?;
    let mut out = Vec::new();
    for piece in bytes.chunks(70_000) {
        opener.push(piece, &mut out)?;
    }
    opener.finish()?;
    Ok(out)
}

/// Seals exactly these bytes as the padded plaintext, as a sealer that misbehaves could.
fn seal_raw(plaintext: &[u8]) -> (BlobKey, Vec<u8>) {
    let key = BlobKey::generate().unwrap();
    let mut out = Vec::new();
    let mut stream = StreamSealer::new(&key, &place().associated_data()).unwrap();
    stream.update(plaintext, &mut out).unwrap();
    stream.finish(&mut out).unwrap();
    (key, out)
}

#[test]
fn what_is_sealed_opens_the_same_at_every_boundary() {
    let first = SEGMENT_LEN - 56;
    for length in [0, 1, 4095, 4096, 4097, first - 1, first, first + 1, 3 << 20] {
        let content = content(length);
        let (sealed, bytes) = seal(&content);
        assert_eq!(sealed.size, length as u64);
        assert_eq!(sealed.sha256, Sha256::of(&content));
        assert_eq!(sealed.ciphertext_len, bytes.len() as u64);
        assert_eq!(blob_len(sealed.size), Some(sealed.ciphertext_len));
        assert!(open(&sealed.key, &place(), expected(&sealed), &bytes).unwrap() == content, "{length}");
    }
}

#[test]
fn sizes_of_one_class_look_alike() {
    let lengths: Vec<usize> =
        [100_353, 101_000, 102_400].iter().map(|length| seal(&content(*length)).1.len()).collect();
    assert_eq!(lengths[0], lengths[1]);
    assert_eq!(lengths[1], lengths[2]);
    assert_eq!(seal(b"").1.len(), seal(&content(4096)).1.len());
}

#[test]
fn associated_data_is_that_of_the_drawing() {
    assert_eq!(
        hex::encode(place().associated_data()),
        format!("{}017f22e279b07cc398c4dc0c0c07398f0000000200", hex::encode("sluse-envelope/1 blob"))
    );
}

#[test]
fn swapped_replayed_or_sent_back_is_tampered_at_once() {
    let (sealed, bytes) = seal(&content(2 << 20));
    let elsewhere = [
        BlobPlace { index: 3, ..place() },
        BlobPlace { direction: Direction::Secure, ..place() },
        BlobPlace { submission: "017f22e2-79b0-7cc3-98c4-dc0c0c073990".parse().unwrap(), ..place() },
    ];
    for place in elsewhere {
        assert_eq!(
            open(&sealed.key, &place, expected(&sealed), &bytes),
            Err(OpenBlobError::Tampered { segment: 0 })
        );
    }
    let (other, _) = seal(b"");
    assert_eq!(
        open(&other.key, &place(), expected(&sealed), &bytes),
        Err(OpenBlobError::Tampered { segment: 0 })
    );
}

#[test]
fn cut_short_added_to_changed_or_reordered_each_has_its_error() {
    let (sealed, bytes) = seal(&content(3 << 20));
    let try_open = |bytes: &[u8]| open(&sealed.key, &place(), expected(&sealed), bytes).unwrap_err();
    assert_eq!(try_open(&bytes[..bytes.len() - 1]), OpenBlobError::Truncated { missing: 1 });
    assert!(matches!(try_open(&bytes[..SEGMENT_LEN]), OpenBlobError::Truncated { .. }));
    assert!(matches!(try_open(&[]), OpenBlobError::Truncated { .. }));
    assert_eq!(try_open(&[&bytes[..], &[0]].concat()), OpenBlobError::Extended);
    let mut changed = bytes.clone();
    changed[SEGMENT_LEN + 5] ^= 1;
    assert_eq!(try_open(&changed), OpenBlobError::Tampered { segment: 1 });
    let (head, tail) = bytes.split_at(SEGMENT_LEN);
    let reordered =
        [head, &tail[SEGMENT_LEN..2 * SEGMENT_LEN], &tail[..SEGMENT_LEN], &tail[2 * SEGMENT_LEN..]];
    assert_eq!(try_open(&reordered.concat()), OpenBlobError::Tampered { segment: 1 });
    changed[0] = 41;
    assert_eq!(try_open(&changed), OpenBlobError::BadHeader);
}

#[test]
fn bytes_hidden_in_the_padding_are_refused_and_not_released() {
    let mut plaintext = content(1000);
    plaintext.resize(4096, 0);
    let expected = Expected { size: 1000, sha256: Sha256::of(&plaintext[..1000]) };
    let (key, bytes) = seal_raw(&plaintext);
    assert_eq!(open(&key, &place(), expected, &bytes).unwrap(), &plaintext[..1000]);
    for hidden in [1000, 4095] {
        let mut plaintext = plaintext.clone();
        plaintext[hidden] = 1;
        let (key, bytes) = seal_raw(&plaintext);
        let mut opener = BlobOpener::new(key, &place(), expected).unwrap();
        let mut out = Vec::new();
        assert_eq!(opener.push(&bytes, &mut out), Err(OpenBlobError::Padding));
        assert!(out.is_empty());
        assert_eq!(opener.finish(), Err(OpenBlobError::Padding));
    }
}

#[test]
fn a_size_that_is_not_the_blob_s_is_refused() {
    let content = content(100_000);
    let (sealed, bytes) = seal(&content);
    let with_size =
        |size| open(&sealed.key, &place(), Expected { size, ..expected(&sealed) }, &bytes).unwrap_err();
    // In the same class, the size is wrong about where the content ends; in another, about the blob's length.
    assert_eq!(with_size(99_999), OpenBlobError::Padding);
    assert!(matches!(with_size(100_001), OpenBlobError::Digest { .. }));
    assert_eq!(with_size(10), OpenBlobError::Tampered { segment: 0 });
    assert!(matches!(with_size(200_000), OpenBlobError::Truncated { .. }));
}

#[test]
fn a_size_one_short_of_content_that_ends_in_zero_fails_the_digest() {
    let (sealed, bytes) = seal(&[1, 2, 0]);
    let short = Expected { size: 2, ..expected(&sealed) };
    assert!(matches!(open(&sealed.key, &place(), short, &bytes), Err(OpenBlobError::Digest { .. })));
}

#[test]
fn another_content_under_the_right_key_fails_the_digest() {
    let (sealed, bytes) = seal(b"one");
    let claimed = Expected { sha256: Sha256::of(b"two"), ..expected(&sealed) };
    assert_eq!(
        open(&sealed.key, &place(), claimed, &bytes),
        Err(OpenBlobError::Digest { expected: Sha256::of(b"two"), found: Sha256::of(b"one") })
    );
}

#[test]
fn more_than_the_cap_is_refused_before_a_byte_is_read() {
    let huge = Expected { size: MAX_BLOB_LEN + 1, sha256: Sha256::of(b"") };
    let key = BlobKey::generate().unwrap();
    assert!(matches!(BlobOpener::new(key, &place(), huge), Err(OpenBlobError::TooLarge)));
    assert_eq!(blob_len(MAX_BLOB_LEN + 1), None);
    let mut sealer = BlobSealer::new(&place()).unwrap();
    sealer.size = MAX_BLOB_LEN;
    sealer.update(&[], &mut Vec::new()).unwrap();
    assert_eq!(sealer.update(&[0], &mut Vec::new()), Err(SealBlobError::TooLarge));
}

#[test]
fn two_seals_of_one_content_share_neither_key_nor_bytes() {
    let (one, first) = seal(b"same");
    let (two, second) = seal(b"same");
    assert!(one.key != two.key);
    assert_ne!(first[1..40], second[1..40]);
}
