//! What follows from each answer of Salesforce's.

use simulator::{LoginMethod, LoginOutcome};

use super::bench::{Scene, Way};
use crate::support::town::USERNAME;

/// The entries that are there, in this order, whatever is between them.
fn assert_in_order(entries: &[String], expected: &[&str]) {
    let mut rest = entries.iter();
    for name in expected {
        assert!(rest.any(|entry| entry == name), "no {name} in its place: {entries:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_secret_is_proved_by_one_login_and_then_written() {
    for (way, requests) in [
        (Way::Soap, ["GET versions", "POST soap-login", "POST soap-logout"]),
        (Way::Oauth, ["GET versions", "POST oauth-token", "POST oauth-revoke"]),
    ] {
        let mut scene = Scene::new(way).await;
        let new = scene.reset_and_tell().await;
        scene.until("confirmed").await;
        assert!(scene.held().iter().all(|held| *held == new), "{way:?}");
        let entries = scene.entries().await;
        assert_in_order(&entries, &["contained", "secret_chosen", "proving", "proved", "updating"]);
        assert_eq!(scene.town.simulator.api_log(), requests);
        let outcomes: Vec<_> = scene.logins().iter().map(|login| login.outcome).collect();
        assert_eq!(outcomes, [LoginOutcome::Success], "{way:?}");
        assert_eq!(scene.town.simulator.salesforce().open_api_sessions(), 0, "{way:?}");
        scene.assert_no_secret_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_tried_once_is_never_written_and_waits_for_a_newer_version() {
    for (way, said) in [(Way::Soap, "INVALID_LOGIN"), (Way::Oauth, "authentication failure")] {
        let mut scene = Scene::new(way).await;
        let old = scene.held();
        let right = scene.reset_and_tell_wrongly().await;
        let stuck = scene.stuck().await;
        assert!(stuck.contains("cannot prove without a person"), "{stuck}");
        assert!(scene.entries().await.contains(&"rejected".to_owned()));
        assert!(stuck.contains(said), "it says what Salesforce said: {stuck}");
        assert!(stuck.contains("write the right secret as a newer version"), "{stuck}");

        // Neither a restart nor another event makes anybody try it again.
        scene.restart();
        scene.tell().await;
        scene.stuck().await;
        scene.town.simulator.run_syncs();
        let outcomes: Vec<_> = scene.logins().iter().map(|login| login.outcome).collect();
        assert_eq!(outcomes, [LoginOutcome::InvalidPassword], "{way:?}");
        assert!(scene.connector_logins().is_empty(), "the connectors are off");
        assert!(scene.held() == old, "nothing was written");
        // What Integration did with the dead secret meanwhile is not ours to prevent.
        scene.town.simulator.salesforce().unlock(USERNAME).unwrap();

        scene.town.write_secret(&right).await;
        scene.until_one_of(&["confirmed", "unconfirmed"]).await;
        assert!(scene.held().iter().all(|held| *held == right), "{way:?}");
        let outcomes: Vec<_> = scene.logins().iter().map(|login| login.outcome).collect();
        assert_eq!(outcomes, [LoginOutcome::InvalidPassword, LoginOutcome::Success], "{way:?}");
        scene.assert_no_secret_left().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_password_is_a_failure_though_salesforce_takes_it() {
    for way in [Way::Soap, Way::Oauth] {
        let mut scene = Scene::new(way).await;
        let (old, new) = (scene.held(), scene.reset());
        scene.town.simulator.salesforce().expire_password(USERNAME).unwrap();
        scene.town.write_secret(&new).await;
        scene.tell().await;
        let stuck = scene.stuck().await;
        assert!(stuck.contains("it has expired: set a new one there"), "{stuck}");
        assert!(scene.held() == old, "nothing was written");
        assert_eq!(scene.logins().len(), 1);
        assert_eq!(scene.town.simulator.salesforce().open_api_sessions(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_of_another_organization_is_a_failure_of_the_configuration() {
    for way in [Way::Soap, Way::Oauth] {
        let mut scene = Scene::new(way).await;
        scene.town.simulator.salesforce().move_to_organization("00D000000000009");
        let old = scene.held();
        scene.reset_and_tell().await;
        let stuck = scene.stuck().await;
        assert!(stuck.contains("00D000000000009"), "{stuck}");
        assert!(!scene.entries().await.contains(&"rejected".to_owned()));
        assert!(stuck.contains("organization_id"), "it says what to correct: {stuck}");
        assert!(scene.held() == old, "nothing was written");
        assert_eq!(scene.town.simulator.salesforce().open_api_sessions(), 0);
        assert_eq!(scene.logins().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_short_form_of_the_organization_is_the_same_organization() {
    let mut scene = Scene::new(Way::Soap).await;
    scene.town.simulator.salesforce().move_to_organization("00D5e000001AbCd");
    scene.reset_and_tell().await;
    scene.until("confirmed").await;
    assert!(scene.entries().await.contains(&"proved".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_off_is_not_held_against_the_secret() {
    let mut scene = Scene::new(Way::Soap).await;
    scene.town.simulator.salesforce().switch(LoginMethod::Soap, false);
    let old = scene.held();
    let new = scene.reset_and_tell().await;
    let stuck = scene.stuck().await;
    assert!(stuck.contains("cannot prove without a person"), "{stuck}");
    assert!(!scene.entries().await.contains(&"rejected".to_owned()));
    assert!(stuck.contains("disabled by default in this org"), "{stuck}");
    assert!(stuck.contains("switch it on there"), "it says what to do: {stuck}");
    assert!(scene.held() == old, "nothing was written");

    // The version has had its login; a person's word takes the place of the proof.
    scene.town.simulator.salesforce().switch(LoginMethod::Soap, true);
    scene.say("retry").await;
    scene.until("confirmed").await;
    assert!(scene.held().iter().all(|held| *held == new));
    assert_eq!(scene.logins().len(), 1, "not even a person's word repeats it");
    assert_in_order(
        &scene.entries().await,
        &["proving", "stuck", "retried", "unproven", "updating"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_user_waits_for_a_person_whose_word_is_taken() {
    let mut scene = Scene::new(Way::Soap).await;
    let new = scene.reset();
    // Integration goes on with the dead secret until Salesforce locks the user.
    scene.town.simulator.run_syncs();
    assert!(scene.town.simulator.salesforce().user(USERNAME).unwrap().locked);
    scene.town.write_secret(&new).await;
    scene.tell().await;
    let stuck = scene.stuck().await;
    assert!(stuck.contains("or user locked out"), "{stuck}");
    scene.town.simulator.salesforce().unlock(USERNAME).unwrap();
    scene.say("retry").await;
    scene.until_one_of(&["updating", "confirming", "unconfirmed", "stuck"]).await;
    scene.until_so("written", |scene| scene.held().iter().all(|held| *held == new)).await;
    assert_eq!(scene.logins().len(), 1, "not even a person's word repeats it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_stays_is_a_warning_where_the_secret_was_proved_and_a_refusal_otherwise() {
    for (way, end) in [(Way::Soap, "unconfirmed"), (Way::None, "stuck")] {
        let mut scene = Scene::new(way).await;
        let new = scene.reset();
        // Every surface shows a red error, which clears with its next sync only.
        scene.town.simulator.run_syncs();
        scene.town.simulator.salesforce().unlock(USERNAME).unwrap();
        scene.town.write_secret(&new).await;
        scene.tell().await;
        assert_eq!(scene.until_one_of(&["unconfirmed", "stuck", "confirmed"]).await, end);
        let entries = scene.entries().await;
        let has = |name: &str| entries.iter().any(|entry| entry == name);
        assert_eq!(has("warned"), way == Way::Soap, "{entries:?}");
        assert_eq!(has("refused"), way == Way::None, "{entries:?}");
        assert_eq!(scene.logins().len(), usize::from(way == Way::Soap));
        let journal = scene.journal().await.to_string();
        let warning = "although Salesforce took version 1";
        assert_eq!(journal.contains(warning), way == Way::Soap, "{journal}");
    }
}
