//! The database server is slow, holds everybody up, is read-only, crashes and comes back.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reset_receiver::domain::phase::Phase;
use simulator::{Credential, Skin};

use crate::decay::line::{Line, State};
use crate::decay::told::{NOBODY, Told, configured, tell_of, tell_until_taken, until_phase};
use crate::support::postgres::{Postgres, USER};
use crate::support::receiver::{Receiver, client};
use crate::support::town::{Town, USERNAME};

/// How many tell at once while nothing can be written: no more than one address may connect.
const CROWD: usize = 50;
/// A sender is answered after at most this long, whatever the store does: the deadline of the
/// admission, and time for a busy machine.
const ANSWERED: Duration = Duration::from_secs(20);

/// A town, its program over a line to a server, and a rotation that waits for its secret.
async fn waiting(url: &str) -> (Town, Receiver, Credential) {
    let town = Town::new(Skin::Plain).await;
    let receiver = Receiver::start_with(&configured(&town, url), None);
    assert!(receiver.operator.is_some(), "it did not start\n{}", receiver.log());
    let new = town.simulator.salesforce().reset_password(USERNAME, "new").unwrap();
    tell_until_taken(&receiver, &town, USERNAME, "reset").await;
    until_phase(&receiver, Phase::AwaitingSecret).await;
    (town, receiver, new)
}

/// Many tell at once, of nobody; everybody is answered in time.
async fn crowd(town: &Town, receiver: &Receiver, name: &str, told: &mut Told) -> Vec<u16> {
    let http = client();
    let began = Instant::now();
    let tellings = (0..CROWD).map(async |number| {
        let id = format!("{name}-{number}");
        (tell_of(&http, receiver, town, NOBODY, &id).await, id)
    });
    let answers = join_all(tellings).await;
    assert!(began.elapsed() < ANSWERED, "{:?}", began.elapsed());
    for (status, id) in &answers {
        told.note(id, *status);
    }
    answers.into_iter().map(|(status, _)| status).collect()
}

/// Everybody tells once more, the rotation completes, and nothing that was acknowledged is lost.
async fn ends_well(town: &Town, receiver: &Receiver, new: &Credential, told: &mut Told, url: &str) {
    for id in told.put_off.clone() {
        tell_until_taken(receiver, town, NOBODY, &id).await;
        told.note(&id, 202);
    }
    town.write_secret(new).await;
    until_phase(receiver, Phase::Confirmed).await;
    assert_eq!(town.states(), town.at_first());
    assert!(town.held().iter().all(|held| held == new));
    town.simulator.run_syncs();
    assert!(town.failed_connector_logins().is_empty());
    told.note("reset", 202);
    told.assert_kept_in(url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_database_is_waited_for_and_nobody_is_put_off() {
    let database = Postgres::shared().database().await;
    let line = Line::to(Postgres::shared().directory());
    let (town, receiver, new) = waiting(&line.url(USER, database.name())).await;
    line.become_(State::Slow(Duration::from_millis(10)));
    let mut told = Told::default();
    let statuses = crowd(&town, &receiver, "slow", &mut told).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    ends_well(&town, &receiver, &new, &mut told, &database.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_holds_everybody_up_is_answered_503_in_time_and_found_again() {
    let database = Postgres::shared().database().await;
    let line = Line::to(Postgres::shared().directory());
    let (town, receiver, new) = waiting(&line.url(USER, database.name())).await;
    line.become_(State::Held);
    let mut told = Told::default();
    let statuses = crowd(&town, &receiver, "held", &mut told).await;
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    line.become_(State::Well);
    ends_well(&town, &receiver, &new, &mut told, &database.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_cut_off_or_read_only_is_answered_503_and_found_again() {
    let database = Postgres::shared().database().await;
    let line = Line::to(Postgres::shared().directory());
    let (town, receiver, new) = waiting(&line.url(USER, database.name())).await;
    let mut told = Told::default();
    line.become_(State::Cut);
    let statuses = crowd(&town, &receiver, "cut", &mut told).await;
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    assert!(town.states().iter().all(|enabled| !enabled), "contained meanwhile");

    let alter = format!("ALTER DATABASE {} SET default_transaction_read_only", database.name());
    database.run(&format!("{alter} = on")).await;
    line.become_(State::Well);
    let statuses = crowd(&town, &receiver, "read-only", &mut told).await;
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");

    Postgres::shared().run(&format!("{alter} = off")).await;
    // A connection keeps what it began with.
    database
        .run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await;
    ends_well(&town, &receiver, &new, &mut told, &database.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_under_the_program_is_answered_503_and_found_again() {
    let mut server = Postgres::start();
    let url = server.url(USER, "postgres");
    let (town, receiver, new) = waiting(&url).await;
    let mut told = Told::default();
    // Told while it goes down: every answer is right, whichever it is.
    let (_, ()) = tokio::join!(crowd(&town, &receiver, "going", &mut told), async {
        tokio::task::block_in_place(|| server.crash());
    });
    let mut down = Told::default();
    let statuses = crowd(&town, &receiver, "gone", &mut down).await;
    assert!(statuses.iter().all(|status| *status == 503), "{statuses:?}");
    assert!(town.states().iter().all(|enabled| !enabled), "contained meanwhile");
    tokio::task::block_in_place(|| server.start_again());
    told.put_off.extend(down.put_off);
    ends_well(&town, &receiver, &new, &mut told, &url).await;
}
