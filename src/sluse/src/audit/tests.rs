//! A log is written, then attacked; every attack must show.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::digest::{SHA256, digest};

use super::*;
use crate::id::SubmissionId;

/// Stands in for a signature: nobody else in these tests knows the prefix.
fn sign(bytes: &[u8]) -> [u8; 64] {
    let keyed = [b"the role's key", bytes].concat();
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(digest(&SHA256, &keyed).as_ref());
    signature
}

fn check(bytes: &[u8], signature: &[u8; 64]) -> bool {
    sign(bytes) == *signature
}

fn open(dir: &Path, max_file_bytes: u64) -> Result<AuditLog, AuditError> {
    let options = AuditOptions { max_file_bytes, sign_every: Duration::from_secs(1) };
    AuditLog::open(dir, Role::Bridge, options, sign, &check)
}

fn verified(dir: &Path, known: &[Position]) -> Result<Summary, What> {
    verify(dir, &check, known).map_err(|error| match error {
        AuditError::Distrusted(fault) => fault.what,
        other => panic!("{other}"),
    })
}

fn record() -> Record {
    Record::of(Event::Relayed).about(crate::id::tests::new_id()).with("attachments", 3).with("digest", [7; 32])
}

/// A closed log of nine entries in three files of three.
async fn nine(dir: &Path) -> Vec<Position> {
    let log = open(dir, 900).unwrap();
    let mut positions = Vec::new();
    for _ in 0..9 {
        positions.push(log.append(record()).await.unwrap());
    }
    assert_eq!(log.close().await.unwrap(), positions[8]);
    positions
}

fn log_files(dir: &Path) -> Vec<PathBuf> {
    super::verify::files(dir).unwrap().into_iter().map(|(path, _)| path).collect()
}

fn lines(file: &Path) -> Vec<String> {
    fs::read_to_string(file).unwrap().split_inclusive('\n').map(str::to_owned).collect()
}

#[tokio::test]
async fn log_goes_on_over_files_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut positions = nine(dir.path()).await;
    assert_eq!(log_files(dir.path()).len(), 3);
    let log = open(dir.path(), 900).unwrap();
    positions.push(log.append(record()).await.unwrap());
    assert_eq!(positions[9].seq, 10);
    log.close().await.unwrap();
    assert!(matches!(log.append(record()).await, Err(AuditError::Closed)));
    let summary = verified(dir.path(), &positions).unwrap();
    assert_eq!((summary.first, summary.last, summary.signed), (1, positions[9], positions[9]));
    let page = entries(dir.path(), 5, 4).unwrap();
    assert_eq!(page.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [5, 6, 7, 8]);
    assert_eq!(page[0].event.as_str(), "relayed");
    assert_eq!(page[0].detail["attachments"], Detail::Count(3));
    assert_eq!(positions[3].to_string().parse(), Ok(positions[3]));
}
