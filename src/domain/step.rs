//! One thing that a rotation does to the world.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The steps of a rotation, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Disable every enabled connector.
    Contain,
    /// Wait for the new secret in Vault.
    AwaitSecret,
    /// Try the secret at Salesforce, once.
    Prove,
    /// Write the secret to a surface.
    Update,
    /// Enable what was disabled.
    Enable,
    /// Look, in a fresh console session, whether the errors are gone.
    Confirm,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Self; 6] =
        [Self::Contain, Self::AwaitSecret, Self::Prove, Self::Update, Self::Enable, Self::Confirm];

    /// The word that the journal, metrics and pages use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contain => "contain",
            Self::AwaitSecret => "await_secret",
            Self::Prove => "prove",
            Self::Update => "update",
            Self::Enable => "enable",
            Self::Confirm => "confirm",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
