//! Bytes made here, named by what they pretend to be.

use super::*;
use crate::compound::Storage;
use crate::zip_write::ZipWriter;

fn named(bytes: &[u8], name: &str) -> (Format, Option<String>) {
    named_as(bytes, name, "")
}

fn named_as(bytes: &[u8], name: &str, media_type: &str) -> (Format, Option<String>) {
    let found = identify(bytes, &Declared { name, media_type });
    (found.format, found.objection.map(|objection| objection.to_string()))
}

/// It is of this format, and its name is fine.
fn fits(bytes: &[u8], name: &str, format: Format) {
    assert_eq!(named(bytes, name), (format, None), "{name}");
}

/// Its name is not fine, for a reason that says this.
fn mismatch(bytes: &[u8], name: &str, words: &str) {
    let (format, mismatch) = named(bytes, name);
    let mismatch = mismatch.unwrap_or_else(|| panic!("{name} is taken for an honest {format}"));
    assert!(mismatch.contains(words), "{name}: {mismatch}");
}

fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(&crate::Limits::default());
    for (name, content) in members {
        writer.add(name, content.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

fn office_with(main: &str, target: &str, namespace: &str) -> Vec<u8> {
    let types = format!(
        "<Types><Default Extension=\"xml\" ContentType=\"application/xml\"/>\
         <Override PartName=\"/word/document.xml\" ContentType=\"{main}\"/></Types>"
    );
    let rels = format!(
        "<Relationships><Relationship Id=\"r1\" Type=\"{namespace}/officeDocument\" Target=\"{target}\"/></Relationships>"
    );
    zip(&[("[Content_Types].xml", &types), ("_rels/.rels", &rels), ("word/document.xml", "<d/>")])
}

const TRANSITIONAL: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

fn office(main: &str) -> Vec<u8> {
    office_with(main, "word/document.xml", TRANSITIONAL)
}

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
const DOCM: &str = "application/vnd.ms-word.document.macroEnabled.main+xml";

/// A compound file of one directory sector with these streams.
fn compound(streams: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    bytes[30] = 9;
    for entry in ["Root Entry"].iter().chain(streams) {
        let mut record = [0; 128];
        for (place, unit) in entry.encode_utf16().enumerate() {
            record[place * 2..place * 2 + 2].copy_from_slice(&unit.to_le_bytes());
        }
        record[66] = 2;
        bytes.extend(record);
    }
    bytes
}

const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x02\0\0\x01\0\x01\0\0";

#[test]
fn office_packages_go_by_their_main_part() {
    fits(&office(DOCX), "a.docx", Format::Docx);
    fits(&office(DOCX), "", Format::Docx);
    fits(&office(DOCM), "a.docm", Format::Docm);
    fits(
        &office_with(DOCX, "/word/document.xml", "http://purl.oclc.org/ooxml/officeDocument/relationships"),
        "A.DOCX",
        Format::Docx,
    );
    fits(&office("application/vnd.ms-excel.sheet.binary.macroEnabled.main"), "a.xlsb", Format::Xlsb);
    fits(&office("application/vnd.ms-excel.addin.macroEnabled.main+xml"), "a.xlam", Format::OfficeAddin);
}

#[test]
fn office_packages_under_another_name() {
    mismatch(&office(DOCM), "a.docx", "named .docx, but the content is a Word document with macros (docm)");
    mismatch(&office(DOCX), "a.doc", "named .doc");
    mismatch(&office(DOCX), "a.docm", "named .docm");
    mismatch(&office(DOCX), "a.zip", "named .zip");
    mismatch(&office(DOCX), "a.pdf", "named .pdf");
}

#[test]
fn office_packages_that_hide_their_main_part() {
    mismatch(&office("application/xml"), "a.docx", "a kind that is not known");
    mismatch(&office_with(DOCX, "other.xml", TRANSITIONAL), "a.zip", "a kind that is not known");
    mismatch(&office_with(DOCX, "word/document.xml", "urn:x"), "a.zip", "a kind that is not known");
    mismatch(&zip(&[("[content_types].XML", "<Types/>")]), "a.zip", "a kind that is not known");
    let two = format!("<R><Relationship Type=\"{TRANSITIONAL}/officeDocument\" Target=\"a\"/>").repeat(2);
    let two = zip(&[("[Content_Types].xml", "<Types/>"), ("_rels/.rels", &two)]);
    mismatch(&two, "a.docx", "two main documents");
}

#[test]
fn a_content_types_bomb_is_not_expanded() {
    let bomb = format!("<Types>{}</Types>", " ".repeat(5 << 20));
    mismatch(&zip(&[("[Content_Types].xml", &bomb), ("_rels/.rels", "<R/>")]), "a.docx", "not known");
}

#[test]
fn other_packages() {
    let odt = zip(&[("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", "<a/>")]);
    fits(&odt, "a.odt", Format::Odt);
    mismatch(&odt, "a.ods", "an OpenDocument text");
    mismatch(&zip(&[("mimetype", "application/epub+zip")]), "a.zip", "not accepted");
    mismatch(&zip(&[("META-INF/MANIFEST.MF", ""), ("A.class", "")]), "a.zip", "a Java or Android program");
    mismatch(&zip(&[("AndroidManifest.xml", "")]), "a.zip", "a Java or Android program");
    fits(&zip(&[("a.txt", "x")]), "a.zip", Format::Zip);
    fits(&zip(&[]), "a.zip", Format::Zip);
    mismatch(&zip(&[("a.txt", "x")])[..20], "a.docx", "damaged");
}

#[test]
fn encrypted_office_document_named_docx() {
    let bytes = compound(&["EncryptionInfo", "EncryptedPackage"]);
    for name in ["a.docx", "a.doc", ""] {
        let objection = identify(&bytes, &Declared { name, media_type: "" }).objection;
        assert!(matches!(objection, Some(Failure::Encrypted(_))), "{name}: {objection:?}");
    }
}

#[test]
fn compound_files() {
    fits(&compound(&["WordDocument"]), "a.doc", Format::Doc);
    fits(&compound(&["Workbook"]), "a.xls", Format::Xls);
    for name in ["a.ppt", "a.pot", "a.pps"] {
        fits(&compound(&["PowerPoint Document"]), name, Format::Ppt);
    }
    fits(&compound(&["x"]), "", Format::Cfb);
    mismatch(&compound(&["WordDocument"]), "a.xls", "a legacy Word document");
    mismatch(&compound(&["__properties_version1.0"]), "a.doc", "an Outlook message");
    let mut installer = compound(&[]);
    installer[512 + 80..512 + 96].copy_from_slice(b"\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46");
    mismatch(&installer, "a.doc", "a Windows Installer package");
}

#[test]
fn an_object_in_a_storage_is_not_the_document() {
    for (document, name, format) in
        [("Workbook", "a.xls", Format::Xls), ("PowerPoint Document", "a.ppt", Format::Ppt)]
    {
        let mut root = Storage::new("", [0; 16]);
        root.add(document, b"x".to_vec());
        for object in ["WordDocument", "PowerPoint Document", "Workbook", "EncryptedPackage"] {
            let mut storage = Storage::new(&format!("MBD{object}"), [0; 16]);
            storage.add(object, b"x".to_vec());
            root.storages.push(storage);
        }
        fits(&root.write().unwrap(), name, format);
    }
    let mut dual = Storage::new("", [0; 16]);
    dual.storages.push(Storage::new("PP97_DUALSTORAGE", [0; 16]));
    fits(&dual.write().unwrap(), "a.ppt", Format::Ppt);
}

#[test]
fn icons_are_no_pictures_whatever_their_name() {
    // One picture of 256 × 256 pixels, of which the directory says that it has 4 GB.
    let icon = b"\0\0\x01\0\x01\0\0\0\0\0\x01\0\x20\0\xff\xff\xff\xff\x16\0\0\0";
    for name in ["a.ico", "a.png", "a.bmp", ""] {
        assert_eq!(named(icon, name).0, Format::Unknown, "{name}");
    }
}

#[test]
fn a_directory_chain_that_loops_ends() {
    let mut bytes = compound(&["x", "y", "z"]);
    bytes[76] = 1; // the allocation table is sector 1, which says that sector 0 follows sector 0
    bytes.extend([0; 512]);
    fits(&bytes, "", Format::Cfb);
}

#[test]
fn programs_whatever_they_are_called() {
    for program in [
        &b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0"[..],
        b"\x7fELF\x02\x01\x01",
        b"\xcf\xfa\xed\xfe\x07",
        b"\xca\xfe\xba\xbe\0\0\0\x41",
        b"#!/bin/sh\n",
        b"\x4c\0\0\0\x01\x14\x02\0\0",
        b"ITSF\x03\0\0\0",
        b"\0asm\x01\0\0\0",
        b"dex\n035\0",
    ] {
        for name in ["a.pdf", "a.txt", "", "a.exe"] {
            let (format, mismatch) = named(program, name);
            assert!(format == Format::Executable && mismatch.is_some(), "{name} {program:?}");
        }
    }
    fits(b"MZ-1234;Jansen\nMZ-1235;De Vries\n", "a.csv", Format::Csv);
}

#[test]
fn program_names_whatever_the_content() {
    for name in [
        "a.exe",
        "a.pdf.exe",
        "A.PDF.EXE",
        "a.scr ",
        "a.exe.",
        "a.exe . .",
        "a.pdf                .exe",
        "a.hta",
        "a.js",
        "a.vbs",
        "a.bat",
        "a.ps1",
        "a.lnk",
        "a.iqy",
        "a.slk",
        "a.xll",
        "a.url",
        "a.exe:x.txt",
        "a.exe;x.txt",
        "x/a.exe",
        "x\\a.exe",
        "a.wsf",
        ".js",
        "a.msc",
    ] {
        mismatch(b"plain text", name, "a program or shortcut");
    }
    mismatch(PDF, "a.exe.pdf", "hides .exe");
    mismatch(b"x", "a.txt::$DATA", "NTFS stream");
    for honest in
        ["www.voorbeeld.com.pdf", "node.js.pdf", "12.03.2024 Brief a.u.b..pdf", "Re: brief.pdf", "exe.pdf"]
    {
        fits(PDF, honest, Format::Pdf);
    }
}

#[test]
fn right_to_left_override_in_a_name() {
    mismatch(PDF, "invoice\u{202e}fdp.exe", "direction-changing");
    mismatch(PDF, "invoice\u{202e}xcod.pdf", "direction-changing");
    mismatch(PDF, "a\0.pdf", "invisible");
    fits(PDF, "می\u{200c}خواهم.pdf", Format::Pdf);
}

#[test]
fn pdf_and_its_header() {
    fits(PDF, "a.pdf", Format::Pdf);
    fits(&[&[b'\n'; 1000], PDF].concat(), "a.pdf", Format::Pdf);
    fits(b"The header of a file is %PDF-1.7, says the book.", "a.txt", Format::Text);
    mismatch(&[&b"some text\n"[..], PDF].concat(), "a.txt", "a PDF document");
}

#[test]
fn polyglots() {
    let archive = zip(&[("a.txt", "x")]);
    mismatch(&[PDF, &archive].concat(), "a.pdf", "a PDF document and a ZIP archive at once");
    mismatch(&[JPEG, &archive].concat(), "a.jpg", "a JPEG picture and a ZIP archive at once");
    mismatch(&[&compound(&["WordDocument"]), archive.as_slice()].concat(), "a.doc", "at once");
    mismatch(&[JPEG, PDF].concat(), "a.jpg", "a JPEG picture and a PDF document at once");
    mismatch(&[&b"\x01\x02\x03\x04\x05"[..], &archive].concat(), "a.zip", "other data before it");
    let mut tar = vec![0; 512];
    tar[..PDF.len()].copy_from_slice(PDF);
    tar[257..262].copy_from_slice(b"ustar");
    assert!(named(&tar, "a.pdf").1.is_some());
    tar[..JPEG.len()].copy_from_slice(JPEG);
    mismatch(&tar, "a.jpg", "a JPEG picture and a tar archive at once");
    // A ZIP with a stored PDF near its start is no polyglot.
    fits(&zip(&[("a.pdf", "%PDF-1.7 1 0 obj")]), "a.zip", Format::Zip);
    fits(&zip(&[("a/", ""), ("a/b.pdf", "%PDF-1.7 1 0 obj")]), "a.zip", Format::Zip);
    mismatch(&zip(&[("a.txt", "%%PDF-1.7 1 0 obj")]), "a.zip", "at once");
}

#[test]
fn texts_that_betray_themselves() {
    fits(b"{\\rtf1 x}", "a.rtf", Format::Rtf);
    fits(b"{\\rtf\\ansi x}", "a.rtf", Format::Rtf);
    fits(b"\xef\xbb\xbf\r\n{\\rtf1 x}", "a.rtf", Format::Rtf);
    fits(&[&b"{\\rtf1{\\pict\\bin64 "[..], &[1; 64], b"}}"].concat(), "a.rtf", Format::Rtf);
    mismatch(b"\0{\\rtf1 x}", "a.rtf", "whose first word is not");
    mismatch(b"{\\rtf2 x}", "a.rtf", "whose first word is not");
    mismatch(b"{\\rtf1 x}", "a.txt", "an RTF document");
    mismatch(b"{\\rt x}", "a.doc", "an RTF document");
    mismatch(b"ID;PWXL;N;E\nC;X1;Y1;E1+1\n", "a.csv", "SYLK");
    fits(b"ID;Plaats\n1;Breda\n2;Tilburg\n", "a.csv", Format::Csv);
    mismatch(b"WEB\r\n1\r\nhttp://evil/\r\n", "a.txt", "web query");
    mismatch(b"[InternetShortcut]\nURL=file://evil/a\n", "a.txt", "Internet shortcut");
    mismatch(b"<?php system('id');", "a.txt", "PHP");
    mismatch(b"%!PS-Adobe-3.0\n", "a.txt", "PostScript");
    mismatch(b"+/v8-+ADw-script+AD4-", "a.txt", "UTF-7");
}

#[test]
fn html_and_svg_under_any_name() {
    for html in [
        "<!doctype HTML><p>",
        "  <html><body>",
        "<HTML>",
        "<!-- x --><script>alert(1)</script>",
        "<iframe src=x>",
        "\u{feff}<html>",
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
        "<x:html xmlns:x='http://www.w3.org/1999/xhtml'/>",
        "<?xml version='1.0'?><a xmlns='http://www.w3.org/1999/xhtml'/>",
    ] {
        mismatch(html.as_bytes(), "a.txt", "an HTML page");
        fits(html.as_bytes(), "a.html", Format::Html);
    }
    mismatch(b"<HTML/>", "a.xml", "an HTML page");
    let wide: Vec<u8> = "\u{feff}<html><script>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    mismatch(&wide, "a.txt", "an HTML page");
    mismatch(b"<svg onload='alert(1)'/>", "a.xml", "an SVG drawing");
    mismatch(
        b"<?xml version='1.0'?><s:svg xmlns:s='http://www.w3.org/2000/svg'/>",
        "a.xml",
        "an SVG drawing",
    );
    fits(b"<svg/>", "a.svg", Format::Svg);
}

#[test]
fn office_documents_in_a_single_xml_file() {
    for xml in [
        "<?xml version='1.0'?><?mso-application progid='Word.Document'?><a/>",
        "<pkg:package xmlns:pkg='http://schemas.microsoft.com/office/2006/xmlPackage'/>",
        "<w:wordDocument xmlns:w='http://schemas.microsoft.com/office/word/2003/wordml'/>",
        "<Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'/>",
        "<o:document xmlns:o='urn:oasis:names:tc:opendocument:xmlns:office:1.0'/>",
    ] {
        let (format, mismatch) = named(xml.as_bytes(), "a.xml");
        assert!(format == Format::Unknown && mismatch.unwrap().contains("single XML file"), "{xml}");
        assert!(named(xml.as_bytes(), "a.doc").1.is_some());
    }
}

#[test]
fn data_and_plain_text() {
    fits(b"<?xml version='1.0'?><a/>", "a.xml", Format::Xml);
    fits(b"<a xmlns='urn:x'>1</a>", "a.gml", Format::Xml);
    fits(b"<jan@voorbeeld.nl> schreef:", "a.txt", Format::Text);
    fits(b"{\"a\":1}", "a.json", Format::Json);
    fits(b"{\"a\":1}", "", Format::Json);
    fits(b"{\"a\":1}", "a.txt", Format::Text);
    fits(b"a;b\n1;2\n", "a.csv", Format::Csv);
    fits(b"a;b\n1;2\n", "", Format::Csv);
    fits(b"a;b\n1;2\n", "a.txt", Format::Text);
    fits(b"Hello, world", "", Format::Text);
    fits("\u{feff}é".as_bytes(), "a.txt", Format::Text);
    fits(b"caf\xe9", "a.txt", Format::Text);
    fits(b"\xff\xfea\0b\0", "a.txt", Format::Text);
    mismatch(b"Hello", "a.json", "plain text");
    mismatch(b"Hello", "a.docx", "plain text");
    mismatch(b"Hello", "a.xyz", "named .xyz");
    fits(b"Hello", "Brief van 12.03.2024", Format::Text);
    fits(PDF, "scan.v2", Format::Pdf);
    assert_eq!(named(b"\x01\x02\x03\x04\x05\x06", "").0, Format::Unknown);
}

#[test]
fn mail_and_web_archives() {
    let mail = b"Received: from a\r\nFrom: a@b.nl\r\nTo: c@d.nl\r\nSubject: x\r\n\r\nHello";
    fits(mail, "a.eml", Format::Mime);
    fits(mail, "", Format::Mime);
    mismatch(
        b"junk-field: x\nMIME-Version: 1.0\nContent-Type: multipart/related\n\n",
        "a.doc",
        "a mail message or web archive",
    );
    fits(b"From: Jan\nTo: Piet\nSubject: letter\n\nAs saved by Outlook.", "a.txt", Format::Text);
}

#[test]
fn media_types() {
    let says = |bytes: &[u8], name, media_type| named_as(bytes, name, media_type).1;
    let docx = office(DOCX);
    for (bytes, name, media_type) in [
        (PDF, "a.pdf", "application/pdf"),
        (PDF, "a.pdf", "application/octet-stream"),
        (PDF, "", "Application/PDF; charset=binary"),
        (PDF, "a.pdf", "application/vnd.municipality"),
        (JPEG, "a.jpeg", "image/jpg"),
        (&docx, "a.docx", "application/zip"),
        (&docx, "a.docx", "application/x-zip-compressed"),
        (b"a;b\n1;2", "a.csv", "text/plain"),
        (b"a;b\n1;2", "a.csv", "application/vnd.ms-excel"),
        (b"a;b\n1;2", "a.csv", "application/csv"),
        (b"a;b\n1;2", "", "text/csv"),
        (b"<?xml version='1.0'?><a/>", "a.xml", "text/xml"),
        (b"{}", "a.json", "application/geo+json"),
        (b"Hello", "a.txt", "text/plain; charset=utf-8"),
        (b"II*\0\x08\0\0\0", "a.tif", "image/tif"),
        (b"II*\0\x08\0\0\0", "a.tif", "image/x-tiff"),
        (b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0", "a.bmp", "image/x-windows-bmp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", "image/svg"),
        (b"\x1f\x8b\x08", "a.tar.gz", "application/x-tar"),
        (
            &office(PPSX),
            "a.pptx",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
    ] {
        assert_eq!(says(bytes, name, media_type), None, "{name} {media_type}");
    }
    for (bytes, name, media_type) in [
        (PDF, "a.pdf", "image/jpeg"),
        (PDF, "a.pdf", "text/html"),
        (PDF, "", "application/msword"),
        (JPEG, "a.jpg", "application/pdf"),
        (JPEG, "a.jpg", "image/png"),
        (JPEG, "a.jpg", "audio/midi"),
        (b"Hello", "a.txt", "text/html"),
        (b"Hello", "a.txt", "text/javascript"),
        (b"<?xml version='1.0'?><a/>", "a.xml", "image/svg+xml"),
        (b"<?xml version='1.0'?><a/>", "a.xml", "application/xhtml+xml"),
        (PDF, "a.pdf", "application/x-msdownload"),
    ] {
        assert!(
            says(bytes, name, media_type).is_some_and(|m| m.starts_with("declared as")),
            "{name} {media_type}"
        );
    }
}

#[test]
fn pages_that_begin_with_any_element_are_pages_by_their_name() {
    let page = |name| identify(b"<strong>x</strong><p>y", &Declared { name, media_type: "" });
    assert_eq!((page("a.html").format, page("a.html").objection), (Format::Html, None));
    assert_eq!(page("a.xml").format, Format::Xml);
    let declared = b"<?xml version='1.0'?><table><tr/></table>";
    assert_eq!(identify(declared, &Declared { name: "a.html", media_type: "" }).format, Format::Html);
    assert_eq!(identify(declared, &Declared { name: "a.xml", media_type: "" }).format, Format::Xml);
    let drawing = b"<svg xmlns='http://www.w3.org/2000/svg'/>";
    assert!(identify(drawing, &Declared { name: "a.html", media_type: "" }).objection.is_some());
}

const PPSX: &str = "application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml";

#[test]
fn plain_office_documents_may_bear_the_names_of_their_program() {
    const DOTX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.template.main+xml";
    const XLTX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.template.main+xml";
    fits(&office(PPSX), "a.pptx", Format::Ppsx);
    fits(&office(PPSX), "a.potx", Format::Ppsx);
    fits(&office(DOTX), "a.docx", Format::Dotx);
    fits(&office(DOCX), "a.dotx", Format::Docx);
    fits(&office(XLTX), "a.xlsx", Format::Xltx);
    mismatch(&office(DOTX), "a.xlsx", "named .xlsx");
    mismatch(&office(DOTX), "a.docm", "named .docm");
    mismatch(&office(DOCM), "a.dotx", "named .dotx");
}
