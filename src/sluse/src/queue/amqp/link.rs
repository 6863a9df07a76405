//! One connection to a broker, made when it is needed and again when it is lost.
//!
//! Invariants: at most one connection at a time; tries grow apart up to [`LONGEST_PAUSE`], with jitter so that many
//! roles do not come back at once; loss and return are logged once each, whatever the number of tries.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_compat::Compat;
use futures_util::StreamExt as _;
use lapin::tcp::AsyncTcpStream;
use lapin::{Channel, Connection, ConnectionProperties, Event};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::address::BrokerAddress;
use super::fault::Fault;
use super::gate;

/// Longest wait for a connection, and for each answer on it.
pub(super) const ANSWER: Duration = Duration::from_secs(10);
/// Longest wait for an orderly end of a connection.
const GOODBYE: Duration = Duration::from_secs(2);
/// Pause after the first failed try; each further one doubles it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// A connection to a broker that comes back by itself.
#[derive(Debug)]
pub(super) struct Link {
    address: BrokerAddress,
    /// For the broker's list of connections and for the log.
    purpose: &'static str,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    wire: Option<Arc<Wire>>,
    failures: u32,
    /// Why the last try failed, and when the next may begin.
    failed: Option<(Fault, Instant)>,
}

impl Link {
    /// A link that is not connected yet.
    pub(super) fn new(address: BrokerAddress, purpose: &'static str) -> Arc<Self> {
        Arc::new(Self { address, purpose, state: tokio::sync::Mutex::default() })
    }

    /// A new channel on the connection, which is made first where needed. Between two tries it fails at once.
    pub(super) async fn channel(&self) -> Result<(Channel, Arc<Wire>), Fault> {
        let wire = self.wire().await?;
        // Nothing that is written now is read before the broker has room again.
        if wire.is_blocked() {
            return Err(Fault::Blocked);
        }
        let opened = answer("open a channel", wire.connection.create_channel()).await?;
        Ok((opened, wire))
    }

    async fn wire(&self) -> Result<Arc<Wire>, Fault> {
        let mut state = self.state.lock().await;
        if let Some(wire) = &state.wire {
            if wire.is_alive() {
                return Ok(Arc::clone(wire));
            }
            tracing::warn!(broker = %self.address, purpose = self.purpose, "the connection to the broker is lost");
            state.wire = None;
        }
        if let Some((fault, next)) = &state.failed
            && Instant::now() < *next
        {
            return Err(fault.clone());
        }
        match Wire::connect(&self.address, self.purpose).await {
            Ok(wire) => {
                tracing::info!(broker = %self.address, purpose = self.purpose, "connected to the broker");
                let wire = Arc::new(wire);
                *state = State { wire: Some(Arc::clone(&wire)), ..State::default() };
                Ok(wire)
            }
            Err(fault) => {
                if state.failures == 0 {
                    tracing::warn!(broker = %self.address, purpose = self.purpose, cause = %fault,
                        "the broker is out of reach; trying until it is back");
                }
                state.failed = Some((fault.clone(), Instant::now() + pause(state.failures)));
                state.failures = state.failures.saturating_add(1);
                Err(fault)
            }
        }
    }
}

/// Pause after that many failures before: between half and all of an exponential one.
pub(super) fn pause(failures: u32) -> Duration {
    let whole = SHORTEST_PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
    let mut random = [0];
    // Without randomness there is no jitter: nothing depends on it.
    let _ = getrandom::fill(&mut random);
    whole / 2 + whole.mul_f64(f64::from(u8::from_ne_bytes(random)) / 512.0)
}

/// Waits for an answer of the broker, not longer than [`ANSWER`].
pub(super) async fn answer<T>(
    act: &'static str,
    asked: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Fault> {
    match timeout(ANSWER, asked).await {
        Ok(answered) => answered.map_err(|cause| Fault::refused(act, &cause)),
        Err(_) => Err(Fault::Late(act)),
    }
}

/// An open connection; closed when dropped.
#[derive(Debug)]
pub(super) struct Wire {
    connection: Arc<Connection>,
    socket: Socket,
}

impl Wire {
    async fn connect(address: &BrokerAddress, purpose: &'static str) -> Result<Self, Fault> {
        let away = |cause: &dyn std::fmt::Display| Fault::Away(cause.to_string());
        let runtime = lapin::runtime::default_runtime().map_err(|cause| away(&cause))?;
        let socket = Socket::default();
        let (place, kept) = (address.clone(), socket.clone());
        let properties =
            ConnectionProperties::default().with_connection_name(format!("sluse: {purpose}").into());
        let connecting = Connection::connector(
            address.uri(),
            runtime,
            async move |_, _| match timeout(ANSWER, connect(&place, &kept)).await {
                Ok(connected) => Ok(connected?),
                Err(late) => Err(std::io::Error::from(late).into()),
            },
            properties,
        );
        match timeout(ANSWER, connecting).await {
            Ok(Ok(connection)) => {
                log_blocking(&connection, address.clone());
                Ok(Self { connection: Arc::new(connection), socket })
            }
            Ok(Err(cause)) => Err(Fault::refused("let us in", &cause)),
            Err(_) => {
                // What is still waiting on the socket must not wait for ever.
                socket.cut();
                Err(Fault::Late("let us in"))
            }
        }
    }

    fn is_alive(&self) -> bool {
        self.connection.status().connected()
    }

    /// Ends it at once.
    pub(super) fn cut(&self) {
        self.socket.cut();
    }

    /// Whether the broker has said that it takes no messages for now.
    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let (connection, socket) = (Arc::clone(&self.connection), self.socket.clone());
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(async move {
                    let _ = timeout(GOODBYE, connection.close(200, "done".into())).await;
                    socket.cut();
                });
            }
            Err(_) => socket.cut(),
        }
    }
}

/// Connects, with TLS where the address has it, through a gate that `socket` keeps open.
async fn connect(
    address: &BrokerAddress,
    socket: &Socket,
) -> std::io::Result<AsyncTcpStream<Compat<TcpStream>>> {
    let stream = TcpStream::connect((address.host(), address.port())).await?;
    stream.set_nodelay(true)?;
    match address.tls() {
        None => {
            let (gate, library) = gate::before(stream)?;
            socket.keep(gate);
            Ok(library)
        }
        Some(tls) => {
            let host = ServerName::try_from(address.host().to_owned()).map_err(std::io::Error::other)?;
            let stream = TlsConnector::from(Arc::clone(tls)).connect(host, stream).await?;
            let (gate, library) = gate::before(stream)?;
            socket.keep(gate);
            Ok(library)
        }
    }
}

/// The connection's socket beside the library, so that it can be cut whatever the library waits for.
#[derive(Debug, Clone, Default)]
struct Socket(Arc<Mutex<Passing>>);

#[derive(Debug, Default)]
enum Passing {
    #[default]
    Before,
    Open(#[expect(dead_code, reason = "dropping it cuts the connection")] AbortOnDropHandle<()>),
    Cut,
}

impl Socket {
    fn keep(&self, gate: impl Future<Output = ()> + Send + 'static) {
        let mut passing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*passing, Passing::Cut) {
            *passing = Passing::Open(AbortOnDropHandle::new(tokio::spawn(gate)));
        }
    }

    fn cut(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Passing::Cut;
    }
}

/// Logs when the broker stops taking messages, and when it takes them again.
fn log_blocking(connection: &Connection, broker: BrokerAddress) {
    let mut events = Box::pin(connection.events_listener());
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event {
                Event::ConnectionBlocked(reason) => {
                    let reason = sluse_sanitize::report::plain(&reason);
                    tracing::warn!(%broker, reason, "the broker takes no messages");
                }
                Event::ConnectionUnblocked => tracing::info!(%broker, "the broker takes messages again"),
                _ => {}
            }
        }
    });
}
