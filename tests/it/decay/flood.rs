//! Ten thousand events at once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use simulator::Skin;

use crate::decay::told::{NOBODY, Told, configured, ids_in, until};
use crate::support::postgres::Postgres;
use crate::support::receiver::{Receiver, client, tell_about};
use crate::support::town::{Town, USERNAME};

/// How many events come.
const EVENTS: usize = 10_000;
/// How many connections they come on, all at the same time.
const CONNECTIONS: usize = 200;
/// What the source may send in a minute where it is bounded.
const RATE: usize = 3_000;
/// How much larger the process may be at its largest than before, in KiB. A connection with TLS
/// holds some 100 KiB at its busiest, an event that waits for its commit far less than one.
const GROWTH: u64 = 256 * 1024;

/// A line of `/proc/PID/status`, in KiB.
fn memory(receiver: &Receiver, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", receiver.id())).unwrap();
    let found = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
    found.trim_start_matches(':').trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// Tells of ten thousand resets, of one login in ten that somebody knows, on many connections.
///
/// On a busy machine a connection may pass its deadline; such an event is nobody's promise.
async fn flood(town: &Town, receiver: &Receiver) -> Told {
    let organization = town.simulator.salesforce().organization_id();
    let hooks = receiver.hooks.unwrap();
    let share = EVENTS / CONNECTIONS;
    let callers = (0..CONNECTIONS).map(|caller| async move {
        // A client of its own has a connection of its own.
        let http = client();
        let tell = async |number: usize| {
            let id = format!("event-{number}");
            let who = if number.is_multiple_of(10) { USERNAME } else { NOBODY };
            let answer = tell_about(&http, hooks, organization, who, &id).await;
            (id, answer.map(|(status, _)| status))
        };
        let numbers = stream::iter(caller * share..(caller + 1) * share);
        numbers.then(tell).collect::<Vec<_>>().await
    });
    let mut told = Told::default();
    for (id, status) in join_all(callers).await.into_iter().flatten() {
        if let Some(status) = status {
            told.note(&id, status);
        }
    }
    told
}

/// Floods the program; returns what it told.
async fn withstands(town: &Town, url: &str, rate: usize) -> Told {
    let config = configured(town, url);
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text
        .replace("rate_per_minute = 1000000", &format!("rate_per_minute = {rate}"))
        .replace("[hooks]\n", "[hooks]\nconnections_max_per_address = 1024\n");
    std::fs::write(&config, text).unwrap();
    let receiver = Receiver::start_with(&config, None);
    let before = memory(&receiver, "VmRSS");
    let began = Instant::now();
    let told = flood(town, &receiver).await;
    let (peak, after) = (memory(&receiver, "VmHWM"), memory(&receiver, "VmRSS"));
    let took = began.elapsed();
    assert!(
        peak - before < GROWTH,
        "from {before} KiB to {peak} KiB at most and {after} KiB after {took:?}"
    );
    let answered = told.acknowledged.len() + told.put_off.len();
    assert!(answered > EVENTS / 10 * 9, "{answered} are answered");
    let kept: BTreeSet<String> = ids_in(url).await;
    assert!(kept.is_superset(&told.acknowledged), "acknowledged and lost");

    // Whoever comes afterwards is answered as ever, at once.
    let live = format!("http://{}/livez", receiver.operator.unwrap());
    assert_eq!(client().get(&live).send().await.unwrap().status(), 200);
    let organization = town.simulator.salesforce().organization_id();
    let good = async || {
        let hooks = receiver.hooks.unwrap();
        tell_about(&client(), hooks, organization, USERNAME, "afterwards").await.unwrap().0
    };
    until("a good request is taken", async || matches!(good().await, 200 | 202)).await;
    assert!(ids_in(url).await.contains("afterwards"));
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_at_once_are_all_in_the_file_and_memory_is_bounded() {
    let town = Town::new(Skin::Plain).await;
    let url = format!("sqlite:{}", town.file("flooded.db").display());
    let told = withstands(&town, &url, 1_000_000).await;
    assert!(told.acknowledged.len() > EVENTS / 2, "{}", told.acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_at_once_are_put_off_beyond_the_rate_and_the_rest_are_kept() {
    let town = Town::new(Skin::Plain).await;
    let database = Postgres::shared().database().await;
    let began = Instant::now();
    let told = withstands(&town, &database.url(), RATE).await;
    // The second that has begun counts as well.
    let refilled = usize::try_from(began.elapsed().as_secs() + 1).unwrap() * RATE / 60;
    assert!(told.acknowledged.len() > RATE / 10 * 9, "{}", told.acknowledged.len());
    assert!(told.acknowledged.len() <= RATE + refilled, "{}", told.acknowledged.len());
    let kept = ids_in(&database.url()).await;
    let sneaked: Vec<_> = told.put_off.iter().filter(|id| kept.contains(*id)).collect();
    assert!(sneaked.is_empty(), "put off at the door and written: {sneaked:?}");
    assert!(began.elapsed() < Duration::from_mins(2));
}
