//! Proving logins are spent.

use std::sync::Arc;

use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::ids::{RotationId, TargetName};
use reset_receiver::domain::proof::{ProofKey, ProofOutcome, SpentProof};
use reset_receiver::domain::secret::SecretVersion;
use reset_receiver::ports::journal::{Claim, Journal, JournalError};

use super::bench::{Bench, SECOND, both};

const PROVING: Entry = Entry::Proving { version: SecretVersion(7) };

/// A rotation of a target on an account of its own, contained, with version 7 chosen.
pub(super) async fn chosen(
    bench: &Bench,
    journal: &Arc<dyn Journal>,
    target: &str,
    choice: Entry,
) -> (RotationId, Claim) {
    let rotation = bench.admit(journal, target, target).await;
    let claim = bench.claim(journal).await;
    assert_eq!(claim.rotation, rotation);
    let [surface, _] = both();
    let contained = Entry::Contained { surface, by_us: false };
    bench.write(journal, &claim, [contained, choice]).await;
    (rotation, claim)
}

/// Proves in a rotation whose last row is the choice.
pub(super) async fn prove(journal: &Arc<dyn Journal>, claim: &Claim) -> Result<(), JournalError> {
    journal.append(&claim.lease, claim.rotation, 4, &PROVING).await.map(drop)
}

pub(super) fn key(bench: &Bench, target: &str) -> ProofKey {
    let target = TargetName::parse(target).unwrap();
    ProofKey { target, version: SecretVersion(7), written_at: bench.now() }
}

pub(super) async fn a_proving_login_is_spent_once_over_all_rotations(bench: Bench) {
    let journal = bench.open().await;
    let (key, at) = (key(&bench, "acme"), bench.now());
    let choice = bench.chosen(7);
    let (first, claim) = chosen(&bench, &journal, "acme", choice.clone()).await;
    assert_eq!(journal.proof(&key).await.unwrap(), None);
    prove(&journal, &claim).await.unwrap();
    assert_eq!(journal.proof(&key).await.unwrap(), Some(SpentProof { at, outcome: None }));
    journal.operate(first, &Entry::Abandoned { by: "ann".to_owned() }).await.unwrap();
    journal.release(&claim.lease, first, None).await.unwrap();
    drop(journal);

    let journal = bench.open().await;
    let (second, claim) = chosen(&bench, &journal, "acme", choice).await;
    let rows = journal.rows(second).await.unwrap();
    let refused = prove(&journal, &claim).await;
    assert!(matches!(refused, Err(JournalError::Spent)), "{refused:?}");
    assert_eq!(journal.rows(second).await.unwrap(), rows, "nothing was written");
    assert_eq!(journal.proof(&key).await.unwrap(), Some(SpentProof { at, outcome: None }));
}

pub(super) async fn a_login_is_spent_for_one_version_of_one_target(bench: Bench) {
    let journal = bench.open().await;
    let (_, claim) = chosen(&bench, &journal, "acme", bench.chosen(7)).await;
    prove(&journal, &claim).await.unwrap();
    let (_, other) = chosen(&bench, &journal, "other", bench.chosen(7)).await;
    prove(&journal, &other).await.unwrap();
    let old = key(&bench, "acme");

    journal.operate(claim.rotation, &Entry::Abandoned { by: "ann".to_owned() }).await.unwrap();
    journal.release(&claim.lease, claim.rotation, None).await.unwrap();
    bench.clock.advance(SECOND);
    let (_, anew) = chosen(&bench, &journal, "acme", bench.chosen(7)).await;
    assert_eq!(journal.proof(&key(&bench, "acme")).await.unwrap(), None);
    prove(&journal, &anew).await.unwrap();
    let spent = journal.proof(&key(&bench, "acme")).await.unwrap();
    assert_eq!(spent, Some(SpentProof { at: bench.now(), outcome: None }));
    assert_ne!(journal.proof(&old).await.unwrap(), spent, "a history that was begun anew");
}

pub(super) async fn an_entry_that_is_not_written_spends_nothing(bench: Bench) {
    let journal = bench.open().await;
    let (rotation, claim) = chosen(&bench, &journal, "acme", bench.chosen(7)).await;
    let moved = journal.append(&claim.lease, rotation, 3, &PROVING).await;
    assert!(matches!(moved, Err(JournalError::Moved)), "{moved:?}");
    let other = Entry::Proving { version: SecretVersion(8) };
    let illegal = journal.append(&claim.lease, rotation, 4, &other).await;
    assert!(matches!(illegal, Err(JournalError::Illegal(_))), "{illegal:?}");
    assert_eq!(journal.proof(&key(&bench, "acme")).await.unwrap(), None);
    bench.clock.advance(SECOND * 60);
    let lost = prove(&journal, &claim).await;
    assert!(matches!(lost, Err(JournalError::LeaseLost)), "{lost:?}");
    let key = ProofKey { written_at: bench.now() - SECOND * 60, ..key(&bench, "acme") };
    assert_eq!(journal.proof(&key).await.unwrap(), None);
}

pub(super) async fn what_came_of_a_login_is_noted_once(bench: Bench) {
    let journal = bench.open().await;
    let (key, at) = (key(&bench, "acme"), bench.now());
    let rejected = ProofOutcome::Rejected { said: "INVALID_LOGIN: \"No\"".to_owned() };
    let unspent = journal.settle_proof(&key, &rejected).await;
    assert!(matches!(unspent, Err(JournalError::Inconsistent(_))), "{unspent:?}");
    let (_, claim) = chosen(&bench, &journal, "acme", bench.chosen(7)).await;
    prove(&journal, &claim).await.unwrap();
    bench.clock.advance(SECOND * 60);
    journal.settle_proof(&key, &rejected).await.unwrap();
    let again = journal.settle_proof(&key, &ProofOutcome::Proven).await;
    assert!(matches!(again, Err(JournalError::Inconsistent(_))), "{again:?}");
    drop(journal);
    let spent = bench.open().await.proof(&key).await.unwrap();
    assert_eq!(spent, Some(SpentProof { at, outcome: Some(rejected) }));
}
