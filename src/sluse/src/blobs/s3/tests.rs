use std::sync::atomic::Ordering;
use std::sync::{LazyLock, OnceLock};
use std::time::Instant;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::*;
use crate::blobs::contract::{self, new_name, pattern, put, read_all};
use crate::blobs::{CHUNK, ORPHAN_AGE};
use wire_faults::{cutting_proxy, refuse, server};

mod server;
mod wire_faults;

use server::Server;

/// A server that takes any key, for all tests of this process; each uses a prefix of its own.
static SHARED: LazyLock<Server> = LazyLock::new(|| Server::start(&["blobs"]));

fn at(endpoint: &str, url: &str, access: &str, secret: &str) -> S3Blobs {
    let (access, secret) = (Secret::parse(access).unwrap(), Secret::parse(secret).unwrap());
    S3Blobs::new(&S3Address::new(url, endpoint, "us-east-1", access, secret, None).unwrap()).unwrap()
}

fn on_port(port: u16, prefix: &str) -> S3Blobs {
    at(&format!("http://127.0.0.1:{port}"), &format!("s3://blobs/{prefix}"), "AKIDEXAMPLE", "the-secret-key")
}

fn shared(prefix: &str) -> S3Blobs {
    on_port(SHARED.port, prefix)
}

/// Waits until a server has no unfinished uploads.
async fn no_uploads_are_left(server: &Server, bucket: &str) {
    let gone = async {
        while server.unfinished_uploads(bucket) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("unfinished uploads stay");
}

/// The error's words, which never hold a secret.
fn words<T>(result: Result<T, BlobError>) -> String {
    let error = result.err().expect("this should have failed");
    let words = format!("{error} {error:?}");
    assert!(!words.contains("the-secret-key") && !words.contains("hush"), "{words}");
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_is_kept() {
    let blobs = shared("contract");
    contract::is_kept(blobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_failed_and_dropped_uploads_are_aborted() {
    let server = Server::start(&["blobs"]);
    let blobs = on_port(server.port, "");
    let name = contract::abandoned_write_does_not_go_on(&blobs).await;
    no_uploads_are_left(&server, "blobs").await;
    assert!(matches!(blobs.open(&name).await, Err(BlobError::Missing(_))));

    let mut dropped = blobs.create(&name).await.unwrap();
    dropped.write(&pattern(3 * PART)).await.unwrap();
    drop(dropped);
    no_uploads_are_left(&server, "blobs").await;

    // One whose end is refused, because the name is taken.
    put_as(&blobs, &name, 1).await.unwrap();
    assert!(matches!(put_as(&blobs, &name, PART + 1).await, Err(BlobError::AlreadyThere(_))));
    no_uploads_are_left(&server, "blobs").await;
    assert_eq!(read_all(&blobs, &name).await.len(), 1);
    assert_eq!(server.objects("blobs"), 1);
}

async fn put_as(blobs: &S3Blobs, name: &BlobRef, length: usize) -> Result<u64, BlobError> {
    let mut writer = blobs.create(name).await?;
    writer.write(&pattern(length)).await?;
    writer.finish().await
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_an_operator_and_of_other_prefixes_are_not_listed() {
    let (blobs, below, beside) = (shared("mine"), shared("mine/below"), shared("mine-too"));
    put(&below, b"1").await;
    put(&beside, b"1").await;
    blobs.client.put(&Path::from("mine/README"), "an operator's".into()).await.unwrap();
    let name = put(&blobs, b"1").await;
    let listed = blobs.list(Duration::ZERO, 100).await.unwrap();
    assert_eq!(listed.iter().map(|blob| blob.name).collect::<Vec<_>>(), [name]);
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_go_by_the_stores_own_dates_and_live_blobs_stay() {
    let blobs = shared("orphans");
    let (old, live) = (put(&blobs, b"old").await, put(&blobs, b"live").await);
    SHARED.age("blobs", &format!("orphans/{old}"), ORPHAN_AGE.as_secs() + 60);
    SHARED.age("blobs", &format!("orphans/{live}"), crate::blobs::MAX_MESSAGE_AGE.as_secs());
    // Two collectors at once, as two bridges with one bucket are.
    tokio::join!(crate::stores::collect_orphans(&blobs), crate::stores::collect_orphans(&blobs));
    assert!(matches!(blobs.open(&old).await, Err(BlobError::Missing(_))));
    assert_eq!(read_all(&blobs, &live).await, b"live");
}

/// A listing of one blob, stored at noon on 1 January 2020, by a server whose clock says `date`.
async fn listing(date: &'static str) -> S3Blobs {
    let (port, _) = server(move |_, _| {
        let body = "<ListBucketResult><Contents><Key>0123456789abcdef0123456789abcdef</Key><Size>1</Size>\
            <LastModified>2020-01-01T12:00:00.000Z</LastModified></Contents></ListBucketResult>";
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\n{date}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}").into()
    })
    .await;
    on_port(port, "")
}

#[tokio::test]
async fn a_wrong_clock_on_either_side_makes_no_blob_old() {
    // This machine's clock says years later; the store's says that it was stored an hour ago.
    let young = listing("Date: Wed, 01 Jan 2020 13:00:00 GMT\r\n").await;
    assert!(young.list(ORPHAN_AGE, 10).await.unwrap().is_empty());
    assert_eq!(young.list(Duration::from_secs(3600), 10).await.unwrap().len(), 1);
    // The store's clock says centuries later: this machine's counts.
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_880_000);
    let age = SystemTime::now().duration_since(since).unwrap();
    let old = listing("Date: Sat, 01 Jan 2220 13:00:00 GMT\r\n").await;
    assert!(old.list(age + Duration::from_secs(3600), 10).await.unwrap().is_empty());
    assert_eq!(old.list(age, 10).await.unwrap().len(), 1);
    // A store that does not say what time it is: nothing is old there.
    let silent = listing("").await;
    assert!(words(silent.list(Duration::ZERO, 10).await).contains("no date"));
}

#[tokio::test]
async fn a_listing_that_never_ends_ends() {
    let (port, requests) = server(|_, _| {
        let body = "<ListBucketResult><NextContinuationToken>again</NextContinuationToken></ListBucketResult>";
        let length = body.len();
        format!(
            "HTTP/1.1 200 OK\r\nDate: Wed, 01 Jan 2020 13:00:00 GMT\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .into()
    })
    .await;
    let blobs = on_port(port, "");
    assert!(blobs.list(Duration::ZERO, 10).await.unwrap().is_empty());
    assert_eq!(requests.load(Ordering::Relaxed), MAX_PAGES);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_killed_in_an_upload_fails_the_write_and_not_later_than_seconds() {
    let mut server = Server::start(&["blobs"]);
    let blobs = on_port(server.port, "");
    let mut writer = blobs.create(&new_name()).await.unwrap();
    writer.write(&pattern(2 * PART)).await.unwrap();
    server.kill();
    let begin = Instant::now();
    let failed = loop {
        if let Err(error) = writer.write(&pattern(PART)).await {
            break error;
        }
    };
    assert!(matches!(&failed, BlobError::Unavailable(_)), "{failed:?}");
    assert!(begin.elapsed() < Duration::from_secs(40));
    assert!(matches!(writer.write(b"more").await, Err(BlobError::Interrupted)));
    assert!(words(blobs.open(&new_name()).await).contains("cannot be reached"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_taken_up_again_where_it_was_cut() {
    let content = pattern(5 * CHUNK + 17);
    let name = put(&shared("cut"), &content).await;
    let (port, connections) = cutting_proxy(SHARED.port, 4, CHUNK + 100_000).await;
    assert!(read_all(&on_port(port, "cut"), &name).await == content, "other bytes than were written");
    assert!(connections.load(Ordering::Relaxed) >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_replaced_between_two_connections_is_an_error() {
    let blobs = shared("replaced");
    let name = put(&blobs, &pattern(3 * CHUNK)).await;
    let (port, _) = cutting_proxy(SHARED.port, 1, CHUNK + 100_000).await;
    let mut reader = on_port(port, "replaced").open(&name).await.unwrap();
    reader.read_chunk().await.unwrap().unwrap();
    let other = vec![7_u8; 3 * CHUNK];
    blobs.client.put(&blobs.path(&name), other.into()).await.unwrap();
    let error = loop {
        match reader.read_chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("two blobs were read as one"),
            Err(error) => break error,
        }
    };
    assert!(words::<()>(Err(error)).contains("another one now"));
    assert!(matches!(reader.read_chunk().await, Err(BlobError::Interrupted)));
}

#[tokio::test]
async fn a_truncated_body_is_an_error_and_not_an_end() {
    let (port, requests) = server(|_, _| {
        let head = "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nLast-Modified: Wed, 01 Jan 2020 12:00:00 GMT\r\n\
            Content-Length: 1000\r\nConnection: close\r\n\r\nonly this";
        head.into()
    })
    .await;
    let mut reader = on_port(port, "").open(&new_name()).await.unwrap();
    assert_eq!(reader.size(), 1000);
    assert!(matches!(reader.read_chunk().await, Err(BlobError::Unavailable(_))));
    assert!(matches!(reader.read_chunk().await, Err(BlobError::Interrupted)));
    assert!(requests.load(Ordering::Relaxed) > 1, "it was not tried again");
}

#[tokio::test]
async fn a_range_that_was_not_asked_for_is_an_error() {
    let (port, _) = server(|head, _| {
        let tail = "ETag: \"x\"\r\nLast-Modified: Wed, 01 Jan 2020 12:00:00 GMT\r\nConnection: close\r\n";
        if head.contains("range: ") {
            format!(
                "HTTP/1.1 206 P\r\n{tail}Content-Range: bytes 100-999/1000\r\nContent-Length: 1000\r\n\r\n{}",
                "b".repeat(1000)
            )
        } else {
            format!("HTTP/1.1 200 OK\r\n{tail}Content-Length: 1000\r\n\r\nonly this")
        }
        .into()
    })
    .await;
    let mut reader = on_port(port, "").open(&new_name()).await.unwrap();
    assert!(matches!(reader.read_chunk().await, Err(BlobError::Unavailable(_))));
}

#[tokio::test]
async fn a_range_beyond_all_numbers_is_an_error_and_no_panic() {
    let (port, _) = server(|head, _| {
        let tail = "ETag: \"x\"\r\nLast-Modified: Wed, 01 Jan 2020 12:00:00 GMT\r\nConnection: close\r\n";
        if head.contains("range: ") {
            let range = format!("Content-Range: bytes 9-{}/1000", u64::MAX);
            format!("HTTP/1.1 206 P\r\n{tail}{range}\r\nContent-Length: 991\r\n\r\n{}", "b".repeat(991))
        } else {
            format!("HTTP/1.1 200 OK\r\n{tail}Content-Length: 1000\r\n\r\nonly this")
        }
        .into()
    })
    .await;
    let mut reader = on_port(port, "").open(&new_name()).await.unwrap();
    assert!(words(reader.read_chunk().await).contains("no part of a blob"));
}

#[tokio::test]
async fn a_404_that_is_not_about_the_blob_does_not_say_that_it_is_missing() {
    // A proxy's page, a bucket that is gone, an upload that is.
    for code in ["", "NoSuchBucket", "NoSuchUpload", "NotFound"] {
        let (port, _) = server(move |_, _| refuse("404 Not Found", code)).await;
        let blobs = on_port(port, "");
        assert!(matches!(blobs.open(&new_name()).await, Err(BlobError::Unavailable(_))), "{code}");
        assert!(matches!(blobs.delete(&new_name()).await, Err(BlobError::Unavailable(_))), "{code}");
        assert!(matches!(blobs.probe(Access::Read).await, Err(BlobError::Unavailable(_))), "{code}");
    }
}

#[tokio::test]
async fn a_failure_that_looks_like_success_is_none() {
    for code in ["InternalError", "AccessDenied"] {
        let (port, _) = server(move |head, _| {
            if head.starts_with("post") && head.contains("uploads") {
                let body =
                    "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>";
                let length = body.len();
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
                    .into()
            } else if head.starts_with("post") {
                refuse("200 OK", code)
            } else {
                b"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
            }
        })
        .await;
        let error = put_as(&on_port(port, ""), &new_name(), PART + 10).await.unwrap_err();
        assert!(matches!(error, BlobError::Unavailable(_)), "{error:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut() {
    let (port, _) = server(|_, _| {
        let mut answer = b"HTTP/1.1 500 No\r\nConnection: close\r\n\r\n".to_vec();
        answer.resize(16 << 20, b'x');
        answer
    })
    .await;
    let blobs = on_port(port, "");
    words(blobs.list(Duration::ZERO, 10).await);
    words(blobs.open(&new_name()).await);
}

#[tokio::test]
async fn nobody_is_followed_elsewhere() {
    let (elsewhere, asked) = server(|_, _| refuse("500 No", "InternalError")).await;
    let (port, _) = server(move |_, _| {
        format!("HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .into()
    })
    .await;
    assert!(words(on_port(port, "").open(&new_name()).await).contains("another region"));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_full_store_says_so_at_once_and_a_busy_one_is_tried_again() {
    for (status, code, full, tries) in [
        ("507 Insufficient Storage", "XMinioStorageFull", true, 1),
        ("403 Forbidden", "QuotaExceeded", true, 1),
        ("503 Slow Down", "SlowDown", false, 3),
        ("500 Internal", "InternalError", false, 3),
    ] {
        for length in [10, PART + 10] {
            let (port, requests) = server(move |_, _| refuse(status, code)).await;
            let error = put_as(&on_port(port, ""), &new_name(), length).await.unwrap_err();
            assert_eq!(matches!(error, BlobError::Full), full, "{error:?}");
            words::<()>(Err(error));
            assert_eq!(requests.load(Ordering::Relaxed), tries, "{status}, {length} bytes");
        }
    }
}

#[tokio::test]
async fn a_server_that_recovers_is_written_to() {
    let (port, requests) = server(|_, number| match number {
        0 => refuse("503 Slow Down", "SlowDown"),
        _ => b"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec(),
    })
    .await;
    assert_eq!(put_as(&on_port(port, ""), &new_name(), 10).await.unwrap(), 10);
    assert_eq!(requests.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_gets_no_unconditional_write() {
    let (port, _) = server(|head, _| {
        let conditional = head.contains("if-none-match: *") || !head.starts_with("put");
        let answer: &[u8] =
            b"HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        if conditional { answer.to_vec() } else { refuse("400 Bad", "Unconditional") }
    })
    .await;
    put_as(&on_port(port, ""), &new_name(), 10).await.unwrap();
}

/// A server with the users and policies of `deploy/s3`, which it enforces.
fn guarded() -> &'static Server {
    static GUARDED: OnceLock<Server> = OnceLock::new();
    GUARDED.get_or_init(|| {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/s3");
        let users = ["intake", "bridge", "outlet"].map(|user| format!("--user={user}={folder}/{user}.json"));
        let mut arguments = vec!["sluse-dmz", "sluse-secure", "sluse-quarantine"];
        arguments.extend(users.iter().map(String::as_str));
        Server::start(&arguments)
    })
}

fn as_user(user: &str, bucket: &str) -> S3Blobs {
    let (access, secret) = &guarded().keys[user];
    at(&guarded().endpoint(), &format!("s3://{bucket}/blobs"), access, secret)
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_allow_what_each_role_does_and_nothing_else() {
    use Access::{Delete, List, Read, Write};
    for (user, bucket, allowed) in [
        ("intake", "sluse-dmz", &[Write, Delete][..]),
        ("intake", "sluse-secure", &[]),
        ("intake", "sluse-quarantine", &[]),
        ("bridge", "sluse-dmz", &[Read, Delete, List]),
        ("bridge", "sluse-secure", &[Write]),
        ("bridge", "sluse-quarantine", &[Write]),
        ("outlet", "sluse-dmz", &[]),
        ("outlet", "sluse-secure", &[Read, Delete, List]),
        ("outlet", "sluse-quarantine", &[]),
    ] {
        let blobs = as_user(user, bucket);
        for access in [Write, Read, Delete, List] {
            let probed = blobs.probe(access).await;
            if allowed.contains(&access) {
                probed.unwrap_or_else(|cause| panic!("{user} {bucket} {access:?}: {cause}"));
            } else {
                let words = words(probed);
                assert!(
                    words.contains("allows this key no such access"),
                    "{user} {bucket} {access:?}: {words}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_role_writes_the_next_one_reads_and_removes() {
    for (writer, reader, bucket) in [("intake", "bridge", "sluse-dmz"), ("bridge", "outlet", "sluse-secure")]
    {
        for length in [10, PART + 10] {
            let name = put(&as_user(writer, bucket), &pattern(length)).await;
            assert!(words(as_user(writer, bucket).open(&name).await).contains("no such access"));
            let blobs = as_user(reader, bucket);
            assert_eq!(read_all(&blobs, &name).await.len(), length);
            blobs.delete(&name).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_buckets_are_told_in_plain_words() {
    let (access, secret) = &guarded().keys["intake"];
    let endpoint = guarded().endpoint();
    for (bucket, access, secret, says) in [
        ("sluse-dmz", "AKIDWRONG", secret.as_str(), "does not know the access key"),
        ("sluse-dmz", access, "the-secret-key", "the secret key does not belong"),
    ] {
        let blobs = at(&endpoint, &format!("s3://{bucket}"), access, secret);
        for access in [Access::Write, Access::Read, Access::Delete, Access::List] {
            let words = words(blobs.probe(access).await);
            assert!(words.contains(says) && words.contains(&endpoint), "{words}");
        }
    }
    let missing = at(&SHARED.endpoint(), "s3://not-there", "AKIDEXAMPLE", "the-secret-key");
    for access in [Access::Write, Access::Read, Access::Delete, Access::List] {
        let words = words(missing.probe(access).await);
        assert!(words.contains("no such bucket"), "{access:?}: {words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_listed_authority_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=s3", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", &at("key"), "-out", &at("certificate")])
        .output()
        .expect("this test needs the program `openssl`");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let server = Server::start(&["blobs", "--tls", &at("certificate"), &at("key")]);
    let certificate: CertificateDer<'static> = CertificateDer::from_pem_file(at("certificate")).unwrap();
    let with = |authorities| {
        let key = Secret::parse("key").unwrap();
        let endpoint = format!("https://127.0.0.1:{}", server.port);
        let address = S3Address::new("s3://blobs", &endpoint, "eu", key.clone(), key, authorities).unwrap();
        S3Blobs::new(&address).unwrap()
    };
    let trusting = with(Some(vec![certificate]));
    let name = put(&trusting, b"content").await;
    assert_eq!(read_all(&trusting, &name).await, b"content");
    let words = words(with(None).open(&name).await);
    assert!(words.contains("cannot be reached") && words.contains("certificate"), "{words}");
}
