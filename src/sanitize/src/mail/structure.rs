//! A mail's parts, read strictly (RFC 5322, RFC 2045 to 2047): what two mail programs could read in two ways is malformed.
//!
//! ```text
//! fields CRLF … CRLF CRLF body                       body of a multipart:  preamble
//! part ──┬─ leaf: bytes in a transfer encoding         --boundary CRLF part  (once or more)
//!        └─ multipart: parts                           --boundary--          epilogue
//! ```

use std::ops::Range;

use crate::failure::Failure;
use crate::limits::Limits;

/// Multiparts inside one another; real mail has five at most.
const MAX_LEVELS: usize = 20;

/// Parameters of one field: each is compared with all others.
const MAX_PARAMETERS: usize = 100;

/// Fields that must not be there twice.
const SINGLE: [&str; 11] = [
    "bcc",
    "content-disposition",
    "content-id",
    "content-transfer-encoding",
    "content-type",
    "date",
    "from",
    "message-id",
    "mime-version",
    "sender",
    "subject",
];

/// One part; the mail itself is the first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Where its fields begin.
    pub(super) start: usize,
    /// Its body, without the line break before a boundary.
    pub(super) body: Range<usize>,
    /// Names in lower case and values with folding undone, in order.
    pub(super) fields: Vec<(String, String)>,
    pub(super) content_type: ContentType,
    pub(super) encoding: Encoding,
    pub(super) children: Vec<Part>,
    /// Text beside the parts of a multipart.
    pub(super) has_text_beside: bool,
}

/// A media type and its parameters (RFC 2045, 5.1; RFC 2231).
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct ContentType {
    /// In lower case; empty where none is declared.
    pub(super) essence: String,
    /// Names in lower case, as written, and values.
    pub(super) parameters: Vec<(String, String)>,
}

impl ContentType {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// How a body is written (RFC 2045, 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it is: 7bit, 8bit, binary.
    Identity,
    Base64,
    QuotedPrintable,
}

impl Part {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_multipart(&self) -> bool {
        self.content_type.essence.starts_with("multipart/")
    }

    /// This part and all in it, in the order of the file.
    pub(super) fn all(&self) -> Vec<&Self> {
        let mut all = vec![self];
        for child in &self.children {
            all.extend(child.all());
        }
        all
    }
}

/// Reads a whole mail.
pub(super) fn parse(mail: &[u8], limits: &Limits) -> Result<Part, Failure> {
    let mut left = limits.max_members;
    Reader { mail, limits, left: &mut left, boundaries: Vec::new() }.part(0..mail.len(), "text/plain")
}

struct Reader<'a> {
    mail: &'a [u8],
    limits: &'a Limits,
    left: &'a mut u32,
    /// Of the multiparts that are open.
    boundaries: Vec<String>,
}

impl Reader<'_> {
    fn part(&mut self, range: Range<usize>, default_type: &str) -> Result<Part, Failure> {
        *self.left = self.left.checked_sub(1).ok_or_else(|| Failure::Limit {
            name: "max_members",
            what: "the number of parts".to_owned(),
            limit: self.limits.max_members.into(),
        })?;
        let (fields, body) = self.fields(range.clone())?;
        for name in SINGLE {
            if fields.iter().filter(|(known, _)| known == name).count() > 1 {
                return Err(Failure::Malformed(format!("the mail has the field {name} twice in one place")));
            }
        }
        let value =
            |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let mut content_type = match value("content-type") {
            Some(value) => content_type(value)?,
            None => ContentType::default(),
        };
        if let Some(disposition) = value("content-disposition") {
            check_continuations(&parameters(disposition)?.1)?;
        }
        if content_type.essence.is_empty() {
            content_type.essence = default_type.to_owned();
        }
        let encoding =
            match value("content-transfer-encoding").unwrap_or_default().trim().to_ascii_lowercase().as_str()
            {
                "" | "7bit" | "8bit" | "binary" => Encoding::Identity,
                "base64" => Encoding::Base64,
                "quoted-printable" => Encoding::QuotedPrintable,
                _ => return malformed("the mail has a part in an unknown transfer encoding"),
            };
        let mut part = Part {
            start: range.start,
            body: body..range.end,
            fields,
            content_type,
            encoding,
            children: Vec::new(),
            has_text_beside: false,
        };
        if part.is_multipart() {
            if encoding != Encoding::Identity {
                return malformed("the mail has a multipart in a transfer encoding");
            }
            self.children(&mut part)?;
        }
        Ok(part)
    }

    /// The fields, and where the body begins.
    fn fields(&self, range: Range<usize>) -> Result<(Vec<(String, String)>, usize), Failure> {
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let (line, next) = self.line(at, range.end);
            at = next;
            if line.is_empty() {
                return Ok((fields, at));
            }
            if line.contains(&b'\r') || line.contains(&0) {
                return malformed("the mail has a field with a bare carriage return or a NUL");
            }
            let text = String::from_utf8_lossy(line);
            if text.starts_with([' ', '\t']) {
                match fields.last_mut() {
                    Some((_, value)) if !text.trim().is_empty() => {
                        value.push(' ');
                        value.push_str(text.trim());
                    }
                    _ => return malformed("the mail has a folded line that continues nothing"),
                }
                continue;
            }
            let Some((name, value)) = text.split_once(':') else {
                return malformed("the mail has a line among its fields that is none");
            };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
                return malformed("the mail has a field with a name that is not allowed");
            }
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok((fields, range.end))
    }

    /// The line at `at` without its end, and where the next one begins.
    fn line(&self, at: usize, end: usize) -> (&[u8], usize) {
        let rest = self.mail.get(at..end).unwrap_or_default();
        match memchr::memchr(b'\n', rest) {
            Some(feed) => {
                let line = rest.get(..feed).unwrap_or_default();
                (line.strip_suffix(b"\r").unwrap_or(line), at + feed + 1)
            }
            None => (rest, end),
        }
    }

    fn children(&mut self, part: &mut Part) -> Result<(), Failure> {
        let boundary = match part.content_type.parameter("boundary") {
            Some(boundary) if is_boundary(boundary) => boundary.to_owned(),
            _ => return malformed("the mail has a multipart without a sound boundary"),
        };
        let overlaps = |known: &String| known.starts_with(&boundary) || boundary.starts_with(known.as_str());
        if self.boundaries.iter().any(overlaps) {
            return malformed("the mail has multiparts with boundaries that cannot be told apart");
        }
        if self.boundaries.len() >= MAX_LEVELS {
            return malformed("the mail has too many multiparts inside one another");
        }
        let is_outermost = self.boundaries.is_empty();
        let is_closed = self.split(part, &boundary)?;
        if part.children.is_empty() || !(is_closed || is_outermost) {
            return malformed("the mail has a multipart that has no parts or does not end");
        }
        Ok(())
    }

    /// Reads the parts between the boundaries; whether the closing one is there.
    fn split(&mut self, part: &mut Part, boundary: &str) -> Result<bool, Failure> {
        let digest = part.content_type.essence == "multipart/digest";
        let default_type = if digest { "message/rfc822" } else { "text/plain" };
        let mut at = part.body.start;
        let mut open: Option<usize> = None;
        let mut is_closed = false;
        while at < part.body.end {
            let (line, next) = self.line(at, part.body.end);
            let behind = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary.as_bytes()));
            let closes = behind.is_some_and(|behind| behind.starts_with(b"--"));
            let rest = behind.map(|behind| behind.strip_prefix(b"--").unwrap_or(behind));
            if rest.is_none() {
                part.has_text_beside |= open.is_none() && !line.trim_ascii().is_empty();
                at = next;
                continue;
            }
            if is_closed || rest.is_some_and(|rest| !rest.trim_ascii().is_empty()) {
                return malformed("the mail has a line that may or may not be a boundary");
            }
            if let Some(start) = open.take() {
                let end = self.before_break(start, at);
                self.boundaries.push(boundary.to_owned());
                let child = self.part(start..end, default_type)?;
                self.boundaries.pop();
                part.children.push(child);
            }
            is_closed = closes;
            open = (!closes).then_some(next);
            at = next;
        }
        if let Some(start) = open.filter(|&start| start < part.body.end) {
            self.boundaries.push(boundary.to_owned());
            let child = self.part(start..part.body.end, default_type)?;
            self.boundaries.pop();
            part.children.push(child);
        }
        Ok(is_closed)
    }

    /// Where a part ends whose boundary begins at `at`: the line break before belongs to the boundary.
    fn before_break(&self, start: usize, at: usize) -> usize {
        let text = self.mail.get(start..at).unwrap_or_default();
        let text = text.strip_suffix(b"\n").map_or(text, |line| line.strip_suffix(b"\r").unwrap_or(line));
        start + text.len()
    }
}

/// RFC 2046, 5.1.1, and a little more than its 70 characters, as some programs write.
fn is_boundary(boundary: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_graphic() || b == b' ';
    !boundary.is_empty() && boundary.len() <= 200 && boundary.bytes().all(allowed) && !boundary.ends_with(' ')
}

fn content_type(value: &str) -> Result<ContentType, Failure> {
    let (essence, parameters) = parameters(value)?;
    let token = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let essence = essence.to_ascii_lowercase();
    // `text` alone is what some old programs write.
    if !essence.is_empty()
        && essence != "text"
        && !essence.split_once('/').is_some_and(|(a, b)| token(a) && token(b))
    {
        return malformed("the mail has a part of a type that cannot be read");
    }
    check_continuations(&parameters)?;
    for single in ["boundary", "charset"] {
        if parameters.iter().any(|(name, _)| name.starts_with(&format!("{single}*"))) {
            return malformed("the mail has a boundary or character set in pieces");
        }
    }
    let essence = if essence == "text" { "text/plain".to_owned() } else { essence };
    Ok(ContentType { essence, parameters })
}

type Parameters = Vec<(String, String)>;

/// A value and the parameters behind it; no comments, no parameter twice.
fn parameters(field: &str) -> Result<(String, Parameters), Failure> {
    let mut pieces = vec![String::new()];
    let mut quoted = false;
    let mut characters = field.chars();
    while let Some(c) = characters.next() {
        let piece = pieces.last_mut();
        match c {
            ';' if !quoted => {
                pieces.push(String::new());
                continue;
            }
            '"' => quoted = !quoted,
            // In a value it is part of a name that should have been quoted.
            '(' if !quoted && !piece.as_ref().is_some_and(|piece| piece.contains('=')) => {
                return malformed("the mail has a comment where a type is declared");
            }
            _ => {}
        }
        if let Some(piece) = piece {
            piece.push(c);
            if c == '\\' && quoted {
                piece.extend(characters.next());
            }
        }
    }
    if quoted {
        return malformed("the mail has a quotation that does not end");
    }
    let mut pieces = pieces.into_iter();
    let value = pieces.next().unwrap_or_default().trim().to_owned();
    let mut parameters = Parameters::new();
    for piece in pieces.filter(|piece| !piece.trim().is_empty()) {
        let Some((name, value)) = piece.split_once('=') else {
            return malformed("the mail has a parameter without a value");
        };
        let name = name.trim().to_ascii_lowercase();
        if name.is_empty()
            || parameters.len() >= MAX_PARAMETERS
            || name.contains(char::is_whitespace)
            || parameters.iter().any(|(known, _)| *known == name)
        {
            return malformed("the mail has a parameter twice, too many, or one without a sound name");
        }
        parameters.push((name, unquoted(value.trim())?));
    }
    Ok((value, parameters))
}

fn unquoted(value: &str) -> Result<String, Failure> {
    let Some(inner) = value.strip_prefix('"') else {
        return match value.contains('"') {
            true => malformed("the mail has a parameter that is quoted in part"),
            false => Ok(value.to_owned()),
        };
    };
    let mut out = String::new();
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => out.extend(characters.next()),
            '"' if characters.as_str().trim().is_empty() => return Ok(out),
            '"' => break,
            c => out.push(c),
        }
    }
    malformed("the mail has a parameter that is quoted in part")
}

/// RFC 2231: `name*0*`, `name*1`, … without gaps, and not beside another way of saying the same.
fn check_continuations(parameters: &Parameters) -> Result<(), Failure> {
    for (name, _) in parameters {
        let Some((base, section)) = name.split_once('*') else { continue };
        if section.is_empty() {
            continue;
        }
        let digits = section.strip_suffix('*').unwrap_or(section);
        let is_number =
            digits == "0" || (!digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()));
        let number = digits.parse::<u32>().ok().filter(|_| is_number && digits.len() <= 3);
        let has = |wanted: &str| parameters.iter().any(|(known, _)| known == wanted);
        let has_section = |n: u32| has(&format!("{base}*{n}")) || has(&format!("{base}*{n}*"));
        let twice = has(&format!("{base}*{digits}")) && has(&format!("{base}*{digits}*"));
        let follows = number.is_some_and(|n| n.checked_sub(1).is_none_or(has_section));
        if !follows || twice || has(base) || has(&format!("{base}*")) {
            return malformed("the mail has a name in pieces that do not fit together");
        }
    }
    Ok(())
}

fn malformed<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(problem.to_owned()))
}
