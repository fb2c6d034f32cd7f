//! Good manners: few requests, one login, a session that ends is renewed once, an own name.

use std::time::Duration;

use jiff::SignedDuration;
use reset_receiver::domain::fault::Fault as Class;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::console::{Console, Switch, Trouble};
use simulator::{ConsoleUser, Fault, Match, Skin, Times, World};

use crate::console_contract::bench::{
    Bench, CONNECTOR, INSTANCE, OTHER_INSTANCE, account, always, connector, credential,
    integration, login, named, secret,
};

/// A world whose console user has a second factor.
fn with_factor(skin: Skin) -> World {
    let user = ConsoleUser::new(World::CONSOLE_USER, World::CONSOLE_PASSWORD)
        .totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    let world = World::new().skin(skin).console_user(user);
    world.instance(INSTANCE, |plan| plan.connector(CONNECTOR))
}

/// Walks to the connector once, so that the way is known, and logs out.
async fn learn(bench: &Bench, instance: Option<&str>) {
    let mut session = bench.open().await.unwrap();
    session.observe_connector(&connector(instance)).await.unwrap();
    session.close().await.unwrap();
}

/// The requests up to and including the one that disables the connector.
async fn contain(bench: &Bench, instance: Option<&str>) -> Vec<String> {
    let before = bench.requests();
    let mut session = bench.open().await.unwrap();
    session.observe_connector(&connector(instance)).await.unwrap();
    session.switch_connector(&connector(instance), Switch::Disable).await.unwrap();
    let requests = bench.requests_since(before);
    assert_eq!(requests.last().map(String::as_str), Some("POST change-state"));
    requests
}

#[actix_web::test]
async fn with_plain_links_a_cold_session_disables_a_connector_in_at_most_seven_requests() {
    let bench = Bench::one_instance(Skin::Plain);
    learn(&bench, None).await;
    let requests = contain(&bench, None).await;
    assert_eq!(requests.len(), 6, "{requests:?}");

    let bench = Bench::two_instances(Skin::Plain);
    learn(&bench, Some(INSTANCE)).await;
    let requests = contain(&bench, Some(INSTANCE)).await;
    assert_eq!(requests.len(), 7, "{requests:?}");
}

#[actix_web::test]
async fn with_postbacks_a_cold_session_presses_what_a_person_would_and_nothing_more() {
    let bench = Bench::one_instance(Skin::WebForms);
    learn(&bench, None).await;
    let requests = contain(&bench, None).await;
    let expected = [
        "GET login",
        "POST login",
        "GET home",
        "GET data-sync",
        "GET connectors",
        "GET connector",
        "GET change-state",
        "POST change-state",
    ];
    assert_eq!(requests, expected);
}

#[actix_web::test]
async fn a_warm_session_disables_a_connector_in_three_requests() {
    for skin in Skin::ALL {
        let bench = Bench::two_instances(skin);
        let mut session = bench.open().await.unwrap();
        let place = connector(Some(INSTANCE));
        session.observe_connector(&place).await.unwrap();
        let before = bench.requests();
        session.observe_connector(&place).await.unwrap();
        session.switch_connector(&place, Switch::Disable).await.unwrap();
        let requests = bench.requests_since(before);
        assert_eq!(requests, ["GET connector", "GET change-state", "POST change-state"]);
        let before = bench.requests();
        session.observe_connector(&named(Some(INSTANCE), "Salesforce leads")).await.unwrap();
        let requests = bench.requests_since(before);
        assert_eq!(requests, ["GET connector"], "the list is known already");
    }
}

#[actix_web::test]
async fn what_was_observed_long_ago_is_observed_again_before_it_is_acted_upon() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let mut session = bench.open().await.unwrap();
        session.observe_connector(&connector(None)).await.unwrap();
        bench.clock.advance(Duration::from_secs(6));
        let before = bench.requests();
        session.switch_connector(&connector(None), Switch::Disable).await.unwrap();
        let requests = bench.requests_since(before);
        assert_eq!(requests, ["GET connector", "GET change-state", "POST change-state"]);
    }
}

#[actix_web::test]
async fn a_remembered_way_that_leads_elsewhere_is_walked_anew() {
    let mut bench = Bench::one_instance(Skin::Plain);
    learn(&bench, None).await;
    // The address of the connector is answered with an error, once.
    bench.simulator.fault(Match::request("GET connector"), Fault::Status(404), Times::Once);
    let before = bench.requests();
    let mut session = bench.open().await.unwrap();
    session.observe_connector(&connector(None)).await.unwrap();
    let requests = bench.requests_since(before + 3);
    let expected = ["GET connector", "GET data-sync", "GET connectors", "GET connector"];
    assert_eq!(requests, expected);
    bench.restart();
    let before = bench.requests();
    let mut session = bench.open().await.unwrap();
    session.observe_connector(&connector(None)).await.unwrap();
    assert_eq!(bench.requests_since(before).len(), 7, "nothing is known after a restart");
}

#[actix_web::test]
async fn a_session_that_ends_is_renewed_once_and_the_verb_is_done() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let mut session = bench.open().await.unwrap();
        session.observe_connector(&connector(None)).await.unwrap();
        bench.simulator.expire_sessions();
        session.switch_connector(&connector(None), Switch::Disable).await.unwrap();
        assert_eq!(bench.simulator.console_logins(), 2);
        assert_eq!(bench.writes().len(), 1);
        bench.simulator.expire_sessions();
        let ended = session.observe_connector(&connector(None)).await.unwrap_err();
        assert_eq!(ended.trouble, Trouble::SessionEnded);
        assert_eq!(bench.simulator.console_logins(), 2, "it does not log in a third time");
    }
}

#[actix_web::test]
async fn a_refused_login_is_tried_once() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let mut wrong = login();
        wrong.password = secret("not the password");
        assert_eq!(bench.refusal(&wrong).await, Trouble::LoginRefused);
        assert_eq!(bench.simulator.refused_console_logins(), 1);
    }
}

#[actix_web::test]
async fn a_second_factor_is_answered_with_a_code_that_was_not_sent_before() {
    for skin in Skin::ALL {
        let bench = Bench::of(with_factor(skin));
        bench.clock.set_to_the_machines();
        let mut login = login();
        login.totp = Some(secret("gezd gnbv gy3t qojq gezd gnbv gy3t qojq"));
        let started = bench.clock.now();
        bench.console.open(&account(), &login, &always()).await.unwrap().close().await.unwrap();
        assert_eq!(bench.clock.now(), started);
        bench.console.open(&account(), &login, &always()).await.unwrap();
        let waited = bench.clock.now().duration_since(started);
        assert_eq!(waited, SignedDuration::from_secs(30), "the next code is another one");
        assert_eq!(bench.simulator.console_logins(), 2);
        assert_eq!(bench.simulator.refused_console_logins(), 0);
    }
}

#[actix_web::test]
async fn a_second_factor_without_its_secret_or_with_a_wrong_one_needs_a_person() {
    for skin in Skin::ALL {
        let bench = Bench::of(with_factor(skin));
        assert_eq!(bench.refusal(&login()).await, Trouble::SecondFactor);
        assert_eq!(bench.simulator.refused_console_logins(), 0);
        let mut wrong = login();
        wrong.totp = Some(secret("JBSWY3DPEHPK3PXP"));
        let refused = bench.refusal(&wrong).await;
        assert_eq!((&refused, refused.fault()), (&Trouble::CodeRefused, Class::Permanent));
        assert!(refused.is_about_session(), "no other surface sends another code");
        assert!(refused.to_string().ends_with("this machine's clock, then retry"), "{refused}");
        assert_eq!(bench.simulator.refused_console_logins(), 1);
    }
}

#[actix_web::test]
async fn an_address_that_wants_confirming_needs_a_person() {
    for skin in Skin::ALL {
        let user = ConsoleUser::new(World::CONSOLE_USER, World::CONSOLE_PASSWORD).confirm_ip();
        let world = World::new().skin(skin).console_user(user);
        let bench = Bench::of(world.instance(INSTANCE, |plan| plan.connector(CONNECTOR)));
        assert_eq!(bench.refusal(&login()).await, Trouble::ConfirmAddress);
    }
}

#[actix_web::test]
async fn every_request_names_the_program_and_its_version() {
    let bench = Bench::one_instance(Skin::Plain);
    let mut session = bench.open().await.unwrap();
    session.update_integration(&integration(None), &credential()).await.unwrap();
    let name = format!("reset-receiver/{}", env!("CARGO_PKG_VERSION"));
    for request in bench.simulator.console_log() {
        assert_eq!(request.driver.as_deref(), Some(name.as_str()), "{request:?}");
    }
}

#[actix_web::test]
async fn going_back_to_an_instance_walks_from_its_first_page() {
    let bench = Bench::two_instances(Skin::WebForms);
    let mut session = bench.open().await.unwrap();
    for instance in [INSTANCE, OTHER_INSTANCE, INSTANCE] {
        let before = bench.requests();
        session.observe_connector(&connector(Some(instance))).await.unwrap();
        // A page of an instance that was left may belong to the one that was entered since.
        assert_eq!(
            bench.requests_since(before),
            ["GET home", "GET data-sync", "GET connectors", "GET connector"]
        );
    }
}
