//! GIF: every frame decoded and encoded anew with its colours, place, time and transparency (GIF89a).
//!
//! ```text
//! header, screen, colours │ { loop count } │ frame: control, place, colours, LZW data │ frame … │ trailer
//! ```
//!
//! The decoder is given the parts above only, so comments, plain text and other extensions never reach it.

use std::io::Cursor;

use gif::{Encoder, Frame, MemoryLimit, Repeat};

use super::check_dimensions;
use crate::failure::Failure;
use crate::job::Job;
use crate::limits::Limits;
use crate::little_endian::Fields;
use crate::report::{Removed, What};

const CONTROL: u8 = 0xf9;
const APPLICATION: u8 = 0xff;
const COMMENT: u8 = 0xfe;
const PLAIN_TEXT: u8 = 0x01;

/// Writes a GIF anew.
pub(super) fn rebuild(bytes: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let parts = Parts::parse(bytes)?;
    check_dimensions(parts.screen.0.into(), parts.screen.1.into(), 4, job.limits)?;
    job.expand(parts.pixels)?;
    for (what, place) in &parts.left_behind {
        job.removed(Removed::new(*what, place, 1));
    }
    if !parts.trailing.is_empty() {
        job.removed(Removed::bytes(What::Unreachable, "bytes behind the picture", parts.trailing));
    }
    encode(&parts, job.limits)
}

/// Only frames, their controls and a loop count, nothing behind them, and every frame decodes.
pub(super) fn verify(bytes: &[u8], limits: &Limits) -> Result<(), Failure> {
    let parts = Parts::parse(bytes)?;
    check_dimensions(parts.screen.0.into(), parts.screen.1.into(), 4, limits)?;
    if !parts.left_behind.is_empty() || !parts.trailing.is_empty() || bytes.last() != Some(&0x3b) {
        return Err(Failure::Malformed("more than frames is left".to_owned()));
    }
    let mut decoder = decoder(&parts.coding, limits)?;
    while decoder.read_next_frame().map_err(Failure::malformed)?.is_some() {}
    Ok(())
}

fn decoder<'a>(coding: &'a [u8], limits: &Limits) -> Result<gif::Decoder<Cursor<&'a [u8]>>, Failure> {
    let mut options = gif::DecodeOptions::new();
    options.set_memory_limit(limits.max_pixels.try_into().map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    options.check_frame_consistency(false);
    options.read_info(Cursor::new(coding)).map_err(Failure::malformed)
}

fn encode(parts: &Parts<'_>, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let mut decoder = decoder(&parts.coding, limits)?;
    let shared = decoder.global_palette().unwrap_or_default().to_vec();
    let mut encoder =
        Encoder::new(Vec::new(), parts.screen.0, parts.screen.1, &shared).map_err(Failure::malformed)?;
    if let Some(count) = parts.repeat {
        let repeat = if count == 0 { Repeat::Infinite } else { Repeat::Finite(count) };
        encoder.set_repeat(repeat).map_err(Failure::malformed)?;
    }
    while let Some(frame) = decoder.read_next_frame().map_err(Failure::malformed)? {
        let colours = frame.palette.as_ref().map_or(shared.len(), Vec::len) / 3;
        if colours == 0 {
            return Err(Failure::Malformed("a frame has no colours".to_owned()));
        }
        // Viewers show nothing for a colour that does not exist.
        let nothing = frame.transparent.filter(|&n| usize::from(n) < colours).unwrap_or(0);
        let known = |n: u8| if usize::from(n) < colours { n } else { nothing };
        let clean = Frame {
            interlaced: false,
            needs_user_input: false,
            buffer: frame.buffer.iter().map(|&n| known(n)).collect(),
            ..frame.clone()
        };
        encoder.write_frame(&clean).map_err(Failure::malformed)?;
    }
    encoder.into_inner().map_err(Failure::malformed)
}

/// A file's parts.
struct Parts<'a> {
    screen: (u16, u16),
    /// Header, screen, colours, frames with their controls, trailer.
    coding: Vec<u8>,
    /// Sum over all frames.
    pixels: u64,
    /// How often the animation is played again; 0: for ever.
    repeat: Option<u16>,
    left_behind: Vec<(What, &'static str)>,
    trailing: &'a [u8],
}

impl<'a> Parts<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Failure> {
        let cut = || Failure::Malformed("it is cut off".to_owned());
        let fields = Fields(bytes);
        let (Some(width), Some(height), Some(&flags)) = (fields.u16(6), fields.u16(8), bytes.get(10)) else {
            return Err(cut());
        };
        let mut at = 13 + colours(flags);
        let mut parts = Self {
            screen: (width, height),
            coding: bytes.get(..at).ok_or_else(cut)?.to_vec(),
            pixels: 0,
            repeat: None,
            left_behind: Vec::new(),
            trailing: &[],
        };
        let mut frames = 0_usize;
        loop {
            let start = at;
            match bytes.get(at) {
                Some(0x21) => {
                    at = blocks(bytes, at + 2).ok_or_else(cut)?;
                    parts.extension(bytes.get(start..at).ok_or_else(cut)?);
                }
                Some(0x2c) => {
                    let flags = *bytes.get(at + 9).ok_or_else(cut)?;
                    at = blocks(bytes, at + 10 + colours(flags) + 1).ok_or_else(cut)?;
                    let frame = bytes.get(start..at).ok_or_else(cut)?;
                    let side = |n: usize| Fields(frame).u16(n).map_or(0, u64::from);
                    let pixels = side(5) * side(7);
                    if pixels == 0 {
                        return Err(Failure::Malformed("a frame has no pixels".to_owned()));
                    }
                    parts.pixels = parts.pixels.saturating_add(pixels);
                    parts.coding.extend_from_slice(frame);
                    frames += 1;
                }
                Some(0x3b) => {
                    parts.trailing = bytes.get(at + 1..).unwrap_or_default();
                    break;
                }
                // Encoders leave out the trailer, or fill up with zeros before it.
                Some(0) if frames > 0 => at += 1,
                None if frames > 0 => break,
                _ => return Err(Failure::Malformed("there is no block where one must be".to_owned())),
            }
        }
        if frames == 0 {
            return Err(Failure::Malformed("it has no frame".to_owned()));
        }
        parts.coding.push(0x3b);
        Ok(parts)
    }

    fn extension(&mut self, extension: &[u8]) {
        let left_behind = match extension {
            [_, CONTROL, 4, ..] => {
                self.coding.extend_from_slice(extension);
                return;
            }
            [_, APPLICATION, 11, rest @ ..]
                if rest.starts_with(b"NETSCAPE2.0") || rest.starts_with(b"ANIMEXTS1.0") =>
            {
                match rest.get(11..) {
                    Some([3, 1, low, high, 0]) if self.repeat.is_none() => {
                        self.repeat = Some(u16::from_le_bytes([*low, *high]));
                        return;
                    }
                    _ => (What::UnknownPart, "application data"),
                }
            }
            [_, APPLICATION, 11, rest @ ..] if rest.starts_with(b"XMP Data") => (What::Metadata, "XMP"),
            [_, APPLICATION, 11, rest @ ..] if rest.starts_with(b"ICCRGBG1012") => {
                (What::Metadata, "colour profile")
            }
            [_, APPLICATION, ..] => (What::UnknownPart, "application data"),
            [_, COMMENT, ..] => (What::Metadata, "comment"),
            [_, PLAIN_TEXT, ..] => (What::UnknownPart, "text drawn by the viewer"),
            _ => (What::UnknownPart, "extension that is not known"),
        };
        self.left_behind.push(left_behind);
    }
}

/// Bytes of a colour table that these flags announce.
fn colours(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// The end of a run of data blocks, its terminator included.
fn blocks(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match bytes.get(at)? {
            0 => return Some(at + 1),
            &length => at += 1 + usize::from(length),
        }
    }
}
