//! What stands on a broker for each queue, and how a message moves there.
//!
//! ```text
//!  sender ──▶ exchange ──▶ sluse.Q ──▶ holder
//!                            ▲  │         │ nack, dead_letter (confirmed, then acked)
//!                            │  │         ▼
//!                            │  │   exchange sluse.Q.back ── again ──▶ sluse.Q
//!                            │  │         ├── 1s, 5s, 20s, 60s ──▶ sluse.Q.retry-… ──┐
//!                            │  │         └── dead ──▶ sluse.Q.dead                  │ after its time
//!                            │  └─ delivery limit ───────▲                           │
//!                            └───────────────────────────────────────────────────────┘
//! ```
//!
//! A role declares none of it: [`definitions`](super::definitions) makes it all, for the operator to import.

use std::time::Duration;

use crate::id::CodeWord;
use crate::queue::names::{OUTCOMES, SUBMISSIONS};

/// Pauses that a nack can ask for; each has a queue in which messages wait for its end.
pub(super) const STEPS: [Step; 4] = [
    Step { key: "1s", pause: Duration::from_secs(1) },
    Step { key: "5s", pause: Duration::from_secs(5) },
    Step { key: "20s", pause: Duration::from_secs(20) },
    Step { key: "60s", pause: Duration::from_secs(60) },
];
/// Routing key of a back exchange to the queue itself.
pub(super) const AGAIN: &str = "again";
/// Routing key of a back exchange to the dead letters.
pub(super) const DEAD: &str = "dead";

/// Exchange of submissions from intake.
pub(super) const FROM_INTAKE: &str = "sluse.intake";
/// Exchange of what the bridge says: outcome codes in the DMZ, reports in the secure zone.
pub(super) const FROM_BRIDGE: &str = "sluse.bridge";
/// Exchange of deliveries; the routing key is the destination.
pub(super) const RELAY: &str = "sluse.relay";
/// What the name of a delivery queue begins with.
const DELIVER: &str = "deliver.";

/// A pause after a nack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// Routing key of the back exchange.
    pub(super) key: &'static str,
    /// How long messages wait.
    pub(super) pause: Duration,
}

/// The names that one queue has on a broker.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// The queue.
    pub(super) queue: String,
    /// Where its messages are published.
    pub(super) exchange: &'static str,
    /// With which routing key.
    pub(super) key: String,
    /// Where its holders publish what they give back or set aside.
    pub(super) back: String,
    /// Its dead letters.
    pub(super) dead: String,
}

impl Names {
    /// Those of the queue `name`.
    pub(super) fn of(name: &CodeWord) -> Self {
        let (exchange, key) = match (name.as_str(), name.as_str().strip_prefix(DELIVER)) {
            (_, Some(destination)) => (RELAY, destination),
            (SUBMISSIONS, _) => (FROM_INTAKE, SUBMISSIONS),
            (OUTCOMES, _) => (FROM_BRIDGE, OUTCOMES),
            (other, _) => (FROM_BRIDGE, other),
        };
        let queue = format!("sluse.{name}");
        Self {
            exchange,
            key: key.to_owned(),
            back: format!("{queue}.back"),
            dead: format!("{queue}.dead"),
            queue,
        }
    }

    /// The queue in which messages wait for a step's end.
    pub(super) fn retry(&self, step: Step) -> String {
        format!("{}.retry-{}", self.queue, step.key)
    }
}

/// Routing key of the shortest pause that is not shorter than `delay`, or else of the longest.
pub(super) fn key_of_delay(delay: Duration) -> &'static str {
    if delay.is_zero() {
        return AGAIN;
    }
    let [.., longest] = STEPS;
    STEPS.iter().find(|step| step.pause >= delay).unwrap_or(&longest).key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_never_shorter_than_asked_for_up_to_the_longest() {
        let keys = [0, 1, 999, 1000, 1001, 5000, 20_000, 59_999, 60_000, 3_600_000]
            .map(|ms| key_of_delay(Duration::from_millis(ms)));
        assert_eq!(keys, ["again", "1s", "1s", "1s", "5s", "5s", "20s", "60s", "60s", "60s"]);
    }

    #[test]
    fn a_destination_cannot_take_another_queues_place() {
        let deliver = |name: &str| Names::of(&CodeWord::joined("deliver", &name.parse().unwrap()));
        let reports = Names::of(&"reports".parse().unwrap());
        let named_reports = deliver("reports");
        assert_eq!((named_reports.exchange, named_reports.key.as_str()), (RELAY, "reports"));
        assert_ne!((reports.exchange, &reports.key), (named_reports.exchange, &named_reports.key));
        assert_ne!(reports.queue, named_reports.queue);
    }
}
