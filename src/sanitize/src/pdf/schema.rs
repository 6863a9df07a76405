//! Which keys of which PDF dictionaries are kept: the allow lists, as data (ISO 32000-2, section by section).
//!
//! A [`Kind`] is a place's expected type; [`shape`] says what such a value may hold. What is not named here is not
//! copied. No table names a key that starts a program, fetches a file or carries one.

/// One entry of a dictionary that is kept.
pub(super) type Field = (&'static str, Kind);

/// What a place in a PDF may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Action,
    Annot,
    AnnotParent,
    Annots,
    Appearance,
    AppearanceForm,
    AppearanceForms,
    AppearanceState,
    Attribute,
    Attributes,
    BareStream,
    BorderEffect,
    BorderEffectStyle,
    BorderStyle,
    BorderStyleName,
    CalParams,
    CharProcs,
    CidMap,
    CidSystemInfo,
    ClassMap,
    Colorants,
    ColorSpace,
    ColorSpaceArray,
    ColorSpaces,
    Content,
    Contents,
    ContentStreams,
    DecodeParms,
    DecodeParmsEach,
    DecodeParmsList,
    Dest,
    Dests,
    DeviceN,
    DeviceNName,
    DeviceNProcess,
    Direction,
    Encoding,
    EncodingDict,
    Encodings,
    EncodingStream,
    ExtGState,
    ExtGStates,
    FieldKids,
    FieldValue,
    Font,
    FontAndSize,
    FontDescriptor,
    FontFile,
    FontFileName,
    FontName,
    Fonts,
    FormName,
    Function,
    FunctionList,
    FunctionObject,
    FunctionOrName,
    Group,
    GroupName,
    IccProfile,
    IconFit,
    ImageMask,
    InteractiveForm,
    LabelStyle,
    Lang,
    LookupTable,
    MarkInfo,
    MarkedContent,
    MarkInformation,
    NamedDests,
    OcConfig,
    OcConfigs,
    OcGroup,
    OcGroups,
    OcMembership,
    OcProperties,
    OcTree,
    OcTreeItem,
    OcUsage,
    OcUsageItem,
    OcUsageRule,
    OcUsageRules,
    OptionalContent,
    Outlines,
    OutputIntent,
    OutputIntentName,
    OutputIntents,
    PageLabel,
    PageLabels,
    PageLayout,
    PageMode,
    PageMove,
    PageRef,
    ParentTree,
    ParentTreeList,
    ParentTreeValue,
    Pattern,
    Patterns,
    Plain,
    ProcSet,
    Properties,
    PropertySubtype,
    PropertyType,
    Resources,
    RoleMap,
    Shading,
    ShadingObject,
    Shadings,
    SoftMask,
    SoftMaskDict,
    SoftMaskName,
    StructContent,
    StructObject,
    StructKids,
    StructParent,
    StructRef,
    StructTree,
    ToUnicode,
    TypeName,
    Uri,
    ViewerPreferences,
    Widget,
    XObject,
    XObjects,
}

/// How much a stream may decode to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Use {
    /// Bounded by the ratio of decoded to stored size.
    Data,
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
    Tagged { tag: &'static str, common: &'static [Field], each: &'static [(&'static str, Use, &'static [&'static [Field]])] },
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
pub(super) const TYPES: &[&str] = &[
    "Action", "Annot", "Border", "CIDFont", "CMap", "Catalog", "Encoding", "ExtGState", "Font", "FontDescriptor", "Group",
    "Halftone", "Mask", "MCR", "OBJR", "OCG", "OCMD", "Outlines", "OutputIntent", "Page", "PageLabel", "Pages", "Pattern",
    "Shading", "StructElem", "StructTreeRoot", "ViewerPreferences", "XObject", "BS", "CIDSystemInfo",
];

/// Keys that never enter the new document, whatever dictionary they are in.
pub(super) const FORBIDDEN_KEYS: &[&str] = &[
    "AA", "AF", "Collection", "EF", "EmbeddedFiles", "FFilter", "JS", "JavaScript", "Launch", "Movie", "OPI", "OpenAction",
    "PieceInfo", "Renditions", "RichMediaContent", "RichMediaSettings", "SetOCGState", "Sound", "SpiderInfo", "URLS", "XFA",
    "Metadata", "DSS", "Perms", "Win", "Mac", "Unix", "FDecodeParms", "3DD", "3DV",
];

/// Actions that never enter the new document.
pub(super) const FORBIDDEN_ACTIONS: &[&str] = &[
    "JavaScript", "Launch", "GoToR", "GoToE", "GoToDp", "SubmitForm", "ImportData", "Rendition", "Movie", "Sound",
    "SetOCGState", "Hide", "GoTo3DView", "RichMediaExecute", "Thread", "ResetForm", "Trans",
];

/// Values of `/Type` and `/Subtype` that never enter the new document.
pub(super) const FORBIDDEN_TYPES: &[&str] = &[
    "RichMedia", "3D", "Movie", "Sound", "Screen", "FileAttachment", "PS", "TrapNet", "PrinterMark", "EmbeddedFile",
    "Filespec", "F", "Collection", "RichMediaContent", "MediaClip", "Rendition", "OPI", "Sig", "DocTimeStamp",
];

const IMAGE: &[Field] = &[
    ("Width", Kind::Plain), ("Height", Kind::Plain), ("ColorSpace", Kind::ColorSpace), ("BitsPerComponent", Kind::Plain),
    ("Intent", Kind::Plain), ("ImageMask", Kind::Plain), ("Mask", Kind::ImageMask), ("Decode", Kind::Plain),
    ("Interpolate", Kind::Plain), ("SMask", Kind::XObject), ("SMaskInData", Kind::Plain), ("Matte", Kind::Plain),
    ("Name", Kind::Plain), ("StructParent", Kind::Plain), ("OC", Kind::OptionalContent),
];
const FORM: &[Field] = &[
    ("FormType", Kind::Plain), ("BBox", Kind::Plain), ("Matrix", Kind::Plain), ("Resources", Kind::Resources),
    ("Group", Kind::Group), ("StructParent", Kind::Plain), ("StructParents", Kind::Plain), ("Name", Kind::Plain),
    ("OC", Kind::OptionalContent),
];
const APPEARANCE_FORM: &[Field] = &[
    ("Type", Kind::TypeName), ("Subtype", Kind::FormName), ("FormType", Kind::Plain), ("BBox", Kind::Plain),
    ("Matrix", Kind::Plain), ("Resources", Kind::Resources), ("Group", Kind::Group), ("StructParent", Kind::Plain),
    ("StructParents", Kind::Plain), ("Name", Kind::Plain), ("OC", Kind::OptionalContent),
];

const ANNOT: &[Field] = &[
    ("Type", Kind::TypeName), ("Rect", Kind::Plain), ("Contents", Kind::Plain), ("P", Kind::PageRef), ("NM", Kind::Plain),
    ("M", Kind::Plain), ("F", Kind::Plain), ("AP", Kind::Appearance), ("AS", Kind::Plain), ("Border", Kind::Plain),
    ("C", Kind::Plain), ("StructParent", Kind::Plain), ("OC", Kind::OptionalContent), ("Lang", Kind::Plain),
    ("BM", Kind::Plain), ("CA", Kind::Plain), ("ca", Kind::Plain), ("BS", Kind::BorderStyle),
];
const MARKUP: &[Field] = &[
    ("T", Kind::Plain), ("Popup", Kind::Annot), ("CreationDate", Kind::Plain), ("IRT", Kind::Annot), ("Subj", Kind::Plain),
    ("RT", Kind::Plain), ("IT", Kind::Plain),
];
const LINK: &[Field] = &[("A", Kind::Action), ("Dest", Kind::Dest), ("H", Kind::Plain), ("QuadPoints", Kind::Plain)];
const NOTE: &[Field] = &[("Open", Kind::Plain), ("Name", Kind::Plain), ("State", Kind::Plain), ("StateModel", Kind::Plain)];
const FREE_TEXT: &[Field] = &[
    ("DA", Kind::Plain), ("Q", Kind::Plain), ("DS", Kind::Plain), ("CL", Kind::Plain), ("BE", Kind::BorderEffect),
    ("RD", Kind::Plain), ("LE", Kind::Plain), ("Rotate", Kind::Plain),
];
const SHAPE: &[Field] = &[
    ("L", Kind::Plain), ("LE", Kind::Plain), ("IC", Kind::Plain), ("LL", Kind::Plain), ("LLE", Kind::Plain),
    ("LLO", Kind::Plain), ("Cap", Kind::Plain), ("CP", Kind::Plain), ("CO", Kind::Plain), ("BE", Kind::BorderEffect),
    ("RD", Kind::Plain), ("Vertices", Kind::Plain), ("Path", Kind::Plain), ("InkList", Kind::Plain), ("Sy", Kind::Plain),
    ("QuadPoints", Kind::Plain), ("Name", Kind::Plain),
];
const POPUP: &[Field] = &[("Parent", Kind::AnnotParent), ("Open", Kind::Plain)];
const WIDGET: &[Field] = &[("H", Kind::Plain), ("MK", Kind::Widget), ("A", Kind::Action)];
const FIELD: &[Field] = &[
    ("FT", Kind::Plain), ("Parent", Kind::AnnotParent), ("Kids", Kind::FieldKids), ("T", Kind::Plain), ("TU", Kind::Plain),
    ("TM", Kind::Plain), ("Ff", Kind::Plain), ("V", Kind::FieldValue), ("DV", Kind::FieldValue), ("DA", Kind::Plain),
    ("Q", Kind::Plain), ("DS", Kind::Plain), ("MaxLen", Kind::Plain), ("Opt", Kind::Plain), ("TI", Kind::Plain),
    ("I", Kind::Plain), ("DR", Kind::Resources),
];

pub(super) const PAGE: &[Field] = &[
    ("Resources", Kind::Resources), ("MediaBox", Kind::Plain), ("CropBox", Kind::Plain),
    ("BleedBox", Kind::Plain), ("TrimBox", Kind::Plain), ("ArtBox", Kind::Plain), ("Contents", Kind::Contents),
    ("Rotate", Kind::Plain), ("Group", Kind::Group), ("Annots", Kind::Annots), ("StructParents", Kind::Plain),
    ("Tabs", Kind::Plain), ("UserUnit", Kind::Plain), ("PZ", Kind::Plain),
];

/// Keys a page inherits from the nodes above it.
pub(super) const INHERITED: [&str; 4] = ["Resources", "MediaBox", "CropBox", "Rotate"];

pub(super) const CATALOG: &[Field] = &[
    ("Outlines", Kind::Outlines), ("Names", Kind::NamedDests), ("Dests", Kind::Dests), ("PageLabels", Kind::PageLabels),
    ("PageLayout", Kind::PageLayout), ("PageMode", Kind::PageMode), ("ViewerPreferences", Kind::ViewerPreferences),
    ("Lang", Kind::Lang), ("MarkInfo", Kind::MarkInfo), ("StructTreeRoot", Kind::StructTree),
    ("OCProperties", Kind::OcProperties), ("AcroForm", Kind::InteractiveForm), ("OutputIntents", Kind::OutputIntents),
];

pub(super) const STRUCT_ELEMENT: &[Field] = &[
    ("S", Kind::Plain), ("P", Kind::StructParent), ("ID", Kind::Plain), ("Pg", Kind::PageRef), ("K", Kind::StructKids),
    ("A", Kind::Attributes), ("C", Kind::Plain), ("R", Kind::Plain), ("T", Kind::Plain), ("Lang", Kind::Plain),
    ("Alt", Kind::Plain), ("E", Kind::Plain), ("ActualText", Kind::Plain),
];

pub(super) const STRUCT_TREE: &[Field] = &[
    ("K", Kind::StructKids), ("ParentTree", Kind::ParentTree), ("ParentTreeNextKey", Kind::Plain), ("RoleMap", Kind::RoleMap),
    ("ClassMap", Kind::ClassMap),
];

pub(super) const INTERACTIVE_FORM: &[Field] = &[
    ("Fields", Kind::FieldKids), ("NeedAppearances", Kind::Plain), ("DR", Kind::Resources), ("DA", Kind::Plain),
    ("Q", Kind::Plain),
];

/// What a value of `kind` may hold.
pub(super) const fn shape(kind: Kind) -> Shape {
    use Kind as K;
    match kind {
        K::Plain | K::Lang => Shape::Plain,

        // Special: code in `walk` and `tree`.
        K::AnnotParent | K::Dest | K::FieldKids | K::InteractiveForm | K::NamedDests | K::Outlines | K::PageLabels | K::PageRef
        | K::ParentTree | K::StructKids | K::StructParent | K::StructRef | K::StructTree | K::Uri => Shape::Special,

        // 7.7 Document structure.
        K::TypeName => Shape::Name(TYPES),
        K::PageLayout => Shape::Name(&[
            "SinglePage", "OneColumn", "TwoColumnLeft", "TwoColumnRight", "TwoPageLeft", "TwoPageRight",
        ]),
        K::PageMode => Shape::Name(&["UseNone", "UseOutlines", "UseThumbs", "UseOC"]),
        K::Direction => Shape::Name(&["L2R", "R2L"]),
        K::ViewerPreferences => Shape::Dict(&[
            ("DisplayDocTitle", K::Plain), ("Direction", K::Direction), ("FitWindow", K::Plain), ("CenterWindow", K::Plain),
            ("ViewArea", K::Plain), ("ViewClip", K::Plain), ("PrintArea", K::Plain), ("PrintClip", K::Plain),
            ("PrintScaling", K::Plain), ("Duplex", K::Plain), ("PickTrayByPDFSize", K::Plain), ("PrintPageRange", K::Plain),
        ]),
        K::PageLabel => Shape::Dict(&[("Type", K::TypeName), ("S", K::LabelStyle), ("P", K::Plain), ("St", K::Plain)]),
        K::LabelStyle => Shape::Name(&["D", "R", "r", "A", "a"]),
        K::Dests => Shape::Map(K::Dest),
        K::OutputIntents => Shape::List(K::OutputIntent),
        K::OutputIntent => Shape::Dict(&[
            ("Type", K::TypeName), ("S", K::OutputIntentName), ("OutputCondition", K::Plain),
            ("OutputConditionIdentifier", K::Plain), ("Info", K::Plain), ("DestOutputProfile", K::IccProfile),
        ]),
        K::OutputIntentName => Shape::Name(&["GTS_PDFX", "GTS_PDFA1", "ISO_PDFE1"]),

        // 7.4 Filters, 7.8 content streams and resources, 7.10 functions.
        K::BareStream | K::Content => Shape::Stream(&[], Use::Data),
        K::LookupTable => Shape::Any(&[K::BareStream, K::Plain]),
        K::Contents => Shape::Any(&[K::Content, K::ContentStreams]),
        K::ContentStreams => Shape::List(K::Content),
        K::DecodeParms => Shape::Any(&[K::DecodeParmsEach, K::DecodeParmsList]),
        K::DecodeParmsList => Shape::Places(K::DecodeParmsEach),
        K::DecodeParmsEach => Shape::Dict(&[
            ("Predictor", K::Plain), ("Colors", K::Plain), ("BitsPerComponent", K::Plain), ("Columns", K::Plain),
            ("EarlyChange", K::Plain), ("K", K::Plain), ("EndOfLine", K::Plain), ("EncodedByteAlign", K::Plain),
            ("Rows", K::Plain), ("EndOfBlock", K::Plain), ("BlackIs1", K::Plain), ("DamagedRowsBeforeError", K::Plain),
            ("ColorTransform", K::Plain), ("JBIG2Globals", K::BareStream),
        ]),
        K::Resources => Shape::Dict(&[
            ("ExtGState", K::ExtGStates), ("ColorSpace", K::ColorSpaces), ("Pattern", K::Patterns), ("Shading", K::Shadings),
            ("XObject", K::XObjects), ("Font", K::Fonts), ("ProcSet", K::ProcSet), ("Properties", K::Properties), ("Encoding", K::Encodings),
        ]),
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
        K::MarkedContent => Shape::Dict(&[
            ("Type", K::PropertyType), ("Subtype", K::PropertySubtype), ("MCID", K::Plain), ("Lang", K::Plain),
            ("Alt", K::Plain), ("ActualText", K::Plain), ("E", K::Plain), ("Attached", K::Plain), ("BBox", K::Plain),
            ("Contents", K::Plain),
        ]),
        K::PropertyType => Shape::Name(&["Pagination", "Layout", "Page", "Background"]),
        K::PropertySubtype => Shape::Name(&["Header", "Footer", "Watermark", "PageNum", "Bates", "Background", "LineNum"]),
        K::FunctionOrName => Shape::Any(&[K::Plain, K::FunctionObject, K::FunctionList]),
        K::Function => Shape::Any(&[K::FunctionObject, K::FunctionList, K::Plain]),
        K::FunctionList => Shape::Places(K::FunctionOrName),
        K::FunctionObject => Shape::Tagged {
            tag: "",
            common: &[
                ("FunctionType", K::Plain), ("Domain", K::Plain), ("Range", K::Plain), ("Size", K::Plain),
                ("BitsPerSample", K::Plain), ("Order", K::Plain), ("Encode", K::Plain), ("Decode", K::Plain),
                ("C0", K::Plain), ("C1", K::Plain), ("N", K::Plain), ("Functions", K::FunctionList), ("Bounds", K::Plain),
            ],
            each: &[("", Use::Function, &[])],
        },

        // 8.4 Graphics state.
        K::ExtGState => Shape::Dict(&[
            ("Type", K::TypeName), ("LW", K::Plain), ("LC", K::Plain), ("LJ", K::Plain), ("ML", K::Plain), ("D", K::Plain),
            ("RI", K::Plain), ("OP", K::Plain), ("op", K::Plain), ("OPM", K::Plain), ("Font", K::FontAndSize),
            ("BG", K::FunctionOrName), ("BG2", K::FunctionOrName), ("UCR", K::FunctionOrName), ("UCR2", K::FunctionOrName),
            ("TR", K::FunctionOrName), ("TR2", K::FunctionOrName), ("FL", K::Plain), ("SM", K::Plain), ("SA", K::Plain),
            ("BM", K::Plain), ("SMask", K::SoftMask), ("CA", K::Plain), ("ca", K::Plain), ("AIS", K::Plain), ("TK", K::Plain),
            ("UseBlackPtComp", K::Plain),
        ]),
        K::FontAndSize => Shape::Places(K::Font),
        K::SoftMask => Shape::Any(&[K::Plain, K::SoftMaskDict]),
        K::SoftMaskDict => Shape::Dict(&[
            ("Type", K::TypeName), ("S", K::SoftMaskName), ("G", K::XObject), ("BC", K::Plain), ("TR", K::FunctionOrName),
        ]),
        K::SoftMaskName => Shape::Name(&["Alpha", "Luminosity"]),
        K::Group => Shape::Dict(&[
            ("Type", K::TypeName), ("S", K::GroupName), ("CS", K::ColorSpace), ("I", K::Plain), ("K", K::Plain),
        ]),
        K::GroupName => Shape::Name(&["Transparency"]),

        // 8.6 Colour spaces, 8.7 patterns.
        K::ColorSpace => Shape::Any(&[K::ColorSpaceArray, K::Plain]),
        K::ColorSpaceArray => Shape::Tuple(&[
            ("DeviceGray", &[]), ("DeviceRGB", &[]), ("DeviceCMYK", &[]), ("G", &[]), ("RGB", &[]), ("CMYK", &[]),
            ("CalGray", &[K::CalParams]), ("CalRGB", &[K::CalParams]), ("CalCMYK", &[K::CalParams]), ("Lab", &[K::CalParams]),
            ("ICCBased", &[K::IccProfile]),
            ("Indexed", &[K::ColorSpace, K::Plain, K::LookupTable]), ("I", &[K::ColorSpace, K::Plain, K::LookupTable]),
            ("Pattern", &[K::ColorSpace]), ("Separation", &[K::Plain, K::ColorSpace, K::Function]),
            ("DeviceN", &[K::Plain, K::ColorSpace, K::Function, K::DeviceN]),
        ]),
        K::CalParams => Shape::Dict(&[
            ("WhitePoint", K::Plain), ("BlackPoint", K::Plain), ("Gamma", K::Plain), ("Matrix", K::Plain), ("Range", K::Plain),
        ]),
        K::IccProfile => Shape::Stream(&[("N", K::Plain), ("Alternate", K::ColorSpace), ("Range", K::Plain)], Use::Data),
        K::DeviceN => Shape::Dict(&[
            ("Subtype", K::DeviceNName), ("Colorants", K::Colorants), ("Process", K::DeviceNProcess),
        ]),
        K::DeviceNName => Shape::Name(&["DeviceN", "NChannel"]),
        K::DeviceNProcess => Shape::Dict(&[("ColorSpace", K::ColorSpace), ("Components", K::Plain)]),
        K::Colorants => Shape::Map(K::ColorSpace),
        K::Pattern => Shape::Tagged {
            tag: "",
            common: &[
                ("Type", K::TypeName), ("PatternType", K::Plain), ("PaintType", K::Plain), ("TilingType", K::Plain),
                ("BBox", K::Plain), ("XStep", K::Plain), ("YStep", K::Plain), ("Resources", K::Resources), ("Matrix", K::Plain),
                ("Shading", K::Shading), ("ExtGState", K::ExtGState),
            ],
            each: &[("", Use::Data, &[])],
        },
        K::Shading => Shape::Any(&[K::ShadingObject]),
        K::ShadingObject => Shape::Tagged {
            tag: "",
            common: &[
                ("ShadingType", K::Plain), ("ColorSpace", K::ColorSpace), ("Background", K::Plain), ("BBox", K::Plain),
                ("AntiAlias", K::Plain), ("Domain", K::Plain), ("Matrix", K::Plain), ("Function", K::Function),
                ("Coords", K::Plain), ("Extend", K::Plain), ("BitsPerCoordinate", K::Plain), ("BitsPerComponent", K::Plain),
                ("BitsPerFlag", K::Plain), ("Decode", K::Plain), ("VerticesPerRow", K::Plain),
            ],
            each: &[("", Use::Data, &[])],
        },

        // 8.9 Images, 8.10 forms; no reference or PostScript XObjects.
        K::XObject => Shape::Tagged {
            tag: "Subtype",
            common: &[("Type", K::TypeName)],
            each: &[("Image", Use::Picture, &[IMAGE]), ("Form", Use::Data, &[FORM])],
        },
        K::ImageMask => Shape::Any(&[K::XObject, K::Plain]),
        K::FormName => Shape::Name(&["Form"]),

        // 8.11 Optional content.
        K::OptionalContent => Shape::Tagged {
            tag: "Type",
            common: &[],
            each: &[
                ("OCG", Use::None, &[&[("Name", K::Plain), ("Intent", K::Plain), ("Usage", K::OcUsage)]]),
                ("OCMD", Use::None, &[&[("OCGs", K::OcMembership), ("P", K::Plain), ("VE", K::OcTree)]]),
            ],
        },
        K::OcGroup => Shape::Any(&[K::OptionalContent]),
        K::OcGroups => Shape::List(K::OcGroup),
        K::OcMembership => Shape::Any(&[K::OcGroup, K::OcGroups]),
        K::OcTree => Shape::Places(K::OcTreeItem),
        K::OcTreeItem => Shape::Any(&[K::OcGroup, K::OcTree, K::Plain]),
        K::OcUsage => Shape::Dict(&[
            ("Language", K::OcUsageItem), ("Export", K::OcUsageItem), ("Zoom", K::OcUsageItem), ("Print", K::OcUsageItem),
            ("View", K::OcUsageItem), ("PageElement", K::OcUsageItem),
        ]),
        K::OcUsageItem | K::Attribute => Shape::Data,
        K::OcProperties => Shape::Dict(&[("OCGs", K::OcGroups), ("D", K::OcConfig), ("Configs", K::OcConfigs)]),
        K::OcConfigs => Shape::List(K::OcConfig),
        K::OcConfig => Shape::Dict(&[
            ("Name", K::Plain), ("BaseState", K::Plain), ("ON", K::OcGroups), ("OFF", K::OcGroups), ("Intent", K::Plain),
            ("AS", K::OcUsageRules), ("Order", K::OcTree), ("ListMode", K::Plain), ("RBGroups", K::OcTree),
            ("Locked", K::OcGroups),
        ]),
        K::OcUsageRules => Shape::List(K::OcUsageRule),
        K::OcUsageRule => Shape::Dict(&[("Event", K::Plain), ("OCGs", K::OcGroups), ("Category", K::Plain)]),

        // 9 Text: fonts, encodings, font programs.
        K::Font => Shape::Dict(&[
            ("Type", K::TypeName), ("Subtype", K::FontName), ("Name", K::Plain), ("BaseFont", K::Plain), ("FirstChar", K::Plain),
            ("LastChar", K::Plain), ("Widths", K::Plain), ("FontDescriptor", K::FontDescriptor), ("Encoding", K::Encoding),
            ("ToUnicode", K::ToUnicode), ("DescendantFonts", K::FontAndSize), ("CIDSystemInfo", K::CidSystemInfo),
            ("DW", K::Plain), ("W", K::Plain), ("DW2", K::Plain), ("W2", K::Plain), ("CIDToGIDMap", K::CidMap),
            ("FontBBox", K::Plain), ("FontMatrix", K::Plain), ("CharProcs", K::CharProcs), ("Resources", K::Resources),
        ]),
        K::FontName => Shape::Name(&["Type0", "Type1", "MMType1", "Type3", "TrueType", "CIDFontType0", "CIDFontType2"]),
        K::CharProcs => Shape::Map(K::Content),
        K::CidSystemInfo => Shape::Dict(&[("Registry", K::Plain), ("Ordering", K::Plain), ("Supplement", K::Plain)]),
        K::CidMap => Shape::Any(&[K::Plain, K::BareStream]),
        K::ToUnicode => Shape::Any(&[K::EncodingStream, K::Plain]),
        K::Encoding => Shape::Any(&[K::Plain, K::EncodingDict, K::EncodingStream]),
        K::EncodingDict => {
            Shape::Dict(&[("Type", K::TypeName), ("BaseEncoding", K::Plain), ("Differences", K::Plain)])
        }
        K::EncodingStream => Shape::Stream(
            &[
                ("Type", K::TypeName), ("CMapName", K::Plain), ("CIDSystemInfo", K::CidSystemInfo), ("WMode", K::Plain),
                ("UseCMap", K::ToUnicode),
            ],
            Use::Data,
        ),
        K::FontDescriptor => Shape::Dict(&[
            ("Type", K::TypeName), ("FontName", K::Plain), ("FontFamily", K::Plain), ("FontStretch", K::Plain),
            ("FontWeight", K::Plain), ("Flags", K::Plain), ("FontBBox", K::Plain), ("ItalicAngle", K::Plain),
            ("Ascent", K::Plain), ("Descent", K::Plain), ("Leading", K::Plain), ("CapHeight", K::Plain), ("XHeight", K::Plain),
            ("StemV", K::Plain), ("StemH", K::Plain), ("AvgWidth", K::Plain), ("MaxWidth", K::Plain),
            ("MissingWidth", K::Plain), ("FontFile", K::FontFile), ("FontFile2", K::FontFile), ("FontFile3", K::FontFile),
            ("CharSet", K::Plain), ("Style", K::Attribute), ("Lang", K::Plain), ("CIDSet", K::BareStream),
        ]),
        K::FontFile => Shape::Stream(
            &[("Subtype", K::FontFileName), ("Length1", K::Plain), ("Length2", K::Plain), ("Length3", K::Plain)],
            Use::Data,
        ),
        K::FontFileName => Shape::Name(&["Type1C", "CIDFontType0C", "OpenType"]),

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
        K::Appearance => Shape::Dict(&[("N", K::AppearanceState), ("R", K::AppearanceState), ("D", K::AppearanceState)]),
        K::AppearanceState => Shape::Any(&[K::AppearanceForm, K::AppearanceForms]),
        K::AppearanceForms => Shape::Map(K::AppearanceForm),
        K::AppearanceForm => Shape::Stream(APPEARANCE_FORM, Use::Data),
        K::BorderStyle => {
            Shape::Dict(&[("Type", K::TypeName), ("W", K::Plain), ("S", K::BorderStyleName), ("D", K::Plain)])
        }
        K::BorderStyleName => Shape::Name(&["S", "D", "B", "I", "U"]),
        K::BorderEffect => Shape::Dict(&[("S", K::BorderEffectStyle), ("I", K::Plain)]),
        K::BorderEffectStyle => Shape::Name(&["S", "C"]),
        K::Widget => Shape::Dict(&[
            ("R", K::Plain), ("BC", K::Plain), ("BG", K::Plain), ("CA", K::Plain), ("RC", K::Plain), ("AC", K::Plain),
            ("I", K::XObject), ("RI", K::XObject), ("IX", K::XObject), ("IF", K::IconFit), ("TP", K::Plain),
        ]),
        K::IconFit => Shape::Dict(&[("SW", K::Plain), ("A", K::Plain), ("FB", K::Plain)]),
        K::FieldValue => Shape::Plain,
        K::Action => Shape::Tagged {
            tag: "S",
            common: &[("Type", K::TypeName)],
            each: &[
                ("GoTo", Use::None, &[&[("D", K::Dest)]]),
                ("URI", Use::None, &[&[("URI", K::Uri), ("IsMap", K::Plain)]]),
                ("Named", Use::None, &[&[("N", K::PageMove)]]),
            ],
        },
        K::PageMove => Shape::Name(&["NextPage", "PrevPage", "FirstPage", "LastPage"]),

        // 14.7 Logical structure.
        K::MarkInfo => Shape::Dict(&[("Marked", K::Plain), ("UserProperties", K::Plain), ("Suspects", K::Plain)]),
        K::RoleMap => Shape::Map(K::Plain),
        K::ClassMap => Shape::Map(K::Attribute),
        K::ParentTreeValue => Shape::Any(&[K::StructRef, K::ParentTreeList]),
        K::ParentTreeList => Shape::Places(K::StructRef),
        K::Attributes => Shape::Any(&[K::Attribute]),
        K::StructObject => Shape::Any(&[K::Annot, K::XObject]),
        K::StructContent => Shape::Tagged {
            tag: "Type",
            common: &[("Pg", K::PageRef)],
            each: &[
                ("MCR", Use::None, &[&[("Stm", K::XObject), ("MCID", K::Plain)]]),
                ("OBJR", Use::None, &[&[("Obj", K::StructObject)]]),
            ],
        },
    }
}
