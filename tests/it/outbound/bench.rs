//! A running public listener with sources of outbound messages, and a Salesforce that talks to it.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
};
use reqwest::header::HeaderMap;
use reqwest::{Client, Identity};
use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::ids::{OrganizationId, SourceName};
use reset_receiver::domain::outbound_object::{ApiName, KindField, OutboundObject};
use reset_receiver::domain::pin::Pin;
use reset_receiver::hooks::limits::Limits;
use reset_receiver::senders::client_certificate::ClientCertificate;
use reset_receiver::senders::mtls::{Authority, Mtls, Trust};
use reset_receiver::senders::outbound_message::OutboundMessages;
use reset_receiver::senders::path_secret::PathSecret;
use reset_receiver::senders::source::{Authentication, Format, Rate, Source};
use reset_receiver::senders::standard_webhooks::DEFAULT_WINDOW;
use rusqlite::{Connection, Row};
use rustls::pki_types::{CertificateDer, DnsName};
use serde_json::Value;

use crate::support::contract::Contract;
use crate::support::public_listener::PublicListener;

pub(crate) const SECRET: &str = "path-secret-CANARY-path-secret";
pub(crate) const NEXT_SECRET: &str = "another-secret-another-secret";
/// The name in the certificate that the authority issued.
pub(crate) const NAME: &str = "salesforce.acme.example";

/// A key and a certificate, as a sender has them.
pub(crate) struct Shown {
    pub(crate) pem: String,
    pub(crate) key_pem: String,
    pub(crate) der: CertificateDer<'static>,
}

impl Shown {
    pub(crate) fn pins(&self) -> [Pin; 2] {
        let read = ClientCertificate::read(vec![self.der.clone()]).unwrap();
        [read.certificate_pin, read.public_key_pin]
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity::from_pem(format!("{}{}", self.key_pem, self.pem).as_bytes()).unwrap()
    }
}

fn parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

fn self_signed(parameters: &CertificateParams, key: &KeyPair) -> Shown {
    let made = parameters.self_signed(key).unwrap();
    Shown { pem: made.pem(), key_pem: key.serialize_pem(), der: made.der().clone() }
}

/// As Salesforce makes one: self-signed, for servers only, and marked as an authority.
pub(crate) fn of_salesforce(name: &str) -> Shown {
    of_salesforce_with(name, &KeyPair::generate().unwrap())
}

pub(crate) fn of_salesforce_with(name: &str, key: &KeyPair) -> Shown {
    let mut made = parameters(name);
    made.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    made.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    self_signed(&made, key)
}

/// One whose time lies around another year than the tests'.
pub(crate) fn of_years(name: &str, from: i32, to: i32) -> Shown {
    let mut made = parameters(name);
    made.not_before = rcgen::date_time_ymd(from, 1, 1);
    made.not_after = rcgen::date_time_ymd(to, 1, 1);
    self_signed(&made, &KeyPair::generate().unwrap())
}

/// An authority that issues certificates.
pub(crate) struct Issuing {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Issuing {
    pub(crate) fn new() -> Self {
        let mut made = parameters("an authority");
        made.subject_alt_names.clear();
        made.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = made.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(made, key) }
    }

    pub(crate) fn issue(&self, name: &str) -> Shown {
        self.issue_until(name, 2040)
    }

    pub(crate) fn issue_until(&self, name: &str, year: i32) -> Shown {
        let mut made = parameters(name);
        made.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        made.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let issued = made.signed_by(&key, &self.issuer).unwrap();
        Shown { pem: issued.pem(), key_pem: key.serialize_pem(), der: issued.der().clone() }
    }
}

pub(crate) fn pinned(pins: &[Pin], secrets: &[&str]) -> Authentication {
    Authentication::Mtls(Mtls::new(Trust::Pins(pins.to_vec()), secrets_of(secrets)))
}

pub(crate) fn issued(authority: &Issuing, name: &str) -> Authentication {
    let name = DnsName::try_from(name.to_owned()).unwrap();
    let authority = Authority::read(authority.pem.as_bytes(), name).unwrap();
    Authentication::Mtls(Mtls::new(Trust::Authority(authority), Vec::new()))
}

pub(crate) fn in_path(secrets: &[&str]) -> Authentication {
    Authentication::PathSecret(secrets_of(secrets))
}

fn secrets_of(secrets: &[&str]) -> Vec<PathSecret> {
    secrets.iter().map(|secret| PathSecret::parse(secret).unwrap()).collect()
}

pub(crate) fn name(text: &str) -> ApiName {
    ApiName::parse(text).unwrap()
}

/// The object of the package in `deploy/salesforce`.
pub(crate) fn reset_event() -> OutboundObject {
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
}

/// Users themselves.
pub(crate) fn user() -> OutboundObject {
    OutboundObject {
        object: name("User"),
        user_id: Some(name("Id")),
        username: Some(name("Username")),
        occurred_at: name("LastPasswordChangeDate"),
        kind: None,
        kind_otherwise: Some(ResetKind::PasswordReset),
    }
}

/// A source of outbound messages for the organisation of the target `acme`.
pub(crate) fn source(
    name: &str,
    object: OutboundObject,
    authentications: Vec<Authentication>,
) -> Source {
    let organizations = vec![OrganizationId::parse("00D5e000001AbCdEAK").unwrap()];
    Source {
        name: SourceName::parse(name).unwrap(),
        format: Format::OutboundMessage(OutboundMessages {
            object: Arc::new(object),
            organizations,
        }),
        authentications,
        targets: None,
        rate: Rate { burst: NonZeroU32::new(1_000_000).unwrap(), per_minute: NonZeroU32::MIN },
        future: DEFAULT_WINDOW,
    }
}

/// The listener with the one source `salesforce`, of reset events.
pub(crate) async fn listener(authentications: Vec<Authentication>) -> PublicListener {
    let sources = vec![source("salesforce", reset_event(), authentications)];
    PublicListener::of(sources, Limits::default()).await
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// What Salesforce takes the answer for.
    pub(crate) fn ack(&self) -> Option<bool> {
        let is = |ack: &str| self.status == 200 && self.body.contains(&format!("<Ack>{ack}</Ack>"));
        [("true", true), ("false", false)].into_iter().find_map(|(t, ack)| is(t).then_some(ack))
    }
}

/// Salesforce: it shows one certificate or none.
pub(crate) struct Salesforce {
    client: Client,
    base: String,
    contract: Contract,
}

impl Salesforce {
    pub(crate) fn showing(receiver: &PublicListener, shown: Option<&Shown>) -> Self {
        let root = reqwest::Certificate::from_der(&receiver.certificate.der).unwrap();
        let mut client = Client::builder()
            .tls_certs_only([root])
            .resolve("localhost", receiver.address)
            .timeout(Duration::from_secs(30));
        if let Some(shown) = shown {
            client = client.identity(shown.identity());
        }
        let base = format!("https://localhost:{}", receiver.address.port());
        Self { client: client.build().unwrap(), base, contract: Contract::read() }
    }

    /// Posts a message to the source `salesforce`, with this secret or none in the address.
    pub(crate) async fn post(&self, secret: Option<&str>, body: impl Into<Vec<u8>>) -> Answer {
        self.post_as(secret, body, "text/xml; charset=UTF-8").await
    }

    pub(crate) async fn post_as(
        &self,
        secret: Option<&str>,
        body: impl Into<Vec<u8>>,
        content_type: &str,
    ) -> Answer {
        let route = "/v1/outbound-messages/salesforce";
        let url = match secret {
            Some(secret) => format!("{}{route}/{secret}", self.base),
            None => format!("{}{route}", self.base),
        };
        let request = self.client.post(url).header("soapaction", "\"\"");
        let request = request.header("content-type", content_type).body(body.into());
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, body: response.text().await.unwrap() };
        self.hold_against_the_contract(secret, &answer);
        answer
    }

    fn hold_against_the_contract(&self, secret: Option<&str>, answer: &Answer) {
        let path = match secret {
            Some(_) => "/v1/outbound-messages/{source}/{secret}",
            None => "/v1/outbound-messages/{source}",
        };
        let kind = answer.headers["content-type"].to_str().unwrap();
        let body = serde_json::from_str(&answer.body);
        let body = body.unwrap_or_else(|_| Value::String(answer.body.clone()));
        let kept = self.contract.check(path, "post", answer.status, kind, &body);
        kept.unwrap_or_else(|breach| panic!("{} to {path}: {breach}", answer.status));
    }
}

/// An envelope around notifications.
pub(crate) fn envelope(notifications: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>00D5e000001AbCdEAK</OrganizationId>
   <ActionId>04k5e000000Gm1XAAS</ActionId><SessionId xsi:nil="true"/>
   <EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/64.0/00D5e000001AbCd</EnterpriseUrl>
   <PartnerUrl>https://acme.my.salesforce.com/services/Soap/u/64.0/00D5e000001AbCd</PartnerUrl>
   {notifications}</notifications></soapenv:Body>
</soapenv:Envelope>"#
    )
}

/// The id of the notification with this number.
pub(crate) fn id(number: usize) -> String {
    format!("04l5e0000{number:06}AAA")
}

/// A notification about a record with these fields.
pub(crate) fn notification(number: usize, fields: &str) -> String {
    format!(
        r#"<Notification><Id>{}</Id><sObject xsi:type="sf:Credential_Reset_Event__c"
        xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>a015e00000ZyXwVAAV</sf:Id>{fields}
        </sObject></Notification>"#,
        id(number)
    )
}

/// The fields of a record about the login of the target `acme`.
pub(crate) const FIELDS: &str = "<sf:Kind__c>PASSWORD</sf:Kind__c>\
    <sf:Occurred_At__c>2026-03-02T09:15:00.000Z</sf:Occurred_At__c>\
    <sf:Target_User__c>0055e000002KjHgAAK</sf:Target_User__c>\
    <sf:Target_Username__c>gator.sync@example.com</sf:Target_Username__c>";

/// A good message with one notification.
pub(crate) fn message() -> String {
    envelope(&notification(1, FIELDS))
}

/// A good message with so many notifications.
pub(crate) fn batch(count: usize) -> String {
    envelope(&(1..=count).map(|number| notification(number, FIELDS)).collect::<String>())
}

/// An event in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) is_matched: bool,
}

/// Every event in the journal, by its id.
pub(crate) fn kept(receiver: &PublicListener) -> Vec<Kept> {
    let connection = Connection::open(receiver.database()).unwrap();
    let query = "SELECT id, kind, rotation IS NOT NULL AS matched FROM event ORDER BY id";
    let read = |row: &Row<'_>| {
        Ok(Kept { id: row.get("id")?, kind: row.get("kind")?, is_matched: row.get("matched")? })
    };
    let mut statement = connection.prepare(query).unwrap();
    let kept = statement.query_map([], read).unwrap();
    kept.collect::<Result<_, _>>().unwrap()
}
