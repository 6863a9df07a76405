//! What an intruder in the DMZ or at the bridge can find on a disk, at any time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::town::{Town, eventually, files_below, parking};

/// Long enough to be no accident; never compressed in the form in which it is sent.
const MARKER: &str = "MARKER-7f3c1e0b-citizen-secret";

/// Submissions sent while the watcher looks.
const SUBMISSIONS: usize = 40;

fn holds_marker(path: &PathBuf) -> bool {
    std::fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(MARKER))
}

#[test]
fn no_plaintext_is_on_a_disk_of_dmz_or_bridge_at_any_time() {
    let mut town = Town::new();
    town.start_all();
    let watched: Vec<PathBuf> =
        ["dmz", "bridge", "logs", "tmp", "clamd", "secure/blobs"].iter().map(|name| town.at(name)).collect();
    let secure_databases =
        [town.at("secure/queue.db"), town.at("secure/queue.db-wal"), town.at("secure/console.db")];
    let (stop, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let watcher = std::thread::spawn({
        let (stop, looks, watched) = (Arc::clone(&stop), Arc::clone(&looks), watched.clone());
        move || {
            while !stop.load(Ordering::Relaxed) {
                let files =
                    watched.iter().flat_map(|folder| files_below(folder)).chain(secure_databases.clone());
                if let Some(leak) = files.into_iter().find(holds_marker) {
                    return Some(leak);
                }
                looks.fetch_add(1, Ordering::Relaxed);
            }
            None
        }
    });

    let portal = town.portal();
    let file = town.file(&format!("{MARKER}.txt"), format!("{MARKER} {}", "x".repeat(100_000)).as_bytes());
    let encrypted = town.file("refused.exe", format!("MZ{MARKER}").as_bytes());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        for n in 0..SUBMISSIONS {
            let files = if n % 4 == 3 { [encrypted.clone()] } else { [file.clone()] };
            let answer =
                portal.submit(&parking(MARKER), &files, Some(&format!("{MARKER}{n}")), |_| {}).await.unwrap();
            portal.wait(answer["id"].as_str().unwrap()).await.unwrap();
        }
    });
    eventually("all are delivered", || (town.delivered().len() == SUBMISSIONS).then_some(()));
    eventually("refused files are reported", || (town.quarantined().len() == SUBMISSIONS / 4).then_some(()));
    stop.store(true, Ordering::Relaxed);
    assert_eq!(watcher.join().unwrap(), None, "plaintext was found");
    assert!(looks.load(Ordering::Relaxed) > 3, "the watcher hardly looked");

    // The watcher can find it where it belongs, so it would have found it elsewhere.
    assert!(files_below(&town.at("secure/delivered")).iter().any(holds_marker));
}
