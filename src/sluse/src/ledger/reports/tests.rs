//! The contract of [`Reports`], over each backend.

use super::*;
use crate::id::tests::new_id;
use crate::ledger::postgres::tests::migrated;

#[tokio::test]
async fn contract_over_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name| Arc::new(SqliteReports::open(&dir.path().join(name)).unwrap());
    put_is_idempotent_and_paging_visits_each_once(open("a")).await;
    of_two_reviewers_one_is_quicker(open("b")).await;
}

#[tokio::test]
async fn contract_over_postgres() {
    let open =
        || async { Arc::new(PostgresReports::open(&migrated(&TABLES, "console").await).await.unwrap()) };
    put_is_idempotent_and_paging_visits_each_once(open().await).await;
    of_two_reviewers_one_is_quicker(open().await).await;
}

async fn put_is_idempotent_and_paging_visits_each_once(reports: Arc<dyn Reports>) {
    let ids: Vec<_> = (0..7).map(|_| new_id()).collect();
    for id in &ids {
        assert!(reports.put(*id, vec![1, 2, 3]).await.unwrap());
        assert!(!reports.put(*id, vec![9]).await.unwrap());
    }
    let (mut seen, mut below) = (Vec::new(), None);
    loop {
        let page = reports.list(None, below, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        below = Some(last.number);
        seen.extend(page.iter().map(|line| line.id));
    }
    seen.reverse();
    assert_eq!(seen, ids);
    let (line, sealed) = reports.find(ids[3]).await.unwrap().unwrap();
    assert_eq!((line.bytes, sealed), (3, vec![1, 2, 3]));
}

async fn of_two_reviewers_one_is_quicker(reports: Arc<dyn Reports>) {
    let id = new_id();
    reports.put(id, vec![1]).await.unwrap();
    assert!(reports.advance(id, ReportState::New, ReportState::Proposed).await.unwrap());
    assert!(!reports.advance(id, ReportState::New, ReportState::Destroyed).await.unwrap());
    assert!(reports.advance(id, ReportState::Proposed, ReportState::Destroyed).await.unwrap());
    assert!(!reports.advance(id, ReportState::Destroyed, ReportState::New).await.unwrap());
    let (line, sealed) = reports.find(id).await.unwrap().unwrap();
    assert_eq!((line.state, sealed), (ReportState::Destroyed, vec![]));
    assert!(!reports.put(id, vec![1]).await.unwrap());
    assert_eq!(reports.counts().await.unwrap(), [(ReportState::Destroyed, 1)]);
    assert!(reports.list(Some(ReportState::New), None, 9).await.unwrap().is_empty());
    assert_eq!(reports.list(Some(ReportState::Destroyed), None, 9).await.unwrap().len(), 1);
}
