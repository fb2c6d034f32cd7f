//! Every row of the decision table, and its edges.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::ResetKind;
use crate::domain::freshness::{
    Half, Question, Reading, Reset, Superseded, Verdict, Waiting, decide,
};
use crate::domain::secret::{
    Applied, FingerprintKey, Fingerprints, SalesforceSecret, SecretText, SecretVersion,
};
use crate::domain::track::{Chosen, Current};

const GRACE: Duration = Duration::from_mins(10);
const T: i64 = 100_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn prints(password: &str, token: Option<&str>) -> Fingerprints {
    let key = FingerprintKey::new(vec![9; 32]).unwrap();
    let text = |t: &str| SecretText::new(t.to_owned());
    key.fingerprints(&SalesforceSecret {
        password: text(password),
        security_token: token.map(text),
    })
}

fn reading(version: u64, written_at: i64, password: &str, token: &str) -> Reading {
    Reading::Complete {
        version: SecretVersion(version),
        written_at: at(written_at),
        fingerprints: prints(password, Some(token)),
    }
}

/// Version 6 with `old`/`old`, written and confirmed well before `T`.
fn applied() -> Applied {
    Applied {
        version: SecretVersion(6),
        written_at: at(1_000),
        fingerprints: prints("old", Some("old")),
        confirmed_at: at(2_000),
    }
}

fn password_reset() -> Reset {
    Reset::of(ResetKind::PasswordReset, at(T))
}

fn token_reset() -> Reset {
    Reset::of(ResetKind::TokenReset, at(T))
}

fn written() -> Reset {
    Reset::of(ResetKind::SecretWritten, at(T))
}

fn ask(reset: &Reset, applied: Option<&Applied>, reading: &Reading) -> Verdict {
    let question = Question {
        reset,
        needs_token: true,
        applied,
        rejected: None,
        superseded: None,
        current: Current::None,
        grace: GRACE,
    };
    decide(&question, reading)
}

fn half(half: Half) -> Verdict {
    Verdict::Wait(Waiting::HalfWritten { half, since: SecretVersion(6) })
}

fn predates(version: u64, written_at: i64) -> Verdict {
    Verdict::Wait(Waiting::Predates { version: SecretVersion(version), written_at: at(written_at) })
}

fn not_there_yet() -> Verdict {
    Verdict::Wait(Waiting::NotThereYet { applied: SecretVersion(6) })
}

#[test]
fn a_newer_version_with_both_halves_changed_is_used() {
    assert_eq!(
        ask(&password_reset(), Some(&applied()), &reading(7, T, "new", "new")),
        Verdict::Use
    );
}

#[test]
fn the_grace_ends_at_its_last_second() {
    let ask = |second| ask(&password_reset(), Some(&applied()), &reading(7, second, "new", "new"));
    assert_eq!(ask(T - 600), Verdict::Use);
    assert_eq!(ask(T - 601), predates(7, T - 601));
}

#[test]
fn after_a_password_reset_one_half_is_not_enough() {
    let ask = |pw, token| ask(&password_reset(), Some(&applied()), &reading(7, T, pw, token));
    assert_eq!(ask("new", "old"), half(Half::SecurityToken));
    assert_eq!(ask("old", "new"), half(Half::Password));
    assert_eq!(ask("old", "old"), half(Half::Password));
}

#[test]
fn after_a_token_reset_the_token_alone_is_enough() {
    let ask = |pw, token| ask(&token_reset(), Some(&applied()), &reading(7, T, pw, token));
    assert_eq!(ask("old", "new"), Verdict::Use);
    assert_eq!(ask("new", "new"), Verdict::Use);
    assert_eq!(ask("new", "old"), half(Half::SecurityToken));
}

#[test]
fn a_login_without_a_token_is_judged_by_its_password_alone() {
    let mut applied = applied();
    applied.fingerprints = prints("old", None);
    let ask = |reset: &Reset, password| {
        let question = Question {
            reset,
            needs_token: false,
            applied: Some(&applied),
            rejected: None,
            superseded: None,
            current: Current::None,
            grace: GRACE,
        };
        let fingerprints = prints(password, None);
        let (version, written_at) = (SecretVersion(7), at(T));
        decide(&question, &Reading::Complete { version, written_at, fingerprints })
    };
    assert_eq!(ask(&password_reset(), "new"), Verdict::Use);
    assert_eq!(ask(&password_reset(), "old"), half(Half::Password));
    assert_eq!(ask(&token_reset(), "old"), Verdict::NothingToDo, "its token does not matter");
}

#[test]
fn the_applied_version_is_waited_over_until_a_newer_one_comes() {
    assert_eq!(
        ask(&password_reset(), Some(&applied()), &reading(6, 1_000, "old", "old")),
        not_there_yet()
    );
}

#[test]
fn late_news_of_a_reset_that_was_served_is_nothing_to_do() {
    let served = Applied { written_at: at(T), confirmed_at: at(T + 60), ..applied() };
    let reading = reading(6, T, "old", "old");
    assert_eq!(ask(&password_reset(), Some(&served), &reading), Verdict::NothingToDo);

    let confirmed_before = Applied { confirmed_at: at(T), ..served };
    assert_eq!(ask(&password_reset(), Some(&confirmed_before), &reading), not_there_yet());

    let written_long_before =
        Applied { written_at: at(T - 601), confirmed_at: at(T + 60), ..applied() };
    assert_eq!(ask(&password_reset(), Some(&written_long_before), &reading), not_there_yet());
}

#[test]
fn on_the_first_run_only_the_time_can_tell_unless_an_operator_does() {
    assert_eq!(ask(&password_reset(), None, &reading(1, T, "a", "b")), Verdict::Use);
    assert_eq!(ask(&password_reset(), None, &reading(1, T - 601, "a", "b")), predates(1, T - 601));
    let reset = password_reset();
    let question = Question {
        reset: &reset,
        needs_token: true,
        applied: None,
        rejected: None,
        superseded: None,
        current: Current::Any,
        grace: GRACE,
    };
    assert_eq!(decide(&question, &reading(1, 0, "a", "b")), Verdict::Use);
    let refused = Question { rejected: Some(SecretVersion(1)), ..question };
    let waiting = Verdict::Wait(Waiting::Rejected { version: SecretVersion(1) });
    assert_eq!(decide(&refused, &reading(1, 0, "a", "b")), waiting);
    assert_eq!(decide(&refused, &reading(2, 0, "a", "b")), Verdict::Use);
}

#[test]
fn what_cannot_be_used_is_waited_for_and_named() {
    let ask = |reading| ask(&password_reset(), Some(&applied()), &reading);
    let version = SecretVersion(7);
    let lacking = Waiting::Lacking { half: Half::SecurityToken, version };
    assert_eq!(ask(Reading::Missing), Verdict::Wait(Waiting::Missing));
    assert_eq!(
        ask(Reading::Gone { destroyed: true }),
        Verdict::Wait(Waiting::Gone { destroyed: true })
    );
    assert_eq!(
        ask(Reading::Lacking { version, half: Half::SecurityToken }),
        Verdict::Wait(lacking.clone())
    );
    assert_eq!(lacking.to_string(), "security_token is missing or empty in version 7");
    let half = Waiting::HalfWritten { half: Half::SecurityToken, since: SecretVersion(6) };
    assert_eq!(half.to_string(), "security_token has not changed since version 6");
}

#[test]
fn a_lower_number_is_a_stale_standby_unless_it_was_written_later() {
    let ask = |second| ask(&password_reset(), Some(&applied()), &reading(2, second, "new", "new"));
    assert_eq!(ask(900), not_there_yet(), "an older version, read from a standby");
    assert_eq!(ask(T), Verdict::Use, "a history that was deleted and begun anew");
}

#[test]
fn a_write_without_a_reset_is_judged_by_its_fields() {
    let ask = |pw, token| ask(&written(), Some(&applied()), &reading(7, 5_000, pw, token));
    assert_eq!(ask("old", "old"), Verdict::NothingToDo, "metadata, a rollback or a rewrite");
    assert_eq!(ask("new", "new"), Verdict::Use);
    assert_eq!(ask("old", "new"), Verdict::Use);
    assert_eq!(ask("new", "old"), half(Half::SecurityToken));
}

#[test]
fn a_write_of_the_applied_version_is_nothing_to_do() {
    let reading = reading(6, 1_000, "old", "old");
    assert_eq!(ask(&written(), Some(&applied()), &reading), Verdict::NothingToDo);
}

#[test]
fn joined_events_add_up() {
    let mut reset = token_reset();
    assert!(!reset.join(ResetKind::TokenReset, at(T)), "the same again is no news");
    assert!(!reset.join(ResetKind::TokenReset, at(T - 5)), "an older one is no news");
    assert!(reset.join(ResetKind::PasswordReset, at(T - 5)), "another kind is");
    assert!(reset.join(ResetKind::TokenReset, at(T + 5)), "a later one is");
    let expected = Reset { token: true, ..Reset::of(ResetKind::PasswordReset, at(T + 5)) };
    assert_eq!(reset, expected);
}

#[test]
fn a_write_neither_moves_the_time_of_a_reset_nor_gives_it_one() {
    let mut reset = password_reset();
    assert!(!reset.join(ResetKind::SecretWritten, at(T + 5_000)), "it is the answer to the reset");
    assert_eq!(reset, password_reset());
    let reading = reading(7, T + 1, "new", "new");
    assert_eq!(ask(&reset, Some(&applied()), &reading), Verdict::Use);

    let mut told_late = Reset::of(ResetKind::SecretWritten, at(T + 5_000));
    assert!(told_late.join(ResetKind::PasswordReset, at(T)), "the reset is news");
    assert_eq!(told_late.latest, at(T), "the version in between is not older than the reset");
    let mut twice = written();
    assert!(!twice.join(ResetKind::SecretWritten, at(T + 5)), "nor is a second write a reset");
    assert!(twice.join(ResetKind::PasswordReset, at(T - 60)), "as a reset is, however early");
    assert_eq!(twice, Reset::of(ResetKind::PasswordReset, at(T - 60)));
    assert_eq!(ask(&told_late, Some(&applied()), &reading), Verdict::Use);
}

#[test]
fn an_old_secret_does_not_become_the_new_one_by_being_told_of() {
    let ask = |reset: &Reset| ask(reset, None, &reading(1, T - 601, "a", "b"));
    assert_eq!(ask(&written()), Verdict::NothingToDo);
    assert_eq!(ask(&password_reset()), predates(1, T - 601));
    let fresh = reading(1, T - 600, "a", "b");
    assert_eq!(self::ask(&written(), None, &fresh), Verdict::Use);
}

#[test]
fn an_announced_version_is_waited_for_until_it_is_shown() {
    for mut reset in [written(), password_reset()] {
        reset.announce(Some(SecretVersion(8)));
        reset.announce(Some(SecretVersion(7)));
        reset.announce(None);
        let behind = Waiting::Announced { version: SecretVersion(8), shown: SecretVersion(7) };
        let shown = |version| ask(&reset, Some(&applied()), &reading(version, T, "new", "new"));
        assert_eq!(shown(7), Verdict::Wait(behind.clone()));
        assert_eq!(shown(8), Verdict::Use);
        assert_eq!(shown(9), Verdict::Use);
        let text = "version 8 was announced, Vault still shows version 7";
        assert_eq!(behind.to_string(), text);
    }
}

/// Version 7, chosen for the reset at `T` and written ten seconds after it.
fn chosen() -> Chosen {
    let Reading::Complete { version, written_at, fingerprints } =
        reading(7, T + 10, "second", "tok2")
    else {
        unreachable!("it is complete")
    };
    Chosen { version, written_at, fingerprints }
}

fn ask_again(kind: ResetKind, needs_token: bool, reading: &Reading) -> Verdict {
    let superseded = Superseded::since(None, Some(chosen()), kind, at(T + 30));
    let mut reset = password_reset();
    reset.join(kind, at(T + 30));
    let question = Question {
        reset: &reset,
        needs_token,
        applied: Some(&applied()),
        rejected: None,
        superseded: superseded.as_ref(),
        current: Current::None,
        grace: GRACE,
    };
    decide(&question, reading)
}

#[test]
fn what_was_chosen_for_an_earlier_reset_is_dead_after_a_later_one_although_the_grace_covers_both() {
    let again = |reading| ask_again(ResetKind::PasswordReset, true, &reading);
    assert_eq!(again(reading(7, T + 10, "second", "tok2")), predates(7, T + 10));
    let since = SecretVersion(7);
    let waits = |half| Verdict::Wait(Waiting::HalfWritten { half, since });
    assert_eq!(again(reading(8, T + 40, "third", "tok2")), waits(Half::SecurityToken));
    assert_eq!(again(reading(8, T + 40, "second", "tok3")), waits(Half::Password));
    assert_eq!(again(reading(8, T + 40, "third", "tok3")), Verdict::Use);

    let token = |reading| ask_again(ResetKind::TokenReset, true, &reading);
    assert_eq!(token(reading(8, T + 40, "second", "tok3")), Verdict::Use);
    let without_token = ask_again(ResetKind::TokenReset, false, &reading(7, T + 10, "second", ""));
    assert_eq!(without_token, Verdict::Use, "a token that is not needed kills nothing");
}

#[test]
fn only_a_later_reset_kills_what_was_chosen() {
    let since = |kind, at| Superseded::since(None, Some(chosen()), kind, at);
    assert_eq!(since(ResetKind::PasswordReset, at(T + 10)), None, "it was written after that");
    assert_eq!(since(ResetKind::SecretWritten, at(T + 30)), None, "a write is no reset");
    let first = since(ResetKind::TokenReset, at(T + 30));
    let kept = Superseded::since(first.clone(), None, ResetKind::SecretWritten, at(T + 40));
    assert_eq!(kept, first);
    let joined = Superseded::since(first, None, ResetKind::PasswordReset, at(T + 50)).unwrap();
    let both = Reset { token: true, ..Reset::of(ResetKind::PasswordReset, at(T + 50)) };
    assert_eq!(joined.by, both);
}

#[test]
fn a_served_secret_that_is_written_once_more_is_nothing_to_do() {
    let served = Applied { written_at: at(T), confirmed_at: at(T + 60), ..applied() };
    let again = reading(8, T + 90, "old", "old");
    assert_eq!(ask(&password_reset(), Some(&served), &again), Verdict::NothingToDo);
    assert_eq!(ask(&password_reset(), Some(&applied()), &again), half(Half::Password));
}
