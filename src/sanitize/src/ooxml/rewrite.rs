//! One part, rewritten: what the rules refuse is left out, and what leads to parts that are gone with it.
//!
//! The part is read as a stream of units: the root, and the long lists in it, pass by; each of their children is taken
//! as a tree, changed and written. So a sheet of any length needs little memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::fields::Mark;
use super::formula;
use super::namespace::Ns;
use super::objects;
use super::rules::{self, Fate, Value};
use super::xml::{Attribute, Element, Event, Name, Node, Writer, Xml};
use crate::failure::Failure;
use crate::options::Links;
use crate::report::What;

/// The sheets of a workbook, and which of them are gone.
#[derive(Debug, Default)]
pub(super) struct Sheets {
    /// For each old position the new one.
    positions: Vec<Option<usize>>,
    /// Names of those that are gone, in lower case.
    gone: Vec<String>,
    /// New position of the first sheet that can be seen.
    first_visible: Option<usize>,
    /// Cells may refer to the workbook's cell metadata.
    has_metadata: bool,
}

impl Sheets {
    /// Reads the list of sheets in a workbook part; `kept`: ids of the relationships that stay.
    pub(super) fn of(
        workbook: &str,
        kept: &HashSet<&str>,
        has_metadata: bool,
        max_nesting: u32,
    ) -> Result<Self, Failure> {
        let mut sheets = Self { has_metadata, ..Self::default() };
        let mut xml = Xml::new(workbook, max_nesting);
        let mut next = 0;
        while let Some(event) = xml.next()? {
            let Event::Start(element) = event else { continue };
            if !element.is(Ns::S, "sheet") {
                continue;
            }
            let id = element.attributes.iter().find(|attribute| attribute.is(Ns::R, "id"));
            if !id.is_some_and(|id| kept.contains(id.value.as_str())) {
                sheets.gone.push(element.attribute("name").unwrap_or_default().to_lowercase());
                sheets.positions.push(None);
                continue;
            }
            if matches!(element.attribute("state"), None | Some("visible")) && sheets.first_visible.is_none()
            {
                sheets.first_visible = Some(next);
            }
            sheets.positions.push(Some(next));
            next += 1;
        }
        if next == 0 {
            return Err(Failure::Malformed("no sheet of the workbook can be kept".to_owned()));
        }
        Ok(sheets)
    }

    fn new_position(&self, old: &str) -> Option<usize> {
        self.positions.get(old.parse::<usize>().ok()?).copied().flatten()
    }
}

/// What has to be known of the whole document to rewrite one part.
pub(super) struct Known<'a> {
    /// Relationship ids that stay.
    pub(super) links: HashSet<String>,
    pub(super) marks: &'a HashMap<u32, Mark>,
    /// Relationship ids of pictures of objects, by shape id.
    pub(super) pictures: &'a HashMap<String, String>,
    pub(super) sheets: &'a Sheets,
    /// What becomes of links to the web.
    pub(super) web: Links,
}

/// Rewrites one part.
pub(super) struct Rewriter<'a> {
    known: Known<'a>,
    max_nesting: u32,
    notes: BTreeMap<What, u32>,
    /// Something in the current scope cannot stand without what was dropped from it.
    spoiled: bool,
    /// Media were dropped from this slide: its timing would refer to them.
    lost_media: bool,
    /// Shared formulas that stay, by their index.
    shared: HashSet<String>,
    /// A sheet without any visible one left gets the first one shown.
    sheet_number: usize,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(known: Known<'a>, max_nesting: u32) -> Self {
        Self {
            known,
            max_nesting,
            notes: BTreeMap::new(),
            spoiled: false,
            lost_media: false,
            shared: HashSet::new(),
            sheet_number: 0,
        }
    }

    /// What was left out, and how often.
    pub(super) fn notes(&self) -> impl Iterator<Item = (What, u32)> {
        self.notes.iter().map(|(what, count)| (*what, *count))
    }

    /// The part's XML, rewritten.
    pub(super) fn part(&mut self, text: &str) -> Result<Vec<u8>, Failure> {
        let mut xml = Xml::new(text, self.max_nesting);
        let mut writer = Writer::new();
        let mut open: Vec<Rc<Name>> = Vec::new();
        while let Some(event) = xml.next()? {
            match event {
                Event::Start(mut element) if open.is_empty() || is_long(&element) => {
                    self.attributes(&mut element);
                    writer.start(&element);
                    open.push(element.name);
                }
                Event::Start(element) => {
                    let unit = xml.subtree(element)?;
                    let nodes = self.element(unit);
                    // Nothing larger than the unit depends on what was dropped from it.
                    self.spoiled = false;
                    writer.nodes(&nodes);
                }
                Event::Text(text) => writer.text(&text),
                Event::End => {
                    if let Some(name) = open.pop() {
                        writer.end(&name);
                    }
                }
            }
        }
        Ok(writer.finish())
    }

    fn note(&mut self, what: What) {
        let count = self.notes.entry(what).or_default();
        *count = count.saturating_add(1);
    }

    /// What stands in the place of an element.
    fn element(&mut self, mut element: Element) -> Vec<Node> {
        let lost_link = element.attributes.iter().any(|attribute| {
            rules::is_link(attribute)
                && !attribute.value.is_empty()
                && !self.known.links.contains(&attribute.value)
        });
        let fate = match self.known.marks.get(&element.id) {
            Some(Mark::Show(text)) => return shown_text(&element, text),
            Some(Mark::Drop) => Fate::Drop(None),
            Some(Mark::Unwrap) => Fate::Unwrap(None),
            None => rules::fate(&element, lost_link),
        };
        self.lost_media |= element.name.ns == Ns::A
            && matches!(fate, Fate::Drop(_))
            && element.name.local().ends_with("File");
        match fate {
            Fate::Keep => {}
            Fate::Drop(what) if element.is(Ns::W, "altChunk") => {
                // Cells and notes must end with a paragraph.
                what.into_iter().for_each(|what| self.note(what));
                let prefix = element.name.prefix();
                let name = if prefix.is_empty() { "p".to_owned() } else { format!("{prefix}:p") };
                let declarations =
                    element.attributes.iter().filter(|attribute| attribute.name.ns == Ns::Xmlns);
                let attributes = declarations.cloned().collect();
                let name = Name::new(&name, Ns::W);
                return vec![Node::Element(Element {
                    name,
                    attributes,
                    children: Vec::new(),
                    id: element.id,
                })];
            }
            Fate::Drop(what) => {
                what.into_iter().for_each(|what| self.note(what));
                return Vec::new();
            }
            Fate::Spoil(what) => {
                what.into_iter().for_each(|what| self.note(what));
                self.spoiled = true;
                return Vec::new();
            }
            Fate::Unwrap(what) => {
                what.into_iter().for_each(|what| self.note(what));
                self.children(&mut element);
                return element.lifted();
            }
        }
        if let Some(replaced) = self.special(&mut element) {
            return replaced;
        }
        if rules::is_formula(&element) && !self.formula(&mut element) {
            return Vec::new();
        }
        self.attributes(&mut element);
        let had_elements = element.elements().next().is_some();
        let outer = rules::is_scope(&element).then(|| std::mem::take(&mut self.spoiled));
        self.children(&mut element);
        if let Some(outer) = outer {
            let spoiled = std::mem::replace(&mut self.spoiled, outer);
            if spoiled {
                return Vec::new();
            }
        }
        if had_elements && element.elements().next().is_none() {
            if rules::goes_when_empty(&element) {
                return Vec::new();
            }
            if element.is(Ns::A, "graphicData") {
                self.spoiled = true;
                return Vec::new();
            }
        }
        vec![Node::Element(element)]
    }

    fn children(&mut self, element: &mut Element) {
        let mut kept = Vec::with_capacity(element.children.len());
        for node in std::mem::take(&mut element.children) {
            match node {
                Node::Element(child) => kept.extend(self.element(child)),
                text @ Node::Text(_) => kept.push(text),
            }
        }
        element.children = kept;
    }

    /// Elements that need more than a rule; `None`: go on as usual.
    fn special(&mut self, element: &mut Element) -> Option<Vec<Node>> {
        match (element.name.ns, element.name.local()) {
            (Ns::Mc, "AlternateContent") => {
                Some(self.alternatives(std::mem::replace(element, hollow(element))))
            }
            (Ns::W, "object") if !element.elements().any(|inner| inner.is(Ns::W, "drawing")) => {
                // Without its object it is a picture, and says so.
                let prefix = element.name.prefix();
                let name = if prefix.is_empty() { "pict".to_owned() } else { format!("{prefix}:pict") };
                element.name = Name::new(&name, Ns::W);
                element.attributes.retain(|attribute| attribute.name.ns == Ns::Xmlns);
                None
            }
            (Ns::P, "graphicFrame") => {
                let is_object = |inner: &Element| inner.is(Ns::P, "oleObj");
                element.find(&is_object)?;
                let note = element
                    .find(&is_object)
                    .is_some_and(|object| !object.attributes.iter().any(rules::is_link));
                if note {
                    self.note(What::EmbeddedObject);
                }
                self.lost_media = true;
                let Some(picture) = objects::picture_of(element, self.known.pictures) else {
                    return Some(Vec::new());
                };
                Some(self.element(picture))
            }
            (Ns::P, "timing") if self.lost_media => {
                self.note(What::Action);
                Some(Vec::new())
            }
            (Ns::S, "definedName") => self.defined_name(element),
            (Ns::S, "workbookView") if !self.known.sheets.gone.is_empty() => {
                for attribute in element
                    .attributes
                    .iter_mut()
                    .filter(|a| a.is(Ns::None, "activeTab") || a.is(Ns::None, "firstSheet"))
                {
                    let fallback = self.known.sheets.first_visible.unwrap_or_default();
                    attribute.value =
                        self.known.sheets.new_position(&attribute.value).unwrap_or(fallback).to_string();
                }
                None
            }
            (Ns::S, "sheet") => {
                self.sheet_number += 1;
                if self.known.sheets.first_visible.is_none() && self.sheet_number == 1 {
                    element.attributes.retain(|attribute| !attribute.is(Ns::None, "state"));
                }
                None
            }
            (Ns::S, "c") if !self.known.sheets.has_metadata => {
                element
                    .attributes
                    .retain(|attribute| !attribute.is(Ns::None, "cm") && !attribute.is(Ns::None, "vm"));
                None
            }
            (Ns::S, "tableColumn") => {
                element.attributes.retain(|attribute| !attribute.is(Ns::None, "queryTableFieldId"));
                None
            }
            _ => None,
        }
    }

    fn defined_name(&mut self, element: &mut Element) -> Option<Vec<Node>> {
        let is_set = |name| matches!(element.attribute(name), Some("1" | "true" | "on"));
        let is_code = ["xlm", "function", "vbProcedure"].into_iter().any(is_set);
        if is_code || element.attribute("name").is_some_and(rules::is_auto_name) {
            self.note(What::MacroSheet);
            return Some(Vec::new());
        }
        let position = element.attributes.iter_mut().find(|attribute| attribute.is(Ns::None, "localSheetId"));
        if let Some(position) = position.filter(|_| !self.known.sheets.gone.is_empty()) {
            match self.known.sheets.new_position(&position.value) {
                Some(new) => position.value = new.to_string(),
                None => return Some(Vec::new()),
            }
        }
        None
    }

    /// Takes out a formula that reaches outside; `false`: the element goes, else its text is now `#REF!`.
    fn formula(&mut self, element: &mut Element) -> bool {
        let is_cell = element.is(Ns::S, "f");
        let shared = element
            .attribute("si")
            .filter(|_| is_cell && element.attribute("t") == Some("shared"))
            .map(str::to_owned);
        let text = element.text();
        let refused = formula::reaches_out(&text, &self.known.sheets.gone, self.known.web);
        match (refused, shared) {
            (None, Some(index)) if text.is_empty() => self.shared.contains(&index),
            (None, Some(index)) => {
                self.shared.insert(index);
                true
            }
            (None, None) => true,
            (Some(what), _) => {
                self.note(what);
                if is_cell || element.is(Ns::S, "calculatedColumnFormula") || element.name.ns == Ns::X {
                    return false;
                }
                element.children = vec![Node::Text("#REF!".to_owned())];
                true
            }
        }
    }

    fn attributes(&mut self, element: &mut Element) {
        let attributes = std::mem::take(&mut element.attributes);
        let from_query = element.is(Ns::S, "table")
            && attributes.iter().any(|a| a.is(Ns::None, "tableType") && a.value != "worksheet");
        let mut kept = Vec::with_capacity(attributes.len());
        for mut attribute in attributes {
            if rules::is_link(&attribute) {
                if attribute.value.is_empty() || self.known.links.contains(&attribute.value) {
                    kept.push(attribute);
                }
                continue;
            }
            if from_query && matches!(attribute.name.local(), "tableType" | "connectionId") {
                continue;
            }
            if rules::is_formula_attribute(element, &attribute)
                && let Some(what) =
                    formula::reaches_out(&attribute.value, &self.known.sheets.gone, self.known.web)
            {
                self.note(what);
                attribute.value.clear();
            }
            match rules::value(element, &attribute, self.known.web) {
                Value::Keep => kept.push(attribute),
                Value::Drop(what) => self.note(what),
                Value::Empty(what) => {
                    self.note(what);
                    kept.push(Attribute { value: String::new(), ..attribute });
                }
            }
        }
        element.attributes = kept;
    }

    /// Both branches are rewritten; a branch that cannot stand goes, and without any choice the fallback stands alone.
    fn alternatives(&mut self, mut element: Element) -> Vec<Node> {
        let is_control_shape = |inner: &Element| inner.is(Ns::Ms, "compatExt");
        let outer = std::mem::take(&mut self.spoiled);
        self.attributes(&mut element);
        for node in &mut element.children {
            if let Node::Element(branch) = node
                && branch.is(Ns::Mc, "Choice")
                && branch.find(&is_control_shape).is_some()
            {
                branch.name = Name::new("gone", Ns::Unknown);
            }
        }
        element.children.retain(|node| !matches!(node, Node::Element(branch) if branch.name.ns != Ns::Mc));
        self.children(&mut element);
        self.spoiled = outer;
        if element.elements().any(|branch| branch.is(Ns::Mc, "Choice")) {
            return vec![Node::Element(element)];
        }
        element
            .lifted()
            .into_iter()
            .flat_map(|node| match node {
                Node::Element(fallback) => fallback.lifted(),
                Node::Text(_) => Vec::new(),
            })
            .collect()
    }
}

/// A `w:t` in the place of an instruction.
fn shown_text(element: &Element, text: &str) -> Vec<Node> {
    let prefix = element.name.prefix();
    let name = if prefix.is_empty() { "t".to_owned() } else { format!("{prefix}:t") };
    let space = Attribute { name: Name::new("xml:space", Ns::Xml), value: "preserve".to_owned() };
    let mut attributes: Vec<Attribute> =
        element.attributes.iter().filter(|attribute| attribute.name.ns == Ns::Xmlns).cloned().collect();
    attributes.push(space);
    let name = Name::new(&name, Ns::W);
    vec![Node::Element(Element {
        name,
        attributes,
        children: vec![Node::Text(text.to_owned())],
        id: element.id,
    })]
}

/// Lists of any length below the root.
fn is_long(element: &Element) -> bool {
    element.is(Ns::W, "body") || element.is(Ns::S, "sheetData")
}

fn hollow(element: &Element) -> Element {
    Element { name: Rc::clone(&element.name), attributes: Vec::new(), children: Vec::new(), id: element.id }
}
