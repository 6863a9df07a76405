//! Hostile PDFs by the name of their attack, and honest ones that must stay what they are.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use lopdf::{Dictionary, Document, Object};

mod verifier;

use super::verify::verify;
use crate::options::{Links, Metadata, Signed};
use crate::{Declared, Failure, Limits, NoInspector, Options, Report, Settings, Verdict, What, sanitize};

/// A PDF with one page of text, to which a test adds.
struct Fixture {
    catalog: String,
    page: String,
    objects: Vec<(u32, Vec<u8>)>,
}

impl Fixture {
    fn new() -> Self {
        let content = stream("", b"BT /F1 12 Tf 72 720 Td (Hello) Tj ET");
        let font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_vec();
        Self { catalog: String::new(), page: String::new(), objects: vec![(4, content), (5, font)] }
    }

    /// Entries of the catalog.
    fn catalog(mut self, entries: &str) -> Self {
        self.catalog.push_str(entries);
        self
    }

    /// Entries of the page.
    fn page(mut self, entries: &str) -> Self {
        self.page.push_str(entries);
        self
    }

    fn object(mut self, number: u32, body: impl Into<Vec<u8>>) -> Self {
        self.objects.push((number, body.into()));
        self
    }

    fn objects(&self) -> Vec<(u32, Vec<u8>)> {
        let mut all = vec![
            (1, format!("<</Type/Catalog/Pages 2 0 R{}>>", self.catalog).into_bytes()),
            (2, b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec()),
            (
                3,
                format!(
                    "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>{}>>",
                    self.page
                )
                .into_bytes(),
            ),
        ];
        all.extend(self.objects.iter().cloned());
        all
    }

    fn build(&self) -> Vec<u8> {
        write(&self.objects(), "")
    }
}

/// A classic file: header, objects, table, trailer.
fn write(objects: &[(u32, Vec<u8>)], trailer: &str) -> Vec<u8> {
    append(b"%PDF-1.7\n".to_vec(), objects, trailer)
}

/// Adds a revision.
fn append(mut out: Vec<u8>, objects: &[(u32, Vec<u8>)], trailer: &str) -> Vec<u8> {
    let mut table = String::from("0 1\n0000000000 65535 f \n");
    for (number, body) in objects {
        table.push_str(&format!("{number} 1\n{:010} 00000 n \n", out.len()));
        out.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\nendobj\n");
    }
    let size = objects.iter().map(|(number, _)| number + 1).max().unwrap_or(1).max(6);
    let start = out.len();
    out.extend_from_slice(
        format!("xref\n{table}trailer\n<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n")
            .as_bytes(),
    );
    out
}

fn stream(entries: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<<{entries}/Length {}>>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

/// A row of a cross-reference stream with widths 1 2 1.
fn row(kind: u8, at: usize) -> [u8; 4] {
    let [high, low] = u16::try_from(at).unwrap().to_be_bytes();
    [kind, high, low, 0]
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn run(bytes: &[u8]) -> (Option<Vec<u8>>, Report) {
    run_within(bytes, &Limits::default())
}

fn run_within(bytes: &[u8], limits: &Limits) -> (Option<Vec<u8>>, Report) {
    run_with(bytes, &Settings { limits: limits.clone(), ..Settings::default() })
}

fn run_choosing(bytes: &[u8], options: Options) -> (Option<Vec<u8>>, Report) {
    run_with(bytes, &Settings { options, ..Settings::default() })
}

fn run_with(bytes: &[u8], settings: &Settings) -> (Option<Vec<u8>>, Report) {
    let declared = Declared { name: "a.pdf", media_type: "application/pdf" };
    let (file, report) = sanitize(bytes, &declared, settings, &mut NoInspector).into_parts();
    (file.map(|(bytes, _)| bytes), report)
}

/// The rebuilt copy, which rebuilds to itself without a further removal, and its report.
fn rebuilt(bytes: &[u8]) -> (Document, Vec<u8>, Report) {
    let (file, report) = run(bytes);
    let file = file.unwrap_or_else(|| panic!("not rebuilt: {}", report.reason));
    let (again, second) = run(&file);
    assert_eq!(again.as_ref(), Some(&file), "not idempotent: {}", second.reason);
    assert_eq!(second.removed, [], "a rebuilt file loses something when it is rebuilt");
    (Document::load_mem(&file).unwrap(), file, report)
}

/// As [`rebuilt`], and none of `gone` is left in the file.
#[track_caller]
fn without(bytes: &[u8], gone: &[&str]) -> (Document, Vec<u8>, Report) {
    let (document, file, report) = rebuilt(bytes);
    for text in gone {
        assert!(!contains(&file, text), "{text} is left");
    }
    assert!(contains(&file, "/Helvetica"), "the font went too");
    (document, file, report)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[track_caller]
fn withheld(bytes: &[u8], reason: &str) {
    let (file, report) = run(bytes);
    assert!(file.is_none(), "it was rebuilt");
    assert_eq!(report.verdict, Verdict::Unscannable);
    assert!(report.reason.contains(reason), "{}", report.reason);
}

#[track_caller]
fn removed(report: &Report, what: What) {
    assert!(
        report.removed.iter().any(|removed| removed.what == what),
        "{what:?} is not in {:?}",
        report.removed
    );
}

fn page(document: &Document) -> &Dictionary {
    document.get_dictionary((3, 0)).unwrap()
}

fn annotations(document: &Document) -> Vec<&Dictionary> {
    let annotations = page(document).get_deref(b"Annots", document).unwrap().as_array().unwrap();
    annotations.iter().map(|item| document.dereference(item).unwrap().1.as_dict().unwrap()).collect()
}

// ---- honest files ---------------------------------------------------------------------------------

#[test]
fn a_plain_document_keeps_text_links_and_outline() {
    let bytes = Fixture::new()
        .catalog(
            "/Outlines 8 0 R/PageMode/UseOutlines/Lang(nl)/Names<</Dests<</Names[(top)[3 0 R/XYZ 0 0 0]]>>>>",
        )
        .page("/Annots[6 0 R 7 0 R]")
        .object(6, "<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(https://example.org/)>>>>")
        .object(7, "<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/Dest[3 0 R/Fit]>>")
        .object(8, "<</Type/Outlines/First 9 0 R/Last 9 0 R/Count 1>>")
        .object(9, "<</Title(One)/Parent 8 0 R/Dest(top)>>")
        .build();
    let (document, file, report) = rebuilt(&bytes);
    assert_eq!(report.removed, []);
    assert_eq!(document.extract_text(&[1]).unwrap().trim(), "Hello");
    let links = annotations(&document);
    assert_eq!(
        links[0].get(b"A").unwrap().as_dict().unwrap().get(b"URI").unwrap().as_str().unwrap(),
        b"https://example.org/"
    );
    assert_eq!(links[1].get(b"Dest").unwrap().as_array().unwrap()[0], Object::Reference((3, 0)));
    assert!(contains(&file, "/Title(One)") && contains(&file, "/Lang(nl)") && contains(&file, "/Dest(top)"));
    verify(&file, &Options::default()).unwrap();
}

#[test]
fn a_form_with_scripts_keeps_its_fields() {
    let bytes = Fixture::new()
        .catalog("/AcroForm<</Fields[6 0 R]/CO[6 0 R]/NeedAppearances true/DA(/F1 0 Tf)>>")
        .page("/Annots[7 0 R]")
        .object(6, "<</FT/Tx/T(name)/Kids[7 0 R]/V(Jan)/AA<</K<</S/JavaScript/JS(evil())>>>>>>")
        .object(7, "<</Type/Annot/Subtype/Widget/Rect[0 0 9 9]/Parent 6 0 R/A<</S/SubmitForm/F(http://x.example)>>>>")
        .build();
    let (document, file, report) = without(&bytes, &["evil", "/AA", "SubmitForm", "JavaScript"]);
    removed(&report, What::Script);
    removed(&report, What::Action);
    assert!(contains(&file, "/V(Jan)"));
    let widget = annotations(&document)[0];
    let field = widget.get_deref(b"Parent", &document).unwrap().as_dict().unwrap();
    assert_eq!(field.get(b"T").unwrap().as_str().unwrap(), b"name");
}

#[test]
fn structure_and_its_parent_tree_stay_together() {
    let bytes = Fixture::new()
        .catalog("/MarkInfo<</Marked true>>/StructTreeRoot 6 0 R")
        .page("/StructParents 0")
        .object(6, "<</Type/StructTreeRoot/K 7 0 R/ParentTree<</Nums[0[8 0 R]]>>>>")
        .object(7, "<</S/Document/P 6 0 R/K[8 0 R]>>")
        .object(8, "<</S/P/P 7 0 R/Pg 3 0 R/K 0>>")
        .build();
    let (document, _, report) = rebuilt(&bytes);
    assert_eq!(report.removed, []);
    let element = document
        .objects
        .values()
        .filter_map(|object| object.as_dict().ok())
        .find(|dict| dict.get(b"Pg").is_ok())
        .unwrap();
    let above = element.get_deref(b"P", &document).unwrap().as_dict().unwrap();
    assert_eq!(above.get(b"S").unwrap().as_name().unwrap(), b"Document");
}

#[test]
fn pages_keep_what_they_inherit() {
    let objects = vec![
        (1, b"<</Type/Catalog/Pages 2 0 R>>".to_vec()),
        (2, b"<</Type/Pages/Kids[6 0 R]/Count 2/Rotate 90/Resources<</Font<</F1 5 0 R>>>>>>".to_vec()),
        (6, b"<</Type/Pages/Parent 2 0 R/Kids[3 0 R 7 0 R]/Count 2/MediaBox[0 0 100 100]>>".to_vec()),
        (3, b"<</Type/Page/Parent 6 0 R>>".to_vec()),
        (7, b"<</Type/Page/Parent 6 0 R/MediaBox[0 0 50 50]>>".to_vec()),
        (5, b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_vec()),
    ];
    let (document, ..) = rebuilt(&write(&objects, ""));
    let pages = document.get_pages();
    assert_eq!(pages.len(), 2);
    let second = document.get_dictionary(pages[&2]).unwrap();
    assert_eq!(second.get(b"Rotate").unwrap().as_i64().unwrap(), 90);
    assert_eq!(second.get(b"MediaBox").unwrap().as_array().unwrap()[2], Object::Integer(50));
    assert_eq!(page(&document).get(b"Resources").unwrap(), second.get(b"Resources").unwrap());
}

#[test]
fn a_resource_may_be_called_js() {
    let bytes = Fixture::new().page("/Resources<</Font<</JS 5 0 R/AA 5 0 R>>>>").build();
    let (_, file, report) = rebuilt(&bytes);
    assert_eq!(report.removed, []);
    assert!(contains(&file, "/JS 5 0 R") || contains(&file, "/JS 6 0 R"));
}

#[test]
fn resources_whose_names_mean_something_elsewhere_stay() {
    let font = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>";
    let resources = format!(
        "/Resources<</Font<</F1 5 0 R/AF {font}/Win {font}>>/ExtGState<</JS<</CA .5>>>>/ColorSpace<</AA/DeviceRGB>>>>"
    );
    let (_, file, report) = rebuilt(&Fixture::new().page(&resources).build());
    assert!(report.removed.is_empty(), "{:?}", report.removed);
    for kept in ["/AF ", "/Win ", "/JS ", "/AA/DeviceRGB"] {
        assert!(contains(&file, kept), "{kept}");
    }

    let shared = Fixture::new().page("/Resources<</Font 6 0 R>>").object(6, "<</F1 5 0 R/AF 5 0 R>>");
    let (_, file, report) = rebuilt(&shared.build());
    assert!(report.removed.is_empty() && contains(&file, "/AF "), "{:?}", report.removed);
}

#[test]
fn a_damaged_stream_keeps_what_comes_before_the_damage() {
    let mut content = deflate(&b"BT /F1 12 Tf 72 720 Td (Hello) Tj ET\n".repeat(50));
    content.truncate(content.len() - 6);
    let mut fixture = Fixture::new();
    fixture.objects[0].1 = stream("/Filter/FlateDecode", &content);
    let (document, _, report) = rebuilt(&fixture.build());
    removed(&report, What::UnknownPart);
    assert!(document.extract_text(&[1]).unwrap().contains("Hello"));
}

// ---- scripts and actions --------------------------------------------------------------------------

#[test]
fn names_spelt_with_hex_escapes() {
    let bytes = Fixture::new()
        .catalog("/Open#41ction<</#53/Java#53cript/J#53(evil())>>")
        .page("/A#41<</O<</S/JavaScript/JS(evil())>>>>")
        .build();
    let (.., report) = without(&bytes, &["evil", "OpenAction", "Open#41ction", "/AA", "Java"]);
    removed(&report, What::Script);
    removed(&report, What::Action);
}

/// A file whose catalog opens with object 6, which lies in an object stream.
fn object_stream(action: &str) -> Vec<u8> {
    let packed = deflate(format!("6 0 {action}").as_bytes());
    let mut objects = Fixture::new().catalog("/OpenAction 6 0 R").objects();
    objects.push((7, stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", &packed)));
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = [(0_u8, 0_usize); 9];
    for (number, body) in &objects {
        offsets[*number as usize] = (1, out.len());
        out.extend_from_slice(format!("{number} 0 obj\n").as_bytes());
        out.extend_from_slice(body);
        out.extend_from_slice(b"\nendobj\n");
    }
    offsets[6] = (2, 7);
    offsets[8] = (1, out.len());
    let rows: Vec<u8> = offsets.iter().flat_map(|(kind, at)| row(*kind, *at)).collect();
    let start = out.len();
    out.extend_from_slice(b"8 0 obj\n");
    out.extend_from_slice(&stream("/Type/XRef/Size 9/W[1 2 1]/Root 1 0 R", &rows));
    out.extend_from_slice(format!("\nendobj\nstartxref\n{start}\n%%EOF\n").as_bytes());
    out
}

#[test]
fn script_in_an_object_stream() {
    let bytes = object_stream("<</S/JavaScript/JS(evil())>>");
    let (.., report) = without(&bytes, &["evil", "OpenAction", "ObjStm", "JavaScript"]);
    removed(&report, What::Script);
}

#[test]
fn script_as_a_stream_and_in_the_name_tree() {
    let bytes = Fixture::new()
        .catalog("/Names<</JavaScript<</Names[(a) 6 0 R]>>/EmbeddedFiles<</Names[(b) 8 0 R]>>>>")
        .object(6, "<</S/JavaScript/JS 7 0 R>>")
        .object(7, stream("", b"evil()"))
        .object(8, "<</Type/Filespec/F(b.exe)/EF<</F 9 0 R>>>>")
        .object(9, stream("/Type/EmbeddedFile", b"MZ payload"))
        .build();
    let (.., report) =
        without(&bytes, &["evil", "JavaScript", "EmbeddedFile", "Filespec", "payload", "b.exe"]);
    removed(&report, What::Script);
    removed(&report, What::Attachment);
}

#[test]
fn actions_chained_by_next() {
    let bytes = Fixture::new()
        .page("/Annots[6 0 R]")
        .object(6, "<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/GoTo/D[3 0 R/Fit]/Next[7 0 R]>>>>")
        .object(7, "<</S/URI/URI(https://example.org)/Next<</S/Launch/F(cmd.exe)>>>>")
        .build();
    let (document, _, report) = without(&bytes, &["/Next", "Launch", "cmd.exe"]);
    removed(&report, What::Action);
    assert_eq!(
        annotations(&document)[0].get(b"A").unwrap().as_dict().unwrap().get(b"S").unwrap().as_name().unwrap(),
        b"GoTo"
    );
}

#[test]
fn actions_in_outlines_below_the_first_level() {
    let bytes = Fixture::new()
        .catalog("/Outlines 6 0 R")
        .object(6, "<</First 7 0 R/Last 7 0 R/Count -1>>")
        .object(7, "<</Title(One)/Parent 6 0 R/First 8 0 R/Last 8 0 R/Count 1>>")
        .object(8, "<</Title(Two)/Parent 7 0 R/A<</S/Launch/Win<</F(cmd.exe)>>>>>>")
        .build();
    let (_, file, report) = without(&bytes, &["Launch", "cmd.exe", "/Win"]);
    removed(&report, What::Action);
    assert!(contains(&file, "/Title(One)") && contains(&file, "/Title(Two)"));
}

#[test]
fn attributes_and_named_destinations_that_look_like_actions() {
    let bytes = Fixture::new()
        .catalog("/StructTreeRoot 6 0 R/Dests<</JS[3 0 R/Fit]/top[3 0 R/Fit]>>")
        .object(6, "<</Type/StructTreeRoot/K 7 0 R>>")
        .object(7, "<</S/P/P 6 0 R/K 0/Pg 3 0 R/A<</O/Layout/X<</S/Launch/Win<</F(cmd.exe)>>>>/AA 1>>>>")
        .build();
    let (_, file, _) = without(&bytes, &["Launch", "/JS", "/AA", "cmd.exe"]);
    assert!(contains(&file, "/O/Layout") && contains(&file, "/top["));
}

#[test]
fn actions_of_every_forbidden_kind() {
    for kind in super::forbidden::FORBIDDEN_ACTIONS {
        let bytes = Fixture::new()
            .page("/Annots[6 0 R]")
            .object(6, format!("<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/{kind}/F(x)/JS(y)/N/z>>>>"))
            .build();
        without(&bytes, &[kind]);
    }
}

#[test]
fn named_actions_only_move_between_pages() {
    let link = |name| format!("<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/Named/N/{name}>>>>");
    let bytes = Fixture::new()
        .page("/Annots[6 0 R 7 0 R]")
        .object(6, link("Print"))
        .object(7, link("NextPage"))
        .build();
    let (document, _, report) = without(&bytes, &["Print"]);
    removed(&report, What::Action);
    assert!(!annotations(&document)[0].has(b"A"));
    assert!(annotations(&document)[1].has(b"A"));
}

#[test]
fn links_with_other_schemes() {
    for uri in [
        "javascript:evil()",
        "file:///c:/evil",
        "\\\\\\\\host\\\\evil",
        "evil.exe",
        "smb://evil",
        " http://evil",
        "ht\\ntp://evil",
    ] {
        let bytes = Fixture::new()
            .page("/Annots[6 0 R]")
            .object(6, format!("<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI({uri})>>>>"))
            .build();
        let (.., report) = without(&bytes, &["evil"]);
        removed(&report, What::Link);
    }
}

#[test]
fn relative_links_get_no_base_address() {
    let (.., report) =
        without(&Fixture::new().catalog("/URI<</Base(http://evil.example/)>>").build(), &["evil"]);
    removed(&report, What::ExternalReference);
}

// ---- files, media, forms --------------------------------------------------------------------------

#[test]
fn annotations_that_carry_files_and_media() {
    for (subtype, what) in [
        ("FileAttachment", What::Attachment),
        ("RichMedia", What::Multimedia),
        ("Screen", What::Multimedia),
        ("Movie", What::Multimedia),
        ("Sound", What::Multimedia),
        ("3D", What::Multimedia),
        ("TrapNet", What::UnknownPart),
        ("PrinterMark", What::UnknownPart),
        ("Watermark", What::UnknownPart),
        ("Unheard", What::UnknownPart),
    ] {
        let bytes = Fixture::new()
            .page("/Annots[6 0 R]")
            .object(6, format!("<</Type/Annot/Subtype/{subtype}/Rect[0 0 9 9]/FS<</F(x)/EF<</F 7 0 R>>>>>>"))
            .object(7, stream("", b"payload"))
            .build();
        let (document, _, report) = without(&bytes, &[subtype, "payload", "/EF"]);
        removed(&report, what);
        assert!(annotations(&document).is_empty());
    }
}

#[test]
fn portfolio_associated_files_and_xfa() {
    let bytes = Fixture::new()
        .catalog("/Collection<</View/H>>/AF[6 0 R]/AcroForm<</Fields[]/XFA 7 0 R>>/NeedsRendering true")
        .page("/AF[6 0 R]")
        .object(6, "<</Type/Filespec/F(x)>>")
        .object(7, stream("", b"<xdp>payload</xdp>"))
        .build();
    let (.., report) =
        without(&bytes, &["Collection", "/AF", "Filespec", "XFA", "payload", "NeedsRendering"]);
    removed(&report, What::Attachment);
    removed(&report, What::Form);
}

#[test]
fn optional_content_keeps_no_state_action() {
    let bytes = Fixture::new()
        .catalog(
            "/OpenAction<</S/SetOCGState/State[/OFF 6 0 R]>>/OCProperties<</OCGs[6 0 R]/D<</OFF[6 0 R]>>>>",
        )
        .object(6, "<</Type/OCG/Name(Layer)>>")
        .build();
    let (_, file, _) = without(&bytes, &["SetOCGState", "OpenAction"]);
    assert!(contains(&file, "/Name(Layer)") && contains(&file, "/OFF["));
}

#[test]
fn streams_kept_in_other_files() {
    let bytes = Fixture::new()
        .page("/Resources<</XObject<</X 6 0 R>>/Font<</F1 5 0 R>>>>")
        .object(6, stream("/Subtype/Form/BBox[0 0 1 1]/F(\\\\\\\\host\\\\share)/FFilter/FlateDecode", b""))
        .build();
    let (.., report) = without(&bytes, &["share", "FFilter", "/BBox"]);
    removed(&report, What::ExternalReference);
}

#[test]
fn opi_reference_and_postscript_xobjects() {
    let bytes = Fixture::new()
        .page("/Resources<</XObject<</A 6 0 R/B 7 0 R>>/Font<</F1 5 0 R>>>>")
        .object(
            6,
            stream("/Subtype/Form/BBox[0 0 1 1]/OPI<</2.0<</F(a.tif)>>>>/Ref<</F(b.pdf)/Page 0>>", b"q Q"),
        )
        .object(7, stream("/Subtype/PS", b"(evil) run"))
        .build();
    let (.., report) = without(&bytes, &["OPI", "/Ref", "a.tif", "b.pdf", "/PS", "evil"]);
    removed(&report, What::ExternalReference);
}

#[test]
fn functions_that_are_programs() {
    let function = |program: &[u8]| stream("/FunctionType 4/Domain[0 1]/Range[0 1]", program);
    let with = |program: &[u8]| {
        Fixture::new()
            .page("/Resources<</Font<</F1 5 0 R>>/ColorSpace<</C[/Separation/Gold/DeviceGray 6 0 R]>>>>")
            .object(6, function(program))
            .build()
    };
    let (.., report) = without(&with(b"{ (evil) run }"), &["evil"]);
    removed(&report, What::Script);
    without(&with(b"{ 1 } { evil }"), &["evil"]);
    let (_, file, report) = rebuilt(&with(b"{ dup 0.5 gt { 1 exch sub } { pop 0 } ifelse } % honest"));
    assert_eq!(report.removed, []);
    assert!(contains(&file, "ifelse"));
}

#[test]
fn jpeg_metadata_and_trailing_bytes() {
    let segment = |marker: u8, body: &[u8]| {
        let length = u16::try_from(body.len() + 2).unwrap().to_be_bytes();
        [&[0xff, marker], length.as_slice(), body].concat()
    };
    let jpeg = [
        vec![0xff, 0xd8],
        segment(0xe1, b"Exif\0\0position"),
        segment(0xee, b"Adobe\0\x64\0\0\0\0\x01"),
        segment(0xda, &[1, 1, 0, 0, 63, 0]),
        vec![0x12, 0xff, 0x00, 0x34, 0xff, 0xd0, 0x56, 0xff, 0xd9],
        b"PK\x03\x04payload\xff\xd9".to_vec(),
    ]
    .concat();
    let bytes = Fixture::new()
        .page("/Resources<</XObject<</X 6 0 R>>/Font<</F1 5 0 R>>>>")
        .object(
            6,
            stream(
                "/Subtype/Image/Width 8/Height 8/BitsPerComponent 8/ColorSpace/DeviceGray/Filter/DCTDecode",
                &jpeg,
            ),
        )
        .build();
    let (_, file, _) = without(&bytes, &["position", "payload"]);
    assert!(contains(&file, "Adobe"));
}

#[test]
fn bytes_behind_the_compressed_data() {
    let content = [deflate(b"BT /F1 12 Tf (Hello) Tj ET").as_slice(), b"payload"].concat();
    let mut fixture = Fixture::new();
    fixture.objects[0].1 = stream("/Filter/FlateDecode", &content);
    without(&fixture.build(), &["payload"]);
}

#[test]
fn operators_that_break_off_are_cut_and_noted() {
    for filter in ["", "/Filter/FlateDecode"] {
        let content = b"BT /F1 12 Tf (Hello) Tj (payload";
        let content = if filter.is_empty() { content.to_vec() } else { deflate(content) };
        let mut fixture = Fixture::new();
        fixture.objects[0].1 = stream(filter, &content);
        let (_, file, report) = without(&fixture.build(), &["payload"]);
        assert!(contains(&file, "(Hello) Tj"));
        removed(&report, What::UnknownPart);
    }
}

#[test]
fn metadata_and_private_data() {
    let mut objects = Fixture::new()
        .catalog("/Metadata 6 0 R/PieceInfo<</X<</Private(secret)>>>>")
        .page("/Thumb 7 0 R/LastModified(D:2020)")
        .object(6, stream("/Type/Metadata/Subtype/XML", b"<x:xmpmeta>secret</x:xmpmeta>"))
        .object(7, stream("/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8", b"secret"))
        .objects();
    objects.push((8, b"<</Author(secret)/Producer(secret)>>".to_vec()));
    let (_, _, report) =
        without(&write(&objects, "/Info 8 0 R/ID[<aa><aa>]"), &["secret", "/Info", "/Metadata", "/Thumb"]);
    removed(&report, What::Metadata);
}

#[test]
fn a_description_is_kept_on_request_as_plain_text() {
    let mut objects = Fixture::new().objects();
    let info = "<</Title(A plan)/Author 9 0 R/Producer(secret)/Keywords<</JS(evil())>>/Custom(secret)>>";
    objects.push((8, info.into()));
    objects.push((9, b"(Ada)".to_vec()));
    let bytes = write(&objects, "/Info 8 0 R");
    let keep = || Options { metadata: Metadata::Keep, ..Options::default() };
    let (file, report) = run_choosing(&bytes, keep());
    let file = file.unwrap();
    assert!(contains(&file, "/Title(A plan)/Author(Ada)>>"), "{}", String::from_utf8_lossy(&file));
    assert!(["secret", "evil", "/Custom"].iter().all(|gone| !contains(&file, gone)));
    removed(&report, What::Metadata);
    let (again, report) = run_choosing(&file, keep());
    assert_eq!((again.as_ref(), report.removed.as_slice()), (Some(&file), [].as_slice()));
    without(&file, &["/Info", "A plan", "Ada"]);
    assert!(matches!(verify(&file, &Options::default()), Err(Failure::Unproved(_))));
}

#[test]
fn web_links_go_on_request() {
    let bytes = Fixture::new()
        .page("/Annots[6 0 R]")
        .object(6, "<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A<</S/URI/URI(https://example.org/)>>>>")
        .build();
    let (file, report) = run_choosing(&bytes, Options { links: Links::Remove, ..Options::default() });
    assert!(!contains(&file.unwrap(), "example.org"));
    removed(&report, What::Link);
    let kept = run(&bytes).0.unwrap();
    let without_links = Options { links: Links::Remove, ..Options::default() };
    assert!(matches!(verify(&kept, &without_links), Err(Failure::Unproved(_))));
}

/// A document with a signed signature field.
fn signed() -> Vec<u8> {
    Fixture::new()
        .catalog("/AcroForm<</Fields[6 0 R]/SigFlags 3>>/Perms<</DocMDP 7 0 R>>")
        .page("/Annots[6 0 R]")
        .object(6, "<</FT/Sig/T(s)/V 7 0 R/Type/Annot/Subtype/Widget/Rect[0 0 0 0]>>")
        .object(7, "<</Type/Sig/Filter/Adobe.PPKLite/ByteRange[0 1 2 3]/Contents<00>>>")
        .build()
}

#[test]
fn signatures_are_noted() {
    let (.., report) = without(&signed(), &["ByteRange", "/Perms", "SigFlags"]);
    removed(&report, What::Signature);
}

#[test]
fn signed_documents_are_held_back_on_request() {
    let held = || Options { signed: Signed::Quarantine, ..Options::default() };
    let (file, report) = run_choosing(&signed(), held());
    assert_eq!((file, report.verdict), (None, Verdict::Refused));
    assert!(report.reason.contains("signed"), "{}", report.reason);
    assert!(run_choosing(&Fixture::new().build(), held()).0.is_some());
}

// ---- structure ------------------------------------------------------------------------------------

#[test]
fn incremental_update_hides_the_old_revision() {
    let old = Fixture::new().catalog("/OpenAction<</S/JavaScript/JS(evil())>>").build();
    let start = old.windows(4).rposition(|w| w == b"xref").unwrap();
    let start = old[..start].windows(4).rposition(|w| w == b"xref").unwrap_or(start);
    let new = vec![(1, b"<</Type/Catalog/Pages 2 0 R>>".to_vec())];
    let (.., report) = without(&append(old, &new, &format!("/Prev {start}")), &["evil"]);
    removed(&report, What::Unreachable);
}

#[test]
fn orphans_are_left_behind() {
    let bytes = Fixture::new().object(6, stream("", b"payload")).build();
    let (document, _, report) = without(&bytes, &["payload"]);
    removed(&report, What::Unreachable);
    assert_eq!(document.objects.len(), 5);
}

/// The table's entry for object `number` says that it stands at `place`.
fn lying(number: u32, place: &str) -> Vec<u8> {
    let text = String::from_utf8(Fixture::new().build()).unwrap();
    let at = text.find(&format!("\n{number} 1\n0")).unwrap() + 5;
    format!("{}{place:0>10}{}", &text[..at], &text[at + 10..]).into_bytes()
}

#[test]
fn cross_reference_table_that_lies() {
    let honest = rebuilt(&Fixture::new().build()).1;
    let text = String::from_utf8(Fixture::new().build()).unwrap();
    for number in 1..=5 {
        let other = text.find(&format!("\n{} 0 obj", number % 5 + 1)).unwrap() + 1;
        // Between objects, behind the file, at another object.
        for place in ["9", "9999999999", "999999", &other.to_string()] {
            let (file, report) = run(&lying(number, place));
            // From the objects as they stand in the file.
            assert_eq!(file.as_ref(), Some(&honest), "{number} at {place}: {}", report.reason);
        }
    }
}

#[test]
fn cross_reference_table_that_lies_about_a_generation() {
    let text = String::from_utf8(Fixture::new().build()).unwrap();
    withheld(text.replace("5 0 obj", "5 1 obj").as_bytes(), "object 5 0 cannot be read");
    withheld(text.replace("5 0 R", "5 1 R").as_bytes(), "object 5 1 cannot be read");
}

#[test]
fn an_object_that_only_one_reader_can_read() {
    let bytes = Fixture::new()
        .page("/Annots[6 0 R]")
        .object(6, "<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/X -5 0 R>>")
        .build();
    withheld(&bytes, "two readers disagree on object 6 0");
}

#[test]
fn a_stream_whose_beginning_the_readers_take_differently() {
    let mut fixture = Fixture::new();
    fixture.objects[0].1 = b"<</Length 11>>\nstream \r\n%comment\nET\nendstream".to_vec();
    withheld(&fixture.build(), "two readers disagree on object 4 0");
}

#[test]
fn a_stream_whose_end_the_readers_take_differently() {
    let mut fixture = Fixture::new();
    fixture.objects[0].1 = b"<</Length 9999>>\nstream\nBT ET\nendstream\nq Q\nendstream".to_vec();
    withheld(&fixture.build(), "two readers disagree on object 4 0");
}

#[test]
fn a_stream_without_a_length_is_taken_from_the_reader_that_finds_its_end() {
    let mut fixture = Fixture::new();
    fixture.objects[0].1 = b"<</Length 9 0 R>>\nstream\nBT /F1 12 Tf (Hello) Tj ET\nendstream".to_vec();
    let (document, ..) = rebuilt(&fixture.build());
    assert_eq!(document.extract_text(&[1]).unwrap().trim(), "Hello");
}

#[test]
fn cross_reference_sections_in_a_loop() {
    let bytes = Fixture::new().build();
    let start = bytes.windows(5).rposition(|w| w == b"\nxref").unwrap() + 1;
    let text = String::from_utf8(bytes).unwrap().replace("/Root 1 0 R", &format!("/Root 1 0 R/Prev {start}"));
    without(text.as_bytes(), &["/Prev"]);
}

#[test]
fn hybrid_file_with_objects_only_its_stream_knows() {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut objects = Fixture::new().catalog("/OpenAction 6 0 R").objects();
    let hidden = out.len();
    out.extend_from_slice(b"6 0 obj\n<</S/JavaScript/JS(evil())>>\nendobj\n");
    let rows = row(1, hidden);
    let table = out.len();
    out.extend_from_slice(b"7 0 obj\n");
    out.extend_from_slice(&stream("/Type/XRef/Size 8/Index[6 1]/W[1 2 1]/Root 1 0 R", &rows));
    out.extend_from_slice(b"\nendobj\n");
    objects.sort_by_key(|(number, _)| *number);
    let (.., report) =
        without(&append(out, &objects, &format!("/XRefStm {table}")), &["evil", "OpenAction", "XRef"]);
    // Only a reader that has read the object knows that it is a script.
    removed(&report, What::Script);
}

#[test]
fn header_not_at_byte_zero() {
    let bytes = [b"payload\n".as_slice(), &Fixture::new().build()].concat();
    let (_, file, report) = without(&bytes, &["payload"]);
    removed(&report, What::Unreachable);
    assert!(file.starts_with(b"%PDF-"));
}

#[test]
fn pdf_that_is_also_a_zip() {
    let zip = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\x07\0\0\0\x01\0\0\0apayloadPK\x05\x06\0\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\0\0";
    let (_, file, report) =
        without(&[Fixture::new().build().as_slice(), zip].concat(), &["payload", "PK\x05\x06"]);
    removed(&report, What::Unreachable);
    assert!(file.ends_with(b"%%EOF\n"));
}

#[test]
fn page_tree_that_loops() {
    let mut objects = Fixture::new().objects();
    objects[1].1 = b"<</Type/Pages/Kids[3 0 R 2 0 R]/Count 2>>".to_vec();
    withheld(&write(&objects, ""), "twice");
}

#[test]
fn page_tree_without_pages() {
    let mut objects = Fixture::new().objects();
    objects[1].1 = b"<</Type/Pages/Kids[]/Count 1>>".to_vec();
    withheld(&write(&objects, ""), "no pages");
}

#[test]
fn readers_that_count_pages_differently() {
    let mut objects = Fixture::new().objects();
    objects[1].1 = b"<</Type/Pages/Kids[6 0 R]/Count 2>>".to_vec();
    objects.push((6, b"<</Kids[3 0 R 7 0 R]/Count 2>>".to_vec()));
    objects.push((7, b"<</Type/Page/Parent 6 0 R>>".to_vec()));
    withheld(&write(&objects, ""), "two readers disagree on the number of pages");
}

#[test]
fn trees_that_loop() {
    let bytes = Fixture::new()
        .catalog("/Outlines 6 0 R/Names<</Dests 8 0 R>>/StructTreeRoot 9 0 R/AcroForm<</Fields[11 0 R]>>")
        .page("/Annots[11 0 R]")
        .object(6, "<</First 7 0 R/Last 7 0 R>>")
        .object(7, "<</Title(One)/Parent 6 0 R/Next 7 0 R/First 6 0 R>>")
        .object(8, "<</Kids[8 0 R]/Names[(a)[3 0 R/Fit]]>>")
        .object(9, "<</Type/StructTreeRoot/K 10 0 R>>")
        .object(10, "<</S/P/P 9 0 R/K[10 0 R 9 0 R]>>")
        .object(11, "<</FT/Tx/T(a)/Kids[11 0 R]/Parent 11 0 R/Type/Annot/Subtype/Widget/Rect[0 0 1 1]>>")
        .build();
    let (_, file, _) = without(&bytes, &[]);
    assert!(contains(&file, "/Title(One)") && contains(&file, "/Names[(a)"));
}

#[test]
fn references_that_loop() {
    let bytes = Fixture::new().catalog("/Lang 6 0 R").object(6, "7 0 R").object(7, "6 0 R").build();
    without(&bytes, &["/Lang"]);
}

#[test]
fn deeply_nested_objects_do_not_overflow_the_stack() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let (file, report) = run(&Fixture::new().catalog("/Lang 6 0 R").object(6, deep).build());
    assert!(file.is_none() && report.verdict == Verdict::Unscannable, "{}", report.reason);
}

// ---- sizes and encryption -------------------------------------------------------------------------

#[test]
fn filter_chain_bomb() {
    let bomb = deflate(&deflate(&deflate(&vec![b' '; 64 << 20])));
    let mut fixture = Fixture::new();
    fixture.objects[0].1 = stream("/Filter[/FlateDecode/FlateDecode/FlateDecode]", &bomb);
    withheld(&fixture.build(), "max_ratio");
    let limits = Limits { max_expanded_bytes: 1 << 20, ..Limits::default() };
    let (file, report) = run_within(&fixture.build(), &limits);
    assert!(file.is_none() && report.reason.contains("max_expanded_bytes"), "{}", report.reason);
}

#[test]
fn streams_that_are_too_large_alone_or_together() {
    let mut fixture = Fixture::new().page("/Contents[4 0 R 6 0 R 7 0 R]");
    for number in [6, 7] {
        fixture = fixture.object(number, stream("", &b"q Q ".repeat(100_000)));
    }
    let failed = |limits: Limits| {
        let (file, report) = run_within(&fixture.build(), &limits);
        assert!(file.is_none() && report.reason.contains("max_expanded_bytes"), "{}", report.reason);
    };
    failed(Limits { max_expanded_bytes: 700_000, ..Limits::default() });
    // One that is larger than any file may be.
    let mut fixture = Fixture::new();
    fixture.objects[0].1 = stream("/Filter/FlateDecode", &deflate(&vec![b' '; 2 << 20]));
    let (file, report) =
        run_within(&fixture.build(), &Limits { max_bytes: 1 << 20, max_ratio: 10_000, ..Limits::default() });
    assert!(file.is_none() && report.reason.contains("max_expanded_bytes"), "{}", report.reason);
}

#[test]
fn filter_chain_too_long() {
    let mut fixture = Fixture::new();
    fixture.objects[0].1 = stream("/Filter[/A85/A85/A85/Fl]", b"~>");
    withheld(&fixture.build(), "chain of 4 filters");
}

#[test]
fn filter_that_nobody_knows() {
    let mut fixture = Fixture::new();
    fixture.objects[0].1 = stream("/Filter/EvilDecode", b"x");
    withheld(&fixture.build(), "EvilDecode");
}

#[test]
fn object_stream_bomb() {
    let packed = deflate(&[b"6 0 ".as_slice(), &vec![b' '; 8 << 20]].concat());
    let mut objects = Fixture::new().objects();
    objects.push((7, stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", &packed)));
    let limits = Limits { max_expanded_bytes: 1 << 20, ..Limits::default() };
    let (file, report) = run_within(&write(&objects, ""), &limits);
    assert!(file.is_none() && report.reason.contains("max_expanded_bytes"), "{}", report.reason);
}

#[test]
fn picture_over_the_pixel_limit() {
    let bytes = Fixture::new()
        .page("/Resources<</XObject<</X 6 0 R>>>>")
        .object(
            6,
            stream("/Subtype/Image/Width 100000/Height 100000/ImageMask true/Filter/CCITTFaxDecode", b"x"),
        )
        .build();
    withheld(&bytes, "max_pixels");
}

pub(super) fn encrypted(user_password: &str) -> Vec<u8> {
    let mut document =
        Document::load_mem(&Fixture::new().catalog("/OpenAction<</S/JavaScript/JS(evil())>>").build())
            .unwrap();
    document.trailer.set(
        "ID",
        vec![Object::string_literal("0123456789abcdef"), Object::string_literal("0123456789abcdef")],
    );
    let version = lopdf::EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password,
        key_length: 128,
        permissions: lopdf::Permissions::all(),
    };
    let state = lopdf::EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn empty_user_password_hides_nothing() {
    let (document, _, report) = without(&encrypted(""), &["OpenAction", "Encrypt"]);
    removed(&report, What::Script);
    assert_eq!(document.extract_text(&[1]).unwrap().trim(), "Hello");
}

#[test]
fn user_password_is_unscannable() {
    withheld(&encrypted("secret"), "password");
}
