//! Which addresses a document may point to: the web and mail, on a click.

use crate::options::Links;

/// Whether `address` is an http, https or mailto URL as every program would read it.
pub(crate) fn is_web(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once(':') else { return false };
    let known = ["http", "https", "mailto"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    known
        && !rest.is_empty()
        && !address.contains('\\')
        && !address.chars().any(|c| c.is_control() || crate::report::is_invisible(c))
}

/// Whether a link may lead to `address`: the web or mail, where such links are kept.
pub(crate) fn may_lead_to(address: &str, links: Links) -> bool {
    links == Links::Keep && is_web(address)
}

/// Whether a target within the package names something outside it: a scheme, a server, a drive.
pub(crate) fn leaves_the_package(target: &str) -> bool {
    let first = target.split(['/', '?', '#']).next().unwrap_or_default();
    let decoded = crate::zip_structure::names::percent_decoded(target);
    let blank = |c: char| c.is_whitespace() || c.is_control();
    first.contains(':')
        || decoded.contains('\\')
        || decoded.trim_start_matches(blank).starts_with("//")
        || decoded.split(['/', '?', '#']).next().unwrap_or_default().contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_and_mail_are_web() {
        for good in ["http://a/", "HTTPS://a.b/c?d#e", "mailto:a@b.de"] {
            assert!(is_web(good), "{good}");
        }
        for bad in [
            "",
            "file:///c:/x",
            "javascript:alert(1)",
            "\\\\server\\share",
            "//server/share",
            "c:\\x",
            "x.docx",
            " http://a",
            "mhtml:http://a!x-usc:b",
            "ms-msdt:/id",
            "ht\ttp://a",
            "http:",
            "http:\\\\a",
            "search-ms:q",
            "data:text/html,x",
        ] {
            assert!(!is_web(bad), "{bad}");
        }
    }

    #[test]
    fn unc_and_absolute_targets_leave_the_package() {
        for bad in [
            "\\\\s\\x",
            "//s/x",
            "file:///x",
            "c:/x",
            "%5c%5cs/x",
            "%2f%2fs/x",
            "mhtml:x",
            "http%3a//x",
            " //s",
        ] {
            assert!(leaves_the_package(bad), "{bad}");
        }
        for good in ["styles.xml", "../media/image1.png", "/word/document.xml", "#Sheet1!A1", "a.xml#b:c"] {
            assert!(!leaves_the_package(good), "{good}");
        }
    }
}
