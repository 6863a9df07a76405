//! From the tree to a page of our own: allow-listed elements only, one spelling.

use std::collections::{BTreeMap, BTreeSet};

use html5ever::Attribute;

use super::rules::{self, Fate};
use super::tree::{self, DOCUMENT, Data, Id, Tree};
use super::{PAGE_END, data_picture};
use crate::css;
use crate::failure::Failure;
use crate::job::Job;
use crate::options::Links;
use crate::report::{Removed, What, plain};

/// Which pictures a page may show besides those in `data:` addresses: gives the address to write for one in the page.
pub(crate) type Pictures<'a> = &'a mut dyn FnMut(&str) -> Option<String>;

/// A page in the making.
struct Writer<'a, 'b, 'c> {
    tree: &'a Tree,
    job: &'a mut Job<'b>,
    pictures: Pictures<'c>,
    /// Addresses of pictures that were written by an earlier pass: they stay as they are.
    settled: &'a mut BTreeSet<String>,
    is_first: bool,
    out: String,
    sheet: String,
    removed: BTreeMap<(What, String), u32>,
    at_start_of_pre: bool,
}

/// Writes a page anew. What is written, read again and written again, is the same: unwrapping may make other
/// neighbours, which are read in other ways, so it is done until nothing changes.
pub(super) fn page(text: &str, pictures: Pictures<'_>, job: &mut Job<'_>) -> Result<String, Failure> {
    const MAX_PASSES: usize = 8;
    let mut settled = BTreeSet::new();
    let mut page = pass(text, pictures, &mut settled, true, job)?;
    for _ in 0..MAX_PASSES {
        let again = pass(&page, pictures, &mut settled, false, job)?;
        if again == page {
            return Ok(page);
        }
        page = again;
    }
    Err(Failure::Malformed(
        "the page's elements are nested in a way that no two readings agree on".to_owned(),
    ))
}

fn pass(
    text: &str,
    pictures: Pictures<'_>,
    settled: &mut BTreeSet<String>,
    is_first: bool,
    job: &mut Job<'_>,
) -> Result<String, Failure> {
    let tree = tree::parse(text, job.limits.max_nesting)?;
    let mut writer = Writer {
        tree: &tree,
        job,
        pictures,
        settled,
        is_first,
        out: String::new(),
        sheet: String::new(),
        removed: BTreeMap::new(),
        at_start_of_pre: false,
    };
    let page = writer.page()?;
    if is_first {
        for ((what, place), count) in std::mem::take(&mut writer.removed) {
            writer.job.removed(Removed::new(what, &place, count));
        }
    }
    Ok(page)
}

impl Writer<'_, '_, '_> {
    fn page(&mut self) -> Result<String, Failure> {
        let root = self.child(DOCUMENT, "html");
        let head = root.and_then(|root| self.child(root, "head"));
        let body = root.and_then(|root| self.child(root, "body"));
        for &id in self.tree.children(DOCUMENT) {
            if let Data::Comment(_) = self.tree.data(id) {
                self.node(id, 0)?;
            }
        }
        self.head(DOCUMENT, 0)?;
        let title = head.and_then(|head| self.find_title(head)).unwrap_or_default();

        self.out.push_str("<!doctype html>\n<html");
        self.attributes_of(root, rules::OF_HTML);
        self.out.push_str(">\n<head>\n<meta charset=\"utf-8\">\n<title>");
        escape(&mut self.out, &title, false);
        self.out.push_str("</title>\n");
        if !self.sheet.is_empty() {
            self.out.push_str("<style>\n");
            let sheet = std::mem::take(&mut self.sheet);
            self.out.push_str(&sheet);
            self.out.push_str("</style>\n");
        }
        self.out.push_str("</head>\n<body");
        self.attributes_of(body, rules::OF_BODY);
        self.out.push_str(">\n");
        let start = self.out.len();
        if let Some(root) = root {
            for child in self.tree.children(root).to_vec() {
                if self.tree.html_name(child) != Some("head") {
                    self.node(child, 0)?;
                }
            }
        }
        // A byte order mark, too: where a text begins, readers drop it.
        let blank = |c: char| c.is_ascii_whitespace() || c == '\u{feff}';
        let content = self.out.get(start..).unwrap_or_default().trim_matches(blank).to_owned();
        self.out.truncate(start);
        self.out.push_str(&content);
        self.out.push_str(PAGE_END);
        Ok(std::mem::take(&mut self.out))
    }

    fn child(&self, parent: Id, name: &str) -> Option<Id> {
        self.tree.children(parent).iter().copied().find(|&id| self.tree.html_name(id) == Some(name))
    }

    fn find_title(&self, head: Id) -> Option<String> {
        let title = self.child(head, "title")?;
        let text = self.text(title);
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn text(&self, id: Id) -> String {
        let texts = self.tree.children(id).iter().filter_map(|&id| match self.tree.data(id) {
            Data::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    fn note(&mut self, what: What, place: &str) {
        let count = self.removed.entry((what, plain(place))).or_default();
        *count = count.saturating_add(1);
    }

    /// Style sheets, wherever they stand, and what the head says besides.
    fn head(&mut self, id: Id, depth: u32) -> Result<(), Failure> {
        self.check_depth(depth)?;
        for &child in self.tree.children(id) {
            match self.tree.html_name(child) {
                Some("style") => {
                    let (sheet, left) = css::sheet(&self.text(child), &rules::style);
                    self.sheet.push_str(&sheet);
                    left.iter().for_each(|text| self.note_style(text));
                }
                Some("meta") => self.note_meta(child),
                Some("link") => self.note(What::ExternalReference, "element link"),
                Some("base") => self.note(What::ExternalReference, "element base"),
                Some("script" | "template") if self.is_in_head(id) => {
                    self.note(What::Script, "element script");
                }
                _ => {}
            }
            if !matches!(self.tree.data(child), Data::Element(name, _) if &*name.local == "svg" || &*name.local == "math")
            {
                self.head(child, depth + 1)?;
            }
        }
        Ok(())
    }

    fn is_in_head(&self, parent: Id) -> bool {
        self.tree.html_name(parent) == Some("head")
    }

    fn note_meta(&mut self, id: Id) {
        let Data::Element(_, attributes) = self.tree.data(id) else { return };
        let value = |wanted: &str| {
            attributes.iter().find(|a| &*a.name.local == wanted).map(|a| a.value.trim().to_ascii_lowercase())
        };
        match (value("http-equiv").as_deref(), value("charset")) {
            (None, Some(_)) | (Some("content-type"), _) => {}
            (Some("refresh"), _) => self.note(What::Action, "refresh"),
            _ => self.note(What::Metadata, "element meta"),
        }
    }

    fn note_style(&mut self, declaration: &str) {
        match css::is_active(declaration) {
            true => self.note(What::ExternalReference, "style"),
            false => self.note(What::UnknownPart, "style"),
        }
    }

    fn check_depth(&self, depth: u32) -> Result<(), Failure> {
        // The tree holds what is put in to the limit; what moves about later adds little.
        let limit = self.job.limits.max_nesting.saturating_mul(2).saturating_add(8);
        match depth > limit {
            true => Err(Failure::Limit {
                name: "max_nesting",
                what: "the depth of the page's elements".to_owned(),
                limit: self.job.limits.max_nesting.into(),
            }),
            false => Ok(()),
        }
    }

    fn nodes(&mut self, parent: Id, depth: u32) -> Result<(), Failure> {
        for &child in self.tree.children(parent) {
            self.node(child, depth)?;
        }
        Ok(())
    }

    fn node(&mut self, id: Id, depth: u32) -> Result<(), Failure> {
        self.check_depth(depth)?;
        if self.out.len() > usize::try_from(self.job.limits.max_bytes).unwrap_or(usize::MAX) {
            return Err(Failure::Limit {
                name: "max_bytes",
                what: "the rebuilt page".to_owned(),
                limit: self.job.limits.max_bytes,
            });
        }
        let tree = self.tree;
        match tree.data(id) {
            Data::Other => Ok(()),
            Data::Comment(text) => {
                match text.trim_start().starts_with("[if") {
                    true => self.note(What::Script, "conditional comment"),
                    false => self.note(What::Metadata, "comment"),
                }
                Ok(())
            }
            Data::Text(text) => {
                let text = match std::mem::take(&mut self.at_start_of_pre) {
                    true => text.trim_start_matches(['\n', '\r']),
                    false => text,
                };
                escape(&mut self.out, text, false);
                Ok(())
            }
            Data::Element(..) => match tree.html_name(id) {
                Some("img") => self.picture(id),
                Some("body" | "html") => self.nodes(id, depth + 1),
                Some(name) => self.element(id, name, depth),
                None => {
                    self.note(What::UnknownPart, "drawing or formula inside the page");
                    Ok(())
                }
            },
        }
    }

    fn element(&mut self, id: Id, name: &str, depth: u32) -> Result<(), Failure> {
        match rules::fate(name) {
            Fate::Keep => {
                self.at_start_of_pre = false;
                self.out.push('<');
                self.out.push_str(name);
                self.attributes(id, name, |attribute| rules::may_have(name, attribute));
                self.out.push('>');
                if rules::listed(rules::VOID, name) {
                    return Ok(());
                }
                self.at_start_of_pre = name == "pre";
                self.nodes(id, depth + 1)?;
                self.at_start_of_pre = false;
                self.out.push_str("</");
                self.out.push_str(name);
                self.out.push('>');
                Ok(())
            }
            Fate::Unwrap => {
                self.note_element(name);
                self.nodes(id, depth + 1)?;
                if name == "option" {
                    self.out.push(' ');
                }
                Ok(())
            }
            Fate::Drop => {
                self.note_element(name);
                Ok(())
            }
        }
    }

    fn note_element(&mut self, name: &str) {
        let what = match name {
            // Counted where the head is read.
            "style" | "meta" | "link" | "base" | "head" => return,
            "script" | "noscript" => What::Script,
            "template" => What::UnknownPart,
            "iframe" | "frame" | "frameset" | "noframes" | "object" | "embed" | "applet" | "portal" => {
                What::EmbeddedObject
            }
            "audio" | "video" | "source" | "track" | "bgsound" => What::Multimedia,
            "form" | "input" | "button" | "select" | "option" | "optgroup" | "textarea" | "fieldset"
            | "legend" | "label" | "output" | "datalist" => What::Form,
            _ => What::UnknownPart,
        };
        self.note(what, &format!("element {name}"));
    }

    fn attributes_of(&mut self, id: Option<Id>, allowed: &str) {
        if let Some(id) = id {
            self.attributes(id, "", |attribute| rules::listed(allowed, attribute));
        }
    }

    fn attributes(&mut self, id: Id, element: &str, may_have: impl Fn(&str) -> bool) {
        let tree = self.tree;
        let Data::Element(_, attributes) = tree.data(id) else { return };
        for Attribute { name, value } in attributes {
            let key: &str = &name.local;
            let is_plain = name.ns.is_empty() && name.prefix.is_none();
            if element == "img" && key == "src" {
                continue;
            }
            if !is_plain || !may_have(key) {
                self.note_attribute(element, key);
                continue;
            }
            match key {
                "style" => {
                    let (kept, left) = css::declarations(value, &rules::style);
                    left.iter().for_each(|text| self.note_style(text));
                    if !kept.is_empty() {
                        self.attribute(key, &kept);
                    }
                }
                "href" => {
                    let address: String = trimmed(value);
                    let is_inner = address.starts_with('#');
                    if rules::is_link(&address) && (is_inner || self.job.options.links == Links::Keep) {
                        self.attribute(key, &address);
                    } else {
                        self.note(What::Link, "link");
                    }
                }
                _ => self.attribute(key, value),
            }
        }
    }

    fn note_attribute(&mut self, element: &str, key: &str) {
        const ADDRESSES: &str = "action archive background cite classid codebase data dynsrc formaction href icon longdesc lowsrc \
            manifest ping poster profile src srcdoc srcset target usemap xlink:href";
        const SILENT: &str = "rel target xmlns tabindex role link vlink alink";
        match () {
            () if key.starts_with("on") => self.note(What::Script, "event handler"),
            () if rules::listed(SILENT, key) => {}
            () if rules::listed(ADDRESSES, key) => {
                self.note(What::ExternalReference, &format!("attribute {key} of {element}"));
            }
            () => self.note(What::UnknownPart, "attribute"),
        }
    }

    fn attribute(&mut self, key: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(key);
        self.out.push_str("=\"");
        escape(&mut self.out, value, true);
        self.out.push('"');
    }

    /// A picture stays where its content is rebuilt; one from elsewhere leaves its replacement text.
    fn picture(&mut self, id: Id) -> Result<(), Failure> {
        let tree = self.tree;
        let Data::Element(_, attributes) = tree.data(id) else { return Ok(()) };
        let value =
            |wanted: &str| attributes.iter().find(|a| &*a.name.local == wanted).map(|a| trimmed(&a.value));
        let source = match value("src") {
            None => None,
            Some(source) if !self.is_first && self.settled.contains(&source) => Some(source),
            Some(source) => {
                let written = match (self.pictures)(&source) {
                    Some(address) => Some(address),
                    None if is_data(&source) => Some(data_picture(&source, self.job)?),
                    None => None,
                };
                match written {
                    Some(address) => {
                        self.settled.insert(address.clone());
                        Some(address)
                    }
                    None => {
                        self.note(What::ExternalReference, "picture from elsewhere");
                        None
                    }
                }
            }
        };
        if source.is_none() && value("alt").is_none_or(|alt| alt.is_empty()) {
            return Ok(());
        }
        self.at_start_of_pre = false;
        self.out.push_str("<img");
        if let Some(source) = source {
            self.attribute("src", &source);
        }
        self.attributes(id, "img", |attribute| rules::may_have("img", attribute));
        self.out.push('>');
        Ok(())
    }
}

fn is_data(address: &str) -> bool {
    address.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
}

/// An address as browsers read it: blanks around it and line breaks in it do not count (WHATWG URL, 4.4).
fn trimmed(address: &str) -> String {
    address.trim_matches(|c: char| c <= ' ').chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect()
}

/// Text as HTML; control characters, which would be read in another way again, do not stay.
fn escape(out: &mut String, text: &str, is_attribute: bool) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if is_attribute => out.push_str("&quot;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            '\t' | '\n' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
}
