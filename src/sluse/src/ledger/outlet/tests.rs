//! The contract of [`OutletLedger`], over each backend.

use std::time::Duration;

use super::*;
use crate::id::tests::new_id;
use crate::ledger::postgres::tests::migrated;

type Ledger = Arc<dyn OutletLedger>;

fn word(text: &str) -> CodeWord {
    text.parse().unwrap()
}

async fn first_staging_counts(ledger: Ledger) {
    let (id, future) = (new_id(), SystemTime::now() + Duration::from_secs(60));
    assert_eq!(ledger.find(id).await.unwrap(), None);
    let staged = ledger.stage(id, &word("cases"), [1; 32], &word("a")).await.unwrap();
    assert_eq!((staged.folder, staged.delivered), (word("a"), false));
    let again = ledger.stage(id, &word("elsewhere"), [2; 32], &word("b")).await.unwrap();
    assert_eq!((again.folder, again.content, again.destination), (word("a"), [1; 32], word("cases")));
    assert_eq!(ledger.forget_before(future, 10).await.unwrap(), 0);
    assert_eq!(ledger.undelivered(future, 10).await.unwrap(), [id]);
    assert!(ledger.delivered(id).await.unwrap());
    let delivered = ledger.find(id).await.unwrap().unwrap();
    assert!(ledger.delivered(id).await.unwrap());
    assert!(!ledger.delivered(new_id()).await.unwrap());
    assert!(delivered.delivered);
    assert_eq!(ledger.stage(id, &word("cases"), [1; 32], &word("c")).await.unwrap(), delivered);
    assert!(ledger.undelivered(future, 10).await.unwrap().is_empty());
    assert_eq!(ledger.forget_before(future, 10).await.unwrap(), 1);
    assert_eq!(ledger.find(id).await.unwrap(), None);
}

async fn only_what_was_not_delivered_is_withdrawn(ledger: Ledger) {
    let id = new_id();
    assert!(!ledger.withdraw(id, &word("a")).await.unwrap());
    ledger.stage(id, &word("cases"), [1; 32], &word("a")).await.unwrap();
    assert!(!ledger.withdraw(id, &word("b")).await.unwrap());
    assert!(ledger.withdraw(id, &word("a")).await.unwrap());
    assert_eq!(ledger.find(id).await.unwrap(), None);
    let anew = ledger.stage(id, &word("cases"), [1; 32], &word("b")).await.unwrap();
    assert_eq!(anew.folder, word("b"));
    ledger.delivered(id).await.unwrap();
    assert!(!ledger.withdraw(id, &word("b")).await.unwrap());
    assert!(ledger.find(id).await.unwrap().unwrap().delivered);
}

async fn of_many_that_stage_at_once_one_counts(ledger: Ledger) {
    let id = new_id();
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let ledger = Arc::clone(&ledger);
            let mine = word(&format!("try{n}"));
            tokio::spawn(async move {
                let counts = ledger.stage(id, &word("cases"), [1; 32], &mine).await.unwrap();
                (counts.folder == mine, counts.folder)
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|(first, _)| *first).count(), 1);
    assert!(answers.iter().all(|(_, folder)| *folder == answers[0].1));
}

#[tokio::test]
async fn contract_over_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outlet.db");
    let ledger = Arc::new(SqliteOutlet::open(&path).unwrap());
    first_staging_counts(Arc::clone(&ledger) as Ledger).await;
    only_what_was_not_delivered_is_withdrawn(Arc::clone(&ledger) as Ledger).await;
    of_many_that_stage_at_once_one_counts(Arc::clone(&ledger) as Ledger).await;
    let id = new_id();
    let staged = ledger.stage(id, &word("cases"), [3; 32], &word("a")).await.unwrap();
    ledger.close().await;
    assert_eq!(SqliteOutlet::open(&path).unwrap().find(id).await.unwrap(), Some(staged));
}

#[tokio::test]
async fn contract_over_postgres() {
    let ledger = Arc::new(PostgresOutlet::open(&migrated(&TABLES, "outlet").await).await.unwrap());
    first_staging_counts(Arc::clone(&ledger) as Ledger).await;
    only_what_was_not_delivered_is_withdrawn(Arc::clone(&ledger) as Ledger).await;
    of_many_that_stage_at_once_one_counts(ledger).await;
}
