//! Where every target stands, and what operators said last: tables to read, lines to grep, JSON for
//! a script.

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::cli::client::{ClientError, OperatorClient};
use crate::cli::table;
use crate::domain::audit::OperatorVerb;
use crate::operator::view::{AuditView, TargetList, TargetView};
use crate::ports::clock::Clock;

/// How often a watched status is asked for.
const EVERY: Duration = Duration::from_secs(2);

/// So much is shown of what operators said.
const LATEST: usize = 10;

/// Moves to the upper left corner of a terminal and clears it (ECMA-48: CUP, ED).
const CLEAR: &str = "\u{1b}[H\u{1b}[2J";

/// How the status is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// As JSON.
    pub json: bool,
    /// On a terminal, which can be redrawn.
    pub is_terminal: bool,
}

/// What is shown.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Status {
    #[serde(flatten)]
    list: TargetList,
    /// What operators said last, newest first.
    audit: Vec<AuditView>,
}

impl Status {
    async fn ask(client: &OperatorClient) -> Result<Self, ClientError> {
        let (list, mut audit) = (client.targets().await?, client.audit().await?.audit);
        audit.truncate(LATEST);
        Ok(Self { list, audit })
    }
}

/// Shows it once.
pub async fn status(
    client: &OperatorClient,
    out: &mut dyn Write,
    look: Look,
    now: Timestamp,
) -> Result<(), ClientError> {
    let status = Status::ask(client).await?;
    if look.json {
        write_json(out, &status)?;
    } else {
        write_tables(out, &status, now)?;
    }
    Ok(())
}

/// Shows it until `stop` is cancelled: redrawn on a terminal, elsewhere a line for each target
/// that has changed and for whatever an operator says, and as JSON all of it on one line whenever
/// it has changed.
pub async fn watch(
    client: &OperatorClient,
    out: &mut dyn Write,
    look: Look,
    clock: &dyn Clock,
    stop: &CancellationToken,
) -> Result<(), ClientError> {
    let mut shown = None;
    while !stop.is_cancelled() {
        match Status::ask(client).await {
            Ok(status) => {
                show(out, &status, shown.as_ref(), look, clock.now())?;
                shown = Some(status);
            }
            // A receiver that is being restarted answers again.
            Err(error) if error.may_pass() => writeln!(out, "{} {error}", clock.now())?,
            Err(error) => return Err(error),
        }
        out.flush()?;
        tokio::select! {
            () = stop.cancelled() => {}
            () = clock.sleep(EVERY) => {}
        }
    }
    Ok(())
}

fn show(
    out: &mut dyn Write,
    status: &Status,
    before: Option<&Status>,
    look: Look,
    now: Timestamp,
) -> io::Result<()> {
    if look.json {
        return if before == Some(status) { Ok(()) } else { write_json(out, status) };
    }
    if look.is_terminal {
        out.write_all(CLEAR.as_bytes())?;
        return write_tables(out, status, now);
    }
    let said = before.and_then(|old| old.audit.first()).map_or(0, |last| last.number);
    for row in status.audit.iter().rev().filter(|row| before.is_some() && row.number > said) {
        writeln!(out, "{} {} {} said by {}", row.at, row.target, words(row.verb), row.by)?;
    }
    let was = |target: &TargetView| before?.list.targets.iter().find(|old| old.name == target.name);
    for target in &status.list.targets {
        if was(target).map(|old| &old.rotation) != Some(&target.rotation) {
            let Cells { phase, waits_for, .. } = cells(target, now);
            let colon = if waits_for.is_empty() { "" } else { ": " };
            writeln!(out, "{now} {} {phase}{colon}{waits_for}", target.name)?;
        }
    }
    Ok(())
}

fn write_json(out: &mut dyn Write, status: &Status) -> io::Result<()> {
    serde_json::to_writer(&mut *out, status)?;
    writeln!(out)
}

fn write_tables(out: &mut dyn Write, status: &Status, now: Timestamp) -> io::Result<()> {
    write_targets(out, &status.list, now)?;
    if status.audit.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let head = ["SAID", "AGO", "BY", "TARGET"].map(ToOwned::to_owned);
    let row = |row: &AuditView| {
        [words(row.verb), table::age(row.at, now), row.by.clone(), row.target.to_string()]
    };
    let rows: Vec<_> = std::iter::once(head).chain(status.audit.iter().map(row)).collect();
    table::write(out, &rows)
}

fn write_targets(out: &mut dyn Write, list: &TargetList, now: Timestamp) -> io::Result<()> {
    let head = ["TARGET", "PHASE", "SINCE", "WAITS FOR"].map(ToOwned::to_owned);
    let row = |target: &TargetView| {
        let Cells { phase, since, waits_for } = cells(target, now);
        [target.name.to_string(), phase, since, waits_for]
    };
    let rows: Vec<_> = std::iter::once(head).chain(list.targets.iter().map(row)).collect();
    table::write(out, &rows)
}

fn words(verb: OperatorVerb) -> String {
    verb.as_str().replace('_', " ")
}

struct Cells {
    phase: String,
    since: String,
    waits_for: String,
}

fn cells(target: &TargetView, now: Timestamp) -> Cells {
    let Some(rotation) = &target.rotation else {
        let (phase, since) = ("never rotated".to_owned(), "-".to_owned());
        return Cells { phase, since, waits_for: String::new() };
    };
    Cells {
        phase: rotation.phase.as_str().replace('_', " "),
        since: table::age(rotation.since, now),
        waits_for: rotation.waits_for.clone().unwrap_or_default(),
    }
}
