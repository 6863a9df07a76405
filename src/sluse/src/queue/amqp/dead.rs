//! Dead letters on a broker. It shows none without handing it over, so each is taken, read, and given back by closing
//! the channel that it was taken on. That needs the right to read them, which the operator's user alone has.

use std::sync::Arc;
use std::time::Duration;

use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use sluse_envelope::SubmissionId;
use tokio::time::Instant;

use super::consumer::{Closing, count};
use super::fault::Fault;
use super::link::{Link, answer};
use super::marks::Marks;
use super::publisher::Publisher;
use super::topology::{AGAIN, Names};
use crate::id::CodeWord;
use crate::queue::DeadLetter;

/// Longest wait for what was looked at to be back; it takes some milliseconds.
const RETURN: Duration = Duration::from_secs(2);

/// Up to `limit` dead letters, oldest first.
pub(super) async fn list(link: &Link, names: &Names, limit: u32) -> Result<Vec<DeadLetter>, Fault> {
    let (channel, _wire) = link.channel().await?;
    let channel = Closing(channel);
    let (mut letters, mut looked_at) = (Vec::new(), 0);
    while looked_at < u64::from(limit) {
        let Some(taken) = take(&channel, names).await? else { break };
        looked_at += 1;
        letters.extend(letter(&taken));
    }
    give_back(link, channel, names, looked_at).await?;
    Ok(letters)
}

/// Puts the first dead letter of that id back into its queue. `false` when there is none.
pub(super) async fn redrive(
    link: &Link,
    publisher: &Arc<Publisher>,
    names: &Names,
    id: SubmissionId,
) -> Result<bool, Fault> {
    let (channel, _wire) = link.channel().await?;
    let channel = Closing(channel);
    let (mut found, mut looked_at) = (false, 0);
    // Not more than there were: what dies meanwhile is not looked for.
    for _ in 0..count(&channel.0, &names.dead).await? {
        let Some(taken) = take(&channel, names).await? else { break };
        let marks = Marks::read_dead(&taken.delivery.properties);
        if marks.id != Some(id) {
            looked_at += 1;
            continue;
        }
        let marks = Marks { attempts: 0, reason: None, died_at: None, ..marks };
        publisher.publish(&names.back, AGAIN, &marks, Arc::new(taken.delivery.data.clone())).await?;
        let acked = taken.delivery.ack(BasicAckOptions::default());
        answer("take an ack", acked).await?;
        found = true;
        break;
    }
    give_back(link, channel, names, looked_at).await?;
    Ok(found)
}

/// Closes the channel and waits until the dead letters that were looked at can be taken again.
async fn give_back(link: &Link, channel: Closing, names: &Names, looked_at: u64) -> Result<(), Fault> {
    channel.close().await?;
    if looked_at == 0 {
        return Ok(());
    }
    let (channel, _wire) = link.channel().await?;
    let channel = Closing(channel);
    let deadline = Instant::now() + RETURN;
    // Somebody else may have taken some of them meanwhile: then this waits in vain, and nothing is wrong.
    while count(&channel.0, &names.dead).await? < looked_at && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    channel.close().await
}

async fn take(channel: &Closing, names: &Names) -> Result<Option<BasicGetMessage>, Fault> {
    let taking = channel.0.basic_get(names.dead.as_str().into(), BasicGetOptions::default());
    answer("show a dead letter", taking).await
}

/// `None` when it has no id: then there is nothing to redrive it by.
fn letter(taken: &BasicGetMessage) -> Option<DeadLetter> {
    let marks = Marks::read_dead(&taken.delivery.properties);
    Some(DeadLetter {
        id: marks.id?,
        reason: marks.reason.unwrap_or_else(|| CodeWord::constant("unknown")),
        attempt: marks.attempts,
        bytes: u64::try_from(taken.delivery.data.len()).unwrap_or(u64::MAX),
        enqueued_at: marks.put_at,
        died_at: marks.died_at.unwrap_or(marks.put_at),
    })
}
