//! Who may work on an `Idempotency-Key`: one request at a time, in this process and among all intakes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use sluse_envelope::SubmissionId;

use crate::id::CodeWord;
use crate::intake::problem::{Problem, ours};
use crate::ledger::intake::{Claim, Fixed, IntakeLedger, LEASE};

/// Portals and their `Idempotency-Key`s whose first request is still under way in this process.
pub(super) type Claims = Arc<Mutex<HashSet<(CodeWord, [u8; 32])>>>;

/// The right to work on one `Idempotency-Key` in this process; given back when dropped.
pub(super) struct LocalClaim {
    claims: Claims,
    key: (CodeWord, [u8; 32]),
}

impl LocalClaim {
    pub(super) fn take(claims: &Claims, portal: &CodeWord, digest: [u8; 32]) -> Option<Self> {
        let key = (portal.clone(), digest);
        let mut held = claims.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(key.clone()).then(|| Self { claims: Arc::clone(claims), key })
    }
}

impl Drop for LocalClaim {
    fn drop(&mut self) {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// A submission that is being received under the ledger's claim, which is kept alive meanwhile.
///
/// Invariant: unless [`Receiving::settle`] was called, ending or dropping it gives the claim back.
pub(super) struct Receiving {
    ledger: Arc<dyn IntakeLedger>,
    claim: Claim,
    keeper: Option<tokio::task::JoinHandle<()>>,
    settled: bool,
}

impl Receiving {
    /// Begins; `keyed` when others may ask for the same submission.
    pub(super) fn begin(ledger: &Arc<dyn IntakeLedger>, claim: Claim, keyed: bool) -> Self {
        let keeper = keyed.then(|| tokio::spawn(keep_alive(Arc::clone(ledger), claim)));
        Self { ledger: Arc::clone(ledger), claim, keeper, settled: false }
    }

    /// The submission's id.
    pub(super) fn id(&self) -> SubmissionId {
        self.claim.id
    }

    /// Binds the id to the content. An error when the key was used for other content, or is another request's by now.
    pub(super) async fn fix_content(&self, content: [u8; 32]) -> Result<(), Problem> {
        match self.ledger.fix_content(&self.claim, content).await {
            Ok(Fixed::Ours) => Ok(()),
            Ok(Fixed::Other) => Err(Problem::KeyReused),
            Ok(Fixed::Lost) => Err(Problem::InProgress),
            Err(cause) => Err(ours("fix the content", &cause)),
        }
    }

    /// The submission may be queued, or has its receipt: nothing of it is taken back.
    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    /// Ends, and gives the claim back before anybody is answered, so that the key can be used again at once.
    pub(super) async fn end(mut self) {
        if !self.settled {
            self.settled = true;
            give_back(self.ledger.as_ref(), &self.claim).await;
        }
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if let Some(keeper) = &self.keeper {
            keeper.abort();
        }
        if !self.settled {
            let (ledger, claim) = (Arc::clone(&self.ledger), self.claim);
            tokio::spawn(async move { give_back(ledger.as_ref(), &claim).await });
        }
    }
}

async fn give_back(ledger: &dyn IntakeLedger, claim: &Claim) {
    if let Err(cause) = ledger.abandon(claim).await {
        tracing::warn!(id = %claim.id, %cause, "a refused submission stays pending in the ledger");
    }
}

async fn keep_alive(ledger: Arc<dyn IntakeLedger>, claim: Claim) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        match ledger.hold(&claim).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(cause) => tracing::warn!(id = %claim.id, %cause, "a claim could not be kept alive"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_portals_and_free_again_when_its_request_ends() {
        let (claims, a, b) = (Claims::default(), "a".parse().unwrap(), "b".parse().unwrap());
        let first = LocalClaim::take(&claims, &a, [1; 32]);
        assert!(first.is_some() && LocalClaim::take(&claims, &a, [1; 32]).is_none());
        assert!(LocalClaim::take(&claims, &b, [1; 32]).is_some(), "another portal's key is in the way");
        drop(first);
        assert!(LocalClaim::take(&claims, &a, [1; 32]).is_some());
    }
}
