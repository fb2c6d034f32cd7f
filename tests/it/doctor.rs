//! `doctor` over a simulated console: what it finds wrong, what it says to do, and what it leaves
//! alone.

use reset_receiver::cli::doctor::{self, Diagnosis, Verdict};
use reset_receiver::config::Config;
use reset_receiver::domain::ids::AccountName;
use serde_json::json;
use simulator::{SalesforceUser, Skin};

use crate::support::hand::Hand;
use crate::support::town::{CONSOLE_USER, Town};

/// A second login in the same console.
const OTHER: &str = "other.sync@acme.example";

async fn examine(config: &str) -> (Hand, Vec<Diagnosis>) {
    let hand = Hand::configured(config).await;
    let config = Config::parse(config, []).unwrap();
    let found = doctor::examine(&config, &hand.plant, None).await;
    (hand, found)
}

fn about<'d>(found: &'d [Diagnosis], about: &str) -> &'d Diagnosis {
    let fits = |diagnosis: &&Diagnosis| diagnosis.about.starts_with(about);
    found.iter().find(fits).unwrap_or_else(|| panic!("nothing about {about}: {found:?}"))
}

/// A town with two targets on one console account, and its configuration.
async fn with_two_targets() -> (Town, String) {
    let town = Town::with(Skin::Plain, |world| {
        let world = world.salesforce_user(SalesforceUser::new(OTHER, "other-password"));
        world.instance("Acme DE", |plan| {
            plan.connector_with("Other Sync", |plan| plan.logs_in_as(OTHER))
        })
    })
    .await;
    let other = format!(
        "[targets.other]\norganization_id = \"{}\"\nusername = \"{OTHER}\"\nconsole = \"acme\"\n\
         secret = {{ mount = \"{}\", path = \"other\" }}\n[[targets.other.instances]]\n\
         name = \"Acme DE\"\nconnectors = [\"Other Sync\"]\n[sources.flow]",
        town.simulator.salesforce().organization_id(),
        town.mount
    );
    let config = town.config().replace("[sources.flow]", &other);
    (town, config)
}

#[tokio::test]
async fn an_account_that_was_refused_is_not_tried_again_for_the_next_target() {
    let (town, config) = with_two_targets().await;
    let login = json!({"username": CONSOLE_USER, "password": "not the password"});
    town.openbao.write_secret(&town.mount, "console", &login).await;
    for runs in 1..=2 {
        let (hand, found) = examine(&config).await;
        let (first, second) = (about(&found, "acme console"), about(&found, "other console"));
        assert_eq!((first.verdict, second.verdict), (Verdict::Problem, Verdict::Problem));
        assert!(first.says.starts_with("the console refused the login"), "{first}");
        assert!(second.says.starts_with("not tried: the console refused"), "{second}");
        assert_eq!(town.simulator.refused_console_logins(), runs, "once in each run");
        let account = AccountName::parse("acme").unwrap();
        assert_eq!(hand.plant.world.journal.breaker(&account).await.unwrap(), None);
    }
}

#[tokio::test]
async fn two_targets_of_an_account_that_lets_in_are_both_looked_at() {
    let (town, config) = with_two_targets().await;
    let (_hand, found) = examine(&config).await;
    assert_eq!(about(&found, "acme console").says, "logged in");
    assert_eq!(about(&found, "other connector:Acme DE/Other Sync").verdict, Verdict::Well);
    assert_eq!(town.simulator.refused_console_logins(), 0);
    assert_eq!(town.simulator.open_sessions(), 0);
}

#[tokio::test]
async fn a_name_that_the_console_does_not_show_is_to_be_corrected_in_the_configuration() {
    for skin in Skin::ALL {
        let town = Town::new(skin).await;
        let config = town
            .config()
            .replace("\"Old Leads\"", "\"Old Leeds\"")
            .replace("name = \"Acme US\"", "name = \"Acme USA\"");
        let (_hand, found) = examine(&config).await;
        for (place, shown) in [
            ("acme connector:Acme UK/Old Leeds", ["Salesforce Sync", "Old Leads"]),
            ("acme connector:Acme USA/Salesforce Sync", ["Acme UK", "Acme US"]),
            ("acme integration:Acme USA", ["Acme UK", "Acme US"]),
        ] {
            let found = about(&found, place);
            assert_eq!(found.verdict, Verdict::Problem, "{found}");
            assert!(found.says.contains("correct the name in `targets.acme.instances`"), "{found}");
            assert!(!found.says.contains("profile"), "{found}");
            let (_, page) = found.says.split_once("the page shows: ").unwrap();
            for name in shown {
                assert!(page.split(" | ").any(|text| text == name), "{skin:?}: {name}: {found}");
            }
        }
        let found = about(&found, "acme connector:Acme UK/Salesforce Sync");
        assert_eq!(found.verdict, Verdict::Well, "{found}");
    }
}
