//! CCITT's fax codings of black and white lines (ITU-T T.4 and T.6; TIFF 6.0, sections 10 and 11).
//!
//! A line is a list of the places where its colour changes, white first. Lines are packed, eight pixels to a byte, black
//! is 1.

use std::convert::Infallible;

use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, Color, VecWriter};

use super::directory::Coding;

/// Decodes `rows` lines; from the first damaged one on they are white, as scanners' transmission errors leave them.
pub(super) fn decode(data: &[u8], width: u32, rows: u32, coding: Coding) -> Vec<u8> {
    let mut bits = Bits { data, at: 0 };
    let (mut reference, mut out) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let Some(line) = line(&mut bits, &reference, width, coding) else { break };
        pack(&line, width, &mut out);
        reference = line;
    }
    let size = usize::try_from(u64::from(width.div_ceil(8)) * u64::from(rows)).unwrap_or(usize::MAX);
    out.resize(size, 0);
    out
}

/// Encodes packed lines in group 4; `None`: it cannot.
pub(super) fn encode(lines: &[u8], width: u32) -> Option<Vec<u8>> {
    // The encoder counts in 16 bits, with a sign.
    let short = u16::try_from(width).ok().filter(|&width| width < 1 << 15)?;
    let mut encoder = fax::encoder::Encoder::new(VecWriter::new());
    let stride = usize::from(short.div_ceil(8));
    for line in lines.chunks_exact(stride) {
        let pixel = |x: u16| {
            let byte = line.get(usize::from(x / 8)).copied().unwrap_or(0);
            if byte & (0x80 >> (x % 8)) == 0 { Color::White } else { Color::Black }
        };
        let Ok(()) = encoder.encode_line((0..short).map(pixel), short);
    }
    let Ok(writer) = encoder.finish();
    let out = writer.finish();
    let rows = u32::try_from(lines.len() / stride).ok()?;
    (decode(&out, width, rows, Coding::Group4) == lines).then_some(out)
}

/// One line; `None`: the end, or damage.
fn line(bits: &mut Bits<'_>, reference: &[u32], width: u32, coding: Coding) -> Option<Vec<u32>> {
    match coding {
        Coding::Group4 => two_dimensional(bits, reference, width),
        Coding::Group3 { two_dimensional: mixed } => {
            bits.skip_end_of_line();
            // After the mark, a bit says how the line is coded.
            match mixed && bits.take(1)? == 0 {
                true => two_dimensional(bits, reference, width),
                false => one_dimensional(bits, width),
            }
        }
        _ => {
            bits.at = bits.at.next_multiple_of(8);
            one_dimensional(bits, width)
        }
    }
}

fn one_dimensional(bits: &mut Bits<'_>, width: u32) -> Option<Vec<u32>> {
    let (mut line, mut x, mut is_black) = (Vec::new(), 0, false);
    while x < width {
        x = run(bits, is_black)?.checked_add(x).filter(|&x| x <= width)?;
        line.push(x);
        is_black = !is_black;
    }
    Some(line)
}

fn two_dimensional(bits: &mut Bits<'_>, reference: &[u32], width: u32) -> Option<Vec<u32>> {
    // `x`: pixels done. A change of the line before that is looked for lies to the right of the last one, but at the
    // start it may be the first pixel.
    let (mut line, mut x, mut is_black, mut known) = (Vec::new(), 0_u32, false, 0_usize);
    while x < width {
        while known > 0 && reference.get(known - 1).is_some_and(|&change| change > x) {
            known -= 1;
        }
        let is_left = |change: u32| change < x || change == x && (x > 0 || !line.is_empty());
        while reference.get(known).is_some_and(|&change| is_left(change)) {
            known += 1;
        }
        // Changes at even places are to black.
        let b1 = known + usize::from(known.is_multiple_of(2) == is_black);
        let change = |n: usize| reference.get(n).copied().unwrap_or(width);
        match mode::decode(bits).filter(|_| !bits.is_over())? {
            Mode::Pass => x = change(b1 + 1),
            Mode::Horizontal => {
                for colour in [is_black, !is_black] {
                    x = run(bits, colour)?.checked_add(x).filter(|&x| x <= width)?;
                    line.push(x);
                }
            }
            Mode::Vertical(offset) => {
                let next = change(b1).checked_add_signed(offset.into())?;
                if next < x || next > width {
                    return None;
                }
                x = next;
                line.push(x);
                is_black = !is_black;
            }
            Mode::Extension | Mode::EOF => return None,
        }
    }
    Some(line)
}

/// A run's length: any number of make-up codes, then a terminating one.
fn run(bits: &mut Bits<'_>, is_black: bool) -> Option<u32> {
    let mut length = 0_u32;
    loop {
        let code = if is_black { black::decode(bits) } else { white::decode(bits) };
        let code = code.filter(|_| !bits.is_over())?;
        length = length.checked_add(code.into())?;
        if code < 64 {
            return Some(length);
        }
    }
}

fn pack(line: &[u32], width: u32, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + usize::try_from(width.div_ceil(8)).unwrap_or(0), 0);
    let row = out.get_mut(start..).unwrap_or_default();
    for run in line.chunks(2) {
        let &[from, ref rest @ ..] = run else { continue };
        let to = rest.first().copied().unwrap_or(width);
        let mut x = from;
        while x < to {
            let Some(byte) = usize::try_from(x / 8).ok().and_then(|n| row.get_mut(n)) else { break };
            if x.is_multiple_of(8) && to - x >= 8 {
                *byte = 0xff;
                x += 8;
            } else {
                *byte |= 0x80 >> (x % 8);
                x += 1;
            }
        }
    }
}

/// Bits, most significant first; zeros follow the last.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn is_over(&self) -> bool {
        self.at > self.data.len() * 8
    }

    fn take(&mut self, count: u8) -> Option<u16> {
        let bits = self.peek(count)?;
        self.at += usize::from(count);
        (!self.is_over()).then_some(bits)
    }

    /// Fill bits and an end-of-line mark: eleven zeros or more, then a one. Some writers leave it out.
    fn skip_end_of_line(&mut self) {
        if self.peek(11) != Some(0) {
            return;
        }
        while self.at < self.data.len() * 8 {
            let is_end = self.peek(1) == Some(1);
            self.at += 1;
            if is_end {
                return;
            }
        }
    }
}

impl BitReader for Bits<'_> {
    type Error = Infallible;

    fn peek(&self, bits: u8) -> Option<u16> {
        let byte = |n: usize| u32::from(self.data.get(self.at / 8 + n).copied().unwrap_or(0));
        let window = byte(0) << 16 | byte(1) << 8 | byte(2);
        let shift = 24_u32.checked_sub(u32::try_from(self.at % 8).ok()? + u32::from(bits))?;
        u16::try_from(window >> shift & ((1 << bits) - 1)).ok()
    }

    fn consume(&mut self, bits: u8) -> Result<(), Infallible> {
        self.at += usize::from(bits);
        Ok(())
    }

    fn bits_to_byte_boundary(&self) -> u8 {
        u8::try_from(self.at.next_multiple_of(8) - self.at).unwrap_or(0)
    }
}
