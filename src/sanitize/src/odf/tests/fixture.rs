//! Documents built in code, and what is left of them.

use crate::failure::Failure;
use crate::format::Format;
use crate::job::{NoInspector, Settings, bench, sanitize};
use crate::limits::Limits;
use crate::options::Options;
use crate::report::{Removed, What};
use crate::zip_structure::Zip;
use crate::zip_write::ZipWriter;

/// Declarations of every vocabulary that the tests use.
pub(super) const NAMESPACES: &str = "xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
    xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" \
    xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" \
    xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
    xmlns:draw=\"urn:oasis:names:tc:opendocument:xmlns:drawing:1.0\" \
    xmlns:presentation=\"urn:oasis:names:tc:opendocument:xmlns:presentation:1.0\" \
    xmlns:anim=\"urn:oasis:names:tc:opendocument:xmlns:animation:1.0\" \
    xmlns:form=\"urn:oasis:names:tc:opendocument:xmlns:form:1.0\" \
    xmlns:script=\"urn:oasis:names:tc:opendocument:xmlns:script:1.0\" \
    xmlns:config=\"urn:oasis:names:tc:opendocument:xmlns:config:1.0\" \
    xmlns:meta=\"urn:oasis:names:tc:opendocument:xmlns:meta:1.0\" \
    xmlns:svg=\"urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0\" \
    xmlns:calcext=\"urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0\" \
    xmlns:loext=\"urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0\" \
    xmlns:of=\"urn:oasis:names:tc:opendocument:xmlns:of:1.2\" \
    xmlns:xforms=\"http://www.w3.org/2002/xforms\" \
    xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:xlink=\"http://www.w3.org/1999/xlink\"";

/// A document in the making.
#[derive(Clone)]
pub(super) struct Fixture {
    pub(super) format: Format,
    pub(super) options: Options,
    members: Vec<(String, Vec<u8>)>,
    manifest: String,
}

impl Fixture {
    fn new(format: Format, body: &str, content: &str, more: &str) -> Self {
        let content = format!(
            "<office:document-content {NAMESPACES} office:version=\"1.3\">{more}<office:body><office:{body}>\
             {content}</office:{body}></office:body></office:document-content>"
        );
        let entry = format!("<m:file-entry m:full-path=\"/\" m:media-type=\"{}\"/>", format.media_type());
        Self { format, options: Options::default(), members: Vec::new(), manifest: entry }
            .part("content.xml", &content)
    }

    /// A text with this in its body.
    pub(super) fn text(content: &str) -> Self {
        Self::new(Format::Odt, "text", content, "")
    }

    /// A text with one paragraph, and this before its body.
    pub(super) fn head(more: &str) -> Self {
        Self::new(Format::Odt, "text", "<text:p>kept words</text:p>", more)
    }

    /// A spreadsheet with this in its body.
    pub(super) fn sheets(content: &str) -> Self {
        Self::new(Format::Ods, "spreadsheet", content, "")
    }

    /// A spreadsheet with one cell of these attributes, whose value is 7.
    pub(super) fn cell(attributes: &str) -> Self {
        Self::sheets(&format!(
            "<table:table table:name=\"One\"><table:table-row><table:table-cell {attributes} office:value-type=\"float\" \
             office:value=\"7\"><text:p>7</text:p></table:table-cell></table:table-row></table:table>"
        ))
    }

    /// A presentation of one slide with this on it.
    pub(super) fn slide(content: &str) -> Self {
        Self::new(
            Format::Odp,
            "presentation",
            &format!("<draw:page draw:name=\"p1\">{content}</draw:page>"),
            "",
        )
    }

    pub(super) fn part(self, name: &str, content: &str) -> Self {
        self.member(name, content.as_bytes())
    }

    /// Adds a member and lists it.
    pub(super) fn member(mut self, name: &str, content: &[u8]) -> Self {
        self.manifest.push_str(&format!("<m:file-entry m:full-path=\"{name}\" m:media-type=\"\"/>"));
        self.unlisted(name, content)
    }

    /// Adds a member that the manifest does not name.
    pub(super) fn unlisted(mut self, name: &str, content: &[u8]) -> Self {
        self.members.retain(|(known, _)| known != name);
        self.members.push((name.to_owned(), content.to_vec()));
        self
    }

    /// Puts `old` in the manifest in the place of `new`.
    pub(super) fn listed(mut self, old: &str, new: &str) -> Self {
        self.manifest = self.manifest.replace(old, new);
        self
    }

    /// The file.
    pub(super) fn bytes(&self, doctype: &str) -> Vec<u8> {
        let mut zip = ZipWriter::new(&Limits::default());
        zip.add_stored("mimetype", self.format.media_type().as_bytes()).unwrap();
        for (name, bytes) in &self.members {
            zip.add(name, bytes).unwrap();
        }
        let manifest = format!(
            "<?xml version=\"1.0\"?>{doctype}<m:manifest xmlns:m=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\">{}\
             </m:manifest>",
            self.manifest
        );
        zip.add("META-INF/manifest.xml", manifest.as_bytes()).unwrap();
        zip.finish().unwrap()
    }

    /// Rebuilds, proves that rebuilding again changes nothing, and gives what is left.
    pub(super) fn rebuilt(&self) -> Rebuilt {
        Rebuilt::of(&self.bytes(""), self.format, &self.options)
    }

    /// Why it is not rebuilt.
    pub(super) fn failure(&self) -> Failure {
        fails(&self.bytes(""), self.format)
    }
}

/// Why a file is not rebuilt.
pub(super) fn fails(bytes: &[u8], format: Format) -> Failure {
    let (result, ..) = bench(&Limits::default(), |job| super::super::rebuild(bytes, format, job));
    match result {
        Ok(_) => panic!("it was rebuilt"),
        Err(failure) => failure,
    }
}

/// A rebuilt document.
pub(super) struct Rebuilt {
    pub(super) bytes: Vec<u8>,
    pub(super) removed: Vec<Removed>,
}

impl Rebuilt {
    pub(super) fn of(bytes: &[u8], format: Format, options: &Options) -> Self {
        let settings = Settings { limits: Limits::default(), options: options.clone() };
        let name = format!("a.{}", format.extension());
        let declared = crate::identify::Declared { name: &name, media_type: "" };
        let (file, report) = sanitize(bytes, &declared, &settings, &mut NoInspector).into_parts();
        let Some((bytes, _)) = file else { panic!("{}", report.reason) };
        let (again, second) = sanitize(&bytes, &declared, &settings, &mut NoInspector).into_parts();
        assert!(
            again.is_some_and(|(again, _)| again == bytes),
            "rebuilding again changes it: {}",
            second.reason
        );
        assert_eq!(second.removed, [], "rebuilding again removes something");
        Self { bytes, removed: report.removed }
    }

    /// Names of the members.
    pub(super) fn names(&self) -> Vec<String> {
        let zip = Zip::parse(&self.bytes, &Limits::default()).unwrap();
        zip.entries().iter().map(|entry| entry.name.clone()).collect()
    }

    pub(super) fn member(&self, name: &str) -> Vec<u8> {
        let zip = Zip::parse(&self.bytes, &Limits::default()).unwrap();
        let entry = zip.entries().iter().find(|entry| entry.name == name);
        entry.unwrap_or_else(|| panic!("no {name}")).expand().unwrap()
    }

    pub(super) fn part(&self, name: &str) -> String {
        String::from_utf8(self.member(name)).unwrap()
    }

    pub(super) fn content(&self) -> String {
        self.part("content.xml")
    }

    pub(super) fn lost(&self, what: What) -> bool {
        self.removed.iter().any(|removed| removed.what == what)
    }

    /// Asserts that the content has each of `kept` and none of `gone`.
    pub(super) fn has(&self, kept: &[&str], gone: &[&str]) -> &Self {
        let content = self.content();
        for word in kept {
            assert!(content.contains(word), "{word} is not in {content}");
        }
        for word in gone {
            assert!(!content.contains(word), "{word} is in {content}");
        }
        self
    }
}

/// A document that passes verification but for what `change` does to its content.
pub(super) fn verified(change: impl Fn(String) -> String) -> Result<(), Failure> {
    let rebuilt = Fixture::text("<text:p text:style-name=\"S\">kept words</text:p>").rebuilt();
    let mut zip = ZipWriter::new(&Limits::default());
    for name in rebuilt.names() {
        let bytes = rebuilt.member(&name);
        match name.as_str() {
            "mimetype" => zip.add_stored(&name, &bytes).unwrap(),
            "content.xml" => zip.add(&name, change(rebuilt.content()).as_bytes()).unwrap(),
            _ => zip.add(&name, &bytes).unwrap(),
        }
    }
    let bytes = zip.finish().unwrap();
    bench(&Limits::default(), |job| super::super::verify(&bytes, Format::Odt, job)).0
}
