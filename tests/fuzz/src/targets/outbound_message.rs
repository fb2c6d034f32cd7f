//! The envelope of Salesforce's outbound messages.

use std::sync::LazyLock;

use reset_receiver::domain::event::Subject;
use reset_receiver::domain::outbound_object::{ApiName, KindField, OutboundObject};
use reset_receiver::senders::outbound_message::{
    Doubt, InvalidMessage, MAX_NOTIFICATIONS, Message, parse,
};

use super::notice::within_limits;
use super::request::{WINDOW, name, now};

static OBJECT: LazyLock<OutboundObject> = LazyLock::new(|| {
    let name = |text| ApiName::parse(text).expect("it is a name");
    OutboundObject {
        object: name("Credential_Reset_Event__c"),
        user_id: Some(name("Target_User__c")),
        username: Some(name("Target_Username__c")),
        occurred_at: name("Occurred_At__c"),
        kind: Some(KindField {
            field: name("Kind__c"),
            password_reset: vec!["PASSWORD".to_owned()],
            token_reset: vec!["SECURITY_TOKEN".to_owned()],
        }),
        kind_otherwise: None,
    }
});

fn read_one(bytes: &[u8]) -> Result<Message, InvalidMessage> {
    parse(&name(), &OBJECT, bytes, now(), WINDOW)
}

/// What is a message has one event for each of its notifications, within its limits, and says the
/// same with a comment after it and when it is read again.
pub(crate) fn read(bytes: &[u8]) {
    let Ok(message) = read_one(bytes) else { return };
    assert!((1..=MAX_NOTIFICATIONS).contains(&message.notified.len()));
    for one in &message.notified {
        within_limits(&one.event);
        let id = one.event.id.as_str();
        assert!(matches!(id.len(), 15 | 18) && id.bytes().all(|b| b.is_ascii_alphanumeric()));
        let is_nobody = matches!(one.event.subject, Subject::Nobody { .. });
        let is_in_doubt = !matches!(one.doubt, None | Some(Doubt::NoTime | Doubt::Future));
        assert_eq!(is_nobody, is_in_doubt, "{one:?}");
    }
    let commented = [bytes, b"\n<!-- x -->"].concat();
    assert_eq!(read_one(&commented).as_ref(), Ok(&message));
    let typed = [b"<!DOCTYPE x>", bytes].concat();
    assert!(read_one(&typed).is_err(), "a document type is never read");
    let twice = [bytes, bytes].concat();
    assert!(read_one(&twice).is_err(), "there is one root");
}
