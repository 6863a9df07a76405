//! Two outlets that hold the same submission, over each kind of ledger; the case system takes away what it sees.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sluse_envelope::key_file::{read_private, read_public};
use sluse_envelope::{
    BlobPlace, BlobRef, BlobSealer, Direction, PublicKey, Sealing, SigningKey, SubmissionId, UnixMillis, jws,
};
use sluse_sanitize::Verdict;
use sluse_sanitize::report::sha256_hex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::deliver::STAGING;
use super::{Outlet, Stopped};
use crate::blobs::{Access, BlobError, BlobReader, BlobWriter, Blobs, StoredBlob};
use crate::config::outlet::{Destination, Settings};
use crate::id::tests::new_id;
use crate::ledger::postgres::tests::{migrated_url, password_file};
use crate::model::delivery::{Attachment, AuditPosition, Delivery, File, Manifest, SealedFile};
use crate::setup::{Zone, zone};

/// A secure zone with two outlets, and the bridge's key.
struct Secure {
    folder: tempfile::TempDir,
    outlets: [Arc<Outlet>; 2],
    bridge: SigningKey,
    outlet_key: PublicKey,
}

impl Secure {
    /// With a ledger as a configuration says it.
    async fn new(ledger: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (bridge, secure) = (folder.path().join("bridge"), folder.path().join("secure"));
        zone(Zone::Bridge, &bridge, &[]).unwrap();
        zone(Zone::Secure, &secure, &[bridge.join("public")]).unwrap();
        password_file(&secure.join("ledger.password"));
        let text = fs::read_to_string(secure.join("outlet.toml")).unwrap();
        let (head, destinations) = text.split_once("\n[destinations").unwrap();
        let head = head.replace("ledger = \"sqlite:outlet.db\"", "");
        let open = |audit: &'static str| {
            let head = head.replace("audit_dir = \"audit\"", &format!("audit_dir = \"{audit}\""));
            // A key must stand before the first table.
            let text = match ledger.strip_prefix('[') {
                Some(_) => format!("{head}\n{ledger}\n[destinations{destinations}"),
                None => format!("{ledger}\n{head}\n[destinations{destinations}"),
            };
            let path = secure.join(format!("{audit}.toml"));
            fs::write(&path, text).unwrap();
            async move { Outlet::open(Settings::load(&path).unwrap()).await.unwrap() }
        };
        let outlets = [open("audit-a").await, open("audit-b").await];
        Self {
            outlets,
            bridge: read_private(&bridge.join("keys/bridge-sign.key"), None).unwrap(),
            outlet_key: read_public(&secure.join("public/outlet-seal.pub")).unwrap(),
            folder,
        }
    }

    async fn over_sqlite() -> Self {
        Self::new("ledger = \"sqlite:outlet.db\"").await
    }

    async fn over_postgres() -> Self {
        let url = migrated_url(&crate::ledger::outlet::TABLES, "outlet").await;
        Self::new(&format!("[ledger]\nurl = \"{url}\"\npassword_file = \"ledger.password\"")).await
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join("secure").join(path)
    }

    /// A sealed delivery of one file, as the bridge makes it. Examined twice, it is not the same byte by byte.
    async fn sealed(&self, id: SubmissionId, content: &str) -> Vec<u8> {
        let place = BlobPlace { submission: id, index: 0, direction: Direction::Secure };
        let mut sealer = BlobSealer::new(&place).unwrap();
        let (mut bytes, blob) = (Vec::new(), BlobRef::generate().unwrap());
        sealer.update(content.as_bytes(), &mut bytes).unwrap();
        let done = sealer.finish(&mut bytes).unwrap();
        let mut writer = self.outlets[0].blobs.create(&blob).await.unwrap();
        writer.write(&bytes).await.unwrap();
        writer.finish().await.unwrap();
        let manifest = Manifest {
            id,
            destination: "parking".to_owned(),
            form: "parking-permit".to_owned(),
            version: 1,
            fields: serde_json::value::to_raw_value(&1).unwrap(),
            reply_to: None,
            sealed_by: String::new(),
            sealed_at: String::new(),
            examined_at: crate::clock::rfc3339(crate::clock::now()),
            audit: AuditPosition { seq: 1, hash: blob.to_string() },
            in_part: false,
            attachments: vec![Attachment {
                index: 0,
                verdict: Verdict::Rebuilt,
                reason: String::new(),
                original_sha256: sha256_hex(content.as_bytes()),
                original_size: content.len() as u64,
                removed: vec![],
                file: Some(File {
                    name: "a.txt".to_owned(),
                    media_type: "text/plain".to_owned(),
                    size: content.len() as u64,
                    sha256: sha256_hex(content.as_bytes()),
                }),
            }],
        };
        let manifest = serde_json::to_string(&manifest).unwrap();
        let signature = jws::sign_detached(&self.bridge, jws::MANIFEST, manifest.as_bytes());
        let blobs = vec![SealedFile { index: 0, blob, key: done.key }];
        let delivery = Delivery { manifest, signature, blobs };
        let sealing = Sealing {
            direction: Direction::Secure,
            submission: id,
            created: UnixMillis::now(),
            recipient: &self.outlet_key,
            sealer: &self.bridge,
        };
        sealing.seal(&serde_json::to_vec(&delivery).unwrap()).unwrap()
    }

    /// Processes a message once.
    async fn process(&self, outlet: usize, sealed: &[u8]) -> Result<Vec<BlobRef>, Stopped> {
        let outlet = &self.outlets[outlet];
        let destination = outlet.settings.destinations.iter().find(|d| d.name.as_str() == "parking").unwrap();
        outlet.process(destination, sealed).await
    }

    /// Processes a message until it is done with, as the queue would have it.
    async fn process_to_the_end(&self, outlet: usize, sealed: &[u8]) {
        for _ in 0..100 {
            match self.process(outlet, sealed).await {
                Ok(_) => return,
                Err(Stopped::Waits(_)) => {}
                Err(unusable @ Stopped::Unusable { .. }) => panic!("{unusable:?}"),
            }
        }
        panic!("it waits for ever");
    }

    fn staged(&self) -> Vec<PathBuf> {
        let folder = self.at("delivered/parking").join(STAGING);
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        entries.filter(|entry| entry.file_type().unwrap().is_dir()).map(|entry| entry.path()).collect()
    }
}

/// Takes every delivery away as soon as it appears, and counts.
fn case_system(
    folder: PathBuf,
    archive: PathBuf,
    stop: Arc<AtomicBool>,
) -> std::thread::JoinHandle<BTreeMap<String, u32>> {
    fs::create_dir(&archive).unwrap();
    std::thread::spawn(move || {
        let mut taken: BTreeMap<String, u32> = BTreeMap::new();
        loop {
            let last = stop.load(Ordering::Relaxed);
            for entry in fs::read_dir(&folder).unwrap() {
                let id = entry.unwrap().file_name().into_string().unwrap();
                if !id.starts_with('.') {
                    let times = taken.entry(id.clone()).or_default();
                    *times += 1;
                    fs::rename(folder.join(&id), archive.join(format!("{id}-{times}"))).unwrap();
                }
            }
            if last {
                return taken;
            }
            std::thread::yield_now();
        }
    })
}

async fn both_at_once(secure: Secure) {
    let stop = Arc::new(AtomicBool::new(false));
    let folder = secure.at("delivered/parking");
    let taking = case_system(folder, secure.at("archive"), Arc::clone(&stop));
    let secure = Arc::new(secure);
    let mut ids = Vec::new();
    for n in 0..40 {
        let id = new_id();
        ids.push(id);
        // The second copy was sealed and examined again.
        let copies = [secure.sealed(id, &n.to_string()).await, secure.sealed(id, &n.to_string()).await];
        let works = copies.into_iter().enumerate().map(|(outlet, sealed)| {
            let secure = Arc::clone(&secure);
            tokio::spawn(async move { secure.process_to_the_end(outlet, &sealed).await })
        });
        for work in works.collect::<Vec<_>>() {
            work.await.unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    let taken = taking.join().unwrap();
    assert_eq!(taken.len(), ids.len());
    assert!(taken.values().all(|times| *times == 1), "{taken:?}");
    assert_eq!(secure.staged(), Vec::<PathBuf>::new());
    for id in ids {
        assert!(secure.outlets[0].ledger.find(id).await.unwrap().unwrap().delivered);
        let folder = secure.at("archive").join(format!("{id}-1"));
        for name in ["manifest.json", "manifest.sig", "a.txt"] {
            assert!(folder.join(name).exists(), "{name} of {id} is missing");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_outlets_with_one_submission_deliver_it_once() {
    both_at_once(Secure::over_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_outlets_at_one_file_deliver_once() {
    both_at_once(Secure::over_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outlet_that_slept_after_staging_finds_it_delivered() {
    let secure = Secure::over_postgres().await;
    let (id, delivered) = (new_id(), secure.at("delivered/parking"));
    let sealed = secure.sealed(id, "x").await;
    // The first outlet stops where the delivery is ready and named: as if it had staged and then slept.
    let destination =
        secure.outlets[0].settings.destinations.iter().find(|d| d.name.as_str() == "parking").unwrap();
    let accepted = super::accept::accept(&secure.outlets[0].settings, destination, &sealed).unwrap();
    let content = accepted.content().unwrap();
    let ready = secure.outlets[0].stage(destination, &accepted, content).await.unwrap();
    assert!(delivered.join(STAGING).join(ready.folder.as_str()).exists());

    // The second delivers what the first made ready, and the case system takes it.
    secure.process(1, &secure.sealed(id, "x").await).await.unwrap();
    fs::rename(delivered.join(id.to_string()), secure.at("taken")).unwrap();

    // The first wakes up.
    secure.process(0, &sealed).await.unwrap();
    assert!(!delivered.join(id.to_string()).exists(), "delivered twice");
    assert_eq!(secure.staged(), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn outlets_that_do_not_share_the_folder_do_not_take_gone_for_delivered() {
    let secure = Secure::over_postgres().await;
    let id = new_id();
    let sealed = secure.sealed(id, "x").await;
    let [here, there] = &secure.outlets;
    let destination = here.settings.destinations.iter().find(|d| d.name.as_str() == "parking").unwrap();
    let accepted = super::accept::accept(&here.settings, destination, &sealed).unwrap();
    here.stage(destination, &accepted, accepted.content().unwrap()).await.unwrap();

    let elsewhere = Destination { folder: secure.at("elsewhere"), ..destination.clone() };
    crate::stores::durable_folder(&elsewhere.folder.join(STAGING)).unwrap();
    super::deliver::mark(&elsewhere).unwrap();
    let stopped = there.process(&elsewhere, &sealed).await.unwrap_err();
    assert!(matches!(&stopped, Stopped::Waits(cause) if cause.contains("must share")), "{stopped:?}");
    assert!(!there.ledger.find(id).await.unwrap().unwrap().delivered);
    secure.process(0, &sealed).await.unwrap();
    assert!(secure.at("delivered/parking").join(id.to_string()).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn crash_after_staging_is_finished_and_leftovers_go() {
    let secure = Secure::over_sqlite().await;
    let (id, delivered) = (new_id(), secure.at("delivered/parking"));
    let leftover = |name: &str| fs::create_dir(delivered.join(STAGING).join(name)).unwrap();
    leftover(&format!("{id}.0123456789abcdef"));
    let other = format!("{}.0123456789abcdef", new_id());
    leftover(&other);
    secure.process(0, &secure.sealed(id, "x").await).await.unwrap();
    assert!(delivered.join(id.to_string()).join("a.txt").exists());
    assert_eq!(secure.staged(), [delivered.join(STAGING).join(other)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_under_a_known_id_is_set_aside_and_not_dropped() {
    let secure = Secure::over_sqlite().await;
    let id = new_id();
    secure.process(0, &secure.sealed(id, "what an intruder sent first").await).await.unwrap();
    let stopped = secure.process(1, &secure.sealed(id, "what the citizen sent").await).await.unwrap_err();
    assert!(matches!(stopped, Stopped::Unusable { code: "same_id_other_content", .. }), "{stopped:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn destination_that_vanished_is_no_delivery() {
    let secure = Secure::over_sqlite().await;
    fs::remove_dir_all(secure.at("delivered/parking")).unwrap();
    let stopped = secure.process(0, &secure.sealed(new_id(), "x").await).await.unwrap_err();
    assert!(matches!(stopped, Stopped::Waits(_)), "{stopped:?}");
    assert!(!secure.at("delivered/parking").exists());
}

/// A store that never answers, and does something when it is asked for its blobs.
struct Silent(Box<dyn Fn() + Send + Sync>);

#[async_trait]
impl Blobs for Silent {
    async fn create(&self, _: &BlobRef) -> Result<BlobWriter, BlobError> {
        std::future::pending().await
    }

    async fn open(&self, _: &BlobRef) -> Result<BlobReader, BlobError> {
        std::future::pending().await
    }

    async fn delete(&self, _: &BlobRef) -> Result<(), BlobError> {
        std::future::pending().await
    }

    async fn list(&self, _: Duration, _: usize) -> Result<Vec<StoredBlob>, BlobError> {
        (self.0)();
        std::future::pending().await
    }

    async fn probe(&self, _: Access) -> Result<(), BlobError> {
        std::future::pending().await
    }
}

/// An outlet whose store does something when it is asked for its blobs, and never answers.
async fn with_silent_blobs(asked: impl Fn() + Send + Sync + 'static) -> (Arc<Outlet>, tempfile::TempDir) {
    let Secure { outlets: [outlet, _], folder, .. } = Secure::over_sqlite().await;
    let mut outlet = Arc::into_inner(outlet).unwrap();
    outlet.blobs = Arc::new(Silent(Box::new(asked)));
    (Arc::new(outlet), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn outlet_that_looks_for_orphans_ends_when_it_is_told() {
    let asked = Arc::new(Notify::new());
    let (outlet, _folder) = with_silent_blobs({
        let asked = Arc::clone(&asked);
        move || asked.notify_one()
    })
    .await;
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(outlet.run(shutdown.clone()));
    asked.notified().await;
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(30), running).await.expect("it goes on").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn outlet_of_which_a_part_broke_ends() {
    let (outlet, _folder) = with_silent_blobs(|| panic!("as a library may")).await;
    let shutdown = CancellationToken::new();
    tokio::time::timeout(Duration::from_secs(30), outlet.run(shutdown)).await.expect("it goes on");
}
