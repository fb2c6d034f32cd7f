//! Keeping secrets out of what is reported: a page may repeat one in a text of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::communigator::control::Kind;
use crate::communigator::page::Page;
use crate::communigator::text;
use crate::domain::secret::{SalesforceSecret, SecretText};
use crate::ports::console::{ConsoleError, Trouble};

/// Texts shorter than this are no secret worth the name, and occur in every sentence.
const MIN_LENGTH: usize = 4;
/// What stands in a secret's place.
const HIDDEN: &str = "[hidden]";
/// What stands in the place of a text that may repeat a secret that is not known.
const WITHHELD: &str = "[not quoted: it may repeat the secret, which is not at hand]";

/// The texts that may not be reported. A session, its walker and its pages share one.
#[derive(Debug, Clone, Default)]
pub(super) struct Blot(Arc<Mutex<Hidden>>);

#[derive(Debug, Clone, Default)]
struct Hidden {
    secrets: Vec<SecretText>,
    /// Whether what was written to the console is among them.
    is_told: bool,
    /// Whether something was written that was not at hand.
    is_lacking: bool,
}

impl Blot {
    /// Adds a secret.
    pub(super) fn add(&self, secret: &SecretText) {
        let mut hidden = self.lock();
        // Pages are read with their white space folded.
        for text in [secret.expose().to_owned(), text::fold(secret.expose())] {
            let text = SecretText::new(text);
            let long = text.expose().chars().count() >= MIN_LENGTH;
            if long && !hidden.secrets.iter().any(|known| known.expose() == text.expose()) {
                hidden.secrets.push(text);
            }
        }
    }

    /// Adds what was written to the console. `None` where that is not at hand: then nothing that a
    /// page says is quoted, until it was.
    pub(super) fn add_written(&self, secret: Option<&SalesforceSecret>) {
        let Some(secret) = secret else {
            self.lock().is_lacking = true;
            return;
        };
        self.add(&secret.password);
        if let Some(token) = &secret.security_token {
            self.add(token);
        }
        self.lock().is_told = true;
    }

    /// The same, and what the fields of a page hold: its texts may repeat that as well.
    pub(super) fn and_values(&self, page: &Page) -> Self {
        let blot = Self(Arc::new(Mutex::new(self.lock().clone())));
        for control in &page.controls {
            match &control.kind {
                Kind::Hidden(value)
                | Kind::Text(value)
                | Kind::Password(value)
                | Kind::TextArea(value) => blot.add(&SecretText::new(value.trim().to_owned())),
                Kind::Tick { .. }
                | Kind::Select(_)
                | Kind::File
                | Kind::Submit { .. }
                | Kind::Inert => {}
            }
        }
        blot
    }

    /// Whether there is a secret that is not at hand.
    pub(super) fn withholds(&self) -> bool {
        let hidden = self.lock();
        hidden.is_lacking && !hidden.is_told
    }

    /// A text of a page, as it may be reported: without any secret, folded, and only then cut to
    /// `max` characters, since a secret that is cut would no longer be found.
    pub(super) fn quote(&self, text: &str, max: usize) -> String {
        if self.withholds() {
            return WITHHELD.to_owned();
        }
        text::shorten(&self.clean(text), max)
    }

    /// Several texts of a page, as many of them as may be reported.
    pub(super) fn quotes(
        &self,
        texts: impl IntoIterator<Item = String>,
        max: usize,
        many: usize,
    ) -> Vec<String> {
        let many = if self.withholds() { 1 } else { many };
        let texts = texts.into_iter().filter(|text| !text.is_empty());
        texts.map(|text| self.quote(&text, max)).take(many).collect()
    }

    /// A text without any secret. Where one is a part of another, or they overlap, nothing of
    /// either is left.
    pub(super) fn clean(&self, text: &str) -> String {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for secret in &self.lock().secrets {
            let found = text.match_indices(secret.expose());
            spans.extend(found.map(|(start, found)| (start, start + found.len())));
        }
        spans.sort_unstable();
        let (mut clean, mut at) = (String::with_capacity(text.len()), 0);
        for (start, end) in spans {
            if start >= at {
                clean.push_str(text.get(at..start).unwrap_or_default());
                clean.push_str(HIDDEN);
            }
            at = at.max(end);
        }
        clean.push_str(text.get(at..).unwrap_or_default());
        clean
    }

    /// A failure without any secret; what it quotes of a page was decided when the page was read.
    pub(super) fn error(&self, error: ConsoleError) -> ConsoleError {
        ConsoleError { trouble: self.trouble(error.trouble), source: error.source }
    }

    fn trouble(&self, trouble: Trouble) -> Trouble {
        let clean = |text: String| self.clean(&text);
        match trouble {
            Trouble::PageChanged { page, expected, found, seen } => Trouble::PageChanged {
                page: clean(page),
                expected: clean(expected),
                found,
                seen: seen.into_iter().map(clean).collect(),
            },
            Trouble::SaveRefused { page, message } => {
                Trouble::SaveRefused { page: clean(page), message: clean(message) }
            }
            Trouble::Unreadable { page, why } => Trouble::Unreadable { page: clean(page), why },
            Trouble::NeedsScript { page } => Trouble::NeedsScript { page: clean(page) },
            Trouble::NotKept { page, field } => {
                Trouble::NotKept { page: clean(page), field: clean(field) }
            }
            other @ (Trouble::Unreachable
            | Trouble::Unavailable { .. }
            | Trouble::NoAnswer
            | Trouble::LoginRefused
            | Trouble::SessionEnded
            | Trouble::ConfirmAddress
            | Trouble::SecondFactor
            | Trouble::CodeRefused
            | Trouble::ForeignRedirect { .. }
            | Trouble::UnknownAccount { .. }) => other,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Hidden> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(secrets: &[&str]) -> Blot {
        let blot = Blot::default();
        for secret in secrets {
            blot.add(&SecretText::new((*secret).to_owned()));
        }
        blot
    }

    #[test]
    fn a_secret_that_is_a_part_of_another_leaves_nothing_of_it() {
        for secrets in [["hunter2", "hunter2-and-more"], ["hunter2-and-more", "hunter2"]] {
            let blot = of(&secrets);
            assert_eq!(blot.clean("hunter2-and-more, hunter2"), "[hidden], [hidden]");
        }
        assert_eq!(of(&["middle", "left-middle-right"]).clean("left-middle-right"), "[hidden]");
        assert_eq!(of(&["left-part", "part-right"]).clean("left-part-right."), "[hidden].");
    }

    #[test]
    fn a_secret_on_the_cut_leaves_no_beginning() {
        let blot = of(&["hunter2-and-more"]);
        let text = format!("{}hunter2-and-more", "x".repeat(10));
        for max in 10..text.len() {
            let quoted = blot.quote(&text, max);
            assert!(!quoted.contains('h') || quoted.contains("[h"), "{quoted}");
            assert!(!quoted.contains("hu"), "{quoted}");
        }
    }

    #[test]
    fn a_secret_is_found_with_its_white_space_folded() {
        let blot = of(&["two  blanks"]);
        assert_eq!(blot.clean("(two blanks) (two  blanks)"), "([hidden]) ([hidden])");
    }

    #[test]
    fn nothing_is_quoted_while_the_secret_is_not_at_hand() {
        let blot = Blot::default();
        blot.add_written(None);
        let texts = ["one".to_owned(), "two".to_owned()];
        assert_eq!(blot.quotes(texts.clone(), 80, 40), [WITHHELD]);
        let password = SecretText::new("one".to_owned() + "-long");
        blot.add_written(Some(&SalesforceSecret { password, security_token: None }));
        assert_eq!(blot.quotes(texts, 80, 40), ["one", "two"]);
        assert_eq!(blot.quote("one-long", 80), HIDDEN);
    }
}
