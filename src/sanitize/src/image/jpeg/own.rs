//! Is this JPEG byte for byte something that our encoder could have written?
//!
//! Encoding again would lose quality each time and never settle, so our own encoding is copied as it is. That must not
//! become a way past the rebuild, so the test leaves no freedom but the pixels:
//!
//! 1. Everything up to the entropy-coded data equals, byte for byte, what our encoder writes for these dimensions, this
//!    number of components, sampling, quality, resolution and (sane) colour profile: same segments, order and tables, no metadata.
//! 2. The entropy-coded data is one baseline scan of exactly the blocks that the dimensions ask for, in the one way our
//!    encoder codes them: no run that an end-of-block would replace, no coefficient beyond what 8-bit pixels give,
//!    no restart marker, the last byte filled with ones, then the end marker and the end of the file.
//!
//! So the file is a one-to-one image of its blocks' coefficients. Whoever imitates it can choose coefficients, as he can
//! choose pixels in any picture, but has no table, length, marker or spare byte to attack or to hide in.

use super::segments::Jpeg;
use super::{Dressing, DynamicImage, SamplingFactor, density, encode, icc};
use crate::options::JpegQuality;

const NOT_OURS: &str = "its header is not the encoder's";

/// The dimensions, or what differs from an encoding of ours.
pub(super) fn check(bytes: &[u8], quality: JpegQuality) -> Result<(u16, u16), &'static str> {
    let jpeg = Jpeg::parse(bytes).map_err(|_| NOT_OURS)?;
    let (image, channels) = match jpeg.components {
        1 => (DynamicImage::new_luma8(1, 1), 1),
        3 => (DynamicImage::new_rgb8(1, 1), 3),
        _ => return Err(NOT_OURS),
    };
    let profile = jpeg.profile();
    if profile.as_deref().is_some_and(|profile| !icc::is_sane(profile, channels)) {
        return Err("its colour profile is not sane");
    }
    let sampling = match (channels, jpeg.sampling) {
        (1, _) | (_, (1, 1)) => SamplingFactor::R_4_4_4,
        (_, (2, 1)) => SamplingFactor::R_4_2_2,
        (_, (2, 2)) => SamplingFactor::R_4_2_0,
        _ => return Err(NOT_OURS),
    };
    let dressing = Dressing { density: density(&jpeg), profile, sampling, quality };
    let template = encode(image, &dressing).map_err(|_| NOT_OURS)?;
    let header = Header::parse(&template).ok_or(NOT_OURS)?;

    let mut expected = template.get(..header.length).ok_or(NOT_OURS)?.to_vec();
    let dimensions = [jpeg.height.to_be_bytes(), jpeg.width.to_be_bytes()].concat();
    expected.get_mut(header.dimensions..header.dimensions + 4).ok_or(NOT_OURS)?.copy_from_slice(&dimensions);
    let data = bytes.strip_prefix(expected.as_slice()).ok_or(NOT_OURS)?;

    // A unit holds the first component's blocks by its sampling factors, then one of each other component.
    let (horizontal, vertical) = if channels == 1 { (1, 1) } else { jpeg.sampling };
    let across = |length: u16, factor: u8| u64::from(length).div_ceil(8 * u64::from(factor));
    let units = across(jpeg.width, horizontal) * across(jpeg.height, vertical);
    let mut scan = Scan { data, at: 0, bits: 0, count: 0 };
    let mut predictions = [0_i32; 3];
    for _ in 0..units {
        for (component, prediction) in predictions.iter_mut().take(channels.into()).enumerate() {
            let (tables, blocks) = match component {
                0 => (&header.luminance, horizontal * vertical),
                _ => (&header.chrominance, 1),
            };
            for _ in 0..blocks {
                scan.block(tables, prediction)
                    .ok_or("its entropy-coded data is not as the encoder writes it")?;
            }
        }
    }
    match scan.end() {
        Some([0xff, 0xd9]) => Ok((jpeg.width, jpeg.height)),
        _ => Err("there are bytes that belong to no block"),
    }
}

/// What a template's header says about itself.
struct Header {
    /// Bytes before the entropy-coded data.
    length: usize,
    /// Where height and width stand.
    dimensions: usize,
    luminance: Kind,
    chrominance: Kind,
}

/// The tables of one kind of component.
#[derive(Default)]
struct Kind {
    dc: Huffman,
    ac: Huffman,
    /// In zigzag order.
    quantisation: Vec<u8>,
}

impl Header {
    /// Reads our own encoder's header: one table for each segment.
    fn parse(template: &[u8]) -> Option<Self> {
        let mut header =
            Self { length: 0, dimensions: 0, luminance: Kind::default(), chrominance: Kind::default() };
        let mut at = 2;
        loop {
            let [0xff, marker, l1, l0] = *template.get(at..at + 4)? else { return None };
            let end = at + 2 + usize::from(u16::from_be_bytes([l1, l0]));
            let body = template.get(at + 4..end)?;
            match marker {
                0xc0 => header.dimensions = at + 5,
                0xdb => {
                    let (number, table) = body.split_first()?;
                    header.kind(*number)?.quantisation = table.to_vec();
                }
                0xc4 => {
                    let (number, table) = body.split_first()?;
                    let kind = header.kind(number & 0x0f)?;
                    *(if number >> 4 == 0 { &mut kind.dc } else { &mut kind.ac }) = Huffman::new(table)?;
                }
                0xda => {
                    header.length = end;
                    return Some(header);
                }
                _ => {}
            }
            at = end;
        }
    }
}

impl Header {
    fn kind(&mut self, number: u8) -> Option<&mut Kind> {
        match number {
            0 => Some(&mut self.luminance),
            1 => Some(&mut self.chrominance),
            _ => None,
        }
    }
}

/// For each 16 bits ahead: the length of the code they begin with (0: none) and its symbol.
#[derive(Default)]
struct Huffman(Vec<(u8, u8)>);

impl Huffman {
    /// Builds the table from a DHT segment's 16 counts and symbols (T.81, annex C).
    fn new(table: &[u8]) -> Option<Self> {
        let (counts, symbols) = table.split_at_checked(16)?;
        let mut codes = vec![(0, 0); 1 << 16];
        let mut symbols = symbols.iter();
        let mut next = 0_usize;
        for (length, &count) in (1_u8..).zip(counts) {
            for _ in 0..count {
                let span = 1 << (16 - length);
                codes.get_mut(next..next + span)?.fill((length, *symbols.next()?));
                next += span;
            }
        }
        Some(Self(codes))
    }
}

/// The entropy-coded data as bits.
struct Scan<'a> {
    data: &'a [u8],
    at: usize,
    /// The next `count` bits, in the low end.
    bits: u64,
    count: u32,
}

impl<'a> Scan<'a> {
    /// Reads one block (T.81, F.2.2); `None`: not as our encoder would have written it.
    fn block(&mut self, kind: &Kind, prediction: &mut i32) -> Option<()> {
        let size = self.symbol(&kind.dc)?;
        if size > 11 {
            return None;
        }
        *prediction += self.value(size)?;
        in_range(*prediction, *kind.quantisation.first()?)?;
        let mut place = 1;
        while place < 64 {
            let symbol = self.symbol(&kind.ac)?;
            let (run, size) = (usize::from(symbol >> 4), symbol & 0x0f);
            match (run, size) {
                (0, 0) => return Some(()),
                // Sixteen zeroes: only in front of a value.
                (15, 0) => {
                    place += 16;
                    if place > 63 || self.peek(&kind.ac)?.1 == 0 {
                        return None;
                    }
                }
                (_, 0) => return None,
                _ => {
                    place += run;
                    let quantisation = *kind.quantisation.get(place)?;
                    in_range(self.value(size)?, quantisation)?;
                    place += 1;
                }
            }
        }
        Some(())
    }

    /// What follows the last block, after padding of less than a byte of ones.
    fn end(&mut self) -> Option<&'a [u8]> {
        // Whole bytes that were read ahead belong to no block.
        let padding = self.count;
        let ones = (1_u64 << padding.min(63)) - 1;
        (padding < 8 && self.bits & ones == ones).then_some(())?;
        self.data.get(self.at..)
    }

    /// Loads bytes while there is room, stuffing removed; stops at a marker.
    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(&byte) = self.data.get(self.at) else { return };
            if byte == 0xff {
                if self.data.get(self.at + 1) != Some(&0) {
                    return;
                }
                self.at += 1;
            }
            self.at += 1;
            self.bits = self.bits << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    fn peek(&mut self, table: &Huffman) -> Option<(u8, u8)> {
        if self.count < 16 {
            self.fill();
        }
        // Beyond the end, bits count as ones; a code that needs them is too long for what is left.
        let ahead = match self.count.checked_sub(16) {
            Some(spare) => self.bits >> spare,
            None => {
                let missing = 16 - self.count;
                self.bits << missing | ((1 << missing) - 1)
            }
        };
        let &(length, symbol) = table.0.get(usize::try_from(ahead & 0xffff).ok()?)?;
        (length > 0 && u32::from(length) <= self.count).then_some((length, symbol))
    }

    fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        let (length, symbol) = self.peek(table)?;
        self.count -= u32::from(length);
        Some(symbol)
    }

    /// A value of `size` bits (T.81, F.2.2.1, EXTEND).
    fn value(&mut self, size: u8) -> Option<i32> {
        if self.count < 16 {
            self.fill();
        }
        self.count = self.count.checked_sub(size.into())?;
        let raw = i32::try_from(self.bits >> self.count & ((1 << size) - 1)).ok()?;
        let negative = size > 0 && raw < 1 << (size - 1);
        Some(if negative { raw - (1 << size) + 1 } else { raw })
    }
}

/// Coefficients of 8-bit pixels lie within ±1024 (T.81, A.3.3); quantising rounds by up to half a step.
fn in_range(quantised: i32, quantisation: u8) -> Option<()> {
    let step = i32::from(quantisation);
    (quantised.abs() * step <= 1024 + step).then_some(())
}
