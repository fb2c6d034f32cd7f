//! Requests that two readers could understand in two ways: none of them is understood at all.

use std::time::Duration;

use futures_util::future::join_all;
use reset_receiver::hooks::limits::Limits;
use serde_json::json;

use crate::support::beside::beside;
use crate::support::public_listener::PublicListener;
use crate::support::sender::{Delivery, changed, notice};
use crate::support::wire::Wire;

/// A good request that stands where a reader who is led astray would look for the next one.
fn hidden() -> Vec<u8> {
    Delivery::with_token("flow", &changed(json!({"id": "hidden"}))).on_wire("")
}

/// A good request, apart from what is done to its first line, its lines and its body.
fn request(first: &str, lines: &str, body: &[u8]) -> Vec<u8> {
    let delivery = Delivery::signed(&notice());
    let line = |(name, value): &(&str, String)| [name, ": ", value, "\r\n"].concat();
    let headers: String = delivery.headers.iter().map(line).collect();
    let head = format!("{first}\r\n{lines}\r\n{headers}\r\n");
    [head.as_bytes(), body, &hidden()].concat()
}

const FIRST: &str = "POST /v1/resets/apex HTTP/1.1";

/// The good body, in one chunk whose size is written in some way, and the last chunk.
fn chunked(size: impl Fn(usize) -> String) -> Vec<u8> {
    let body = notice().to_string();
    [size(body.len()).as_bytes(), body.as_bytes(), b"\r\n0\r\n\r\n"].concat()
}

/// The length of the body, said in more than one way or in a way that is none.
fn lengths() -> Vec<(String, Vec<u8>)> {
    let body = notice().to_string().into_bytes();
    let n = body.len();
    let plain = [
        format!("content-length: {n}\r\ntransfer-encoding: chunked"),
        format!("transfer-encoding: chunked\r\ncontent-length: {n}"),
        format!("content-length: {n}\r\ntransfer-encoding: identity"),
        format!("content-length: {n}\r\ntransfer-encoding: xchunked"),
        format!("content-length: {n}\r\ntransfer-encoding:"),
        format!("content-length: {n}\r\ncontent-length: {n}"),
        format!("content-length: {n}\r\ncontent-length: 0"),
        format!("content-length: 0\r\nContent-Length: {n}"),
        format!("content-length: {n}, {n}"),
        format!("content-length: +{n}"),
        format!("content-length: -{n}"),
        format!("content-length: {n} {n}"),
        format!("content-length: {n};"),
        format!("content-length: 0x{n:x}"),
        format!("content-length: {n}.0"),
        format!("content-length: \"{n}\""),
        format!("content-length: {}", u128::from(u64::MAX) + 1 + u128::try_from(n).unwrap()),
        "content-length:".to_owned(),
        format!("content-length : {n}"),
        format!("content-length\t: {n}"),
        format!("content-length:\r\n {n}"),
        format!("content-length: {n}\r\n x: folded"),
        format!("x: y\r\n\tcontent-length: {n}"),
        format!("content-length: {n}\r\nx: a\0b"),
        format!("content-length: {n}\r\nx\0: b"),
        format!("content-length: {n}\r\nx: a\rb"),
        format!("content-length: {n}\r\nno colon"),
        format!("content-length: {n}\r\n: no name"),
        format!("content-length: {n}\r\nx y: z"),
        // A line feed alone ends a line, also where a reader before this one took it for a letter.
        format!("content-length: {n}\r\nx: y\ntransfer-encoding: chunked"),
        format!("content-length: {n}\r\nx: y\ncontent-length: 0"),
    ];
    let chunks = [
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: identity\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: chunked;q=1",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: chu nked",
        "transfer-encoding: chunked\u{b}",
        "transfer-encoding : chunked",
        "transfer-encoding:\r\n chunked",
        "transfer-encoding: ,chunked",
        "x: y\r\n transfer-encoding: chunked",
    ];
    let good = chunked(|n| format!("{n:x}\r\n"));
    let plain = plain.into_iter().map(|lines| (lines, body.clone()));
    plain.chain(chunks.map(|lines| (lines.to_owned(), good.clone()))).collect()
}

/// Chunks that are framed in more than one way, or in a way that is none.
fn chunks() -> Vec<(&'static str, Vec<u8>)> {
    let body = notice().to_string().into_bytes();
    let n = body.len();
    vec![
        ("a line feed alone after the size", chunked(|n| format!("{n:x}\n"))),
        ("a line feed in an extension", chunked(|n| format!("{n:x};a\nb\r\n"))),
        ("a carriage return in an extension", chunked(|n| format!("{n:x};a\rb\r\n"))),
        ("NUL in an extension", chunked(|n| format!("{n:x};a\0\r\n"))),
        ("a space before the size", chunked(|n| format!(" {n:x}\r\n"))),
        ("a sign", chunked(|n| format!("+{n:x}\r\n"))),
        ("another sign", chunked(|n| format!("-{n:x}\r\n"))),
        ("a prefix", chunked(|n| format!("0x{n:x}\r\n"))),
        ("an underscore", chunked(|n| format!("0_{n:x}\r\n"))),
        ("two sizes", chunked(|n| format!("{n:x} {n:x}\r\n"))),
        ("no size", chunked(|_| "\r\n".to_owned())),
        ("an extension without a size", chunked(|n| format!(";{n:x}\r\n"))),
        ("more than 64 bits", chunked(|n| format!("1{n:016x}\r\n"))),
        ("a size too small", chunked(|n| format!("{:x}\r\n", n - 1))),
        ("a size too large", chunked(|n| format!("{:x}\r\n", n + 1))),
        ("nothing after the data", [format!("{n:x}\r\n").as_bytes(), &body, b"0\r\n\r\n"].concat()),
        (
            "a line feed after the data",
            [format!("{n:x}\r\n").as_bytes(), &body, b"\n0\r\n\r\n"].concat(),
        ),
    ]
}

/// First lines, with the lines after them, that are not HTTP/1.1 for this server.
fn first_lines() -> Vec<(&'static str, &'static str)> {
    vec![
        ("POST /v1/resets/apex HTTP/1.0", "host: localhost\r\nconnection: keep-alive"),
        ("POST /v1/resets/apex HTTP/1.0", "transfer-encoding: chunked"),
        ("POST /v1/resets/apex HTTP/1.2", "host: localhost"),
        ("POST /v1/resets/apex HTTP/2.0", "host: localhost"),
        ("POST /v1/resets/apex http/1.1", "host: localhost"),
        ("POST /v1/resets/apex", "host: localhost"),
        ("POST /v1/resets/apex  HTTP/1.1", "host: localhost"),
        ("POST\t/v1/resets/apex\tHTTP/1.1", "host: localhost"),
        ("POST /v1/resets/apex HTTP/1.1 x", "host: localhost"),
        ("POST /v1/resets/a\0pex HTTP/1.1", "host: localhost"),
        ("POST v1/resets/apex HTTP/1.1", "host: localhost"),
        ("POST https://evil.example/v1/resets/apex HTTP/1.1", "host: localhost"),
        ("POST https://localhost:1/v1/resets/apex HTTP/1.1", "host: localhost"),
        ("POST https://localhost@evil.example/v1/resets/apex HTTP/1.1", "host: localhost"),
        ("POST https://x@localhost/v1/resets/apex HTTP/1.1", "host: localhost"),
        ("POST //localhost/v1/resets/apex HTTP/1.1", "host: localhost"),
        ("POST /v1/resets/apex HTTP/1.1", "host: a\r\nhost: localhost"),
        ("POST /v1/resets/apex HTTP/1.1", "x: y"),
        ("PRI * HTTP/2.0", "host: localhost"),
        ("CONNECT localhost:443 HTTP/1.1", "host: localhost"),
    ]
}

/// Every ambiguous request, by what is odd about it.
fn ambiguous() -> Vec<(String, Vec<u8>)> {
    let body = notice().to_string();
    let host = "host: localhost";
    let lengths = lengths().into_iter().map(|(lines, body)| {
        let bytes = request(FIRST, &format!("{host}\r\n{lines}"), &body);
        (lines, bytes)
    });
    let chunks = chunks().into_iter().map(|(name, body)| {
        (name.to_owned(), request(FIRST, &format!("{host}\r\ntransfer-encoding: chunked"), &body))
    });
    let firsts = first_lines().into_iter().map(|(first, lines)| {
        let sized = format!("{lines}\r\ncontent-length: {}", body.len());
        (format!("{first}, {lines}"), request(first, &sized, body.as_bytes()))
    });
    lengths.chain(chunks).chain(firsts).collect()
}

/// What a listener does with its connection to close it soon.
fn hasty() -> Limits {
    let soon = Duration::from_millis(500);
    Limits {
        header_deadline: soon,
        body_deadline: soon,
        idle: soon,
        admission_deadline: Duration::from_secs(2),
        ..Limits::default()
    }
}

/// The status of each answer; a sentence about HTTP is none.
fn statuses(answers: &str) -> Vec<u16> {
    let status = |answer: &str| answer.get(2..5)?.parse().ok();
    answers.split("HTTP/1.").skip(1).filter_map(status).collect()
}

#[tokio::test]
async fn what_two_readers_could_read_in_two_ways_is_refused_and_nothing_after_it_is_read() {
    let receiver = PublicListener::with(hasty(), 1_000).await;
    for (name, bytes) in ambiguous() {
        let mut wire = Wire::to(&receiver).await;
        wire.write(&bytes).await;
        let answer = wire.read_to_end().await;
        let refused = statuses(&answer).iter().all(|status| *status >= 400);
        assert!(refused, "{name:?}: {answer}");
        assert!(receiver.rotations().await.is_empty(), "{name:?} was written down");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_sender_does_not_wait_for_ambiguous_requests() {
    let receiver = PublicListener::with(hasty(), 1_000).await;
    let all = ambiguous();
    beside(&receiver, async || {
        // A few at once: the handshakes of all of them are another test's matter.
        for few in all.chunks(8) {
            let probes = few.iter().map(async |(_, bytes)| {
                let mut wire = Wire::to(&receiver).await;
                wire.write(bytes).await;
                wire.read_to_end().await
            });
            join_all(probes).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_can_be_read_in_one_way_alone_is_taken() {
    let receiver = PublicListener::with(hasty(), 1_000).await;
    let body = notice().to_string();
    let n = body.len();
    let good = [
        (FIRST, format!("host: localhost\r\ncontent-length: {n}"), body.clone().into_bytes()),
        (FIRST, format!("host: localhost\r\ncontent-length: \t{n} "), body.clone().into_bytes()),
        (
            "POST https://localhost/v1/resets/apex HTTP/1.1",
            format!("host: localhost\r\ncontent-length: {n}"),
            body.into_bytes(),
        ),
        (
            FIRST,
            "host: localhost\r\nTransfer-Encoding: Chunked".to_owned(),
            chunked(|n| format!("{n:X};name=\"value\"\r\n")),
        ),
    ];
    for (first, lines, body) in good {
        let mut wire = Wire::to(&receiver).await;
        wire.write(&request(first, &lines, &body)).await;
        let answer = wire.read_to_end().await;
        assert_eq!(
            statuses(&answer).len(),
            2,
            "this one and the one after it: {lines:?}: {answer}"
        );
        assert!(statuses(&answer).iter().all(|status| *status < 300), "{lines:?}: {answer}");
    }
}
