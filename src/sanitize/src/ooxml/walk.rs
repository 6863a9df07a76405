//! Which parts are reached from the root relationships by the allow list alone?
//!
//! ```text
//! 1 reach    root ─▶ main part ─▶ … each part once: type and root element on the list? XML sound? fields, sheets noted
//! 2 decide   pivot tables without their cache, sheets without their part; then what is still reached, in order, named anew
//! 3 write    see `write`
//! ```
//!
//! Every name in the new package is ours, so that no spelling of a name survives; ids of relationships stay.

use std::collections::{HashMap, HashSet, VecDeque};

use super::description;
use super::fields::{self, Mark, Scanner};
use super::namespace::Ns;
use super::objects;
use super::package::{Package, Relationship, resolve};
use super::table::{self, Main, Rule};
use super::xml::{Event, Xml, decode};
use crate::failure::Failure;
use crate::format::{Format, Rewritten};
use crate::job::Job;
use crate::markup::link;
use crate::options::{Metadata, Signed};
use crate::report::{Removed, What, plain};
use crate::zip_structure::{Entry, Zip};

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Main,
    Listed(&'static str, &'static str),
    Picture,
}

/// A part that is reached by the allow list.
pub(super) struct Part<'a> {
    /// Folded name in the old package.
    pub(super) name: String,
    pub(super) entry: &'a Entry<'a>,
    pub(super) rule: Option<&'static Rule>,
    pub(super) kind: Kind,
    pub(super) text: String,
    /// The member's bytes are those of `text`.
    pub(super) is_plain: bool,
    pub(super) links: Vec<Link>,
    pub(super) marks: HashMap<u32, Mark>,
    /// On slides: relationship ids of the pictures of objects, by shape id.
    pub(super) object_pictures: HashMap<String, String>,
    /// A pivot cache or cell metadata that is filled from outside the workbook.
    pub(super) draws_from_outside: bool,
    pub(super) dropped: bool,
}

pub(super) struct Link {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) target: Target,
}

#[derive(Clone, PartialEq)]
pub(super) enum Target {
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

pub(super) struct Walk<'a> {
    pub(super) package: &'a Package<'a>,
    pub(super) main: &'static Main,
    pub(super) content_types: &'static [&'static str],
    pub(super) parts: Vec<Part<'a>>,
    pub(super) by_name: HashMap<String, usize>,
    /// Parts that only refused relationships lead to, and what they are.
    pub(super) lost: HashMap<String, What>,
    pub(super) lost_order: Vec<String>,
    pub(super) queue: VecDeque<usize>,
    /// Index of the main part and its root relationship.
    pub(super) root: Option<(usize, Relationship)>,
    /// The new core properties, where they are kept.
    pub(super) description: Option<Vec<u8>>,
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
            is_plain: false,
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
                Err(failure) if essential => return Err(inside(&name, failure)),
                Err(failure @ (Failure::Limit { .. } | Failure::Infected(_))) => return Err(failure),
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
}

/// The failure of a part without which the document is not itself.
pub(super) fn inside(part: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Limit { .. } | Failure::Infected(_) => failure,
        failure => Failure::Malformed(format!("{}: {failure}", plain(part))),
    }
}

/// Reads a part's XML as far as is needed beforehand: has it the root its line demands, what must the rewriter know?
/// One that goes if it is not sound is read to its end; of any other the rewriter will find out.
fn read_part(part: &mut Part<'_>, root: (Ns, &str), job: &mut Job<'_>) -> Result<(), Failure> {
    let bytes = part.entry.read(job)?;
    let size = bytes.len();
    let is_utf8 = !bytes.starts_with(b"\xff\xfe") && !bytes.starts_with(b"\xfe\xff");
    part.text = decode(bytes)?;
    part.is_plain = is_utf8 && part.text.len() == size;
    let mut xml = Xml::new(&part.text, job.limits.max_nesting);
    let has_fields = root.0 == Ns::W && fields::may_be_in(&part.text);
    let mut scanner = has_fields.then(|| Scanner::new(job.options.links));
    let only_its_root = !has_fields && part.rule.is_none_or(|rule| rule.essential);
    let is_cache = root.1 == "pivotCacheDefinition";
    let is_metadata = root == (Ns::S, "metadata");
    while let Some(event) = xml.next()? {
        if let Event::Start(element) = &event {
            if element.id == 0 && !element.is(root.0, root.1) {
                return Err(Failure::Malformed("the part's root element is not that of its type".to_owned()));
            }
            if only_its_root {
                return Ok(());
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
