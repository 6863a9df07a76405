//! From characters to a tree, by the algorithm that browsers use (WHATWG HTML, 13.2), so that what is judged is what
//! would be shown.
//!
//! Invariants: no element is deeper than `max_nesting` where it is put, and there are never more nodes than characters
//! (some markup multiplies itself), checked every [`CHUNK`] bytes while parsing.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{Attribute, ExpandedName, ParseOpts, QualName, expanded_name, local_name, ns};

use crate::failure::Failure;

/// Bytes parsed between two checks of the limits.
const CHUNK: usize = 4096;

/// Nodes that any page may have, however short it is.
const SPARE_NODES: usize = 1000;

/// Attributes of one element: the parser compares each with all before it. The text of a script is read so too.
const MAX_ATTRIBUTES: usize = 4000;

/// A node's place in [`Tree::nodes`].
pub(super) type Id = usize;

/// The document's own place.
pub(super) const DOCUMENT: Id = 0;

/// A parsed page.
pub(super) struct Tree {
    nodes: Vec<Node>,
}

struct Node {
    data: Data,
    parent: Option<Id>,
    children: Vec<Id>,
    depth: u32,
}

/// What a node is.
pub(super) enum Data {
    /// The document, a template's content, a document type, a processing instruction.
    Other,
    /// An element.
    Element(Rc<QualName>, Vec<Attribute>),
    /// Text.
    Text(String),
    /// A comment.
    Comment(String),
}

impl Tree {
    pub(super) fn data(&self, id: Id) -> &Data {
        self.nodes.get(id).map_or(&Data::Other, |node| &node.data)
    }

    pub(super) fn children(&self, id: Id) -> &[Id] {
        self.nodes.get(id).map_or(&[], |node| &node.children)
    }

    /// The name of an HTML element; `None` for other nodes and vocabularies.
    pub(super) fn html_name(&self, id: Id) -> Option<&str> {
        match self.data(id) {
            Data::Element(name, _) if name.ns == ns!(html) => Some(&name.local),
            _ => None,
        }
    }

    fn push(&mut self, data: Data) -> Id {
        self.nodes.push(Node { data, parent: None, children: Vec::new(), depth: 0 });
        self.nodes.len() - 1
    }

    fn place(&self, id: Id) -> Option<(Id, usize)> {
        let parent = self.nodes.get(id)?.parent?;
        let at = self.nodes.get(parent)?.children.iter().rposition(|&child| child == id)?;
        Some((parent, at))
    }

    fn detach(&mut self, id: Id) {
        if let Some((parent, at)) = self.place(id)
            && let Some(parent) = self.nodes.get_mut(parent)
        {
            parent.children.remove(at);
        }
        if let Some(node) = self.nodes.get_mut(id) {
            node.parent = None;
        }
    }

    fn insert(&mut self, parent: Id, at: usize, child: NodeOrText<Handle>) {
        let id = match child {
            NodeOrText::AppendNode(handle) => {
                self.detach(handle.id);
                handle.id
            }
            NodeOrText::AppendText(text) => {
                let before = at.checked_sub(1).and_then(|n| self.children(parent).get(n).copied());
                if let Some(Data::Text(known)) = before.and_then(|id| Some(&mut self.nodes.get_mut(id)?.data))
                {
                    known.push_str(&text);
                    return;
                }
                self.push(Data::Text(text.to_string()))
            }
        };
        let Some(depth) = self.nodes.get(parent).map(|node| node.depth + 1) else { return };
        if let Some(node) = self.nodes.get_mut(id) {
            node.parent = Some(parent);
            node.depth = depth;
        }
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.children.insert(at.min(parent.children.len()), id);
        }
    }

    fn append(&mut self, parent: Id, child: NodeOrText<Handle>) {
        if let NodeOrText::AppendNode(handle) = &child {
            self.detach(handle.id);
        }
        self.insert(parent, self.children(parent).len(), child);
    }
}

/// Parses a whole page.
pub(super) fn parse(text: &str, max_nesting: u32) -> Result<Tree, Failure> {
    check_tags(text)?;
    let opts = ParseOpts {
        // What is written has no scripts, so readers will show what is there for those without.
        tree_builder: TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() },
        ..ParseOpts::default()
    };
    let mut parser = html5ever::parse_document(Sink::default(), opts);
    let mut rest = text;
    let mut deepest = 0;
    let mut checked = 0;
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(rest.floor_char_boundary(CHUNK.max(4)));
        parser.process(StrTendril::from_slice(chunk));
        rest = behind;
        let tree = parser.tokenizer.sink.sink.tree.borrow();
        deepest = tree.nodes.iter().skip(checked).map(|node| node.depth).fold(deepest, |a: u32, b| a.max(b));
        checked = tree.nodes.len();
        if deepest > max_nesting {
            return Err(Failure::Limit {
                name: "max_nesting",
                what: "the depth of the page's elements".to_owned(),
                limit: max_nesting.into(),
            });
        }
        if checked > text.len().saturating_add(SPARE_NODES) {
            return Err(Failure::Malformed("the page has markup that multiplies itself".to_owned()));
        }
    }
    Ok(parser.finish())
}

/// No tag has more attributes than a person would write, wherever a reader may take a tag to begin: what is a comment, a
/// value or the text of a script for one reader is markup for another, so no context is trusted. All readings go on side
/// by side; of those that are in the same state (WHATWG HTML, 13.2.5.6 to 13.2.5.39) the one with most attributes counts.
fn check_tags(text: &str) -> Result<(), Failure> {
    let mut readings = [None::<usize>; State::ALL.len()];
    let (mut before, mut last) = (' ', ' ');
    for c in text.chars() {
        let mut next = [None; State::ALL.len()];
        for (state, reading) in State::ALL.into_iter().zip(readings) {
            let Some(count) = reading else { continue };
            let Some(to) = state.behind(c) else { continue };
            let is_new = to == State::Name && matches!(state, State::Before | State::AfterName);
            let count = count + usize::from(is_new);
            if count > MAX_ATTRIBUTES {
                return Err(Failure::Malformed(
                    "the page has an element with too many attributes".to_owned(),
                ));
            }
            to.join(&mut next, count);
        }
        if c.is_ascii_alphabetic() && (last == '<' || (before == '<' && last == '/')) {
            State::TagName.join(&mut next, 0);
        }
        (readings, before, last) = (next, last, c);
    }
    Ok(())
}

/// Where in a tag a reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    TagName,
    Before,
    Name,
    AfterName,
    BeforeValue,
    DoubleQuoted,
    SingleQuoted,
    Unquoted,
}

impl State {
    const ALL: [Self; 8] = [
        Self::TagName,
        Self::Before,
        Self::Name,
        Self::AfterName,
        Self::BeforeValue,
        Self::DoubleQuoted,
        Self::SingleQuoted,
        Self::Unquoted,
    ];

    /// The state behind a character; `None`: the tag has ended.
    fn behind(self, c: char) -> Option<Self> {
        let blank = c.is_ascii_whitespace();
        Some(match (self, c) {
            (Self::DoubleQuoted, '"') | (Self::SingleQuoted, '\'') => Self::Before,
            (Self::DoubleQuoted | Self::SingleQuoted, _) => self,
            (_, '>') => return None,
            (Self::BeforeValue, '"') => Self::DoubleQuoted,
            (Self::BeforeValue, '\'') => Self::SingleQuoted,
            (Self::BeforeValue, _) => {
                if blank {
                    self
                } else {
                    Self::Unquoted
                }
            }
            (Self::Unquoted, _) => {
                if blank {
                    Self::Before
                } else {
                    self
                }
            }
            (_, '/') => Self::Before,
            (Self::Name | Self::AfterName, '=') => Self::BeforeValue,
            (Self::Name | Self::AfterName, _) if blank => Self::AfterName,
            (Self::TagName | Self::Before, _) if blank => Self::Before,
            (Self::TagName, _) => self,
            // A name may begin with an equals sign.
            (Self::Before | Self::AfterName | Self::Name, _) => Self::Name,
        })
    }

    fn join(self, readings: &mut [Option<usize>; Self::ALL.len()], count: usize) {
        let at = Self::ALL.iter().position(|&state| state == self).unwrap_or(0);
        if let Some(reading) = readings.get_mut(at) {
            *reading = (*reading).max(Some(count));
        }
    }
}

#[derive(Clone)]
struct Handle {
    id: Id,
    name: Rc<QualName>,
}

struct Sink {
    tree: RefCell<Tree>,
    no_name: Rc<QualName>,
}

impl Default for Sink {
    fn default() -> Self {
        let mut tree = Tree { nodes: Vec::new() };
        tree.push(Data::Other);
        let no_name = Rc::new(QualName::new(None, ns!(), local_name!("")));
        Self { tree: RefCell::new(tree), no_name }
    }
}

impl Sink {
    fn handle(&self, data: Data) -> Handle {
        let name = match &data {
            Data::Element(name, _) => Rc::clone(name),
            _ => Rc::clone(&self.no_name),
        };
        Handle { id: self.tree.borrow_mut().push(data), name }
    }
}

impl TreeSink for Sink {
    type Handle = Handle;
    type Output = Tree;
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) -> Tree {
        self.tree.into_inner()
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        Handle { id: DOCUMENT, name: Rc::clone(&self.no_name) }
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> ExpandedName<'a> {
        target.name.expanded()
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _: ElementFlags) -> Handle {
        self.handle(Data::Element(Rc::new(name), attributes))
    }

    fn create_comment(&self, text: StrTendril) -> Handle {
        self.handle(Data::Comment(text.to_string()))
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Handle {
        self.handle(Data::Other)
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        self.tree.borrow_mut().append(parent.id, child);
    }

    fn append_based_on_parent_node(&self, element: &Handle, previous: &Handle, child: NodeOrText<Handle>) {
        let has_parent = self.tree.borrow().place(element.id).is_some();
        match has_parent {
            true => self.append_before_sibling(element, child),
            false => self.append(previous, child),
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    /// A template's content is never shown: it hangs nowhere.
    fn get_template_contents(&self, target: &Handle) -> Handle {
        debug_assert!(target.name.expanded() == expanded_name!(html "template"));
        self.handle(Data::Other)
    }

    fn same_node(&self, x: &Handle, y: &Handle) -> bool {
        x.id == y.id
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, new: NodeOrText<Handle>) {
        let mut tree = self.tree.borrow_mut();
        if let NodeOrText::AppendNode(handle) = &new {
            tree.detach(handle.id);
        }
        if let Some((parent, at)) = tree.place(sibling.id) {
            tree.insert(parent, at, new);
        }
    }

    fn add_attrs_if_missing(&self, target: &Handle, attributes: Vec<Attribute>) {
        if let Some(Data::Element(_, known)) =
            self.tree.borrow_mut().nodes.get_mut(target.id).map(|node| &mut node.data)
        {
            for attribute in attributes {
                if known.len() < MAX_ATTRIBUTES && !known.iter().any(|other| other.name == attribute.name) {
                    known.push(attribute);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.tree.borrow_mut().detach(target.id);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        let mut tree = self.tree.borrow_mut();
        let Some(moved) = tree.nodes.get_mut(node.id).map(|node| std::mem::take(&mut node.children)) else {
            return;
        };
        for &child in &moved {
            if let Some(child) = tree.nodes.get_mut(child) {
                child.parent = Some(new_parent.id);
            }
        }
        if let Some(parent) = tree.nodes.get_mut(new_parent.id) {
            parent.children.extend(moved);
        }
    }
}
