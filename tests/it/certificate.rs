//! The certificate of the hooks and its end: on the page of the metrics, in the log, and for
//! `doctor`.

use jiff::{SignedDuration, Timestamp};
use reset_receiver::cli::doctor::{self, Diagnosis, Verdict};
use reset_receiver::config::Config;
use simulator::Skin;

use crate::support::certificate::Certificate;
use crate::support::hand::Hand;
use crate::support::receiver::Receiver;
use crate::support::town::Town;

const DAY: SignedDuration = SignedDuration::from_hours(24);
const WARNING: &str = "the certificate of the hooks needs a person";

/// Days from now, and how a certificate stands that is valid from the one to the other.
const STANDINGS: [(i32, i32, Verdict, &str); 4] = [
    (-30, -1, Verdict::Problem, "expired on "),
    (2, 30, Verdict::Problem, "not valid before "),
    (-30, 10, Verdict::Note, "valid until "),
    (-30, 20, Verdict::Well, "valid until "),
];

fn write(town: &Town, from: i32, to: i32) {
    let now = Timestamp::now();
    Certificate::valid(now + DAY * from, now + DAY * to).write(town.directory());
}

async fn diagnosis(town: &Town, hand: &Hand) -> Diagnosis {
    let config = Config::parse(&town.config(), []).unwrap();
    let found = doctor::examine(&config, &hand.plant, None).await;
    found.into_iter().find(|diagnosis| diagnosis.about == "certificate").unwrap()
}

/// The days that the certificate is still valid for, as the metrics have it.
async fn days_left(receiver: &Receiver) -> f64 {
    receiver.sample("reset_receiver_certificate_left_seconds").await.unwrap() / DAY.as_secs_f64()
}

fn assert_near(days: f64, expected: f64) {
    assert!((days - expected).abs() < 0.1, "{days} days, not {expected}");
}

#[tokio::test]
async fn doctor_says_until_when_the_certificate_is_valid_and_whether_it_is() {
    let town = Town::new(Skin::Plain).await;
    let hand = Hand::new(&town).await;
    for (from, to, verdict, says) in STANDINGS {
        write(&town, from, to);
        let found = diagnosis(&town, &hand).await;
        assert_eq!(found.verdict, verdict, "{found}");
        assert!(found.says.starts_with(says), "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_shows_the_days_left_and_warns_at_the_start_and_at_each_reload() {
    let town = Town::new(Skin::Plain).await;
    write(&town, -30, 20);
    let mut receiver = Receiver::start(&town);
    assert_near(days_left(&receiver).await, 20.0);
    for (times, (from, to, _, says)) in STANDINGS.into_iter().take(3).enumerate() {
        write(&town, from, to);
        receiver.hang_up();
        receiver.has_logged(WARNING, times + 1).await;
        receiver.has_logged(&format!("\"certificate\":\"{says}"), 1).await;
        assert_near(days_left(&receiver).await, to.into());
    }
    receiver.terminate();
    let mut receiver = Receiver::start(&town);
    receiver.has_logged(WARNING, 1).await;
    receiver.terminate();

    write(&town, -30, 20);
    let mut receiver = Receiver::start(&town);
    receiver.terminate();
    assert!(!receiver.log().contains(WARNING), "{}", receiver.log());
}
