//! What is read of a message, what it is answered, and what the journal holds then.

use std::collections::BTreeSet;

use proptest::prelude::{Strategy, any, prop, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use reset_receiver::ports::meter::DeliveryOutcome;
use reset_receiver::senders::outbound_message::{ACK, NACK};

use super::bench::{
    FIELDS, Kept, SECRET, Salesforce, batch, envelope, id, in_path, kept, listener, message,
    notification,
};

const MEBIBYTE: usize = 1024 * 1024;

/// A comment that makes a message exactly so long.
fn padded(length: usize) -> String {
    let message = message();
    let frame = "<!---->".len();
    format!("{message}<!--{}-->", "x".repeat(length - message.len() - frame))
}

#[tokio::test]
async fn a_message_is_acknowledged_once_and_again_and_begins_one_rotation() {
    let receiver = listener(vec![in_path(&[SECRET])]).await;
    let salesforce = Salesforce::showing(&receiver, None);
    for outcome in [DeliveryOutcome::Accepted, DeliveryOutcome::Duplicate] {
        let answer = salesforce.post(Some(SECRET), message()).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ACK));
        assert_eq!(answer.headers["content-type"], "text/xml; charset=utf-8");
        assert_eq!(receiver.counted(), [("salesforce".to_owned(), outcome)]);
    }
    let expected = Kept { id: id(1), kind: "password_reset".to_owned(), is_matched: true };
    assert_eq!(kept(&receiver), [expected]);
    assert_eq!(receiver.rotations().await.len(), 1);
}

#[tokio::test]
async fn every_form_of_a_good_message_is_taken() {
    let receiver = listener(vec![in_path(&[SECRET])]).await;
    let salesforce = Salesforce::showing(&receiver, None);
    let xml = "text/xml; charset=UTF-8";
    let cases = [
        ("application/xml", message(), "application/xml"),
        ("no charset", message(), "text/xml"),
        ("a byte order mark", format!("\u{feff}{}", message()), xml),
        ("no declaration", message().split_once("?>").unwrap().1.trim().to_owned(), xml),
        (
            "a session",
            message().replace("<SessionId xsi:nil=\"true\"/>", "<SessionId>x</SessionId>"),
            xml,
        ),
        ("the short organisation", message().replace("00D5e000001AbCdEAK", "00D5e000001AbCd"), xml),
        ("exactly one mebibyte", padded(MEBIBYTE), xml),
    ];
    for (what, body, content_type) in cases {
        let answer = salesforce.post_as(Some(SECRET), body, content_type).await;
        assert_eq!(answer.ack(), Some(true), "{what}: {answer:?}");
    }
    assert_eq!(kept(&receiver).len(), 1, "all of them were the same notification");
}

#[tokio::test]
async fn what_matches_nobody_is_acknowledged_and_kept() {
    let receiver = listener(vec![in_path(&[SECRET])]).await;
    let salesforce = Salesforce::showing(&receiver, None);
    let cases = [
        notification(1, &FIELDS.replace("gator.sync@", "somebody.else@")),
        notification(2, ""),
        format!("<Notification><Id>{}</Id></Notification>", id(3)),
        notification(4, &FIELDS.replace("PASSWORD", "COFFEE")),
        notification(5, &FIELDS.replace("<sf:Kind__c>", "<sf:Kind__c xsi:nil=\"true\">")),
        notification(6, FIELDS).replace("sf:Credential_Reset_Event__c", "sf:Contact"),
        notification(7, "<sf:Kind__c>PASSWORD</sf:Kind__c>"),
    ];
    for (n, notification) in cases.iter().enumerate() {
        let answer = salesforce.post(Some(SECRET), envelope(notification)).await;
        assert_eq!(answer.ack(), Some(true), "{n}: {answer:?}");
        assert_eq!(receiver.counted(), [("salesforce".to_owned(), DeliveryOutcome::Unmatched)]);
    }
    let kept = kept(&receiver);
    assert_eq!(kept.len(), cases.len());
    assert!(kept.iter().all(|event| !event.is_matched), "{kept:?}");
    assert!(receiver.rotations().await.is_empty());
}

#[tokio::test]
async fn a_left_out_field_is_made_up_for_by_the_other() {
    let receiver = listener(vec![in_path(&[SECRET])]).await;
    let salesforce = Salesforce::showing(&receiver, None);
    let id_alone =
        FIELDS.replace("<sf:Target_Username__c>gator.sync@example.com</sf:Target_Username__c>", "");
    let name_alone = FIELDS.replace("<sf:Target_User__c>", "<sf:Target_User__c xsi:nil=\"true\">");
    let token = FIELDS.replace("PASSWORD", "SECURITY_TOKEN");
    let notifications = [
        notification(1, &id_alone),
        notification(2, &name_alone),
        notification(3, &token),
        notification(4, ""),
    ];
    let answer = salesforce.post(Some(SECRET), envelope(&notifications.concat())).await;
    assert_eq!(answer.ack(), Some(true));
    let kept = kept(&receiver);
    let told: Vec<(&str, bool)> = kept.iter().map(|e| (e.kind.as_str(), e.is_matched)).collect();
    let (password, token) = ("password_reset", "token_reset");
    assert_eq!(told, [(password, true), (password, true), (token, true), (password, false)]);
    assert_eq!(receiver.rotations().await.len(), 1, "all of one target join one rotation");
}

#[tokio::test]
async fn a_hundred_notifications_are_all_written_down_and_one_more_is_refused() {
    let receiver = listener(vec![in_path(&[SECRET])]).await;
    let salesforce = Salesforce::showing(&receiver, None);
    let answer = salesforce.post(Some(SECRET), batch(101)).await;
    assert_eq!((answer.status, answer.ack()), (400, None));
    assert!(kept(&receiver).is_empty());
    let answer = salesforce.post(Some(SECRET), batch(100)).await;
    assert_eq!(answer.ack(), Some(true));
    let ids: BTreeSet<String> = kept(&receiver).into_iter().map(|event| event.id).collect();
    assert_eq!(ids, (1..=100).map(id).collect());
}

#[tokio::test]
async fn what_is_malformed_gets_a_fault_and_leaves_nothing() {
    let receiver = listener(vec![in_path(&[SECRET])]).await;
    let salesforce = Salesforce::showing(&receiver, None);
    let good = message();
    let declared = |declaration: &str, text: &str| {
        good.replace("?>\n", &format!("?>\n{declaration}")).replace("PASSWORD", text)
    };
    let laughs: String = (1..10)
        .map(|n| {
            ["<!ENTITY l", &n.to_string(), " \"", &format!("&l{};", n - 1).repeat(10), "\">"]
                .concat()
        })
        .collect();
    let latin = good.replace("UTF-8", "ISO-8859-1");
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("JSON", b"{\"id\": 1}".to_vec()),
        ("cut short", good.as_bytes()[..good.len() - 20].to_vec()),
        ("a second root", format!("{good}<more/>").into_bytes()),
        ("something after the root", format!("{good}more").into_bytes()),
        ("a document type", declared("<!DOCTYPE x>", "PASSWORD").into_bytes()),
        (
            "a bomb",
            declared(&format!("<!DOCTYPE x [<!ENTITY l0 \"lol\">{laughs}]>"), "&l9;").into_bytes(),
        ),
        (
            "a file",
            declared("<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>", "&f;")
                .into_bytes(),
        ),
        ("an entity of HTML", good.replace("PASSWORD", "&nbsp;").into_bytes()),
        ("deep", good.replace("PASSWORD", &"<a>".repeat(100_000)).into_bytes()),
        ("another encoding", latin.into_bytes()),
        ("UTF-16", good.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("no notification", envelope("").into_bytes()),
        ("no organisation", good.replace("OrganizationId", "Organisation").into_bytes()),
        (
            "SOAP 1.2",
            good.replace("schemas.xmlsoap.org/soap/envelope/", "www.w3.org/2003/05/soap-envelope")
                .into_bytes(),
        ),
    ];
    for (what, body) in cases {
        let answer = salesforce.post(Some(SECRET), body).await;
        assert_eq!((answer.status, answer.ack()), (400, None), "{what}: {}", answer.body);
        assert_eq!(answer.headers["content-type"], "text/xml; charset=utf-8", "{what}");
        assert!(answer.body.contains("<faultcode>soapenv:Client</faultcode>"), "{what}");
        assert_eq!(receiver.counted(), [("salesforce".to_owned(), DeliveryOutcome::Malformed)]);
    }
    assert!(kept(&receiver).is_empty());
}

#[tokio::test]
async fn size_and_type_are_bounded() {
    let receiver = listener(vec![in_path(&[SECRET])]).await;
    let salesforce = Salesforce::showing(&receiver, None);
    assert_eq!(salesforce.post(Some(SECRET), padded(MEBIBYTE + 1)).await.status, 413);
    for kind in
        ["application/json", "text/plain", "text/xml; charset=utf-16", "application/soap+xml"]
    {
        let answer = salesforce.post_as(Some(SECRET), message(), kind).await;
        assert_eq!(answer.status, 415, "{kind}");
    }
    assert!(kept(&receiver).is_empty());
}

#[tokio::test]
async fn another_organisation_is_a_stranger_even_with_the_secret() {
    let receiver = listener(vec![in_path(&[SECRET])]).await;
    let salesforce = Salesforce::showing(&receiver, None);
    let stranger = salesforce.post(Some("a-wrong-secret-a-wrong-secret"), message()).await;
    for other in ["00D5e000001AbCDEAK", "00D5e000001AbCe"] {
        let body = message().replace("00D5e000001AbCdEAK", other);
        let answer = salesforce.post(Some(SECRET), body).await;
        assert_eq!((answer.status, answer.ack()), (401, None), "{other}");
        assert_eq!(answer.body, stranger.body, "one wording, whatever was wrong");
    }
    assert!(kept(&receiver).is_empty());
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_acknowledged() {
    let receiver = listener(vec![in_path(&[SECRET])]).await;
    let salesforce = Salesforce::showing(&receiver, None);
    receiver.store.close().await;
    let answer = salesforce.post(Some(SECRET), batch(3)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, NACK));
    assert_eq!(receiver.counted(), [("salesforce".to_owned(), DeliveryOutcome::Unavailable)]);
}

/// Notifications of every kind, good and odd ones, under ids that may repeat: mostly few of them,
/// and now and then as many as one message may have.
fn notifications() -> impl Strategy<Value = Vec<(usize, u8, String)>> {
    let count = prop_oneof![6 => 1_usize..20, 1 => 90_usize..=100];
    let one = (0_usize..200, any::<u8>(), "[ -~é😀]{0,20}");
    count.prop_flat_map(move |count| prop::collection::vec(one.clone(), count))
}

/// The record's fields, each as it is, nil, empty or left out, two bits for each.
fn some_fields(bits: u8) -> String {
    let end = |field: &str| field.find('>').map_or(0, |end| end + 1);
    let fields = FIELDS.split_inclusive("__c>").collect::<Vec<_>>();
    let whole = fields.chunks(2).map(<[&str]>::concat);
    let changed = whole.enumerate().map(|(position, field)| {
        let close = &field[field.rfind("</").unwrap_or(0)..];
        match (bits >> (2 * position)) & 3 {
            0 => field.clone(),
            1 => format!("{} xsi:nil='true'>{close}", &field[..end(&field) - 1]),
            2 => format!("{}{close}", &field[..end(&field)]),
            _ => String::new(),
        }
    });
    changed.collect()
}

#[test]
fn an_accepted_request_leaves_exactly_one_event_for_each_notification() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let receiver = runtime.block_on(listener(vec![in_path(&[SECRET])]));
    let salesforce = Salesforce::showing(&receiver, None);
    let mut expected = BTreeSet::new();
    let mut runner =
        TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let seen = std::cell::RefCell::new(&mut expected);
    let ran = runner.run(&notifications(), |batch| {
        let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        let body: String = batch
            .iter()
            .map(|(number, form, junk)| match junk.len() % 4 {
                0 | 1 => notification(*number, &some_fields(*form)),
                2 => notification(
                    *number,
                    &format!("<sf:Target_User__c>{}</sf:Target_User__c>", text(junk)),
                ),
                _ => {
                    notification(*number, &FIELDS.replace("2026-03-02T09:15:00.000Z", &text(junk)))
                }
            })
            .collect();
        let answer = runtime.block_on(salesforce.post(Some(SECRET), envelope(&body)));
        assert_eq!(answer.ack(), Some(true), "{body}");
        seen.borrow_mut().extend(batch.iter().map(|(number, ..)| id(*number)));
        let events = kept(&receiver);
        let ids: BTreeSet<String> = events.iter().map(|event| event.id.clone()).collect();
        assert_eq!(events.len(), ids.len());
        assert_eq!(ids, **seen.borrow());
        Ok(())
    });
    ran.unwrap();
}
