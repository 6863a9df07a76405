//! tar (POSIX.1-2017 `pax`, ustar, GNU long names): files and folders, and nothing else.
//!
//! ```text
//! ├ header 512 │ content, padded to 512 ┼ header │ … ┼ 1,024 zero bytes, and any more ┤
//!   x: pax records for the next header · L: GNU long name for the next header · g: pax records for all
//! ```
//!
//! Readers differ in which of the names they take, in which size, and in what they make of a prefix without the POSIX magic.
//! This reader accepts only archives to which they give the same answer. Links, devices, sparse files and continuations are
//! refused.

mod header;

use header::{BLOCK, Header, Kind};

use super::members::{Members, verify_member};
use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;
use crate::limits::Limits;
use crate::report::plain;
use crate::zip_structure::names;

/// Bytes of pax records or of a long name.
const MAX_EXTENSION: usize = 64 << 10;

/// One member.
#[derive(Debug)]
struct Entry<'a> {
    /// Relative path; a folder's ends with `/`.
    name: String,
    content: &'a [u8],
}

/// Writes an archive of the rebuilt members.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let entries = parse(bytes, job.limits)?;
    let mut members = Members::of(entries.iter().map(|entry| entry.name.as_str()));
    let mut out = Vec::new();
    for entry in &entries {
        if members.leaves_out(&entry.name, job) {
            continue;
        }
        job.expand(u64::try_from(entry.content.len()).unwrap_or(u64::MAX))?;
        if let Some((name, rebuilt)) = members.examine(&entry.name, entry.content, job)? {
            header::write(&mut out, &name, &rebuilt)?;
        }
    }
    members.finish()?;
    out.extend([0; 2 * BLOCK]);
    Ok(Rewritten { bytes: out, format: Format::Tar })
}

/// Parses the archive again: sound, and every member is of a type that is rebuilt and named so.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let entries = parse(bytes, job.limits).map_err(|failure| Failure::Unproved(failure.to_string()))?;
    for entry in &entries {
        verify_member(&entry.name, entry.content)?;
    }
    match entries.is_empty() {
        true => Err(Failure::Unproved("it has no members".to_owned())),
        false => Ok(()),
    }
}

/// What headers of their own say about the next member.
#[derive(Default)]
struct Announced {
    pax_name: Option<Vec<u8>>,
    pax_size: Option<u64>,
    long_name: Option<Vec<u8>>,
    has_records: bool,
}

fn parse<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Vec<Entry<'a>>, Failure> {
    let mut entries = Vec::new();
    let mut announced = Announced::default();
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
        if block.iter().all(|&b| b == 0) {
            break;
        }
        let header = Header::parse(block)?;
        let (content, next) = content(&header, after)?;
        rest = next;
        match header.kind {
            Kind::LongName if announced.long_name.is_none() => {
                announced.long_name = Some(long_name(content)?);
            }
            Kind::Records if !announced.has_records => records(content, &mut announced)?,
            Kind::GlobalRecords => {
                let mut global = Announced::default();
                records(content, &mut global)?;
                if global.pax_name.is_some() || global.pax_size.is_some() {
                    return malformed("the archive gives all its members one name or size");
                }
            }
            Kind::LongName | Kind::Records => return malformed("the archive gives a member two names"),
            Kind::File | Kind::Folder => {
                if let Some(entry) = entry(&header, content, std::mem::take(&mut announced), limits)? {
                    entries.push(entry);
                }
                if entries.len() > usize::try_from(limits.max_members).unwrap_or(usize::MAX) {
                    return Err(Failure::Limit {
                        name: "max_members",
                        what: "the number of members in the archive".to_owned(),
                        limit: limits.max_members.into(),
                    });
                }
            }
        }
    }
    if announced.has_records || announced.long_name.is_some() {
        return malformed("the archive announces a member that does not come");
    }
    if rest.iter().any(|&b| b != 0) {
        return malformed("there are bytes after the archive");
    }
    names::check_distinct(entries.iter().map(|entry| entry.name.as_str()))?;
    Ok(entries)
}

/// A header's content, and what follows its padding.
fn content<'a>(header: &Header, after: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Failure> {
    let cut_off = || Failure::Malformed("the archive is cut off".to_owned());
    let size = usize::try_from(header.size).map_err(|_| cut_off())?;
    let padded = size.checked_next_multiple_of(BLOCK).ok_or_else(cut_off)?;
    let content = after.get(..size).ok_or_else(cut_off)?;
    Ok((content, after.get(padded..).ok_or_else(cut_off)?))
}

/// A member under its one name; `None`: the folder that the archive itself is.
fn entry<'a>(
    header: &Header,
    content: &'a [u8],
    announced: Announced,
    limits: &Limits,
) -> Result<Option<Entry<'a>>, Failure> {
    let raw = match (announced.pax_name, announced.long_name) {
        (Some(pax), Some(long)) if pax != long => return malformed("the archive gives a member two names"),
        (Some(name), _) | (None, Some(name)) => name,
        (None, None) => header.name.clone(),
    };
    let mut name = names::decode(&raw, None)?;
    if announced.pax_size.is_some_and(|size| size != header.size) {
        return malformed(&format!("the archive's member {} has two sizes", plain(&name)));
    }
    // Folders as `tar -C folder .` names them.
    while let Some(bare) = name.strip_prefix("./") {
        name = bare.to_owned();
    }
    let is_folder = header.kind == Kind::Folder || name.ends_with('/');
    // Readers disagree on whether such content follows.
    if is_folder && !content.is_empty() {
        return malformed(&format!("the archive's member {} is a directory with content", plain(&name)));
    }
    if is_folder && matches!(name.as_str(), "" | "." | "/.") {
        return Ok(None);
    }
    if is_folder && !name.ends_with('/') {
        name.push('/');
    }
    names::check(&name, limits)?;
    if u64::try_from(content.len()).unwrap_or(u64::MAX) > limits.max_bytes {
        return Err(Failure::Limit {
            name: "max_bytes",
            what: format!("the size of {}", plain(&name)),
            limit: limits.max_bytes,
        });
    }
    Ok(Some(Entry { name, content }))
}

/// A GNU long name, which ends with a zero byte.
fn long_name(content: &[u8]) -> Result<Vec<u8>, Failure> {
    let name = content.strip_suffix(b"\0").unwrap_or(content);
    if name.len() > MAX_EXTENSION || name.contains(&0) {
        return malformed("a long name in the archive is not sound");
    }
    Ok(name.to_vec())
}

/// pax records, `length key=value\n`, each.
fn records(content: &[u8], announced: &mut Announced) -> Result<(), Failure> {
    let unsound = || Failure::Malformed("a pax record in the archive is not sound".to_owned());
    if content.len() > MAX_EXTENSION {
        return Err(unsound());
    }
    announced.has_records = true;
    let mut rest = content;
    while !rest.is_empty() {
        let blank = memchr::memchr(b' ', rest).ok_or_else(unsound)?;
        let digits =
            rest.get(..blank).filter(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit));
        let length: Option<usize> = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let length = length.filter(|&length| length > blank + 1).ok_or_else(unsound)?;
        let record =
            rest.get(blank + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(unsound)?;
        rest = rest.get(length..).unwrap_or_default();
        let equals = memchr::memchr(b'=', record).ok_or_else(unsound)?;
        let (key, value) = record.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        match key {
            b"path" if announced.pax_name.is_none() && !value.is_empty() => {
                announced.pax_name = Some(value.to_vec());
            }
            b"size" if announced.pax_size.is_none() => {
                let size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok());
                announced.pax_size = Some(size.ok_or_else(unsound)?);
            }
            b"path" | b"size" => return malformed("the archive gives a member two names or sizes"),
            b"linkpath" => return malformed("the archive has a link"),
            b"hdrcharset" if value != b"ISO-IR 10646 2000 UTF-8" => {
                return malformed("the archive's names are in an encoding of their own");
            }
            key if key.starts_with(b"GNU.sparse.") || key.starts_with(b"SUN.holesdata") => {
                return malformed("the archive has a sparse file");
            }
            _ => {}
        }
    }
    Ok(())
}

fn malformed<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(problem.to_owned()))
}

#[cfg(test)]
mod tests;
