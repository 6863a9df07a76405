//! Documents built in code, and what is left of them.

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::format::Format;
use crate::job::{bench, bench_choosing};
use crate::limits::Limits;
use crate::options::Options;
use crate::report::{Removed, What};
use crate::zip_structure::Zip;
use crate::zip_write::ZipWriter;

pub(super) const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";
pub(super) const OX: &str = "application/vnd.openxmlformats-officedocument.";
const W: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
const S: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const P: &str = "http://schemas.openxmlformats.org/presentationml/2006/main";

/// A package in the making.
#[derive(Clone)]
pub(super) struct Fixture {
    format: Format,
    parts: Vec<(String, Vec<u8>)>,
    types: Vec<(String, String)>,
    defaults: Vec<(String, String)>,
    links: BTreeMap<String, Vec<String>>,
}

fn namespaces(own: &str) -> String {
    format!(
        "xmlns=\"{own}\" xmlns:w=\"{W}\" xmlns:s=\"{S}\" xmlns:p=\"{P}\" \
         xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" \
         xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" \
         xmlns:mc=\"http://schemas.openxmlformats.org/markup-compatibility/2006\" \
         xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns:o=\"urn:schemas-microsoft-com:office:office\" \
         xmlns:x=\"urn:schemas-microsoft-com:office:excel\""
    )
}

impl Fixture {
    fn empty(format: Format, main: &str, main_type: &str, xml: &str) -> Self {
        let empty = Self {
            format,
            parts: Vec::new(),
            types: Vec::new(),
            defaults: vec![("xml".to_owned(), "application/xml".to_owned())],
            links: BTreeMap::new(),
        };
        empty.part(main, main_type, xml).link("", "rId1", "officeDocument", main)
    }

    /// A Word document with this body.
    pub(super) fn word(body: &str) -> Self {
        let xml = format!("<w:document {}><w:body>{body}</w:body></w:document>", namespaces("urn:none"));
        let main_type = format!("{OX}wordprocessingml.document.main+xml");
        Self::empty(Format::Docx, "word/document.xml", &main_type, &xml.replace("xmlns=\"urn:none\" ", ""))
    }

    /// A workbook with one sheet that holds these rows; `workbook` follows the list of sheets.
    pub(super) fn excel(rows: &str, workbook: &str) -> Self {
        Self::workbook("<sheet name=\"One\" sheetId=\"1\" r:id=\"rId1\"/>", workbook).sheet(
            "xl/worksheets/sheet1.xml",
            "rId1",
            &format!("<sheetData>{rows}</sheetData>"),
        )
    }

    /// A workbook without its sheets' parts.
    pub(super) fn workbook(sheets: &str, more: &str) -> Self {
        let xml = format!("<workbook {}><sheets>{sheets}</sheets>{more}</workbook>", namespaces(S));
        Self::empty(Format::Xlsx, "xl/workbook.xml", &format!("{OX}spreadsheetml.sheet.main+xml"), &xml)
    }

    pub(super) fn sheet(self, name: &str, id: &str, content: &str) -> Self {
        let xml = format!("<worksheet {}>{content}</worksheet>", namespaces(S));
        self.part(name, &format!("{OX}spreadsheetml.worksheet+xml"), &xml).link(
            "xl/workbook.xml",
            id,
            "worksheet",
            name,
        )
    }

    /// A presentation of one slide with these shapes; `more` follows them.
    pub(super) fn slide(shapes: &str, more: &str) -> Self {
        let namespaces = namespaces(P);
        let presentation = format!(
            "<presentation {namespaces}><sldIdLst><sldId id=\"256\" r:id=\"rId1\"/></sldIdLst></presentation>"
        );
        let slide =
            format!("<p:sld {namespaces}><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld>{more}</p:sld>");
        let main_type = format!("{OX}presentationml.presentation.main+xml");
        Self::empty(Format::Pptx, "ppt/presentation.xml", &main_type, &presentation)
            .part("ppt/slides/slide1.xml", &format!("{OX}presentationml.slide+xml"), &slide)
            .link("ppt/presentation.xml", "rId1", "slide", "ppt/slides/slide1.xml")
    }

    /// Says that the file is of another format, without changing it.
    pub(super) fn declared(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Gives a part another content type.
    pub(super) fn typed(mut self, name: &str, content_type: &str) -> Self {
        self.types.retain(|(known, _)| known != name);
        self.types.push((name.to_owned(), content_type.to_owned()));
        self
    }

    pub(super) fn default_type(mut self, extension: &str, content_type: &str) -> Self {
        self.defaults.push((extension.to_owned(), content_type.to_owned()));
        self
    }

    pub(super) fn part(self, name: &str, content_type: &str, content: &str) -> Self {
        self.untyped(name, content.as_bytes()).typed(name, content_type)
    }

    pub(super) fn untyped(mut self, name: &str, content: &[u8]) -> Self {
        self.parts.retain(|(known, _)| known != name);
        self.parts.push((name.to_owned(), content.to_vec()));
        self
    }

    /// An internal relationship to a part by its absolute name.
    pub(super) fn link(self, source: &str, id: &str, kind: &str, part: &str) -> Self {
        self.raw_link(source, id, kind, &format!("/{part}"), "")
    }

    pub(super) fn external(self, source: &str, id: &str, kind: &str, target: &str) -> Self {
        self.raw_link(source, id, kind, target, "TargetMode=\"External\"")
    }

    pub(super) fn raw_link(mut self, source: &str, id: &str, kind: &str, target: &str, mode: &str) -> Self {
        let kind = if kind.contains(':') { kind.to_owned() } else { format!("{OFFICE}{kind}") };
        let xml = format!("<Relationship Id=\"{id}\" Type=\"{kind}\" Target=\"{target}\" {mode}/>");
        self.links.entry(source.to_owned()).or_default().push(xml);
        self
    }

    /// The text of a part replaced by what `change` makes of it.
    pub(super) fn edit(mut self, name: &str, change: impl Fn(String) -> String) -> Self {
        for (_, content) in self.parts.iter_mut().filter(|(known, _)| known == name) {
            *content = change(String::from_utf8(content.clone()).unwrap()).into_bytes();
        }
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut types =
            String::from("<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">");
        types.push_str("<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>");
        for (extension, kind) in &self.defaults {
            types.push_str(&format!("<Default Extension=\"{extension}\" ContentType=\"{kind}\"/>"));
        }
        for (name, kind) in &self.types {
            types.push_str(&format!("<Override PartName=\"/{name}\" ContentType=\"{kind}\"/>"));
        }
        types.push_str("</Types>");
        let mut zip = ZipWriter::new(&Limits::default());
        zip.add("[Content_Types].xml", types.as_bytes()).unwrap();
        for (name, content) in &self.parts {
            zip.add(name, content).unwrap();
        }
        for (source, links) in &self.links {
            let (folder, file) = source
                .rsplit_once('/')
                .map_or((String::new(), source.as_str()), |(folder, file)| (format!("{folder}/"), file));
            let xml = format!(
                "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{}</Relationships>",
                links.concat()
            );
            zip.add(&format!("{folder}_rels/{file}.rels"), xml.as_bytes()).unwrap();
        }
        zip.finish().unwrap()
    }

    /// Rebuilds and verifies, and holds the result against a second rebuild.
    pub(super) fn rebuilt(&self) -> Clean {
        self.rebuilt_choosing(&Options::default())
    }

    pub(super) fn rebuilt_choosing(&self, options: &Options) -> Clean {
        let limits = Limits::default();
        let ((bytes, format), removed, _) = bench_choosing(&limits, options, |job| {
            let done = super::super::rebuild(&self.bytes(), self.format, job).unwrap();
            super::super::verify(&done.bytes, done.format, job).unwrap();
            (done.bytes, done.format)
        });
        let (again, lost, _) =
            bench_choosing(&limits, options, |job| super::super::rebuild(&bytes, format, job).unwrap().bytes);
        assert!(again == bytes, "a second rebuild gives other bytes");
        assert_eq!(lost, [], "a second rebuild removes something");
        let zip = Zip::parse(&bytes, &limits).unwrap();
        let parts = bench(&limits, |job| {
            zip.entries().iter().map(|entry| (entry.name.clone(), entry.read(job).unwrap())).collect()
        });
        Clean { parts: parts.0, removed, format }
    }

    /// Holds the package as it is against the proof.
    pub(super) fn proof(&self, options: &Options) -> Result<(), Failure> {
        bench_choosing(&Limits::default(), options, |job| {
            super::super::verify(&self.bytes(), self.format, job)
        })
        .0
    }

    pub(super) fn refusal(&self) -> Failure {
        self.refusal_choosing(&Options::default())
    }

    pub(super) fn refusal_choosing(&self, options: &Options) -> Failure {
        let result = bench_choosing(&Limits::default(), options, |job| {
            super::super::rebuild(&self.bytes(), self.format, job).map(|_| ())
        });
        result.0.unwrap_err()
    }
}

/// What is left.
pub(super) struct Clean {
    parts: BTreeMap<String, Vec<u8>>,
    pub(super) removed: Vec<Removed>,
    pub(super) format: Format,
}

impl Clean {
    pub(super) fn text(&self, part: &str) -> &str {
        std::str::from_utf8(self.parts.get(part).unwrap_or_else(|| panic!("no {part} in {:?}", self.names())))
            .unwrap()
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.parts.keys().map(String::as_str).collect()
    }

    /// All text of all parts but pictures.
    pub(super) fn everything(&self) -> String {
        self.parts
            .iter()
            .map(|(name, content)| format!("{name}\n{}\n", String::from_utf8_lossy(content)))
            .collect()
    }

    pub(super) fn lost(&self, what: What) -> bool {
        self.removed.iter().any(|removed| removed.what == what)
    }

    /// Asserts that none of `words` is anywhere, and that `what` is reported.
    pub(super) fn assert_gone(&self, what: What, words: &[&str]) {
        let everything = self.everything();
        for word in words {
            assert!(!everything.contains(word), "{word} is still in\n{everything}");
        }
        assert!(self.lost(what), "{what:?} is not in {:?}", self.removed);
    }
}
