//! Writes one field of a secret of the key-value engine of version 2, by JSON merge patch
//! (RFC 7396) with check-and-set.

use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};
use vaultrs::client::VaultClient;
use zeroize::Zeroizing;

use crate::domain::secret::{SecretLocation, SecretText, SecretVersion};
use crate::ports::secret_store::SecretTrouble;
use crate::ports::secret_writer::WriteTrouble;
use crate::vault::client::{bounded_json, with_token};
use crate::vault::kv::place;
use crate::vault::trouble::Refusal;

#[derive(Serialize)]
struct Patch<'a> {
    options: Options,
    data: BTreeMap<&'a str, &'a str>,
}

#[derive(Serialize)]
struct Options {
    cas: u64,
}

#[derive(Deserialize)]
struct Answer {
    data: Written,
}

#[derive(Deserialize)]
struct Written {
    version: u64,
}

/// Patches one field of the version that is expected to be the current one.
pub(super) async fn patch_field(
    client: &VaultClient,
    location: &SecretLocation,
    field: &str,
    text: &SecretText,
    current: SecretVersion,
) -> Result<Result<SecretVersion, WriteTrouble>, SecretTrouble> {
    let (mount, path) = place(location)?;
    let data = BTreeMap::from([(field, text.expose())]);
    let change = Patch { options: Options { cas: current.0 }, data };
    let body = serde_json::to_string(&change).map_err(|_| SecretTrouble::Unreadable)?;
    let body = Zeroizing::new(body);
    let request = with_token(client, Method::PATCH, &format!("{mount}/data/{path}"))
        .header(CONTENT_TYPE, "application/merge-patch+json")
        .body(body.as_bytes().to_vec());
    let answer = request.send().await.map_err(|_| SecretTrouble::Unreachable)?;
    if answer.status().is_success() {
        let written = bounded_json::<Answer>(answer).await.ok_or(SecretTrouble::Unreadable)?;
        return Ok(Ok(SecretVersion(written.data.version)));
    }
    let refusal = Refusal::read(answer).await;
    // The wording is Vault's and OpenBao's own.
    if refusal.status == 400 && refusal.says("check-and-set parameter did not match") {
        return Ok(Err(WriteTrouble::Moved));
    }
    // Whether there is an engine at all was found out by the read before.
    if refusal.status == 404 {
        return Ok(Err(WriteTrouble::NothingThere));
    }
    Err(refusal.trouble())
}
