//! What logs in to Salesforce: a username, a password and a security token.

use std::fmt;

/// A Salesforce login as somebody holds it, right or wrong. `Debug` shows the username alone.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Credential {
    /// The Salesforce username.
    pub username: String,
    /// The password.
    pub password: String,
    /// The security token; empty where none is needed.
    pub token: String,
}

impl Credential {
    /// A credential of these three parts.
    pub fn new(
        username: impl Into<String>,
        password: impl Into<String>,
        token: impl Into<String>,
    ) -> Self {
        Self { username: username.into(), password: password.into(), token: token.into() }
    }

    /// The password with the token appended, as Salesforce's logins take it.
    pub fn secret(&self) -> String {
        format!("{}{}", self.password, self.token)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("username", &self.username).finish_non_exhaustive()
    }
}
