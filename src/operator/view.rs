//! What the API shows. These types are its contract, and the command line reads them back.
//!
//! They have no room for a fingerprint or a secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::audit::OperatorVerb;
use crate::domain::fault::Fault;
use crate::domain::ids::{AccountName, OrganizationId, RotationId, TargetName, Username};
use crate::domain::phase::Phase;
use crate::domain::secret::{Applied, SecretVersion};
use crate::domain::step::Step;
use crate::ports::journal::{AuditRow, RotationSummary};

/// Whether the program is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadinessView {
    /// Whether it is.
    pub ready: bool,
    /// What is not, by name.
    pub not_ready: Vec<String>,
}

/// The configured targets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetList {
    /// By name.
    pub targets: Vec<TargetView>,
}

/// One target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetView {
    /// Its name.
    pub name: TargetName,
    /// Its Salesforce organisation.
    pub organization: OrganizationId,
    /// Its Salesforce user name.
    pub username: Username,
    /// The console account that reaches its surfaces.
    pub account: AccountName,
    /// The places that hold the login, in text form.
    pub surfaces: Vec<String>,
    /// Its latest rotation; `None` where there never was one.
    pub rotation: Option<StandingView>,
    /// What its surfaces hold; `None` where no rotation was completed.
    pub applied: Option<AppliedView>,
}

/// Where a target's latest rotation stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingView {
    /// The rotation.
    pub id: RotationId,
    /// The phase.
    pub phase: Phase,
    /// Since when it is in that phase.
    pub since: Timestamp,
    /// What it waits for, in words; `None` once it is over.
    pub waits_for: Option<String>,
}

/// What the last completed rotation wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedView {
    /// The version of the secret in Vault.
    pub version: SecretVersion,
    /// When the console was last seen to be well with it; where it never was, when Vault took it.
    pub confirmed_at: Timestamp,
}

impl From<Applied> for AppliedView {
    fn from(applied: Applied) -> Self {
        Self { version: applied.version, confirmed_at: applied.confirmed_at }
    }
}

/// A page of rotations, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationList {
    /// The rotations.
    pub rotations: Vec<SummaryView>,
    /// The `before` of the next page; `None` on the last one.
    pub next_before: Option<RotationId>,
}

/// A rotation, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryView {
    /// Its id.
    pub id: RotationId,
    /// Its target.
    pub target: TargetName,
    /// Where it stands.
    pub phase: Phase,
    /// When its first event was admitted.
    pub admitted_at: Timestamp,
    /// When its journal last grew.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// When it is looked at next, where that is known.
    pub wakes_at: Option<Timestamp>,
}

impl From<RotationSummary> for SummaryView {
    fn from(summary: RotationSummary) -> Self {
        let RotationSummary { id, target, phase, admitted_at, updated_at, finished_at, wakes_at } =
            summary;
        Self { id, target, phase, admitted_at, updated_at, finished_at, wakes_at }
    }
}

/// One rotation with its journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationView {
    /// What lists show.
    #[serde(flatten)]
    pub summary: SummaryView,
    /// Since when it is in its phase.
    pub since: Timestamp,
    /// What it waits for, in words; `None` once it is over.
    pub waits_for: Option<String>,
    /// Why a person is needed, where one is.
    pub stuck: Option<StuckView>,
    /// The connectors that it disabled and has not enabled again.
    pub left_disabled: Vec<String>,
    /// Its journal, oldest first.
    pub journal: Vec<RowView>,
}

/// Why a rotation needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StuckView {
    /// The step that cannot go on.
    pub step: Step,
    /// The surface that it is about.
    pub surface: Option<String>,
    /// The class of the fault.
    pub fault: Fault,
    /// What a person needs to know, and what to do.
    pub message: String,
}

/// One row of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowView {
    /// Its number, from 1.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The fence of the worker's lease; `None` for intake and operators.
    pub fence: Option<u64>,
    /// What kind of entry it is, in the journal's word.
    pub entry: String,
    /// The surface that it is about.
    pub surface: Option<String>,
    /// The version of the secret that it is about.
    pub version: Option<SecretVersion>,
    /// What it says, for a person.
    pub sentence: String,
}

/// A page of what operators said, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditList {
    /// What they said.
    pub audit: Vec<AuditView>,
    /// The `before` of the next page; `None` on the last one.
    pub next_before: Option<u64>,
}

/// What an operator said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    /// Its number; later ones are greater.
    pub number: u64,
    /// When it was said.
    pub at: Timestamp,
    /// Who said it: the name of the token.
    pub by: String,
    /// What.
    pub verb: OperatorVerb,
    /// The target that it was about.
    pub target: TargetName,
    /// The rotation that it was about, or that it began or joined.
    pub rotation_id: RotationId,
}

impl From<AuditRow> for AuditView {
    fn from(row: AuditRow) -> Self {
        let AuditRow { number, at, by, verb, target, rotation } = row;
        Self { number, at, by, verb, target, rotation_id: rotation }
    }
}

/// A verb that was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The rotation that it is about, or that it began or joined.
    pub rotation_id: RotationId,
}
