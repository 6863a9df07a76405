//! The new package: kept parts under names of ours, rewritten, with the relationships and types that they need.

use std::collections::{HashMap, HashSet};

use super::description;
use super::namespace::Ns;
use super::rewrite::{Known, Rewriter, Sheets};
use super::table;
use super::walk::{Kind, Target, Walk, inside};
use super::xml::{Attribute, Element, Name, Node, Writer};
use crate::failure::Failure;
use crate::format::Format;
use crate::job::Job;
use crate::pictures::{Pictures, SHOWN};
use crate::report::Removed;
use crate::zip_write::ZipWriter;

impl Walk<'_> {
    /// The kept parts in the order they are reached, the main part first.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = self.root.iter().map(|(index, _)| *index).collect();
        let mut seen: HashSet<usize> = order.iter().copied().collect();
        let mut n = 0;
        while let Some(&index) = order.get(n) {
            n += 1;
            let links = self.parts.get(index).map(|part| part.links.as_slice()).unwrap_or_default();
            for link in links {
                if let Target::Part(target) = link.target
                    && self.parts.get(target).is_some_and(|part| !part.dropped)
                    && seen.insert(target)
                {
                    order.push(target);
                }
            }
        }
        order
    }

    pub(super) fn write(&self, format: Format, job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
        let order = self.order();
        let mut pictures = Pictures::new(format!("{}media/image", self.main.folder), SHOWN);
        let mut names: HashMap<usize, String> = HashMap::new();
        let mut counts: HashMap<&str, u32> = HashMap::new();
        for &index in &order {
            let Some(part) = self.parts.get(index) else { continue };
            let name = match part.rule {
                None if part.kind == Kind::Picture => {
                    let bytes = part.entry.read(job)?;
                    match pictures.rebuild(&bytes, &part.entry.name, job)? {
                        Some(name) => name,
                        None => pictures.blank(),
                    }
                }
                None => self.main.file.to_owned(),
                Some(rule) => {
                    let count = counts.entry(rule.stem).or_default();
                    *count += 1;
                    let number =
                        if *count == 1 && !rule.is_numbered() { String::new() } else { count.to_string() };
                    let extension = if rule.relation == "vmlDrawing" { "vml" } else { "xml" };
                    format!("{}{}{number}.{extension}", self.main.folder, rule.stem)
                }
            };
            names.insert(index, name);
        }

        let sheets = self.sheets(&names, job)?;
        let mut zip = ZipWriter::new(job.limits);
        zip.add("[Content_Types].xml", &self.content_types(format, &order, &names, &pictures))?;
        if let Some((index, relationship)) = &self.root {
            let target = names.get(index).cloned().unwrap_or_default();
            let mut root = vec![(relationship.id.as_str(), relationship.kind.as_str(), target, false)];
            if self.description.is_some() {
                let id = if relationship.id == "rIdCore" { "rIdCore2" } else { "rIdCore" };
                root.push((id, description::RELATION, description::PART.to_owned(), false));
            }
            zip.add("_rels/.rels", &relationships_xml(&root))?;
        }
        for &index in &order {
            let (Some(part), Some(name)) = (self.parts.get(index), names.get(&index)) else { continue };
            if part.kind == Kind::Picture {
                continue;
            }
            let kept: Vec<_> = part
                .links
                .iter()
                .filter_map(|link| {
                    let (target, external) = match &link.target {
                        Target::Part(target) => (relative(name, names.get(target)?), false),
                        Target::Web(address) => (address.clone(), true),
                        Target::Place(place) => (place.clone(), true),
                        Target::Lost => return None,
                    };
                    Some((link.id.as_str(), link.kind.as_str(), target, external))
                })
                .collect();
            let ids = kept.iter().map(|(id, ..)| *id).collect();
            let known = Known {
                links: ids,
                marks: &part.marks,
                pictures: &part.object_pictures,
                sheets: &sheets,
                web: job.options.links,
            };
            let mut rewriter = Rewriter::new(known, job.limits.max_nesting);
            let written = rewriter.part(&part.text).map_err(|failure| inside(&part.name, failure))?;
            for (what, count) in rewriter.notes() {
                job.removed(Removed::new(what, &part.entry.name, count));
            }
            match written {
                None if part.is_plain => zip.add_raw(name, part.entry)?,
                None => zip.add(name, part.text.as_bytes())?,
                Some(written) => zip.add(name, &written)?,
            }
            if !kept.is_empty() {
                let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
                zip.add(&format!("{folder}/_rels/{file}.rels"), &relationships_xml(&kept))?;
            }
        }
        if let Some(description) = &self.description {
            zip.add(description::PART, description)?;
        }
        pictures.write(&mut zip)?;
        zip.finish()
    }

    /// Which sheets of a workbook are gone.
    fn sheets(&self, names: &HashMap<usize, String>, job: &Job<'_>) -> Result<Sheets, Failure> {
        let Some(main) = self.root.as_ref().and_then(|(index, _)| self.parts.get(*index)) else {
            return Ok(Sheets::default());
        };
        if self.main.root.0 != Ns::S {
            return Ok(Sheets::default());
        }
        let kept: HashSet<&str> = main
            .links
            .iter()
            .filter(|link| matches!(link.target, Target::Part(index) if names.contains_key(&index)))
            .map(|link| link.id.as_str())
            .collect();
        let has_metadata = main.links.iter().any(|link| {
            table::short(&link.kind) == "sheetMetadata"
                && matches!(link.target, Target::Part(index) if names.contains_key(&index))
        });
        Sheets::of(&main.text, &kept, has_metadata, job.limits.max_nesting)
    }

    fn content_types(
        &self,
        format: Format,
        order: &[usize],
        names: &HashMap<usize, String>,
        pictures: &Pictures,
    ) -> Vec<u8> {
        let mut out = String::from(concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">",
            "<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>",
            "<Default Extension=\"xml\" ContentType=\"application/xml\"/>",
        ));
        for (extension, media_type) in pictures.types() {
            out.push_str(&format!("<Default Extension=\"{extension}\" ContentType=\"{media_type}\"/>"));
        }
        for index in order {
            let (Some(part), Some(name)) = (self.parts.get(*index), names.get(index)) else { continue };
            let content_type = match (part.rule, part.kind) {
                (Some(rule), _) => rule.content_type(),
                (None, Kind::Main) => format!("{}.main+xml", format.media_type()),
                _ => continue,
            };
            out.push_str(&format!("<Override PartName=\"/{name}\" ContentType=\"{content_type}\"/>"));
        }
        if self.description.is_some() {
            let (name, content_type) = (description::PART, description::CONTENT_TYPE);
            out.push_str(&format!("<Override PartName=\"/{name}\" ContentType=\"{content_type}\"/>"));
        }
        out.push_str("</Types>");
        out.into_bytes()
    }
}

/// `to` as seen from the folder of `from`.
fn relative(from: &str, to: &str) -> String {
    let mut here: Vec<&str> = from.split('/').collect();
    here.pop();
    let there: Vec<&str> = to.split('/').collect();
    let common = here.iter().zip(&there).take_while(|(a, b)| a == b).count();
    let mut path = "../".repeat(here.len() - common);
    path.push_str(&there.get(common..).unwrap_or_default().join("/"));
    path
}

fn relationships_xml(relationships: &[(&str, &str, String, bool)]) -> Vec<u8> {
    let children = relationships
        .iter()
        .map(|(id, kind, target, external)| {
            let mut attributes = vec![("Id", *id), ("Type", *kind), ("Target", target.as_str())];
            if *external {
                attributes.push(("TargetMode", "External"));
            }
            Node::Element(made("Relationship", attributes, Vec::new()))
        })
        .collect();
    let namespace = "http://schemas.openxmlformats.org/package/2006/relationships";
    let mut writer = Writer::new();
    writer.nodes(&[Node::Element(made("Relationships", vec![("xmlns", namespace)], children))]);
    writer.finish()
}

fn made<'a>(name: &str, attributes: Vec<(&str, &'a str)>, children: Vec<Node<'a>>) -> Element<'a> {
    let attributes = attributes
        .into_iter()
        .map(|(name, value)| Attribute { name: Name::new(name, Ns::None), value: value.into() })
        .collect();
    Element { name: Name::new(name, Ns::None), attributes, children, id: 0 }
}
