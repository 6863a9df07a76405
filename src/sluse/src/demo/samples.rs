//! The samples of the demo, made here: each has something that a citizen's file may have.

use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zip::unstable::write::FileOptionsExt as _;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// A submission that the demo sends.
pub(super) struct Sample {
    /// What it shows.
    pub(super) title: &'static str,
    /// Name of its file.
    pub(super) file: &'static str,
    /// The form and its fields.
    pub(super) submission: Value,
    /// What must become of it.
    pub(super) expected: &'static str,
    bytes: Vec<u8>,
}

impl Sample {
    /// Writes the file into a folder.
    pub(super) fn write(&self, folder: &Path) -> std::io::Result<PathBuf> {
        let path = folder.join(self.file);
        std::fs::write(&path, &self.bytes)?;
        Ok(path)
    }
}

/// Why a sample could not be made: a defect.
pub(super) type SampleError = Box<dyn std::error::Error>;

/// All samples, in the order in which they are sent.
pub(super) fn all() -> Result<Vec<Sample>, SampleError> {
    let building = json!({ "form": "building-permit", "version": 1, "fields": {
        "applicant": "Ada Lovelace", "property": "Torvet 1", "description": "A carport of oak", "area_m2": 24.5 } });
    let parking = json!({ "form": "parking-permit", "version": 1, "fields": {
        "name": "Grace Hopper", "address": "Havnegade 7", "registration": "AB 12 345" } });
    let sample = |title, file, submission: &Value, expected, bytes| Sample {
        title,
        file,
        submission: submission.clone(),
        expected,
        bytes,
    };
    Ok(vec![
        sample("clean Word document", "description.docx", &building, "relayed", docx(false)?),
        sample("Word document with a macro", "invoice.docm", &building, "relayed", docx(true)?),
        sample("PDF with JavaScript", "drawing.pdf", &parking, "relayed", pdf_with_javascript()),
        sample("photo with GPS position", "house.jpg", &parking, "relayed", photo_with_position()?),
        sample(
            "zip of two files",
            "papers.zip",
            &building,
            "relayed",
            zip(&[("notes/description.docx", docx(false)?), ("drawing.pdf", pdf_with_javascript())])?,
        ),
        sample(
            "EICAR test virus in a zip",
            "drivers.zip",
            &building,
            "quarantined",
            zip(&[("setup.txt", eicar())])?,
        ),
        sample("encrypted zip", "secret.zip", &building, "quarantined", encrypted_zip()?),
    ])
}

/// The EICAR test file, put together here so that no scanner takes this program for it.
fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!", "$H+H*"].concat().into_bytes()
}

fn zip(members: &[(&str, Vec<u8>)]) -> Result<Vec<u8>, SampleError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in members {
        writer.start_file(*name, options)?;
        writer.write_all(bytes)?;
    }
    Ok(writer.finish()?.into_inner())
}

fn encrypted_zip() -> Result<Vec<u8>, SampleError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().with_deprecated_encryption(b"password")?;
    writer.start_file("contract.txt", options)?;
    writer.write_all(b"You need the password to read this.")?;
    Ok(writer.finish()?.into_inner())
}

const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>
<w:p><w:pPr><w:jc w:val="center"/></w:pPr><w:r><w:rPr><w:b/><w:sz w:val="36"/></w:rPr><w:t>Application for a carport</w:t></w:r></w:p>
<w:p><w:r><w:t>The carport is built of oak and stands two metres from the boundary.</w:t></w:r></w:p>
<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:pgMar w:top="1440" w:right="1440" w:bottom="1440" w:left="1440" w:header="708" w:footer="708" w:gutter="0"/></w:sectPr>
</w:body></w:document>"#;

fn docx(macros: bool) -> Result<Vec<u8>, SampleError> {
    let (main, extra, relationships) = if macros {
        (
            "application/vnd.ms-word.document.macroEnabled.main+xml",
            r#"<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/>"#,
            r#"<Relationship Id="rId1" Type="http://schemas.microsoft.com/office/2006/relationships/vbaProject" Target="vbaProject.bin"/>"#,
        )
    } else {
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml", "", "")
    };
    let types = format!(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>{extra}<Override PartName="/word/document.xml" ContentType="{main}"/></Types>"#
    );
    let root = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#;
    let part = format!(
        r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{relationships}</Relationships>"#
    );
    let mut members = vec![
        ("[Content_Types].xml", types.into_bytes()),
        ("_rels/.rels", root.as_bytes().to_vec()),
        ("word/document.xml", DOCUMENT.as_bytes().to_vec()),
        ("word/_rels/document.xml.rels", part.into_bytes()),
    ];
    if macros {
        let mut project = vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
        project.extend_from_slice(
            b"Attribute VB_Name = \"ThisDocument\"\r\nSub AutoOpen()\r\n  Shell \"calc.exe\"\r\nEnd Sub\r\n",
        );
        members.push(("word/vbaProject.bin", project));
    }
    zip(&members)
}

fn pdf_with_javascript() -> Vec<u8> {
    let text = "BT /F1 24 Tf 72 720 Td (Drawing of a carport) Tj ET 72 400 300 200 re S";
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\('hello'\\);) >> >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut pdf = String::from("%PDF-1.7\n");
    let mut offsets = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        offsets.push(pdf.len());
        pdf.push_str(&format!("{} 0 obj\n{object}\nendobj\n", n + 1));
    }
    let start = pdf.len();
    pdf.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for offset in offsets {
        pdf.push_str(&format!("{offset:010} 00000 n \n"));
    }
    pdf.push_str(&format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n",
        objects.len() + 1
    ));
    pdf.into_bytes()
}

/// A JPEG with an EXIF segment (Exif 2.32) that says where it was taken.
fn photo_with_position() -> Result<Vec<u8>, SampleError> {
    let picture = image::RgbImage::from_fn(480, 320, |x, y| {
        // Sky, a house and a lawn.
        let house = (160..320).contains(&x) && (140..260).contains(&y);
        let shade = u8::try_from(y / 4).unwrap_or(u8::MAX);
        if house {
            image::Rgb([150, 60, 50])
        } else if y < 220 {
            image::Rgb([110, 160, 200_u8.saturating_add(shade / 2)])
        } else {
            image::Rgb([60, 130 - shade / 2, 60])
        }
    });
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 90).encode_image(&picture)?;

    let rational = |n: u32| [n.to_le_bytes(), 1_u32.to_le_bytes()].concat();
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    // IFD 0 at 8: one entry, GPS IFD pointer (tag 0x8825) to 26.
    tiff.extend_from_slice(b"\x01\0\x25\x88\x04\0\x01\0\0\0\x1a\0\0\0\0\0\0\0");
    // GPS IFD at 26: LatitudeRef N, Latitude at 80, LongitudeRef E, Longitude at 104.
    tiff.extend_from_slice(b"\x04\0\x01\0\x02\0\x02\0\0\0N\0\0\0\x02\0\x05\0\x03\0\0\0\x50\0\0\0");
    tiff.extend_from_slice(b"\x03\0\x02\0\x02\0\0\0E\0\0\0\x04\0\x05\0\x03\0\0\0\x68\0\0\0\0\0\0\0");
    for part in [55, 40, 34, 12, 34, 6] {
        tiff.extend_from_slice(&rational(part));
    }
    let length = u16::try_from(2 + 6 + tiff.len())?;
    let (start, rest) = jpeg.split_at(2);
    Ok([start, &[0xff, 0xe1], &length.to_be_bytes(), b"Exif\0\0", &tiff, rest].concat())
}
