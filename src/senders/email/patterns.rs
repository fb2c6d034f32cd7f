//! How the mails look that tell of a reset.

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::domain::event::ResetKind;
use crate::domain::ids::Username;
use crate::domain::secret::SecretText;
use crate::senders::email::mail::Mail;
use crate::senders::email::verdict::domain_of;

/// The built-in patterns, as a file would hold them.
pub const BUILT_IN: &str = include_str!("patterns.toml");

/// A compiled expression may take so many bytes.
const MAX_EXPRESSION_BYTES: usize = 256 * 1024;

/// Why a pattern file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPatterns {
    /// It is not the TOML that is documented.
    #[error("it is not TOML with the documented keys: {0}")]
    Shape(String),
    /// It names no domain or no mail.
    #[error("it must name at least one of sender_domains and one of [[mails]]")]
    Empty,
    /// A kind that a mail cannot tell of.
    #[error("mails[{0}].kind must be \"password_reset\" or \"token_reset\"")]
    Kind(usize),
    /// An expression that cannot be read, or that captures nothing.
    #[error("mails[{mail}].{key} is not a regular expression{}", if *capturing { " with one group in parentheses" } else { "" })]
    Expression {
        /// Which mail, from 0.
        mail: usize,
        /// Which key.
        key: &'static str,
        /// Whether it has to capture something.
        capturing: bool,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sender_domains: Vec<String>,
    mails: Vec<FileMail>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileMail {
    kind: String,
    language: String,
    subject: String,
    text: Option<String>,
    username: String,
    token: Option<String>,
}

/// What mails are recognised by.
#[derive(Debug, Clone)]
pub struct Patterns {
    domains: Vec<String>,
    notices: Vec<Notice>,
}

#[derive(Debug, Clone)]
struct Notice {
    kind: ResetKind,
    language: String,
    subject: Regex,
    text: Option<Regex>,
    username: Regex,
    token: Option<Regex>,
}

/// What a recognised mail says.
#[derive(Debug, Clone)]
pub struct Recognised {
    /// Which reset.
    pub kind: ResetKind,
    /// Whose.
    pub username: Username,
    /// The new security token, where the mail carries one.
    pub token: Option<SecretText>,
    /// The language of the pattern that fitted.
    pub language: String,
}

/// Why a mail is none of those that are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotOurs {
    /// Its author is somebody else.
    Author,
    /// No pattern has this subject.
    Subject,
    /// The subject fits, and the body lacks what the pattern asks for.
    Body,
}

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Author => "its author is of another domain",
            Self::Subject => "its subject fits no pattern",
            Self::Body => "its subject fits a pattern and its body does not",
        })
    }
}

impl Patterns {
    /// The built-in patterns.
    pub fn built_in() -> Self {
        #[expect(clippy::expect_used, reason = "a test reads the built-in file")]
        Self::parse(BUILT_IN).expect("the built-in patterns are well")
    }

    /// Reads a pattern file.
    pub fn parse(text: &str) -> Result<Self, InvalidPatterns> {
        let shape = |error: toml::de::Error| InvalidPatterns::Shape(error.message().to_owned());
        let file: File = toml::from_str(text).map_err(shape)?;
        let domains: Vec<String> =
            file.sender_domains.iter().map(|domain| domain.trim().to_ascii_lowercase()).collect();
        if domains.iter().all(String::is_empty) || file.mails.is_empty() {
            return Err(InvalidPatterns::Empty);
        }
        let notices = file.mails.into_iter().enumerate().map(|(at, mail)| Notice::read(at, mail));
        Ok(Self { domains, notices: notices.collect::<Result<Vec<_>, _>>()? })
    }

    /// Whether an author of this domain may be the sender. Not of one below: customers of Salesforce
    /// have addresses there, and may write from them.
    fn is_author(&self, domain: &str) -> bool {
        let mut known = self.domains.iter().filter(|known| !known.is_empty());
        known.any(|known| domain.eq_ignore_ascii_case(known))
    }

    /// Whether what a domain vouches for may be the sender's: one of his, or below one.
    pub fn is_sender(&self, domain: &str) -> bool {
        let domain = domain.to_ascii_lowercase();
        self.domains.iter().filter(|known| !known.is_empty()).any(|known| {
            domain
                .strip_suffix(known.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }

    /// Reads a mail's reset out of it.
    pub fn recognise(&self, mail: &Mail) -> Result<Recognised, NotOurs> {
        let author = mail.from.as_deref().map(domain_of).ok_or(NotOurs::Author)?;
        if !self.is_author(author) {
            return Err(NotOurs::Author);
        }
        let mut fitting =
            self.notices.iter().filter(|n| n.subject.is_match(&mail.subject)).peekable();
        if fitting.peek().is_none() {
            return Err(NotOurs::Subject);
        }
        fitting
            .find_map(|notice| mail.texts.iter().find_map(|text| notice.recognise(text.expose())))
            .ok_or(NotOurs::Body)
    }
}

impl Notice {
    fn read(mail: usize, file: FileMail) -> Result<Self, InvalidPatterns> {
        let kind = [ResetKind::PasswordReset, ResetKind::TokenReset]
            .into_iter()
            .find(|kind| kind.as_str() == file.kind)
            .ok_or(InvalidPatterns::Kind(mail))?;
        let expression = |key, text: &str, capturing: bool| {
            let built = RegexBuilder::new(text).size_limit(MAX_EXPRESSION_BYTES).build().ok();
            built
                .filter(|regex| !capturing || regex.captures_len() >= 2)
                .ok_or(InvalidPatterns::Expression { mail, key, capturing })
        };
        Ok(Self {
            kind,
            language: file.language,
            subject: expression("subject", &file.subject, false)?,
            text: file.text.map(|text| expression("text", &text, false)).transpose()?,
            username: expression("username", &file.username, true)?,
            token: file.token.map(|text| expression("token", &text, true)).transpose()?,
        })
    }

    /// Whose reset a text tells of. Whatever the pattern asks for has to be there.
    fn recognise(&self, text: &str) -> Option<Recognised> {
        if self.text.as_ref().is_some_and(|said| !said.is_match(text)) {
            return None;
        }
        let group = |regex: &Regex| Some(regex.captures(text)?.get(1)?.as_str().to_owned());
        let username = Username::parse(&group(&self.username)?).ok()?;
        let token = match &self.token {
            None => None,
            Some(regex) => Some(SecretText::new(group(regex)?)),
        };
        Some(Recognised { kind: self.kind, username, token, language: self.language.clone() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::{any, proptest};

    use super::*;
    use crate::senders::email::mail::Parts;
    use crate::senders::email::verdict::Verdicts;

    const TOKEN_MAIL: &str = "Username: gator.sync@example.com.invalid\r\n\
        Security token (case-sensitive): Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2R\r\n";

    fn recognise(from: &str, subject: &str, text: &str) -> Result<Recognised, NotOurs> {
        static BUILT_IN: LazyLock<Patterns> = LazyLock::new(Patterns::built_in);
        let parts = Parts { from, subject, text, ..Parts::default() };
        BUILT_IN.recognise(&parts.mail(b"", Verdicts::default()))
    }

    #[test]
    fn salesforces_notices_are_recognised() {
        let from = "Salesforce <noreply@salesforce.com>";
        let subjects = [
            "Your new Salesforce security token",
            "your new Acme Brand Security Token",
            "salesforce.com security token confirmation",
        ];
        for subject in subjects {
            let found = recognise(from, subject, TOKEN_MAIL).unwrap();
            assert_eq!(found.kind, ResetKind::TokenReset, "{subject}");
            assert_eq!(found.username.as_str(), "gator.sync@example.com.invalid");
            assert_eq!(found.token.as_ref().unwrap().expose(), "Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2R");
            assert!(!format!("{found:?}").contains("Zz9"), "{found:?}");
        }
        let body = "Hi,\n\nUsername: gator.sync@example.com\n";
        let subjects = [
            "Your Salesforce password was changed",
            "Your Salesforce password has been reset.",
            "Your Acme Brand password was reset by your administrator",
        ];
        for subject in subjects {
            let found = recognise(from, subject, body).unwrap();
            assert_eq!((found.kind, found.token.is_none()), (ResetKind::PasswordReset, true));
        }
    }

    #[test]
    fn a_reset_that_was_only_asked_for_is_none() {
        let from = "Salesforce <noreply@salesforce.com>";
        let body = "We received a request to reset your password.\n\nYour password was changed?\n\
            Username: gator.sync@example.com\n";
        for subject in [
            "Finish resetting your Salesforce password",
            "Reset your Salesforce password",
            "Your Salesforce password reset request",
            "Your Salesforce password will be reset",
            "Was it you? Your Salesforce password was changed",
            "We can't reset your password",
        ] {
            assert_eq!(recognise(from, subject, body).unwrap_err(), NotOurs::Subject, "{subject}");
        }
    }

    #[test]
    fn what_a_text_must_say_is_looked_for_in_it() {
        let patterns = r#"
            sender_domains = ["salesforce.com"]
            [[mails]]
            kind = "password_reset"
            language = "en"
            subject = '^Finish resetting'
            text = '(?i)your administrator has reset'
            username = 'Username: (\S+)'
        "#;
        let patterns = Patterns::parse(patterns).unwrap();
        let recognise = |text| {
            let (from, subject) = ("a@salesforce.com", "Finish resetting your Salesforce password");
            let parts = Parts { from, subject, text, ..Parts::default() };
            patterns.recognise(&parts.mail(b"", Verdicts::default())).map(|found| found.kind)
        };
        let by_administrator = "Your administrator has reset your password.\nUsername: a@b.example";
        assert_eq!(recognise(by_administrator), Ok(ResetKind::PasswordReset));
        let asked_for = "We received a request.\nUsername: a@b.example";
        assert_eq!(recognise(asked_for), Err(NotOurs::Body));
    }

    #[test]
    fn html_alone_is_enough() {
        let html = "<html><body><p>Username: gator.sync@example.com</p><br/>\
            <p>Security token (case-sensitive): Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2R</p></body></html>";
        let parts = Parts {
            from: "support@salesforce.com",
            subject: "Your new Salesforce security token",
            html,
            ..Parts::default()
        };
        let mail = parts.mail(b"", Verdicts::default());
        let found = Patterns::built_in().recognise(&mail);
        assert_eq!(found.unwrap().token.unwrap().expose(), "Zz9Yy8Xx7Ww6Vv5Uu4Tt3Ss2R");
    }

    #[test]
    fn everything_else_is_not_ours() {
        let subject = "Your new Salesforce security token";
        let refused =
            |from: &str, subject: &str, text: &str| recognise(from, subject, text).unwrap_err();
        for from in [
            "x@notsalesforce.com",
            "salesforce.com <x@evil.example>",
            "",
            "x@salesforce.com.evil",
            "x@of-a-customer.apex.salesforce.com",
        ] {
            assert_eq!(refused(from, subject, TOKEN_MAIL), NotOurs::Author, "{from}");
        }
        let from = "x@Salesforce.com";
        assert_eq!(refused(from, "Weekly digest", TOKEN_MAIL), NotOurs::Subject);
        assert_eq!(refused(from, subject, "Username: a@b\n"), NotOurs::Body);
        assert_eq!(refused(from, subject, &TOKEN_MAIL.replace("Zz9Y", "Zz-Y")), NotOurs::Body);
        assert_eq!(refused(from, subject, ""), NotOurs::Body);
    }

    #[test]
    fn a_file_of_ones_own_says_what_is_wrong_with_it() {
        let parse = |text: &str| Patterns::parse(text).unwrap_err();
        let replaced = |from, to| BUILT_IN.replacen(from, to, 1);
        assert!(matches!(parse("x = 1"), InvalidPatterns::Shape(_)));
        assert_eq!(parse("sender_domains = []\nmails = []\n"), InvalidPatterns::Empty);
        assert_eq!(parse(&replaced("token_reset", "secret_written")), InvalidPatterns::Kind(0));
        let wrong = parse(&replaced(r"(\S+)", r"\S+"));
        let expected = InvalidPatterns::Expression { mail: 0, key: "username", capturing: true };
        assert_eq!(wrong, expected);
        assert!(matches!(
            parse(&replaced("(?i)^", "(?i^")),
            InvalidPatterns::Expression { key: "subject", .. }
        ));
        let german = r#"
            sender_domains = ["example.de"]
            [[mails]]
            kind = "token_reset"
            language = "de"
            subject = 'Sicherheitstoken'
            username = 'Benutzername: (\S+)'
        "#;
        let parts = Parts {
            from: "a@example.de",
            subject: "Ihr neuer Sicherheitstoken",
            text: "Benutzername: a@b.example",
            ..Parts::default()
        };
        let mail = parts.mail(b"", Verdicts::default());
        let found = Patterns::parse(german).unwrap().recognise(&mail).unwrap();
        assert_eq!((found.language.as_str(), found.token.is_none()), ("de", true));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_patterns_panic(text in any::<String>()) {
            drop(recognise(&text, "Your new Salesforce security token", &text));
            drop(recognise("a@salesforce.com", "Your new Salesforce security token", &text));
            drop(recognise("a@salesforce.com", &text, TOKEN_MAIL));
        }
    }
}
