//! A rotation's state, folded from its journal. It changes in this file, in `surfaces`, in
//! `logins` and in `ending`, and nowhere else.
//!
//! | entry | legal when | then |
//! | --- | --- | --- |
//! | `covers` | first, or not finished | its surfaces are the rotation's; new ones are not contained |
//! | `admitted` | not finished | news: contain again, choose the secret anew, no longer stuck; a mere write: look into Vault again |
//! | `taken_over` | not finished | counts as an attempt |
//! | `disabling s` | connector, not contained | `s` is ours to enable |
//! | `contained s` | connector; `by_us` where ours | `s` is contained |
//! | `found_enabled s` | `s` contained | `s` is not contained |
//! | `waiting` | active | no secret is chosen, or no longer; what is being enabled is not contained |
//! | `secret_chosen v` | active, or stuck with a refused or overdue secret; decided for the latest reset; not refused; not older than the newest known | `v` is the secret; where it is another one, what is being enabled is not contained |
//! | `proving v` | `v` is the secret; every connector contained; its login not spent | its login is spent |
//! | `proved`, `unproven v` | `v` is the secret; nothing of the kind said of it | |
//! | `rejected v` | `v` is the secret and not proved | `v` is never used again |
//! | `updating s v` | `v` is the secret; every connector contained; what a spent login came to is decided | |
//! | `updated s v` | after `updating s v` | `s` holds `v` |
//! | `enabling s v` | ours; `v` is the secret; every surface holds it | |
//! | `enabled s` | after `enabling s` | no longer ours, no longer contained |
//! | `confirmed`, `unconfirmed s` | every surface holds the secret, nothing is left ours | |
//! | `refused s v` | `v` is the secret and every surface holds it | contain again; `v` is never used again |
//! | `warned`, `deferred` | active | |
//! | `stuck` | active | stuck |
//! | `retried`, `use_current` | not finished | active; a refused version may be tried again |
//! | `abandoned` | not finished | finished |
//! | `completed` | active, or with nothing to do also overdue; decided for the latest reset; nothing of ours left; every surface holds the secret and was looked at, or none took one | finished |
//!
//! "Active" is neither stuck nor finished. Facts about the world (`contained`, `updated`,
//! `enabled`) stay legal when a newer reset joined between the act and its record; decisions do
//! not, which is what makes the worker decide again.

mod ending;
mod logins;
mod questions;
mod surfaces;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::entry::{Entry, Row};
use crate::domain::event::ResetKind;
use crate::domain::freshness::{Reset, Superseded, Waiting};
use crate::domain::secret::SecretVersion;
use crate::domain::target::Surface;
use crate::domain::track::{Chosen, Current, Proof, Refusal, Standing, Stuck, Track};

const GAPLESS: &str = "entries are numbered from 1 without gaps";

/// The journal says something that cannot follow what it said before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a journal entry cannot follow the entries before it: {why}")]
pub struct IllegalEntry {
    /// The rule that it breaks.
    pub why: &'static str,
}

/// A rotation's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// When its first event was admitted.
    pub admitted_at: Timestamp,
    /// When its latest news was admitted: the start of the containment time that users watch.
    pub news_at: Timestamp,
    /// What its events say together.
    pub reset: Reset,
    /// Whether anything is left to do.
    pub standing: Standing,
    /// What is known of each surface.
    pub tracks: BTreeMap<Surface, Track>,
    /// The secret, once chosen.
    pub secret: Option<Chosen>,
    /// The one that was chosen before a secret came to be waited for again.
    pub set_aside: Option<Chosen>,
    /// When it was chosen.
    pub chosen_at: Option<Timestamp>,
    /// Why it is not chosen.
    pub waiting: Option<Waiting>,
    /// Since when the rotation waits for a secret, or for the console to show that it is well.
    pub waits_since: Timestamp,
    /// When it was last told that a version was written.
    pub announced_at: Timestamp,
    /// The newest version that this rotation ever chose.
    pub newest_known: Option<(SecretVersion, Timestamp)>,
    /// A version that a login refused.
    pub rejected: Option<SecretVersion>,
    /// Where it was refused, and with which words.
    pub refusal: Option<Refusal>,
    /// The version whose one login at Salesforce this rotation spent last.
    pub proving: Option<(SecretVersion, Timestamp)>,
    /// What is known of the newest version besides what Vault says; `None` until that is decided.
    pub proof: Option<Proof>,
    /// A version that a person set going again after its login at Salesforce had stopped it.
    pub vouched: Option<(SecretVersion, Timestamp)>,
    /// A version that was chosen and that a later reset made useless.
    pub superseded: Option<Superseded>,
    /// What an operator said "use the current one" of, if one did.
    pub current: Current,
    /// Something of ours may be switched on with a dead secret, whatever the events say.
    pub must_contain: bool,
    /// Failed tries and take-overs since the last progress; the backoff grows with it.
    pub attempts: u32,
    /// How many of them were take-overs: workers that died.
    pub deaths: u32,
    /// When every connector was seen contained, after the latest news.
    pub contained_at: Option<Timestamp>,
    /// The number of the last entry.
    pub last_seq: u64,
}

impl Rotation {
    /// Rebuilds the state from a whole journal. Running and recovery share this path.
    pub fn replay<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Result<Self, IllegalEntry> {
        let mut rows = rows.into_iter();
        let (Some(first), Some(second)) = (rows.next(), rows.next()) else {
            return Err(IllegalEntry { why: "a journal begins with two entries" });
        };
        require((first.seq, second.seq) == (1, 2), GAPLESS)?;
        let (Entry::Covers { surfaces }, Entry::Admitted { kind, occurred_at, version, .. }) =
            (&first.entry, &second.entry)
        else {
            return Err(IllegalEntry { why: "a journal begins with its surfaces and an event" });
        };
        require(!surfaces.is_empty(), "a rotation covers at least one surface")?;
        let mut rotation = Self::begin(Reset::of(*kind, *occurred_at), second.at, second.seq);
        if *kind == ResetKind::SecretWritten {
            rotation.reset.announce(*version);
        }
        rotation.cover(surfaces);
        for row in rows {
            rotation.apply(row)?;
        }
        Ok(rotation)
    }

    fn begin(reset: Reset, at: Timestamp, seq: u64) -> Self {
        Self {
            admitted_at: at,
            news_at: at,
            reset,
            standing: Standing::Active,
            tracks: BTreeMap::new(),
            secret: None,
            set_aside: None,
            chosen_at: None,
            waiting: None,
            waits_since: at,
            announced_at: at,
            newest_known: None,
            rejected: None,
            refusal: None,
            proving: None,
            proof: None,
            vouched: None,
            superseded: None,
            current: Current::default(),
            must_contain: false,
            attempts: 0,
            deaths: 0,
            contained_at: None,
            last_seq: seq,
        }
    }

    /// Applies the next row, or says which rule it breaks and changes nothing that matters.
    pub fn apply(&mut self, row: &Row) -> Result<(), IllegalEntry> {
        require(row.seq == self.last_seq + 1, GAPLESS)?;
        self.record(&row.entry, row.at)?;
        self.last_seq = row.seq;
        Ok(())
    }

    /// Whether an entry may follow now.
    pub fn permits(&self, entry: &Entry, at: Timestamp) -> Result<(), IllegalEntry> {
        self.clone().record(entry, at)
    }

    fn record(&mut self, entry: &Entry, at: Timestamp) -> Result<(), IllegalEntry> {
        require(!self.is_finished(), "a finished rotation is over")?;
        match entry {
            Entry::Covers { surfaces } => self.cover(surfaces),
            Entry::Admitted { kind, occurred_at, version, .. } => {
                if *kind == ResetKind::SecretWritten {
                    self.reset.announce(*version);
                    self.announced_at = at;
                }
                self.admit(*kind, *occurred_at, at);
            }
            Entry::TakenOver => {
                self.attempts = self.attempts.saturating_add(1);
                self.deaths = self.deaths.saturating_add(1);
            }
            Entry::Disabling { surface } => self.disabling(surface)?,
            Entry::Contained { surface, by_us } => self.contained(surface, *by_us, at)?,
            Entry::FoundEnabled { surface } => self.found_enabled(surface)?,
            Entry::Waiting { reason } => self.wait(reason, at)?,
            Entry::SecretChosen { version, written_at, fingerprints, decided_for } => {
                require(*decided_for == self.reset.latest, "a newer reset joined")?;
                self.choose(Chosen {
                    version: *version,
                    written_at: *written_at,
                    fingerprints: fingerprints.clone(),
                })?;
                self.chosen_at = Some(at);
            }
            Entry::Proving { version } => self.proving(*version)?,
            Entry::Proved { version } => self.decide_proof(*version, Proof::Proven)?,
            Entry::Unproven { version, .. } => self.decide_proof(*version, Proof::Unproven)?,
            Entry::Rejected { version, said } => self.rejected(*version, said)?,
            Entry::Updating { surface, version } => self.updating(surface, *version)?,
            Entry::Updated { surface, version } => self.updated(surface, *version, at)?,
            Entry::Enabling { surface, version } => self.enabling(surface, *version)?,
            Entry::Enabled { surface } => self.enabled(surface, at)?,
            Entry::Confirmed { surface } => self.confirmed(surface, None)?,
            Entry::Unconfirmed { surface, shown } => self.confirmed(surface, Some(shown))?,
            Entry::Refused { surface, version, shown } => self.refused(surface, *version, shown)?,
            Entry::Warned { surface, message } => {
                self.require_active()?;
                self.track(surface)?.warned = Some(message.clone());
            }
            Entry::Deferred { .. } => {
                self.require_active()?;
                self.attempts = self.attempts.saturating_add(1);
            }
            Entry::Stuck { step, surface, fault, message } => {
                self.require_active()?;
                self.standing = Standing::Stuck(Stuck {
                    step: *step,
                    surface: surface.clone(),
                    fault: *fault,
                    message: message.clone(),
                });
            }
            // Who sets it right that the console refused a login says nothing of the secret.
            Entry::Retried { .. } if self.is_barred() => self.resume_keeping_rejection(at),
            Entry::Retried { .. } => self.resume(at),
            Entry::UseCurrent { .. } => {
                self.resume(at);
                self.current = Current::Any;
            }
            Entry::Abandoned { .. } => self.standing = Standing::Abandoned,
            Entry::Completed { outcome, decided_for } => {
                require(*decided_for == self.reset.latest, "a newer reset joined")?;
                self.complete(*outcome)?;
            }
        }
        Ok(())
    }

    fn cover(&mut self, surfaces: &[Surface]) {
        for surface in surfaces {
            self.tracks.entry(surface.clone()).or_default();
        }
    }

    fn admit(&mut self, kind: ResetKind, occurred_at: Timestamp, at: Timestamp) {
        if !self.reset.join(kind, occurred_at) {
            return;
        }
        self.news_at = at;
        let chosen = self.secret.take().or(self.set_aside.take());
        self.superseded = Superseded::since(self.superseded.take(), chosen, kind, occurred_at);
        self.proof = None;
        self.current = Current::default();
        self.contained_at = None;
        for track in self.tracks.values_mut() {
            track.contained = false;
            track.confirmed = false;
            track.shown = None;
        }
        self.resume_keeping_rejection(at);
    }

    fn resume(&mut self, at: Timestamp) {
        self.forgive();
        self.resume_keeping_rejection(at);
    }

    fn resume_keeping_rejection(&mut self, at: Timestamp) {
        self.standing = Standing::Active;
        self.waiting = None;
        self.waits_since = at;
        self.progress();
    }

    /// Something was achieved or decided: what failed before no longer counts.
    fn progress(&mut self) {
        self.attempts = 0;
        self.deaths = 0;
    }

    fn wait(&mut self, reason: &Waiting, at: Timestamp) -> Result<(), IllegalEntry> {
        self.require_active()?;
        if self.waiting.is_none() {
            self.waits_since = at;
        }
        self.set_aside = self.secret.take().or(self.set_aside.take());
        self.waiting = Some(reason.clone());
        self.progress();
        self.doubt_enabling();
        Ok(())
    }

    /// What was about to be enabled may be on by now, with a secret that is no longer the one.
    fn doubt_enabling(&mut self) {
        for track in self.tracks.values_mut().filter(|track| track.enabling) {
            track.contained = false;
        }
    }

    fn choose(&mut self, chosen: Chosen) -> Result<(), IllegalEntry> {
        require(self.may_choose(), "a stuck rotation waits for a person")?;
        require(self.rejected != Some(chosen.version), "a refused version is never used again")?;
        let key = (chosen.version, chosen.written_at);
        if let Some((version, written_at)) = self.newest_known {
            let newer = chosen.version >= version || chosen.written_at > written_at;
            require(newer, "a version older than the newest one known is never used")?;
            if key != (version, written_at) && chosen.version <= version {
                // A history that was begun anew: an equal number means another secret.
                self.tracks.values_mut().for_each(|track| track.holds = None);
            }
        }
        if self.newest_known != Some(key) {
            self.proof = None;
            self.doubt_enabling();
        }
        self.newest_known = Some(key);
        if self.current == Current::Any {
            self.current = Current::Only(key.0, key.1);
        }
        self.reset.settle();
        self.secret = Some(chosen);
        self.set_aside = None;
        // What was refused is older by now, and says nothing of this one.
        self.rejected = None;
        self.refusal = None;
        self.superseded = None;
        self.standing = Standing::Active;
        self.waiting = None;
        self.must_contain = true;
        self.progress();
        for track in self.tracks.values_mut() {
            track.confirmed = false;
            track.shown = None;
        }
        Ok(())
    }

    fn track(&mut self, surface: &Surface) -> Result<&mut Track, IllegalEntry> {
        self.tracks
            .get_mut(surface)
            .ok_or(IllegalEntry { why: "the rotation covers no such surface" })
    }

    fn require_active(&self) -> Result<(), IllegalEntry> {
        require(self.standing == Standing::Active, "a stuck rotation waits for a person")
    }

    fn require_chosen(&self, version: SecretVersion) -> Result<(), IllegalEntry> {
        self.require_active()?;
        let chosen = self.secret.as_ref().map(|chosen| chosen.version);
        require(chosen == Some(version), "only the chosen version is written or enabled")
    }

    /// For what is done with a secret; what came of it is told although a newer one is announced.
    fn require_secret(&self, version: SecretVersion) -> Result<(), IllegalEntry> {
        self.require_chosen(version)?;
        require(!self.is_superseded(), "a newer version was announced")
    }
}

fn require(holds: bool, why: &'static str) -> Result<(), IllegalEntry> {
    if holds { Ok(()) } else { Err(IllegalEntry { why }) }
}
