//! What a mail's parts and fields say.
//!
//! The parts are found by `structure` and by `mail-parser`, which must agree on every one; fields and names are decoded by
//! the latter. The bodies are decoded here.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::Encoding as Charset;
use mail_parser::{Address, Message, MessageParser, MimeHeaders as _};

use super::parts::{File, Parts, is_signature, refuse_wrappers};
use super::structure::{self, Encoding};
use super::{Kind, Mail, Mailbox, Part, write};
use crate::failure::Failure;
use crate::html;
use crate::job::Job;
use crate::report::{Removed, What, plain};

/// Mails in mails that the second parser may meet: it follows them all, however deep.
const MAX_NESTED: usize = 500;

/// Fields that are written anew or that say how a part is written.
const KNOWN: &str = "from to cc subject date message-id mime-version content-type content-transfer-encoding content-disposition \
    content-id content-location content-description";

/// Reads a mail and examines its parts.
pub(super) fn read(bytes: &[u8], job: &mut Job<'_>) -> Result<Mail, Failure> {
    let bytes = without_envelope(bytes);
    check_nesting(bytes)?;
    let root = structure::parse(bytes, job.limits)?;
    let Some(message) = MessageParser::new().parse(bytes) else {
        return Err(Failure::Malformed("the mail has no fields".to_owned()));
    };
    check_agreement(&root, &message)?;
    note_fields(&root, job);

    let mut reader = Reader {
        bytes,
        message: &message,
        index: HashMap::new(),
        ids: HashMap::new(),
        parts: Parts::new(job),
    };
    reader.index = root.all().iter().enumerate().map(|(n, part)| (part.start, n)).collect();
    reader.number_pictures(&root, false)?;
    let content = reader.part(&root, None)?;
    reader.parts.finish()?;
    Ok(Mail {
        from: mailboxes(message.from()),
        to: message.all_to().flat_map(|address| mailboxes(Some(address))).collect(),
        cc: message.all_cc().flat_map(|address| mailboxes(Some(address))).collect(),
        subject: message.subject().unwrap_or_default().to_owned(),
        date: message.date().filter(|date| date.is_valid()).map(mail_parser::DateTime::to_rfc822),
        message_id: message.message_id().and_then(message_id),
        content,
    })
}

/// Without the line that mail folders put before a mail (RFC 4155).
fn without_envelope(bytes: &[u8]) -> &[u8] {
    let behind = |bytes| memchr::memchr(b'\n', bytes).map_or(0, |feed| feed + 1);
    match bytes.starts_with(b"From ") {
        true => bytes.get(behind(bytes)..).unwrap_or_default(),
        false => bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes),
    }
}

fn check_nesting(bytes: &[u8]) -> Result<(), Failure> {
    let lower = bytes.to_ascii_lowercase();
    for word in [&b"message/"[..], b"multipart/"] {
        if memchr::memmem::find_iter(&lower, word).nth(MAX_NESTED).is_some() {
            return Err(Failure::Malformed("the mail may have too many mails inside one another".to_owned()));
        }
    }
    Ok(())
}

/// Two readers, the same parts in the same places.
pub(super) fn check_agreement(root: &structure::Part, message: &Message<'_>) -> Result<(), Failure> {
    let ours = root.all();
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let agree = ours.len() == message.parts.len()
        && ours.iter().zip(&message.parts).enumerate().all(|(n, (ours, theirs))| {
            let essence = theirs.content_type().map(|known| match known.subtype() {
                Some(subtype) => format!("{}/{subtype}", known.ctype()).to_ascii_lowercase(),
                None => known.ctype().to_ascii_lowercase(),
            });
            let same_type = ours.field("content-type").is_none_or(|field| {
                field.is_empty()
                    || essence.as_deref().is_some_and(|e| e == ours.content_type.essence || e == "text")
            });
            // A part without a body ends where its fields end, or a line break later.
            let (start, end) = (theirs.raw_body_offset(), theirs.raw_end_offset());
            let same_body = match ours.body.is_empty() && n > 0 {
                true => {
                    theirs.is_empty()
                        && (place(ours.body.start)..=place(ours.body.start + 2)).contains(&start)
                }
                false => {
                    let same_end = n == 0 || ours.is_multipart() || place(ours.body.end) == end;
                    place(ours.body.start) == start && same_end
                }
            };
            same_type && same_body && place(ours.start) == theirs.raw_header_offset()
        });
    match agree {
        true => Ok(()),
        false => Err(Failure::Malformed("the mail has parts that two readers see differently".to_owned())),
    }
}

fn note_fields(root: &structure::Part, job: &mut Job<'_>) {
    let known = |name: &str| KNOWN.split(' ').any(|known| known == name);
    let fields = root.all().iter().flat_map(|part| &part.fields).filter(|(name, _)| !known(name)).count();
    if fields > 0 {
        job.removed(Removed::new(What::Metadata, "fields", u32::try_from(fields).unwrap_or(u32::MAX)));
    }
    let beside = root.all().iter().filter(|part| part.has_text_beside).count();
    if beside > 0 {
        let count = u32::try_from(beside).unwrap_or(u32::MAX);
        job.removed(Removed::new(What::Unreachable, "text beside the parts", count));
    }
}

struct Reader<'a, 'b, 'c> {
    bytes: &'a [u8],
    message: &'a Message<'a>,
    /// The number of the part that begins at a place.
    index: HashMap<usize, usize>,
    /// Identifiers of pictures, by the number of their part.
    ids: HashMap<usize, String>,
    parts: Parts<'b, 'c>,
}

impl Reader<'_, '_, '_> {
    fn number(&self, part: &structure::Part) -> usize {
        self.index.get(&part.start).copied().unwrap_or(usize::MAX)
    }

    fn name(&self, part: &structure::Part) -> String {
        let named = self.message.parts.get(self.number(part)).and_then(|theirs| theirs.attachment_name());
        named.unwrap_or_default().to_owned()
    }

    fn location(&self, part: &structure::Part) -> String {
        part.field("content-location").unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect()
    }

    /// Gives every picture that a text may show its identifier, and looks for what is refused whatever it is in.
    fn number_pictures(&mut self, part: &structure::Part, in_related: bool) -> Result<(), Failure> {
        let essence = part.content_type.essence.as_str();
        if part.is_multipart() {
            let in_related = in_related || essence == "multipart/related";
            return part.children.iter().try_for_each(|child| self.number_pictures(child, in_related));
        }
        let (name, location) = (self.name(part), self.location(part));
        let last = if name.is_empty() { location.rsplit('/').next().unwrap_or_default() } else { &name };
        let bytes = self.decoded(part)?;
        refuse_wrappers(&File { name: last, media_type: essence, bytes: &bytes, id: None })?;
        let cid = part.field("content-id").map(|id| id.trim_matches(['<', '>', ' ']).to_owned());
        let is_inline = part
            .field("content-disposition")
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("inline"));
        if essence.starts_with("image/") && (in_related || (is_inline && cid.is_some())) {
            let addresses = cid.map(|cid| format!("cid:{cid}")).into_iter();
            let id = self.parts.number(addresses.chain((!location.is_empty()).then_some(location)));
            self.ids.insert(self.number(part), id);
        }
        Ok(())
    }

    fn decoded(&self, part: &structure::Part) -> Result<Cow<'_, [u8]>, Failure> {
        decoded(self.bytes.get(part.body.clone()).unwrap_or_default(), part.encoding)
    }

    /// A part as it will be; `place`: the multipart it is in, and its number there.
    fn part(
        &mut self,
        part: &structure::Part,
        place: Option<(&str, usize)>,
    ) -> Result<Option<Part>, Failure> {
        let essence = part.content_type.essence.as_str();
        let kind = match essence {
            "multipart/encrypted" => return Err(Failure::Encrypted("the mail is encrypted".to_owned())),
            "multipart/signed" => return self.signed(part),
            "multipart/alternative" => Kind::Alternative,
            "multipart/related" => Kind::Related,
            _ if part.is_multipart() => Kind::Mixed,
            _ => return self.leaf(part, place),
        };
        let mut children = Vec::new();
        for (n, child) in part.children.iter().enumerate() {
            children.extend(self.part(child, Some((essence, n)))?);
        }
        Ok(match children.len() {
            0 => None,
            1 => children.pop(),
            _ => Some(Part::Many(kind, children)),
        })
    }

    /// The content of a signed mail: any change breaks the signature.
    fn signed(&mut self, part: &structure::Part) -> Result<Option<Part>, Failure> {
        let [content, signature] = part.children.as_slice() else {
            return Err(Failure::Malformed("the signed mail is not content and signature".to_owned()));
        };
        if !is_signature(&signature.content_type.essence) {
            return Err(Failure::Malformed("the signed mail has something else for a signature".to_owned()));
        }
        let bytes = self.decoded(signature)?.into_owned();
        self.parts.signature(&bytes)?;
        self.part(content, Some(("multipart/mixed", 0)))
    }

    fn leaf(
        &mut self,
        part: &structure::Part,
        place: Option<(&str, usize)>,
    ) -> Result<Option<Part>, Failure> {
        let essence = part.content_type.essence.clone();
        if matches!(essence.as_str(), "message/partial" | "message/external-body") {
            return Err(Failure::Malformed(format!(
                "the mail is a piece of another or lies elsewhere ({essence})"
            )));
        }
        if is_signature(&essence) {
            let bytes = self.decoded(part)?.into_owned();
            return self.parts.signature(&bytes).map(|()| None);
        }
        let bytes = self.decoded(part)?.into_owned();
        self.parts.job.expand(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
        let charset = part.content_type.parameter("charset");
        let name = self.name(part);
        let is_attached = !name.is_empty()
            || part
                .field("content-disposition")
                .is_some_and(|value| value.to_ascii_lowercase().starts_with("attachment"));
        let (multipart, number) = place.unwrap_or(("", 0));
        let in_page = multipart == "multipart/related" && number > 0;
        if !is_attached && !in_page {
            match essence.as_str() {
                "text/plain"
                | "text/rfc822-headers"
                | "message/delivery-status"
                | "message/disposition-notification"
                | "message/feedback-report" => {
                    return self.parts.text(&characters(&bytes, charset)).map(Some);
                }
                "text/html" => {
                    let page = match charset {
                        Some(_) => characters(&bytes, charset),
                        None => html::decode(&bytes)?,
                    };
                    return self.parts.html(&page, &self.location(part)).map(Some);
                }
                _ => {}
            }
        }
        let is_picture = essence.starts_with("image/");
        // What a web page is made of besides, and ways of saying the same that no mail program needs.
        let is_material =
            in_page || (multipart == "multipart/alternative" && !essence.starts_with("message/"));
        if is_material && !is_attached && !is_picture {
            let what = if essence == "text/html" { What::EmbeddedObject } else { What::UnknownPart };
            self.parts.job.removed(Removed::new(what, &format!("part of type {}", plain(&essence)), 1));
            return Ok(None);
        }
        let bytes = match (essence.as_str(), charset) {
            ("text/plain" | "text/csv" | "text/html", Some(_)) if std::str::from_utf8(&bytes).is_err() => {
                format!("\u{feff}{}", characters(&bytes, charset)).into_bytes()
            }
            _ => bytes,
        };
        let is_message = essence.starts_with("message/") && name.is_empty();
        let name = if is_message { "message.eml".to_owned() } else { name };
        let id = self.ids.get(&self.number(part)).cloned();
        self.parts.file(File { name: &name, media_type: &essence, bytes: &bytes, id })
    }
}

/// A body without its transfer encoding.
pub(super) fn decoded(body: &[u8], encoding: Encoding) -> Result<Cow<'_, [u8]>, Failure> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    match encoding {
        Encoding::Identity => Ok(body.into()),
        Encoding::QuotedPrintable => Ok(quoted_printable(body).into()),
        Encoding::Base64 => {
            let letters: Vec<u8> = body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            let bytes = ENGINE.decode(letters);
            bytes
                .map(Cow::from)
                .map_err(|_| Failure::Malformed("the mail has base64 that is not sound".to_owned()))
        }
    }
}

/// RFC 2045, 6.7; an `=` that begins nothing stands for itself.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut breaks = false;
    for line in body.split(|&b| b == b'\n') {
        if std::mem::replace(&mut breaks, true) {
            out.extend_from_slice(b"\r\n");
        }
        let mut rest = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_end();
        while let Some((&byte, tail)) = rest.split_first() {
            let digit = |n: usize| tail.get(n).and_then(|&c| char::from(c).to_digit(16));
            rest = match (byte, digit(0), digit(1)) {
                (b'=', Some(high), Some(low)) => {
                    out.push(u8::try_from(high * 16 + low).unwrap_or_default());
                    tail.get(2..).unwrap_or_default()
                }
                (b'=', ..) if tail.is_empty() => {
                    breaks = false;
                    tail
                }
                _ => {
                    out.push(byte);
                    tail
                }
            };
        }
    }
    out
}

/// A text's characters; what is no character of its set is replaced.
pub(super) fn characters(bytes: &[u8], charset: Option<&str>) -> String {
    let label = charset.map(|label| label.split([' ', '(']).next().unwrap_or_default().to_ascii_lowercase());
    let vague = label.as_deref().is_none_or(|label| matches!(label, "" | "us-ascii" | "ascii"));
    let known = label.as_deref().filter(|_| !vague).and_then(|label| Charset::for_label(label.as_bytes()));
    let charset = match known {
        Some(charset) => charset,
        None if std::str::from_utf8(bytes).is_ok() => encoding_rs::UTF_8,
        None => encoding_rs::WINDOWS_1252,
    };
    charset.decode(bytes).0.into_owned()
}

fn mailboxes(address: Option<&Address<'_>>) -> Vec<Mailbox> {
    let people: Vec<_> = match address {
        None => Vec::new(),
        Some(Address::List(list)) => list.iter().collect(),
        Some(Address::Group(groups)) => groups.iter().flat_map(|group| &group.addresses).collect(),
    };
    let text = |text: &Option<Cow<'_, str>>| write::one_line(text.as_deref().unwrap_or_default());
    let people =
        people.into_iter().map(|person| Mailbox { name: text(&person.name), address: text(&person.address) });
    people.filter(|person| !person.name.is_empty() || !person.address.is_empty()).collect()
}

/// An identifier as RFC 5322, 3.6.4 has it, with its brackets.
pub(super) fn message_id(id: &str) -> Option<String> {
    let id = id.trim_matches(['<', '>', ' ']);
    write::is_address(id).then(|| format!("<{id}>"))
}
