//! The demo: one password reset in two identical simulated worlds at the same moment, one with
//! the real receiver and one with nobody, told live and compared at the end.
//!
//! ```text
//! cargo run --release --example demo [-- --stay]
//! ```

mod comparison;
mod receiver;
mod round;
mod screen;
mod sender;
mod stay;
mod story;
mod trouble;
mod vault_stand_in;
mod world;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use jiff::Timestamp;
use reset_receiver::cli::Exit;
use reset_receiver::clock::SystemClock;
use reset_receiver::domain::fault::error_line;
use reset_receiver::ports::clock::Clock;
use reset_receiver::shutdown::{Ended, Signals};
use reset_receiver::startup::DRAIN;
use reset_receiver::telemetry::{self, LogFormat};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::receiver::{CONSOLE_PATH, Files, Receiver, SECRET_PATH};
use crate::round::{SECRET_AFTER, Stage};
use crate::screen::{Screen, Tone};
use crate::sender::Sender;
use crate::trouble::Trouble;
use crate::vault_stand_in::VaultStandIn;
use crate::world::{CONSOLE_PASSWORD, CONSOLE_USER, INTEGRATION_EVERY, LIMIT, SYNC_EVERY, World};

/// How old the secret is that Vault holds at first: Salesforce's usual life of a password.
const OLD: Duration = Duration::from_hours(90 * 24);

/// Shows what reset-receiver does about a password reset, and what happens without it.
///
/// Everything is simulated on this machine but the receiver, which is the real one.
#[derive(Debug, Parser)]
#[command(name = "demo", after_help = EXIT_HELP)]
struct Arguments {
    /// Keep everything up afterwards, with its addresses and commands, until Ctrl-C.
    #[arg(long)]
    stay: bool,
    /// Show the receiver's own log on standard error.
    #[arg(long)]
    verbose: bool,
}

const EXIT_HELP: &str = "Exit codes: 0 it ended as it should, 1 it did not, 2 wrong use.";

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => {
            let exit = if answer.use_stderr() { Exit::Usage } else { Exit::Well };
            // Where the stream itself is gone, nobody is left to be told.
            return if answer.print().is_ok() { exit.into() } else { Exit::Wrong.into() };
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ran = runtime.map_err(Trouble::from).and_then(|runtime| runtime.block_on(run(&arguments)));
    match ran {
        Ok(exit) => exit.into(),
        Err(trouble) => {
            let line = format!("demo: {}\n", error_line(&trouble));
            // Where standard error is gone as well, the exit code alone tells it.
            drop(io::stderr().write_all(line.as_bytes()));
            Exit::Wrong.into()
        }
    }
}

async fn run(arguments: &Arguments) -> Result<Exit, Trouble> {
    if arguments.verbose {
        telemetry::start(telemetry::Settings { format: LogFormat::Text, ..Default::default() })?;
    }
    let stop = CancellationToken::new();
    let work = Box::pin(perform(arguments, stop.clone()));
    match Signals::listen()?.supervise(stop, DRAIN, work).await {
        Ended::Finished(ended) => ended,
        Ended::SecondSignal | Ended::Deadline => Err(Trouble::Interrupted),
    }
}

/// Sets the stage, plays, and clears the stage, however the play went.
async fn perform(arguments: &Arguments, stop: CancellationToken) -> Result<Exit, Trouble> {
    let mut screen = Screen::new();
    introduce(&mut screen)?;
    let stage = set_up()?;
    let (receiver, mut running) = Receiver::start(&stage.files, &stage.with, &stage.vault).await?;
    let acted = tokio::select! {
        acted = act(arguments, &stage, &receiver, &mut screen, &stop) => acted,
        trouble = running.ended() => return Err(trouble),
    };
    // Idle connections would keep the receiver from ending for a while.
    drop((stage, receiver));
    running.stop().await?;
    acted
}

async fn act(
    arguments: &Arguments,
    stage: &Stage,
    receiver: &Receiver,
    screen: &mut Screen,
    stop: &CancellationToken,
) -> Result<Exit, Trouble> {
    let ending = tokio::select! {
        () = stop.cancelled() => return Err(Trouble::Interrupted),
        ending = stage.play(receiver, screen, "New-password-2") => ending?,
    };
    let exit = comparison::report(&ending, stage, screen)?;
    if arguments.stay {
        stay::stay(stage, receiver, screen, stop).await?;
    }
    Ok(exit)
}

/// Starts both worlds and what belongs to the one with the receiver.
fn set_up() -> Result<Stage, Trouble> {
    let files = Files::create()?;
    let (with, without) = (World::start()?, World::start()?);
    let vault = VaultStandIn::start(&files.vault_token)?;
    let now = SystemClock.now();
    // Whole seconds are easier to read.
    let long_ago = now.as_second().saturating_sub(OLD.as_secs().cast_signed());
    let long_ago = Timestamp::from_second(long_ago).unwrap_or(now);
    let old = with.credential()?;
    let fields = |pairs: [(&str, &str); 2]| -> Map<String, Value> {
        pairs.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect()
    };
    let secret = fields([("password", &old.password), ("security_token", &old.token)]);
    vault.seed(SECRET_PATH, long_ago, secret);
    let login = fields([("username", CONSOLE_USER), ("password", CONSOLE_PASSWORD)]);
    vault.seed(CONSOLE_PATH, long_ago, login);
    let sender = Sender::new(&files)?;
    Ok(Stage { with, without, vault, files, sender })
}

fn introduce(screen: &mut Screen) -> io::Result<()> {
    let title = "reset-receiver: one Salesforce password reset, twice at the same moment\n";
    screen.say(Tone::Strong, title)?;
    let (sync, integration) = (SYNC_EVERY.as_secs(), INTEGRATION_EVERY.as_secs());
    let text = format!(
        "  Two identical worlds are simulated. In each, Salesforce locks the account after {LIMIT} failed
  logins, and CommuniGator logs in with its own copies of the secret: 3 connectors every {sync} s,
  one of them disabled, and 2 Integrations every {integration} s. (Real ones take minutes or hours.)
  A connector can be switched off. Integration cannot: the sooner it gets the new secret, the better.

  One world has the receiver: the real one, with HTTPS, signed notices and a journal in SQLite.
  In place of Vault it has a stand-in, which is given the new secret {} s after the reset.
  The other world has nobody.
",
        SECRET_AFTER.as_secs(),
    );
    screen.say(Tone::Plain, &text)?;
    screen.say(Tone::Quiet, "  The reset comes right after the next sync ...\n")
}
