//! What the XML documents of office programs have in common: how their XML is read and written, which addresses and
//! which formulas may stay.

pub(crate) mod formula;
pub(crate) mod link;
pub(crate) mod xml;
