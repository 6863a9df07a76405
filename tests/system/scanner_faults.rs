//! A scanner that is down, lies or breaks off: submissions wait, and nothing is ever taken for clean.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::clamd::eicar;
use super::town::{Town, building, eventually, parking};

async fn state(portal: &sluse::portal::Portal, id: &str) -> String {
    portal.status(id).await.unwrap()["status"].as_str().unwrap().to_owned()
}

fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn submissions_wait_while_clamd_is_down_and_pass_afterwards() {
    let mut town = Town::new();
    town.start_all();
    let portal = town.portal();
    let file = town.file("note.txt", b"A note.");
    town.clamd.stop();
    // The bridge may find out by this submission or by its self-test; either way it is not decided.
    let answer = portal.submit(&parking("x"), &[file], None, |_| {}).await.unwrap();
    eventually("the bridge notices", || town.log("bridge").contains("submissions wait").then_some(()));
    assert!(matches!(state(&portal, &id(&answer)).await.as_str(), "received" | "examining"));
    assert_eq!(town.delivered(), Vec::<String>::new());

    town.clamd.restart();
    let status = portal.wait(&id(&answer)).await.unwrap();
    assert_eq!(status["status"], "relayed", "{status}");
}

/// What the man in the middle does with a scan.
const PASS: usize = 0;
const CUT: usize = 1;
const GARBAGE: usize = 2;
const EMPTY: usize = 3;
/// Archives are answered with OK unseen, as clamd does with members over its limits.
const BLIND: usize = 4;

/// Sits between bridge and clamd: the self-test's two contents pass always, others as told.
fn intercept(socket: &Path, clamd: &Path) -> (Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (mode, faults) = (Arc::new(AtomicUsize::new(PASS)), Arc::new(AtomicUsize::new(0)));
    let listener = UnixListener::bind(socket).unwrap();
    let (shared_mode, shared_faults, clamd) = (Arc::clone(&mode), Arc::clone(&faults), clamd.to_owned());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mode, faults, clamd) = (Arc::clone(&shared_mode), Arc::clone(&shared_faults), clamd.clone());
            std::thread::spawn(move || {
                let _ = serve(client.unwrap(), &clamd, &mode, &faults);
            });
        }
    });
    (mode, faults)
}

/// One request: read to its end (`zVERSION`, or chunks up to the empty one), then answered by clamd or by us.
fn serve(
    mut client: UnixStream,
    clamd: &Path,
    mode: &AtomicUsize,
    faults: &AtomicUsize,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut byte = [0; 1];
    while client.read(&mut byte)? == 1 && byte[0] != 0 {
        request.push(byte[0]);
    }
    request.push(0);
    let mut content = Vec::new();
    let mut ended = !request.starts_with(b"zINSTREAM");
    while !ended {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        request.extend_from_slice(&length);
        let length = u32::from_be_bytes(length) as usize;
        ended = length == 0;
        let mut chunk = vec![0; length];
        client.read_exact(&mut chunk)?;
        content.extend_from_slice(&chunk);
        request.extend_from_slice(&chunk);
    }
    let about_note = content.windows(6).any(|window| window == b"A note");
    match mode.load(Ordering::SeqCst) {
        CUT if about_note => faults.fetch_add(1, Ordering::SeqCst),
        GARBAGE if about_note => {
            faults.fetch_add(1, Ordering::SeqCst);
            return client.write_all(b"stream: OK probably\0");
        }
        EMPTY if about_note => {
            faults.fetch_add(1, Ordering::SeqCst);
            return client.write_all(b"\0");
        }
        BLIND if content.starts_with(b"PK") => {
            faults.fetch_add(1, Ordering::SeqCst);
            return client.write_all(b"stream: OK\0");
        }
        _ => {
            let mut real = UnixStream::connect(clamd)?;
            real.write_all(&request)?;
            return std::io::copy(&mut real, &mut client).map(|_| ());
        }
    };
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clamd_that_cuts_off_or_answers_garbage_never_makes_a_file_clean() {
    let mut town = Town::new();
    let (real, between) = (town.clamd.socket(), town.at("between"));
    let (mode, faults) = intercept(&between, &real);
    town.edit("bridge/bridge.toml", &real.display().to_string(), &between.display().to_string());
    town.start_all();
    let portal = town.portal();
    let file = town.file("note.txt", b"A note.");
    for fault in [CUT, GARBAGE, EMPTY] {
        mode.store(fault, Ordering::SeqCst);
        let seen = faults.load(Ordering::SeqCst);
        let answer = portal.submit(&parking("x"), std::slice::from_ref(&file), None, |_| {}).await.unwrap();
        tokio::task::block_in_place(|| {
            eventually("the fault was met", || (faults.load(Ordering::SeqCst) > seen).then_some(()));
        });
        let id = id(&answer);
        let status = portal.wait(&id);
        let decided = tokio::select! {
            status = status => Some(status.unwrap()),
            () = tokio::time::sleep(std::time::Duration::from_secs(2)) => None,
        };
        if let Some(status) = decided {
            // The scanner passed its self-test right after: then it is this file that cannot be scanned.
            assert_eq!(status["attachments"][0]["code"], "unscannable", "fault {fault}: {status}");
        }
        mode.store(PASS, Ordering::SeqCst);
        portal.wait(&id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clamd_that_sees_nothing_in_archives_is_shown_their_members() {
    let mut town = Town::new();
    let (real, between) = (town.clamd.socket(), town.at("between"));
    let (mode, faults) = intercept(&between, &real);
    town.edit("bridge/bridge.toml", &real.display().to_string(), &between.display().to_string());
    // The bridge's own rules must not find it first.
    std::fs::remove_file(town.at("bridge/rules/yara/eicar.yar")).unwrap();
    town.start_all();
    mode.store(BLIND, Ordering::SeqCst);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("note.txt", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&eicar()).unwrap();
    let file = town.file("papers.zip", &zip.finish().unwrap().into_inner());
    let portal = town.portal();
    let answer = portal.submit(&building(), &[file], None, |_| {}).await.unwrap();
    let status = portal.wait(&id(&answer)).await.unwrap();
    assert!(faults.load(Ordering::SeqCst) > 0, "the archive was not shown to the scanner");
    assert_eq!(status["attachments"][0]["code"], "infected", "{status}");
}
