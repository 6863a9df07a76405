//! A log is written, then attacked; every attack must show.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::digest::{SHA256, digest};

use super::*;

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
    Record::of(Event::Relayed)
        .about(crate::id::tests::new_id())
        .with("attachments", 3)
        .with("digest", [7; 32])
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
    verify::files(dir).unwrap().into_iter().map(|(path, _)| path).collect()
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
    let json = serde_json::to_string(&positions).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Position>>(&json).unwrap(), positions);
}

#[tokio::test]
async fn any_changed_byte_shows() {
    let dir = tempfile::tempdir().unwrap();
    nine(dir.path()).await;
    let mut files = log_files(dir.path());
    files.push(head::path(dir.path()));
    for file in files {
        let good = fs::read(&file).unwrap();
        for index in 0..good.len() {
            let mut bad = good.clone();
            bad[index] ^= 1;
            fs::write(&file, &bad).unwrap();
            let last_newline_of_head = index + 1 == good.len() && file.ends_with("audit.head");
            assert!(
                verified(dir.path(), &[]).is_err() || last_newline_of_head,
                "{}[{index}]",
                file.display()
            );
        }
        fs::write(&file, &good).unwrap();
    }
    verified(dir.path(), &[]).unwrap();
}

#[tokio::test]
async fn dropped_or_swapped_line_shows() {
    let dir = tempfile::tempdir().unwrap();
    nine(dir.path()).await;
    for file in log_files(dir.path()) {
        let good = lines(&file);
        for index in 0..good.len() {
            let mut dropped = good.clone();
            dropped.remove(index);
            fs::write(&file, dropped.concat()).unwrap();
            let fault = verified(dir.path(), &[]).unwrap_err();
            let shown = matches!(fault, What::OutOfOrder { .. } | What::Cut { .. });
            assert!(shown, "{}, without line {index}: {fault}", file.display());
            let mut swapped = good.clone();
            swapped.swap(index, (index + 1) % good.len());
            fs::write(&file, swapped.concat()).unwrap();
            assert!(verified(dir.path(), &[]).is_err(), "{}, with line {index} moved", file.display());
            let mut doubled = good.clone();
            doubled.insert(index, good[index].clone());
            fs::write(&file, doubled.concat()).unwrap();
            assert!(verified(dir.path(), &[]).is_err(), "{}, with line {index} twice", file.display());
        }
        fs::write(&file, good.concat()).unwrap();
    }
}

#[tokio::test]
async fn spliced_file_shows() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    nine(dir.path()).await;
    nine(other.path()).await;
    // In itself flawless, and with the right numbers.
    fs::copy(&log_files(other.path())[1], &log_files(dir.path())[1]).unwrap();
    assert_eq!(verified(dir.path(), &[]), Err(What::Unlinked));
}

#[tokio::test]
async fn dropped_file_shows() {
    let dir = tempfile::tempdir().unwrap();
    nine(dir.path()).await;
    for file in log_files(dir.path()) {
        let good = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert!(verified(dir.path(), &[]).is_err(), "{}", file.display());
        fs::write(&file, &good).unwrap();
    }
}

#[tokio::test]
async fn cut_tail_shows_and_is_not_continued() {
    let dir = tempfile::tempdir().unwrap();
    nine(dir.path()).await;
    let files = log_files(dir.path());
    let good = lines(&files[2]);
    fs::write(&files[2], good[..2].concat()).unwrap();
    assert_eq!(verified(dir.path(), &[]), Err(What::Cut { last: 8, signed: 9 }));
    let refused = open(dir.path(), 900).unwrap_err();
    assert!(
        matches!(&refused, AuditError::Distrusted(f) if f.what == What::Cut { last: 8, signed: 9 }),
        "{refused}"
    );
    fs::write(&files[2], "").unwrap();
    assert!(open(dir.path(), 900).is_err());
    for file in &files {
        fs::remove_file(file).unwrap();
    }
    assert!(verified(dir.path(), &[]).is_err());
    assert!(open(dir.path(), 900).is_err());
}

#[tokio::test]
async fn missing_or_older_head_is_not_continued() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 900).unwrap();
    let old_head = fs::read(head::path(dir.path())).unwrap();
    log.close().await.unwrap();
    let positions = nine(dir.path()).await;
    fs::write(head::path(dir.path()), &old_head).unwrap();
    let refused = open(dir.path(), 900).unwrap_err();
    assert!(matches!(&refused, AuditError::Distrusted(f) if matches!(f.what, What::HeadOutdated { .. })));
    fs::remove_file(head::path(dir.path())).unwrap();
    assert_eq!(verified(dir.path(), &positions), Err(What::HeadMissing));
    assert!(open(dir.path(), 900).is_err());
}

#[tokio::test]
async fn log_of_one_file_without_its_head_is_not_continued() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 10_000).unwrap();
    log.append(record()).await.unwrap();
    log.close().await.unwrap();
    fs::remove_file(head::path(dir.path())).unwrap();
    let refused = open(dir.path(), 10_000);
    assert!(matches!(refused, Err(AuditError::Distrusted(f)) if f.what == What::HeadMissing));
    assert!(!head::path(dir.path()).exists());
}

#[tokio::test]
async fn rewritten_chain_shows() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    nine(dir.path()).await;
    nine(other.path()).await;
    // Another chain of the same length, in itself flawless.
    for file in log_files(other.path()) {
        fs::copy(&file, dir.path().join(file.file_name().unwrap())).unwrap();
    }
    assert_eq!(verified(dir.path(), &[]), Err(What::Rewritten { seq: 9 }));
    let refused = open(dir.path(), 900).unwrap_err();
    assert!(
        matches!(&refused, AuditError::Distrusted(f) if f.what == What::Rewritten { seq: 9 }),
        "{refused}"
    );
    // With a head that somebody else signed for it.
    let forged = fs::read_to_string(head::path(other.path()))
        .unwrap()
        .replace("\"signature\":\"", "\"signature\":\"00");
    fs::write(head::path(dir.path()), forged.replace("00000000\"", "000000\"")).unwrap();
    assert_eq!(verified(dir.path(), &[]), Err(What::HeadForged));
    assert!(open(dir.path(), 900).is_err());
}

#[tokio::test]
async fn log_and_head_put_back_together_show_by_delivered_positions() {
    let dir = tempfile::tempdir().unwrap();
    let older = tempfile::tempdir().unwrap();
    let positions = nine(dir.path()).await;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, older.path().join(path.file_name().unwrap())).unwrap();
    }
    let log = open(dir.path(), 900).unwrap();
    let delivered = log.append(record()).await.unwrap();
    log.close().await.unwrap();
    verified(dir.path(), &[positions[4], delivered]).unwrap();
    verified(older.path(), &positions).unwrap();
    assert_eq!(verified(older.path(), &[delivered]), Err(What::PositionMissing(delivered)));
    let other = Position { hash: [1; 32], ..positions[4] };
    assert_eq!(verified(dir.path(), &[other]), Err(What::Rewritten { seq: 5 }));
}

#[tokio::test]
async fn torn_last_line_shows_and_is_moved_aside() {
    for torn in [&b"{\"seq\":10,\"ti"[..], &[0; 300_000][..]] {
        let dir = tempfile::tempdir().unwrap();
        let positions = nine(dir.path()).await;
        let file = log_files(dir.path()).pop().unwrap();
        let good = fs::read(&file).unwrap();
        fs::write(&file, [&good[..], torn].concat()).unwrap();
        assert_eq!(verified(dir.path(), &[]), Err(What::Torn));
        let log = open(dir.path(), 10_000).unwrap();
        assert_eq!(log.append(record()).await.unwrap().seq, 11);
        log.close().await.unwrap();
        verified(dir.path(), &positions).unwrap();
        let note = &entries(dir.path(), 10, 1).unwrap()[0];
        assert_eq!(note.event.as_str(), "log_repaired");
        assert_eq!(note.detail["moved_bytes"], Detail::Count(torn.len().try_into().unwrap()));
        assert_eq!(fs::read(dir.path().join(format!("audit-{:020}.torn", 10))).unwrap(), torn);
    }
}

#[tokio::test]
async fn second_writer_is_refused_and_reader_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 900).unwrap();
    let position = log.append(record()).await.unwrap();
    assert!(matches!(open(dir.path(), 900), Err(AuditError::InUse { .. })));
    verified(dir.path(), &[position]).unwrap();
    log.close().await.unwrap();
    open(dir.path(), 900).unwrap();
}

#[tokio::test]
async fn head_is_signed_within_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let options = AuditOptions { sign_every: Duration::from_millis(20), ..AuditOptions::default() };
    let log = AuditLog::open(dir.path(), Role::Bridge, options, sign, &check).unwrap();
    let position = log.append(record()).await.unwrap();
    let signed = async {
        while verified(dir.path(), &[]).unwrap().signed != position {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), signed).await.unwrap();
}

#[tokio::test]
async fn record_over_the_limit_is_refused_alone() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), 10_000).unwrap();
    let words = vec!["x".repeat(64).parse().unwrap(); 2_000];
    let (before, long, after) = tokio::join!(
        log.append(record()),
        log.append(Record::of(Event::Examined).with("codes", words)),
        log.append(record())
    );
    assert!(matches!(long, Err(AuditError::TooLong { .. })));
    let positions = [before.unwrap(), after.unwrap()];
    assert_eq!(positions[1].seq, 2);
    log.close().await.unwrap();
    verified(dir.path(), &positions).unwrap();
}

#[tokio::test]
async fn other_roles_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    nine(dir.path()).await;
    let refused = AuditLog::open(dir.path(), Role::Outlet, AuditOptions::default(), sign, &check);
    assert!(matches!(refused, Err(AuditError::Distrusted(f)) if f.what == What::OtherRole("bridge")));
}

#[tokio::test]
async fn forgotten_files_go_and_the_rest_verifies() {
    let dir = tempfile::tempdir().unwrap();
    let positions = nine(dir.path()).await;
    let leftover = fs::read(&log_files(dir.path())[0]).unwrap();
    let log = open(dir.path(), 900).unwrap();
    assert_eq!(log.forget_before(std::time::UNIX_EPOCH).await.unwrap(), 0);
    let future = std::time::SystemTime::now() + Duration::from_secs(60);
    // The entry that says so begins a file, which is then the newest.
    assert_eq!(log.forget_before(future).await.unwrap(), 2);
    log.close().await.unwrap();
    let summary = verified(dir.path(), &positions).unwrap();
    assert_eq!((summary.first, summary.last.seq, summary.files), (7, 10, 2));
    assert_eq!(entries(dir.path(), 10, 1).unwrap()[0].event.as_str(), "forgotten");

    // As a crash before the removal leaves it.
    let first = dir.path().join(format!("audit-{:020}.jsonl", 1));
    fs::write(&first, leftover).unwrap();
    verified(dir.path(), &positions).unwrap();
    open(dir.path(), 900).unwrap().close().await.unwrap();
    assert!(!first.exists());
    // Another beginning than the signed one.
    fs::remove_file(&log_files(dir.path())[0]).unwrap();
    assert!(verified(dir.path(), &[]).is_err());
}
