//! One part, rewritten: what the rules refuse is left out, and what leads to parts that are gone with it.
//!
//! The part is read as a stream of units: the root, and the long lists in it, pass by. So does each of their children,
//! in one run of bytes, up to the first thing in it that does not stay; then it is read again as a tree, changed and
//! written. So a sheet of any length needs little memory, and what has nothing to lose little time.
//!
//! ```text
//! root ─┬─ unit ── keeps all of it? ─┬─ yes: copied as it is
//!       ├─ unit …                    └─ no: back, tree, element by element
//! ```

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use super::fields::Mark;
use super::formula;
use super::namespace::Ns;
use super::objects;
use super::rules::{self, Fate, Value};
use super::xml::{Attribute, Element, Event, Name, Node, Step, Writer, Xml};
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
            if !id.is_some_and(|id| kept.contains(id.value.as_ref())) {
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
    pub(super) links: HashSet<&'a str>,
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

    /// The part's XML, rewritten; `None`: it stays as it is, byte for byte.
    pub(super) fn part(&mut self, text: &str) -> Result<Option<Vec<u8>>, Failure> {
        let mut xml = Xml::new(text, self.max_nesting);
        let mut writer = Writer::copying(text);
        while let Some(step) = xml.advance()? {
            match step {
                Step::Start if xml.depth() == 1 || is_long(xml.element()) => {
                    if self.keeps_attributes(xml.element()) {
                        writer.same_start(&xml);
                    } else {
                        let mut element = xml.take();
                        self.attributes(&mut element);
                        writer.start(&element, xml.is_empty_tag());
                    }
                }
                Step::Start => {
                    let (unit, place) = (xml.mark(), writer.mark());
                    if !self.passes_by(&mut xml, &mut writer)? {
                        xml.back(&unit);
                        writer.back(place);
                        xml.advance()?;
                        let unit = xml.subtree()?;
                        let nodes = self.element(unit);
                        // Nothing larger than the unit depends on what was dropped from it.
                        self.spoiled = false;
                        writer.nodes(&nodes);
                    }
                }
                Step::Text => writer.same_text(&xml),
                Step::End => writer.same_end(&xml),
            }
        }
        Ok(writer.changed())
    }

    /// Writes a unit as it is; `false`: something in it does not stay, and what was read and written is to be taken back.
    fn passes_by<'t>(&mut self, xml: &mut Xml<'t>, writer: &mut Writer<'t>) -> Result<bool, Failure> {
        let outside = xml.depth() - 1;
        let mut next = Some(Step::Start);
        // The index of a shared formula, where it is one, and its text so far.
        let mut formula: Option<(Option<String>, String)> = None;
        while let Some(step) = next {
            match step {
                Step::Start => {
                    let element = xml.element();
                    if formula.is_some() || !self.keeps(element) {
                        return Ok(false);
                    }
                    if element.name.is_notable(rules::element_needs_a_look) && rules::is_formula(element) {
                        formula = Some((shared_index(element), String::new()));
                    }
                    writer.same_start(xml);
                }
                Step::Text => {
                    if let Some((_, text)) = &mut formula {
                        text.push_str(xml.text());
                    }
                    writer.same_text(xml);
                }
                Step::End => {
                    if let Some((shared, text)) = formula.take()
                        && self.keeps_formula(&text, shared) != Ok(true)
                    {
                        return Ok(false);
                    }
                    writer.same_end(xml);
                    if xml.depth() == outside {
                        return Ok(true);
                    }
                }
            }
            next = xml.advance()?;
        }
        Ok(true)
    }

    /// Whether [`Self::element`] would keep the element as it is, but for its text and children.
    fn keeps(&self, element: &Element<'_>) -> bool {
        let by_name = !element.name.is_notable(rules::element_needs_a_look);
        let fate = || rules::fate(element, false);
        debug_assert!(!by_name || fate() == Fate::Keep, "the invariant of fates");
        (self.known.marks.is_empty() || !self.known.marks.contains_key(&element.id))
            && (by_name || (!rules::is_special(element) && fate() == Fate::Keep))
            && self.keeps_attributes(element)
    }

    fn keeps_attributes(&self, element: &Element<'_>) -> bool {
        element.attributes.iter().all(|attribute| matches!(self.attribute(element, attribute), Value::Keep))
    }

    fn note(&mut self, what: What) {
        let count = self.notes.entry(what).or_default();
        *count = count.saturating_add(1);
    }

    /// What stands in the place of an element.
    fn element<'t>(&mut self, mut element: Element<'t>) -> Vec<Node<'t>> {
        let lost_link = element.attributes.iter().any(|attribute| {
            rules::is_link(attribute)
                && !attribute.value.is_empty()
                && !self.known.links.contains(attribute.value.as_ref())
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
        if rules::is_special(&element)
            && let Some(replaced) = self.special(&mut element)
        {
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

    fn children(&mut self, element: &mut Element<'_>) {
        let mut kept = Vec::with_capacity(element.children.len());
        for node in std::mem::take(&mut element.children) {
            match node {
                Node::Element(child) => kept.extend(self.element(child)),
                text @ Node::Text(_) => kept.push(text),
            }
        }
        element.children = kept;
    }

    /// [Elements that need more than a rule](rules::is_special); `None`: go on as usual.
    fn special<'t>(&mut self, element: &mut Element<'t>) -> Option<Vec<Node<'t>>> {
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
                let is_object = |inner: &Element<'_>| inner.is(Ns::P, "oleObj");
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
                    attribute.value = self
                        .known
                        .sheets
                        .new_position(&attribute.value)
                        .unwrap_or(fallback)
                        .to_string()
                        .into();
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
            _ => None,
        }
    }

    fn defined_name<'t>(&mut self, element: &mut Element<'t>) -> Option<Vec<Node<'t>>> {
        let is_set = |name| matches!(element.attribute(name), Some("1" | "true" | "on"));
        let is_code = ["xlm", "function", "vbProcedure"].into_iter().any(is_set);
        if is_code || element.attribute("name").is_some_and(rules::is_auto_name) {
            self.note(What::MacroSheet);
            return Some(Vec::new());
        }
        let position = element.attributes.iter_mut().find(|attribute| attribute.is(Ns::None, "localSheetId"));
        if let Some(position) = position.filter(|_| !self.known.sheets.gone.is_empty()) {
            match self.known.sheets.new_position(&position.value) {
                Some(new) => position.value = new.to_string().into(),
                None => return Some(Vec::new()),
            }
        }
        None
    }

    /// Takes out a formula that reaches outside; `false`: the element goes, else its text is now `#REF!`.
    fn formula(&mut self, element: &mut Element<'_>) -> bool {
        match self.keeps_formula(&element.text(), shared_index(element)) {
            Ok(keeps) => keeps,
            Err(what) => {
                self.note(what);
                let goes = element.is(Ns::S, "f")
                    || element.is(Ns::S, "calculatedColumnFormula")
                    || element.name.ns == Ns::X;
                if !goes {
                    element.children = vec![Node::Text("#REF!".into())];
                }
                !goes
            }
        }
    }

    /// Whether a formula may stay: not if it is shared and the first of its kind is gone, or for the reason given.
    fn keeps_formula(&mut self, text: &str, shared: Option<String>) -> Result<bool, What> {
        if let Some(what) = formula::reaches_out(text, &self.known.sheets.gone, self.known.web) {
            return Err(what);
        }
        Ok(match shared {
            Some(index) if text.is_empty() => self.shared.contains(&index),
            Some(index) => {
                self.shared.insert(index);
                true
            }
            None => true,
        })
    }

    fn attributes(&mut self, element: &mut Element<'_>) {
        let values: Vec<Value> =
            element.attributes.iter().map(|attribute| self.attribute(element, attribute)).collect();
        let mut values = values.into_iter();
        element.attributes.retain_mut(|attribute| match values.next() {
            None | Some(Value::Keep) => true,
            Some(Value::Drop(what)) => {
                what.into_iter().for_each(|what| self.note(what));
                false
            }
            Some(Value::Empty(what)) => {
                self.note(what);
                attribute.value = Cow::Borrowed("");
                true
            }
        });
    }

    /// What becomes of an attribute.
    fn attribute(&self, element: &Element<'_>, attribute: &Attribute<'_>) -> Value {
        if !rules::is_in_vml(element) && !attribute.name.is_notable(rules::attribute_needs_a_look) {
            return Value::Keep;
        }
        if rules::is_link(attribute) {
            let stays = attribute.value.is_empty() || self.known.links.contains(attribute.value.as_ref());
            return if stays { Value::Keep } else { Value::Drop(None) };
        }
        let goes = match (element.name.ns, element.name.local(), attribute.name.local()) {
            (Ns::S, "table", "tableType" | "connectionId") => {
                element.attribute("tableType").is_some_and(|kind| kind != "worksheet")
            }
            (Ns::S, "tableColumn", "queryTableFieldId") => true,
            (Ns::S, "c", "cm" | "vm") => !self.known.sheets.has_metadata,
            _ => false,
        };
        if goes && attribute.name.ns == Ns::None {
            return Value::Drop(None);
        }
        if rules::is_formula_attribute(element, attribute)
            && let Some(what) =
                formula::reaches_out(&attribute.value, &self.known.sheets.gone, self.known.web)
        {
            return Value::Empty(what);
        }
        rules::value(element, attribute, self.known.web)
    }

    /// Both branches are rewritten; a branch that cannot stand goes, and without any choice the fallback stands alone.
    fn alternatives<'t>(&mut self, mut element: Element<'t>) -> Vec<Node<'t>> {
        let is_control_shape = |inner: &Element<'_>| inner.is(Ns::Ms, "compatExt");
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
fn shown_text<'t>(element: &Element<'t>, text: &str) -> Vec<Node<'t>> {
    let prefix = element.name.prefix();
    let name = if prefix.is_empty() { "t".to_owned() } else { format!("{prefix}:t") };
    let space = Attribute { name: Name::new("xml:space", Ns::Xml), value: "preserve".into() };
    let mut attributes: Vec<Attribute<'_>> =
        element.attributes.iter().filter(|attribute| attribute.name.ns == Ns::Xmlns).cloned().collect();
    attributes.push(space);
    let name = Name::new(&name, Ns::W);
    vec![Node::Element(Element {
        name,
        attributes,
        children: vec![Node::Text(text.to_owned().into())],
        id: element.id,
    })]
}

/// Lists of any length below the root, on which nothing depends but their own parts.
fn is_long(element: &Element<'_>) -> bool {
    matches!(
        (element.name.ns, element.name.local()),
        (Ns::W, "body") | (Ns::S, "sheetData") | (Ns::P, "cSld" | "spTree")
    )
}

/// The index of a shared formula.
fn shared_index(element: &Element<'_>) -> Option<String> {
    let is_shared = element.is(Ns::S, "f") && element.attribute("t") == Some("shared");
    element.attribute("si").filter(|_| is_shared).map(str::to_owned)
}

fn hollow<'t>(element: &Element<'t>) -> Element<'t> {
    Element { name: Rc::clone(&element.name), attributes: Vec::new(), children: Vec::new(), id: element.id }
}
