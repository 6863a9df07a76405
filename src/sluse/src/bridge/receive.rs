//! From sealed bytes to a manifest: whose is it, is it for us, is it fresh, is it whole?

use std::time::Duration;

use sluse_envelope::{Direction, Header, Manifest, SealedMessage, UnixMillis};

use crate::config::bridge::Settings;
use crate::model::outcome::State;

/// How far intake's clock may be ahead of the bridge's.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(300);

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
    let forged = |cause: String| Unusable { code: "not_signed_by_a_listed_intake", outcome: None, cause };
    let message = SealedMessage::parse(sealed).map_err(|cause| forged(cause.to_string()))?;
    let verified = message.verify(&settings.intake_keys).map_err(|cause| forged(cause.to_string()))?;

    let unusable = |code, outcome, cause: String| Unusable { code, outcome: Some(outcome), cause };
    verified
        .check_age(UnixMillis::now(), settings.max_age, MAX_CLOCK_SKEW)
        .map_err(|cause| unusable("over_the_maximum_age", State::Expired, cause.to_string()))?;
    let opened = verified
        .open(&settings.private_keys, Direction::Dmz, &settings.accepted_suites)
        .map_err(|cause| unusable("cannot_be_opened", State::Rejected, cause.to_string()))?;
    let manifest = Manifest::from_json(opened.content())
        .map_err(|cause| unusable("manifest_cannot_be_read", State::Rejected, cause.to_string()))?;
    Ok(Received { header: *opened.header(), manifest })
}
