//! What a rotation does next: a pure function of its state.

use std::time::Duration;

use crate::domain::entry::Outcome;
use crate::domain::proof::Prove;
use crate::domain::rotation::Rotation;
use crate::domain::secret::{Applied, SecretVersion};
use crate::domain::target::{Surface, Target};
use crate::domain::track::Standing;

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Disable these connectors where they are enabled. Where no secret is chosen yet, Vault is
    /// asked at the same time.
    Contain(Vec<Surface>),
    /// Ask Vault whether the new secret is there.
    AwaitSecret,
    /// Try the secret at Salesforce, or decide on what came of that.
    Prove(SecretVersion),
    /// Write the secret to this surface.
    Update(Surface, SecretVersion),
    /// Enable this connector.
    Enable(Surface, SecretVersion),
    /// Look in a fresh session whether every surface is well.
    Confirm,
    /// Record that it is over.
    Complete(Outcome),
    /// Nothing: it is over, or waits for a person.
    Rest,
}

impl Rotation {
    /// Decides what comes next. `applied` is what the last completed rotation of the target wrote.
    pub fn next(&self, target: &Target, applied: Option<&Applied>, grace: Duration) -> Next {
        match &self.standing {
            Standing::Stuck(_) if self.may_choose() => return Next::AwaitSecret,
            Standing::Stuck(_) | Standing::Completed(_) | Standing::Abandoned => return Next::Rest,
            Standing::Active => {}
        }
        if self.is_urgent(target, applied, grace) {
            let uncontained: Vec<Surface> = self.uncontained().cloned().collect();
            if !uncontained.is_empty() {
                return Next::Contain(uncontained);
            }
        }
        let Some(chosen) = &self.secret else { return Next::AwaitSecret };
        let version = chosen.version;
        if self.is_superseded() {
            return Next::AwaitSecret;
        }
        let covered = target.update_order().filter(|surface| self.tracks.contains_key(surface));
        // A surface that the configuration lost meanwhile is still brought to its end.
        let orphaned = self.tracks.keys().filter(|surface| !target.surfaces.contains(surface));
        let order: Vec<&Surface> = covered.chain(orphaned).collect();
        let lagging = |surface: &&&Surface| self.surface(surface).holds != Some(version);
        if let Some(surface) = order.iter().find(lagging) {
            let wants_proof = target.prove != Prove::Not || self.awaits_proof();
            if wants_proof && self.proof.is_none() {
                return Next::Prove(version);
            }
            return Next::Update((*surface).clone(), version);
        }
        if let Some(surface) = order.iter().find(|surface| self.surface(surface).ours) {
            return Next::Enable((*surface).clone(), version);
        }
        if self.tracks.values().any(|track| !track.confirmed) {
            return Next::Confirm;
        }
        Next::Complete(Outcome::Confirmed)
    }

    /// Whether connectors must be contained now: a login was reset and nothing that is applied is
    /// known to have worked since, or a new secret is about to be written.
    pub fn is_urgent(&self, target: &Target, applied: Option<&Applied>, grace: Duration) -> bool {
        self.must_contain
            || (self.reset.touches_login(target.needs_token)
                && !self.reset.already_served(applied, grace))
    }

    /// Whether the console was touched, or is about to be.
    pub fn has_begun(&self) -> bool {
        self.must_contain || self.tracks.values().any(|track| track.ours || track.holds.is_some())
    }
}
