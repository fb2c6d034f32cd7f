//! What happens after one reset, gathered from where it is written down: the receiver's journal
//! and the login history of both Salesforces.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use jiff::Timestamp;
use reset_receiver::domain::target::Surface;
use reset_receiver::operator::view::{RotationView, RowView};
use simulator::{Caller, LoginOutcome, LoginRecord};

use crate::screen::{Line, Screen, Side, Tone};
use crate::world::{INSTANCES, LIMIT};

/// Lines are held back for so long, so that what is learnt in a different order than it happened
/// is still told in the right one.
const HELD_BACK: Duration = Duration::from_millis(60);

/// One reset's story.
pub(crate) struct Story {
    reset_at: Timestamp,
    held: Vec<Line>,
    /// The number of the last row that was seen.
    row: u64,
    contained: BTreeSet<String>,
    /// When the last connector was seen to be disabled.
    pub(crate) contained_at: Option<Timestamp>,
    with: Logins,
    without: Logins,
}

/// What was told of one world's logins.
#[derive(Default)]
struct Logins {
    seen: usize,
    failed: u32,
    /// Who has logged in since the reset.
    well: BTreeSet<String>,
}

impl Story {
    /// It begins with the reset.
    pub(crate) fn new(reset_at: Timestamp) -> Self {
        Self {
            reset_at,
            held: Vec::new(),
            row: 0,
            contained: BTreeSet::new(),
            contained_at: None,
            with: Logins::default(),
            without: Logins::default(),
        }
    }

    /// Something that somebody outside of the worlds did.
    pub(crate) fn note(&mut self, at: Timestamp, side: Side, subject: &str, what: String) {
        let subject = subject.to_owned();
        self.held.push(Line { at, side, subject, what, tone: Tone::Plain });
    }

    /// Takes what is new in the journal.
    pub(crate) fn read(&mut self, rotation: &RotationView) {
        // The reset may have joined a rotation that was under way.
        let (seen, reset_at) = (self.row, self.reset_at);
        let is_new = |row: &&RowView| row.seq > seen && row.at >= reset_at;
        for row in rotation.journal.iter().filter(is_new) {
            if let Some((what, tone)) = words(row) {
                let subject = row.surface.clone().unwrap_or_else(|| "receiver".to_owned());
                self.held.push(Line { at: row.at, side: Side::With, subject, what, tone });
            }
            if row.entry == "contained" {
                self.contain(row);
            }
        }
        self.row = rotation.journal.last().map_or(self.row, |row| row.seq);
    }

    /// Takes what is new in one world's login history since the reset.
    pub(crate) fn watch(&mut self, side: Side, history: &[LoginRecord]) {
        let logins = if side == Side::With { &mut self.with } else { &mut self.without };
        for login in history.iter().skip(logins.seen) {
            if let Some((what, tone)) = logins.words(login) {
                let subject = name(&login.caller);
                self.held.push(Line { at: login.at, side, subject, what, tone });
            }
        }
        logins.seen = history.len();
    }

    /// Tells what is old enough for nothing older to come.
    pub(crate) fn tell(&mut self, screen: &mut Screen, now: Timestamp) -> io::Result<()> {
        let ripe = now.checked_sub(HELD_BACK).unwrap_or(now);
        self.tell_until(screen, ripe)
    }

    /// Tells everything that is left.
    pub(crate) fn end(&mut self, screen: &mut Screen) -> io::Result<()> {
        self.tell_until(screen, Timestamp::MAX)
    }

    fn tell_until(&mut self, screen: &mut Screen, ripe: Timestamp) -> io::Result<()> {
        // Stable, so that what happened in the same moment keeps its order.
        self.held.sort_by_key(|line| line.at);
        let (ripe, held) = std::mem::take(&mut self.held).into_iter().partition(|l| l.at <= ripe);
        self.held = held;
        let ripe: Vec<Line> = ripe;
        ripe.iter().try_for_each(|line| screen.line(line, self.reset_at))
    }

    fn contain(&mut self, row: &RowView) {
        self.contained.extend(row.surface.clone());
        let connectors: usize = INSTANCES.iter().map(|(_, connectors)| connectors.len()).sum();
        if self.contained_at.is_none() && self.contained.len() == connectors {
            self.contained_at = Some(row.at);
            let what = "CONTAINED: no connector can log in any more".to_owned();
            let subject = "receiver".to_owned();
            self.held.push(Line {
                at: row.at,
                side: Side::With,
                subject,
                what,
                tone: Tone::Strong,
            });
        }
    }
}

impl Logins {
    /// Every failure is told until the account is locked, and of every surface the first success.
    fn words(&mut self, login: &LoginRecord) -> Option<(String, Tone)> {
        if login.outcome.is_usable() {
            let first = self.well.insert(name(&login.caller));
            return first.then(|| ("logs in with the new secret".to_owned(), Tone::Quiet));
        }
        if login.outcome == LoginOutcome::PasswordLockout {
            return None;
        }
        self.failed += 1;
        let outcome = login.outcome.as_str();
        let what = if self.failed == LIMIT {
            format!("failed login {LIMIT} of {LIMIT}: the account is LOCKED")
        } else {
            format!("failed login {} of {LIMIT} ({outcome})", self.failed)
        };
        Some((what, Tone::Bad))
    }
}

/// A surface's name as the journal has it.
fn name(caller: &Caller) -> String {
    let surface = match caller {
        Caller::Connector { instance, connector } => {
            Surface::Connector { instance: Some(instance.clone()), name: connector.clone() }
        }
        Caller::Integration { instance } => {
            Surface::Integration { instance: Some(instance.clone()) }
        }
        Caller::Other(name) => return name.clone(),
    };
    surface.to_string()
}

/// What a row says beside its surface; `None` for the rows that announce what the next one says
/// is done.
fn words(row: &RowView) -> Option<(String, Tone)> {
    let beside = || match &row.surface {
        Some(surface) => row.sentence.strip_prefix(surface).unwrap_or(&row.sentence).trim(),
        None => &row.sentence,
    };
    let told = match row.entry.as_str() {
        "covers" | "disabling" | "updating" | "enabling" => return None,
        "admitted" => ("has written the reset down in its journal".to_owned(), Tone::Plain),
        "waiting" => (beside().to_owned(), Tone::Quiet),
        "secret_chosen" => (
            row.version.map_or_else(
                || row.sentence.clone(),
                |version| format!("finds version {version} in Vault: the new secret"),
            ),
            Tone::Plain,
        ),
        "completed" => (beside().to_owned(), Tone::Strong),
        "contained" | "updated" | "enabled" | "confirmed" => (beside().to_owned(), Tone::Good),
        "deferred" | "stuck" | "refused" | "unconfirmed" => (beside().to_owned(), Tone::Bad),
        _ => (beside().to_owned(), Tone::Plain),
    };
    Some(told)
}
