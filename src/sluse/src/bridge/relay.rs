//! Sealing what is cleared to the outlet, and handing it over.
//!
//! Invariants: [`Bridge::relay`] takes a [`Clearance`], which the examination alone leads to; fresh keys are used, none of the DMZ's; the
//! message is queued only when every blob it names is durable.

use sluse_envelope::jws;
use sluse_envelope::{BlobPlace, BlobRef, BlobSealer, Direction};
use sluse_sanitize::{Removed, Report};

use crate::audit::Position;
use crate::bridge::Bridge;
use crate::bridge::decide::Clearance;
use crate::bridge::process::Waits;
use crate::bridge::receive::Received;
use crate::clean_name::CleanNames;
use crate::clock;
use crate::contract::Contract;
use crate::model::delivery::{Attachment, AuditPosition, Delivery, File, Manifest, SealedFile};
use crate::queue::Message;
use crate::untrusted::Untrusted;

/// Removals that a manifest names over all its attachments, so that it fits a queue message.
const MAX_REMOVED: usize = 2000;
/// Sealed bytes handed to the blob store at once.
const CHUNK_BYTES: usize = 1 << 20;

impl Bridge {
    /// Relays one cleared submission to its destination's queue.
    pub(super) async fn relay(
        &self,
        received: &Received,
        contract: &Contract,
        clearance: &Clearance,
        reports: &[Report],
        audit: Position,
    ) -> Result<(), Waits> {
        let id = received.header.submission;
        let mut blobs = Vec::with_capacity(clearance.files().len());
        for (index, cleared) in clearance.files() {
            let index = u32::try_from(*index).unwrap_or(u32::MAX);
            blobs.push(self.seal_file(received, index, cleared.bytes()).await?);
        }
        let manifest = manifest(received, contract, clearance, reports, audit)?;
        let delivery = Delivery {
            signature: jws::sign_detached(&self.settings.signing_key, jws::MANIFEST, manifest.as_bytes()),
            manifest,
            blobs,
        };
        let content = zeroize::Zeroizing::new(serde_json::to_vec(&delivery).map_err(Waits::ours)?);
        let body = self.seal(id, Direction::Secure, &self.settings.outlet_key, &content)?;
        let queue = self
            .deliveries
            .get(&contract.destination)
            .ok_or_else(|| Waits::ours("no queue for the contract's destination"))?;
        queue.put(Message { id, body }).await.map_err(Waits::secure_queue)?;
        Ok(())
    }

    async fn seal_file(&self, received: &Received, index: u32, bytes: &[u8]) -> Result<SealedFile, Waits> {
        let place = BlobPlace { submission: received.header.submission, index, direction: Direction::Secure };
        let mut sealer = BlobSealer::new(&place).map_err(Waits::ours)?;
        let blob = BlobRef::generate().map_err(Waits::ours)?;
        let mut writer = self.secure_blobs.create(&blob).await.map_err(Waits::secure)?;
        let mut sealed = Vec::new();
        for chunk in bytes.chunks(CHUNK_BYTES) {
            sealer.update(chunk, &mut sealed).map_err(Waits::ours)?;
            writer.write(&sealed).await.map_err(Waits::secure)?;
            sealed.clear();
        }
        let done = sealer.finish(&mut sealed).map_err(Waits::ours)?;
        writer.write(&sealed).await.map_err(Waits::secure)?;
        writer.finish().await.map_err(Waits::secure)?;
        Ok(SealedFile { index, blob, key: done.key })
    }
}

fn manifest(
    received: &Received,
    contract: &Contract,
    clearance: &Clearance,
    reports: &[Report],
    audit: Position,
) -> Result<String, Waits> {
    let mut names = CleanNames::default();
    let mut attachments = Vec::with_capacity(reports.len());
    for (n, report) in reports.iter().enumerate() {
        let cleared = clearance.files().iter().find(|(index, _)| *index == n).map(|(_, cleared)| cleared);
        let name = received.manifest.attachments.get(n).map(|a| Untrusted::new(a.name.clone()));
        let file = cleared.zip(name).map(|(cleared, name)| File {
            name: names.give(&name, cleared.format()),
            media_type: cleared.format().media_type().to_owned(),
            size: cleared.bytes().len() as u64,
            sha256: sluse_sanitize::report::sha256_hex(cleared.bytes()),
        });
        attachments.push(Attachment {
            index: u32::try_from(n).unwrap_or(u32::MAX),
            verdict: report.verdict,
            reason: report.reason.clone(),
            original_sha256: report.sha256.clone(),
            original_size: report.size,
            removed: removals(report, MAX_REMOVED / reports.len().max(1)),
            file,
        });
    }
    let manifest = Manifest {
        id: received.header.submission,
        destination: contract.destination.to_string(),
        form: contract.form.clone(),
        version: contract.version,
        fields: serde_json::from_slice(clearance.fields().json()).map_err(Waits::ours)?,
        reply_to: received.manifest.reply_to.clone(),
        sealed_by: received.header.sealer.to_string(),
        sealed_at: clock::rfc3339(clock::from_millis(received.header.created.0)),
        examined_at: clock::rfc3339(clock::now()),
        audit: AuditPosition { seq: audit.seq, hash: hex::encode(audit.hash) },
        in_part: attachments.iter().any(|attachment| attachment.file.is_none()),
        attachments,
    };
    serde_json::to_string_pretty(&manifest).map_err(Waits::ours)
}

/// What the attachment and all that is nested in it no longer have; beyond `max` places, counted by kind.
fn removals(report: &Report, max: usize) -> Vec<Removed> {
    let mut all = Vec::new();
    collect(report, "", &mut all);
    let rest = all.split_off(all.len().min(max));
    for removed in rest {
        let elsewhere =
            all.iter_mut().find(|known| known.what == removed.what && known.r#where == "elsewhere");
        match elsewhere {
            Some(known) => known.count = known.count.saturating_add(removed.count),
            None => all.push(Removed::new(removed.what, "elsewhere", removed.count)),
        }
    }
    all
}

fn collect(report: &Report, within: &str, all: &mut Vec<Removed>) {
    for removed in &report.removed {
        let place = format!("{within}{}", removed.r#where);
        all.push(Removed { r#where: sluse_sanitize::report::plain(&place), ..removed.clone() });
    }
    for child in &report.children {
        collect(child, &format!("{within}{}: ", child.name), all);
    }
}
