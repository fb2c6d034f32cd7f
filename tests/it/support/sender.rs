//! A sender of notices: what it says, how it proves it, and what it is answered.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use reset_receiver::senders::keys::SigningKey;
use reset_receiver::senders::standard_webhooks::{self, sign};
use serde_json::{Value, json};

use super::contract::Contract;
use super::public_listener::{KEY, NOW, PublicListener, TOKEN};

/// What a sender is answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The names of the fields that the answer finds wrong.
    pub(crate) fn wrong_fields(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap()).collect()
    }
}

/// A request that can be taken apart before it is sent.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) method: Method,
    pub(crate) source: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// The notice that every test begins with.
pub(crate) fn notice() -> Value {
    json!({
        "id": "event-1",
        "type": "password_reset",
        "occurred_at": "2026-03-02T09:15:00Z",
        "organization_id": "00D5e000001AbCdEAK",
        "username": "gator.sync@example.com",
        "user_id": "0055e000002KjHgAAK",
    })
}

/// The notice with some fields replaced; `null` leaves one out.
pub(crate) fn changed(changes: Value) -> Value {
    let mut notice = notice();
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (field, value) in changes {
        if value.is_null() {
            notice.as_object_mut().unwrap().remove(&field);
        } else {
            notice[field] = value;
        }
    }
    notice
}

impl Delivery {
    /// A notice for the source `apex`, signed with its current key, now.
    pub(crate) fn signed(notice: &Value) -> Self {
        Self::signed_bytes(notice.to_string().into_bytes(), KEY, 0)
    }

    /// Bytes for the source `apex`, signed with a key so many seconds from now.
    pub(crate) fn signed_bytes(body: Vec<u8>, key: &str, seconds: i64) -> Self {
        let now: Timestamp = NOW.parse().unwrap();
        let at = Timestamp::from_second(now.as_second() + seconds).unwrap();
        let signed = sign(&SigningKey::parse(key).unwrap(), "message-1", at, &body).unwrap();
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            (standard_webhooks::ID, signed.id),
            (standard_webhooks::TIMESTAMP, signed.timestamp),
            (standard_webhooks::SIGNATURE, signed.signature),
        ];
        Self { method: Method::POST, source: "apex".to_owned(), headers, body }
    }

    /// A notice for a source, with the token of `flow` and `partner`.
    pub(crate) fn with_token(source: &str, notice: &Value) -> Self {
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("authorization", format!("Bearer {TOKEN}")),
        ];
        let body = notice.to_string().into_bytes();
        Self { method: Method::POST, source: source.to_owned(), headers, body }
    }

    /// The whole request as bytes, with other lines in its head as well.
    pub(crate) fn on_wire(&self, lines: &str) -> Vec<u8> {
        let line = |(name, value): &(&str, String)| [name, ": ", value, "\r\n"].concat();
        let headers: String = self.headers.iter().map(line).collect();
        let (method, source, length) = (&self.method, &self.source, self.body.len());
        let head = format!(
            "{method} /v1/resets/{source} HTTP/1.1\r\nhost: localhost\r\n\
             content-length: {length}\r\n{lines}{headers}\r\n"
        );
        [head.as_bytes(), &self.body].concat()
    }

    pub(crate) fn to(mut self, source: &str) -> Self {
        source.clone_into(&mut self.source);
        self
    }

    pub(crate) fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self
    }

    pub(crate) fn with(mut self, header: &'static str, value: &str) -> Self {
        self = self.without(header);
        self.headers.push((header, value.to_owned()));
        self
    }

    pub(crate) fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn with_method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }
}

/// A sender that trusts one receiver, and holds every answer against `openapi.yaml`.
pub(crate) struct Sender {
    client: Client,
    base: String,
    contract: Contract,
}

impl Sender {
    pub(crate) fn to(receiver: &PublicListener) -> Self {
        let root = reqwest::Certificate::from_der(&receiver.certificate.der).unwrap();
        let client = Client::builder()
            .tls_certs_only([root])
            .resolve("localhost", receiver.address)
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        let base = format!("https://localhost:{}", receiver.address.port());
        Self { client, base, contract: Contract::read() }
    }

    pub(crate) async fn send(&self, delivery: &Delivery) -> Answer {
        let path = format!("/v1/resets/{}", delivery.source);
        let answer = self.request(delivery, &path).await;
        let content_type = answer.header("content-type").unwrap_or_default();
        let status = answer.status.as_u16();
        self.contract
            .check("/v1/resets/{source}", "post", status, content_type, &answer.body)
            .unwrap_or_else(|fault| panic!("{status} to {path}: {fault}"));
        answer
    }

    /// Sends to any path, without holding the answer against the contract.
    pub(crate) async fn request(&self, delivery: &Delivery, path: &str) -> Answer {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(delivery.method.clone(), url);
        for (name, value) in &delivery.headers {
            request = request.header(*name, value);
        }
        let response = request.body(delivery.body.clone()).send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status, headers, body }
    }
}
