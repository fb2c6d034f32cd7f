//! A sample that tells of a secret written in Vault, in every form that is understood.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::send::{Sample, SendArguments, SendError};
use crate::domain::announcement::locate;
use crate::domain::ids::EventId;
use crate::senders::vault_event::BINARY;

/// What happened, in Vault's words.
const WRITE: &str = "kv-v2/data-write";
/// Where a sample says that it comes from.
const SOURCE: &str = "vault://sample";
const STRUCTURED: &str = "application/cloudevents+json";
const PLAIN: &str = "application/json";

/// Reads a data path: the receiver would refuse another one.
pub(in crate::cli) fn data_path(text: &str) -> Result<String, &'static str> {
    match locate(text, None, None) {
        Some(_) => Ok(text.to_owned()),
        None => Err("must be a mount, then data, then a path: secret/data/acme"),
    }
}

/// The forms in which a receiver understands it.
#[derive(Clone, Copy)]
pub(in crate::cli) enum Form {
    /// Path and version alone.
    Notice,
    /// A CloudEvent in one object.
    Structured,
    /// A CloudEvent whose attributes are headers.
    Binary,
    /// Vault's own.
    Vaults,
}

/// The sample in one of the forms.
pub(in crate::cli) fn sample(
    arguments: &SendArguments,
    form: Form,
    id: &EventId,
    occurred_at: Timestamp,
) -> Result<Sample, SendError> {
    let told = arguments.secret_path.as_deref().zip(arguments.secret_version);
    let (path, version) = told.ok_or(SendError::SecretContent)?;
    let (id, time) = (id.as_str(), occurred_at.to_string());
    let written = json!({ "path": path, "version": version });
    Ok(match form {
        Form::Notice => {
            let notice = json!({ "id": id, "path": path, "version": version, "occurred_at": time });
            Sample::new(PLAIN, notice.to_string())
        }
        Form::Structured => Sample::new(STRUCTURED, structured(id, &time, &written).to_string()),
        Form::Binary => {
            let headers = binary(id, time);
            Sample { content_type: PLAIN, headers, body: written.to_string() }
        }
        Form::Vaults => Sample::new(STRUCTURED, vaults_own(id, &time, path, version).to_string()),
    })
}

fn structured(id: &str, time: &str, data: &Value) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": SOURCE, "type": WRITE, "time": time,
        "datacontenttype": PLAIN, "data": data,
    })
}

/// As Vault writes its own events: the type is a star, and numbers are texts.
fn vaults_own(id: &str, time: &str, path: &str, version: u64) -> Value {
    let mount = locate(path, None, None).map(|location| format!("{}/", location.mount));
    json!({
        "id": id, "source": SOURCE, "specversion": "1.0", "type": "*", "time": time,
        "datacontenttype": "application/cloudevents",
        "data": {
            "event_type": WRITE,
            "plugin_info": { "mount_class": "secret", "mount_path": mount, "plugin": "kv", "version": "2" },
            "event": {
                "id": id,
                "metadata": {
                    "current_version": version.to_string(), "data_path": path, "path": path,
                    "modified": "true", "oldest_version": "0", "operation": "data-write",
                },
            },
        },
    })
}

/// The attributes of the binary form.
fn binary(id: &str, time: String) -> Vec<(&'static str, String)> {
    vec![
        (BINARY, "1.0".to_owned()),
        ("ce-id", id.to_owned()),
        ("ce-source", SOURCE.to_owned()),
        ("ce-type", WRITE.to_owned()),
        ("ce-time", time),
    ]
}
