//! What is over and old is forgotten, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use reset_receiver::domain::entry::{Entry, Outcome};
use reset_receiver::domain::ids::RotationId;
use reset_receiver::domain::proof::ProofOutcome;
use reset_receiver::domain::retention::Retention;
use reset_receiver::ports::journal::{
    Admission, Claim, Journal, JournalError, Pruned, RotationFilter,
};

use super::bench::{Bench, SECOND, TTL, fingerprints};
use super::proofs;

const DAY: Duration = Duration::from_hours(24);
const MONTH: Retention = Retention::new(Duration::from_hours(30 * 24));

/// A rotation from its event to its end.
async fn complete(bench: &Bench, journal: &Arc<dyn Journal>, target: &str) -> RotationId {
    let rotation = bench.admit(journal, target, target).await;
    let claim = bench.claim(journal).await;
    assert_eq!(claim.rotation, rotation);
    bench.write(journal, &claim, bench.whole_way()).await;
    bench.write(journal, &claim, [bench.completed(Outcome::Confirmed)]).await;
    journal.release(&claim.lease, rotation, None).await.unwrap();
    rotation
}

/// Gives a driven rotation up.
async fn abandon(journal: &Arc<dyn Journal>, claim: &Claim) {
    let entry = Entry::Abandoned { by: "ann".to_owned() };
    journal.operate(claim.rotation, &entry).await.unwrap();
    journal.release(&claim.lease, claim.rotation, None).await.unwrap();
}

/// Forgets until there is nothing more to forget.
async fn prune(journal: &Arc<dyn Journal>, retention: Retention) -> Pruned {
    let mut all = Pruned::default();
    loop {
        let pruned = journal.prune(retention).await.unwrap();
        if pruned == Pruned::default() {
            return all;
        }
        all.events += pruned.events;
        all.rotations += pruned.rotations;
    }
}

pub(super) async fn what_is_over_and_old_is_forgotten(bench: Bench) {
    let journal = bench.open().await;
    let old = complete(&bench, &journal, "acme").await;
    let given_up = bench.admit(&journal, "globex", "globex").await;
    journal.operate(given_up, &Entry::Abandoned { by: "ann".to_owned() }).await.unwrap();
    // More than one batch of events about nobody.
    for _ in 0..250 {
        journal.admit(&bench.reset(), None).await.unwrap();
    }
    bench.clock.advance(2 * DAY);
    let recent = complete(&bench, &journal, "acme").await;
    assert_eq!(prune(&journal, MONTH).await, Pruned::default(), "nothing is old yet");

    bench.clock.advance(29 * DAY);
    let pruned = prune(&journal, MONTH).await;
    assert_eq!(pruned, Pruned { events: 252, rotations: 2 });
    for gone in [old, given_up] {
        let rows = journal.rows(gone).await;
        assert!(matches!(rows, Err(JournalError::UnknownRotation(_))), "{rows:?}");
        let summary = journal.rotation(gone).await;
        assert!(matches!(summary, Err(JournalError::UnknownRotation(_))), "{summary:?}");
    }
    assert!(!journal.rows(recent).await.unwrap().is_empty());
    let audit = journal.audit(None, 10).await.unwrap();
    assert_eq!((audit.len(), audit[0].rotation), (1, given_up), "the audit stays");
}

pub(super) async fn what_is_active_applied_or_young_stays(bench: Bench) {
    let journal = bench.open().await;
    let applied = complete(&bench, &journal, "acme").await;
    let waiting = bench.admit(&journal, "globex", "globex").await;
    let driven = bench.admit(&journal, "initech", "initech").await;
    while let Some(claim) = journal.claim("worker", TTL).await.unwrap() {
        let due = (claim.rotation == driven).then(|| bench.now());
        journal.release(&claim.lease, claim.rotation, due).await.unwrap();
        if claim.rotation == driven {
            break;
        }
    }
    bench.clock.advance(400 * DAY);
    let held = bench.claim(&journal).await;
    let target = held.target.clone();
    // The events of what is unfinished stay, so that they are recognised for as long as it lasts.
    assert_eq!(prune(&journal, MONTH).await, Pruned { events: 1, rotations: 0 });
    for rotation in [applied, waiting, driven] {
        assert!(!journal.rows(rotation).await.unwrap().is_empty());
    }
    let all = RotationFilter { limit: 10, ..RotationFilter::default() };
    assert_eq!(journal.rotations(&all).await.unwrap().len(), 3);
    assert_eq!(journal.renew(&held.lease, TTL).await.unwrap().fence, held.lease.fence);
    assert_eq!(journal.applied(&target).await.unwrap(), None);
    let name = journal.rotation(applied).await.unwrap().target;
    assert!(journal.applied(&name).await.unwrap().is_some());
}

pub(super) async fn a_spent_proving_login_stays_spent_however_old_it_is(bench: Bench) {
    let journal = bench.open().await;
    let (choice, key) = (bench.chosen(7), proofs::key(&bench, "acme"));
    let (spender, claim) = proofs::chosen(&bench, &journal, "acme", choice.clone()).await;
    proofs::prove(&journal, &claim).await.unwrap();
    journal.settle_proof(&key, &ProofOutcome::Proven).await.unwrap();
    let spent = journal.proof(&key).await.unwrap();
    abandon(&journal, &claim).await;
    // Its lease is on another rotation now, so that nothing but the login speaks of it.
    let (later, claim) = proofs::chosen(&bench, &journal, "acme", choice).await;
    abandon(&journal, &claim).await;
    bench.clock.advance(400 * DAY);
    let again = Entry::SecretChosen {
        version: key.version,
        written_at: key.written_at,
        fingerprints: fingerprints(),
        decided_for: bench.now(),
    };
    let (_, again) = proofs::chosen(&bench, &journal, "acme", again).await;
    assert_eq!(prune(&journal, MONTH).await, Pruned { events: 2, rotations: 1 });

    let gone = journal.rows(later).await;
    assert!(matches!(gone, Err(JournalError::UnknownRotation(_))), "{gone:?}");
    assert!(!journal.rows(spender).await.unwrap().is_empty());
    assert_eq!(journal.proof(&key).await.unwrap(), spent);
    let refused = proofs::prove(&journal, &again).await;
    assert!(matches!(refused, Err(JournalError::Spent)), "{refused:?}");
}

pub(super) async fn a_redelivery_is_recognised_for_a_week_at_least(bench: Bench) {
    let journal = bench.open().await;
    let short = Retention::new(SECOND);
    let event = bench.reset();
    let placement = bench.placement("acme", "login");
    journal.admit(&event, Some(&placement)).await.unwrap();
    let rotation = placement.new_rotation;
    journal.operate(rotation, &Entry::Abandoned { by: "ann".to_owned() }).await.unwrap();
    bench.clock.advance(Duration::from_secs(7 * 86_400 - 1));
    assert_eq!(prune(&journal, short).await, Pruned::default());
    let again = journal.admit(&event, Some(&placement)).await.unwrap();
    assert_eq!(again, Admission::Duplicate(Some(rotation)));
    bench.clock.advance(2 * SECOND);
    assert_eq!(prune(&journal, short).await, Pruned { events: 1, rotations: 1 });
}
