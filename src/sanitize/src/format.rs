//! Which formats exist: the one table.

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::job::Job;

/// A rebuilt file: its bytes and the type it now has (`docm` comes out as `docx`).
pub(crate) struct Rewritten {
    pub(crate) bytes: Vec<u8>,
    pub(crate) format: Format,
}

/// Parses `bytes` and writes a new file from what is on the allow list; notes in the job what it leaves behind.
pub(crate) type Rebuild = fn(&[u8], Format, &mut Job<'_>) -> Result<Rewritten, Failure>;

/// Parses a rebuilt file from scratch and searches it for everything that must be gone.
pub(crate) type Verify = fn(&[u8], Format, &mut Job<'_>) -> Result<(), Failure>;

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $extensions:expr, $media:literal, $rebuild:expr;)*) => {
        /// A document format that can be told apart from its content.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Format { $($(#[$doc])* $variant,)* }

        impl Format {
            /// Every format, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The short name used in contracts, reports and tables.
            #[must_use]
            pub fn name(self) -> &'static str { match self { $(Self::$variant => $name,)* } }

            /// File name extensions, the usual one first.
            #[must_use]
            pub fn extensions(self) -> &'static [&'static str] { match self { $(Self::$variant => &$extensions,)* } }

            /// Registered media type (IANA).
            #[must_use]
            pub fn media_type(self) -> &'static str { match self { $(Self::$variant => $media,)* } }

            /// The rebuilder and its verifier; `None`: recognised, but refused.
            pub(crate) fn rebuilder(self) -> Option<(Rebuild, Verify)> { match self { $(Self::$variant => $rebuild,)* } }
        }
    };
}

formats! {
    /// Word document.
    Docx, "docx", ["docx"], "application/vnd.openxmlformats-officedocument.wordprocessingml.document", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// Word document with macros.
    Docm, "docm", ["docm"], "application/vnd.ms-word.document.macroEnabled.12", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// Word template.
    Dotx, "dotx", ["dotx"], "application/vnd.openxmlformats-officedocument.wordprocessingml.template", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// Word template with macros.
    Dotm, "dotm", ["dotm"], "application/vnd.ms-word.template.macroEnabled.12", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// Excel workbook.
    Xlsx, "xlsx", ["xlsx"], "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// Excel workbook with macros.
    Xlsm, "xlsm", ["xlsm"], "application/vnd.ms-excel.sheet.macroEnabled.12", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// Excel template.
    Xltx, "xltx", ["xltx"], "application/vnd.openxmlformats-officedocument.spreadsheetml.template", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// Excel template with macros.
    Xltm, "xltm", ["xltm"], "application/vnd.ms-excel.template.macroEnabled.12", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// PowerPoint presentation.
    Pptx, "pptx", ["pptx"], "application/vnd.openxmlformats-officedocument.presentationml.presentation", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// PowerPoint presentation with macros.
    Pptm, "pptm", ["pptm"], "application/vnd.ms-powerpoint.presentation.macroEnabled.12", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// PowerPoint template.
    Potx, "potx", ["potx"], "application/vnd.openxmlformats-officedocument.presentationml.template", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// PowerPoint template with macros.
    Potm, "potm", ["potm"], "application/vnd.ms-powerpoint.template.macroEnabled.12", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// PowerPoint slide show.
    Ppsx, "ppsx", ["ppsx"], "application/vnd.openxmlformats-officedocument.presentationml.slideshow", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// PowerPoint slide show with macros.
    Ppsm, "ppsm", ["ppsm"], "application/vnd.ms-powerpoint.slideshow.macroEnabled.12", Some((crate::ooxml::rebuild, crate::ooxml::verify));
    /// Excel binary workbook.
    Xlsb, "xlsb", ["xlsb"], "application/vnd.ms-excel.sheet.binary.macroEnabled.12", None;
    /// Office add-in (Excel, PowerPoint).
    OfficeAddin, "officeaddin", ["xlam", "ppam"], "application/vnd.ms-excel.addin.macroEnabled.12", None;
    /// Word 97–2003 document.
    Doc, "doc", ["doc", "dot"], "application/msword", Some((crate::doc::rebuild, crate::doc::verify));
    /// Excel 97–2003 workbook.
    Xls, "xls", ["xls", "xlt"], "application/vnd.ms-excel", Some((crate::xls::rebuild, crate::xls::verify));
    /// PowerPoint 97–2003 presentation.
    Ppt, "ppt", ["ppt", "pot", "pps"], "application/vnd.ms-powerpoint", Some((crate::ppt::rebuild, crate::ppt::verify));
    /// Outlook message.
    Msg, "msg", ["msg"], "application/vnd.ms-outlook", Some((crate::mail::msg::rebuild, crate::mail::verify));
    /// Another OLE compound file, or an encrypted Office document.
    Cfb, "cfb", [], "application/x-ole-storage", None;
    /// OpenDocument text.
    Odt, "odt", ["odt"], "application/vnd.oasis.opendocument.text", Some((crate::odf::rebuild, crate::odf::verify));
    /// OpenDocument spreadsheet.
    Ods, "ods", ["ods"], "application/vnd.oasis.opendocument.spreadsheet", Some((crate::odf::rebuild, crate::odf::verify));
    /// OpenDocument presentation.
    Odp, "odp", ["odp"], "application/vnd.oasis.opendocument.presentation", Some((crate::odf::rebuild, crate::odf::verify));
    /// OpenDocument drawing.
    Odg, "odg", ["odg"], "application/vnd.oasis.opendocument.graphics", Some((crate::odf::rebuild, crate::odf::verify));
    /// OpenDocument text template.
    Ott, "ott", ["ott"], "application/vnd.oasis.opendocument.text-template", Some((crate::odf::rebuild, crate::odf::verify));
    /// OpenDocument spreadsheet template.
    Ots, "ots", ["ots"], "application/vnd.oasis.opendocument.spreadsheet-template", Some((crate::odf::rebuild, crate::odf::verify));
    /// OpenDocument presentation template.
    Otp, "otp", ["otp"], "application/vnd.oasis.opendocument.presentation-template", Some((crate::odf::rebuild, crate::odf::verify));
    /// OpenDocument drawing template.
    Otg, "otg", ["otg"], "application/vnd.oasis.opendocument.graphics-template", Some((crate::odf::rebuild, crate::odf::verify));
    /// Portable Document Format.
    Pdf, "pdf", ["pdf"], "application/pdf", Some((crate::pdf::rebuild, crate::pdf::verify));
    /// Rich Text Format.
    Rtf, "rtf", ["rtf"], "application/rtf", Some((crate::rtf::rebuild, crate::rtf::verify));
    /// JPEG picture.
    Jpeg, "jpeg", ["jpg", "jpeg", "jpe", "jfif"], "image/jpeg", Some((crate::image::rebuild, crate::image::verify));
    /// PNG picture.
    Png, "png", ["png"], "image/png", Some((crate::image::rebuild, crate::image::verify));
    /// GIF picture.
    Gif, "gif", ["gif"], "image/gif", Some((crate::image::rebuild, crate::image::verify));
    /// TIFF picture.
    Tiff, "tiff", ["tif", "tiff"], "image/tiff", Some((crate::image::rebuild, crate::image::verify));
    /// BMP picture.
    Bmp, "bmp", ["bmp"], "image/bmp", Some((crate::image::rebuild, crate::image::verify));
    /// WebP picture.
    Webp, "webp", ["webp"], "image/webp", Some((crate::image::rebuild, crate::image::verify));
    /// HEIC or HEIF picture.
    Heif, "heif", ["heic", "heif"], "image/heif", Some((crate::image::rebuild, crate::image::verify));
    /// Enhanced metafile.
    Emf, "emf", ["emf"], "image/emf", Some((crate::metafile::rebuild, crate::metafile::verify));
    /// Windows metafile.
    Wmf, "wmf", ["wmf"], "image/wmf", Some((crate::metafile::rebuild, crate::metafile::verify));
    /// SVG drawing.
    Svg, "svg", ["svg"], "image/svg+xml", Some((crate::svg::rebuild, crate::svg::verify));
    /// HTML page.
    Html, "html", ["html", "htm", "xhtml"], "text/html", Some((crate::html::rebuild, crate::html::verify));
    /// XML document.
    Xml, "xml", ["xml"], "application/xml", Some((crate::text::rebuild_xml, crate::text::verify_xml));
    /// JSON document.
    Json, "json", ["json"], "application/json", Some((crate::text::rebuild_json, crate::text::verify_json));
    /// Comma-separated values.
    Csv, "csv", ["csv", "tsv"], "text/csv", Some((crate::text::rebuild_csv, crate::text::verify_csv));
    /// Plain text.
    Text, "text", ["txt", "text", "log", "md"], "text/plain", Some((crate::text::rebuild_text, crate::text::verify_text));
    /// Mail message or web archive.
    Mime, "mime", ["eml", "mht", "mhtml"], "message/rfc822", Some((crate::mail::rebuild, crate::mail::verify));
    /// ZIP archive.
    Zip, "zip", ["zip"], "application/zip", Some((crate::archive::zip::rebuild, crate::archive::zip::verify));
    /// gzip stream.
    Gzip, "gzip", ["gz", "tgz"], "application/gzip", Some((crate::archive::gzip::rebuild, crate::archive::gzip::verify));
    /// tar archive.
    Tar, "tar", ["tar"], "application/x-tar", Some((crate::archive::tar::rebuild, crate::archive::tar::verify));
    /// 7z archive.
    SevenZip, "7z", ["7z"], "application/x-7z-compressed", Some((crate::archive::sevenzip::rebuild, crate::archive::zip::verify));
    /// RAR archive.
    Rar, "rar", ["rar"], "application/vnd.rar", None;
    /// Program for some machine or interpreter.
    Executable, "executable", ["exe", "dll", "com", "scr", "elf", "so", "class", "jar", "bat", "cmd", "ps1", "sh", "vbs", "js", "hta", "lnk", "msi"], "application/octet-stream", None;
    /// Recognised as none of the above.
    Unknown, "unknown", [], "application/octet-stream", None;
}

impl Format {
    /// Whether files of this format are rebuilt.
    #[must_use]
    pub fn is_rebuilt(self) -> bool {
        self.rebuilder().is_some()
    }

    /// Whether a file of this format brings other files along that are used by themselves: archives and mails.
    #[must_use]
    pub fn is_container(self) -> bool {
        matches!(self, Self::Zip | Self::Tar | Self::Gzip | Self::SevenZip | Self::Mime)
    }

    /// The usual extension; empty for [`Format::Unknown`].
    #[must_use]
    pub fn extension(self) -> &'static str {
        self.extensions().first().copied().unwrap_or("")
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::Format;

    /// What users are told in the project's README is what the table says.
    #[test]
    fn the_readme_has_every_format_and_says_whether_it_is_rebuilt() {
        let readme = include_str!("../../../README.md");
        let lines = readme.lines().skip_while(|line| !line.starts_with("| formats |")).skip(2);
        let mut told: BTreeMap<&str, bool> = BTreeMap::new();
        for line in lines.take_while(|line| line.starts_with('|')) {
            let mut cells = line.split('|').skip(1).map(str::trim);
            let (formats, fate) = (cells.next().unwrap(), cells.next().unwrap());
            assert!(fate.starts_with("rebuilt") || fate.starts_with("refused"), "{formats}: {fate}");
            for name in formats.split('`').skip(1).step_by(2) {
                assert!(told.insert(name, fate.starts_with("rebuilt")).is_none(), "{name} is there twice");
            }
        }
        let known = Format::ALL.iter().map(|format| (format.name(), format.is_rebuilt())).collect();
        assert_eq!(told, known);
    }
}
