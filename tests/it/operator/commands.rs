//! The commands that talk to the private listener.

use std::sync::Arc;
use std::time::Duration;

use reset_receiver::cli::Exit;
use reset_receiver::cli::client::{ClientError, RotationVerb};
use reset_receiver::cli::follow::{Following, follow};
use reset_receiver::cli::remote::{Access, RemoteCommand, StatusArguments, Surroundings};
use reset_receiver::cli::status::{Look, status, watch};
use reset_receiver::cli::{report, verbs};
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::{RotationId, TargetName};
use reset_receiver::domain::step::Step;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::Journal;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::bench::{Bench, OTTO, VERA, connector, containment, recovery, write};

const PLAIN: Look = Look { json: false, is_terminal: false };
const LONG: Duration = Duration::from_hours(1);

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).unwrap()
}

fn stuck() -> Entry {
    Entry::Stuck {
        step: Step::Update,
        surface: Some(connector()),
        fault: Fault::Permanent,
        message: "the page has changed".to_owned(),
    }
}

/// Writes these entries while the command under test sleeps for the next time.
fn later(bench: &Bench, id: RotationId, entries: Vec<Entry>) {
    let (clock, store) = (Arc::clone(&bench.clock), Arc::clone(&bench.store));
    bench.clock.then(async move { write(&clock, &store, id, entries).await });
}

async fn followed(bench: &Bench, id: RotationId, timeout: Duration) -> (Exit, String) {
    let (mut out, stop) = (Vec::new(), CancellationToken::new());
    let following = Following { clock: &*bench.clock, stop: &stop, timeout };
    let exit = follow(&bench.client(VERA), &mut out, id, following).await.unwrap();
    (exit, text(out))
}

#[tokio::test]
async fn status_is_a_table_that_a_person_reads() {
    let bench = Bench::start().await;
    let id = bench.begin("acme").await;
    bench.write(id, containment()).await;
    bench.clock.advance(Duration::from_mins(4));
    let mut out = Vec::new();
    status(&bench.client(VERA), &mut out, PLAIN, bench.clock.now()).await.unwrap();
    assert_eq!(
        text(out),
        "TARGET   PHASE             SINCE   WAITS FOR\n\
         acme     awaiting secret   4 min   Vault to be asked for the new secret\n\
         globex   never rotated     -\n\
         \n\
         SAID     AGO     BY     TARGET\n\
         rotate   4 min   otto   acme\n"
    );
}

#[tokio::test]
async fn status_says_what_operators_said_last_newest_first() {
    let bench = Bench::start().await;
    let id = bench.begin("acme").await;
    bench.write(id, vec![stuck()]).await;
    for by in ["otto", "olga"] {
        bench.store.operate(id, &Entry::UseCurrent { by: by.to_owned() }).await.unwrap();
        bench.clock.advance(Duration::from_mins(4));
    }
    let mut out = Vec::new();
    status(&bench.client(VERA), &mut out, PLAIN, bench.clock.now()).await.unwrap();
    let out = text(out);
    let (_, said) = out.split_once("\n\n").unwrap();
    assert_eq!(
        said,
        "SAID                 AGO     BY     TARGET\n\
         use current secret   4 min   olga   acme\n\
         use current secret   8 min   otto   acme\n\
         rotate               8 min   otto   acme\n"
    );

    for _ in 0..10 {
        bench.store.operate(id, &Entry::UseCurrent { by: "otto".to_owned() }).await.unwrap();
    }
    let mut out = Vec::new();
    status(&bench.client(VERA), &mut out, PLAIN, bench.clock.now()).await.unwrap();
    let out = text(out);
    assert_eq!((out.matches("otto").count(), out.matches("olga").count()), (10, 0), "{out}");
}

#[tokio::test]
async fn status_as_json_is_what_the_api_says() {
    let bench = Bench::start().await;
    let id = bench.begin("acme").await;
    bench.store.operate(id, &Entry::UseCurrent { by: "otto".to_owned() }).await.unwrap();
    let (mut out, look) = (Vec::new(), Look { json: true, is_terminal: false });
    status(&bench.client(VERA), &mut out, look, bench.clock.now()).await.unwrap();
    let shown: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(shown["targets"], bench.get("/v1/targets").await.json()["targets"]);
    assert_eq!(shown["audit"], bench.get("/v1/audit").await.json()["audit"]);
    assert_eq!(shown["audit"][0]["by"], "otto");
}

#[tokio::test]
async fn a_watched_status_is_redrawn_on_a_terminal() {
    let bench = Bench::start().await;
    let stop = CancellationToken::new();
    bench.clock.then(async {});
    let end = stop.clone();
    bench.clock.then(async move { end.cancel() });
    let (mut out, look) = (Vec::new(), Look { json: false, is_terminal: true });
    watch(&bench.client(VERA), &mut out, look, &*bench.clock, &stop).await.unwrap();
    let out = text(out);
    assert_eq!(out.matches("\u{1b}[H\u{1b}[2JTARGET").count(), 2, "{out}");
}

#[tokio::test]
async fn a_watched_status_is_a_line_for_each_change_elsewhere() {
    let bench = Bench::start().await;
    let id = bench.begin("acme").await;
    let stop = CancellationToken::new();
    bench.clock.then(async {});
    later(&bench, id, containment());
    let store = Arc::clone(&bench.store);
    bench.clock.then(async move {
        store.operate(id, &Entry::UseCurrent { by: "otto".to_owned() }).await.unwrap();
    });
    let end = stop.clone();
    bench.clock.then(async move { end.cancel() });
    let mut out = Vec::new();
    watch(&bench.client(VERA), &mut out, PLAIN, &*bench.clock, &stop).await.unwrap();
    assert_eq!(
        text(out),
        "2026-03-02T08:00:00Z acme containing: connector:-/Contacts to be disabled\n\
         2026-03-02T08:00:00Z globex never rotated\n\
         2026-03-02T08:00:07Z acme awaiting secret: Vault to be asked for the new secret\n\
         2026-03-02T08:00:09Z acme use current secret said by otto\n"
    );
}

#[tokio::test]
async fn a_watched_status_outlives_a_store_that_does_not_answer_for_a_while() {
    let bench = Bench::start().await;
    let stop = CancellationToken::new();
    let store = Arc::clone(&bench.store);
    bench.clock.then(async move { store.close().await });
    let end = stop.clone();
    bench.clock.then(async move { end.cancel() });
    let mut out = Vec::new();
    watch(&bench.client(VERA), &mut out, PLAIN, &*bench.clock, &stop).await.unwrap();
    let out = text(out);
    let last = out.lines().last().unwrap();
    assert!(last.contains("the store cannot be read or written now"), "{out}");
}

#[tokio::test]
async fn a_rotation_is_followed_step_by_step_until_it_ends_well() {
    let bench = Bench::start().await;
    let began = bench.clock.now();
    let id = bench.begin("acme").await;
    later(&bench, id, containment());
    later(&bench, id, recovery(began));
    let (exit, out) = followed(&bench, id, LONG).await;
    assert_eq!(exit, Exit::Well);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "08:00:00       0.0 s  covers connector:-/Contacts, integration:-");
    assert_eq!(lines[3], "08:00:02       2.5 s  connector:-/Contacts is disabled");
    assert_eq!(lines.last(), Some(&"confirmed"));
    assert_eq!(lines.len(), 15, "each row once, and the end:\n{out}");
}

#[tokio::test]
async fn following_a_rotation_that_gets_stuck_ends_wrong_and_says_what_is_left_disabled() {
    let bench = Bench::start().await;
    let id = bench.begin("acme").await;
    later(&bench, id, [containment(), vec![stuck()]].concat());
    let (exit, out) = followed(&bench, id, LONG).await;
    assert_eq!(exit, Exit::Wrong);
    let end = "cannot update without a person: the page has changed\n\
               left disabled: connector:-/Contacts\nstuck\n";
    assert!(out.ends_with(end), "{out}");
}

#[tokio::test]
async fn following_ends_wrong_at_its_time_out_and_says_what_is_waited_for() {
    let bench = Bench::start().await;
    let id = bench.begin("acme").await;
    later(&bench, id, containment());
    let (exit, out) = followed(&bench, id, Duration::from_secs(3)).await;
    assert_eq!(exit, Exit::Wrong);
    let end = "not over yet; it waits for Vault to be asked for the new secret\n";
    assert!(out.ends_with(end), "{out}");
}

#[tokio::test]
async fn the_verbs_say_what_they_did() {
    let bench = Bench::start().await;
    let client = bench.client(OTTO);
    let acme = TargetName::parse("acme").unwrap();
    let mut out = Vec::new();
    let id = verbs::rotate(&client, &mut out, &acme).await.unwrap();
    bench.write(id, [containment(), vec![stuck()]].concat()).await;
    for verb in [RotationVerb::Retry, RotationVerb::UseCurrentSecret, RotationVerb::Abandon] {
        assert_eq!(verbs::say(&client, &mut out, id, verb).await.unwrap(), Exit::Well);
    }
    assert_eq!(
        text(out),
        format!(
            "acme is being rotated: {id}\n\
             rotation {id} goes on\n\
             rotation {id} uses Vault's current secret\n\
             rotation {id} is given up\n\
             left disabled: connector:-/Contacts\n"
        )
    );
}

#[tokio::test]
async fn a_refusal_is_the_listeners_own_sentence_and_never_the_token() {
    let bench = Bench::start().await;
    let acme = TargetName::parse("acme").unwrap();
    let mut out = Vec::new();
    let refusal = |error: &ClientError| {
        let mut line = Vec::new();
        report(error, &mut line).unwrap();
        text(line)
    };
    let error = verbs::rotate(&bench.client(VERA), &mut out, &acme).await.unwrap_err();
    assert_eq!(
        refusal(&error),
        "reset-receiver: the token of vera may look, and not act; this needs the role operator \
         (403 Forbidden)\n"
    );
    assert!(!error.may_pass());
    let stranger = bench.client("a-token-that-nobody-knows");
    let error = verbs::rotate(&stranger, &mut out, &acme).await.unwrap_err();
    assert_eq!(
        refusal(&error),
        "reset-receiver: a valid bearer token is needed (401 Unauthorized)\n"
    );
    assert!(!format!("{error:?} {stranger:?}").contains("nobody-knows"));
    assert_eq!(out, b"");
}

#[tokio::test]
async fn a_listener_that_is_not_there_is_said_to_be_unreachable() {
    let mut bench = Bench::start().await;
    let client = bench.client(VERA);
    bench.stop.cancel();
    (&mut bench.running).await.unwrap().unwrap();
    let error = client.targets().await.unwrap_err();
    assert!(error.may_pass());
    assert!(error.to_string().ends_with("does not answer"), "{error}");
}

#[tokio::test]
async fn a_command_takes_the_token_from_a_file_and_misses_what_nobody_said() {
    let bench = Bench::start().await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{VERA}\n")).unwrap();
    let run = async |access: Access, fallback: Access| {
        let mut out = Vec::new();
        let around = Surroundings {
            clock: &*bench.clock,
            out: &mut out,
            is_terminal: false,
            stop: CancellationToken::new(),
            fallback,
        };
        let command = RemoteCommand::Status(StatusArguments { access, watch: false, json: false });
        let exit = command.run(around).await.map_err(|error| (error.exit(), error.to_string()));
        (exit, text(out))
    };
    let token = || Some(file.path().to_owned());
    let access = || Access { operator: Some(bench.url()), token_file: token() };

    for (said, fallback) in [(access(), Access::default()), (Access::default(), access())] {
        let (exit, out) = run(said, fallback).await;
        assert_eq!(exit, Ok(Exit::Well));
        assert!(out.starts_with("TARGET"), "{out}");
    }
    let missing = Access { operator: Some(bench.url()), token_file: None };
    let (exit, message) = run(missing, Access::default()).await.0.unwrap_err();
    assert_eq!(exit, Exit::Usage);
    assert!(message.contains("--token-file"), "{message}");
    let elsewhere = Some(file.path().with_extension("not-there"));
    let missing = Access { operator: Some(bench.url()), token_file: elsewhere };
    let (exit, message) = run(missing, Access::default()).await.0.unwrap_err();
    assert_eq!(exit, Exit::Usage);
    assert!(message.ends_with("cannot be read"), "{message}");
}
