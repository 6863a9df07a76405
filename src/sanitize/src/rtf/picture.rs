//! Pictures: data out of digits, through the rebuilder of its own format, back into digits.
//!
//! What the data is decides its content, whatever the file calls it. Two kinds are stored without a header of their own:
//! a device-independent bitmap gets one for its rebuilder and loses it again; a Windows metafile is told by its first record.

use super::write::Writer;
use crate::failure::Failure;
use crate::format::Format;
use crate::identify::Declared;
use crate::image::BLANK;
use crate::job::Job;
use crate::report::{Removed, What};

/// Bytes of a BITMAPFILEHEADER, which RTF leaves out.
const BMP_HEADER: usize = 14;
/// Bytes of the placeable header, which RTF leaves out, and its key (MS-WMF 2.3.2.3).
const PLACEABLE: usize = 22;
const PLACEABLE_KEY: &[u8] = b"\xd7\xcd\xc6\x9a";

/// The words that say what a picture's data is.
const KINDS: &[&str] =
    &["dibitmap", "emfblip", "jpegblip", "macpict", "pmmetafile", "pngblip", "wbitmap", "wmetafile"];

/// The word that says what the data is, its parameter, and the data.
type Data = (&'static str, Option<i32>, Vec<u8>);

/// A picture being read.
#[derive(Debug, Default)]
pub(super) struct Picture {
    is_bitmap: bool,
    is_metafile: bool,
    data: Vec<u8>,
    half: Option<u8>,
    /// `picw`, `pich`: pixels, or hundredths of millimetres of a metafile.
    size: [Option<i32>; 2],
    /// `picwgoal`, `pichgoal`: twips.
    goal: [bool; 2],
}

impl Picture {
    /// Takes a word that describes the data; `false`: it describes the place, and is copied.
    pub(super) fn takes(&mut self, name: &str, parameter: Option<i32>) -> bool {
        match name {
            "picw" => self.size[0] = parameter,
            "pich" => self.size[1] = parameter,
            "picwgoal" => self.goal[0] = true,
            "pichgoal" => self.goal[1] = true,
            "dibitmap" => self.is_bitmap = true,
            "wmetafile" | "emfblip" | "pmmetafile" => self.is_metafile = true,
            _ => {}
        }
        KINDS.contains(&name)
    }

    /// Takes hexadecimal digits; anything between them means nothing.
    pub(super) fn digits(&mut self, text: &[u8]) {
        let digits =
            text.iter().filter_map(|&b| char::from(b).to_digit(16)).filter_map(|d| u8::try_from(d).ok());
        for digit in digits {
            match self.half.take() {
                Some(high) => self.data.push(high << 4 | digit),
                None => self.half = Some(digit),
            }
        }
    }

    /// Takes binary data.
    pub(super) fn binary(&mut self, data: &[u8]) {
        self.data.extend(data);
    }

    /// Writes the rebuilt picture, or a blank one.
    pub(super) fn write(self, writer: &mut Writer, job: &mut Job<'_>) -> Result<(), Failure> {
        let rebuilt = match self.data.as_slice() {
            b"" => None,
            BLANK => Some(("pngblip", None, BLANK.to_vec())),
            _ => {
                let rebuilt = self.rebuilt(job)?;
                if rebuilt.is_none() {
                    job.removed(Removed::bytes(What::Picture, "picture", &self.data));
                }
                rebuilt
            }
        };
        let (word, parameter, data) = rebuilt.unwrap_or_else(|| {
            self.write_goals(writer);
            ("pngblip", None, BLANK.to_vec())
        });
        writer.word(word, parameter, false);
        writer.data(&data);
        Ok(())
    }

    fn rebuilt(&self, job: &mut Job<'_>) -> Result<Option<Data>, Failure> {
        let bytes = match self.is_bitmap {
            true => bitmap_file(&self.data),
            false => Some(self.data.clone()),
        };
        let Some(bytes) = bytes else { return Ok(None) };
        let Some((rebuilt, format)) = job.nested(&bytes, &Declared::default())? else { return Ok(None) };
        let without = |header| rebuilt.get(header..).unwrap_or_default().to_vec();
        let had_header = self.data.starts_with(PLACEABLE_KEY);
        Ok(match format {
            Format::Png => Some(("pngblip", None, rebuilt)),
            Format::Jpeg => Some(("jpegblip", None, rebuilt)),
            Format::Emf => Some(("emfblip", None, rebuilt)),
            Format::Wmf if rebuilt.starts_with(PLACEABLE_KEY) && !had_header => {
                Some(("wmetafile", Some(ANISOTROPIC), without(PLACEABLE)))
            }
            Format::Wmf => Some(("wmetafile", Some(ANISOTROPIC), rebuilt)),
            Format::Bmp => Some(("dibitmap", Some(0), without(BMP_HEADER))),
            _ => None,
        })
    }

    /// The size that a metafile has without being scaled, where only its own units give it.
    fn write_goals(&self, writer: &mut Writer) {
        const TWIPS: i64 = 1440;
        const UNITS: i64 = 2540;
        let names = ["picwgoal", "pichgoal"];
        for ((name, size), has_goal) in names.into_iter().zip(self.size).zip(self.goal) {
            if let Some(size) = size.filter(|_| self.is_metafile && !has_goal) {
                let twips = i64::from(size) * TWIPS / UNITS;
                writer.word(name, i32::try_from(twips).ok(), false);
            }
        }
    }
}

/// The mapping mode in which a metafile fills the place it is given (MM_ANISOTROPIC).
const ANISOTROPIC: i32 = 8;

/// A device-independent bitmap with a file header before it.
pub(super) fn bitmap_file(dib: &[u8]) -> Option<Vec<u8>> {
    let u16_at = |at: usize| dib.get(at..)?.first_chunk().map(|b| u64::from(u16::from_le_bytes(*b)));
    let u32_at = |at: usize| dib.get(at..)?.first_chunk().map(|b| u64::from(u32::from_le_bytes(*b)));
    let header = u32_at(0)?;
    let colours = |bits: u64| if bits <= 8 { 1_u64 << bits } else { 0 };
    let palette = match header {
        12 => colours(u16_at(10)?) * 3,
        40.. => {
            let masks = if header == 40 && u32_at(16)? == 3 { 12 } else { 0 };
            let used = match u32_at(32)? {
                0 => colours(u16_at(14)?),
                used => used,
            };
            used * 4 + masks
        }
        _ => return None,
    };
    let pixels = u32::try_from(BMP_HEADER as u64 + header + palette).ok()?;
    let size = u32::try_from(dib.len().checked_add(BMP_HEADER)?).ok()?;
    let mut out = Vec::with_capacity(dib.len() + BMP_HEADER);
    out.extend(b"BM");
    out.extend(size.to_le_bytes());
    out.extend([0; 4]);
    out.extend(pixels.to_le_bytes());
    out.extend(dib);
    Some(out)
}
