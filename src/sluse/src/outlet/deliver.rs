//! Delivery to a folder, once: it appears whole by one rename, and is remembered.
//!
//! ```text
//! .incoming/<id>.<mark>.<try>/{manifest.json, manifest.sig, files…}   written and synced
//!        │                                                      ledger: staged, as the one to deliver
//!        └── rename ──▶ <id>/                                   folder synced, ledger: delivered
//! ```
//!
//! Every try writes into a folder of its own, so two outlets with one submission do not touch each other's. The ledger
//! takes the folder that is named first and gives that name to everybody; nobody removes it, and its rename happens once.
//! So after a crash, or beside another outlet: not staged: begin anew; staged and that folder is there: rename; staged and it is
//! gone: it was renamed, and the case system may have taken it already. See [`crate::ledger::outlet`].
//!
//! "Gone" can be said only where it was: `<mark>` stands for this staging folder, which has an empty file `.mark-<mark>`. An
//! outlet whose destination is another folder than that of the outlet that staged finds no such mark, and waits.
//!
//! Whatever touches the folder does so in `block_in_place`: it may be another machine's, and hang.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sluse_envelope::{BlobOpener, BlobPlace, BlobRef, Direction, Expected, Sha256, SubmissionId};
use tokio::task::block_in_place;

use crate::audit::{Event, Record};
use crate::config::outlet::Destination;
use crate::durable;
use crate::id::{BadName, CodeWord};
use crate::ledger::outlet::Delivery;
use crate::outlet::accept::{Accepted, accept};
use crate::outlet::{Outlet, Stopped};

/// Where deliveries are made ready, inside the destination's folder so that the rename stays on one file system.
pub(super) const STAGING: &str = ".incoming";
/// What names of marks begin with.
const MARK: &str = ".mark-";

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
        let content = accepted.content().map_err(Stopped::waits)?;
        let known = match self.ledger.find(id).await.map_err(Stopped::waits)? {
            Some(known) => known,
            None => self.stage(destination, &accepted, content).await?,
        };
        if known.content != content {
            let cause = "another submission was staged or delivered under this id before".to_owned();
            return Err(Stopped::Unusable { code: "same_id_other_content", cause });
        }
        if known.destination != destination.name {
            let cause = format!("it was staged for {} before", known.destination);
            return Err(Stopped::Unusable { code: "staged_for_another_destination", cause });
        }
        if known.delivered {
            tracing::info!(%id, "delivered before; not delivered again");
            let record = Record::of(Event::Duplicate).about(id);
            self.audit.append(record).await.map_err(Stopped::waits)?;
            block_in_place(|| remove_tries(destination, id));
            return Ok(blobs);
        }
        let place = Place::new(destination, id, &known.folder);
        block_in_place(|| place.publish()).map_err(Stopped::waits)?;
        let record = Record::of(Event::Delivered).about(id).with("destination", destination.name.clone());
        self.audit.append(record).await.map_err(Stopped::waits)?;
        self.ledger.delivered(id).await.map_err(Stopped::waits)?;
        block_in_place(|| remove_tries(destination, id));
        tracing::info!(%id, destination = %destination.name, files = accepted.files().len(), "delivered");
        Ok(blobs)
    }

    /// Makes a delivery ready and names it to the ledger. Gives the one that counts: this one, or another outlet's.
    pub(super) async fn stage(
        &self,
        destination: &Destination,
        accepted: &Accepted,
        content: [u8; 32],
    ) -> Result<Delivery, Stopped> {
        let id = accepted.manifest().id;
        let folder = block_in_place(|| folder_of_a_try(destination, id)).map_err(Stopped::waits)?;
        let place = Place::new(destination, id, &folder);
        if let Err(stopped) = self.write(accepted, &place).await {
            block_in_place(|| place.remove()).map_err(Stopped::waits)?;
            return Err(stopped);
        }
        // On an error the ledger may have taken this folder all the same: it stays.
        let counts =
            self.ledger.stage(id, &destination.name, content, &folder).await.map_err(Stopped::waits)?;
        if counts.folder != folder {
            block_in_place(|| place.remove()).map_err(Stopped::waits)?;
        }
        Ok(counts)
    }

    /// Writes everything into the staging folder, synced.
    async fn write(&self, accepted: &Accepted, place: &Place) -> Result<(), Stopped> {
        block_in_place(|| fs::create_dir(&place.staged)).map_err(Stopped::waits)?;
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
            let mut out = block_in_place(|| place.create(&file.name)).map_err(Stopped::waits)?;
            let mut plain = Vec::new();
            while let Some(chunk) = reader.read_chunk().await.map_err(Stopped::waits)? {
                opener.push(&chunk, &mut plain).map_err(|cause| broken(cause.to_string()))?;
                block_in_place(|| io::Write::write_all(&mut out, &plain)).map_err(Stopped::waits)?;
                plain.clear();
            }
            opener.finish().map_err(|cause| broken(cause.to_string()))?;
            block_in_place(|| out.sync_all()).map_err(Stopped::waits)?;
        }
        let last = || {
            place.write("manifest.json", accepted.manifest_json())?;
            place.write("manifest.sig", accepted.signature())?;
            place.sync()
        };
        block_in_place(last).map_err(Stopped::waits)
    }
}

/// Marks a staging folder that has no mark yet, so that it is known again.
pub(super) fn mark(destination: &Destination) -> io::Result<()> {
    let staging = destination.folder.join(STAGING);
    if find_mark(&staging)?.is_none() {
        // Of two outlets that do this at once, each may leave one: any mark that is there is good.
        let name =
            format!("{MARK}{}", random_hex::<4>().map_err(|cause| io::Error::other(cause.to_string()))?);
        durable::create_file(&staging.join(name))?;
    }
    Ok(())
}

/// The first mark of a staging folder.
fn find_mark(staging: &Path) -> io::Result<Option<String>> {
    let mut first: Option<String> = None;
    for entry in fs::read_dir(staging)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(mark) = name.strip_prefix(MARK)
            && first.as_deref().is_none_or(|first| mark < first)
        {
            first = Some(mark.to_owned());
        }
    }
    Ok(first)
}

/// A name that no other try has: the id, the staging folder's mark and 64 random bits.
fn folder_of_a_try(destination: &Destination, id: SubmissionId) -> Result<CodeWord, String> {
    let mark = find_mark(&destination.folder.join(STAGING)).map_err(|cause| cause.to_string())?;
    let mark = mark.ok_or("the staging folder lost its mark: restart the outlet")?;
    let random = random_hex::<8>().map_err(|cause| cause.to_string())?;
    format!("{id}.{mark}.{random}").parse().map_err(|cause: BadName| cause.to_string())
}

fn random_hex<const N: usize>() -> Result<String, getrandom::Error> {
    let mut random = [0; N];
    getrandom::fill(&mut random)?;
    Ok(hex::encode(random))
}

/// Removes what tries of a delivered submission left: interrupted ones, and those of an outlet that was slower.
fn remove_tries(destination: &Destination, id: SubmissionId) {
    let prefix = id.to_string();
    let tries = fs::read_dir(destination.folder.join(STAGING)).into_iter().flatten().flatten();
    for left in tries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)) {
        match fs::remove_dir_all(left.path()) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%id, %cause, "an interrupted try to deliver could not be removed");
            }
            _ => {}
        }
    }
}

/// The two folders of one delivery.
struct Place {
    staging: PathBuf,
    staged: PathBuf,
    delivered: PathBuf,
}

impl Place {
    fn new(destination: &Destination, id: SubmissionId, folder: &CodeWord) -> Self {
        let staging = destination.folder.join(STAGING);
        let delivered = destination.folder.join(id.to_string());
        Self { staged: staging.join(folder.as_str()), staging, delivered }
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

    /// Moves the staged folder to where the case system looks, unless that was done before.
    fn publish(&self) -> io::Result<()> {
        match fs::rename(&self.staged, &self.delivered) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => self.was_here()?,
            Err(cause) => return Err(cause),
            Ok(()) => {}
        }
        let folder: &Path = self.delivered.parent().unwrap_or(&self.delivered);
        durable::sync_dir(folder)?;
        durable::sync_dir(&self.staging)
    }

    /// An error unless what is gone was staged in this very folder.
    fn was_here(&self) -> io::Result<()> {
        let name = self.staged.file_name().unwrap_or_default().to_string_lossy();
        let mark = match name.split('.').nth(1) {
            Some(mark) => self.staging.join(format!("{MARK}{mark}")),
            None => self.staging.clone(),
        };
        fs::metadata(mark).map(drop).map_err(|cause| {
            let hint = "it was staged in another folder than this outlet's: outlets that share a ledger must share the destination's folder";
            io::Error::new(cause.kind(), hint)
        })
    }
}
