//! The workbook's globals: its sheets, names, links to other files, strings and pictures.
//!
//! ```text
//! formula ─▶ XTI number ─▶ EXTERNSHEET ─▶ SupBook number, first and last sheet
//!         └▶ name number ─▶ Lbl ─▶ formula
//! ```
//!
//! Numbers stay right: an XTI that pointed outside points to no sheet, a name that may not stay becomes an error value,
//! and loses its name where that alone would do something.

use std::collections::{HashMap, HashSet};

use super::formula::{self, Sheets, Targets};
use super::picture;
use super::record::{Group, MAX_BODY, Writer, code, kind, u16_at, u32_at};
use super::table::{Fate, Scope, fate};
use super::text::{self, Strings};
use super::{Kept, function};
use crate::failure::Failure;
use crate::job::Job;
use crate::options::Links;
use crate::report::{Removed, What};

/// `#REF!` as a formula.
const REF_ERROR: [u8; 2] = [0x1c, 0x17];
/// SupBook that stands for the workbook itself, and for add-in functions: what follows its number of sheets.
const SELF: [u8; 2] = [0x01, 0x04];
const ADD_IN: [u8; 2] = [0x01, 0x3a];
/// "No such sheet".
const NO_SHEET: u16 = 0xffff;
/// Bits of a name that stay: hidden, complex, built in.
const NAME_FLAGS: u16 = 0x0031;
const BUILT_IN: u16 = 0x0020;
/// The built-in name of what a sheet prints.
const PRINT_AREA: &str = "\u{6}";
/// Bits that make it a function, a macro or both.
const NAME_IS_CODE: u16 = 0x000e;
/// Names of add-in functions, at most.
const MAX_EXTERN_NAMES: usize = 4096;
/// Name given to add-in functions that are not known.
const NO_FUNCTION: &str = "removed";

fn damaged(what: &str) -> Failure {
    Failure::Malformed(format!("the workbook is damaged: {what}"))
}

/// A sheet as the globals list it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) at: usize,
    /// Visible, hidden, very hidden.
    state: u8,
    pub(super) kind: u8,
    /// Length, flags, characters.
    raw_name: Vec<u8>,
    pub(super) name: String,
}

/// A defined name.
#[derive(Debug)]
struct Name {
    flags: u16,
    sheet: u16,
    /// Flags byte and characters.
    raw: Vec<u8>,
    length: u8,
    text: String,
    tokens: Vec<u8>,
    behind: Vec<u8>,
    refused: Option<What>,
}

#[derive(Debug, PartialEq)]
enum Book {
    Own,
    /// Names of functions, for each whether it may be called.
    AddIn(Vec<(String, bool)>),
    Other,
}

/// The globals as they were read.
#[derive(Debug)]
pub(super) struct Globals {
    pub(super) sheets: Vec<Listed>,
    names: Vec<Name>,
    books: Vec<Book>,
    xti: Vec<(u16, u16, u16)>,
    /// The drawing group, rebuilt.
    pictures: Option<Vec<u8>>,
    /// Colours from a theme of its own, which is left out: the formatting that refers to it goes with it.
    own_theme: bool,
}

impl Globals {
    pub(super) fn read(groups: &[Group<'_>], job: &mut Job<'_>) -> Result<Self, Failure> {
        let mut globals = Self {
            sheets: Vec::new(),
            names: Vec::new(),
            books: Vec::new(),
            xti: Vec::new(),
            pictures: None,
            own_theme: false,
        };
        let mut drawing = Vec::new();
        let mut extern_names = 0;
        for group in groups {
            let body = group.head.body;
            match group.head.code {
                code::BOUND_SHEET => {
                    globals.sheets.push(listed(body).ok_or_else(|| damaged("a sheet's entry"))?);
                }
                code::LBL => {
                    globals.names.push(name(&group.whole()).ok_or_else(|| damaged("a defined name"))?);
                }
                code::SUP_BOOK => globals.books.push(match (body.len(), body.get(2..4)) {
                    (4, Some(kind)) if kind == SELF => Book::Own,
                    (4, Some(kind)) if kind == ADD_IN => Book::AddIn(Vec::new()),
                    _ => {
                        job.removed(Removed::new(What::ExternalReference, "links to other files", 1));
                        Book::Other
                    }
                }),
                code::EXTERN_NAME => {
                    if let Some(Book::AddIn(names)) = globals.books.last_mut() {
                        extern_names += 1;
                        if extern_names > MAX_EXTERN_NAMES {
                            return Err(damaged("too many add-in functions"));
                        }
                        let length = body.get(6).copied().unwrap_or_default();
                        let name = text::characters(body, 7, length.into());
                        let name = name.map_or_else(String::new, |(name, _)| name);
                        let allowed = function::is_allowed_add_in(&name);
                        names.push((name, allowed));
                    }
                }
                code::EXTERN_SHEET => {
                    let body = group.whole();
                    let entries = body.get(2..).unwrap_or_default().as_chunks::<6>().0;
                    let count = usize::from(u16_at(&body, 0).unwrap_or_default());
                    globals.xti.extend(entries.iter().take(count).map(|entry| {
                        let short = |at| u16_at(entry, at).unwrap_or_default();
                        (short(0), short(2), short(4))
                    }));
                }
                code::MSO_DRAWING_GROUP => drawing.extend(group.whole()),
                // Theme: a version that is not one of Excel's comes with a package of its own.
                0x0896 if body.len() > 16 => globals.own_theme = true,
                _ => {}
            }
        }
        if !drawing.is_empty() {
            globals.pictures = picture::rebuild(&drawing, job)?;
            if globals.pictures.is_none() {
                job.removed(Removed::new(What::UnknownPart, "drawings", 1));
            }
        }
        Ok(globals)
    }

    pub(super) fn has_drawings(&self) -> bool {
        self.pictures.is_some()
    }

    /// What formulas may refer to; decides which names may stay. `kept`: what becomes of each sheet.
    pub(super) fn targets(&mut self, kept: &[Kept], job: &mut Job<'_>) -> Targets {
        // For each sheet how many before it are emptied.
        let mut emptied = vec![0_usize];
        for kept in kept {
            let before = emptied.last().copied().unwrap_or_default();
            emptied.push(before + usize::from(matches!(kept, Kept::Emptied(_))));
        }
        let before = |sheet: usize| emptied.get(sheet.min(kept.len())).copied().unwrap_or_default();
        let sheets = self.xti.iter().map(|&(book, first, last)| match self.books.get(usize::from(book)) {
            Some(Book::Own) => {
                let (from, to) = (before(first.into()), before(usize::from(last) + 1));
                match first <= last && last < NO_SHEET - 1 && from < to {
                    true => Sheets::Gone(What::MacroSheet),
                    false => Sheets::Own,
                }
            }
            Some(Book::AddIn(_)) => Sheets::AddIn(book.into()),
            Some(Book::Other) | None => Sheets::Gone(What::ExternalReference),
        });
        let add_ins = self.books.iter().map(|book| match book {
            Book::AddIn(names) => names.iter().map(|(_, allowed)| *allowed).collect(),
            Book::Own | Book::Other => Vec::new(),
        });
        let mut targets = Targets {
            sheets: sheets.collect(),
            add_ins: add_ins.collect(),
            names: vec![None; self.names.len()],
            links: job.options.links == Links::Keep,
        };
        self.place_print_areas(kept, &mut targets, job);
        let mut users: Vec<Vec<usize>> = vec![Vec::new(); self.names.len()];
        let mut waiting = Vec::new();
        for (number, name) in self.names.iter_mut().enumerate() {
            let found = formula::read(&name.tokens, &name.behind, &targets);
            name.behind.truncate(found.extra);
            name.refused = name.is_code().or(found.refused);
            if name.refused.is_some() {
                waiting.push(number);
            }
            for used in found.names {
                let used = usize::try_from(used).unwrap_or_default().saturating_sub(1);
                if let Some(users) = users.get_mut(used) {
                    users.push(number);
                }
            }
        }
        // A name that uses a name that may not stay may not stay.
        while let Some(number) = waiting.pop() {
            let Some(what) = self.names.get(number).and_then(|name| name.refused) else { continue };
            for &user in users.get(number).into_iter().flatten() {
                if let Some(name) = self.names.get_mut(user).filter(|name| name.refused.is_none()) {
                    name.refused = Some(what);
                    waiting.push(user);
                }
            }
        }
        for name in &self.names {
            if let Some(what) = name.refused {
                job.removed(Removed::new(what, &format!("name {}", name.text), 1));
            }
        }
        targets.names = self.names.iter().map(|name| name.refused).collect();
        targets
    }

    /// A sheet that was copied here from another file may have print areas that say they are on that file's sheet. What a
    /// sheet prints is on the sheet: there they are now.
    fn place_print_areas(&mut self, kept: &[Kept], targets: &mut Targets, job: &mut Job<'_>) {
        let own = self.books.iter().position(|book| *book == Book::Own).unwrap_or(self.books.len());
        let Ok(book) = u16::try_from(own) else { return };
        let mut entries = HashMap::new();
        for name in &mut self.names {
            let Some((sheet, link)) = name.print_area() else { continue };
            let is_elsewhere =
                targets.sheets.get(usize::from(link)) == Some(&Sheets::Gone(What::ExternalReference));
            if !is_elsewhere || kept.get(usize::from(sheet)) != Some(&Kept::Sheet) {
                continue;
            }
            let free = u16::try_from(self.xti.len()).ok().filter(|&number| number < u16::MAX);
            let Some(free) = free else { return };
            let number = *entries.entry(sheet).or_insert(free);
            if number == free {
                self.xti.push((book, sheet, sheet));
                targets.sheets.push(Sheets::Own);
            }
            if own == self.books.len() {
                self.books.push(Book::Own);
                targets.add_ins.push(Vec::new());
            }
            if let Some(link) = name.tokens.get_mut(1..3) {
                link.copy_from_slice(&number.to_le_bytes());
            }
            job.removed(Removed::new(What::ExternalReference, "file in a print area", 1));
        }
    }

    /// Writes the globals; gives the places where the positions of the sheets belong.
    pub(super) fn write(
        &self,
        groups: &[Group<'_>],
        kept: &[Kept],
        strings: &Strings,
        to: &mut Writer,
        job: &mut Job<'_>,
    ) -> Result<Vec<usize>, Failure> {
        let mut places = Vec::new();
        let mut sheets = self.sheets.iter().zip(kept);
        let mut names = self.names.iter().enumerate();
        let taken: HashSet<String> = self.names.iter().map(|name| name.text.to_lowercase()).collect();
        let (mut wrote_books, mut wrote_pictures, mut wrote_strings) = (false, false, false);
        for group in groups {
            match group.head.code {
                code::BOF => to.put(code::BOF, &super::bof(kind::GLOBALS))?,
                code::EOF => {
                    if !wrote_strings && strings.len() > 0 {
                        strings.write(to)?;
                    }
                    to.put(code::EOF, &[])?;
                }
                code::BOUND_SHEET => {
                    let Some((sheet, kept)) = sheets.next() else { continue };
                    places.push(to.out.len() + 4);
                    let mut body = vec![0; 4];
                    body.extend([sheet.state, kept.kind()]);
                    body.extend_from_slice(&sheet.raw_name);
                    to.put(code::BOUND_SHEET, &body)?;
                }
                code::SUP_BOOK | code::EXTERN_SHEET | code::EXTERN_NAME => {
                    if !std::mem::replace(&mut wrote_books, true) {
                        self.write_books(to)?;
                    }
                }
                code::LBL => {
                    let Some((number, name)) = names.next() else { continue };
                    Self::write_name(name, number + 1, &taken, to)?;
                }
                code::MSO_DRAWING_GROUP => {
                    if let (Some(pictures), false) =
                        (&self.pictures, std::mem::replace(&mut wrote_pictures, true))
                    {
                        to.put_long(code::MSO_DRAWING_GROUP, code::MSO_DRAWING_GROUP, pictures, MAX_BODY)?;
                    }
                }
                code::SST => {
                    if !std::mem::replace(&mut wrote_strings, true) {
                        strings.write(to)?;
                    }
                }
                // WriteAccess: who saved it. An empty name, filled up with blanks.
                0x005c => {
                    let mut body = vec![0x20; 112];
                    body.splice(..3, [0; 3]);
                    if group.head.body != body {
                        job.removed(Removed::new(What::Metadata, "user name", 1));
                    }
                    to.put(0x005c, &body)?;
                }
                // RRTabId: a number for each sheet, at most.
                0x013d => {
                    let body = group.head.body;
                    let length = (self.sheets.len() * 2).min(body.len() & !1);
                    to.put(0x013d, body.get(..length).unwrap_or_default())?;
                }
                // RefreshAll, BookBool: nothing is refreshed on opening.
                0x01b7 | 0x00da => to.put(group.head.code, &[0; 2])?,
                // Theme of Excel's own: its version, no package.
                0x0896 if !self.own_theme => {
                    if let Some(body) = group.head.body.get(..16) {
                        to.put(0x0896, body)?;
                    }
                }
                0x0896 => job.removed(Removed::new(What::UnknownPart, "theme", 1)),
                0x087c | 0x087d | 0x0892 if self.own_theme => {}
                other => match fate(Scope::Globals, other, group.head.body) {
                    Fate::Copied(length) => {
                        to.put(other, group.head.body.get(..length).unwrap_or_default())?;
                        if group.head.body.iter().skip(length).any(|&byte| byte != 0) {
                            job.removed(Removed::new(What::UnknownPart, &place(other), 1));
                        }
                        if !group.tail.is_empty() {
                            job.removed(Removed::new(What::UnknownPart, &place(code::CONTINUE), 1));
                        }
                    }
                    Fate::Dropped => {}
                    Fate::Removed(what) => job.removed(Removed::new(what, &place(other), 1)),
                },
            }
        }
        Ok(places)
    }

    fn write_books(&self, to: &mut Writer) -> Result<(), Failure> {
        let count = u16::try_from(self.sheets.len()).map_err(|_| damaged("too many sheets"))?;
        let [low, high] = count.to_le_bytes();
        let [first, second] = SELF;
        to.put(code::SUP_BOOK, &[low, high, first, second])?;
        // Add-in functions follow, each set in a book of its own.
        let mut numbers = Vec::new();
        let mut next = 1_u16;
        for book in &self.books {
            numbers.push(match book {
                Book::AddIn(_) => next,
                Book::Own | Book::Other => 0,
            });
            let Book::AddIn(names) = book else { continue };
            next = next.saturating_add(1);
            let [first, second] = ADD_IN;
            to.put(code::SUP_BOOK, &[1, 0, first, second])?;
            for (name, allowed) in names {
                let name = if *allowed { name } else { NO_FUNCTION };
                let (length, characters) = text::encoded(name);
                let mut body = vec![0; 6];
                body.push(u8::try_from(length).unwrap_or_default());
                body.extend(characters);
                body.extend([2, 0]);
                body.extend(REF_ERROR);
                to.put(code::EXTERN_NAME, &body)?;
            }
        }
        let mut body =
            u16::try_from(self.xti.len()).map_err(|_| damaged("too many links"))?.to_le_bytes().to_vec();
        for &(book, first, last) in &self.xti {
            let known = self.books.get(usize::from(book));
            let (first, last) = match known {
                Some(Book::Own | Book::AddIn(_)) => (first, last),
                Some(Book::Other) | None => (NO_SHEET, NO_SHEET),
            };
            let book = numbers.get(usize::from(book)).copied().unwrap_or_default();
            body.extend([book, first, last].iter().flat_map(|short| short.to_le_bytes()));
        }
        // Whole entries in each record.
        let (first, rest) = body.split_at_checked(2 + 1370 * 6).unwrap_or((&body, &[]));
        to.put(code::EXTERN_SHEET, first)?;
        rest.chunks(1370 * 6).try_for_each(|piece| to.put(code::CONTINUE, piece))
    }

    /// `taken`: all the workbook's names, in lower case.
    fn write_name(
        name: &Name,
        number: usize,
        taken: &HashSet<String>,
        to: &mut Writer,
    ) -> Result<(), Failure> {
        let (mut flags, mut length, mut raw) = (name.flags & NAME_FLAGS, name.length, name.raw.clone());
        // Excel takes built-in names at their word: a print area that is an error prints nothing.
        let loses_name = name.is_code().is_some() || name.refused.is_some() && name.flags & BUILT_IN != 0;
        if loses_name {
            let free = (0..200)
                .map(|n| format!("removed_{number}{}", "_".repeat(n)))
                .find(|name| !taken.contains(name));
            let (count, characters) = text::encoded(&free.ok_or_else(|| damaged("a defined name"))?);
            flags = 1;
            length = u8::try_from(count).unwrap_or_default();
            raw = characters;
        }
        let (tokens, behind) = match name.refused {
            Some(_) => (REF_ERROR.as_slice(), [].as_slice()),
            None => (name.tokens.as_slice(), name.behind.as_slice()),
        };
        let size = u16::try_from(tokens.len()).map_err(|_| damaged("a defined name"))?;
        let mut body = flags.to_le_bytes().to_vec();
        body.extend([0, length]);
        body.extend(size.to_le_bytes());
        body.extend([0; 2]);
        body.extend(name.sheet.to_le_bytes());
        body.extend([0; 4]);
        body.extend(raw);
        body.extend_from_slice(tokens);
        body.extend_from_slice(behind);
        to.put_long(code::LBL, code::CONTINUE, &body, MAX_BODY)
    }
}

/// What a record is called in a report.
pub(super) fn place(code: u16) -> String {
    format!("record 0x{code:04x}")
}

fn listed(body: &[u8]) -> Option<Listed> {
    let at = usize::try_from(u32_at(body, 0)?).ok()?;
    let length = *body.get(6)?;
    let (name, end) = text::characters(body, 7, length.into())?;
    let raw_name = body.get(6..end)?.to_vec();
    Some(Listed { at, state: body.get(4)? & 3, kind: *body.get(5)?, raw_name, name })
}

fn name(body: &[u8]) -> Option<Name> {
    let length = *body.get(3)?;
    let size = usize::from(u16_at(body, 4)?);
    let (text, end) = text::characters(body, 14, length.into())?;
    let tokens = body.get(end..end.checked_add(size)?)?;
    Some(Name {
        flags: u16_at(body, 0)?,
        sheet: u16_at(body, 8)?,
        raw: body.get(14..end)?.to_vec(),
        length,
        text,
        tokens: tokens.to_vec(),
        behind: body.get(end + size..)?.to_vec(),
        refused: None,
    })
}

impl Name {
    /// Of a sheet's print area that is one range of cells of a sheet: that sheet's number, and the number of the XTI.
    fn print_area(&self) -> Option<(u16, u16)> {
        let is_range = matches!(
            (self.tokens.first()?, self.tokens.len()),
            (0x3a | 0x5a | 0x7a, 7) | (0x3b | 0x5b | 0x7b, 11)
        );
        let is_area = self.flags & BUILT_IN != 0 && self.text == PRINT_AREA;
        (is_range && is_area).then_some(())?;
        Some((self.sheet.checked_sub(1)?, u16_at(&self.tokens, 1)?))
    }

    /// Whether it runs something: a macro's or function's name, or one that Excel runs on its own.
    fn is_code(&self) -> Option<What> {
        runs(self.flags, &self.text)
    }
}

/// Why a defined name with these flags runs something, if it does.
pub(super) fn runs(flags: u16, name: &str) -> Option<What> {
    // Auto_Open, Auto_Close, Auto_Activate, Auto_Deactivate as built-in names are single characters.
    if flags & BUILT_IN != 0 && matches!(name.as_bytes(), [1 | 2 | 10 | 11]) {
        return Some(What::MacroSheet);
    }
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if ["autoopen", "autoclose", "autoactivate", "autodeactivate"].iter().any(|auto| plain.contains(auto)) {
        return Some(What::MacroSheet);
    }
    // Functions of later versions and of users, which a formula of this version calls by a name of the workbook.
    let lower = name.to_lowercase();
    if ["_xlfn", "_xlws", "_xludf"].iter().any(|prefix| lower.starts_with(prefix)) {
        return Some(What::Extension);
    }
    (flags & NAME_IS_CODE != 0).then_some(What::Macro)
}
