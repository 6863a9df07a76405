//! Are the members' names relative paths that mean the same everywhere?
//!
//! Names are decoded as UTF-8, else as code page 437 (APPNOTE appendix D), whatever the flag says: macOS and others
//! write UTF-8 without it.

use std::collections::HashSet;

use flate2::Crc;

use super::{Fields, malformed, member_fails};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::report::is_invisible;

/// `version made by`, high byte: systems whose external attributes hold a Unix file mode.
const UNIX_SYSTEMS: [u16; 2] = [3, 19];
const MODE_TYPE: u32 = 0o170_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_DIRECTORY: u32 = 0o040_000;

/// Code page 437 from 0x80.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The name as text; a Unicode Path field (Info-ZIP) may only give what the plain name cannot spell.
pub(crate) fn decode(raw: &[u8], unicode_path: Option<&[u8]>) -> Result<String, Failure> {
    let name = match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => raw.iter().map(|&byte| from_cp437(byte)).collect(),
    };
    let Some(field) = unicode_path else { return Ok(name) };
    let mut crc = Crc::new();
    crc.update(raw);
    let meant = Fields(field.get(1..).unwrap_or_default()).u32(0) == Some(crc.sum());
    match std::str::from_utf8(field.get(5..).unwrap_or_default()) {
        Ok(other) if !meant || other == name => Ok(name),
        Ok(other) if !raw.is_ascii() && std::str::from_utf8(raw).is_err() => Ok(other.to_owned()),
        _ => member_fails(&name, "has two names"),
    }
}

fn from_cp437(byte: u8) -> char {
    match byte.checked_sub(0x80) {
        None => char::from(byte),
        Some(high) => CP437.chars().nth(high.into()).unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

/// A relative path of plain components, and nothing that some system reads otherwise.
pub(crate) fn check(name: &str, limits: &Limits) -> Result<(), Failure> {
    if u32::try_from(name.len()).unwrap_or(u32::MAX) > limits.max_name_bytes {
        return Err(Failure::Limit {
            name: "max_name_bytes",
            what: "the length of a member's name".to_owned(),
            limit: limits.max_name_bytes.into(),
        });
    }
    if name.is_empty() {
        return malformed("a member of the archive has no name");
    }
    if name.chars().any(char::is_control) {
        return member_fails(name, "has a control character in its name");
    }
    if name.chars().any(is_invisible) {
        return member_fails(name, "has an invisible or direction-changing character in its name");
    }
    if name.contains('\\') {
        return member_fails(name, "has a backslash in its name");
    }
    if name.starts_with('/') {
        return member_fails(name, "has an absolute path");
    }
    if name.contains(':') {
        return member_fails(name, "names a drive or an NTFS stream");
    }
    let path = name.strip_suffix('/').unwrap_or(name);
    for component in path.split('/') {
        match component {
            ".." => return member_fails(name, "leads out of the archive's folder"),
            "" | "." => return member_fails(name, "has an empty step in its path"),
            _ => {}
        }
    }
    Ok(())
}

/// A file, or a directory without content: no links, devices or sockets.
pub(super) fn check_kind(name: &str, made_by: u16, attributes: u32, size: u64) -> Result<(), Failure> {
    let is_dir = name.ends_with('/');
    if is_dir && size > 0 {
        return member_fails(name, "is a directory with content");
    }
    let mode = (attributes >> 16) & MODE_TYPE;
    if UNIX_SYSTEMS.contains(&(made_by >> 8))
        && mode != 0
        && mode != MODE_FILE
        && !(mode == MODE_DIRECTORY && is_dir)
    {
        return member_fails(name, "is a link or another special file");
    }
    Ok(())
}

/// No two names may be one name on some system, and no file may stand where another needs a directory.
pub(crate) fn check_distinct<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    let mut files = HashSet::new();
    for name in names.clone() {
        let key = folded(name);
        if !name.ends_with('/') {
            files.insert(key.clone());
        }
        if !seen.insert(key) {
            return member_fails(name, "is there twice");
        }
    }
    for name in names {
        let key = folded(name);
        let mut folder = key.as_str();
        while let Some((parent, _)) = folder.rsplit_once('/') {
            if files.contains(parent) {
                return member_fails(name, "lies in a folder that is also a file");
            }
            folder = parent;
        }
    }
    Ok(())
}

/// The name without what some system ignores: case, %-escapes, blanks and dots at the end of a component.
pub(crate) fn folded(name: &str) -> String {
    let decoded = percent_decoded(name).to_lowercase();
    let components: Vec<&str> =
        decoded.trim_end_matches('/').split('/').map(|part| part.trim_end_matches([' ', '.'])).collect();
    components.join("/")
}

/// %-escapes resolved once; what is then no UTF-8 is replaced.
pub(crate) fn percent_decoded(name: &str) -> String {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let digit = |n: usize| tail.get(n).and_then(|&c| char::from(c).to_digit(16));
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
