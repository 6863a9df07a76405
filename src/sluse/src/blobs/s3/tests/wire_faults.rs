//! Servers that are no good: a proxy that cuts connections, and a server that answers what a test wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Passes connections on to `port` and cuts the first `cuts` of them that carry over `bytes` to the client. Gives its own
/// port and the number of connections so far.
pub(super) async fn cutting_proxy(port: u16, cuts: usize, bytes: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let (connections, cut) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            let cut = Arc::clone(&cut);
            tokio::spawn(async move {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let up = tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
                });
                let (mut passed, mut buffer) = (0, vec![0; 64 << 10]);
                while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
                    passed += n;
                    if to_client.write_all(&buffer[..n]).await.is_err() {
                        break;
                    }
                    if passed > bytes && cut.fetch_add(1, Ordering::Relaxed) < cuts {
                        break;
                    }
                }
                up.abort();
            });
        }
    });
    (own, connections)
}

/// A server that reads one request per connection and answers with what `answer` makes of its head. Gives its port and the
/// number of requests so far.
pub(super) async fn server<F>(answer: F) -> (u16, Arc<AtomicUsize>)
where
    F: Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (requests, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(answer));
    let counted = Arc::clone(&requests);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let (counted, answer) = (Arc::clone(&counted), Arc::clone(&answer));
            tokio::spawn(async move {
                let (mut seen, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
                let (head, length) = loop {
                    let Ok(n @ 1..) = client.read(&mut buffer).await else { return };
                    seen.extend_from_slice(&buffer[..n]);
                    let text = String::from_utf8_lossy(&seen).to_lowercase();
                    if let Some((head, _)) = text.split_once("\r\n\r\n") {
                        let length = head.split("content-length: ").nth(1).and_then(|l| l.lines().next());
                        let length = length.and_then(|l| l.trim().parse().ok()).unwrap_or(0);
                        break (head.to_owned(), head.len() + 4 + length);
                    }
                };
                let mut read = seen.len();
                while read < length {
                    let Ok(n @ 1..) = client.read(&mut buffer).await else { return };
                    read += n;
                }
                let number = counted.fetch_add(1, Ordering::Relaxed);
                let _ = client.write_all(&answer(&head, number)).await;
                let _ = client.shutdown().await;
            });
        }
    });
    (port, requests)
}

/// An answer with a body of XML.
pub(super) fn refuse(status: &str, code: &str) -> Vec<u8> {
    let body = format!("<Error><Code>{code}</Code><StringToSign>hush hush</StringToSign></Error>");
    format!(
        "HTTP/1.1 {status}\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
