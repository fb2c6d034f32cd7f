//! A CommuniGator console, as the engine sees it: a session with a handful of verbs.

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::fault::Fault;
use crate::domain::ids::{AccountName, Username};
use crate::domain::secret::{SalesforceSecret, SecretText};
use crate::domain::target::Surface;

/// A source of a lower layer's error.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// What logs in to the console. All of it comes from Vault.
#[derive(Debug, Clone)]
pub struct ConsoleLogin {
    /// The console user's name, an e-mail address as a rule.
    pub username: SecretText,
    /// The console user's password.
    pub password: SecretText,
    /// The shared secret of a time-based second factor (RFC 6238, base 32), where one is set up.
    pub totp: Option<SecretText>,
}

/// What a surface takes: the Salesforce login's name and its new secret.
#[derive(Debug, Clone)]
pub struct SalesforceCredential {
    /// The Salesforce user name.
    pub username: Username,
    /// The password and the token.
    pub secret: SalesforceSecret,
}

/// The state of a Data Sync connector. Only two are documented; any other is carried as the text
/// that it is and never acted upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectorState {
    /// It logs in to Salesforce on its schedule.
    Enabled,
    /// It does not log in, and it can be edited.
    Disabled,
    /// A state that this program does not know.
    Other(String),
}

/// The two states that a connector can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// Let it log in again.
    Enable,
    /// Stop it from logging in.
    Disable,
}

/// A red error, as the console shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownError {
    /// Its text, white space folded, without a secret, then shortened to 200 characters.
    pub text: String,
    /// Whether it is about the login to Salesforce, by the profile's patterns.
    pub about_credentials: bool,
}

/// What the console shows of a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectorView {
    /// Its state.
    pub state: ConnectorState,
    /// The red errors beside it.
    pub errors: Vec<ShownError>,
}

/// What the console shows of an instance's Integration page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrationView {
    /// Whether the tick beside "Integration running" is there.
    pub running: bool,
    /// The red errors on the General tab.
    pub errors: Vec<ShownError>,
}

/// One label of the profile, as `doctor` found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFinding {
    /// The page's title, or the step of the walk that led to it.
    pub page: String,
    /// The label, link or button text that was looked for.
    pub label: String,
    /// How many there are; anything but one would stop a rotation.
    pub found: usize,
}

/// What a read-only look at one surface found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// Every label that a rotation would need there.
    pub labels: Vec<LabelFinding>,
    /// The state and the errors that it shows, as one line for a person.
    pub shows: String,
    /// Connectors that the instance lists, by name; empty for Integration.
    pub connectors: Vec<String>,
}

/// What went wrong at the console. [`Trouble::fault`] says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No connection, or it broke before the request was sent whole.
    #[error("the console cannot be reached")]
    Unreachable,
    /// An answer that asks to come back later (429, 500, 502 to 504).
    #[error("the console answered {status} and may be asked again later")]
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// The request left and no readable answer came back: it may have happened.
    #[error("the request left and no answer came back")]
    NoAnswer,
    /// An answer that is not a page, is cut off, or is not in the encoding that it claims.
    #[error("the answer to \"{page}\" cannot be read: {why}")]
    Unreadable {
        /// The step of the walk.
        page: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The console refused the user name and password.
    #[error("the console refused the login: correct the console login in Vault, then retry")]
    LoginRefused,
    /// The session ended, and so did the one that replaced it.
    #[error("the console ended the session again right after a new login")]
    SessionEnded,
    /// The console wants this place of access confirmed.
    #[error(
        "the console wants this IP address confirmed: add it under My Company > IP Addresses, or \
         follow the e-mail that it sent"
    )]
    ConfirmAddress,
    /// The console asks for a second factor that is not configured.
    #[error(
        "the console asks for a second factor: store the authenticator's secret beside the console \
         login in Vault, then retry"
    )]
    SecondFactor,
    /// The console refused the code of the second factor.
    #[error(
        "the console refused the code of the second factor: check the authenticator's secret in \
         Vault and this machine's clock, then retry"
    )]
    CodeRefused,
    /// The page is built by a script, which the http driver does not run.
    #[error("the page \"{page}\" is built by a script: use the browser driver for this console")]
    NeedsScript {
        /// The step of the walk.
        page: String,
    },
    /// A label, link, button or row that should be there once is missing or there several times.
    #[error("on \"{page}\" expected exactly one {expected}, found {found}; the page shows: {}", seen.join(" | "))]
    PageChanged {
        /// The page's title, or the step of the walk.
        page: String,
        /// What was looked for.
        expected: String,
        /// How many there were.
        found: usize,
        /// What a person sees there, without any value of a field.
        seen: Vec<String>,
    },
    /// The console answered the save with an error of its own.
    #[error("the console refused to save \"{page}\": {message}")]
    SaveRefused {
        /// The page's title.
        page: String,
        /// The console's words, shortened.
        message: String,
    },
    /// After saving, a field that was not to be touched is not what it was.
    #[error("after saving \"{page}\" the field \"{field}\" is not what it was before")]
    NotKept {
        /// The page's title.
        page: String,
        /// The field's label or name; never its value.
        field: String,
    },
    /// The console sent the session to another origin.
    #[error("the console redirects to another origin, {origin}, which is not followed")]
    ForeignRedirect {
        /// The origin.
        origin: String,
    },
    /// A surface or account that the console adapter was not configured for.
    #[error("no console account named {account} is configured")]
    UnknownAccount {
        /// The account's name.
        account: AccountName,
    },
}

impl Trouble {
    /// The class that decides what happens next.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unreachable | Self::Unavailable { .. } | Self::SessionEnded => Fault::Transient,
            Self::NoAnswer | Self::Unreadable { .. } => Fault::Indeterminate,
            Self::LoginRefused => Fault::Rejected,
            Self::ConfirmAddress
            | Self::SecondFactor
            | Self::CodeRefused
            | Self::NeedsScript { .. }
            | Self::PageChanged { .. }
            | Self::SaveRefused { .. }
            | Self::NotKept { .. }
            | Self::ForeignRedirect { .. }
            | Self::UnknownAccount { .. } => Fault::Permanent,
        }
    }

    /// Whether it concerns the whole session, so that other surfaces would meet it as well.
    pub fn is_about_session(&self) -> bool {
        matches!(
            self,
            Self::Unreachable
                | Self::LoginRefused
                | Self::SessionEnded
                | Self::ConfirmAddress
                | Self::SecondFactor
                | Self::CodeRefused
                | Self::UnknownAccount { .. }
        )
    }
}

/// A failed verb of a console session.
#[derive(Debug, thiserror::Error)]
#[error("{trouble}")]
pub struct ConsoleError {
    /// What happened, for a decision and for a person.
    pub trouble: Trouble,
    /// What the layer below said.
    #[source]
    pub source: Option<Source>,
}

impl From<Trouble> for ConsoleError {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, source: None }
    }
}

/// Whether a session may still send anything. A console knows no fence, so that whoever has lost
/// the lease on its account has to keep quiet by itself.
pub trait Permit: Send + Sync {
    /// Asked at the last moment before a request leaves. Once it is over nothing leaves any more,
    /// and whoever waits for the session waits in vain: the permit's holder lets go of it.
    fn is_over(&self) -> bool;
}

/// For whoever only looks, and needs no lease.
#[derive(Debug, Clone, Copy)]
pub struct Always;

impl Permit for Always {
    fn is_over(&self) -> bool {
        false
    }
}

/// Opens console sessions.
#[async_trait]
pub trait Console: Send + Sync {
    /// Logs in once. A refused login is [`Trouble::LoginRefused`] and is not tried again here. The
    /// session sends what the permit allows.
    async fn open(
        &self,
        account: &AccountName,
        login: &ConsoleLogin,
        permit: &Arc<dyn Permit>,
    ) -> Result<Box<dyn ConsoleSession>, ConsoleError>;
}

/// A logged-in session. Every verb looks at the page before it changes anything, and changes
/// nothing unless the page is exactly what the profile says.
#[async_trait]
pub trait ConsoleSession: Send {
    /// Tells what may stand on the pages and may not be reported: the secret that was, or may have
    /// been, written there. `None` where there is one that is not at hand, after a restart for
    /// instance; a session that was never told it reports no text of a page then.
    fn hide(&mut self, secret: Option<&SalesforceSecret>);

    /// Reads a connector's state and its red errors.
    async fn observe_connector(&mut self, place: &Surface) -> Result<ConnectorView, ConsoleError>;

    /// Changes a connector's state. Returns once the console has answered; the caller observes.
    async fn switch_connector(
        &mut self,
        place: &Surface,
        switch: Switch,
    ) -> Result<(), ConsoleError>;

    /// Writes a disabled connector's data source: the credential fields and nothing else, read
    /// back and compared after saving.
    async fn update_connector(
        &mut self,
        place: &Surface,
        credential: &SalesforceCredential,
    ) -> Result<(), ConsoleError>;

    /// Reads whether Integration is running, and its red errors.
    async fn observe_integration(
        &mut self,
        place: &Surface,
    ) -> Result<IntegrationView, ConsoleError>;

    /// Writes an instance's Integration credential fields and nothing else, read back and
    /// compared after saving.
    async fn update_integration(
        &mut self,
        place: &Surface,
        credential: &SalesforceCredential,
    ) -> Result<(), ConsoleError>;

    /// Looks at everything a rotation would need at one surface, without changing anything.
    async fn examine(&mut self, place: &Surface) -> Result<Examination, ConsoleError>;

    /// Logs out.
    async fn close(self: Box<Self>) -> Result<(), ConsoleError>;
}
