//! Two outlets that hold the same submission, over each kind of ledger; the case system takes away what it sees.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sluse_envelope::key_file::{read_private, read_public};
use sluse_envelope::{
    BlobPlace, BlobRef, BlobSealer, Direction, PublicKey, SealedMessage, Sealing, SigningKey, SubmissionId,
    UnixMillis, jws,
};
use sluse_sanitize::Verdict;
use sluse_sanitize::report::sha256_hex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::deliver::{LEFTOVER_AGE, STAGING};
use super::{Outlet, Stopped};
use crate::blobs::silent::Silent;
use crate::config::outlet::{Destination, Settings};
use crate::id::CodeWord;
use crate::id::tests::new_id;
use crate::ledger::LedgerError;
use crate::ledger::outlet::{Delivery as Staged, OutletLedger};
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
        self.sealed_at(UnixMillis::now(), id, content).await
    }

    async fn sealed_at(&self, created: UnixMillis, id: SubmissionId, content: &str) -> Vec<u8> {
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
            created,
            recipient: &self.outlet_key,
            sealer: &self.bridge,
        };
        sealing.seal(&serde_json::to_vec(&delivery).unwrap()).unwrap()
    }

    /// Processes a message once.
    async fn process(&self, outlet: usize, sealed: &[u8]) -> Result<Vec<BlobRef>, Stopped> {
        let outlet = &self.outlets[outlet];
        let destination = parking(outlet);
        outlet.process(destination, id_of(sealed), sealed).await
    }

    /// Makes a delivery ready and names it to the ledger, and no more: as if the outlet had died there.
    async fn stage(&self, sealed: &[u8]) -> PathBuf {
        let outlet = &self.outlets[0];
        let destination = parking(outlet);
        let accepted = super::accept::accept(&outlet.settings, destination, sealed).unwrap();
        let ready = outlet.stage(destination, &accepted, accepted.content().unwrap()).await.unwrap();
        self.at("delivered/parking").join(STAGING).join(ready.folder.as_str())
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

fn parking(outlet: &Outlet) -> &Destination {
    outlet.settings.destinations.iter().find(|d| d.name.as_str() == "parking").unwrap()
}

fn id_of(sealed: &[u8]) -> SubmissionId {
    SealedMessage::parse(sealed).unwrap().header().submission
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
    let destination = parking(&secure.outlets[0]);
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
    let destination = parking(here);
    let accepted = super::accept::accept(&here.settings, destination, &sealed).unwrap();
    here.stage(destination, &accepted, accepted.content().unwrap()).await.unwrap();

    let elsewhere = Destination { folder: secure.at("elsewhere"), ..destination.clone() };
    crate::stores::durable_folder(&elsewhere.folder.join(STAGING)).unwrap();
    super::deliver::mark(&elsewhere).unwrap();
    let stopped = there.process(&elsewhere, id, &sealed).await.unwrap_err();
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

/// What is set aside for good: a message of over a year ago.
async fn outdated(secure: &Secure, id: SubmissionId) -> Vec<u8> {
    secure.sealed_at(UnixMillis(UnixMillis::now().0 - 366 * 86_400_000), id, "x").await
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_that_is_set_aside_after_staging_leaves_no_plaintext() {
    for secure in [Secure::over_sqlite().await, Secure::over_postgres().await] {
        let id = new_id();
        let staged = secure.stage(&secure.sealed(id, "x").await).await;
        assert!(staged.join("a.txt").exists());
        let stopped = secure.process(1, &outdated(&secure, id).await).await.unwrap_err();
        assert!(matches!(stopped, Stopped::Unusable { code: "over_the_maximum_age", .. }), "{stopped:?}");
        assert_eq!(secure.staged(), Vec::<PathBuf>::new());
        assert_eq!(secure.outlets[0].ledger.find(id).await.unwrap(), None);

        // A good copy is not taken for delivered.
        secure.process(0, &secure.sealed(id, "x").await).await.unwrap();
        assert!(secure.at("delivered/parking").join(id.to_string()).join("a.txt").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn delivered_stays_delivered_when_a_copy_is_set_aside() {
    let secure = Secure::over_sqlite().await;
    let (id, delivered) = (new_id(), secure.at("delivered/parking"));
    // Renamed, and the outlet died before it told the ledger.
    let staged = secure.stage(&secure.sealed(id, "x").await).await;
    fs::rename(staged, delivered.join(id.to_string())).unwrap();
    secure.process(1, &outdated(&secure, id).await).await.unwrap_err();
    fs::remove_dir_all(delivered.join(id.to_string())).unwrap();
    secure.process(0, &secure.sealed(id, "x").await).await.unwrap();
    assert!(!delivered.join(id.to_string()).exists(), "delivered twice");
    assert!(secure.outlets[0].ledger.find(id).await.unwrap().unwrap().delivered);
}

/// A ledger in which something happens right after a delivery was looked up for the first time.
struct Meanwhile {
    ledger: Arc<dyn OutletLedger>,
    act: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ledger.fmt(f)
    }
}

#[async_trait]
impl OutletLedger for Meanwhile {
    async fn find(&self, id: SubmissionId) -> Result<Option<Staged>, LedgerError> {
        let found = self.ledger.find(id).await;
        let act = self.act.lock().unwrap().take();
        if let Some(act) = act {
            act.await;
        }
        found
    }

    async fn stage(
        &self,
        id: SubmissionId,
        destination: &CodeWord,
        content: [u8; 32],
        folder: &CodeWord,
    ) -> Result<Staged, LedgerError> {
        self.ledger.stage(id, destination, content, folder).await
    }

    async fn delivered(&self, id: SubmissionId) -> Result<bool, LedgerError> {
        self.ledger.delivered(id).await
    }

    async fn withdraw(&self, id: SubmissionId, folder: &CodeWord) -> Result<bool, LedgerError> {
        self.ledger.withdraw(id, folder).await
    }

    async fn undelivered(&self, before: SystemTime, limit: u32) -> Result<Vec<SubmissionId>, LedgerError> {
        self.ledger.undelivered(before, limit).await
    }

    async fn forget_before(&self, before: SystemTime, limit: u32) -> Result<usize, LedgerError> {
        self.ledger.forget_before(before, limit).await
    }

    async fn close(&self) {
        self.ledger.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_that_is_withdrawn_under_an_outlets_hands_is_not_taken_for_delivered() {
    let mut secure = Secure::over_sqlite().await;
    let id = new_id();
    let (sealed, outdated) = (secure.sealed(id, "x").await, outdated(&secure, id).await);
    secure.stage(&sealed).await;
    let other = Arc::clone(&secure.outlets[1]);
    let set_aside = async move {
        let destination = parking(&other);
        other.process(destination, id, &outdated).await.unwrap_err();
    };
    let outlet = Arc::get_mut(&mut secure.outlets[0]).unwrap();
    let (ledger, act) = (Arc::clone(&outlet.ledger), Mutex::new(Some(set_aside.boxed())));
    outlet.ledger = Arc::new(Meanwhile { ledger, act });

    let stopped = secure.process(0, &sealed).await.unwrap_err();
    assert!(
        matches!(&stopped, Stopped::Waits(cause) if cause.contains("set aside meanwhile")),
        "{stopped:?}"
    );
    secure.process(0, &sealed).await.unwrap();
    assert!(secure.at("delivered/parking").join(id.to_string()).join("a.txt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_under_the_id_of_a_staged_delivery_costs_no_delivery() {
    let secure = Secure::over_sqlite().await;
    let id = new_id();
    let sealed = secure.sealed(id, "x").await;
    secure.stage(&sealed).await;
    let outlet = &secure.outlets[1];
    let destination = parking(outlet);
    let stopped = outlet.process(destination, id, b"garbage").await.unwrap_err();
    assert!(matches!(stopped, Stopped::Unusable { code: "no_sealed_message", .. }), "{stopped:?}");
    secure.process(0, &sealed).await.unwrap();
    assert!(secure.at("delivered/parking").join(id.to_string()).join("a.txt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_whose_withdrawal_was_cut_short_is_not_taken_for_delivered() {
    // The outlet that set it aside died after its rename.
    let secure = Secure::over_sqlite().await;
    let id = new_id();
    let sealed = secure.sealed(id, "x").await;
    let staged = secure.stage(&sealed).await;
    let withdraw = || fs::rename(&staged, format!("{}.withdrawn", staged.display())).unwrap();
    withdraw();
    assert!(matches!(secure.process(0, &sealed).await, Err(Stopped::Waits(_))));
    assert_eq!(secure.outlets[0].ledger.find(id).await.unwrap(), None);
    secure.process(0, &sealed).await.unwrap();
    assert!(secure.at("delivered/parking").join(id.to_string()).join("a.txt").exists());
    assert_eq!(secure.staged(), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn leftovers_go_by_age_and_what_waits_for_delivery_stays() {
    let secure = Secure::over_sqlite().await;
    let staging = secure.at("delivered/parking").join(STAGING);
    let waits = secure.stage(&secure.sealed(new_id(), "waits").await).await;
    let cut_short = secure.stage(&secure.sealed(new_id(), "cut short").await).await;
    fs::rename(&cut_short, format!("{}.withdrawn", cut_short.display())).unwrap();
    let mark = waits.to_str().unwrap().rsplit('.').nth(1).unwrap();
    let [old, young] = [(); 2].map(|()| staging.join(format!("{}.{mark}.0123456789abcdef", new_id())));
    for path in [&old, &young] {
        fs::create_dir(path).unwrap();
        fs::write(path.join("a.txt"), "plain").unwrap();
    }
    let age = |path: &PathBuf, age: Duration| {
        fs::File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
    };
    age(&old, LEFTOVER_AGE);
    age(&young, LEFTOVER_AGE - Duration::from_secs(3600));
    age(&waits, 10 * LEFTOVER_AGE);
    tokio::join!(secure.outlets[0].clear_leftovers(), secure.outlets[1].clear_leftovers());
    let mut left = secure.staged();
    left.sort();
    let mut stay = vec![waits, young];
    stay.sort();
    assert_eq!(left, stay);
}

#[tokio::test(flavor = "multi_thread")]
async fn destination_that_vanished_is_no_delivery() {
    let secure = Secure::over_sqlite().await;
    fs::remove_dir_all(secure.at("delivered/parking")).unwrap();
    let stopped = secure.process(0, &secure.sealed(new_id(), "x").await).await.unwrap_err();
    assert!(matches!(stopped, Stopped::Waits(_)), "{stopped:?}");
    assert!(!secure.at("delivered/parking").exists());
}

/// An outlet whose store does something when it is asked for its blobs, and never answers.
async fn with_silent_blobs(asked: impl Fn() + Send + Sync + 'static) -> (Arc<Outlet>, tempfile::TempDir) {
    let Secure { outlets: [outlet, _], folder, .. } = Secure::over_sqlite().await;
    let mut outlet = Arc::into_inner(outlet).unwrap();
    outlet.blobs = Arc::new(Silent::new(asked));
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
