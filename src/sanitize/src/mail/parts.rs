//! What becomes of each text, picture and attachment.

use std::collections::HashMap;

use super::{Part, write};
use crate::archive::Names;
use crate::failure::Failure;
use crate::format::Format;
use crate::html;
use crate::identify::{Declared, extension, fits_extension};
use crate::job::Job;
use crate::options::Signed;
use crate::report::{Removed, Verdict, What, is_invisible, plain};
use crate::text::plain::clean;

/// The media type of what Outlook wraps attachments in, and how it begins (MS-OXTNEF 2.1.3.1).
const TNEF_MAGIC: &[u8] = b"\x78\x9f\x3e\x22";

/// How an Office document with macros in a web archive begins.
const ACTIVE_MIME: &[u8] = b"ActiveMime";

/// Collects the pieces of one mail.
pub(super) struct Parts<'a, 'b> {
    pub(super) job: &'a mut Job<'b>,
    names: Names,
    /// `cid:` addresses and locations of pictures, and the identifiers they get.
    pictures: HashMap<String, String>,
    numbered: u32,
    worst: Option<(Verdict, String)>,
}

/// An attachment or picture as it came.
pub(super) struct File<'a> {
    pub(super) name: &'a str,
    pub(super) media_type: &'a str,
    pub(super) bytes: &'a [u8],
    /// The identifier that [`Parts::number`] gave it, where the text may show it.
    pub(super) id: Option<String>,
}

impl<'a, 'b> Parts<'a, 'b> {
    pub(super) fn new(job: &'a mut Job<'b>) -> Self {
        Self { job, names: Names::default(), pictures: HashMap::new(), numbered: 0, worst: None }
    }

    /// Gives a picture the identifier it will have, so that texts before it can show it.
    pub(super) fn number(&mut self, addresses: impl IntoIterator<Item = String>) -> String {
        self.numbered = self.numbered.saturating_add(1);
        let id = format!("picture-{}@sluse.invalid", self.numbered);
        for address in addresses {
            self.pictures.entry(address).or_insert_with(|| id.clone());
        }
        id
    }

    /// A text for reading, without control characters.
    pub(super) fn text(&mut self, text: &str) -> Result<Part, Failure> {
        self.job.inspect(text.as_bytes())?;
        let (text, removed) = clean(&text.replace("\r\n", "\n").replace('\r', "\n"));
        removed.into_iter().for_each(|removed| self.job.removed(removed));
        Ok(Part::Text(text))
    }

    /// The mail's text as a page; `location`: where it says it is from.
    pub(super) fn html(&mut self, text: &str, location: &str) -> Result<Part, Failure> {
        self.job.inspect(text.as_bytes())?;
        let folder = location.rsplit_once('/').map_or("", |(folder, _)| folder);
        let known = &self.pictures;
        let mut resolve = |source: &str| {
            let address = |id: &String| format!("cid:{id}");
            let cid =
                source.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("cid:")).and(source.get(4..));
            match cid {
                Some(cid) => known.get(&format!("cid:{}", percent_decoded(cid))).map(address),
                None => {
                    let here = format!("{folder}/{source}");
                    known
                        .get(source)
                        .or_else(|| known.get(&here))
                        .or_else(|| known.get(&percent_decoded(&here)))
                        .map(address)
                }
            }
        };
        html::mail(text, &mut resolve, self.job).map(Part::Html)
    }

    /// Examines an attachment or picture; `None`: it is left out, for good or because the mail will fail.
    pub(super) fn file(&mut self, file: File<'_>) -> Result<Option<Part>, Failure> {
        refuse_wrappers(&file)?;
        // The start of a DER SEQUENCE: a name alone makes no signature.
        let is_named_so = file.name.to_lowercase().ends_with(".p7s") && file.bytes.starts_with(&[0x30]);
        if is_signature(file.media_type) || is_named_so {
            return self.signature(file.bytes).map(|()| None);
        }
        if file.bytes.is_empty() {
            self.job.removed(Removed::new(
                What::Attachment,
                &format!("empty attachment {}", plain(file.name)),
                1,
            ));
            return Ok(None);
        }
        if is_invitation(&file) {
            self.job.inspect(file.bytes)?;
            self.job.removed(Removed::new(
                What::Attachment,
                &format!("invitation or contact {}", plain(file.name)),
                1,
            ));
            return Ok(None);
        }
        if let Some(id) = &file.id
            && file.bytes == crate::image::BLANK
        {
            let name = self.names.fitting(&clean_name(file.name, "picture", Format::Png), Format::Png);
            let bytes = file.bytes.to_vec();
            return Ok(Some(Part::Picture { id: id.clone(), name, format: Format::Png, bytes }));
        }
        // A picture in the text is never opened by its name.
        let declared = match file.id {
            Some(_) => Declared::default(),
            None => Declared { name: file.name, media_type: file.media_type },
        };
        let rebuilt = self.job.nested(file.bytes, &declared)?;
        let (id, (bytes, format)) = match (file.id, rebuilt) {
            (Some(id), Some((bytes, format))) if format.media_type().starts_with("image/") => {
                (Some(id), (bytes, format))
            }
            (Some(id), _) => {
                self.job.removed(Removed::new(What::Picture, &format!("picture {}", plain(file.name)), 1));
                (Some(id), (crate::image::BLANK.to_vec(), Format::Png))
            }
            (None, Some(rebuilt)) => (None, rebuilt),
            (None, None) => {
                self.fails(file.name);
                return Ok(None);
            }
        };
        let name = self.names.fitting(
            &clean_name(file.name, if id.is_some() { "picture" } else { "attachment" }, format),
            format,
        );
        Ok(Some(match id {
            Some(id) => Part::Picture { id, name, format, bytes },
            None => Part::File { name, format, bytes },
        }))
    }

    /// A signature: what is written anew no longer has it.
    pub(super) fn signature(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.job.inspect(bytes)?;
        match self.job.options.signed {
            Signed::Quarantine => Err(Failure::Refused("the mail is signed".to_owned())),
            Signed::Rebuild | Signed::KeepOriginal => {
                self.job.removed(Removed::new(What::Signature, "signature of the mail", 1));
                Ok(())
            }
        }
    }

    /// Notes that the last file given to the job was not rebuilt.
    fn fails(&mut self, name: &str) {
        let (verdict, reason) = match self.job.last_child() {
            Some(child) => (child.verdict, child.reason.clone()),
            None => (Verdict::Unscannable, String::new()),
        };
        if self.worst.as_ref().is_none_or(|(known, _)| verdict > *known) {
            self.worst = Some((verdict, format!("the mail's attachment {}: {reason}", plain(name))));
        }
    }

    /// Fails when an attachment was not rebuilt; all of them have been examined by then.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self.worst {
            Some((Verdict::Refused, reason)) => Err(Failure::Refused(reason)),
            Some((_, reason)) => Err(Failure::Malformed(reason)),
            None => Ok(()),
        }
    }
}

/// Wrappers whose content mail programs show as if it were the mail's own.
pub(super) fn refuse_wrappers(file: &File<'_>) -> Result<(), Failure> {
    const TNEF: [&str; 3] = ["application/ms-tnef", "application/vnd.ms-tnef", "application/x-tnef"];
    const SMIME: [&str; 2] = ["application/pkcs7-mime", "application/x-pkcs7-mime"];
    let name = file.name.to_lowercase();
    if TNEF.contains(&file.media_type) || name == "winmail.dat" || file.bytes.starts_with(TNEF_MAGIC) {
        return Err(Failure::Malformed(
            "the mail is wrapped in Outlook's own format (TNEF, winmail.dat)".to_owned(),
        ));
    }
    if SMIME.contains(&file.media_type) || name.ends_with(".p7m") || name.ends_with(".p7c") {
        return Err(Failure::Encrypted(
            "the mail is encrypted or hidden in its signature (S/MIME)".to_owned(),
        ));
    }
    if file.media_type == "application/pgp-encrypted" {
        return Err(Failure::Encrypted("the mail is encrypted (PGP)".to_owned()));
    }
    let is_mso = file.media_type == "application/x-mso"
        || name.ends_with(".mso")
        || file.bytes.starts_with(ACTIVE_MIME);
    match is_mso {
        true => {
            Err(Failure::Refused("the mail or web archive holds a document's macros (ActiveMime)".to_owned()))
        }
        false => Ok(()),
    }
}

/// A calendar's or address book's entry, by what it says it is and by how it begins (RFC 5545, RFC 6350): mail programs add
/// them unasked, and the mail says the same in words.
fn is_invitation(file: &File<'_>) -> bool {
    const TYPES: [&str; 6] = [
        "text/calendar",
        "application/ics",
        "text/x-vcalendar",
        "text/vcard",
        "text/x-vcard",
        "text/directory",
    ];
    const BEGINNINGS: [&[u8]; 2] = [b"BEGIN:VCALENDAR", b"BEGIN:VCARD"];
    let says = TYPES.contains(&file.media_type)
        || extension(file.name).is_some_and(|e| matches!(e.as_str(), "ics" | "vcs" | "vcf"));
    let text = file.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file.bytes).trim_ascii_start();
    let begins = |word: &&[u8]| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    says && BEGINNINGS.iter().any(begins)
}

pub(super) fn is_signature(media_type: &str) -> bool {
    const SIGNATURES: [&str; 3] =
        ["application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"];
    SIGNATURES.contains(&media_type)
}

/// The last path component of a name, without characters that are not shown and of a sane length, as it and its encoding go.
pub(super) fn clean_name(name: &str, otherwise: &str, format: Format) -> String {
    // Where a name is made shorter or has no extension of its type, one and a number must find room.
    const MAX_CHARS: usize = 120;
    const SHORT_CHARS: usize = 100;
    const MAX_ENCODED: usize = 900;
    const SHORT_ENCODED: usize = 840;
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let shown: String =
        last.chars().filter(|c| !c.is_control() && !is_invisible(*c) && !"<>:\"|?*".contains(*c)).collect();
    let shown = shown.trim().trim_start_matches('.');
    if shown.is_empty() {
        return otherwise.to_owned();
    }
    let has_extension = extension(shown).is_some_and(|e| fits_extension(format, &e));
    let (max_chars, max_encoded) =
        if has_extension { (MAX_CHARS, MAX_ENCODED) } else { (SHORT_CHARS, SHORT_ENCODED) };
    if shown.chars().count() <= max_chars
        && shown.chars().map(write::encoded_length).sum::<usize>() <= max_encoded
    {
        return shown.to_owned();
    }
    let mut encoded = 0_usize;
    let fits = |c: &char| {
        encoded = encoded.saturating_add(write::encoded_length(*c));
        encoded <= SHORT_ENCODED
    };
    // The end holds the extension.
    let kept = shown.chars().rev().take(SHORT_CHARS).take_while(fits).count();
    let skipped = shown.chars().count().saturating_sub(kept);
    shown.chars().skip(skipped).collect::<String>().trim_start().to_owned()
}

fn percent_decoded(text: &str) -> String {
    crate::zip_structure::names::percent_decoded(text)
}
