//! The package (OpenDocument 1.3 part 2) as it says it is: its members, its type, and whether it is encrypted or signed.

use std::collections::HashMap;

use super::xml::{Event, Xml, decode};
use crate::failure::Failure;
use crate::format::Format;
use crate::job::Job;
use crate::options::Signed;
use crate::report::What;
use crate::zip_structure::names::folded;
use crate::zip_structure::{Entry, Zip};

const MANIFEST: &str = "meta-inf/manifest.xml";

/// Members by folded name.
pub(super) struct Package<'a> {
    members: HashMap<String, &'a Entry<'a>>,
}

impl<'a> Package<'a> {
    pub(super) fn open(zip: &'a Zip<'a>, format: Format, job: &mut Job<'_>) -> Result<Self, Failure> {
        let members: HashMap<_, _> = zip
            .entries()
            .iter()
            .filter(|entry| !entry.is_dir)
            .map(|entry| (folded(&entry.name), entry))
            .collect();
        let package = Self { members };
        package.read_manifest(format, job)?;
        let is_signed = package.members.keys().any(|name| lost(name) == What::Signature);
        if is_signed && job.options.signed == Signed::Quarantine {
            return Err(Failure::signed());
        }
        Ok(package)
    }

    /// The manifest's list is not needed, as all that stays is reached from the content; what it says of the whole is.
    fn read_manifest(&self, format: Format, job: &mut Job<'_>) -> Result<(), Failure> {
        let Some(manifest) = self.members.get(MANIFEST) else {
            return Err(Failure::Malformed("the document has no manifest".to_owned()));
        };
        let text = decode(manifest.read(job)?)?;
        let mut xml = Xml::new(&text, job.limits.max_nesting).skipping_doctype();
        while let Some(event) = xml.next()? {
            let Event::Start(element) = event else { continue };
            let value = |name: &str| {
                let found = element.attributes.iter().find(|attribute| attribute.name.local() == name);
                found.map_or("", |attribute| attribute.value.trim())
            };
            match element.name.local() {
                "encryption-data" | "keyinfo" | "encrypted-key" => {
                    return Err(Failure::Encrypted("the document is encrypted".to_owned()));
                }
                "file-entry" if value("full-path") == "/" => {
                    let media_type = value("media-type");
                    if !media_type.is_empty() && media_type != format.media_type() {
                        return Err(Failure::Malformed(
                            "the document's manifest gives it another type than its content".to_owned(),
                        ));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The member of a name that is written in a reference or fixed by the format.
    pub(super) fn member(&self, name: &str) -> Option<(String, &'a Entry<'a>)> {
        let folded = folded(name.strip_prefix("./").unwrap_or(name));
        let entry = self.members.get(&folded).copied()?;
        Some((folded, entry))
    }

    /// Folded names and members, in the order of the names.
    pub(super) fn members(&self) -> Vec<(&String, &'a Entry<'a>)> {
        let mut all: Vec<_> = self.members.iter().map(|(name, entry)| (name, *entry)).collect();
        all.sort_by_key(|(name, _)| *name);
        all
    }
}

/// Members that the rebuilt copy has, made anew.
pub(super) fn is_made_anew(name: &str) -> bool {
    name == MANIFEST || name == "mimetype"
}

/// What is lost with a member (folded name) that is not copied.
pub(super) fn lost(name: &str) -> What {
    const WORDS: &[(&str, What)] = &[
        ("basic/", What::Macro),
        ("scripts/", What::Script),
        ("dialogs/", What::Macro),
        ("configurations2/", What::Extension),
        ("configurations/", What::Extension),
        ("toolbar/", What::Extension),
        ("thumbnails/", What::Metadata),
        ("meta.xml", What::Metadata),
        ("manifest.rdf", What::Metadata),
        ("objectreplacements/", What::EmbeddedObject),
        ("object ", What::EmbeddedObject),
        ("obj", What::EmbeddedObject),
        ("media/", What::Multimedia),
        ("fonts/", What::Font),
        ("database/", What::DataConnection),
        ("forms/", What::Form),
        ("reports/", What::DataConnection),
        ("pictures/", What::Unreachable),
        ("layout-cache", What::Unreachable),
        ("versions/", What::Unreachable),
        ("versionlist.xml", What::Unreachable),
    ];
    // Part 2, 3.5: every file there whose name holds this word.
    if name.starts_with("meta-inf/") && name.contains("signatures") {
        return What::Signature;
    }
    WORDS.iter().find(|(word, _)| name.starts_with(word)).map_or(What::UnknownPart, |(_, what)| *what)
}
