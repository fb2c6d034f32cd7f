//! A listener that holds as many connections as it may: which one goes when another comes.

use std::net::Ipv4Addr;

use reset_receiver::hooks::limits::Limits;
use rusqlite::Connection;
use tokio::net::TcpStream;

use super::wire::{sized, status};
use crate::support::public_listener::PublicListener;
use crate::support::sender::{Delivery, Sender, notice};
use crate::support::wire::{Wire, connected};

const MOST: usize = 8;

fn limits(per_address: usize) -> Limits {
    Limits { connections: MOST, connections_per_address: per_address, ..Limits::default() }
}

/// Connects from another address each time, and says nothing.
async fn strangers(receiver: &PublicListener, count: usize) -> Vec<TcpStream> {
    let mut strangers = Vec::new();
    for last in (2..).take(count) {
        strangers.push(connected(receiver, Ipv4Addr::new(127, 0, 0, last)).await.unwrap());
    }
    strangers
}

#[tokio::test]
async fn whoever_says_nothing_makes_room_for_whoever_comes() {
    let receiver = PublicListener::with(limits(MOST), 10).await;
    let strangers = strangers(&receiver, MOST).await;
    let sender = Sender::to(&receiver);
    let answer = sender.send(&Delivery::with_token("flow", &notice())).await;
    assert_eq!(answer.status, 202, "the listener is full, and answers");
    let mut first = [0];
    let ended = strangers[0].readable().await.and_then(|()| strangers[0].try_read(&mut first));
    assert!(matches!(ended, Ok(0) | Err(_)), "the first of them goes: {ended:?}");
    let held = strangers.iter().filter(|socket| {
        let read = socket.try_read(&mut [0]);
        matches!(read, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    });
    assert_eq!(held.count(), MOST - 1, "and nobody else");
}

#[tokio::test]
async fn an_address_gives_up_its_own_connections_for_new_ones() {
    let receiver = PublicListener::with(limits(2), 10).await;
    let mut wires = Vec::new();
    for _ in 0..3 {
        wires.push(Wire::to(&receiver).await);
    }
    assert_eq!(wires[0].read_to_end().await, "", "the third took the place of the first");
    let (head, body) = sized("host: localhost\r\n");
    for wire in &mut wires[1..] {
        wire.write(head.as_bytes()).await;
        wire.write(&body).await;
    }
    let mut told = Vec::new();
    for wire in &mut wires[1..] {
        told.push(status(&wire.read_to_end().await).to_owned());
    }
    told.sort();
    assert_eq!(told, ["200", "202"], "the other two are well; whichever came first was new");
}

#[tokio::test]
async fn a_request_that_has_come_whole_is_answered_before_its_connection_may_go() {
    let receiver = PublicListener::with(limits(1), 10).await;
    let writer = Connection::open(receiver.database()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (head, body) = sized("host: localhost\r\n");
    let mut under_way = Wire::to(&receiver).await;
    under_way.write(&[head.as_bytes(), &body].concat()).await;
    // It has come once a probe on the same worker was answered.
    let mut probe = Wire::from(&receiver, Ipv4Addr::new(127, 0, 0, 2)).await.unwrap();
    probe.write(b"GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(status(&probe.read_to_end().await), "404");
    let another = Wire::with(&receiver, rustls::ALL_VERSIONS).await;
    assert!(another.is_err(), "its address has no other connection to give up");
    writer.execute_batch("ROLLBACK").unwrap();
    assert_eq!(status(&under_way.read_to_end().await), "202");
}

#[tokio::test]
async fn half_a_request_makes_room_like_silence_does() {
    let receiver = PublicListener::with(limits(2), 10).await;
    let (head, body) = sized("host: localhost\r\n");
    let mut slow = Wire::to(&receiver).await;
    slow.write(head.as_bytes()).await;
    slow.write(&body[..10]).await;
    let mut wires = Vec::new();
    for _ in 0..2 {
        wires.push(Wire::to(&receiver).await);
    }
    assert_eq!(slow.read_to_end().await, "");
}
