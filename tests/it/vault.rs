//! The Vault adapter against a real OpenBao server, and against what no real server does on
//! demand: redirects, silence, nonsense.

mod clock;
mod connection;
mod kv;
mod login;
mod policy;
mod renewal;
mod stand_in;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reset_receiver::domain::secret::SecretLocation;
use reset_receiver::ports::secret_store::{SecretStore, SecretTrouble, Stored};
use reset_receiver::vault::{Auth, Settings, Vault};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::openbao::OpenBao;
use crate::vault::clock::ManualClock;

/// The settings of a test: generous time-outs, no namespace, no CA.
fn settings(address: &str, auth: Auth) -> Settings {
    Settings {
        address: address.parse().unwrap(),
        namespace: None,
        ca_file: None,
        auth,
        connect_timeout: Duration::from_secs(10),
        timeout: Duration::from_secs(20),
    }
}

fn vault(settings: Settings) -> Vault {
    Vault::new(settings, Arc::new(ManualClock::new())).unwrap()
}

/// A directory of credential files, removed with the test.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn token(&self, token: &str) -> Auth {
        Auth::TokenFile { path: self.write("token", token) }
    }

    fn approle(&self, mount: &str, ids: &(String, String)) -> Auth {
        Auth::AppRole {
            mount: mount.to_owned(),
            role_id_file: self.write("role_id", &ids.0),
            secret_id_file: self.write("secret_id", &ids.1),
        }
    }
}

/// A vault that reads the shared server with its root token.
fn root_vault(files: &Files) -> Vault {
    let bao = OpenBao::shared();
    vault(settings(bao.address(), files.token(bao.root_token())))
}

fn at(mount: &str, path: &str) -> SecretLocation {
    SecretLocation { mount: mount.to_owned(), path: path.to_owned() }
}

/// The fields of a secret that is there, as JSON.
async fn fields(vault: &Vault, location: &SecretLocation) -> Value {
    match vault.read(location).await.unwrap() {
        Stored::Present { fields, .. } => {
            fields.into_iter().map(|(name, text)| (name, text.expose().to_owned())).collect()
        }
        other @ (Stored::Gone { .. } | Stored::Missing) => panic!("{other:?}"),
    }
}

/// What both verbs fail with, which is the same for every trouble.
async fn trouble(vault: &Vault, location: &SecretLocation) -> SecretTrouble {
    let read = vault.read(location).await.unwrap_err();
    let version = vault.current_version(location).await.unwrap_err();
    assert_eq!(read, version);
    assert_eq!(read.location, *location);
    read.trouble
}
