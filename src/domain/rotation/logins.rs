//! What the one proving login at Salesforce says of the chosen secret.

use crate::domain::rotation::{IllegalEntry, Rotation, require};
use crate::domain::secret::SecretVersion;
use crate::domain::step::Step;
use crate::domain::track::{Current, Proof, Refusal, Standing, Stuck};

impl Rotation {
    pub(super) fn proving(&mut self, version: SecretVersion) -> Result<(), IllegalEntry> {
        self.require_secret(version)?;
        let contained = self.uncontained().next().is_none();
        require(contained, "nothing is proved before every connector is contained")?;
        let spent = self.proof.is_some() || self.proving == self.newest_known;
        require(!spent, "a version has one login at Salesforce")?;
        self.proving = self.newest_known;
        // Whatever a person knew, this login's answer is newer.
        self.vouched = None;
        Ok(())
    }

    pub(super) fn decide_proof(
        &mut self,
        version: SecretVersion,
        proof: Proof,
    ) -> Result<(), IllegalEntry> {
        self.require_chosen(version)?;
        require(self.proof.is_none(), "what a login came to is decided once")?;
        self.proof = Some(proof);
        self.attempts = 0;
        Ok(())
    }

    pub(super) fn rejected(
        &mut self,
        version: SecretVersion,
        said: &str,
    ) -> Result<(), IllegalEntry> {
        self.require_chosen(version)?;
        require(self.proof.is_none(), "what a login came to is decided once")?;
        self.secret = None;
        self.rejected = Some(version);
        self.refusal = Some(Refusal { step: Step::Prove, said: said.to_owned() });
        self.current = Current::default();
        Ok(())
    }

    /// A person goes on in spite of whatever was refused, and answers for what goes on then.
    pub(super) fn forgive(&mut self) {
        let at_proof = |stuck: &Stuck| stuck.step == Step::Prove;
        let stopped = matches!(&self.standing, Standing::Stuck(stuck) if at_proof(stuck));
        if stopped || self.rejected.is_some() {
            self.vouched = self.newest_known;
        }
        self.rejected = None;
        self.refusal = None;
    }

    /// Whether the chosen secret's login at Salesforce is spent, and what came of it not decided.
    pub fn awaits_proof(&self) -> bool {
        self.proof.is_none() && self.proving.is_some() && self.proving == self.newest_known
    }

    /// Whether a person has seen what came of the chosen secret's login, and said to go on.
    pub fn is_vouched_for(&self) -> bool {
        self.vouched.is_some() && self.vouched == self.newest_known
    }
}
