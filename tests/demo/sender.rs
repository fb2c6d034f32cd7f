//! The two hands from outside: the sender who tells of the reset, and whoever puts the new secret
//! into Vault.

use std::net::SocketAddr;

use jiff::Timestamp;
use reqwest::{Certificate, Client, StatusCode};
use reset_receiver::clock::SystemClock;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::ports::clock::Clock;
use reset_receiver::senders::keys::SigningKey;
use reset_receiver::senders::standard_webhooks::{ID, SIGNATURE, TIMESTAMP, sign};
use serde::Deserialize;
use serde_json::json;
use simulator::Credential;

use crate::receiver::{Files, SECRET_PATH};
use crate::trouble::Trouble;
use crate::vault_stand_in::{MOUNT, VaultStandIn};

/// Sends notices as a Salesforce Flow or a script does, and writes to Vault as its owner does.
pub(crate) struct Sender {
    http: Client,
    key: SigningKey,
}

/// What the receiver answered.
pub(crate) struct Delivered {
    pub(crate) status: StatusCode,
    pub(crate) rotation: RotationId,
}

#[derive(Deserialize)]
struct Receipt {
    rotation_id: RotationId,
}

#[derive(Deserialize)]
struct Written {
    data: WrittenData,
}

#[derive(Deserialize)]
struct WrittenData {
    version: u64,
}

impl Sender {
    /// A sender that has the source's key and trusts the receiver's certificate and no other.
    pub(crate) fn new(files: &Files) -> Result<Self, Trouble> {
        let pem = std::fs::read(files.path("tls.crt"))?;
        let http = Client::builder()
            .no_proxy()
            .tls_certs_only(Certificate::from_pem_bundle(&pem)?)
            .build()?;
        Ok(Self { http, key: SigningKey::parse(&files.signing_key)? })
    }

    /// Tells of a reset, signed, over HTTPS.
    pub(crate) async fn tell(
        &self,
        hooks: SocketAddr,
        organization: &str,
        now: &Credential,
        reset_at: Timestamp,
    ) -> Result<Delivered, Trouble> {
        let id = format!("demo-{}", SystemClock.rotation_id());
        let body = json!({
            "id": id, "type": "password_reset", "occurred_at": reset_at,
            "organization_id": organization, "username": now.username,
        });
        let body = body.to_string();
        let signed = sign(&self.key, &id, SystemClock.now(), body.as_bytes())?;
        let answer = self
            .http
            .post(format!("https://{hooks}/v1/resets/flow"))
            .header("content-type", "application/json")
            .header(ID, signed.id)
            .header(TIMESTAMP, signed.timestamp)
            .header(SIGNATURE, signed.signature)
            .body(body)
            .send()
            .await?
            .error_for_status()?;
        let status = answer.status();
        let receipt: Receipt = answer.json().await?;
        Ok(Delivered { status, rotation: receipt.rotation_id })
    }

    /// Writes the new secret into Vault; returns its version.
    pub(crate) async fn store(
        &self,
        vault: &VaultStandIn,
        token: &str,
        new: &Credential,
    ) -> Result<u64, Trouble> {
        let answer = self
            .http
            .post(format!("{}/v1/{MOUNT}/data/{SECRET_PATH}", vault.url()))
            .header("x-vault-token", token)
            .json(&json!({ "data": { "password": new.password, "security_token": new.token } }))
            .send()
            .await?
            .error_for_status()?;
        let written: Written = answer.json().await?;
        Ok(written.data.version)
    }
}
