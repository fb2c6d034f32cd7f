//! The command line: what can be said on it, and the commands that talk to a running receiver.
//!
//! `serve`, `check` and `doctor` run in this process and are carried out by the composition root;
//! everything else is a client of a listener and is carried out here.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::cli::fingerprint::FingerprintArguments;
use crate::cli::remote::RemoteCommand;
use crate::domain::ids::TargetName;

pub mod client;
pub mod doctor;
pub mod fingerprint;
pub mod follow;
pub mod host;
pub mod outbound_sample;
pub mod remote;
mod sample_mail;
mod secret_file;
pub mod send;
pub mod status;
mod table;
mod vault_sample;
pub mod verbs;

/// Puts a reset Salesforce password and security token into CommuniGator before the old one locks
/// the account.
#[derive(Debug, Parser)]
#[command(name = "reset-receiver", version, after_help = EXIT_HELP)]
pub struct Arguments {
    /// The configuration file (TOML).
    #[arg(long, global = true, value_name = "PATH")]
    #[arg(env = "RESET_RECEIVER_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_HELP: &str = "Exit codes: 0 well, 1 it went wrong, 2 wrong use or configuration.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What runs in this process, by the configuration.
    #[command(flatten)]
    Host(HostCommand),
    /// What asks a running receiver.
    #[command(flatten)]
    Remote(RemoteCommand),
    /// Print the pins of a client certificate and of its public key.
    Fingerprint(FingerprintArguments),
}

/// What runs in this process.
#[derive(Debug, Subcommand)]
pub enum HostCommand {
    /// Receive resets and carry them out, until a signal asks to stop.
    Serve,
    /// Check the configuration and say everything that is wrong with it, with its key.
    Check,
    /// Look, without changing anything, whether a rotation would find all that it needs.
    Doctor(DoctorArguments),
}

/// What `doctor` looks at.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// Only this target; all of them otherwise.
    #[arg(value_parser = TargetName::parse)]
    pub target: Option<TargetName>,
    /// Say it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// How a command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It is well: 0.
    Well,
    /// It went wrong: 1.
    Wrong,
    /// It was used or configured wrongly: 2.
    Usage,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Wrong => 1,
            Self::Usage => 2,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Reads the command line. Where that does not lead to a command, it has been answered: a question
/// for help or the version on `out`, a wrong use on `err`.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Arguments, Exit> {
    Arguments::try_parse_from(arguments).map_err(|answer| {
        let (written, exit) = if answer.use_stderr() {
            (write!(err, "{answer}"), Exit::Usage)
        } else {
            (write!(out, "{answer}"), Exit::Well)
        };
        // Where the stream itself is gone, nobody is left to be told.
        if written.is_ok() { exit } else { Exit::Wrong }
    })
}

/// Writes an error with everything below it, on one line.
pub fn report(error: &dyn Error, err: &mut dyn Write) -> io::Result<()> {
    write!(err, "reset-receiver: {error}")?;
    let mut below = error.source();
    while let Some(source) = below {
        write!(err, ": {source}")?;
        below = source.source();
    }
    writeln!(err)
}

#[cfg(test)]
mod tests;
