//! The vendor's runbook, walked from the login to the log-out.

use simulator::{Change, ConsoleUser, Credential, Simulator, Skin, State, World};

use crate::person::Person;

const SYNC: &str = "Salesforce Sync";

fn two_instances(skin: Skin) -> World {
    World::new()
        .skin(skin)
        .instance("Acme UK", |one| one.connector(SYNC).connector("Nightly leads"))
        .instance("Acme FR", |one| one.connector(SYNC))
}

/// Step by step what the runbook says, with the new secret.
async fn walk_the_runbook(simulator: &Simulator, new: &Credential) {
    let mut person = Person::logged_in(simulator).await;
    person.follow("Acme UK").await;
    assert_eq!(person.count_actions("Tools"), 1);
    person.go_to_connector(SYNC).await;
    assert!(person.reads().contains("State: Enabled"), "{}", person.html);
    assert_eq!(person.errors().len(), 1, "the last sync's login failed");
    person.set_state("Disabled").await;
    assert!(person.reads().contains("State: Disabled"), "{}", person.html);
    person.follow("Data Source Properties").await;
    let secret = [("Security Token", new.token.as_str()), ("Password", new.password.as_str())];
    person.press("Save", &secret).await;
    assert_eq!(person.errors(), Vec::<String>::new());
    person.go_to_connector(SYNC).await;
    person.set_state("Enabled").await;
    person.follow("Integration").await;
    assert_eq!(person.tick("Integration running"), "No");
    assert_eq!(person.errors().len(), 1);
    person.follow("Security").await;
    let [token, password] = secret;
    person.press("Save", &[("Username", &new.username), token, password]).await;
    person.follow("Log out").await;
    assert!(person.title().starts_with("Login"), "{}", person.html);
}

#[tokio::test]
async fn the_runbook_can_be_walked_in_every_skin() {
    for skin in Skin::ALL {
        let simulator = Simulator::start(two_instances(skin)).unwrap();
        let before = simulator.connector("Acme UK", SYNC).unwrap().other_fields;
        let security = simulator.integration("Acme UK").unwrap().other_fields;
        let new = simulator
            .salesforce()
            .reset_password(World::SALESFORCE_USER, " New+pass & 100%'ü\" ")
            .unwrap();
        simulator.run_syncs();

        walk_the_runbook(&simulator, &new).await;

        let connector = simulator.connector("Acme UK", SYNC).unwrap();
        assert_eq!(connector.holds, new, "{skin:?}");
        assert_eq!(connector.state, State::Enabled);
        assert_eq!(connector.other_fields, before, "{skin:?}: nothing else has changed");
        assert!(connector.error.is_some(), "an error stays until the next sync");
        let integration = simulator.integration("Acme UK").unwrap();
        assert_eq!(integration.holds, new);
        assert_eq!(integration.other_fields, security, "{skin:?}: nothing else has changed");

        simulator.run_syncs();
        assert_eq!(simulator.connector("Acme UK", SYNC).unwrap().error, None);
        assert!(simulator.integration("Acme UK").unwrap().running);
        let neighbour = simulator.connector("Acme UK", "Nightly leads").unwrap();
        assert!(neighbour.error.is_some(), "nobody has touched this one");
    }
}

#[tokio::test]
async fn the_log_names_every_request_alike_in_every_skin() {
    let mut logs = Vec::new();
    for skin in Skin::ALL {
        let simulator = Simulator::start(two_instances(skin)).unwrap();
        let new = simulator.salesforce().reset_password(World::SALESFORCE_USER, "New-1").unwrap();
        simulator.run_syncs();
        walk_the_runbook(&simulator, &new).await;
        let log = simulator.console_log();
        let writes: Vec<&Change> = log.iter().flat_map(|request| &request.changes).collect();
        let [Change::State { to: State::Disabled, .. }, Change::DataSource { fields, .. }, ..] =
            writes.as_slice()
        else {
            panic!("{writes:?}");
        };
        assert_eq!(fields, &["Password", "Security Token"]);
        let visitor = log.iter().filter(|request| request.is_write());
        assert!(visitor.clone().all(|one| one.user.as_deref() == Some(World::CONSOLE_USER)));
        assert!(visitor.clone().all(|one| one.session == Some(1)), "{log:?}");
        let from_login = log.iter().skip_while(|one| one.name != "GET login");
        logs.push(from_login.map(|one| one.name.clone()).collect::<Vec<_>>());
    }
    assert_eq!(logs[0], logs[1]);
    let expected = [
        "GET login",
        "POST login",
        "GET instances",
        "GET home",
        "GET data-sync",
        "GET connectors",
        "GET connector",
        "GET change-state",
        "POST change-state",
        "GET data-source",
        "POST data-source",
        "GET data-sync",
        "GET connectors",
        "GET connector",
        "GET change-state",
        "POST change-state",
        "GET integration",
        "GET security",
        "POST security",
        "GET log-out",
        "GET login",
    ];
    assert_eq!(logs[0], expected);
}

#[tokio::test]
async fn a_single_instance_opens_directly() {
    for skin in Skin::ALL {
        let world = World::new().skin(skin).instance("Acme UK", |one| one.connector(SYNC));
        let simulator = Simulator::start(world).unwrap();
        let person = Person::logged_in(&simulator).await;
        assert!(person.title().starts_with("Home"), "{}", person.html);
    }
}

#[tokio::test]
async fn a_user_sees_only_the_instances_that_are_theirs() {
    for skin in Skin::ALL {
        let world = two_instances(skin)
            .console_user(ConsoleUser::new("a@b.example", "pass").only(["Acme FR"]));
        let simulator = Simulator::start(world).unwrap();
        let mut person = Person::at(&simulator);
        person.open("/").await;
        person.log_in("a@b.example", "pass").await;
        assert!(person.reads().contains("Acme FR"), "{}", person.html);
        if skin == Skin::Plain {
            person.open("/instances/0/connectors").await;
            assert_eq!(person.status, 404);
        }
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_counted() {
    for skin in Skin::ALL {
        let simulator = Simulator::start(two_instances(skin)).unwrap();
        let mut person = Person::at(&simulator);
        person.open("/").await;
        person.log_in(World::CONSOLE_USER, "wrong").await;
        assert_eq!(person.errors().len(), 1, "{}", person.html);
        assert_eq!((simulator.console_logins(), simulator.refused_console_logins()), (0, 1));
        person.log_in(World::CONSOLE_USER, World::CONSOLE_PASSWORD).await;
        assert!(person.title().starts_with("Your products"), "{}", person.html);
        assert_eq!((simulator.console_logins(), simulator.open_sessions()), (1, 1));
    }
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_checked() {
    for skin in Skin::ALL {
        let user = ConsoleUser::new("a@b.example", "pass").totp("GEZDGNBVGY3TQOJQ");
        let simulator = Simulator::start(two_instances(skin).console_user(user)).unwrap();
        let mut person = Person::at(&simulator);
        person.open("/").await;
        person.log_in("a@b.example", "pass").await;
        assert_eq!(person.count_labels("Code"), 1, "{}", person.html);
        assert_eq!(simulator.open_sessions(), 0);
        person.press("Continue", &[("Code", "12345x")]).await;
        assert_eq!(person.errors().len(), 1);
        assert_eq!(simulator.refused_console_logins(), 1);
        let code = simulator.second_factor_code("a@b.example").unwrap();
        person.press("Continue", &[("Code", &code)]).await;
        assert!(person.title().starts_with("Your products"), "{}", person.html);
    }
}

#[tokio::test]
async fn an_unconfirmed_address_stops_the_login() {
    for skin in Skin::ALL {
        let user = ConsoleUser::new("a@b.example", "pass").confirm_ip();
        let simulator = Simulator::start(two_instances(skin).console_user(user)).unwrap();
        let mut person = Person::at(&simulator);
        person.open("/").await;
        person.log_in("a@b.example", "pass").await;
        assert!(person.title().starts_with("Confirm your IP"), "{}", person.html);
        person.open("/").await;
        assert!(person.title().starts_with("Login"), "{}", person.html);
    }
}

#[tokio::test]
async fn an_expired_session_is_bounced_to_the_login_page() {
    for skin in Skin::ALL {
        let simulator = Simulator::start(two_instances(skin)).unwrap();
        let mut person = Person::logged_in(&simulator).await;
        person.follow("Acme UK").await;
        person.go_to_connector(SYNC).await;
        person.follow("Change State").await;
        simulator.expire_sessions();
        person.press("Change State", &[("Status", "Disabled")]).await;
        assert!(person.title().starts_with("Login"), "{}", person.html);
        assert_eq!(simulator.connector("Acme UK", SYNC).unwrap().state, State::Enabled);
        let log = simulator.console_log();
        let names: Vec<&str> = log.iter().rev().take(2).map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["GET login", "POST change-state"]);
    }
}
