//! The Vault event, in each of its forms.

use reset_receiver::domain::event::{ResetKind, Subject};
use reset_receiver::senders::delivery::Proof;
use reset_receiver::senders::json as strict;
use reset_receiver::senders::vault_event::{Reading, VaultEvent};

use super::notice::{is_printable, within_limits};
use super::request::{Request, WINDOW, name, now};

/// What tells of a write names a secret, stays within the limits, and reads the same again.
pub(crate) fn read(bytes: &[u8]) {
    let request = Request::read(bytes);
    let (source, proof) = (name(), Proof::default());
    let reading = Reading {
        source: &source,
        proof: &proof,
        headers: &request,
        body: &request.body,
        now: now(),
        window: WINDOW,
    };
    let Ok(told) = reading.read() else { return };
    assert!(strict::read(&request.body).is_ok(), "nothing in it stands twice");
    assert_eq!(reading.read().expect("it was read before"), told);
    let VaultEvent::Written(event) = told else { return };
    within_limits(&event);
    assert_eq!(event.kind, ResetKind::SecretWritten);
    let Subject::Secret { location, .. } = &event.subject else { panic!("it is about a secret") };
    for part in [&location.mount, &location.path] {
        is_printable(part, request.body.len());
        assert!(!part.starts_with('/') && !part.ends_with('/'), "{part:?}");
    }
}
