//! What the program counts and times, in the words of the domain.

use std::time::Duration;

use crate::domain::entry::Outcome;
use crate::domain::fault::Fault;
use crate::domain::ids::TargetName;
use crate::domain::step::Step;

/// What became of one delivery at the hooks listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryOutcome {
    /// Written down, and a rotation began or was joined.
    Accepted,
    /// Known already.
    Duplicate,
    /// Written down, about nobody that is configured.
    Unmatched,
    /// Authentic, and not about anything that a rotation follows from.
    Ignored,
    /// Not authenticated.
    Unauthenticated,
    /// Malformed, too large, of the wrong type or in the wrong method.
    Malformed,
    /// A mail that tells of no reset.
    PutAside,
    /// A mail that looks like Salesforce's and is not proven to be.
    Unproven,
    /// Over the source's rate.
    Throttled,
    /// It could not be written down.
    Unavailable,
}

impl DeliveryOutcome {
    /// The word for it, as a metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Unmatched => "unmatched",
            Self::Ignored => "ignored",
            Self::Unauthenticated => "unauthenticated",
            Self::Malformed => "malformed",
            Self::PutAside => "put_aside",
            Self::Unproven => "unproven",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Who refused a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusedBy {
    /// The CommuniGator console refused its own login.
    Console,
    /// Salesforce refused the secret, as the console shows it.
    Salesforce,
}

impl RefusedBy {
    /// The word for it, as a metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Salesforce => "salesforce",
        }
    }
}

/// Counts and times. No method may fail or wait.
pub trait Meter: Send + Sync {
    /// One delivery. `source` is a configured name, or `-` for an unknown one.
    fn delivery(&self, source: &str, outcome: DeliveryOutcome);

    /// Every connector of a target was contained, this long after the event was admitted.
    fn contained(&self, target: &TargetName, after: Duration);

    /// A rotation ended, this long after its secret was chosen; `None` where none was.
    fn completed(&self, target: &TargetName, outcome: Outcome, after_secret: Option<Duration>);

    /// A connector that was disabled is enabled again, after having been off this long.
    fn connector_off(&self, target: &TargetName, off: Duration);

    /// A step failed.
    fn step_failed(&self, step: Step, fault: Fault);

    /// A login was refused.
    fn login_refused(&self, by: RefusedBy);
}
