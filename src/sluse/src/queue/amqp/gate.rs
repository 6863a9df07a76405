//! Stands between a broker's bytes and the library that parses them, and keeps from it what it has no limit for.
//!
//! ```text
//!   broker ── TCP, TLS ──▶ inward: frame by frame, checked ──▶ socket pair ──▶ lapin
//!          ◀───────────────────────── as it is ──────────────────────────────
//! ```
//!
//! The library parses tables in tables by recursion, to a depth that the sender chooses, and gathers a body until it is
//! as long as it was announced to be. Both can come from whoever may write to a queue, so such a message does not end the
//! connection, which would hold up its neighbours: it comes through without its properties, and without its body if
//! that is too long; then it is no message of ours, and is set aside. What a broker alone can send ends the connection.
//!
//! A returned message is kept by the library until the confirm that follows it, so there is one at a time.
//!
//! Invariant: the library gets no frame longer than [`FRAME_MAX`], no tables in each other to a
//! depth of more than [`MAX_NESTING`], and no
//! message whose announced body is longer than [`LONGEST_BODY`].

use std::collections::HashMap;
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::pin::Pin;

use async_compat::Compat;
use lapin::tcp::AsyncTcpStream;
use tokio::io::{
    AsyncBufRead as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter,
};
use tokio::net::{TcpStream, UnixStream};

use crate::queue::MAX_BODY;

/// Largest frame in bytes, agreed on with the broker; RabbitMQ's own default.
pub(super) const FRAME_MAX: u32 = 128 << 10;
/// What a frame has beside its payload: type, channel, size and end.
const FRAME: u32 = 8;
/// Most bytes in a method or content header that can be the type of a list or a table, and with that its greatest depth:
/// the library takes some thousand bytes of its two million of stack for each. Ours have none, and one or two for each
/// thing that a broker notes on a message's way to dead letters and back.
const MAX_NESTING: usize = 64;
/// Longest body in bytes that is taken, so that one that is too long for us is still kept as a dead letter.
const LONGEST_BODY: u64 = 2 * MAX_BODY as u64;
/// Bytes read and written at once.
const CHUNK: usize = 64 << 10;

/// Frame types (AMQP 0-9-1, 4.2.3).
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
/// What a frame ends with.
const FRAME_END: u8 = 0xce;
/// Class basic, the only one with content.
const BASIC: [u8; 2] = [0, 60];
/// Methods (class, method): a channel has confirms from now on; a message is returned; a confirm.
const SELECT_OK: [u8; 4] = [0, 85, 0, 11];
const RETURN: [u8; 4] = [0, 60, 0, 50];
const ACK: [u8; 4] = [0, 60, 0, 80];
const NACK: [u8; 4] = [0, 60, 0, 120];

/// What a broker sent that none of good faith does.
#[derive(Debug, thiserror::Error)]
enum Breach {
    #[error("a frame of type {kind} and {bytes} bytes")]
    Frame { kind: u8, bytes: u32 },
    #[error("tables in tables")]
    Nested,
    #[error("a frame without its end")]
    NoEnd,
    #[error("a returned message that no confirm follows")]
    Returned,
    #[error("a content header that is none")]
    NoHeader,
    #[error("more of a body than it announced")]
    TooMuch,
    /// The connection ended.
    #[error(transparent)]
    Ended(#[from] std::io::Error),
}

/// A gate in front of `broker`, and the library's side of it. It ends when either side does, or when it is dropped.
pub(super) fn before(
    broker: impl AsyncRead + AsyncWrite + Send + 'static,
) -> std::io::Result<(impl Future<Output = ()> + Send + 'static, AsyncTcpStream<Compat<TcpStream>>)> {
    let (ours, library) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    library.set_nonblocking(true)?;
    let ours = UnixStream::from_std(ours)?;
    // The library wants its own kind of stream; reading and writing is the same for both.
    let library = TcpStream::from_std(std::net::TcpStream::from(OwnedFd::from(library)))?;
    Ok((pass(broker, ours), AsyncTcpStream::Plain(Compat::new(library))))
}

async fn pass(broker: impl AsyncRead + AsyncWrite, ours: UnixStream) {
    let (from_broker, mut to_broker) = tokio::io::split(broker);
    let (mut from_library, to_library) = ours.into_split();
    let from_broker = BufReader::with_capacity(CHUNK, from_broker);
    let to_library = BufWriter::with_capacity(CHUNK, to_library);
    let breach = tokio::select! {
        _ = tokio::io::copy(&mut from_library, &mut to_broker) => {
            // With TLS this says that nothing was cut off. The broker may be gone.
            let _ = to_broker.shutdown().await;
            return;
        }
        breach = inward(from_broker, to_library) => breach,
    };
    match breach {
        Breach::Ended(_) => {}
        breach => tracing::error!(%breach, "the broker breaks the protocol: its connection is cut"),
    }
}

/// What must be known of a channel to judge its next frame.
#[derive(Default)]
struct Seen {
    /// What is still to come of a body that is not passed on.
    dropped: HashMap<[u8; 2], u64>,
    /// Channels with confirms, and whether a returned message waits there for its own.
    confirming: HashMap<[u8; 2], bool>,
}

impl Seen {
    /// Whether a method is no returned message, or one that a confirm can follow.
    fn is_in_order(&mut self, channel: [u8; 2], method: &[u8]) -> bool {
        match method.first_chunk() {
            Some(&SELECT_OK) => {
                self.confirming.insert(channel, false);
                true
            }
            Some(&RETURN) => {
                self.confirming.get_mut(&channel).is_some_and(|waits| !std::mem::replace(waits, true))
            }
            Some(&(ACK | NACK)) => {
                self.confirming.entry(channel).and_modify(|waits| *waits = false);
                true
            }
            _ => true,
        }
    }
}

/// Passes on what a broker sends until there is no more, or until it must not go on.
async fn inward<R: AsyncRead + Unpin>(mut from: BufReader<R>, mut to: impl AsyncWrite + Unpin) -> Breach {
    let mut seen = Seen::default();
    let mut payload = Vec::new();
    loop {
        if let Err(breach) = one(&mut from, &mut to, &mut payload, &mut seen).await {
            // What came before it may say why, such as a refusal.
            let _ = to.flush().await;
            return breach;
        }
    }
}

/// Passes one frame on: type, channel, size, payload, end.
async fn one<R: AsyncRead + Unpin>(
    from: &mut BufReader<R>,
    to: &mut (impl AsyncWrite + Unpin),
    payload: &mut Vec<u8>,
    seen: &mut Seen,
) -> Result<(), Breach> {
    if from.buffer().is_empty() {
        to.flush().await?;
        poll_fn(|cx| Pin::new(&mut *from).poll_fill_buf(cx).map_ok(|_| ())).await?;
    }
    let mut head = [0; 7];
    from.read_exact(&mut head).await?;
    let [kind, c0, c1, size @ ..] = head;
    let (channel, bytes) = ([c0, c1], u32::from_be_bytes(size));
    if bytes > FRAME_MAX - FRAME || !matches!(kind, METHOD | HEADER | BODY | HEARTBEAT) {
        return Err(Breach::Frame { kind, bytes });
    }
    payload.clear();
    payload.resize(usize::try_from(bytes).unwrap_or(usize::MAX), 0);
    from.read_exact(payload).await?;
    if from.read_u8().await? != FRAME_END {
        return Err(Breach::NoEnd);
    }
    match kind {
        METHOD => {
            if is_nested(payload) {
                return Err(Breach::Nested);
            }
            // A method comes after the end of what came before it.
            seen.dropped.remove(&channel);
            if !seen.is_in_order(channel, payload) {
                return Err(Breach::Returned);
            }
        }
        HEADER => {
            let announced = body_size(payload).ok_or(Breach::NoHeader)?;
            if announced > LONGEST_BODY {
                seen.dropped.insert(channel, announced);
                *payload = bare_header(0);
            } else if is_nested(payload) {
                *payload = bare_header(announced);
            }
        }
        BODY => {
            if let Some(rest) = seen.dropped.get_mut(&channel) {
                *rest = rest.checked_sub(bytes.into()).ok_or(Breach::TooMuch)?;
                return Ok(());
            }
        }
        _ => {}
    }
    let size = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    to.write_all(&[kind, c0, c1]).await?;
    to.write_all(&size).await?;
    to.write_all(payload).await?;
    to.write_all(&[FRAME_END]).await?;
    Ok(())
}

/// Whether it may hold lists and tables in each other, deeper than is taken.
fn is_nested(payload: &[u8]) -> bool {
    payload.iter().filter(|byte| matches!(byte, b'A' | b'F')).count() > MAX_NESTING
}

/// The body's size in a content header: class, weight, size, flags and properties (AMQP 0-9-1, 4.2.6.1).
fn body_size(header: &[u8]) -> Option<u64> {
    let (_class_and_weight, rest) = header.split_at_checked(4)?;
    rest.first_chunk().map(|size| u64::from_be_bytes(*size))
}

/// A content header without properties.
fn bare_header(body: u64) -> Vec<u8> {
    [&BASIC[..], &[0, 0], &body.to_be_bytes(), &[0, 0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap();
        [&[kind, 0, 1][..], &size.to_be_bytes(), payload, &[FRAME_END]].concat()
    }

    fn header(body: u64, properties: &[u8]) -> Vec<u8> {
        frame(HEADER, &[&BASIC[..], &[0, 0], &body.to_be_bytes(), properties].concat())
    }

    /// What comes through, and why no more does.
    async fn through(sent: &[u8]) -> (Vec<u8>, Breach) {
        let mut passed = Vec::new();
        let breach = inward(BufReader::with_capacity(16, sent), &mut passed).await;
        (passed, breach)
    }

    #[tokio::test]
    async fn what_an_honest_broker_sends_comes_through_as_it_is() {
        let sent = [
            frame(METHOD, &[0, 60, 0, 60]),
            header(3, &[0, 0]),
            frame(BODY, b"abc"),
            frame(HEARTBEAT, &[]),
            header(LONGEST_BODY, &[b'F'; MAX_NESTING]),
            frame(BODY, &vec![b'A'; usize::try_from(FRAME_MAX - FRAME).unwrap()]),
        ]
        .concat();
        let (passed, breach) = through(&sent).await;
        assert_eq!(passed, sent);
        assert!(matches!(breach, Breach::Ended(_)), "{breach}");
    }

    #[tokio::test]
    async fn tables_in_tables_and_bodies_without_end_are_left_out() {
        let (method, next) = (frame(METHOD, &[0, 60, 0, 60]), frame(BODY, b"next"));
        let nested = header(4, &[b'A'; MAX_NESTING + 1]);
        assert_eq!(
            through(&[&nested[..], &next].concat()).await.0,
            [header(4, &[0, 0]), next.clone()].concat()
        );
        let endless =
            [header(u64::MAX, &[1, 2]), frame(BODY, &[1; 1000]).repeat(1000), method.clone(), next.clone()];
        assert_eq!(through(&endless.concat()).await.0, [header(0, &[0, 0]), method, next].concat());
    }

    #[tokio::test]
    async fn returned_messages_that_no_confirm_follows_end_it() {
        let [select, returned, ack] = [SELECT_OK, RETURN, ACK].map(|method| frame(METHOD, &method));
        let honest = [&select[..], &returned, &ack, &returned, &ack].concat();
        assert!(matches!(through(&honest).await.1, Breach::Ended(_)));
        for hoard in [[&select[..], &returned, &returned].concat(), [&ack[..], &returned].concat()] {
            assert!(matches!(through(&hoard).await.1, Breach::Returned));
        }
    }

    #[tokio::test]
    async fn what_breaks_the_protocol_ends_it_before_it_is_parsed() {
        let good = frame(HEARTBEAT, &[]);
        let giant = [&[BODY, 0, 1][..], &u32::MAX.to_be_bytes()].concat();
        let mut endless = frame(METHOD, b"x");
        *endless.last_mut().unwrap() = 0;
        let more = [header(LONGEST_BODY + 1, &[]), frame(BODY, &[0; 100_000]).repeat(84)].concat();
        for bad in [giant, endless, frame(7, &[]), frame(METHOD, &[b'F'; 65]), frame(HEADER, &[0; 11]), more]
        {
            let (passed, breach) = through(&[&good[..], &bad, &good].concat()).await;
            assert!(!matches!(breach, Breach::Ended(_)), "{breach}");
            assert!(passed.starts_with(&good) && passed.len() < 50, "{breach}");
        }
    }
}
