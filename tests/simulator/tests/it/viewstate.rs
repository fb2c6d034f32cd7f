//! The WebForms skin checks what it gets back.

use simulator::{ConnectorPlan, Simulator, Skin, State, World};

use crate::person::Person;

fn world() -> World {
    World::new().skin(Skin::WebForms).instance("Acme UK", |one| {
        one.connector("Sync").connector_with("Off", ConnectorPlan::disabled)
    })
}

/// A person in front of the Change State form, with what it would send.
async fn about_to_disable(simulator: &Simulator) -> (Person, String, Vec<(String, String)>) {
    let mut person = Person::logged_in(simulator).await;
    person.go_to_connector("Sync").await;
    person.follow("Change State").await;
    let (action, mut fields) = person.form();
    for (name, value) in &mut fields {
        if name.ends_with("ddlStatus") {
            "Disabled".clone_into(value);
        }
    }
    fields.push(person.button("Change State"));
    (person, action, fields)
}

fn state(simulator: &Simulator) -> State {
    simulator.connector("Acme UK", "Sync").unwrap().state
}

#[tokio::test]
async fn a_view_state_that_is_missing_or_changed_is_an_error_and_nothing_happens() {
    let simulator = Simulator::start(world()).unwrap();
    let (mut person, action, fields) = about_to_disable(&simulator).await;
    for spoilt in ["__VIEWSTATE", "__VIEWSTATEGENERATOR", "__EVENTVALIDATION"] {
        let missing: Vec<_> = fields.iter().filter(|(name, _)| name != spoilt).cloned().collect();
        person.send(&action, &missing).await.unwrap();
        assert_eq!(person.status, 500, "without {spoilt}");
        let mut changed = fields.clone();
        for (name, value) in &mut changed {
            if name == spoilt {
                let another = if value.starts_with('A') { "B" } else { "A" };
                value.replace_range(0..1, another);
            }
        }
        person.send(&action, &changed).await.unwrap();
        assert_eq!(person.status, 500, "with another {spoilt}");
        assert_eq!(state(&simulator), State::Enabled);
    }
    person.send(&action, &fields).await.unwrap();
    assert_eq!((person.status, state(&simulator)), (200, State::Disabled));
}

#[tokio::test]
async fn a_view_state_of_another_session_is_an_error() {
    let simulator = Simulator::start(world()).unwrap();
    let (_, action, fields) = about_to_disable(&simulator).await;
    let mut stranger = Person::logged_in(&simulator).await;
    stranger.send(&action, &fields).await.unwrap();
    assert_eq!((stranger.status, state(&simulator)), (500, State::Enabled));
    assert!(stranger.reads().contains("Validation of viewstate MAC failed"));
}

#[tokio::test]
async fn a_view_state_of_another_page_is_an_error() {
    let simulator = Simulator::start(world()).unwrap();
    let mut person = Person::at(&simulator);
    person.open("/Login.aspx").await;
    let (_, fields) = person.form();
    person.log_in(World::CONSOLE_USER, World::CONSOLE_PASSWORD).await;
    person.send("/default.aspx?tabid=36", &fields).await.unwrap();
    assert_eq!(person.status, 500);
}

#[tokio::test]
async fn a_postback_that_the_page_does_not_offer_is_an_error() {
    let simulator = Simulator::start(world()).unwrap();
    let mut person = Person::logged_in(&simulator).await;
    let (action, mut fields) = person.form();
    for (name, value) in &mut fields {
        if name == "__EVENTTARGET" {
            "dnn$ctr432$DataSync$grid".clone_into(value);
        }
    }
    person.send(&action, &fields).await.unwrap();
    assert_eq!(person.status, 500);
    assert!(person.reads().contains("Invalid postback"));
}

#[tokio::test]
async fn a_view_state_in_chunks_has_to_come_back_whole() {
    let simulator = Simulator::start(world().view_state_chunks(40)).unwrap();
    let (mut person, action, fields) = about_to_disable(&simulator).await;
    let count = fields.iter().find(|(name, _)| name == "__VIEWSTATEFIELDCOUNT").unwrap();
    assert!(count.1.parse::<usize>().unwrap() > 2, "{}", count.1);
    let short: Vec<_> = fields.iter().filter(|(name, _)| name != "__VIEWSTATE2").cloned().collect();
    person.send(&action, &short).await.unwrap();
    assert_eq!((person.status, state(&simulator)), (500, State::Enabled));
    person.send(&action, &fields).await.unwrap();
    assert_eq!((person.status, state(&simulator)), (200, State::Disabled));
}

#[tokio::test]
async fn every_page_stays_on_one_address() {
    let simulator = Simulator::start(world()).unwrap();
    let mut person = Person::logged_in(&simulator).await;
    person.go_to_connector("Sync").await;
    assert!(person.url.ends_with("/default.aspx?tabid=36"), "{}", person.url);
    assert!(!person.html.contains("<label"));
}
