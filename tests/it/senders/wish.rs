//! What a delivery is to be, and the bodies that say it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::who::VaultForm;
use crate::emails::post::{Post, token_mail};
use crate::outbound::bench;
use crate::support::public_listener::NOW;

/// What one delivery is to be.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// What tells its event from another one.
    pub(super) id: String,
    /// Under which key: 0 the current one, 1 the one before it, 2 a stranger's.
    pub(super) key: usize,
    /// How long ago it was proven, in seconds.
    pub(super) age: i64,
    /// Whether it is about the organisation of the target.
    pub(super) is_ours: bool,
    /// How many bytes it has at least.
    pub(super) size: usize,
    /// How many notifications it has.
    pub(super) count: usize,
}

impl Wish {
    pub(super) fn good(id: &str) -> Self {
        let id = id.to_owned();
        Self { id, key: 0, age: 0, is_ours: true, size: 0, count: 1 }
    }

    fn organization(&self) -> &'static str {
        if self.is_ours { "00D5e000001AbCdEAK" } else { "00D000000000001AAA" }
    }

    pub(super) fn sent_at(&self) -> Timestamp {
        let now: Timestamp = NOW.parse().unwrap();
        Timestamp::from_second(now.as_second() - self.age).unwrap()
    }
}

pub(super) fn notice(wish: &Wish) -> Vec<u8> {
    let notice: Value = json!({
        "id": wish.id,
        "type": "password_reset",
        "occurred_at": wish.sent_at().to_string(),
        "organization_id": wish.organization(),
        "username": "gator.sync@example.com",
    });
    padded(notice.to_string(), wish.size, " ", "", "")
}

pub(super) fn vault_event(form: VaultForm, wish: &Wish) -> Vec<u8> {
    let path = if wish.is_ours { "secret/data/acme" } else { "secret/data/others" };
    // Another event tells of another version.
    let version = wish.id.bytes().map(u64::from).sum::<u64>();
    let told = json!({"path": path, "version": version});
    let kind = "kv-v2/data-write";
    let event = match form {
        VaultForm::Minimal | VaultForm::Binary => told,
        VaultForm::Structured => json!({
            "specversion": "1.0", "id": wish.id, "source": "//vault.example", "type": kind,
            "data": told,
        }),
        VaultForm::Own => json!({
            "specversion": "1.0", "id": wish.id, "source": "vault://lab", "type": "*",
            "datacontentype": "application/cloudevents", "time": wish.sent_at().to_string(),
            "data": {
                "event": {"id": wish.id, "metadata": {
                    "current_version": version.to_string(), "data_path": path,
                    "modified": "true", "operation": "data-write", "path": path,
                }},
                "event_type": kind,
                "plugin_info": {"mount_class": "secret", "mount_path": "secret/", "plugin": "kv"},
            },
        }),
    };
    padded(event.to_string(), wish.size, " ", "", "")
}

pub(super) fn message(wish: &Wish) -> Vec<u8> {
    let notifications = (0..wish.count).map(|number| {
        // Eighteen letters and digits, as Salesforce has them.
        let id = format!("04l{:0>15}", hex::encode(format!("{}{number}", wish.id)));
        let id: String = id.chars().rev().take(18).collect();
        bench::notification(0, bench::FIELDS).replace(&bench::id(0), &id)
    });
    let envelope = bench::envelope(&notifications.collect::<String>());
    let envelope = envelope.replace("00D5e000001AbCdEAK", wish.organization());
    padded(envelope, wish.size, "x", "<!--", "-->")
}

pub(super) fn mail(wish: &Wish) -> Post {
    Post { key: wish.key, sent: -wish.age, size: wish.size, ..token_mail(&wish.id) }
}

/// Lengthens a text to so many bytes.
fn padded(mut text: String, size: usize, filling: &str, before: &str, after: &str) -> Vec<u8> {
    let missing = size.saturating_sub(text.len() + before.len() + after.len());
    if missing > 0 {
        text.push_str(before);
        text.push_str(&filling.repeat(missing));
        text.push_str(after);
    }
    text.into_bytes()
}
