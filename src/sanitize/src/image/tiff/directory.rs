//! TIFF's directories: which pages there are, and what each says about itself (TIFF 6.0, sections 2 and 8).

use std::borrow::Cow;

use crate::failure::Failure;
use crate::limits::Limits;
use crate::report::What;

/// How strips are coded (TIFF 6.0, Compression; Technical Note 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    None,
    /// CCITT modified Huffman, group 3 (lines in two dimensions or one), group 4.
    Huffman,
    Group3 {
        two_dimensional: bool,
    },
    Group4,
    Lzw,
    OldJpeg,
    Jpeg,
    Deflate,
    PackBits,
}

/// What samples mean (TIFF 6.0, PhotometricInterpretation).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    Palette,
    Cmyk,
    YCbCr,
}

/// Physical size: pixels for each unit, as two fractions, and the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resolution {
    pub(super) x: (u32, u32),
    pub(super) y: (u32, u32),
    pub(super) unit: u16,
}

/// One page.
#[derive(Debug)]
pub(super) struct Page<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Bits of one sample.
    pub(super) bits: u16,
    /// Samples of one pixel, those beyond the colours included.
    pub(super) samples: u16,
    /// What the first sample beyond the colours is: 1 and 2 are alpha.
    pub(super) extra: u16,
    pub(super) coding: Coding,
    pub(super) colours: Colours,
    pub(super) planar: bool,
    pub(super) predictor: bool,
    pub(super) reversed_bits: bool,
    pub(super) big_endian: bool,
    /// 1 to 8, as in EXIF.
    pub(super) orientation: u8,
    /// Width and height of a strip or tile.
    pub(super) chunk: (u32, u32),
    pub(super) chunks: Vec<&'a [u8]>,
    pub(super) jpeg_tables: Option<&'a [u8]>,
    /// A whole JPEG, as old writers left it.
    pub(super) old_jpeg: Option<&'a [u8]>,
    /// Reds, then greens, then blues.
    pub(super) palette: Vec<u32>,
    pub(super) resolution: Option<Resolution>,
    pub(super) profile: Option<&'a [u8]>,
    pub(super) is_thumbnail: bool,
}

impl Page<'_> {
    /// Bytes of all samples, each at 8 or 16 bits.
    pub(super) fn decoded_size(&self) -> u64 {
        let pixel = u64::from(self.samples) * u64::from(self.bits.div_ceil(8));
        (u64::from(self.width) * u64::from(self.height)).saturating_mul(pixel)
    }
}

/// All pages, and what is said besides.
pub(super) struct Directories<'a> {
    pub(super) pages: Vec<Page<'a>>,
    pub(super) left_behind: Vec<(What, Cow<'static, str>)>,
    /// Bytes that the pages tell beyond those that the file has: fields and strips may lie on one another.
    pub(super) retold: u64,
    /// Start and end of everything that was read.
    claims: Vec<(usize, usize)>,
}

impl<'a> Directories<'a> {
    pub(super) fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Failure> {
        let big_endian = bytes.starts_with(b"MM");
        let mut file = File { bytes, big_endian, claims: vec![(0, 8)], told: 0 };
        if file.u16(2) == Some(43) {
            return Err(Failure::Refused("TIFF files with 64-bit offsets are not accepted".to_owned()));
        }
        let mut out = Self { pages: Vec::new(), left_behind: Vec::new(), retold: 0, claims: Vec::new() };
        let mut at = file.size(4).ok_or_else(|| malformed("its header is cut off"))?;
        let mut seen = std::collections::HashSet::new();
        while at != 0 {
            if !seen.insert(at) {
                return Err(malformed("its pages form a loop"));
            }
            if seen.len() > usize::try_from(limits.max_members).unwrap_or(usize::MAX) {
                return Err(Failure::Limit {
                    name: "max_members",
                    what: "the number of pages".to_owned(),
                    limit: limits.max_members.into(),
                });
            }
            let (entries, next) = file.directory(at).ok_or_else(|| malformed("a directory is cut off"))?;
            out.left_behind.extend(entries.iter().filter_map(left_behind));
            out.pages.push(page(&mut file, &entries)?);
            out.retold = file.told.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            if out.retold > limits.max_expanded_bytes {
                return Err(Failure::Limit {
                    name: "max_expanded_bytes",
                    what: "what the pages' fields and strips come to".to_owned(),
                    limit: limits.max_expanded_bytes,
                });
            }
            at = next;
        }
        out.claims = file.claims;
        Ok(out)
    }

    /// Whether every byte belongs to something that was read, but for single zeros between them.
    pub(super) fn covers(&self, bytes: &[u8]) -> bool {
        let mut claims = self.claims.clone();
        claims.sort_unstable();
        let mut end = 0;
        for (start, claim_end) in claims.into_iter().chain([(bytes.len(), bytes.len())]) {
            let is_gap = start > end && bytes.get(end..start) != Some([0].as_slice());
            // Nothing is read twice.
            if is_gap || start < end {
                return false;
            }
            end = claim_end;
        }
        true
    }
}

/// A field of a directory.
struct Entry {
    tag: u16,
    kind: u16,
    /// Start and end of its values.
    range: (usize, usize),
}

struct File<'a> {
    bytes: &'a [u8],
    big_endian: bool,
    claims: Vec<(usize, usize)>,
    /// Bytes that were given out, however often.
    told: u64,
}

impl<'a> File<'a> {
    fn tell(&mut self, bytes: usize) {
        self.told = self.told.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }

    /// The fields at `at`, and where the next directory is.
    fn directory(&mut self, at: usize) -> Option<(Vec<Entry>, usize)> {
        let count = usize::from(self.u16(at)?);
        let end = at.checked_add(2 + count * 12)?;
        let mut entries = Vec::with_capacity(count);
        for start in (at + 2..end).step_by(12) {
            let (tag, kind, number) = (self.u16(start)?, self.u16(start + 2)?, self.size(start + 4)?);
            let width = match kind {
                1 | 2 | 6 | 7 => 1,
                3 | 8 => 2,
                4 | 9 | 11 | 13 => 4,
                5 | 10 | 12 => 8,
                _ => 0,
            };
            let length = number.checked_mul(width)?;
            let from = if length <= 4 { start + 8 } else { self.size(start + 8)? };
            // Fields that are not kept may point anywhere.
            entries.push(Entry { tag, kind, range: (from, from.saturating_add(length)) });
        }
        // A last directory may end with the file.
        let next = self.size(end).unwrap_or(0);
        self.claims.push((at, end + 4));
        Some((entries, next))
    }

    fn values(&mut self, entries: &[Entry], tag: u16) -> Option<&'a [u8]> {
        let entry = entries.iter().find(|entry| entry.tag == tag)?;
        let (start, end) = entry.range;
        if end - start > 4 {
            self.claims.push((start, end));
        }
        let values = self.bytes.get(start..end)?;
        self.tell(values.len());
        Some(values)
    }

    /// Whole numbers, whatever their width.
    fn numbers(&mut self, entries: &[Entry], tag: u16) -> Option<Vec<u32>> {
        let kind = entries.iter().find(|entry| entry.tag == tag)?.kind;
        let bytes = self.values(entries, tag)?;
        let big = self.big_endian;
        let short =
            |b: &[u8]| b.try_into().ok().map(if big { u16::from_be_bytes } else { u16::from_le_bytes });
        let long =
            |b: &[u8]| b.try_into().ok().map(if big { u32::from_be_bytes } else { u32::from_le_bytes });
        match kind {
            1 | 7 => Some(bytes.iter().map(|&b| b.into()).collect()),
            3 => bytes.chunks_exact(2).map(|b| short(b).map(u32::from)).collect(),
            4 | 5 | 13 => bytes.chunks_exact(4).map(long).collect(),
            _ => None,
        }
    }

    fn number(&mut self, entries: &[Entry], tag: u16) -> Option<u32> {
        self.numbers(entries, tag)?.first().copied()
    }

    /// A small number, or what holds when it is absent.
    fn short(&mut self, entries: &[Entry], tag: u16, otherwise: u16) -> u16 {
        self.number(entries, tag).and_then(|n| u16::try_from(n).ok()).unwrap_or(otherwise)
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn size(&self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        let number = if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        usize::try_from(number).ok()
    }
}

fn page<'a>(file: &mut File<'a>, entries: &[Entry]) -> Result<Page<'a>, Failure> {
    let width = file.number(entries, 256).ok_or_else(|| malformed("a page has no width"))?;
    let height = file.number(entries, 257).ok_or_else(|| malformed("a page has no height"))?;
    let bits = file.numbers(entries, 258).unwrap_or_else(|| vec![1]);
    let depth = bits.first().and_then(|&n| u16::try_from(n).ok()).unwrap_or(0);
    let formats = file.numbers(entries, 339).unwrap_or_default();
    if !matches!(depth, 1 | 2 | 4 | 8 | 16)
        || bits.iter().any(|&n| n != u32::from(depth))
        || formats.iter().any(|&n| n != 1)
    {
        return Err(refused("with samples of this width or kind"));
    }
    let samples = file.short(entries, 277, 1);
    let colours = match file.short(entries, 262, 0) {
        0 => Colours::WhiteIsZero,
        1 => Colours::BlackIsZero,
        2 => Colours::Rgb,
        3 => Colours::Palette,
        5 if file.short(entries, 332, 1) == 1 => Colours::Cmyk,
        6 => Colours::YCbCr,
        _ => return Err(refused("with these colours")),
    };
    let coding = match file.short(entries, 259, 1) {
        1 => Coding::None,
        2 => Coding::Huffman,
        3 => Coding::Group3 { two_dimensional: file.number(entries, 292).unwrap_or(0) & 1 != 0 },
        4 => Coding::Group4,
        5 => Coding::Lzw,
        6 => Coding::OldJpeg,
        7 => Coding::Jpeg,
        8 | 32946 => Coding::Deflate,
        32773 => Coding::PackBits,
        _ => return Err(refused("coded in this way")),
    };
    let predictor = match file.short(entries, 317, 1) {
        1 => false,
        2 => true,
        _ => return Err(refused("coded in this way")),
    };
    let (chunk, starts, lengths) = match file.numbers(entries, 324) {
        Some(starts) => {
            let size = (file.number(entries, 322).unwrap_or(0), file.number(entries, 323).unwrap_or(0));
            (size, starts, file.numbers(entries, 325))
        }
        None => {
            let rows = file.number(entries, 278).unwrap_or(height).min(height);
            ((width, rows), file.numbers(entries, 273).unwrap_or_default(), file.numbers(entries, 279))
        }
    };
    let chunks = chunks(file, &starts, lengths.as_deref(), coding);
    let old_jpeg = file.number(entries, 513).filter(|_| coding == Coding::OldJpeg).and_then(|start| {
        let length = file.number(entries, 514).unwrap_or(u32::MAX);
        part(file.bytes, start, length)
    });
    let kind = file.number(entries, 254).unwrap_or(0);
    let jpeg_tables = file.values(entries, 347);
    // Each strip is read behind them.
    file.tell(jpeg_tables.map_or(0, <[u8]>::len).saturating_mul(chunks.len()));
    file.tell(old_jpeg.map_or(0, <[u8]>::len));
    Ok(Page {
        width,
        height,
        bits: depth,
        samples,
        extra: file.short(entries, 338, 0),
        coding,
        colours,
        planar: samples > 1 && file.short(entries, 284, 1) == 2,
        predictor,
        reversed_bits: file.short(entries, 266, 1) == 2,
        big_endian: file.big_endian,
        orientation: u8::try_from(file.short(entries, 274, 1)).unwrap_or(1),
        chunk,
        chunks,
        jpeg_tables,
        old_jpeg,
        palette: file.numbers(entries, 320).unwrap_or_default(),
        resolution: resolution(file, entries),
        profile: file.values(entries, 34675),
        is_thumbnail: kind & 0b101 != 0,
    })
}

/// The bytes of strips or tiles. Lengths may be missing or reach beyond the file, as careless writers leave them: such a
/// strip ends where the next one begins.
fn chunks<'a>(file: &mut File<'a>, starts: &[u32], lengths: Option<&[u32]>, coding: Coding) -> Vec<&'a [u8]> {
    // A strip's place and length take more memory than the number that stands for them.
    const PLACE: usize = 32;
    file.tell(starts.len().saturating_mul(PLACE));
    let mut in_order = starts.to_vec();
    in_order.sort_unstable();
    let mut chunks = Vec::with_capacity(starts.len());
    for (n, &start) in starts.iter().enumerate() {
        let length = lengths.map_or(Some(u32::MAX), |lengths| lengths.get(n).copied()).unwrap_or(0);
        let end = u64::from(start) + u64::from(length);
        let length = match u64::try_from(file.bytes.len()).is_ok_and(|size| end <= size) {
            true => length,
            false => in_order
                .get(in_order.partition_point(|&other| other <= start))
                .map_or(length, |next| length.min(next - start)),
        };
        let chunk = part(file.bytes, start, length).unwrap_or_default();
        file.tell(chunk.len());
        if coding != Coding::OldJpeg
            && let Ok(start) = usize::try_from(start)
        {
            file.claims.push((start, start + chunk.len()));
        }
        chunks.push(chunk);
    }
    chunks
}

fn part(bytes: &[u8], start: u32, length: u32) -> Option<&[u8]> {
    let rest = bytes.get(usize::try_from(start).ok()?..)?;
    rest.get(..rest.len().min(usize::try_from(length).ok()?))
}

fn resolution(file: &mut File<'_>, entries: &[Entry]) -> Option<Resolution> {
    let mut fraction = |tag| match file.numbers(entries, tag)?.as_slice() {
        &[above, below] if above > 0 && below > 0 => Some((above, below)),
        _ => None,
    };
    let (x, y) = (fraction(282)?, fraction(283)?);
    let unit = file.short(entries, 296, 2);
    Some(Resolution { x, y, unit: if matches!(unit, 1..=3) { unit } else { 2 } })
}

/// What a field is that is not kept; `None`: it is, or says nothing beyond the pixels.
fn left_behind(entry: &Entry) -> Option<(What, Cow<'static, str>)> {
    let metadata = |place| Some((What::Metadata, Cow::Borrowed(place)));
    match entry.tag {
        254
        | 256..=259
        | 262
        | 266
        | 273
        | 274
        | 277..=279
        | 282..=284
        | 292
        | 293
        | 296
        | 317
        | 320
        | 322..=325
        | 332
        | 338
        | 339
        | 347
        | 513
        | 514
        | 530
        | 34675 => None,
        // Statistics, hints, page numbers, and parameters of codings.
        255
        | 263..=265
        | 280
        | 281
        | 285..=291
        | 297
        | 301
        | 318
        | 319
        | 321
        | 326..=328
        | 334
        | 336
        | 340
        | 341
        | 512
        | 515..=521
        | 529
        | 531
        | 532 => None,
        269 => metadata("document name"),
        270 => metadata("description"),
        271 | 272 => metadata("make or model of a camera or scanner"),
        305 | 306 | 315 | 316 | 33432 => metadata("program, date, author, computer or copyright"),
        330 => metadata("smaller copy of a page"),
        700 => metadata("XMP"),
        33723 => metadata("IPTC"),
        34377 | 37724 => metadata("Photoshop data"),
        34665 => metadata("EXIF"),
        34853 => metadata("EXIF with GPS position"),
        tag => Some((What::UnknownPart, Cow::Owned(format!("field {tag}")))),
    }
}

fn refused(what: &str) -> Failure {
    Failure::Refused(format!("TIFF pages {what} are not accepted"))
}

fn malformed(problem: &str) -> Failure {
    Failure::Malformed(problem.to_owned())
}
