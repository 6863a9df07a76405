//! Pictures in a document: each through the rebuilder of its own format, or replaced by a blank one.

use std::collections::BTreeMap;

use crate::failure::Failure;
use crate::format::Format;
use crate::identify::Declared;
use crate::image::BLANK;
use crate::job::Job;
use crate::report::{Removed, What, sha256_hex};
use crate::zip_write::ZipWriter;

/// Formats that office programs show.
const SHOWN: &[Format] =
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
pub(super) struct Pictures {
    folder: &'static str,
    files: Vec<(String, Vec<u8>)>,
    by_digest: BTreeMap<String, String>,
    types: BTreeMap<&'static str, &'static str>,
}

impl Pictures {
    pub(super) fn new(folder: &'static str) -> Self {
        Self { folder, files: Vec::new(), by_digest: BTreeMap::new(), types: BTreeMap::new() }
    }

    /// Rebuilds one picture and gives its new name.
    pub(super) fn rebuild(&mut self, bytes: &[u8], name: &str, job: &mut Job<'_>) -> Result<String, Failure> {
        let digest = sha256_hex(bytes);
        if let Some(known) = self.by_digest.get(&digest) {
            return Ok(known.clone());
        }
        // The extension proves nothing here: the content alone gives the new one.
        let bare = name.rsplit_once('.').map_or(name, |(bare, _)| bare);
        let rebuilt = match bytes {
            BLANK => Some((BLANK.to_vec(), Format::Png)),
            bytes => job
                .nested(bytes, &Declared { name: bare, media_type: "" })?
                .filter(|(_, format)| SHOWN.contains(format)),
        };
        let (bytes, format) = rebuilt.unwrap_or_else(|| {
            job.removed(Removed { sha256: Some(digest.clone()), ..Removed::new(What::Picture, name, 1) });
            (BLANK.to_vec(), Format::Png)
        });
        let new = sha256_hex(&bytes);
        let known = self.by_digest.get(&new).cloned();
        let name = known.unwrap_or_else(|| {
            let name = format!("{}media/image{}.{}", self.folder, self.files.len() + 1, format.extension());
            self.types.insert(format.extension(), media_type(format));
            self.files.push((name.clone(), bytes));
            self.by_digest.insert(new, name.clone());
            name
        });
        self.by_digest.insert(digest, name.clone());
        Ok(name)
    }

    /// Extensions in use and their media types.
    pub(super) fn types(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.types.iter().map(|(extension, media_type)| (*extension, *media_type))
    }

    pub(super) fn write(&self, zip: &mut ZipWriter) -> Result<(), Failure> {
        self.files.iter().try_for_each(|(name, bytes)| zip.add(name, bytes))
    }
}
