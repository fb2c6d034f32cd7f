//! Both worlds side by side, and whether each ended as the demo says it does.

use std::fmt;
use std::io;

use jiff::Timestamp;
use reset_receiver::cli::Exit;
use reset_receiver::domain::phase::Phase;

use crate::round::{Ending, Stage};
use crate::screen::{Screen, Tone, seconds};
use crate::trouble::Trouble;
use crate::world::{INSTANCES, LIMIT, Tally};

/// As many failed logins may have been under way when the reset came.
const UNDER_WAY: usize = 1;

/// A way in which the demo did not end as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The rotation is not over, or not well.
    Rotation { phase: Phase, why: Option<String> },
    /// More logins of connectors failed than could have been under way.
    Failed(usize),
    /// The account with the receiver is locked.
    Locked,
    /// Not the same connectors are enabled as before.
    Connectors,
    /// Not every surface holds the new secret.
    Surfaces { up_to_date: usize, of: usize },
    /// Not everything that is switched on has logged in with the new secret.
    Silent,
    /// The account without the receiver is not locked.
    NotLocked,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rotation { phase, why: Some(why) } => {
                write!(f, "the rotation is {phase}: {why}")
            }
            Self::Rotation { phase, why: None } => write!(f, "the rotation is {phase}"),
            Self::Failed(failed) => {
                write!(f, "{failed} logins of connectors failed in spite of the receiver")
            }
            Self::Locked => f.write_str("the account is locked in spite of the receiver"),
            Self::Connectors => f.write_str("not the same connectors are enabled as before"),
            Self::Surfaces { up_to_date, of } => {
                write!(f, "only {up_to_date} of {of} surfaces hold the new secret")
            }
            Self::Silent => {
                f.write_str("not every surface has logged in with the new secret in time")
            }
            Self::NotLocked => f.write_str("without the receiver the account was not locked"),
        }
    }
}

/// Prints the table and what to make of it, and says whether it ended as it should.
pub(crate) fn report(ending: &Ending, stage: &Stage, screen: &mut Screen) -> Result<Exit, Trouble> {
    screen.say(Tone::Plain, "")?;
    ending.compare(stage, screen)?;
    screen.say(Tone::Plain, "")?;
    let flaws = ending.flaws(stage);
    if flaws.is_empty() {
        screen.say(Tone::Strong, &ending.moral())?;
        return Ok(Exit::Well);
    }
    let flaws: Vec<String> = flaws.iter().map(ToString::to_string).collect();
    screen.say(Tone::Bad, &format!("  It did not end as it should: {}.", flaws.join("; ")))?;
    Ok(Exit::Wrong)
}

impl Ending {
    /// Everything that is not as it should be.
    fn flaws(&self, stage: &Stage) -> Vec<Flaw> {
        let phase = self.rotation.summary.phase;
        let why = || self.rotation.stuck.as_ref().map(|stuck| stuck.message.clone());
        let (with, of) = (&self.with, stage.with.size());
        let checks = [
            (phase != Phase::Confirmed, Flaw::Rotation { phase, why: why() }),
            (!with.few_failed(), Flaw::Failed(with.failed - with.failed_integration)),
            (with.is_locked, Flaw::Locked),
            (!with.as_before, Flaw::Connectors),
            (with.up_to_date != of, Flaw::Surfaces { up_to_date: with.up_to_date, of }),
            (!with.all_logged_in, Flaw::Silent),
            (!self.without.is_locked, Flaw::NotLocked),
        ];
        checks.into_iter().filter_map(|(is_so, flaw)| is_so.then_some(flaw)).collect()
    }

    /// The table.
    fn compare(&self, stage: &Stage, screen: &mut Screen) -> io::Result<()> {
        let is_confirmed = self.rotation.summary.phase == Phase::Confirmed;
        let confirmed_at = self.rotation.summary.finished_at.filter(|_| is_confirmed);
        let (with, without) = (&self.with, &self.without);
        let after = |at| after(at, self.reset_at);
        let (of, of_without) = (stage.with.size(), stage.without.size());
        let row = |what: &str, with: String, good: bool, without: String| {
            let tone = if good { Tone::Good } else { Tone::Bad };
            [(Tone::Plain, what.to_owned()), (tone, with), (Tone::Bad, without)]
        };
        screen.table(&[
            ["", "WITH THE RECEIVER", "WITHOUT"].map(|name| (Tone::Strong, name.to_owned())),
            row("contained", after(self.contained_at), self.contained_at.is_some(), after(None)),
            row("confirmed", after(confirmed_at), is_confirmed, after(None)),
            row("failed Salesforce logins", with.failures(), with.few_failed(), without.failures()),
            row(
                "Salesforce account",
                with.account(self.reset_at),
                !with.is_locked,
                without.account(self.reset_at),
            ),
            row("connectors enabled", with.connectors(), with.as_before, without.connectors()),
            row(
                "surfaces with the new secret",
                format!("{} of {of}", with.up_to_date),
                with.up_to_date == of,
                format!("{} of {of_without}", without.up_to_date),
            ),
        ])
    }

    /// The moral, in what was measured.
    fn moral(&self) -> String {
        let contained = self.contained_at.map_or(f64::NAN, |at| seconds(at, self.reset_at));
        let locked = self.without.locked_at.map_or(f64::NAN, |at| seconds(at, self.reset_at));
        let integration = match self.with.failed_integration {
            0 => String::new(),
            failed => format!(
                "\n  Integration cannot be switched off: {failed} of its logins came before the \
                 new secret did."
            ),
        };
        format!(
            "  Nobody there: {LIMIT} failed logins, and the account is locked {locked:.1} s after the \
             reset.\n  The receiver: connectors off after {contained:.2} s, on again once every \
             surface holds the new secret;\n  the one that was found disabled still is.{integration}"
        )
    }
}

/// How a tally reads in the table.
impl Tally {
    /// Whether no more logins of connectors failed than could have been under way. Nobody can keep
    /// an Integration from logging in with a dead secret before the new one is there.
    fn few_failed(&self) -> bool {
        self.failed - self.failed_integration <= UNDER_WAY
    }

    fn failures(&self) -> String {
        match self.refused {
            0 => self.failed.to_string(),
            refused => format!("{}, then {refused} refused while locked", self.failed),
        }
    }

    fn account(&self, reset_at: Timestamp) -> String {
        if self.is_locked {
            format!("LOCKED {}", after(self.locked_at, reset_at))
        } else {
            "not locked".to_owned()
        }
    }

    fn connectors(&self) -> String {
        let all: usize = INSTANCES.iter().map(|(_, connectors)| connectors.len()).sum();
        let same = if self.as_before { "as before" } else { "not those of before" };
        format!("{} of {all}, {same}", self.enabled)
    }
}

fn after(at: Option<Timestamp>, reset_at: Timestamp) -> String {
    at.map_or_else(|| "never".to_owned(), |at| format!("after {:.2} s", seconds(at, reset_at)))
}
