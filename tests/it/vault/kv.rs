//! Reads: what the engine holds, and what it does not.

use jiff::Timestamp;
use reqwest::Method;
use reset_receiver::domain::secret::SecretVersion;
use reset_receiver::ports::secret_store::{SecretStore, SecretTrouble, Stored};
use serde_json::json;

use crate::support::openbao::OpenBao;
use crate::vault::stand_in::{Manner, StandIn};
use crate::vault::{Files, at, fields, root_vault, settings, trouble, vault};

#[tokio::test]
async fn a_read_gives_data_version_and_time_from_one_answer() {
    let bao = OpenBao::shared();
    bao.mount("kv-read").await;
    bao.write_secret("kv-read", "sf/acme", &json!({"password": "old"})).await;
    let written = json!({"password": "new", "security_token": "tok"});
    assert_eq!(bao.write_secret("kv-read", "sf/acme", &written).await, 2);

    let files = Files::new();
    let recorder = StandIn::start(Manner::PassOn(bao.address().to_owned()));
    let vault = vault(settings(recorder.address(), files.token(bao.root_token())));
    let stored = vault.read(&at("kv-read", "sf/acme")).await.unwrap();

    let Stored::Present { version, written_at, fields } = stored else { panic!("{stored:?}") };
    assert_eq!(version, SecretVersion(2));
    let metadata = bao.get("kv-read/metadata/sf/acme").await;
    let created = metadata["data"]["versions"]["2"]["created_time"].as_str().unwrap();
    assert_eq!(written_at, created.parse::<Timestamp>().unwrap());
    assert_eq!(fields["password"].expose(), "new");
    assert_eq!(fields["security_token"].expose(), "tok");
    let lines: Vec<_> = recorder.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(lines, ["GET /v1/auth/token/lookup-self", "GET /v1/kv-read/data/sf/acme"]);
}

#[tokio::test]
async fn fields_that_hold_no_text_are_left_out() {
    let bao = OpenBao::shared();
    bao.mount("kv-types").await;
    let mixed = json!({"text": "a", "empty": "", "number": 1, "none": null, "list": [], "map": {}});
    bao.write_secret("kv-types", "x", &mixed).await;
    let files = Files::new();
    let found = fields(&root_vault(&files), &at("kv-types", "x")).await;
    assert_eq!(found, json!({"text": "a", "empty": ""}));
}

#[tokio::test]
async fn the_current_version_moves_with_the_secret_and_not_with_its_metadata() {
    let bao = OpenBao::shared();
    bao.mount("kv-version").await;
    let files = Files::new();
    let recorder = StandIn::start(Manner::PassOn(bao.address().to_owned()));
    let vault = vault(settings(recorder.address(), files.token(bao.root_token())));
    let place = at("kv-version", "x");
    assert_eq!(vault.current_version(&place).await.unwrap(), None);
    bao.post("kv-version/metadata/x", &json!({"custom_metadata": {"owner": "crm"}})).await;
    assert_eq!(vault.current_version(&place).await.unwrap(), None, "metadata alone");
    bao.write_secret("kv-version", "x", &json!({"password": "a"})).await;
    assert_eq!(vault.current_version(&place).await.unwrap(), Some(SecretVersion(1)));
    bao.post("kv-version/metadata/x", &json!({"max_versions": 4})).await;
    assert_eq!(vault.current_version(&place).await.unwrap(), Some(SecretVersion(1)));
    bao.write_secret("kv-version", "x", &json!({"password": "b"})).await;
    assert_eq!(vault.current_version(&place).await.unwrap(), Some(SecretVersion(2)));
    assert!(
        recorder.seen().iter().all(|seen| !seen.line.contains("/data/")),
        "the secret itself was not asked for"
    );
}

#[tokio::test]
async fn deleted_destroyed_and_missing_secrets_are_told_apart() {
    let bao = OpenBao::shared();
    bao.mount("kv-gone").await;
    for password in ["a", "b"] {
        bao.write_secret("kv-gone", "x", &json!({"password": password})).await;
    }
    let files = Files::new();
    let vault = root_vault(&files);
    let place = at("kv-gone", "x");
    let second = Some(SecretVersion(2));

    bao.call(Method::DELETE, None, "kv-gone/data/x", None).await;
    let deleted = vault.read(&place).await.unwrap();
    assert!(
        matches!(deleted, Stored::Gone { version, destroyed: false } if version == second),
        "{deleted:?}"
    );
    assert_eq!(vault.current_version(&place).await.unwrap(), second);

    bao.post("kv-gone/undelete/x", &json!({"versions": [2]})).await;
    assert_eq!(fields(&vault, &place).await, json!({"password": "b"}));

    bao.post("kv-gone/destroy/x", &json!({"versions": [2]})).await;
    let destroyed = vault.read(&place).await.unwrap();
    assert!(
        matches!(destroyed, Stored::Gone { version, destroyed: true } if version == second),
        "{destroyed:?}"
    );

    bao.call(Method::DELETE, None, "kv-gone/metadata/x", None).await;
    let missing = vault.read(&place).await.unwrap();
    assert!(matches!(missing, Stored::Missing), "{missing:?}");
    assert_eq!(vault.current_version(&place).await.unwrap(), None);
}

#[tokio::test]
async fn a_mount_without_an_engine_of_version_2_is_no_missing_secret() {
    let bao = OpenBao::shared();
    let version_1 = json!({"type": "kv", "options": {"version": "1"}});
    bao.post("sys/mounts/kv-one", &version_1).await;
    bao.post("kv-one/data/filled", &json!({"password": "a"})).await;
    bao.post("sys/mounts/keys", &json!({"type": "transit"})).await;
    let files = Files::new();
    let vault = root_vault(&files);
    assert_eq!(trouble(&vault, &at("nowhere", "x")).await, SecretTrouble::NoEngine);
    assert_eq!(trouble(&vault, &at("kv-one", "x")).await, SecretTrouble::NoEngine);
    assert_eq!(trouble(&vault, &at("keys", "x")).await, SecretTrouble::NoEngine);
    let filled = vault.read(&at("kv-one", "filled")).await.unwrap_err();
    assert_eq!(filled.trouble, SecretTrouble::NoEngine);
}

#[tokio::test]
async fn a_path_too_long_for_an_address_is_refused_and_not_sent() {
    let bao = OpenBao::shared();
    let files = Files::new();
    let vault = root_vault(&files);
    // The longest that fits an address, until the version of the API is put in front of it.
    let room = 65_532 - bao.address().len() - "/secret/data/".len();
    for length in [room, 100_000] {
        let endless = at("secret", &"x".repeat(length));
        assert_eq!(trouble(&vault, &endless).await, SecretTrouble::NoEngine);
    }
}

#[tokio::test]
async fn a_secret_is_read_in_its_namespace_alone() {
    let bao = OpenBao::shared();
    bao.post("sys/namespaces/team-a", &json!({})).await;
    let team = Some("team-a");
    bao.mount_in(team, "kv-team").await;
    let secret = json!({"data": {"password": "a"}});
    bao.call(Method::POST, team, "kv-team/data/x", Some(&secret)).await;

    let files = Files::new();
    let in_namespace = |namespace: Option<&str>| {
        let mut settings = settings(bao.address(), files.token(bao.root_token()));
        settings.namespace = namespace.map(str::to_owned);
        vault(settings)
    };
    let place = at("kv-team", "x");
    assert_eq!(fields(&in_namespace(team), &place).await, json!({"password": "a"}));
    let missing = in_namespace(team).read(&at("kv-team", "y")).await.unwrap();
    assert!(matches!(missing, Stored::Missing), "{missing:?}");
    assert_eq!(trouble(&in_namespace(None), &place).await, SecretTrouble::NoEngine);
    assert_eq!(trouble(&in_namespace(Some("team-b")), &place).await, SecretTrouble::NoEngine);
}

#[tokio::test]
async fn paths_may_hold_spaces_accents_and_characters_of_an_address() {
    let bao = OpenBao::shared();
    bao.mount("kv-odd").await;
    bao.write_secret("kv-odd", "with%20space/%C3%A9%3Fx%23y", &json!({"password": "a"})).await;
    let files = Files::new();
    let vault = root_vault(&files);
    let found = fields(&vault, &at("kv-odd", "with space/é?x#y")).await;
    assert_eq!(found, json!({"password": "a"}));
    let slashes = fields(&vault, &at("/kv-odd/", "/with space/é?x#y/")).await;
    assert_eq!(slashes, json!({"password": "a"}));
}

#[tokio::test]
async fn an_answer_of_another_shape_is_unreadable_and_prints_nothing_of_itself() {
    let canary = "canary-4711";
    let files = Files::new();
    let stand_in = StandIn::start(Manner::Answer(200, json!({"data": canary})));
    let wrong_number = json!({
        "request_id": "", "lease_id": "", "lease_duration": 0, "renewable": false,
        "data": {"data": {"password": canary}, "metadata": {
            "created_time": canary, "deletion_time": "", "destroyed": false, "version": canary,
            "current_version": canary}},
    });
    let approle = files.approle("approle", &("role".to_owned(), "secret".to_owned()));
    let logged_in = json!({
        "request_id": "", "lease_id": "", "lease_duration": 0, "renewable": false, "data": null,
        "auth": {"client_token": "s.1", "accessor": "", "policies": [], "token_policies": [],
            "metadata": null, "lease_duration": 60, "renewable": true, "entity_id": "",
            "token_type": "service", "orphan": true},
    });
    for body in [json!(canary), json!({"data": canary}), wrong_number] {
        stand_in.behave(Manner::Answer(200, logged_in.clone()));
        let vault = vault(settings(stand_in.address(), approle.clone()));
        let login_only = vault.read(&at("secret", "x")).await.unwrap_err();
        assert_eq!(login_only.trouble, SecretTrouble::Unreadable, "an answer without data");
        stand_in.behave(Manner::Answer(200, body));
        assert_eq!(trouble(&vault, &at("secret", "x")).await, SecretTrouble::Unreadable);
        let error = vault.read(&at("secret", "x")).await.unwrap_err();
        let printed = format!("{error} {error:?} {:?}", vault.token_status());
        assert!(!printed.contains(canary) && !printed.contains("s.1"), "{printed}");
    }
}

#[tokio::test]
async fn a_folder_of_secrets_is_listed_with_their_versions_in_one_request() {
    let bao = OpenBao::shared();
    bao.mount("kv-list").await;
    for (place, times) in [("sf/a", 1), ("sf/b", 3), ("sf/below/c", 1), ("top", 2)] {
        for _ in 0..times {
            bao.write_secret("kv-list", place, &json!({"password": "x"})).await;
        }
    }
    bao.post("kv-list/metadata/sf/empty", &json!({"max_versions": 4})).await;
    let files = Files::new();
    let recorder = StandIn::start(Manner::PassOn(bao.address().to_owned()));
    let vault = vault(settings(recorder.address(), files.token(bao.root_token())));
    let listed = async |path| {
        let versions = vault.current_versions(&at("kv-list", path)).await.unwrap();
        versions.map(|versions| versions.into_iter().map(|(n, v)| (n, v.0)).collect::<Vec<_>>())
    };
    let owned = |pairs: &[(&str, u64)]| {
        Some(pairs.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect::<Vec<_>>())
    };
    assert_eq!(listed("sf").await, owned(&[("a", 1), ("b", 3)]));
    assert_eq!(listed("").await, owned(&[("top", 2)]));
    assert_eq!(listed("nowhere").await, None);
    let lines: Vec<_> = recorder.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(
        lines[1..3],
        ["LIST /v1/kv-list/detailed-metadata/sf/", "LIST /v1/kv-list/detailed-metadata/"]
    );
}

#[tokio::test]
async fn a_list_needs_its_line_in_the_policy_and_is_done_without_where_it_lacks() {
    let bao = OpenBao::shared();
    bao.mount("kv-may-list").await;
    bao.write_secret("kv-may-list", "sf/a", &json!({"password": "x"})).await;
    let read = "path \"kv-may-list/metadata/sf/a\" { capabilities = [\"read\"] }\n";
    let list = "path \"kv-may-list/detailed-metadata/sf/\" { capabilities = [\"list\"] }\n";
    for (name, policy, may) in
        [("reads-one", read.to_owned(), false), ("lists", format!("{read}{list}"), true)]
    {
        bao.policy(name, &policy).await;
        let token = bao.token(&json!({"policies": [name]})).await;
        let files = Files::new();
        let vault = vault(settings(bao.address(), files.token(&token)));
        let versions = vault.current_versions(&at("kv-may-list", "sf")).await.unwrap();
        assert_eq!(versions.is_some(), may, "{name}");
        let one = vault.current_version(&at("kv-may-list", "sf/a")).await.unwrap();
        assert_eq!(one, Some(SecretVersion(1)), "{name}");
    }
}
