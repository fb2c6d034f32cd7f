//! Salesforce's words, made fit for a journal: one line, short, without a secret.

use crate::domain::secret::{SalesforceSecret, SecretText};
use crate::salesforce::password_and_token;

/// Longer words are cut off.
const MAX_CHARS: usize = 200;

/// What must not stay in a text.
pub(super) struct Censor(Vec<SecretText>);

impl Censor {
    /// Hides a login's secret, whole and in parts.
    pub(super) fn of(secret: &SalesforceSecret) -> Self {
        let parts = [Some(secret.password.clone()), secret.security_token.clone()];
        let whole = password_and_token(secret);
        Self(Vec::new()).with(std::iter::once(whole).chain(parts.into_iter().flatten()))
    }

    /// Hides this as well.
    pub(super) fn and(self, secret: &SecretText) -> Self {
        self.with([secret.clone()])
    }

    fn with(mut self, secrets: impl IntoIterator<Item = SecretText>) -> Self {
        self.0.extend(secrets);
        // The longest first, so that no part of it is left.
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        self
    }

    /// A code and the words that explain it, which often begin with the code again.
    pub(super) fn said(&self, code: &str, words: &str) -> String {
        let words = words.strip_prefix(code).unwrap_or(words);
        let words = words.trim_start_matches([':', ' ']);
        let all = if words.is_empty() { code.to_owned() } else { format!("{code}: {words}") };
        let hide = |text: String, secret: &SecretText| match secret.expose() {
            "" => text,
            secret => text.replace(secret, "[secret]"),
        };
        let hidden = self.0.iter().fold(all, hide);
        let line = hidden.split(|c: char| c.is_whitespace() || c.is_control());
        let line = line.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        match line.char_indices().nth(MAX_CHARS) {
            Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
            None => line,
        }
    }
}
