//! What senders were told, held against what the journal has.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reset_receiver::domain::phase::Phase;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::support::receiver::{Receiver, client, tell_about};
use crate::support::town::Town;

/// How long anything may take to come that a test expects, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_mins(3);

/// Somebody of whom no target is, so that what is told of is kept and nothing follows.
pub(super) const NOBODY: &str = "nobody@acme.example";

/// The events by what became of them. Any other answer is a failure.
#[derive(Default)]
pub(super) struct Told {
    /// Answered 200 or 202.
    pub(super) acknowledged: BTreeSet<String>,
    /// Answered 503, or 429.
    pub(super) put_off: BTreeSet<String>,
}

impl Told {
    /// Notes an answer; an event that is acknowledged in the end is not put off any more.
    pub(super) fn note(&mut self, id: &str, status: u16) {
        match status {
            200 | 202 => {
                self.put_off.remove(id);
                self.acknowledged.insert(id.to_owned());
            }
            429 | 503 => {
                self.put_off.insert(id.to_owned());
            }
            other => panic!("{id} is answered {other}"),
        }
    }

    /// Whatever was acknowledged is in the journal.
    pub(super) async fn assert_kept_in(&self, url: &str) {
        let kept = ids_in(url).await;
        let lost: Vec<_> = self.acknowledged.difference(&kept).collect();
        assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), kept.len());
    }
}

/// Tells of a reset of somebody; returns the status.
pub(super) async fn tell_of(
    http: &reqwest::Client,
    receiver: &Receiver,
    town: &Town,
    username: &str,
    id: &str,
) -> u16 {
    let organization = town.simulator.salesforce().organization_id();
    let answer = tell_about(http, receiver.hooks.unwrap(), organization, username, id).await;
    answer.unwrap_or_else(|| panic!("{id} is not answered\n{}", receiver.log())).0
}

/// Tells of a reset until it is acknowledged, as a sender does that gets no answer in time.
pub(super) async fn tell_until_taken(receiver: &Receiver, town: &Town, username: &str, id: &str) {
    let http = client();
    let organization = town.simulator.salesforce().organization_id();
    let hooks = receiver.hooks.unwrap();
    until("the event is taken", async || {
        let answer = tell_about(&http, hooks, organization, username, id).await;
        matches!(answer, Some((200 | 202, _)))
    })
    .await;
}

/// Waits until the town's rotation is in a phase.
pub(super) async fn until_phase(receiver: &Receiver, phase: Phase) {
    let began = Instant::now();
    loop {
        let rotations = receiver.get("/v1/rotations").await;
        if rotations["rotations"][0]["phase"] == phase.as_str() {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not {phase}: {rotations}\n{}", receiver.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until something is so.
pub(super) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "it does not come about that {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The town's configuration with its journal elsewhere, in a file.
pub(super) fn configured(town: &Town, url: &str) -> PathBuf {
    let journal = format!("sqlite:{}", town.file("journal.db").display());
    let config = town.config();
    assert!(config.contains(&journal));
    let file = town.file("elsewhere.toml");
    std::fs::write(&file, config.replace(&journal, url)).unwrap();
    file
}

/// The ids of the events in a journal.
pub(super) async fn ids_in(url: &str) -> BTreeSet<String> {
    const IDS: &str = "SELECT id FROM event";
    let ids: Vec<String> = if let Some(path) = url.strip_prefix("sqlite:") {
        let journal = rusqlite::Connection::open(path).unwrap();
        let verdict = journal.query_row("PRAGMA integrity_check", [], |row| row.get(0));
        assert_eq!(verdict, Ok("ok".to_owned()));
        let mut statement = journal.prepare(IDS).unwrap();
        let ids = statement.query_map([], |row| row.get(0)).unwrap();
        ids.collect::<Result<_, _>>().unwrap()
    } else {
        let mut journal = PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(IDS).fetch_all(&mut journal).await.unwrap()
    };
    ids.into_iter().collect()
}
