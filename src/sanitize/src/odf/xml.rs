//! XML in the vocabularies of [`namespace`](super::namespace).

use super::namespace::Ns;
use crate::markup::xml;

pub(super) use crate::markup::xml::{Writer, decode};

pub(super) type Attribute = xml::Attribute<Ns>;
pub(super) type Element = xml::Element<Ns>;
pub(super) type Event = xml::Event<Ns>;
pub(super) type Name = xml::Name<Ns>;
pub(super) type Node = xml::Node<Ns>;
pub(super) type Xml<'a> = xml::Xml<'a, Ns>;
