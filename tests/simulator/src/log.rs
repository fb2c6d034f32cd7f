//! The log of every console request, in order.

use std::fmt;

use jiff::Timestamp;

use crate::console::surface::State;

/// Something that a request changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A connector was given a state.
    State {
        /// The instance's name.
        instance: String,
        /// The connector's name.
        connector: String,
        /// The state that it has now.
        to: State,
    },
    /// A connector's data source was saved.
    DataSource {
        /// The instance's name.
        instance: String,
        /// The connector's name.
        connector: String,
        /// The labels of the fields that are not what they were.
        fields: Vec<String>,
    },
    /// An instance's Security tab was saved.
    Security {
        /// The instance's name.
        instance: String,
        /// The labels of the fields that are not what they were.
        fields: Vec<String>,
    },
    /// The SDK was tested from the Security tab, which nobody asked for.
    SdkTested {
        /// The instance's name.
        instance: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State { instance, connector, to } => write!(f, "{instance}: {connector}: {to}"),
            Self::DataSource { instance, connector, fields } => {
                write!(f, "{instance}: {connector}: saved, changed {}", listed(fields))
            }
            Self::Security { instance, fields } => {
                write!(f, "{instance}: Security: saved, changed {}", listed(fields))
            }
            Self::SdkTested { instance } => write!(f, "{instance}: SDK tested"),
        }
    }
}

fn listed(fields: &[String]) -> String {
    if fields.is_empty() { "nothing".to_owned() } else { fields.join(", ") }
}

/// One request to the console. It never holds what was typed.
#[derive(Debug, Clone)]
pub struct ConsoleRequest {
    /// The request's number, from 1; what [`crate::Match::nth`] counts.
    pub number: u64,
    /// When it arrived, among everything that happened in the world, Salesforce logins included.
    pub arrived: u64,
    /// When it had been handled, in the same order; zero before. A change took effect between the
    /// two, right before this one.
    pub done: u64,
    /// When it arrived, by the machine's clock.
    pub at: Timestamp,
    /// A name that is the same in every skin: `GET connector` for looking at a page, `POST
    /// change-state` for submitting its form, whatever HTTP method the skin uses for it. A request
    /// that cannot be understood is `GET unknown` or `POST unknown`.
    pub name: String,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The console session, numbered from 1; `None` before there is one.
    pub session: Option<u32>,
    /// The console user that is logged in there.
    pub user: Option<String>,
    /// The client's `User-Agent`, to tell drivers apart.
    pub driver: Option<String>,
    /// What it changed; empty for most.
    pub changes: Vec<Change>,
    /// The HTTP status that was answered, or would have been if the connection had not been
    /// dropped after the effect. Zero while the request is being handled, and when the connection
    /// was dropped before any.
    pub status: u16,
    /// The faults that were applied to it.
    pub faults: Vec<crate::faults::Fault>,
}

impl ConsoleRequest {
    /// Whether it changed a connector or Integration, or tried the SDK.
    pub fn is_write(&self) -> bool {
        !self.changes.is_empty()
    }
}
