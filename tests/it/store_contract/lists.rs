//! What people and metrics see.

use reset_receiver::domain::entry::{Entry, Outcome};
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::{AccountName, TargetName};
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::secret::SecretVersion;
use reset_receiver::domain::step::Step;
use reset_receiver::domain::target::Surface;
use reset_receiver::ports::journal::{Breaker, RotationFilter};

use super::bench::{Bench, SECOND, TTL, stuck};

pub(super) async fn rotations_are_listed_newest_first_page_by_page(bench: Bench) {
    let journal = bench.open().await;
    let mut ids = Vec::new();
    for number in 0..5 {
        bench.clock.advance(SECOND);
        ids.push(bench.admit(&journal, &format!("target-{number}"), "login").await);
    }
    ids.reverse();
    let mut filter = RotationFilter { limit: 2, ..RotationFilter::default() };
    let mut seen = Vec::new();
    for expected in [2, 2, 1, 0] {
        let page = journal.rotations(&filter).await.unwrap();
        assert_eq!(page.len(), expected);
        seen.extend(page.iter().map(|rotation| rotation.id));
        filter.before = seen.last().copied();
    }
    assert_eq!(seen, ids);

    let abandoned = Entry::Abandoned { by: "ann".to_owned() };
    journal.operate(ids[1], &abandoned).await.unwrap();
    let all = RotationFilter { limit: 10, ..RotationFilter::default() };
    let target = Some(TargetName::parse("target-2").unwrap());
    let of_target = RotationFilter { target, ..all.clone() };
    let of_phase = RotationFilter { phase: Some(Phase::Abandoned), ..all.clone() };
    let neither = RotationFilter { phase: Some(Phase::Abandoned), ..of_target.clone() };
    for (filter, expected) in
        [(of_target, vec![ids[2]]), (of_phase, vec![ids[1]]), (neither, vec![])]
    {
        let found = journal.rotations(&filter).await.unwrap();
        assert_eq!(found.iter().map(|rotation| rotation.id).collect::<Vec<_>>(), expected);
    }
}

pub(super) async fn a_summary_follows_the_journal(bench: Bench) {
    let journal = bench.open().await;
    let id = bench.admit(&journal, "acme", "login").await;
    let admitted_at = bench.now();
    let begun = journal.rotation(id).await.unwrap();
    assert_eq!((begun.id, begun.target.as_str(), begun.phase), (id, "acme", Phase::Containing));
    assert_eq!((begun.admitted_at, begun.updated_at), (admitted_at, admitted_at));
    assert_eq!((begun.finished_at, begun.wakes_at), (None, Some(admitted_at)));

    let claim = bench.claim(&journal).await;
    assert_eq!(journal.rotation(id).await.unwrap().wakes_at, None, "it is being driven");
    let way = bench.whole_way();
    let decided_for = bench.completed(Outcome::Confirmed);
    let mut phases = Vec::new();
    for entry in way {
        bench.clock.advance(SECOND);
        bench.write(&journal, &claim, [entry]).await;
        let summary = journal.rotation(id).await.unwrap();
        assert_eq!(summary.updated_at, bench.now());
        phases.push(summary.phase);
    }
    phases.dedup();
    let order = [
        Phase::Containing,
        Phase::AwaitingSecret,
        Phase::Updating,
        Phase::Enabling,
        Phase::Confirming,
    ];
    assert_eq!(phases, order);

    bench.write(&journal, &claim, [decided_for]).await;
    let ended = journal.rotation(id).await.unwrap();
    assert_eq!((ended.phase, ended.finished_at), (Phase::Confirmed, Some(bench.now())));
    assert_eq!((ended.admitted_at, ended.wakes_at), (admitted_at, None));
    let listed = RotationFilter { limit: 1, ..RotationFilter::default() };
    assert_eq!(journal.rotations(&listed).await.unwrap(), [ended]);

    bench.admit(&journal, "globex", "another").await;
    let driven = bench.claim(&journal).await;
    assert_eq!(journal.rotations(&listed).await.unwrap()[0].wakes_at, None);
    bench.clock.advance(TTL);
    let waiting = journal.rotation(driven.rotation).await.unwrap();
    assert!(waiting.wakes_at.is_some(), "nobody drives it any more");
}

pub(super) async fn phases_are_counted(bench: Bench) {
    let journal = bench.open().await;
    assert_eq!(journal.phases().await.unwrap(), []);
    for target in ["acme", "globex", "initech"] {
        bench.admit(&journal, target, "login").await;
    }
    let claim = bench.claim(&journal).await;
    journal.operate(claim.rotation, &Entry::Abandoned { by: "ann".to_owned() }).await.unwrap();
    let mut phases = journal.phases().await.unwrap();
    phases.sort_unstable();
    assert_eq!(phases, [(Phase::Containing, 2), (Phase::Abandoned, 1)]);
}

pub(super) async fn a_breaker_tells_of_the_latest_refusal(bench: Bench) {
    let journal = bench.open().await;
    let account = AccountName::parse("login").unwrap();
    let other = AccountName::parse("another").unwrap();
    assert_eq!(journal.breaker(&account).await.unwrap(), None);
    for version in [3, 4] {
        bench.clock.advance(SECOND);
        let breaker = Breaker { since: bench.now(), secret_version: SecretVersion(version) };
        journal.trip(&account, &breaker).await.unwrap();
        assert_eq!(journal.breaker(&account).await.unwrap(), Some(breaker));
    }
    assert_eq!(journal.breaker(&other).await.unwrap(), None);
}

pub(super) async fn a_breaker_is_cleared_by_retrying_what_it_keeps_back(bench: Bench) {
    let journal = bench.open().await;
    let (ours, others) =
        (AccountName::parse("login").unwrap(), AccountName::parse("another").unwrap());
    let breaker = Breaker { since: bench.now(), secret_version: SecretVersion(3) };
    for account in [&ours, &others] {
        journal.trip(account, &breaker).await.unwrap();
    }
    let rotation = bench.admit(&journal, "acme", "login").await;
    let claim = bench.claim(&journal).await;
    let retry = Entry::Retried { by: "ann".to_owned() };
    bench.write(&journal, &claim, [stuck()]).await;
    journal.operate(rotation, &retry).await.unwrap();
    assert_eq!(journal.breaker(&ours).await.unwrap(), Some(breaker.clone()), "of another fault");

    journal.release(&claim.lease, rotation, None).await.unwrap();
    let claim = bench.claim(&journal).await;
    let barred = Entry::Stuck {
        step: Step::Contain,
        surface: Some(Surface::Integration { instance: None }),
        fault: Fault::Rejected,
        message: "the console refused the login".to_owned(),
    };
    bench.write(&journal, &claim, [barred]).await;
    journal.operate(rotation, &retry).await.unwrap();
    assert_eq!(journal.breaker(&ours).await.unwrap(), None);
    assert_eq!(journal.breaker(&others).await.unwrap(), Some(breaker));
}

pub(super) async fn the_probe_leaves_nothing_behind(bench: Bench) {
    let journal = bench.open().await;
    for _ in 0..3 {
        journal.probe().await.unwrap();
    }
    assert_eq!(journal.phases().await.unwrap(), []);
    assert_eq!(journal.next_due().await.unwrap(), None);
}
