//! Settings that decide how a document looks: numbers, truth values and a few words, by name. Printers, data sources,
//! tables of colours elsewhere, templates, libraries and all else are left behind.

use super::namespace::Ns;
use super::xml::{Element, Node};

/// Truth values and numbers.
const VALUES: &[&str] = &[
    // Text: layout.
    "AddExternalLeading",
    "AddFrameOffsets",
    "AddParaLineSpacingToTableCells",
    "AddParaSpacingToTableCells",
    "AddParaTableSpacing",
    "AddParaTableSpacingAtStart",
    "AddVerticalFrameOffsets",
    "AdjustTableLineHeightsToGridHeight",
    "AlignTabStopPosition",
    "AllowTextAfterFloatingTableBreak",
    "ApplyParagraphMarkFormatToNumbering",
    "ApplyTextAttrToEmptyLineAtEndOfParagraph",
    "AutoFirstLineIndentDisregardLineSpace",
    "BackgroundParaOverDrawings",
    "BalanceSpacesAndIdeographicSpaces",
    "CharacterCompressionType",
    "ClipAsCharacterAnchoredWriterFlyFrames",
    "ClippedPictures",
    "CollapseEmptyCellPara",
    "ConsiderTextWrapOnObjPos",
    "ContinuousEndnotes",
    "DisableOffPagePositioning",
    "DoNotBreakWrappedTables",
    "DoNotCaptureDrawObjsOnPage",
    "DoNotJustifyLinesWithManualBreak",
    "DoNotMirrorRtlDrawObjs",
    "DoNotResetParaAttrsForNumFont",
    "DropCapPunctuation",
    "EmptyDbFieldHidesPara",
    "FloattableNomargins",
    "FootnoteInColumnToPageEnd",
    "ForceTopAlignmentInCellWithFloatingAnchor",
    "FrameAutowidthWithMorePara",
    "GutterAtTop",
    "HeaderSpacingBelowLastPara",
    "HyphenateURLs",
    "IgnoreFirstLineIndentInNumbering",
    "IgnoreHiddenCharsForLineCalculation",
    "IgnoreTabsAndBlanksForLineCalculation",
    "ImagePreferredDPI",
    "InvertBorderSpacing",
    "IsKernAsianPunctuation",
    "IsLabelDocument",
    "JustifyLinesWithShrinking",
    "MathBaselineAlignment",
    "MinRowHeightInclBorder",
    "MsWordCompGridMetrics",
    "MsWordCompMinLineHeightByFly",
    "MsWordCompTrailingBlanks",
    "MsWordUlTrailSpace",
    "NoClippingWithWrapPolygon",
    "NoGapAfterNoteNumber",
    "NoNumberingShowFollowBy",
    "OutlineLevelYieldsNumbering",
    "ParaSpaceMax",
    "ParaSpaceMaxAtPages",
    "PropLineSpacingShrinksFirstLine",
    "ShowRedlineChanges",
    "SmallCapsPercentage66",
    "StylesNoDefault",
    "SubtractFlysAnchoredAtFlys",
    "SurroundTextWrapSmall",
    "TabAtLeftIndentForParagraphsInList",
    "TabOverMargin",
    "TabOverSpacing",
    "TabOverflow",
    "TableRowKeep",
    "TabsRelativeToIndent",
    "TreatSingleColumnBreakAsPageBreak",
    "UnbreakableNumberings",
    "UnxForceZeroExtLeading",
    "UseFormerLineSpacing",
    "UseFormerObjectPositioning",
    "UseFormerTextWrapping",
    "UseOldNumbering",
    "UseOldPrinterMetrics",
    "UseVariableWidthNBSP",
    "WordLikeWrapForAsCharFlys",
    // What is printed.
    "HandoutsHorizontal",
    "IsPrintBooklet",
    "IsPrintBookletBack",
    "IsPrintBookletFront",
    "IsPrintDate",
    "IsPrintDrawing",
    "IsPrintFitPage",
    "IsPrintHandout",
    "IsPrintHiddenPages",
    "IsPrintNotes",
    "IsPrintOutline",
    "IsPrintPageName",
    "IsPrintTilePage",
    "IsPrintTime",
    "PrintAnnotationMode",
    "PrintBlackFonts",
    "PrintControls",
    "PrintDrawings",
    "PrintEmptyPages",
    "PrintGraphics",
    "PrintHiddenText",
    "PrintLeftPages",
    "PrintPageBackground",
    "PrintProspect",
    "PrintProspectRTL",
    "PrintReversed",
    "PrintRightPages",
    "PrintTables",
    "PrintTextPlaceholder",
    "SlidesPerHandout",
    "SlidesPerRow",
    // Slides and drawings.
    "AnchoredTextOverflowLegacy",
    "DefaultTabStop",
    "PageKind",
    "PageNumberFormat",
    "ParagraphSummation",
    // Sheets.
    "AutoCalculate",
    "CursorPositionX",
    "CursorPositionY",
    "GridColor",
    "HasColumnRowHeaders",
    "HasSheetTabs",
    "HorizontalSplitMode",
    "HorizontalSplitPosition",
    "ActiveSplitRange",
    "IsOutlineSymbolsSet",
    "IsValueHighlightingEnabled",
    "PositionBottom",
    "PositionLeft",
    "PositionRight",
    "PositionTop",
    "ShowCharts",
    "ShowDrawing",
    "ShowGrid",
    "ShowNotes",
    "ShowObjects",
    "ShowPageBreakPreview",
    "ShowPageBreaks",
    "ShowZeroValues",
    "SyntaxStringRef",
    "TabColor",
    "VerticalSplitMode",
    "VerticalSplitPosition",
    "PageViewZoomValue",
    "ZoomType",
    "ZoomValue",
    "ZoomFactor",
];

/// Short words: names of sheets and views, characters that begin or end no line, languages.
const WORDS: &[&str] = &[
    "ActiveTable",
    "BeginLine",
    "Country",
    "EndLine",
    "Language",
    "PrinterIndependentLayout",
    "Variant",
    "ViewId",
];

/// Which layers of a drawing are shown, printed, locked: one bit for each.
const LAYERS: &[&str] = &["VisibleLayers", "PrintableLayers", "LockedLayers"];

/// Lists of such settings.
const MAPS: &[&str] = &["Views", "Tables", "ForbiddenCharacters"];

const SETS: &[&str] = &["ooo:view-settings", "ooo:configuration-settings"];

/// Bytes of a word; lists of characters that begin no line have about 100.
const MAX_WORD: usize = 1024;

/// Leaves in `element`, the settings or a part of them, only what is listed; gives how many were taken out.
pub(super) fn reduce(element: &mut Element<'_>) -> u32 {
    let mut gone = 0_u32;
    let mut kept = Vec::new();
    for node in std::mem::take(&mut element.children) {
        match node {
            Node::Element(mut child) if is_listed(&child) => {
                gone = gone.saturating_add(reduce(&mut child));
                let names = |attribute: &super::xml::Attribute<'_>| attribute.name.ns == Ns::Config;
                child.attributes.retain(names);
                kept.push(Node::Element(child));
            }
            Node::Element(_) => gone = gone.saturating_add(1),
            Node::Text(text) if element.name.local() == "config-item" => kept.push(Node::Text(text)),
            Node::Text(_) => {}
        }
    }
    element.children = kept;
    gone
}

fn is_listed(element: &Element<'_>) -> bool {
    let name = element.attributes.iter().find(|attribute| attribute.is(Ns::Config, "name"));
    let name = name.map(|attribute| attribute.value.as_ref());
    let is_one_of = |list: &[&str]| name.is_some_and(|name| list.contains(&name));
    match (element.name.ns, element.name.local()) {
        (Ns::Office, "settings") => true,
        (Ns::Config, "config-item-set") => is_one_of(SETS),
        (Ns::Config, "config-item-map-indexed" | "config-item-map-named") => is_one_of(MAPS),
        // Named after a sheet.
        (Ns::Config, "config-item-map-entry") => true,
        (Ns::Config, "config-item") => is_item(element, &is_one_of),
        _ => false,
    }
}

fn is_item(element: &Element<'_>, is_one_of: &dyn Fn(&[&str]) -> bool) -> bool {
    let text = element.text();
    if element.elements().next().is_some() {
        return false;
    }
    match element.attribute("type") {
        Some("boolean") => is_one_of(VALUES) && matches!(text.trim(), "true" | "false"),
        Some("short" | "int" | "long" | "double") => {
            is_one_of(VALUES) && text.trim().chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c))
        }
        Some("string") => is_one_of(WORDS) && text.len() <= MAX_WORD,
        Some("base64Binary") => {
            const MAX_LAYERS: usize = 64;
            let bare = text.trim();
            is_one_of(LAYERS)
                && bare.len() <= MAX_LAYERS
                && bare.chars().all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c))
        }
        _ => false,
    }
}
