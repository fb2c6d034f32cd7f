//! What can go wrong with the demo itself.

use std::io;

use reset_receiver::cli::client::ClientError;
use reset_receiver::config::ConfigError;
use reset_receiver::senders::keys::InvalidKey;
use reset_receiver::senders::standard_webhooks::UnsignableId;
use reset_receiver::startup::{RunError, StartError};
use simulator::UnknownUser;

/// The demo could not be played to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// A file, an address, a thread or the output.
    #[error("this machine did not let it")]
    Machine(#[from] io::Error),
    /// The runtime's subscriber for logs.
    #[error("logs cannot be shown")]
    Logs(#[from] tracing_subscriber::util::TryInitError),
    /// The receiver's certificate.
    #[error("no certificate can be made")]
    Certificate(#[from] rcgen::Error),
    /// The receiver's configuration.
    #[error("the receiver's configuration is not taken")]
    Config(#[from] ConfigError),
    /// The receiver's start.
    #[error("the receiver does not start")]
    Start(#[source] Box<StartError>),
    /// The receiver's end.
    #[error("the receiver ended by itself")]
    Run(#[from] RunError),
    /// The receiver's end, without a word.
    #[error("the receiver ended before it was asked to")]
    Ended,
    /// The signing key.
    #[error("the signing key is not taken")]
    Key(#[from] InvalidKey),
    /// The notice's id.
    #[error("the notice cannot be signed")]
    Unsignable(#[from] UnsignableId),
    /// A request that has no answer, or not the expected one.
    #[error("a request went wrong")]
    Request(#[from] reqwest::Error),
    /// An address that is none.
    #[error("an address cannot be read")]
    Address(#[from] url::ParseError),
    /// The operator API.
    #[error("the operator API does not answer as it should")]
    Operator(#[from] ClientError),
    /// The simulated Salesforce.
    #[error("the simulated Salesforce does not know the user")]
    Salesforce(#[from] UnknownUser),
    /// The simulated surfaces did not log in before the reset, or never came to rest after it.
    #[error("{what} within {seconds} seconds")]
    Late {
        /// What did not happen.
        what: &'static str,
        /// The bound.
        seconds: u64,
    },
    /// A signal asked for the end.
    #[error("interrupted")]
    Interrupted,
}

impl From<StartError> for Trouble {
    fn from(error: StartError) -> Self {
        Self::Start(Box::new(error))
    }
}
