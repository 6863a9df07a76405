//! Pictures in a document: each through the rebuilder of its own format, or replaced by a blank one.

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::format::Format;
use crate::identify::Declared;
use crate::image::BLANK;
use crate::job::Job;
use crate::report::{Removed, What, sha256_hex};
use crate::zip_write::ZipWriter;

/// Formats that all office programs show.
pub(crate) const SHOWN: &[Format] =
    &[Format::Png, Format::Jpeg, Format::Gif, Format::Tiff, Format::Bmp, Format::Emf, Format::Wmf];

/// The media type under which office programs know a format.
fn media_type(format: Format) -> &'static str {
    match format {
        Format::Emf => "image/x-emf",
        Format::Wmf => "image/x-wmf",
        other => other.media_type(),
    }
}

/// The rebuilt pictures of one document, equal ones once.
pub(crate) struct Pictures {
    /// What the names begin with: a folder and a word.
    stem: String,
    /// Formats that may stay.
    shown: &'static [Format],
    files: Vec<Picture>,
    /// New names by digests of old and new pictures; `None`: it could not be rebuilt.
    by_digest: BTreeMap<String, Option<String>>,
}

struct Picture {
    name: String,
    bytes: Vec<u8>,
    extension: &'static str,
    media_type: &'static str,
}

impl Pictures {
    pub(crate) fn new(stem: String, shown: &'static [Format]) -> Self {
        Self { stem, shown, files: Vec::new(), by_digest: BTreeMap::new() }
    }

    /// Rebuilds one picture and gives its new name; `None`: it cannot be, which is noted.
    pub(crate) fn rebuild(
        &mut self,
        bytes: &[u8],
        name: &str,
        job: &mut Job<'_>,
    ) -> Result<Option<String>, Failure> {
        let digest = sha256_hex(bytes);
        if let Some(known) = self.by_digest.get(&digest) {
            return Ok(known.clone());
        }
        // The extension proves nothing here: the content alone gives the new one.
        let bare = name.rsplit_once('.').map_or(name, |(bare, _)| bare);
        let rebuilt = match bytes {
            BLANK => return Ok(Some(self.blank())),
            bytes => job
                .nested(bytes, &Declared { name: bare, media_type: "" })?
                .filter(|(_, format)| self.shown.contains(format)),
        };
        let name = match rebuilt {
            Some((bytes, format)) => Some(self.add(bytes, format.extension(), media_type(format))),
            None => {
                let removed = Removed::new(What::Picture, name, 1);
                job.removed(Removed { sha256: Some(digest.clone()), ..removed });
                None
            }
        };
        self.by_digest.insert(digest, name.clone());
        Ok(name)
    }

    /// The name of a picture that shows nothing.
    pub(crate) fn blank(&mut self) -> String {
        self.add(BLANK.to_vec(), Format::Png.extension(), Format::Png.media_type())
    }

    /// Takes in a picture that is rebuilt already.
    pub(crate) fn add(
        &mut self,
        bytes: Vec<u8>,
        extension: &'static str,
        media_type: &'static str,
    ) -> String {
        let digest = sha256_hex(&bytes);
        if let Some(Some(known)) = self.by_digest.get(&digest) {
            return known.clone();
        }
        let name = format!("{}{}.{extension}", self.stem, self.files.len() + 1);
        self.files.push(Picture { name: name.clone(), bytes, extension, media_type });
        self.by_digest.insert(digest, Some(name.clone()));
        name
    }

    /// Extensions in use and their media types.
    pub(crate) fn types(&self) -> BTreeMap<&'static str, &'static str> {
        self.files.iter().map(|picture| (picture.extension, picture.media_type)).collect()
    }

    /// Names and media types, in the order in which they were first asked for.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.files.iter().map(|picture| (picture.name.as_str(), picture.media_type))
    }

    /// Adds all; those of formats that compress are not compressed again.
    pub(crate) fn write(&self, zip: &mut ZipWriter) -> Result<(), Failure> {
        self.files.iter().try_for_each(|picture| match picture.extension {
            "png" | "jpg" | "gif" | "webp" => zip.add_stored(&picture.name, &picture.bytes),
            _ => zip.add(&picture.name, &picture.bytes),
        })
    }
}
