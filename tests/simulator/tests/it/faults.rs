//! Every fault does what it says, to the request that it names and to no other.

use std::time::Duration;

use simulator::{Change, Fault, Match, Simulator, Skin, State, Times, World};

use crate::person::Person;

const CHANGE: &str = "POST change-state";

async fn about_to_disable(skin: Skin) -> (Simulator, Person) {
    let world = World::new().skin(skin).instance("Acme UK", |one| one.connector("Sync"));
    let simulator = Simulator::start(world).unwrap();
    let mut person = Person::logged_in(&simulator).await;
    person.go_to_connector("Sync").await;
    person.follow("Change State").await;
    (simulator, person)
}

fn state(simulator: &Simulator) -> State {
    simulator.connector("Acme UK", "Sync").unwrap().state
}

const DISABLE: &[(&str, &str)] = &[("Status", "Disabled")];

#[tokio::test]
async fn a_reset_before_the_effect_answers_nothing_and_does_nothing() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        simulator.fault(Match::request(CHANGE), Fault::ResetBefore, Times::Once);
        let error = person.try_press("Change State", DISABLE).await.unwrap_err();
        assert!(error.is_request(), "{error:?}");
        assert_eq!(state(&simulator), State::Enabled);
        person.press("Change State", DISABLE).await;
        assert_eq!(state(&simulator), State::Disabled, "the second time nothing is in the way");
    }
}

#[tokio::test]
async fn a_reset_after_the_effect_answers_nothing_and_has_done_it() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        simulator.fault(Match::request(CHANGE), Fault::ResetAfter, Times::Once);
        let error = person.try_press("Change State", DISABLE).await.unwrap_err();
        assert!(error.is_request(), "{error:?}");
        assert_eq!(state(&simulator), State::Disabled);
        let log = simulator.console_log();
        assert!(matches!(log.last().unwrap().changes.as_slice(), [Change::State { .. }]));
        assert_eq!(log.last().unwrap().faults, [Fault::ResetAfter]);
    }
}

#[tokio::test]
async fn a_status_is_answered_instead_of_doing_it() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        simulator.fault(Match::request(CHANGE), Fault::Status(500), Times::Once);
        simulator.fault(Match::request(CHANGE), Fault::Status(503), Times::Count(2));
        let (action, mut fields) = person.form();
        fields.push(person.button("Change State"));
        for status in [500, 503, 200] {
            person.send(&action, &fields).await.unwrap();
            assert_eq!(person.status, status);
        }
        assert_eq!(simulator.console_log().iter().filter(|one| one.is_write()).count(), 1);
    }
}

#[tokio::test]
async fn a_request_is_hit_by_its_number() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        let next = u64::try_from(simulator.console_log().len()).unwrap() + 1;
        simulator.fault(Match::nth(next + 1), Fault::Status(503), Times::Always);
        for status in [200, 503, 200] {
            person.open("/").await;
            assert_eq!(person.status, status);
        }
    }
}

#[tokio::test]
async fn a_request_is_hit_by_its_number_among_its_name() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        let second = Match::nth_request("GET integration", 2);
        simulator.fault(second, Fault::MissingLabel("Security".to_owned()), Times::Always);
        for found in [1, 0, 1] {
            person.follow("Integration").await;
            assert_eq!(person.count_actions("Security"), found);
        }
    }
}

#[tokio::test]
async fn chance_hits_the_same_requests_for_the_same_seed() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let world = World::new().instance("Acme UK", |one| one.connector("Sync")).fault(
            Match::chance(seed, 3),
            Fault::Status(503),
            Times::Always,
        );
        let simulator = Simulator::start(world).unwrap();
        let mut person = Person::at(&simulator);
        for _ in 0..60 {
            person.open("/login").await;
        }
        let log = simulator.console_log();
        runs.push(log.iter().map(|request| request.status).collect::<Vec<_>>());
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    let hit = runs[0].iter().filter(|status| **status == 503).count();
    assert!((8..=32).contains(&hit), "{hit} of 60");
}

#[tokio::test]
async fn an_expired_session_shows_the_login_page_and_does_nothing() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        simulator.fault(Match::request(CHANGE), Fault::SessionExpired, Times::Once);
        person.press("Change State", DISABLE).await;
        assert!(person.title().starts_with("Login"), "{}", person.html);
        assert_eq!((state(&simulator), simulator.open_sessions()), (State::Enabled, 0));
        person.log_in(World::CONSOLE_USER, World::CONSOLE_PASSWORD).await;
        assert!(person.title().starts_with("Home"), "{}", person.html);
    }
}

#[tokio::test]
async fn labels_go_missing_and_come_twice() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        let form = Match::request("GET change-state");
        person.follow("Cancel").await;
        for (fault, labels, actions) in [
            (Fault::MissingLabel("status".to_owned()), 0, 1),
            (Fault::DoubledLabel("Status".to_owned()), 2, 1),
            (Fault::DoubledLabel("Change State".to_owned()), 1, 2),
            (Fault::MissingLabel("Change State".to_owned()), 1, 0),
        ] {
            simulator.fault(form.clone(), fault.clone(), Times::Once);
            person.follow("Change State").await;
            assert_eq!(person.count_labels("Status"), labels, "{fault:?}");
            assert_eq!(person.count_actions("Change State"), actions, "{fault:?}");
            person.follow("Cancel").await;
        }
    }
}

#[tokio::test]
async fn a_truncated_page_breaks_off_after_it_has_begun() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        simulator.fault(Match::request(CHANGE), Fault::Truncated, Times::Once);
        let error = person.try_press("Change State", DISABLE).await.unwrap_err();
        assert!(error.is_body() || error.is_decode(), "{error:?}");
        assert_eq!(person.status, 200, "the head had arrived");
        assert_eq!(state(&simulator), State::Disabled);
    }
}

#[tokio::test]
async fn a_page_cut_short_is_a_whole_answer_without_its_end() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        simulator.fault(Match::request(CHANGE), Fault::CutShort, Times::Once);
        person.press("Change State", DISABLE).await;
        assert_eq!(person.status, 200);
        assert!(!person.html.contains("</html>"), "{}", person.html);
        assert_eq!(state(&simulator), State::Disabled);
    }
}

#[tokio::test]
async fn a_page_in_the_wrong_encoding_is_not_utf_8() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        assert!(!person.html.contains('\u{fffd}'));
        simulator.fault(Match::request("GET integration"), Fault::WrongEncoding, Times::Once);
        person.follow("Integration").await;
        assert!(person.html.contains('\u{fffd}'), "{}", person.html);
    }
}

#[tokio::test]
async fn an_unconfirmed_address_can_turn_up_anywhere() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        simulator.fault(Match::request(CHANGE), Fault::ConfirmIp, Times::Once);
        person.press("Change State", DISABLE).await;
        assert!(person.title().starts_with("Confirm your IP"), "{}", person.html);
        assert_eq!(state(&simulator), State::Enabled);
    }
}

#[tokio::test]
async fn a_delayed_answer_takes_effect_late() {
    for skin in Skin::ALL {
        let (simulator, mut person) = about_to_disable(skin).await;
        let long = Fault::Delay(Duration::from_hours(1));
        simulator.fault(Match::request(CHANGE), long, Times::Once);
        let waiting = person.try_press("Change State", DISABLE);
        let arrived = async {
            while simulator.console_log().last().unwrap().name != CHANGE {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            answer = waiting => panic!("{answer:?}"),
            () = arrived => {}
        }
        let last = simulator.console_log().pop().unwrap();
        assert_eq!((last.done, last.status, state(&simulator)), (0, 0, State::Enabled));
    }
}
