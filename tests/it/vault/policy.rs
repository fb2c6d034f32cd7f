//! The policy in `deploy/vault`: enough for everything that the adapter does, and not more.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use reset_receiver::domain::secret::SecretVersion;
use reset_receiver::ports::secret_store::SecretStore;
use reset_receiver::vault::{Auth, Vault};
use serde_json::json;

use crate::support::openbao::OpenBao;
use crate::vault::clock::ManualClock;
use crate::vault::{Files, at, fields, settings};

const NAME: &str = "reset-receiver";
const PLACES: [&str; 2] = ["salesforce/acme-sync", "communigator/acme"];

/// A server of its own: the policy's paths are fixed.
async fn guarded() -> OpenBao {
    let bao = OpenBao::start();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/vault/reset-receiver.hcl");
    bao.policy(NAME, &std::fs::read_to_string(file).unwrap()).await;
    for place in PLACES.into_iter().chain(["salesforce/other"]) {
        bao.write_secret("secret", place, &json!({"password": "a"})).await;
    }
    bao
}

/// Reads both secrets and their versions, and renews the token.
async fn does_its_work(bao: &OpenBao, auth: Auth) {
    let clock = Arc::new(ManualClock::new());
    let settings = settings(bao.address(), auth);
    let vault = Arc::new(Vault::new(settings, clock.clone()).unwrap());
    let renewing = Arc::clone(&vault);
    let renewal = tokio::spawn(async move { renewing.keep_token_fresh().await });
    clock.asleep().await;
    for place in PLACES {
        assert_eq!(fields(&vault, &at("secret", place)).await, json!({"password": "a"}));
        let version = vault.current_version(&at("secret", place)).await.unwrap();
        assert_eq!(version, Some(SecretVersion(1)));
    }
    let before = vault.token_status().unwrap().expires_at.expect("the token expires");
    clock.advance(Duration::from_mins(45));
    clock.asleep().await;
    assert!(vault.token_status().unwrap().expires_at.unwrap() > before, "it was renewed");
    renewal.abort();
}

#[tokio::test]
async fn the_policy_is_enough_without_the_default_policy() {
    let bao = guarded().await;
    let files = Files::new();
    // One secret id for one login: a renewal that needed another login would fail.
    let role = json!({
        "token_policies": [NAME], "token_no_default_policy": true, "token_ttl": "1h",
        "token_max_ttl": "24h", "secret_id_num_uses": 1,
    });
    let ids = bao.approle("approle", &role).await;
    does_its_work(&bao, files.approle("approle", &ids)).await;
    let parameters = json!({"policies": [NAME], "no_default_policy": true, "ttl": "1h"});
    let token = bao.token(&parameters).await;
    does_its_work(&bao, files.token(&token)).await;
}

#[tokio::test]
async fn the_policy_allows_nothing_else() {
    let bao = guarded().await;
    let parameters = json!({"policies": [NAME], "no_default_policy": true, "ttl": "1h"});
    let token = bao.token(&parameters).await;
    let read = bao.status_for(&token, Method::GET, "secret/data/salesforce/acme-sync").await;
    assert_eq!(read, StatusCode::OK, "the token works");
    for place in PLACES {
        for (method, below) in [
            (Method::POST, "data"),
            (Method::DELETE, "data"),
            (Method::POST, "metadata"),
            (Method::DELETE, "metadata"),
            (Method::POST, "delete"),
            (Method::POST, "undelete"),
            (Method::POST, "destroy"),
            (Method::GET, "subkeys"),
        ] {
            let path = format!("secret/{below}/{place}");
            let status = bao.status_for(&token, method.clone(), &path).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
        }
    }
    for (method, path) in [
        (Method::GET, "secret/data/salesforce/other"),
        (Method::GET, "secret/metadata/salesforce/other"),
        (Method::GET, "secret/data/salesforce/acme-sync/below"),
        (Method::GET, "secret/metadata/salesforce?list=true"),
        (Method::GET, "secret/metadata?list=true"),
        (Method::GET, "secret/config"),
        (Method::GET, "cubbyhole/x"),
        (Method::GET, "sys/mounts"),
        (Method::GET, "sys/policies/acl/reset-receiver"),
        (Method::POST, "auth/token/create"),
        (Method::POST, "auth/token/lookup"),
        (Method::POST, "auth/token/revoke-self"),
    ] {
        let status = bao.status_for(&token, method.clone(), path).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
    }
}
