use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::job::bench;
use crate::limits::Limits;
use crate::options::Links;

fn run(bytes: &[u8]) -> (Result<Vec<u8>, Failure>, Vec<Removed>) {
    let (done, removed, _) = bench(&Limits::default(), |job| {
        let done = rebuild(bytes, Format::Svg, job)?;
        verify(&done.bytes, Format::Svg, job)?;
        Ok::<_, Failure>(done.bytes)
    });
    (done, removed)
}

/// What is inside the rebuilt root, and what was removed; it must rebuild to itself.
fn rebuilt(inner: &str) -> (String, Vec<Removed>) {
    let whole = format!("<svg xmlns='{SVG}' xmlns:xlink='{XLINK}'>{inner}</svg>");
    let (done, removed) = run(whole.as_bytes());
    let done = done.unwrap_or_else(|failure| panic!("{inner}: {failure}"));
    assert_eq!(run(&done), (Ok(done.clone()), vec![]), "idempotent: {}", String::from_utf8_lossy(&done));
    let text = String::from_utf8(done).unwrap();
    let head =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"{SVG}\" xmlns:xlink=\"{XLINK}\">");
    let inner = text.strip_prefix(&head).and_then(|rest| rest.strip_suffix("</svg>\n")).unwrap_or_default();
    (inner.to_owned(), removed)
}

fn failure(whole: &str) -> Failure {
    run(whole.as_bytes()).0.unwrap_err()
}

#[test]
fn drawings_stay() {
    let drawing = "<defs><linearGradient id=\"g\"><stop offset=\"0\" stop-color=\"#fff\"/></linearGradient></defs>\n<rect fill=\"url(#g)\" \
        style=\"stroke: rgb(1, 2, 3); fill: url('#g')\" transform=\"rotate(3)\"/><text x=\"1\" xml:space=\"preserve\">é &amp; <tspan>b</tspan></text>\
        <use x=\"1\" xlink:href=\"#g\"/><a xlink:href=\"https://a.nl/\"><circle r=\"1\"/></a>";
    assert_eq!(rebuilt(drawing), (drawing.to_owned(), vec![]));
}

#[test]
fn style_sheets_are_kept_without_what_fetches() {
    let (out, removed) = rebuilt(
        "<style>@import url(http://evil/); .a{fill:red;background:url(http://evil/)} @font-face{src:url(x)} b > c{fill:url(#g)}</style>",
    );
    assert_eq!(out, "<style>\n.a { fill: red }\nb &gt; c { fill: url(#g) }\n</style>");
    assert!(removed.contains(&Removed::new(What::ExternalReference, "style", 3)), "{removed:?}");
}

#[test]
fn scripts_animation_and_foreign_content_go() {
    for hostile in [
        "<script>alert(1)</script>",
        "<x:script xmlns:x='http://www.w3.org/2000/svg'>alert(1)</x:script>",
        "<script xmlns='http://www.w3.org/1999/xhtml'>alert(1)</script>",
        "<g onload='alert(1)' onclick='alert(1)'/>",
        "<foreignObject><iframe xmlns='http://www.w3.org/1999/xhtml' src='http://evil/'/></foreignObject>",
        "<a><set attributeName='href' to='javascript:alert(1)'/></a>",
        "<a><animate attributeName='xlink:href' values='javascript:alert(1)'/></a>",
        "<use href='http://evil/x.svg#a'/>",
        "<use xlink:href='data:image/svg+xml;base64,PHN2Zz4='/>",
        "<use href='x.svg#a' xlink:href='#a'/>",
        "<image href='http://evil/x.png'/>",
        "<image xlink:href='file:///etc/passwd'/>",
        "<feImage href='http://evil/'/>",
        "<filter><feImage xlink:href='http://evil/'/></filter>",
        "<a href='javascript:alert(1)'/>",
        "<a xlink:href=' java&#10;script:alert(1)'/>",
        "<rect fill='url(http://evil/#g)'/>",
        "<rect fill='url( &quot;//evil/#g&quot; )'/>",
        "<rect fill='url(evil.svg#g)'/>",
        "<rect style='fill: url(evil.svg)'/>",
        "<rect style='fill:u\\72l(http://evil/)'/>",
        "<rect style='fill:UR/**/L(http://evil/)'/>",
        "<style>@import 'http://evil/';</style>",
        "<style><![CDATA[</style><script>alert(1)</script>]]></style>",
        "<metadata><x xmlns='urn:evil'>alert</x></metadata>",
        "<handler type='text/javascript'>alert(1)</handler>",
        "<rect xmlns:i='urn:evil' i:onload='alert(1)'/>",
        "<tref xlink:href='http://evil/'/>",
        "<?xml-stylesheet href='http://evil/'?>",
        "<!-- evil -->",
    ] {
        let (out, removed) = rebuilt(hostile);
        let lower = out.to_lowercase();
        for word in
            ["script", "alert", "evil", "onload", "foreign", "animate", "<set", "data:", "file:", "import"]
        {
            assert!(!lower.contains(word), "{hostile} → {out}");
        }
        assert!(!removed.is_empty(), "{hostile} → {out}");
    }
}

#[test]
fn embedded_pictures_are_rebuilt_and_other_data_is_not_smuggled() {
    let png = STANDARD.encode([crate::image::tests::png(2, 2), b"<script>".to_vec()].concat());
    let (out, _) = rebuilt(&format!("<image width=\"2\" xlink:href=\"data:image/jpeg;base64,{png}\"/>"));
    assert!(
        out.starts_with("<image width=\"2\" xlink:href=\"data:image/png;base64,") && !out.contains(&png),
        "{out}"
    );
    let svg = STANDARD.encode(format!("<svg xmlns='{SVG}'><script>alert(1)</script></svg>"));
    let blank = STANDARD.encode(crate::image::BLANK);
    let (out, removed) = rebuilt(&format!("<image href=\"data:image/svg+xml;base64,{svg}\"/>"));
    assert_eq!(out, format!("<image xlink:href=\"data:image/png;base64,{blank}\"/>"));
    assert_eq!(removed, [Removed::new(What::Picture, "picture in a data: address", 1)]);
}

#[test]
fn document_type_goes_and_entities_are_malformed() {
    let (done, removed) = run(format!(
        "<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd'><svg xmlns='{SVG}'/>"
    ).as_bytes());
    assert!(!String::from_utf8(done.unwrap()).unwrap().contains("DOCTYPE"));
    assert_eq!(removed, [Removed::new(What::Entity, "document type declaration", 1)]);
    let bomb = format!(
        "<!DOCTYPE svg [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><svg xmlns='{SVG}'><text>&b;</text></svg>"
    );
    assert!(matches!(failure(&bomb), Failure::Malformed(_)));
    let external = format!(
        "<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><svg xmlns='{SVG}'><text x='&a;'/></svg>"
    );
    assert!(matches!(failure(&external), Failure::Malformed(_)));
}

#[test]
fn a_drawing_that_multiplies_itself_is_malformed() {
    let level =
        |n: u32| format!("<g id='l{n}'>{}</g>", format!("<use xlink:href='#l{}'/>", n - 1).repeat(10));
    let levels: String = (1..10).map(level).collect();
    let bomb = format!("<svg xmlns='{SVG}' xmlns:xlink='{XLINK}'><g id='l0'/>{levels}</svg>");
    assert!(matches!(failure(&bomb), Failure::Malformed(_)));
    let circle =
        format!("<svg xmlns='{SVG}'><g id='a'><use href='#b'/></g><g id='b'><use href='#a'/></g></svg>");
    assert!(matches!(failure(&circle), Failure::Malformed(_)));
}

#[test]
fn depth_and_size_are_limited() {
    let tower = format!("<svg xmlns='{SVG}'>{}", "<g>".repeat(10_000));
    assert!(matches!(failure(&tower), Failure::Limit { name: "max_nesting", .. }));
    let skipped = format!("<svg xmlns='{SVG}'><metadata>{}", "<x>".repeat(10_000));
    assert!(matches!(failure(&skipped), Failure::Limit { name: "max_nesting", .. }));
    for size in ["width='1e9' height='1e9'", "width='90000cm' height='1000cm'", "width='-5' height='3'"] {
        assert!(
            matches!(
                failure(&format!("<svg xmlns='{SVG}' {size}/>")),
                Failure::Limit { name: "max_pixels", .. }
            ),
            "{size}"
        );
    }
}

#[test]
fn what_is_no_drawing_is_malformed() {
    for text in [
        format!("<html xmlns='{SVG}'/>"),
        "<svg/>".to_owned(),
        format!("<svg xmlns='{SVG}'/><svg xmlns='{SVG}'/>"),
        format!("<svg xmlns='{SVG}'><g></svg>"),
        format!("<svg xmlns='{SVG}'><g>"),
        format!("<svg xmlns='{SVG}'>&#1;</svg>"),
        format!("<svg xmlns='{SVG}'><x:g/></svg>"),
        format!("<svg xmlns='{SVG}' id='a' id='b'/>"),
        format!("<svg xmlns='{SVG}' {}/>", (0..1000).map(|n| format!("a{n}='' ")).collect::<String>()),
        format!("<svg xmlns='{SVG}' {}/>", (0..100).map(|n| format!("xmlns:a{n}='x' ")).collect::<String>()),
        format!("<?xml version='1.0' encoding='utf-7'?><svg xmlns='{SVG}'/>"),
    ] {
        assert!(matches!(failure(&text), Failure::Malformed(_)), "{text}");
    }
}

#[test]
fn proof_finds_what_must_be_gone() {
    for bad in [
        "<script/>",
        "<x:g/>",
        "<animate/>",
        "<g onload=\"x\"/>",
        "<g xlink:href=\"http://a/\"/>",
        "<g href=\"#a\"/>",
        "<image xlink:href=\"data:image/svg+xml;base64,x\"/>",
        "<g fill=\"url(http://a/)\"/>",
        "<style>@import x</style>",
        "<style>a { b: url( x ) }</style>",
        "&a;",
        "<!-- x -->",
        "<![CDATA[x]]>",
        "<?x y?>",
    ] {
        let whole = format!("<svg>{bad}</svg>");
        let (proof, ..) = bench(&Limits::default(), |job| verify(whole.as_bytes(), Format::Svg, job));
        assert!(matches!(proof, Err(Failure::Unproved(_))), "{bad}");
    }
}

#[test]
fn words_that_only_look_like_calls_stay() {
    let drawing =
        "<g id=\"curl\" class=\"expression hourly\"><path id=\"javascript\"/></g><g fill=\"url(#curl)\"/>";
    assert_eq!(rebuilt(drawing), (drawing.to_owned(), vec![]));
    for hostile in ["fill='curl(http://a/)'", "fill='url (#a) url(x)'", "fill='URL( http:a )'"] {
        assert_eq!(rebuilt(&format!("<g {hostile}/>")).0, "<g/>", "{hostile}");
    }
}

#[test]
fn the_proof_holds_links_against_the_option() {
    let whole = format!("<svg xmlns='{SVG}' xmlns:xlink='{XLINK}'><a xlink:href='http://a/'/></svg>");
    for (links, is_fine) in [(Links::Keep, true), (Links::Remove, false)] {
        let options = crate::options::Options { links, ..Default::default() };
        let proof = crate::job::bench_choosing(&Limits::default(), &options, |job| {
            verify(whole.as_bytes(), Format::Svg, job)
        });
        assert_eq!(proof.0.is_ok(), is_fine);
    }
}

#[test]
fn markers_and_patterns_that_multiply_themselves_are_malformed() {
    let whole = |inner: &str| format!("<svg xmlns='{SVG}' xmlns:xlink='{XLINK}'>{inner}</svg>");
    let path = |points: usize, style: &str| format!("<path d='M0 0{}' {style}/>", "h1".repeat(points));
    // Every point of the first path draws a marker, every point of which draws the next.
    let marker = |n: u32, style: &str| format!("<marker id='m{n}'>{}</marker>", path(150, style));
    let chain: String = (1..4).map(|n| marker(n, &format!("marker-mid='url(#m{})'", n - 1))).collect();
    let markers = format!("<marker id='m0'><path/></marker>{chain}");
    let in_style: String =
        (1..4).map(|n| marker(n, &format!("style='marker-mid: url(\"#m{}\")'", n - 1))).collect();
    let by_class: String = (1..4).map(|n| marker(n, &format!("class='x c{n}'"))).collect();
    let sheet: String = (1..5).map(|n| format!("g > .c{n}, b.z{{marker-mid:url(#m{})}}", n - 1)).collect();
    let rect = |n: u32| format!("<rect fill='url(#p{n})'/>").repeat(150);
    let patterns: String = (1..4).map(|n| format!("<pattern id='p{n}'>{}</pattern>", rect(n - 1))).collect();
    let inherited = (1..4).map(|n| {
        format!("<pattern id='p{n}'><g fill='url(#p{})'>{}</g></pattern>", n - 1, "<rect/>".repeat(150))
    });
    for bomb in [
        format!("{markers}{}", path(150, "marker-start='url(#m3)'")),
        format!("{markers}<g marker='url(#m3)'>{}</g>", path(150, "")),
        format!("<marker id='m0'><path/></marker>{in_style}{}", path(150, "style='marker:url(#m3)'")),
        format!(
            "<marker id='m0'><path/></marker>{by_class}{}<style>{sheet}</style>",
            path(150, "class='c4'")
        ),
        format!("<pattern id='p0'><rect/></pattern>{patterns}{}", rect(3)),
        format!("<pattern id='p0'><rect/></pattern>{}{}", inherited.collect::<String>(), rect(3)),
    ] {
        assert!(matches!(failure(&whole(&bomb)), Failure::Malformed(_)), "{}", &bomb[..60]);
    }
    let honest = format!(
        "<linearGradient id=\"l\"><stop/><stop/></linearGradient><marker id=\"m\"><path d=\"M0 0h1\"/></marker>{}",
        path(5000, "marker-mid=\"url(#m)\" fill=\"url(#l)\"").replace('\'', "\"").repeat(10)
    );
    assert_eq!(rebuilt(&honest), (honest, vec![]));
}

#[test]
fn filters_beyond_measure_go() {
    let filter =
        "<filter id=\"f\"><feGaussianBlur stdDeviation=\"3 2.5\"/><feTurbulence numOctaves=\"4\"/></filter>";
    assert_eq!(rebuilt(filter), (filter.to_owned(), vec![]));
    for hostile in
        ["numOctaves='1000000'", "stdDeviation='1e9'", "radius='1 1e7'", "order='999,999'", "order='inf'"]
    {
        assert_eq!(rebuilt(&format!("<feTurbulence {hostile}/>")).0, "<feTurbulence/>", "{hostile}");
    }
}

#[test]
fn clips_around_many_elements_count_once() {
    let clip = "<clipPath id=\"c\"><path/><path/></clipPath>";
    let rects = "<rect/>".repeat(100_000);
    let drawing = format!(
        "{clip}<g clip-path=\"url(#c)\"><g clip-path=\"url(#c)\"><g style=\"mask: url(#c)\"><g filter=\"url(#c)\">{rects}</g></g></g></g>"
    );
    assert_eq!(rebuilt(&drawing), (drawing, vec![]));
}
