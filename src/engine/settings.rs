//! How patient the engine is.

use std::time::Duration;

use crate::domain::backoff::Backoff;

/// The engine's deadlines, waits and bounds.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How far Vault's clock and a sender's may differ.
    pub grace: Duration,
    /// How long a claim on a console account lasts unless it is renewed.
    pub lease: Duration,
    /// How many rotations are driven side by side, each on a console account of its own.
    pub parallel: usize,
    /// The wait before a failed step is tried again.
    pub retry: Backoff,
    /// The same for containing, where a quick retry reduces failed logins.
    pub contain_retry: Backoff,
    /// How often Vault is asked for the new secret.
    pub secret_poll: Backoff,
    /// After this long without the new secret a person is told.
    pub secret_deadline: Duration,
    /// How often the console is looked at until it shows that everything is well.
    pub confirm_poll: Backoff,
    /// After this long the last look decides.
    pub confirm_deadline: Duration,
    /// For how long an unproved secret is watched once everything looks well.
    pub confirm_watch: Duration,
    /// How long a console login that was read from Vault is used without reading it again.
    pub console_login_age: Duration,
}

impl Settings {
    /// After so many workers died over a rotation without any progress a person is told.
    pub const DEATHS_BEFORE_STUCK: u32 = 10;
}
