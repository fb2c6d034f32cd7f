//! Why a walk stops: the session ended, or something that the caller has to know.

use crate::ports::console::{ConsoleError, Trouble};

/// A walk that stopped.
#[derive(Debug)]
pub(super) enum Halt {
    /// The login page came instead of the page that was asked for.
    LoggedOut,
    /// Anything else.
    Failed(ConsoleError),
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Self {
        Self::Failed(trouble.into())
    }
}

impl From<ConsoleError> for Halt {
    fn from(error: ConsoleError) -> Self {
        Self::Failed(error)
    }
}
