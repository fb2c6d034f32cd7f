//! One mail, decoded, whichever relay brought it.

use jiff::Timestamp;
use mail_parser::decoders::html::html_to_text;
use mail_parser::parsers::MessageStream;
use mail_parser::{Address, DateTime, HeaderValue, MessageParser};
use sha2::{Digest, Sha256};

use crate::domain::ids::EventId;
use crate::domain::secret::SecretText;
use crate::senders::email::headers::MailHeaders;
use crate::senders::email::shape;
use crate::senders::email::verdict::Verdicts;

/// What is read of a mail. Its texts may hold a security token, and print nothing.
#[derive(Debug, Clone)]
pub struct Mail {
    /// What tells it from every other mail: its message id, as a rule.
    pub id: EventId,
    /// Whether it is this mail that came under its id before, if one did. It is not sure where the
    /// relay's proof covers an id and no content.
    pub is_bound: bool,
    /// The one address that it names as its author's.
    pub from: Option<String>,
    /// Its subject; empty where there is none.
    pub subject: String,
    /// When it says that it was written.
    pub date: Option<Timestamp>,
    /// Its text, and its HTML as text, each where there is one.
    pub texts: Vec<SecretText>,
    /// What the relay says of its origin.
    pub verdicts: Verdicts,
}

/// Why what a relay sent is not a mail. For the sender and the log; nothing of the mail is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMail {
    /// Another type of content than the relay sends.
    #[error("the content type is not {0}")]
    MediaType(&'static str),
    /// A form that breaks its own rules or has too many parts.
    #[error("the form is malformed, or has more parts than are read")]
    Form,
    /// A document of another shape.
    #[error("the body is not the JSON that the relay documents")]
    Json,
    /// A field that has to be there.
    #[error("the field {0} is missing or malformed")]
    Field(&'static str),
    /// A message that is no mail.
    #[error("the message is not a mail")]
    Mime,
    /// A mail that is not read, because that could take long.
    #[error("the mail is built in more parts, or of longer fields, than a notice is")]
    Shape,
    /// What the reader stumbled over.
    #[error("the reader stumbled over it")]
    Unreadable,
}

/// The text parts that are looked at; a notice has one or two.
const MAX_TEXTS: usize = 8;

/// Reads a raw mail (RFC 5322, MIME); its headers come along for the verdict.
pub fn read_mime(raw: &[u8]) -> Result<(Mail, MailHeaders), InvalidMail> {
    if !shape::is_simple(raw) {
        return Err(InvalidMail::Shape);
    }
    let message = MessageParser::default().parse(raw).ok_or(InvalidMail::Mime)?;
    let headers = MailHeaders::new(message.headers_raw().map(|(name, value)| (name, value.trim())));
    // Of several authors nobody can say for which one the checks passed.
    let from = headers.only("from").and(message.from()).and_then(only_address);
    let mut texts = Vec::new();
    for position in 0..message.text_body_count().min(MAX_TEXTS) {
        texts.extend(message.body_text(position).map(|text| secret(&text)));
    }
    for position in 0..message.html_body_count().min(MAX_TEXTS) {
        texts.extend(message.body_html(position).map(|html| secret(&html_to_text(&html))));
    }
    let mail = Mail {
        id: event_id(message.message_id(), raw),
        is_bound: true,
        from,
        subject: message.subject().unwrap_or_default().to_owned(),
        date: message.date().and_then(timestamp),
        texts,
        verdicts: Verdicts::default(),
    };
    Ok((mail, headers))
}

/// The parts of a mail that a relay has taken apart.
#[derive(Default)]
pub(super) struct Parts<'a> {
    pub(super) message_id: Option<&'a str>,
    pub(super) from: &'a str,
    pub(super) subject: &'a str,
    pub(super) date: Option<&'a str>,
    pub(super) text: &'a str,
    pub(super) html: &'a str,
}

impl Parts<'_> {
    /// The mail of these parts; `body` stands in for a message id where there is none.
    pub(super) fn mail(&self, body: &[u8], verdicts: Verdicts) -> Mail {
        let html = (!self.html.is_empty()).then(|| secret(&html_to_text(self.html)));
        let text = (!self.text.is_empty()).then(|| secret(self.text));
        Mail {
            id: event_id(self.message_id, body),
            is_bound: true,
            from: read_address(self.from),
            subject: self.subject.to_owned(),
            date: self.date.and_then(DateTime::parse_rfc822).as_ref().and_then(timestamp),
            texts: text.into_iter().chain(html).collect(),
            verdicts,
        }
    }
}

fn secret(text: &str) -> SecretText {
    SecretText::new(text.to_owned())
}

/// The message id without its angle brackets; where it cannot be an event id, a digest.
pub(super) fn event_id(message_id: Option<&str>, body: &[u8]) -> EventId {
    let message_id = message_id.map(|id| id.trim().trim_matches(['<', '>']));
    let message_id = message_id.filter(|id| !id.is_empty());
    if let Some(Ok(id)) = message_id.map(EventId::parse) {
        return id;
    }
    let digest = Sha256::digest(message_id.map_or(body, str::as_bytes));
    #[expect(clippy::expect_used, reason = "a fixed prefix and hexadecimal digits")]
    EventId::parse(&format!("sha256-{}", hex::encode(digest))).expect("it is printable and short")
}

/// The one address of a `From` header's value.
fn read_address(value: &str) -> Option<String> {
    // The parser reads up to the end of a line.
    let line = format!("{}\n", value.replace(['\r', '\n'], " "));
    let value = MessageStream::new(line.as_bytes()).parse_address();
    if let HeaderValue::Address(addresses) = value { only_address(&addresses) } else { None }
}

fn only_address(addresses: &Address<'_>) -> Option<String> {
    let mut all = addresses.iter();
    match (all.next(), all.next()) {
        (Some(one), None) => one.address().map(ToOwned::to_owned),
        _ => None,
    }
}

fn timestamp(date: &DateTime) -> Option<Timestamp> {
    date.is_valid().then(|| Timestamp::from_second(date.to_timestamp()).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert, proptest};

    use super::*;

    const MULTIPART: &str = "Message-ID: <made-up@salesforce.com>\r\n\
        From: Salesforce <noreply@salesforce.com>\r\n\
        Subject: =?UTF-8?B?WW91ciBuZXcgU2FsZXNmb3JjZQ==?=\r\n =?UTF-8?Q?_security_token?=\r\n\
        Date: Mon, 2 Mar 2026 10:15:04 +0100\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/alternative; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\n\
        Username: gator=2Esync@example.com\r\nSecurity token (case-sensitive): Zz9Yy8=\r\nXx7\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<p>Username:&nbsp;x</p>\r\n--b--\r\n";

    #[test]
    fn encoded_words_and_quoted_printable_are_decoded() {
        let (mail, headers) = read_mime(MULTIPART.as_bytes()).unwrap();
        assert_eq!(mail.id.as_str(), "made-up@salesforce.com");
        assert_eq!(mail.from.as_deref(), Some("noreply@salesforce.com"));
        assert_eq!(mail.subject, "Your new Salesforce security token");
        assert_eq!(mail.date, Some("2026-03-02T09:15:04Z".parse().unwrap()));
        let text = mail.texts[0].expose();
        assert!(text.contains("Username: gator.sync@example.com"), "{text}");
        assert!(text.contains("Security token (case-sensitive): Zz9Yy8Xx7"), "{text}");
        assert_eq!(mail.texts.len(), 2);
        assert_eq!(headers.only("mime-version"), Some("1.0"));
        assert!(!format!("{mail:?}").contains("Zz9"), "texts print nothing");
    }

    #[test]
    fn a_mail_with_two_authors_has_none() {
        let raw = |from: &str| format!("{from}Subject: s\r\n\r\nbody\r\n");
        let author = |from: &str| read_mime(raw(from).as_bytes()).unwrap().0.from;
        assert_eq!(author("From: a@b.example\r\n").as_deref(), Some("a@b.example"));
        assert_eq!(author("From: a@b.example, c@d.example\r\n"), None);
        assert_eq!(author("From: a@b.example\r\nFrom: c@d.example\r\n"), None);
        assert_eq!(author(""), None);
        assert_eq!(read_address("\"a@b.example\" <c@d.example>").as_deref(), Some("c@d.example"));
        assert_eq!(read_address("a@b.example, c@d.example"), None);
        assert_eq!(read_address("a@b.example\r\n, c@d.example"), None);
    }

    #[test]
    fn a_soft_break_alone_in_a_part_is_read() {
        let raw = "From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
            --b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=\r\n--b--\r\n";
        assert_eq!(read_mime(raw.as_bytes()).unwrap().0.from.as_deref(), Some("a@b.example"));
    }

    #[test]
    fn a_mail_that_could_take_long_to_read_is_not_read() {
        let parameters = ";a*1=b".repeat(100_000);
        let raw = format!("From: a@b.example\r\nContent-Type: text/plain{parameters}\r\n\r\nx");
        assert_eq!(read_mime(raw.as_bytes()).unwrap_err(), InvalidMail::Shape);
    }

    #[test]
    fn a_mail_without_a_usable_message_id_has_a_digest_for_one() {
        let id = |id: Option<&str>| event_id(id, b"body").as_str().to_owned();
        assert_eq!(id(Some(" <a@b> ")), "a@b");
        assert!(id(None).starts_with("sha256-") && id(Some("<>")) == id(None));
        let long = "x".repeat(300);
        assert!(id(Some(&long)).starts_with("sha256-") && id(Some(&long)) != id(None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            drop(read_mime(&bytes));
        }

        #[test]
        fn a_damaged_mail_does_not_make_the_reader_panic(
            at in 0..MULTIPART.len(), byte in any::<u8>(), cut in 0..MULTIPART.len(),
        ) {
            let mut bytes = MULTIPART.as_bytes().to_vec();
            bytes[at] = byte;
            bytes.truncate(cut.max(1));
            drop(read_mime(&bytes));
        }

        #[test]
        fn no_text_makes_the_readers_of_parts_panic(text in any::<String>()) {
            let parts = Parts {
                message_id: Some(&text), from: &text, subject: &text, date: Some(&text),
                text: &text, html: &text,
            };
            let mail = parts.mail(text.as_bytes(), Verdicts::default());
            prop_assert!(!mail.id.as_str().is_empty());
        }
    }
}
