//! Excel 97 to 2003 workbooks (MS-XLS, BIFF8), rebuilt record by record.
//!
//! ```text
//!            compound            record              globals + sheet                  compound
//! bytes ──▶ Workbook stream ──▶ substreams ──▶ only listed records, formulas read ──▶ a new file with nothing but
//!                               by position       token by token, drawings taken      a Workbook stream
//!                                                 apart, positions written anew
//!                                    verify: the new file read from scratch, by a list of its own ──▶ proof
//! ```
//!
//! Macro sheets, VBA module sheets and dialogs become empty sheets of the same name, so that the numbers by which formulas
//! know sheets stay right. Formulas that reach what is gone become their last value.
//!
//! | module | question it answers |
//! |---|---|
//! | `record` | which records does the stream have? |
//! | `table` | which of them may be copied? **the allow list** |
//! | `length` | how long are they by their own counts? |
//! | `globals` | which sheets, names and links does the workbook have, and which stay? |
//! | `sheet` | what may not stand in a kept sheet? |
//! | `formula`, `function` | what does a formula reach, and what may it call? |
//! | `drawing`, `object`, `art` | what becomes of shapes, form elements and embedded objects? |
//! | `line` | which lines of older versions stay? |
//! | `picture` | what becomes of pictures? |
//! | `link` | which links may stay? |
//! | `text` | how are strings stored? |
//! | `verify` | is everything that must be gone gone? |

mod art;
mod drawing;
mod formula;
mod function;
mod globals;
mod length;
mod line;
mod link;
mod object;
mod picture;
mod record;
mod sheet;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod verify;

use crate::compound::{Class, Compound, Storage};
use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;
use crate::report::{Removed, What};
use globals::Globals;
use record::{Record, Writer, code, kind, record_at, u16_at};
use sheet::Context;
use text::Strings;

pub(crate) use verify::verify;

/// {00020820-0000-0000-C000-000000000046}: Excel 97 and later.
const CLASS: Class = [0x20, 8, 2, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];
const STREAM: &str = "Workbook";
/// BOF's version in workbooks of Excel 97 and later.
const VERSION: u16 = 0x0600;
/// Bit of WsBool that makes a sheet a dialog.
const IS_DIALOG: u16 = 0x0010;

/// What becomes of a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    Sheet,
    Chart,
    /// An empty sheet takes its place.
    Emptied(What),
}

impl Kept {
    /// As BoundSheet names it.
    fn kind(self) -> u8 {
        match self {
            Self::Chart => 2,
            Self::Sheet | Self::Emptied(_) => 0,
        }
    }
}

/// Writes the workbook anew from what is on the allow list.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let compound = Compound::parse(bytes, job)?;
    let root = &compound.root;
    let (used, stream) = match (root.stream(STREAM)?, root.stream("Book")) {
        (Some(stream), _) => (STREAM, stream),
        (None, Ok(Some(stream))) => ("Book", stream),
        (None, Ok(None)) => return Err(Failure::Malformed("the file has no workbook".to_owned())),
        (None, Err(failure)) => return Err(failure),
    };
    check_version(stream)?;
    let stream = rebuild_stream(stream, job)?;
    compound.unreachable.note(job);
    note_others(root, used, job)?;
    let mut root = Storage::new("Root Entry", CLASS);
    root.add(STREAM, stream);
    Ok(Rewritten { bytes: root.write()?, format: Format::Xls })
}

/// Only workbooks of Excel 97 and later, not encrypted.
fn check_version(stream: &[u8]) -> Result<(), Failure> {
    let Some((bof, mut at)) = record_at(stream, 0) else {
        return Err(Failure::Malformed("the workbook is empty".to_owned()));
    };
    // BOF records have a code of their own in each of the versions 2 to 4.
    if matches!(bof.code, 0x0009 | 0x0209 | 0x0409) {
        return Err(Failure::Refused("workbooks of Excel 2 to 4 are not accepted".to_owned()));
    }
    let (version, kind) = (u16_at(bof.body, 0), u16_at(bof.body, 2));
    if bof.code != code::BOF || kind != Some(kind::GLOBALS) {
        return Err(Failure::Malformed("the workbook does not begin as it should".to_owned()));
    }
    while let Some((record, next)) = record_at(stream, at) {
        match record.code {
            code::FILE_PASS => return Err(Failure::Encrypted("the workbook is encrypted".to_owned())),
            code::EOF => break,
            _ => at = next,
        }
    }
    match version {
        Some(VERSION) => Ok(()),
        _ => Err(Failure::Refused("workbooks of Excel 5.0 and 95 are not accepted".to_owned())),
    }
}

fn rebuild_stream(stream: &[u8], job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
    let (records, end) = record::substream(stream, 0, job)?;
    let groups = record::groups(&records);
    let mut globals = Globals::read(&groups, job)?;
    let mut ranges = vec![(0, end)];
    let mut sheets = Vec::new();
    for listed in &globals.sheets {
        let (records, end) = match listed.kind {
            6 if listed.at == 0 || listed.at >= stream.len() => (Vec::new(), listed.at),
            _ => record::substream(stream, listed.at, job)?,
        };
        ranges.push((listed.at, end));
        sheets.push((kept(listed.kind, &records), records));
    }
    note_gaps(stream, &mut ranges, job)?;

    let kept: Vec<Kept> = sheets.iter().map(|(kept, _)| *kept).collect();
    let targets = globals.targets(&kept, job);
    let mut strings = match groups.iter().find(|group| group.head.code == code::SST) {
        Some(group) => Strings::parse(group, job)?,
        None => Strings::default(),
    };
    let mut context = Context {
        targets: &targets,
        shared: u32::try_from(strings.len()).unwrap_or(u32::MAX),
        strings: &mut strings,
        drawings: globals.has_drawings(),
    };
    let mut body = Writer::default();
    let mut starts = Vec::new();
    for ((kept, records), listed) in sheets.iter().zip(&globals.sheets) {
        starts.push(body.out.len());
        let place = format!("sheet {}", listed.name);
        if let Kept::Emptied(what) = kept {
            job.removed(Removed::new(*what, &place, 1));
            empty_sheet(&mut body)?;
        } else {
            sheet::rebuild(records, &place, &mut context, &mut body, job)?;
        }
    }

    let mut out = Writer::default();
    let places = globals.write(&groups, &kept, &strings, &mut out, job)?;
    let mut out = out.out;
    let base = out.len();
    for (place, start) in places.into_iter().zip(starts) {
        let position = u32::try_from(base + start)
            .map_err(|_| Failure::Malformed("the workbook would be too large".to_owned()))?;
        if let Some(place) = out.get_mut(place..place + 4) {
            place.copy_from_slice(&position.to_le_bytes());
        }
    }
    out.append(&mut body.out);
    Ok(out)
}

/// What becomes of a sheet, by what its entry says, its BOF says, and whether it is a dialog.
fn kept(listed: u8, records: &[Record<'_>]) -> Kept {
    let is_dialog = |record: &Record<'_>| {
        record.code == 0x0081 && u16_at(record.body, 0).is_some_and(|flags| flags & IS_DIALOG != 0)
    };
    let bof = records.first().map(|record| record.body).unwrap_or_default();
    match (listed, u16_at(bof, 2), u16_at(bof, 0)) {
        (0, Some(kind::SHEET), Some(VERSION)) if records.iter().any(is_dialog) => {
            Kept::Emptied(What::Control)
        }
        (0, Some(kind::SHEET), Some(VERSION)) => Kept::Sheet,
        (2, Some(kind::CHART), Some(VERSION)) => Kept::Chart,
        (6, ..) => Kept::Emptied(What::Macro),
        (1, ..) | (_, Some(0x0040), _) => Kept::Emptied(What::MacroSheet),
        _ => Kept::Emptied(What::UnknownPart),
    }
}

/// Substreams may not overlap; what lies between and behind them is noted.
fn note_gaps(stream: &[u8], ranges: &mut Vec<(usize, usize)>, job: &mut Job<'_>) -> Result<(), Failure> {
    ranges.retain(|(start, end)| start < end);
    ranges.sort_unstable();
    let mut at = 0;
    for &(start, end) in ranges.iter().chain([&(stream.len(), stream.len())]) {
        if start < at {
            return Err(Failure::Malformed("two sheets of the workbook share their records".to_owned()));
        }
        let gap = stream.get(at..start).unwrap_or_default();
        if gap.iter().any(|&byte| byte != 0) {
            job.removed(Removed::bytes(What::Unreachable, "between the sheets", gap));
        }
        at = end;
    }
    Ok(())
}

/// BOF of a substream of this kind: version, kind, build and year of Excel 2000, history, lowest version.
fn bof(kind: u16) -> Vec<u8> {
    [VERSION, kind, 0x0dbb, 0x07cc, 0x0041, 0, 0x0006, 0]
        .iter()
        .flat_map(|short| short.to_le_bytes())
        .collect()
}

/// BOF, no cells, a window, EOF.
fn empty_sheet(to: &mut Writer) -> Result<(), Failure> {
    to.put(code::BOF, &bof(kind::SHEET))?;
    to.put(0x0200, &[0; 14])?;
    // Window2: grid, headings, zeros shown; first cell A1.
    to.put(0x023e, &[0xb6, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
    to.put(code::EOF, &[])
}

/// Notes all that the file has beside the stream that is used.
fn note_others(root: &Storage<'_>, used: &str, job: &mut Job<'_>) -> Result<(), Failure> {
    let named = |name: &str| match name.trim_start_matches(char::is_control).to_lowercase().as_str() {
        "_vba_project_cur" | "macros" | "vba" | "_vba_project" => What::Macro,
        "_signatures" | "_xmlsignatures" => What::Signature,
        "_sx_db_cur" => What::DataConnection,
        "ctls" => What::Control,
        "objectpool" | "ole" | "ole10native" | "equation native" => What::EmbeddedObject,
        name if name.starts_with("mbd") || name.starts_with("lnk") => What::EmbeddedObject,
        "summaryinformation" | "documentsummaryinformation" | "compobj" | "user names" | "revision log" => {
            What::Metadata
        }
        _ => What::UnknownPart,
    };
    let streams = root.streams.iter().filter(|stream| !stream.name.eq_ignore_ascii_case(used));
    let streams = streams.map(|stream| Removed::bytes(named(&stream.name), &stream.name, &stream.bytes));
    let names = root.storages.iter().map(|storage| &storage.name).chain(&root.unreadable);
    for removed in streams.chain(names.map(|name| Removed::new(named(name), name, 1))) {
        if removed.what == What::Signature && job.options.signed == crate::options::Signed::Quarantine {
            return Err(Failure::Refused("the workbook is signed".to_owned()));
        }
        job.removed(removed);
    }
    Ok(())
}
