//! Which records may be copied? **The allow list** (names: MS-XLS 2.3.1).

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
    /// Copied as it is; records with formulas, links, drawings and names of sheets never are, others deal with them.
    Copied,
    /// Left out without a word: it only says where other records are, or what can be worked out again.
    Dropped,
    /// Left out and reported.
    Removed(What),
}

pub(super) fn fate(scope: Scope, code: u16) -> Fate {
    let kept = match scope {
        Scope::Globals => GLOBALS.contains(&code),
        Scope::Sheet => PAGE.contains(&code) || SHEET.contains(&code),
        Scope::Chart => PAGE.contains(&code) || is_chart(code),
    };
    if kept {
        return Fate::Copied;
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

const GLOBALS: &[u16] = &[
    0x000e, // CalcPrecision
    0x0012, // Protect
    0x0013, // Password
    0x0019, // WinProtect
    0x0022, // Date1904
    0x0031, // Font
    0x003d, // Window1
    0x0040, // Backup
    0x0042, // CodePage
    0x008c, // Country
    0x008d, // HideObj
    0x0092, // Palette
    0x009c, // BuiltInFnGroupCount
    0x00c1, // Mms
    0x00e0, // XF
    0x00e1, // InterfaceHdr
    0x00e2, // InterfaceEnd
    0x013d, // RRTabId
    0x0160, // UsesELFs
    0x0161, // DSF
    0x01af, // Prot4Rev
    0x01bc, // Prot4RevPass
    0x01c0, // Excel9File
    0x01c1, // RecalcId
    0x0293, // Style
    0x041e, // Format
    0x087c, // XFCRC
    0x087d, // XFExt
    0x088c, // Compat12
    0x088d, // DXF
    0x088e, // TableStyles
    0x088f, // TableStyle
    0x0890, // TableStyleElement
    0x0892, // StyleExt
    0x089b, // CompressPictures
    0x105c, // ClrtClient
];

/// Settings that sheets and charts share.
const PAGE: &[u16] = &[
    0x0012, // Protect
    0x0013, // Password
    0x0014, // Header
    0x0015, // Footer
    0x0026, 0x0027, 0x0028, 0x0029, // margins
    0x0063, // ObjProtect
    0x0083, // HCenter
    0x0084, // VCenter
    0x00a0, // Scl
    0x00a1, // Setup
    0x00dd, // ScenarioProtect
    0x0033, // PrintSize
    0x0200, // Dimensions
    0x0201, // Blank
    0x0203, // Number
    0x0204, // Label
    0x0205, // BoolErr
    0x023e, // Window2
    0x0862, // SheetExt
    0x088b, // PLV
    0x089c, // HeaderFooter
];

const SHEET: &[u16] = &[
    0x000c, // CalcCount
    0x000d, // CalcMode
    0x000e, // CalcPrecision
    0x000f, // CalcRefMode
    0x0010, // CalcDelta
    0x0011, // CalcIter
    0x001a, // VerticalPageBreaks
    0x001b, // HorizontalPageBreaks
    0x001c, // Note
    0x001d, // Selection
    0x002a, // PrintRowCol
    0x002b, // PrintGrid
    0x0041, // Pane
    0x0055, // DefColWidth
    0x005f, // CalcSaveRecalc
    0x007d, // ColInfo
    0x0080, // Guts
    0x0081, // WsBool
    0x0082, // GridSet
    0x0090, // Sort
    0x0097, // Sync
    0x0099, // DxGCol
    0x009b, // FilterMode
    0x009d, // AutoFilterInfo
    0x009e, // AutoFilter
    0x00bd, // MulRk
    0x00be, // MulBlank
    0x00d6, // RString
    0x00e5, // MergeCells
    0x00ef, // PhoneticInfo
    0x01b0, // CondFmt
    0x0208, // Row
    0x0225, // DefaultRowHeight
    0x0236, // Table
    0x027e, // RK
];

/// Records of charts: numbers, positions, colours, texts. Those with formulas or fills are not among them.
fn is_chart(code: u16) -> bool {
    match code {
        0x1051 | 0x1066 => false,
        0x1001..=0x106a => true,
        // ChartFrtInfo, FrtWrapper, StartBlock, EndBlock, StartObject, EndObject, CatLab, YMult
        0x0850..=0x0857 => true,
        // FrtFontList, DataLabExt, DataLabExtContents, CrtLayout12, CrtLayout12A
        0x085a | 0x086a | 0x086b | 0x089d | 0x08a7 => true,
        // Fonts of older charts
        0x0031 => true,
        _ => false,
    }
}
