//! Every form of a Vault event, and what is wrong with some.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Reading, VaultEvent};
use crate::domain::event::{ResetEvent, ResetKind, Subject};
use crate::domain::ids::{EventId, SourceName};
use crate::domain::secret::{SecretLocation, SecretVersion};
use crate::senders::delivery::{Headers, Proof};
use crate::senders::notice::InvalidNotice;

/// What Vault 1.21 documents, with made-up values. The misspelt key is Vault's own.
pub(super) fn vaults_own(event_type: &str) -> Value {
    json!({
        "id": "0b7e6c1a-3d52-4f8e-9a41-5c2d7e8f9a01", "source": "vault://lab",
        "specversion": "1.0", "type": "*", "datacontentype": "application/cloudevents",
        "time": "2026-03-02T02:15:04.678901-07:00",
        "data": {
            "event": {
                "id": "0b7e6c1a-3d52-4f8e-9a41-5c2d7e8f9a01",
                "metadata": {
                    "current_version": "7", "data_path": "secret/data/sf/prod",
                    "modified": "true", "oldest_version": "0", "operation": "data-write",
                    "path": "secret/data/sf/prod", "vault_index": "djE6MDAwMQ==",
                },
            },
            "event_type": event_type,
            "plugin_info": {
                "mount_class": "secret", "mount_accessor": "kv_1a2b3c4d",
                "mount_path": "secret/", "plugin": "kv",
            },
        },
    })
}

#[derive(Default)]
struct Given(Vec<(&'static str, &'static str)>);

impl Headers for Given {
    fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.0.iter().filter(|(header, _)| *header == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value.as_bytes())
    }
}

fn now() -> Timestamp {
    "2026-03-02T09:15:04Z".parse().unwrap()
}

fn signed() -> Proof {
    let sent_at = "2026-03-02T09:14:00Z".parse().unwrap();
    let id = Some(EventId::parse("signed-id").unwrap());
    Proof { id, sent_at: Some(sent_at), occurred_within: None }
}

fn read(headers: &Given, proof: &Proof, body: &Value) -> Result<VaultEvent, InvalidNotice> {
    let (source, body) = (SourceName::parse("agent").unwrap(), body.to_string());
    let body = body.as_bytes();
    let window = Duration::from_mins(5);
    Reading { source: &source, proof, headers, body, now: now(), window }.read()
}

/// The event of a delivery without headers of its own.
fn event(proof: &Proof, body: &Value) -> ResetEvent {
    match read(&Given::default(), proof, body) {
        Ok(VaultEvent::Written(event)) => event,
        other => panic!("{body}: {other:?}"),
    }
}

fn faults(headers: &Given, body: &Value) -> Vec<String> {
    match read(headers, &Proof::default(), body) {
        Err(InvalidNotice::Fields(faults)) => faults.iter().map(ToString::to_string).collect(),
        other => panic!("{body}: {other:?}"),
    }
}

fn prod() -> Subject {
    let location = SecretLocation { mount: "secret".to_owned(), path: "sf/prod".to_owned() };
    Subject::Secret { location, version: Some(SecretVersion(7)) }
}

#[test]
fn vaults_own_event_is_understood() {
    let event = event(&Proof::default(), &vaults_own("kv-v2/data-write"));
    assert_eq!(event.kind, ResetKind::SecretWritten);
    assert_eq!(event.subject, prod());
    assert_eq!(event.occurred_at.to_string(), "2026-03-02T09:15:04.678901Z");
    assert_eq!(event.id.as_str(), "vault://lab#0b7e6c1a-3d52-4f8e-9a41-5c2d7e8f9a01");
    assert_eq!(event.source.as_str(), "agent");
}

#[test]
fn the_metadata_may_stand_in_the_data_itself_and_behind_a_namespace() {
    let mut own = vaults_own("kv-v2/data-patch");
    own["data"]["metadata"] = own["data"]["event"]["metadata"].take();
    own["data"].as_object_mut().unwrap().remove("event");
    assert_eq!(event(&Proof::default(), &own).subject, prod());

    own["data"]["metadata"]["data_path"] = json!("team/secret/data/sf/prod");
    own["data"]["namespace"] = json!("team/");
    assert_eq!(event(&Proof::default(), &own).subject, prod());
    own["data"].as_object_mut().unwrap().remove("namespace");
    assert_eq!(event(&Proof::default(), &own).subject, prod());
}

#[test]
fn only_what_makes_a_version_readable_is_an_event() {
    let read = |kind| read(&Given::default(), &Proof::default(), &vaults_own(kind)).unwrap();
    for kind in ["kv-v2/data-write", "kv-v2/data-patch", "kv-v2/undelete"] {
        assert!(matches!(read(kind), VaultEvent::Written(_)), "{kind}");
    }
    for kind in ["kv-v2/data-delete", "kv-v2/delete", "kv-v2/destroy", "kv-v2/metadata-delete"] {
        let VaultEvent::Removed { location: Some(location), .. } = read(kind) else {
            panic!("{kind}");
        };
        assert_eq!(location.to_string(), "secret/sf/prod");
    }
    for kind in ["kv-v2/metadata-write", "kv-v1/write", "*"] {
        assert!(matches!(read(kind), VaultEvent::Other { .. }), "{kind}");
    }
}

#[test]
fn the_minimal_form_is_named_after_itself_unless_an_id_is_told_or_signed() {
    for version in [json!(7), json!("7")] {
        let body = json!({"path": "secret/data/sf/prod", "version": version});
        let unsigned = event(&Proof::default(), &body);
        assert_eq!(unsigned.id.as_str(), "vault:secret/data/sf/prod:7");
        assert_eq!((unsigned.subject, unsigned.occurred_at), (prod(), now()));
    }
    let mut body = json!({"path": "secret/data/sf/prod", "version": 7, "type": "data-write"});
    let event_at = |body: &Value| {
        let event = event(&signed(), body);
        (event.id.as_str().to_owned(), event.occurred_at.to_string())
    };
    let signed_at = "2026-03-02T09:14:00Z".to_owned();
    assert_eq!(event_at(&body), ("signed-id".to_owned(), signed_at));
    body["id"] = json!("told");
    body["occurred_at"] = json!("2026-03-02T09:00:00Z");
    assert_eq!(event_at(&body), ("told".to_owned(), "2026-03-02T09:00:00Z".to_owned()));
}

#[test]
fn the_binary_form_has_its_attributes_in_headers_and_what_is_signed_goes_before_them() {
    let headers = || {
        Given(vec![
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "vault://lab"),
            ("ce-type", "kv-v2/data-write"),
            ("ce-time", "2026-03-02T09:00:00Z"),
        ])
    };
    let data = json!({"path": "secret/data/sf/prod", "version": 7});
    let read = |headers: Given, proof: &Proof, data: &Value| {
        let Ok(VaultEvent::Written(event)) = read(&headers, proof, data) else { panic!("{data}") };
        (event.id.as_str().to_owned(), event.occurred_at.to_string(), event.subject)
    };
    let told = ("vault://lab#1".to_owned(), "2026-03-02T09:00:00Z".to_owned(), prod());
    assert_eq!(read(headers(), &Proof::default(), &data), told);
    let vaults = vaults_own("kv-v2/data-write")["data"].clone();
    assert_eq!(read(headers(), &Proof::default(), &vaults), told);
    let covered = ("signed-id".to_owned(), "2026-03-02T09:14:00Z".to_owned(), prod());
    assert_eq!(read(headers(), &signed(), &data), covered);

    let mut escaped = headers();
    escaped.0.retain(|(name, _)| *name != "ce-id");
    escaped.0.push(("ce-id", "a%20b%c3%A9%zz%4"));
    assert_eq!(read(escaped, &Proof::default(), &data).0, "vault://lab#a bé%zz%4");

    let without = |name| Given(headers().0.into_iter().filter(|(key, _)| *key != name).collect());
    let missing = "ce-source: must be there exactly once, as text";
    assert_eq!(faults(&without("ce-source"), &data), [missing]);
    let mut twice = headers();
    twice.0.push(("ce-id", "2"));
    assert_eq!(faults(&twice, &data), ["ce-id: must be there exactly once, as text"]);
    let mut old = without("ce-specversion");
    old.0.push(("ce-specversion", "0.3"));
    assert_eq!(faults(&old, &data), ["ce-specversion: must be 1.0"]);
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    let none = Given::default();
    assert_eq!(faults(&none, &json!({})), ["path: is required", "version: is required"]);
    let form = "path: must be a mount, then data, then a path: secret/data/acme";
    assert_eq!(faults(&none, &json!({"path": "secret/sf", "version": 7})), [form]);
    let counted = "version: must be a version of Vault's, counted from 1";
    for version in [json!(0), json!(-1), json!(1.5), json!("x"), json!("+7"), json!(u64::MAX)] {
        let body = json!({"path": "secret/data/sf", "version": version});
        assert!(faults(&none, &body).contains(&counted.to_owned()), "{version}");
    }
    let bare = json!({"specversion": "1.1"});
    let expected = [
        "specversion: must be 1.0",
        "id: is required",
        "source: is required",
        "type: is required",
        "data: must be a JSON object",
    ];
    assert_eq!(faults(&none, &bare), expected);
    let mut own = vaults_own("kv-v2/data-write");
    own["time"] = json!("2026-03-02T09:20:05Z");
    assert_eq!(faults(&none, &own), ["time: lies in the future; compare the clocks"]);
    let long = json!({"path": format!("secret/data/{}", "x".repeat(260)), "version": 7});
    assert_eq!(faults(&none, &long), ["path: an event id must have 1 to 256 characters"]);
    let list = read(&none, &Proof::default(), &json!([{}]));
    assert_eq!(list, Err(InvalidNotice::NotAnObject("an array")));
}
