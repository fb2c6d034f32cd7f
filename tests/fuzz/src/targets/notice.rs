//! The JSON notice, and the strict reader below it.

use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject};
use reset_receiver::domain::ids::{EventId, Username};
use reset_receiver::senders::delivery::Proof;
use reset_receiver::senders::json as strict;
use reset_receiver::senders::notice;
use serde_json::{Map, Value, json};

use super::request::{WINDOW, name, now};

/// What the strict reader takes is JSON for everybody else, and of the same kind.
pub(crate) fn json(bytes: &[u8]) {
    let Ok(read) = strict::read(bytes) else { return };
    let other: Value = serde_json::from_slice(bytes).expect("it is JSON");
    let kind = match other {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    assert_eq!(read.kind(), kind);
    assert_eq!(strict::read(other.to_string().as_bytes()), Ok(read), "written anew");
}

/// What is a notice stays within its limits, and says the same when it is written anew.
pub(crate) fn read(bytes: &[u8]) {
    let Ok(event) = parse(bytes) else { return };
    within_limits(&event);
    assert!(matches!(event.kind, ResetKind::PasswordReset | ResetKind::TokenReset));
    assert_eq!(parse(written(&event).to_string().as_bytes()).expect("it is a notice"), event);
    assert!(strict::read(bytes).is_ok());
}

fn parse(bytes: &[u8]) -> Result<ResetEvent, notice::InvalidNotice> {
    notice::parse(&name(), &Proof::default(), bytes, now(), WINDOW)
}

fn written(event: &ResetEvent) -> Value {
    let Subject::Login { organization, user } = &event.subject else {
        panic!("a notice is about a login")
    };
    let mut object = Map::new();
    let mut put = |key: &str, value: &str| drop(object.insert(key.to_owned(), json!(value)));
    put("id", event.id.as_str());
    put("type", event.kind.as_str());
    put("occurred_at", &event.occurred_at.to_string());
    put("organization_id", organization.as_str());
    if let Some(name) = user.name() {
        put("username", name.as_str());
    }
    if let Some(id) = user.id() {
        put("user_id", id.as_str());
    }
    Value::Object(object)
}

/// What every event keeps, whoever tells of it.
pub(crate) fn within_limits(event: &ResetEvent) {
    is_printable(event.id.as_str(), EventId::MAX_CHARS);
    assert!(event.occurred_at.duration_since(now()).as_secs_f64() <= WINDOW.as_secs_f64());
    let Subject::Login { user, .. } = &event.subject else { return };
    if let Some(name) = user.name() {
        is_printable(name.as_str(), 2 * Username::MAX_CHARS);
    }
}

pub(crate) fn is_printable(text: &str, most: usize) {
    assert!((1..=most).contains(&text.chars().count()), "{text:?}");
    assert!(!text.chars().any(char::is_control), "{text:?}");
}
