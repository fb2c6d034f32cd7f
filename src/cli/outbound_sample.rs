//! A sample outbound message, as Salesforce sends it.

use clap::ValueEnum;
use jiff::Timestamp;
use quick_xml::escape::escape;

use crate::cli::send::{SampleKind, SendArguments};
use crate::domain::ids::{OrganizationId, RotationId, UserId, Username};

/// What a sample's content type is.
pub(in crate::cli) const CONTENT_TYPE: &str = "text/xml; charset=UTF-8";

/// The object whose record a sample holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SampleObject {
    /// The object of the package in `deploy/salesforce`.
    #[default]
    #[value(name = "Credential_Reset_Event__c")]
    ResetEvent,
    /// The user whose login was reset.
    #[value(name = "User")]
    User,
}

/// A new id for a notification: 18 letters and digits, as Salesforce has them.
pub(in crate::cli) fn new_id(random: RotationId) -> String {
    let digits = random.0.simple().to_string();
    let tail: String = digits.chars().rev().take(15).collect();
    format!("04l{tail}")
}

/// The envelope with one notification.
pub(in crate::cli) fn envelope(
    arguments: &SendArguments,
    id: &str,
    occurred_at: Timestamp,
) -> String {
    let (object, fields) = match arguments.object {
        SampleObject::ResetEvent => {
            ("Credential_Reset_Event__c", reset_event(arguments, occurred_at))
        }
        SampleObject::User => ("User", user(arguments, occurred_at)),
    };
    let organization = arguments.organization_id.as_ref().map_or("", OrganizationId::as_str);
    let (organization, id) = (escape(organization), escape(id));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>{organization}</OrganizationId>
   <ActionId>04k000000000000AAA</ActionId>
   <SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://sample.example/</EnterpriseUrl>
   <PartnerUrl>https://sample.example/</PartnerUrl>
   <Notification>
    <Id>{id}</Id>
    <sObject xsi:type="sf:{object}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
{fields}    </sObject>
   </Notification>
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>
"#
    )
}

fn reset_event(arguments: &SendArguments, occurred_at: Timestamp) -> String {
    let kind = match arguments.kind {
        SampleKind::Password => "PASSWORD",
        SampleKind::Token => "SECURITY_TOKEN",
    };
    [
        field("Id", Some("a01000000000000AAA")),
        field("Kind__c", Some(kind)),
        field("Occurred_At__c", Some(&occurred_at.to_string())),
        field("Target_User__c", arguments.user_id.as_ref().map(UserId::as_str)),
        field("Target_Username__c", arguments.username.as_ref().map(Username::as_str)),
    ]
    .concat()
}

fn user(arguments: &SendArguments, occurred_at: Timestamp) -> String {
    [
        field("Id", arguments.user_id.as_ref().map(UserId::as_str)),
        field("LastPasswordChangeDate", Some(&occurred_at.to_string())),
        field("Username", arguments.username.as_ref().map(Username::as_str)),
    ]
    .concat()
}

/// One field; one without a value is left out, as Salesforce does.
fn field(name: &str, value: Option<&str>) -> String {
    let element = |value| format!("     <sf:{name}>{}</sf:{name}>\n", escape(value));
    value.map(element).unwrap_or_default()
}
