//! Which XML namespaces may stay in a document, and what the rules call them.
//!
//! Transitional and Strict (ISO/IEC 29500-4 and -1) name the same vocabulary by different URIs; the rules see one.
//! What is in no listed namespace is left behind.

use crate::markup::xml::Vocabulary;

/// A vocabulary that the rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Ns {
    /// No namespace: unprefixed attributes, and the HTML-like elements in VML text boxes.
    None,
    /// WordprocessingML.
    W,
    /// SpreadsheetML.
    S,
    /// PresentationML.
    P,
    /// DrawingML.
    A,
    /// DrawingML charts.
    C,
    /// DrawingML diagrams.
    Dgm,
    /// DrawingML anchors in spreadsheets.
    Xdr,
    /// DrawingML anchors in text, pictures, chart shapes, locked canvas.
    Drawing,
    /// Office Math.
    M,
    /// Document-to-part relationship attributes.
    R,
    /// Markup compatibility.
    Mc,
    /// VML.
    V,
    /// VML's Office extension.
    O,
    /// VML's Excel extension.
    X,
    /// VML's Word and PowerPoint extensions.
    VExt,
    /// `xml:`.
    Xml,
    /// `xmlns` declarations.
    Xmlns,
    /// Package relationships.
    Rels,
    /// Package content types.
    Types,
    /// Microsoft's published extensions without rules of their own but by local name.
    Ms,
    /// Anything else.
    Unknown,
}

const TRANSITIONAL: &str = "http://schemas.openxmlformats.org/";
const STRICT: &str = "http://purl.oclc.org/ooxml/";
const MICROSOFT: &str = "http://schemas.microsoft.com/office/";

/// Below `http://schemas.microsoft.com/office/`.
const MS: &[&str] = &[
    "drawing/2007/8/2/chart",
    "drawing/2008/diagram",
    "drawing/2010/chart",
    "drawing/2010/chartDrawing",
    "drawing/2010/diagram",
    "drawing/2010/main",
    "drawing/2012/chart",
    "drawing/2012/chartStyle",
    "drawing/2012/main",
    "drawing/2014/chart",
    "drawing/2014/chart/ac",
    "drawing/2014/chartex",
    "drawing/2014/main",
    "drawing/2015/9/8/chartex",
    "drawing/2015/10/21/chartex",
    "drawing/2016/5/9/chartex",
    "drawing/2016/5/10/chartex",
    "drawing/2016/5/11/chartex",
    "drawing/2016/5/12/chartex",
    "drawing/2016/5/13/chartex",
    "drawing/2016/5/14/chartex",
    "drawing/2016/11/diagram",
    "drawing/2016/11/main",
    "drawing/2016/12/diagram",
    "drawing/2016/SVG/main",
    "drawing/2017/03/chart",
    "drawing/2017/decorative",
    "drawing/2018/hyperlinkcolor",
    "drawing/2018/sketchyshapes",
    "drawing/2020/classificationShape",
    "drawing/2022/imageformula",
    "excel/2006/main",
    "mac/drawingml/2011/main",
    "mac/excel/2008/main",
    "mac/office/2008/main",
    "mac/powerpoint/2008/main",
    "powerpoint/2010/main",
    "powerpoint/2012/main",
    "powerpoint/2012/roamingSettings",
    "powerpoint/2013/main/command",
    "powerpoint/2014/inkAction",
    "powerpoint/2015/10/main",
    "powerpoint/2015/09/main",
    "powerpoint/2015/main",
    "powerpoint/2016/sectionzoom",
    "powerpoint/2016/slidezoom",
    "powerpoint/2016/summaryzoom",
    "powerpoint/2017/10/main",
    "powerpoint/2018/4/main",
    "powerpoint/2018/8/main",
    "powerpoint/2019/12/main",
    "powerpoint/2019/9/main/command",
    "powerpoint/2020/02/main",
    "powerpoint/2021/06/main",
    "powerpoint/2022/03/main",
    "powerpoint/2022/08/main",
    "spreadsheetml/2009/9/ac",
    "spreadsheetml/2009/9/main",
    "spreadsheetml/2010/11/ac",
    "spreadsheetml/2010/11/main",
    "spreadsheetml/2011/1/ac",
    "spreadsheetml/2014/11/main",
    "spreadsheetml/2014/revision",
    "spreadsheetml/2015/02/main",
    "spreadsheetml/2015/revision2",
    "spreadsheetml/2016/revision3",
    "spreadsheetml/2016/revision5",
    "spreadsheetml/2016/revision6",
    "spreadsheetml/2016/revision9",
    "spreadsheetml/2016/revision10",
    "spreadsheetml/2016/pivotdefaultlayout",
    "spreadsheetml/2016/01/main",
    "spreadsheetml/2017/dynamicarray",
    "spreadsheetml/2018/calcfeatures",
    "spreadsheetml/2018/threadedcomments",
    "spreadsheetml/2019/extlinksprops",
    "spreadsheetml/2020/pivotNov2020",
    "spreadsheetml/2020/threadedcomments2",
    "spreadsheetml/2022/featurepropertybag",
    "spreadsheetml/2023/02/main",
    "spreadsheetml/2023/msForms",
    "thememl/2012/main",
    "word/2006/wordml",
    "word/2009/2/wordml",
    "word/2010/wordml",
    "word/2010/wordprocessingCanvas",
    "word/2010/wordprocessingDrawing",
    "word/2010/wordprocessingGroup",
    "word/2010/wordprocessingInk",
    "word/2010/wordprocessingShape",
    "word/2012/wordml",
    "word/2012/wordprocessingDrawing",
    "word/2015/wordml/symex",
    "word/2016/wordml/cid",
    "word/2018/wordml",
    "word/2018/wordml/cex",
    "word/2020/wordml/sdtdatahash",
    "word/2020/oembed",
    "word/2023/wordml/word16du",
    "word/2024/wordml/sdtformatlock",
];

impl Vocabulary for Ns {
    const NONE: Self = Self::None;
    const XML: Self = Self::Xml;
    const XMLNS: Self = Self::Xmlns;

    fn of(uri: &str) -> Self {
        if let Some(path) = uri.strip_prefix(TRANSITIONAL) {
            return match path {
                "wordprocessingml/2006/main" => Self::W,
                "spreadsheetml/2006/main" => Self::S,
                "presentationml/2006/main" => Self::P,
                "drawingml/2006/main" => Self::A,
                "drawingml/2006/chart" => Self::C,
                "drawingml/2006/diagram" => Self::Dgm,
                "drawingml/2006/spreadsheetDrawing" => Self::Xdr,
                "drawingml/2006/wordprocessingDrawing"
                | "drawingml/2006/picture"
                | "drawingml/2006/chartDrawing"
                | "drawingml/2006/compatibility"
                | "drawingml/2006/lockedCanvas"
                | "schemaLibrary/2006/main" => Self::Drawing,
                "officeDocument/2006/math" => Self::M,
                "officeDocument/2006/relationships" => Self::R,
                "markup-compatibility/2006" => Self::Mc,
                "package/2006/relationships" => Self::Rels,
                "package/2006/content-types" => Self::Types,
                _ => Self::Unknown,
            };
        }
        if let Some(path) = uri.strip_prefix(STRICT) {
            return match path {
                "wordprocessingml/main" => Self::W,
                "spreadsheetml/main" => Self::S,
                "presentationml/main" => Self::P,
                "drawingml/main" => Self::A,
                "drawingml/chart" => Self::C,
                "drawingml/diagram" => Self::Dgm,
                "drawingml/spreadsheetDrawing" => Self::Xdr,
                "drawingml/wordprocessingDrawing"
                | "drawingml/picture"
                | "drawingml/chartDrawing"
                | "drawingml/lockedCanvas"
                | "schemaLibrary/main" => Self::Drawing,
                "officeDocument/math" => Self::M,
                "officeDocument/relationships" => Self::R,
                _ => Self::Unknown,
            };
        }
        if let Some(path) = uri.strip_prefix(MICROSOFT) {
            return if MS.contains(&path) { Self::Ms } else { Self::Unknown };
        }
        match uri {
            "" => Self::None,
            "urn:schemas-microsoft-com:vml" => Self::V,
            "urn:schemas-microsoft-com:office:office" => Self::O,
            "urn:schemas-microsoft-com:office:excel" => Self::X,
            "urn:schemas-microsoft-com:office:word" | "urn:schemas-microsoft-com:office:powerpoint" => {
                Self::VExt
            }
            "http://www.w3.org/XML/1998/namespace" => Self::Xml,
            _ => Self::Unknown,
        }
    }

    fn is_mixed(self) -> bool {
        matches!(self, Self::Unknown | Self::Ms)
    }
}
