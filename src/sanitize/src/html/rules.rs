//! **The allow list** of HTML: which elements, attributes, styles and addresses may stay.

use crate::css;

/// What becomes of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays, with its allow-listed attributes.
    Keep,
    /// It goes, what is in it stays.
    Unwrap,
    /// It goes with all that is in it.
    Drop,
}

/// Elements that stay: structure, text, tables, pictures.
pub(super) const ELEMENTS: &str = "a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col \
    colgroup dd del details dfn dir div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hgroup hr i img ins kbd \
    li main mark menu nav ol p pre q rp rt ruby s samp section small span strike strong sub summary sup table tbody td tfoot th \
    thead time tr tt u ul var wbr";

/// Elements that have no content.
pub(super) const VOID: &str = "br col hr img wbr";

/// Elements whose content is not text for readers.
const DROPPED: &str = "script style template iframe embed applet frame frameset head title meta link base param source track area \
    input math svg datalist progress meter";

/// Attributes that any element may have.
pub(super) const GLOBAL: &str = "id class title lang dir style align valign bgcolor width height";

/// Attributes of single elements.
pub(super) const ATTRIBUTES: [(&str, &str); 18] = [
    ("a", "href name"),
    ("bdo", "dir"),
    ("br", "clear"),
    ("col", "span"),
    ("colgroup", "span"),
    ("del", "datetime"),
    ("details", "open"),
    ("font", "color face size"),
    ("hr", "color noshade size"),
    ("img", "alt border hspace src vspace"),
    ("ins", "datetime"),
    ("li", "type value"),
    ("ol", "reversed start type"),
    ("table", "border bordercolor cellpadding cellspacing frame rules summary"),
    ("td", "abbr colspan headers nowrap rowspan scope"),
    ("th", "abbr colspan headers nowrap rowspan scope"),
    ("time", "datetime"),
    ("ul", "type"),
];

/// Attributes of the page's own elements.
pub(super) const OF_HTML: &str = "dir lang";
pub(super) const OF_BODY: &str = "bgcolor class dir lang style text";

/// Style properties that stay, exactly or as the start of a longer one (`border-left-color`).
const PROPERTIES: &str = "background background-color border border-collapse border-spacing caption-side clear color direction \
    display empty-cells float font height letter-spacing line-height list-style list-style-position list-style-type margin \
    max-height max-width min-height min-width orphans padding page-break-after page-break-before page-break-inside table-layout \
    text-align text-decoration text-indent text-transform vertical-align white-space widows width word-break word-spacing \
    word-wrap";
const FAMILIES: &str = "border- font- margin- padding- text-decoration-";

/// Functions that a style value may call.
const FUNCTIONS: [&str; 5] = ["calc", "hsl", "hsla", "rgb", "rgba"];

/// Whether `word` is one of the words, which are divided by blanks.
pub(super) fn listed(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| known == word)
}

pub(super) fn fate(name: &str) -> Fate {
    match () {
        () if listed(ELEMENTS, name) => Fate::Keep,
        () if listed(DROPPED, name) => Fate::Drop,
        () => Fate::Unwrap,
    }
}

/// Whether an attribute may stay on a kept element.
pub(super) fn may_have(element: &str, attribute: &str) -> bool {
    let own = ATTRIBUTES.iter().find(|(known, _)| *known == element).map_or("", |(_, own)| own);
    listed(GLOBAL, attribute) || listed(own, attribute)
}

/// Whether a style property may have a value: no addresses, no calls but colours and sums.
pub(super) fn style(name: &str, value: &str) -> bool {
    let is_property = listed(PROPERTIES, name)
        || (FAMILIES.split(' ').any(|family| name.starts_with(family)) && !name.contains("-image"));
    is_property && !value.contains(':') && css::calls_only(value, &FUNCTIONS)
}

/// Whether an address leads within the page, to the web or to mail, as every browser reads it.
pub(super) fn is_link(address: &str) -> bool {
    let is_fragment = address.starts_with('#') && !address.chars().any(char::is_control);
    is_fragment || (crate::markup::link::is_web(address) && ammonia::Url::parse(address).is_ok())
}
