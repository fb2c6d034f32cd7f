//! What the journal of a rotation can say. Entries outlive releases: fields are added, never
//! renamed or reused.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::event::ResetKind;
use crate::domain::fault::Fault;
use crate::domain::freshness::Waiting;
use crate::domain::ids::{EventId, SourceName};
use crate::domain::secret::{Fingerprints, SecretVersion};
use crate::domain::step::Step;
use crate::domain::target::Surface;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// The rotation covers these surfaces. The first entry of every journal; a later one adds
    /// surfaces that the target gained meanwhile.
    Covers {
        /// The surfaces.
        surfaces: Vec<Surface>,
    },
    /// A reset event began this rotation, or joined it.
    Admitted {
        /// The source that it came through.
        source: SourceName,
        /// The sender's id.
        event_id: EventId,
        /// Which reset.
        kind: ResetKind,
        /// When it happened.
        occurred_at: Timestamp,
        /// The version that Vault is said to hold, where the event says it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<SecretVersion>,
    },
    /// A worker took the rotation over from one whose lease had expired.
    TakenOver,
    /// A connector was found enabled and is about to be disabled: "disabled by us".
    Disabling {
        /// The connector.
        surface: Surface,
    },
    /// A connector was seen to be disabled.
    Contained {
        /// The connector.
        surface: Surface,
        /// Whether this rotation disabled it; otherwise it was found so and stays so.
        by_us: bool,
    },
    /// A contained connector was found enabled: somebody else switched it on.
    FoundEnabled {
        /// The connector.
        surface: Surface,
    },
    /// The new secret is not there yet.
    Waiting {
        /// Why.
        reason: Waiting,
    },
    /// Vault's current version is the new secret.
    SecretChosen {
        /// Its number.
        version: SecretVersion,
        /// When Vault took it.
        written_at: Timestamp,
        /// Keyed fingerprints of its fields.
        fingerprints: Fingerprints,
        /// The latest reset that the decision knew of.
        decided_for: Timestamp,
    },
    /// The secret is about to be tried at Salesforce. The one login that this version has is spent
    /// with this entry, whatever comes of it.
    Proving {
        /// The version.
        version: SecretVersion,
    },
    /// Salesforce took the secret.
    Proved {
        /// The version.
        version: SecretVersion,
    },
    /// The secret goes on without proof, because its one login is spent.
    Unproven {
        /// The version.
        version: SecretVersion,
        /// What came of that login.
        why: String,
    },
    /// Salesforce refused the secret.
    Rejected {
        /// The version.
        version: SecretVersion,
        /// What Salesforce said.
        said: String,
    },
    /// A surface is about to get the secret.
    Updating {
        /// The surface.
        surface: Surface,
        /// The version.
        version: SecretVersion,
    },
    /// A surface has taken the secret.
    Updated {
        /// The surface.
        surface: Surface,
        /// The version.
        version: SecretVersion,
    },
    /// A connector that this rotation disabled is about to be enabled.
    Enabling {
        /// The connector.
        surface: Surface,
        /// The version that it holds.
        version: SecretVersion,
    },
    /// The connector was seen to be enabled.
    Enabled {
        /// The connector.
        surface: Surface,
    },
    /// In a fresh session a surface was seen to be well.
    Confirmed {
        /// The surface.
        surface: Surface,
    },
    /// In a fresh session a surface was not well yet.
    Unconfirmed {
        /// The surface.
        surface: Surface,
        /// What the console shows.
        shown: String,
    },
    /// The console still shows a credential error after the deadline, for a secret that nobody
    /// proved: it counts as refused.
    Refused {
        /// The surface that shows it.
        surface: Surface,
        /// The version that it holds.
        version: SecretVersion,
        /// What the console shows.
        shown: String,
    },
    /// Something that a person should know and that does not stop the rotation.
    Warned {
        /// The surface that it is about.
        surface: Surface,
        /// What it is.
        message: String,
    },
    /// A step failed and is tried again.
    Deferred {
        /// The step.
        step: Step,
        /// The surface that it was about, where it was about one.
        surface: Option<Surface>,
        /// The class.
        fault: Fault,
        /// What happened, for a person.
        message: String,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// A person is needed.
    Stuck {
        /// The step that cannot go on.
        step: Step,
        /// The surface that it was about, where it was about one.
        surface: Option<Surface>,
        /// The class.
        fault: Fault,
        /// What a person needs to know, and what to do.
        message: String,
    },
    /// An operator set a stuck rotation going again.
    Retried {
        /// Who.
        by: String,
    },
    /// An operator said that Vault's current version is the new secret.
    UseCurrent {
        /// Who.
        by: String,
    },
    /// An operator gave the rotation up.
    Abandoned {
        /// Who.
        by: String,
    },
    /// Nothing is left to do.
    Completed {
        /// How it ended.
        outcome: Outcome,
        /// The latest reset that the decision knew of.
        decided_for: Timestamp,
    },
}

impl Entry {
    /// Whether it judges what Vault holds, and so is to be thought over once more has been told.
    pub const fn is_verdict(&self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::SecretChosen { .. } | Self::Completed { .. })
    }
}

/// How a rotation ended that was not abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every surface was seen to be well.
    Confirmed,
    /// Every surface holds the secret, and the console showed no credential error by the deadline,
    /// but not every surface was seen to be well.
    Unconfirmed,
    /// The surfaces held the secret already.
    NothingToDo,
}

/// An entry as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its number within the rotation, from 1, without gaps.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The fence of the lease under which a worker wrote it; `None` for intake and operators.
    pub fence: Option<u64>,
    /// What it says.
    #[serde(flatten)]
    pub entry: Entry,
}
