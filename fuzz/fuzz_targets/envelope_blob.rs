//! Arbitrary ciphertext in arbitrary pieces never opens; content sealed in arbitrary pieces always does, unless a byte was
//! changed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluse_envelope::{BlobKey, BlobOpener, BlobPlace, BlobSealer, Direction, Expected, Sha256};

fuzz_target!(|data: &[u8]| {
    let Some(([size_high, size_low, piece, at, flip], data)) = data.split_first_chunk() else { return };
    let size = u64::from(u16::from_be_bytes([*size_high, *size_low]));
    let piece = 1 + usize::from(*piece);
    let place = BlobPlace {
        submission: "017f22e2-79b0-7cc3-98c4-dc0c0c07398f".parse().unwrap(),
        index: u32::from(*at),
        direction: Direction::Dmz,
    };

    let key = BlobKey::from_bytes([7; 32]);
    let mut out = Vec::new();
    let mut opener = BlobOpener::new(key, &place, Expected { size, sha256: Sha256::of(data) }).unwrap();
    let refused = data.chunks(piece).any(|piece| opener.push(piece, &mut out).is_err());
    assert!(refused || opener.finish().is_err(), "opened what nobody sealed");
    assert!(out.is_empty());

    let mut blob = Vec::new();
    let mut sealer = BlobSealer::new(&place).unwrap();
    for piece in data.chunks(piece) {
        sealer.update(piece, &mut blob).unwrap();
    }
    let sealed = sealer.finish(&mut blob).unwrap();
    let at = usize::from(*at) * blob.len() / 256;
    blob[at] ^= flip;
    let expected = Expected { size: sealed.size, sha256: sealed.sha256 };
    let mut opener = BlobOpener::new(sealed.key, &place, expected).unwrap();
    let refused = blob.chunks(piece.max(64)).any(|piece| opener.push(piece, &mut out).is_err());
    if *flip == 0 {
        opener.finish().unwrap();
        assert_eq!(out, data);
    } else {
        assert!(refused && opener.finish().is_err() && out.is_empty());
    }
});
