//! Is the secret in Vault the new one? The decision table, as one pure function.
//!
//! | Vault's current version | written at or after `T - grace` | changed since `applied` | decision |
//! | --- | --- | --- | --- |
//! | newer than applied | yes | every half that the reset changes | use it |
//! | newer than applied | yes | only some of them | wait for the other half |
//! | newer than applied | - | none, and applied was confirmed after `T` | nothing to do |
//! | newer than applied | no | any | it predates this reset: wait |
//! | same as applied | yes, and applied was confirmed after `T` | - | nothing to do |
//! | same as applied | otherwise | - | not there yet: wait |
//! | nothing applied yet | yes | cannot be compared | use it |
//! | nothing applied yet | no | cannot be compared | wait; an operator can say "use the current one" |
//! | deleted, destroyed, missing, a field missing or empty | - | - | wait, and say so |
//!
//! `T` is the latest time at which one of the joined events occurred; `grace` absorbs clock
//! differences between the sender and Vault. Where only `secret_written` events joined, no reset
//! gives a `T`, and the fields alone decide: equal to the applied ones means nothing to do. Where
//! nothing is applied yet either, an old version is nothing to do: a secret does not become the
//! new one by being looked at. A version that was announced and is not shown yet is waited for.
//! A version that a login refused is never used again, whatever its age. Nor is one that was chosen
//! for an earlier reset of the same rotation and written before the later one: `grace` absorbs
//! clock differences, and cannot tell two resets within it apart.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::event::ResetKind;
use crate::domain::secret::{Applied, Fingerprints, SecretVersion};
use crate::domain::track::{Chosen, Current};

/// One of the two halves of a Salesforce secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Half {
    /// The password.
    Password,
    /// The security token.
    SecurityToken,
}

impl Half {
    /// The word for it, as in the journal and in Vault's default field names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::SecurityToken => "security_token",
        }
    }

    fn differs(self, one: &Fingerprints, other: &Fingerprints) -> bool {
        match self {
            Self::Password => one.password != other.password,
            Self::SecurityToken => one.security_token != other.security_token,
        }
    }
}

/// What the joined events of a rotation say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// The latest time at which one of the events occurred: `T` of the table.
    pub latest: Timestamp,
    /// Whether a password reset is among them.
    pub password: bool,
    /// Whether a token reset is among them.
    pub token: bool,
    /// The newest version that Vault is said to hold, until a version has been chosen.
    pub announced: Option<SecretVersion>,
    /// How many writes were told of without a number since then.
    pub unnumbered: u32,
}

impl Reset {
    /// What one event says.
    pub fn of(kind: ResetKind, occurred_at: Timestamp) -> Self {
        Self {
            latest: occurred_at,
            password: kind == ResetKind::PasswordReset,
            token: kind == ResetKind::TokenReset,
            announced: None,
            unnumbered: 0,
        }
    }

    /// Adds a further event; says whether it is news, that is, a later reset or one of another
    /// kind.
    ///
    /// A `secret_written` is none: it is the answer to a reset and not another one, and by moving
    /// `T` it would make the very version that it tells of look older than the reset. For the same
    /// reason the time of a reset takes the place of the time of a mere write.
    pub fn join(&mut self, kind: ResetKind, occurred_at: Timestamp) -> bool {
        if kind == ResetKind::SecretWritten {
            return false;
        }
        let was = self.clone();
        let is_first = !(self.password || self.token);
        self.latest = if is_first { occurred_at } else { self.latest.max(occurred_at) };
        self.password |= kind == ResetKind::PasswordReset;
        self.token |= kind == ResetKind::TokenReset;
        *self != was
    }

    /// Notes that a version was written, whose number may have been said.
    pub fn announce(&mut self, version: Option<SecretVersion>) {
        match version {
            Some(_) => self.announced = self.announced.max(version),
            None => self.unnumbered = self.unnumbered.saturating_add(1),
        }
    }

    /// Notes that a version has been chosen: what was announced has been seen, or was waited for
    /// long enough.
    pub fn settle(&mut self) {
        self.announced = None;
        self.unnumbered = 0;
    }

    /// Whether a newer version than this one is said to be there.
    pub fn awaits_newer_than(&self, version: SecretVersion) -> bool {
        self.announced.is_some_and(|announced| announced > version)
    }

    /// Whether the target's login was reset, and not merely a secret written.
    pub fn touches_login(&self, needs_token: bool) -> bool {
        self.password || (self.token && needs_token)
    }

    /// Whether what was applied is known to have worked after this reset, so that the news is
    /// late or repeated and nothing needs to be stopped.
    pub fn already_served(&self, applied: Option<&Applied>, grace: Duration) -> bool {
        applied.is_some_and(|applied| {
            applied.confirmed_at > self.latest && self.is_fresh(applied.written_at, grace)
        })
    }

    fn is_fresh(&self, written_at: Timestamp, grace: Duration) -> bool {
        written_at.saturating_add(grace).is_ok_and(|latest| latest >= self.latest)
    }

    /// The halves that must have changed.
    fn halves(&self, needs_token: bool) -> impl Iterator<Item = Half> {
        let password = self.password.then_some(Half::Password);
        let token = (needs_token && (self.password || self.token)).then_some(Half::SecurityToken);
        password.into_iter().chain(token)
    }
}

/// A version that was chosen for an earlier reset of the rotation, and is dead since a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superseded {
    /// Its number.
    pub version: SecretVersion,
    /// When Vault took it.
    pub written_at: Timestamp,
    /// Fingerprints of its fields.
    pub fingerprints: Fingerprints,
    /// What the resets since then say together.
    pub by: Reset,
}

impl Superseded {
    /// What news makes of the version that was chosen, and of the one that was superseded before.
    pub fn since(
        before: Option<Self>,
        chosen: Option<Chosen>,
        kind: ResetKind,
        occurred_at: Timestamp,
    ) -> Option<Self> {
        if kind == ResetKind::SecretWritten {
            return before;
        }
        match chosen {
            Some(Chosen { version, written_at, fingerprints }) if written_at < occurred_at => {
                let by = Reset::of(kind, occurred_at);
                Some(Self { version, written_at, fingerprints, by })
            }
            Some(_) | None => before.map(|mut superseded| {
                superseded.by.join(kind, occurred_at);
                superseded
            }),
        }
    }

    /// Why a version is not the secret of the later reset, if it is not.
    fn objection(
        &self,
        needs_token: bool,
        version: SecretVersion,
        written_at: Timestamp,
        fingerprints: &Fingerprints,
    ) -> Option<Waiting> {
        if (version, written_at) == (self.version, self.written_at) {
            let is_dead = self.by.touches_login(needs_token);
            return is_dead.then_some(Waiting::Predates { version, written_at });
        }
        let old = |half: &Half| !half.differs(fingerprints, &self.fingerprints);
        let half = self.by.halves(needs_token).find(old)?;
        Some(Waiting::HalfWritten { half, since: self.version })
    }
}

/// What Vault holds now, as far as the decision needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A complete current version.
    Complete {
        /// Its number.
        version: SecretVersion,
        /// When Vault took it.
        written_at: Timestamp,
        /// Fingerprints of the fields that the target needs.
        fingerprints: Fingerprints,
    },
    /// A current version that lacks a field, or has it empty.
    Lacking {
        /// Its number.
        version: SecretVersion,
        /// The half that is missing or empty.
        half: Half,
    },
    /// The current version was deleted or destroyed.
    Gone {
        /// For good, or recoverable.
        destroyed: bool,
    },
    /// Nothing was ever written there.
    Missing,
}

/// Why a rotation waits for the secret. The text form is for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Waiting {
    /// Nothing newer than what is applied.
    NotThereYet {
        /// The version that is applied.
        applied: SecretVersion,
    },
    /// A version that was written before the reset.
    Predates {
        /// The version.
        version: SecretVersion,
        /// When it was written.
        written_at: Timestamp,
    },
    /// Only the other half is new.
    HalfWritten {
        /// The half that is still old.
        half: Half,
        /// The version since which it has not changed.
        since: SecretVersion,
    },
    /// A half is missing or empty.
    Lacking {
        /// The half.
        half: Half,
        /// The version that lacks it.
        version: SecretVersion,
    },
    /// Deleted or destroyed.
    Gone {
        /// For good, or recoverable.
        destroyed: bool,
    },
    /// Never written.
    Missing,
    /// A version was announced, and Vault still shows an older one: a standby lags behind.
    Announced {
        /// The version that was announced.
        version: SecretVersion,
        /// The version that is shown.
        shown: SecretVersion,
    },
    /// A login with this very version was refused.
    Rejected {
        /// The version.
        version: SecretVersion,
    },
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThereYet { applied } => {
                write!(f, "Vault holds nothing newer than version {applied}, which is applied")
            }
            Self::Predates { version, written_at } => {
                write!(f, "version {version} was written at {written_at}, before this reset")
            }
            Self::HalfWritten { half, since } => {
                write!(f, "{} has not changed since version {since}", half.as_str())
            }
            Self::Lacking { half, version } => {
                write!(f, "{} is missing or empty in version {version}", half.as_str())
            }
            Self::Gone { destroyed: true } => f.write_str("the current version was destroyed"),
            Self::Gone { destroyed: false } => f.write_str("the current version was deleted"),
            Self::Missing => f.write_str("nothing was ever written at the secret's path"),
            Self::Announced { version, shown } => {
                write!(f, "version {version} was announced, Vault still shows version {shown}")
            }
            Self::Rejected { version } => write!(
                f,
                "a login with version {version} was refused; write the right secret as a newer \
                 version"
            ),
        }
    }
}

/// What to do about the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the new one.
    Use,
    /// It is not, yet.
    Wait(Waiting),
    /// The surfaces hold it already and it works.
    NothingToDo,
}

/// Everything that the decision rests on, besides what Vault holds.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// What the joined events say.
    pub reset: &'a Reset,
    /// Whether the login needs a security token.
    pub needs_token: bool,
    /// What the last completed rotation wrote.
    pub applied: Option<&'a Applied>,
    /// The version that a login refused, if one did.
    pub rejected: Option<SecretVersion>,
    /// The version that a later reset made useless, if one did.
    pub superseded: Option<&'a Superseded>,
    /// What an operator said "use the current one" of.
    pub current: Current,
    /// How far Vault's clock and the sender's may differ.
    pub grace: Duration,
}

/// Decides whether Vault's current version is the one to use.
pub fn decide(question: &Question<'_>, reading: &Reading) -> Verdict {
    match reading {
        Reading::Missing => Verdict::Wait(Waiting::Missing),
        Reading::Gone { destroyed } => Verdict::Wait(Waiting::Gone { destroyed: *destroyed }),
        Reading::Lacking { version, half } => {
            Verdict::Wait(Waiting::Lacking { half: *half, version: *version })
        }
        Reading::Complete { version, .. } if question.rejected == Some(*version) => {
            Verdict::Wait(Waiting::Rejected { version: *version })
        }
        Reading::Complete { version, written_at, .. }
            if question.current.is(*version, *written_at) =>
        {
            Verdict::Use
        }
        Reading::Complete { version: shown, .. } if question.reset.awaits_newer_than(*shown) => {
            let version = question.reset.announced.unwrap_or(*shown);
            Verdict::Wait(Waiting::Announced { version, shown: *shown })
        }
        Reading::Complete { version, written_at, fingerprints } => {
            let objection = question.superseded.and_then(|superseded| {
                superseded.objection(question.needs_token, *version, *written_at, fingerprints)
            });
            match (objection, question.applied) {
                (Some(reason), _) => Verdict::Wait(reason),
                (None, None) => decide_first(question, *version, *written_at),
                (None, Some(applied)) => {
                    decide_next(question, applied, *version, *written_at, fingerprints)
                }
            }
        }
    }
}

fn decide_first(question: &Question<'_>, version: SecretVersion, written_at: Timestamp) -> Verdict {
    if question.reset.is_fresh(written_at, question.grace) {
        Verdict::Use
    } else if question.reset.touches_login(question.needs_token) {
        Verdict::Wait(Waiting::Predates { version, written_at })
    } else {
        Verdict::NothingToDo
    }
}

fn decide_next(
    question: &Question<'_>,
    applied: &Applied,
    version: SecretVersion,
    written_at: Timestamp,
    fingerprints: &Fingerprints,
) -> Verdict {
    let reset = question.reset;
    let login_was_reset = reset.touches_login(question.needs_token);
    // A lower number that was written later is a secret whose history was deleted and begun anew.
    let is_newer =
        version > applied.version || (version < applied.version && written_at > applied.written_at);
    if !is_newer {
        let served = reset.already_served(Some(applied), question.grace);
        let nothing_new = version == applied.version && (served || !login_was_reset);
        return if nothing_new {
            Verdict::NothingToDo
        } else {
            Verdict::Wait(Waiting::NotThereYet { applied: applied.version })
        };
    }
    let changed = |half: Half| half.differs(fingerprints, &applied.fingerprints);
    let since = applied.version;
    let is_rewritten = !changed(Half::Password) && !changed(Half::SecurityToken);
    if is_rewritten && reset.already_served(Some(applied), question.grace) {
        // The same secret under another number: a rewrite, or a rollback that was taken back.
        return Verdict::NothingToDo;
    }
    if login_was_reset {
        if !reset.is_fresh(written_at, question.grace) {
            return Verdict::Wait(Waiting::Predates { version, written_at });
        }
        let old_half = reset.halves(question.needs_token).find(|half| !changed(*half));
        return old_half
            .map_or(Verdict::Use, |half| Verdict::Wait(Waiting::HalfWritten { half, since }));
    }
    // Nobody told of a reset; the write itself is the news. A new password always comes with a
    // new token, a new token may come alone.
    match (changed(Half::Password), question.needs_token, changed(Half::SecurityToken)) {
        (true, false, _) | (_, true, true) => Verdict::Use,
        (true, true, false) => {
            Verdict::Wait(Waiting::HalfWritten { half: Half::SecurityToken, since })
        }
        (false, false, _) | (false, true, false) => Verdict::NothingToDo,
    }
}

#[cfg(test)]
mod tests;
