//! Events come in.

use std::sync::Arc;

use reset_receiver::domain::entry::{Entry, Outcome};
use reset_receiver::domain::ids::SourceName;
use reset_receiver::domain::target::Surface;
use reset_receiver::ports::journal::{Admission, RotationFilter};

use super::bench::{Bench, SECOND, surfaces};

pub(super) async fn admission_is_idempotent(bench: Bench) {
    let journal = bench.open().await;
    let (event, placement) = (bench.reset(), bench.placement("acme", "login"));
    let first = journal.admit(&event, Some(&placement)).await.unwrap();
    assert_eq!(first, Admission::Accepted(placement.new_rotation));

    let again = bench.placement("acme", "login");
    let second = journal.admit(&event, Some(&again)).await.unwrap();
    assert_eq!(second, Admission::Duplicate(Some(placement.new_rotation)));
    let elsewhere = bench.placement("other", "login");
    let third = journal.admit(&event, Some(&elsewhere)).await.unwrap();
    assert_eq!(third, Admission::Duplicate(Some(placement.new_rotation)));

    let rows = journal.rows(placement.new_rotation).await.unwrap();
    let entries: Vec<Entry> = rows.into_iter().map(|row| row.entry).collect();
    let covers = Entry::Covers { surfaces: surfaces() };
    let admitted = Entry::Admitted {
        source: event.source,
        event_id: event.id,
        kind: event.kind,
        occurred_at: event.occurred_at,
        version: None,
    };
    assert_eq!(entries, [covers, admitted]);
    let all = RotationFilter { limit: 10, ..RotationFilter::default() };
    assert_eq!(journal.rotations(&all).await.unwrap().len(), 1);
}

pub(super) async fn an_event_about_nobody_is_kept_and_begins_nothing(bench: Bench) {
    let journal = bench.open().await;
    let event = bench.reset();
    assert_eq!(journal.admit(&event, None).await.unwrap(), Admission::Unmatched);
    assert_eq!(journal.admit(&event, None).await.unwrap(), Admission::Duplicate(None));
    assert!(journal.claim("worker", SECOND).await.unwrap().is_none());
    assert_eq!(journal.next_due().await.unwrap(), None);
}

pub(super) async fn ids_are_unique_within_a_source_only(bench: Bench) {
    let journal = bench.open().await;
    let mut event = bench.reset();
    let placement = bench.placement("acme", "login");
    journal.admit(&event, Some(&placement)).await.unwrap();
    event.source = SourceName::parse("mail").unwrap();
    let admission = journal.admit(&event, Some(&placement)).await.unwrap();
    assert_eq!(admission, Admission::Accepted(placement.new_rotation));
}

pub(super) async fn an_event_joins_the_unfinished_rotation_of_its_target(bench: Bench) {
    let journal = bench.open().await;
    let first = bench.admit(&journal, "acme", "login").await;
    let other = bench.admit(&journal, "globex", "login").await;
    let second = bench.admit(&journal, "acme", "login").await;
    assert_eq!(first, second);
    assert_ne!(first, other);
    let numbers: Vec<u64> =
        journal.rows(first).await.unwrap().into_iter().map(|row| row.seq).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

pub(super) async fn an_event_after_the_end_begins_another_rotation(bench: Bench) {
    let journal = bench.open().await;
    let first = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    bench.write(&journal, &claim, [bench.completed(Outcome::NothingToDo)]).await;
    let second = bench.admit(&journal, "acme", "login").await;
    assert_ne!(first, second);
    journal.release(&claim.lease, first, None).await.unwrap();
    assert_eq!(bench.claim(&journal).await.rotation, second);
}

pub(super) async fn surfaces_that_the_target_gained_are_covered_before_the_event(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let gained = Surface::Connector { instance: None, name: "Second".to_owned() };
    let mut placement = bench.placement("acme", "login");
    placement.surfaces.insert(0, gained.clone());
    journal.admit(&bench.reset(), Some(&placement)).await.unwrap();

    let rows = journal.rows(rotation).await.unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[2].entry, Entry::Covers { surfaces: vec![gained] });
    assert!(matches!(rows[3].entry, Entry::Admitted { .. }));
}

pub(super) async fn many_senders_at_once_begin_one_rotation_per_target(bench: Bench) {
    let journal = bench.open().await;
    let mut senders = tokio::task::JoinSet::new();
    for number in 0..60 {
        let placement = bench.placement(["acme", "globex", "initech"][number % 3], "login");
        let event = bench.reset();
        let journal = Arc::clone(&journal);
        senders.spawn(async move { journal.admit(&event, Some(&placement)).await.unwrap() });
    }
    let admissions = senders.join_all().await;
    assert!(admissions.iter().all(|admission| matches!(admission, Admission::Accepted(_))));

    let all = RotationFilter { limit: 100, ..RotationFilter::default() };
    let rotations = journal.rotations(&all).await.unwrap();
    assert_eq!(rotations.len(), 3);
    for rotation in rotations {
        assert_eq!(journal.rows(rotation.id).await.unwrap().len(), 21);
    }
}

pub(super) async fn a_joined_event_makes_a_sleeping_rotation_due_at_once(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    for sleeps_until in [None, Some(bench.now() + 600 * SECOND)] {
        let claim = bench.claim(&journal).await;
        journal.release(&claim.lease, rotation, sleeps_until).await.unwrap();
        assert_eq!(journal.next_due().await.unwrap(), sleeps_until);
        bench.admit(&journal, "acme", "login").await;
        assert_eq!(journal.next_due().await.unwrap(), Some(bench.now()));
    }
    assert_eq!(bench.claim(&journal).await.rotation, rotation);
}

pub(super) async fn a_joined_event_makes_a_rotation_due_at_once_even_while_it_is_driven(
    bench: Bench,
) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    for sleeps_until in [None, Some(bench.now() + 600 * SECOND)] {
        let claim = bench.claim(&journal).await;
        bench.admit(&journal, "acme", "login").await;
        // Having written something since, the driver must know of the event; that is not relied on.
        bench.write(&journal, &claim, [Entry::TakenOver]).await;
        journal.release(&claim.lease, rotation, sleeps_until).await.unwrap();
        let due = journal.rotation(rotation).await.unwrap().wakes_at;
        assert_eq!(due, Some(bench.now()));
    }
    let claim = bench.claim(&journal).await;
    bench.write(&journal, &claim, [Entry::TakenOver]).await;
    journal.release(&claim.lease, rotation, None).await.unwrap();
    assert_eq!(journal.rotation(rotation).await.unwrap().wakes_at, None, "there was no news");
}

pub(super) async fn a_joined_event_never_pushes_a_due_date_back(bench: Bench) {
    let journal = bench.open().await;
    let due = bench.now();
    bench.admit(&journal, "acme", "login").await;
    bench.clock.advance(SECOND);
    bench.admit(&journal, "acme", "login").await;
    assert_eq!(journal.next_due().await.unwrap(), Some(due));
}
