//! What travels beside a body: id, time of the first put, attempts so far, and why it was given up.
//!
//! On the way in nothing is believed: whoever can write on the broker can write anything here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use sluse_envelope::SubmissionId;

use crate::id::CodeWord;

/// When the message was put first, in milliseconds since 1970.
const PUT_AT: &str = "x-sluse-put-ms";
/// Attempts that count from before it was last given back.
const ATTEMPTS: &str = "x-sluse-attempts";
/// Why it is a dead letter.
const REASON: &str = "x-sluse-reason";
/// When it became one, in milliseconds since 1970.
const DIED_AT: &str = "x-sluse-died-ms";
/// RabbitMQ's count of returns of this very message.
const RETURNS: &str = "x-delivery-count";
/// RabbitMQ's list of what it did to a message; the latest first.
const DEATHS: &str = "x-death";

/// Attempts above this are not told apart.
const MAX_ATTEMPTS: i64 = 1_000_000_000;
/// Persistent (AMQP 0-9-1, basic.properties.delivery-mode).
const PERSISTENT: u8 = 2;

/// What travels beside a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    /// The submission; `None` when what is written there is none.
    pub(super) id: Option<SubmissionId>,
    /// When it was put first; never in the future.
    pub(super) put_at: SystemTime,
    /// Attempts from before the current delivery.
    pub(super) attempts: u32,
    /// Why it was given up.
    pub(super) reason: Option<CodeWord>,
    /// When it was given up.
    pub(super) died_at: Option<SystemTime>,
}

impl Marks {
    /// Of a message that is put now.
    pub(super) fn new(id: SubmissionId) -> Self {
        Self { id: Some(id), put_at: SystemTime::now(), attempts: 0, reason: None, died_at: None }
    }

    /// Reads what came with a message.
    pub(super) fn read(properties: &BasicProperties) -> Self {
        let returns = header(properties, RETURNS).and_then(number).unwrap_or(0).clamp(0, MAX_ATTEMPTS);
        let marks = Self::read_dead(properties);
        Self { attempts: marks.attempts.saturating_add(u32::try_from(returns).unwrap_or(u32::MAX)), ..marks }
    }

    /// Reads what came with a dead letter: how often it was looked at does not count.
    pub(super) fn read_dead(properties: &BasicProperties) -> Self {
        let now = SystemTime::now();
        let time = |name: &str| {
            let ms = header(properties, name).and_then(number).and_then(|ms| u64::try_from(ms).ok());
            ms.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms))).filter(|time| *time <= now)
        };
        let attempts = header(properties, ATTEMPTS).and_then(number).unwrap_or(0).clamp(0, MAX_ATTEMPTS);
        let ours = header(properties, REASON).and_then(word);
        Self {
            id: properties.message_id().as_ref().and_then(|id| id.as_str().parse().ok()),
            put_at: time(PUT_AT).unwrap_or(now),
            attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
            reason: ours.or_else(|| header(properties, DEATHS).and_then(brokers_reason)),
            died_at: time(DIED_AT),
        }
    }

    /// Writes them for a message that is published.
    pub(super) fn write(&self) -> BasicProperties {
        let mut headers = FieldTable::default();
        let mut note = |name: &str, value: AMQPValue| {
            headers.insert(name.into(), value);
        };
        note(PUT_AT, milliseconds(self.put_at));
        if self.attempts > 0 {
            note(ATTEMPTS, AMQPValue::LongLongInt(self.attempts.into()));
        }
        if let Some(reason) = &self.reason {
            note(REASON, AMQPValue::LongString(reason.as_str().into()));
        }
        if let Some(died_at) = self.died_at {
            note(DIED_AT, milliseconds(died_at));
        }
        let mut properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/octet-stream".into())
            .with_headers(headers);
        if let Some(id) = self.id {
            properties = properties.with_message_id(id.to_string().as_str().into());
        }
        properties
    }
}

fn header<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

fn milliseconds(time: SystemTime) -> AMQPValue {
    let ms = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    AMQPValue::LongLongInt(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn number(value: &AMQPValue) -> Option<i64> {
    match value {
        AMQPValue::ShortShortInt(n) => Some((*n).into()),
        AMQPValue::ShortShortUInt(n) => Some((*n).into()),
        AMQPValue::ShortInt(n) => Some((*n).into()),
        AMQPValue::ShortUInt(n) => Some((*n).into()),
        AMQPValue::LongInt(n) => Some((*n).into()),
        AMQPValue::LongUInt(n) => Some((*n).into()),
        AMQPValue::LongLongInt(n) => Some(*n),
        _ => None,
    }
}

fn word(value: &AMQPValue) -> Option<CodeWord> {
    match value {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok()?.parse().ok(),
        _ => None,
    }
}

/// Why RabbitMQ itself gave the message up, such as `delivery_limit`.
fn brokers_reason(deaths: &AMQPValue) -> Option<CodeWord> {
    let AMQPValue::FieldArray(deaths) = deaths else { return None };
    let AMQPValue::FieldTable(latest) = deaths.as_slice().first()? else { return None };
    latest.inner().get("reason").and_then(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(headers: &[(&str, AMQPValue)]) -> Marks {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), value.clone());
        }
        Marks::read(&BasicProperties::default().with_headers(table))
    }

    #[test]
    fn marks_come_back_as_they_were_written() {
        let now = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let marks = Marks {
            id: Some(crate::id::tests::new_id()),
            put_at: now,
            attempts: 7,
            reason: Some("cannot_be_opened".parse().unwrap()),
            died_at: Some(now),
        };
        assert_eq!(Marks::read(&marks.write()), marks);
    }

    #[test]
    fn header_that_claims_the_future_or_below_zero_or_another_type_is_not_believed() {
        let before = SystemTime::now();
        for forged in [
            AMQPValue::LongLongInt(i64::MAX),
            AMQPValue::LongLongInt(-1),
            AMQPValue::LongString("soon".into()),
            AMQPValue::Void,
        ] {
            let marks = with(&[(PUT_AT, forged.clone()), (DIED_AT, forged.clone())]);
            assert!((before..=SystemTime::now()).contains(&marks.put_at), "{forged:?}");
            assert_eq!(marks.died_at, None);
        }
        assert_eq!(with(&[(ATTEMPTS, AMQPValue::LongLongInt(i64::MIN))]).attempts, 0);
        let most = AMQPValue::LongLongInt(i64::MAX);
        assert_eq!(with(&[(ATTEMPTS, most.clone()), (RETURNS, most)]).attempts, 2_000_000_000);
    }

    #[test]
    fn id_or_reason_that_is_none_is_not_taken_over() {
        let forged = BasicProperties::default().with_message_id("../../etc".into());
        assert_eq!(Marks::read(&forged).id, None);
        assert_eq!(with(&[(REASON, AMQPValue::LongString("<script>".into()))]).reason, None);
    }
}
