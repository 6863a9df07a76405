//! The package (ECMA-376 part 2) as it says it is: parts, their types, and the relationships between them.

use std::collections::{HashMap, HashSet};

use super::namespace::Ns;
use super::xml::{Element, Event, Xml, decode};
use crate::failure::Failure;
use crate::job::Job;
use crate::limits::Limits;
use crate::zip_structure::names::{folded, percent_decoded};
use crate::zip_structure::{Entry, Zip};

/// The name of the content types stream, folded.
const CONTENT_TYPES: &str = "[content_types].xml";

/// Members by folded name, and their declared types.
pub(super) struct Package<'a> {
    parts: HashMap<String, &'a Entry<'a>>,
    by_extension: HashMap<String, String>,
    by_name: HashMap<String, String>,
}

/// One relationship as it stands in the file.
#[derive(Debug, Clone)]
pub(super) struct Relationship {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) target: String,
    /// `None`: internal. Programs differ on case and blanks here, so anything unknown counts as external.
    pub(super) external: bool,
}

impl<'a> Package<'a> {
    pub(super) fn open(zip: &'a Zip<'a>, job: &mut Job<'_>) -> Result<Self, Failure> {
        let mut parts = HashMap::new();
        for entry in zip.entries().iter().filter(|entry| !entry.is_dir) {
            parts.insert(folded(&entry.name), entry);
        }
        let Some(listing) = parts.get(CONTENT_TYPES) else {
            return Err(Failure::Malformed("the document has no list of content types".to_owned()));
        };
        let text = decode(listing.read(job)?)?;
        let mut package = Self { parts, by_extension: HashMap::new(), by_name: HashMap::new() };
        for element in list(&text, job.limits, "Types")? {
            let (Some(kind), true) = (element.attribute("ContentType"), element.name.ns == Ns::Types) else {
                continue;
            };
            let kind = kind.trim().to_ascii_lowercase();
            let known = match element.name.local() {
                "Default" => {
                    let extension = element.attribute("Extension").unwrap_or_default().to_lowercase();
                    package.by_extension.insert(extension, kind.clone()).filter(|known| *known != kind)
                }
                "Override" => {
                    let name = element.attribute("PartName").unwrap_or_default();
                    let name = folded(name.trim_start_matches('/'));
                    package.by_name.insert(name, kind.clone()).filter(|known| *known != kind)
                }
                _ => None,
            };
            if known.is_some() {
                return Err(Failure::Malformed(
                    "the document gives two content types for the same part".to_owned(),
                ));
            }
        }
        Ok(package)
    }

    /// Folded names of all members that are parts.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.parts.keys().filter(|name| *name != CONTENT_TYPES && !is_rels(name))
    }

    pub(super) fn part(&self, name: &str) -> Option<&'a Entry<'a>> {
        self.parts.get(name).copied().filter(|_| name != CONTENT_TYPES && !is_rels(name))
    }

    /// The declared type of a part, in lower case; empty where none is declared.
    pub(super) fn content_type(&self, name: &str) -> &str {
        let extension =
            name.rsplit('/').next().and_then(|file| file.rsplit_once('.')).map_or("", |(_, end)| end);
        self.by_name.get(name).or_else(|| self.by_extension.get(extension)).map_or("", String::as_str)
    }

    /// The relationships of a part (folded name), or of the package for the empty name.
    pub(super) fn relationships(
        &self,
        source: &str,
        job: &mut Job<'_>,
    ) -> Result<Vec<Relationship>, Failure> {
        let (folder, file) = source.rsplit_once('/').map_or(("", source), |(folder, file)| (folder, file));
        let separator = if folder.is_empty() { "" } else { "/" };
        let Some(entry) = self.parts.get(&format!("{folder}{separator}_rels/{file}.rels")) else {
            return Ok(Vec::new());
        };
        let text = decode(entry.read(job)?)?;
        let mut out = Vec::new();
        let mut ids = HashSet::new();
        for element in list(&text, job.limits, "Relationships")? {
            if !element.is(Ns::Rels, "Relationship") {
                continue;
            }
            let (Some(id), Some(kind), Some(target)) =
                (element.attribute("Id"), element.attribute("Type"), element.attribute("Target"))
            else {
                return Err(Failure::Malformed(
                    "the document has a relationship without id, type or target".to_owned(),
                ));
            };
            if !ids.insert(id.to_owned()) {
                return Err(Failure::Malformed("the document has two relationships of one id".to_owned()));
            }
            out.push(Relationship {
                id: id.to_owned(),
                kind: kind.to_owned(),
                target: target.to_owned(),
                external: !matches!(element.attribute("TargetMode"), None | Some("Internal")),
            });
        }
        Ok(out)
    }
}

/// The folded name of the part that an internal target of `source` (folded) means.
pub(super) fn resolve(source: &str, target: &str) -> String {
    let target = percent_decoded(target.split(['#', '?']).next().unwrap_or_default());
    let folder = source.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut path: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => folder.split('/').filter(|step| !step.is_empty()).collect(),
    };
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            step => path.push(step),
        }
    }
    folded(&path.join("/"))
}

fn is_rels(name: &str) -> bool {
    name.ends_with(".rels") && (name.starts_with("_rels/") || name.contains("/_rels/"))
}

/// The children of the root element `root`.
fn list<'a>(text: &'a str, limits: &Limits, root: &str) -> Result<Vec<Element<'a>>, Failure> {
    let mut xml = Xml::new(text, limits.max_nesting);
    let mut out = Vec::new();
    while let Some(event) = xml.next()? {
        let Event::Start(element) = event else { continue };
        if element.id > 0 {
            out.push(xml.subtree()?);
        } else if element.name.local() != root {
            return Err(Failure::Malformed("a list in the document has the wrong root element".to_owned()));
        }
    }
    Ok(out)
}
