//! The way to the server: seals, standbys, silence, certificates, and addresses that are refused.

use std::path::PathBuf;
use std::time::Duration;

use reset_receiver::ports::secret_store::{SecretStore, SecretTrouble};
use reset_receiver::vault::{Auth, HealthError, Settings, Vault, VaultSetupError};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::support::openbao::OpenBao;
use crate::vault::stand_in::{Manner, StandIn};
use crate::vault::{Files, ManualClock, at, fields, settings, trouble, vault};

fn logged_in() -> serde_json::Value {
    json!({
        "request_id": "", "lease_id": "", "lease_duration": 0, "renewable": false, "data": null,
        "auth": {"client_token": "s.1", "accessor": "", "policies": [], "token_policies": [],
            "metadata": null, "lease_duration": 0, "renewable": true, "entity_id": "",
            "token_type": "service", "orphan": true},
    })
}

fn some_approle(files: &Files) -> Auth {
    files.approle("approle", &("role".to_owned(), "secret".to_owned()))
}

#[tokio::test]
async fn a_sealed_server_says_so_until_it_is_unsealed() {
    let bao = OpenBao::start();
    bao.write_secret("secret", "x", &json!({"password": "a"})).await;
    let files = Files::new();
    let vault = vault(settings(bao.address(), files.token(bao.root_token())));
    fields(&vault, &at("secret", "x")).await;
    let health = vault.health().await.unwrap();
    assert!(health.initialized && !health.sealed && !health.standby, "{health:?}");
    assert!(health.version.starts_with("2."), "{health:?}");

    bao.seal().await;
    assert_eq!(trouble(&vault, &at("secret", "x")).await, SecretTrouble::Sealed);
    assert!(vault.health().await.unwrap().sealed);
    let others = Files::new();
    for auth in [some_approle(&others), others.token(bao.root_token())] {
        let newcomer = self::vault(settings(bao.address(), auth));
        assert_eq!(trouble(&newcomer, &at("secret", "x")).await, SecretTrouble::Sealed);
    }

    bao.unseal().await;
    assert_eq!(fields(&vault, &at("secret", "x")).await, json!({"password": "a"}));
    assert!(!vault.health().await.unwrap().sealed);
}

#[tokio::test]
async fn a_redirect_is_not_followed_so_that_no_token_and_no_secret_id_goes_along() {
    let elsewhere = StandIn::start(Manner::Answer(200, logged_in()));
    // Another name of the same machine, which a client takes for another host.
    let target = elsewhere.address().replace("127.0.0.1", "localhost");
    let standby = StandIn::start(Manner::Redirect(target.clone()));
    let files = Files::new();
    let place = at("secret", "x");

    let by_file = vault(settings(standby.address(), files.token("s.token")));
    assert_eq!(trouble(&by_file, &place).await, SecretTrouble::Standby);
    let by_role = vault(settings(standby.address(), some_approle(&files)));
    assert_eq!(trouble(&by_role, &place).await, SecretTrouble::Standby);
    assert!(matches!(by_role.health().await, Err(HealthError::NotVault { status: 307 })));

    standby.behave(Manner::Answer(200, logged_in()));
    let unfinished = by_role.read(&place).await.unwrap_err();
    assert_eq!(unfinished.trouble, SecretTrouble::Unreadable, "only the login was answered");
    standby.behave(Manner::Redirect(target));
    assert_eq!(trouble(&by_role, &place).await, SecretTrouble::Standby);
    let asked = standby.seen();
    assert!(asked.iter().any(|seen| seen.token.as_deref() == Some("s.token")));
    assert!(asked.iter().any(|seen| seen.token.as_deref() == Some("s.1")));
    assert!(asked.iter().any(|seen| seen.body.contains("secret_id")));
    assert_eq!(elsewhere.seen(), []);
}

#[tokio::test]
async fn a_standby_a_busy_and_a_failing_server_are_told_apart() {
    let server = StandIn::start(Manner::Answer(200, logged_in()));
    let files = Files::new();
    let vault = vault(settings(server.address(), some_approle(&files)));
    assert!(vault.read(&at("secret", "x")).await.is_err(), "logs in, and is answered nonsense");
    let lost = "local node not active but active cluster node not found";
    for (status, error, expected) in [
        (500, lost, SecretTrouble::Standby),
        (503, "no active Vault instance found", SecretTrouble::Standby),
        (503, "Vault is sealed", SecretTrouble::Sealed),
        (429, "rate limit quota exceeded", SecretTrouble::Unavailable(429)),
        (500, "internal error", SecretTrouble::Unavailable(500)),
        (502, "", SecretTrouble::Unavailable(502)),
        (404, "no handler for route", SecretTrouble::NoEngine),
    ] {
        server.behave(Manner::Answer(status, json!({"errors": [error]})));
        assert_eq!(trouble(&vault, &at("secret", "x")).await, expected, "{status} {error}");
    }
    server.behave(Manner::Answer(404, json!("a page of a proxy")));
    assert_eq!(trouble(&vault, &at("secret", "x")).await, SecretTrouble::Unreadable);
}

#[tokio::test]
async fn the_health_of_a_vault_standby_is_read_from_an_answer_that_is_no_success() {
    let body = json!({
        "initialized": true, "sealed": false, "standby": true, "performance_standby": false,
        "replication_performance_mode": "disabled", "replication_dr_mode": "disabled",
        "server_time_utc": 1_795_439_341, "version": "1.21.1", "enterprise": false,
    });
    let server = StandIn::start(Manner::Answer(429, body));
    let files = Files::new();
    let vault = vault(settings(server.address(), files.token("s.1")));
    let health = vault.health().await.unwrap();
    assert!(health.standby && !health.sealed && health.version == "1.21.1", "{health:?}");
    assert_eq!(server.seen()[0].token, None, "it needs no token");
}

#[tokio::test]
async fn a_server_that_never_answers_is_unreachable_after_the_time_out() {
    let black_hole = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", black_hole.local_addr().unwrap());
    let files = Files::new();
    for auth in [files.token("s.1"), some_approle(&files)] {
        let mut settings = settings(&address, auth);
        settings.timeout = Duration::from_millis(100);
        let vault = vault(settings);
        let patience = Duration::from_secs(10);
        let place = at("secret", "x");
        let read = tokio::time::timeout(patience, trouble(&vault, &place)).await;
        assert_eq!(read.expect("the time-out is kept"), SecretTrouble::Unreachable);
        assert!(matches!(vault.health().await, Err(HealthError::Unreachable(_))));
    }
}

#[tokio::test]
async fn a_refused_and_a_broken_connection_are_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let files = Files::new();
    let vault = vault(settings(&address, some_approle(&files)));
    let hangs_up = tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            assert!(connection.read_u8().await.is_ok());
        }
    });
    assert_eq!(trouble(&vault, &at("secret", "x")).await, SecretTrouble::Unreachable);
    hangs_up.abort();
    assert!(hangs_up.await.unwrap_err().is_cancelled(), "and the listener is closed");
    assert_eq!(trouble(&vault, &at("secret", "x")).await, SecretTrouble::Unreachable);
}

#[tokio::test]
async fn over_tls_the_configured_authority_alone_is_trusted() {
    let bao = OpenBao::start_tls();
    bao.write_secret("secret", "x", &json!({"password": "a"})).await;
    let files = Files::new();
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let trusting = |ca_file: Option<PathBuf>| {
        let mut settings = settings(bao.address(), files.token(bao.root_token()));
        settings.ca_file = ca_file;
        vault(settings)
    };
    let place = at("secret", "x");
    assert_eq!(fields(&trusting(Some(bao.ca_file())), &place).await, json!({"password": "a"}));
    let wrong = trusting(Some(files.write("other.pem", &other.cert.pem())));
    assert_eq!(trouble(&wrong, &place).await, SecretTrouble::Unreachable);
    let error = wrong.health().await.unwrap_err();
    let HealthError::Unreachable(source) = error else { panic!("{error:?}") };
    assert!(format!("{source:?}").contains("UnknownIssuer"), "{source:?}");
}

#[test]
fn settings_that_would_show_the_token_or_trust_nobody_are_refused() {
    let files = Files::new();
    let auth = files.token("s.1");
    let build = |settings: Settings| {
        Vault::new(settings, std::sync::Arc::new(ManualClock::new())).map(|_| ())
    };
    let address = |text: &str| build(settings(text, auth.clone()));
    for loopback in ["http://127.0.0.1:8200", "http://localhost:8200/", "http://[::1]:8200"] {
        assert!(address(loopback).is_ok(), "{loopback}");
    }
    for plain in ["http://vault:8200", "http://10.0.0.1", "http://localhost.example"] {
        assert!(matches!(address(plain), Err(VaultSetupError::PlainHttp)), "{plain}");
    }
    assert!(matches!(address("ftp://127.0.0.1"), Err(VaultSetupError::Scheme)));
    for more in ["https://v/x", "https://v/?q", "https://v/#f", "https://u:p@v/"] {
        assert!(matches!(address(more), Err(VaultSetupError::MoreThanOrigin)), "{more}");
    }
    for namespace in ["", "team a", "team\n"] {
        let mut settings = settings("https://vault.example", auth.clone());
        settings.namespace = Some(namespace.to_owned());
        assert!(matches!(build(settings), Err(VaultSetupError::Namespace)), "{namespace:?}");
    }
    let ca = |path: PathBuf| {
        let mut settings = settings("https://vault.example", auth.clone());
        settings.ca_file = Some(path);
        build(settings)
    };
    assert!(matches!(ca("/nonexistent".into()), Err(VaultSetupError::CaFile { .. })));
    let empty = ca(files.write("empty.pem", ""));
    assert!(matches!(empty, Err(VaultSetupError::CaEmpty { .. })), "{empty:?}");
    let no_certificate = ca(files.write("text.pem", "no certificate in here"));
    assert!(matches!(no_certificate, Err(VaultSetupError::CaEmpty { .. })), "{no_certificate:?}");
    let broken = "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n";
    let broken = ca(files.write("broken.pem", broken));
    assert!(matches!(broken, Err(VaultSetupError::CaFormat { .. })), "{broken:?}");
}
