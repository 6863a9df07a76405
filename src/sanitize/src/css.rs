//! Style declarations and sheets, written anew from those whose property and value are on the caller's list.
//!
//! Plain rules only: `@` rules, nesting, escapes and comments are not copied.

/// A caller's list: whether a property (in lower case) may have a value.
pub(crate) type Allowed<'a> = &'a dyn Fn(&str, &str) -> bool;

/// What was kept, and the pieces that were not.
pub(crate) type Rewritten = (String, Vec<String>);

/// The content of a `style` attribute.
pub(crate) fn declarations(text: &str, allowed: Allowed<'_>) -> Rewritten {
    let (mut kept, mut left) = (String::new(), Vec::new());
    for declaration in without_comments(text).split(';') {
        if declaration.trim().is_empty() {
            continue;
        }
        match declaration
            .split_once(':')
            .map(|(name, value)| (name.trim().to_ascii_lowercase(), one_line(value)))
        {
            Some((name, value)) if is_sound(&name, &value) && allowed(&name, &value) => {
                if !kept.is_empty() {
                    kept.push_str("; ");
                }
                kept.push_str(&name);
                kept.push_str(": ");
                kept.push_str(&value);
            }
            _ => left.push(declaration.trim().to_owned()),
        }
    }
    (kept, left)
}

/// The content of a `style` element.
pub(crate) fn sheet(text: &str, allowed: Allowed<'_>) -> Rewritten {
    let text = without_comments(text).replace("<!--", " ").replace("-->", " ");
    let (mut kept, mut left) = (String::new(), Vec::new());
    let mut rest = text.as_str();
    while let Some((before, from)) = rest.split_once('{') {
        // `@import x;` may stand before a rule.
        let (statement, selector) = before.rsplit_once(';').unwrap_or(("", before));
        left.extend(Some(statement.trim().to_owned()).filter(|statement| !statement.is_empty()));
        let selector = one_line(selector);
        let (body, behind) = block(from);
        rest = behind;
        if !is_selector(&selector) || body.contains('{') {
            left.push(format!("{selector} {{{body}}}"));
            continue;
        }
        let (declarations, mut more) = declarations(body, allowed);
        left.append(&mut more);
        if !declarations.is_empty() {
            kept.push_str(&format!("{selector} {{ {declarations} }}\n"));
        }
    }
    left.extend(Some(rest.trim().to_owned()).filter(|rest| !rest.is_empty()));
    (kept, left)
}

/// Whether a piece that was not kept would have fetched or run something.
pub(crate) fn is_active(text: &str) -> bool {
    const SIGNS: [&str; 9] =
        ["url", "expression", "import", "behavior", "binding", "\\", "@font-face", "image(", "javascript"];
    let lower = text.to_ascii_lowercase();
    SIGNS.iter().any(|sign| lower.contains(sign))
}

/// What runs something or binds a program to an element, in a style in lower case; for proofs, which do not trust what
/// wrote it. By whole words, so that a class may be called as it likes.
pub(crate) fn runs_or_binds(lower: &str) -> Option<&'static str> {
    const CALLS: [&str; 4] = ["expression(", "image(", "image-set(", "src("];
    const PROPERTIES: [&str; 2] = ["behavior", "binding"];
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '*');
    let is_property = |word: &&str| {
        lower.match_indices(*word).any(|(at, _)| {
            let (before, from) = lower.split_at(at);
            // A name may follow a prefix of a browser's own (`-moz-binding`), or a star or line that old ones pass over.
            let is_selector = before.trim_end_matches(is_word).ends_with(['.', '#', ':']);
            let behind = from.get(word.len()..).unwrap_or_default();
            behind.trim_start().starts_with(':') && !is_selector
        })
    };
    CALLS
        .into_iter()
        .find(|call| lower.contains(call))
        .or_else(|| PROPERTIES.into_iter().find(|word| is_property(word)))
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

fn one_line(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_selector(selector: &str) -> bool {
    !selector.is_empty()
        && selector.chars().all(|c| c.is_ascii_alphanumeric() || " .#,:>+~*_-".contains(c))
        && !selector.contains("--")
}

/// A plain name, and a value without escapes, braces or markup, its quotes in pairs.
fn is_sound(name: &str, value: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || " #%.,-+/!'\"()*_:".contains(c);
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        && !value.is_empty()
        && value.chars().all(plain)
        && !value.contains("//")
        && value.matches('"').count().is_multiple_of(2)
        && value.matches('\'').count().is_multiple_of(2)
}

/// Whether a value calls no functions but these.
pub(crate) fn calls_only(value: &str, functions: &[&str]) -> bool {
    let mut before = value.split('(');
    let _ = before.next_back();
    before.all(|call| {
        let name = call.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap_or_default();
        functions.iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any(_: &str, value: &str) -> bool {
        calls_only(value, &["rgb"])
    }

    #[test]
    fn plain_declarations_and_rules_are_kept() {
        assert_eq!(
            declarations(" Color :RGB(1, 2,\n3);; margin:0 ", &any),
            ("color: RGB(1, 2, 3); margin: 0".to_owned(), vec![])
        );
        assert_eq!(
            sheet("a:hover,\nb > c{color:red}", &any),
            ("a:hover, b > c { color: red }\n".to_owned(), vec![])
        );
    }

    #[test]
    fn calls_escapes_and_at_rules_are_not_kept() {
        for hostile in [
            "a:url(http://evil/)",
            "a:u\\72l(x)",
            "a:UR/**/L(x)",
            "a:expression(alert(1))",
            "a:(x)",
            "a:red}b{c:d",
            "a:</style>",
            "a:'x",
            "a\\b:c",
            "a",
            "a:",
            "a:rgb(url(x))",
        ] {
            let (kept, left) = declarations(hostile, &any);
            assert_eq!((kept.as_str(), left.len()), ("", 1), "{hostile}");
        }
        for hostile in [
            "@import 'http://evil/';",
            "@media x{a{b:c}}",
            "@font-face{src:url(x)}",
            "a[href^=x]{b:url(x)}",
            "a{b:c{d:e}}",
            "</style>{a:b}",
        ] {
            let (kept, left) = sheet(hostile, &any);
            assert!(kept.is_empty() && !left.is_empty(), "{hostile} {kept}");
        }
        let (kept, left) = sheet("@import url(x); a{b:c} <!-- d{e:f} -->", &any);
        assert_eq!((kept.as_str(), left.len()), ("a { b: c }\nd { e: f }\n", 1));
    }
}
