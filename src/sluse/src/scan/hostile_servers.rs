//! Things on clamd's socket that are no clamd: nothing they do is ever taken for clean.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::clamd::test_virus;
use super::{Clamd, ClamdAddress, ClamdConfig, ScanError, Verdict};

/// How a false scanner treats one scan.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Reads all and answers this.
    Reply(&'static [u8]),
    /// Reads all, answers this and keeps the connection.
    ReplyAndStay(&'static [u8]),
    /// Answers this after the first bytes, and hangs up with the rest unread.
    Early(&'static [u8]),
    /// Hangs up at once.
    HangUp,
    /// Reads all and answers without end.
    Flood,
    /// Reads nothing.
    Deaf,
}

/// A scanner on a socket of its own, that answers right to self-tests if `sane`, and badly to everything else.
struct False {
    clamd: Clamd,
    scans: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

fn config(socket: &Path) -> ClamdConfig {
    ClamdConfig {
        address: ClamdAddress::Unix(socket.to_owned()),
        max_stream_bytes: 8 << 20,
        timeout: Duration::from_secs(60),
        max_concurrent: 2,
    }
}

fn serve(manner: Manner, sane: bool) -> False {
    serve_for(manner, sane, Duration::from_secs(60))
}

fn serve_for(manner: Manner, sane: bool, timeout: Duration) -> False {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("clamd");
    let listener = UnixListener::bind(&socket).unwrap();
    let scans = Arc::new(AtomicUsize::new(0));
    let counter = scans.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, manner, sane, counter.clone()));
        }
    });
    False { clamd: Clamd::new(ClamdConfig { timeout, ..config(&socket) }), scans, _folder: folder }
}

async fn answer(
    mut stream: UnixStream,
    manner: Manner,
    sane: bool,
    scans: Arc<AtomicUsize>,
) -> std::io::Result<()> {
    let mut command = Vec::new();
    while command.last() != Some(&0) {
        command.push(stream.read_u8().await?);
    }
    if command == b"zVERSION\0" {
        return stream.write_all(b"ClamAV 0.0/false\0").await;
    }
    assert_eq!(command, b"zINSTREAM\0");
    let first = stream.read_u32().await?;
    let mut head = vec![0; usize::try_from(first.min(4)).unwrap()];
    stream.read_exact(&mut head).await?;
    if sane && head == test_virus()[..4] {
        drain(&mut stream, u64::from(first) - 4).await?;
        return stream.write_all(b"stream: Eicar FOUND\0").await;
    }
    if sane && head == b"A ha" {
        drain(&mut stream, u64::from(first) - 4).await?;
        return stream.write_all(b"stream: OK\0").await;
    }
    scans.fetch_add(1, Ordering::SeqCst);
    match manner {
        Manner::HangUp => return Ok(()),
        Manner::Deaf => return std::future::pending().await,
        Manner::Early(reply) => return stream.write_all(reply).await,
        Manner::Reply(_) | Manner::ReplyAndStay(_) | Manner::Flood => {}
    }
    drain(&mut stream, u64::from(first) - 4).await?;
    match manner {
        Manner::Flood => loop {
            stream.write_all(b"stream: OK\0").await?;
        },
        Manner::ReplyAndStay(reply) => {
            stream.write_all(reply).await?;
            std::future::pending().await
        }
        Manner::Reply(reply) => stream.write_all(reply).await,
        _ => Ok(()),
    }
}

/// Reads the rest of a stream whose current chunk has `left` bytes left.
async fn drain(stream: &mut UnixStream, mut left: u64) -> std::io::Result<()> {
    loop {
        tokio::io::copy(&mut stream.take(left), &mut tokio::io::sink()).await?;
        left = stream.read_u32().await?.into();
        if left == 0 {
            return Ok(());
        }
    }
}

const SMALL: &[u8] = b"content";

async fn small(manner: Manner) -> ScanError {
    serve(manner, true).clamd.scan(SMALL).await.unwrap_err()
}

#[tokio::test]
async fn a_server_that_behaves_is_believed() {
    let server = serve(Manner::Reply(b"stream: OK\0"), true);
    let scan = server.clamd.scan(SMALL).await.unwrap();
    assert_eq!((scan.verdict, scan.engine.as_str()), (Verdict::Clean, "ClamAV 0.0/false"));
    let large = vec![7; 5 << 20];
    assert_eq!(server.clamd.scan(large.as_slice()).await.unwrap().verdict, Verdict::Clean);
}

#[tokio::test]
async fn garbage_is_never_clean() {
    for reply in [
        &b"HTTP/1.1 200 OK\0"[..],
        b"OK\0",
        b"1: stream: OK\0",
        b"stream: OK\0stream: OK\0",
        b"stream: OK\nstream: OK\0",
        b"stream: Eicar FOUND\0stream: OK\0",
        b"stream: OK\0stream: Eicar FOUND\0",
        b"stream: \xff\xfe OK\0",
    ] {
        let error = small(Manner::Reply(reply)).await;
        assert!(matches!(error, ScanError::Garbage(_)), "{error:?}");
        assert!(!error.is_down());
    }
}

#[tokio::test]
async fn an_empty_or_cut_reply_is_never_clean() {
    for manner in [
        Manner::Reply(b""),
        Manner::Reply(b"stream: OK"),
        Manner::Reply(b"stream: "),
        Manner::HangUp,
        Manner::Early(b""),
    ] {
        assert_eq!(small(manner).await, ScanError::Cut, "{manner:?}");
    }
}

#[tokio::test]
async fn a_reply_without_end_is_never_clean() {
    let error = small(Manner::Flood).await;
    assert!(matches!(error, ScanError::Cut | ScanError::Garbage(_)), "{error:?}");
}

#[tokio::test]
async fn no_answer_in_time_is_never_clean() {
    let stays = Manner::ReplyAndStay(b"stream: OK\0");
    for manner in [Manner::Deaf, Manner::ReplyAndStay(b""), Manner::ReplyAndStay(b"stream: "), stays] {
        let server = serve_for(manner, true, Duration::from_millis(500));
        let error = server.clamd.scan(SMALL).await.unwrap_err();
        assert!(matches!(error, ScanError::TimedOut { .. }), "{manner:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_verdict_on_a_part_of_the_content_is_never_clean() {
    let server = serve(Manner::Early(b"stream: OK\0"), true);
    let large = vec![7; 5 << 20];
    let error = server.clamd.scan(large.as_slice()).await.unwrap_err();
    assert!(matches!(error, ScanError::Garbage(_)), "{error:?}");
}

#[tokio::test]
async fn the_size_limit_is_told_though_the_connection_broke() {
    let server = serve(Manner::Early(b"INSTREAM size limit exceeded. ERROR\0"), true);
    let large = vec![7; 5 << 20];
    assert_eq!(server.clamd.scan(large.as_slice()).await, Err(ScanError::SizeLimit));
    assert_eq!(server.scans.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn content_over_our_limit_is_never_sent() {
    let server = serve(Manner::Reply(b"stream: OK\0"), true);
    let large = vec![7; (8 << 20) + 1];
    assert_eq!(server.clamd.scan(large.as_slice()).await, Err(ScanError::SizeLimit));
    assert_eq!(server.scans.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_doubtful_error_is_the_contents_only_after_a_second_try() {
    let server = serve(Manner::HangUp, true);
    assert_eq!(server.clamd.scan(SMALL).await, Err(ScanError::Cut));
    assert_eq!(server.scans.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_doubtful_error_is_the_scanners_when_its_self_test_fails() {
    for manner in
        [Manner::HangUp, Manner::Deaf, Manner::Reply(b"what?\0"), Manner::Reply(b"no memory ERROR\0")]
    {
        let server = serve_for(manner, false, Duration::from_millis(500));
        let error = server.clamd.scan(SMALL).await.unwrap_err();
        assert!(error.is_down(), "{manner:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_scanner_that_finds_nothing_or_everything_fails_its_self_test() {
    for reply in [&b"stream: OK\0"[..], b"stream: Eicar FOUND\0"] {
        let error = serve(Manner::Reply(reply), false).clamd.self_test().await.unwrap_err();
        assert!(error.is_down(), "{error:?}");
    }
    assert_eq!(serve(Manner::HangUp, true).clamd.self_test().await, Ok(()));
}

#[tokio::test]
async fn a_scanner_that_is_not_there_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let error = Clamd::new(config(&folder.path().join("nobody"))).scan(SMALL).await.unwrap_err();
    assert!(error.is_down(), "{error:?}");
}

#[tokio::test]
async fn no_more_scans_run_at_once_than_configured() {
    let server = Arc::new(serve(Manner::Deaf, true));
    let scans: Vec<_> = (0..6)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move { server.clamd.scan(SMALL).await })
        })
        .collect();
    // Both permits are taken by scans that nobody answers; the others have not begun.
    while server.scans.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.scans.load(Ordering::SeqCst), 2);
    scans.iter().for_each(tokio::task::JoinHandle::abort);
}
