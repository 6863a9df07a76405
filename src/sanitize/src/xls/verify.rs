//! Is everything that must be gone gone? The rebuilt workbook, read from scratch.
//!
//! The rebuild works by lists of what may stay. This search works by lists of what must not be there, and shares with the
//! rebuild only the readers of compound files, records and strings, and the judgement on single formulas and links.

use std::io::Read as _;

use super::art::{self, Art, Content};
use super::formula::{self, Sheets, Targets};
use super::line;
use super::link::{self, Link};
use super::record::{Record, code, kind, record_at, u16_at, u32_at};
use super::{function, globals, text};
use crate::compound::Compound;
use crate::dib::Dib;
use crate::failure::Failure;
use crate::format::Format;
use crate::identify::{Declared, identify};
use crate::job::Job;
use crate::options::Links;

/// Records that no workbook of ours may have: FilePass, ObProj, CodeName, ObNoMacros, GUIDTypeLib; DCon and kin; XCT, CRN,
/// ExternCount; Qsi, SX…, query and pivot extensions, connections; Pls, FileSharing, saved views, ImData, BkHim, header
/// pictures, WebPub, Index, DBCell, ExtSST.
const GONE: &[u16] = &[
    0x002f, 0x00d3, 0x01ba, 0x01bd, 0x0897, 0x0050, 0x0051, 0x0052, 0x01b5, 0x0059, 0x005a, 0x0016, 0x01ad,
    0x00dc, 0x00b0, 0x00b1, 0x00c6, 0x00d5, 0x00e3, 0x0802, 0x0803, 0x0805, 0x0806, 0x0807, 0x0876, 0x004d,
    0x005b, 0x01a9, 0x01aa, 0x01ab, 0x007f, 0x00e9, 0x0866, 0x0801, 0x00d7, 0x020b, 0x00ff, 0x0206, 0x0406,
    0x08a4, 0x08a5,
];

/// Properties of shapes that name files, link, hold packages of their own, or run scripts.
const GONE_PROPERTIES: &[u16] = &[0x105, 0x106, 0x187, 0x188, 0x1c6, 0x1c7, 0x382, 0x38e, 0x3a9, 0x0c1];

fn unproved<T>(what: &str) -> Result<T, Failure> {
    Err(Failure::Unproved(what.to_owned()))
}

/// Parses the rebuilt workbook and searches it for everything that must be gone.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let compound = Compound::parse(bytes, job).map_err(|failure| Failure::Unproved(failure.to_string()))?;
    let root = &compound.root;
    let (1, 0, Some(stream)) = (root.streams.len(), root.storages.len(), root.stream(super::STREAM)?) else {
        return unproved("there is more than a workbook");
    };
    if compound.unreachable != crate::compound::Unreachable::default() {
        return unproved("there is something out of reach");
    }
    let book = Book::read(stream, job)?;
    book.check_layout(stream)?;
    let mut pictures = Vec::new();
    // The drawings of a sheet and of a chart inside it are trees of their own.
    let mut shapes: Vec<Vec<u8>> = Vec::new();
    let mut at = 0;
    let mut last = 0;
    while at < stream.len() {
        let Some((record, next)) = record_at(stream, at) else { return unproved("a record is cut short") };
        at = next;
        let continued = if record.code == code::CONTINUE { last } else { record.code };
        match (continued, shapes.last_mut()) {
            (code::BOF, _) => shapes.push(Vec::new()),
            (code::EOF, _) => search_shapes(&shapes.pop().unwrap_or_default())?,
            (code::MSO_DRAWING, Some(shapes)) => shapes.extend_from_slice(record.body),
            (code::MSO_DRAWING_GROUP, _) => pictures.extend_from_slice(record.body),
            _ => {}
        }
        last = continued;
        book.check(&record)?;
    }
    if !shapes.is_empty() {
        return unproved("a sheet does not end");
    }
    search_pictures(&pictures, job)
}

/// What the globals say.
struct Book {
    targets: Targets,
    sheets: Vec<usize>,
}

impl Book {
    fn read(stream: &[u8], job: &Job<'_>) -> Result<Self, Failure> {
        let mut at = 0;
        let mut books = Vec::new();
        let mut add_ins: Vec<Vec<bool>> = Vec::new();
        let mut names = Vec::new();
        let mut sheets = Vec::new();
        let mut xti = Vec::new();
        let mut last = 0;
        while let Some((record, next)) = record_at(stream, at) {
            let body = record.body;
            at = next;
            match record.code {
                code::EOF => break,
                code::BOUND_SHEET => {
                    if !matches!(body.get(5), Some(0 | 2)) {
                        return unproved("there is a sheet of macros");
                    }
                    sheets.push(u32_at(body, 0).and_then(|at| usize::try_from(at).ok()).unwrap_or_default());
                }
                code::SUP_BOOK => {
                    books.push(match body {
                        [_, _, 0x01, 0x04] => Sheets::Own,
                        [_, _, 0x01, 0x3a] => Sheets::AddIn(books.len()),
                        _ => return unproved("there is a link to another file"),
                    });
                    add_ins.push(Vec::new());
                }
                code::EXTERN_NAME => {
                    let name = text::characters(body, 7, body.get(6).copied().unwrap_or_default().into());
                    match (books.last().zip(add_ins.last_mut()), name) {
                        (Some((Sheets::AddIn(_), names)), Some((name, end)))
                            if body.get(..6) == Some(&[0; 6])
                                && body.get(end..) == Some(&[2, 0, 0x1c, 0x17]) =>
                        {
                            names.push(function::is_allowed_add_in(&name));
                        }
                        _ => return unproved("there is a name of another file"),
                    }
                }
                code::EXTERN_SHEET => {
                    xti.extend(body.get(2..).unwrap_or_default().as_chunks::<6>().0.iter().copied());
                }
                code::CONTINUE if last == code::EXTERN_SHEET => {
                    xti.extend(body.as_chunks::<6>().0.iter().copied());
                }
                code::LBL => names.push(body),
                _ => {}
            }
            if record.code != code::CONTINUE {
                last = record.code;
            }
        }
        let mut resolved = Vec::new();
        for [low, high, ..] in xti {
            match books.get(usize::from(u16::from_le_bytes([low, high]))) {
                Some(book) => resolved.push(book.clone()),
                None => return unproved("a link leads nowhere"),
            }
        }
        let targets = Targets {
            sheets: resolved,
            add_ins,
            names: vec![None; names.len()],
            links: job.options.links == Links::Keep,
        };
        Ok(Self { targets, sheets })
    }

    /// The globals, then each listed sheet where it is said to be, one behind the other to the end.
    fn check_layout(&self, stream: &[u8]) -> Result<(), Failure> {
        let mut starts = Vec::new();
        let (mut at, mut depth) = (0, 0_u32);
        while let Some((record, next)) = record_at(stream, at) {
            match record.code {
                code::BOF => {
                    let expected = match (depth, starts.len()) {
                        (0, 0) => &[kind::GLOBALS] as &[u16],
                        (0, _) => &[kind::SHEET, kind::CHART],
                        _ => &[kind::CHART],
                    };
                    let is_expected = expected.iter().any(|kind| record.body == super::bof(*kind));
                    if !is_expected {
                        return unproved("there is a sheet of another kind");
                    }
                    if depth == 0 {
                        starts.push(at);
                    }
                    depth += 1;
                }
                _ if depth == 0 => return unproved("there is something between the sheets"),
                code::EOF if !record.body.is_empty() => return unproved("a sheet's end holds something"),
                code::EOF => depth -= 1,
                _ => {}
            }
            at = next;
        }
        match starts.get(1..) == Some(self.sheets.as_slice()) && at == stream.len() {
            true => Ok(()),
            false => unproved("a sheet is not where it is listed"),
        }
    }

    fn check(&self, record: &Record<'_>) -> Result<(), Failure> {
        let body = record.body;
        if GONE.contains(&record.code) {
            return unproved(&format!("record 0x{:04x} is there", record.code));
        }
        match record.code {
            code::FORMULA => self.check_formula(body, 20, 22),
            code::ARRAY => self.check_formula(body, 12, 14),
            code::SHARED_FORMULA => self.check_formula(body, 8, 10),
            code::CHART_REFERENCE => self.check_formula(body, 6, 8),
            code::LBL => {
                let length = usize::from(body.get(3).copied().unwrap_or_default());
                let Some((name, end)) = text::characters(body, 14, length) else {
                    return unproved("a name is cut short");
                };
                if globals::runs(u16_at(body, 0).unwrap_or_default(), &name).is_some()
                    || body.get(2) != Some(&0)
                {
                    return unproved("there is a name that runs something");
                }
                self.check_formula(body, 4, end)
            }
            code::CONDITION => {
                let size = |at| usize::from(u16_at(body, at).unwrap_or_default());
                let (first, second) = (size(2), size(4));
                let Some(start) = body.len().checked_sub(first + second) else {
                    return unproved("a rule is cut short");
                };
                self.check_tokens(body.get(start..start + first).unwrap_or_default(), &[])?;
                self.check_tokens(body.get(start + first..).unwrap_or_default(), &[])
            }
            code::HLINK => {
                let link =
                    body.get(8..).and_then(|rest| rest.strip_prefix(&link::CLASS)).and_then(Link::parse);
                match link {
                    Some(link) if link.address.is_none() || self.targets.links => Ok(()),
                    _ => unproved("there is a link that may not stay"),
                }
            }
            code::OBJ => check_object(body),
            // WriteAccess: no name. RefreshAll: no.
            0x005c if body.get(..3) != Some(&[0; 3]) => unproved("there is a user's name"),
            0x01b7 | 0x00da if body != [0; 2] => unproved("it refreshes"),
            // TxO: no formula.
            code::TXO if body.len() != 18 || body.get(16..) != Some(&[0; 2]) => {
                unproved("a text has a formula")
            }
            // Theme: no package.
            0x0896 if body.len() > 16 => unproved("there is a theme"),
            _ => Ok(()),
        }
    }

    fn check_formula(&self, body: &[u8], size_at: usize, start: usize) -> Result<(), Failure> {
        let size = usize::from(u16_at(body, size_at).unwrap_or_default());
        match body.get(start..).and_then(|rest| rest.split_at_checked(size)) {
            Some((tokens, behind)) => self.check_tokens(tokens, behind),
            None => unproved("a formula is cut short"),
        }
    }

    fn check_tokens(&self, tokens: &[u8], behind: &[u8]) -> Result<(), Failure> {
        match formula::read(tokens, behind, &self.targets).refused {
            Some(what) => Err(Failure::Unproved(format!("a formula reaches out ({what:?})"))),
            None => Ok(()),
        }
    }
}

/// No formula anywhere in an object: macro, picture, scroll bar, check box, list.
fn check_object(body: &[u8]) -> Result<(), Failure> {
    if u16_at(body, 0) != Some(0x15) {
        return if line::is_rebuilt(body) { Ok(()) } else { unproved("an object is of an unknown kind") };
    }
    let mut at = 0;
    while let (Some(part), Some(size)) = (u16_at(body, at), u16_at(body, at + 2)) {
        match part {
            0x04 | 0x09 | 0x0e | 0x14 => return unproved("an object has a formula"),
            0x13 if size != 0 && u16_at(body, at + 4) != Some(0) => return unproved("a list has a formula"),
            0x08 if u16_at(body, at + 4).is_none_or(|flags| flags & !1 != 0) => {
                return unproved("a picture is an object");
            }
            0x00 | 0x13 => break,
            _ => at += 4 + usize::from(size),
        }
    }
    Ok(())
}

fn search_shapes(bytes: &[u8]) -> Result<(), Failure> {
    match art::parse(bytes, 0) {
        Some(records) => records.iter().try_for_each(search_shape),
        None => unproved("a drawing cannot be read"),
    }
}

fn search_shape(record: &Art<'_>) -> Result<(), Failure> {
    match &record.content {
        Content::Container(records) => records.iter().try_for_each(search_shape),
        Content::Atom(body) if art::kind::PROPERTIES.contains(&record.kind) => {
            search_properties(body, record.tag >> 4)
        }
        Content::Atom(body) if (0xf018..=0xf117).contains(&record.kind) && !body.is_empty() => {
            unproved("a shape holds a picture")
        }
        Content::Atom(_) => Ok(()),
    }
}

fn search_properties(body: &[u8], count: u16) -> Result<(), Failure> {
    let (table, mut data) = body.split_at_checked(usize::from(count) * 6).unwrap_or_default();
    for entry in table.chunks(6) {
        let (Some(id), Some(value)) = (u16_at(entry, 0), u32_at(entry, 2)) else { continue };
        if GONE_PROPERTIES.contains(&(id & 0x3fff)) {
            return unproved("a shape reaches out");
        }
        if id & 0x8000 == 0 {
            continue;
        }
        let size = usize::try_from(value).unwrap_or(usize::MAX);
        let Some((own, rest)) = data.split_at_checked(size) else { return unproved("a shape is cut short") };
        data = rest;
        let is_file = |window: &[u8]| matches!(window, b"PK\x03\x04" | b"\x89PNG" | b"\xd0\xcf\x11\xe0");
        if own.windows(4).any(is_file) {
            return unproved("a shape holds a file");
        }
    }
    match data.is_empty() {
        true => Ok(()),
        false => unproved("a shape has bytes left over"),
    }
}

/// Every picture is of a type that is rebuilt.
fn search_pictures(bytes: &[u8], job: &mut Job<'_>) -> Result<(), Failure> {
    if bytes.is_empty() {
        return Ok(());
    }
    let Some(records) = art::parse(bytes, 0) else { return unproved("the pictures cannot be read") };
    records.iter().try_for_each(|record| search_picture(record, job))
}

fn search_picture(record: &Art<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
    match &record.content {
        Content::Container(records) => records.iter().try_for_each(|record| search_picture(record, job)),
        Content::Atom(body) if record.kind == art::kind::PICTURE_ENTRY => {
            match body.get(36..).filter(|_| body.get(33) == Some(&0)).and_then(|rest| art::parse(rest, 0)) {
                Some(inner) if inner.len() < 2 => {
                    inner.iter().try_for_each(|record| search_file(record, job))
                }
                _ => unproved("there is more than a picture"),
            }
        }
        Content::Atom(_) if (0xf018..=0xf117).contains(&record.kind) => unproved("a picture has no entry"),
        Content::Atom(_) => Ok(()),
    }
}

fn search_file(record: &Art<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
    let Content::Atom(body) = record.content else { return unproved("a picture holds pictures") };
    let expected = match record.kind {
        0xf01a => Format::Emf,
        0xf01b => Format::Wmf,
        0xf01d => Format::Jpeg,
        0xf01e => Format::Png,
        0xf029 => Format::Tiff,
        // A bitmap has no file header here.
        0xf01f => {
            return match Dib::packed(body.get(17..).unwrap_or_default(), 0, None, job.limits) {
                Some(_) => Ok(()),
                None => unproved("a bitmap is something else"),
            };
        }
        _ => return unproved("there is a picture of another kind"),
    };
    let file = match expected {
        Format::Emf | Format::Wmf => inflated(body.get(50..).unwrap_or_default(), job)?,
        _ => body.get(17..).unwrap_or_default().to_vec(),
    };
    let found = identify(&file, &Declared::default());
    match found.format == expected && found.format.is_rebuilt() && found.objection.is_none() {
        true => Ok(()),
        false => unproved("a picture is something else"),
    }
}

fn inflated(stored: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let mut file = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "capped by `take`")]
    let read = flate2::read::ZlibDecoder::new(stored).take(job.expandable()).read_to_end(&mut file);
    job.expand(u64::try_from(file.len()).unwrap_or(u64::MAX))?;
    match read {
        Ok(_) => Ok(file),
        Err(_) => unproved("a metafile cannot be read"),
    }
}
