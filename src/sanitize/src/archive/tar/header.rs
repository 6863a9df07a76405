//! One header block of a tar archive, read and written (POSIX.1-2017 `pax`, "ustar Interchange Format").
//!
//! ```text
//! 0    100  108  116  124  136   148      156  157      257   263     265  297  329   337   345    500
//! name mode uid  gid  size mtime checksum type linkname magic version user group major minor prefix zeros
//! ```

use crate::failure::Failure;

pub(super) const BLOCK: usize = 512;

/// Bytes of the name field.
const NAME: usize = 100;

/// What a header begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    LongName,
    Records,
    GlobalRecords,
}

/// A header whose checksum is right.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) name: Vec<u8>,
    /// Bytes of content.
    pub(super) size: u64,
}

impl Header {
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, Failure> {
        let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        if number(field(148, 156)) != Some(checksum(block)) {
            return malformed("a header of the archive does not match its checksum");
        }
        let is_posix = field(257, 265) == b"ustar\x0000";
        let kind = match block.get(156) {
            Some(0 | b'0') => Kind::File,
            Some(b'5') => Kind::Folder,
            Some(b'x') => Kind::Records,
            Some(b'g') => Kind::GlobalRecords,
            Some(b'L') => Kind::LongName,
            Some(b'1' | b'2' | b'K') => return malformed("the archive has a link"),
            Some(b'3' | b'4' | b'6') => return malformed("the archive has a device or pipe"),
            Some(b'S') => return malformed("the archive has a sparse file"),
            _ => return malformed("the archive has a member of a kind that is not accepted"),
        };
        let Some(size) = number(field(124, 136)) else {
            return malformed("a header of the archive has no sound size");
        };
        let mut name = text(field(0, NAME)).to_vec();
        let prefix = text(field(345, 500));
        if !prefix.is_empty() {
            if !is_posix {
                return malformed("a header of the archive has a prefix that readers take for a name or not");
            }
            name = [prefix, b"/", &name].concat();
        }
        Ok(Self { kind, name, size })
    }
}

/// A field up to its first zero byte.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

/// Octal digits between blanks, or a binary number behind a byte 0x80 (GNU).
fn number(field: &[u8]) -> Option<u64> {
    if let Some((0x80, rest)) = field.split_first() {
        return rest.iter().try_fold(0_u64, |sum, &b| sum.checked_mul(256)?.checked_add(b.into()));
    }
    let is_blank = |b: &u8| matches!(b, b' ' | 0);
    let start = field.iter().position(|b| !is_blank(b)).unwrap_or(field.len());
    let (_, field) = field.split_at(start);
    let end = field.iter().position(is_blank).unwrap_or(field.len());
    let (digits, rest) = field.split_at(end);
    if !rest.iter().all(is_blank) {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, &b| {
        let digit = char::from(b).to_digit(8)?;
        sum.checked_mul(8)?.checked_add(digit.into())
    })
}

/// The sum of all bytes, those of the checksum counted as blanks.
fn checksum(block: &[u8; BLOCK]) -> u64 {
    let byte = |(n, &b): (usize, &u8)| if (148..156).contains(&n) { 32 } else { u64::from(b) };
    block.iter().enumerate().map(byte).sum()
}

/// Writes a file: a ustar header, before it pax records where the name is long or not ASCII.
pub(super) fn write(out: &mut Vec<u8>, name: &str, content: &[u8]) -> Result<(), Failure> {
    if name.len() > NAME || !name.is_ascii() {
        let record = record(name);
        put(out, b'x', b"pax", &record)?;
    }
    let short = (0..=NAME.min(name.len())).rev().find_map(|end| name.get(..end)).unwrap_or_default();
    put(out, b'0', short.as_bytes(), content)
}

/// `length path=name\n`, where the length counts itself.
fn record(name: &str) -> Vec<u8> {
    let bare = " path=".len() + name.len() + 1;
    let mut length = bare;
    while length != bare + length.to_string().len() {
        length = bare + length.to_string().len();
    }
    format!("{length} path={name}\n").into_bytes()
}

fn put(out: &mut Vec<u8>, kind: u8, name: &[u8], content: &[u8]) -> Result<(), Failure> {
    let mut block = [0; BLOCK];
    let size = format!("{:011o}", content.len());
    let fields: [(usize, &[u8]); 9] = [
        (0, name),
        (100, b"0000644\0"),
        (108, b"0000000\0"),
        (116, b"0000000\0"),
        (124, size.as_bytes()),
        (136, b"00000000000\0"),
        (156, &[kind]),
        (257, b"ustar\x0000"),
        (329, b"0000000\x000000000\0"),
    ];
    let mut set = |at: usize, bytes: &[u8]| {
        for (to, from) in block.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    };
    fields.iter().for_each(|(at, bytes)| set(*at, bytes));
    if size.len() > 11 {
        return malformed("a member is too large for a tar archive");
    }
    let sum = format!("{:06o}\0 ", checksum(&block));
    for (to, from) in block.iter_mut().skip(148).zip(sum.bytes()) {
        *to = from;
    }
    out.extend(block);
    out.extend(content);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    Ok(())
}

fn malformed<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(problem.to_owned()))
}
