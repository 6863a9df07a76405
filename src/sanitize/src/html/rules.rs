//! **The allow list** of HTML: which elements, attributes, styles and addresses may stay.

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
const FUNCTIONS: &str = "calc hsl hsla rgb rgba";

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

/// Style declarations, written anew from those on the list; the second value says how many are not.
pub(super) fn style(declarations: &str) -> (String, Vec<String>) {
    let mut kept = String::new();
    let mut left = Vec::new();
    for declaration in without_comments(declarations).split(';') {
        if declaration.trim().is_empty() {
            continue;
        }
        let parts =
            declaration.split_once(':').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()));
        match parts {
            Some((name, value)) if is_property(&name) && is_value(value) => {
                if !kept.is_empty() {
                    kept.push_str("; ");
                }
                kept.push_str(&name);
                kept.push_str(": ");
                kept.extend(
                    value
                        .split_ascii_whitespace()
                        .enumerate()
                        .flat_map(|(n, word)| [if n == 0 { "" } else { " " }, word]),
                );
            }
            _ => left.push(declaration.trim().to_owned()),
        }
    }
    (kept, left)
}

/// A style sheet's plain rules, written anew; `@` rules and what is nested are not copied.
pub(super) fn sheet(text: &str) -> (String, Vec<String>) {
    let text = without_comments(text).replace("<!--", " ").replace("-->", " ");
    let mut kept = String::new();
    let mut left = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, from)) = rest.split_once('{') {
        // `@import x;` may stand before a rule.
        let selector = match before.rsplit_once(';') {
            Some((statement, selector)) => {
                left.push(statement.trim().to_owned());
                selector.trim()
            }
            None => before.trim(),
        };
        let (body, behind) = block(from);
        rest = behind;
        if !is_selector(selector) || body.contains('{') {
            left.push(format!("{selector} {{{body}}}"));
            continue;
        }
        let (declarations, mut more) = style(body);
        left.append(&mut more);
        if !declarations.is_empty() {
            let words: Vec<&str> = selector.split_ascii_whitespace().collect();
            kept.push_str(&words.join(" "));
            kept.push_str(" { ");
            kept.push_str(&declarations);
            kept.push_str(" }\n");
        }
    }
    if !rest.trim().is_empty() {
        left.push(rest.trim().to_owned());
    }
    (kept, left)
}

/// Splits behind the brace that closes a block that is open already.
fn block(text: &str) -> (&str, &str) {
    let mut open = 1_u32;
    for (at, c) in text.char_indices() {
        match c {
            '{' => open = open.saturating_add(1),
            '}' => open = open.saturating_sub(1),
            _ => continue,
        }
        if open == 0 {
            let (body, behind) = text.split_at(at);
            return (body, behind.get(1..).unwrap_or_default());
        }
    }
    (text, "")
}

fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        out.push_str(before);
        out.push(' ');
        rest = comment.split_once("*/").map_or("", |(_, behind)| behind);
    }
    out.push_str(rest);
    out
}

fn is_selector(selector: &str) -> bool {
    !selector.is_empty()
        && selector.chars().all(|c| c.is_ascii_alphanumeric() || " .#,:>+~*_-\n\t\r".contains(c))
        && !selector.contains("--")
}

pub(super) fn is_property(name: &str) -> bool {
    listed(PROPERTIES, name)
        || FAMILIES.split(' ').any(|family| name.starts_with(family))
            && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
            && !name.ends_with("-image")
            && !name.contains("-image-")
}

/// No addresses, no escapes, no calls but colours and sums, quotes in pairs.
pub(super) fn is_value(value: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || " \t\n#%.,-+/!'\"()*_".contains(c);
    if value.is_empty() || !value.chars().all(plain) || value.contains("//") {
        return false;
    }
    if value.matches('"').count() % 2 != 0 || value.matches('\'').count() % 2 != 0 {
        return false;
    }
    let mut before = value.split('(');
    let last = before.next_back();
    last.is_some()
        && before.all(|call| {
            let name =
                call.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
            name.is_empty() && !call.ends_with('-') && value.to_ascii_lowercase().contains("calc(")
                || listed(FUNCTIONS, &name.to_ascii_lowercase())
        })
}

/// Whether an address leads within the page, to the web or to mail, as every browser reads it.
pub(super) fn is_link(address: &str) -> bool {
    let is_fragment = address.starts_with('#') && !address.chars().any(char::is_control);
    is_fragment || crate::markup::link::is_web(address)
}
