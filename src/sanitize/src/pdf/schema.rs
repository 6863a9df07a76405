//! Which keys of which PDF dictionaries are kept: the allow lists, as data (ISO 32000-2, section by section).
//!
//! A [`Kind`] is a place's expected type; [`shape`] says what such a value may hold. What is not named here is not
//! copied. No table names a key that starts a program, fetches a file or carries one.

/// One entry of a dictionary that is kept.
pub(super) type Field = (&'static str, Kind);

/// A list of names.
macro_rules! names {
    ($($name:literal)+) => { &[$($name),+] };
}

/// `"a" "b" => Kind` for each entry of a table.
macro_rules! keys {
    ($($($key:literal)+ => $kind:ident),+ $(,)?) => { &[$($(($key, Kind::$kind),)+)+] };
}

macro_rules! kinds {
    ($($kind:ident)+) => {
        /// What a place in a PDF may hold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(super) enum Kind { $($kind,)+ }
    };
}

kinds! {
    Action Annot AnnotParent Annots Appearance AppearanceForm AppearanceForms AppearanceState Attribute
    Attributes BareStream BorderEffect BorderEffectStyle BorderStyle BorderStyleName CalParams CharProcs
    CidMap CidSystemInfo ClassMap Colorants ColorSpace ColorSpaceArray ColorSpaces Content Contents
    ContentStreams DecodeParms DecodeParmsEach DecodeParmsList Dest Dests DeviceN DeviceNName DeviceNProcess
    Direction Encoding EncodingDict Encodings EncodingStream ExtGState ExtGStates FieldKids FieldValue Font
    FontAndSize FontDescriptor FontFile FontFileName FontName Fonts FormName Function FunctionList
    FunctionObject FunctionOrName Group GroupName IccProfile IconFit ImageMask InteractiveForm LabelStyle
    Lang LookupTable MarkInfo MarkedContent MarkInformation NamedDests OcConfig OcConfigs OcGroup OcGroups
    OcMembership OcProperties OcTree OcTreeItem OcUsage OcUsageItem OcUsageRule OcUsageRules OptionalContent
    Outlines OutputIntent OutputIntentName OutputIntents PageLabel PageLabels PageLayout PageMode PageMove
    PageRef ParentTree ParentTreeList ParentTreeValue Pattern Patterns Plain ProcSet Properties
    PropertySubtype PropertyType Resources RoleMap Shading ShadingObject Shadings SoftMask SoftMaskDict
    SoftMaskName StructContent StructObject StructKids StructParent StructRef StructTree ToUnicode TypeName
    Uri ViewerPreferences Widget XObject XObjects
}

/// How much a stream may decode to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Use {
    /// Bounded by the ratio of decoded to stored size.
    Data,
    /// As [`Use::Data`]; its operators must be whole.
    Content,
    /// Bounded by its own width, height and depth.
    Picture,
    /// As [`Use::Data`]; type 4 functions must be a calculator program and nothing more.
    Function,
    /// Not a stream at all.
    None,
}

/// What a value of some [`Kind`] looks like.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// Number, name, string, boolean, or an array of those.
    Plain,
    /// As `Plain`, and dictionaries of such, nested: no key that could be taken for an action.
    Data,
    /// One of these names.
    Name(&'static [&'static str]),
    /// Dictionary with these keys.
    Dict(&'static [Field]),
    /// Stream with these keys besides those that say how it is stored.
    Stream(&'static [Field], Use),
    /// Dictionary or stream, told apart by the name under `tag`; the tables are common and per name.
    Tagged {
        tag: &'static str,
        common: &'static [Field],
        each: &'static [(&'static str, Use, &'static [&'static [Field]])],
    },
    /// Array; items that do not fit are left out.
    List(Kind),
    /// Array; items that do not fit become null, so that the others keep their places.
    Places(Kind),
    /// Array that starts with a name, which says what follows.
    Tuple(&'static [(&'static str, &'static [Kind])]),
    /// Dictionary from any names to values of one kind.
    Map(Kind),
    /// The first of these that fits.
    Any(&'static [Kind]),
    /// Has code of its own.
    Special,
}

/// Names that `/Type` may have; a file specification, an embedded file or a media clip cannot call itself that.
pub(super) const TYPES: &[&str] = names! {
    "Action" "Annot" "Border" "CIDFont" "CMap" "Catalog" "Encoding" "ExtGState" "Font" "FontDescriptor"
    "Group" "Halftone" "Mask" "MCR" "OBJR" "OCG" "OCMD" "Outlines" "OutputIntent" "Page" "PageLabel" "Pages"
    "Pattern" "Shading" "StructElem" "StructTreeRoot" "ViewerPreferences" "XObject" "BS" "CIDSystemInfo"
};

const IMAGE: &[Field] = keys! {
    "Width" "Height" "BitsPerComponent" "Intent" "ImageMask" "Decode" "Interpolate" "SMaskInData" "Matte"
    "Name" "StructParent" => Plain, "ColorSpace" => ColorSpace, "Mask" => ImageMask, "SMask" => XObject,
    "OC" => OptionalContent,
};
const FORM: &[Field] = keys! {
    "FormType" "BBox" "Matrix" "StructParent" "StructParents" "Name" => Plain, "Resources" => Resources,
    "Group" => Group, "OC" => OptionalContent,
};
const APPEARANCE_FORM: &[Field] = keys! {
    "FormType" "BBox" "Matrix" "StructParent" "StructParents" "Name" => Plain, "Type" => TypeName,
    "Subtype" => FormName, "Resources" => Resources, "Group" => Group, "OC" => OptionalContent,
};

const ANNOT: &[Field] = keys! {
    "Rect" "Contents" "NM" "M" "F" "AS" "Border" "C" "StructParent" "Lang" "BM" "CA" "ca" => Plain,
    "Type" => TypeName, "P" => PageRef, "AP" => Appearance, "OC" => OptionalContent, "BS" => BorderStyle,
};
const MARKUP: &[Field] = keys! { "T" "CreationDate" "Subj" "RT" "IT" => Plain, "Popup" "IRT" => Annot };
const LINK: &[Field] = keys! { "H" "QuadPoints" => Plain, "A" => Action, "Dest" => Dest };
const NOTE: &[Field] = keys! { "Open" "Name" "State" "StateModel" => Plain };
const FREE_TEXT: &[Field] = keys! {
    "DA" "Q" "DS" "CL" "RD" "LE" "Rotate" => Plain, "BE" => BorderEffect,
};
const SHAPE: &[Field] = keys! {
    "L" "LE" "IC" "LL" "LLE" "LLO" "Cap" "CP" "CO" "RD" "Vertices" "Path" "InkList" "Sy" "QuadPoints" "Name"
    => Plain, "BE" => BorderEffect,
};
const POPUP: &[Field] = keys! { "Open" => Plain, "Parent" => AnnotParent };
const WIDGET: &[Field] = keys! { "H" => Plain, "MK" => Widget, "A" => Action };
const FIELD: &[Field] = keys! {
    "FT" "T" "TU" "TM" "Ff" "DA" "Q" "DS" "MaxLen" "Opt" "TI" "I" => Plain, "Parent" => AnnotParent,
    "Kids" => FieldKids, "V" "DV" => FieldValue, "DR" => Resources,
};

pub(super) const PAGE: &[Field] = keys! {
    "MediaBox" "CropBox" "BleedBox" "TrimBox" "ArtBox" "Rotate" "StructParents" "Tabs" "UserUnit" "PZ" =>
    Plain, "Resources" => Resources, "Contents" => Contents, "Group" => Group, "Annots" => Annots,
};

/// Keys a page inherits from the nodes above it.
pub(super) const INHERITED: [&str; 4] = ["Resources", "MediaBox", "CropBox", "Rotate"];

pub(super) const CATALOG: &[Field] = keys! {
    "Outlines" => Outlines, "Names" => NamedDests, "Dests" => Dests, "PageLabels" => PageLabels,
    "PageLayout" => PageLayout, "PageMode" => PageMode, "ViewerPreferences" => ViewerPreferences,
    "Lang" => Lang, "MarkInfo" => MarkInfo, "StructTreeRoot" => StructTree, "OCProperties" => OcProperties,
    "AcroForm" => InteractiveForm, "OutputIntents" => OutputIntents,
};

pub(super) const STRUCT_ELEMENT: &[Field] = keys! {
    "S" "ID" "C" "R" "T" "Lang" "Alt" "E" "ActualText" => Plain, "P" => StructParent, "Pg" => PageRef,
    "K" => StructKids, "A" => Attributes,
};

pub(super) const STRUCT_TREE: &[Field] = keys! {
    "ParentTreeNextKey" => Plain, "K" => StructKids, "ParentTree" => ParentTree, "RoleMap" => RoleMap,
    "ClassMap" => ClassMap,
};

pub(super) const INTERACTIVE_FORM: &[Field] = keys! {
    "NeedAppearances" "DA" "Q" => Plain, "Fields" => FieldKids, "DR" => Resources,
};

/// What a value of `kind` may hold.
pub(super) const fn shape(kind: Kind) -> Shape {
    use Kind as K;
    match kind {
        K::Plain | K::Lang => Shape::Plain,

        // Code in `places`, `pages`, `structure` and `outline`.
        K::AnnotParent | K::Dest | K::FieldKids | K::Uri => Shape::Special,
        K::InteractiveForm | K::NamedDests | K::Outlines | K::PageLabels | K::PageRef => Shape::Special,
        K::ParentTree | K::StructKids | K::StructParent | K::StructRef | K::StructTree => Shape::Special,

        // 7.7 Document structure.
        K::TypeName => Shape::Name(TYPES),
        K::PageLayout => Shape::Name(names! {
            "SinglePage" "OneColumn" "TwoColumnLeft" "TwoColumnRight" "TwoPageLeft" "TwoPageRight"
        }),
        K::PageMode => Shape::Name(names! { "UseNone" "UseOutlines" "UseThumbs" "UseOC" }),
        K::Direction => Shape::Name(names! { "L2R" "R2L" }),
        K::ViewerPreferences => Shape::Dict(keys! {
            "DisplayDocTitle" "FitWindow" "CenterWindow" "ViewArea" "ViewClip" "PrintArea" "PrintClip"
            "PrintScaling" "Duplex" "PickTrayByPDFSize" "PrintPageRange" => Plain, "Direction" => Direction,
        }),
        K::PageLabel => Shape::Dict(keys! { "P" "St" => Plain, "Type" => TypeName, "S" => LabelStyle }),
        K::LabelStyle => Shape::Name(names! { "D" "R" "r" "A" "a" }),
        K::Dests => Shape::Map(K::Dest),
        K::OutputIntents => Shape::List(K::OutputIntent),
        K::OutputIntent => Shape::Dict(keys! {
            "OutputCondition" "OutputConditionIdentifier" "Info" => Plain, "Type" => TypeName,
            "S" => OutputIntentName, "DestOutputProfile" => IccProfile,
        }),
        K::OutputIntentName => Shape::Name(names! { "GTS_PDFX" "GTS_PDFA1" "ISO_PDFE1" }),

        // 7.4 Filters, 7.8 content streams and resources, 7.10 functions.
        K::BareStream => Shape::Stream(&[], Use::Data),
        K::Content => Shape::Stream(&[], Use::Content),
        K::LookupTable => Shape::Any(&[K::BareStream, K::Plain]),
        K::Contents => Shape::Any(&[K::Content, K::ContentStreams]),
        K::ContentStreams => Shape::List(K::Content),
        K::DecodeParms => Shape::Any(&[K::DecodeParmsEach, K::DecodeParmsList]),
        K::DecodeParmsList => Shape::Places(K::DecodeParmsEach),
        K::DecodeParmsEach => Shape::Dict(keys! {
            "Predictor" "Colors" "BitsPerComponent" "Columns" "EarlyChange" "K" "EndOfLine"
            "EncodedByteAlign" "Rows" "EndOfBlock" "BlackIs1" "DamagedRowsBeforeError" "ColorTransform" =>
            Plain, "JBIG2Globals" => BareStream,
        }),
        K::Resources => Shape::Dict(keys! {
            "ExtGState" => ExtGStates, "ColorSpace" => ColorSpaces, "Pattern" => Patterns,
            "Shading" => Shadings, "XObject" => XObjects, "Font" => Fonts, "ProcSet" => ProcSet,
            "Properties" => Properties, "Encoding" => Encodings,
        }),
        K::ProcSet => Shape::Plain,
        K::ExtGStates => Shape::Map(K::ExtGState),
        K::ColorSpaces => Shape::Map(K::ColorSpace),
        K::Patterns => Shape::Map(K::Pattern),
        K::Shadings => Shape::Map(K::Shading),
        K::XObjects => Shape::Map(K::XObject),
        K::Fonts => Shape::Map(K::Font),
        K::Encodings => Shape::Map(K::EncodingDict),
        K::Properties => Shape::Map(K::MarkInformation),
        K::MarkInformation => Shape::Any(&[K::OptionalContent, K::MarkedContent]),
        K::MarkedContent => Shape::Dict(keys! {
            "MCID" "Lang" "Alt" "ActualText" "E" "Attached" "BBox" "Contents" => Plain,
            "Type" => PropertyType, "Subtype" => PropertySubtype,
        }),
        K::PropertyType => Shape::Name(names! { "Pagination" "Layout" "Page" "Background" }),
        K::PropertySubtype => Shape::Name(names! {
            "Header" "Footer" "Watermark" "PageNum" "Bates" "Background" "LineNum"
        }),
        K::FunctionOrName => Shape::Any(&[K::Plain, K::FunctionObject, K::FunctionList]),
        K::Function => Shape::Any(&[K::FunctionObject, K::FunctionList, K::Plain]),
        K::FunctionList => Shape::Places(K::FunctionOrName),
        K::FunctionObject => Shape::Tagged {
            tag: "",
            common: keys! {
                "FunctionType" "Domain" "Range" "Size" "BitsPerSample" "Order" "Encode" "Decode" "C0" "C1"
                "N" "Bounds" => Plain, "Functions" => FunctionList,
            },
            each: &[("", Use::Function, &[])],
        },

        // 8.4 Graphics state.
        K::ExtGState => Shape::Dict(keys! {
            "LW" "LC" "LJ" "ML" "D" "RI" "OP" "op" "OPM" "FL" "SM" "SA" "BM" "CA" "ca" "AIS" "TK"
            "UseBlackPtComp" => Plain, "Type" => TypeName, "Font" => FontAndSize,
            "BG" "BG2" "UCR" "UCR2" "TR" "TR2" => FunctionOrName, "SMask" => SoftMask,
        }),
        K::FontAndSize => Shape::Places(K::Font),
        K::SoftMask => Shape::Any(&[K::Plain, K::SoftMaskDict]),
        K::SoftMaskDict => Shape::Dict(keys! {
            "BC" => Plain, "Type" => TypeName, "S" => SoftMaskName, "G" => XObject, "TR" => FunctionOrName,
        }),
        K::SoftMaskName => Shape::Name(names! { "Alpha" "Luminosity" }),
        K::Group => Shape::Dict(keys! {
            "I" "K" => Plain, "Type" => TypeName, "S" => GroupName, "CS" => ColorSpace,
        }),
        K::GroupName => Shape::Name(names! { "Transparency" }),

        // 8.6 Colour spaces, 8.7 patterns.
        K::ColorSpace => Shape::Any(&[K::ColorSpaceArray, K::Plain]),
        K::ColorSpaceArray => Shape::Tuple(&[
            ("DeviceGray", &[]),
            ("DeviceRGB", &[]),
            ("DeviceCMYK", &[]),
            ("G", &[]),
            ("RGB", &[]),
            ("CMYK", &[]),
            ("CalGray", &[K::CalParams]),
            ("CalRGB", &[K::CalParams]),
            ("CalCMYK", &[K::CalParams]),
            ("Lab", &[K::CalParams]),
            ("ICCBased", &[K::IccProfile]),
            ("Indexed", &[K::ColorSpace, K::Plain, K::LookupTable]),
            ("I", &[K::ColorSpace, K::Plain, K::LookupTable]),
            ("Pattern", &[K::ColorSpace]),
            ("Separation", &[K::Plain, K::ColorSpace, K::Function]),
            ("DeviceN", &[K::Plain, K::ColorSpace, K::Function, K::DeviceN]),
        ]),
        K::CalParams => Shape::Dict(keys! {
            "WhitePoint" "BlackPoint" "Gamma" "Matrix" "Range" => Plain,
        }),
        K::IccProfile => Shape::Stream(keys! { "N" "Range" => Plain, "Alternate" => ColorSpace }, Use::Data),
        K::DeviceN => Shape::Dict(keys! {
            "Subtype" => DeviceNName, "Colorants" => Colorants, "Process" => DeviceNProcess,
        }),
        K::DeviceNName => Shape::Name(names! { "DeviceN" "NChannel" }),
        K::DeviceNProcess => Shape::Dict(keys! { "Components" => Plain, "ColorSpace" => ColorSpace }),
        K::Colorants => Shape::Map(K::ColorSpace),
        K::Pattern => Shape::Tagged {
            tag: "",
            common: keys! {
                "PatternType" "PaintType" "TilingType" "BBox" "XStep" "YStep" "Matrix" => Plain,
                "Type" => TypeName, "Resources" => Resources, "Shading" => Shading,
                "ExtGState" => ExtGState,
            },
            each: &[("", Use::Data, &[])],
        },
        K::Shading => Shape::Any(&[K::ShadingObject]),
        K::ShadingObject => Shape::Tagged {
            tag: "",
            common: keys! {
                "ShadingType" "Background" "BBox" "AntiAlias" "Domain" "Matrix" "Coords" "Extend"
                "BitsPerCoordinate" "BitsPerComponent" "BitsPerFlag" "Decode" "VerticesPerRow" => Plain,
                "ColorSpace" => ColorSpace, "Function" => Function,
            },
            each: &[("", Use::Data, &[])],
        },

        // 8.9 Images, 8.10 forms; no reference or PostScript XObjects.
        K::XObject => Shape::Tagged {
            tag: "Subtype",
            common: keys! { "Type" => TypeName },
            each: &[("Image", Use::Picture, &[IMAGE]), ("Form", Use::Content, &[FORM])],
        },
        K::ImageMask => Shape::Any(&[K::XObject, K::Plain]),
        K::FormName => Shape::Name(names! { "Form" }),

        // 8.11 Optional content.
        K::OptionalContent => Shape::Tagged {
            tag: "Type",
            common: &[],
            each: &[
                ("OCG", Use::None, &[keys! { "Name" "Intent" => Plain, "Usage" => OcUsage }]),
                ("OCMD", Use::None, &[keys! { "P" => Plain, "OCGs" => OcMembership, "VE" => OcTree }]),
            ],
        },
        K::OcGroup => Shape::Any(&[K::OptionalContent]),
        K::OcGroups => Shape::List(K::OcGroup),
        K::OcMembership => Shape::Any(&[K::OcGroup, K::OcGroups]),
        K::OcTree => Shape::Places(K::OcTreeItem),
        K::OcTreeItem => Shape::Any(&[K::OcGroup, K::OcTree, K::Plain]),
        K::OcUsage => Shape::Dict(keys! {
            "Language" "Export" "Zoom" "Print" "View" "PageElement" => OcUsageItem,
        }),
        K::OcUsageItem | K::Attribute => Shape::Data,
        K::OcProperties => Shape::Dict(keys! { "OCGs" => OcGroups, "D" => OcConfig, "Configs" => OcConfigs }),
        K::OcConfigs => Shape::List(K::OcConfig),
        K::OcConfig => Shape::Dict(keys! {
            "Name" "BaseState" "Intent" "ListMode" => Plain, "ON" "OFF" "Locked" => OcGroups,
            "AS" => OcUsageRules, "Order" "RBGroups" => OcTree,
        }),
        K::OcUsageRules => Shape::List(K::OcUsageRule),
        K::OcUsageRule => Shape::Dict(keys! { "Event" "Category" => Plain, "OCGs" => OcGroups }),

        // 9 Text: fonts, encodings, font programs.
        K::Font => Shape::Dict(keys! {
            "Name" "BaseFont" "FirstChar" "LastChar" "Widths" "DW" "W" "DW2" "W2" "FontBBox" "FontMatrix" =>
            Plain, "Type" => TypeName, "Subtype" => FontName, "FontDescriptor" => FontDescriptor,
            "Encoding" => Encoding, "ToUnicode" => ToUnicode, "DescendantFonts" => FontAndSize,
            "CIDSystemInfo" => CidSystemInfo, "CIDToGIDMap" => CidMap, "CharProcs" => CharProcs,
            "Resources" => Resources,
        }),
        K::FontName => Shape::Name(names! {
            "Type0" "Type1" "MMType1" "Type3" "TrueType" "CIDFontType0" "CIDFontType2"
        }),
        K::CharProcs => Shape::Map(K::Content),
        K::CidSystemInfo => Shape::Dict(keys! { "Registry" "Ordering" "Supplement" => Plain }),
        K::CidMap => Shape::Any(&[K::Plain, K::BareStream]),
        K::ToUnicode => Shape::Any(&[K::EncodingStream, K::Plain]),
        K::Encoding => Shape::Any(&[K::Plain, K::EncodingDict, K::EncodingStream]),
        K::EncodingDict => Shape::Dict(keys! { "BaseEncoding" "Differences" => Plain, "Type" => TypeName }),
        K::EncodingStream => Shape::Stream(
            keys! {
                "CMapName" "WMode" => Plain, "Type" => TypeName, "CIDSystemInfo" => CidSystemInfo,
                "UseCMap" => ToUnicode,
            },
            Use::Data,
        ),
        K::FontDescriptor => Shape::Dict(keys! {
            "FontName" "FontFamily" "FontStretch" "FontWeight" "Flags" "FontBBox" "ItalicAngle" "Ascent"
            "Descent" "Leading" "CapHeight" "XHeight" "StemV" "StemH" "AvgWidth" "MaxWidth" "MissingWidth"
            "CharSet" "Lang" => Plain, "Type" => TypeName, "FontFile" "FontFile2" "FontFile3" => FontFile,
            "Style" => Attribute, "CIDSet" => BareStream,
        }),
        K::FontFile => Shape::Stream(
            keys! { "Length1" "Length2" "Length3" => Plain, "Subtype" => FontFileName },
            Use::Data,
        ),
        K::FontFileName => Shape::Name(names! { "Type1C" "CIDFontType0C" "OpenType" }),

        // 12.5 Annotations, 12.6 actions, 12.7 forms.
        K::Annots => Shape::List(K::Annot),
        K::Annot => Shape::Tagged {
            tag: "Subtype",
            common: ANNOT,
            each: &[
                ("", Use::None, &[FIELD]),
                ("Link", Use::None, &[LINK]),
                ("Text", Use::None, &[MARKUP, NOTE]),
                ("FreeText", Use::None, &[MARKUP, FREE_TEXT]),
                ("Highlight", Use::None, &[MARKUP, SHAPE]),
                ("Underline", Use::None, &[MARKUP, SHAPE]),
                ("Squiggly", Use::None, &[MARKUP, SHAPE]),
                ("StrikeOut", Use::None, &[MARKUP, SHAPE]),
                ("Square", Use::None, &[MARKUP, SHAPE]),
                ("Circle", Use::None, &[MARKUP, SHAPE]),
                ("Line", Use::None, &[MARKUP, SHAPE]),
                ("Polygon", Use::None, &[MARKUP, SHAPE]),
                ("PolyLine", Use::None, &[MARKUP, SHAPE]),
                ("Ink", Use::None, &[MARKUP, SHAPE]),
                ("Stamp", Use::None, &[MARKUP, SHAPE]),
                ("Caret", Use::None, &[MARKUP, SHAPE]),
                ("Popup", Use::None, &[POPUP]),
                ("Widget", Use::None, &[WIDGET, FIELD]),
            ],
        },
        K::Appearance => Shape::Dict(keys! { "N" "R" "D" => AppearanceState }),
        K::AppearanceState => Shape::Any(&[K::AppearanceForm, K::AppearanceForms]),
        K::AppearanceForms => Shape::Map(K::AppearanceForm),
        K::AppearanceForm => Shape::Stream(APPEARANCE_FORM, Use::Content),
        K::BorderStyle => Shape::Dict(keys! { "W" "D" => Plain, "Type" => TypeName, "S" => BorderStyleName }),
        K::BorderStyleName => Shape::Name(names! { "S" "D" "B" "I" "U" }),
        K::BorderEffect => Shape::Dict(keys! { "I" => Plain, "S" => BorderEffectStyle }),
        K::BorderEffectStyle => Shape::Name(names! { "S" "C" }),
        K::Widget => Shape::Dict(keys! {
            "R" "BC" "BG" "CA" "RC" "AC" "TP" => Plain, "I" "RI" "IX" => XObject, "IF" => IconFit,
        }),
        K::IconFit => Shape::Dict(keys! { "SW" "A" "FB" => Plain }),
        K::FieldValue => Shape::Plain,
        K::Action => Shape::Tagged {
            tag: "S",
            common: keys! { "Type" => TypeName },
            each: &[
                ("GoTo", Use::None, &[keys! { "D" => Dest }]),
                ("URI", Use::None, &[keys! { "IsMap" => Plain, "URI" => Uri }]),
                ("Named", Use::None, &[keys! { "N" => PageMove }]),
            ],
        },
        K::PageMove => Shape::Name(names! { "NextPage" "PrevPage" "FirstPage" "LastPage" }),

        // 14.7 Logical structure.
        K::MarkInfo => Shape::Dict(keys! { "Marked" "UserProperties" "Suspects" => Plain }),
        K::RoleMap => Shape::Map(K::Plain),
        K::ClassMap => Shape::Map(K::Attribute),
        K::ParentTreeValue => Shape::Any(&[K::StructRef, K::ParentTreeList]),
        K::ParentTreeList => Shape::Places(K::StructRef),
        K::Attributes => Shape::Any(&[K::Attribute]),
        K::StructObject => Shape::Any(&[K::Annot, K::XObject]),
        K::StructContent => Shape::Tagged {
            tag: "Type",
            common: keys! { "Pg" => PageRef },
            each: &[
                ("MCR", Use::None, &[keys! { "MCID" => Plain, "Stm" => XObject }]),
                ("OBJR", Use::None, &[keys! { "Obj" => StructObject }]),
            ],
        },
    }
}
