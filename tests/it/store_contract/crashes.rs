//! The program or the machine stops.

use std::sync::Arc;

use reset_receiver::domain::entry::{Outcome, Row};
use reset_receiver::domain::ids::{AccountName, RotationId};
use reset_receiver::domain::secret::SecretVersion;
use reset_receiver::ports::journal::{Admission, Breaker, Journal, RotationFilter};

use super::bench::{Bench, SECOND, TTL};

pub(super) async fn reopening_finds_everything(bench: Bench) {
    let journal = bench.open().await;
    let first = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    bench.write(&journal, &claim, bench.whole_way()).await;
    bench.write(&journal, &claim, [bench.completed(Outcome::Confirmed)]).await;
    journal.release(&claim.lease, first, None).await.unwrap();
    let event = bench.reset();
    let placement = bench.placement("acme", "login");
    journal.admit(&event, Some(&placement)).await.unwrap();
    let driven = bench.claim(&journal).await;
    let account = AccountName::parse("another").unwrap();
    let breaker = Breaker { since: bench.now(), secret_version: SecretVersion(2) };
    journal.trip(&account, &breaker).await.unwrap();
    let all = RotationFilter { limit: 10, ..RotationFilter::default() };
    let rotations = journal.rotations(&all).await.unwrap();
    let rows = journal.rows(first).await.unwrap();
    drop(journal);

    let journal = bench.open().await;
    assert_eq!(journal.rotations(&all).await.unwrap(), rotations);
    assert_eq!(journal.rows(first).await.unwrap(), rows);
    assert_eq!(journal.applied(&driven.target).await.unwrap(), driven.applied);
    assert_eq!(journal.breaker(&account).await.unwrap(), Some(breaker));
    let known = journal.admit(&event, Some(&placement)).await.unwrap();
    assert_eq!(known, Admission::Duplicate(Some(placement.new_rotation)));
    assert!(journal.claim("worker", TTL).await.unwrap().is_none(), "the lease still holds");
    assert_eq!(journal.renew(&driven.lease, TTL).await.unwrap().fence, driven.lease.fence);
    bench.clock.advance(TTL);
    let heir = bench.claim(&journal).await;
    assert!(heir.taken_over && heir.lease.fence > driven.lease.fence);
}

/// What a store can be asked about one rotation.
async fn rows(journal: &Arc<dyn Journal>, rotation: RotationId) -> Vec<Row> {
    journal.rows(rotation).await.unwrap()
}

pub(super) async fn a_copy_taken_at_any_moment_opens_and_holds_what_was_answered(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    let mut before = rows(&journal, rotation).await;
    for entry in bench.whole_way() {
        bench.clock.advance(SECOND / 10);
        bench.write(&journal, &claim, [entry]).await;
        let now = rows(&journal, rotation).await;

        let copy = bench.open_copy(0).await;
        assert_eq!(rows(&copy, rotation).await, now, "what was answered is on the disk");
        assert_eq!(
            copy.rotation(rotation).await.unwrap(),
            journal.rotation(rotation).await.unwrap()
        );
        let torn = bench.open_copy(1).await;
        assert_eq!(rows(&torn, rotation).await, before, "a torn write is none");
        let after = before.last().unwrap().seq;
        let again = torn.append(&claim.lease, rotation, after, &now.last().unwrap().entry).await;
        assert_eq!(again.unwrap().seq, after + 1, "and can be done again");
        before = now;
    }
}
