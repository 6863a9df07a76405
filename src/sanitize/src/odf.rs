//! OpenDocument (ISO/IEC 26300, version 1.3): texts, spreadsheets, presentations and drawings, rebuilt from their content.
//!
//! ```text
//!            zip_structure        package                 rewrite + rules                     zip_write
//! bytes ──▶ one sound ZIP ──▶ manifest: type,  ──▶ content, styles, settings, meta: ──▶ a new package and manifest,
//!                             not encrypted        only harmless elements, links,       names all ours
//!                                                  formulas; pictures rebuilt
//!                                        verify: the new package read from scratch, by a list of its own ──▶ proof
//! ```
//!
//! Only these four parts and the pictures that they show are in the new package. Embedded objects, charts and formulas
//! too, become the picture that stands in for them.
//!
//! | module | question it answers |
//! |---|---|
//! | `package` | which members, which type, encrypted or signed? |
//! | `allow`, `namespace` | which names may stand in a kept part? **the allow list** |
//! | `rewrite`, `rules` | what must an element or attribute be like besides? |
//! | `formula` | which formulas may stay? |
//! | `settings`, `meta` | which settings, and what of the document's description? |
//! | `svm` | what may stand inside LibreOffice's own metafiles? |
//! | `xml`, `namespace` | which XML vocabularies are known? |
//! | `verify` | is everything that must be gone gone? |

mod allow;
mod formula;
mod meta;
mod namespace;
mod package;
mod rewrite;
mod rules;
mod settings;
mod svm;
#[cfg(test)]
mod tests;
mod verify;
mod xml;

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;
use crate::limits::Limits;
use crate::options::Metadata;
use crate::pictures::Pictures;
use crate::report::{Removed, What};
use crate::zip_structure::Zip;
use crate::zip_write::ZipWriter;

use namespace::Ns;
use package::Package;
use rewrite::Rewriter;
use xml::{Attribute, Element, Name, Node, Step, Writer, Xml, decode};

pub(crate) use verify::verify;

/// The parts of a document, by their fixed names, and their root elements.
const CONTENT: (&str, &str) = ("content.xml", "document-content");
const STYLES: (&str, &str) = ("styles.xml", "document-styles");
const SETTINGS: (&str, &str) = ("settings.xml", "document-settings");
const META: (&str, &str) = ("meta.xml", "document-meta");

/// Picture formats that programs for OpenDocument show.
const SHOWN: &[Format] = &[
    Format::Png,
    Format::Jpeg,
    Format::Gif,
    Format::Tiff,
    Format::Bmp,
    Format::Webp,
    Format::Emf,
    Format::Wmf,
    Format::Svg,
];

const MANIFEST: &str = "META-INF/manifest.xml";

/// Writes the document anew from what is on the allow list.
pub(crate) fn rebuild(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let zip = Zip::parse(bytes, job.limits)?;
    let package = Package::open(&zip, format, job)?;
    let mut pictures = Pictures::new("Pictures/image".to_owned(), SHOWN);
    let mut parts = Vec::new();
    let mut used = Vec::new();
    let mut known = BTreeMap::new();
    let mut version = None;

    for (name, root) in [CONTENT, STYLES] {
        let Some((folded, entry)) = package.member(name) else { continue };
        let text = decode(entry.read(job)?)?;
        let mut rewriter = Rewriter {
            package: &package,
            pictures: &mut pictures,
            known: std::mem::take(&mut known),
            version: version.take(),
            body: body(format),
            job,
            part: name,
        };
        let written = rewriter.part(&text, root)?;
        (known, version) = (rewriter.known, rewriter.version);
        used.push(folded);
        parts.push((name, written));
    }
    if parts.first().is_none_or(|(name, _)| *name != CONTENT.0) {
        return Err(Failure::Malformed("the document has no content".to_owned()));
    }
    if let Some((folded, entry)) = package.member(SETTINGS.0) {
        let text = decode(entry.read(job)?)?;
        parts.extend(settings(&text, &mut version, job)?.map(|written| (SETTINGS.0, written)));
        used.push(folded);
    }
    if let Some((folded, entry)) = package.member(META.0)
        && job.options.metadata == Metadata::Keep
    {
        let text = decode(entry.read(job)?)?;
        parts.extend(meta::rewrite(&text, version.as_deref(), job)?.map(|written| (META.0, written)));
        used.push(folded);
    }
    used.extend(known.into_keys());
    note_lost(&package, &used, job)?;
    let bytes = write(format, version.as_deref(), &parts, &pictures, job.limits)?;
    Ok(Rewritten { bytes, format })
}

/// The body element of a document of this type.
fn body(format: Format) -> &'static str {
    match format {
        Format::Ods | Format::Ots => "spreadsheet",
        Format::Odp | Format::Otp => "presentation",
        Format::Odg | Format::Otg => "drawing",
        _ => "text",
    }
}

/// The settings that stay; `None`: there are none, or they cannot be read, and no document needs them.
fn settings(text: &str, version: &mut Option<String>, job: &mut Job<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let mut root = match tree(text, job.limits.max_nesting) {
        Ok(root) if root.is(Ns::Office, SETTINGS.1) => root,
        Err(failure @ Failure::Limit { .. }) => return Err(failure),
        _ => {
            job.removed(Removed::new(What::UnknownPart, SETTINGS.0, 1));
            return Ok(None);
        }
    };
    rewrite::agree_on_version(&mut root, version);
    let gone = settings::reduce(&mut root);
    if gone > 0 {
        job.removed(Removed::new(What::PrinterSettings, SETTINGS.0, gone));
    }
    Ok(Some(written(&root)))
}

/// A whole part as a tree.
fn tree(text: &str, max_nesting: u32) -> Result<Element<'_>, Failure> {
    let mut xml = Xml::new(text, max_nesting);
    if xml.advance()? != Some(Step::Start) {
        return Err(Failure::Malformed("XML without a root element".to_owned()));
    }
    let root = xml.subtree()?;
    // The reader has to see the end to know that nothing follows.
    match xml.advance()? {
        None => Ok(root),
        Some(_) => Err(Failure::Malformed("XML with two root elements".to_owned())),
    }
}

fn written(root: &Element<'_>) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.nodes(&[Node::Element(root.clone())]);
    writer.finish()
}

/// Reports every member that is not copied, with its digest.
fn note_lost(package: &Package<'_>, used: &[String], job: &mut Job<'_>) -> Result<(), Failure> {
    for (name, entry) in package.members() {
        if used.contains(name) || package::is_made_anew(name) || entry.size == 0 {
            continue;
        }
        let what = package::lost(name);
        match entry.read(job) {
            Ok(bytes) => job.removed(Removed::bytes(what, &entry.name, &bytes)),
            Err(failure @ Failure::Limit { .. }) => return Err(failure),
            Err(_) => job.removed(Removed::new(what, &entry.name, 1)),
        }
    }
    Ok(())
}

/// The type first and stored, so that it can be told from the first bytes (part 2, 3.3); the manifest last.
fn write(
    format: Format,
    version: Option<&str>,
    parts: &[(&str, Vec<u8>)],
    pictures: &Pictures,
    limits: &Limits,
) -> Result<Vec<u8>, Failure> {
    let mut zip = ZipWriter::new(limits);
    zip.add_stored("mimetype", format.media_type().as_bytes())?;
    for (name, bytes) in parts {
        zip.add(name, bytes)?;
    }
    pictures.write(&mut zip)?;
    let mut entries = vec![("/", format.media_type())];
    entries.extend(parts.iter().map(|(name, _)| (*name, "text/xml")));
    entries.extend(pictures.names());
    zip.add(MANIFEST, &manifest(version, &entries))?;
    zip.finish()
}

/// A manifest of these names and media types. Before version 1.2 it told no version.
fn manifest(version: Option<&str>, entries: &[(&str, &str)]) -> Vec<u8> {
    const NAMESPACE: &str = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0";
    let version = version.filter(|version| !matches!(*version, "1.0" | "1.1"));
    let version = version.map(|version| attribute("manifest:version", version));
    let children = entries
        .iter()
        .map(|(name, media_type)| {
            let mut attributes = vec![attribute("manifest:full-path", name)];
            attributes.extend(version.iter().filter(|_| *name == "/").cloned());
            attributes.push(attribute("manifest:media-type", media_type));
            Node::Element(element("manifest:file-entry", attributes, Vec::new()))
        })
        .collect();
    let attributes: Vec<_> =
        [attribute("xmlns:manifest", NAMESPACE)].into_iter().chain(version.clone()).collect();
    written(&element("manifest:manifest", attributes, children))
}

fn attribute<'a>(name: &str, value: &'a str) -> Attribute<'a> {
    Attribute { name: Name::new(name, Ns::None), value: value.into() }
}

fn element<'a>(name: &str, attributes: Vec<Attribute<'a>>, children: Vec<Node<'a>>) -> Element<'a> {
    Element { name: Name::new(name, Ns::None), attributes, children, id: 0 }
}
