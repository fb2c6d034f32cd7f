//! The organisation: lock-out, tokens, history, and who logs in when.

use std::time::Duration;

use simulator::{Caller, ConnectorPlan, Lockout, LoginOutcome, SalesforceUser, Simulator, World};

const USER: &str = World::SALESFORCE_USER;

fn scheduled(lockout: Lockout) -> Simulator {
    let world = World::new().lockout(lockout).instance("Acme UK", |one| {
        one.connector_with("Sync", |sync| sync.every(Duration::from_mins(1)))
            .connector_with("Off", ConnectorPlan::disabled)
            .integration_every(Duration::from_mins(5))
    });
    Simulator::start(world).unwrap()
}

#[tokio::test]
async fn a_stale_secret_locks_the_user_after_the_policys_number_of_failures() {
    for limit in [3, 5, 10] {
        let simulator = scheduled(Lockout::After(limit));
        simulator.salesforce().reset_password(USER, "New-1").unwrap();
        for failures in 1..limit {
            let other = Caller::Other("test".to_owned());
            assert_eq!(
                simulator.salesforce().login(USER, "old", other),
                LoginOutcome::InvalidPassword
            );
            let user = simulator.salesforce().user(USER).unwrap();
            assert_eq!((user.failures, user.locked), (failures, false));
        }
        simulator.tick(Duration::from_mins(1));
        assert!(simulator.salesforce().user(USER).unwrap().locked);
        let right = simulator.salesforce().credential(USER).unwrap().secret();
        let other = Caller::Other("test".to_owned());
        assert_eq!(
            simulator.salesforce().login(USER, &right, other.clone()),
            LoginOutcome::PasswordLockout
        );
        simulator.salesforce().unlock(USER).unwrap();
        assert_eq!(simulator.salesforce().login(USER, &right, other), LoginOutcome::Success);
    }
}

#[tokio::test]
async fn without_a_limit_nobody_is_locked() {
    let simulator = scheduled(Lockout::NoLimit);
    simulator.salesforce().reset_token(USER).unwrap();
    simulator.tick(Duration::from_hours(1));
    let user = simulator.salesforce().user(USER).unwrap();
    assert_eq!((user.locked, user.failures), (false, 60 + 12));
}

#[tokio::test]
async fn a_success_starts_the_count_again() {
    let simulator = scheduled(Lockout::After(3));
    let other = || Caller::Other("test".to_owned());
    let right = simulator.salesforce().credential(USER).unwrap().secret();
    for secret in ["no", "no", &right, "no", "no"] {
        simulator.salesforce().login(USER, secret, other());
    }
    let user = simulator.salesforce().user(USER).unwrap();
    assert_eq!((user.failures, user.locked), (2, false));
}

#[tokio::test]
async fn a_password_reset_makes_a_new_token_and_a_token_reset_keeps_the_password() {
    let simulator = scheduled(Lockout::NoLimit);
    let first = simulator.salesforce().credential(USER).unwrap();
    let second = simulator.salesforce().reset_password(USER, "New-1").unwrap();
    let third = simulator.salesforce().reset_token(USER).unwrap();
    assert_ne!(first.token, second.token);
    assert_ne!(second.token, third.token);
    assert_eq!(second.password, third.password);
    assert_eq!(third.token.len(), 24);
    let other = || Caller::Other("test".to_owned());
    let stale_token = format!("{}{}", third.password, first.token);
    let outcomes = [
        (stale_token, LoginOutcome::InvalidPassword),
        (third.password.clone(), LoginOutcome::TokenRequired),
        (third.secret(), LoginOutcome::Success),
    ];
    for (secret, outcome) in outcomes {
        assert_eq!(simulator.salesforce().login(USER, &secret, other()), outcome);
    }
}

#[tokio::test]
async fn a_trusted_address_needs_no_token_and_an_expired_password_is_good_for_nothing() {
    let trusted = SalesforceUser::new("trusted@acme.example", "pass").trusted_address();
    let expired = SalesforceUser::new("expired@acme.example", "pass").token("T").password_expired();
    let world = World::new()
        .salesforce_user(trusted)
        .salesforce_user(expired)
        .instance("Acme UK", |one| one.integration_logs_in_as("expired@acme.example"));
    let simulator = Simulator::start(world).unwrap();
    let other = || Caller::Other("test".to_owned());
    let login = |user: &str, secret: &str| simulator.salesforce().login(user, secret, other());
    assert_eq!(login("trusted@acme.example", "pass"), LoginOutcome::Success);
    assert_eq!(login("expired@acme.example", "passT"), LoginOutcome::PasswordExpired);
    simulator.run_syncs();
    assert!(!simulator.integration("Acme UK").unwrap().running);
}

#[tokio::test]
async fn history_says_who_logged_in_in_the_order_of_the_schedules() {
    let simulator = scheduled(Lockout::NoLimit);
    simulator.tick(Duration::from_secs(299));
    assert_eq!(simulator.login_history().len(), 4);
    simulator.tick(Duration::from_secs(1));
    let history = simulator.login_history();
    let callers: Vec<String> = history.iter().map(|login| login.caller.to_string()).collect();
    let sync = "connector Sync of Acme UK";
    assert_eq!(callers, [sync, sync, sync, sync, sync, "Integration of Acme UK"]);
    assert!(history.iter().all(|login| login.outcome == LoginOutcome::Success));
    assert!(history.is_sorted_by_key(|login| login.order));
}

#[tokio::test]
async fn history_says_which_of_a_users_secrets_was_sent() {
    let user = SalesforceUser::new("one@acme.example", "first").token("T");
    let simulator = Simulator::start(World::new().salesforce_user(user)).unwrap();
    let salesforce = simulator.salesforce();
    let second = salesforce.reset_token("one@acme.example").unwrap().secret();
    let third = salesforce.reset_password("one@acme.example", "third").unwrap().secret();
    for secret in ["firstT", &second, &third, "third", "never"] {
        salesforce.login("one@acme.example", secret, Caller::Other("test".to_owned()));
    }
    let history = simulator.login_history();
    let sent: Vec<_> = history.iter().map(|login| login.secret).collect();
    assert_eq!(sent, [Some(0), Some(1), Some(2), None, None]);
}

#[tokio::test]
async fn in_real_time_schedules_run_by_themselves() {
    let world = World::new()
        .real_time()
        .instance("Acme UK", |one| one.integration_every(Duration::from_millis(5)));
    let simulator = Simulator::start(world).unwrap();
    let three = async {
        while simulator.login_history().len() < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), three).await.unwrap();
}
