//! A second request on the connection of a first one that was refused: it is read where it begins,
//! or not at all.

use std::time::Duration;

use reset_receiver::hooks::limits::Limits;
use reset_receiver::ports::meter::DeliveryOutcome;
use serde_json::json;

use crate::support::public_listener::{PublicListener, TOKEN};
use crate::support::sender::{Delivery, changed};
use crate::support::wire::Wire;

fn good(id: &str) -> Vec<u8> {
    Delivery::with_token("flow", &changed(json!({"id": id}))).on_wire("")
}

/// A request that is refused, and whose body is a good request.
fn refused(first: &str, lines: &str) -> Vec<u8> {
    let body = good("hidden");
    let head = format!(
        "{first} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n{lines}\r\n",
        body.len()
    );
    [head.as_bytes(), &body].concat()
}

fn large(first: &str, lines: &str) -> Vec<u8> {
    let head = format!("{first} HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n");
    [head.as_bytes(), &good("hidden")].concat()
}

/// Requests that are refused, with the status and whether the connection goes on.
fn firsts() -> Vec<(u16, bool, Vec<u8>)> {
    let token = format!("authorization: Bearer {TOKEN}\r\n");
    let apex = "POST /v1/resets/apex";
    vec![
        (401, true, refused(apex, "")),
        (400, true, refused("POST /v1/resets/flow", &token)),
        (404, false, refused("POST /v1/resets/nobody", "")),
        (404, false, refused("POST /v1/elsewhere", "")),
        (405, false, refused("PUT /v1/resets/apex", "")),
        (405, false, refused("GET /v1/resets/apex", "")),
        (404, false, refused("POST /v1/outbound-messages/apex", "")),
        (413, false, large("POST /v1/resets/flow", &format!("{token}content-length: 9999999\r\n"))),
        (431, false, refused(apex, &format!("x: {}\r\n", "x".repeat(17 * 1024)))),
        (400, false, large(apex, "content-length: 1\r\ncontent-length: 2\r\n")),
    ]
}

#[tokio::test]
async fn after_a_refused_request_the_next_one_is_read_where_it_begins_or_not_at_all() {
    for (expected, goes_on, first) in firsts() {
        let soon = Duration::from_millis(500);
        let limits = Limits { idle: soon, body_deadline: soon, ..Limits::default() };
        let receiver = PublicListener::with(limits, 100).await;
        let mut wire = Wire::to(&receiver).await;
        wire.write(&[first.as_slice(), &good("second")].concat()).await;
        let answer = wire.read_to_end().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{expected}: {answer}");
        assert!(!answer.contains("hidden"), "{expected}: {answer}");
        let taken = [("flow".to_owned(), DeliveryOutcome::Accepted)];
        let counted = receiver.counted().into_iter().filter(|one| taken.contains(one)).count();
        assert_eq!(counted, usize::from(goes_on), "{expected}: {answer}");
        assert_eq!(answer.contains("\"second\""), goes_on, "{expected}: {answer}");
    }
}

#[tokio::test]
async fn a_request_that_came_too_early_hides_none_in_its_body() {
    let limits = Limits { idle: Duration::from_millis(500), ..Limits::default() };
    let receiver = PublicListener::with(limits, 1).await;
    let mut wire = Wire::to(&receiver).await;
    let apex = refused("POST /v1/resets/apex", "");
    wire.write(&[apex.as_slice(), &apex, &good("second")].concat()).await;
    let answer = wire.read_to_end().await;
    let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|one| &one[..3]).collect();
    assert_eq!(statuses, ["401", "429", "400"], "{answer}");
    assert!(!answer.contains("second") && !answer.contains("hidden"), "{answer}");
}
