//! What operators say is written down beside what it does.

use reset_receiver::domain::audit::{Deed, OperatorVerb};
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::ResetEvent;
use reset_receiver::domain::ids::SourceName;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::{Admission, AuditRow, JournalError};

use super::bench::{Bench, SECOND, stuck};

/// The event that stands for somebody's `rotate`.
fn rotate(bench: &Bench, by: &str) -> ResetEvent {
    ResetEvent {
        source: SourceName::parse(Deed::SOURCE).unwrap(),
        id: Deed::event_id(by, bench.clock.rotation_id()).unwrap(),
        ..bench.reset()
    }
}

pub(super) async fn every_verb_of_an_operator_is_in_the_audit(bench: Bench) {
    let journal = bench.open().await;
    assert_eq!(journal.audit(None, 10).await.unwrap(), []);
    // A name may hold what separates it from the rest of the event's id.
    let placement = bench.placement("acme", "login");
    let begun = rotate(&bench, "ann:on call");
    let admitted = journal.admit(&begun, Some(&placement)).await.unwrap();
    let rotation = placement.new_rotation;
    assert_eq!(admitted, Admission::Accepted(rotation));
    journal.admit(&begun, Some(&placement)).await.unwrap();
    let first_at = bench.now();
    bench.admit(&journal, "acme", "login").await;

    let claim = bench.claim(&journal).await;
    bench.write(&journal, &claim, [stuck()]).await;
    let ben = || "ben".to_owned();
    bench.clock.advance(SECOND);
    for entry in [
        Entry::Retried { by: ben() },
        Entry::UseCurrent { by: ben() },
        Entry::Abandoned { by: ben() },
    ] {
        journal.operate(rotation, &entry).await.unwrap();
    }
    let rows = journal.audit(None, 10).await.unwrap();
    let said: Vec<_> = rows.iter().map(|row| (row.by.as_str(), row.verb)).collect();
    assert_eq!(
        said,
        [
            ("ben", OperatorVerb::Abandon),
            ("ben", OperatorVerb::UseCurrentSecret),
            ("ben", OperatorVerb::Retry),
            ("ann:on call", OperatorVerb::Rotate),
        ]
    );
    assert!(rows.iter().all(|row| row.target.as_str() == "acme" && row.rotation == rotation));
    assert_eq!((rows[3].at, rows[0].at), (first_at, bench.now()));
}

pub(super) async fn the_audit_is_read_page_by_page(bench: Bench) {
    let journal = bench.open().await;
    for number in 0..5 {
        let placement = bench.placement(&format!("target-{number}"), "login");
        journal.admit(&rotate(&bench, "ann"), Some(&placement)).await.unwrap();
    }
    let all = journal.audit(None, 10).await.unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by(|newer, older| newer.number > older.number));
    let mut paged: Vec<AuditRow> = Vec::new();
    loop {
        let page = journal.audit(paged.last().map(|row| row.number), 2).await.unwrap();
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

pub(super) async fn a_verb_that_is_refused_is_not_in_the_audit(bench: Bench) {
    let journal = bench.open().await;
    let rotation = bench.admit(&journal, "acme", "login").await;
    let abandon = Entry::Abandoned { by: "ann".to_owned() };
    journal.operate(rotation, &abandon).await.unwrap();
    let refused = journal.operate(rotation, &abandon).await;
    assert!(matches!(refused, Err(JournalError::Illegal(_))), "{refused:?}");
    let unmatched = journal.admit(&rotate(&bench, "ann"), None).await.unwrap();
    assert_eq!(unmatched, Admission::Unmatched);
    assert_eq!(journal.audit(None, 10).await.unwrap().len(), 1);
}
