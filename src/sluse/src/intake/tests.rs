//! Intake in one process with its test: what happens when its stores are slow, full or away at the wrong moment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{Intake, KEEPING};
use crate::audit;
use crate::config::intake::Settings;
use crate::http::DRAIN;
use crate::model::outcome::State;
use crate::portal::{Portal, PortalError};
use crate::queue::QueueAddress;
use crate::setup::{Zone, zone};

/// A DMZ that was just made, and its intake.
struct Dmz {
    _folder: tempfile::TempDir,
    intake: Arc<Intake>,
    portal: Portal,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Dmz {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (bridge, dmz) = (folder.path().join("bridge"), folder.path().join("dmz"));
        zone(Zone::Bridge, &bridge, &[]).unwrap();
        zone(Zone::Dmz, &dmz, &[bridge.join("public")]).unwrap();
        let mut settings = Settings::load(&dmz.join("intake.toml")).unwrap();
        settings.min_free_bytes = 0;
        let intake = Intake::open(settings).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let token = std::fs::read_to_string(dmz.join("portal.token")).unwrap();
        let portal =
            Portal::new(&format!("http://{}", listener.local_addr().unwrap()), token.trim()).unwrap();
        let shutdown = CancellationToken::new();
        let running = tokio::spawn({
            let (intake, shutdown) = (Arc::clone(&intake), shutdown.clone());
            async move { intake.run(listener, shutdown).await.unwrap() }
        });
        Self { _folder: folder, intake, portal, shutdown, running }
    }

    /// A form without files, from its first byte to the answer.
    async fn submit(portal: Portal, files: Vec<PathBuf>) -> Result<serde_json::Value, PortalError> {
        let form = json!({ "form": "parking-permit", "version": 1,
            "fields": { "name": "Ada", "address": "Havnegade 7", "registration": "AB 12 345" } });
        portal.submit(&form, &files, None, |_| {}).await
    }

    /// Keeps everybody else from writing into the queue's file until it is dropped.
    fn hold_queue(&self) -> rusqlite::Connection {
        let QueueAddress::Sqlite(path) = &self.intake.settings.queue else { panic!("no file") };
        let held = rusqlite::Connection::open(path).unwrap();
        held.execute_batch("BEGIN IMMEDIATE").unwrap();
        held
    }

    /// Events of the audit log.
    fn audited(&self) -> Vec<String> {
        let entries = audit::entries(&self.intake.settings.audit, 0, 100).unwrap();
        entries.iter().map(|entry| entry.event.to_string()).collect()
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let looking = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), looking).await.unwrap_or_else(|_| panic!("not {what}"));
}

#[tokio::test]
async fn a_stop_waits_for_a_whole_submission_whose_portal_hung_up() {
    let mut dmz = Dmz::new().await;
    let held = dmz.hold_queue();
    let sending = tokio::spawn(Dmz::submit(dmz.portal.clone(), vec![]));
    until("on its way into the queue", || dmz.intake.keeping.len() == 1).await;
    sending.abort();
    dmz.shutdown.cancel();
    until("waited for", || dmz.intake.keeping.is_closed()).await;
    assert!(!dmz.running.is_finished() && dmz.intake.keeping.len() == 1);
    drop(held);
    (&mut dmz.running).await.unwrap();
    assert!(dmz.audited().contains(&"received".to_owned()), "{:?}", dmz.audited());
    let ledger = crate::stores::intake_ledger(&dmz.intake.settings.ledger).await.unwrap();
    assert_eq!(ledger.counts().await.unwrap(), [(State::Received, 1)]);
}

#[test]
fn the_unit_gives_time_for_what_is_finished_at_the_end() {
    let unit = include_str!("../../../../deploy/systemd/sluse-intake.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    let given = Duration::from_secs(line.parse().unwrap());
    assert!(given >= DRAIN + KEEPING + Duration::from_secs(15), "{given:?}");
}
