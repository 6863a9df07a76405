//! Which records may be copied? **The allow list** (names: MS-XLS 2.3.1).

use super::length::length;
use crate::report::What;

/// What part of the workbook a record stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Globals,
    Sheet,
    Chart,
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// So many of its bytes are copied as they are, without what continues it: none of them is long. Records with formulas, links, drawings and names
    /// of sheets never are, others deal with them.
    Copied(usize),
    /// Left out without a word: it only says where other records are, or what can be worked out again.
    Dropped,
    /// Left out and reported.
    Removed(What),
}

/// What becomes of a record.
pub(super) fn fate(scope: Scope, code: u16, body: &[u8]) -> Fate {
    let lists: &[&[Size]] = match scope {
        Scope::Globals => &[GLOBALS],
        Scope::Sheet => &[PAGE, SHEET],
        Scope::Chart => &[PAGE, CHART],
    };
    if let Some((_, least, most)) = lists.iter().copied().flatten().find(|(known, ..)| *known == code) {
        let is_sound = |size: &usize| (usize::from(*least)..=usize::from(*most)).contains(size);
        return match length(code, body).filter(|_| is_sound(&body.len())).filter(is_sound) {
            Some(length) => Fate::Copied(length),
            None => Fate::Removed(What::UnknownPart),
        };
    }
    if DROPPED.contains(&code) {
        return Fate::Dropped;
    }
    Fate::Removed(match code {
        // ObProj, ObNoMacros, CodeName, GUIDTypeLib
        0x00d3 | 0x01bd | 0x01ba | 0x0897 => What::Macro,
        // Qsi, DCon…, SX…, pivot and query extensions, connections, lists
        0x0050..=0x0052
        | 0x01b5
        | 0x01ad
        | 0x00dc
        | 0x00b0..=0x00bb
        | 0x00c5..=0x00df
        | 0x00e3
        | 0x00f0..=0x00fb => What::DataConnection,
        0x0100..=0x0103 | 0x0122 | 0x0802..=0x0810 | 0x0864 | 0x0876..=0x0878 => What::DataConnection,
        // ExternCount, XCT, CRN
        0x0016 | 0x0059 | 0x005a => What::ExternalReference,
        // Pls
        0x004d => What::PrinterSettings,
        // FileSharing, WriteProtect, UserBView, UserSViewBegin, UserSViewEnd
        0x005b | 0x0086 | 0x01a9..=0x01ab => What::Metadata,
        // ImData, BkHim, HFPicture
        0x007f | 0x00e9 | 0x0866 => What::Picture,
        // Lel, WebPub, toolbars
        0x0801 | 0x00bf => What::Extension,
        _ => What::UnknownPart,
    })
}

/// DBCell, Index, ExtSST, GCW, MsoDrawingSelection, EntExU2, BookExt, MTRSettings, ForceFullCalculation, DropDownObjIds,
/// and what the others write anew or deal with.
const DROPPED: &[u16] = &[
    0x00d7, 0x020b, 0x00ff, 0x00ab, 0x00ed, 0x01c2, 0x0863, 0x089a, 0x08a3, 0x0874, 0x003c, 0x0812, 0x0875,
    0x087f,
];

/// Code, least and most bytes.
type Size = (u16, u16, u16);

/// The most bytes of a record that may be long.
const LONG: u16 = 8224;

const GLOBALS: &[Size] = &[
    (0x000e, 2, 2),       // CalcPrecision
    (0x0012, 2, 2),       // Protect
    (0x0013, 2, 2),       // Password
    (0x0019, 2, 2),       // WinProtect
    (0x0022, 2, 2),       // Date1904
    (0x0031, 16, 526),    // Font
    (0x003d, 18, 18),     // Window1
    (0x0040, 2, 2),       // Backup
    (0x0042, 2, 2),       // CodePage
    (0x008c, 4, 4),       // Country
    (0x008d, 2, 2),       // HideObj
    (0x0092, 2, 226),     // Palette
    (0x009c, 2, 2),       // BuiltInFnGroupCount
    (0x00c1, 2, 2),       // Mms
    (0x00e0, 20, 20),     // XF
    (0x00e1, 0, 2),       // InterfaceHdr
    (0x00e2, 0, 2),       // InterfaceEnd
    (0x0160, 2, 2),       // UsesELFs
    (0x0161, 2, 2),       // DSF
    (0x01af, 2, 2),       // Prot4Rev
    (0x01bc, 2, 2),       // Prot4RevPass
    (0x01c0, 0, 0),       // Excel9File
    (0x01c1, 8, 8),       // RecalcId
    (0x0293, 4, 520),     // Style
    (0x041e, 5, 520),     // Format
    (0x087c, 20, 20),     // XFCRC
    (0x087d, 20, LONG),   // XFExt
    (0x088c, 16, 16),     // Compat12
    (0x088d, 18, LONG),   // DXF
    (0x088e, 20, 1100),   // TableStyles
    (0x088f, 20, 540),    // TableStyle
    (0x0890, 24, 24),     // TableStyleElement
    (0x0892, 16, LONG),   // StyleExt
    (0x089b, 16, 16),     // CompressPictures
    (0x105c, 2, 2 + 226), // ClrtClient
];

/// Settings and cells that sheets and charts share.
const PAGE: &[Size] = &[
    (0x0012, 2, 2),     // Protect
    (0x0013, 2, 2),     // Password
    (0x0014, 0, 515),   // Header
    (0x0015, 0, 515),   // Footer
    (0x0026, 8, 8),     // LeftMargin
    (0x0027, 8, 8),     // RightMargin
    (0x0028, 8, 8),     // TopMargin
    (0x0029, 8, 8),     // BottomMargin
    (0x0033, 2, 2),     // PrintSize
    (0x0063, 2, 2),     // ObjProtect
    (0x0083, 2, 2),     // HCenter
    (0x0084, 2, 2),     // VCenter
    (0x00a0, 4, 4),     // Scl
    (0x00a1, 34, 34),   // Setup
    (0x00dd, 2, 2),     // ScenarioProtect
    (0x0200, 10, 14),   // Dimensions
    (0x0201, 6, 6),     // Blank
    (0x0203, 14, 14),   // Number
    (0x0204, 8, LONG),  // Label
    (0x0205, 8, 9),     // BoolErr
    (0x023e, 10, 18),   // Window2
    (0x0862, 20, 40),   // SheetExt
    (0x088b, 16, 16),   // PLV
    (0x089c, 38, 3200), // HeaderFooter
];

const SHEET: &[Size] = &[
    (0x000c, 2, 2),     // CalcCount
    (0x000d, 2, 2),     // CalcMode
    (0x000e, 2, 2),     // CalcPrecision
    (0x000f, 2, 2),     // CalcRefMode
    (0x0010, 8, 16),    // CalcDelta
    (0x0011, 2, 2),     // CalcIter
    (0x001a, 2, LONG),  // VerticalPageBreaks
    (0x001b, 2, LONG),  // HorizontalPageBreaks
    (0x001c, 11, 600),  // Note
    (0x001d, 9, LONG),  // Selection
    (0x002a, 2, 2),     // PrintRowCol
    (0x002b, 2, 2),     // PrintGrid
    (0x0041, 10, 10),   // Pane
    (0x0055, 2, 2),     // DefColWidth
    (0x005f, 2, 2),     // CalcSaveRecalc
    (0x007d, 10, 12),   // ColInfo
    (0x0080, 8, 8),     // Guts
    (0x0081, 2, 2),     // WsBool
    (0x0082, 2, 2),     // GridSet
    (0x0090, 4, 1600),  // Sort
    (0x0097, 4, 4),     // Sync
    (0x0099, 2, 2),     // DxGCol
    (0x009b, 0, 0),     // FilterMode
    (0x009d, 2, 2),     // AutoFilterInfo
    (0x009e, 24, 1100), // AutoFilter
    (0x00bd, 12, 1542), // MulRk
    (0x00be, 8, 520),   // MulBlank
    (0x00d6, 8, LONG),  // RString
    (0x00e5, 2, LONG),  // MergeCells
    (0x00ef, 4, LONG),  // PhoneticInfo
    (0x01b0, 14, LONG), // CondFmt
    (0x0208, 16, 16),   // Row
    (0x0225, 4, 4),     // DefaultRowHeight
    (0x0236, 16, 18),   // Table
    (0x027e, 10, 10),   // RK
];

/// Numbers, positions, colours and texts. Records with formulas or fills are not among them.
const CHART: &[Size] = &[
    (0x0031, 16, 526), // Font, in older charts
    (0x1001, 2, 2),    // Units
    (0x1002, 16, 16),  // Chart
    (0x1003, 12, 12),  // Series
    (0x1006, 8, 8),    // DataFormat
    (0x1007, 10, 12),  // LineFormat
    (0x1009, 18, 20),  // MarkerFormat
    (0x100a, 12, 16),  // AreaFormat
    (0x100b, 2, 2),    // PieFormat
    (0x100c, 2, 2),    // AttachedLabel
    (0x100d, 4, 520),  // SeriesText
    (0x1014, 4, 20),   // ChartFormat
    (0x1015, 20, 20),  // Legend
    (0x1016, 2, 520),  // SeriesList
    (0x1017, 6, 6),    // Bar
    (0x1018, 2, 2),    // Line
    (0x1019, 4, 6),    // Pie
    (0x101a, 2, 2),    // Area
    (0x101b, 2, 6),    // Scatter
    (0x101c, 2, 16),   // CrtLine of older charts
    (0x101d, 18, 18),  // Axis
    (0x101e, 26, 30),  // Tick
    (0x101f, 42, 42),  // ValueRange
    (0x1020, 8, 8),    // CatSerRange
    (0x1021, 2, 2),    // AxisLine
    (0x1022, 2, 10),   // CrtLink
    (0x1024, 2, 2),    // DefaultText
    (0x1025, 26, 32),  // Text
    (0x1026, 2, 2),    // FontX
    (0x1027, 6, 6),    // ObjectLink
    (0x1032, 4, 4),    // Frame
    (0x1033, 0, 0),    // Begin
    (0x1034, 0, 0),    // End
    (0x1035, 0, 0),    // PlotArea
    (0x103a, 14, 14),  // Chart3d
    (0x103c, 14, 14),  // PicF
    (0x103d, 2, 2),    // DropBar
    (0x103e, 4, 4),    // Radar
    (0x103f, 2, 2),    // Surf
    (0x1040, 4, 4),    // RadarArea
    (0x1041, 18, 18),  // AxisParent
    (0x1043, 4, 4),    // LegendException
    (0x1044, 3, 4),    // ShtProps
    (0x1045, 2, 2),    // SerToCrt
    (0x1046, 2, 2),    // AxesUsed
    (0x104a, 2, 2),    // SerParent
    (0x104b, 28, 28),  // SerAuxTrend
    (0x104e, 2, 2),    // IFmtRecord
    (0x104f, 20, 20),  // Pos
    (0x1050, 2, LONG), // AlRuns
    (0x105b, 14, 14),  // SerAuxErrBar
    (0x105c, 2, 228),  // ClrtClient
    (0x105d, 2, 2),    // SerFmt
    (0x105f, 2, 2),    // Chart3DBarShape
    (0x1060, 10, 10),  // Fbi
    (0x1061, 18, 26),  // BopPop
    (0x1062, 18, 18),  // AxcExt
    (0x1063, 2, 2),    // Dat
    (0x1064, 8, 8),    // PlotGrowth
    (0x1065, 2, 2),    // SIIndex
    (0x1067, 2, 4100), // BopPopCustom
    (0x1068, 10, 10),  // Fbi2
    (0x0850, 16, 600), // ChartFrtInfo
    (0x0852, 12, 12),  // StartBlock
    (0x0853, 6, 12),   // EndBlock
    (0x0854, 12, 12),  // StartObject
    (0x0855, 6, 12),   // EndObject
    (0x0856, 10, 12),  // CatLab
    (0x086a, 12, 12),  // DataLabExt
    (0x086b, 14, 540), // DataLabExtContents
    (0x089d, 60, 60),  // CrtLayout12
    (0x08a7, 68, 68),  // CrtLayout12A
];
