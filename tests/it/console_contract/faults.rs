//! Every fault at every request of a whole rotation's walk: the trouble that it is reported as,
//! and that the same walk done again comes to the same end.

use std::error::Error;

use reset_receiver::domain::fault::Fault as Class;
use reset_receiver::ports::console::{ConsoleError, ConsoleSession, Switch, Trouble};
use simulator::{Credential, Fault, Match, Skin, State, Times, World};

use crate::console_contract::bench::{
    Bench, CONNECTOR, INSTANCE, NEW_PASSWORD, NEW_TOKEN, connector, credential, integration,
};

/// Everything that a rotation does at the console, in its order.
async fn rotate(bench: &Bench) -> Result<(), ConsoleError> {
    let mut session = bench.open().await?;
    steps(session.as_mut()).await?;
    session.close().await
}

async fn steps(session: &mut dyn ConsoleSession) -> Result<(), ConsoleError> {
    let (connector, integration) = (connector(None), integration(None));
    session.observe_connector(&connector).await?;
    session.switch_connector(&connector, Switch::Disable).await?;
    session.observe_connector(&connector).await?;
    session.update_integration(&integration, &credential()).await?;
    session.update_connector(&connector, &credential()).await?;
    session.switch_connector(&connector, Switch::Enable).await?;
    session.observe_connector(&connector).await?;
    session.observe_integration(&integration).await?;
    Ok(())
}

/// A request of the walk.
struct Step {
    number: u64,
    name: String,
    /// Whether it is a POST to HTTP, as every postback is.
    posts: bool,
    /// Whether it is answered by a redirect, which has no page that could be spoilt.
    redirects: bool,
    /// Whether it follows a POST's redirect: the POST has happened, and its answer is this one.
    answers_a_post: bool,
}

impl Step {
    /// Whether a form of the console is sent with it.
    fn submits(&self) -> bool {
        self.name.starts_with("POST ")
    }
}

async fn walk(skin: Skin) -> Vec<Step> {
    let bench = Bench::one_instance(skin);
    rotate(&bench).await.unwrap();
    is_rotated(&bench);
    let mut answers_a_post = false;
    let log = bench.simulator.console_log().into_iter();
    log.map(|request| {
        let (posts, redirects) = (request.method == "POST", request.status == 302);
        let after = std::mem::replace(&mut answers_a_post, posts && redirects);
        Step { number: request.number, name: request.name, posts, redirects, answers_a_post: after }
    })
    .collect()
}

fn is_rotated(bench: &Bench) {
    let new = Credential::new(World::SALESFORCE_USER, NEW_PASSWORD, NEW_TOKEN);
    let connector = bench.simulator.connector(INSTANCE, CONNECTOR).unwrap();
    assert!(connector.holds == new);
    assert_eq!(connector.state, State::Enabled);
    assert!(bench.simulator.integration(INSTANCE).unwrap().holds == new);
}

/// Lets one fault strike once and says what the rotation came to. Where the request may have had
/// an effect, the rotation is done again and comes to the end.
async fn strike(skin: Skin, step: &Step, fault: Fault) -> Result<(), ConsoleError> {
    let bench = Bench::one_instance(skin);
    bench.simulator.fault(Match::nth(step.number), fault, Times::Once);
    let came_to = rotate(&bench).await;
    if step.submits() || came_to.is_ok() {
        rotate(&bench).await.unwrap();
        is_rotated(&bench);
    }
    if let Err(error) = &came_to {
        tells_no_secret(error);
    }
    came_to
}

fn tells_no_secret(error: &ConsoleError) {
    let mut told = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(inner) = source {
        told = format!("{told} {inner} {inner:?}");
        source = inner.source();
    }
    for secret in [NEW_PASSWORD, NEW_TOKEN, World::CONSOLE_PASSWORD, World::SALESFORCE_PASSWORD] {
        assert!(!told.contains(secret), "{told}");
    }
}

/// What a fault is reported as on a GET, on a POST and on what follows a POST's redirect: only a
/// POST can have had an effect.
async fn every_request(faults: &[(Fault, [&Trouble; 3])]) {
    for skin in Skin::ALL {
        for step in walk(skin).await {
            for (fault, [on_get, on_post, behind_post]) in faults {
                let expected = match (step.posts, step.answers_a_post) {
                    (true, _) => *on_post,
                    (false, true) => *behind_post,
                    (false, false) => *on_get,
                };
                let spoils_a_page = matches!(fault, Fault::Truncated);
                let expected = Some(expected).filter(|_| !(spoils_a_page && step.redirects));
                let trouble = strike(skin, &step, fault.clone()).await.err().map(|e| e.trouble);
                let at = format!("{skin:?}, {fault:?} at {} {}", step.number, step.name);
                assert_eq!(trouble.as_ref(), expected, "{at}");
            }
        }
    }
}

#[actix_web::test]
async fn a_broken_connection_is_no_answer_on_a_post_and_unreachable_on_a_get() {
    let by_method = [&Trouble::Unreachable, &Trouble::NoAnswer, &Trouble::NoAnswer];
    every_request(&[
        (Fault::ResetBefore, by_method),
        (Fault::ResetAfter, by_method),
        (Fault::Truncated, by_method),
    ])
    .await;
    assert_eq!(Trouble::Unreachable.fault(), Class::Transient);
    assert_eq!(Trouble::NoAnswer.fault(), Class::Indeterminate);
}

#[actix_web::test]
async fn a_status_that_says_later_is_unavailable_unless_a_post_may_have_happened() {
    let [busy, broken] = [503, 500].map(|status| Trouble::Unavailable { status });
    every_request(&[
        (Fault::Status(503), [&busy, &busy, &Trouble::NoAnswer]),
        (Fault::Status(500), [&broken, &Trouble::NoAnswer, &Trouble::NoAnswer]),
    ])
    .await;
    assert_eq!(Trouble::Unavailable { status: 503 }.fault(), Class::Transient);
}

#[actix_web::test]
async fn a_page_that_wants_the_address_confirmed_needs_a_person_wherever_it_comes() {
    every_request(&[(Fault::ConfirmIp, [&Trouble::ConfirmAddress; 3])]).await;
    assert_eq!(Trouble::ConfirmAddress.fault(), Class::Permanent);
}

#[actix_web::test]
async fn a_page_that_is_cut_off_or_misread_is_unreadable_wherever_it_comes() {
    for skin in Skin::ALL {
        for step in walk(skin).await {
            for (fault, reason) in [
                (Fault::CutShort, "it is cut off"),
                (Fault::WrongEncoding, "it is not in the encoding that it claims"),
            ] {
                let at = format!("{skin:?}, {fault:?} at {} {}", step.number, step.name);
                let came_to = strike(skin, &step, fault).await;
                let redirects = step.redirects;
                match came_to {
                    Ok(()) => assert!(redirects, "{at}"),
                    Err(error) => {
                        let Trouble::Unreadable { why, .. } = error.trouble else {
                            panic!("{at}: {error}")
                        };
                        assert_eq!(why, reason, "{at}");
                    }
                }
            }
        }
    }
}

#[actix_web::test]
async fn a_session_that_ends_at_any_request_is_renewed_and_the_rotation_goes_on() {
    for skin in Skin::ALL {
        let steps = walk(skin).await;
        let login = steps.iter().find(|step| step.name == "POST login").unwrap().number;
        for step in steps {
            let bench = Bench::one_instance(skin);
            bench.simulator.fault(Match::nth(step.number), Fault::SessionExpired, Times::Once);
            let came_to = rotate(&bench).await.map_err(|error| error.trouble);
            let at = format!("{skin:?} at {} {}", step.number, step.name);
            // Until a page behind the login was seen, the login page may be a refusal that gives no
            // reason, and a login is never sent twice on a guess.
            if [login, login + 1].contains(&step.number) {
                assert_eq!(came_to, Err(Trouble::LoginRefused), "{at}");
                let logins = bench.requests_since(0);
                assert_eq!(logins.iter().filter(|name| *name == "POST login").count(), 1, "{at}");
                continue;
            }
            assert_eq!(came_to, Ok(()), "{at}");
            is_rotated(&bench);
            assert!(bench.simulator.console_logins() <= 2, "{at}");
        }
    }
}

/// Every label that the walk presses or fills in, and the page that it is on.
const LABELS: [(&str, &str); 16] = [
    ("GET login", "Email"),
    ("GET login", "Password"),
    ("GET login", "Login"),
    ("GET data-sync", "View Connectors"),
    ("GET connectors", CONNECTOR),
    ("GET connector", "State"),
    ("GET connector", "Change State"),
    ("GET change-state", "Status"),
    ("GET change-state", "Change State"),
    ("GET integration", "Security"),
    ("GET security", "Password"),
    ("GET security", "Security Token"),
    ("GET security", "Save"),
    ("GET connector", "Data Source Properties"),
    ("GET data-source", "Password"),
    ("GET data-source", "Save"),
];

#[actix_web::test]
async fn a_label_that_is_missing_or_there_twice_stops_the_walk_before_its_page_is_submitted() {
    for skin in Skin::ALL {
        for (page, label) in LABELS {
            for found in [0, 2] {
                let fault = if found == 0 { Fault::MissingLabel } else { Fault::DoubledLabel };
                let bench = Bench::one_instance(skin);
                bench.simulator.fault(Match::request(page), fault(label.to_owned()), Times::Always);
                let Err(error) = rotate(&bench).await else {
                    panic!("{skin:?}, {label} on {page}, {found}")
                };
                let at = format!("{skin:?}, {label} on {page}, {found}: {error}");
                let Trouble::PageChanged { expected, found: there, seen, .. } = &error.trouble
                else {
                    panic!("{at}")
                };
                assert!(expected.contains(&format!("\"{label}\"")), "{at}");
                assert_eq!(*there, found, "{at}");
                assert!(!seen.is_empty(), "{at}");
                assert_eq!(error.trouble.fault(), Class::Permanent);
                let submitted = page.replace("GET", "POST");
                assert!(!bench.requests_since(0).contains(&submitted), "{at}");
                tells_no_secret(&error);
            }
        }
    }
}

#[actix_web::test]
async fn a_menu_without_the_entry_is_opened_and_stops_the_walk_if_it_is_not_there_either() {
    for entry in ["Data Sync", "Integration"] {
        for (skin, fault, found) in [
            (Skin::Plain, Fault::MissingLabel(entry.to_owned()), Some(0)),
            (Skin::Plain, Fault::DoubledLabel(entry.to_owned()), Some(2)),
            (Skin::WebForms, Fault::DoubledLabel(entry.to_owned()), Some(2)),
            // This menu opens by script alone: whether the entry is in it, a browser can tell.
            (Skin::WebForms, Fault::MissingLabel(entry.to_owned()), None),
        ] {
            let bench = Bench::one_instance(skin);
            bench.simulator.fault(Match::any(), fault, Times::Always);
            match (rotate(&bench).await.unwrap_err().trouble, found) {
                (Trouble::PageChanged { expected, found, .. }, Some(wanted)) => {
                    assert_eq!(expected, format!("link or button \"{entry}\""));
                    assert_eq!(found, wanted);
                }
                (Trouble::NeedsScript { page }, None) => assert_eq!(page, "Home - GatorMail"),
                (other, _) => panic!("{skin:?} {entry}: {other}"),
            }
        }
    }
}

#[actix_web::test]
async fn a_form_without_a_username_box_keeps_the_user_name_and_two_of_them_stop_the_walk() {
    for skin in Skin::ALL {
        let bench = Bench::one_instance(skin);
        let label = || "Username".to_owned();
        bench.simulator.fault(Match::any(), Fault::MissingLabel(label()), Times::Always);
        rotate(&bench).await.unwrap();
        is_rotated(&bench);

        let bench = Bench::one_instance(skin);
        bench.simulator.fault(Match::any(), Fault::DoubledLabel(label()), Times::Always);
        let error = rotate(&bench).await.unwrap_err();
        assert!(matches!(error.trouble, Trouble::PageChanged { found: 2, .. }), "{error}");
    }
}
