//! Where a secret that came by mail is put: one field of a secret that is there already.

use async_trait::async_trait;

use crate::domain::secret::{SecretLocation, SecretText, SecretVersion};
use crate::ports::secret_store::SecretTrouble;

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteTrouble {
    /// There is another version than the one that was looked at; nothing was written.
    #[error("somebody else wrote first")]
    Moved,
    /// There is no readable version that could be patched.
    #[error("there is no secret to patch")]
    NothingThere,
    /// Anything that can befall a read as well.
    #[error(transparent)]
    Store(#[from] SecretTrouble),
}

/// A failed write. It never carries the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("writing {location}: {trouble}")]
pub struct SecretWriteError {
    /// What was to be written.
    pub location: SecretLocation,
    /// What went wrong.
    pub trouble: WriteTrouble,
}

/// Writes one field of a versioned secret.
#[async_trait]
pub trait SecretWriter: Send + Sync {
    /// Makes a new version in which this one field has this text, if `current` is still the
    /// current version. Every other field stays as it is, without having been read.
    async fn patch_field(
        &self,
        location: &SecretLocation,
        field: &str,
        text: &SecretText,
        current: SecretVersion,
    ) -> Result<SecretVersion, SecretWriteError>;
}
