//! What the journal says, in sentences for a person.

use crate::domain::entry::{Entry, Outcome, Row};
use crate::domain::phase::Phase;
use crate::domain::rotation::Rotation;
use crate::domain::secret::SecretVersion;
use crate::domain::target::Surface;
use crate::domain::track::Standing;
use crate::operator::standing::Stand;
use crate::operator::view::{RowView, StuckView};

/// A row without anything that was derived from a secret.
pub(super) fn row(row: &Row) -> RowView {
    let (surface, version) = about(&row.entry);
    RowView {
        seq: row.seq,
        at: row.at,
        fence: row.fence,
        entry: word(&row.entry).to_owned(),
        surface: surface.map(ToString::to_string),
        version,
        sentence: sentence(&row.entry),
    }
}

/// Why a person is needed, where one is.
pub(super) fn stuck(rotation: &Rotation) -> Option<StuckView> {
    let Standing::Stuck(stuck) = &rotation.standing else { return None };
    Some(StuckView {
        step: stuck.step,
        surface: stuck.surface.as_ref().map(ToString::to_string),
        fault: stuck.fault,
        message: stuck.message.clone(),
    })
}

/// What a rotation waits for; `None` once it is over. A step that failed and will be tried again
/// is what it waits for before anything else.
pub(super) fn waits_for(stand: &Stand, rows: &[Row]) -> Option<String> {
    let waits = of_phase(stand)?;
    match rows.last().map(|row| &row.entry) {
        Some(Entry::Deferred { step, message, retry_at, .. }) => {
            Some(format!("another try to {step} at {retry_at}, because {message}"))
        }
        Some(_) | None => Some(waits),
    }
}

fn of_phase(stand: &Stand) -> Option<String> {
    let rotation = &stand.rotation;
    match stand.phase {
        Phase::Containing => Some(format!("{} to be disabled", listed(rotation.uncontained()))),
        Phase::AwaitingSecret => Some(match &rotation.waiting {
            Some(reason) => format!("the new secret: {reason}"),
            None => "Vault to be asked for the new secret".to_owned(),
        }),
        Phase::Updating => {
            let version = rotation.secret.as_ref()?.version;
            let lagging = rotation.tracks.iter().filter(|(_, t)| t.holds != Some(version));
            let lagging = listed(lagging.map(|(surface, _)| surface));
            Some(format!("{lagging} to take version {version}"))
        }
        Phase::Enabling => Some(format!("{} to be enabled", listed(rotation.left_disabled()))),
        Phase::Confirming => Some(confirming(rotation)),
        Phase::Stuck => stuck(rotation).map(|stuck| format!("a person: {}", stuck.message)),
        Phase::Confirmed | Phase::Unconfirmed | Phase::NothingToDo | Phase::Abandoned => None,
    }
}

fn confirming(rotation: &Rotation) -> String {
    let open = || rotation.tracks.iter().filter(|(_, track)| !track.confirmed);
    let shown = open().find_map(|(surface, track)| Some((surface, track.shown.as_ref()?)));
    match shown {
        _ if open().next().is_none() => {
            "the connectors to have logged in: nobody has tried the secret, and no error is shown so far"
                .to_owned()
        }
        Some((surface, shown)) => format!("the console to stop showing \"{shown}\" at {surface}"),
        None => format!("the console to show {} well", listed(open().map(|(surface, _)| surface))),
    }
}

fn listed<'a>(surfaces: impl Iterator<Item = &'a Surface>) -> String {
    const SHOWN: usize = 3;
    let all: Vec<String> = surfaces.map(ToString::to_string).collect();
    let first = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// The journal's word for an entry, as its stored form has it.
const fn word(entry: &Entry) -> &'static str {
    match entry {
        Entry::Covers { .. } => "covers",
        Entry::Admitted { .. } => "admitted",
        Entry::TakenOver => "taken_over",
        Entry::Disabling { .. } => "disabling",
        Entry::Contained { .. } => "contained",
        Entry::FoundEnabled { .. } => "found_enabled",
        Entry::Waiting { .. } => "waiting",
        Entry::SecretChosen { .. } => "secret_chosen",
        Entry::Proving { .. } => "proving",
        Entry::Proved { .. } => "proved",
        Entry::Unproven { .. } => "unproven",
        Entry::Rejected { .. } => "rejected",
        Entry::Updating { .. } => "updating",
        Entry::Updated { .. } => "updated",
        Entry::Enabling { .. } => "enabling",
        Entry::Enabled { .. } => "enabled",
        Entry::Confirmed { .. } => "confirmed",
        Entry::Unconfirmed { .. } => "unconfirmed",
        Entry::Refused { .. } => "refused",
        Entry::Warned { .. } => "warned",
        Entry::Deferred { .. } => "deferred",
        Entry::Stuck { .. } => "stuck",
        Entry::Retried { .. } => "retried",
        Entry::UseCurrent { .. } => "use_current",
        Entry::Abandoned { .. } => "abandoned",
        Entry::Completed { .. } => "completed",
    }
}

fn about(entry: &Entry) -> (Option<&Surface>, Option<SecretVersion>) {
    match entry {
        Entry::Disabling { surface }
        | Entry::Contained { surface, .. }
        | Entry::FoundEnabled { surface }
        | Entry::Enabled { surface }
        | Entry::Confirmed { surface }
        | Entry::Unconfirmed { surface, .. }
        | Entry::Warned { surface, .. } => (Some(surface), None),
        Entry::Updating { surface, version }
        | Entry::Updated { surface, version }
        | Entry::Enabling { surface, version }
        | Entry::Refused { surface, version, .. } => (Some(surface), Some(*version)),
        Entry::SecretChosen { version, .. }
        | Entry::Proving { version }
        | Entry::Proved { version }
        | Entry::Unproven { version, .. }
        | Entry::Rejected { version, .. } => (None, Some(*version)),
        Entry::Deferred { surface, .. } | Entry::Stuck { surface, .. } => (surface.as_ref(), None),
        Entry::Covers { .. }
        | Entry::Admitted { .. }
        | Entry::TakenOver
        | Entry::Waiting { .. }
        | Entry::Retried { .. }
        | Entry::UseCurrent { .. }
        | Entry::Abandoned { .. }
        | Entry::Completed { .. } => (None, None),
    }
}

fn sentence(entry: &Entry) -> String {
    match entry {
        Entry::Covers { surfaces } => format!("covers {}", listed(surfaces.iter())),
        Entry::Admitted { source, kind, occurred_at, .. } => {
            format!("{source} told of a {} of {occurred_at}", kind.as_str().replace('_', " "))
        }
        Entry::TakenOver => "taken over from a worker that had stopped".to_owned(),
        Entry::Disabling { surface } => format!("disabling {surface}"),
        Entry::Contained { surface, by_us: true } => format!("{surface} is disabled"),
        Entry::Contained { surface, by_us: false } => {
            format!("{surface} was disabled already and stays so")
        }
        Entry::FoundEnabled { surface } => format!("somebody else enabled {surface}"),
        Entry::Waiting { reason } => format!("waiting for the new secret: {reason}"),
        Entry::SecretChosen { version, written_at, .. } => {
            format!("version {version}, written at {written_at}, is the new secret")
        }
        Entry::Proving { version } => format!("trying version {version} at Salesforce, once"),
        Entry::Proved { version } => format!("Salesforce took version {version}"),
        Entry::Unproven { version, why } => {
            format!("version {version} goes on without proof: {why}")
        }
        Entry::Rejected { version, said } => format!("version {version} was refused: {said}"),
        Entry::Updating { surface, version } => format!("writing version {version} to {surface}"),
        Entry::Updated { surface, version } => format!("{surface} took version {version}"),
        Entry::Enabling { surface, .. } => format!("enabling {surface}"),
        Entry::Enabled { surface } => format!("{surface} is enabled"),
        Entry::Confirmed { surface } => format!("{surface} is well"),
        Entry::Unconfirmed { surface, shown } => format!("{surface} still shows: {shown}"),
        Entry::Refused { surface, version, shown } => {
            format!("version {version} counts as refused, {surface} shows: {shown}")
        }
        Entry::Warned { surface, message } => format!("about {surface}: {message}"),
        Entry::Deferred { step, message, retry_at, .. } => {
            format!("could not {step}, trying again at {retry_at}: {message}")
        }
        Entry::Stuck { step, message, .. } => {
            format!("cannot {step} without a person: {message}")
        }
        Entry::Retried { by } => format!("{by} set it going again"),
        Entry::UseCurrent { by } => {
            format!("{by} said that Vault's current version is the new one")
        }
        Entry::Abandoned { by } => format!("{by} gave it up"),
        Entry::Completed { outcome, .. } => ended(*outcome).to_owned(),
    }
}

const fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed => "completed, and everything is well",
        Outcome::Unconfirmed => "completed, and not everything was seen to be well",
        Outcome::NothingToDo => "completed, as the surfaces hold the secret already",
    }
}
