//! How fast blobs are sealed and opened, beside the bare cipher:
//! `cargo run --release -p sluse-envelope --example throughput`.
//!
//! 1 GiB in memory, more than any cache, goes through each line once per round, one line after the other, so that what else
//! the machine does falls on all alike; the best round of each counts. The bare cipher and our segments work in place, 1 MiB
//! at a time; streams and blobs take borrowed pieces of 256 KiB, which costs a copy. MB are 10^6 bytes.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sluse_envelope::segment::{SegmentOpener, SegmentSealer};
use sluse_envelope::stream::{StreamOpener, StreamSealer};
use sluse_envelope::{
    BlobKey, BlobOpener, BlobPlace, BlobSealer, Direction, Expected, PrivateKey, PrivateKeyRing,
    SealedMessage, Sealing, Sha256, SigningKey, SubmissionId, Suite, UnixMillis, VerifyingKeyRing,
};

const TOTAL: usize = 1 << 30;
/// Bytes per call, as a reader of files or sockets would give them.
const PIECE: usize = 256 << 10;
const SEGMENT: usize = 1 << 20;
const ROUNDS: usize = 5;
/// What each call of `main`'s lines is compared with.
const LINES: [(&str, Option<usize>); 11] = [
    ("ring AES-256-GCM seal", None),
    ("ring AES-256-GCM open", None),
    ("segments in place, seal", Some(0)),
    ("segments in place, open", Some(1)),
    ("ring SHA-256", None),
    ("copy by pieces, then ring seal", Some(0)),
    ("stream seal", Some(0)),
    ("stream open", Some(1)),
    ("stream open, pieces of a segment", Some(1)),
    ("blob seal (stream and SHA-256)", Some(0)),
    ("blob open (stream and SHA-256)", Some(1)),
];

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let content: Vec<u8> =
        (0_u64..).flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()).take(TOTAL).collect();
    let place =
        BlobPlace { submission: SubmissionId::new(UnixMillis::now())?, index: 0, direction: Direction::Dmz };
    let stream_key = BlobKey::generate()?;
    let mut best = [f64::INFINITY; LINES.len()];
    // One gigabyte that each line in turn fills with its ciphertext and that the next one reads.
    let mut sealed = Vec::with_capacity(TOTAL + 2 * SEGMENT);
    let mut out = Vec::new();

    for _ in 0..ROUNDS {
        sealed.clear();
        sealed.extend_from_slice(&content);
        let (seal, open) = bare(&mut sealed)?;

        sealed.clear();
        sealed.extend_from_slice(&content);
        let (segments_seal, segments_open) = segments(&stream_key, &mut sealed)?;

        let hash = timed(|| {
            black_box(Sha256::of(&content));
            Ok(())
        })?;
        let copy = timed(|| copy_and_seal(&content))?;

        let stream_seal = timed(|| {
            let mut sealer = StreamSealer::new(&stream_key, b"")?;
            for piece in content.chunks(PIECE) {
                sealer.update(piece, &mut out)?;
                black_box(&out);
                out.clear();
            }
            sealer.finish(&mut out)?;
            out.clear();
            Ok(())
        })?;
        sealed.clear();
        let mut sealer = StreamSealer::new(&stream_key, b"")?;
        sealer.update(&content, &mut sealed)?;
        sealer.finish(&mut sealed)?;
        let mut stream_open = |piece_len| {
            timed(|| {
                let mut opener = StreamOpener::new(stream_key.clone(), b"", TOTAL as u64)?;
                for piece in sealed.chunks(piece_len) {
                    opener.push(piece, &mut out)?;
                    black_box(&out);
                    out.clear();
                }
                Ok(opener.finish()?)
            })
        };
        let (stream_open, stream_open_whole) = (stream_open(PIECE)?, stream_open(SEGMENT)?);

        let blob_seal = timed(|| {
            let mut sealer = BlobSealer::new(&place)?;
            for piece in content.chunks(PIECE) {
                sealer.update(piece, &mut out)?;
                black_box(&out);
                out.clear();
            }
            sealer.finish(&mut out)?;
            out.clear();
            Ok(())
        })?;
        sealed.clear();
        let mut sealer = BlobSealer::new(&place)?;
        sealer.update(&content, &mut sealed)?;
        let described = sealer.finish(&mut sealed)?;
        let blob_open = timed(|| {
            let expected = Expected { size: described.size, sha256: described.sha256 };
            let mut opener = BlobOpener::new(described.key, &place, expected)?;
            for piece in sealed.chunks(PIECE) {
                opener.push(piece, &mut out)?;
                black_box(&out);
                out.clear();
            }
            Ok(opener.finish()?)
        })?;

        let round = [
            seal,
            open,
            segments_seal,
            segments_open,
            hash,
            copy,
            stream_seal,
            stream_open,
            stream_open_whole,
            blob_seal,
            blob_open,
        ];
        for (best, seconds) in best.iter_mut().zip(round) {
            *best = best.min(seconds);
        }
    }

    for ((name, base), seconds) in LINES.into_iter().zip(best) {
        let ratio = base
            .and_then(|base| best.get(base))
            .map(|base| format!("{:>4.0} % of ring", 100.0 * base / seconds));
        println!("{name:<34} {:>6.0} MB/s {}", TOTAL as f64 / 1e6 / seconds, ratio.unwrap_or_default());
    }
    for suite in Suite::ALL.iter().copied() {
        messages(suite)?;
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    println!("peak memory, of which 2,048 MiB are input: {peak}");
    Ok(())
}

fn timed(work: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn cipher() -> Outcome<LessSafeKey> {
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).map_err(|_| "no key")?))
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// The cipher alone, in place: seconds to seal and to open.
fn bare(bytes: &mut [u8]) -> Outcome<(f64, f64)> {
    let key = cipher()?;
    let mut tags = Vec::with_capacity(TOTAL / SEGMENT);
    let seal = timed(|| {
        for segment in bytes.chunks_mut(SEGMENT) {
            let tag =
                key.seal_in_place_separate_tag(nonce(), Aad::empty(), segment).map_err(|_| "not sealed")?;
            tags.push(tag);
        }
        Ok(())
    })?;
    let open = timed(|| {
        for (segment, tag) in bytes.chunks_mut(SEGMENT).zip(tags) {
            key.open_in_place_separate_tag(nonce(), Aad::empty(), tag, segment, 0..)
                .map_err(|_| "not opened")?;
        }
        Ok(())
    })?;
    Ok((seal, open))
}

/// Our segments, in place: seconds to seal and to open.
fn segments(key: &BlobKey, bytes: &mut [u8]) -> Outcome<(f64, f64)> {
    let (mut sealer, header) = SegmentSealer::new(key, b"")?;
    let mut opener = SegmentOpener::new(key, b"", &header)?;
    // The first segment is shorter by the header; what is left at the end, less than a segment, is not counted.
    let (first, others) = bytes.split_at_mut_checked(sealer.capacity()).ok_or("too short")?;
    let others: Vec<&mut [u8]> = others.chunks_exact_mut(SEGMENT - 16).collect();
    let mut segments: Vec<&mut [u8]> = [first].into_iter().chain(others).collect();
    let mut tags = Vec::with_capacity(segments.len());
    let seal = timed(|| {
        for segment in &mut segments {
            tags.push(sealer.seal(segment)?);
        }
        Ok(())
    })?;
    // A segment is opened together with its tag, so each is first put where the tag fits; that is not counted.
    let mut open = 0.0;
    let mut in_out = Vec::with_capacity(SEGMENT);
    for (segment, tag) in segments.into_iter().zip(tags) {
        in_out.clear();
        in_out.extend_from_slice(segment);
        in_out.extend_from_slice(&tag);
        open += timed(|| {
            black_box(opener.open(&mut in_out, 0)?);
            Ok(())
        })?;
    }
    Ok((seal, open))
}

/// The least that work on borrowed input can do.
fn copy_and_seal(content: &[u8]) -> Outcome<()> {
    let key = cipher()?;
    let mut segment = Vec::with_capacity(SEGMENT);
    for whole in content.chunks(SEGMENT) {
        segment.clear();
        for piece in whole.chunks(PIECE) {
            segment.extend_from_slice(piece);
        }
        let tag =
            key.seal_in_place_separate_tag(nonce(), Aad::empty(), &mut segment).map_err(|_| "not sealed")?;
        let _ = black_box(tag);
    }
    Ok(())
}

fn messages(suite: Suite) -> Outcome<()> {
    const COUNT: u32 = 1000;
    let recipient = PrivateKey::generate(suite)?;
    let sealer = SigningKey::generate()?;
    let sealing = Sealing {
        direction: Direction::Dmz,
        submission: SubmissionId::new(UnixMillis::now())?,
        created: UnixMillis::now(),
        recipient: recipient.public_key(),
        sealer: &sealer,
    };
    let bytes = sealing.seal(&[1; 2000])?;
    let start = Instant::now();
    for _ in 0..COUNT {
        sealing.seal(&[1; 2000])?;
    }
    let seal = start.elapsed();
    let sealers = VerifyingKeyRing::new(vec![sealer.verifying_key().clone()]);
    let keys = PrivateKeyRing::new(vec![PrivateKey::from_bytes(suite, &recipient.to_bytes())?]);
    let start = Instant::now();
    for _ in 0..COUNT {
        SealedMessage::parse(&bytes)?.verify(&sealers)?.open(&keys, Direction::Dmz, Suite::ALL)?;
    }
    let open = start.elapsed();
    println!(
        "messages of 2,000 bytes, {suite:<6} seal {:>6.0} per second, open {:>6.0}",
        f64::from(COUNT) / seal.as_secs_f64(),
        f64::from(COUNT) / open.as_secs_f64()
    );
    Ok(())
}
