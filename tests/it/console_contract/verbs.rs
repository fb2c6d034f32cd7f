//! Each verb does what it says, and nothing else.

use reset_receiver::ports::console::{ConnectorState, Switch, Trouble};
use simulator::{Change, Credential, Skin, State, World};

use crate::console_contract::bench::{
    Bench, CONNECTOR, INSTANCE, NEW_PASSWORD, NEW_TOKEN, OTHER_INSTANCE, connector, credential,
    integration, named,
};

#[actix_web::test]
async fn a_connector_is_observed_with_its_state_and_its_red_error() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let mut session = bench.open().await.unwrap();
        let view = session.observe_connector(&connector(None)).await.unwrap();
        assert_eq!(view.state, ConnectorState::Enabled);
        assert!(view.errors.is_empty());

        bench.simulator.salesforce().reset_password(World::SALESFORCE_USER, "other-1").unwrap();
        bench.simulator.run_syncs();
        let view = session.observe_connector(&connector(None)).await.unwrap();
        let [error] = view.errors.as_slice() else { panic!("{:?}", view.errors) };
        assert!(error.about_credentials);
        assert!(error.text.contains("connection to Salesforce has failed"), "{}", error.text);
        let view = session.observe_connector(&named(None, "Salesforce leads")).await.unwrap();
        assert_eq!(view.state, ConnectorState::Disabled);
        assert!(bench.writes().is_empty());
    }
}

#[actix_web::test]
async fn integration_is_observed_with_its_tick_and_its_red_errors() {
    for skin in Skin::ALL {
        let world = World::new().skin(skin);
        let queue = "Queue item 17 was refused: required field missing";
        let bench = Bench::of(world.instance(INSTANCE, |plan| plan.other_error(queue)));
        let mut session = bench.open().await.unwrap();
        let view = session.observe_integration(&integration(None)).await.unwrap();
        assert!(view.running);
        assert_eq!(view.errors.len(), 1);
        assert!(!view.errors[0].about_credentials, "{}", view.errors[0].text);

        bench.simulator.salesforce().reset_password(World::SALESFORCE_USER, "other-1").unwrap();
        bench.simulator.run_syncs();
        let view = session.observe_integration(&integration(None)).await.unwrap();
        assert!(!view.running);
        let about: Vec<_> = view.errors.iter().map(|error| error.about_credentials).collect();
        assert_eq!(about, [false, true]);
    }
}

#[actix_web::test]
async fn a_connector_is_switched_and_nothing_else_is_changed() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let mut session = bench.open().await.unwrap();
        let place = connector(None);
        for (switch, state) in
            [(Switch::Disable, State::Disabled), (Switch::Enable, State::Enabled)]
        {
            session.switch_connector(&place, switch).await.unwrap();
            let snapshot = bench.simulator.connector(INSTANCE, CONNECTOR).unwrap();
            assert_eq!(snapshot.state, state);
            // The second time there is nothing to do.
            session.switch_connector(&place, switch).await.unwrap();
        }
        let changes: Vec<_> = bench.writes().into_iter().flat_map(|write| write.changes).collect();
        assert_eq!(changes.len(), 2, "{changes:?}");
    }
}

#[actix_web::test]
async fn updating_a_connector_writes_the_credential_and_keeps_every_other_field() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let before = bench.simulator.connector(INSTANCE, CONNECTOR).unwrap();
        let mut session = bench.open().await.unwrap();
        session.switch_connector(&connector(None), Switch::Disable).await.unwrap();
        session.update_connector(&connector(None), &credential()).await.unwrap();
        let after = bench.simulator.connector(INSTANCE, CONNECTOR).unwrap();
        let new = Credential::new(World::SALESFORCE_USER, NEW_PASSWORD, NEW_TOKEN);
        assert!(after.holds == new, "{skin:?}");
        assert_eq!(after.other_fields, before.other_fields);
        assert_eq!(after.state, State::Disabled);
        assert_eq!(bench.writes().len(), 2);
    }
}

#[actix_web::test]
async fn a_view_state_in_several_fields_is_carried_whole() {
    let world = World::new().skin(Skin::WebForms).view_state_chunks(40);
    let world = world.instance(INSTANCE, |plan| plan.connector(CONNECTOR));
    let bench = Bench::of(world);
    let mut session = bench.open().await.unwrap();
    session.switch_connector(&connector(None), Switch::Disable).await.unwrap();
    session.update_connector(&connector(None), &credential()).await.unwrap();
    let holds = bench.simulator.connector(INSTANCE, CONNECTOR).unwrap().holds;
    assert_eq!(holds.token, NEW_TOKEN);
}

#[actix_web::test]
async fn an_enabled_connector_is_not_updated() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let mut session = bench.open().await.unwrap();
        let refused = session.update_connector(&connector(None), &credential()).await.unwrap_err();
        let Trouble::PageChanged { expected, seen, .. } = refused.trouble else {
            panic!("{refused}")
        };
        assert_eq!(expected, "state \"Disabled\"");
        assert_eq!(seen, ["State: Enabled"]);
        assert!(!bench.requests_since(0).iter().any(|name| name == "POST data-source"));
    }
}

#[actix_web::test]
async fn updating_integration_writes_the_credential_and_keeps_every_other_field() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let before = bench.simulator.integration(INSTANCE).unwrap();
        let mut session = bench.open().await.unwrap();
        session.update_integration(&integration(None), &credential()).await.unwrap();
        let after = bench.simulator.integration(INSTANCE).unwrap();
        let new = Credential::new(World::SALESFORCE_USER, NEW_PASSWORD, NEW_TOKEN);
        assert!(after.holds == new, "{skin:?}");
        assert_eq!(after.other_fields, before.other_fields);
        let writes = bench.writes();
        let [write] = writes.as_slice() else { panic!("{writes:?}") };
        let expected = Change::Security {
            instance: INSTANCE.to_owned(),
            fields: vec!["Password".to_owned(), "Security Token".to_owned()],
        };
        assert_eq!(write.changes, [expected]);
    }
}

#[actix_web::test]
async fn a_login_without_a_token_leaves_the_tokens_field_as_it_came() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let mut session = bench.open().await.unwrap();
        let mut without = credential();
        without.secret.security_token = None;
        session.update_integration(&integration(None), &without).await.unwrap();
        let after = bench.simulator.integration(INSTANCE).unwrap();
        assert!(after.holds == Credential::new(World::SALESFORCE_USER, NEW_PASSWORD, ""));
    }
}

#[actix_web::test]
async fn an_instance_is_chosen_by_its_name_and_left_for_another() {
    for skin in Skin::ALL {
        let bench = Bench::two_instances(skin);
        let mut session = bench.open().await.unwrap();
        let (mine, other) = (connector(Some(INSTANCE)), connector(Some(OTHER_INSTANCE)));
        session.switch_connector(&mine, Switch::Disable).await.unwrap();
        let view = session.observe_connector(&other).await.unwrap();
        assert_eq!(view.state, ConnectorState::Enabled);
        let view = session.observe_connector(&mine).await.unwrap();
        assert_eq!(view.state, ConnectorState::Disabled);
        session
            .update_integration(&integration(Some(OTHER_INSTANCE)), &credential())
            .await
            .unwrap();
        session.update_integration(&integration(Some(INSTANCE)), &credential()).await.unwrap();
        for instance in [INSTANCE, OTHER_INSTANCE] {
            let holds = bench.simulator.integration(instance).unwrap().holds;
            assert_eq!(holds.token, NEW_TOKEN);
        }
        assert_eq!(
            bench.simulator.connector(OTHER_INSTANCE, CONNECTOR).unwrap().state,
            State::Enabled
        );
    }
}

#[actix_web::test]
async fn an_instance_or_a_connector_of_no_such_name_stops_with_what_is_there() {
    for skin in Skin::ALL {
        let bench = Bench::two_instances(skin);
        let mut session = bench.open().await.unwrap();
        for (place, name, there) in [
            (named(Some(INSTANCE), "Salesforce"), "Salesforce", CONNECTOR),
            (connector(Some("Acme")), "Acme", OTHER_INSTANCE),
            (connector(None), "Tools", OTHER_INSTANCE),
        ] {
            let error = session.observe_connector(&place).await.unwrap_err();
            let Trouble::PageChanged { expected, found, seen, .. } = error.trouble else {
                panic!("{error}")
            };
            assert_eq!(expected, format!("link or button \"{name}\""));
            assert_eq!(found, 0);
            assert!(seen.iter().any(|text| text == there), "{seen:?}");
        }
    }
}

#[actix_web::test]
async fn an_examination_finds_every_label_once_and_changes_nothing() {
    for skin in Skin::ALL {
        let bench = Bench::two_instances(skin);
        let mut session = bench.open().await.unwrap();
        let found = session.examine(&connector(Some(INSTANCE))).await.unwrap();
        assert_eq!(found.shows, "Enabled");
        assert!(found.connectors.contains(&CONNECTOR.to_owned()), "{:?}", found.connectors);
        assert!(found.connectors.contains(&"Salesforce leads".to_owned()));
        assert_eq!(found.connectors.len(), 2, "{:?}", found.connectors);
        let labels: Vec<_> = found.labels.iter().map(|label| label.label.as_str()).collect();
        for wanted in ["State", "Change State", "Status", "Disabled", "Password", "Save"] {
            assert!(labels.contains(&wanted), "{wanted} {labels:?}");
        }
        assert!(found.labels.iter().all(|label| label.found == 1), "{:?}", found.labels);

        let found = session.examine(&integration(Some(INSTANCE))).await.unwrap();
        assert_eq!(found.shows, "running");
        let labels: Vec<_> = found.labels.iter().map(|label| label.label.as_str()).collect();
        assert_eq!(
            labels,
            ["Integration running", "Security", "Password", "Security Token", "Username", "Save"]
        );
        assert!(found.labels.iter().all(|label| label.found == 1), "{:?}", found.labels);
        assert!(bench.writes().is_empty());
    }
}

#[actix_web::test]
async fn an_examination_reports_a_label_that_is_missing() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let fault = simulator::Fault::MissingLabel("Security Token".to_owned());
        bench.simulator.fault(simulator::Match::any(), fault, simulator::Times::Always);
        let mut session = bench.open().await.unwrap();
        for place in [connector(None), integration(None)] {
            let found = session.examine(&place).await.unwrap();
            let off: Vec<_> = found.labels.iter().filter(|label| label.found != 1).collect();
            let [off] = off.as_slice() else { panic!("{off:?}") };
            assert_eq!((off.label.as_str(), off.found), ("Security Token", 0));
        }
    }
}

#[actix_web::test]
async fn closing_logs_out() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let mut session = bench.open().await.unwrap();
        session.observe_connector(&connector(None)).await.unwrap();
        assert_eq!(bench.simulator.open_sessions(), 1);
        session.close().await.unwrap();
        assert_eq!(bench.simulator.open_sessions(), 0);
        // Closing what the console has ended already is no failure.
        let session = bench.open().await.unwrap();
        bench.simulator.expire_sessions();
        session.close().await.unwrap();
    }
}
