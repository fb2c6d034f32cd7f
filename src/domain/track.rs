//! What a rotation knows of its surfaces, its secret and its own standing.

use jiff::Timestamp;

use crate::domain::entry::Outcome;
use crate::domain::fault::Fault;
use crate::domain::secret::{Fingerprints, SecretVersion};
use crate::domain::step::Step;
use crate::domain::target::Surface;

/// The version that the surfaces are brought to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Its number.
    pub version: SecretVersion,
    /// When Vault took it.
    pub written_at: Timestamp,
    /// Fingerprints of its fields.
    pub fingerprints: Fingerprints,
}

/// What is known of the chosen secret besides what Vault says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Salesforce took it.
    Proven,
    /// Its one login is spent, and says nothing.
    Unproven,
}

/// Which step met a refusal, and what was said there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The step.
    pub step: Step,
    /// In whatever words.
    pub said: String,
}

/// Which version a person called the current one, so that it is the new one whatever its age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Current {
    /// None.
    #[default]
    None,
    /// Whichever Vault shows next.
    Any,
    /// The one that it showed then, and none that is written later.
    Only(SecretVersion, Timestamp),
}

impl Current {
    /// Whether it is this version.
    pub fn is(self, version: SecretVersion, written_at: Timestamp) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::Only(current, at) => (current, at) == (version, written_at),
        }
    }
}

/// What is known of one surface.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that the journal states alone")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Track {
    /// Seen to be disabled, since the latest news. Never true of Integration.
    pub contained: bool,
    /// Disabled by this rotation, or about to be: ours to enable.
    pub ours: bool,
    /// The version that it is about to get.
    pub updating: Option<SecretVersion>,
    /// The version that it took.
    pub holds: Option<SecretVersion>,
    /// About to be enabled.
    pub enabling: bool,
    /// Enabled by this rotation, and since when, so expected to be enabled.
    pub enabled: bool,
    /// Seen to be well with the chosen secret.
    pub confirmed: bool,
    /// What the console last showed instead.
    pub shown: Option<String>,
    /// The last warning about it.
    pub warned: Option<String>,
    /// Since when it is off because this rotation disabled it.
    pub off_since: Option<Timestamp>,
}

/// Why and where a rotation needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// The step that cannot go on.
    pub step: Step,
    /// The surface that it is about.
    pub surface: Option<Surface>,
    /// The class.
    pub fault: Fault,
    /// What a person needs to know.
    pub message: String,
}

/// Whether anything is left to do, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The program goes on by itself.
    Active,
    /// A person is needed.
    Stuck(Stuck),
    /// It ended.
    Completed(Outcome),
    /// An operator gave it up.
    Abandoned,
}
