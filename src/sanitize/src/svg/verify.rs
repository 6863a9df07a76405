//! Proof that a rebuilt drawing is harmless: read again without regard to namespaces, by a list of what is forbidden.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, escape};

use crate::css;
use crate::failure::Failure;
use crate::format::Format;
use crate::job::Job;
use crate::options::Links;
use crate::report::plain;

const FORBIDDEN: [&str; 24] = [
    "animate",
    "animatecolor",
    "animatemotion",
    "animatetransform",
    "audio",
    "cursor",
    "discard",
    "embed",
    "feimage",
    "font-face-uri",
    "foreignobject",
    "handler",
    "html",
    "iframe",
    "link",
    "listener",
    "meta",
    "metadata",
    "mpath",
    "object",
    "script",
    "set",
    "tref",
    "video",
];

/// Reads a rebuilt drawing from scratch.
pub(crate) fn verify(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let unproved = |problem: String| Failure::Unproved(format!("the drawing still has {problem}"));
    let text = std::str::from_utf8(bytes).map_err(|_| unproved("another encoding".to_owned()))?;
    let mut reader = Reader::from_str(text);
    let mut in_style = false;
    loop {
        let problem = match reader.read_event().map_err(|error| Failure::Unproved(error.to_string()))? {
            Event::Start(tag) => {
                in_style = tag.name().as_ref() == "style";
                element(&tag, job.options.links)
            }
            Event::Empty(tag) => element(&tag, job.options.links),
            Event::End(_) => {
                in_style = false;
                None
            }
            Event::Text(text) if in_style => style(&text).then(|| "an active style".to_owned()),
            Event::Text(_) => None,
            Event::GeneralRef(name) => {
                let name = name.into_inner();
                let is_known = name.starts_with('#') || escape::resolve_predefined_entity(&name).is_some();
                (!is_known).then(|| "an entity".to_owned())
            }
            Event::CData(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {
                Some("a part of a kind that is not written".to_owned())
            }
            Event::Decl(_) => None,
            Event::Eof => return Ok(()),
        };
        if let Some(problem) = problem {
            return Err(unproved(problem));
        }
    }
}

fn element(tag: &BytesStart<'_>, links: Links) -> Option<String> {
    let name = tag.name();
    let name: &str = name.as_ref();
    if name.contains(':') || FORBIDDEN.contains(&name.to_ascii_lowercase().as_str()) {
        return Some(format!("the element {}", plain(name)));
    }
    tag.attributes().find_map(|attribute| {
        let Ok(attribute) = attribute else { return Some("a broken attribute".to_owned()) };
        let key: &str = attribute.key.as_ref();
        let Ok(value) = escape::unescape(&attribute.value) else {
            return Some("a broken attribute".to_owned());
        };
        let harmless = match key {
            "xmlns" | "xmlns:xlink" => value.starts_with("http://www.w3.org/"),
            "xml:lang" | "xml:space" => true,
            "xlink:href" => {
                let is_picture = ["png", "jpeg", "gif", "webp"]
                    .iter()
                    .any(|kind| value.starts_with(&format!("data:image/{kind};base64,")));
                let is_link = links == Links::Keep
                    && ["http:", "https:", "mailto:"]
                        .iter()
                        .any(|scheme| value.to_ascii_lowercase().starts_with(scheme));
                value.starts_with('#') || (name == "image" && is_picture) || (name == "a" && is_link)
            }
            key => {
                !key.contains(':')
                    && !key.to_ascii_lowercase().starts_with("on")
                    && key != "href"
                    && !style(&value)
            }
        };
        (!harmless).then(|| format!("the attribute {}", plain(key)))
    })
}

/// Whether a style or an attribute may fetch or run something.
fn style(text: &str) -> bool {
    let lower: String = text
        .to_ascii_lowercase()
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\''))
        .collect();
    lower.replace("url(#", "").contains("url(")
        || ["@", "\\", "javascript:", "data:"].iter().any(|sign| lower.contains(sign))
        || css::runs_or_binds(&lower).is_some()
}
