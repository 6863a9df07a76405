//! Serving HTTP/1.1, with or without TLS: accept, bound, hand to a router, close politely, drain.
//!
//! A request that is refused early leaves unread bytes behind; closing at once would reset the connection and could take the
//! answer with it. So after its last answer a connection is closed for writing first and what still comes is discarded
//! for a short while (a lingering close).

use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::secret_file::{self, SecretFileError};

/// Connections served at once; more wait in the listen queue.
const MAX_CONNECTIONS: usize = 1024;
/// Longest wait for a TLS handshake, and for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Longest time that leftovers of a refused request are discarded.
const LINGER: Duration = Duration::from_secs(2);
/// Longest time that requests under way have to end after a shutdown: a sender that trickles would hold it for ever. What
/// follows must fit between this and the unit's `TimeoutStopSec`.
pub(crate) const DRAIN: Duration = Duration::from_secs(50);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is no PEM file with what is needed.
    #[error("{path}: {cause}")]
    Pem {
        /// The file.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// Certificate and key do not fit each other, or are of a kind that is not known.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(rustls::Error),
}

/// Reads a certificate chain and its key for TLS 1.2 and 1.3.
///
/// # Errors
/// When a file or the pair cannot be used.
pub fn tls_acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let pem = |path: &Path, cause: String| TlsError::Pem { path: path.display().to_string(), cause };
    let chain: Result<_, _> = CertificateDer::pem_slice_iter(&secret_file::public(certificate)?).collect();
    let chain = chain.map_err(|cause| pem(certificate, cause.to_string()))?;
    let private = secret_file::secret(key)?;
    let private = PrivateKeyDer::from_pem_slice(&private).map_err(|cause| pem(key, cause.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(TlsError::Pair)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Serves `router` until `shutdown`, then finishes the requests that are under way, for 50 seconds at most.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    shutdown: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    serve_within(listener, tls, router, shutdown, slots, DRAIN).await;
}

async fn serve_within(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    shutdown: CancellationToken,
    slots: Arc<Semaphore>,
    drain: Duration,
) {
    let connections = TaskTracker::new();
    let too_late = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let (slot, stream) = match accepted {
            Ok(accepted) => accepted,
            Err(cause) => {
                // Out of descriptors or a connection that was gone again: neither is mended by stopping.
                tracing::warn!(%cause, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (tls, router, shutdown) = (tls.clone(), router.clone(), shutdown.clone());
        let serving = async move {
            let _slot = slot;
            let _ = stream.set_nodelay(true);
            match tls {
                None => connection(stream, router, shutdown).await,
                Some(tls) => match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, router, shutdown).await,
                    Ok(Err(cause)) => tracing::debug!(%cause, "TLS handshake failed"),
                    Err(_) => tracing::debug!("TLS handshake timed out"),
                },
            }
        };
        connections.spawn(too_late.clone().run_until_cancelled_owned(serving));
    }
    // Whoever comes now is refused at once, and can ask another instance.
    drop(listener);
    connections.close();
    if tokio::time::timeout(drain, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests that did not end in time were cut off");
        too_late.cancel();
        connections.wait().await;
    }
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(OwnedSemaphorePermit, TcpStream)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _peer) = listener.accept().await?;
    Ok((slot, stream))
}

async fn connection<S>(stream: S, router: Router, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let served = tokio::select! {
        served = poll_fn(|context| connection.poll_without_shutdown(context)) => served,
        () = shutdown.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|context| connection.poll_without_shutdown(context)).await
        }
    };
    if let Err(cause) = served {
        tracing::debug!(%cause, "a connection ended early");
        return;
    }
    let mut stream = connection.into_parts().io.into_inner();
    if stream.shutdown().await.is_ok() {
        let mut discarded = [0; 8192];
        let leftovers = async { while matches!(stream.read(&mut discarded).await, Ok(n) if n > 0) {} };
        let _ = tokio::time::timeout(LINGER, leftovers).await;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A server of one slot that reads each request to its end.
    struct Served {
        address: std::net::SocketAddr,
        shutdown: CancellationToken,
        slots: Arc<Semaphore>,
        ended: tokio::task::JoinHandle<()>,
    }

    impl Served {
        async fn new(drain: Duration) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let (shutdown, slots) = (CancellationToken::new(), Arc::new(Semaphore::new(1)));
            let router = Router::new().route("/", axum::routing::post(|body: String| async { body }));
            let serving = serve_within(listener, None, router, shutdown.clone(), Arc::clone(&slots), drain);
            Self { address, shutdown, slots, ended: tokio::spawn(serving) }
        }

        /// Has sent half of its request, and holds the slot.
        async fn slow_sender(&self) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            // The handler waits for the body: the request is under way.
            let mut told = [0; 25];
            stream.read_exact(&mut told).await.unwrap();
            assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
            assert_eq!(self.slots.available_permits(), 0);
            stream.write_all(b"a").await.unwrap();
            stream
        }
    }

    #[tokio::test]
    async fn a_shutdown_is_heard_while_every_slot_is_taken_and_the_request_is_finished() {
        let served = Served::new(DRAIN).await;
        let mut slow = served.slow_sender().await;
        served.shutdown.cancel();
        // Nobody listens any more, though the only slot is still taken.
        let refused = async { while TcpStream::connect(served.address).await.is_ok() {} };
        tokio::time::timeout(HEAD_TIMEOUT, refused).await.unwrap();
        slow.write_all(b"b").await.unwrap();
        let mut answer = String::new();
        slow.take(1000).read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ab"), "{answer}");
        served.ended.await.unwrap();
    }

    #[tokio::test]
    async fn a_sender_that_trickles_does_not_hold_up_the_end() {
        let served = Served::new(Duration::from_millis(50)).await;
        let slow = served.slow_sender().await;
        served.shutdown.cancel();
        tokio::time::timeout(HEAD_TIMEOUT, served.ended).await.unwrap().unwrap();
        drop(slow);
    }

    #[test]
    fn a_key_that_others_can_read_is_not_served_with() {
        let dir = tempfile::tempdir().unwrap();
        let (certificate, key) = (dir.path().join("certificate"), dir.path().join("key"));
        std::fs::write(&certificate, "").unwrap();
        std::fs::write(&key, "").unwrap();
        let told = |mode: u32| {
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).unwrap();
            tls_acceptor(&certificate, &key).err().unwrap()
        };
        assert!(matches!(told(0o644), TlsError::File(SecretFileError::OpenToOthers { .. })));
        assert!(matches!(told(0o600), TlsError::Pem { .. }), "read, and holds no key");
        std::fs::write(&certificate, vec![b'a'; 257 << 10]).unwrap();
        assert!(
            matches!(told(0o600), TlsError::File(SecretFileError::NotSmall(path)) if path == certificate)
        );
    }
}
