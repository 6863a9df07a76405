//! Proof that a rebuilt page is harmless, by two readers that had no part in writing it: a plain tokenizer with a list
//! of what is forbidden, and `ammonia`, an HTML cleaner that must find nothing to clean.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};

use super::{PAGE_END, rules};
use crate::css;
use crate::failure::Failure;
use crate::options::Links;

/// Proves a page; `in_mail`: pictures may be parts of the same mail; `links`: whether it may point to the web.
pub(super) fn page(page: &str, in_mail: bool, links: Links) -> Result<(), Failure> {
    let sink = Search { in_mail, links, found: RefCell::new(None), inside: RefCell::new(String::new()) };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(page));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    if let Some(found) = tokenizer.sink.found.into_inner() {
        return Err(Failure::Unproved(format!("the page still has {found}")));
    }
    let start = page.find("<body").and_then(|at| Some(at + page.get(at..)?.find('>')? + 2));
    let body = start.and_then(|start| page.get(start..)?.strip_suffix(PAGE_END));
    let Some(body) = body.filter(|_| page.starts_with("<!doctype html>\n<html")) else {
        return Err(Failure::Unproved("the page is not one of ours".to_owned()));
    };
    if cleaner().clean(body).to_string() != body {
        return Err(Failure::Unproved("another cleaner finds something to clean".to_owned()));
    }
    Ok(())
}

/// `ammonia` with our list of elements and attributes.
fn cleaner() -> ammonia::Builder<'static> {
    let mut attributes: HashMap<&str, HashSet<&str>> =
        rules::ATTRIBUTES.iter().map(|(element, own)| (*element, own.split(' ').collect())).collect();
    attributes.retain(|element, _| rules::listed(rules::ELEMENTS, element));
    let mut cleaner = ammonia::Builder::empty();
    cleaner
        .tags(rules::ELEMENTS.split(' ').collect())
        .tag_attributes(attributes)
        .generic_attributes(rules::GLOBAL.split(' ').collect())
        .url_schemes(["http", "https", "mailto", "cid", "data"].into())
        .link_rel(None)
        .strip_comments(true);
    cleaner
}

struct Search {
    in_mail: bool,
    links: Links,
    found: RefCell<Option<String>>,
    /// The element whose text is being read, where that is special.
    inside: RefCell<String>,
}

impl TokenSink for Search {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let problem = match &token {
            Token::TagToken(tag) => self.tag(tag),
            Token::CommentToken(_) => Some("a comment".to_owned()),
            Token::CharacterTokens(text) if *self.inside.borrow() == "style" => sheet(text),
            Token::NullCharacterToken => Some("a NUL".to_owned()),
            _ => None,
        };
        if let Some(problem) = problem {
            self.found.borrow_mut().get_or_insert(problem);
        }
        match &token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => match &*tag.name {
                "style" => TokenSinkResult::RawData(RawKind::Rawtext),
                "title" => TokenSinkResult::RawData(RawKind::Rcdata),
                _ => TokenSinkResult::Continue,
            },
            _ => TokenSinkResult::Continue,
        }
    }
}

impl Search {
    fn tag(&self, tag: &Tag) -> Option<String> {
        const OURS: &str = "html head meta title style body";
        let name: &str = &tag.name;
        *self.inside.borrow_mut() =
            if tag.kind == TagKind::StartTag { name.to_owned() } else { String::new() };
        if !rules::listed(OURS, name) && !rules::listed(rules::ELEMENTS, name) {
            return Some(format!("the element {name}"));
        }
        let is_charset = |tag: &Tag| matches!(tag.attrs.as_slice(), [only] if &*only.name.local == "charset" && &*only.value == "utf-8");
        if name == "meta" && !is_charset(tag) {
            return Some("a meta element of another kind".to_owned());
        }
        tag.attrs.iter().find_map(|attribute| self.attribute(name, &attribute.name.local, &attribute.value))
    }

    fn attribute(&self, element: &str, key: &str, value: &str) -> Option<String> {
        let lower = value.to_ascii_lowercase();
        let starts = |prefix: &str| lower.starts_with(prefix);
        let harmless = match key {
            "href" => {
                let is_web = ["http:", "https:", "mailto:"].iter().any(|scheme| starts(scheme));
                element == "a" && (starts("#") || (is_web && self.links == Links::Keep))
            }
            "src" => {
                let of_mail = self.in_mail && starts("cid:");
                element == "img" && (of_mail || starts("data:image/") && lower.contains(";base64,"))
            }
            "style" => sheet(value).is_none(),
            key => {
                const ADDRESSES: &str = "action background cite classid code codebase content data formaction http-equiv icon \
                    longdesc manifest ping poster profile srcdoc srcset target usemap";
                !key.starts_with("on") && !key.contains(':') && !rules::listed(ADDRESSES, key)
            }
        };
        (!harmless).then(|| format!("the attribute {key}"))
    }
}

/// What a style may never say.
fn sheet(text: &str) -> Option<String> {
    const SIGNS: [&str; 7] = ["url(", "@", "\\", "javascript:", "/*", "<", "attr("];
    let lower = text.to_ascii_lowercase();
    let sign = SIGNS.into_iter().find(|sign| lower.contains(sign)).or_else(|| css::runs_or_binds(&lower));
    sign.map(|sign| format!("{sign} in a style"))
}
