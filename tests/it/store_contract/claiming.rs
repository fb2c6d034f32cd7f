//! Workers claim, renew, lose and release.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use reset_receiver::domain::entry::{Entry, Outcome};
use reset_receiver::domain::ids::RotationId;
use reset_receiver::domain::lease::Lease;
use reset_receiver::ports::journal::{Journal, JournalError};

use super::bench::{Bench, SECOND, TTL, stuck};

/// When a lease that was taken now is about to end.
const A_SECOND_BEFORE_ITS_END: Duration = Duration::from_secs(TTL.as_secs() - 1);

pub(super) async fn two_claims_never_give_the_same_account(bench: Bench) {
    let journal = bench.open().await;
    let first = bench.admit(&journal, "acme", "login").await;
    let second = bench.admit(&journal, "globex", "login").await;
    let third = bench.admit(&journal, "initech", "another").await;

    let a = bench.claim(&journal).await;
    let b = bench.claim(&journal).await;
    assert_eq!((a.rotation, b.rotation), (first, third));
    assert_ne!(a.lease.account, b.lease.account);
    assert!(journal.claim("worker", TTL).await.unwrap().is_none());

    journal.release(&a.lease, first, None).await.unwrap();
    let c = bench.claim(&journal).await;
    assert_eq!((c.rotation, &c.lease.account), (second, &a.lease.account));
    assert!(c.lease.fence > a.lease.fence);
}

pub(super) async fn many_workers_at_once_get_different_accounts(bench: Bench) {
    let journal = bench.open().await;
    for number in 0..40 {
        let account = format!("login-{}", number % 10);
        bench.admit(&journal, &format!("target-{number}"), &account).await;
    }
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..30 {
        let journal = Arc::clone(&journal);
        workers
            .spawn(async move { journal.claim(&format!("worker-{number}"), TTL).await.unwrap() });
    }
    let claims: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    let accounts: BTreeSet<_> = claims.iter().map(|claim| &claim.lease.account).collect();
    assert_eq!((claims.len(), accounts.len()), (10, 10));
}

pub(super) async fn a_claim_holds_the_whole_journal_and_what_is_applied(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    assert_eq!(claim.rows, journal.rows(rotation).await.unwrap());
    assert_eq!((claim.target.as_str(), claim.lease.account.as_str()), ("acme", "login"));
    assert_eq!(claim.lease.expires_at, bench.now() + TTL);
    assert_eq!((&claim.applied, claim.taken_over), (&None, false));

    bench.write(&journal, &claim, bench.whole_way()).await;
    bench.write(&journal, &claim, [bench.completed(Outcome::Confirmed)]).await;
    journal.release(&claim.lease, rotation, None).await.unwrap();
    bench.admit(&journal, "acme", "login").await;
    let next = bench.claim(&journal).await;
    assert_eq!(next.applied, journal.applied(&next.target).await.unwrap());
    assert!(next.applied.is_some());
}

pub(super) async fn what_is_to_be_contained_comes_first_then_the_longest_due(bench: Bench) {
    let journal = bench.open().await;
    let contained = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    bench.write(&journal, &claim, bench.whole_way().into_iter().take(2)).await;
    journal.release(&claim.lease, contained, Some(bench.now())).await.unwrap();

    bench.clock.advance(SECOND);
    let older = bench.admit(&journal, "globex", "login").await;
    bench.clock.advance(SECOND);
    let newer = bench.admit(&journal, "initech", "login").await;
    let mut claimed = Vec::new();
    while let Some(claim) = journal.claim("worker", TTL).await.unwrap() {
        claimed.push(claim.rotation);
        journal.release(&claim.lease, claim.rotation, None).await.unwrap();
    }
    assert_eq!(claimed, [older, newer, contained]);
}

pub(super) async fn a_rotation_that_sleeps_is_not_claimed_before_its_time(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    journal.release(&claim.lease, rotation, Some(bench.now() + 2 * SECOND)).await.unwrap();
    bench.clock.advance(SECOND);
    assert!(journal.claim("worker", TTL).await.unwrap().is_none());
    bench.clock.advance(SECOND);
    assert_eq!(bench.claim(&journal).await.rotation, rotation);
}

pub(super) async fn what_is_to_be_contained_does_not_wait_for_a_clock_that_was_set_back(
    bench: Bench,
) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    // What was soon before is two minutes away and more, once the clock has been set back.
    journal.release(&claim.lease, rotation, Some(bench.now() + 130 * SECOND)).await.unwrap();
    let claim = bench.claim(&journal).await;
    assert_eq!(claim.rotation, rotation);
    bench.write(&journal, &claim, [stuck()]).await;
    journal.release(&claim.lease, rotation, Some(bench.now() + 130 * SECOND)).await.unwrap();
    assert!(journal.claim("worker", TTL).await.unwrap().is_none(), "it is contained as it can be");
}

pub(super) async fn only_what_is_to_be_contained_now_on_the_same_account_is_awaiting(bench: Bench) {
    let journal = bench.open().await;
    let ours = bench.admit(&journal, "ours", "login").await;
    let claim = bench.claim(&journal).await;
    bench.admit(&journal, "elsewhere", "another").await;
    assert!(!journal.is_awaited(ours).await.unwrap());
    bench.clock.advance(SECOND);
    let other = bench.admit(&journal, "other", "login").await;
    assert!(journal.is_awaited(ours).await.unwrap());

    let now = bench.now();
    journal.release(&claim.lease, ours, Some(now + 100 * SECOND)).await.unwrap();
    bench.claim(&journal).await;
    let claim = bench.claim(&journal).await;
    assert_eq!(claim.rotation, other);
    journal.release(&claim.lease, other, Some(bench.now() + 100 * SECOND)).await.unwrap();
    assert!(!journal.is_awaited(ours).await.unwrap(), "not due yet");
    journal.operate(other, &Entry::Retried { by: "ann".to_owned() }).await.unwrap();
    let claim = bench.claim(&journal).await;
    bench.write(&journal, &claim, [stuck()]).await;
    assert!(!journal.is_awaited(ours).await.unwrap(), "not to be contained");
}

pub(super) async fn a_rotation_that_is_stuck_can_be_due_too(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    bench.write(&journal, &claim, [stuck()]).await;
    journal.release(&claim.lease, rotation, Some(bench.now() + SECOND)).await.unwrap();
    bench.clock.advance(SECOND);
    assert_eq!(bench.claim(&journal).await.rotation, rotation);
}

pub(super) async fn a_lease_that_expires_is_taken_over_and_says_so(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let dead = bench.claim(&journal).await;
    bench.clock.advance(A_SECOND_BEFORE_ITS_END);
    assert!(journal.claim("worker", TTL).await.unwrap().is_none(), "it still holds");
    bench.clock.advance(SECOND);
    let heir = bench.claim(&journal).await;
    assert_eq!((heir.rotation, heir.taken_over), (rotation, true));
    assert!(heir.lease.fence > dead.lease.fence);

    journal.release(&heir.lease, rotation, Some(bench.now())).await.unwrap();
    assert!(!bench.claim(&journal).await.taken_over, "it was released");
}

pub(super) async fn a_take_over_is_noticed_though_another_rotation_had_the_account_meanwhile(
    bench: Bench,
) {
    let journal = bench.open().await;
    let first = bench.admit(&journal, "acme", "login").await;
    let dead = bench.claim(&journal).await;
    bench.write(&journal, &dead, bench.whole_way().into_iter().take(2)).await;
    bench.clock.advance(TTL);
    let second = bench.admit(&journal, "globex", "login").await;
    let between = bench.claim(&journal).await;
    assert_eq!((between.rotation, between.taken_over), (second, false));
    journal.release(&between.lease, second, None).await.unwrap();
    let heir = bench.claim(&journal).await;
    assert_eq!((heir.rotation, heir.taken_over), (first, true));
}

/// Tries everything that a lease allows, and expects to be told that it is lost.
async fn can_write_nothing(journal: &Arc<dyn Journal>, lease: &Lease, rotation: RotationId) {
    let rows = journal.rows(rotation).await.unwrap();
    let summary = journal.rotation(rotation).await.unwrap();
    let after = rows.last().unwrap().seq;
    let append = journal.append(lease, rotation, after, &Entry::TakenOver).await;
    assert!(matches!(append, Err(JournalError::LeaseLost)), "{append:?}");
    let renew = journal.renew(lease, TTL).await;
    assert!(matches!(renew, Err(JournalError::LeaseLost)), "{renew:?}");
    let release = journal.release(lease, rotation, None).await;
    assert!(matches!(release, Err(JournalError::LeaseLost)), "{release:?}");
    assert_eq!(journal.rows(rotation).await.unwrap(), rows);
    assert_eq!(journal.rotation(rotation).await.unwrap(), summary);
}

pub(super) async fn the_fence_of_an_expired_lease_can_write_nothing(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let slow = bench.claim(&journal).await;
    bench.clock.advance(TTL);
    can_write_nothing(&journal, &slow.lease, rotation).await;

    let heir = bench.claim(&journal).await;
    can_write_nothing(&journal, &slow.lease, rotation).await;
    let forged = Lease { expires_at: heir.lease.expires_at + TTL, ..slow.lease };
    can_write_nothing(&journal, &forged, rotation).await;

    journal.release(&heir.lease, rotation, None).await.unwrap();
    can_write_nothing(&journal, &heir.lease, rotation).await;
}

pub(super) async fn a_lease_writes_to_the_rotation_that_it_was_taken_for(bench: Bench) {
    let journal = bench.open().await;
    let first = bench.admit(&journal, "acme", "login").await;
    let second = bench.admit(&journal, "globex", "login").await;
    let claim = bench.claim(&journal).await;
    assert_eq!(claim.rotation, first);
    let append = journal.append(&claim.lease, second, 2, &Entry::TakenOver).await;
    assert!(matches!(append, Err(JournalError::LeaseLost)), "{append:?}");
    let release = journal.release(&claim.lease, second, None).await;
    assert!(matches!(release, Err(JournalError::LeaseLost)), "{release:?}");
    bench.write(&journal, &claim, [Entry::TakenOver]).await;
}

pub(super) async fn a_renewed_lease_lasts_longer(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    bench.clock.advance(A_SECOND_BEFORE_ITS_END);
    let renewed = journal.renew(&claim.lease, TTL).await.unwrap();
    assert_eq!((renewed.fence, renewed.expires_at), (claim.lease.fence, bench.now() + TTL));
    bench.clock.advance(A_SECOND_BEFORE_ITS_END);
    assert!(journal.claim("worker", TTL).await.unwrap().is_none());
    bench.write(&journal, &claim, [Entry::TakenOver]).await;
    journal.release(&renewed, rotation, None).await.unwrap();
}

pub(super) async fn the_next_due_time_regards_the_leases_that_stand_before_it(bench: Bench) {
    let journal = bench.open().await;
    assert_eq!(journal.next_due().await.unwrap(), None);
    let first = bench.admit(&journal, "acme", "login").await;
    bench.admit(&journal, "globex", "login").await;
    assert_eq!(journal.next_due().await.unwrap(), Some(bench.now()));
    let claim = bench.claim(&journal).await;
    assert_eq!(journal.next_due().await.unwrap(), Some(claim.lease.expires_at));

    let other = bench.admit(&journal, "initech", "another").await;
    assert_eq!(journal.next_due().await.unwrap(), Some(bench.now()), "its account is free");
    let second = bench.claim(&journal).await;
    let later = claim.lease.expires_at + SECOND;
    journal.release(&second.lease, other, Some(later)).await.unwrap();
    assert_eq!(journal.next_due().await.unwrap(), Some(claim.lease.expires_at));

    journal.release(&claim.lease, first, None).await.unwrap();
    assert_eq!(journal.next_due().await.unwrap(), Some(bench.now()), "the one that waited");
}
