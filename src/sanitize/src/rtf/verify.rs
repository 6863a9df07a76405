//! Is everything that must be gone gone?
//!
//! A reader of its own, for the normal form only: any byte, word or order that the writer does not write is a failure.

use super::picture::bitmap_file;
use super::walk::KNOWN_PROGRAM;
use super::{shape, words};
use crate::failure::Failure;
use crate::format::Format;
use crate::identify::{Declared, identify};
use crate::image::BLANK;
use crate::job::Job;
use crate::ooxml::fields;
use crate::options::Metadata;

/// Words that must not be there, whatever they begin or belong to.
const GONE: &[&str] = &[
    "bin",
    "colorschememapping",
    "datafield",
    "datastore",
    "docvar",
    "ffentrymcr",
    "ffexitmcr",
    "filetbl",
    "fontemb",
    "fontfile",
    "hl",
    "hlinkbase",
    "linkstyles",
    "mailmerge",
    "nextfile",
    "password",
    "passwordhash",
    "pn",
    "private",
    "protusertbl",
    "result",
    "subdocument",
    "svb",
    "template",
    "themedata",
    "uc",
    "ud",
    "upr",
    "userprops",
    "writereservation",
    "xmlopen",
];

/// Letters of a control word.
const MAX_NAME: usize = 32;

/// A group that is open.
struct Group {
    /// The word it begins with, where that is a destination.
    name: String,
    /// It has neither words nor text yet.
    is_new: bool,
    /// Text of an instruction, digits of a picture, a shape property's name.
    text: String,
    /// Name of the shape property that it is.
    property: String,
    /// A field stands in the instruction, and before any text of it.
    has_nested: bool,
    is_computed: bool,
}

/// Parses the document again and looks for what must be gone.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    prove(bytes, job).map_err(Failure::Unproved)
}

fn prove(bytes: &[u8], job: &Job<'_>) -> Result<(), String> {
    if !bytes.starts_with(b"{\\rtf1") {
        return Err("it does not begin as an RTF".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not ASCII".to_owned())?;
    if let Some(c) = text.chars().find(|c| !matches!(c, ' '..='~' | '\n')) {
        return Err(format!("the character {} is there", c.escape_unicode()));
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(1..).unwrap_or_default();
        match c {
            '{' => {
                if let Some(outer) = groups.last_mut() {
                    outer.is_new = false;
                }
                groups.push(Group {
                    name: String::new(),
                    is_new: true,
                    text: String::new(),
                    property: String::new(),
                    has_nested: false,
                    is_computed: false,
                });
            }
            '}' => {
                let group = groups.pop().ok_or("a brace closes nothing")?;
                check_group(&group, groups.last(), job)?;
                match groups.last_mut() {
                    // A group without a word of its own belongs to what is around it.
                    Some(outer) if group.name.is_empty() => {
                        outer.has_nested |= group.has_nested;
                        outer.is_computed |= group.is_computed && outer.text.trim().is_empty();
                        outer.text.push_str(&group.text);
                    }
                    Some(outer) if group.name == "sn" => outer.property = group.text,
                    Some(outer) if group.name == "field" => {
                        outer.has_nested = true;
                        outer.is_computed |= outer.text.trim().is_empty();
                    }
                    Some(_) => {}
                    None if rest.is_empty() => return Ok(()),
                    None => return Err("bytes follow the document".to_owned()),
                }
            }
            '\\' => rest = control(rest, &mut groups, job)?,
            '\n' => {}
            c => push(&mut groups, c),
        }
    }
    Err("its braces do not balance".to_owned())
}

fn push(groups: &mut [Group], c: char) {
    if let Some(group) = groups.last_mut() {
        group.is_new = false;
        group.text.push(c);
    }
}

/// What follows a backslash; gives back what follows that.
fn control<'a>(rest: &'a str, groups: &mut [Group], job: &Job<'_>) -> Result<&'a str, String> {
    let after = |length: usize| rest.get(length..).unwrap_or_default();
    let starred = rest.starts_with('*');
    let name_at = if starred { 2 } else { 0 };
    if starred && !rest.starts_with("*\\") {
        return Err("a \\* without a word is there".to_owned());
    }
    let word = after(name_at);
    let name: String = word.chars().take_while(char::is_ascii_alphabetic).collect();
    if name.is_empty() {
        return match rest.chars().next() {
            Some(c @ ('\\' | '{' | '}')) => {
                push(groups, c);
                Ok(after(1))
            }
            Some('~' | '-' | '_' | ':' | '|') => Ok(after(1)),
            Some('\'') => {
                let byte = rest.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
                push(groups, char::from(byte.ok_or("an escaped byte has no digits")?));
                Ok(after(3))
            }
            _ => Err("a control symbol is there that is not on the list".to_owned()),
        };
    }
    let digits: String = word
        .chars()
        .skip(name.len())
        .enumerate()
        .take_while(|(n, c)| c.is_ascii_digit() || (*n == 0 && *c == '-'))
        .map(|(_, c)| c)
        .collect();
    let parameter = match digits.as_str() {
        "" => None,
        digits => Some(digits.parse::<i32>().map_err(|_| format!("\\{name} has an unsound parameter"))?),
    };
    let mut next = after(name_at + name.len() + digits.len());
    if name == "u" {
        let unit = parameter.and_then(|n| i16::try_from(n).ok()).ok_or("a character has no number")?;
        let c = char::from_u32(u32::from(unit.cast_unsigned())).unwrap_or(char::REPLACEMENT_CHARACTER);
        push(groups, c);
        return next.strip_prefix('?').ok_or_else(|| "a character has no substitute".to_owned());
    }
    next = next.strip_prefix(' ').unwrap_or(next);
    check_word(&name, parameter, starred, groups, job)?;
    if let (Some(group), Some(text)) = (groups.last_mut(), words::symbol(&name)) {
        group.text.push_str(text);
    }
    Ok(next)
}

fn check_word(
    name: &str,
    parameter: Option<i32>,
    starred: bool,
    groups: &mut [Group],
    job: &Job<'_>,
) -> Result<(), String> {
    let level = groups.len();
    let Some(group) = groups.last_mut() else { return Err("a word stands outside".to_owned()) };
    let is_first = std::mem::replace(&mut group.is_new, false);
    let still_there = Err(format!("\\{name} is still there"));
    if name.len() > MAX_NAME || GONE.contains(&name) || name.starts_with("obj") || name.contains("rsid") {
        return still_there;
    }
    if name == "rtf" {
        return if level == 1 && is_first && parameter == Some(1) { Ok(()) } else { still_there };
    }
    let is_property = words::PROPERTIES.contains(&name) || name == "info";
    let is_destination = words::destination(name).is_some();
    let is_kind = matches!(
        (group.name.as_str(), name),
        ("pict", "pngblip" | "jpegblip" | "emfblip" | "wmetafile" | "dibitmap")
    );
    if is_property && job.options.metadata == Metadata::Remove {
        return still_there;
    }
    if is_destination {
        if !is_first {
            return Err(format!("\\{name} does not begin a group"));
        }
        group.name = name.to_owned();
    } else if starred && !words::may_be_starred(name) {
        return Err(format!("\\*\\{name} is still there"));
    } else if is_kind {
        group.text.clear();
        group.text.push_str(name);
        group.text.push(' ');
    } else if name != "fldlock" && (!words::is_allowed(name) || !words::is_sane(name, parameter)) {
        return still_there;
    }
    Ok(())
}

fn check_group(group: &Group, outer: Option<&Group>, job: &Job<'_>) -> Result<(), String> {
    match group.name.as_str() {
        "fldinst" => {
            let is_refused = fields::refused(&group.text, job.options.links).is_some()
                || group.is_computed
                || (group.has_nested && fields::is_link(&group.text));
            if is_refused { Err("a field that is not allowed is still there".to_owned()) } else { Ok(()) }
        }
        "sn" if shape::refused(&group.text).is_some() => {
            Err("a shape property that is not allowed is still there".to_owned())
        }
        "sv" if !is_array(&group.text) && outer.is_some_and(|outer| shape::is_array(&outer.property)) => {
            Err("a shape property that is no list of numbers is still there".to_owned())
        }
        "generator" if group.text != KNOWN_PROGRAM => Err("the program's name is still there".to_owned()),
        "pict" => check_picture(&group.text),
        _ => Ok(()),
    }
}

/// A number, or a list with as many items as it says.
fn is_array(text: &str) -> bool {
    let items = text.split(';').count();
    let count = text.split(';').nth(1);
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, ';' | ',' | '(' | ')' | '-'))
        && count.map_or(items == 1, |count| count.parse() == Ok(items - 2))
}

/// A picture as `word digits`.
fn check_picture(text: &str) -> Result<(), String> {
    let (kind, digits) = text.split_once(' ').ok_or("a picture has no kind")?;
    let data = hex::decode(digits).map_err(|_| "a picture's data is not digits".to_owned())?;
    let file = if kind == "dibitmap" { bitmap_file(&data).unwrap_or_default() } else { data };
    let found = identify(&file, &Declared::default());
    let is_told = match kind {
        "pngblip" => found.format == Format::Png,
        "jpegblip" => found.format == Format::Jpeg,
        "emfblip" => found.format == Format::Emf,
        "wmetafile" => found.format == Format::Wmf,
        _ => found.format == Format::Bmp,
    };
    match is_told && found.objection.is_none() && (file == BLANK || found.format.is_rebuilt()) {
        true => Ok(()),
        false => Err("a picture is not what it says, or of a type that is not rebuilt".to_owned()),
    }
}
