//! What an Outlook message says (MS-OXMSG, MS-OXCMSG).
//!
//! ```text
//! Root ─┬─ __properties_version1.0      numbers and times
//!       ├─ __substg1.0_IIIITTTT         one property: identifier, type
//!       ├─ __recip_version1.0_#N        a recipient, with properties of its own
//!       ├─ __attach_version1.0_#N ─┬─ __substg1.0_37010102   a file
//!       │                          └─ __substg1.0_3701000D   a message (the same again), or an OLE object
//!       └─ __nameid_version1.0          names of properties that nothing here needs
//! ```
//!
//! A message in a message is made a file of its own and examined as one.

mod properties;
mod rtf;

use std::borrow::Cow;

use mail_parser::DateTime;

use super::parts::{File, Parts};
use super::{Kind, Mail, Mailbox, Part, eml, finish, write};
use crate::compound::{Compound, Storage};
use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::html;
use crate::job::Job;
use crate::report::{Removed, What, plain};
use properties::{PROPERTIES, Properties, Scope};

/// How an attachment is attached (PidTagAttachMethod).
const BY_VALUE: u32 = 1;
const EMBEDDED_MESSAGE: u32 = 5;
const OLE: u32 = 6;

/// Attachments looked at where the file says there are more: far more than mail servers take.
const MAX_LISTED: usize = 10_000;

/// Writes the message as a plain mail.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let compound = Compound::parse(bytes, job)?;
    compound.unreachable.note(job);
    let mail = read(&compound.root, job)?;
    finish(&mail, job)
}

fn read(root: &Storage<'_>, job: &mut Job<'_>) -> Result<Mail, Failure> {
    let message = Properties::of(root, Scope::Message)?;
    let class = message.text(0x001a).unwrap_or_default().to_ascii_lowercase();
    let is_clear_signed = class == "ipm.note.smime.multipartsigned";
    if (class.starts_with("ipm.note.smime") && !is_clear_signed)
        || class.starts_with("ipm.note.secure")
        || class.contains(".rpmsg")
    {
        return Err(Failure::Encrypted(
            "the message is encrypted or hidden in its signature (S/MIME)".to_owned(),
        ));
    }
    let numbered = |prefix: &'static str| {
        let is_one = move |storage: &&Storage<'_>| storage.name.to_ascii_lowercase().starts_with(prefix);
        root.storages.iter().filter(is_one).take(MAX_LISTED)
    };
    if numbered("__attach_version1.0_#").count()
        > usize::try_from(job.limits.max_members).unwrap_or(MAX_LISTED)
    {
        return Err(Failure::Limit {
            name: "max_members",
            what: "the number of attachments".to_owned(),
            limit: job.limits.max_members.into(),
        });
    }

    let (mut to, mut cc) = (Vec::new(), Vec::new());
    for storage in numbered("__recip_version1.0_#") {
        let recipient = Properties::of(storage, Scope::Part)?.in_codepage_of(&message);
        let person = person(&recipient, 0x3001, 0x39fe, (0x3002, 0x3003));
        match recipient.number(0x0c15) {
            Some(2) => cc.push(person),
            Some(3) => job.removed(Removed::new(What::Metadata, "blind copy recipient", 1)),
            _ => to.push(person),
        }
    }
    let is_person = |person: &Mailbox| !person.name.is_empty() || !person.address.is_empty();
    let from = [
        person(&message, 0x0042, 0x5d02, (0x0064, 0x0065)),
        person(&message, 0x0c1a, 0x5d01, (0x0c1e, 0x0c1f)),
    ];

    let mut attachments = Vec::new();
    for storage in numbered("__attach_version1.0_#") {
        attachments.extend(Attachment::read(storage, &message, job)?);
    }
    let signed = if is_clear_signed { Some(signed(&attachments, job)?) } else { None };
    if signed.is_some() {
        attachments.clear();
    }
    let html = page(&message, job)?.filter(|_| signed.is_none());
    let rtf = match html.is_none() && message.text(0x1000).is_none_or(|text| text.trim().is_empty()) {
        true => message.binary(0x1009).map(|packed| rtf::read(packed, job)).transpose()?,
        false => None,
    };
    let (html, text) = match rtf.filter(|_| signed.is_none()) {
        Some(rtf::Body::Html(page)) => (Some(page), None),
        Some(rtf::Body::Text(text)) => (None, Some(text)),
        None => (html, message.text(0x1000).filter(|_| signed.is_none())),
    };
    job.removed(Removed::new(What::Metadata, "properties of the message", message.count()));

    let mut parts = Parts::new(job);
    let in_page = html.is_some();
    for attachment in attachments.iter_mut().filter(|attachment| attachment.is_picture()) {
        attachment.id = Some(parts.number(attachment.addresses()));
    }
    let text = text.filter(|text| !(in_page && text.trim().is_empty()));
    let text = text.map(|text| parts.text(&text)).transpose()?;
    let html = html.map(|page| parts.html(&page, "")).transpose()?;
    let (mut shown, mut attached) = (Vec::new(), Vec::new());
    for attachment in &attachments {
        match parts.file(attachment.file())? {
            Some(picture @ Part::Picture { .. }) => shown.push(picture),
            Some(other) => attached.push(other),
            None => {}
        }
    }
    parts.finish()?;

    let html = html.map(|page| many(Kind::Related, std::iter::once(page).chain(shown).collect()));
    let body = many(Kind::Alternative, text.into_iter().chain(html.flatten()).collect());
    let content = many(Kind::Mixed, signed.into_iter().chain(body).chain(attached).collect());
    Ok(Mail {
        from: from.into_iter().find(is_person).into_iter().collect(),
        to: to.into_iter().filter(is_person).collect(),
        cc: cc.into_iter().filter(is_person).collect(),
        subject: message.text(0x0037).or_else(|| message.text(0x0e1d)).unwrap_or_default(),
        date: [0x0039, 0x0e06].iter().find_map(|&id| date(message.time(id)?)),
        message_id: message.text(0x1035).and_then(|id| eml::message_id(&id)),
        content,
    })
}

/// The content of a signed message that can be read without its signature: its only attachment is the signed part of a
/// mail, fields and all (MS-OXOSMIME, 2.1.3.1).
fn signed(attachments: &[Attachment<'_>], job: &mut Job<'_>) -> Result<Part, Failure> {
    let hidden =
        || Failure::Encrypted("the message is encrypted or hidden in its signature (S/MIME)".to_owned());
    let [only] = attachments else { return Err(hidden()) };
    let fields = only.bytes.get(..only.bytes.len().min(4096)).unwrap_or_default().to_ascii_lowercase();
    if memchr::memmem::find(&fields, b"multipart/signed").is_none() {
        return Err(hidden());
    }
    job.inspect(&only.bytes)?;
    eml::read(&only.bytes, job)?.content.ok_or_else(hidden)
}

/// One part as it is, several as a multipart.
fn many(kind: Kind, mut parts: Vec<Part>) -> Option<Part> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(Part::Many(kind, parts)),
    }
}

/// The HTML body: bytes in the character set of the mail it was, or text.
fn page(message: &Properties<'_>, job: &mut Job<'_>) -> Result<Option<String>, Failure> {
    let page = match message.binary(0x1013) {
        Some(bytes) => {
            job.expand(u64::try_from(bytes.len()).unwrap_or(u64::MAX))?;
            match message.number(0x3fde).and_then(properties::codepage) {
                Some(charset) => Some(charset.decode(bytes).0.into_owned()),
                None => Some(html::decode(bytes)?),
            }
        }
        None => message.text(0x1013),
    };
    Ok(page.filter(|page| !page.trim().is_empty()))
}

fn person(properties: &Properties<'_>, name: u16, smtp: u16, (kind, address): (u16, u16)) -> Mailbox {
    let text = |id| properties.text(id).map(|text| write::one_line(&text)).unwrap_or_default();
    let own = text(smtp);
    let is_internet = |address: &String| write::is_address(address);
    let other =
        Some(text(address)).filter(|address| is_internet(address) || text(kind).eq_ignore_ascii_case("smtp"));
    let address = if is_internet(&own) { own } else { other.unwrap_or_default() };
    let name = text(name).trim_matches(['\'', '"']).to_owned();
    Mailbox { name: if name == address { String::new() } else { name }, address }
}

/// A FILETIME: 100 nanoseconds since 1601.
fn date(time: u64) -> Option<String> {
    const FROM_1601_TO_1970: i64 = 11_644_473_600;
    let seconds = i64::try_from(time / 10_000_000).ok()?.checked_sub(FROM_1601_TO_1970)?;
    let date = DateTime::from_timestamp(Some(seconds).filter(|&seconds| seconds >= 0)?);
    date.is_valid().then(|| date.to_rfc822())
}

struct Attachment<'a> {
    name: String,
    media_type: String,
    bytes: Cow<'a, [u8]>,
    content_id: Option<String>,
    location: Option<String>,
    id: Option<String>,
}

impl<'a> Attachment<'a> {
    /// `None`: it is of a kind that no plain mail has.
    fn read(
        storage: &'a Storage<'a>,
        message: &Properties<'_>,
        job: &mut Job<'_>,
    ) -> Result<Option<Self>, Failure> {
        let properties = Properties::of(storage, Scope::Part)?.in_codepage_of(message);
        let text = |id| properties.text(id).filter(|text| !text.trim().is_empty());
        let name = [0x3707, 0x3704, 0x3001].iter().find_map(|&id| text(id)).unwrap_or_default();
        let embedded = storage.storage("__substg1.0_3701000D");
        let (bytes, name) = match (properties.number(0x3705), embedded, properties.binary(0x3701)) {
            (Some(EMBEDDED_MESSAGE), Some(inner), _) => (Cow::from(as_file(inner)?), message_name(&name)),
            (Some(OLE), ..) | (_, Some(_), None) => {
                job.removed(Removed::new(What::EmbeddedObject, &format!("object {}", plain(&name)), 1));
                return Ok(None);
            }
            (None | Some(BY_VALUE), _, Some(bytes)) => (Cow::from(bytes), name),
            (Some(0), _, None) | (None | Some(BY_VALUE), _, None) => (Cow::from(&[][..]), name),
            _ => {
                job.removed(Removed::new(
                    What::ExternalReference,
                    &format!("attachment elsewhere {}", plain(&name)),
                    1,
                ));
                return Ok(None);
            }
        };
        let media_type = text(0x370e).unwrap_or_default().trim().to_ascii_lowercase();
        let (content_id, location) = (text(0x3712), text(0x3713));
        Ok(Some(Self { name, media_type, bytes, content_id, location, id: None }))
    }

    /// Whether the HTML may show it.
    fn is_picture(&self) -> bool {
        let by_name = crate::identify::extension(&self.name).is_some_and(|e| {
            matches!(
                e.as_str(),
                "png" | "jpg" | "jpeg" | "gif" | "bmp" | "webp" | "tif" | "tiff" | "emf" | "wmf"
            )
        });
        (self.content_id.is_some() || self.location.is_some())
            && (self.media_type.starts_with("image/") || by_name)
    }

    fn addresses(&self) -> Vec<String> {
        let cid = self.content_id.iter().map(|id| format!("cid:{}", id.trim().trim_matches(['<', '>'])));
        cid.chain(self.location.clone()).collect()
    }

    fn file(&self) -> File<'_> {
        File { name: self.name.trim(), media_type: &self.media_type, bytes: &self.bytes, id: self.id.clone() }
    }
}

/// A file name from a subject, which may look like anything.
fn message_name(subject: &str) -> String {
    let words: String = subject.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let words: Vec<&str> = words.split_whitespace().collect();
    match words.is_empty() {
        true => "message.msg".to_owned(),
        false => format!("{}.msg", words.join(" ")),
    }
}

/// An embedded message as a message file: its property stream gets the longer header that those have (MS-OXMSG 2.4.1.1).
fn as_file(inner: &Storage<'_>) -> Result<Vec<u8>, Failure> {
    let mut root = inner.clone();
    for stream in root.streams.iter_mut().filter(|stream| stream.name.eq_ignore_ascii_case(PROPERTIES)) {
        let header = stream.bytes.get(..24).unwrap_or_default();
        let entries = stream.bytes.get(24..).unwrap_or_default();
        stream.bytes = [header, &[0; 8], entries].concat().into();
    }
    root.write()
}
