//! Is everything that must be gone gone? The rebuilt package, read from scratch.
//!
//! The rebuild works by lists of what may stay. This search works by lists of what must not be there, and shares with
//! the rebuild only the readers of ZIP and XML and the judgement on single fields, formulas and addresses: a hole in
//! one list is not a hole in the other.

use std::collections::{HashMap, HashSet};

use super::description;
use super::fields::{self, Scanner};
use super::formula;
use super::namespace::Ns;
use super::rules;
use super::xml::{Attribute, Element, Event, Name, Xml, decode};
use crate::failure::Failure;
use crate::format::Format;
use crate::job::Job;
use crate::markup::link;
use crate::options::{Links, Metadata, Options};
use crate::report::plain;
use crate::zip_structure::{Entry, Zip};

/// Words that no content type of a rebuilt package may hold.
const TYPES: &[&str] = &[
    "macroenabled",
    "vba",
    "activex",
    "oleobject",
    "macrosheet",
    "dialogsheet",
    "controlproperties",
    "webextension",
    "customui",
    "externallink",
    "querytable",
    "connections",
    "model+data",
    "attachedtoolbars",
    "keymap",
    "addin",
    "sheet.binary",
    "signature",
    "font",
    "printersettings",
    "customxml",
    "octet-stream",
    "html",
    "properties",
    "rtf",
    "audio/",
    "video/",
    "image/svg",
    "inkml",
    "volatiledependencies",
    "revision",
];

/// Words that no relationship type may hold.
const RELATIONS: &[&str] = &[
    "vba",
    "attachedtemplate",
    "afchunk",
    "subdocument",
    "oleobject",
    "control",
    "externallink",
    "macrosheet",
    "dialogsheet",
    "extensibility",
    "usercustomization",
    "webextension",
    "connections",
    "querytable",
    "/frame",
    "mailmerge",
    "recipientdata",
    "attachedtoolbars",
    "keymap",
    "ctrlprop",
    "powerpivot",
    "/package",
    "printersettings",
    "customxml",
    "/font",
    "signature",
    "thumbnail",
    "video",
    "audio",
    "media",
    "properties",
];

/// Elements, whatever their namespace, that no part may hold.
const ELEMENTS: &[&str] = &[
    "altChunk",
    "subDoc",
    "OLEObject",
    "oleObj",
    "oleObject",
    "oleObjects",
    "control",
    "controls",
    "ocx",
    "attachedTemplate",
    "mailMerge",
    "ddeLink",
    "oleLink",
    "externalLink",
    "externalBook",
    "externalReference",
    "externalData",
    "frameset",
    "sourceFileName",
    "binData",
    "docOleData",
    "objectEmbed",
    "objectLink",
    "fldData",
    "entryMacro",
    "exitMacro",
    "FmlaMacro",
    "MapOCX",
    "ScriptText",
    "ScriptLocation",
    "macrosheet",
    "dialogsheet",
    "customUI",
    "webextension",
    "taskpanes",
    "connection",
    "connections",
    "queryTable",
    "dataModel15",
    "vbaSuppData",
    "formControlPr",
    "tcg",
    "wordDocument",
    "binaryItem",
    "audioFile",
    "videoFile",
    "wavAudioFile",
    "quickTimeFile",
    "cmd",
    "contentPart",
    "webVideoPr",
    "embedRegular",
    "embedBold",
    "embedItalic",
    "embedBoldItalic",
    "embeddedFont",
    "dataBinding",
    "saveThroughXslt",
    "script",
    "object",
    "iframe",
    "a",
    "webPublishItem",
    "webPublishObject",
    "htmlPubPr",
    "printerSettings",
    "smartTagType",
    "Relationship",
];

/// What an address must not begin with; each begins with a letter that [`runs`] looks for first.
const SCHEMES: &[&str] = &["javascript:", "vbscript:", "mhtml:", "file:", "ms-msdt:"];

/// Pictures, by the first bytes they must have.
const PICTURES: &[(&str, &[u8])] = &[
    ("png", b"\x89PNG\r\n\x1a\n"),
    ("jpg", b"\xff\xd8\xff"),
    ("gif", b"GIF8"),
    ("tif", b"II*\0"),
    ("bmp", b"BM"),
    ("emf", b"\x01\0\0\0"),
    ("wmf", b"\x01\0\x09\0"),
    ("wmf", b"\xd7\xcd\xc6\x9a"),
];

/// Parses the rebuilt package and searches it for everything that must be gone.
pub(crate) fn verify(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    search(bytes, format, job).map_err(Failure::unproved)
}

fn search(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<(), Failure> {
    let zip = Zip::parse(bytes, job.limits)?;
    let nesting = job.limits.max_nesting;
    let members: HashMap<&str, &Entry<'_>> =
        zip.entries().iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let chosen = job.options;
    let described = chosen.metadata == Metadata::Keep;
    let types = content_types(&members, format, described, nesting)?;
    let mut edges: HashMap<String, Edges> = HashMap::new();
    for (name, entry) in members.iter().filter(|(name, _)| name.ends_with(".rels")) {
        let (source, known) = relationships(name, entry.expand()?, chosen, nesting)?;
        edges.insert(source, known);
    }
    let none = HashSet::new();
    for (name, entry) in &members {
        if *name != "[Content_Types].xml"
            && !name.chars().all(|c| c.is_ascii_alphanumeric() || "/._".contains(c))
        {
            return unproved(name, "has an unusual name");
        }
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        if extension == "rels" {
            continue;
        }
        let content = entry.expand()?;
        match extension {
            _ if *name == description::PART => {
                if !(described && description::is_ours(&content, nesting)) {
                    return unproved(name, "has metadata");
                }
            }
            "xml" | "vml" => {
                let ids = edges.get(*name).map_or(&none, |known| &known.ids);
                part(name, content, ids, chosen.links, nesting)?;
            }
            other => {
                let sound =
                    PICTURES.iter().any(|(known, magic)| *known == other && content.starts_with(magic));
                if !sound {
                    return unproved(name, "is no picture of the kind its name says");
                }
            }
        }
        let is_part = *name != "[Content_Types].xml";
        let typed = types.contains(&format!("/{name}")) || types.contains(extension);
        if is_part && !typed {
            return unproved(name, "has no content type");
        }
    }
    all_reached(&members, &edges)
}

/// Part names and extensions that have a type; every type is held against [`TYPES`].
fn content_types(
    members: &HashMap<&str, &Entry<'_>>,
    format: Format,
    described: bool,
    nesting: u32,
) -> Result<HashSet<String>, Failure> {
    let Some(listing) = members.get("[Content_Types].xml") else {
        return unproved("the document", "has no list of content types");
    };
    let text = decode(listing.expand()?)?;
    let mut xml = Xml::new(&text, nesting);
    let mut known = HashSet::new();
    let main = format!("{}.main+xml", format.media_type());
    let mut has_main = false;
    while let Some(event) = xml.next()? {
        let Event::Start(element) = event else { continue };
        let kind = element.attribute("ContentType").unwrap_or_default();
        let lower = kind.to_ascii_lowercase();
        let is_description = described && kind == description::CONTENT_TYPE;
        if TYPES.iter().any(|word| lower.contains(word)) && !lower.contains("fonttable") && !is_description {
            return unproved("the document", &format!("lists a part of type {}", plain(kind)));
        }
        has_main |= kind == main;
        known.extend(element.attribute("PartName").or(element.attribute("Extension")).map(str::to_owned));
    }
    // `xml` has a default type, but no part may live by it.
    known.remove("xml");
    if has_main { Ok(known) } else { unproved("the document", "has no main part of its type") }
}

/// The relationships of one part: the ids of all, and the parts that they lead to.
#[derive(Default)]
struct Edges {
    ids: HashSet<String>,
    targets: Vec<String>,
}

/// The source of a relationships part, and its relationships.
fn relationships(
    name: &str,
    content: Vec<u8>,
    chosen: &Options,
    nesting: u32,
) -> Result<(String, Edges), Failure> {
    let Some((folder, file)) = name.rsplit_once("_rels/") else {
        return unproved(name, "is in the wrong folder");
    };
    let source = format!("{folder}{}", file.trim_end_matches(".rels"));
    let text = decode(content)?;
    let mut xml = Xml::new(&text, nesting);
    let mut known = Edges::default();
    while let Some(event) = xml.next()? {
        let Event::Start(element) = event else { continue };
        known.ids.extend(element.attribute("Id").map(str::to_owned));
        if !element.is(Ns::Rels, "Relationship") {
            continue;
        }
        let kind = element.attribute("Type").unwrap_or_default().to_ascii_lowercase();
        let target = element.attribute("Target").unwrap_or_default();
        let words = kind.strip_suffix("/fonttable").unwrap_or(&kind);
        let is_description =
            chosen.metadata == Metadata::Keep && source.is_empty() && kind == description::RELATION;
        if RELATIONS.iter().any(|word| words.contains(word)) && !is_description {
            return unproved(name, &format!("has a relationship of type {}", plain(&kind)));
        }
        if element.attribute("TargetMode").is_some() {
            if !kind.ends_with("/hyperlink")
                || !(link::may_lead_to(target, chosen.links) || target.starts_with('#'))
            {
                return unproved(name, "has a relationship to the outside");
            }
        } else if link::leaves_the_package(target) {
            return unproved(name, "has a relationship to the outside");
        } else {
            known.targets.push(super::package::resolve(&source, target));
        }
    }
    Ok((source, known))
}

/// Every part is reached from the root.
fn all_reached(members: &HashMap<&str, &Entry<'_>>, edges: &HashMap<String, Edges>) -> Result<(), Failure> {
    let by_folded: HashMap<String, &str> = members.keys().map(|name| (name.to_lowercase(), *name)).collect();
    let mut reached: HashSet<&str> = HashSet::new();
    let mut queue = vec![""];
    while let Some(source) = queue.pop() {
        for target in edges.get(source).iter().flat_map(|known| &known.targets) {
            let Some(name) = by_folded.get(target) else {
                return unproved(source, "has a relationship to a part that is not there");
            };
            if reached.insert(name) {
                queue.push(name);
            }
        }
    }
    let orphan = members.keys().find(|name| {
        !name.ends_with(".rels") && **name != "[Content_Types].xml" && !reached.contains(**name)
    });
    match orphan {
        Some(name) => unproved(name, "is reached by no relationship"),
        None => Ok(()),
    }
}

/// Searches one XML part.
fn part(
    name: &str,
    content: Vec<u8>,
    ids: &HashSet<String>,
    links: Links,
    nesting: u32,
) -> Result<(), Failure> {
    let text = decode(content)?;
    let mut xml = Xml::new(&text, nesting);
    let has_fields = name.starts_with("word/") && fields::may_be_in(&text);
    let mut scanner = has_fields.then(|| Scanner::new(links));
    // The text of each open element, if it is a formula.
    let mut path: Vec<Option<String>> = Vec::new();
    while let Some(event) = xml.next()? {
        if let Some(scanner) = &mut scanner {
            scanner.event(&event);
        }
        match event {
            Event::Start(element) => {
                check_element(name, element, ids, links)?;
                let is_formula = element.name.is_notable(is_noted_element) && is_formula(&element.name);
                path.push(is_formula.then(String::new));
            }
            Event::Text(piece) => {
                if let Some(Some(text)) = path.last_mut() {
                    text.push_str(piece);
                }
            }
            Event::End => {
                if let Some(Some(formula)) = path.pop()
                    && formula::reaches_out(&formula, &[], links).is_some()
                {
                    return unproved(name, "has a formula that reaches outside");
                }
            }
        }
    }
    match scanner.map(Scanner::finish) {
        Some((marks, _)) if !marks.is_empty() => unproved(name, "has a field that must not stay"),
        _ => Ok(()),
    }
}

/// Whether an element needs more than a look at its attributes.
fn is_noted_element(name: &Name) -> bool {
    ELEMENTS.contains(&name.local()) || name.local() == "definedName" || is_formula(name)
}

fn is_formula(name: &Name) -> bool {
    matches!(
        name.local(),
        "f" | "definedName"
            | "formula"
            | "formula1"
            | "formula2"
            | "calculatedColumnFormula"
            | "totalsRowFormula"
    )
}

/// Whether an attribute needs more than a look at how its value begins.
fn is_noted_attribute(name: &Name) -> bool {
    matches!(name.ns, Ns::Xmlns | Ns::R | Ns::O)
        || matches!(
            name.local(),
            "macro" | "onAction" | "action" | "href" | "src" | "althref" | "pluginspage" | "url"
        )
}

fn check_element(
    name: &str,
    element: &Element<'_>,
    ids: &HashSet<String>,
    links: Links,
) -> Result<(), Failure> {
    let local = element.name.local();
    if element.name.is_notable(is_noted_element) {
        if ELEMENTS.contains(&local) && name != "[Content_Types].xml" {
            return unproved(name, &format!("has the element {local}"));
        }
        let is_set = |key| matches!(element.attribute(key), Some("1" | "true" | "on"));
        if local == "definedName"
            && (rules::is_auto_name(element.attribute("name").unwrap_or_default())
                || is_set("xlm")
                || is_set("vbProcedure"))
        {
            return unproved(name, "has a name that runs a macro");
        }
    }
    for attribute in &element.attributes {
        let problem = match attribute.name.is_notable(is_noted_attribute) {
            true => problem(attribute, ids, links),
            false => runs(attribute),
        };
        if let Some(problem) = problem {
            let key = attribute.name.local();
            return unproved(name, &format!("has the attribute {key} at {local}, which {problem}"));
        }
    }
    Ok(())
}

/// What is wrong with an attribute.
fn problem(attribute: &Attribute<'_>, ids: &HashSet<String>, links: Links) -> Option<&'static str> {
    let value = attribute.value.as_ref();
    if attribute.name.ns == Ns::Xmlns || value.is_empty() {
        return None;
    }
    match attribute.name.local() {
        _ if rules::is_link(attribute) && !ids.contains(value) => Some("leads to no relationship"),
        "macro" | "onAction" => Some("calls a macro"),
        "action" if runs_an_action(value) => Some("runs an action"),
        "href" | "src" | "althref" | "pluginspage" | "url"
            if !link::may_lead_to(value, links) && !value.starts_with('#') =>
        {
            Some("fetches something")
        }
        _ => runs(attribute),
    }
}

fn runs_an_action(value: &str) -> bool {
    let lower = value.trim_start().to_ascii_lowercase();
    let action = lower.split('?').next().unwrap_or_default();
    lower.starts_with("ppaction:")
        && ["macro", "program", "ole", "file", "pres"].iter().any(|word| action.contains(word))
        && !lower.contains("showjump")
}

/// Whether a value is an address that fetches or runs something, where it is not only shown.
fn runs(attribute: &Attribute<'_>) -> Option<&'static str> {
    let value = attribute.value.trim_start().as_bytes();
    if !matches!(value.first(), Some(b'J' | b'V' | b'M' | b'F' | b'j' | b'v' | b'm' | b'f')) {
        return None;
    }
    let begins = |scheme: &&str| {
        value.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    let is_shown = matches!(attribute.name.local(), "descr" | "title" | "name" | "val" | "tooltip" | "alt");
    (SCHEMES.iter().any(begins) && !is_shown).then_some("fetches or runs something")
}

fn unproved<T>(what: &str, problem: &str) -> Result<T, Failure> {
    Err(Failure::Unproved(format!("{} {problem}", plain(what))))
}
