//! From sealed bytes to a manifest: whose is it, is it for us, is it fresh, is it whole?

use std::time::Duration;

use sluse_envelope::{AgeError, Direction, Header, Manifest, SealedMessage, UnixMillis};

use crate::config::bridge::Settings;
use crate::model::outcome::State;
use crate::queue::Message;

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

/// Why a message was not received.
pub(super) enum NotReceived {
    /// It never will be.
    Unusable(Unusable),
    /// By the clocks it is not made yet: it waits.
    Early(String),
}

/// Checks signature, addressee, age and form, in this order, and opens.
pub(super) fn receive(settings: &Settings, message: &Message) -> Result<Received, NotReceived> {
    let forged = |cause: String| {
        NotReceived::Unusable(Unusable { code: "not_signed_by_a_listed_intake", outcome: None, cause })
    };
    let sealed = SealedMessage::parse(&message.body).map_err(|cause| forged(cause.to_string()))?;
    let verified = sealed.verify(&settings.intake_keys).map_err(|cause| forged(cause.to_string()))?;

    if verified.header().submission != message.id {
        return Err(forged("it was queued under another submission's id".to_owned()));
    }

    let unusable = |code, outcome, cause: String| NotReceived::Unusable(Unusable { code, outcome, cause });
    verified.check_age(UnixMillis::now(), settings.max_age, MAX_CLOCK_SKEW).map_err(|cause| match cause {
        AgeError::TooOld { .. } => unusable("over_the_maximum_age", Some(State::Expired), cause.to_string()),
        AgeError::FromFuture { .. } => {
            NotReceived::Early(format!("intake's clock or ours is wrong: {cause}"))
        }
    })?;
    // A key or suite that is not listed here is the operator's to mend, so it ends nothing: the dead letter can be put back.
    let opened = verified
        .open(&settings.private_keys, Direction::Dmz, &settings.accepted_suites)
        .map_err(|cause| unusable("cannot_be_opened", None, cause.to_string()))?;
    let manifest = Manifest::from_json(opened.content())
        .map_err(|cause| unusable("manifest_cannot_be_read", Some(State::Rejected), cause.to_string()))?;
    Ok(Received { header: *opened.header(), manifest })
}
