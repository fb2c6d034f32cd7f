//! Vault is sealed under the running program, and opened again by a person who does nothing else.

use reset_receiver::domain::phase::Phase;
use simulator::{Credential, Skin};

use crate::decay::told::{Told, tell_until_taken, until, until_phase};
use crate::support::receiver::{Receiver, client};
use crate::support::town::{Town, USERNAME};

/// What is said of a sealed Vault, in the log and on the page.
const SEALED: &str = "Vault is sealed";

/// Tells of a reset, which is acknowledged: a sender has nothing to do with Vault.
async fn tell(receiver: &Receiver, town: &Town, id: &str, told: &mut Told) {
    tell_until_taken(receiver, town, USERNAME, id).await;
    told.note(id, 202);
}

/// Says what is wrong where a person looks, and goes on taking events meanwhile: another replica
/// would be as badly off, and a sender that is turned away tells later what could be contained now.
async fn assert_told(receiver: &Receiver) {
    receiver.has_logged(SEALED, 1).await;
    let page = receiver.get("/v1/rotations").await;
    let path = format!("/v1/rotations/{}", page["rotations"][0]["id"].as_str().unwrap());
    let says = async || receiver.get(&path).await.to_string().contains(SEALED);
    until("the rotation names the seal", says).await;
    let ready = format!("http://{}/readyz", receiver.operator.unwrap());
    assert_eq!(client().get(ready).send().await.unwrap().status(), 200);
    assert!(!receiver.log().contains("CANARY"), "no secret is in the log");
}

/// Vault is open again and holds the new secret: nobody says a word, and everything is well.
async fn assert_ends_well(receiver: &Receiver, town: &Town, new: &Credential, told: &Told) {
    until_phase(receiver, Phase::Confirmed).await;
    assert_eq!(town.states(), town.at_first());
    assert!(town.held().iter().all(|held| held == new));
    town.simulator.run_syncs();
    assert!(town.failed_connector_logins().is_empty());
    let journal = format!("sqlite:{}", town.file("journal.db").display());
    told.assert_kept_in(&journal).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_under_a_sealed_vault_is_contained_and_ends_by_itself_once_it_is_open() {
    let town = Town::with_own_vault(Skin::Plain).await;
    let mut receiver = Receiver::start(&town);
    // A start reads the console's login, so that containment does not wait for Vault.
    receiver.has_logged("watching a secret", 1).await;
    town.openbao.seal().await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "sealed").unwrap();
    let mut told = Told::default();
    tell(&receiver, &town, "reset", &mut told).await;
    until("all is contained", async || town.states().iter().all(|enabled| !enabled)).await;
    until_phase(&receiver, Phase::AwaitingSecret).await;
    assert_told(&receiver).await;

    // Nor does it get lost with the process, which finds Vault sealed when it starts.
    receiver.kill();
    let receiver = Receiver::start(&town);
    tell(&receiver, &town, "again", &mut told).await;
    assert_told(&receiver).await;
    assert!(town.states().iter().all(|enabled| !enabled));
    town.openbao.unseal().await;
    town.write_secret(&new).await;
    assert_ends_well(&receiver, &town, &new, &told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_starts_under_a_sealed_vault_contains_as_soon_as_it_is_open() {
    let town = Town::with_own_vault(Skin::Plain).await;
    town.openbao.seal().await;
    let receiver = Receiver::start(&town);
    let new = town.simulator.salesforce().reset_password(USERNAME, "sealed").unwrap();
    let mut told = Told::default();
    tell(&receiver, &town, "reset", &mut told).await;
    assert_told(&receiver).await;
    assert_eq!(town.states(), town.at_first(), "nobody knows the console's login yet");
    town.openbao.unseal().await;
    until("all is contained", async || town.states().iter().all(|enabled| !enabled)).await;
    town.write_secret(&new).await;
    assert_ends_well(&receiver, &town, &new, &told).await;
}
