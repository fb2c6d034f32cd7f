//! Senders that take all the time that they are given, many at once.

use std::net::Ipv4Addr;
use std::time::Duration;

use reset_receiver::hooks::limits::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

use crate::support::beside::beside;
use crate::support::public_listener::PublicListener;
use crate::support::sender::{Delivery, notice};
use crate::support::wire::{Wire, connected};

/// Each of the listener's deadlines here.
const DEADLINE: Duration = Duration::from_millis(1_500);
/// What may be added to it: after its answer a connection whose body nobody reads any more is held
/// until the longest time without a byte of an answer is over, and a busy machine needs its own.
const SLACK: Duration = Duration::from_secs(12);
/// So many slow senders of each kind, from two addresses.
const MANY: usize = 100;

fn limits() -> Limits {
    Limits {
        header_deadline: DEADLINE,
        body_deadline: DEADLINE,
        idle: DEADLINE,
        admission_deadline: Duration::from_secs(1),
        ..Limits::default()
    }
}

fn client(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, if number.is_multiple_of(2) { 2 } else { 3 })
}

/// Writes a byte now and then until the receiver has had enough; what it answered, and when.
async fn drip(mut wire: Wire, at_once: &[u8], then: &[u8]) -> (String, Duration) {
    let began = Instant::now();
    wire.write(at_once).await;
    let mut pace = interval(Duration::from_millis(40));
    for byte in then.iter().cycle() {
        pace.tick().await;
        if began.elapsed() > DEADLINE + SLACK || !wire.write(&[*byte]).await {
            break;
        }
    }
    (wire.read_to_end().await, began.elapsed())
}

/// Lets many slow senders loose, and waits until each has been cut off.
async fn slow(receiver: &PublicListener, at_once: &[u8], then: &'static [u8]) -> Vec<String> {
    let mut senders = JoinSet::new();
    for number in 0..MANY {
        let wire = Wire::from(receiver, client(number)).await.unwrap();
        let at_once = at_once.to_vec();
        senders.spawn(async move { drip(wire, &at_once, then).await });
    }
    let mut answers = Vec::new();
    for (answer, took) in senders.join_all().await {
        assert!(took < DEADLINE + SLACK, "cut off after {took:?}: {answer}");
        answers.push(answer);
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_slow_heads_are_cut_off_and_a_good_sender_does_not_wait_for_them() {
    let receiver = PublicListener::with(limits(), 1_000).await;
    beside(&receiver, async || {
        let head = b"POST /v1/resets/apex HTTP/1.1\r\nhost: localhost\r\nx: ";
        for answer in slow(&receiver, head, b"x").await {
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_slow_bodies_are_cut_off_and_a_good_sender_does_not_wait_for_them() {
    let receiver = PublicListener::with(limits(), 1_000).await;
    let whole = Delivery::signed(&notice()).with_body(" ".repeat(60_000)).on_wire("");
    let head = whole.split_at(whole.len() - 60_000).0;
    beside(&receiver, async || {
        for answer in slow(&receiver, head, b" ").await {
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
    })
    .await;
    let chunked = String::from_utf8(head.to_vec()).unwrap();
    let chunked = chunked.replace("content-length: 60000", "transfer-encoding: chunked");
    beside(&receiver, async || {
        for answer in slow(&receiver, chunked.as_bytes(), b"1\r\n \r\n").await {
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_slow_handshakes_are_cut_off_and_a_good_sender_does_not_wait_for_them() {
    let receiver = PublicListener::with(limits(), 1_000).await;
    beside(&receiver, async || {
        let mut clients = JoinSet::new();
        for number in 0..MANY {
            let mut socket = connected(&receiver, client(number)).await.unwrap();
            clients.spawn(async move {
                let began = Instant::now();
                // The head of a record with a hello of 512 bytes, of which few ever come.
                let mut written = socket.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).await;
                let mut pace = interval(Duration::from_millis(40));
                while written.is_ok() && began.elapsed() < DEADLINE + SLACK {
                    pace.tick().await;
                    written = socket.write_all(&[0]).await;
                }
                let mut rest = Vec::new();
                let _closed = timeout(SLACK, socket.read_to_end(&mut rest)).await.unwrap();
                began.elapsed()
            });
        }
        for took in clients.join_all().await {
            assert!(took < DEADLINE + SLACK, "cut off after {took:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_that_read_no_answers_are_cut_off_and_a_good_sender_does_not_wait_for_them() {
    let receiver = PublicListener::with(limits(), 1_000).await;
    let filler = "x".repeat(500);
    let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {filler}\r\n\r\n").repeat(20);
    beside(&receiver, async || {
        let mut senders = JoinSet::new();
        for number in 0..2 {
            let mut wire = Wire::from(&receiver, client(number)).await.unwrap();
            let request = request.clone();
            // The receiver reads no more once nobody takes its answers, and closes.
            senders.spawn(async move { while wire.write(request.as_bytes()).await {} });
        }
        timeout(DEADLINE + SLACK, senders.join_all()).await.expect("they are cut off");
    })
    .await;
}
