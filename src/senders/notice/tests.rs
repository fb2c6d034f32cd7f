//! What is a notice, and what is told to a sender whose body is none.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Fault, FieldFault, InvalidNotice, parse};
use crate::domain::event::{ResetEvent, ResetKind, Subject, UserKey};
use crate::domain::ids::{EventId, InvalidId, OrganizationId, SourceName, UserId, Username};
use crate::senders::delivery::Proof;
use crate::senders::json::InvalidJson;

const NOW: &str = "2026-03-02T09:20:00Z";
const WINDOW: Duration = Duration::from_mins(5);

fn parse_with(signed: Option<&str>, body: &str) -> Result<ResetEvent, InvalidNotice> {
    let source = SourceName::parse("flow").unwrap();
    let id = signed.map(|id| EventId::parse(id).unwrap());
    let proof = Proof { id, ..Proof::default() };
    parse(&source, &proof, body.as_bytes(), NOW.parse().unwrap(), WINDOW)
}

/// A good notice with some of its lines replaced; `""` leaves one out.
fn notice(changes: &[(&str, &str)]) -> String {
    let mut fields = BTreeMap::from([
        ("id", r#""e-1""#),
        ("type", r#""password_reset""#),
        ("occurred_at", r#""2026-03-02T09:15:04Z""#),
        ("organization_id", r#""00D5e000001AbCdEAK""#),
        ("username", r#""Gator.Sync@example.com""#),
        ("user_id", r#""0055e000002KjHgAAK""#),
    ]);
    fields.extend(changes.iter().copied());
    let lines: Vec<String> = fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    format!("{{{}}}", lines.join(", "))
}

fn parse_changed(changes: &[(&str, &str)]) -> Result<ResetEvent, InvalidNotice> {
    parse_with(None, &notice(changes))
}

fn faults(changes: &[(&str, &str)]) -> Vec<(&'static str, Fault)> {
    match parse_changed(changes) {
        Err(InvalidNotice::Fields(faults)) => {
            faults.into_iter().map(|fault| (fault.field, fault.fault)).collect()
        }
        other => panic!("expected faults in fields, got {other:?}"),
    }
}

#[test]
fn a_good_notice_becomes_an_event() {
    let event = parse_changed(&[]).unwrap();
    assert_eq!(event.source.as_str(), "flow");
    assert_eq!(event.id.as_str(), "e-1");
    assert_eq!(event.kind, ResetKind::PasswordReset);
    assert_eq!(event.occurred_at, "2026-03-02T09:15:04Z".parse().unwrap());
    let expected = Subject::Login {
        organization: OrganizationId::parse("00D5e000001AbCd").unwrap(),
        user: UserKey::Both(
            Username::parse("gator.sync@example.com").unwrap(),
            UserId::parse("0055e000002KjHg").unwrap(),
        ),
    };
    assert_eq!(event.subject, expected);
    let token = parse_changed(&[("type", r#""token_reset""#)]).unwrap();
    assert_eq!(token.kind, ResetKind::TokenReset);
}

#[test]
fn one_of_the_two_keys_of_a_user_is_enough_and_null_means_absent() {
    for absent in ["", "null"] {
        let by_id = parse_changed(&[("username", absent)]).unwrap();
        let by_name = parse_changed(&[("user_id", absent)]).unwrap();
        let user = |event: ResetEvent| match event.subject {
            Subject::Login { user, .. } => user,
            Subject::Nobody { .. } | Subject::Secret { .. } => panic!("a notice is about a login"),
        };
        assert!(matches!(user(by_id), UserKey::Id(_)));
        assert!(matches!(user(by_name), UserKey::Name(_)));
        let neither = faults(&[("username", absent), ("user_id", absent)]);
        assert_eq!(neither, [("username", Fault::NoUser)]);
    }
}

#[test]
fn a_key_of_a_user_that_is_wrong_is_refused_although_the_other_is_right() {
    let empty = InvalidId::Length { what: "a user name", max: 80 };
    assert_eq!(faults(&[("username", r#""""#)]), [("username", Fault::Id(empty))]);
    let wrong = faults(&[("user_id", r#""00D5e000001AbCd""#)]);
    assert_eq!(wrong, [("user_id", Fault::Id(InvalidId::SalesforcePrefix("005")))]);
}

#[test]
fn the_bodys_id_comes_before_the_signed_one_and_one_of_them_is_required() {
    let id = |signed, body: &[(&str, &str)]| {
        parse_with(signed, &notice(body)).map(|event| String::from(event.id))
    };
    assert_eq!(id(Some("signed"), &[]).unwrap(), "e-1");
    assert_eq!(id(Some("signed"), &[("id", "")]).unwrap(), "signed");
    assert_eq!(id(Some("signed"), &[("id", "null")]).unwrap(), "signed");
    assert_eq!(faults(&[("id", "")]), [("id", Fault::Missing)]);
    let wrong = id(Some("signed"), &[("id", "7")]).unwrap_err();
    let fault = FieldFault { field: "id", fault: Fault::Type("a number") };
    assert_eq!(wrong, InvalidNotice::Fields(vec![fault]), "a wrong id is not an absent one");
}

#[test]
fn every_fault_is_told_at_once() {
    let all = faults(&[
        ("id", "{}"),
        ("type", "true"),
        ("occurred_at", "1772442904"),
        ("organization_id", ""),
        ("username", "[]"),
        ("user_id", r#""x""#),
    ]);
    let expected = [
        ("id", Fault::Type("an object")),
        ("type", Fault::Type("a truth value")),
        ("occurred_at", Fault::Type("a number")),
        ("organization_id", Fault::Missing),
        ("username", Fault::Type("an array")),
        ("user_id", Fault::Id(InvalidId::SalesforceLength(1))),
    ];
    assert_eq!(all, expected);
}

#[test]
fn only_the_resets_of_a_login_are_told_by_a_notice() {
    let written = faults(&[("type", r#""secret_written""#)]);
    assert_eq!(written, [("type", Fault::SecretWritten)]);
    assert!(written[0].1.to_string().contains("/v1/vault-events/{source}"));
    for other in [r#""PASSWORD_RESET""#, r#""""#, r#""reset""#] {
        assert_eq!(faults(&[("type", other)]), [("type", Fault::Kind)], "{other}");
    }
}

#[test]
fn a_time_has_a_zone() {
    let good = [
        "2026-03-02T09:15:04Z",
        "2026-03-02t09:15:04.123z",
        "2026-03-02T10:15:04+01:00",
        "2026-03-02T09:15:04.000+0000",
        "2026-03-02T04:15:04-05:00",
    ];
    for time in good {
        let event = parse_changed(&[("occurred_at", &format!("\"{time}\""))]).unwrap();
        assert_eq!(event.occurred_at.as_second(), 1_772_442_904, "{time}");
    }
    let bad = [
        "",
        "2026-03-02",
        "2026-03-02T09:15:04",
        "2026-03-02 09:15:04Z",
        "20260302T091504Z",
        "2026-03-02T0915Z",
        "2026-02-30T09:15:04Z",
        "2026-03-02T25:15:04Z",
        "2026-03-02T09:15:04Z[UTC]",
        "2026-03-02T09:15:04+01:00[Europe/Paris]",
        "1772442904",
        "2026-03-02T09:15:04.0000000000000000000Z",
    ];
    for time in bad {
        let faults = faults(&[("occurred_at", &format!("\"{time}\""))]);
        assert_eq!(faults, [("occurred_at", Fault::Time)], "{time}");
    }
}

#[test]
fn a_reset_may_lie_in_the_future_by_the_window_and_no_further() {
    assert!(parse_changed(&[("occurred_at", r#""2026-03-02T09:25:00Z""#)]).is_ok());
    let future = faults(&[("occurred_at", r#""2026-03-02T09:25:00.001Z""#)]);
    assert_eq!(future, [("occurred_at", Fault::Future)]);
    assert!(parse_changed(&[("occurred_at", r#""2025-03-02T09:25:00Z""#)]).is_ok(), "late news");
}

#[test]
fn keys_that_are_not_known_are_accepted_and_no_key_stands_twice() {
    assert!(parse_changed(&[("more", r#"{"deep": [1, {"er": null}]}"#)]).is_ok());
    let twice = notice(&[]).replace("\"type\":", "\"id\": \"e-2\", \"type\":");
    let duplicate = |key: &str| InvalidNotice::Json(InvalidJson::Duplicate(key.to_owned()));
    assert_eq!(parse_with(None, &twice), Err(duplicate("id")));
    let twice = notice(&[("more", "1")]).replace("\"type\":", "\"more\": 1, \"type\":");
    assert_eq!(parse_with(None, &twice), Err(duplicate("more")));
}

#[test]
fn a_body_that_is_not_an_object_is_refused() {
    for (body, kind) in [("null", "null"), ("[]", "an array"), ("\"x\"", "a text")] {
        assert_eq!(parse_with(None, body), Err(InvalidNotice::NotAnObject(kind)));
    }
}
