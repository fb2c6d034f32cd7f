//! Journals grow.

use jiff::Timestamp;
use reset_receiver::domain::entry::{Entry, Outcome};
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::freshness::{Half, Waiting};
use reset_receiver::domain::ids::TargetName;
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::secret::{Applied, SecretVersion};
use reset_receiver::domain::step::Step;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::JournalError;

use super::bench::{Bench, SECOND, both, fingerprints, stuck};

pub(super) async fn an_entry_follows_the_row_that_its_writer_knows(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    let row = journal.append(&claim.lease, rotation, 2, &Entry::TakenOver).await.unwrap();
    assert_eq!((row.seq, row.at, row.fence), (3, bench.now(), Some(claim.lease.fence)));
    for after in [0, 2, 4] {
        let refused = journal.append(&claim.lease, rotation, after, &Entry::TakenOver).await;
        assert!(matches!(refused, Err(JournalError::Moved)), "{refused:?}");
    }
    assert_eq!(journal.rows(rotation).await.unwrap().last(), Some(&row));
}

pub(super) async fn illegal_entries_change_nothing(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    let rows = journal.rows(rotation).await.unwrap();
    let summary = journal.rotation(rotation).await.unwrap();
    bench.clock.advance(SECOND);

    let [connector, _] = both();
    let version = SecretVersion(7);
    let illegal = [
        Entry::Updating { surface: connector.clone(), version },
        Entry::Updated { surface: connector.clone(), version },
        Entry::Enabling { surface: connector.clone(), version },
        Entry::Contained { surface: connector, by_us: true },
        Entry::Completed { outcome: Outcome::Confirmed, decided_for: Timestamp::UNIX_EPOCH },
    ];
    for entry in &illegal {
        let refused = journal.append(&claim.lease, rotation, 2, entry).await;
        assert!(matches!(refused, Err(JournalError::Illegal(_))), "{entry:?}: {refused:?}");
        let refused = journal.operate(rotation, entry).await;
        assert!(matches!(refused, Err(JournalError::Illegal(_))), "{entry:?}: {refused:?}");
    }
    assert_eq!(journal.rows(rotation).await.unwrap(), rows);
    assert_eq!(journal.rotation(rotation).await.unwrap(), summary);
    assert_eq!(journal.applied(&TargetName::parse("acme").unwrap()).await.unwrap(), None);
}

pub(super) async fn every_entry_is_read_back_as_it_was_written(bench: Bench) {
    let journal = bench.open().await;
    // Finer than a column keeps; what is inside an entry is kept as it is.
    bench.clock.advance(std::time::Duration::from_nanos(1_234_567));
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    let [connector, _] = both();
    let surface = connector.clone();
    let shown = "Invalid login".to_owned();
    let mut entries = vec![
        Entry::Covers { surfaces: vec![connector.clone()] },
        Entry::TakenOver,
        Entry::Waiting {
            reason: Waiting::HalfWritten { half: Half::SecurityToken, since: SecretVersion(6) },
        },
        Entry::Deferred {
            step: Step::Contain,
            surface: Some(surface.clone()),
            fault: Fault::Transient,
            message: "502".to_owned(),
            retry_at: bench.now(),
        },
        Entry::Warned { surface: surface.clone(), message: "a queue item failed".to_owned() },
    ];
    entries.extend(bench.whole_way());
    // Right after the choice, as nothing is written before a spent login is decided on.
    let version = SecretVersion(7);
    let chosen = entries.iter().position(|entry| entry.name() == "secret_chosen").unwrap();
    let why = "it took too long".to_owned();
    let proof = [Entry::Proving { version }, Entry::Unproven { version, why }];
    entries.splice(chosen + 1..=chosen, proof);
    entries.extend([
        Entry::Unconfirmed { surface: surface.clone(), shown: shown.clone() },
        Entry::Refused { surface, version: SecretVersion(7), shown },
        Entry::Disabling { surface: connector.clone() },
        Entry::Contained { surface: connector.clone(), by_us: true },
        Entry::FoundEnabled { surface: connector },
        stuck(),
        Entry::Retried { by: "ann".to_owned() },
        Entry::UseCurrent { by: "ann".to_owned() },
        bench.chosen(8),
        Entry::Contained { surface: both()[0].clone(), by_us: true },
        Entry::Proving { version: SecretVersion(8) },
        Entry::Rejected { version: SecretVersion(8), said: "INVALID_LOGIN".to_owned() },
        bench.chosen(9),
        Entry::Proving { version: SecretVersion(9) },
        Entry::Proved { version: SecretVersion(9) },
        Entry::Abandoned { by: "ann".to_owned() },
    ]);

    let mut written = Vec::new();
    for (entry, after) in entries.iter().zip(2..) {
        written.push(journal.append(&claim.lease, rotation, after, entry).await.unwrap());
    }
    let read = journal.rows(rotation).await.unwrap();
    assert_eq!(read[2..], written[..]);
    assert!(read[2..].iter().map(|row| &row.entry).eq(&entries));
    let Entry::Admitted { kind, occurred_at, .. } = &read[1].entry else {
        panic!("{:?}", read[1]);
    };
    assert_eq!((*kind, *occurred_at), (ResetKind::PasswordReset, bench.clock.now()));
}

pub(super) async fn what_was_confirmed_or_unconfirmed_is_applied(bench: Bench) {
    let journal = bench.open().await;
    let target = TargetName::parse("acme").unwrap();
    for outcome in [Outcome::Confirmed, Outcome::Unconfirmed] {
        bench.clock.advance(SECOND);
        let rotation = bench.admit(&journal, "acme", "login").await;
        let claim = bench.claim(&journal).await;
        bench.write(&journal, &claim, bench.whole_way()).await;
        bench.write(&journal, &claim, [bench.completed(outcome)]).await;
        journal.release(&claim.lease, rotation, Some(bench.now())).await.unwrap();

        let applied = journal.applied(&target).await.unwrap();
        let expected = Applied {
            version: SecretVersion(7),
            written_at: bench.now(),
            fingerprints: fingerprints(),
            confirmed_at: bench.now(),
        };
        assert_eq!(applied, Some(expected));
        let summary = journal.rotation(rotation).await.unwrap();
        assert_eq!((summary.finished_at, summary.wakes_at), (Some(bench.now()), None));
        assert!(journal.claim("worker", SECOND).await.unwrap().is_none(), "it is over");
    }
    assert_eq!(journal.applied(&TargetName::parse("other").unwrap()).await.unwrap(), None);
}

pub(super) async fn where_nothing_had_to_be_done_what_is_applied_stays(bench: Bench) {
    let journal = bench.open().await;
    let target = TargetName::parse("acme").unwrap();
    bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    bench.write(&journal, &claim, bench.whole_way()).await;
    bench.write(&journal, &claim, [bench.completed(Outcome::Confirmed)]).await;
    journal.release(&claim.lease, claim.rotation, None).await.unwrap();
    let applied = journal.applied(&target).await.unwrap().unwrap();

    bench.clock.advance(SECOND);
    bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    assert_eq!(claim.applied.as_ref(), Some(&applied));
    bench.write(&journal, &claim, [bench.completed(Outcome::NothingToDo)]).await;
    assert_eq!(journal.applied(&target).await.unwrap(), Some(applied));
    assert_eq!(journal.rotation(claim.rotation).await.unwrap().phase, Phase::NothingToDo);
}

pub(super) async fn an_operator_needs_no_lease_and_the_driver_must_read_again(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    bench.write(&journal, &claim, [stuck()]).await;
    assert_eq!(journal.rotation(rotation).await.unwrap().phase, Phase::Stuck);

    let row = journal.operate(rotation, &Entry::Retried { by: "ann".to_owned() }).await.unwrap();
    assert_eq!((row.seq, row.fence), (4, None));
    let refused = journal.append(&claim.lease, rotation, 3, &Entry::TakenOver).await;
    assert!(matches!(refused, Err(JournalError::Moved)), "{refused:?}");
    journal.release(&claim.lease, rotation, None).await.unwrap();
    assert_eq!(bench.claim(&journal).await.rows.len(), 4, "the verb made it due");
}

pub(super) async fn an_abandoned_rotation_is_over(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    let abandon = Entry::Abandoned { by: "ann".to_owned() };
    journal.operate(rotation, &abandon).await.unwrap();
    let summary = journal.rotation(rotation).await.unwrap();
    assert_eq!((summary.phase, summary.finished_at), (Phase::Abandoned, Some(bench.now())));

    // Its driver learns of it, and can still give the account free.
    let refused = journal.append(&claim.lease, rotation, 3, &Entry::TakenOver).await;
    assert!(matches!(refused, Err(JournalError::Illegal(_))), "{refused:?}");
    journal.release(&claim.lease, rotation, Some(bench.now())).await.unwrap();
    assert_eq!(journal.next_due().await.unwrap(), None);
    let refused = journal.operate(rotation, &abandon).await;
    assert!(matches!(refused, Err(JournalError::Illegal(_))), "{refused:?}");
}

pub(super) async fn an_unknown_rotation_is_said_to_be_unknown(bench: Bench) {
    let journal = bench.open().await;
    bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    let nobody = bench.clock.rotation_id();
    let retried = Entry::Retried { by: "ann".to_owned() };
    let unknown = |error| matches!(error, JournalError::UnknownRotation(id) if id == nobody);
    assert!(unknown(journal.rows(nobody).await.unwrap_err()));
    assert!(unknown(journal.rotation(nobody).await.unwrap_err()));
    assert!(unknown(journal.operate(nobody, &retried).await.unwrap_err()));
    assert!(unknown(journal.append(&claim.lease, nobody, 2, &retried).await.unwrap_err()));
}
