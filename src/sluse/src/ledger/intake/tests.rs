//! The contract of [`IntakeLedger`], over each backend; and what only a server's ledger has: claims between intakes.

use std::time::UNIX_EPOCH;

use super::*;
use crate::id::tests::new_id;
use crate::ledger::postgres::tests::migrated;

/// Runs each function over a new ledger of each backend.
macro_rules! contract {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                let dir = tempfile::tempdir().unwrap();
                let ledger = super::SqliteIntake::open(&dir.path().join("intake.db")).unwrap();
                super::$test(std::sync::Arc::new(ledger)).await;
            })*
        }
        mod postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test(std::sync::Arc::new(super::over_postgres().await)).await;
            })*
        }
    };
}

contract! {
    key_gives_the_same_id_and_receipt_again
    concurrent_begins_of_one_key_make_one_submission
    abandoned_key_is_free_and_received_one_stays
    id_stands_for_one_content
    submission_that_may_be_queued_keeps_its_id
    terminal_state_never_changes
    portal_does_not_see_anothers_submission
    accepted_without_outcome_is_never_forgotten
}

type Ledger = Arc<dyn IntakeLedger>;

async fn over_postgres() -> PostgresIntake {
    PostgresIntake::open(&migrated(&TABLES, "intake").await).await.unwrap()
}

fn claimed(begun: Begun) -> Claim {
    match begun {
        Begun::Claimed(claim) => claim,
        other => panic!("{other:?}"),
    }
}

async fn claim(ledger: &Ledger, key: u8) -> Claim {
    claimed(ledger.begin(&word("portal"), Some([key; 32]), new_id()).await.unwrap())
}

fn word(text: &str) -> CodeWord {
    text.parse().unwrap()
}

async fn new(ledger: &Ledger) -> SubmissionId {
    let id = new_id();
    let claim = claimed(ledger.begin(&word("portal"), None, id).await.unwrap());
    assert_eq!(claim.id, id);
    id
}

fn future() -> SystemTime {
    SystemTime::now() + Duration::from_secs(60)
}

async fn key_gives_the_same_id_and_receipt_again(ledger: Ledger) {
    let (portal, key) = (word("portal"), Some([7; 32]));
    let claim = claim(&ledger, 7).await;
    assert_eq!(ledger.fix_content(&claim, [1; 32]).await.unwrap(), Fixed::Ours);
    assert!(ledger.hold(&claim).await.unwrap());
    assert_eq!(ledger.received(claim.id, b"first".to_vec()).await.unwrap().unwrap(), b"first");
    assert_eq!(ledger.received(claim.id, b"second".to_vec()).await.unwrap().unwrap(), b"first");
    assert!(!ledger.hold(&claim).await.unwrap());
    let again = ledger.begin(&portal, key, new_id()).await.unwrap();
    assert_eq!(again, Begun::Done { id: claim.id, receipt: b"first".to_vec(), content: Some([1; 32]) });
    let other = new_id();
    assert_eq!(claimed(ledger.begin(&word("other"), key, other).await.unwrap()).id, other);
}

async fn concurrent_begins_of_one_key_make_one_submission(ledger: Ledger) {
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let ledger = Arc::clone(&ledger);
            tokio::spawn(async move {
                let begun = ledger.begin(&word("portal"), Some([1; 32]), new_id()).await.unwrap();
                let Begun::Claimed(claim) = begun else { return 0 };
                // Of all who may think that they hold it, one can fix a content.
                usize::from(ledger.fix_content(&claim, [n; 32]).await.unwrap() == Fixed::Ours)
            })
        })
        .collect();
    let mut fixed = 0;
    for task in tasks {
        fixed += task.await.unwrap();
    }
    assert_eq!(fixed, 1);
    assert_eq!(ledger.counts().await.unwrap(), [(State::Pending, 1)]);
}

async fn abandoned_key_is_free_and_received_one_stays(ledger: Ledger) {
    let first = claim(&ledger, 2).await;
    ledger.abandon(&first).await.unwrap();
    let second = claim(&ledger, 2).await;
    assert_ne!(first.id, second.id);
    ledger.abandon(&first).await.unwrap();
    ledger.received(second.id, vec![1]).await.unwrap();
    ledger.abandon(&second).await.unwrap();
    assert!(ledger.find(&word("portal"), second.id).await.unwrap().is_some());
    assert_eq!(ledger.received(first.id, vec![1]).await.unwrap(), None);
    assert_eq!(ledger.fix_content(&first, [1; 32]).await.unwrap(), Fixed::Lost);
}

async fn id_stands_for_one_content(ledger: Ledger) {
    let first = claim(&ledger, 3).await;
    assert_eq!(ledger.fix_content(&first, [1; 32]).await.unwrap(), Fixed::Ours);
    ledger.abandon(&first).await.unwrap();
    let second = claim(&ledger, 3).await;
    assert_eq!(ledger.fix_content(&second, [2; 32]).await.unwrap(), Fixed::Other);
    assert_eq!(ledger.fix_content(&second, [1; 32]).await.unwrap(), Fixed::Ours);
    assert_eq!(ledger.fix_content(&first, [1; 32]).await.unwrap(), Fixed::Lost);
}

async fn submission_that_may_be_queued_keeps_its_id(ledger: Ledger) {
    let first = claim(&ledger, 4).await;
    ledger.fix_content(&first, [1; 32]).await.unwrap();
    ledger.abandon(&first).await.unwrap();
    // The outcome overtakes the receipt.
    assert_eq!(ledger.outcome(first.id, State::Relayed, &[]).await.unwrap(), Recorded::Changed);
    let second = claim(&ledger, 4).await;
    assert_eq!(second.id, first.id);
    assert_eq!(ledger.fix_content(&second, [1; 32]).await.unwrap(), Fixed::Ours);
    assert_eq!(ledger.received(second.id, b"late".to_vec()).await.unwrap().unwrap(), b"late");
    let found = ledger.find(&word("portal"), first.id).await.unwrap().unwrap();
    assert_eq!(found.state, State::Relayed);
}

async fn terminal_state_never_changes(ledger: Ledger) {
    let id = new(&ledger).await;
    ledger.received(id, vec![1]).await.unwrap();
    for terminal in State::ALL.into_iter().filter(|state| state.is_terminal()) {
        let id = new(&ledger).await;
        let codes = [word("clean"), word("macro_removed")];
        assert_eq!(ledger.outcome(id, State::Examining, &[]).await.unwrap(), Recorded::Changed);
        assert_eq!(ledger.outcome(id, terminal, &codes).await.unwrap(), Recorded::Changed);
        for later in State::ALL {
            assert_eq!(ledger.outcome(id, later, &[]).await.unwrap(), Recorded::Kept(terminal));
        }
        ledger.received(id, vec![9]).await.unwrap();
        let found = ledger.find(&word("portal"), id).await.unwrap().unwrap();
        assert_eq!((found.state, &found.codes[..], found.receipt), (terminal, &codes[..], Some(vec![9])));
    }
    assert_eq!(ledger.outcome(new_id(), State::Relayed, &[]).await.unwrap(), Recorded::Unknown);
}

async fn portal_does_not_see_anothers_submission(ledger: Ledger) {
    let id = new(&ledger).await;
    assert!(ledger.find(&word("other"), id).await.unwrap().is_none());
    assert!(ledger.find(&word("portal"), id).await.unwrap().is_some());
}

async fn accepted_without_outcome_is_never_forgotten(ledger: Ledger) {
    let (pending, received, done) = (new(&ledger).await, new(&ledger).await, new(&ledger).await);
    for id in [received, done] {
        ledger.received(id, vec![1]).await.unwrap();
    }
    ledger.outcome(done, State::Relayed, &[]).await.unwrap();
    assert_eq!(ledger.forget_before(UNIX_EPOCH, 10).await.unwrap(), 0);
    assert_eq!(ledger.unresolved(future(), 10).await.unwrap(), [received]);
    assert_eq!(ledger.forget_before(future(), 10).await.unwrap(), 2);
    assert_eq!(ledger.counts().await.unwrap(), [(State::Received, 1)]);
    assert!(ledger.find(&word("portal"), pending).await.unwrap().is_none());
}

#[tokio::test]
async fn claim_of_another_intake_holds_until_its_lease_ends() {
    let address = migrated(&TABLES, "intake").await;
    let open =
        || async { PostgresIntake::open(&address).await.unwrap().with_lease(Duration::from_millis(1500)) };
    let (here, there): (Ledger, Ledger) = (Arc::new(open().await), Arc::new(open().await));
    let begin =
        |ledger: Ledger| async move { ledger.begin(&word("portal"), Some([5; 32]), new_id()).await.unwrap() };
    let first = claimed(begin(Arc::clone(&here)).await);
    assert_eq!(begin(Arc::clone(&there)).await, Begun::Held);
    // A claim that is kept alive lasts longer than its lease.
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(here.hold(&first).await.unwrap());
        assert_eq!(begin(Arc::clone(&there)).await, Begun::Held);
    }
    // One whose intake died does not.
    let second = loop {
        match begin(Arc::clone(&there)).await {
            Begun::Claimed(claim) => break claim,
            other => assert_eq!(other, Begun::Held),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(second.id, first.id);
    // The first wakes up: it has lost, and can neither go on nor undo.
    assert!(!here.hold(&first).await.unwrap());
    assert_eq!(here.fix_content(&first, [1; 32]).await.unwrap(), Fixed::Lost);
    here.abandon(&first).await.unwrap();
    assert_eq!(there.fix_content(&second, [2; 32]).await.unwrap(), Fixed::Ours);
}

#[tokio::test]
async fn newest_request_at_a_file_is_the_holder() {
    let dir = tempfile::tempdir().unwrap();
    let ledger: Ledger = Arc::new(SqliteIntake::open(&dir.path().join("intake.db")).unwrap());
    let (first, second) = (claim(&ledger, 6).await, claim(&ledger, 6).await);
    assert_eq!(first.id, second.id);
    assert_eq!(ledger.fix_content(&first, [1; 32]).await.unwrap(), Fixed::Lost);
    assert!(!ledger.hold(&first).await.unwrap() && ledger.hold(&second).await.unwrap());
}
