//! What this process knows and the store does not: it was away when it was to be told.
//!
//! That a login was refused is what keeps it from being tried again. Where it cannot be written
//! down, the process that saw it acts on what it remembers, until it is.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::fault::error_line;
use crate::domain::ids::AccountName;
use crate::domain::proof::{ProofKey, ProofOutcome, SpentProof};
use crate::ports::journal::{Breaker, Journal, JournalError};

/// What is to be told to the store. A process has one.
#[derive(Debug, Default)]
pub struct Untold {
    outcomes: Mutex<BTreeMap<ProofKey, ProofOutcome>>,
    refusals: Mutex<BTreeMap<AccountName, Breaker>>,
}

impl Untold {
    /// Tells the store what a proving login came to, now or later.
    pub(in crate::engine) async fn outcome(
        &self,
        journal: &dyn Journal,
        key: &ProofKey,
        outcome: &ProofOutcome,
    ) {
        lock(&self.outcomes).insert(key.clone(), outcome.clone());
        match journal.settle_proof(key, outcome).await {
            Ok(()) => {
                lock(&self.outcomes).remove(key);
            }
            Err(error) => {
                let error = error_line(&error);
                tracing::warn!(target = %key.target, error, "outcome of a proving login not stored yet");
            }
        }
    }

    /// What is known of a login that is spent, by the store or else by this process.
    pub(in crate::engine) async fn complete(
        &self,
        journal: &dyn Journal,
        key: &ProofKey,
        spent: SpentProof,
    ) -> SpentProof {
        let known = lock(&self.outcomes).get(key).cloned();
        match known {
            Some(outcome) if spent.outcome.is_none() => {
                self.outcome(journal, key, &outcome).await;
                SpentProof { outcome: Some(outcome), ..spent }
            }
            _ => spent,
        }
    }

    /// Trips an account's breaker; where the store does not answer, [`Self::refusals`] does.
    pub(in crate::engine) async fn refusal(
        &self,
        journal: &dyn Journal,
        account: &AccountName,
        breaker: Breaker,
    ) -> Result<(), JournalError> {
        lock(&self.refusals).insert(account.clone(), breaker);
        self.refusals(journal, account).await
    }

    /// Trips the account's breaker, where that is still to be done. Comes before every login.
    pub(in crate::engine) async fn refusals(
        &self,
        journal: &dyn Journal,
        account: &AccountName,
    ) -> Result<(), JournalError> {
        let known = lock(&self.refusals).get(account).cloned();
        if let Some(breaker) = known {
            journal.trip(account, &breaker).await?;
            lock(&self.refusals).remove(account);
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
