//! The commands that ask a running receiver, and where it is.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use crate::cli::Exit;
use crate::cli::client::{ClientError, OperatorClient, RotationVerb};
use crate::cli::follow::{self, Following};
use crate::cli::secret_file;
use crate::cli::send::{self, SendArguments, SendError};
use crate::cli::status::{self, Look};
use crate::cli::verbs;
use crate::config::Config;
use crate::domain::ids::{RotationId, TargetName};
use crate::operator::who_may::Role;
use crate::ports::clock::Clock;

/// What asks a running receiver.
#[derive(Debug, Subcommand)]
pub enum RemoteCommand {
    /// Show where every target stands.
    Status(StatusArguments),
    /// Rotate a target, as if a reset had come just now.
    Rotate(RotateArguments),
    /// Go on with a stuck rotation, from where it stands.
    Retry(RotationArguments),
    /// Say that Vault's current version is the new secret.
    UseCurrentSecret(RotationArguments),
    /// Give a rotation up, and show what it leaves disabled.
    Abandon(RotationArguments),
    /// Sign and send a sample of what a sender sends.
    Send(Box<SendArguments>),
}

/// Where the private listener is, and what opens it.
#[derive(Debug, Clone, Default, Args)]
pub struct Access {
    /// The private listener, as in `http://127.0.0.1:9464`.
    #[arg(long, value_name = "URL")]
    #[arg(env = "RESET_RECEIVER_OPERATOR", hide_env_values = true)]
    pub operator: Option<Url>,
    /// The file with the token for it.
    #[arg(long, value_name = "PATH")]
    #[arg(env = "RESET_RECEIVER_TOKEN_FILE", hide_env_values = true)]
    pub token_file: Option<PathBuf>,
}

/// How `status` shows it.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Where the receiver is.
    #[command(flatten)]
    pub access: Access,
    /// Go on showing it: redrawn on a terminal, elsewhere a line for each change.
    #[arg(long)]
    pub watch: bool,
    /// Say it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What `rotate` rotates.
#[derive(Debug, Args)]
pub struct RotateArguments {
    /// Where the receiver is.
    #[command(flatten)]
    pub access: Access,
    /// The target.
    #[arg(value_parser = TargetName::parse)]
    pub target: TargetName,
    /// Show each step until the rotation ends or needs a person.
    #[arg(long)]
    pub wait: bool,
    /// No longer than so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, requires = "wait")]
    pub timeout: u32,
}

/// Which rotation a verb is about.
#[derive(Debug, Args)]
pub struct RotationArguments {
    /// Where the receiver is.
    #[command(flatten)]
    pub access: Access,
    /// The rotation's id.
    pub id: Uuid,
}

/// What a command needs of the process that it runs in.
pub struct Surroundings<'a> {
    /// Time and waiting.
    pub clock: &'a dyn Clock,
    /// Where the output goes.
    pub out: &'a mut dyn Write,
    /// Whether the output is a terminal, which can be redrawn.
    pub is_terminal: bool,
    /// Ends what would go on for ever.
    pub stop: CancellationToken,
    /// Where the receiver is, where the command line and the environment do not say it.
    pub fallback: Access,
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// Nobody said where the receiver is.
    #[error("say where the receiver is: --operator URL or RESET_RECEIVER_OPERATOR")]
    NoOperator,
    /// Nobody said where the token is.
    #[error("say where the token is: --token-file PATH or RESET_RECEIVER_TOKEN_FILE")]
    NoToken,
    /// A file that was named cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The receiver did not do what it was asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The sample could not be sent.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl RemoteError {
    /// How the command ends with it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoOperator | Self::NoToken | Self::File { .. } => Exit::Usage,
            Self::Send(error) => error.exit(),
            Self::Client(_) => Exit::Wrong,
        }
    }
}

impl RemoteCommand {
    /// Carries the command out.
    pub async fn run(self, around: Surroundings<'_>) -> Result<Exit, RemoteError> {
        let client = |access: Access| access.or(&around.fallback).client();
        match self {
            Self::Status(StatusArguments { access, watch, json }) => {
                let look = Look { json, is_terminal: around.is_terminal };
                let client = client(access)?;
                if watch {
                    status::watch(&client, around.out, look, around.clock, &around.stop).await?;
                } else {
                    status::status(&client, around.out, look, around.clock.now()).await?;
                }
                Ok(Exit::Well)
            }
            Self::Rotate(RotateArguments { access, target, wait, timeout }) => {
                let client = client(access)?;
                let rotation = verbs::rotate(&client, around.out, &target).await?;
                if !wait {
                    return Ok(Exit::Well);
                }
                let timeout = Duration::from_secs(timeout.into());
                let following = Following { clock: around.clock, stop: &around.stop, timeout };
                Ok(follow::follow(&client, around.out, rotation, following).await?)
            }
            Self::Retry(RotationArguments { access, id }) => {
                let client = client(access)?;
                Ok(verbs::say(&client, around.out, RotationId(id), RotationVerb::Retry).await?)
            }
            Self::UseCurrentSecret(RotationArguments { access, id }) => {
                let (client, verb) = (client(access)?, RotationVerb::UseCurrentSecret);
                Ok(verbs::say(&client, around.out, RotationId(id), verb).await?)
            }
            Self::Abandon(RotationArguments { access, id }) => {
                let client = client(access)?;
                Ok(verbs::say(&client, around.out, RotationId(id), RotationVerb::Abandon).await?)
            }
            Self::Send(arguments) => Ok(send::send(&arguments, around.out, around.clock).await?),
        }
    }
}

impl Access {
    /// The private listener of a configuration, and the first token there that may act.
    pub fn of(config: &Config) -> Self {
        let mut listen = config.operator.listen;
        if listen.ip().is_unspecified() {
            listen.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        let tokens = &config.operator.tokens;
        let acting = tokens.iter().find(|token| token.role == Role::Operator);
        Self {
            operator: Url::parse(&format!("http://{listen}")).ok(),
            token_file: acting.or(tokens.first()).map(|token| token.token_file.clone()),
        }
    }

    fn or(self, fallback: &Self) -> Self {
        Self {
            operator: self.operator.or_else(|| fallback.operator.clone()),
            token_file: self.token_file.or_else(|| fallback.token_file.clone()),
        }
    }

    fn client(self) -> Result<OperatorClient, RemoteError> {
        let url = self.operator.ok_or(RemoteError::NoOperator)?;
        let path = self.token_file.ok_or(RemoteError::NoToken)?;
        let token =
            secret_file::read(&path).map_err(|source| RemoteError::File { path, source })?;
        Ok(OperatorClient::new(url, token)?)
    }
}
