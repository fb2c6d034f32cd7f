//! The Vault event: tells that a secret was written, and never what it holds.
//!
//! It comes in one of these forms, and each says which secret and which version:
//!
//! - the minimal one of an agent's command: `{"path": "secret/data/acme", "version": 7}`;
//! - CloudEvents 1.0, structured: one JSON object with `specversion` and `data`. Vault's own events
//!   look like this, in their own way: their `type` is `*`, and `data.event_type` says what
//!   happened; numbers are texts; the event stands in `data.event`, or in `data` itself;
//! - CloudEvents 1.0, binary: the attributes stand in `ce-` headers, and the body is the data.
//!
//! Only what makes a version readable is an event; everything else is recognised and left alone.
//!
//! - The event's id is the CloudEvent's source and id, the pair that CloudEvents makes unique. The
//!   minimal form may have an `id`; otherwise it is the id that the scheme signs, and where it
//!   signs none it is made of path and version, so that the same news has the same id.
//! - Headers are not signed. What a scheme signs takes the place of the id and the time that the
//!   binary form has in its headers.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::domain::announcement::{Change, locate};
use crate::domain::event::{ResetEvent, ResetKind, Subject};
use crate::domain::ids::{EventId, SourceName};
use crate::domain::secret::{SecretLocation, SecretVersion};
use crate::senders::delivery::{Headers, Proof};
use crate::senders::json;
use crate::senders::notice::{Fault, FieldFault, InvalidNotice, parse_time};

/// The header that tells the binary form of CloudEvents from everything else.
pub const BINARY: &str = "ce-specversion";

/// What a delivery tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultEvent {
    /// A secret was written.
    Written(ResetEvent),
    /// A secret was deleted or destroyed.
    Removed {
        /// The event.
        id: EventId,
        /// The secret, where it is named.
        location: Option<SecretLocation>,
    },
    /// Something that no rotation follows from.
    Other {
        /// The event.
        id: EventId,
    },
}

/// A delivery whose origin is proven, and what is needed to read it.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The source that it came through.
    pub source: &'a SourceName,
    /// What the scheme covers.
    pub proof: &'a Proof,
    /// Its headers.
    pub headers: &'a dyn Headers,
    /// Its body.
    pub body: &'a [u8],
    /// The time.
    pub now: Timestamp,
    /// How far in the future an event may lie, by differing clocks.
    pub window: Duration,
}

/// What the three forms have in common, before it is judged.
struct Told {
    id: Option<EventId>,
    at: Option<Timestamp>,
    event_type: Option<String>,
    data: Map<String, Value>,
    /// Where the data stands, for the names of its fields.
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Minimal,
    Structured,
    Binary,
}

impl Reading<'_> {
    /// Reads the delivery.
    pub fn read(&self) -> Result<VaultEvent, InvalidNotice> {
        // Refuses what two readers could understand in two ways; the values are read below.
        json::read(self.body)?;
        let body = match serde_json::from_slice(self.body) {
            Ok(Value::Object(body)) => body,
            Ok(other) => return Err(InvalidNotice::NotAnObject(kind(&other))),
            // What was read once is read again.
            Err(_) => return Err(json::InvalidJson::Encoding.into()),
        };
        let mut faults = Vec::new();
        let told = if self.headers.only(BINARY).is_some() {
            self.binary(body, &mut faults)
        } else if body.contains_key("specversion") {
            self.structured(body, &mut faults)
        } else {
            self.minimal(body, &mut faults)
        };
        let read = self.judge(told, &mut faults);
        match read {
            Some(event) if faults.is_empty() => Ok(event),
            _ => Err(InvalidNotice::Fields(faults)),
        }
    }

    fn minimal(&self, body: Map<String, Value>, faults: &mut Vec<FieldFault>) -> Told {
        let own = text(&body, "id", faults).and_then(|id| checked_id("id", &id, faults));
        let at = text(&body, "occurred_at", faults);
        Told {
            id: own.or_else(|| self.proof.id.clone()),
            at: at.and_then(|at| self.time("occurred_at", &at, faults)).or(self.proof.sent_at),
            event_type: text(&body, "type", faults),
            data: body,
            form: Form::Minimal,
        }
    }

    fn structured(&self, mut body: Map<String, Value>, faults: &mut Vec<FieldFault>) -> Told {
        let version = text(&body, "specversion", faults);
        check_version("specversion", version.as_deref(), faults);
        let [id, source, event_type] =
            ["id", "source", "type"].map(|field| required(&body, field, faults));
        let at = text(&body, "time", faults);
        let data = if let Some(Value::Object(data)) = body.remove("data") {
            data
        } else {
            faults.push(FieldFault { field: "data", fault: Fault::Must("be a JSON object") });
            Map::new()
        };
        Told {
            id: event_id("id", source, id, faults),
            at: at.and_then(|at| self.time("time", &at, faults)).or(self.proof.sent_at),
            event_type,
            data,
            form: Form::Structured,
        }
    }

    fn binary(&self, data: Map<String, Value>, faults: &mut Vec<FieldFault>) -> Told {
        check_version(BINARY, self.header(BINARY, faults).as_deref(), faults);
        let [id, source, event_type] =
            ["ce-id", "ce-source", "ce-type"].map(|name| self.header(name, faults));
        let named = event_id("ce-id", source, id, faults);
        let has_time = self.headers.only("ce-time").is_some();
        let at = has_time.then(|| self.header("ce-time", faults)).flatten();
        let at = at.and_then(|at| self.time("ce-time", &at, faults));
        Told {
            id: self.proof.id.clone().or(named),
            at: self.proof.sent_at.or(at),
            event_type,
            data,
            form: Form::Binary,
        }
    }

    /// Says what follows from it.
    fn judge(&self, told: Told, faults: &mut Vec<FieldFault>) -> Option<VaultEvent> {
        let Told { id, at, event_type, data, form } = told;
        let inner = data.get("event").and_then(Value::as_object).unwrap_or(&data);
        let metadata = inner.get("metadata").and_then(Value::as_object).unwrap_or(inner);
        // Vault puts a star where CloudEvents has the type, and the type beside the data.
        let event_type = text(&data, "event_type", faults).or(event_type);
        let change = match (event_type.as_deref(), form) {
            (None | Some("secret_written"), Form::Minimal) => Change::Written,
            (kind, _) => Change::of(kind.unwrap_or_default()),
        };
        let plugin = data.get("plugin_info").and_then(Value::as_object);
        let mount = plugin.and_then(|plugin| plugin.get("mount_path")).and_then(Value::as_str);
        let namespace = data.get("namespace").and_then(Value::as_str);
        let path = match text(metadata, "data_path", faults) {
            Some(path) => Some(path),
            None => text(metadata, "path", faults),
        };
        let location = path.as_deref().and_then(|path| locate(path, mount, namespace));
        let version = number(metadata, faults);
        if change != Change::Written {
            let id = id.or_else(|| made_up(path.as_deref().unwrap_or("-"), version, faults))?;
            return Some(match change {
                Change::Removed => VaultEvent::Removed { id, location },
                Change::Written | Change::Other => VaultEvent::Other { id },
            });
        }
        if location.is_none() {
            let fault = match &path {
                None => Fault::Missing,
                Some(_) => Fault::Must("be a mount, then data, then a path: secret/data/acme"),
            };
            faults.push(FieldFault { field: "path", fault });
        }
        if version.is_none() && form == Form::Minimal {
            faults.push(FieldFault { field: "version", fault: Fault::Missing });
        }
        let id = id.or_else(|| made_up(path.as_deref()?, version, faults))?;
        Some(VaultEvent::Written(ResetEvent {
            source: self.source.clone(),
            id,
            kind: ResetKind::SecretWritten,
            subject: Subject::Secret { location: location?, version },
            occurred_at: at.unwrap_or(self.now),
        }))
    }

    /// A header that must be there exactly once, as text.
    fn header(&self, name: &'static str, faults: &mut Vec<FieldFault>) -> Option<String> {
        let value = self.headers.only(name).and_then(unescaped);
        if value.is_none() {
            let fault = Fault::Must("be there exactly once, as text");
            faults.push(FieldFault { field: name, fault });
        }
        value
    }

    fn time(
        &self,
        field: &'static str,
        text: &str,
        faults: &mut Vec<FieldFault>,
    ) -> Option<Timestamp> {
        noted(field, parse_time(text, self.now, self.window), faults)
    }
}

/// Undoes the escapes of the HTTP binding (`%20`), so that both forms of an event have one id.
fn unescaped(value: &[u8]) -> Option<String> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let [first, after @ ..] = rest {
        rest = after;
        if let (b'%', [high, low, after @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            bytes.push(high * 16 + low);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

fn noted<T>(
    field: &'static str,
    read: Result<T, Fault>,
    faults: &mut Vec<FieldFault>,
) -> Option<T> {
    read.map_err(|fault| faults.push(FieldFault { field, fault })).ok()
}

fn check_version(field: &'static str, version: Option<&str>, faults: &mut Vec<FieldFault>) {
    if version.is_some_and(|version| version != "1.0") {
        faults.push(FieldFault { field, fault: Fault::Must("be 1.0") });
    }
}

fn checked_id(field: &'static str, id: &str, faults: &mut Vec<FieldFault>) -> Option<EventId> {
    noted(field, EventId::parse(id).map_err(Fault::Id), faults)
}

/// The pair that is unique, as one id.
fn event_id(
    field: &'static str,
    source: Option<String>,
    id: Option<String>,
    faults: &mut Vec<FieldFault>,
) -> Option<EventId> {
    let (source, id) = (source?, id?);
    checked_id(field, &format!("{source}#{id}"), faults)
}

/// The id of news that names none: the same path and version are the same news.
fn made_up(
    path: &str,
    version: Option<SecretVersion>,
    faults: &mut Vec<FieldFault>,
) -> Option<EventId> {
    let version = version.map(|version| version.to_string()).unwrap_or_default();
    checked_id("path", &format!("vault:{}:{version}", path.trim_matches('/')), faults)
}

/// An optional text; `null` is the same as nothing.
fn text(
    object: &Map<String, Value>,
    field: &'static str,
    faults: &mut Vec<FieldFault>,
) -> Option<String> {
    match object.get(field) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => {
            faults.push(FieldFault { field, fault: Fault::Type(kind(other)) });
            None
        }
    }
}

fn required(
    object: &Map<String, Value>,
    field: &'static str,
    faults: &mut Vec<FieldFault>,
) -> Option<String> {
    let is_absent = matches!(object.get(field), None | Some(Value::Null));
    if is_absent {
        faults.push(FieldFault { field, fault: Fault::Missing });
    }
    text(object, field, faults)
}

/// The version, as `version` or as Vault's `current_version`; Vault writes numbers as texts.
fn number(metadata: &Map<String, Value>, faults: &mut Vec<FieldFault>) -> Option<SecretVersion> {
    let (field, value) = match (metadata.get("version"), metadata.get("current_version")) {
        (None | Some(Value::Null), None | Some(Value::Null)) => return None,
        (None | Some(Value::Null), Some(value)) => ("current_version", value),
        (Some(value), _) => ("version", value),
    };
    let read = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    };
    // The store counts in signed numbers; Vault does not come near their end.
    let read = read.filter(|number| (1..=u64::from(u32::MAX)).contains(number));
    let fault = Fault::Must("be a version of Vault's, counted from 1");
    noted(field, read.map(SecretVersion).ok_or(fault), faults)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
