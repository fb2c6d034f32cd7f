//! Reads of the key-value engine of version 2.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use vaultrs::api;
use vaultrs::api::kv2::requests::{ReadSecretMetadataRequest, ReadSecretRequest};
use vaultrs::api::kv2::responses::ReadSecretResponse;
use vaultrs::client::VaultClient;

use crate::domain::secret::{SecretLocation, SecretText, SecretVersion};
use crate::ports::secret_store::{SecretTrouble, Stored};
use crate::vault::client::{bounded_json, get_with_token};
use crate::vault::trouble::{Failure, Refusal};

/// No real path comes near this, and vaultrs panics on an address of 64 KiB.
const MAX_LOCATION_BYTES: usize = 4096;

/// Reads the current version: data, version and time from one answer.
pub(super) async fn read(
    client: &VaultClient,
    location: &SecretLocation,
) -> Result<Stored, SecretTrouble> {
    let (mount, path) = place(location)?;
    let request = ReadSecretRequest::builder().mount(mount).path(path).build();
    let request = request.map_err(|_| SecretTrouble::Unreadable)?;
    match api::exec_with_result(client, request).await.map_err(Failure::from) {
        Ok(answer) => present(answer),
        Err(Failure::Status(refusal)) if refusal.status == 404 => {
            absent(client, mount, &refusal).await
        }
        Err(Failure::Shape) => Err(unreadable(client, mount).await),
        Err(failure) => Err(failure.trouble()),
    }
}

/// Reads the number of the current version from the metadata.
///
/// The metadata's `updated_time` also moves when somebody edits the metadata; `current_version`
/// moves with the secret alone.
pub(super) async fn current_version(
    client: &VaultClient,
    location: &SecretLocation,
) -> Result<Option<SecretVersion>, SecretTrouble> {
    let (mount, path) = place(location)?;
    let request = ReadSecretMetadataRequest::builder().mount(mount).path(path).build();
    let request = request.map_err(|_| SecretTrouble::Unreadable)?;
    match api::exec_with_result(client, request).await.map_err(Failure::from) {
        // Metadata can be written before the first version is.
        Ok(metadata) if metadata.current_version == 0 => Ok(None),
        Ok(metadata) => Ok(Some(SecretVersion(metadata.current_version))),
        Err(Failure::Status(refusal)) if nothing_there(&refusal) => {
            expect_engine(client, mount).await.map(|()| None)
        }
        Err(Failure::Shape) => Err(unreadable(client, mount).await),
        Err(failure) => Err(failure.trouble()),
    }
}

pub(super) fn place(location: &SecretLocation) -> Result<(&str, &str), SecretTrouble> {
    if location.mount.len() + location.path.len() > MAX_LOCATION_BYTES {
        return Err(SecretTrouble::NoEngine);
    }
    Ok((location.mount.trim_matches('/'), location.path.trim_matches('/')))
}

fn present(answer: ReadSecretResponse) -> Result<Stored, SecretTrouble> {
    let Value::Object(data) = answer.data else { return Err(SecretTrouble::Unreadable) };
    let written_at = answer.metadata.created_time.parse();
    let text_only = |(name, value)| match value {
        Value::String(text) => Some((name, SecretText::new(text))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    };
    Ok(Stored::Present {
        version: SecretVersion(answer.metadata.version),
        written_at: written_at.map_err(|_| SecretTrouble::Unreadable)?,
        fields: data.into_iter().filter_map(text_only).collect::<BTreeMap<_, _>>(),
    })
}

fn nothing_there(refusal: &Refusal) -> bool {
    refusal.status == 404 && refusal.errors.as_ref().is_some_and(Vec::is_empty)
}

/// Tells the meanings of 404 apart.
async fn absent(
    client: &VaultClient,
    mount: &str,
    refusal: &Refusal,
) -> Result<Stored, SecretTrouble> {
    if nothing_there(refusal) {
        return expect_engine(client, mount).await.map(|()| Stored::Missing);
    }
    match refusal.body.as_ref().and_then(|body| serde_json::from_str::<GoneAnswer>(body).ok()) {
        Some(GoneAnswer { data: GoneData { metadata } }) => Ok(Stored::Gone {
            version: metadata.version.map(SecretVersion),
            destroyed: metadata.destroyed,
        }),
        None => Err(refusal.trouble()),
    }
}

/// The answer to a read of a version that was deleted or destroyed: 404 with its metadata.
#[derive(Deserialize)]
struct GoneAnswer {
    data: GoneData,
}

#[derive(Deserialize)]
struct GoneData {
    metadata: GoneMetadata,
}

#[derive(Deserialize)]
struct GoneMetadata {
    version: Option<u64>,
    destroyed: bool,
}

/// An answer of another shape comes from an engine of another kind, as a rule.
async fn unreadable(client: &VaultClient, mount: &str) -> SecretTrouble {
    match expect_engine(client, mount).await {
        Ok(()) => SecretTrouble::Unreadable,
        Err(trouble) => trouble,
    }
}

#[derive(Deserialize)]
struct MountAnswer {
    data: Mount,
}

#[derive(Deserialize)]
struct Mount {
    r#type: String,
    options: Option<BTreeMap<String, String>>,
}

/// Asks which engine a mount has. An engine of version 1 answers "nothing there" to a path of
/// version 2, so that a missing secret cannot be believed before.
///
/// Every token that may read anything below the mount may ask. Where the server declines to say,
/// the engine is taken to be the right one.
async fn expect_engine(client: &VaultClient, mount: &str) -> Result<(), SecretTrouble> {
    let path = format!("sys/internal/ui/mounts/{mount}");
    let answer = get_with_token(client, &path).send().await;
    let answer = answer.map_err(|_| SecretTrouble::Unreachable)?;
    if answer.status() != StatusCode::OK {
        return Ok(());
    }
    let Some(MountAnswer { data }) = bounded_json(answer).await else { return Ok(()) };
    let version = data.options.as_ref().and_then(|options| options.get("version"));
    if data.r#type == "kv" && version.is_some_and(|version| version == "2") {
        Ok(())
    } else {
        Err(SecretTrouble::NoEngine)
    }
}
