//! From the root relationships to the new package, by the allow list only.
//!
//! ```text
//! 1 reach    root ─▶ main part ─▶ … each part once: type and root element on the list? XML sound? fields, sheets noted
//! 2 decide   pivot tables without their cache, sheets without their part; then what is still reached, in order, named anew
//! 3 write    each part rewritten for the relationships it keeps; pictures through their own rebuilders
//! ```
//!
//! Every name in the new package is ours, so that no spelling of a name survives; ids of relationships stay.

use std::collections::{HashMap, HashSet, VecDeque};

use super::description;
use super::fields::{Mark, Scanner};
use super::namespace::Ns;
use super::objects;
use super::package::{Package, Relationship, resolve};
use super::rewrite::{Known, Rewriter, Sheets};
use super::table::{self, Main, Rule};
use super::xml::{Event, Writer, Xml, decode};
use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;
use crate::markup::link;
use crate::options::{Metadata, Signed};
use crate::pictures::{Pictures, SHOWN};
use crate::report::{Removed, What, plain};
use crate::zip_structure::{Entry, Zip};
use crate::zip_write::ZipWriter;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Main,
    Listed(&'static str, &'static str),
    Picture,
}

/// A part that is reached by the allow list.
struct Part<'a> {
    /// Folded name in the old package.
    name: String,
    entry: &'a Entry<'a>,
    rule: Option<&'static Rule>,
    kind: Kind,
    text: String,
    links: Vec<Link>,
    marks: HashMap<u32, Mark>,
    /// On slides: relationship ids of the pictures of objects, by shape id.
    object_pictures: HashMap<String, String>,
    /// A pivot cache or cell metadata that is filled from outside the workbook.
    draws_from_outside: bool,
    dropped: bool,
}

struct Link {
    id: String,
    kind: String,
    target: Target,
}

#[derive(Clone, PartialEq)]
enum Target {
    Part(usize),
    Web(String),
    Place(String),
    Lost,
}

/// Writes the package that `bytes` holds anew; see [`super::rebuild`].
pub(super) fn rebuild(bytes: &[u8], format: Format, job: &mut Job<'_>) -> Result<Rewritten, Failure> {
    let Some((main, content_types, plain_format)) = table::main_part(format) else {
        return Err(Failure::Refused("the file is no Office document of a type that is rebuilt".to_owned()));
    };
    let zip = Zip::parse(bytes, job.limits)?;
    let package = Package::open(&zip, job)?;
    let mut walk = Walk {
        package: &package,
        main,
        content_types,
        parts: Vec::new(),
        by_name: HashMap::new(),
        lost: HashMap::new(),
        lost_order: Vec::new(),
        queue: VecDeque::new(),
        root: None,
        description: None,
    };
    if job.options.signed == Signed::Quarantine && walk.is_signed() {
        return Err(Failure::signed());
    }
    walk.reach(job)?;
    walk.drop_pivots(job);
    walk.show_objects(job)?;
    walk.note_lost(job)?;
    let bytes = walk.write(plain_format, job)?;
    Ok(Rewritten { bytes, format: plain_format })
}

struct Walk<'a> {
    package: &'a Package<'a>,
    main: &'static Main,
    content_types: &'static [&'static str],
    parts: Vec<Part<'a>>,
    by_name: HashMap<String, usize>,
    /// Parts that only refused relationships lead to, and what they are.
    lost: HashMap<String, What>,
    lost_order: Vec<String>,
    queue: VecDeque<usize>,
    /// Index of the main part and its root relationship.
    root: Option<(usize, Relationship)>,
    /// The new core properties, where they are kept.
    description: Option<Vec<u8>>,
}

impl<'a> Walk<'a> {
    fn reach(&mut self, job: &mut Job<'_>) -> Result<(), Failure> {
        for relationship in self.package.relationships("", job)? {
            let is_main = table::short(&relationship.kind) == "officeDocument" && !relationship.external;
            if is_main && self.root.is_none() && !link::leaves_the_package(&relationship.target) {
                let name = resolve("", &relationship.target);
                let content_type = self.package.content_type(&name);
                if !self.content_types.contains(&content_type) {
                    return Err(Failure::Malformed("the main part is not of the document's type".to_owned()));
                }
                let index = self.add(&name, None, Kind::Main)?.ok_or_else(|| {
                    Failure::Malformed("the document has no main part where it says".to_owned())
                })?;
                self.root = Some((index, relationship));
            } else if description::is_description(&relationship) && job.options.metadata == Metadata::Keep {
                self.describe(&relationship, job)?;
            } else if is_main {
                return Err(Failure::Malformed("the document has two main parts".to_owned()));
            } else {
                self.lose("", &relationship, job);
            }
        }
        if self.root.is_none() {
            return Err(Failure::Malformed("the document has no main part".to_owned()));
        }
        while let Some(index) = self.queue.pop_front() {
            self.examine(index, job)?;
        }
        Ok(())
    }

    /// Whether some part is a signature of the package (ECMA-376-2, clause 13).
    fn is_signed(&self) -> bool {
        let mut names = self.package.names();
        names.any(|name| self.package.content_type(name).contains("digital-signature"))
    }

    /// Takes over the core properties; they count as removed where they say more than is kept.
    fn describe(&mut self, relationship: &Relationship, job: &mut Job<'_>) -> Result<(), Failure> {
        let name = resolve("", &relationship.target);
        self.description = description::kept(self.package, &name, job)?;
        match (self.package.part(&name), &self.description) {
            (Some(entry), Some(new)) if entry.read(job)? == *new => {
                self.lost.insert(name, What::Metadata);
            }
            _ => self.lose("", relationship, job),
        }
        Ok(())
    }

    fn add(&mut self, name: &str, rule: Option<&'static Rule>, kind: Kind) -> Result<Option<usize>, Failure> {
        let Some(entry) = self.package.part(name) else { return Ok(None) };
        let index = self.parts.len();
        self.parts.push(Part {
            name: name.to_owned(),
            entry,
            rule,
            kind,
            text: String::new(),
            links: Vec::new(),
            marks: HashMap::new(),
            object_pictures: HashMap::new(),
            draws_from_outside: false,
            dropped: false,
        });
        self.by_name.insert(name.to_owned(), index);
        self.queue.push_back(index);
        Ok(Some(index))
    }

    /// Reads a part, holds it against its line of the list, and follows its relationships.
    fn examine(&mut self, index: usize, job: &mut Job<'_>) -> Result<(), Failure> {
        let Some(part) = self.parts.get_mut(index) else { return Ok(()) };
        if part.kind == Kind::Picture {
            return Ok(());
        }
        let essential = part.rule.is_none_or(|rule| rule.essential);
        let root = part.rule.map_or(self.main.root, |rule| rule.root);
        let name = part.name.clone();
        let relationships =
            match read_part(part, root, job).and_then(|()| self.package.relationships(&name, job)) {
                Ok(relationships) => relationships,
                Err(failure @ (Failure::Limit { .. } | Failure::Infected(_))) => return Err(failure),
                Err(failure) if essential => {
                    return Err(Failure::Malformed(format!("{}: {failure}", plain(&name))));
                }
                Err(_) => {
                    part.dropped = true;
                    self.note_lost_part(&name, What::UnknownPart);
                    return Ok(());
                }
            };
        let mut links = Vec::with_capacity(relationships.len());
        for relationship in relationships {
            let target = self.follow(&name, &relationship, job)?;
            links.push(Link { id: relationship.id, kind: relationship.kind, target });
        }
        if let Some(part) = self.parts.get_mut(index) {
            part.links = links;
        }
        Ok(())
    }

    fn follow(
        &mut self,
        source: &str,
        relationship: &Relationship,
        job: &mut Job<'_>,
    ) -> Result<Target, Failure> {
        let relation = table::short(&relationship.kind);
        if relationship.external {
            if relation == "hyperlink" && link::may_lead_to(&relationship.target, job.options.links) {
                return Ok(Target::Web(relationship.target.clone()));
            }
            if relation == "hyperlink" && is_place(&relationship.target) {
                return Ok(Target::Place(relationship.target.clone()));
            }
            self.lose(source, relationship, job);
            return Ok(Target::Lost);
        }
        if relation == "hyperlink" && is_place(&relationship.target) {
            return Ok(Target::Place(relationship.target.clone()));
        }
        if link::leaves_the_package(&relationship.target) {
            self.lose(source, relationship, job);
            return Ok(Target::Lost);
        }
        let name = resolve(source, &relationship.target);
        let content_type = self.package.content_type(&name);
        let is_picture = relation == "image" && content_type.starts_with("image/");
        let kind = match Rule::find(&relation, content_type) {
            Some(rule) => Some((Some(rule), Kind::Listed(rule.relation, rule.stem))),
            None if is_picture && !content_type.starts_with("image/svg") => Some((None, Kind::Picture)),
            None => None,
        };
        let Some((rule, kind)) = kind else {
            if !table::is_cache(&relation) || self.package.part(&name).is_none() {
                self.lose(source, relationship, job);
            } else {
                self.lost.entry(name).or_insert(What::Unreachable);
            }
            return Ok(Target::Lost);
        };
        if let Some(&known) = self.by_name.get(&name) {
            let same = self.parts.get(known).is_some_and(|part| part.kind == kind);
            return Ok(if same { Target::Part(known) } else { Target::Lost });
        }
        match self.add(&name, rule, kind)? {
            Some(index) => Ok(Target::Part(index)),
            None => {
                job.removed(Removed::new(
                    What::UnknownPart,
                    &format!("{source}: link to the missing part {name}"),
                    1,
                ));
                Ok(Target::Lost)
            }
        }
    }

    /// Notes a relationship that stays behind, and the part it leads to with all below it.
    fn lose(&mut self, source: &str, relationship: &Relationship, job: &mut Job<'_>) {
        let relation = table::short(&relationship.kind);
        let outside = relationship.external || link::leaves_the_package(&relationship.target);
        if outside {
            let what = match relation.as_str() {
                "hyperlink" => What::Link,
                _ => What::ExternalReference,
            };
            let place = match source {
                "" => "the package".to_owned(),
                source => source.to_owned(),
            };
            job.removed(Removed::new(
                what,
                &format!("{place}: {} to {}", last_word(&relation), relationship.target),
                1,
            ));
            return;
        }
        let name = resolve(source, &relationship.target);
        let what = table::lost(&relation, self.package.content_type(&name));
        if self.package.part(&name).is_some() {
            self.note_lost_part(&name, what);
        }
    }

    fn note_lost_part(&mut self, name: &str, what: What) {
        if !self.lost.contains_key(name) {
            self.lost.insert(name.to_owned(), what);
            self.lost_order.push(name.to_owned());
        }
    }

    /// Drops pivot caches that are filled from outside, and pivot tables whose cache is gone.
    fn drop_pivots(&mut self, job: &mut Job<'_>) {
        for part in self.parts.iter_mut().filter(|part| part.draws_from_outside) {
            part.dropped = true;
            job.removed(Removed::new(What::DataConnection, &part.name, 1));
        }
        let kept: HashSet<usize> =
            self.parts.iter().enumerate().filter(|(_, part)| !part.dropped).map(|(index, _)| index).collect();
        for part in &mut self.parts {
            let needs_cache = part.rule.is_some_and(|rule| rule.relation == "pivotTable");
            let has_cache = part.links.iter().any(|link| {
                table::short(&link.kind) == "pivotCacheDefinition"
                    && matches!(link.target, Target::Part(index) if kept.contains(&index))
            });
            if needs_cache && !has_cache && !part.dropped {
                part.dropped = true;
                job.removed(Removed::new(What::DataConnection, &part.name, 1));
            }
        }
    }

    /// Slides get the pictures of their objects from the VML drawings, which then serve nothing any more.
    fn show_objects(&mut self, job: &Job<'_>) -> Result<(), Failure> {
        let nesting = job.limits.max_nesting;
        let mut changes = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            let is_slide = part.rule.is_some_and(|rule| rule.root.0 == Ns::P);
            let drawing = part.links.iter().position(|link| table::short(&link.kind) == "vmlDrawing");
            let Some(drawing) = drawing.filter(|_| is_slide && !part.dropped) else { continue };
            let mut pictures = Vec::new();
            if let Some(Target::Part(vml)) = part.links.get(drawing).map(|link| link.target.clone())
                && let Some(vml) = self.parts.get(vml).filter(|vml| !vml.dropped)
            {
                let shapes = objects::shape_pictures(&vml.text, nesting)?;
                for shape in objects::without_picture(&part.text, nesting)? {
                    let id = shapes.get(&shape);
                    let link = vml.links.iter().find(|link| Some(&link.id) == id);
                    if let Some(Link { kind, target: Target::Part(picture), .. }) = link {
                        pictures.push((shape, kind.clone(), *picture));
                    }
                }
            }
            changes.push((index, drawing, pictures));
        }
        for (index, drawing, pictures) in changes {
            let Some(part) = self.parts.get_mut(index) else { continue };
            if let Some(link) = part.links.get_mut(drawing) {
                link.target = Target::Lost;
            }
            for (n, (shape, kind, picture)) in pictures.into_iter().enumerate() {
                let mut id = format!("rIdPicture{}", n + 1);
                while part.links.iter().any(|link| link.id == id) {
                    id.push('x');
                }
                part.object_pictures.insert(shape, id.clone());
                part.links.push(Link { id, kind, target: Target::Part(picture) });
            }
        }
        Ok(())
    }

    /// Reports every member that is not copied, with its digest; what only lost parts lead to counts as they do.
    fn note_lost(&mut self, job: &mut Job<'_>) -> Result<(), Failure> {
        let mut n = 0;
        while let Some(name) = self.lost_order.get(n).cloned() {
            n += 1;
            let outer = self.lost.get(&name).copied().unwrap_or(What::UnknownPart);
            let Ok(relationships) = self.package.relationships(&name, job) else { continue };
            for relationship in relationships {
                if relationship.external || link::leaves_the_package(&relationship.target) {
                    continue;
                }
                let target = resolve(&name, &relationship.target);
                if self.package.part(&target).is_some() && !self.by_name.contains_key(&target) {
                    let own =
                        table::lost(&table::short(&relationship.kind), self.package.content_type(&target));
                    self.note_lost_part(&target, if own == What::UnknownPart { outer } else { own });
                }
            }
        }
        let mut orphans: Vec<&String> = self
            .package
            .names()
            .filter(|name| !self.lost.contains_key(*name) && !self.by_name.contains_key(*name))
            .collect();
        orphans.sort();
        let orphans = orphans.into_iter().map(|name| {
            let what = match table::lost("", self.package.content_type(name)) {
                What::UnknownPart | What::Picture | What::Link => What::Unreachable,
                known => known,
            };
            (name, what)
        });
        let lost = self.lost_order.iter().filter_map(|name| self.lost.get(name).map(|what| (name, *what)));
        for (name, what) in lost.chain(orphans) {
            let Some(entry) = self.package.part(name) else { continue };
            match entry.read(job) {
                Ok(bytes) => job.removed(Removed::bytes(what, &entry.name, &bytes)),
                Err(failure @ Failure::Limit { .. }) => return Err(failure),
                Err(_) => job.removed(Removed::new(what, &entry.name, 1)),
            }
        }
        Ok(())
    }

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

    fn write(&self, format: Format, job: &mut Job<'_>) -> Result<Vec<u8>, Failure> {
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
            let ids = kept.iter().map(|(id, ..)| (*id).to_owned()).collect();
            let known = Known {
                links: ids,
                marks: &part.marks,
                pictures: &part.object_pictures,
                sheets: &sheets,
                web: job.options.links,
            };
            let mut rewriter = Rewriter::new(known, job.limits.max_nesting);
            let written = rewriter.part(&part.text)?;
            for (what, count) in rewriter.notes() {
                job.removed(Removed::new(what, &part.entry.name, count));
            }
            if written == part.text.as_bytes()
                && part.entry.size == u64::try_from(written.len()).unwrap_or(u64::MAX)
            {
                zip.add_raw(name, part.entry)?;
            } else {
                zip.add(name, &written)?;
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

/// Reads a part's XML once: is it sound, has it the root its line demands, what must the rewriter know beforehand?
fn read_part(part: &mut Part<'_>, root: (Ns, &str), job: &mut Job<'_>) -> Result<(), Failure> {
    part.text = decode(&part.entry.read(job)?)?;
    let mut xml = Xml::new(&part.text, job.limits.max_nesting);
    let mut scanner = (root.0 == Ns::W).then(|| Scanner::new(job.options.links));
    let is_cache = root.1 == "pivotCacheDefinition";
    let is_metadata = root == (Ns::S, "metadata");
    while let Some(event) = xml.next()? {
        if let Event::Start(element) = &event {
            if element.id == 0 && !element.is(root.0, root.1) {
                return Err(Failure::Malformed("the part's root element is not that of its type".to_owned()));
            }
            if is_cache && element.is(Ns::S, "cacheSource") {
                part.draws_from_outside |=
                    !matches!(element.attribute("type"), Some("worksheet" | "consolidation"));
            }
            if is_cache && matches!(element.name.local(), "worksheetSource" | "rangeSet") {
                part.draws_from_outside |=
                    element.attributes.iter().any(|attribute| attribute.is(Ns::R, "id"));
            }
            // Only dynamic arrays: other kinds refer to parts that are fetched (rich values, cubes).
            if is_metadata && element.is(Ns::S, "metadataType") {
                part.draws_from_outside |= element.attribute("name") != Some("XLDAPR");
            }
        }
        if let Some(scanner) = &mut scanner {
            scanner.event(&event);
        }
    }
    if let Some(scanner) = scanner {
        let (marks, refused) = scanner.finish();
        part.marks = marks;
        for what in refused {
            job.removed(Removed::new(what, &part.entry.name, 1));
        }
    }
    Ok(())
}

/// A place in the document itself.
fn is_place(target: &str) -> bool {
    target.starts_with('#') && !target.contains(['\\', ':', '|']) || target == "#"
}

fn last_word(relation: &str) -> &str {
    relation.rsplit('/').next().unwrap_or(relation)
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
    use super::xml::{Attribute, Element, Name, Node};
    let plain_name = |name: &str| Name::new(name, Ns::None);
    let element = |name: &str, attributes: Vec<(&str, &str)>, children: Vec<Node>| Element {
        name: plain_name(name),
        attributes: attributes
            .into_iter()
            .map(|(name, value)| Attribute { name: plain_name(name), value: value.to_owned() })
            .collect(),
        children,
        id: 0,
    };
    let children = relationships
        .iter()
        .map(|(id, kind, target, external)| {
            let mut attributes = vec![("Id", *id), ("Type", *kind), ("Target", target.as_str())];
            if *external {
                attributes.push(("TargetMode", "External"));
            }
            Node::Element(element("Relationship", attributes, Vec::new()))
        })
        .collect();
    let namespace = "http://schemas.openxmlformats.org/package/2006/relationships";
    let mut writer = Writer::new();
    writer.nodes(&[Node::Element(element("Relationships", vec![("xmlns", namespace)], children))]);
    writer.finish()
}
