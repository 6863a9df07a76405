//! What may not stand in a kept part: elements and attributes that run, fetch, embed, or lead to a part that is gone.

use super::namespace::Ns;
use super::xml::{Attribute, Element, Name};
use crate::markup::link;
use crate::options::Links;
use crate::report::What;

/// What becomes of an element, before its attributes and children are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Keep,
    /// It goes with all below it; `None`: what it stood for is noted elsewhere.
    Drop(Option<What>),
    /// It goes, its children stay.
    Unwrap(Option<What>),
    /// It goes, and so does the smallest whole around it that can go without breaking the document.
    Spoil(Option<What>),
}

/// HTML in VML text boxes.
const HTML: &[&str] =
    &["xml", "div", "font", "br", "p", "span", "b", "i", "u", "strong", "em", "sub", "sup", "s", "center"];
const HTML_ATTRIBUTES: &[&str] = &["style", "class", "align", "color", "face", "size", "id", "dir", "lang"];

/// The fate of an element by its name; `lost_link`: one of its relationships is gone.
///
/// Invariant: a name that keeps an element without attributes, with a lost link and without, keeps it always.
pub(super) fn fate(element: &Element<'_>, lost_link: bool) -> Fate {
    use Fate::{Drop, Keep, Spoil, Unwrap};
    let has_link = element.attributes.iter().any(is_link);
    // Where there is a relationship, its end was noted with the part it led to.
    let gone = |what| Drop((!has_link).then_some(what));
    match (element.name.ns, element.name.local()) {
        (Ns::Unknown, _) => Spoil(Some(What::UnknownPart)),
        (Ns::None, local) if !HTML.contains(&local) => Drop(Some(What::UnknownPart)),

        (Ns::W, "altChunk" | "subDoc") => gone(What::ExternalReference),
        (Ns::W, "attachedTemplate" | "saveThroughXslt" | "frameset" | "attachedSchema") => {
            gone(What::ExternalReference)
        }
        (Ns::Drawing, "schemaLibrary") => gone(What::ExternalReference),
        (Ns::W, "mailMerge") => Drop(Some(What::DataConnection)),
        (Ns::W, "control") => gone(What::Control),
        (Ns::W, "objectEmbed" | "objectLink" | "binData" | "docOleData") => gone(What::EmbeddedObject),
        (Ns::W, "movie") => gone(What::Multimedia),
        (Ns::W, "embedRegular" | "embedBold" | "embedItalic" | "embedBoldItalic") => gone(What::Font),
        (Ns::W, "entryMacro" | "exitMacro") => Drop(Some(What::Macro)),
        (Ns::W, "fldData") => Drop(Some(What::Metadata)),
        (Ns::W, "printerSettings") => gone(What::PrinterSettings),
        (Ns::W | Ns::Ms, "dataBinding") => Drop(None),
        (Ns::W, "smartTagType") => Drop(Some(What::Extension)),
        (Ns::W | Ns::P | Ns::Ms, "contentPart") => Spoil(None),
        (Ns::W, "hyperlink") if lost_link && element.attribute("anchor").is_none() => Unwrap(None),
        (Ns::W, "headerReference" | "footerReference") if lost_link => Drop(None),

        (Ns::S, "oleObjects" | "oleObject") => gone(What::EmbeddedObject),
        (Ns::S, "controls" | "control") => gone(What::Control),
        (Ns::S, "externalReferences" | "externalReference") => Drop(None),
        (Ns::S, "webPublishing" | "webPublishItems" | "webPublishObjects" | "dataConsolidate") => {
            Drop(Some(What::ExternalReference))
        }
        (Ns::S, "customProperties") => Drop(None),
        (Ns::S, "smartTagTypes" | "smartTagPr" | "smartTags") => Drop(Some(What::Extension)),
        (Ns::S, "functionGroups") => Drop(Some(What::Macro)),
        (Ns::S, "xmlColumnPr" | "xmlCellPr") => Drop(Some(What::DataConnection)),
        (Ns::S, "hyperlink") if lost_link && element.attribute("location").is_none() => Drop(None),
        (
            Ns::S,
            "sheet" | "drawing" | "drawingHF" | "legacyDrawing" | "legacyDrawingHF" | "picture" | "tablePart"
            | "pivotCache",
        ) if lost_link => Drop(None),

        (Ns::P, "controls") => Drop(Some(What::Control)),
        (Ns::P, "custDataLst") => Drop(None),
        (Ns::P, "embeddedFontLst") => Drop(None),
        (Ns::P, "smartTags") => Drop(Some(What::Extension)),
        (Ns::P, "htmlPubPr" | "webPr") => Drop(Some(What::ExternalReference)),
        (Ns::P, "sndAc" | "snd") | (Ns::A, "snd") => Drop(None),
        (Ns::P, "cmd") => Spoil(Some(What::Action)),
        (Ns::P, "audio" | "video") => Spoil(None),
        (Ns::P, "oleObj") => gone(What::EmbeddedObject),
        (Ns::P, "sldId" | "sldMasterId" | "sldLayoutId" | "notesMasterId" | "handoutMasterId")
            if lost_link =>
        {
            Drop(None)
        }

        (Ns::A, "wavAudioFile" | "audioFile" | "videoFile" | "quickTimeFile" | "audioCd") => {
            gone(What::Multimedia)
        }
        (Ns::A, "hlinkClick" | "hlinkHover" | "hlinkMouseOver") => {
            match element.attribute("action").filter(|action| !action.is_empty()) {
                Some(action) if !is_slide_move(action) => Drop(Some(What::Action)),
                _ if lost_link => Drop(None),
                _ => Keep,
            }
        }

        (Ns::C, "externalData") => gone(What::EmbeddedObject),
        (Ns::C, "userShapes" | "legacyDrawingHF") if lost_link => Drop(None),

        (Ns::O, "OLEObject") => gone(What::EmbeddedObject),
        (Ns::X, "FmlaMacro") => Drop(Some(What::Macro)),
        (Ns::X, "MapOCX" | "FmlaPict") => Drop(None),
        (Ns::X, "ScriptText" | "ScriptExtended" | "ScriptLanguage" | "ScriptLocation") => {
            Drop(Some(What::Script))
        }
        (Ns::X, "DDE") => Drop(Some(What::ExternalReference)),

        (Ns::Ms, "webExtensionLinked" | "webExtensionCreated") => Drop(Some(What::Extension)),
        (Ns::Ms, "webVideoPr" | "oembed") => Spoil(Some(What::ExternalReference)),
        (
            Ns::Ms,
            "connection" | "dataModel" | "sourceConnection" | "queryTable" | "oledbPr" | "textPr" | "rangePr"
            | "modelTables" | "dataFeedPr",
        ) => Spoil(Some(What::DataConnection)),
        (Ns::Ms, _) if lost_link => Spoil(None),
        _ => Keep,
    }
}

/// Jumps within the presentation, by the action's name and nothing else.
fn is_slide_move(action: &str) -> bool {
    let Some(rest) = action.strip_prefix("ppaction://") else { return false };
    let name = rest.split('?').next().unwrap_or_default();
    matches!(name, "hlinksldjump" | "hlinkshowjump" | "noaction" | "customshow")
}

/// Whether it takes more than an element's name to know that it stays as it is, its attributes and children apart.
pub(super) fn element_needs_a_look(name: &Name) -> bool {
    let name = Name::new(&name.qualified, name.ns);
    let bare = Element { name, attributes: Vec::new(), children: Vec::new(), id: 0 };
    fate(&bare, true) != Fate::Keep
        || fate(&bare, false) != Fate::Keep
        || is_special(&bare)
        || is_formula(&bare)
}

/// Elements that the rewriter has more than a fate for.
pub(super) fn is_special(element: &Element<'_>) -> bool {
    matches!(
        (element.name.ns, element.name.local()),
        (Ns::Mc, "AlternateContent")
            | (Ns::W, "object")
            | (Ns::P, "graphicFrame" | "timing")
            | (Ns::S, "definedName" | "workbookView" | "sheet")
    )
}

/// Elements whose spoiled content makes them go as a whole.
pub(super) fn is_scope(element: &Element<'_>) -> bool {
    matches!(
        (element.name.ns, element.name.local()),
        (Ns::Mc, "Choice" | "Fallback")
            | (Ns::W, "drawing")
            | (Ns::P, "timing" | "graphicFrame")
            | (Ns::Xdr, "twoCellAnchor" | "oneCellAnchor" | "absoluteAnchor")
            | (_, "ext")
    )
}

/// Elements that must not be left without any child of theirs.
pub(super) fn goes_when_empty(element: &Element<'_>) -> bool {
    matches!(
        (element.name.ns, element.name.local()),
        (Ns::S, "hyperlinks" | "tableParts" | "pivotCaches" | "definedNames" | "externalReferences")
            | (Ns::Mc, "AlternateContent")
            | (_, "extLst")
    )
}

/// A relationship id.
pub(super) fn is_link(attribute: &Attribute<'_>) -> bool {
    attribute.name.ns == Ns::R || attribute.is(Ns::O, "relid")
}

/// Whether it takes more than an attribute's name to know that it stays as it is, outside of [VML](is_in_vml).
pub(super) fn attribute_needs_a_look(name: &Name) -> bool {
    match (name.ns, name.local()) {
        (Ns::Xml, local) => !matches!(local, "space" | "lang"),
        (Ns::Unknown | Ns::R | Ns::O, _) => true,
        (Ns::None, local) => {
            matches!(
                local,
                "macro"
                    | "invalidUrl"
                    | "textlink"
                    | "val"
                    | "formula"
                    | "tableType"
                    | "connectionId"
                    | "queryTableFieldId"
                    | "cm"
                    | "vm"
            ) || is_address(local)
        }
        (_, local) => is_address(local),
    }
}

/// Elements of VML and the HTML in it, where any attribute may do something.
pub(super) fn is_in_vml(element: &Element<'_>) -> bool {
    matches!(element.name.ns, Ns::V | Ns::O | Ns::None)
}

fn is_address(local: &str) -> bool {
    matches!(
        local,
        "href" | "src" | "althref" | "url" | "pluginspage" | "schemaLocation" | "manifestLocation"
    )
}

/// What becomes of an attribute.
pub(super) enum Value {
    Keep,
    /// It goes; `None`: what it stood for is noted elsewhere.
    Drop(Option<What>),
    /// The attribute must be there: it is emptied.
    Empty(What),
}

/// What becomes of an attribute that is no relationship id, whatever the document.
pub(super) fn value(element: &Element<'_>, attribute: &Attribute<'_>, links: Links) -> Value {
    let (ns, local, text) = (attribute.name.ns, attribute.name.local(), attribute.value.as_ref());
    let in_vml = is_in_vml(element);
    match (ns, local) {
        (Ns::Xmlns | Ns::Mc, _) | (Ns::Xml, "space" | "lang") => Value::Keep,
        (Ns::Xml, _) => Value::Drop(Some(What::UnknownPart)),
        (Ns::Unknown, _) => Value::Drop(Some(What::UnknownPart)),
        _ if text.is_empty() => Value::Keep,
        (Ns::None, "macro") => Value::Empty(What::Macro),
        (Ns::None, "invalidUrl") => Value::Drop(Some(What::Link)),
        (Ns::None, local) if element.name.ns == Ns::None && !HTML_ATTRIBUTES.contains(&local) => {
            Value::Drop(Some(What::UnknownPart))
        }
        (_, "src" | "althref") if in_vml => Value::Drop(Some(What::ExternalReference)),
        (Ns::O, "href") => Value::Drop(Some(What::ExternalReference)),
        (_, "style") if in_vml && runs_in_style(text) => Value::Drop(Some(What::Script)),
        (_, local) if in_vml && local != "oned" && local.len() > 3 && local.starts_with("on") => {
            Value::Drop(Some(What::Script))
        }
        (_, local) if is_address(local) && !text.starts_with('#') && !link::may_lead_to(text, links) => {
            Value::Drop(Some(What::Link))
        }
        _ => Value::Keep,
    }
}

fn runs_in_style(style: &str) -> bool {
    let style = style.to_ascii_lowercase();
    ["url(", "expression(", "behavior", "javascript", "\\"].iter().any(|word| style.contains(word))
}

/// Elements whose text is a formula.
pub(super) fn is_formula(element: &Element<'_>) -> bool {
    matches!(
        (element.name.ns, element.name.local()),
        (
            Ns::S,
            "f" | "definedName"
                | "formula"
                | "formula1"
                | "formula2"
                | "calculatedColumnFormula"
                | "totalsRowFormula"
                | "oldFormula"
        ) | (Ns::C, "f")
            | (Ns::Ms, "f" | "formula" | "formula1" | "formula2" | "nf")
            | (Ns::X, "FmlaLink" | "FmlaRange" | "FmlaGroup" | "FmlaTxbx")
    )
}

/// Attributes whose text is a formula.
pub(super) fn is_formula_attribute(element: &Element<'_>, attribute: &Attribute<'_>) -> bool {
    attribute.name.ns == Ns::None
        && matches!(
            (element.name.ns, element.name.local(), attribute.name.local()),
            (Ns::Xdr, _, "textlink")
                | (Ns::S, "cfvo", "val")
                | (Ns::S, "cacheField" | "calculatedItem", "formula")
        )
}

/// Names that Excel runs when the workbook opens or closes (MS-XLS 2.5.114 and Excel's own list), in any spelling.
pub(super) fn is_auto_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix("_xlnm.").unwrap_or(&name);
    let bare: String = name.chars().filter(|c| *c != '_' && *c != '.').collect();
    ["autoopen", "autoclose", "autoactivate", "autodeactivate", "autoexec", "autonew", "autoexit"]
        .iter()
        .any(|auto| bare.starts_with(auto))
}
