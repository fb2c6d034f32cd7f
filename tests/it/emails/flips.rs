//! One flipped bit in what a relay posts: it is refused, or it says exactly the same.

use std::sync::Arc;

use proptest::prelude::{any, prop};
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use reset_receiver::domain::secret::SecretText;
use reset_receiver::senders::aside::Aside;
use reset_receiver::senders::delivery::Headers;
use reset_receiver::senders::email::mail::Mail;
use reset_receiver::senders::email::mailbox::Mailbox;
use reset_receiver::senders::email::opening::{Memory, Opened, Post};
use reset_receiver::senders::email::relay::Relay;
use reset_receiver::senders::standard_webhooks::DEFAULT_WINDOW;
use serde_json::Value;

use super::amazon::Signer;
use super::post::token_mail;
use super::relays::mailbox;
use crate::support::public_listener::NOW;
use crate::support::sender::Delivery;

/// A post as the senders see it.
struct Posted {
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

impl Headers for Posted {
    fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.headers.iter().filter(|(header, _)| *header == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }
}

/// Runs everything where it stands.
struct Here;

impl Aside for Here {
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        Some(work())
    }
}

impl Posted {
    fn of(delivery: Delivery) -> Self {
        let bytes = |(name, value): (&'static str, String)| (name, value.into_bytes());
        Self { headers: delivery.headers.into_iter().map(bytes).collect(), body: delivery.body }
    }

    /// Everything that the proof is about: the values of its headers, and the body.
    fn proven(&mut self) -> Vec<&mut Vec<u8>> {
        let headers = self.headers.iter_mut().filter(|(name, _)| *name != "content-type");
        headers.map(|(_, value)| value).chain([&mut self.body]).collect()
    }

    fn open(&self, mailbox: &Mailbox, memory: &Memory) -> Option<Mail> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let now = NOW.parse().unwrap();
        let post = Post { headers: self, body: self.body.clone() };
        let mailbox = Arc::new(mailbox.clone());
        match runtime.block_on(mailbox.open(&post, memory, &Here, now, DEFAULT_WINDOW)) {
            Ok(Opened::Mail(letter)) => Some(letter.mail),
            Ok(Opened::Subscribed | Opened::Nothing) => panic!("a mail was posted"),
            Err(_) => None,
        }
    }
}

/// Everything that a mail says, with what Amazon says about it.
fn said(mail: &Mail, body: &[u8]) -> String {
    // In a field that nobody reads, what is not UTF-8 is passed over.
    let text = String::from_utf8_lossy(body);
    let envelope: Value = serde_json::from_str(&text).unwrap_or_default();
    let about = ["Type", "MessageId", "TopicArn", "Subject", "Timestamp"];
    let about = about.map(|name| envelope[name].clone());
    let texts: Vec<&str> = mail.texts.iter().map(SecretText::expose).collect();
    format!("{mail:?} {texts:?} {about:?}")
}

/// Flips single bits. With the good post opened before, as a receiver that took it would have.
fn flip(relay: Relay, may_say_the_same: bool) {
    let memory = Memory::new(Signer::web());
    let mailbox = mailbox(relay);
    let good = token_mail("flip").by(relay);
    let open = || Posted::of(good.clone()).open(&mailbox, &memory);
    assert!(open().is_some(), "the good one is taken");
    let taken = open().expect("and is taken again");
    let before = said(&taken, &good.body);
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(400) });
    let bits = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_u8..8);
    let flipped = runner.run(&bits, |(part, at, bit)| {
        let mut post = Posted::of(good.clone());
        let mut parts = post.proven();
        let part = part.index(parts.len());
        let at = at.index(parts[part].len());
        parts[part][at] ^= 1 << bit;
        match post.open(&mailbox, &memory) {
            None => Ok(()),
            Some(mail) if may_say_the_same && said(&mail, &post.body) == before => Ok(()),
            Some(mail) => Err(TestCaseError::fail(format!("part {part}, byte {at}: {mail:?}"))),
        }
    });
    flipped.unwrap_or_else(|error| panic!("{}: {error}", relay.as_str()));
}

#[test]
fn any_flipped_bit_of_id_time_signature_or_body_is_refused_where_the_bytes_are_signed() {
    flip(Relay::SendGrid, false);
    flip(Relay::Mime, false);
}

#[test]
fn any_flipped_bit_that_changes_what_a_message_of_amazon_says_is_refused() {
    // Nobody signs how JSON is written, nor the address at which one could unsubscribe.
    flip(Relay::SesSns, true);
}

#[test]
fn any_flipped_bit_that_changes_what_a_form_of_mailgun_says_is_refused_after_the_good_one() {
    // Nobody signs how a form is written, nor the mail in it: its token is good for one content.
    flip(Relay::Mailgun, true);
}
