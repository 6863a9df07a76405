//! Is everything that must be gone gone? The rebuilt package, read from scratch.
//!
//! The rebuild works by what may stay. This search works by lists of what must not be there, whatever its vocabulary,
//! and shares with the rebuild only the readers of ZIP and XML and the judgement on single formulas and addresses.

use std::collections::{BTreeMap, BTreeSet};

use super::formula;
use super::namespace::Ns;
use super::svm;
use super::xml::{Element, Event, Xml, decode};
use crate::failure::Failure;
use crate::format::Format;
use crate::job::Job;
use crate::markup::link;
use crate::options::Links;
use crate::report::plain;
use crate::zip_structure::{Entry, Method, Zip};

/// Elements that no part may hold.
pub(super) const ELEMENTS: &[&str] = &[
    "event-listeners",
    "event-listener",
    "script",
    "scripts",
    "module",
    "library",
    "object",
    "object-ole",
    "plugin",
    "applet",
    "floating-frame",
    "dde-connection-decls",
    "dde-connection-decl",
    "dde-connection",
    "dde-source",
    "dde-link",
    "dde-links",
    "execute-macro",
    "error-macro",
    "section-source",
    "table-source",
    "cell-range-source",
    "alphabetical-index-auto-mark-file",
    "database-source-sql",
    "database-source-table",
    "database-source-query",
    "database-display",
    "database-next",
    "database-row-select",
    "source-service",
    "connection-resource",
    "encryption-data",
    "binary-data",
    "font-face-src",
    "font-face-uri",
    "definition-src",
    "sound",
    "audio",
    "command",
    "model",
    "instance",
    "submission",
    "grid",
    "file",
    "math",
    "area-rectangle",
    "area-circle",
    "area-polygon",
];

/// Attributes that no element may have.
pub(super) const ATTRIBUTES: &[&str] = &[
    "macro-name",
    "event-name",
    "source-uri",
    "link-target",
    "datasource",
    "command-type",
    "database-name",
    "connection-name",
    "class-id",
    "codebase",
    "list-source",
    "image-data",
    "notify-on-update-of-ranges",
];

/// Settings that no settings part may hold.
const SETTINGS: &[&str] = &[
    "PrinterSetup",
    "PrinterName",
    "PrintFaxName",
    "CurrentDatabaseDataSource",
    "CurrentDatabaseCommand",
    "EmbeddedDatabaseName",
    "ColorTableURL",
    "BitmapTableURL",
    "DashTableURL",
    "GradientTableURL",
    "HatchTableURL",
    "LineEndTableURL",
    "LinkUpdateMode",
    "UpdateFromTemplate",
    "RedlineProtectionKey",
    "Rsid",
    "RsidRoot",
    "ScriptConfiguration",
    "BasicLibraries",
    "DialogLibraries",
];

/// Pictures, by the first bytes they must have; those without are held against their format by its own verification.
const PICTURES: &[(&str, &[u8])] = &[
    ("png", b"\x89PNG\r\n\x1a\n"),
    ("jpg", b"\xff\xd8\xff"),
    ("gif", b"GIF8"),
    ("tif", b"II*\0"),
    ("bmp", b"BM"),
    ("webp", b"RIFF"),
    ("emf", b"\x01\0\0\0"),
    ("wmf", b""),
    ("svg", b""),
    ("svm", b"VCLMTF"),
];

/// Parses the rebuilt package and searches it for everything that must be gone.
pub(crate) fn verify(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    search(bytes, format, job).map_err(Failure::unproved)
}

fn search(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let zip = Zip::parse(bytes, job.limits)?;
    let nesting = job.limits.max_nesting;
    let first = zip.entries().first().filter(|entry| entry.name == "mimetype");
    let is_first = first.is_some_and(|entry| {
        entry.method == Method::Stored && entry.compressed == format.media_type().as_bytes()
    });
    if !is_first {
        return unproved("the document", "does not begin with its type");
    }
    let members: BTreeMap<&str, &Entry<'_>> =
        zip.entries().iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let listed = manifest(&members, format, nesting)?;
    let mut referred = BTreeSet::new();
    for (name, entry) in &members {
        match *name {
            "mimetype" | "META-INF/manifest.xml" => continue,
            "content.xml" | "styles.xml" | "settings.xml" | "meta.xml" => {
                referred.insert((*name).to_owned());
                part(name, entry.expand()?, job, &mut referred)?;
            }
            picture if picture.starts_with("Pictures/image") => is_picture(picture, &entry.expand()?)?,
            _ => return unproved(name, "is no member of a rebuilt document"),
        }
        if !listed.contains(*name) {
            return unproved(name, "is not in the manifest");
        }
    }
    for name in listed.iter().chain(&referred) {
        if !members.contains_key(name.as_str()) {
            return unproved(name, "is not there");
        }
    }
    let orphan = listed.iter().find(|name| !referred.contains(*name));
    orphan.map_or(Ok(()), |name| unproved(name, "is shown nowhere"))
}

/// The names in the manifest.
fn manifest(
    members: &BTreeMap<&str, &Entry<'_>>,
    format: Format,
    nesting: u32,
) -> Result<BTreeSet<String>, Failure> {
    let Some(manifest) = members.get("META-INF/manifest.xml") else {
        return unproved("the document", "has no manifest");
    };
    let text = decode(manifest.expand()?)?;
    let mut xml = Xml::new(&text, nesting);
    let mut listed = BTreeSet::new();
    while let Some(event) = xml.next()? {
        let Event::Start(element) = event else { continue };
        let value = |name: &str| {
            let found = element.attributes.iter().find(|attribute| attribute.name.local() == name);
            found.map_or("", |attribute| attribute.value.as_ref())
        };
        match element.name.local() {
            "manifest" => {}
            "file-entry" if value("full-path") == "/" => {
                if value("media-type") != format.media_type() {
                    return unproved("the manifest", "gives the document another type");
                }
            }
            "file-entry" => {
                listed.insert(value("full-path").to_owned());
            }
            _ => return unproved("the manifest", "has more than a list"),
        }
    }
    Ok(listed)
}

fn is_picture(name: &str, content: &[u8]) -> Result<(), Failure> {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let sound = PICTURES.iter().any(|(known, magic)| *known == extension && content.starts_with(magic));
    if !sound || (extension == "svm" && !svm::is_clean(content)) {
        return unproved(name, "is no picture of the kind its name says");
    }
    Ok(())
}

/// Searches one XML part; notes the members that it refers to.
fn part(name: &str, content: Vec<u8>, job: &Job<'_>, referred: &mut BTreeSet<String>) -> Result<(), Failure> {
    let text = decode(content)?;
    let mut xml = Xml::new(&text, job.limits.max_nesting);
    while let Some(event) = xml.next()? {
        if let Event::Start(element) = event {
            check_element(name, element, job.options.links, referred)?;
        }
    }
    Ok(())
}

fn check_element(
    name: &str,
    element: &Element<'_>,
    links: Links,
    referred: &mut BTreeSet<String>,
) -> Result<(), Failure> {
    let local = element.name.local();
    if ELEMENTS.contains(&local) {
        return unproved(name, &format!("has the element {local}"));
    }
    for attribute in &element.attributes {
        let (key, value) = (attribute.name.local(), attribute.value.trim());
        if attribute.name.qualified.starts_with("xmlns") || value.is_empty() {
            continue;
        }
        let lower: String = value.chars().filter(|c| !c.is_whitespace()).take(48).collect();
        let lower = lower.to_ascii_lowercase();
        let may_lead = value.starts_with('#') || link::may_lead_to(value, links);
        let problem = match key {
            _ if ATTRIBUTES.contains(&key) => "must not be there",
            "name" if name == "settings.xml" && SETTINGS.contains(&value) => "names a setting that must go",
            _ if lower.starts_with("ecma.office-open-") || lower.ends_with(".field.code") => {
                "is a field's code"
            }
            "href" if local == "a" && may_lead => continue,
            "href" if local != "a" && value.starts_with("Pictures/image") => {
                referred.insert(value.to_owned());
                continue;
            }
            "href" => "leads outside",
            "url" | "local-url" | "target-url" if may_lead => continue,
            _ if key.contains("url") && attribute.name.ns != Ns::Config => "leads outside",
            _ if is_address(&lower) && !is_text(key) && !is_algorithm(key, &lower) => "is an address",
            "formula" | "expression" | "condition" | "cell-range-address" | "print-ranges"
                if attribute.name.ns != Ns::Draw && formula::reaches_out(value, links).is_some() =>
            {
                "reaches outside"
            }
            _ => continue,
        };
        return unproved(name, &format!("has the attribute {key} at {local}, which {problem}"));
    }
    Ok(())
}

/// Attributes that hold a text or a name as the author wrote it.
fn is_text(key: &str) -> bool {
    const TEXTS: &str = "string-value title author note annote label value current-value howpublished identifier \
        description num-prefix num-suffix custom1 custom2 custom3 custom4 custom5";
    key.ends_with("name") || TEXTS.split(' ').any(|text| text == key)
}

/// The name of a digest algorithm.
fn is_algorithm(key: &str, value: &str) -> bool {
    key.contains("digest-algorithm") && value.starts_with("http://www.w3.org/")
}

/// Whether a value (in small letters, without blanks) reads as an address to any program.
fn is_address(value: &str) -> bool {
    const RUN: &[&str] =
        &["javascript", "vbscript", "macro", "script", ".uno", "slot", "file", "mhtml", "data"];
    let Some((scheme, rest)) = value.split_once(':') else {
        return value.starts_with(['\\', '/']) && is_remote(value);
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic() || c == '.')
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_remote(value)
        || (is_scheme
            && (is_remote(rest)
                || RUN.contains(&scheme)
                || scheme.starts_with("vnd.sun.star")
                || scheme.starts_with("ms-")
                || scheme.ends_with("-ms")))
}

fn is_remote(value: &str) -> bool {
    value.starts_with("\\\\") || value.starts_with("//")
}

fn unproved<T>(what: &str, problem: &str) -> Result<T, Failure> {
    Err(Failure::Unproved(format!("{} {problem}", plain(what))))
}
