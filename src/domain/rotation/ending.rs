//! How a rotation ends: surfaces are confirmed, a secret is refused, everything is completed.

use crate::domain::entry::Outcome;
use crate::domain::rotation::{IllegalEntry, Rotation, require};
use crate::domain::secret::SecretVersion;
use crate::domain::step::Step;
use crate::domain::target::Surface;
use crate::domain::track::{Current, Refusal, Standing};

impl Rotation {
    pub(super) fn confirmed(
        &mut self,
        surface: &Surface,
        shown: Option<&String>,
    ) -> Result<(), IllegalEntry> {
        self.require_active()?;
        require(self.all_hold_secret(), "an old secret is not confirmed")?;
        require(!self.tracks.values().any(|t| t.ours), "what we disabled is enabled first")?;
        let track = self.track(surface)?;
        track.confirmed = shown.is_none();
        track.shown = shown.cloned();
        self.progress();
        Ok(())
    }

    pub(super) fn refused(
        &mut self,
        surface: &Surface,
        version: SecretVersion,
        shown: &str,
    ) -> Result<(), IllegalEntry> {
        self.require_chosen(version)?;
        self.track(surface)?;
        require(self.all_hold_secret(), "a secret is refused where every surface holds it")?;
        self.secret = None;
        self.rejected = Some(version);
        self.refusal = Some(Refusal { step: Step::Confirm, said: shown.to_owned() });
        self.current = Current::default();
        self.must_contain = true;
        self.contained_at = None;
        for track in self.tracks.values_mut() {
            track.contained = false;
            track.confirmed = false;
        }
        Ok(())
    }

    pub(super) fn complete(&mut self, outcome: Outcome) -> Result<(), IllegalEntry> {
        // That a secret is the old one after all also ends the wait for a new one, however long.
        let is_free = self.standing == Standing::Active || outcome == Outcome::NothingToDo;
        require(is_free && self.may_choose(), "a stuck rotation waits for a person")?;
        let untouched = !self.tracks.values().any(|t| t.ours || t.updating.is_some());
        require(untouched, "nothing of ours is left disabled or half written")?;
        require(!self.is_superseded(), "a newer version was announced")?;
        match outcome {
            Outcome::Confirmed => {
                let all = self.tracks.values().all(|track| track.confirmed);
                require(all && self.all_hold_secret(), "every surface is confirmed first")?;
            }
            Outcome::Unconfirmed => {
                require(self.all_hold_secret(), "every surface holds the secret first")?;
                let seen =
                    self.tracks.values().all(|track| track.confirmed || track.shown.is_some());
                require(seen, "every surface is looked at first")?;
            }
            Outcome::NothingToDo => {
                require(self.secret.is_none(), "a chosen secret is applied")?;
                let unwritten = self.tracks.values().all(|track| track.holds.is_none());
                require(unwritten, "what was begun is brought to its end")?;
            }
        }
        self.standing = Standing::Completed(outcome);
        Ok(())
    }
}
