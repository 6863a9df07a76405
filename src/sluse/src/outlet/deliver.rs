//! Delivery to a folder, once: it appears whole by one rename, and is remembered.
//!
//! ```text
//! .incoming/<id>/{manifest.json, manifest.sig, files…}   written and synced
//!        │                                               ledger: staged
//!        └── rename ──▶ <id>/                            folder synced, ledger: delivered
//! ```
//!
//! After a crash the ledger and the staging folder say together where it stopped: not staged: begin anew; staged and the staging
//! folder is there: rename; staged and it is gone: it was renamed, and the case system may have taken it already.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sluse_envelope::{BlobOpener, BlobPlace, BlobRef, Direction, Expected, Sha256};

use crate::audit::{Event, Record};
use crate::config::outlet::Destination;
use crate::durable;
use crate::ledger::outlet::Staged;
use crate::outlet::accept::{Accepted, accept};
use crate::outlet::{Outlet, Stopped};

/// Where deliveries are made ready, inside the destination's folder so that the rename stays on one file system.
pub(super) const STAGING: &str = ".incoming";

impl Outlet {
    /// Accepts and delivers one message. Returns the blobs that are done with.
    pub(super) async fn process(
        &self,
        destination: &Destination,
        sealed: &[u8],
    ) -> Result<Vec<BlobRef>, Stopped> {
        let accepted = accept(&self.settings, destination, sealed)?;
        let blobs = accepted.files().iter().map(|(_, sealed)| sealed.blob).collect();
        let id = accepted.manifest().id;
        let place = Place::new(destination, &id.to_string());
        let claim = self.claims.take(id);
        let _claim = claim.ok_or_else(|| Stopped::waits("another copy of it is being delivered"))?;
        match self.ledger.find(id).await.map_err(Stopped::waits)? {
            Some(Staged::AlreadyDelivered(_)) => {
                tracing::info!(%id, "delivered before; not delivered again");
                let record = Record::of(Event::Duplicate).about(id);
                self.audit.append(record).await.map_err(Stopped::waits)?;
                return Ok(blobs);
            }
            Some(Staged::AlreadyStaged(delivery)) if delivery.destination != destination.name => {
                let cause = format!("it was staged for {} before", delivery.destination);
                return Err(Stopped::Unusable { code: "staged_for_another_destination", cause });
            }
            Some(_) => {}
            None => {
                if let Err(stopped) = self.stage(&accepted, &place).await {
                    place.remove().map_err(Stopped::waits)?;
                    return Err(stopped);
                }
                let digest = Sha256::of(accepted.manifest_json().as_bytes()).to_bytes();
                match self.ledger.stage(id, &destination.name, digest).await.map_err(Stopped::waits)? {
                    Staged::New => {}
                    _ => return Err(Stopped::waits("another outlet staged it meanwhile")),
                }
            }
        }
        tokio::task::block_in_place(|| place.publish()).map_err(Stopped::waits)?;
        let record = Record::of(Event::Delivered).about(id).with("destination", destination.name.clone());
        self.audit.append(record).await.map_err(Stopped::waits)?;
        self.ledger.delivered(id).await.map_err(Stopped::waits)?;
        tracing::info!(%id, destination = %destination.name, files = accepted.files().len(), "delivered");
        Ok(blobs)
    }

    /// Writes everything into the staging folder, synced.
    async fn stage(&self, accepted: &Accepted, place: &Place) -> Result<(), Stopped> {
        place.clear().map_err(Stopped::waits)?;
        for (file, sealed) in accepted.files() {
            let origin = BlobPlace {
                submission: accepted.manifest().id,
                index: sealed.index,
                direction: Direction::Secure,
            };
            let broken = |cause: String| Stopped::Unusable { code: "file_does_not_open", cause };
            let sha256: Sha256 = file.sha256.parse().map_err(|_| broken("the digest is none".to_owned()))?;
            let expected = Expected { size: file.size, sha256 };
            let mut opener = BlobOpener::new(sealed.key.clone(), &origin, expected)
                .map_err(|cause| broken(cause.to_string()))?;
            let mut reader = self.blobs.open(&sealed.blob).await.map_err(Stopped::waits)?;
            let mut out = place.create(&file.name).map_err(Stopped::waits)?;
            let mut plain = Vec::new();
            while let Some(chunk) = reader.read_chunk().await.map_err(Stopped::waits)? {
                opener.push(&chunk, &mut plain).map_err(|cause| broken(cause.to_string()))?;
                io::Write::write_all(&mut out, &plain).map_err(Stopped::waits)?;
                plain.clear();
            }
            opener.finish().map_err(|cause| broken(cause.to_string()))?;
            tokio::task::block_in_place(|| out.sync_all()).map_err(Stopped::waits)?;
        }
        place.write("manifest.json", accepted.manifest_json()).map_err(Stopped::waits)?;
        place.write("manifest.sig", accepted.signature()).map_err(Stopped::waits)?;
        tokio::task::block_in_place(|| place.sync()).map_err(Stopped::waits)
    }
}

/// The two folders of one delivery.
struct Place {
    staging: PathBuf,
    staged: PathBuf,
    delivered: PathBuf,
}

impl Place {
    fn new(destination: &Destination, name: &str) -> Self {
        let staging = destination.folder.join(STAGING);
        Self { staged: staging.join(name), staging, delivered: destination.folder.join(name) }
    }

    /// An empty staging folder; what an interrupted try left is removed.
    fn clear(&self) -> io::Result<()> {
        self.remove()?;
        fs::create_dir(&self.staged)
    }

    /// Removes what was staged.
    fn remove(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.staged) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
            _ => Ok(()),
        }
    }

    fn create(&self, name: &str) -> io::Result<fs::File> {
        fs::OpenOptions::new().write(true).create_new(true).open(self.staged.join(name))
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = self.create(name)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()
    }

    fn sync(&self) -> io::Result<()> {
        durable::sync_dir(&self.staged)?;
        durable::sync_dir(&self.staging)
    }

    /// Moves the staged folder to where the case system looks, unless that was done before a crash.
    fn publish(&self) -> io::Result<()> {
        match fs::rename(&self.staged, &self.delivered) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound && self.staging.is_dir() => {}
            Err(cause) => return Err(cause),
            Ok(()) => {}
        }
        let folder: &Path = self.delivered.parent().unwrap_or(&self.delivered);
        durable::sync_dir(folder)?;
        durable::sync_dir(&self.staging)
    }
}
