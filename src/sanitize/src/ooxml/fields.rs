//! Which Word fields may stay?
//!
//! A field is an instruction and the text it last gave. Only listed instructions stay; of any other the text stays:
//!
//! ```text
//! <fldChar begin/>  instrText…  [nested field]  <fldChar separate/>  shown text  <fldChar end/>
//! └──────────────── goes as a whole ─────────────────────────────┘   stays       └─ goes ────┘
//! ```
//!
//! An instruction may be split over runs, spelled by nested fields, or read differently with tracked changes accepted
//! or refused; each reading has to be on the list. A field may not reach over the border of a story (text box, note)
//! or of an `mc:AlternateContent` branch: programs disagree on what lies in between.

use std::collections::HashMap;

use memchr::memmem;

use super::namespace::Ns;
use super::xml::{Element, Event};
use crate::markup::link;
use crate::options::Links;
use crate::report::What;

/// What becomes of an element, by its [`Element::id`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    Drop,
    /// The instruction becomes shown text.
    Show(String),
    /// The element goes, its children stay.
    Unwrap,
}

/// Field instructions (ECMA-376 part 1, 17.16.5) that neither fetch, run, nor embed.
const ALLOWED: &[&str] = &[
    "=",
    "ADDRESSBLOCK",
    "ADVANCE",
    "ASK",
    "AUTHOR",
    "AUTONUM",
    "AUTONUMLGL",
    "AUTONUMOUT",
    "AUTOTEXT",
    "AUTOTEXTLIST",
    "BARCODE",
    "BIBLIOGRAPHY",
    "BIDIOUTLINE",
    "CITATION",
    "COMMENTS",
    "COMPARE",
    "CREATEDATE",
    "DATE",
    "DISPLAYBARCODE",
    "DOCPROPERTY",
    "DOCVARIABLE",
    "EDITTIME",
    "EQ",
    "FILENAME",
    "FILESIZE",
    "FILLIN",
    "FORMCHECKBOX",
    "FORMDROPDOWN",
    "FORMTEXT",
    "GREETINGLINE",
    "HYPERLINK",
    "IF",
    "INDEX",
    "INFO",
    "KEYWORDS",
    "LASTSAVEDBY",
    "LISTNUM",
    "MERGEBARCODE",
    "MERGEFIELD",
    "MERGEREC",
    "MERGESEQ",
    "NEXT",
    "NEXTIF",
    "NOTEREF",
    "NUMCHARS",
    "NUMPAGES",
    "NUMWORDS",
    "PAGE",
    "PAGEREF",
    "PRINTDATE",
    "REF",
    "REVNUM",
    "SAVEDATE",
    "SECTION",
    "SECTIONPAGES",
    "SEQ",
    "SET",
    "SHAPE",
    "SKIPIF",
    "STYLEREF",
    "SUBJECT",
    "SYMBOL",
    "TA",
    "TC",
    "TEMPLATE",
    "TIME",
    "TITLE",
    "TOA",
    "TOC",
    "USERADDRESS",
    "USERINITIALS",
    "USERNAME",
    "XE",
];

/// Instructions that show their own last words instead of a result: `MACROBUTTON name shown words`.
const SELF_SHOWN: &[&str] = &["MACROBUTTON", "GOTOBUTTON"];

/// Words that are refused wherever they stand in an instruction, but for the texts of links and references.
const NEVER: &[&str] = &["DDE", "DDEAUTO", "INCLUDETEXT", "INCLUDEPICTURE"];

/// Why an instruction may not stay. `links`: what becomes of links to the web; those to places in the document stay.
pub(crate) fn refused(instruction: &str, links: Links) -> Option<What> {
    let instruction = instruction.trim();
    let keyword = keyword(instruction);
    if !ALLOWED.contains(&keyword.as_str()) {
        return Some(What::Field);
    }
    if keyword == LINK {
        return refused_link(instruction.get(LINK.len()..).unwrap_or_default(), links);
    }
    let quotes_text = matches!(keyword.as_str(), "REF" | "PAGEREF" | "TOC" | "XE" | "TC" | "TA" | "SEQ");
    let word = |word: &str| NEVER.iter().any(|never| word.eq_ignore_ascii_case(never));
    let is_hidden = !quotes_text && instruction.split(|c: char| !c.is_ascii_alphanumeric()).any(word);
    is_hidden.then_some(What::Field)
}

/// Whether an instruction is that of a link: what a nested field shows may become its address.
pub(crate) fn is_link(instruction: &str) -> bool {
    keyword(instruction) == LINK
}

/// The word that says what an instruction does, in capitals.
pub(crate) fn keyword(instruction: &str) -> String {
    let instruction = instruction.trim_start();
    if instruction.starts_with('=') {
        return "=".to_owned();
    }
    let ends = |c: char| c.is_whitespace() || c == '\\' || c == '"';
    instruction.split(ends).next().unwrap_or_default().to_ascii_uppercase()
}

const LINK: &str = "HYPERLINK";

/// What may follow `\*` (ECMA-376 part 1, 17.16.4.3.1).
const FORMATS: &[&str] =
    &["MERGEFORMAT", "MERGEFORMATINET", "CHARFORMAT", "Caps", "FirstCap", "Lower", "Upper"];

/// `HYPERLINK "address" \l "place in it" \o "tip" \t "frame" \n \m`, in any order.
fn refused_link(arguments: &str, links: Links) -> Option<What> {
    let mut rest = arguments.trim_start();
    let mut address: Option<String> = None;
    let mut is_local = false;
    while let Some(c) = rest.chars().next() {
        if c == '\\' {
            let switch = rest.chars().nth(1).unwrap_or_default().to_ascii_lowercase();
            rest = rest.get(1 + switch.len_utf8()..).unwrap_or_default().trim_start();
            is_local |= switch == 'l';
            if matches!(switch, 'l' | 'o' | 't') && !rest.starts_with('\\') {
                rest = argument(rest).1;
            } else if switch == '*' {
                let (format, after) = argument(rest);
                if !FORMATS.iter().any(|known| format.eq_ignore_ascii_case(known)) {
                    return Some(What::Link);
                }
                rest = after;
            } else if !matches!(switch, 'l' | 'o' | 't' | 'm' | 'n' | 'h') {
                return Some(What::Link);
            }
        } else {
            let (text, after) = argument(rest);
            rest = after;
            if address.replace(text).is_some() {
                return Some(What::Link);
            }
        }
    }
    match address {
        Some(address) if address.starts_with('#') || link::may_lead_to(&address, links) => None,
        Some(address) if address.is_empty() && is_local => None,
        None if is_local => None,
        _ => Some(What::Link),
    }
}

/// One argument, quoted or not, and what follows it.
fn argument(text: &str) -> (String, &str) {
    let (open, close): (usize, &[char]) = match text.chars().next() {
        Some('"') => (1, &['"']),
        Some(c @ ('\u{201c}' | '\u{201d}' | '\u{201e}')) => (c.len_utf8(), &['\u{201c}', '\u{201d}']),
        _ => (0, &[' ', '\t', '\n', '\r', '\u{a0}']),
    };
    let body = text.get(open..).unwrap_or_default();
    let end = body.find(close).unwrap_or(body.len());
    let value = body.get(..end).unwrap_or_default().to_owned();
    let rest = body.get(end..).unwrap_or_default();
    let skipped = rest.chars().next().filter(|_| open > 0).map_or(0, char::len_utf8);
    (value, rest.get(skipped..).unwrap_or_default().trim_start())
}

/// The words that an instruction of [`SELF_SHOWN`] shows.
pub(crate) fn self_shown(instruction: &str) -> Option<String> {
    let (keyword, rest) = instruction.trim_start().split_once(' ')?;
    let (_, shown) = rest.trim_start().split_once(' ')?;
    SELF_SHOWN.iter().any(|known| keyword.eq_ignore_ascii_case(known)).then(|| shown.trim().to_owned())
}

/// One open field.
#[derive(Default)]
struct Open {
    /// The field's own elements, and all that stands in its instruction.
    instruction_ids: Vec<u32>,
    frame_ids: Vec<u32>,
    readings: Readings,
    in_result: bool,
    /// A nested field stood where the keyword has to be.
    keyword_is_computed: bool,
    has_nested: bool,
}

/// The instruction as read in several ways.
#[derive(Default)]
struct Readings {
    all: String,
    accepted: String,
    rejected: String,
}

impl Readings {
    fn push(&mut self, text: &str, deleted: bool, inserted: bool) {
        self.all.push_str(text);
        if !deleted {
            self.accepted.push_str(text);
        }
        if !inserted {
            self.rejected.push_str(text);
        }
    }

    fn refused(&self, links: Links, has_nested: bool) -> Option<What> {
        // What a nested field shows may become the address.
        let is_computed = |text: &str| has_nested && is_link(text);
        [&self.all, &self.accepted, &self.rejected]
            .into_iter()
            .filter(|text| !text.trim().is_empty())
            .find_map(|text| refused(text, links).or_else(|| is_computed(text).then_some(What::Link)))
    }
}

/// Whether a part may hold a field at all: some element's name says so.
pub(super) fn may_be_in(part: &str) -> bool {
    ["fldChar", "fldSimple", "nstrText"]
        .iter()
        .any(|name| memmem::find(part.as_bytes(), name.as_bytes()).is_some())
}

/// Collects the marks of one part from its events; without [fields](may_be_in) there are none.
#[derive(Default)]
pub(super) struct Scanner {
    links: Links,
    marks: HashMap<u32, Mark>,
    refused: Vec<What>,
    /// One stack of open fields per open story.
    stories: Vec<Vec<Open>>,
    /// Open elements: what to undo at their end.
    path: Vec<Step>,
    deleted: u32,
    inserted: u32,
    /// Instruction text being read.
    code: Option<(u32, bool, String)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Plain,
    Story,
    Deleted,
    Inserted,
    Code,
}

impl Scanner {
    pub(super) fn new(links: Links) -> Self {
        Self { links, stories: vec![Vec::new()], ..Self::default() }
    }

    pub(super) fn event(&mut self, event: &Event<'_, '_>) {
        match event {
            Event::Start(element) => self.start(element),
            Event::Text(text) => {
                if let Some((_, _, code)) = &mut self.code {
                    code.push_str(text);
                }
            }
            Event::End => self.end(),
        }
    }

    /// The marks, and why each field that goes was refused.
    pub(super) fn finish(mut self) -> (HashMap<u32, Mark>, Vec<What>) {
        for story in std::mem::take(&mut self.stories) {
            self.close_story(story);
        }
        (self.marks, self.refused)
    }

    fn start(&mut self, element: &Element<'_>) {
        let in_instruction =
            self.stories.last_mut().and_then(|story| story.iter_mut().rev().find(|open| !open.in_result));
        let step = match (element.name.ns, element.name.local()) {
            (Ns::W, "txbxContent" | "comment" | "footnote" | "endnote" | "docPart" | "hdr" | "ftr")
            | (Ns::Mc, "Choice" | "Fallback") => {
                // What an outer instruction would make of an inner story is anyone's guess.
                if let Some(open) = in_instruction {
                    open.keyword_is_computed = true;
                }
                self.stories.push(Vec::new());
                Step::Story
            }
            (Ns::W, "del" | "moveFrom") => {
                self.deleted += 1;
                Step::Deleted
            }
            (Ns::W, "ins" | "moveTo") => {
                self.inserted += 1;
                Step::Inserted
            }
            (Ns::W, "fldChar") => {
                self.field_char(element);
                Step::Plain
            }
            (Ns::W, "fldSimple") => {
                if let Some(what) = refused(element.attribute("instr").unwrap_or_default(), self.links) {
                    self.refused.push(what);
                    self.marks.insert(element.id, Mark::Unwrap);
                }
                if let Some(open) = in_instruction {
                    open.nest();
                }
                Step::Plain
            }
            (Ns::W, local @ ("instrText" | "delInstrText")) => {
                self.code = Some((element.id, local == "delInstrText", String::new()));
                Step::Code
            }
            (Ns::W, "t" | "delText" | "tab" | "br" | "sym" | "drawing" | "pict" | "object") => {
                if let Some(open) = in_instruction {
                    open.instruction_ids.push(element.id);
                }
                Step::Plain
            }
            _ => Step::Plain,
        };
        self.path.push(step);
    }

    fn end(&mut self) {
        match self.path.pop() {
            Some(Step::Story) => {
                let story = self.stories.pop().unwrap_or_default();
                self.close_story(story);
            }
            Some(Step::Deleted) => self.deleted -= 1,
            Some(Step::Inserted) => self.inserted -= 1,
            Some(Step::Code) => self.code_ends(),
            Some(Step::Plain) | None => {}
        }
    }

    fn field_char(&mut self, element: &Element<'_>) {
        let Some(story) = self.stories.last_mut() else { return };
        match element.attribute("fldCharType") {
            Some("begin") => {
                if let Some(outer) = story.iter_mut().rev().find(|open| !open.in_result) {
                    outer.nest();
                }
                story.push(Open { frame_ids: vec![element.id], ..Open::default() });
            }
            Some("separate") if story.last().is_some_and(|open| !open.in_result) => {
                if let Some(open) = story.last_mut() {
                    open.in_result = true;
                    open.frame_ids.push(element.id);
                }
            }
            Some("end") if !story.is_empty() => {
                if let Some(mut open) = story.pop() {
                    open.frame_ids.push(element.id);
                    self.close(open, false);
                }
            }
            _ => {
                self.marks.insert(element.id, Mark::Drop);
            }
        }
    }

    fn code_ends(&mut self) {
        let Some((id, is_deleted, text)) = self.code.take() else { return };
        let (deleted, inserted) = (is_deleted || self.deleted > 0, self.inserted > 0);
        let Some(story) = self.stories.last_mut() else { return };
        let innermost = story.last().is_some_and(|open| !open.in_result);
        let Some(open) = story.iter_mut().rev().find(|open| !open.in_result) else {
            // Outside any instruction it means nothing, to most programs.
            self.marks.insert(id, Mark::Drop);
            return;
        };
        open.instruction_ids.push(id);
        if innermost {
            open.readings.push(&text, deleted, inserted);
        } else {
            open.keyword_is_computed = true;
        }
    }

    fn close_story(&mut self, story: Vec<Open>) {
        for open in story.into_iter().rev() {
            self.close(open, true);
        }
    }

    /// Decides on a field; `unended`: its story ended before it did.
    fn close(&mut self, open: Open, unended: bool) {
        let what = match open.readings.refused(self.links, open.has_nested) {
            Some(what) => Some(what),
            None if unended || open.keyword_is_computed => Some(What::Field),
            None => None,
        };
        let mut ids = open.frame_ids;
        if let Some(what) = what {
            self.refused.push(what);
            self.marks.extend(ids.iter().chain(&open.instruction_ids).map(|&id| (id, Mark::Drop)));
            let shown =
                Some(&open.readings.accepted).filter(|_| !open.in_result).and_then(|text| self_shown(text));
            if let (Some(shown), Some(&id)) = (shown, open.instruction_ids.first()) {
                self.marks.insert(id, Mark::Show(shown));
            }
        }
        // Seen from an outer field, all of it is instruction.
        if let Some(story) = self.stories.last_mut()
            && let Some(outer) = story.iter_mut().rev().find(|outer| !outer.in_result)
        {
            ids.extend(open.instruction_ids);
            outer.instruction_ids.extend(ids);
        }
    }
}

impl Open {
    fn nest(&mut self) {
        self.has_nested = true;
        if self.readings.all.trim().is_empty()
            || self.readings.accepted.trim().is_empty()
            || self.readings.rejected.trim().is_empty()
        {
            self.keyword_is_computed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_places_in_the_document_stay_whatever_becomes_of_the_web() {
        for local in [
            "HYPERLINK \\l \"place\"",
            " hyperlink\\l place \\* MERGEFORMAT ",
            "HYPERLINK \"\" \\l \"https://a.example/\" \\o \"see https://a.example/\"",
            "HYPERLINK \"#place\"",
        ] {
            assert_eq!(refused(local, Links::Keep), None, "{local}");
            assert_eq!(refused(local, Links::Remove), None, "{local}");
        }
        for web in [
            "HYPERLINK \"https://a.example/\"",
            "HYPERLINK mailto:a@a.example",
            "HYPERLINK \\l \"place\" \"HTTP://a.example/\"",
            "HYPERLINK \\o \"#place\" \"https://a.example/\"",
        ] {
            assert_eq!(refused(web, Links::Keep), None, "{web}");
            assert_eq!(refused(web, Links::Remove), Some(What::Link), "{web}");
        }
        for other in [
            "HYPERLINK",
            "HYPERLINK \"file:///c:/x\" \\l \"place\"",
            "HYPERLINK \\l \"place\" \"c:\\x\"",
            "HYPERLINK \"#place\" \"https://a.example/\"",
        ] {
            assert_eq!(refused(other, Links::Keep), Some(What::Link), "{other}");
        }
    }

    #[test]
    fn a_keyword_ends_where_programs_end_it() {
        for (instruction, word) in [
            (" hyperlink\\l x", "HYPERLINK"),
            ("Page", "PAGE"),
            ("=A1", "="),
            ("DDEAUTO\"x\"", "DDEAUTO"),
            (" ", ""),
        ] {
            assert_eq!(keyword(instruction), word);
        }
        assert!(is_link(" Hyperlink\u{a0}x") && !is_link("HYPERLINKS x") && !is_link("REF HYPERLINK"));
    }
}
