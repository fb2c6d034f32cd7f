//! What can be done to the listener below HTTP: framing, slowness, stopping.

use std::time::Duration;

use reset_receiver::hooks::limits::Limits;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::support::public_listener::PublicListener;
use crate::support::sender::{Delivery, Sender, notice};
use crate::support::wire::Wire;

/// The head of a good delivery and its body, with other framing.
fn framed(framing: &str) -> (String, Vec<u8>) {
    let delivery = Delivery::signed(&notice());
    let line = |(name, value): &(&str, String)| [name, ": ", value, "\r\n"].concat();
    let headers: String = delivery.headers.iter().map(line).collect();
    let head = format!("POST /v1/resets/apex HTTP/1.1\r\n{framing}{headers}\r\n");
    (head, delivery.body)
}

pub(super) fn sized(lines: &str) -> (String, Vec<u8>) {
    let length = notice().to_string().len();
    framed(&format!("{lines}content-length: {length}\r\nconnection: close\r\n"))
}

/// Sends a request and returns everything that comes back.
async fn exchange(receiver: &PublicListener, (head, body): (String, Vec<u8>)) -> String {
    let mut wire = Wire::to(receiver).await;
    wire.write(head.as_bytes()).await;
    wire.write(&body).await;
    wire.read_to_end().await
}

pub(super) fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("no answer")
}

fn hasty() -> Limits {
    let soon = Duration::from_millis(600);
    Limits { header_deadline: soon, body_deadline: soon, idle: soon, ..Limits::default() }
}

#[tokio::test]
async fn there_is_exactly_one_host() {
    let receiver = PublicListener::start().await;
    assert_eq!(status(&exchange(&receiver, sized("host: localhost\r\n")).await), "202");
    for hosts in ["", "host: a\r\nhost: b\r\n", "host: a\r\nhost: a\r\n"] {
        let answer = exchange(&receiver, sized(hosts)).await;
        assert_eq!(status(&answer), "400", "{hosts:?}");
    }
    assert_eq!(receiver.counted().len(), 1, "only the good one got as far as a source");
}

#[tokio::test]
async fn a_body_is_framed_in_one_way() {
    let receiver = PublicListener::start().await;
    let twice = [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "content-length: 5\r\ncontent-length: 5\r\n",
        "content-length: +5\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    ];
    for lines in twice {
        let (head, _) = framed(&format!("host: localhost\r\n{lines}"));
        let answer = exchange(&receiver, (head, b"0\r\n\r\n".to_vec())).await;
        assert_eq!(status(&answer), "400", "{lines:?}");
    }
    assert!(receiver.rotations().await.is_empty());
    assert!(receiver.counted().is_empty());
}

#[tokio::test]
async fn http_1_0_is_refused() {
    let receiver = PublicListener::start().await;
    let (head, body) = sized("host: localhost\r\n");
    let answer = exchange(&receiver, (head.replace("HTTP/1.1", "HTTP/1.0"), body)).await;
    assert_eq!(status(&answer), "505");
    assert!(receiver.rotations().await.is_empty());
}

#[tokio::test]
async fn a_chunked_body_is_read_and_counted_like_any_other() {
    let receiver = PublicListener::start().await;
    let (head, body) =
        framed("host: localhost\r\ntransfer-encoding: chunked\r\nconnection: close\r\n");
    let chunk =
        |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let chunked = [chunk(&body[..20]), chunk(&body[20..]), b"0\r\n\r\n".to_vec()].concat();
    assert_eq!(status(&exchange(&receiver, (head.clone(), chunked)).await), "202");
    let large =
        [chunk(" ".repeat(64 * 1024).as_bytes()), chunk(b" "), b"0\r\n\r\n".to_vec()].concat();
    assert_eq!(status(&exchange(&receiver, (head, large)).await), "413");
}

#[tokio::test]
async fn a_body_that_ends_early_is_not_recorded() {
    let receiver = PublicListener::start().await;
    let (head, body) = sized("host: localhost\r\n");
    let mut wire = Wire::to(&receiver).await;
    wire.write(head.as_bytes()).await;
    wire.write(&body[..body.len() - 1]).await;
    wire.finish().await;
    let answer = wire.read_to_end().await;
    assert!(["400", "no answer"].contains(&status(&answer)), "{answer}");
    assert!(receiver.rotations().await.is_empty());
}

#[tokio::test]
async fn a_slow_head_is_cut_off() {
    let receiver = PublicListener::with(hasty(), 10).await;
    let mut wire = Wire::to(&receiver).await;
    wire.write(b"POST /v1/resets/apex HTTP/1.1\r\nhost:").await;
    let answer = wire.read_to_end().await;
    assert_eq!(status(&answer), "408");
}

#[tokio::test]
async fn a_slow_body_is_cut_off_with_a_problem() {
    let receiver = PublicListener::with(hasty(), 10).await;
    let (head, body) = sized("host: localhost\r\n");
    let mut wire = Wire::to(&receiver).await;
    wire.write(head.as_bytes()).await;
    wire.write(&body[..10]).await;
    let answer = wire.read_to_end().await;
    assert_eq!(status(&answer), "408");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert!(receiver.rotations().await.is_empty());
}

#[tokio::test]
async fn the_head_of_a_second_request_cannot_take_for_ever_either() {
    let limits = Limits { admission_deadline: Duration::from_millis(100), ..hasty() };
    let receiver = PublicListener::with(limits, 10).await;
    let (head, body) = sized("host: localhost\r\n");
    let mut wire = Wire::to(&receiver).await;
    wire.write(head.replace("connection: close\r\n", "").as_bytes()).await;
    wire.write(&body).await;
    assert_eq!(status(&wire.read_some().await), "202");
    wire.write(b"POST /v1/resets/apex HTTP/1.1\r\nhost:").await;
    assert_eq!(wire.read_to_end().await, "", "closed without an answer");
}

#[tokio::test]
async fn a_body_that_nobody_reads_any_more_does_not_keep_the_connection() {
    let limits = Limits { admission_deadline: Duration::from_millis(100), ..hasty() };
    let receiver = PublicListener::with(limits, 10).await;
    let (head, _) = framed("host: localhost\r\ntransfer-encoding: chunked\r\n");
    let mut wire = Wire::to(&receiver).await;
    wire.write(head.as_bytes()).await;
    wire.write(b"5\r\n12345\r\n").await;
    let answer = wire.read_to_end().await;
    assert_eq!(status(&answer), "408", "the rest never came, and the connection is closed");
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let receiver = PublicListener::with(hasty(), 10).await;
    let mut before_tls = TcpStream::connect(receiver.address).await.unwrap();
    let mut after_tls = Wire::to(&receiver).await;
    let mut rest = Vec::new();
    let closed = before_tls.read_to_end(&mut rest);
    let closed = tokio::time::timeout(Duration::from_secs(20), closed).await;
    assert!(closed.is_ok(), "a client that does not shake hands is not waited for");
    assert_eq!(status(&after_tls.read_to_end().await), "408");
}

#[tokio::test]
async fn a_request_under_way_ends_well_while_the_listener_stops() {
    let receiver = PublicListener::start().await;
    let (head, body) = sized("host: localhost\r\n");
    let mut wire = Wire::to(&receiver).await;
    let idle = Sender::to(&receiver);
    assert!(idle.send(&Delivery::with_token("flow", &notice())).await.status.is_success());
    wire.write(head.as_bytes()).await;
    wire.write(&body[..10]).await;
    // The head has been read once a probe on the same worker was answered.
    assert!(idle.send(&Delivery::with_token("flow", &notice())).await.status.is_success());
    receiver.stop();
    wire.write(&body[10..]).await;
    assert_eq!(status(&wire.read_to_end().await), "202");
    let address = receiver.address;
    receiver.stopped().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
