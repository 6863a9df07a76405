//! HTML: read as browsers read it, written anew from an allow list of elements, attributes and styles.
//!
//! ```text
//! bytes ─▶ encoding ─▶ tree (WHATWG algorithm) ─▶ rewrite + rules ─▶ page ─▶ again, until nothing changes
//!                                                     │                 verify: another tokenizer's view, and `ammonia`
//!                                                     └─ pictures: data: rebuilt by their own formats, cid: in mail only
//! ```
//!
//! Invariants: nothing runs, nothing is fetched, nothing is sent; the page is UTF-8 and says so first.

mod rewrite;
mod rules;
mod tree;
mod verify;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::identify::Declared;
use crate::job::Job;
use crate::options::Links;
use crate::report::{Removed, What};

pub(crate) use rewrite::Pictures;

const PAGE_END: &str = "\n</body>\n</html>\n";

/// Picture formats that every browser and mail program shows.
pub(crate) const SHOWN: [Format; 4] = [Format::Png, Format::Jpeg, Format::Gif, Format::Webp];

/// Writes a page anew.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let text = decode(bytes)?;
    let page = rewrite::page(&text, &mut |_| None, job)?;
    Ok(Rewritten { bytes: page.into_bytes(), format: Format::Html })
}

/// Reads a page from scratch: only what may be there is there.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let page =
        std::str::from_utf8(bytes).map_err(|_| Failure::Unproved("the page is not UTF-8".to_owned()))?;
    verify::page(page, false, job.options.links)
}

/// Writes the HTML of a mail anew, to be proved by [`verify_mail`]; `pictures` gives the `cid:` address of a picture in it.
pub(crate) fn mail(text: &str, pictures: Pictures<'_>, job: &mut Job<'_>) -> Result<String, Failure> {
    rewrite::page(text, pictures, job)
}

/// Reads the rebuilt HTML of a mail from scratch.
pub(crate) fn verify_mail(page: &str, links: Links) -> Result<(), Failure> {
    verify::page(page, true, links)
}

/// The page's characters: by its byte order mark, what it declares, UTF-8 where it is valid, else windows-1252. Bytes that
/// mean nothing are replaced, as browsers do.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, Failure> {
    let (encoding, mark) = match Encoding::for_bom(bytes) {
        Some(found) => found,
        None => match declared(bytes.get(..bytes.len().min(1024)).unwrap_or_default()) {
            Some(encoding) => (encoding, 0),
            None if std::str::from_utf8(bytes).is_ok() => (UTF_8, 0),
            None => (WINDOWS_1252, 0),
        },
    };
    if encoding == encoding_rs::REPLACEMENT {
        return Err(Failure::Malformed("the page is in an encoding that is not accepted".to_owned()));
    }
    let body = bytes.get(mark..).unwrap_or_default();
    Ok(encoding.decode_without_bom_handling(body).0.into_owned())
}

/// What `charset=` or `encoding=` in the first bytes says (WHATWG HTML, 13.2.3.3, more simply).
fn declared(start: &[u8]) -> Option<&'static Encoding> {
    let text: String = start.iter().map(|&b| char::from(b).to_ascii_lowercase()).collect();
    let after = |sign: &str| text.split_once(sign).map(|(_, behind)| behind);
    let declaration =
        text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map(|(inside, _)| inside);
    let in_xml = declaration.and_then(|inside| inside.split_once("encoding")).map(|(_, behind)| behind);
    let behind = after("charset").or(in_xml)?.trim_start().strip_prefix('=')?;
    let label = behind.trim_start_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\''));
    let end = label.find(|c: char| !(c.is_ascii_alphanumeric() || "-_:.".contains(c))).unwrap_or(label.len());
    let encoding = Encoding::for_label(label.get(..end)?.as_bytes())?;
    // The declaration could be read, so it is none of the wide ones.
    Some(if encoding.is_ascii_compatible() { encoding } else { UTF_8 })
}

/// The address of the rebuilt picture that is in a `data:` address; a blank one where it cannot be rebuilt.
pub(crate) fn data_picture(address: &str, job: &mut Job<'_>) -> Result<String, Failure> {
    let bytes = data_bytes(address);
    job.expand(u64::try_from(bytes.as_deref().unwrap_or_default().len()).unwrap_or(u64::MAX))?;
    let rebuilt = match &bytes {
        Some(bytes) if *bytes == crate::image::BLANK => Some((bytes.clone(), Format::Png)),
        Some(bytes) => job.nested(bytes, &Declared::default())?.filter(|(_, format)| SHOWN.contains(format)),
        None => None,
    };
    let (bytes, format) = match rebuilt {
        Some(rebuilt) => rebuilt,
        None => {
            job.removed(Removed::new(What::Picture, "picture in a data: address", 1));
            (crate::image::BLANK.to_vec(), Format::Png)
        }
    };
    Ok(format!("data:{};base64,{}", format.media_type(), STANDARD.encode(bytes)))
}

/// The content of a `data:` address (RFC 2397) in base64; other ways of writing one are not for pictures.
pub(crate) fn data_bytes(address: &str) -> Option<Vec<u8>> {
    const FORGIVING: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let (head, data) = address.split_once(',')?;
    let is_base64 = head.rsplit(';').next().is_some_and(|word| word.trim().eq_ignore_ascii_case("base64"));
    let data = data
        .replace("%2B", "+")
        .replace("%2F", "/")
        .replace("%3D", "=")
        .replace("%2b", "+")
        .replace("%2f", "/");
    let data: Vec<u8> = data.replace("%3d", "=").bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    is_base64.then(|| FORGIVING.decode(data).ok()).flatten()
}

#[cfg(test)]
mod tests;
