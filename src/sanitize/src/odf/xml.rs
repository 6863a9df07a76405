//! XML in the vocabularies of [`namespace`](super::namespace).

use super::namespace::Ns;
use crate::markup::xml;

pub(super) use crate::markup::xml::{Step, Writer, decode};

pub(super) type Attribute<'a> = xml::Attribute<'a, Ns>;
pub(super) type Element<'a> = xml::Element<'a, Ns>;
pub(super) type Event<'x, 'a> = xml::Event<'x, 'a, Ns>;
pub(super) type Name = xml::Name<Ns>;
pub(super) type Node<'a> = xml::Node<'a, Ns>;
pub(super) type Xml<'a> = xml::Xml<'a, Ns>;
