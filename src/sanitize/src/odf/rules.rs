//! What becomes of each element and attribute of a kept part? What is not on the [allow list](super::allow) goes; of the
//! rest what runs, fetches, embeds, or leads to a part that is gone. The names listed here only say what to report.

use super::allow;
use super::namespace::Ns;
use super::xml::{Attribute, Element};
use crate::markup::link;
use crate::report::What;

/// What becomes of an element, before its attributes and children are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Keep,
    /// It goes with all below it.
    Drop(What),
    /// It goes, its children stay.
    Unwrap(Option<What>),
}

/// Elements that go whatever their vocabulary, as LibreOffice knows several spellings of some.
const REFUSED: &[(&str, What)] = &[
    ("script", What::Macro),
    ("event-listener", What::Action),
    ("events", What::Action),
    ("module", What::Macro),
    ("library", What::Macro),
    ("error-macro", What::Macro),
    ("object", What::EmbeddedObject),
    ("object-ole", What::EmbeddedObject),
    ("plugin", What::Multimedia),
    ("sound", What::Multimedia),
    ("audio", What::Multimedia),
    ("applet", What::Script),
    ("floating-frame", What::ExternalReference),
    ("command", What::Action),
    ("dde-connection-decls", What::ExternalReference),
    ("dde-connection-decl", What::ExternalReference),
    ("dde-source", What::ExternalReference),
    ("dde-links", What::ExternalReference),
    ("dde-link", What::ExternalReference),
    ("section-source", What::ExternalReference),
    ("table-source", What::ExternalReference),
    ("cell-range-source", What::ExternalReference),
    ("alphabetical-index-auto-mark-file", What::ExternalReference),
    ("image-map", What::Link),
    ("area-rectangle", What::Link),
    ("area-circle", What::Link),
    ("area-polygon", What::Link),
    ("math", What::EmbeddedObject),
    ("model", What::Form),
    ("instance", What::Form),
    ("submission", What::Form),
    ("grid", What::Control),
    ("file", What::Control),
    ("encryption-data", What::UnknownPart),
    ("database-source-sql", What::DataConnection),
    ("database-source-table", What::DataConnection),
    ("database-source-query", What::DataConnection),
    ("source-service", What::DataConnection),
    ("connection-resource", What::DataConnection),
    ("database-next", What::DataConnection),
    ("database-row-select", What::DataConnection),
    ("binary-data", What::UnknownPart),
    ("font-face-src", What::Font),
    ("font-face-uri", What::Font),
    ("definition-src", What::ExternalReference),
];

/// Fields that show something of the document's description, a database or a link: what they showed last stays as text.
const FIELDS: &[(&str, Option<What>)] = &[
    ("title", None),
    ("subject", None),
    ("keywords", None),
    ("description", None),
    ("initial-creator", None),
    ("creator", None),
    ("user-defined", None),
    ("printed-by", None),
    ("print-date", None),
    ("print-time", None),
    ("creation-date", None),
    ("creation-time", None),
    ("modification-date", None),
    ("modification-time", None),
    ("editing-cycles", None),
    ("editing-duration", None),
    ("template-name", None),
    ("file-name", None),
    ("database-display", Some(What::DataConnection)),
    ("database-name", Some(What::DataConnection)),
    ("database-row-number", Some(What::DataConnection)),
    ("dde-connection", Some(What::Field)),
    ("execute-macro", Some(What::Macro)),
];

/// Controls that only show or take something.
const CONTROLS: &[&str] = &[
    "form",
    "text",
    "textarea",
    "password",
    "formatted-text",
    "number",
    "date",
    "time",
    "fixed-text",
    "combobox",
    "item",
    "listbox",
    "option",
    "button",
    "checkbox",
    "radio",
    "frame",
    "value-range",
    "properties",
    "property",
];

/// Lists of scripts and listeners: they go, and what they hold is noted one by one.
pub(super) fn is_list_of_actions(element: &Element<'_>) -> bool {
    matches!(element.name.local(), "event-listeners" | "scripts")
}

/// The fate of an element by its name and attributes.
pub(super) fn fate(element: &Element<'_>) -> Fate {
    use Fate::{Drop, Keep, Unwrap};
    let local = element.name.local();
    if let Some((_, what)) = REFUSED.iter().find(|(name, _)| *name == local) {
        return Drop(if element.name.ns == Ns::Script { What::Macro } else { *what });
    }
    let field = FIELDS.iter().find(|(name, _)| *name == local);
    match (element.name.ns, local) {
        (Ns::Script, _) => Drop(What::Macro),
        (Ns::Xforms, _) => Drop(What::Form),
        (Ns::Unknown | Ns::None | Ns::Xml | Ns::Xmlns | Ns::Xlink | Ns::Formula | Ns::Config, _) => {
            Drop(What::UnknownPart)
        }
        (Ns::Text, _) if field.is_some() => Unwrap(field.and_then(|(_, what)| *what)),
        (_, _) if let Some((_, Some(what))) = field => Drop(*what),
        (Ns::Extension, "param") if !is_plain_parameter(element) => Drop(What::Field),
        (Ns::Form, local) if !CONTROLS.contains(&local) => Drop(What::Control),
        (Ns::Form, "property") if !is_plain_property(element) => Drop(What::Control),
        (Ns::Table, "table") if element.attribute("name").is_some_and(|name| name.contains("'#")) => {
            Drop(What::ExternalReference)
        }
        (ns, local) if allow::element(ns, local) => Keep,
        _ if holds_text(element) => Unwrap(Some(What::UnknownPart)),
        _ => Drop(What::UnknownPart),
    }
}

/// Whether an unknown element stands around a text that the document shows.
fn holds_text(element: &Element<'_>) -> bool {
    let is_shown = |element: &Element<'_>| {
        element.name.ns == Ns::Text && matches!(element.name.local(), "p" | "h" | "span" | "list" | "a")
    };
    (element.name.ns == Ns::Text && !element.text().trim().is_empty()) || element.find(&is_shown).is_some()
}

/// What a form field of Word shows; the code of any other field would be live again in a Word document.
fn is_plain_parameter(element: &Element<'_>) -> bool {
    const GROUPS: [&str; 3] = ["Checkbox_", "Date", "Dropdown_"];
    const NAMES: [&str; 9] =
        ["Name", "Description", "Help", "Hint", "Type", "MaxLength", "Format", "Content", "Default"];
    let name = element.attributes.iter().find(|attribute| attribute.name.local() == "name");
    name.is_some_and(|name| {
        GROUPS.iter().any(|group| name.value.starts_with(group)) || NAMES.contains(&name.value.as_ref())
    })
}

/// A number or a truth value, or the control that a form's part becomes.
fn is_plain_property(element: &Element<'_>) -> bool {
    let value = |local| element.attributes.iter().find(|attribute| attribute.is(Ns::Office, local));
    match value("value-type").map(|kind| kind.value.as_ref()) {
        Some("float" | "boolean" | "percentage") => true,
        Some("string") => {
            element.attribute("property-name") == Some("DefaultControl")
                && value("string-value").is_some_and(|control| {
                    is_service(&control.value, "com.sun.star.form.control.")
                        || is_service(&control.value, "stardiv.one.form.control.")
                })
        }
        _ => false,
    }
}

/// A service's name below `prefix`.
fn is_service(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|last| last.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// Elements of any length: their children are rewritten one by one.
pub(super) fn is_long(element: &Element<'_>) -> bool {
    matches!(
        (element.name.ns, element.name.local()),
        (
            Ns::Office,
            "body"
                | "text"
                | "spreadsheet"
                | "presentation"
                | "drawing"
                | "styles"
                | "automatic-styles"
                | "master-styles"
        ) | (Ns::Table, "table" | "table-rows" | "table-row-group")
            | (Ns::Text, "section")
            | (Ns::Draw, "page")
    )
}

/// What a picture element is called, in any of the vocabularies.
pub(super) fn is_picture(element: &Element<'_>) -> bool {
    matches!(
        (element.name.ns, element.name.local()),
        (Ns::Draw | Ns::Extension, "image" | "fill-image")
            | (Ns::Style, "background-image")
            | (Ns::Text, "list-level-style-image")
            | (Ns::Plain, "symbol-image" | "label-separator")
    )
}

/// Elements that are nothing without their formula, condition or range.
pub(super) fn needs_its_formula(element: &Element<'_>) -> bool {
    match (element.name.ns, element.name.local()) {
        (Ns::Table, local) => !matches!(
            local,
            "table" | "table-cell" | "covered-table-cell" | "cell-content-change" | "change-track-table-cell"
        ),
        (Ns::Style, "map") | (Ns::Extension, _) => true,
        _ => false,
    }
}

/// Attributes whose text is a formula, a condition or names cells.
pub(super) fn is_formula(element: &Element<'_>, attribute: &Attribute<'_>) -> bool {
    let local = attribute.name.local();
    match attribute.name.ns {
        Ns::Draw => false,
        Ns::Extension if element.name.ns == Ns::Extension && local == "value" => true,
        _ => {
            matches!(
                local,
                "formula"
                    | "expression"
                    | "condition"
                    | "print-ranges"
                    | "data-range"
                    | "linked-cell"
                    | "source-cell-range"
            ) || local.ends_with("address")
                || local.ends_with("addresses")
        }
    }
}

/// What becomes of an attribute that is no picture's and no link's address; `Some`: it goes.
pub(super) fn refused(element: &Element<'_>, attribute: &Attribute<'_>, may_leave: bool) -> Option<What> {
    let (ns, local, text) = (attribute.name.ns, attribute.name.local(), attribute.value.as_ref());
    match (ns, local) {
        (Ns::Unknown | Ns::Xforms, _) => Some(What::UnknownPart),
        (Ns::Xml, "id" | "lang" | "space") => None,
        (Ns::Xml, _) => Some(What::UnknownPart),
        (Ns::Script, _) | (_, "macro-name" | "event-name") => Some(What::Macro),
        (Ns::Xlink, "href") => Some(What::Link),
        (Ns::Xlink, "type" | "show" | "actuate" | "title") => None,
        (Ns::Xlink, _) => Some(What::UnknownPart),
        (Ns::None, _) => Some(What::UnknownPart),
        (_, "source-uri" | "link-target" | "href" | "src") => Some(What::ExternalReference),
        (
            _,
            "class-id"
            | "code"
            | "codebase"
            | "archive"
            | "filter-name"
            | "filter-options"
            | "mime-type"
            | "notify-on-update-of-ranges",
        ) => Some(What::UnknownPart),
        (Ns::Extension, "type")
            if element.name.local().starts_with("fieldmark")
                && !text.starts_with("vnd.oasis.opendocument.field.FORM") =>
        {
            Some(What::Field)
        }
        (
            _,
            "database-name"
            | "database-table-name"
            | "connection-name"
            | "datasource"
            | "command-type"
            | "list-source"
            | "image-data",
        ) => Some(What::DataConnection),
        (Ns::Form, "control-implementation") => {
            let name = text.strip_prefix("ooo:").unwrap_or(text);
            let known = ["com.sun.star.form.component.", "stardiv.one.form.component."];
            (!known.iter().any(|prefix| is_service(name, prefix))).then_some(What::Control)
        }
        (
            Ns::Form,
            "command" | "data-field" | "data-field-name" | "list-source-type" | "method" | "enctype"
            | "image-frame" | "filter" | "order" | "master-fields" | "detail-fields" | "escape-processing"
            | "ignore-result",
        ) => Some(What::DataConnection),
        (Ns::Form, "button-type") if text != "push" => Some(What::Action),
        (Ns::Office, "target-frame" | "server-map") if element.name.ns == Ns::Form => Some(What::Action),
        _ if !allow::attribute(ns, local) => Some(What::UnknownPart),
        _ if local == "url" || local.ends_with("-url") => {
            (!is_link(text.trim(), may_leave)).then_some(What::Link)
        }
        _ if text.starts_with("ecma.office-open-") || text.ends_with(".field.code") => Some(What::Field),
        _ if is_text(attribute) => None,
        _ if local.starts_with("protection-key-digest-algorithm") && text.starts_with(ALGORITHMS) => None,
        _ if is_address(text) => Some(What::Link),
        _ => None,
    }
}

/// How the names of digest algorithms begin.
const ALGORITHMS: &str = "http://www.w3.org/";

/// Attributes that hold a text or a name as the author wrote it.
fn is_text(attribute: &Attribute<'_>) -> bool {
    let local = attribute.name.local();
    matches!(
        local,
        "string-value"
            | "title"
            | "author"
            | "note"
            | "annote"
            | "howpublished"
            | "identifier"
            | "label"
            | "description"
            | "value"
            | "current-value"
            | "num-prefix"
            | "num-suffix"
    ) || local.ends_with("name")
        || local.starts_with("custom")
}

/// Addresses of any scheme, and what office programs run or load without one, whatever attribute they stand in.
fn is_address(text: &str) -> bool {
    const SCHEMES: &[&str] = &[
        "vnd.sun.star",
        "script:",
        "macro:",
        "javascript:",
        "vbscript:",
        "service:",
        "slot:",
        ".uno:",
        "private:",
        "file:",
        "data:",
        "uno:",
        "ms-",
        "mhtml:",
        "mailto:",
        "\\\\",
        "//",
    ];
    let bare: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control())
        .take(40)
        .collect::<String>()
        .to_ascii_lowercase();
    let has_scheme = bare.split_once("://").is_some_and(|(scheme, _)| {
        scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    });
    let is_shell = bare.split_once(':').is_some_and(|(scheme, _)| scheme.ends_with("-ms"));
    has_scheme || is_shell || SCHEMES.iter().any(|scheme| bare.starts_with(scheme))
}

/// A place in the document itself.
pub(super) fn is_place(address: &str) -> bool {
    address.starts_with('#') && !address.contains('\\') && !address.chars().any(char::is_control)
}

/// Whether a link of the document's text may keep its address.
pub(super) fn is_link(address: &str, may_leave: bool) -> bool {
    is_place(address) || (may_leave && link::is_web(address))
}

/// The body of a document of each kind.
pub(super) const BODIES: &[&str] = &["text", "spreadsheet", "presentation", "drawing"];
