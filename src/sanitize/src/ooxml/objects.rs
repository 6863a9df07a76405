//! The picture that a slide shows for an embedded object, to stay in its place.
//!
//! PowerPoint 2010 and later keep it beside the object; PowerPoint 2007 keeps it in a VML drawing, under the shape id
//! that the object names:
//!
//! ```text
//! graphicFrame ─▶ oleObj ─▶ pic                                                       2010
//! graphicFrame ─▶ oleObj spid ─▶ vmlDrawing: shape id ─▶ imagedata relid ─▶ picture   2007
//! ```

use std::collections::HashMap;
use std::rc::Rc;

use super::namespace::Ns;
use super::rules;
use super::xml::{Attribute, Element, Event, Name, Node, Xml};
use crate::failure::Failure;

/// Shape ids of the objects on a slide that have no picture beside them.
pub(super) fn without_picture(slide: &str, max_nesting: u32) -> Result<Vec<String>, Failure> {
    let mut xml = Xml::new(slide, max_nesting);
    let mut out = Vec::new();
    while let Some(event) = xml.next()? {
        if !matches!(event, Event::Start(element) if element.is(Ns::P, "graphicFrame")) {
            continue;
        }
        let frame = xml.subtree()?;
        if frame.find(&|inner| inner.is(Ns::P, "pic")).is_none() {
            out.extend(shape_of(&frame).map(str::to_owned));
        }
    }
    Ok(out)
}

/// For each shape of a VML drawing the relationship id of its picture.
pub(super) fn shape_pictures(vml: &str, max_nesting: u32) -> Result<HashMap<String, String>, Failure> {
    let mut xml = Xml::new(vml, max_nesting);
    let mut out = HashMap::new();
    while let Some(event) = xml.next()? {
        if !matches!(event, Event::Start(element) if element.is(Ns::V, "shape")) {
            continue;
        }
        let shape = xml.subtree()?;
        let picture = shape
            .find(&|inner| inner.is(Ns::V, "imagedata"))
            .and_then(|image| image.attributes.iter().find(|attribute| rules::is_link(attribute)));
        if let (Some(id), Some(picture)) = (shape.attribute("id"), picture) {
            out.insert(id.to_owned(), picture.value.to_string());
        }
    }
    Ok(out)
}

/// The picture that stands in for the object of `frame`; `by_shape`: relationship ids of pictures by shape id.
pub(super) fn picture_of<'a>(frame: &Element<'a>, by_shape: &HashMap<String, String>) -> Option<Element<'a>> {
    let own = frame.find(&|inner| inner.is(Ns::P, "cNvPr"))?.attributes.clone();
    let xfrm = frame.elements().find(|inner| inner.is(Ns::P, "xfrm"));
    let mut picture = match path_to(frame, &|inner| inner.is(Ns::P, "pic")) {
        Some(picture) => picture,
        None => drawn(frame, by_shape.get(shape_of(frame)?)?)?,
    };
    let properties = picture.children.iter_mut().find_map(|node| match node {
        Node::Element(inner) if inner.is(Ns::P, "spPr") => Some(inner),
        _ => None,
    })?;
    if let Some(xfrm) = xfrm
        && !properties.elements().any(|inner| inner.is(Ns::A, "xfrm"))
        && let Some(offset) = xfrm.elements().next()
    {
        let name = named(offset.name.prefix(), "xfrm", Ns::A);
        properties.children.insert(0, Node::Element(Element { name, ..xfrm.clone() }));
    }
    name_like(&mut picture, &own);
    Some(picture)
}

fn shape_of<'x>(frame: &'x Element<'_>) -> Option<&'x str> {
    frame.find(&|inner| inner.is(Ns::P, "oleObj")).and_then(|object| object.attribute("spid"))
}

/// A picture of the size of its frame.
fn drawn<'a>(frame: &Element<'a>, id: &str) -> Option<Element<'a>> {
    let p = frame.name.prefix();
    let a = frame.find(&|inner| inner.name.ns == Ns::A)?.name.prefix();
    let object = path_to(frame, &|inner| inner.is(Ns::P, "oleObj"))?;
    let link = object.attributes.iter().find(|attribute| rules::is_link(attribute))?.name.prefix();
    let element = |prefix: &str, local: &str, ns, children: Vec<Element<'a>>| Element {
        name: named(prefix, local, ns),
        attributes: Vec::new(),
        children: children.into_iter().map(Node::Element).collect(),
        id: frame.id,
    };
    let attribute = |name: Rc<Name>, value: &str| Attribute { name, value: value.to_owned().into() };
    let mut blip = element(a, "blip", Ns::A, Vec::new());
    blip.attributes.push(attribute(named(link, "embed", Ns::R), id));
    let stretch = element(a, "stretch", Ns::A, vec![element(a, "fillRect", Ns::A, Vec::new())]);
    let mut shape = element(a, "prstGeom", Ns::A, vec![element(a, "avLst", Ns::A, Vec::new())]);
    shape.attributes.push(attribute(Name::new("prst", Ns::None), "rect"));
    let names = ["cNvPr", "cNvPicPr", "nvPr"].map(|local| element(p, local, Ns::P, Vec::new()));
    let mut picture = element(
        p,
        "pic",
        Ns::P,
        vec![
            element(p, "nvPicPr", Ns::P, names.into()),
            element(p, "blipFill", Ns::P, vec![blip, stretch]),
            element(p, "spPr", Ns::P, vec![shape]),
        ],
    );
    picture.inherit(&frame.attributes);
    picture.inherit(&object.attributes);
    Some(picture)
}

fn named(prefix: &str, local: &str, ns: Ns) -> Rc<Name> {
    match prefix {
        "" => Name::new(local, ns),
        prefix => Name::new(&format!("{prefix}:{local}"), ns),
    }
}

fn name_like<'a>(element: &mut Element<'a>, attributes: &[Attribute<'a>]) -> bool {
    element.children.iter_mut().any(|node| match node {
        Node::Element(inner) if inner.is(Ns::P, "cNvPr") => {
            inner.attributes = attributes.to_vec();
            true
        }
        Node::Element(inner) => name_like(inner, attributes),
        Node::Text(_) => false,
    })
}

/// The first element below that `wanted` holds for, with the namespace declarations on the way to it.
fn path_to<'a>(element: &Element<'a>, wanted: &dyn Fn(&Element<'a>) -> bool) -> Option<Element<'a>> {
    element.elements().find_map(|child| {
        let mut found = if wanted(child) { Some(child.clone()) } else { path_to(child, wanted) };
        if let Some(found) = &mut found {
            found.inherit(&element.attributes);
        }
        found
    })
}
