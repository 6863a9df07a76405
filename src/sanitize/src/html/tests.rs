use super::*;
use crate::job::{Settings, bench, sanitize};
use crate::limits::Limits;
use crate::options::{Links, Options};
use crate::report::Verdict;
use crate::{Declared, NoInspector};

/// The rebuilt page's body and what was removed; it must rebuild to itself.
fn rebuilt(page: &str) -> (String, Vec<Removed>) {
    rebuilt_bytes(page.as_bytes())
}

fn rebuilt_bytes(page: &[u8]) -> (String, Vec<Removed>) {
    let run = |bytes: &[u8]| {
        let (done, removed, _) = bench(&Limits::default(), |job| {
            let done = rebuild(bytes, Format::Html, job)?;
            verify(&done.bytes, Format::Html, job)?;
            Ok::<_, Failure>(done.bytes)
        });
        (done.unwrap(), removed)
    };
    let (out, removed) = run(page);
    assert_eq!(run(&out), (out.clone(), vec![]), "idempotent: {}", String::from_utf8_lossy(&out));
    let text = String::from_utf8(out).unwrap();
    let body = text.split_once("<body>\n").map_or(text.as_str(), |(_, body)| body);
    (body.strip_suffix(PAGE_END).unwrap_or(body).to_owned(), removed)
}

fn body(page: &str) -> String {
    rebuilt(page).0
}

fn failure(page: &str) -> Failure {
    bench(&Limits::default(), |job| rebuild(page.as_bytes(), Format::Html, job)).0.err().unwrap()
}

#[test]
fn structure_tables_and_styling_stay() {
    let page = "<h1 id=\"a\">Übersicht</h1><table border=\"1\"><tbody><tr><td colspan=\"2\" style=\"color: red\">é &amp; &nbsp;x</td></tr></tbody></table><p>a <a href=\"https://a.nl/?b=1&amp;c\">b</a> <a href=\"#a\">c</a></p>";
    let (out, removed) = rebuilt(page);
    assert_eq!(out, page);
    assert_eq!(removed, vec![]);
}

#[test]
fn title_style_sheet_and_page_colours_stay() {
    let (out, _) = rebuilt(
        "<html lang=de><title> A\n B </title><style>p.x, li > b{margin:0cm;mso-x:1} @import 'x'; td{background:url(x);color:red}</style><body bgcolor=#fff onload=x()><p class=x>y",
    );
    assert_eq!(
        out,
        "<!doctype html>\n<html lang=\"de\">\n<head>\n<meta charset=\"utf-8\">\n<title>A B</title>\n<style>\np.x, li > b { margin: 0cm }\ntd { color: red }\n</style>\n</head>\n<body bgcolor=\"#fff\">\n<p class=\"x\">y</p>"
    );
}

#[test]
fn scripts_and_handlers_go() {
    for hostile in [
        "<script>alert(1)</script>x",
        "<img src=x onerror=alert(1)>x",
        "<svg onload=alert(1)><script>alert(1)</script></svg>x",
        "<svg><foreignObject><iframe srcdoc='<script>'></iframe></foreignObject></svg>x",
        "<math><mtext><table><mglyph><style><img src onerror=alert(1)></style></mglyph></table></mtext></math>x",
        "<iframe src=\"javascript:alert(1)\"></iframe>x",
        "<object data=a.swf></object><embed src=a.swf>x",
        "<base href=http://evil/><link rel=stylesheet href=http://evil/>x",
        "<meta http-equiv=refresh content='0;url=http://evil/'>x",
        "<template><script>alert(1)</script></template>x",
        "<!--[if IE]><script>alert(1)</script><![endif]-->x",
        "<style><!--</style><img src=x onerror=alert(1)>--></style>x",
        "<xmp></xmp><img src onerror=alert(1)>x",
        "<p style=\"width:expression(alert(1));behavior:url(x);-moz-binding:url(x);background:u\\72l(x)\">x",
        "<form action=http://evil/><input name=a onfocus=alert(1) autofocus></form>x",
        "<video poster=http://evil/ onloadstart=alert(1)><source src=http://evil/></video>x",
        "<img src=//evil/x srcset='http://evil/ 2x'><table background=http://evil/><tr><td>x</table>",
        "<a href=x onclick=alert(1) ping=http://evil/>x</a>",
    ] {
        let (out, removed) = rebuilt(hostile);
        let lower = out.to_lowercase();
        for word in
            ["script", "alert", "evil", "onerror", "expression", "url", "iframe", "svg", "<form", "behavior"]
        {
            assert!(!lower.contains(word), "{hostile} → {out}");
        }
        assert!(out.contains('x') && !removed.is_empty(), "{hostile} → {out} {removed:?}");
    }
}

#[test]
fn only_web_and_mail_links_stay() {
    for bad in [
        "javascript:alert(1)",
        " java\nscript:alert(1)",
        "&#1;javascript:alert(1)",
        "vbscript:x",
        "data:text/html,<script>",
        "file:///c:/x",
        "\\\\server\\share",
        "//evil/x",
        "cid:x",
        "ms-msdt:/id",
        "mhtml:http://a!b",
        "/relative",
        "http://a b/",
    ] {
        let (out, removed) = rebuilt(&format!("<a href=\"{bad}\">x</a>"));
        assert_eq!(out, "<a>x</a>", "{bad}");
        assert_eq!(removed, [Removed::new(What::Link, "link", 1)], "{bad}");
    }
    assert_eq!(body("<a href=' MAILTO:a@b.nl '>x</a>"), "<a href=\"MAILTO:a@b.nl\">x</a>");
    assert_eq!(body("<area href=http://a/><map><area href=http://a/></map>x"), "x");
}

#[test]
fn links_go_where_the_options_say_so() {
    let options = Options { links: Links::Remove, ..Options::default() };
    let settings = Settings { options, ..Settings::default() };
    let page = b"<p>x <a href=http://a/>y</a> <a href=#z>w</a></p>";
    let done = sanitize(page, &Declared { name: "a.html", media_type: "" }, &settings, &mut NoInspector);
    let text = String::from_utf8(done.into_parts().0.unwrap().0).unwrap();
    assert!(text.contains("<a>y</a> <a href=\"#z\">w</a>") && !text.contains("http:"), "{text}");
}

#[test]
fn data_pictures_are_rebuilt_and_other_data_is_not_smuggled() {
    let png = crate::image::tests::png(3, 2);
    let with_tail = [png.as_slice(), b"<script>alert(1)</script>"].concat();
    let (out, _) =
        rebuilt(&format!("<img alt=a src='data:text/html;base64,{}'>", STANDARD.encode(&with_tail)));
    let address = out.split('"').nth(1).unwrap();
    assert!(address.starts_with("data:image/png;base64,"), "{out}");
    let inner = data_bytes(address).unwrap();
    assert!(inner.starts_with(b"\x89PNG") && !inner.ends_with(b"</script>"));

    let blank =
        format!("<img src=\"data:image/png;base64,{}\" alt=\"a\">", STANDARD.encode(crate::image::BLANK));
    for smuggled in [
        STANDARD.encode("<script>alert(1)</script>"),
        STANDARD.encode("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        "%%%".to_owned(),
    ] {
        let (out, removed) = rebuilt(&format!("<img alt=a src='data:image/svg+xml;base64,{smuggled}'>"));
        assert_eq!(out, blank, "{smuggled}");
        assert!(removed.contains(&Removed::new(What::Picture, "picture in a data: address", 1)));
    }
    assert_eq!(
        body("<p><img alt=a src='data:image/svg+xml,<svg onload=alert(1)>'></p>"),
        format!("<p>{blank}</p>")
    );
}

#[test]
fn pictures_of_a_mail_stay_in_mail_only() {
    assert_eq!(body("<img src=cid:a alt=b>"), "<img alt=\"b\">");
    let (page, ..) = bench(&Limits::default(), |job| {
        mail("<img src=cid:a><img src=cid:b alt=c>", &mut |s| (s == "cid:a").then(|| "cid:1".to_owned()), job)
    });
    let page = page.unwrap();
    assert!(page.contains("<img src=\"cid:1\"><img alt=\"c\">"), "{page}");
    assert!(verify_mail(&page, Links::Keep).is_ok());
    assert!(matches!(verify::page(&page, false, Links::Keep), Err(Failure::Unproved(_))));
}

#[test]
fn encodings_are_read_as_declared_and_written_as_utf8() {
    for page in [
        b"<meta charset=windows-1252><p>caf\xe9".to_vec(),
        b"<?xml version='1.0' encoding='iso-8859-1'?><html><p>caf\xe9</html>".to_vec(),
        b"<p>caf\xe9".to_vec(),
        "<p>café".as_bytes().to_vec(),
        [b"\xff\xfe".to_vec(), "<p>café".encode_utf16().flat_map(u16::to_le_bytes).collect()].concat(),
        b"<META http-equiv=Content-Type content='text/html; charset=\"koi8-r\"'><p>caf\xe9".to_vec(),
    ] {
        let out = rebuilt_bytes(&page).0;
        assert!(matches!(out.as_str(), "<p>café</p>" | "<p>cafИ</p>"), "{out}");
    }
}

#[test]
fn a_byte_order_mark_where_the_content_begins_is_dropped_by_all_readers() {
    assert_eq!(body("<title>a</title><body> \u{feff} \u{feff}<b>x\u{feff}</b>"), "<b>x\u{feff}</b>");
}

#[test]
fn utf7_and_wide_declarations_switch_nothing() {
    let out = rebuilt("<meta charset=utf-7><p>+ADw-script+AD4-alert(1)+ADw-/script+AD4-").0;
    assert_eq!(out, "<p>+ADw-script+AD4-alert(1)+ADw-/script+AD4-</p>");
    assert_eq!(rebuilt("<meta charset=utf-16><p>x").0, "<p>x</p>");
}

#[test]
fn a_tower_of_elements_is_over_the_limit() {
    assert!(matches!(failure(&"<div>".repeat(100_000)), Failure::Limit { name: "max_nesting", .. }));
    let different: String = (0..10_000).map(|n| format!("<p><b id={n}>")).collect();
    assert!(matches!(failure(&different), Failure::Limit { name: "max_nesting", .. }));
}

#[test]
fn markup_that_multiplies_itself_is_malformed() {
    let seeds: String = (0..200).map(|n| format!("<b id={n}>")).collect();
    assert!(matches!(failure(&format!("<p>{seeds}{}", "<p>x".repeat(10_000))), Failure::Malformed(_)));
}

#[test]
fn unwrapping_settles() {
    for odd in [
        "<p><object><p>x</p></object>y</p>",
        "<pre><script></script>\n\nx</pre>",
        "<table><b><tr><td>x</b></table>y",
        "<a href=http://a/><table><tr><td><a href=http://b/>x</a></table></a>",
        "<nobr><button><p>x<nobr></button>",
        "<ul><label><li>x</label><li>y</ul>",
        "<select><option>a<option>b</select>",
        "<p>&#13;&#1;&#128;\u{85}x",
        "<h1><h2>x</h1>",
        "x </body> y <!-- z -->",
        "<frameset><frame src=http://evil/></frameset>",
        "<ruby><rb>x<rt>y</ruby>",
        "<textarea>\n<b>x</b></textarea>",
    ] {
        rebuilt(odd);
    }
}

#[test]
fn proof_finds_what_must_be_gone() {
    let whole = |inner: &str| {
        format!(
            "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title></title>\n</head>\n<body>\n{inner}{PAGE_END}"
        )
    };
    assert!(verify::page(&whole("<p>x</p>"), false, Links::Keep).is_ok());
    for bad in [
        "<script>x</script>",
        "<p onclick=\"x\">y</p>",
        "<a href=\"javascript:x\">y</a>",
        "<img src=\"http://a/\">",
        "<img src=\"data:text/html;base64,x\">",
        "<p style=\"background: url(x)\">y</p>",
        "<form>x</form>",
        "<!-- x -->",
        "<meta http-equiv=\"refresh\">",
        "<p style=\"behavior : x\">y</p>",
        "<p style=\"color: red; _behavior:x\">y</p>",
        "<p style=\"-moz-binding:x\">y</p>",
        "<p style=\"width: expression(x)\">y</p>",
        "<style>@import x</style>",
        "<p>x",
    ] {
        assert!(matches!(verify::page(&whole(bad), false, Links::Keep), Err(Failure::Unproved(_))), "{bad}");
    }
}

#[test]
fn whole_way_of_a_page() {
    let declared = Declared { name: "brief.html", media_type: "text/html" };
    let done = sanitize(b"<p>x<script>y</script>", &declared, &Settings::default(), &mut NoInspector);
    assert_eq!(done.report().verdict, Verdict::Rebuilt);
}

#[test]
fn a_tag_with_too_many_attributes_is_malformed() {
    let attributes = |count: u32, text: &dyn Fn(u32) -> String| (0..count).map(text).collect::<String>();
    for hostile in [
        format!("<p {}>", attributes(5000, &|n| format!("a{n} "))),
        format!("<p x\" {}>", attributes(5000, &|n| format!("a{n}/"))),
        format!("<p x='>' {}>", attributes(5000, &|n| format!("a{n}=\"\""))),
        format!("<p {}>", attributes(5000, &|n| format!("=a{n}= '>' "))),
        format!("</p {}>", attributes(5000, &|n| format!("a{n} "))),
        // What a reader without regard to comments, raw text or quotes would pass over.
        format!("<!-- <a b=\" --><p {}>", attributes(5000, &|n| format!("a{n} "))),
        format!("<!-- <style> --><p {}></style>", attributes(5000, &|n| format!("a{n} "))),
        format!("<textarea><a b='</textarea><p {}>", attributes(5000, &|n| format!("a{n} "))),
    ] {
        assert!(matches!(failure(&hostile), Failure::Malformed(_)), "{}", &hostile[..40]);
    }
    let script = format!("<script>if (a<b {})</script><p>x", attributes(2000, &|n| format!("a{n} ")));
    assert_eq!(body(&script), "<p>x</p>");
}

#[test]
fn the_proof_holds_links_against_the_option() {
    let (page, mail) = bench(&Limits::default(), |job| {
        let page = rebuild(b"<a href=http://a/>x</a>", Format::Html, job).unwrap().bytes;
        (String::from_utf8(page).unwrap(), mail("<a href=#a>x</a>", &mut |_| None, job).unwrap())
    })
    .0;
    assert!(verify::page(&page, false, Links::Keep).is_ok() && verify_mail(&page, Links::Keep).is_ok());
    assert!(verify::page(&page, false, Links::Remove).is_err() && verify_mail(&page, Links::Remove).is_err());
    assert!(verify_mail(&mail, Links::Remove).is_ok());
}

#[test]
fn words_that_only_look_like_calls_stay() {
    let page = "<style>.hourly { color: red }\n.behavior:hover { color: red }\n</style><p style=\"font-family: 'Curlz MT', binding\">x</p>";
    let (out, removed) = rebuilt(page);
    assert!(out.contains("Curlz MT") && removed.is_empty(), "{out} {removed:?}");
}
