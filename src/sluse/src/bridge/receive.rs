//! From sealed bytes to a manifest: whose is it, is it for us, is it fresh, is it whole?

use sluse_envelope::{Direction, Header, Manifest, MessageError, SealedMessage};

use crate::clock;
use crate::config::bridge::Settings;
use crate::model::outcome::State;

/// An opened submission. Its content is the sender's word still.
pub(super) struct Received {
    /// The authenticated header.
    pub(super) header: Header,
    /// What the sender says it is.
    pub(super) manifest: Manifest,
}

/// A message that is no submission to us. The sealed bytes are kept as a dead letter.
#[derive(Debug)]
pub(super) struct Unusable {
    /// The dead letter's code.
    pub(super) code: &'static str,
    /// What the portal learns; `None` when the message is not proved to be an accepted submission, so that an intruder
    /// cannot end somebody else's.
    pub(super) outcome: Option<State>,
    /// For the log: which check failed.
    pub(super) cause: String,
}

/// Checks signature, addressee, age and form, in this order, and opens.
pub(super) fn receive(settings: &Settings, sealed: &[u8]) -> Result<Received, Unusable> {
    let forged = |cause: MessageError| Unusable {
        code: "not_signed_by_a_listed_intake",
        outcome: None,
        cause: cause.to_string(),
    };
    let verified =
        SealedMessage::parse(sealed).and_then(|message| message.verify(&settings.intake_keys)).map_err(forged)?;

    let unusable = |code, outcome, cause: String| Unusable { code, outcome: Some(outcome), cause };
    verified
        .check_age(clock::millis(clock::now()), settings.max_age)
        .map_err(|cause| unusable("over_the_maximum_age", State::Expired, cause.to_string()))?;
    let opened = verified
        .open(&settings.private_keys, Direction::Dmz, &settings.accepted_suites)
        .map_err(|cause| unusable("cannot_be_opened", State::Rejected, cause.to_string()))?;
    let manifest = serde_json::from_slice(&opened.content).map_err(|cause| {
        // The library's text may repeat content; line and column do not.
        let place = format!("the manifest cannot be read at line {}, column {}", cause.line(), cause.column());
        unusable("manifest_cannot_be_read", State::Rejected, place)
    })?;
    Ok(Received { header: opened.header, manifest })
}
