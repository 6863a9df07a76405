//! SVG: a drawing written anew from an allow list of elements and attributes.
//!
//! ```text
//! bytes ─▶ strict XML (no entities of its own) ─▶ rules ─▶ drawing ─▶ uses counted ─▶ verify: a search of its own
//!                                                   └─ pictures in data: addresses: rebuilt by their own formats
//! ```
//!
//! Invariants: nothing runs, moves or is fetched; every reference is to something in the same file, but for links on a
//! click; no drawing is multiplied beyond what `weight` allows.

mod rules;
#[cfg(test)]
mod tests;
mod verify;
mod weight;

use std::collections::BTreeMap;

use quick_xml::XmlVersion;
use quick_xml::escape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use crate::css;
use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::html;
use crate::job::Job;
use crate::markup::xml::is_xml_char;
use crate::report::{Removed, What, plain};
use crate::text::decode;

pub(crate) use verify::verify;
use weight::Weights;

const SVG: &str = "http://www.w3.org/2000/svg";
const XLINK: &str = "http://www.w3.org/1999/xlink";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Writes a drawing anew.
pub(crate) fn rebuild(bytes: &[u8], _: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let text = decode::xml(bytes)?;
    let mut writer = Writer {
        job,
        out: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
        open: Vec::new(),
        skipped: 0,
        is_open: false,
        started: false,
        sheet: None,
        weights: Weights::default(),
        removed: BTreeMap::new(),
    };
    writer.run(&text)?;
    writer.weights.check(writer.job.limits.max_nesting)?;
    for ((what, place), count) in std::mem::take(&mut writer.removed) {
        writer.job.removed(Removed::new(what, &place, count));
    }
    let bytes = writer.out.into_bytes();
    match u64::try_from(bytes.len()) {
        Ok(size) if size <= job.limits.max_bytes => Ok(Rewritten { bytes, format: Format::Svg }),
        _ => Err(Failure::Limit {
            name: "max_bytes",
            what: "the rebuilt drawing".to_owned(),
            limit: job.limits.max_bytes,
        }),
    }
}

struct Writer<'a, 'b> {
    job: &'a mut Job<'b>,
    out: String,
    /// Names of the elements that are open and kept.
    open: Vec<String>,
    /// Elements that are open inside one that is left out, itself included.
    skipped: u32,
    /// The last start tag has no `>` yet.
    is_open: bool,
    started: bool,
    /// The content of the style sheet that is being read.
    sheet: Option<String>,
    weights: Weights,
    removed: BTreeMap<(What, String), u32>,
}

impl Writer<'_, '_> {
    fn run(&mut self, text: &str) -> Result<(), Failure> {
        let mut reader = NsReader::from_str(text);
        loop {
            let (namespace, event) = reader.read_resolved_event().map_err(Failure::malformed)?;
            let is_svg = matches!(&namespace, ResolveResult::Bound(bound) if bound.as_ref() == SVG);
            if matches!(namespace, ResolveResult::Unknown(_)) {
                return malformed("the drawing has a prefix that stands for nothing");
            }
            match event {
                Event::Start(tag) => self.start(&tag, is_svg, &reader)?,
                Event::Empty(tag) => {
                    self.start(&tag, is_svg, &reader)?;
                    self.end()?;
                }
                Event::End(_) => self.end()?,
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::CData(text) => self.text(&text.xml10_content())?,
                Event::GeneralRef(name) => match name.resolve_char_ref().map_err(Failure::malformed)? {
                    Some(c) => self.text(c.encode_utf8(&mut [0; 4]))?,
                    None => match escape::resolve_predefined_entity(&name.into_inner()) {
                        Some(known) => self.text(known)?,
                        None => return malformed("the drawing has an entity of its own"),
                    },
                },
                Event::DocType(_) => self.note(What::Entity, "document type declaration"),
                Event::Comment(_) => self.note(What::Metadata, "comment"),
                Event::PI(instruction) => match instruction.target().eq_ignore_ascii_case("xml-stylesheet") {
                    true => self.note(What::ExternalReference, "style sheet from elsewhere"),
                    false => self.note(What::UnknownPart, "processing instruction"),
                },
                Event::Decl(_) => {}
                Event::Eof if self.started && self.open.is_empty() && self.skipped == 0 => return Ok(()),
                Event::Eof => return malformed("the drawing is cut off"),
            }
        }
    }

    fn note(&mut self, what: What, place: &str) {
        let count = self.removed.entry((what, plain(place))).or_default();
        *count = count.saturating_add(1);
    }

    fn start(&mut self, tag: &BytesStart<'_>, is_svg: bool, reader: &NsReader<&[u8]>) -> Result<(), Failure> {
        let depth = self.open.len().saturating_add(usize::try_from(self.skipped).unwrap_or(usize::MAX));
        if depth >= usize::try_from(self.job.limits.max_nesting).unwrap_or(usize::MAX) {
            return Err(Failure::Limit {
                name: "max_nesting",
                what: "the depth of the drawing's elements".to_owned(),
                limit: self.job.limits.max_nesting.into(),
            });
        }
        check_attributes(tag)?;
        let name = tag.local_name().as_ref().to_owned();
        let is_root = self.open.is_empty() && self.skipped == 0;
        if is_root && (self.started || !is_svg || name != "svg") {
            return malformed("the drawing is not one svg element");
        }
        if self.skipped > 0 || !is_svg || !rules::is_element(&name) || self.sheet.is_some() {
            if self.skipped == 0 {
                self.note_element(&name, is_svg);
            }
            self.skipped = self.skipped.saturating_add(1);
            return Ok(());
        }
        self.started = true;
        let attributes = self.attributes(tag, &name, reader)?;
        if name == "image" && !attributes.iter().any(|(key, _)| key == "xlink:href") {
            self.skipped = 1;
            return Ok(());
        }
        if is_root {
            self.check_size(&attributes)?;
        }
        self.weights.start(&name, &attributes);
        self.close_tag();
        self.out.push('<');
        self.out.push_str(&name);
        if is_root {
            self.out.push_str(&format!(" xmlns=\"{SVG}\" xmlns:xlink=\"{XLINK}\""));
        }
        for (key, value) in &attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            write_text(&mut self.out, value, true);
            self.out.push('"');
        }
        self.is_open = true;
        if name == "style" {
            self.sheet = Some(String::new());
        }
        self.open.push(name);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Failure> {
        if self.skipped > 0 {
            self.skipped -= 1;
            return Ok(());
        }
        let Some(name) = self.open.pop() else { return malformed("the drawing has an end tag too many") };
        self.weights.end();
        if let Some(text) = self.sheet.take() {
            let (kept, left) = css::sheet(&text, &rules::style);
            left.iter().for_each(|text| self.note_style(text));
            if !kept.is_empty() {
                self.weights.sheet(&kept);
                self.close_tag();
                write_text(&mut self.out, &format!("\n{kept}"), false);
            }
        }
        if std::mem::take(&mut self.is_open) {
            self.out.push_str("/>");
        } else {
            self.out.push_str(&format!("</{name}>"));
        }
        if self.open.is_empty() {
            self.out.push('\n');
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Failure> {
        if !text.chars().all(is_xml_char) {
            return malformed("the drawing has a character that is not allowed");
        }
        if self.skipped > 0 || text.is_empty() {
            return Ok(());
        }
        if self.open.is_empty() {
            return match text.trim().is_empty() {
                true => Ok(()),
                false => malformed("the drawing has text outside its svg element"),
            };
        }
        match &mut self.sheet {
            Some(sheet) => sheet.push_str(text),
            None => {
                self.close_tag();
                write_text(&mut self.out, text, false);
            }
        }
        Ok(())
    }

    fn close_tag(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.out.push('>');
        }
    }

    fn note_element(&mut self, name: &str, is_svg: bool) {
        let what = match name {
            _ if !is_svg => What::Metadata,
            "script" | "handler" | "listener" => What::Script,
            "foreignObject" | "iframe" | "embed" | "object" => What::EmbeddedObject,
            "animate" | "animateColor" | "animateMotion" | "animateTransform" | "set" | "discard" => {
                What::Action
            }
            "audio" | "video" => What::Multimedia,
            "feImage" | "cursor" | "font-face-uri" | "tref" | "link" => What::ExternalReference,
            "metadata" => What::Metadata,
            "font" | "font-face" | "glyph" => What::Font,
            _ => What::UnknownPart,
        };
        self.note(what, &format!("element {name}"));
    }

    fn note_style(&mut self, text: &str) {
        let what = if css::is_active(text) { What::ExternalReference } else { What::UnknownPart };
        self.note(what, "style");
    }

    /// The attributes that stay, as they are written.
    fn attributes(
        &mut self,
        tag: &BytesStart<'_>,
        element: &str,
        reader: &NsReader<&[u8]>,
    ) -> Result<Vec<(String, String)>, Failure> {
        let mut kept: Vec<(String, String)> = Vec::new();
        let mut reference = None;
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(Failure::malformed)?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(Failure::malformed)?;
            if attribute.value.contains('<') || !value.chars().all(is_xml_char) {
                return malformed("the drawing has a character that is not allowed");
            }
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
            let local: &str = local.as_ref();
            let namespace = match &namespace {
                ResolveResult::Unbound => "",
                ResolveResult::Bound(bound) => bound.as_ref(),
                ResolveResult::Unknown(_) => {
                    return malformed("the drawing has a prefix that stands for nothing");
                }
            };
            match (namespace, local) {
                // The newer spelling wins where there are both (SVG 2, 16.1.5).
                ("", "href") => reference = Some(value.into_owned()),
                (XLINK, "href") => _ = reference.get_or_insert(value.into_owned()),
                ("", "style") => {
                    let (style, left) = css::declarations(&value, &rules::style);
                    left.iter().for_each(|text| self.note_style(text));
                    if !style.is_empty() {
                        kept.push(("style".to_owned(), style));
                    }
                }
                ("", "transform" | "type" | "id" | "class" | "viewBox") if rules::is_value(&value) => {
                    kept.push((local.to_owned(), value.into_owned()));
                }
                ("", key) if key.starts_with("on") => self.note(What::Script, "event handler"),
                ("", key) if !rules::is_modest(key, &value) => {
                    self.note(What::UnknownPart, &format!("attribute {key} that is too large"));
                }
                ("", key) if rules::is_attribute(key) => match rules::is_value(&value) {
                    true => kept.push((local.to_owned(), value.into_owned())),
                    false => self.note(What::ExternalReference, &format!("attribute {key}")),
                },
                (XML, "lang") => kept.push(("xml:lang".to_owned(), value.into_owned())),
                (XML, "space") if matches!(&*value, "preserve" | "default") => {
                    kept.push(("xml:space".to_owned(), value.into_owned()));
                }
                ("", _) => self.note(What::UnknownPart, "attribute"),
                _ => self.note(What::Metadata, "attribute of another vocabulary"),
            }
        }
        if let Some(reference) = reference {
            let reference = self.reference(element, reference.trim())?;
            kept.extend(reference.map(|reference| ("xlink:href".to_owned(), reference)));
        }
        Ok(kept)
    }

    /// What an element may refer to.
    fn reference(&mut self, element: &str, reference: &str) -> Result<Option<String>, Failure> {
        if element == "image" {
            if reference.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
                return html::data_picture(reference, self.job).map(Some);
            }
            self.note(What::ExternalReference, "picture from elsewhere");
            return Ok(None);
        }
        if rules::is_fragment(reference) {
            return Ok(Some(reference.to_owned()));
        }
        if element != "a" {
            self.note(What::ExternalReference, &format!("reference of {element}"));
        } else if crate::markup::link::may_lead_to(reference, self.job.options.links) {
            return Ok(Some(reference.to_owned()));
        } else {
            self.note(What::Link, "link");
        }
        Ok(None)
    }

    /// The picture's stated size is a sane one.
    fn check_size(&self, attributes: &[(String, String)]) -> Result<(), Failure> {
        let pixels = |wanted: &str| {
            let value = attributes.iter().find(|(key, _)| key == wanted).map(|(_, value)| value.trim())?;
            let end =
                value.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(value.len());
            let (number, unit) = value.split_at(end);
            let number: f64 = number.trim_end_matches(['e', 'E']).parse().ok()?;
            let per_unit = match unit.trim() {
                "cm" => 96.0 / 2.54,
                "mm" => 9.6 / 2.54,
                "in" => 96.0,
                "pt" => 96.0 / 72.0,
                "pc" | "em" | "rem" => 16.0,
                "%" => return None,
                _ => 1.0,
            };
            Some(number * per_unit)
        };
        let area = pixels("width").unwrap_or(1.0) * pixels("height").unwrap_or(1.0);
        let limit = self.job.limits.max_pixels;
        #[expect(clippy::cast_precision_loss, reason = "a limit need not be exact")]
        match area.is_finite() && (0.0..=limit as f64).contains(&area) {
            true => Ok(()),
            false => Err(Failure::Limit {
                name: "max_pixels",
                what: "the drawing's number of pixels".to_owned(),
                limit,
            }),
        }
    }
}

/// An element has as many attributes as a program would write: all are compared with each other, and every namespace is
/// looked for among all that are bound.
fn check_attributes(tag: &BytesStart<'_>) -> Result<(), Failure> {
    const MAX_ATTRIBUTES: usize = 500;
    const MAX_BINDINGS: usize = 40;
    let (mut attributes, mut bindings) = (0, 0);
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(Failure::malformed)?;
        attributes += 1;
        bindings += usize::from(attribute.key.as_namespace_binding().is_some());
        if attributes > MAX_ATTRIBUTES || bindings > MAX_BINDINGS {
            return malformed("the drawing has an element with too many attributes");
        }
    }
    Ok(())
}

fn write_text(out: &mut String, text: &str, is_attribute: bool) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if is_attribute => out.push_str("&quot;"),
            '\t' | '\n' if !is_attribute => out.push(c),
            c if c.is_control() => out.push_str(&format!("&#{};", u32::from(c))),
            c => out.push(c),
        }
    }
}

fn malformed<T>(problem: &str) -> Result<T, Failure> {
    Err(Failure::Malformed(problem.to_owned()))
}
