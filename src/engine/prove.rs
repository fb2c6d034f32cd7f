//! The step "prove": one login at Salesforce, spent before it leaves, decided on from the store.
//!
//! Each version of a target's secret has one login, ever. A login that was spent and says nothing
//! (its answer was lost, its process died, Salesforce had no time for it) is not repeated; the
//! secret then goes on without proof, as it does for a target that proves nothing. Stopping there
//! instead would leave the connectors off and Integration bleeding for want of an answer, though
//! nothing speaks against the secret; going on leaves the decision to the console, which shows a
//! credential error where the secret is wrong, and then a secret without proof counts as refused.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::entry::Entry;
use crate::domain::fault::Fault;
use crate::domain::proof::{ProofKey, ProofOutcome, ProofVerdict, SpentProof};
use crate::domain::secret::SecretVersion;
use crate::domain::step::Step;
use crate::engine::drive::{Drive, DriveError, Turn};
use crate::ports::journal::JournalError;
use crate::ports::meter::RefusedBy;

/// How long Salesforce takes no login of a user who has had too many of them, CommuniGator's
/// included (<https://help.salesforce.com/s/articleView?id=000381578>).
const RATE_PAUSE: Duration = Duration::from_hours(1);

impl Drive<'_> {
    /// Logs in once with the chosen secret, or decides on what came of that login before.
    pub(in crate::engine) async fn prove(
        &mut self,
        version: SecretVersion,
    ) -> Result<Turn, DriveError> {
        let Some(chosen) = &self.rotation.secret else { return Ok(Turn::Go) };
        let (target, written_at) = (self.target.name.clone(), chosen.written_at);
        let key = ProofKey { target, version, written_at };
        let journal = &*self.world.journal;
        if let Some(spent) = journal.proof(&key).await? {
            let spent = self.world.untold.complete(journal, &key, spent).await;
            return self.decide(version, &spent).await;
        }
        if let Some(turn) = self.make_way_for_newer(version).await? {
            return Ok(turn);
        }
        let secret = match self.chosen_secret(version, Step::Prove).await? {
            Ok(secret) => secret,
            Err(turn) => return Ok(turn),
        };
        // A connector that logs in beside it would spend the user's failed logins as well.
        if let Some(turn) = self.recheck_containment(Step::Prove).await? {
            return Ok(turn);
        }
        let login = match self.world.probe.prepare(&self.target).await {
            Ok(login) => login,
            Err(error) => return self.fail(Step::Prove, None, &error.into()).await,
        };
        match self.record(Entry::Proving { version }).await {
            Ok(true) => {}
            // Where the login is spent, the next turn finds what came of it.
            Ok(false) | Err(DriveError::Journal(JournalError::Spent)) => return Ok(Turn::Go),
            Err(error) => return Err(error),
        }
        let at = self.world.clock.now();
        let outcome = login.login(&secret).await;
        self.world.untold.outcome(&*self.world.journal, &key, &outcome).await;
        if outcome.verdict() == ProofVerdict::Refused {
            self.world.meter.login_refused(RefusedBy::Salesforce);
        }
        self.decide(version, &SpentProof { at, outcome: Some(outcome) }).await
    }

    /// Decides on a login that is spent.
    async fn decide(
        &mut self,
        version: SecretVersion,
        spent: &SpentProof,
    ) -> Result<Turn, DriveError> {
        let Some(outcome) = &spent.outcome else {
            let at = spent.at;
            let why = format!("its one login, of {at}, was cut off before an answer was kept");
            return self.go_on_unproven(version, why).await;
        };
        let verdict = outcome.verdict();
        if self.rotation.is_vouched_for()
            && matches!(verdict, ProofVerdict::Refused | ProofVerdict::Halted)
        {
            let why = format!("a person said so, although {outcome}");
            return self.go_on_unproven(version, why).await;
        }
        match verdict {
            ProofVerdict::Proven if self.is_of_this_reset(spent.at) => {
                self.record(Entry::Proved { version }).await?;
                Ok(Turn::Go)
            }
            ProofVerdict::Proven => {
                let why = format!("its one login, of {}, was before this reset", spent.at);
                self.go_on_unproven(version, why).await
            }
            ProofVerdict::Refused => {
                self.record(Entry::Rejected { version, said: outcome.to_string() }).await?;
                self.secret = None;
                Ok(Turn::Go)
            }
            ProofVerdict::Halted => {
                let message = format!(
                    "{outcome}. Then retry: version {version} is not tried again, and goes on \
                     without proof"
                );
                self.world.meter.step_failed(Step::Prove, Fault::Permanent);
                self.stuck(Step::Prove, None, Fault::Permanent, message).await
            }
            ProofVerdict::Later => self.wait_out(version, spent.at, outcome).await,
            ProofVerdict::Unknown => self.go_on_unproven(version, outcome.to_string()).await,
        }
    }

    /// CommuniGator's own logins would fail as well until the hour is over, and its errors would
    /// be taken for those of a wrong secret.
    async fn wait_out(
        &mut self,
        version: SecretVersion,
        since: Timestamp,
        outcome: &ProofOutcome,
    ) -> Result<Turn, DriveError> {
        let retry_at = since.saturating_add(RATE_PAUSE).unwrap_or(Timestamp::MAX);
        if self.world.clock.now() >= retry_at {
            return self.go_on_unproven(version, outcome.to_string()).await;
        }
        let (step, fault, message) = (Step::Prove, Fault::Transient, outcome.to_string());
        self.world.meter.step_failed(step, fault);
        let entry = Entry::Deferred { step, surface: None, fault, message, retry_at };
        let is_recorded = self.record(entry).await?;
        Ok(if is_recorded { Turn::Until(retry_at) } else { Turn::Go })
    }

    async fn go_on_unproven(
        &mut self,
        version: SecretVersion,
        why: String,
    ) -> Result<Turn, DriveError> {
        self.record(Entry::Unproven { version, why }).await?;
        Ok(Turn::Go)
    }

    /// Whether a login says something about the time after the reset: it was made after the reset
    /// happened, by the sender's clock, or after we were told of it, by ours.
    fn is_of_this_reset(&self, at: Timestamp) -> bool {
        at >= self.rotation.reset.latest.min(self.rotation.news_at)
    }
}
