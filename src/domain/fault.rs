//! The four classes of fault, and what each means for the step that met it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Into which class a failed step falls; the class decides what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// It had no effect and may go away: the same step again, later.
    Transient,
    /// No answer that says whether it happened: observe, then decide.
    Indeterminate,
    /// It will not go away by itself: stuck, a person is told.
    Permanent,
    /// A login was refused: stuck, and nothing logs in again until a person or a newer secret says so.
    Rejected,
}

impl Fault {
    /// Whether the same step may be tried again without a person.
    pub const fn may_retry(self) -> bool {
        match self {
            Self::Transient | Self::Indeterminate => true,
            Self::Permanent | Self::Rejected => false,
        }
    }

    /// The word that the journal, metrics and pages use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Indeterminate => "indeterminate",
            Self::Permanent => "permanent",
            Self::Rejected => "rejected",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error and all its sources in one line, for the one place that logs or records it.
pub fn error_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries repeat their source in their own message.
        if !line.ends_with(&cause_text) {
            line.push_str(": ");
            line.push_str(&cause_text);
        }
        source = cause.source();
    }
    line
}
