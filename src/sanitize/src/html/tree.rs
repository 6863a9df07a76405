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

/// Attributes of one element: the parser compares each with all before it.
const MAX_ATTRIBUTES: usize = 1000;

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

/// No tag has more attributes than a person would write.
fn check_tags(text: &str) -> Result<(), Failure> {
    let mut rest = text;
    while let Some((_, tag)) = rest.split_once('<') {
        rest = tag;
        if !tag.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let name_end =
            tag.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(tag.len());
        let (name, mut inside) = tag.split_at(name_end);
        for count in 0.. {
            inside = inside.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if inside.is_empty() || inside.starts_with('>') {
                break;
            }
            if count >= MAX_ATTRIBUTES {
                return Err(Failure::Malformed(
                    "the page has an element with too many attributes".to_owned(),
                ));
            }
            inside = behind_attribute(inside);
        }
        rest = inside;
        // Text that is no markup, which may look like a tag.
        if ["script", "style"].iter().any(|raw| name.eq_ignore_ascii_case(raw)) {
            rest = rest.split_once("</").map_or("", |(_, behind)| behind);
        }
    }
    Ok(())
}

/// What follows an attribute (WHATWG HTML, 13.2.5.33 to 13.2.5.38).
fn behind_attribute(text: &str) -> &str {
    // A name may begin with an equals sign.
    let first = text.chars().next().map_or(0, char::len_utf8);
    let (_, behind) = text.split_at(first);
    let end = behind
        .find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '='))
        .unwrap_or(behind.len());
    let behind = behind.get(end..).unwrap_or_default();
    let Some(value) = behind.trim_ascii_start().strip_prefix('=') else { return behind };
    let value = value.trim_ascii_start();
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            value.get(1..).and_then(|value| value.split_once(quote)).map_or("", |(_, behind)| behind)
        }
        _ => {
            let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(value.len());
            value.get(end..).unwrap_or_default()
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
