//! The JSON notice: a small, flat object that tells of one reset.
//!
//! ```json
//! {"id": "…", "type": "password_reset", "occurred_at": "2026-03-02T09:15:04Z",
//!  "organization_id": "00D…", "username": "…", "user_id": "005…"}
//! ```
//!
//! - Keys that are not known are accepted, so that a sender may say more than this version reads;
//!   a key that stands twice is refused, known or not.
//! - `null` means the same as leaving the key out.
//! - The event's id is the body's `id`. Where the body has none, it is the id that the scheme
//!   signs (`webhook-id`); where neither is there, `id` is missing. The two may differ: only
//!   the body's is the sender's own name for the event, both are signed, and only one is used.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::{ResetEvent, ResetKind, Subject, UserKey};
use crate::domain::ids::{EventId, InvalidId, OrganizationId, SourceName, UserId, Username};
use crate::senders::delivery::Proof;
use crate::senders::json::{self, InvalidJson, Json};

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is required.
    #[error("is required")]
    Missing,
    /// It is not a text.
    #[error("must be a text, not {0}")]
    Type(&'static str),
    /// It is not the identifier that it should be.
    #[error(transparent)]
    Id(#[from] InvalidId),
    /// `type` is none that is known.
    #[error("must be password_reset or token_reset")]
    Kind,
    /// `type` is `secret_written`.
    #[error("secret_written comes from Vault: send it to /v1/vault-events/{{source}}")]
    SecretWritten,
    /// It is not a time.
    #[error("must be a time of RFC 3339 with its zone, as in 2026-03-02T09:15:04Z")]
    Time,
    /// It has not happened yet.
    #[error("lies in the future; compare the clocks")]
    Future,
    /// It is not what a sentence says.
    #[error("must {0}")]
    Must(&'static str),
    /// Neither key of a user is there.
    #[error("username or user_id is required")]
    NoUser,
}

/// A field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {fault}")]
pub struct FieldFault {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Why a body is not a notice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNotice {
    /// It is not a document that is read here.
    #[error(transparent)]
    Json(#[from] InvalidJson),
    /// It is JSON, and not an object.
    #[error("the body must be a JSON object, not {0}")]
    NotAnObject(&'static str),
    /// Fields are missing or wrong: all of them, in the order of the documentation.
    #[error("fields are missing or wrong")]
    Fields(Vec<FieldFault>),
}

/// Reads the notice of a delivery whose origin is proven. A reset that lies further in the future
/// than `window` is refused.
pub fn parse(
    source: &SourceName,
    proof: &Proof,
    body: &[u8],
    now: Timestamp,
    window: Duration,
) -> Result<ResetEvent, InvalidNotice> {
    let object = match json::read(body)? {
        Json::Object(object) => object,
        other @ (Json::Null | Json::Bool | Json::Number | Json::Text(_) | Json::Array) => {
            return Err(InvalidNotice::NotAnObject(other.kind()));
        }
    };
    let mut fields = Fields { object, faults: Vec::new() };
    let id = match (fields.optional("id", |text| Ok(EventId::parse(text)?)), &proof.id) {
        (Field::Absent, Some(signed)) => Some(signed.clone()),
        (id, _) => fields.require("id", id),
    };
    let kind = fields.required("type", parse_kind);
    let occurred_at = fields.required("occurred_at", |text| parse_time(text, now, window));
    let organization = fields.required("organization_id", |text| Ok(OrganizationId::parse(text)?));
    let username = fields.optional("username", |text| Ok(Username::parse(text)?));
    let user_id = fields.optional("user_id", |text| Ok(UserId::parse(text)?));
    if matches!((&username, &user_id), (Field::Absent, Field::Absent)) {
        fields.blame("username", Fault::NoUser);
    }
    let user = UserKey::from_parts(username.value(), user_id.value());
    match (id, kind, occurred_at, organization, user) {
        (Some(id), Some(kind), Some(occurred_at), Some(organization), Some(user))
            if fields.faults.is_empty() =>
        {
            let subject = Subject::Login { organization, user };
            Ok(ResetEvent { source: source.clone(), id, kind, subject, occurred_at })
        }
        _ => Err(InvalidNotice::Fields(fields.faults)),
    }
}

/// A field that has been read.
enum Field<T> {
    Absent,
    /// Present and wrong; its fault is noted.
    Wrong,
    Value(T),
}

impl<T> Field<T> {
    fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }
}

/// The object, and what was found wrong so far.
struct Fields {
    object: BTreeMap<String, Json>,
    faults: Vec<FieldFault>,
}

impl Fields {
    fn optional<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Field<T> {
        let parsed = match self.object.get(field) {
            None | Some(Json::Null) => return Field::Absent,
            Some(Json::Text(text)) => parse(text),
            Some(other) => Err(Fault::Type(other.kind())),
        };
        match parsed {
            Ok(value) => Field::Value(value),
            Err(fault) => {
                self.blame(field, fault);
                Field::Wrong
            }
        }
    }

    fn require<T>(&mut self, name: &'static str, field: Field<T>) -> Option<T> {
        if matches!(field, Field::Absent) {
            self.blame(name, Fault::Missing);
        }
        field.value()
    }

    fn required<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let parsed = self.optional(field, parse);
        self.require(field, parsed)
    }

    fn blame(&mut self, field: &'static str, fault: Fault) {
        self.faults.push(FieldFault { field, fault });
    }
}

fn parse_kind(text: &str) -> Result<ResetKind, Fault> {
    let is = |kind: ResetKind| text == kind.as_str();
    if is(ResetKind::PasswordReset) {
        Ok(ResetKind::PasswordReset)
    } else if is(ResetKind::TokenReset) {
        Ok(ResetKind::TokenReset)
    } else if is(ResetKind::SecretWritten) {
        Err(Fault::SecretWritten)
    } else {
        Err(Fault::Kind)
    }
}

/// Reads RFC 3339. `+0000` without its colon is understood too: Salesforce writes times like that.
pub(super) fn parse_time(text: &str, now: Timestamp, window: Duration) -> Result<Timestamp, Fault> {
    const MAX_CHARS: usize = 40;
    // jiff reads more of ISO 8601 than RFC 3339 has, and annotations; these are its limits.
    let rfc3339 = text.len() <= MAX_CHARS
        && text.bytes().all(|b| b.is_ascii_digit() || b"TtZz:+-.".contains(&b))
        && text.as_bytes().get(10).is_some_and(|b| b"Tt".contains(b))
        && text.as_bytes().get(16) == Some(&b':');
    if !rfc3339 {
        return Err(Fault::Time);
    }
    let at: Timestamp = text.parse().map_err(|_| Fault::Time)?;
    let latest = now.saturating_add(window).unwrap_or(Timestamp::MAX);
    if at > latest { Err(Fault::Future) } else { Ok(at) }
}

#[cfg(test)]
mod tests;
