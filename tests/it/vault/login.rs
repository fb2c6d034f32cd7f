//! Every way to log in, and every way in which a login fails.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SigningKey};
use reqwest::Method;
use reset_receiver::ports::secret_store::{SecretStore, SecretTrouble, TokenStatus};
use reset_receiver::vault::{Auth, Vault};
use serde_json::{Value, json};

use crate::support::openbao::OpenBao;
use crate::vault::stand_in::{Manner, StandIn};
use crate::vault::{Files, at, fields, settings, trouble, vault};

/// Gives a test a secret of its own, `NAME/x`, and a policy that may read it, `NAME`.
async fn readable_secret(name: &str) -> &'static OpenBao {
    let bao = OpenBao::shared();
    bao.mount(name).await;
    bao.write_secret(name, "x", &json!({"password": "a"})).await;
    let policy = format!(
        "path \"{name}/data/x\" {{ capabilities = [\"read\"] }}
         path \"{name}/metadata/x\" {{ capabilities = [\"read\"] }}"
    );
    bao.policy(name, &policy).await;
    bao
}

fn approle_vault(address: &str, files: &Files, mount: &str, ids: &(String, String)) -> Vault {
    vault(settings(address, files.approle(mount, ids)))
}

#[tokio::test]
async fn space_around_a_token_in_its_file_is_no_part_of_it() {
    let bao = readable_secret("login-newline").await;
    let files = Files::new();
    let vault = vault(settings(bao.address(), files.token(&format!(" {}\r\n", bao.root_token()))));
    assert_eq!(fields(&vault, &at("login-newline", "x")).await, json!({"password": "a"}));
    let forever = TokenStatus { expires_at: None, renewable: false };
    assert_eq!(vault.token_status(), Some(forever), "a root token does not expire");
}

#[tokio::test]
async fn a_credential_file_that_is_missing_empty_or_no_token_is_named_as_such() {
    let files = Files::new();
    let missing = Auth::TokenFile { path: "/nonexistent/token".into() };
    let unfit = ["", " \n", "two\nlines", "with space", "not-äscii", &"x".repeat(70_000)];
    let auths = unfit.map(|text| {
        let files = Files::new();
        (files.token(text), files)
    });
    for auth in auths.iter().map(|(auth, _)| auth).chain([&missing]) {
        let vault = vault(settings(OpenBao::shared().address(), auth.clone()));
        assert_eq!(trouble(&vault, &at("secret", "x")).await, SecretTrouble::CredentialFile);
        assert_eq!(vault.token_status(), None);
    }
    let approle = Auth::AppRole {
        mount: "approle".to_owned(),
        role_id_file: files.write("role_id", "role"),
        secret_id_file: files.write("secret_id", "\n"),
    };
    let vault = vault(settings(OpenBao::shared().address(), approle));
    assert_eq!(trouble(&vault, &at("secret", "x")).await, SecretTrouble::CredentialFile);
}

#[tokio::test]
async fn a_replaced_token_file_is_taken_up_by_the_next_read() {
    let bao = readable_secret("login-replaced").await;
    let files = Files::new();
    let first = bao.token(&json!({"policies": ["login-replaced"], "ttl": "1h"})).await;
    let second = bao.token(&json!({"policies": ["login-replaced"], "ttl": "1h"})).await;
    let recorder = StandIn::start(Manner::PassOn(bao.address().to_owned()));
    let vault = vault(settings(recorder.address(), files.token(&first)));
    let place = at("login-replaced", "x");
    fields(&vault, &place).await;
    files.write("token", &second);
    fields(&vault, &place).await;
    files.write("token", "");
    fields(&vault, &place).await;
    let reads = recorder.seen().into_iter().filter(|seen| seen.line.ends_with("/data/x"));
    let tokens: Vec<_> = reads.map(|seen| seen.token.unwrap()).collect();
    assert_eq!(tokens, [first, second.clone(), second], "an emptied file changes nothing");
    let status = vault.token_status().unwrap();
    assert!(status.renewable && status.expires_at.is_some(), "{status:?}");
}

#[tokio::test]
async fn a_revoked_token_is_told_from_a_denied_one_until_its_file_has_another() {
    let bao = readable_secret("login-revoked").await;
    let files = Files::new();
    let token = bao.token(&json!({"policies": ["login-revoked"], "ttl": "1h"})).await;
    let vault = vault(settings(bao.address(), files.token(&token)));
    fields(&vault, &at("login-revoked", "x")).await;
    assert_eq!(trouble(&vault, &at("login-revoked", "y")).await, SecretTrouble::Denied);
    bao.revoke(&token).await;
    assert_eq!(trouble(&vault, &at("login-revoked", "x")).await, SecretTrouble::TokenRefused);
    files.write("token", "another-that-nobody-knows");
    assert_eq!(trouble(&vault, &at("login-revoked", "x")).await, SecretTrouble::TokenRefused);
    files.write("token", &bao.token(&json!({"policies": ["login-revoked"]})).await);
    assert_eq!(fields(&vault, &at("login-revoked", "x")).await, json!({"password": "a"}));
}

#[tokio::test]
async fn after_its_token_was_revoked_an_approle_logs_in_once_more() {
    let bao = readable_secret("login-again").await;
    let role = json!({"token_policies": ["login-again"], "token_ttl": "1h"});
    let ids = bao.approle("login-again-role", &role).await;
    let files = Files::new();
    let recorder = StandIn::start(Manner::PassOn(bao.address().to_owned()));
    let vault = approle_vault(recorder.address(), &files, "login-again-role", &ids);
    let place = at("login-again", "x");
    fields(&vault, &place).await;
    let token = recorder.seen().pop().unwrap().token.unwrap();
    bao.revoke(&token).await;
    assert_eq!(fields(&vault, &place).await, json!({"password": "a"}));
    assert_eq!(recorder.count("/login"), 2);
    assert_eq!(recorder.count("/data/x"), 3, "read, denied, read again");
}

#[tokio::test]
async fn what_the_policy_forbids_is_denied_after_one_more_login() {
    let bao = readable_secret("login-policy").await;
    bao.write_secret("login-policy", "other", &json!({"password": "b"})).await;
    let ids = bao.approle("login-policy-role", &json!({"token_policies": ["login-policy"]})).await;
    let files = Files::new();
    let recorder = StandIn::start(Manner::PassOn(bao.address().to_owned()));
    let vault = approle_vault(recorder.address(), &files, "login-policy-role", &ids);
    let denied = vault.read(&at("login-policy", "other")).await.unwrap_err();
    assert_eq!(denied.trouble, SecretTrouble::Denied);
    assert_eq!(recorder.count("/login"), 2);
    assert_eq!(recorder.count("/data/other"), 2);
    assert_eq!(fields(&vault, &at("login-policy", "x")).await, json!({"password": "a"}));
}

#[tokio::test]
async fn a_refused_login_says_so() {
    let bao = OpenBao::shared();
    let ids = bao.approle("login-refused-role", &json!({})).await;
    let wrong_secret = (ids.0.clone(), "wrong".to_owned());
    let files = Files::new();
    let place = at("secret", "x");
    let vault = approle_vault(bao.address(), &files, "login-refused-role", &wrong_secret);
    assert_eq!(trouble(&vault, &place).await, SecretTrouble::LoginRefused);
    let vault = approle_vault(bao.address(), &files, "no-such-method", &ids);
    assert_eq!(trouble(&vault, &place).await, SecretTrouble::LoginRefused);
}

#[tokio::test]
async fn a_login_happens_in_the_namespace() {
    let bao = OpenBao::shared();
    bao.post("sys/namespaces/team-login", &json!({})).await;
    let team = Some("team-login");
    let call = async |method, path, body: Value| bao.call(method, team, path, Some(&body)).await;
    bao.mount_in(team, "kv").await;
    call(Method::POST, "kv/data/x", json!({"data": {"password": "a"}})).await;
    let policy = json!({"policy": "path \"kv/data/x\" { capabilities = [\"read\"] }"});
    call(Method::POST, "sys/policies/acl/reader", policy).await;
    call(Method::POST, "sys/auth/approle", json!({"type": "approle"})).await;
    call(Method::POST, "auth/approle/role/r", json!({"token_policies": ["reader"]})).await;
    let role_id = bao.call(Method::GET, team, "auth/approle/role/r/role-id", None).await;
    let secret_id = call(Method::POST, "auth/approle/role/r/secret-id", json!({})).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ids = (text(&role_id["data"]["role_id"]), text(&secret_id["data"]["secret_id"]));

    let files = Files::new();
    let in_namespace = |namespace: &str| {
        let mut settings = settings(bao.address(), files.approle("approle", &ids));
        settings.namespace = Some(namespace.to_owned());
        vault(settings)
    };
    let found = fields(&in_namespace("team-login"), &at("kv", "x")).await;
    assert_eq!(found, json!({"password": "a"}));
    let nowhere = in_namespace("no-such-team");
    assert_eq!(trouble(&nowhere, &at("kv", "x")).await, SecretTrouble::NoEngine);
}

#[tokio::test]
async fn reads_that_come_together_share_one_login_and_its_failure() {
    let bao = readable_secret("login-shared").await;
    let ids = bao.approle("login-shared-role", &json!({"token_policies": ["login-shared"]})).await;
    let files = Files::new();
    let recorder = StandIn::start(Manner::PassOn(bao.address().to_owned()));
    let place = at("login-shared", "x");

    let well = approle_vault(recorder.address(), &files, "login-shared-role", &ids);
    let (first, second) = tokio::join!(well.read(&place), well.current_version(&place));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(recorder.count("/login"), 1);

    let wrong = (ids.0, "wrong".to_owned());
    let refused = approle_vault(recorder.address(), &files, "login-shared-role", &wrong);
    let (first, second) = tokio::join!(refused.read(&place), refused.current_version(&place));
    assert_eq!(first.unwrap_err().trouble, SecretTrouble::LoginRefused);
    assert_eq!(second.unwrap_err().trouble, SecretTrouble::LoginRefused);
    assert_eq!(recorder.count("/login"), 2, "a wrong secret id is tried once");

    files.write("secret_id", &ids.1);
    assert!(refused.read(&place).await.is_ok(), "a later read tries again");
}

#[tokio::test]
async fn reads_whose_token_died_together_share_one_login() {
    let bao = readable_secret("login-herd").await;
    let ids = bao.approle("login-herd-role", &json!({"token_policies": ["login-herd"]})).await;
    let files = Files::new();
    let recorder = StandIn::start(Manner::PassOn(bao.address().to_owned()));
    let vault = approle_vault(recorder.address(), &files, "login-herd-role", &ids);
    let place = at("login-herd", "x");
    fields(&vault, &place).await;
    bao.revoke(&recorder.seen().pop().unwrap().token.unwrap()).await;
    let reads = tokio::join!(vault.read(&place), vault.read(&place), vault.read(&place));
    assert!(reads.0.is_ok() && reads.1.is_ok() && reads.2.is_ok());
    assert_eq!(recorder.count("/login"), 2);
}

/// A JSON web token that claims to be signed in this way. Only an `EdDSA` signature is right; a
/// service account's is not looked at by OpenBao, which leaves that to Kubernetes.
fn jwt(algorithm: &str, key: &KeyPair, claims: &Value) -> String {
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let header = json!({"alg": algorithm, "typ": "JWT"}).to_string();
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.to_string().as_bytes()));
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", encode(&signature))
}

#[tokio::test]
async fn a_service_account_logs_in_where_kubernetes_knows_it() {
    let bao = readable_secret("login-kube").await;
    let kubernetes = StandIn::start(Manner::ReviewTokens);
    let ca = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).unwrap();
    bao.enable_auth("kubernetes", "login-kube").await;
    let config = json!({
        "kubernetes_host": kubernetes.address(), "kubernetes_ca_cert": ca.cert.pem(),
        "token_reviewer_jwt": "reviewer", "disable_local_ca_jwt": true,
    });
    bao.post("auth/login-kube/config", &config).await;
    let role = json!({
        "bound_service_account_names": ["receiver"], "bound_service_account_namespaces": ["prod"],
        "token_policies": ["login-kube"], "token_ttl": "1h",
    });
    bao.post("auth/login-kube/role/receiver", &role).await;

    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let account = |name: &str| {
        let claims = json!({
            "iss": "kubernetes/serviceaccount", "iat": 1_700_000_000, "exp": 4_000_000_000_u64,
            "sub": format!("system:serviceaccount:prod:{name}"),
            "kubernetes.io": {"namespace": "prod", "serviceaccount": {
                "name": name, "uid": "11111111-2222-3333-4444-555555555555"}},
        });
        jwt("ES256", &key, &claims)
    };
    let files = Files::new();
    let log_in = |role: &str, token: &str| {
        let auth = Auth::Kubernetes {
            mount: "login-kube".to_owned(),
            role: role.to_owned(),
            jwt_file: files.write("jwt", &format!("{token}\n")),
        };
        vault(settings(bao.address(), auth))
    };
    let place = at("login-kube", "x");
    let known = log_in("receiver", &account("receiver"));
    assert_eq!(fields(&known, &place).await, json!({"password": "a"}));
    assert_eq!(kubernetes.count("/tokenreviews"), 1);
    let unbound = log_in("nobody", &account("receiver"));
    assert_eq!(trouble(&unbound, &place).await, SecretTrouble::LoginRefused);
    kubernetes.behave(Manner::Answer(201, json!({"status": {"authenticated": false}})));
    let stranger = log_in("receiver", &account("receiver"));
    assert_eq!(trouble(&stranger, &place).await, SecretTrouble::LoginRefused);
}

#[tokio::test]
async fn a_signed_web_token_logs_in_and_another_key_does_not() {
    let bao = readable_secret("login-jwt").await;
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let stranger = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    bao.enable_auth("jwt", "login-jwt").await;
    let config = json!({
        "jwt_validation_pubkeys": [key.public_key_pem()], "bound_issuer": "ci.example",
        "jwt_supported_algs": ["EdDSA"], "default_role": "receiver",
    });
    bao.post("auth/login-jwt/config", &config).await;
    let role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"],
        "token_policies": ["login-jwt"], "token_ttl": "1h",
    });
    bao.post("auth/login-jwt/role/receiver", &role).await;
    let claims = json!({
        "iss": "ci.example", "sub": "receiver", "aud": "vault",
        "iat": 1_700_000_000, "exp": 4_000_000_000_u64,
    });
    let files = Files::new();
    let log_in = |key: &KeyPair, role: Option<&str>| {
        let auth = Auth::Jwt {
            mount: "login-jwt".to_owned(),
            role: role.map(str::to_owned),
            jwt_file: files.write("jwt", &jwt("EdDSA", key, &claims)),
        };
        vault(settings(bao.address(), auth))
    };
    let place = at("login-jwt", "x");
    for role in [Some("receiver"), None] {
        assert_eq!(fields(&log_in(&key, role), &place).await, json!({"password": "a"}));
    }
    let refused = trouble(&log_in(&stranger, None), &place).await;
    assert_eq!(refused, SecretTrouble::LoginRefused);
}

#[tokio::test]
async fn a_client_certificate_logs_in_over_tls() {
    let bao = OpenBao::start_tls();
    bao.write_secret("secret", "x", &json!({"password": "a"})).await;
    bao.policy("reader", "path \"secret/data/x\" { capabilities = [\"read\"] }").await;
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.distinguished_name.push(DnType::CommonName, "clients of the tests");
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let mut client = CertificateParams::new(["receiver.example".to_owned()]).unwrap();
    client.distinguished_name.push(DnType::CommonName, "receiver");
    client.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = client.signed_by(&key, &issuer).unwrap().pem();
    bao.enable_auth("cert", "cert").await;
    let role = json!({
        "certificate": ca_pem, "allowed_common_names": ["receiver"], "token_policies": ["reader"],
    });
    bao.post("auth/cert/certs/receiver", &role).await;

    let files = Files::new();
    let log_in = |role: &str| {
        let auth = Auth::Certificate {
            mount: "cert".to_owned(),
            role: role.to_owned(),
            certificate_file: files.write("client.pem", &certificate),
            key_file: files.write("client.key", &key.serialize_pem()),
        };
        let mut settings = settings(bao.address(), auth);
        settings.ca_file = Some(bao.ca_file());
        vault(settings)
    };
    assert_eq!(fields(&log_in("receiver"), &at("secret", "x")).await, json!({"password": "a"}));
    let refused = log_in("nobody").read(&at("secret", "x")).await.unwrap_err();
    assert_eq!(refused.trouble, SecretTrouble::LoginRefused);
    files.write("client.key", "no key");
}
