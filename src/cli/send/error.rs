//! Why a sample could not be sent.

use std::io;
use std::path::PathBuf;

use url::Url;

use crate::cli::Exit;
use crate::domain::ids::InvalidId;
use crate::senders::email::mailgun::InvalidMailgunKey;
use crate::senders::keys::InvalidKey;
use crate::senders::standard_webhooks::UnsignableId;

/// Why a sample could not be sent. No message holds a key or a token.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A file that was named cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that holds no key or token.
    #[error("{} holds no key or token that could be used", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: InvalidKey,
    },
    /// A file that holds no key of Mailgun.
    #[error("{} holds no key that could be used", path.display())]
    MailgunKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: InvalidMailgunKey,
    },
    /// A secret for a format that tells of a login, or the reverse.
    #[error(
        "--secret-path and --secret-version go with the formats secret-notice, cloudevent, \
         cloudevent-binary and vault-event, and with no other"
    )]
    SecretContent,
    /// A mail names its user by name, and tells of a password.
    #[error("a sample mail needs --username, and --type password_reset")]
    MailContent,
    /// Another proof than the format has.
    #[error("this format is proven with {0}")]
    Proof(&'static str),
    /// A file that holds no certificates.
    #[error("{} holds no certificates", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why, where more is known.
        source: Option<reqwest::Error>,
    },
    /// Files that hold no client certificate and its key.
    #[error("{} and its key cannot be shown as a client certificate", path.display())]
    Identity {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: reqwest::Error,
    },
    /// A URL that cannot have one more segment.
    #[error("{0} cannot have a secret after it")]
    Url(Url),
    /// An id that cannot be signed.
    #[error("the id cannot be signed")]
    Id(#[from] UnsignableId),
    /// The generated id is not an event id.
    #[error("the id cannot be sent")]
    GeneratedId(#[from] InvalidId),
    /// The notice could not be written as JSON.
    #[error("the notice cannot be written")]
    Notice(#[from] serde_json::Error),
    /// No connection, or no answer in time.
    #[error("{url} does not answer")]
    Unreachable {
        /// The route.
        url: Url,
        /// Why.
        source: reqwest::Error,
    },
    /// A client cannot be made on this machine.
    #[error("no HTTP client can be made")]
    NoClient(#[source] reqwest::Error),
    /// The command's own output could not be written.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
}

impl SendError {
    /// How the command ends with it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::File { .. }
            | Self::Key { .. }
            | Self::MailgunKey { .. }
            | Self::SecretContent
            | Self::MailContent
            | Self::Proof(_)
            | Self::Authorities { .. }
            | Self::Identity { .. }
            | Self::Url(_)
            | Self::Id(_) => Exit::Usage,
            Self::GeneratedId(_)
            | Self::Notice(_)
            | Self::Unreachable { .. }
            | Self::NoClient(_)
            | Self::Output(_) => Exit::Wrong,
        }
    }
}
