//! The list of a folder with each secret's version: `detailed-metadata`, which OpenBao has and
//! `HashiCorp` Vault has not.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use vaultrs::client::VaultClient;

use crate::domain::secret::{SecretLocation, SecretVersion};
use crate::ports::secret_store::SecretTrouble;
use crate::vault::client::{json_within, with_token};
use crate::vault::trouble::Refusal;

/// Longer lists are not read. A secret with ten versions takes about 1.2 kB.
const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    key_info: BTreeMap<String, Info>,
}

#[derive(Deserialize)]
struct Info {
    /// A folder below has none, and a secret whose metadata came first has version 0.
    #[serde(default)]
    current_version: u64,
}

/// Reads the versions in a folder; `None` where the server does not list them, or may not.
pub(super) async fn versions(
    client: &VaultClient,
    folder: &SecretLocation,
) -> Result<Option<BTreeMap<String, SecretVersion>>, SecretTrouble> {
    let (mount, path) = (folder.mount.trim_matches('/'), folder.path.trim_matches('/'));
    // A list ends with a slash, and so does the path that a policy has to allow.
    let separator = if path.is_empty() { "" } else { "/" };
    let route = format!("{mount}/detailed-metadata{separator}{path}/");
    let list = Method::from_bytes(b"LIST").map_err(|_| SecretTrouble::Unreadable)?;
    let answer =
        with_token(client, list, &route).send().await.map_err(|_| SecretTrouble::Unreachable)?;
    if answer.status() != StatusCode::OK {
        return match Refusal::read(answer).await.trouble() {
            trouble @ (SecretTrouble::Sealed
            | SecretTrouble::Standby
            | SecretTrouble::Unavailable(_)
            | SecretTrouble::Unreachable) => Err(trouble),
            // What a refusal means is said when the secrets are asked for one by one.
            SecretTrouble::Denied
            | SecretTrouble::TokenRefused
            | SecretTrouble::LoginRefused
            | SecretTrouble::NoEngine
            | SecretTrouble::Unreadable
            | SecretTrouble::CredentialFile => Ok(None),
        };
    }
    let list: Option<Answer> = json_within(answer, MAX_LIST_BYTES).await;
    Ok(list.map(|Answer { data }| {
        let written = data.key_info.into_iter().filter(|(_, info)| info.current_version > 0);
        written.map(|(name, info)| (name, SecretVersion(info.current_version))).collect()
    }))
}
