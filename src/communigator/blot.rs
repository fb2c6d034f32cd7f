//! Keeping secrets out of what is reported: a page may repeat one in a text of its own.

use crate::communigator::control::Kind;
use crate::communigator::page::Page;
use crate::domain::secret::SecretText;
use crate::ports::console::{ConsoleError, ShownError, Trouble};

/// Texts shorter than this are no secret worth the name, and occur in every sentence.
const MIN_LENGTH: usize = 4;

/// The texts that may not be reported.
#[derive(Debug, Default)]
pub(super) struct Blot(Vec<SecretText>);

impl Blot {
    /// Adds a secret.
    pub(super) fn add(&mut self, secret: &SecretText) {
        let long = secret.expose().chars().count() >= MIN_LENGTH;
        if long && !self.0.iter().any(|known| known.expose() == secret.expose()) {
            self.0.push(secret.clone());
        }
    }

    /// Adds what the fields of a page hold.
    pub(super) fn add_values(&mut self, page: &Page) {
        for control in &page.controls {
            match &control.kind {
                Kind::Hidden(value)
                | Kind::Text(value)
                | Kind::Password(value)
                | Kind::TextArea(value) => self.add(&SecretText::new(value.trim().to_owned())),
                Kind::Tick { .. }
                | Kind::Select(_)
                | Kind::File
                | Kind::Submit { .. }
                | Kind::Inert => {}
            }
        }
    }

    /// A text without any of them.
    pub(super) fn text(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret.expose(), "[hidden]"))
    }

    /// Errors without any of them.
    pub(super) fn errors(&self, errors: &mut [ShownError]) {
        for error in errors {
            error.text = self.text(&error.text);
        }
    }

    /// A failure without any of them.
    pub(super) fn error(&self, error: ConsoleError) -> ConsoleError {
        ConsoleError { trouble: self.trouble(error.trouble), source: error.source }
    }

    /// A trouble without any of them.
    pub(super) fn trouble(&self, trouble: Trouble) -> Trouble {
        match trouble {
            Trouble::PageChanged { page, expected, found, seen } => Trouble::PageChanged {
                page: self.text(&page),
                expected,
                found,
                seen: seen.iter().map(|text| self.text(text)).collect(),
            },
            Trouble::SaveRefused { page, message } => {
                Trouble::SaveRefused { page: self.text(&page), message: self.text(&message) }
            }
            Trouble::Unreadable { page, why } => {
                Trouble::Unreadable { page: self.text(&page), why }
            }
            Trouble::NeedsScript { page } => Trouble::NeedsScript { page: self.text(&page) },
            Trouble::NotKept { page, field } => {
                Trouble::NotKept { page: self.text(&page), field: self.text(&field) }
            }
            other @ (Trouble::Unreachable
            | Trouble::Unavailable { .. }
            | Trouble::NoAnswer
            | Trouble::LoginRefused
            | Trouble::SessionEnded
            | Trouble::ConfirmAddress
            | Trouble::SecondFactor
            | Trouble::ForeignRedirect { .. }
            | Trouble::UnknownAccount { .. }) => other,
        }
    }
}
