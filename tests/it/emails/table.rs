//! Every relay against everything that can be right or wrong with a delivery: what it is answered,
//! and what the journal holds.

use std::collections::BTreeSet;

use reset_receiver::hooks::limits::Limits;
use reset_receiver::senders::email::relay::Relay;

use super::amazon::Signer;
use super::post::{Origin, Post, TOKEN, token_mail};
use super::relays::sources;
use super::tampering::{forged, malformed, replayed, unproven};
use super::{events, seen, send, told};
use crate::support::mail_town::MailTown;
use crate::support::public_listener::{PublicListener, at_now};
use crate::support::sender::{Delivery, Sender};

const MEBIBYTE: usize = 1024 * 1024;

/// What a relay is told.
type Told = (u16, &'static str);

const ACCEPTED: Told = (200, "accepted");
const DUPLICATE: Told = (200, "duplicate");
const ASIDE: Told = (200, "put_aside");

async fn listener() -> PublicListener {
    let town = MailTown::new(sources(), Signer::web());
    PublicListener::with_mails(Limits::default(), 1_000, at_now(), town).await
}

/// How each relay is told that it is not believed.
fn refused(relay: Relay) -> Told {
    let repeats_after_5xx = matches!(relay, Relay::SendGrid | Relay::CloudMailin | Relay::SesSns);
    (if repeats_after_5xx { 503 } else { 401 }, "problem")
}

/// How each relay is told to stop; `plain` is the status where it has no word of its own.
fn stop(relay: Relay, plain: u16) -> Told {
    match relay {
        Relay::Mailgun => (406, "problem"),
        Relay::Postmark => (403, "problem"),
        Relay::SendGrid | Relay::CloudMailin | Relay::SesSns => ASIDE,
        Relay::Mime => (plain, "problem"),
    }
}

/// Sends, expects an answer, and expects that the journal gained this many events by it.
struct Table {
    listener: PublicListener,
    sender: Sender,
    relay: Relay,
}

impl Table {
    async fn expect(&self, case: &str, delivery: &Delivery, expected: Told, gained: usize) {
        let before = events(&self.listener).await.len();
        let answer = send(&self.sender, delivery).await;
        let name = self.relay.as_str();
        assert_eq!(told(&answer), expected, "{name}, {case}: {}", answer.body);
        let after = events(&self.listener).await;
        assert_eq!(after.len(), before + gained, "{name}, {case}: {after:?}");
        assert!(!seen(&answer).contains(TOKEN), "{name}, {case}: the token is in the answer");
        assert_eq!(self.listener.counted().len(), 1, "{name}, {case}: it is counted once");
    }

    async fn proofs(&self) {
        let relay = self.relay;
        let first = token_mail("first");
        self.expect("valid", &first.by(relay), ACCEPTED, 1).await;
        self.expect("redelivered", &first.by(relay), DUPLICATE, 0).await;
        let rotated = Post { key: 1, ..token_mail("rotated") };
        self.expect("rotated key", &rotated.by(relay), ACCEPTED, 1).await;
        let wrong = Post { key: 2, ..token_mail("wrong") };
        self.expect("wrong key", &wrong.by(relay), refused(relay), 0).await;
        let forged = forged(relay, token_mail("forged").by(relay));
        self.expect("forged", &forged, refused(relay), 0).await;
        let unproven = unproven(relay, token_mail("unproven").by(relay));
        self.expect("missing proof", &unproven, refused(relay), 0).await;
        if let Some(replayed) = replayed(relay, &first) {
            self.expect("replayed", &replayed, refused(relay), 0).await;
        }
        // As long as the relay repeats a post with the proof of the first.
        let edge = match relay {
            Relay::SesSns => 24 * 3600,
            Relay::Mailgun => 9 * 3600,
            Relay::SendGrid | Relay::Postmark | Relay::CloudMailin | Relay::Mime => 300,
        };
        if !matches!(relay, Relay::Postmark | Relay::CloudMailin) {
            let at = |sent| Post { sent, ..token_mail(&format!("at-{sent}")) }.by(relay);
            self.expect("at the edge", &at(-edge), ACCEPTED, 1).await;
            self.expect("stale", &at(-edge - 1), refused(relay), 0).await;
            self.expect("ahead", &at(300), ACCEPTED, 1).await;
            self.expect("too far ahead", &at(301), refused(relay), 0).await;
        }
    }

    async fn contents(&self) {
        let relay = self.relay;
        let edge = Post { size: MEBIBYTE, ..token_mail("edge") };
        assert_eq!(edge.by(relay).body.len(), MEBIBYTE);
        self.expect("as large as may be", &edge.by(relay), ACCEPTED, 1).await;
        let over = Post { size: MEBIBYTE + 1, ..token_mail("over") };
        self.expect("too large", &over.by(relay), stop(relay, 413), 0).await;
        let post = token_mail("malformed");
        self.expect("malformed", &malformed(relay, &post), stop(relay, 400), 0).await;
        let elsewhere = Post { origin: Origin::Elsewhere, ..token_mail("elsewhere") };
        self.expect("wrong verdict", &elsewhere.by(relay), stop(relay, 403), 0).await;
        let other = Post { subject: "Weekly digest".to_owned(), ..token_mail("digest") };
        self.expect("not ours", &other.by(relay), ASIDE, 0).await;
        let other = Post { text: "Hello!".to_owned(), ..token_mail("hello") };
        self.expect("not ours", &other.by(relay), ASIDE, 0).await;
        let text = super::post::text(TOKEN).replace("gator.sync", "somebody");
        let stranger = Post { text, ..token_mail("stranger") };
        self.expect("nobody's", &stranger.by(relay), (200, "unmatched"), 0).await;
        self.expect("nobody's again", &stranger.by(relay), DUPLICATE, 0).await;
    }
}

#[tokio::test]
async fn every_relay_is_told_what_it_understands_and_the_journal_holds_what_is_proven() {
    for relay in Relay::ALL {
        let listener = listener().await;
        let sender = Sender::to(&listener);
        let table = Table { listener, sender, relay };
        table.proofs().await;
        table.contents().await;
        let ids: BTreeSet<String> = events(&table.listener).await.into_iter().collect();
        let expected = |id: &str| ids.contains(&token_mail(id).event_id(relay));
        assert!(expected("first") && expected("rotated") && expected("edge"), "{ids:?}");
        let database = std::fs::read(table.listener.database()).unwrap();
        let wal = table.listener.database().with_extension("db-wal");
        let wal = std::fs::read(wal).unwrap_or_default();
        for bytes in [database, wal] {
            let holds = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
            assert!(!holds, "the token is in the journal");
        }
        table.listener.stop();
        table.listener.stopped().await;
    }
}

#[tokio::test]
async fn what_a_mail_says_of_its_time_is_bounded_by_now() {
    let listener = listener().await;
    let sender = Sender::to(&listener);
    let at = "2027-01-01T00:00:00Z".parse().unwrap();
    let early = Post { at, ..token_mail("from-the-future") };
    assert_eq!(told(&send(&sender, &early.by(Relay::Postmark)).await), ACCEPTED);
    let at = "2026-03-01T00:00:00Z".parse().unwrap();
    let late = Post { at, ..token_mail("from-yesterday") };
    assert_eq!(told(&send(&sender, &late.by(Relay::CloudMailin)).await), ACCEPTED);
    let times = super::times(&listener).await;
    assert_eq!(times, [crate::support::public_listener::NOW, "2026-03-01T00:00:00Z"]);
}

#[tokio::test]
async fn a_relay_that_comes_too_often_is_told_when_to_come_back() {
    let later = [
        (Relay::Mailgun, 429),
        (Relay::Postmark, 429),
        (Relay::SendGrid, 503),
        (Relay::CloudMailin, 503),
        (Relay::SesSns, 503),
    ];
    for (relay, status) in later {
        let source = super::relays::source(relay.as_str(), super::relays::mailbox(relay), 1);
        let town = MailTown::new(vec![source], Signer::web());
        let listener = PublicListener::with_mails(Limits::default(), 1, at_now(), town).await;
        let sender = Sender::to(&listener);
        assert_eq!(told(&send(&sender, &token_mail("one").by(relay)).await), ACCEPTED);
        let answer = send(&sender, &token_mail("two").by(relay)).await;
        assert_eq!(told(&answer), (status, "problem"));
        assert!(answer.header("retry-after").is_some());
    }
}

#[tokio::test]
async fn a_source_has_the_route_of_its_format_alone() {
    let listener = listener().await;
    let sender = Sender::to(&listener);
    let mail = token_mail("first").by(Relay::Postmark);
    assert_eq!(told(&send(&sender, &mail.clone().to("apex")).await), (404, "problem"));
    assert_eq!(told(&send(&sender, &mail.clone().to("nobody")).await), (404, "problem"));
    let answer = sender.request(&mail, "/v1/resets/postmark").await;
    assert_eq!(answer.status.as_u16(), 404);
    let get = mail.with_method(reqwest::Method::GET);
    assert_eq!(told(&send(&sender, &get).await).0, 405);
}

#[tokio::test]
async fn when_nothing_can_be_written_down_every_relay_is_told_to_come_back() {
    let listener = listener().await;
    let sender = Sender::to(&listener);
    listener.store.close().await;
    for relay in Relay::ALL {
        let answer = send(&sender, &token_mail("late").by(relay)).await;
        assert_eq!(told(&answer), (503, "problem"), "{}", relay.as_str());
    }
}
