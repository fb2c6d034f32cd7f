//! The transition table, and the invariants that it is there for.

mod announced;
mod story;

use std::collections::BTreeSet;
use std::fmt::Write;

use self::story::{
    Story, at, chosen, completed, connector, disabled, enabling, entries, found_disabled,
    integration, proved, proving, rejected, reset, states, stuck, stuck_at, unproven, update,
    updating, written,
};
use crate::domain::entry::{Entry, Outcome, Row};
use crate::domain::freshness::Waiting;
use crate::domain::phase::Phase;
use crate::domain::rotation::{IllegalEntry, Rotation};
use crate::domain::secret::SecretVersion;
use crate::domain::step::Step;

/// What may follow in each state and, where it may not, why: grouped by the answer.
fn table() -> String {
    let mut table = String::new();
    for (name, story) in states() {
        let rotation = story.fold();
        let mut answers = vec![("legal", Vec::new())];
        for (entry_name, entry) in entries() {
            let permitted = rotation.permits(&entry, at(900));
            let answer = permitted.map_or_else(|illegal| illegal.why, |()| "legal");
            match answers.iter_mut().find(|(known, _)| *known == answer) {
                Some((_, names)) => names.push(entry_name),
                None => answers.push((answer, vec![entry_name])),
            }
        }
        writeln!(table, "{name} ({})", Phase::of(&rotation)).unwrap();
        for (answer, names) in answers.iter().filter(|(_, names)| !names.is_empty()) {
            writeln!(table, "    {answer}").unwrap();
            for names in names.chunks(5) {
                writeln!(table, "        {}", names.join(", ")).unwrap();
            }
        }
    }
    table
}

/// The table's cells as sentences.
fn cells(table: &str) -> BTreeSet<String> {
    let (mut state, mut answer, mut cells) = ("", "", BTreeSet::new());
    for line in table.lines() {
        match line.len() - line.trim_start().len() {
            0 => state = line,
            4 => answer = line.trim(),
            _ => cells
                .extend(line.trim().split(", ").map(|entry| format!("{state}: {entry}: {answer}"))),
        }
    }
    cells
}

#[test]
fn the_transition_table_is_as_it_is_written_down() {
    let (expected, actual) = (include_str!("transitions.txt"), table());
    let (before, after) = (cells(expected), cells(&actual));
    let gone = before.difference(&after).map(|cell| format!("- {cell}"));
    let new = after.difference(&before).map(|cell| format!("+ {cell}"));
    let changed: Vec<String> = gone.chain(new).collect();
    assert!(expected == actual, "{}\n\nThe table is now:\n\n{actual}", changed.join("\n"));
    assert_eq!(after.len(), states().len() * entries().len());
}

#[test]
fn every_kind_of_entry_stands_in_the_table() {
    let entries = entries();
    let names: BTreeSet<&str> = entries.iter().map(|(_, entry)| entry.name()).collect();
    assert_eq!(names.len(), 26);
}

#[test]
fn a_refused_entry_leaves_the_state_as_it_was() {
    for (name, story) in states() {
        for (entry_name, entry) in entries() {
            let mut rotation = story.fold();
            let seq = rotation.last_seq + 1;
            let row = Row { seq, at: at(900), fence: None, entry };
            if rotation.apply(&row).is_err() {
                assert_eq!(rotation, story.fold(), "{name}: {entry_name}");
            }
        }
    }
}

#[test]
fn a_journal_begins_with_surfaces_and_an_event_and_has_no_gaps() {
    let rows = Story::confirmed().rows().to_vec();
    for missing in 0..rows.len() - 1 {
        let mut rows = rows.clone();
        rows.remove(missing);
        let refused = Rotation::replay(&rows).unwrap_err();
        assert!(refused.why.starts_with("entries are numbered"), "{missing}: {refused}");
    }
    assert!(Rotation::replay(&rows[..1]).is_err());
    let nothing = Story::nothing().and([Entry::Covers { surfaces: vec![] }, reset(100)]);
    assert_eq!(nothing.refusal().why, "a rotation covers at least one surface");
    let reversed = Story::nothing().and([reset(100), Entry::Covers { surfaces: vec![] }]);
    assert_eq!(reversed.refusal().why, "a journal begins with its surfaces and an event");
}

fn is_legal(story: &Story, entry: &Entry) -> bool {
    story.fold().permits(entry, at(900)).is_ok()
}

/// Invariant 2.
#[test]
fn nothing_is_written_before_every_connector_is_contained() {
    let is_written = |story: &Story| {
        let written = [integration(), connector("a"), connector("b")]
            .map(|surface| is_legal(story, &updating(surface, 7)));
        assert!(written == [true; 3] || written == [false; 3], "one rule for all: {written:?}");
        written[0]
    };
    let chosen_first = Story::begun().and([chosen(7, 100)]);
    assert!(!is_written(&chosen_first));
    let half = chosen_first.and(disabled("a"));
    assert!(!is_written(&half), "the other one may still log in");
    let announced = half.clone().and([Entry::Disabling { surface: connector("b") }]);
    assert!(!is_written(&announced), "what is announced has not happened");
    let whole = half.and([found_disabled("b")]);
    assert!(is_written(&whole));

    let switched_on = whole.clone().and([Entry::FoundEnabled { surface: connector("b") }]);
    assert!(!is_written(&switched_on));
    let gained = whole.clone().and([Entry::Covers { surfaces: vec![connector("c")] }]);
    assert!(!is_legal(&gained, &updating(integration(), 7)), "a connector that came later");
    let newer = whole.and([reset(500), chosen(7, 500)]);
    assert!(!is_written(&newer), "a newer reset needs another look");
}

/// Invariant 2, where the answer to an act was lost.
#[test]
fn what_may_have_been_enabled_with_another_secret_is_looked_at_before_anything_is_written() {
    let half = Story::updated().and([enabling("a", 7)]);
    let waiting = Entry::Waiting { reason: Waiting::Missing };
    for story in [half.clone().and([chosen(8, 100)]), half.and([waiting, chosen(8, 100)])] {
        assert!(!is_legal(&story, &updating(integration(), 8)));
        let seen = story.and([Entry::Contained { surface: connector("a"), by_us: true }]);
        assert!(is_legal(&seen, &updating(integration(), 8)));
    }
}

/// Invariant 3.
#[test]
fn only_what_is_ours_is_enabled_and_only_after_every_surface_is_updated() {
    let [ours, theirs] = ["a", "b"].map(|name| enabling(name, 7));
    let mut story = Story::contained().and([chosen(7, 100)]);
    for surface in [integration(), connector("b"), connector("a")] {
        assert!(!is_legal(&story, &ours), "{surface} is not updated");
        story = story.and([updating(surface.clone(), 7)]);
        assert!(!is_legal(&story, &ours), "{surface} is only announced");
        story = story.and(update(surface, 7));
    }
    assert!(is_legal(&story, &ours));
    assert!(!is_legal(&story, &theirs), "it was found disabled and stays so");
    assert!(!is_legal(&story, &enabling("a", 6)));
    assert!(!is_legal(&story, &Entry::Enabled { surface: connector("a") }), "not announced");

    let gained = story.clone().and([Entry::Covers { surfaces: vec![connector("c")] }]);
    assert!(!is_legal(&gained, &ours), "a connector that came later has the old secret");
    let newer = story.clone().and([reset(500)]);
    assert!(!is_legal(&newer, &ours));
    let ended = story.and([completed(Outcome::Unconfirmed)]);
    assert_eq!(ended.refusal().why, "nothing of ours is left disabled or half written");
}

/// Invariant 3, over a crash between the act and its record.
#[test]
fn what_we_disabled_stays_ours_until_it_is_seen_to_be_enabled() {
    let ours = |story: &Story| story.fold().left_disabled().count() == 1;
    let announced = Story::begun().and([Entry::Disabling { surface: connector("a") }]);
    assert!(ours(&announced));
    assert!(!is_legal(&announced, &found_disabled("a")), "we disabled it, it was not found so");
    let overtaken = Story::updated().and([enabling("a", 7), reset(500)]);
    assert!(ours(&overtaken));
    let enabled = overtaken.and([Entry::Enabled { surface: connector("a") }]);
    assert!(!ours(&enabled));
    let open: Vec<String> = enabled.fold().uncontained().map(ToString::to_string).collect();
    assert_eq!(open, ["connector:-/a", "connector:-/b"], "it is on, with a dead secret");
}

/// Invariant 4.
#[test]
fn a_version_older_than_the_newest_known_is_never_used() {
    let older = "a version older than the newest one known is never used";
    let known = Story::contained().and([chosen(7, 100), reset(500)]);
    assert_eq!(known.clone().and([chosen(6, 500)]).refusal(), IllegalEntry { why: older });
    assert_eq!(known.clone().and([written(6, 109, 500)]).refusal(), IllegalEntry { why: older });
    assert!(is_legal(&known, &chosen(7, 500)));
    assert!(is_legal(&known, &chosen(8, 500)));

    let newer = Story::updated().and([chosen(8, 100)]);
    for stale in [updating(integration(), 7), enabling("a", 7)] {
        assert!(!is_legal(&newer, &stale), "{stale}");
    }
    assert!(!is_legal(&newer, &enabling("a", 8)), "the surfaces hold 7");
    assert!(is_legal(&newer, &updating(integration(), 8)));
}

/// Invariant 4, where an equal number does not mean an equal secret.
#[test]
fn a_history_that_was_begun_anew_is_written_again() {
    let anew = Story::updated().and([written(7, 120, 100)]);
    assert!(!anew.fold().all_hold_secret());
    let lower = Story::updated().and([written(1, 120, 100)]);
    assert!(is_legal(&lower, &updating(integration(), 1)));
}

#[test]
fn a_decision_for_an_older_reset_is_refused_and_a_fact_is_not() {
    let newer = "a newer reset joined";
    let story = Story::contained().and([chosen(7, 100), updating(integration(), 7), reset(500)]);
    assert_eq!(story.clone().and([chosen(8, 100)]).refusal().why, newer);
    let done = Entry::Updated { surface: integration(), version: SecretVersion(7) };
    assert!(is_legal(&story, &done));
    let confirmed = Story::confirmed().and([reset(500), completed(Outcome::Confirmed)]);
    assert_eq!(confirmed.refusal().why, newer);
}

#[test]
fn a_refused_version_is_used_again_only_when_a_person_says_so() {
    let story = Story::refused();
    let again = chosen(7, 100);
    assert!(!is_legal(&story, &again));
    assert!(!is_legal(&story.clone().and([reset(500)]), &chosen(7, 500)), "nor for newer news");
    assert!(is_legal(&story, &chosen(8, 100)));
    let retried = Entry::Retried { by: "ann".to_owned() };
    assert!(is_legal(&story.and([stuck(), retried]), &again));
}

/// Invariant 5.
#[test]
fn a_version_has_one_login_at_salesforce_whatever_happens_after_it() {
    let spent = Story::contained().and([chosen(7, 100), proving(7)]);
    let retried = Entry::Retried { by: "ann".to_owned() };
    let waiting = Entry::Waiting { reason: Waiting::Missing };
    for after in [
        vec![],
        vec![proved(7)],
        vec![unproven(7)],
        vec![stuck(), retried.clone()],
        vec![waiting, chosen(7, 100)],
        vec![rejected(7), stuck(), retried, chosen(7, 100)],
    ] {
        let told = format!("{after:?}");
        let story = spent.clone().and(after);
        assert!(!is_legal(&story, &proving(7)), "{told}");
    }
    let news = spent.clone().and([reset(500), chosen(7, 500)]);
    assert!(!is_legal(&news, &proving(7)), "not even for newer news");
    assert!(is_legal(&spent.clone().and([chosen(8, 100)]), &proving(8)));
    assert!(is_legal(&spent.and([written(7, 120, 100)]), &proving(7)), "a history begun anew");
}

#[test]
fn what_a_spent_login_came_to_is_decided_before_anything_is_written() {
    let spent = Story::contained().and([chosen(7, 100), proving(7)]);
    assert!(!is_legal(&spent, &updating(integration(), 7)));
    for decided in [proved(7), unproven(7)] {
        assert!(is_legal(&spent.clone().and([decided]), &updating(integration(), 7)));
    }
    assert!(!is_legal(&spent.clone().and([rejected(7)]), &updating(integration(), 7)));
    let news = spent.and([proved(7), reset(500), chosen(7, 500)]);
    assert!(!is_legal(&news, &updating(integration(), 7)), "the login was before the newer reset");
}

#[test]
fn a_person_answers_for_a_version_only_after_its_login_was_seen_to_fail() {
    let retried = Entry::Retried { by: "ann".to_owned() };
    let chosen_7 = Story::contained().and([chosen(7, 100)]);
    let vouches = |story: Story| story.fold().is_vouched_for();
    assert!(!vouches(chosen_7.clone().and([stuck(), retried.clone()])));
    let refused = chosen_7.clone().and([proving(7), rejected(7), stuck(), retried.clone()]);
    assert!(vouches(refused.clone().and([chosen(7, 100)])));
    assert!(!vouches(refused.and([chosen(8, 100)])), "not for another version");
    let halted = chosen_7.and([proving(7), stuck_at(Step::Prove), retried.clone()]);
    assert!(vouches(halted));
    // Where no login was made yet, its answer is newer than whatever the person knew.
    let early =
        Story::contained().and([chosen(7, 100), stuck_at(Step::Prove), retried, proving(7)]);
    assert!(!vouches(early));
}

#[test]
fn nothing_ends_unseen() {
    let unconfirmed = completed(Outcome::Unconfirmed);
    let look = |surface| Entry::Unconfirmed { surface, shown: "an error".to_owned() };
    let mut story = Story::enabled();
    for surface in [integration(), connector("a"), connector("b")] {
        let refusal = story.clone().and([unconfirmed.clone()]).refusal();
        assert_eq!(refusal.why, "every surface is looked at first");
        story = story.and([look(surface)]);
    }
    assert!(is_legal(&story, &unconfirmed));
}

#[test]
fn where_something_was_written_there_was_something_to_do() {
    let nothing = completed(Outcome::NothingToDo);
    assert!(is_legal(&Story::begun(), &nothing));
    let written = Story::begun()
        .and(["a", "b"].map(found_disabled))
        .and([chosen(7, 100)])
        .and(update(integration(), 7))
        .and([Entry::Waiting { reason: Waiting::Missing }, nothing]);
    assert_eq!(written.refusal().why, "what was begun is brought to its end");
}
