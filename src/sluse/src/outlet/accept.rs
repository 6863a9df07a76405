//! From sealed bytes to a delivery that may be made: the bridge's two signatures are what says that it was examined.
//!
//! The sealed message is signed, and inside it the manifest is signed by itself, because the manifest goes on to the case
//! system with its signature. Both must be a listed bridge's; id and destination must be the same all the way.

use std::time::Duration;

use sluse_envelope::jws;
use sluse_envelope::{AgeError, Direction, SealedMessage, Sha256, SubmissionId, Suite, UnixMillis};

use crate::blobs::MAX_MESSAGE_AGE;
use crate::config::outlet::{Destination, Settings};
use crate::model::delivery::{Delivery, File, Manifest, SealedFile};
use crate::outlet::Stopped;

/// How far the bridge's clock may be ahead of the outlet's.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(86_400);

/// A delivery whose origin and shape are proved.
///
/// Invariant: made by [`accept`] alone; every file has its sealed bytes' place and key.
pub(super) struct Accepted {
    manifest: Manifest,
    /// The exact bytes that the bridge signed.
    manifest_json: String,
    signature: String,
    files: Vec<(File, SealedFile)>,
}

impl Accepted {
    /// What is delivered.
    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// `manifest.json`.
    pub(super) fn manifest_json(&self) -> &str {
        &self.manifest_json
    }

    /// `manifest.sig`.
    pub(super) fn signature(&self) -> &str {
        &self.signature
    }

    /// A digest of what the citizen sent; the same however often and by whom it was sealed and examined.
    pub(super) fn content(&self) -> Result<[u8; 32], serde_json::Error> {
        let Manifest { form, version, fields, reply_to, attachments, .. } = &self.manifest;
        let sent: Vec<(&str, u64)> =
            attachments.iter().map(|a| (a.original_sha256.as_str(), a.original_size)).collect();
        let json = serde_json::to_vec(&(form, version, fields, reply_to, sent))?;
        Ok(Sha256::of(&json).to_bytes())
    }

    /// Delivered files and where their sealed bytes are.
    pub(super) fn files(&self) -> &[(File, SealedFile)] {
        &self.files
    }
}

/// Verifies, opens and verifies again.
pub(super) fn accept(
    settings: &Settings,
    destination: &Destination,
    sealed: &[u8],
) -> Result<Accepted, Stopped> {
    let unusable = |code, cause: String| Stopped::Unusable { code, cause };
    let message =
        SealedMessage::parse(sealed).map_err(|cause| unusable("no_sealed_message", cause.to_string()))?;
    let verified = message
        .verify(&settings.bridge_keys)
        .map_err(|cause| unusable("not_signed_by_a_listed_bridge", cause.to_string()))?;
    check_age(verified.header().created, verified.header().submission, UnixMillis::now())?;
    let opened = verified
        .open(&settings.private_keys, Direction::Secure, Suite::ALL)
        .map_err(|cause| unusable("cannot_be_opened", cause.to_string()))?;

    let shape = |cause: serde_json::Error| {
        unusable("delivery_cannot_be_read", format!("at line {}, column {}", cause.line(), cause.column()))
    };
    let delivery: Delivery = serde_json::from_slice(opened.content()).map_err(shape)?;
    jws::verify_detached(
        &settings.bridge_keys,
        jws::MANIFEST,
        &delivery.signature,
        delivery.manifest.as_bytes(),
    )
    .map_err(|cause| unusable("manifest_not_signed_by_a_listed_bridge", cause.to_string()))?;
    let manifest: Manifest = serde_json::from_str(&delivery.manifest).map_err(shape)?;
    if manifest.id != opened.header().submission || manifest.destination != destination.name.as_str() {
        let cause = "the manifest is another submission's or another destination's".to_owned();
        return Err(unusable("manifest_does_not_fit", cause));
    }

    let listed: Vec<(u32, &File)> =
        manifest.attachments.iter().filter_map(|a| a.file.as_ref().map(|file| (a.index, file))).collect();
    let fits = listed.len() == delivery.blobs.len()
        && listed
            .iter()
            .zip(&delivery.blobs)
            .all(|((index, file), blob)| *index == blob.index && is_safe(&file.name));
    if !fits {
        return Err(unusable("files_do_not_fit", "manifest and sealed files do not match".to_owned()));
    }
    let files = listed.into_iter().map(|(_, file)| file.clone()).zip(delivery.blobs).collect();
    Ok(Accepted { files, manifest_json: delivery.manifest, signature: delivery.signature, manifest })
}

/// Refuses a delivery that is over a year old, by its own date or by its id's. Two things need that:
///
/// - Its own date: blobs of an older one may be collected, see [`crate::blobs`].
/// - Its id's: the ledger forgets delivered ids after `remember_days`, which is over a year. A copy that the bridge sealed
///   anew, of a message that was redriven or replayed, has a new date and the same id; taken after the id was forgotten, it
///   would be delivered again.
fn check_age(created: UnixMillis, id: SubmissionId, now: UnixMillis) -> Result<(), Stopped> {
    let too_old =
        |cause: AgeError| Stopped::Unusable { code: "over_the_maximum_age", cause: cause.to_string() };
    created.check_age(now, MAX_MESSAGE_AGE, MAX_CLOCK_SKEW).map_err(|cause| match cause {
        AgeError::TooOld { .. } => too_old(cause),
        AgeError::FromFuture { .. } => {
            Stopped::waits(format!("the bridge's clock or ours is wrong: {cause}"))
        }
    })?;
    began(id).check_age(now, MAX_MESSAGE_AGE, Duration::MAX).map_err(too_old)
}

/// When an id was made (RFC 9562 section 5.7), by the clock of whoever made it.
fn began(id: SubmissionId) -> UnixMillis {
    let [a, b, c, d, e, f, ..] = id.to_bytes();
    UnixMillis(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

/// A name that stays in its folder and does not stand for the manifest.
fn is_safe(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\0', ':'])
        && !name.to_lowercase().starts_with("manifest.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::ORPHAN_AGE;

    const DAY: u64 = 86_400_000;

    /// A delivery sealed so many days ago, of a submission that began so many days ago.
    fn checked(sealed: u64, began: u64) -> Result<(), Stopped> {
        let now = UnixMillis(20_000 * DAY);
        let ago = |days: u64| UnixMillis(now.0 - days * DAY);
        check_age(ago(sealed), SubmissionId::new(ago(began)).unwrap(), now)
    }

    #[test]
    fn a_delivery_whose_blobs_may_be_gone_is_set_aside() {
        checked(365, 365).unwrap();
        assert!(matches!(checked(366, 0), Err(Stopped::Unusable { code: "over_the_maximum_age", .. })));
        assert!(
            ORPHAN_AGE >= MAX_MESSAGE_AGE + 30 * MAX_CLOCK_SKEW,
            "no time is left for clocks and uploads"
        );
    }

    #[test]
    fn a_copy_sealed_anew_when_its_id_may_be_forgotten_is_set_aside() {
        assert!(matches!(checked(0, 366), Err(Stopped::Unusable { code: "over_the_maximum_age", .. })));
    }

    #[test]
    fn a_delivery_from_the_future_waits() {
        let ahead = |now: u64| check_age(UnixMillis(2 * DAY), crate::id::tests::new_id(), UnixMillis(now));
        assert!(matches!(ahead(DAY - 1), Err(Stopped::Waits(_))));
        ahead(DAY).unwrap();
    }
}
