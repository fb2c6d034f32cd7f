//! The certificate of the hooks and its end, on the page of the metrics.

use jiff::{SignedDuration, Timestamp};
use simulator::Skin;

use crate::support::certificate::Certificate;
use crate::support::receiver::Receiver;
use crate::support::town::Town;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn write(town: &Town, from: i32, to: i32) {
    let now = Timestamp::now();
    Certificate::valid(now + DAY * from, now + DAY * to).write(town.directory());
}

/// The days that the certificate is still valid for, as the metrics have it.
async fn days_left(receiver: &Receiver) -> f64 {
    receiver.sample("reset_receiver_certificate_left_seconds").await.unwrap() / DAY.as_secs_f64()
}

fn assert_near(days: f64, expected: f64) {
    assert!((days - expected).abs() < 0.1, "{days} days, not {expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_shows_the_days_left_and_those_of_the_next_certificate_after_a_reload() {
    let town = Town::new(Skin::Plain).await;
    write(&town, -30, 20);
    let receiver = Receiver::start(&town);
    assert_near(days_left(&receiver).await, 20.0);
    write(&town, -30, -1);
    receiver.hang_up();
    receiver.has_logged("have been read again", 1).await;
    assert_near(days_left(&receiver).await, -1.0);
}
