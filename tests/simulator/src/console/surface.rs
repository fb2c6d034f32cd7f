//! The two kinds of place that hold a Salesforce login: connectors and Integration.

use std::fmt;
use std::time::Duration;

use crate::console::form::Form;
use crate::salesforce::LoginOutcome;

/// A connector's state. The first two are the documented ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It logs in to Salesforce on its schedule, and refuses edits.
    Enabled,
    /// It does not log in, and can be edited.
    Disabled,
    /// Made up: a state that nobody documented. It neither logs in nor can be edited, and the console
    /// does not offer it.
    Paused,
}

impl State {
    pub(crate) const CHOICES: &'static [&'static str] = &["Enabled", "Disabled"];

    /// The word that the console shows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::Paused => "Paused",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Enabled, Self::Disabled].into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When a surface logs in by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// How often; `None` is only when asked to.
    pub(crate) period: Option<Duration>,
    /// When next, on the simulated clock.
    pub(crate) next: Duration,
}

/// A Data Sync connector.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) name: String,
    pub(crate) state: State,
    pub(crate) data_source: Form,
    pub(crate) last: LoginOutcome,
    pub(crate) due: Due,
}

/// A GatorMail instance: its connectors and its Integration settings.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) name: String,
    pub(crate) connectors: Vec<Connector>,
    pub(crate) security: Form,
    pub(crate) last: LoginOutcome,
    pub(crate) due: Due,
    /// A red error about something else, for example a queue item that Salesforce refused.
    pub(crate) other_error: Option<String>,
}

/// The red text for a sync whose login failed. The real wording is not published.
pub(crate) fn login_error(last: LoginOutcome) -> Option<String> {
    let why = match last {
        LoginOutcome::Success => return None,
        LoginOutcome::PasswordExpired => {
            "INVALID_OPERATION_WITH_EXPIRED_PASSWORD: The user's password has expired."
        }
        LoginOutcome::TokenRequired => {
            "LOGIN_MUST_USE_SECURITY_TOKEN: Invalid username, password, security token; or user \
             locked out."
        }
        LoginOutcome::InvalidPassword
        | LoginOutcome::PasswordLockout
        | LoginOutcome::UnknownUser => {
            "INVALID_LOGIN: Invalid username, password, security token; or user locked out."
        }
    };
    Some(format!("The connection to Salesforce has failed. {why}"))
}
