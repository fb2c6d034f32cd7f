//! Where every target stands: a table to read, lines to grep, JSON for a script.

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::cli::client::{ClientError, OperatorClient};
use crate::cli::table;
use crate::operator::view::{TargetList, TargetView};
use crate::ports::clock::Clock;

/// How often a watched status is asked for.
const EVERY: Duration = Duration::from_secs(2);

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

/// Shows it once.
pub async fn status(
    client: &OperatorClient,
    out: &mut dyn Write,
    look: Look,
    now: Timestamp,
) -> Result<(), ClientError> {
    let list = client.targets().await?;
    if look.json {
        write_json(out, &list)?;
    } else {
        write_table(out, &list, now)?;
    }
    Ok(())
}

/// Shows it until `stop` is cancelled: redrawn on a terminal, elsewhere a line for each target
/// that has changed, and as JSON the whole list on one line whenever it has.
pub async fn watch(
    client: &OperatorClient,
    out: &mut dyn Write,
    look: Look,
    clock: &dyn Clock,
    stop: &CancellationToken,
) -> Result<(), ClientError> {
    let mut shown = None;
    while !stop.is_cancelled() {
        match client.targets().await {
            Ok(list) => {
                show(out, &list, shown.as_ref(), look, clock.now())?;
                shown = Some(list);
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
    list: &TargetList,
    before: Option<&TargetList>,
    look: Look,
    now: Timestamp,
) -> io::Result<()> {
    if look.json {
        return if before == Some(list) { Ok(()) } else { write_json(out, list) };
    }
    if look.is_terminal {
        out.write_all(CLEAR.as_bytes())?;
        return write_table(out, list, now);
    }
    let was = |target: &TargetView| before?.targets.iter().find(|old| old.name == target.name);
    for target in &list.targets {
        if was(target).map(|old| &old.rotation) != Some(&target.rotation) {
            let Cells { phase, waits_for, .. } = cells(target, now);
            let colon = if waits_for.is_empty() { "" } else { ": " };
            writeln!(out, "{now} {} {phase}{colon}{waits_for}", target.name)?;
        }
    }
    Ok(())
}

fn write_json(out: &mut dyn Write, list: &TargetList) -> io::Result<()> {
    serde_json::to_writer(&mut *out, list)?;
    writeln!(out)
}

fn write_table(out: &mut dyn Write, list: &TargetList, now: Timestamp) -> io::Result<()> {
    let head = ["TARGET", "PHASE", "SINCE", "WAITS FOR"].map(ToOwned::to_owned);
    let row = |target: &TargetView| {
        let Cells { phase, since, waits_for } = cells(target, now);
        [target.name.to_string(), phase, since, waits_for]
    };
    let rows: Vec<_> = std::iter::once(head).chain(list.targets.iter().map(row)).collect();
    table::write(out, &rows)
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
