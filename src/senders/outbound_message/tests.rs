//! What Salesforce sends, as its documentation and captured messages show it.

use std::sync::Arc;
use std::time::Duration;

use super::{ACK, NACK, fault};
use super::{Doubt, InvalidMessage, Message, Notified, OutboundMessages, parse, xml};
use crate::domain::event::{ResetKind, Subject, UserKey};
use crate::domain::ids::{OrganizationId, SourceName, UserId, Username};
use crate::domain::outbound_object::OutboundObject;
use crate::domain::outbound_object::{ApiName, KindField};

const NOW: &str = "2026-03-02T09:15:04Z";
const WINDOW: Duration = Duration::from_mins(5);

fn name(text: &str) -> ApiName {
    ApiName::parse(text).unwrap()
}

fn user() -> OutboundObject {
    OutboundObject {
        object: name("User"),
        user_id: Some(name("Id")),
        username: Some(name("Username")),
        occurred_at: name("LastPasswordChangeDate"),
        kind: None,
        kind_otherwise: Some(ResetKind::PasswordReset),
    }
}

fn reset_event() -> OutboundObject {
    OutboundObject {
        object: name("Credential_Reset_Event__c"),
        user_id: Some(name("Target_User__c")),
        username: None,
        occurred_at: name("CreatedDate"),
        kind: Some(KindField {
            field: name("Kind__c"),
            password_reset: vec!["PASSWORD".to_owned()],
            token_reset: vec!["SECURITY_TOKEN".to_owned()],
        }),
        kind_otherwise: None,
    }
}

fn enveloped(notifications: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>00D5e000001AbCdEAK</OrganizationId>
   <ActionId>04k5e000000Gm1XAAS</ActionId>
   <SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://example-org.my.salesforce.com/services/Soap/c/64.0/00D5e000001AbCd</EnterpriseUrl>
   <PartnerUrl>https://example-org.my.salesforce.com/services/Soap/u/64.0/00D5e000001AbCd</PartnerUrl>
   {notifications}
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>
"#
    )
}

fn notification(fields: &str) -> String {
    format!(
        r#"<Notification><Id>04l5e00000TqWz1AAF</Id>
        <sObject xsi:type="sf:User" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">{fields}</sObject>
        </Notification>"#
    )
}

const FIELDS: &str = "<sf:Id>0055e000002KjHgAAK</sf:Id><sf:LastName>Sync &amp; Gator</sf:LastName>\
    <sf:LastPasswordChangeDate>2026-03-02T09:15:02.000Z</sf:LastPasswordChangeDate>\
    <sf:Username>Gator.Sync@example.com.invalid</sf:Username>";

fn read(object: &OutboundObject, body: &str) -> Result<Message, InvalidMessage> {
    let source = SourceName::parse("salesforce").unwrap();
    parse(&source, object, body.as_bytes(), NOW.parse().unwrap(), WINDOW)
}

fn one(fields: &str) -> Notified {
    let mut message = read(&user(), &enveloped(&notification(fields))).unwrap();
    assert_eq!(message.notified.len(), 1);
    message.notified.remove(0)
}

fn refused(body: &str) -> InvalidMessage {
    read(&user(), body).unwrap_err()
}

#[test]
fn a_user_is_read_with_both_keys_and_the_time_of_the_change() {
    let Notified { event, doubt } = one(FIELDS);
    assert_eq!(doubt, None);
    assert_eq!(event.id.as_str(), "04l5e00000TqWz1AAF");
    assert_eq!(event.kind, ResetKind::PasswordReset);
    assert_eq!(event.occurred_at, "2026-03-02T09:15:02Z".parse().unwrap());
    let username = Username::parse("gator.sync@example.com.invalid").unwrap();
    let user = UserKey::Both(username, UserId::parse("0055e000002KjHgAAK").unwrap());
    let organization = OrganizationId::parse("00D5e000001AbCd").unwrap();
    assert_eq!(event.subject, Subject::Login { organization, user });
}

#[test]
fn a_batch_of_a_custom_object_is_one_event_each_whatever_its_prefixes() {
    let body = enveloped(
        r#"<Notification><Id>04l5e00000TqWz1AAF</Id>
        <sObject xmlns:q="urn:sobject.enterprise.soap.sforce.com" xsi:type="q:Credential_Reset_Event__c">
         <q:Id>a015e00000ZyXwVAAV</q:Id><q:CreatedDate>2026-03-02T09:15:04.000Z</q:CreatedDate>
         <q:Kind__c>PASSWORD</q:Kind__c><q:Target_User__c>0055e000002KjHgAAK</q:Target_User__c>
         <q:Note__c>by &lt;ops@example.com&gt; &#8211; rotation</q:Note__c></sObject></Notification>
        <n:Notification xmlns:n="http://soap.sforce.com/2005/09/outbound"><n:Id>04l5e00000TqWz2AAF</n:Id>
        <n:sObject><Id xmlns="urn:sobject.enterprise.soap.sforce.com">a015e00000ZyXwWAAW</Id>
         <Kind__c xmlns="urn:sobject.enterprise.soap.sforce.com">SECURITY_TOKEN</Kind__c>
         <CreatedDate xmlns="urn:sobject.enterprise.soap.sforce.com">2026-03-02T09:15:05.000Z</CreatedDate>
         <Target_User__c xmlns="urn:sobject.enterprise.soap.sforce.com">0055e000002KjHg</Target_User__c>
        </n:sObject></n:Notification>"#,
    )
    .replace("<SessionId xsi:nil=\"true\"/>", "<SessionId>CANARY</SessionId>");
    let message = read(&reset_event(), &body).unwrap();
    assert!(!format!("{message:?}").contains("CANARY"));
    let kinds: Vec<ResetKind> = message.notified.iter().map(|one| one.event.kind).collect();
    assert_eq!(kinds, [ResetKind::PasswordReset, ResetKind::TokenReset]);
    assert!(message.notified.iter().all(|one| one.doubt.is_none()), "{message:?}");
    assert_eq!(message.notified[0].event.subject, message.notified[1].event.subject);
}

#[test]
fn a_field_that_is_left_out_nil_or_empty_is_not_there() {
    let only_name = [
        FIELDS.replace("<sf:Id>0055e000002KjHgAAK</sf:Id>", ""),
        FIELDS.replace("0055e000002KjHgAAK", ""),
        FIELDS.replace("<sf:Id>", "<sf:Id xsi:nil='true'>"),
        FIELDS.replace("0055e000002KjHgAAK", "not an id"),
    ];
    for fields in only_name {
        let Notified { event, doubt } = one(&fields);
        assert_eq!(doubt, None, "{fields}");
        let user = UserKey::Name(Username::parse("gator.sync@example.com.invalid").unwrap());
        let organization = OrganizationId::parse("00D5e000001AbCd").unwrap();
        assert_eq!(event.subject, Subject::Login { organization, user }, "{fields}");
    }
}

#[test]
fn what_says_nothing_is_about_nobody_and_still_an_event() {
    let time = "<sf:LastPasswordChangeDate>2026-03-02T09:15:02.000Z</sf:LastPasswordChangeDate>";
    let cases = [
        (enveloped(&notification("")), Doubt::NoRecord),
        (enveloped(&notification("<sf:Id>0055e000002KjHgAAK</sf:Id>")), Doubt::NoRecord),
        (enveloped("<Notification><Id>04l5e00000TqWz1AAF</Id></Notification>"), Doubt::NoRecord),
        (
            enveloped(&notification(FIELDS).replace("<sObject ", "<sObject xsi:nil='1' ")),
            Doubt::NoRecord,
        ),
        (enveloped(&notification(FIELDS).replace("sf:User", "sf:Contact")), Doubt::OtherObject),
        (enveloped(&notification(time)), Doubt::NoUser),
        // Names that are not Salesforce's own are not the record's fields.
        (
            enveloped(&notification(
                &FIELDS.replace("sf:Username", "Username").replace("sf:Id", "Id"),
            )),
            Doubt::NoUser,
        ),
    ];
    for (body, expected) in cases {
        let message = read(&user(), &body).unwrap();
        let [Notified { event, doubt }] = &message.notified[..] else { panic!("one") };
        assert_eq!(*doubt, Some(expected), "{body}");
        assert!(matches!(event.subject, Subject::Nobody { .. }), "{body}");
        assert_eq!(event.id.as_str(), "04l5e00000TqWz1AAF");
    }
    let unknown_kind = notification(
        "<sf:Target_User__c>0055e000002KjHg</sf:Target_User__c><sf:Kind__c>OTHER</sf:Kind__c>",
    );
    let body = enveloped(&unknown_kind.replace("sf:User", "sf:Credential_Reset_Event__c"));
    assert_eq!(read(&reset_event(), &body).unwrap().notified[0].doubt, Some(Doubt::NoKind));
}

#[test]
fn a_time_that_cannot_be_is_the_time_of_receipt() {
    for (text, doubt) in [
        ("2026-03-02T09:20:04.000Z", None),
        ("2026-03-02T09:20:05.000Z", Some(Doubt::Future)),
        ("yesterday", Some(Doubt::NoTime)),
        ("", Some(Doubt::NoTime)),
    ] {
        let notified = one(&FIELDS.replace("2026-03-02T09:15:02.000Z", text));
        assert_eq!(notified.doubt, doubt, "{text}");
        assert!(matches!(notified.event.subject, Subject::Login { .. }));
        let expected = if doubt.is_some() { NOW } else { text };
        assert_eq!(notified.event.occurred_at, expected.parse().unwrap(), "{text}");
    }
}

#[test]
fn what_is_no_message_is_refused() {
    let good = enveloped(&notification(FIELDS));
    let twice = |element: &str| good.replace(element, &format!("{element}{element}"));
    let id = "<Id>04l5e00000TqWz1AAF</Id>";
    let organization = "<OrganizationId>00D5e000001AbCdEAK</OrganizationId>";
    assert!(read(&user(), &good).is_ok());
    let cases = [
        (
            good.replace("schemas.xmlsoap.org/soap/envelope", "www.w3.org/2003/05/soap-envelope"),
            InvalidMessage::Envelope,
        ),
        (
            good.replace("<notifications ", "<other ").replace("</notifications>", "</other>"),
            InvalidMessage::Envelope,
        ),
        (good.replace("2005/09/outbound", "2006/09/outbound"), InvalidMessage::Envelope),
        (good.replace("</notifications>", "</notifications><more/>"), InvalidMessage::Envelope),
        (good.replace(organization, ""), InvalidMessage::Once("OrganizationId")),
        (twice(organization), InvalidMessage::Once("OrganizationId")),
        (good.replace(id, ""), InvalidMessage::Once("Id")),
        (twice(id), InvalidMessage::Once("Id")),
        (good.replace("04l5e00000TqWz1AAF", "04l 5e0000 0TqWz1"), InvalidMessage::NotificationId),
        (good.replace("04l5e00000TqWz1AAF", ""), InvalidMessage::NotificationId),
        (enveloped(""), InvalidMessage::Notifications(0)),
        (twice("<sf:LastName>Sync &amp; Gator</sf:LastName>"), InvalidMessage::Field),
        (good.replace("</sObject>", "</sObject><sObject/>"), InvalidMessage::Once("sObject")),
    ];
    for (body, expected) in cases {
        assert_eq!(refused(&body), expected, "{body}");
    }
    let wrong = refused(&good.replace("00D5e000001AbCdEAK", "00D5e"));
    assert!(matches!(wrong, InvalidMessage::Organization(_)), "{wrong}");
    assert!(matches!(refused("{}"), InvalidMessage::Xml(_)));
}

#[test]
fn a_hundred_notifications_are_read_and_one_more_is_not() {
    let many = |count: usize| -> String {
        (0..count)
            .map(|n| notification(FIELDS).replace("TqWz1AAF", &format!("Tq{n:04}AA")))
            .collect()
    };
    let message = read(&user(), &enveloped(&many(100))).unwrap();
    let ids: std::collections::BTreeSet<_> =
        message.notified.iter().map(|one| one.event.id.clone()).collect();
    assert_eq!(ids.len(), 100);
    assert_eq!(refused(&enveloped(&many(101))), InvalidMessage::Notifications(101));
}

#[test]
fn only_configured_organisations_are_spoken_for() {
    let id = |text| OrganizationId::parse(text).unwrap();
    let messages = |organizations| OutboundMessages { object: Arc::new(user()), organizations };
    let one = messages(vec![id("00D5e000001AbCdEAK")]);
    assert!(one.may_speak_for(&id("00D5e000001AbCd")));
    assert!(!one.may_speak_for(&id("00D5e000001AbCD")), "case tells them apart");
    assert!(!messages(Vec::new()).may_speak_for(&id("00D5e000001AbCd")));
}

#[test]
fn the_answers_are_what_the_description_of_the_format_has() {
    for (body, ack) in [(ACK, "true"), (NACK, "false")] {
        let root = xml::read(body.as_bytes()).unwrap();
        let response = &root.children[0].children[0];
        assert!(
            root.is(xml::Space::Soap, "Envelope") && root.children[0].is(xml::Space::Soap, "Body")
        );
        assert!(response.is(xml::Space::Outbound, "notificationsResponse"));
        let [child] = &response.children[..] else { panic!("Ack and nothing else") };
        assert!(child.is(xml::Space::Outbound, "Ack"));
        assert_eq!(child.text, ack);
    }
    let root = xml::read(fault("a < b & c").as_bytes()).unwrap();
    let fault = &root.children[0].children[0];
    assert!(fault.is(xml::Space::Soap, "Fault"));
    let texts: Vec<(&str, &str)> =
        fault.children.iter().map(|c| (c.name.as_str(), c.text.as_str())).collect();
    let expected = [("faultcode", "soapenv:Client"), ("faultstring", "a < b & c"), ("detail", "")];
    assert_eq!(texts, expected);
}
