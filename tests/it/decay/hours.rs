//! Vault or the console is away for an hour and comes back, a clock jumps: the rotation ends by
//! itself, whichever store has its journal.

use std::time::Duration;

use reset_receiver::domain::event::ResetKind;
use reset_receiver::domain::phase::Phase;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::Admission;
use simulator::{Credential, Skin};

use crate::decay::hands::{Hands, installed, live, live_until, unhurried};
use crate::support::cable::Cable;
use crate::support::hand::{Hand, accepted, now};
use crate::support::postgres::Postgres;
use crate::support::town::{Town, USERNAME};

const HOUR: Duration = Duration::from_hours(1);
/// The longest that anything waits before it is tried again, as shipped.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// An hour of tries, once they are a minute apart, with jitter; and the first ones.
const TRIES: std::ops::RangeInclusive<u32> = 60..=200;

/// Which store has the journal.
#[derive(Clone, Copy)]
enum Store {
    Sqlite,
    Postgres,
}

impl Store {
    /// A town whose journal is in a store of its own.
    async fn town(self) -> Town {
        let town = Town::new(Skin::Plain).await;
        match self {
            Self::Sqlite => town,
            Self::Postgres => town.keeping_its_journal_in(Postgres::shared().database().await),
        }
    }
}

/// Lives each case over each store.
macro_rules! over_both_stores {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            use super::Store;

            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(Store::Sqlite).await;
                }
            )+
        }

        mod postgres {
            use super::Store;

            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(Store::Postgres).await;
                }
            )+
        }
    };
}

over_both_stores! {
    an_hour_without_vault_is_waited_out_contained_and_without_a_failed_login,
    an_hour_without_the_console_is_waited_out_wherever_it_begins,
    a_clock_that_jumps_loses_no_event_and_proves_no_secret_twice,
}

fn assert_ended_well(town: &Town, new: &Credential) {
    assert_eq!(town.states(), town.at_first());
    assert!(town.held().iter().all(|held| held == new));
    town.simulator.run_syncs();
    let history = town.simulator.login_history();
    assert!(history.iter().all(|login| login.outcome.is_usable()), "{history:?}");
    assert_eq!(town.simulator.refused_console_logins(), 0);
}

async fn an_hour_without_vault_is_waited_out_contained_and_without_a_failed_login(store: Store) {
    let town = store.town().await;
    let wire = Cable::to(town.openbao.address().trim_start_matches("http://")).await;
    let config = unhurried(&town.config()).replace(town.openbao.address(), wire.address());
    let clock = Hands::new();
    let hand = installed(&town, &config, &clock).await;
    let new = town.simulator.salesforce().reset_password(USERNAME, "new").unwrap();
    wire.cut();
    let rotation = hand.tell(&town, "reset", ResetKind::PasswordReset).await;
    let turns = live(&hand, &clock, HOUR).await;
    assert!(TRIES.contains(&turns), "{turns} tries");
    assert_eq!(hand.phase(rotation).await, Phase::AwaitingSecret);
    assert!(town.states().iter().all(|enabled| !enabled), "contained all the time");
    assert!(town.failed_connector_logins().is_empty());

    town.write_secret(&new).await;
    wire.mend();
    live_until(&hand, &clock, (rotation, Phase::Confirmed), 2 * LONGEST_WAIT).await;
    assert_ended_well(&town, &new);
}

async fn an_hour_without_the_console_is_waited_out_wherever_it_begins(store: Store) {
    for contained in [false, true] {
        let town = store.town().await;
        let url = town.simulator.console_url();
        let end = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
        let wire = Cable::to(end).await;
        let config = unhurried(&town.config()).replace(&format!("http://{end}"), wire.address());
        let clock = Hands::new();
        let hand = installed(&town, &config, &clock).await;
        let new = town.simulator.salesforce().reset_password(USERNAME, "new").unwrap();
        let tell = || hand.tell_at(&town, "reset", ResetKind::PasswordReset, now());
        if contained {
            tell().await;
            hand.until_idle().await;
            assert!(town.states().iter().all(|enabled| !enabled));
        }
        wire.cut();
        if !contained {
            tell().await;
        }
        town.write_secret(&new).await;
        let turns = live(&hand, &clock, HOUR).await;
        assert!(turns >= *TRIES.start() && turns <= 1_000, "{turns} tries");
        let states = if contained { vec![false; 3] } else { town.at_first() };
        assert_eq!(town.states(), states, "nothing changes meanwhile");

        wire.mend();
        // It is known already: the same rotation.
        let again = tell().await;
        let Admission::Duplicate(Some(rotation)) = again else {
            panic!("{again:?}");
        };
        live_until(&hand, &clock, (rotation, Phase::Confirmed), 2 * LONGEST_WAIT).await;
        assert_ended_well(&town, &new);
    }
}

async fn a_clock_that_jumps_loses_no_event_and_proves_no_secret_twice(store: Store) {
    let jumps = [jiff::Span::new().hours(24), jiff::Span::new().hours(-1)];
    for jump in jumps {
        let town = store.town().await;
        let prove = format!(
            "console = \"acme\"\nprove = \"soap-login\"\nlogin_url = \"{}\"\n",
            town.simulator.login_url()
        );
        let config = unhurried(&town.config()).replace("console = \"acme\"\n", &prove);
        let clock = Hands::new();
        let hand = installed(&town, &config, &clock).await;
        let new = town.simulator.salesforce().reset_password(USERNAME, "new").unwrap();
        let rotation = hand.tell(&town, "reset", ResetKind::PasswordReset).await;
        hand.until_idle().await;
        assert_eq!(hand.phase(rotation).await, Phase::AwaitingSecret);
        // Another program holds the account at the moment of the jump, and dies.
        let lease = hand.plant.world.settings.lease;
        use_up(&hand, &clock).await;
        let lost = hand.plant.world.journal.claim("dead", lease).await.unwrap();
        assert!(lost.is_some(), "it was due");
        clock.set(clock.now() + jump);

        let again = hand.tell_at(&town, "reset", ResetKind::PasswordReset, now());
        assert!(matches!(
            again.await,
            Admission::Duplicate(Some(known)) if known == rotation
        ));
        let event = hand.tell_at(&town, "more", ResetKind::PasswordReset, now());
        assert_eq!(accepted(event.await), rotation, "the same rotation");
        town.write_secret(&new).await;
        live_until(&hand, &clock, (rotation, Phase::Confirmed), 2 * HOUR).await;
        assert_ended_well(&town, &new);
        let names = hand.names(rotation).await;
        let proofs = names.iter().filter(|name| **name == "proving").count();
        assert_eq!(proofs, 1, "{names:?}");
    }
}

/// Lets the rotation become due once more.
async fn use_up(hand: &Hand, clock: &Hands) {
    let due = hand.plant.world.journal.next_due().await.unwrap().unwrap();
    let now = clock.now();
    clock.pass(due.duration_since(now).unsigned_abs());
}
