//! What the two forms do with what is, and what is not, submitted.

use simulator::{Change, Simulator, Skin, World};

use crate::person::Person;

async fn direct(skin: Skin) -> (Simulator, Person) {
    let world = World::new().skin(skin).instance("Acme UK", |one| {
        one.connector("On").connector_with("Off", simulator::ConnectorPlan::disabled)
    });
    let simulator = Simulator::start(world).unwrap();
    let person = Person::logged_in(&simulator).await;
    (simulator, person)
}

#[tokio::test]
async fn an_enabled_connector_refuses_to_be_edited() {
    for skin in Skin::ALL {
        let (simulator, mut person) = direct(skin).await;
        let before = simulator.connector("Acme UK", "On").unwrap().holds;
        person.go_to_connector("On").await;
        person.follow("Data Source Properties").await;
        person.press("Save", &[("Password", "new"), ("Security Token", "new")]).await;
        assert_eq!(person.errors().len(), 1, "{}", person.html);
        assert_eq!(simulator.connector("Acme UK", "On").unwrap().holds, before);
        assert!(simulator.console_log().iter().all(|request| !request.is_write()));
    }
}

#[tokio::test]
async fn a_secret_left_blank_is_cleared_and_the_other_secrets_are_kept() {
    for skin in Skin::ALL {
        let (simulator, mut person) = direct(skin).await;
        let before = simulator.connector("Acme UK", "Off").unwrap();
        person.go_to_connector("Off").await;
        person.follow("Data Source Properties").await;
        assert!(!person.html.contains(&before.holds.password), "it is rendered blank");
        person.press("Save", &[("Password", "new")]).await;
        let after = simulator.connector("Acme UK", "Off").unwrap();
        assert_eq!((after.holds.password.as_str(), after.holds.token.as_str()), ("new", ""));
        assert_eq!(after.other_fields, before.other_fields);
    }
}

#[tokio::test]
async fn a_field_that_is_not_sent_back_is_lost_and_shows_in_the_log() {
    for skin in Skin::ALL {
        let (simulator, mut person) = direct(skin).await;
        person.follow("Integration").await;
        person.follow("Security").await;
        let (action, mut fields) = person.form();
        fields.retain(|(name, _)| !name.ends_with("SdkPassword") && !name.ends_with("SdkIp"));
        fields.push(person.button("Save"));
        person.send(&action, &fields).await.unwrap();
        let other = simulator.integration("Acme UK").unwrap().other_fields;
        assert_eq!(
            (other["SDK password"].as_str(), other["SDK IP authentication"].as_str()),
            ("", "")
        );
        let log = simulator.console_log();
        let Some(Change::Security { fields, .. }) = log.last().unwrap().changes.first() else {
            panic!("{:?}", log.last());
        };
        assert_eq!(
            fields,
            &["Password", "Security Token", "SDK password", "SDK IP authentication"]
        );
    }
}

#[tokio::test]
async fn two_buttons_at_once_are_refused() {
    for skin in Skin::ALL {
        let (simulator, mut person) = direct(skin).await;
        person.follow("Integration").await;
        person.follow("Security").await;
        let (action, mut fields) = person.form();
        fields.push(person.button("Save"));
        fields.push(person.button("Test SDK"));
        person.send(&action, &fields).await.unwrap();
        assert_eq!(person.status, 400);
        assert!(simulator.console_log().iter().all(|request| !request.is_write()));
    }
}

#[tokio::test]
async fn the_other_button_of_the_security_form_saves_nothing_and_is_noted() {
    for skin in Skin::ALL {
        let (simulator, mut person) = direct(skin).await;
        let before = simulator.integration("Acme UK").unwrap().holds;
        person.follow("Integration").await;
        person.follow("Security").await;
        person.press("Test SDK", &[]).await;
        assert_eq!(simulator.integration("Acme UK").unwrap().holds, before);
        let log = simulator.console_log();
        assert_eq!(log.last().unwrap().name, "POST test-sdk");
        assert!(matches!(log.last().unwrap().changes.as_slice(), [Change::SdkTested { .. }]));
    }
}

#[tokio::test]
async fn every_label_and_action_of_the_runbook_is_there_exactly_once() {
    for skin in Skin::ALL {
        let (_simulator, mut person) = direct(skin).await;
        for menu in ["Tools", "Data Sync", "Integration", "Log out"] {
            assert_eq!(person.count_actions(menu), 1, "{menu} in {}", person.html);
        }
        person.go_to_connector("Off").await;
        for action in ["Change State", "Data Source Properties"] {
            assert_eq!(person.count_actions(action), 1, "{action} in {}", person.html);
        }
        person.follow("Change State").await;
        assert_eq!((person.count_actions("Change State"), person.count_labels("Status")), (1, 1));
        person.follow("Cancel").await;
        person.follow("Data Source Properties").await;
        let labels = [
            "Username",
            "Password",
            "Security Token",
            "Client ID",
            "Client Secret",
            "Login URL",
            "Description",
            "Sandbox",
            "API version",
        ];
        for label in labels {
            assert_eq!(person.count_labels(label), 1, "{label} in {}", person.html);
        }
        person.follow("Integration").await;
        for tab in ["General", "Security", "Queue Status", "Mappings"] {
            assert_eq!(person.count_actions(tab), 1, "{tab} in {}", person.html);
        }
        person.follow("Security").await;
        for label in ["Username", "Password", "Security Token", "SDK user", "SDK password"] {
            assert_eq!(person.count_labels(label), 1, "{label} in {}", person.html);
        }
        assert_eq!(person.count_actions("Save"), 1);
    }
}

#[tokio::test]
async fn an_error_about_something_else_does_not_take_the_tick_away() {
    for skin in Skin::ALL {
        let world = World::new()
            .skin(skin)
            .instance("Acme UK", |one| one.other_error("Item 4711: name longer than 100"));
        let simulator = Simulator::start(world).unwrap();
        let mut person = Person::logged_in(&simulator).await;
        person.follow("Integration").await;
        assert_eq!(person.tick("Integration running"), "Yes");
        assert_eq!(person.errors(), ["Item 4711: name longer than 100"]);
    }
}

#[tokio::test]
async fn a_plain_form_wants_its_anti_forgery_token_back() {
    let (simulator, mut person) = direct(Skin::Plain).await;
    person.go_to_connector("On").await;
    person.follow("Change State").await;
    let (action, mut fields) = person.form();
    fields.push(person.button("Change State"));
    let mut stranger = Person::logged_in(&simulator).await;
    stranger.send(&action, &fields).await.unwrap();
    assert_eq!(stranger.status, 400, "the token is another session's");
    let without: Vec<_> =
        fields.iter().filter(|(name, _)| !name.starts_with("__")).cloned().collect();
    person.send(&action, &without).await.unwrap();
    assert_eq!(person.status, 400);
    assert!(simulator.console_log().iter().all(|request| !request.is_write()));
    person.send(&action, &fields).await.unwrap();
    assert!(simulator.console_log().last().unwrap().is_write());
}
