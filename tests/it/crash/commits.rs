//! `kill -9` while senders are being answered: what was answered is on the disk.
//!
//! Several senders deliver without a pause, so that a commit is under way nearly all the time. After
//! each kill the program that starts next is told everything once more that was sent since the last
//! start; it says itself what it knows. `COMMIT_KILLS` says how many kills there are; without it
//! there are as many as fit into a short while.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Client;
use reset_receiver::domain::entry::Entry;
use reset_receiver::ports::journal::RotationFilter;
use rusqlite::Connection;
use simulator::Skin;

use crate::support::receiver::{Receiver, client, tell_about};
use crate::support::setting::setting;
use crate::support::town::{Town, USERNAME};

/// How long killing goes on where nobody says how often.
const WHILE: Duration = Duration::from_secs(15);
/// However slow the machine is, so many kills there are.
const KILLS_MIN: u64 = 5;
/// A start and an answer take less, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many senders deliver at once.
const SENDERS: usize = 8;
/// A rotation that has so many events is given up, so that its journal does not grow for ever.
const EVENTS_OF_ROTATION_MAX: usize = 100;
/// Somebody whom no target is about.
const STRANGER: &str = "stranger@acme.example";

/// What became of an event, as far as its sender knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// An answer said that it is written down.
    Answered,
    /// The connection broke before an answer came.
    CutOff,
}

/// Every event that was sent, by its id.
type Events = BTreeMap<String, Told>;

/// Every other sender's events are about the target; they join a journal. The others' are about
/// nobody that is configured; they are written down all the same.
fn about(id: &str) -> &'static str {
    if id.starts_with('t') { USERNAME } else { STRANGER }
}

/// Delivers until the connection breaks.
async fn send(client: &Client, town: &Town, at: &Receiver, sender: &str, sent: &Mutex<Events>) {
    let organization = town.simulator.salesforce().organization_id();
    for number in 0.. {
        let id = format!("{sender}-{number}");
        sent.lock().unwrap().insert(id.clone(), Told::CutOff);
        let hooks = at.hooks.expect("it is ready");
        let answer = tell_about(client, hooks, organization, about(&id), &id).await;
        let Some((status, answer)) = answer else { return };
        let expected = if about(&id) == USERNAME { "accepted" } else { "unmatched" };
        assert_eq!(answer["status"], expected, "{id}: {status} {answer}");
        sent.lock().unwrap().insert(id, Told::Answered);
    }
}

/// Lets the senders deliver, and kills the program a short while after the first answer.
async fn deliver_and_kill(
    town: &Town,
    receiver: &mut Receiver,
    round: u64,
    delay: Duration,
) -> Events {
    let (client, sent) = (client(), Mutex::new(Events::new()));
    let (running, names) = (&*receiver, sender_names(round));
    let senders = join_all(names.iter().map(|name| send(&client, town, running, name, &sent)));
    let kill = async {
        let began = Instant::now();
        while !sent.lock().unwrap().values().any(|told| *told == Told::Answered) {
            assert!(began.elapsed() < PATIENCE, "no answer\n{}", running.log());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(delay).await;
        running.signal("KILL");
    };
    tokio::join!(senders, kill);
    receiver.kill();
    sent.into_inner().unwrap()
}

fn sender_names(round: u64) -> Vec<String> {
    let kind = |number: usize| if number.is_multiple_of(2) { "target" } else { "stranger" };
    (0..SENDERS).map(|number| format!("{}-{number}-{round}", kind(number))).collect()
}

/// What the senders were told, and what the next program says of it.
#[derive(Debug, Default)]
struct Tally {
    answered: u64,
    /// Written down by a program that was killed before it answered.
    written: u64,
    /// Not written down when it was killed.
    lost: u64,
}

/// Delivers everything once more. What was answered has to be known.
async fn redeliver(town: &Town, receiver: &Receiver, sent: &Events, tally: &mut Tally) {
    let (client, hooks) = (client(), receiver.hooks.expect("it starts over what is left"));
    let organization = town.simulator.salesforce().organization_id();
    let answers =
        join_all(sent.keys().map(|id| tell_about(&client, hooks, organization, about(id), id)));
    for ((id, told), answer) in sent.iter().zip(answers.await) {
        let (status, answer) = answer.unwrap_or_else(|| panic!("{id}: no answer"));
        assert!(matches!(status, 200 | 202), "{id}: {status} {answer}");
        match (told, answer["status"] == "duplicate") {
            (Told::Answered, true) => tally.answered += 1,
            (Told::Answered, false) => panic!("{id} was answered and is not known: {answer}"),
            (Told::CutOff, true) => tally.written += 1,
            (Told::CutOff, false) => tally.lost += 1,
        }
    }
}

/// Gives the rotation up once it has many events, so that the next event begins another.
async fn keep_journals_short(receiver: &Receiver) {
    let listed = receiver.get("/v1/rotations").await;
    let newest = &listed["rotations"][0];
    let id = newest["id"].as_str().unwrap_or_else(|| panic!("no rotation: {listed}"));
    let rotation = receiver.get(&format!("/v1/rotations/{id}")).await;
    let journal = rotation["journal"].as_array().unwrap_or_else(|| panic!("{rotation}"));
    let is_over = matches!(newest["phase"].as_str(), Some("abandoned" | "nothing_to_do"));
    if journal.len() < EVENTS_OF_ROTATION_MAX || is_over {
        return;
    }
    let operator = receiver.operator.expect("it is ready");
    let request = client().post(format!("http://{operator}/v1/rotations/{id}/abandon"));
    let request = request.bearer_auth(Town::operator_token()).json(&serde_json::json!({}));
    assert_eq!(request.send().await.unwrap().status(), 202);
}

/// Everything that was sent is in the database once, and the database is whole.
async fn assert_all_is_there(town: &Town, sent: &BTreeSet<String>) {
    let filter = RotationFilter { limit: 100_000, ..RotationFilter::default() };
    let (store, mut journaled) = (town.journal().await, BTreeSet::new());
    for rotation in store.rotations(&filter).await.unwrap() {
        for row in store.rows(rotation.id).await.unwrap() {
            if let Entry::Admitted { event_id, .. } = row.entry {
                assert!(journaled.insert(event_id.to_string()), "{event_id} is there twice");
            }
        }
    }
    let joined: BTreeSet<String> =
        sent.iter().filter(|id| about(id) == USERNAME).cloned().collect();
    assert_eq!(journaled, joined, "the journals hold what was about the target");

    let database = Connection::open(town.file("journal.db")).unwrap();
    let said = |sql| -> Vec<String> {
        let mut statement = database.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let events: BTreeSet<String> = said("SELECT id FROM event").into_iter().collect();
    assert_eq!(&events, sent, "the events are those that were sent");
    for check in ["PRAGMA integrity_check", "PRAGMA foreign_key_check"] {
        let expected: &[&str] = if check.contains("integrity") { &["ok"] } else { &[] };
        assert_eq!(said(check), expected, "{check}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "a long run says what it did")]
async fn every_answered_event_is_there_after_kills_during_commits() {
    let (began, wanted) = (Instant::now(), setting("COMMIT_KILLS"));
    let mut chance = StdRng::seed_from_u64(7);
    let town = Town::smallest(Skin::Plain).await;
    let start = || tokio::task::block_in_place(|| Receiver::start(&town));
    let (mut receiver, mut sent, mut tally, mut kills) =
        (start(), BTreeSet::new(), Tally::default(), 0);
    while wanted.map_or(kills < KILLS_MIN || began.elapsed() < WHILE, |wanted| kills < wanted) {
        let delay = Duration::from_micros(chance.random_range(0..30_000));
        let round = deliver_and_kill(&town, &mut receiver, kills, delay).await;
        kills += 1;
        receiver = start();
        redeliver(&town, &receiver, &round, &mut tally).await;
        keep_journals_short(&receiver).await;
        sent.extend(round.into_keys());
    }
    receiver.kill();
    println!("{kills} kills in {:?}: {tally:?}", began.elapsed());
    assert!(tally.answered >= kills, "too little was answered: {tally:?}");
    assert!(tally.written + tally.lost > 0, "no kill cut anything off: {tally:?}");
    assert_all_is_there(&town, &sent).await;
}
