//! Which actions, destinations and links are kept.

use std::collections::HashMap;

use lopdf::{Dictionary, Document, Object, ObjectId};

use super::schema::{Kind, Shape, shape};
use super::tree::{lookup, resolve};
use crate::options::Links;

/// Whether `uri` is a web or mail address. A relative one would be resolved against the place of the file, so it is not.
pub(super) fn is_web_link(uri: &[u8]) -> bool {
    let starts =
        |scheme: &[u8]| uri.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    (starts(b"http://") || starts(b"https://") || starts(b"mailto:")) && !uri.iter().any(u8::is_ascii_control)
}

/// Whether an action of a kept type has what it needs: a page of this document, a web address where `links` are kept, or
/// a move between pages.
pub(super) fn is_kept(
    document: &Document,
    action: &Dictionary,
    pages: &HashMap<ObjectId, u32>,
    links: Links,
) -> bool {
    let name = |key| lookup(document, action, key).and_then(|name| name.as_name().ok());
    match name(b"S") {
        Some(b"GoTo") => action.get(b"D").is_ok_and(|dest| {
            resolve(document, dest).is_some_and(|(_, dest)| is_dest(document, dest, pages))
        }),
        Some(b"URI") => {
            let uri = lookup(document, action, b"URI").and_then(|uri| uri.as_str().ok());
            links == Links::Keep && uri.is_some_and(is_web_link)
        }
        Some(b"Named") => match (shape(Kind::PageMove), name(b"N")) {
            (Shape::Name(moves), Some(name)) => moves.iter().any(|kept| kept.as_bytes() == name),
            _ => false,
        },
        _ => false,
    }
}

/// Whether `object` is a destination in this document: a name, or a place on one of its pages.
pub(super) fn is_dest(document: &Document, object: &Object, pages: &HashMap<ObjectId, u32>) -> bool {
    match object {
        Object::Name(_) | Object::String(..) => true,
        Object::Array(items) => match items.first() {
            Some(Object::Reference(id)) => {
                pages.contains_key(id)
                    || resolve(document, &Object::Reference(*id))
                        .is_some_and(|(last, _)| last.is_some_and(|last| pages.contains_key(&last)))
            }
            Some(Object::Integer(_)) => true,
            _ => false,
        },
        // The value of a named destination.
        Object::Dictionary(dict) => {
            lookup(document, dict, b"D").and_then(|inner| inner.as_array().ok()).is_some_and(|inner| {
                is_dest(document, &Object::Array(inner.iter().take(1).cloned().collect()), pages)
            })
        }
        _ => false,
    }
}
