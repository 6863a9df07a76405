//! Proof that a rebuilt mail holds only what it may: its parts are found again from scratch.

use mail_parser::{MessageParser, MimeHeaders as _};

use super::{eml, structure};
use crate::failure::Failure;
use crate::format::Format;
use crate::html;
use crate::identify::{Declared, identify};
use crate::job::Job;
use crate::limits::Limits;
use crate::options::Links;
use crate::report::plain;

/// Fields that a mail and its parts may have.
const OF_MAIL: [&str; 7] = ["from", "to", "cc", "subject", "date", "message-id", "mime-version"];
const OF_PART: [&str; 4] = ["content-type", "content-transfer-encoding", "content-disposition", "content-id"];

/// Mails attached to one another that are looked into: more than a job ever nests.
const MAX_DEPTH: u32 = 32;

/// Reads a rebuilt mail from scratch.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    mail(bytes, (job.limits, job.options.links), MAX_DEPTH).map_err(|failure| match failure {
        Failure::Unproved(problem) => Failure::Unproved(problem),
        other => Failure::Unproved(other.to_string()),
    })
}

fn mail(bytes: &[u8], (limits, links): (&Limits, Links), depth: u32) -> Result<(), Failure> {
    let unproved = |problem: &str| Err(Failure::Unproved(problem.to_owned()));
    let Some(depth) = depth.checked_sub(1) else { return unproved("mails are nested too deep") };
    let is_plain = |b: &u8| b.is_ascii_graphic() || matches!(b, b' ' | b'\t' | b'\r' | b'\n');
    if !bytes.iter().all(is_plain) || bytes.split(|&b| b == b'\n').any(|line| line.len() > 1000) {
        return unproved("the mail is not plain ASCII in short lines");
    }
    let root = structure::parse(bytes, limits)?;
    let Some(message) = MessageParser::new().parse(bytes) else { return unproved("the mail has no fields") };
    eml::check_agreement(&root, &message)?;
    for (n, (part, theirs)) in root.all().into_iter().zip(&message.parts).enumerate() {
        let allowed = |name: &str| OF_PART.contains(&name) || (n == 0 && OF_MAIL.contains(&name));
        if let Some((name, _)) = part.fields.iter().find(|(name, _)| !allowed(name)) {
            return unproved(&format!("the field {} is still there", plain(name)));
        }
        let body = bytes.get(part.body.clone()).unwrap_or_default();
        let content = eml::decoded(body, part.encoding)?;
        let name = theirs.attachment_name().unwrap_or_default();
        let text =
            || std::str::from_utf8(&content).map_err(|_| Failure::Unproved("a text is not UTF-8".to_owned()));
        match part.content_type.essence.as_str() {
            "multipart/mixed" | "multipart/alternative" | "multipart/related" if !part.has_text_beside => {}
            "text/plain" if name.is_empty() => {
                if text()?.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n')) {
                    return unproved("a text has control characters");
                }
            }
            "text/html" if name.is_empty() => html::verify_mail(&text()?.replace("\r\n", "\n"), links)?,
            "message/rfc822" => mail(body, (limits, links), depth)?,
            essence => {
                let found = identify(&content, &Declared { name, media_type: essence });
                if name.is_empty() || !found.format.is_rebuilt() || found.objection.is_some() {
                    return unproved(&format!("the attachment {} is still there", plain(name)));
                }
            }
        }
    }
    Ok(())
}
