//! Vault revokes the token of the running program, in the middle of a rotation.

use std::fs;
use std::path::Path;

use reset_receiver::domain::phase::Phase;
use serde_json::json;
use simulator::{Credential, Skin};

use crate::decay::told::{tell_until_taken, until, until_phase};
use crate::support::receiver::Receiver;
use crate::support::town::{Town, USERNAME};

/// What is said of a token that Vault does not know, and what to do about it.
const REFUSED: &str =
    "Vault does not know the token in the file that `vault.auth` names; write a living one there";

/// A Vault with a policy that may read the town's secrets, named like their mount.
async fn town_with_policy() -> Town {
    let town = Town::with_own_vault(Skin::Plain).await;
    let rule = |path| format!("path \"{}/{path}\" {{ capabilities = [\"read\"] }}\n", town.mount);
    let paths = ["data/console", "data/salesforce", "metadata/salesforce"];
    town.openbao.policy(&town.mount, &paths.map(rule).concat()).await;
    town
}

/// A rotation waits for the secret, contained.
async fn begin(receiver: &Receiver, town: &Town, id: &str) -> Credential {
    let new = town.simulator.salesforce().reset_password(USERNAME, id).unwrap();
    tell_until_taken(receiver, town, USERNAME, id).await;
    until_phase(receiver, Phase::AwaitingSecret).await;
    assert!(town.states().iter().all(|enabled| !enabled));
    new
}

/// Everything is well, and nobody had to say so.
async fn assert_ends_well(receiver: &Receiver, town: &Town, new: &Credential) {
    until_phase(receiver, Phase::Confirmed).await;
    assert_eq!(town.states(), town.at_first());
    assert!(town.held().iter().all(|held| held == new));
    town.simulator.run_syncs();
    assert!(town.failed_connector_logins().is_empty());
    let id = receiver.get("/v1/rotations").await["rotations"][0]["id"].clone();
    let steps = receiver.get(&format!("/v1/rotations/{}", id.as_str().unwrap())).await;
    let entries = steps["journal"].as_array().unwrap();
    assert!(!entries.is_empty() && entries.iter().all(|row| row["entry"] != "stuck"), "{steps}");
}

/// As an agent writes it: whoever reads finds the old one or the new one, whole.
fn replace(file: &Path, token: &str) {
    let beside = file.with_extension("new");
    fs::write(&beside, token).unwrap();
    fs::rename(beside, file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_can_log_in_does_so_again_when_its_token_is_revoked() {
    let town = town_with_policy().await;
    let (role_id, secret_id) =
        town.openbao.approle("approle", &json!({"token_policies": [town.mount]})).await;
    fs::write(town.file("role-id"), role_id).unwrap();
    fs::write(town.file("secret-id"), secret_id).unwrap();
    let file = |name: &str| town.file(name).display().to_string();
    let by_token = format!("method = \"token\"\ntoken_file = \"{}\"", file("vault-token"));
    let by_role = format!(
        "method = \"approle\"\nmount = \"approle\"\nrole_id_file = \"{}\"\n\
         secret_id_file = \"{}\"",
        file("role-id"),
        file("secret-id")
    );
    let config = town.config();
    assert!(config.contains(&by_token));
    fs::write(town.file("config.toml"), config.replace(&by_token, &by_role)).unwrap();
    let receiver = Receiver::start(&town);
    let new = begin(&receiver, &town, "revoked").await;

    let revoked = town.openbao.accessors_with(&town.mount).await;
    assert_eq!(revoked.len(), 1, "one login serves all readers");
    town.openbao.revoke_accessor(&revoked[0]).await;
    town.write_secret(&new).await;
    assert_ends_well(&receiver, &town, &new).await;
    let anew = town.openbao.accessors_with(&town.mount).await;
    assert_eq!(anew.len(), 1, "one login, and not one for each read");
    assert_ne!(anew, revoked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_of_a_file_is_named_and_a_new_one_in_the_file_is_used_at_once() {
    let town = town_with_policy().await;
    let token = async || town.openbao.token(&json!({"policies": [town.mount]})).await;
    let first = token().await;
    replace(&town.file("vault-token"), &first);
    let mut receiver = Receiver::start(&town);
    let new = begin(&receiver, &town, "revoked").await;
    town.openbao.revoke(&first).await;
    town.write_secret(&new).await;
    receiver.has_logged(REFUSED, 1).await;
    until_phase(&receiver, Phase::AwaitingSecret).await;
    let second = token().await;
    replace(&town.file("vault-token"), &second);
    assert_ends_well(&receiver, &town, &new).await;

    // The same with a program that starts with the dead token, so that it cannot even contain.
    receiver.kill();
    town.openbao.revoke(&second).await;
    let receiver = Receiver::start(&town);
    let new = town.simulator.salesforce().reset_password(USERNAME, "dead").unwrap();
    tell_until_taken(&receiver, &town, USERNAME, "dead").await;
    receiver.has_logged(REFUSED, 1).await;
    until_phase(&receiver, Phase::Containing).await;
    // Nor does an agent that is slow stop it: there is no file for a while.
    fs::remove_file(town.file("vault-token")).unwrap();
    receiver.has_logged("cannot be read", 1).await;
    until_phase(&receiver, Phase::Containing).await;
    replace(&town.file("vault-token"), &token().await);
    until("all is contained", async || town.states().iter().all(|enabled| !enabled)).await;
    town.write_secret(&new).await;
    assert_ends_well(&receiver, &town, &new).await;
    for canary in [&first, &second] {
        assert!(!receiver.log().contains(canary.as_str()), "no token is in the log");
    }
}
