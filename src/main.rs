//! The program: reads the command line, runs one command, ends with one exit code.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use reset_receiver::cli::remote::{Access, RemoteCommand, Surroundings};
use reset_receiver::cli::{self, Arguments, Command, Exit, HostCommand, fingerprint, host};
use reset_receiver::clock::SystemClock;
use reset_receiver::startup::Origin;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let arguments = match cli::parse(std::env::args_os(), &mut out, &mut err) {
        Ok(arguments) => arguments,
        Err(exit) => return exit.into(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ran = runtime.and_then(|runtime| {
        let ran = runtime.block_on(run(arguments, &mut out, &mut err));
        // After a second signal nothing is waited for, not even a blocking task.
        runtime.shutdown_background();
        ran
    });
    match ran {
        Ok(exit) => exit.into(),
        Err(error) => {
            // Where standard error is gone as well, the exit code alone tells it.
            drop(cli::report(&error, &mut err));
            Exit::Wrong.into()
        }
    }
}

async fn run(arguments: Arguments, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<Exit> {
    let Arguments { config: path, command } = arguments;
    let command = match command {
        Command::Remote(command) => {
            let fallback = match &path {
                Some(_) => match host::load(path.as_deref(), std::env::vars(), err)? {
                    Some(config) => Access::of(&config),
                    None => return Ok(Exit::Usage),
                },
                None => Access::default(),
            };
            return ask(command, fallback, out, err).await;
        }
        Command::Fingerprint(arguments) => {
            return match fingerprint::fingerprint(&arguments, out) {
                Ok(exit) => Ok(exit),
                Err(error) => {
                    cli::report(&error, err)?;
                    Ok(Exit::Usage)
                }
            };
        }
        Command::Host(command) => command,
    };
    let environment: Vec<(String, String)> = std::env::vars().collect();
    let Some(config) = host::load(path.as_deref(), environment.clone(), err)? else {
        return Ok(Exit::Usage);
    };
    match command {
        HostCommand::Serve => {
            let origin = Origin { path: path.unwrap_or_default(), environment };
            host::serve(&config, origin, err).await
        }
        HostCommand::Check => host::check(&config, out),
        HostCommand::Doctor(arguments) => host::doctor(&config, &arguments, out, err).await,
    }
}

async fn ask(
    command: RemoteCommand,
    fallback: Access,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Exit> {
    let around = Surroundings {
        clock: &SystemClock,
        out,
        is_terminal: io::stdout().is_terminal(),
        stop: CancellationToken::new(),
        fallback,
    };
    match command.run(around).await {
        Ok(exit) => Ok(exit),
        Err(error) => {
            cli::report(&error, err)?;
            Ok(error.exit())
        }
    }
}
