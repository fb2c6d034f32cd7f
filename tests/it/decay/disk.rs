//! The file of the journal cannot be written: the disk is full, or the system forbids it.

use std::process::Command;

use reset_receiver::domain::phase::Phase;
use simulator::Skin;

use crate::decay::small_disk::SmallDisk;
use crate::decay::told::{NOBODY, Told, configured, tell_of, tell_until_taken, until, until_phase};
use crate::support::receiver::{Receiver, client};
use crate::support::town::{Town, USERNAME};

/// More events than the room holds that a journal has in reserve.
const MANY: usize = 5_000;

/// What a process may not make a file larger than, so that nothing can be written at all.
fn limit_files(receiver: &Receiver, bytes: &str) {
    let process = receiver.id().to_string();
    let limit = format!("--fsize={bytes}:unlimited");
    let limited = Command::new("prlimit").args(["--pid", &process, &limit]).status().unwrap();
    assert!(limited.success());
}

/// Tells of resets of nobody until one is put off; then a hundred more, of which every one is
/// answered.
async fn tell_until_put_off(receiver: &Receiver, town: &Town, told: &mut Told) {
    let http = client();
    let tell = async |id: String| (tell_of(&http, receiver, town, NOBODY, &id).await, id);
    for number in 0..MANY {
        let (status, id) = tell(format!("filling-{number}")).await;
        told.note(&id, status);
        if status == 503 {
            break;
        }
    }
    assert!(!told.put_off.is_empty(), "the journal is never full");
    for number in 0..100 {
        let (status, id) = tell(format!("past-{number}")).await;
        told.note(&id, status);
    }
}

/// A rotation is under way when writing becomes impossible, and goes on when it is possible again.
async fn survives(
    town: &Town,
    receiver: &Receiver,
    (break_it, mend_it): (impl Fn(), impl Fn()),
) -> Told {
    let new = town.simulator.salesforce().reset_password(USERNAME, "new").unwrap();
    tell_until_taken(receiver, town, USERNAME, "reset").await;
    until_phase(receiver, Phase::AwaitingSecret).await;
    let mut told = Told::default();
    told.note("reset", 202);

    break_it();
    tell_until_put_off(receiver, town, &mut told).await;
    town.write_secret(&new).await;
    let ready = format!("http://{}/readyz", receiver.operator.unwrap());
    until("it says that it is not ready", async || {
        client().get(&ready).send().await.unwrap().status() == 503
    })
    .await;
    assert!(town.states().iter().all(|enabled| !enabled), "contained meanwhile");

    mend_it();
    for id in told.put_off.clone() {
        tell_until_taken(receiver, town, NOBODY, &id).await;
        told.note(&id, 202);
    }
    until_phase(receiver, Phase::Confirmed).await;
    assert_eq!(client().get(&ready).send().await.unwrap().status(), 200);
    assert_eq!(town.states(), town.at_first());
    assert!(town.held().iter().all(|held| *held == new));
    town.simulator.run_syncs();
    assert!(town.failed_connector_logins().is_empty());
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_answered_503_and_the_rotation_goes_on_when_there_is_room_again() {
    let town = Town::new(Skin::Plain).await;
    let disk = SmallDisk::of("8m").await;
    let config =
        configured(&town, &format!("sqlite:{}", disk.place().join("journal.db").display()));
    let mut receiver = Receiver::start_through(disk.through(), &config);
    let told = survives(&town, &receiver, (|| disk.fill(), || disk.free())).await;
    receiver.has_logged("full", 1).await;
    // Nobody else may open it where it is.
    receiver.terminate();
    for name in ["journal.db", "journal.db-wal"] {
        let file = disk.seen().join(name);
        if file.exists() {
            std::fs::copy(file, town.file(name)).unwrap();
        }
    }
    told.assert_kept_in(&format!("sqlite:{}", town.file("journal.db").display())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_may_not_be_written_is_answered_503_and_goes_on_when_it_may() {
    let town = Town::new(Skin::Plain).await;
    // Whoever may not write is told so, and not killed for trying.
    let mut patient = Command::new("sh");
    patient.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    let receiver = Receiver::start_through(patient, &town.file("config.toml"));
    let forbid = || limit_files(&receiver, "0");
    let allow = || limit_files(&receiver, "unlimited");
    let journal = format!("sqlite:{}", town.file("journal.db").display());
    let told = survives(&town, &receiver, (forbid, allow)).await;
    told.assert_kept_in(&journal).await;
}
