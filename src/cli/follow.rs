//! Follows a rotation, step by step, until it ends or needs a person.

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::cli::Exit;
use crate::cli::client::{ClientError, OperatorClient};
use crate::domain::ids::RotationId;
use crate::domain::phase::Phase;
use crate::operator::view::{RotationView, RowView};
use crate::ports::clock::Clock;

/// How often the journal is read.
const EVERY: Duration = Duration::from_millis(500);

/// So many reads in a row may go unanswered; a receiver is restarted in less time.
const MAX_UNANSWERED: u32 = 60;

/// How long a rotation is followed.
#[derive(Clone, Copy)]
pub struct Following<'a> {
    /// Time and waiting.
    pub clock: &'a dyn Clock,
    /// Ends it early.
    pub stop: &'a CancellationToken,
    /// Ends it late.
    pub timeout: Duration,
}

/// Writes each row of the rotation's journal as it comes, with its time and the seconds since the
/// first one. It ends well where the rotation does, and wrong where the rotation is given up,
/// needs a person, or goes on for longer than the time-out.
pub async fn follow(
    client: &OperatorClient,
    out: &mut dyn Write,
    id: RotationId,
    following: Following<'_>,
) -> Result<Exit, ClientError> {
    let Following { clock, stop, timeout } = following;
    let began = clock.now();
    let (mut shown, mut unanswered) = (0, 0);
    loop {
        match client.rotation(id).await {
            Ok(rotation) => {
                unanswered = 0;
                shown = write_rows(out, &rotation, shown)?;
                if let Some(exit) = write_end(out, &rotation)? {
                    return Ok(exit);
                }
                if clock.now().duration_since(began).unsigned_abs() >= timeout {
                    let waits_for = rotation.waits_for.unwrap_or_default();
                    writeln!(out, "not over yet; it waits for {waits_for}")?;
                    return Ok(Exit::Wrong);
                }
            }
            Err(error) if error.may_pass() && unanswered < MAX_UNANSWERED => unanswered += 1,
            Err(error) => return Err(error),
        }
        out.flush()?;
        tokio::select! {
            () = stop.cancelled() => return Ok(Exit::Wrong),
            () = clock.sleep(EVERY) => {}
        }
    }
}

/// Writes the rows after the `shown` ones, and says how many are shown now.
fn write_rows(out: &mut dyn Write, rotation: &RotationView, shown: usize) -> io::Result<usize> {
    let Some(first) = rotation.journal.first() else { return Ok(shown) };
    for row in rotation.journal.iter().skip(shown) {
        write_row(out, row, first.at)?;
    }
    Ok(rotation.journal.len().max(shown))
}

fn write_row(out: &mut dyn Write, row: &RowView, first: Timestamp) -> io::Result<()> {
    let after = row.at.duration_since(first).as_secs_f64();
    let time = row.at.strftime("%H:%M:%S");
    writeln!(out, "{time}  {after:>8.1} s  {}", row.sentence)
}

/// Writes how the rotation ended, where it did or cannot go on by itself.
fn write_end(out: &mut dyn Write, rotation: &RotationView) -> io::Result<Option<Exit>> {
    let exit = match rotation.summary.phase {
        Phase::Containing
        | Phase::AwaitingSecret
        | Phase::Updating
        | Phase::Enabling
        | Phase::Confirming => return Ok(None),
        Phase::Confirmed | Phase::Unconfirmed | Phase::NothingToDo => Exit::Well,
        Phase::Stuck | Phase::Abandoned => Exit::Wrong,
    };
    for surface in &rotation.left_disabled {
        writeln!(out, "left disabled: {surface}")?;
    }
    writeln!(out, "{}", rotation.summary.phase.as_str().replace('_', " "))?;
    Ok(Some(exit))
}
