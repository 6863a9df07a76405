//! Strips and tiles expanded and put together into one plane of bytes.

use std::io::Read as _;

use weezl::BitOrder;
use weezl::decode::Configuration;

use super::super::check_dimensions;
use super::ccitt;
use super::directory::{Coding, Page};
use crate::failure::Failure;
use crate::job::Job;

/// All lines of a page, as its samples are stored: lines begin at whole bytes, 16-bit samples are little-endian.
pub(super) struct Raster {
    pub(super) bytes: Vec<u8>,
    pub(super) stride: usize,
}

/// Side of a tile that any page may have, however small it is.
const LARGEST_TILE: u64 = 1 << 12;

/// Expands a page that is not JPEG.
pub(super) fn raster(page: &Page<'_>, job: &mut Job<'_>) -> Result<Raster, Failure> {
    let too_large = || Failure::Malformed("its strips do not fit its size".to_owned());
    let planes = if page.planar { usize::from(page.samples) } else { 1 };
    let bits_per_pixel = u64::from(page.bits) * if page.planar { 1 } else { u64::from(page.samples) };
    let line = |width: u32| usize::try_from((u64::from(width) * bits_per_pixel).div_ceil(8)).ok();
    let stride = line(page.width).ok_or_else(too_large)?;
    let (chunk_width, chunk_height) = page.chunk;
    let is_whole = chunk_width >= page.width || (u64::from(chunk_width) * bits_per_pixel).is_multiple_of(8);
    if chunk_width == 0
        || chunk_height == 0
        || !is_whole
        || u64::from(chunk_width) > u64::from(page.width).next_multiple_of(LARGEST_TILE)
        || u64::from(chunk_height) > u64::from(page.height).next_multiple_of(LARGEST_TILE)
    {
        return Err(too_large());
    }
    check_dimensions(chunk_width, chunk_height, bits_per_pixel.div_ceil(8), job.limits)?;
    let chunk_stride = line(chunk_width).ok_or_else(too_large)?;
    let height = usize::try_from(page.height).map_err(Failure::malformed)?;
    let across = usize::try_from(page.width.div_ceil(chunk_width)).map_err(Failure::malformed)?;
    let down = usize::try_from(page.height.div_ceil(chunk_height)).map_err(Failure::malformed)?;
    let chunk_height = usize::try_from(chunk_height).map_err(Failure::malformed)?;
    let chunks = across.saturating_mul(down).saturating_mul(planes);
    if page.chunks.len() < chunks {
        return Err(Failure::Malformed("a page has too few strips".to_owned()));
    }
    // The page itself is charged already, what its tiles have beyond it is not.
    let is_tiled = across > 1 || page.chunk.0 != page.width;
    let expanded =
        if is_tiled { chunk_stride.saturating_mul(chunk_height).saturating_mul(chunks) } else { 0 };
    job.expand(u64::try_from(expanded).unwrap_or(u64::MAX).saturating_sub(page.decoded_size()))?;
    let mut bytes =
        vec![0; stride.checked_mul(height).and_then(|n| n.checked_mul(planes)).ok_or_else(too_large)?];
    for (plane, lines) in bytes.chunks_mut((stride * height).max(1)).enumerate() {
        for row in 0..down {
            let first = row * chunk_height;
            let rows = chunk_height.min(height - first);
            for column in 0..across {
                let number = (plane * down + row) * across + column;
                let data = page.chunks.get(number).copied().unwrap_or_default();
                // Tiles are always whole, the last strip is not.
                let stored_rows = if is_tiled { chunk_height } else { rows };
                let size = chunk_stride.checked_mul(stored_rows).ok_or_else(too_large)?;
                if data.is_empty() {
                    return Err(Failure::Malformed("a strip is not in the file".to_owned()));
                }
                let mut chunk = expand(page, data, chunk_width, stored_rows, size)?;
                chunk.resize(size, 0);
                finish(page, &mut chunk, chunk_stride);
                for (n, from) in chunk.chunks(chunk_stride).take(rows).enumerate() {
                    let start = (first + n) * stride + column * chunk_stride;
                    let length = chunk_stride.min(stride - column * chunk_stride);
                    let to = lines.get_mut(start..start + length).ok_or_else(too_large)?;
                    to.copy_from_slice(from.get(..length).ok_or_else(too_large)?);
                }
            }
        }
    }
    match page.planar {
        false => Ok(Raster { bytes, stride }),
        true => interleave(page, &bytes, stride * height, stride).ok_or_else(too_large),
    }
}

/// Undoes one chunk's coding: at most `size` bytes.
fn expand(page: &Page<'_>, data: &[u8], width: u32, rows: usize, size: usize) -> Result<Vec<u8>, Failure> {
    let reversed: Vec<u8>;
    let data = match page.reversed_bits {
        true => {
            reversed = data.iter().map(|b| b.reverse_bits()).collect();
            &reversed
        }
        false => data,
    };
    match page.coding {
        Coding::None => Ok(data.get(..data.len().min(size)).unwrap_or_default().to_vec()),
        Coding::PackBits => Ok(pack_bits(data, size)),
        Coding::Lzw => Ok(lzw(data, size)),
        Coding::Deflate => {
            let mut out = Vec::new();
            #[expect(clippy::disallowed_methods, reason = "capped by `take`")]
            let read = flate2::read::ZlibDecoder::new(data)
                .take(u64::try_from(size).map_err(Failure::malformed)?)
                .read_to_end(&mut out);
            read.map(|_| out).map_err(Failure::malformed)
        }
        Coding::Huffman | Coding::Group3 { .. } | Coding::Group4 if page.bits == 1 && page.samples == 1 => {
            let rows = u32::try_from(rows).map_err(Failure::malformed)?;
            let mut out = ccitt::decode(data, width, rows, page.coding);
            // The codings' white is a sample of 0; what that means, the page says.
            out.truncate(size);
            Ok(out)
        }
        _ => Err(Failure::Malformed("a page is coded in a way that does not fit its colours".to_owned())),
    }
}

/// Runs of bytes (TIFF 6.0, section 9).
fn pack_bits(data: &[u8], size: usize) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), data);
    while let [head, tail @ ..] = rest
        && out.len() < size
    {
        match *head {
            length @ 0..=127 => {
                let (literal, after) = tail.split_at(tail.len().min(usize::from(length) + 1));
                out.extend_from_slice(literal);
                rest = after;
            }
            128 => rest = tail,
            length => {
                let [value, after @ ..] = tail else { break };
                out.resize(out.len() + 257 - usize::from(length), *value);
                rest = after;
            }
        }
    }
    out.truncate(size);
    out
}

/// LZW, most significant bit first; very old files have it the other way round. Damage ends it.
fn lzw(data: &[u8], size: usize) -> Vec<u8> {
    let mut decoder = match data {
        [0, second, ..] if second & 1 == 1 => Configuration::new(BitOrder::Lsb, 8).build(),
        _ => Configuration::with_tiff_size_switch(BitOrder::Msb, 8).build(),
    };
    let mut out = vec![0; size];
    let (mut read, mut written) = (0, 0);
    while let (Some(rest), Some(room)) = (data.get(read..), out.get_mut(written..)) {
        let result = decoder.decode_bytes(rest, room);
        read += result.consumed_in;
        written += result.consumed_out;
        let is_stuck = result.consumed_in == 0 && result.consumed_out == 0;
        if is_stuck || !matches!(result.status, Ok(weezl::LzwStatus::Ok)) {
            break;
        }
    }
    out
}

/// Byte order and differences between neighbours (TIFF 6.0, section 14).
fn finish(page: &Page<'_>, chunk: &mut [u8], stride: usize) {
    if page.bits == 16 && page.big_endian {
        chunk.chunks_exact_mut(2).for_each(<[u8]>::reverse);
    }
    let coded = matches!(page.coding, Coding::Lzw | Coding::Deflate);
    if !page.predictor || !coded || page.bits < 8 {
        return;
    }
    let samples = if page.planar { 1 } else { usize::from(page.samples) };
    let width = usize::from(page.bits / 8);
    for line in chunk.chunks_mut(stride) {
        for at in (samples * width..line.len()).step_by(width) {
            let (before, rest) = line.split_at_mut(at);
            let previous = before.get(at - samples * width..).unwrap_or_default();
            match (previous, rest) {
                ([a, ..], [b, ..]) if width == 1 => *b = b.wrapping_add(*a),
                ([a0, a1, ..], [b0, b1, ..]) => {
                    let sum = u16::from_le_bytes([*a0, *a1]).wrapping_add(u16::from_le_bytes([*b0, *b1]));
                    [*b0, *b1] = sum.to_le_bytes();
                }
                _ => {}
            }
        }
    }
}

/// One plane for each sample becomes one with all of them.
fn interleave(page: &Page<'_>, bytes: &[u8], plane: usize, stride: usize) -> Option<Raster> {
    let width = usize::from(page.bits / 8);
    if width == 0 {
        return None;
    }
    let samples = usize::from(page.samples);
    let mut out = vec![0; bytes.len()];
    for (n, plane) in bytes.chunks_exact(plane).enumerate() {
        for (pixel, sample) in out.chunks_exact_mut(width * samples).zip(plane.chunks_exact(width)) {
            pixel.get_mut(n * width..(n + 1) * width)?.copy_from_slice(sample);
        }
    }
    Some(Raster { bytes: out, stride: stride * samples })
}
