//! Journals in words: a target with the connectors `a` and `b` and an Integration, whose password
//! was reset at second 100.

use jiff::Timestamp;

use crate::domain::entry::{Entry, Outcome, Row};
use crate::domain::event::ResetKind;
use crate::domain::fault::Fault;
use crate::domain::freshness::Waiting;
use crate::domain::ids::{EventId, SourceName};
use crate::domain::rotation::{IllegalEntry, Rotation};
use crate::domain::secret::{
    FingerprintKey, Fingerprints, SalesforceSecret, SecretText, SecretVersion,
};
use crate::domain::step::Step;
use crate::domain::target::Surface;

/// A journal that is being told.
#[derive(Debug, Clone)]
pub(super) struct Story(Vec<Row>);

impl Story {
    /// No journal yet.
    pub(super) fn nothing() -> Self {
        Self(Vec::new())
    }

    /// The beginning of a journal.
    pub(super) fn begun() -> Self {
        let surfaces = vec![connector("a"), connector("b"), integration()];
        Self::nothing().and([Entry::Covers { surfaces }, reset(100)])
    }

    /// The journal with these entries after it.
    pub(super) fn and(mut self, entries: impl IntoIterator<Item = Entry>) -> Self {
        for entry in entries {
            let seq = u64::try_from(self.0.len()).unwrap() + 1;
            self.0.push(Row { seq, at: at(100 + i64::try_from(seq).unwrap()), fence: None, entry });
        }
        self
    }

    /// The state that it comes to.
    pub(super) fn fold(&self) -> Rotation {
        Rotation::replay(&self.0).unwrap()
    }

    /// Why it cannot be so.
    pub(super) fn refusal(&self) -> IllegalEntry {
        Rotation::replay(&self.0).unwrap_err()
    }

    /// Its rows.
    pub(super) fn rows(&self) -> &[Row] {
        &self.0
    }

    /// Both connectors contained: `a` by us, `b` was found so.
    pub(super) fn contained() -> Self {
        Self::begun().and(disabled("a")).and([found_disabled("b")])
    }

    /// Version 7 chosen, and in every surface.
    pub(super) fn updated() -> Self {
        let surfaces = [integration(), connector("a"), connector("b")];
        Self::contained().and([chosen(7, 100)]).and(surfaces.into_iter().flat_map(|s| update(s, 7)))
    }

    /// What we disabled is enabled again.
    pub(super) fn enabled() -> Self {
        let surface = connector("a");
        Self::updated().and([enabling("a", 7), Entry::Enabled { surface }])
    }

    /// Every surface was seen to be well.
    pub(super) fn confirmed() -> Self {
        let surfaces = [integration(), connector("a"), connector("b")];
        Self::enabled().and(surfaces.map(|surface| Entry::Confirmed { surface }))
    }

    /// The console refused version 7.
    pub(super) fn refused() -> Self {
        Self::enabled().and([refused()])
    }
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn connector(name: &str) -> Surface {
    Surface::Connector { instance: None, name: name.to_owned() }
}

pub(super) fn integration() -> Surface {
    Surface::Integration { instance: None }
}

/// A password reset at this second.
pub(super) fn reset(second: i64) -> Entry {
    Entry::Admitted {
        source: SourceName::parse("flow").unwrap(),
        event_id: EventId::parse("event").unwrap(),
        kind: ResetKind::PasswordReset,
        occurred_at: at(second),
        version: None,
    }
}

/// We disabled it.
pub(super) fn disabled(name: &str) -> [Entry; 2] {
    let surface = connector(name);
    let announced = Entry::Disabling { surface: surface.clone() };
    [announced, Entry::Contained { surface, by_us: true }]
}

/// It was disabled already.
pub(super) fn found_disabled(name: &str) -> Entry {
    Entry::Contained { surface: connector(name), by_us: false }
}

fn fingerprints() -> Fingerprints {
    let password = SecretText::new("password".to_owned());
    let secret = SalesforceSecret { password, security_token: None };
    FingerprintKey::new(vec![5; 32]).unwrap().fingerprints(&secret)
}

/// A version that was written at second 110, chosen for the reset at this second.
pub(super) fn chosen(version: u64, decided_for: i64) -> Entry {
    written(version, 110, decided_for)
}

/// A version that was written at one second, chosen for the reset at another.
pub(super) fn written(version: u64, written_at: i64, decided_for: i64) -> Entry {
    Entry::SecretChosen {
        version: SecretVersion(version),
        written_at: at(written_at),
        fingerprints: fingerprints(),
        decided_for: at(decided_for),
    }
}

/// The login of a version is announced, and with that spent.
pub(super) fn proving(version: u64) -> Entry {
    Entry::Proving { version: SecretVersion(version) }
}

/// Salesforce took a version.
pub(super) fn proved(version: u64) -> Entry {
    Entry::Proved { version: SecretVersion(version) }
}

/// The login of a version says nothing.
pub(super) fn unproven(version: u64) -> Entry {
    Entry::Unproven { version: SecretVersion(version), why: "no answer came".to_owned() }
}

/// Salesforce refused a version.
pub(super) fn rejected(version: u64) -> Entry {
    Entry::Rejected { version: SecretVersion(version), said: "INVALID_LOGIN".to_owned() }
}

pub(super) fn updating(surface: Surface, version: u64) -> Entry {
    Entry::Updating { surface, version: SecretVersion(version) }
}

/// Announced and done.
pub(super) fn update(surface: Surface, version: u64) -> [Entry; 2] {
    let done = Entry::Updated { surface: surface.clone(), version: SecretVersion(version) };
    [updating(surface, version), done]
}

pub(super) fn enabling(name: &str, version: u64) -> Entry {
    Entry::Enabling { surface: connector(name), version: SecretVersion(version) }
}

pub(super) fn refused() -> Entry {
    let shown = "Invalid login".to_owned();
    Entry::Refused { surface: integration(), version: SecretVersion(7), shown }
}

pub(super) fn stuck() -> Entry {
    stuck_at(Step::Contain)
}

pub(super) fn stuck_at(step: Step) -> Entry {
    Entry::Stuck {
        step,
        surface: None,
        fault: Fault::Permanent,
        message: "the console has changed".to_owned(),
    }
}

fn by() -> String {
    "ann".to_owned()
}

/// A completion for the reset at second 100.
pub(super) fn completed(outcome: Outcome) -> Entry {
    Entry::Completed { outcome, decided_for: at(100) }
}

/// The states of the table, in the order in which a rotation comes to them.
pub(super) fn states() -> Vec<(&'static str, Story)> {
    let chosen_7 = Story::contained().and([chosen(7, 100)]);
    let waiting = Entry::Waiting { reason: Waiting::Missing };
    let abandoned = Entry::Abandoned { by: by() };
    vec![
        ("begun", Story::begun()),
        ("disabling a", Story::begun().and([Entry::Disabling { surface: connector("a") }])),
        ("a disabled", Story::begun().and(disabled("a"))),
        ("a disabled, b found disabled", Story::contained()),
        ("waiting for the secret", Story::contained().and([waiting])),
        ("7 chosen before containment", Story::begun().and([chosen(7, 100)])),
        ("7 chosen", chosen_7.clone()),
        ("proving 7", chosen_7.clone().and([proving(7)])),
        ("7 proved", chosen_7.clone().and([proving(7), proved(7)])),
        ("7 unproven", chosen_7.clone().and([proving(7), unproven(7)])),
        ("7 rejected", chosen_7.clone().and([proving(7), rejected(7)])),
        ("8 chosen after 7 was proved", {
            chosen_7.clone().and([proving(7), proved(7), chosen(8, 100)])
        }),
        ("updating i", chosen_7.clone().and([updating(integration(), 7)])),
        ("i updated", chosen_7.clone().and(update(integration(), 7))),
        ("all updated", Story::updated()),
        ("all updated, b found enabled", {
            Story::updated().and([Entry::FoundEnabled { surface: connector("b") }])
        }),
        ("enabling a", Story::updated().and([enabling("a", 7)])),
        ("8 chosen while enabling a", { Story::updated().and([enabling("a", 7), chosen(8, 100)]) }),
        ("a enabled", Story::enabled()),
        ("all confirmed", Story::confirmed()),
        ("7 refused", Story::refused()),
        ("a newer reset while updating i", {
            chosen_7.and([updating(integration(), 7), reset(500)])
        }),
        ("a newer reset while enabling a", Story::updated().and([enabling("a", 7), reset(500)])),
        ("stuck before containment", Story::begun().and([stuck()])),
        ("stuck while updating i", {
            Story::contained().and([chosen(7, 100), updating(integration(), 7), stuck()])
        }),
        ("completed", Story::confirmed().and([completed(Outcome::Confirmed)])),
        ("abandoned", Story::contained().and([abandoned])),
    ]
}

/// The entries of the table, each kind with what tells its cases apart.
pub(super) fn entries() -> Vec<(&'static str, Entry)> {
    let (a, i) = (connector("a"), integration());
    let unknown = connector("elsewhere");
    let version = SecretVersion(7);
    let message = "something".to_owned();
    let fault = Fault::Transient;
    vec![
        ("covers c", Entry::Covers { surfaces: vec![connector("c")] }),
        ("admitted", reset(500)),
        ("taken_over", Entry::TakenOver),
        ("disabling a", Entry::Disabling { surface: a.clone() }),
        ("disabling i", Entry::Disabling { surface: i.clone() }),
        ("disabling elsewhere", Entry::Disabling { surface: unknown.clone() }),
        ("contained a by us", Entry::Contained { surface: a.clone(), by_us: true }),
        ("contained a as found", Entry::Contained { surface: a.clone(), by_us: false }),
        ("found_enabled a", Entry::FoundEnabled { surface: a.clone() }),
        ("waiting", Entry::Waiting { reason: Waiting::Missing }),
        ("secret_chosen 6", chosen(6, 100)),
        ("secret_chosen 7", chosen(7, 100)),
        ("secret_chosen 8", chosen(8, 100)),
        ("secret_chosen 8 for the newer reset", chosen(8, 500)),
        ("secret_chosen 1 of a new history", written(1, 120, 100)),
        ("proving 7", proving(7)),
        ("proving 8", proving(8)),
        ("proved 7", proved(7)),
        ("unproven 7", unproven(7)),
        ("rejected 7", rejected(7)),
        ("updating i 7", updating(i.clone(), 7)),
        ("updating a 7", updating(a.clone(), 7)),
        ("updating i 6", updating(i.clone(), 6)),
        ("updating elsewhere 7", updating(unknown, 7)),
        ("updated i 7", Entry::Updated { surface: i.clone(), version }),
        ("enabling a 7", enabling("a", 7)),
        ("enabling b 7", enabling("b", 7)),
        ("enabling a 6", enabling("a", 6)),
        ("enabled a", Entry::Enabled { surface: a.clone() }),
        ("confirmed a", Entry::Confirmed { surface: a.clone() }),
        ("unconfirmed i", Entry::Unconfirmed { surface: i.clone(), shown: message.clone() }),
        ("refused i 7", refused()),
        ("warned i", Entry::Warned { surface: i, message: message.clone() }),
        ("deferred", {
            let (step, retry_at) = (Step::Contain, at(900));
            Entry::Deferred { step, surface: Some(a), fault, message, retry_at }
        }),
        ("stuck", stuck()),
        ("retried", Entry::Retried { by: by() }),
        ("use_current", Entry::UseCurrent { by: by() }),
        ("abandoned", Entry::Abandoned { by: by() }),
        ("completed confirmed", completed(Outcome::Confirmed)),
        ("completed unconfirmed", completed(Outcome::Unconfirmed)),
        ("completed nothing_to_do", completed(Outcome::NothingToDo)),
    ]
}
