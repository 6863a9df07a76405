//! One part, rewritten: what the rules refuse is left out, and pictures are fetched, rebuilt and named anew.
//!
//! The part is read as a stream of units: the root, and the long lists in it, pass by; each of their children is taken
//! as a tree, changed and written. So a sheet of any length needs little memory.
//!
//! ```text
//! draw:frame ─┬─ draw:object ─▶ Object 1/                 goes, a chart or formula like any other object
//!             └─ draw:image ──▶ ObjectReplacements/…      stays in its place, as an ordinary picture; or a blank one
//! ```

use std::collections::BTreeMap;
use std::rc::Rc;

use super::formula;
use super::namespace::Ns;
use super::package::Package;
use super::rules::{self, BODIES, Fate};
use super::svm;
use super::xml::{Attribute, Element, Name, Node, Step, Writer, Xml};
use crate::failure::Failure;
use crate::job::Job;
use crate::markup::link;
use crate::markup::xml::Vocabulary;
use crate::options::Links;
use crate::pictures::Pictures;
use crate::report::{Removed, What};

/// What has to be known of the whole document to rewrite its parts, and what is found on the way.
pub(super) struct Rewriter<'a, 'j> {
    pub(super) package: &'a Package<'a>,
    pub(super) pictures: &'a mut Pictures,
    /// New names by the folded names of the members that pictures were taken from; `None`: they cannot be rebuilt.
    pub(super) known: BTreeMap<String, Option<String>>,
    /// The content's version of OpenDocument, once it is read; the other parts must have the same.
    pub(super) version: Option<String>,
    /// The body that a document of this type has.
    pub(super) body: &'static str,
    pub(super) job: &'a mut Job<'j>,
    /// Name of the part that is being rewritten.
    pub(super) part: &'static str,
}

impl Rewriter<'_, '_> {
    /// The part's XML, rewritten; `root`: the element that it must consist of.
    pub(super) fn part(&mut self, text: &str, root: &str) -> Result<Vec<u8>, Failure> {
        let mut xml = Xml::new(text, self.job.limits.max_nesting);
        let mut writer = Writer::copying(text);
        let mut open: Vec<Rc<Name>> = Vec::new();
        while let Some(step) = xml.advance()? {
            match step {
                Step::Start if open.is_empty() && !xml.element().is(Ns::Office, root) => {
                    return Err(Failure::Malformed(format!("{} has the wrong root element", self.part)));
                }
                Step::Start
                    if open.is_empty()
                        || (rules::is_long(xml.element()) && rules::fate(xml.element()) == Fate::Keep) =>
                {
                    let mut element = xml.take();
                    self.check_body(open.last(), &element)?;
                    self.attributes(&mut element);
                    if open.is_empty() {
                        agree_on_version(&mut element, &mut self.version);
                    }
                    writer.start(&element, xml.is_empty_tag());
                    open.push(element.name);
                }
                Step::Start => {
                    let unit = xml.subtree()?;
                    writer.nodes(&self.element(unit)?);
                }
                Step::Text => writer.same_text(&xml),
                Step::End => {
                    open.pop();
                    writer.same_end(&xml);
                }
            }
        }
        Ok(writer.finish())
    }

    /// Programs choose by the type which body they read: there must be no other.
    fn check_body(&self, parent: Option<&Rc<Name>>, element: &Element<'_>) -> Result<(), Failure> {
        let is_in_body = parent.is_some_and(|parent| parent.ns == Ns::Office && parent.local() == "body");
        let local = element.name.local();
        if is_in_body && BODIES.contains(&local) && local != self.body {
            return Err(Failure::Malformed(
                "the document's content is of another type than it says".to_owned(),
            ));
        }
        Ok(())
    }

    fn note(&mut self, what: What) {
        self.job.removed(Removed::new(what, self.part, 1));
    }

    /// What stands in the place of an element.
    fn element<'t>(&mut self, mut element: Element<'t>) -> Result<Vec<Node<'t>>, Failure> {
        if rules::is_list_of_actions(&element) {
            self.children(&mut element)?;
            return Ok(Vec::new());
        }
        match rules::fate(&element) {
            Fate::Keep => {}
            Fate::Drop(what) => {
                self.note(what);
                return Ok(Vec::new());
            }
            Fate::Unwrap(what) => {
                what.into_iter().for_each(|what| self.note(what));
                self.children(&mut element)?;
                return Ok(element.lifted());
            }
        }
        match (element.name.ns, element.name.local()) {
            (Ns::Draw, "frame") => return self.frame(element),
            (Ns::Text | Ns::Draw, "a") => return self.link(element),
            (Ns::Table, "data-pilot-table") if element.elements().any(is_foreign_source) => {
                self.note(What::DataConnection);
                return Ok(Vec::new());
            }
            _ => {}
        }
        if rules::is_picture(&element) && element.attributes.iter().any(is_href) {
            let name = match self.picture(&element)? {
                Some(name) => name,
                None => self.pictures.blank(),
            };
            return self.shown(element, &name).map(|node| vec![node]);
        }
        if !self.attributes(&mut element) {
            return Ok(Vec::new());
        }
        self.children(&mut element)?;
        Ok(vec![Node::Element(element)])
    }

    fn children(&mut self, element: &mut Element<'_>) -> Result<(), Failure> {
        let mut kept = Vec::with_capacity(element.children.len());
        for node in std::mem::take(&mut element.children) {
            match node {
                Node::Element(child) => kept.extend(self.element(child)?),
                text @ Node::Text(_) => kept.push(text),
            }
        }
        element.children = kept;
        Ok(())
    }

    /// Filters the attributes; `false`: the element lost one without which it is nothing.
    fn attributes(&mut self, element: &mut Element<'_>) -> bool {
        let mut stands = true;
        let mut kept = Vec::with_capacity(element.attributes.len());
        let mut lost_formula = false;
        let may_leave = self.job.options.links == Links::Keep;
        for attribute in std::mem::take(&mut element.attributes) {
            if attribute.name.ns == Ns::Xmlns {
                // What stands for nothing known is only there for what is gone.
                let known = !matches!(Ns::of(&attribute.value), Ns::Unknown | Ns::Script | Ns::Xforms);
                if known {
                    kept.push(attribute);
                }
                continue;
            }
            let reaches = match rules::is_formula(element, &attribute) {
                true => formula::reaches_out(&attribute.value, self.job.options.links),
                false => None,
            };
            if let Some(what) = reaches {
                self.note(what);
                stands &= !rules::needs_its_formula(element);
                lost_formula = true;
                continue;
            }
            match rules::refused(element, &attribute, may_leave) {
                Some(what) => self.note(what),
                None => kept.push(attribute),
            }
        }
        if lost_formula {
            kept.retain(|attribute| !attribute.name.local().starts_with("number-matrix-"));
        }
        element.attributes = kept;
        stands
    }

    /// A frame shows the first of its contents that a program can show. Pictures that cannot be rebuilt go when there
    /// is another content; objects always.
    fn frame<'t>(&mut self, mut frame: Element<'t>) -> Result<Vec<Node<'t>>, Failure> {
        self.attributes(&mut frame);
        let mut kept = Vec::with_capacity(frame.children.len());
        let mut shows_something = false;
        // What had an address is a picture's place.
        let mut lost: Option<(usize, Element<'_>)> = None;
        let is_shown = |element: &Element<'_>| element.attributes.iter().any(is_href);
        for node in std::mem::take(&mut frame.children) {
            let Node::Element(child) = node else {
                kept.push(node);
                continue;
            };
            if is_embedded(&child) {
                lost = lost.or_else(|| is_shown(&child).then(|| (kept.len(), child.clone())));
                kept.extend(self.element(child)?);
            } else if child.is(Ns::Draw, "image") {
                match self.picture(&child)? {
                    Some(name) => {
                        shows_something = true;
                        kept.push(self.shown(child, &name)?);
                    }
                    None => lost = lost.or_else(|| is_shown(&child).then_some((kept.len(), child))),
                }
            } else {
                shows_something |= matches!(child.name.local(), "text-box" | "table");
                kept.extend(self.element(child)?);
            }
        }
        if let Some((at, template)) = lost.filter(|_| !shows_something) {
            let prefix = template.name.prefix();
            let name = if prefix.is_empty() { "image".to_owned() } else { format!("{prefix}:image") };
            let image = Element { name: Name::new(&name, Ns::Draw), children: Vec::new(), ..template };
            let blank = self.pictures.blank();
            kept.insert(at, self.shown(image, &blank)?);
        }
        frame.children = kept;
        Ok(vec![Node::Element(frame)])
    }

    /// Rebuilds the picture that an element refers to; `None`: it cannot be, which is noted.
    fn picture(&mut self, element: &Element<'_>) -> Result<Option<String>, Failure> {
        let Some(address) = element.attributes.iter().find(|attribute| is_href(attribute)) else {
            return Ok(None);
        };
        let address = address.value.trim();
        let address = address.strip_prefix('#').unwrap_or(address);
        if link::leaves_the_package(address) || address.starts_with("..") || address.starts_with('/') {
            self.note(What::ExternalReference);
            return Ok(None);
        }
        let Some((name, entry)) = self.package.member(address) else {
            if !address.is_empty() {
                let place = format!("{}: link to the missing part {address}", self.part);
                self.job.removed(Removed::new(What::UnknownPart, &place, 1));
            }
            return Ok(None);
        };
        if let Some(known) = self.known.get(&name) {
            return Ok(known.clone());
        }
        let bytes = entry.read(self.job)?;
        let new = match svm::is_svm(&bytes) {
            true => self.metafile(&bytes, &entry.name),
            false => self.pictures.rebuild(&bytes, &entry.name, self.job)?,
        };
        self.known.insert(name, new.clone());
        Ok(new)
    }

    /// The new name of one of LibreOffice's own metafiles.
    fn metafile(&mut self, bytes: &[u8], name: &str) -> Option<String> {
        match svm::rebuild(bytes) {
            Ok((bytes, gone)) => {
                if gone > 0 {
                    self.job.removed(Removed::new(What::UnknownPart, name, gone));
                }
                Some(self.pictures.add(bytes, "svm", svm::MEDIA_TYPE))
            }
            Err(_) => {
                self.job.removed(Removed::bytes(What::Picture, name, bytes));
                None
            }
        }
    }

    /// A picture element that refers to the new picture `name`.
    fn shown<'t>(&mut self, mut element: Element<'t>, name: &str) -> Result<Node<'t>, Failure> {
        let address = element.attributes.iter().position(is_href);
        let address = address.map(|at| element.attributes.remove(at));
        // The picture's type shows in its bytes.
        element.attributes.retain(|attribute| !matches!(attribute.name.local(), "mime-type" | "filter-name"));
        self.attributes(&mut element);
        if let Some(address) = address {
            element.attributes.push(Attribute { value: name.to_owned().into(), ..address });
        }
        self.children(&mut element)?;
        Ok(Node::Element(element))
    }

    /// A link keeps its address, or only its text and looks.
    fn link<'t>(&mut self, mut element: Element<'t>) -> Result<Vec<Node<'t>>, Failure> {
        let may_leave = self.job.options.links == Links::Keep;
        let address = element.attributes.iter().position(is_href);
        let address = address.map(|at| element.attributes.remove(at));
        let stays = address.as_ref().is_some_and(|address| rules::is_link(&address.value, may_leave));
        if address.is_some() && !stays {
            self.note(What::Link);
        }
        self.attributes(&mut element);
        self.children(&mut element)?;
        match address {
            Some(address) if stays => element.attributes.push(address),
            _ if element.name.ns == Ns::Text => {
                let prefix = element.name.prefix();
                let name = if prefix.is_empty() { "span".to_owned() } else { format!("{prefix}:span") };
                element.name = Name::new(&name, Ns::Text);
                element.attributes.retain(|attribute| {
                    attribute.name.ns == Ns::Xmlns || attribute.is(Ns::Text, "style-name")
                });
            }
            _ => return Ok(element.lifted()),
        }
        Ok(vec![Node::Element(element)])
    }
}

/// Gives a part's root the version that the first part has, if it has one: LibreOffice takes parts of several versions,
/// the manifest among them, for a broken document.
pub(super) fn agree_on_version(root: &mut Element<'_>, version: &mut Option<String>) {
    let Some(own) = root.attributes.iter_mut().find(|attribute| attribute.is(Ns::Office, "version")) else {
        return;
    };
    match version {
        Some(version) => own.value = version.clone().into(),
        None => *version = Some(own.value.to_string()),
    }
}

fn is_href(attribute: &Attribute<'_>) -> bool {
    attribute.is(Ns::Xlink, "href")
}

fn is_embedded(element: &Element<'_>) -> bool {
    matches!(element.name.local(), "object" | "object-ole" | "plugin" | "applet" | "floating-frame")
}

fn is_foreign_source(element: &Element<'_>) -> bool {
    element.name.local() == "source-service" || element.name.local().starts_with("database-source")
}
