//! A small TCP proxy that cuts, or that keeps deliveries or confirms to itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Ends when dropped.
pub(super) struct Proxy {
    pub(super) port: u16,
    cuts: watch::Sender<u64>,
    kept: Kept,
}

/// What does not come through.
#[derive(Clone)]
struct Kept {
    deliveries: Arc<AtomicBool>,
    swallowed: Arc<AtomicUsize>,
    confirms: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens on a port of its own for the broker at `port`.
    pub(super) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let kept = Kept { deliveries: Arc::default(), swallowed: Arc::default(), confirms: Arc::default() };
        let proxy = Self { port: listener.local_addr().unwrap().port(), cuts: watch::Sender::new(0), kept };
        let (cuts, kept) = (proxy.cuts.subscribe(), proxy.kept.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(broker) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let (mut cuts, kept) = (cuts.clone(), kept.clone());
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let ((from_client, to_client), (from_broker, to_broker)) =
                        (client.into_split(), broker.into_split());
                    tokio::select! {
                        _ = cuts.changed() => {}
                        () = bytes(from_client, to_broker) => {}
                        () = frames(from_broker, to_client, kept) => {}
                    }
                });
            }
        });
        proxy
    }

    /// Whether deliveries are swallowed from now on.
    pub(super) fn keep_deliveries(&self, keep: bool) {
        self.kept.deliveries.store(keep, Ordering::SeqCst);
    }

    /// Whether confirms are swallowed from now on.
    pub(super) fn keep_confirms(&self, keep: bool) {
        self.kept.confirms.store(keep, Ordering::SeqCst);
    }

    /// Deliveries that were swallowed.
    pub(super) fn swallowed(&self) -> usize {
        self.kept.swallowed.load(Ordering::SeqCst)
    }

    /// Cuts every connection there is.
    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

async fn bytes(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

/// Passes frames on (AMQP 0-9-1, 4.2.3: type, channel, size, payload, end), without deliveries or confirms when told so.
async fn frames(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, kept: Kept) {
    let mut dropping = false;
    loop {
        let mut head = [0; 7];
        if from.read_exact(&mut head).await.is_err() {
            return;
        }
        let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
        let mut rest = vec![0; usize::try_from(size).unwrap() + 1];
        if from.read_exact(&mut rest).await.is_err() {
            return;
        }
        if head[0] == 1 {
            // Class basic, method deliver; header and body of one follow it. Method ack is a confirm.
            let delivery = rest.starts_with(&[0, 60, 0, 60]) && kept.deliveries.load(Ordering::SeqCst);
            let confirm = rest.starts_with(&[0, 60, 0, 80]) && kept.confirms.load(Ordering::SeqCst);
            kept.swallowed.fetch_add(usize::from(delivery), Ordering::SeqCst);
            dropping = delivery || confirm;
        }
        let belongs = matches!(head[0], 1..=3);
        if !(dropping && belongs)
            && (to.write_all(&head).await.is_err() || to.write_all(&rest).await.is_err())
        {
            return;
        }
    }
}
