//! What spends the one login that a version has, and what does not.

use simulator::{Fault, LoginOutcome, Match, State, Times};

use super::bench::{Scene, Way};
use crate::support::town::CONNECTORS;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_spends_the_login_and_the_secret_goes_on_without_proof() {
    for (way, request) in [(Way::Soap, "POST soap-login"), (Way::Oauth, "POST oauth-token")] {
        for fault in [
            Fault::ResetBefore,
            Fault::ResetAfter,
            Fault::Truncated,
            Fault::CutShort,
            Fault::Status(500),
            Fault::Status(503),
        ] {
            let told = format!("{way:?} {fault}");
            let mut scene = Scene::new(way).await;
            scene.town.simulator.fault(Match::request(request), fault, Times::Always);
            let new = scene.reset_and_tell().await;
            scene.until("confirmed").await;
            assert_eq!(scene.requests(request), 1, "{told}");
            assert!(scene.logins().len() <= 1, "{told}");
            assert!(scene.held().iter().all(|held| *held == new), "{told}");
            let entries = scene.entries().await;
            assert!(entries.contains(&"unproven".to_owned()), "{told}: {entries:?}");
            assert!(!entries.contains(&"proved".to_owned()), "{told}: {entries:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_cannot_be_reached_is_waited_for_and_spends_nothing() {
    for fault in [Fault::ResetBefore, Fault::Status(429), Fault::Status(503)] {
        let told = fault.to_string();
        let mut scene = Scene::new(Way::Soap).await;
        let simulator = &scene.town.simulator;
        simulator.fault(Match::request("GET versions"), fault, Times::Count(3));
        scene.reset_and_tell().await;
        scene.until("confirmed").await;
        assert_eq!(scene.requests("GET versions"), 4, "{told}");
        assert_eq!(scene.requests("POST soap-login"), 1, "{told}");
        let entries = scene.entries().await;
        let proving = entries.iter().position(|entry| entry == "proving").unwrap();
        let deferred = entries.iter().position(|entry| entry == "deferred").unwrap();
        assert!(deferred < proving, "{told}: {entries:?}");
        assert!(entries.contains(&"proved".to_owned()), "{told}: {entries:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connected_app_that_is_not_in_vault_spends_nothing() {
    let mut scene = Scene::new(Way::Oauth).await;
    let (openbao, mount) = (scene.town.openbao, scene.town.mount.clone());
    let half = serde_json::json!({"client_id": "alone"});
    openbao.write_secret(&mount, "connected-app", &half).await;
    scene.reset_and_tell().await;
    let stuck = scene.stuck().await;
    assert!(stuck.contains("`client_secret` is missing or empty"), "{stuck}");
    assert_eq!(scene.requests("POST oauth-token"), 0);

    let whole = serde_json::json!({
        "client_id": simulator::World::CLIENT_ID,
        "client_secret": simulator::World::CLIENT_SECRET,
    });
    openbao.write_secret(&mount, "connected-app", &whole).await;
    scene.say("retry").await;
    scene.until("confirmed").await;
    assert!(scene.entries().await.contains(&"proved".to_owned()));
    assert_eq!(scene.requests("POST oauth-token"), 1);
}

/// The entries from the first of this name on.
fn since<'e>(entries: &'e [String], name: &str) -> &'e [String] {
    let first = entries.iter().position(|entry| entry == name);
    &entries[first.unwrap_or_else(|| panic!("no {name}: {entries:?}"))..]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_somebody_enabled_is_contained_again_before_the_login_is_spent() {
    for (way, request) in [(Way::Soap, "POST soap-login"), (Way::Oauth, "POST oauth-token")] {
        let mut scene = Scene::new(way).await;
        let new = scene.reset();
        scene.tell().await;
        scene.until("awaiting_secret").await;
        let simulator = &scene.town.simulator;
        let (instance, connector, _) = CONNECTORS[0];
        assert!(simulator.set_state(instance, connector, State::Enabled));
        // For now nobody can disable it again.
        let refused = Fault::Status(503);
        simulator.fault(Match::request("POST change-state"), refused, Times::Always);
        scene.town.write_secret(&new).await;
        scene.until_entries("found_enabled", "deferred", 2).await;
        let entries = scene.entries().await;
        assert!(!entries.contains(&"proving".to_owned()), "{way:?}: {entries:?}");
        assert_eq!(scene.requests(request), 0, "{way:?}: {entries:?}");

        scene.town.simulator.clear_faults();
        scene.until("confirmed").await;
        let entries = scene.entries().await;
        let contained = since(since(&entries, "found_enabled"), "contained");
        assert!(contained.contains(&"proving".to_owned()), "{way:?}: {entries:?}");
        assert!(contained.contains(&"proved".to_owned()), "{way:?}: {entries:?}");
        assert_eq!(scene.requests(request), 1, "{way:?}");
        assert!(scene.held().iter().all(|held| *held == new), "{way:?}");
        let outcomes: Vec<_> = scene.logins().iter().map(|login| login.outcome).collect();
        assert_eq!(outcomes, [LoginOutcome::Success], "{way:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_rotation_does_not_try_a_refused_version_again() {
    let mut scene = Scene::new(Way::Soap).await;
    scene.reset_and_tell_wrongly().await;
    scene.stuck().await;
    scene.say("abandon").await;
    scene.until("abandoned").await;
    scene.tell().await;
    let stuck = scene.stuck().await;
    assert!(stuck.contains("INVALID_LOGIN"), "it still says what Salesforce said: {stuck}");
    let entries = scene.entries().await;
    assert!(entries.contains(&"rejected".to_owned()), "{entries:?}");
    assert!(!entries.contains(&"proving".to_owned()), "{entries:?}");
    let outcomes: Vec<_> = scene.logins().iter().map(|login| login.outcome).collect();
    assert_eq!(outcomes, [LoginOutcome::InvalidPassword]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_from_before_a_newer_reset_proves_nothing_after_it() {
    let mut scene = Scene::new(Way::Soap).await;
    scene.reset_and_tell().await;
    scene.until("confirmed").await;
    // The password is changed again, and within the grace the version still counts as new.
    scene.tell().await;
    scene.until_one_of(&["awaiting_secret", "confirmed", "unconfirmed", "stuck"]).await;
    assert_eq!(scene.logins().len(), 1, "{:?}", scene.entries().await);
    let entries = scene.entries().await;
    assert!(!entries.contains(&"proved".to_owned()), "{entries:?}");
}
