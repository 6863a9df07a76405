//! Which XML namespaces may stay in a document, and what the rules call them.
//!
//! OpenDocument 1.3 part 3, table 2, and what LibreOffice and OpenOffice add. Spellings that LibreOffice takes for these
//! (other versions, other technical committees) are not listed. What is in no listed namespace is left behind.

use crate::markup::xml::Vocabulary;

/// A vocabulary that the rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Ns {
    /// No namespace.
    None,
    /// `xml:`.
    Xml,
    /// `xmlns` declarations.
    Xmlns,
    Office,
    Style,
    Text,
    Table,
    Draw,
    Presentation,
    Animation,
    Form,
    Config,
    Meta,
    Dc,
    Xlink,
    /// SVG-compatible attributes and a few elements.
    Svg,
    /// Formatting, numbers, charts in styles, three dimensions, timing: without rules of their own.
    Plain,
    /// Extensions of LibreOffice and OpenOffice, without rules of their own but by local name.
    Extension,
    /// Only prefixes of formulas.
    Formula,
    /// Scripts: nothing of it stays.
    Script,
    /// XForms: nothing of it stays.
    Xforms,
    /// Anything else.
    Unknown,
}

const OASIS: &str = "urn:oasis:names:tc:opendocument:xmlns:";

impl Vocabulary for Ns {
    const NONE: Self = Self::None;
    const XML: Self = Self::Xml;
    const XMLNS: Self = Self::Xmlns;

    fn of(uri: &str) -> Self {
        if let Some(name) = uri.strip_prefix(OASIS) {
            return match name {
                "office:1.0" => Self::Office,
                "style:1.0" => Self::Style,
                "text:1.0" => Self::Text,
                "table:1.0" => Self::Table,
                "drawing:1.0" => Self::Draw,
                "presentation:1.0" => Self::Presentation,
                "animation:1.0" => Self::Animation,
                "form:1.0" => Self::Form,
                "config:1.0" => Self::Config,
                "meta:1.0" => Self::Meta,
                "svg-compatible:1.0" => Self::Svg,
                "xsl-fo-compatible:1.0"
                | "datastyle:1.0"
                | "chart:1.0"
                | "dr3d:1.0"
                | "smil-compatible:1.0" => Self::Plain,
                "of:1.2" => Self::Formula,
                "script:1.0" => Self::Script,
                _ => Self::Unknown,
            };
        }
        match uri {
            "" => Self::None,
            "http://www.w3.org/XML/1998/namespace" => Self::Xml,
            "http://www.w3.org/1999/xlink" => Self::Xlink,
            "http://purl.org/dc/elements/1.1/" => Self::Dc,
            "http://openoffice.org/2004/office"
            | "http://openoffice.org/2009/office"
            | "http://openoffice.org/2009/table"
            | "http://openoffice.org/2010/draw"
            | "http://www.w3.org/TR/css3-text/"
            | "urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0"
            | "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"
            | "urn:openoffice:names:experimental:ooo-ms-interop:xmlns:field:1.0"
            | "urn:openoffice:names:experimental:ooxml-odf-interop:xmlns:form:1.0" => Self::Extension,
            "http://openoffice.org/2004/writer"
            | "http://openoffice.org/2004/calc"
            | "http://schemas.microsoft.com/office/excel/formula" => Self::Formula,
            "http://www.w3.org/2002/xforms" => Self::Xforms,
            _ => Self::Unknown,
        }
    }

    fn is_mixed(self) -> bool {
        matches!(self, Self::Unknown | Self::Plain | Self::Extension | Self::Formula)
    }
}
