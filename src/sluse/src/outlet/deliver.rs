//! Delivery to a folder, once: it appears whole by one rename, and is remembered.
//!
//! ```text
//! .incoming/<id>.<mark>.<try>/{manifest.json, manifest.sig, files…}   written and synced
//!        │                                                      ledger: staged, as the one to deliver
//!        └── rename ──▶ <id>/                                   folder synced, ledger: delivered
//! ```
//!
//! Every try writes into a folder of its own, so two outlets with one submission do not touch each other's. The ledger
//! takes the folder that is named first and gives that name to everybody; its rename happens once.
//! So after a crash, or beside another outlet: not staged: begin anew; staged and that folder is there: rename; staged and it is
//! gone: it was renamed, and the case system may have taken it already. See [`crate::ledger::outlet`].
//!
//! "Gone" can be said only where it was: `<mark>` stands for this staging folder, which has an empty file `.mark-<mark>`. An
//! outlet whose destination is another folder than that of the outlet that staged finds no such mark, and waits.
//!
//! What becomes of tries that nobody will deliver: plaintext should not lie about.
//!
//! - A message that is set aside withdraws what was staged for it: rename to `<try>.withdrawn`, forget in the ledger, remove. So who
//!   finds neither folder, and then the ledger still naming it, knows that it was delivered. A message that is redriven begins anew.
//! - A try that no ledger names may be another outlet's that is at work on it: it is removed when it is [`LEFTOVER_AGE`] old.
//!   Outlets that share a folder therefore share the ledger.
//!
//! Whatever touches the folder does so in `block_in_place`: it may be another machine's, and hang.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

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
/// What names of folders end with that are being withdrawn.
const WITHDRAWN: &str = ".withdrawn";
/// Age of a try that the ledger does not name, from which on nobody can be at work on it: longer than writing takes, than an outlet
/// is stopped, and than clocks differ.
pub(super) const LEFTOVER_AGE: Duration = Duration::from_secs(7 * 86_400);

impl Outlet {
    /// Accepts and delivers one message, which the queue says to be of the submission `queued_as`. Returns the blobs that are
    /// done with.
    pub(super) async fn process(
        &self,
        destination: &Destination,
        queued_as: SubmissionId,
        sealed: &[u8],
    ) -> Result<Vec<BlobRef>, Stopped> {
        let accepted = match accept(&self.settings, destination, sealed) {
            Ok(accepted) => accepted,
            Err(stopped) => {
                if matches!(stopped, Stopped::Unusable { .. }) {
                    self.withdraw_staged(destination, queued_as).await?;
                }
                return Err(stopped);
            }
        };
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
        let is_moved = block_in_place(|| place.publish()).map_err(Stopped::waits)?;
        if !is_moved && self.was_withdrawn(&place, id, &known.folder).await? {
            return Err(Stopped::waits("a copy of it was set aside meanwhile; it is made ready anew"));
        }
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

impl Outlet {
    /// Removes what was made ready of a submission that is set aside now. Nothing is lost when it was not the queue's message
    /// that this was made from: the right one makes it ready anew.
    async fn withdraw_staged(&self, destination: &Destination, id: SubmissionId) -> Result<(), Stopped> {
        match self.ledger.find(id).await.map_err(Stopped::waits)? {
            Some(known) if !known.delivered && known.destination == destination.name => {
                self.withdraw(&Place::new(destination, id, &known.folder), id, &known.folder).await
            }
            _ => Ok(()),
        }
    }

    /// Withdraws a try, or finishes withdrawing it, unless it was delivered.
    async fn withdraw(&self, place: &Place, id: SubmissionId, folder: &CodeWord) -> Result<(), Stopped> {
        if block_in_place(|| place.take_back()).map_err(Stopped::waits)? {
            self.ledger.withdraw(id, folder).await.map_err(Stopped::waits)?;
            block_in_place(|| remove_folder(&place.withdrawn)).map_err(Stopped::waits)?;
            tracing::info!(%id, "what was made ready of a delivery is removed");
        }
        Ok(())
    }

    /// Whether a staged folder that is gone was withdrawn, and not delivered.
    async fn was_withdrawn(
        &self,
        place: &Place,
        id: SubmissionId,
        folder: &CodeWord,
    ) -> Result<bool, Stopped> {
        if block_in_place(|| place.withdrawn.try_exists()).map_err(Stopped::waits)? {
            self.withdraw(place, id, folder).await?;
            return Ok(true);
        }
        let known = self.ledger.find(id).await.map_err(Stopped::waits)?;
        Ok(known.is_none_or(|known| known.folder != *folder))
    }

    /// Removes tries that nobody will deliver.
    pub(super) async fn clear_leftovers(&self) {
        for (destination, _) in &self.queues {
            let found = block_in_place(|| leftovers(destination)).unwrap_or_else(|cause| {
                tracing::warn!(destination = %destination.name, %cause, "interrupted tries could not be looked for");
                Vec::new()
            });
            for left in found {
                if let Err(cause) = self.clear(destination, &left).await {
                    tracing::warn!(id = %left.id, ?cause, "an interrupted try to deliver could not be removed");
                }
            }
        }
    }

    async fn clear(&self, destination: &Destination, left: &Leftover) -> Result<(), Stopped> {
        let Leftover { id, folder, is_withdrawn } = left;
        let known = self.ledger.find(*id).await.map_err(Stopped::waits)?;
        if *is_withdrawn || known.is_none_or(|known| known.folder != *folder) {
            self.withdraw(&Place::new(destination, *id, folder), *id, folder).await?;
        }
        Ok(())
    }
}

/// A try that may be one that nobody will deliver.
struct Leftover {
    id: SubmissionId,
    folder: CodeWord,
    is_withdrawn: bool,
}

/// Tries of a destination that are old or were being withdrawn.
fn leftovers(destination: &Destination) -> io::Result<Vec<Leftover>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(destination.folder.join(STAGING))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let (folder, is_withdrawn) = match name.strip_suffix(WITHDRAWN) {
            Some(folder) => (folder, true),
            None => (name.as_str(), false),
        };
        let id = folder.split('.').next().unwrap_or_default();
        // Marks, and what an operator may have put there.
        let (Ok(id), Ok(folder)) = (id.parse(), folder.parse()) else { continue };
        match entry.metadata().and_then(|metadata| Ok((metadata.is_dir(), metadata.modified()?))) {
            Ok((true, modified)) if is_withdrawn || is_old(modified) => {
                found.push(Leftover { id, folder, is_withdrawn });
            }
            Ok(_) => {}
            // Delivered or removed meanwhile.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(found)
}

fn is_old(modified: SystemTime) -> bool {
    SystemTime::now().duration_since(modified).is_ok_and(|age| age >= LEFTOVER_AGE)
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
        if let Err(cause) = remove_folder(&left.path()) {
            tracing::warn!(%id, %cause, "an interrupted try to deliver could not be removed");
        }
    }
}

/// Removes a folder and what is in it; one that is not there is fine.
fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// The folders of one delivery.
struct Place {
    staging: PathBuf,
    staged: PathBuf,
    withdrawn: PathBuf,
    delivered: PathBuf,
}

impl Place {
    fn new(destination: &Destination, id: SubmissionId, folder: &CodeWord) -> Self {
        let staging = destination.folder.join(STAGING);
        let delivered = destination.folder.join(id.to_string());
        let withdrawn = staging.join(format!("{folder}{WITHDRAWN}"));
        Self { staged: staging.join(folder.as_str()), staging, withdrawn, delivered }
    }

    /// Removes what was staged.
    fn remove(&self) -> io::Result<()> {
        remove_folder(&self.staged)
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

    /// Moves the staged folder to where the case system looks. `false` when it is there no more.
    fn publish(&self) -> io::Result<bool> {
        let is_moved = self.is_moved_to(&self.delivered)?;
        let folder: &Path = self.delivered.parent().unwrap_or(&self.delivered);
        durable::sync_dir(folder)?;
        durable::sync_dir(&self.staging)?;
        Ok(is_moved)
    }

    /// Moves the staged folder to where nobody delivers it. `false` when it is neither here nor there.
    fn take_back(&self) -> io::Result<bool> {
        let is_there = self.is_moved_to(&self.withdrawn)? || self.withdrawn.try_exists()?;
        durable::sync_dir(&self.staging)?;
        Ok(is_there)
    }

    /// Whether the staged folder was there to be moved.
    fn is_moved_to(&self, to: &Path) -> io::Result<bool> {
        match fs::rename(&self.staged, to) {
            Ok(()) => Ok(true),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => self.was_here().map(|()| false),
            Err(cause) => Err(cause),
        }
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
