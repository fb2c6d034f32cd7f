//! Journal entries in words, for people who read logs, the command line and the page.

use std::fmt;

use crate::domain::entry::{Entry, Outcome};

impl Entry {
    /// The entry's name, as the journal writes it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Covers { .. } => "covers",
            Self::Admitted { .. } => "admitted",
            Self::TakenOver => "taken_over",
            Self::Disabling { .. } => "disabling",
            Self::Contained { .. } => "contained",
            Self::FoundEnabled { .. } => "found_enabled",
            Self::Waiting { .. } => "waiting",
            Self::SecretChosen { .. } => "secret_chosen",
            Self::Proving { .. } => "proving",
            Self::Proved { .. } => "proved",
            Self::Unproven { .. } => "unproven",
            Self::Rejected { .. } => "rejected",
            Self::Updating { .. } => "updating",
            Self::Updated { .. } => "updated",
            Self::Enabling { .. } => "enabling",
            Self::Enabled { .. } => "enabled",
            Self::Confirmed { .. } => "confirmed",
            Self::Unconfirmed { .. } => "unconfirmed",
            Self::Refused { .. } => "refused",
            Self::Warned { .. } => "warned",
            Self::Deferred { .. } => "deferred",
            Self::Stuck { .. } => "stuck",
            Self::Retried { .. } => "retried",
            Self::UseCurrent { .. } => "use_current",
            Self::Abandoned { .. } => "abandoned",
            Self::Completed { .. } => "completed",
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Covers { surfaces } => {
                let names: Vec<String> = surfaces.iter().map(ToString::to_string).collect();
                write!(f, "covers {}", names.join(", "))
            }
            Self::Admitted { source, kind, occurred_at, .. } => {
                write!(f, "{} at {occurred_at}, told by {source}", kind.as_str())
            }
            Self::TakenOver => f.write_str("taken over from a worker that died"),
            Self::Disabling { surface } => write!(f, "disabling {surface}"),
            Self::Contained { surface, by_us: true } => write!(f, "{surface} is disabled by us"),
            Self::Contained { surface, by_us: false } => {
                write!(f, "{surface} was found disabled and stays so")
            }
            Self::FoundEnabled { surface } => {
                write!(f, "{surface} was enabled by somebody else meanwhile")
            }
            Self::Waiting { reason } => write!(f, "waiting for the secret: {reason}"),
            Self::SecretChosen { version, .. } => write!(f, "version {version} is the new secret"),
            Self::Proving { version } => write!(f, "trying version {version} at Salesforce, once"),
            Self::Proved { version } => write!(f, "Salesforce took version {version}"),
            Self::Unproven { version, why } => {
                write!(f, "version {version} goes on without proof: {why}")
            }
            Self::Rejected { version, said } => {
                write!(f, "version {version} was refused: {said}")
            }
            Self::Updating { surface, version } => {
                write!(f, "writing version {version} to {surface}")
            }
            Self::Updated { surface, version } => write!(f, "{surface} holds version {version}"),
            Self::Enabling { surface, .. } => write!(f, "enabling {surface}"),
            Self::Enabled { surface } => write!(f, "{surface} is enabled again"),
            Self::Confirmed { surface } => write!(f, "{surface} is well"),
            Self::Unconfirmed { surface, shown } => write!(f, "{surface} is not well yet: {shown}"),
            Self::Refused { surface, version, shown } => {
                write!(f, "{surface} was refused with version {version}: {shown}")
            }
            Self::Warned { surface, message } => write!(f, "{surface}: {message}"),
            Self::Deferred { step, fault, message, retry_at, .. } => {
                write!(f, "{step} failed ({fault}), tried again at {retry_at}: {message}")
            }
            Self::Stuck { step, fault, message, .. } => {
                write!(f, "stuck at {step} ({fault}): {message}")
            }
            Self::Retried { by } => write!(f, "{by} said: retry"),
            Self::UseCurrent { by } => write!(f, "{by} said: use the current secret"),
            Self::Abandoned { by } => write!(f, "{by} said: abandon"),
            Self::Completed { outcome, .. } => f.write_str(match outcome {
                Outcome::Confirmed => "completed, everything confirmed",
                Outcome::Unconfirmed => "completed, not everything confirmed",
                Outcome::NothingToDo => "completed, nothing had to be done",
            }),
        }
    }
}
