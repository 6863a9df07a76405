//! kill -9 of every role in turn, at random moments, under load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::town::{ROLES, Town, eventually, parking};

/// Kills, spread over the roles in turn.
const KILLS: usize = 50;
/// Clients that submit as fast as they are answered.
const CLIENTS: usize = 3;

/// A small generator of pauses, so that a run can be repeated (xorshift).
struct Pauses(u64);

impl Pauses {
    fn next(&mut self) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_millis(self.0 % 400)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_202_ends_in_one_outcome_and_one_delivery() {
    let mut town = Town::new();
    town.start_all();
    let case_system = CaseSystem::new(town.at("secure/delivered/parking"), town.at("archive"));
    let seed = 0x5eed_0123_4567_89ab;
    println!("seed {seed:#x}");
    let stop = Arc::new(AtomicBool::new(false));
    let file = town.file("note.txt", "A note. ".repeat(1000).as_bytes());
    // Where intake listens now: it has another port after each start.
    let address = Arc::new(std::sync::Mutex::new(town.intake()));
    let token = town.token();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (stop, address, token, file) =
                (Arc::clone(&stop), Arc::clone(&address), token.clone(), file.clone());
            tokio::spawn(async move {
                let mut accepted = Vec::new();
                let mut n = 0;
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    let key = format!("client-{client}-{n}");
                    // Until it is answered 202: the same key, so the same submission.
                    loop {
                        let at = address.lock().unwrap().clone();
                        let portal = sluse::portal::Portal::new(&at, &token).unwrap();
                        let files = if n % 2 == 0 { vec![file.clone()] } else { vec![] };
                        match portal.submit(&parking(&key), &files, Some(&key), |_| {}).await {
                            Ok(answer) => break accepted.push(answer["id"].as_str().unwrap().to_owned()),
                            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                        }
                    }
                }
                accepted
            })
        })
        .collect();

    let mut pauses = Pauses(seed);
    for n in 0..KILLS {
        tokio::time::sleep(pauses.next()).await;
        let role = ROLES[n % ROLES.len()];
        town.kill(role);
        tokio::task::block_in_place(|| town.start(role));
        if role == "intake" {
            *address.lock().unwrap() = town.intake();
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut accepted = Vec::new();
    for client in clients {
        accepted.extend(client.await.unwrap());
    }
    let total = accepted.len();
    accepted.sort();
    accepted.dedup();
    assert_eq!(accepted.len(), total, "two submissions got one id");

    let portal = town.portal();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for id in &accepted {
        let status = portal.wait(id).await.unwrap();
        *outcomes.entry(status["status"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    println!("{KILLS} kills, {total} accepted, outcomes {outcomes:?}");
    assert_eq!(outcomes.get("relayed"), Some(&total), "{outcomes:?}");

    tokio::task::block_in_place(|| {
        eventually("the case system has everything", || {
            let taken = case_system.taken();
            accepted.iter().all(|id| taken.contains_key(id)).then_some(())
        });
    });
    town.terminate("outlet");
    let taken = case_system.taken();
    let twice: Vec<_> = taken.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "delivered more than once: {twice:?}");
    // An id that was never answered 202 may have been accepted all the same: its client died waiting, not its submission.
    println!("{} delivered", taken.len());
}

/// A case system that takes every delivery away as soon as it appears, so that a second one would show.
struct CaseSystem {
    taken: Arc<std::sync::Mutex<BTreeMap<String, usize>>>,
    stop: Arc<AtomicBool>,
}

impl CaseSystem {
    fn new(folder: std::path::PathBuf, archive: std::path::PathBuf) -> Self {
        std::fs::create_dir_all(&archive).unwrap();
        let (taken, stop) =
            (Arc::new(std::sync::Mutex::new(BTreeMap::new())), Arc::new(AtomicBool::new(false)));
        let (shared, stopped) = (Arc::clone(&taken), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                    let id = entry.file_name().into_string().unwrap();
                    if id.starts_with('.') {
                        continue;
                    }
                    let manifest =
                        std::fs::read(entry.path().join("manifest.json")).expect("a delivery is whole");
                    let manifest: serde_json::Value =
                        serde_json::from_slice(&manifest).expect("a manifest is whole");
                    assert_eq!(manifest["id"], id.as_str());
                    let mut shared = shared.lock().unwrap();
                    let times: &mut usize = shared.entry(id.clone()).or_default();
                    *times += 1;
                    std::fs::rename(entry.path(), archive.join(format!("{id}-{times}"))).unwrap();
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { taken, stop }
    }

    fn taken(&self) -> BTreeMap<String, usize> {
        self.taken.lock().unwrap().clone()
    }
}

impl Drop for CaseSystem {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
