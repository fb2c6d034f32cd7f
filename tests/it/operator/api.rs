//! What the API shows of targets and rotations, and what it answers to nonsense.

use std::time::Duration;

use reqwest::Method;
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::freshness::{Half, Waiting};
use reset_receiver::domain::secret::SecretVersion;
use reset_receiver::domain::step::Step;
use reset_receiver::ports::clock::Clock;
use serde_json::{Value, json};

use super::bench::{Bench, OTTO, connector, containment, nobody, recovery};

fn stuck(message: &str) -> Entry {
    Entry::Stuck {
        step: Step::Contain,
        surface: Some(connector()),
        fault: Fault::Permanent,
        message: message.to_owned(),
    }
}

#[tokio::test]
async fn a_target_that_was_never_rotated_shows_what_it_is() {
    let bench = Bench::start().await;
    let list = bench.get("/v1/targets").await.json();
    let names: Vec<&Value> =
        list["targets"].as_array().unwrap().iter().map(|target| &target["name"]).collect();
    assert_eq!(names, ["acme", "globex"]);
    let expected = json!({
        "name": "acme",
        "organization": "00D5e000001AbCdEAK",
        "username": "sync@acme.example",
        "account": "console-acme",
        "surfaces": ["connector:-/Contacts", "integration:-"],
        "rotation": null,
        "applied": null,
    });
    assert_eq!(bench.get("/v1/targets/acme").await.json(), expected);
    assert_eq!(list["targets"][0], expected);
}

#[tokio::test]
async fn a_target_shows_its_phase_since_when_and_what_it_waits_for() {
    let bench = Bench::start().await;
    let id = bench.begin("acme").await;
    let shown = async || bench.get("/v1/targets/acme").await.json()["rotation"].clone();
    let rotation = shown().await;
    assert_eq!(rotation["id"], id.to_string());
    assert_eq!(rotation["phase"], "containing");
    assert_eq!(rotation["since"], "2026-03-02T08:00:00Z");
    assert_eq!(rotation["waits_for"], "connector:-/Contacts to be disabled");

    bench.write(id, containment()).await;
    let rotation = shown().await;
    assert_eq!(rotation["phase"], "awaiting_secret");
    assert_eq!(rotation["since"], "2026-03-02T08:00:02Z");
    assert_eq!(rotation["waits_for"], "Vault to be asked for the new secret");

    let reason = Waiting::HalfWritten { half: Half::SecurityToken, since: SecretVersion(6) };
    bench.write(id, vec![Entry::Waiting { reason }]).await;
    let rotation = shown().await;
    assert_eq!(rotation["since"], "2026-03-02T08:00:02Z", "the phase is the same");
    assert_eq!(
        rotation["waits_for"],
        "the new secret: security_token has not changed since version 6"
    );
}

#[tokio::test]
async fn a_completed_rotation_leaves_the_version_and_when_it_was_confirmed() {
    let bench = Bench::start().await;
    let began = bench.clock.now();
    let id = bench.begin("acme").await;
    bench.write(id, [containment(), recovery(began)].concat()).await;
    let target = bench.get("/v1/targets/acme").await.json();
    assert_eq!(target["rotation"]["phase"], "confirmed");
    assert_eq!(target["rotation"]["since"], "2026-03-02T08:00:12Z");
    assert_eq!(target["rotation"]["waits_for"], Value::Null);
    assert_eq!(target["applied"], json!({"version": 7, "confirmed_at": "2026-03-02T08:00:12Z"}));
}

#[tokio::test]
async fn a_rotation_shows_its_journal_in_sentences() {
    let bench = Bench::start().await;
    let began = bench.clock.now();
    let id = bench.begin("acme").await;
    bench.write(id, [containment(), recovery(began)].concat()).await;
    let rotation = bench.get(&format!("/v1/rotations/{id}")).await.json();
    assert_eq!(rotation["id"], id.to_string());
    assert_eq!(rotation["target"], "acme");
    assert_eq!(rotation["phase"], "confirmed");
    assert_eq!(rotation["left_disabled"], json!([]));
    let sentences: Vec<&str> = rotation["journal"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["sentence"].as_str().unwrap())
        .collect();
    assert_eq!(
        sentences,
        [
            "covers connector:-/Contacts, integration:-",
            "operator told of a password reset of 2026-03-02T08:00:00Z",
            "disabling connector:-/Contacts",
            "connector:-/Contacts is disabled",
            "version 7, written at 2026-03-02T08:00:00Z, is the new secret",
            "writing version 7 to integration:-",
            "integration:- took version 7",
            "writing version 7 to connector:-/Contacts",
            "connector:-/Contacts took version 7",
            "enabling connector:-/Contacts",
            "connector:-/Contacts is enabled",
            "integration:- is well",
            "connector:-/Contacts is well",
            "completed, and everything is well",
        ]
    );
    assert_eq!(
        rotation["journal"][3],
        json!({
            "seq": 4, "at": "2026-03-02T08:00:02Z", "fence": 1, "entry": "contained",
            "surface": "connector:-/Contacts", "version": null,
            "sentence": "connector:-/Contacts is disabled",
        })
    );
}

#[tokio::test]
async fn a_stuck_rotation_says_what_a_person_needs_to_know() {
    let bench = Bench::start().await;
    let id = bench.begin("acme").await;
    let entries = [containment(), vec![stuck("the page has no \"Save\"")]].concat();
    bench.write(id, entries).await;
    let rotation = bench.get(&format!("/v1/rotations/{id}")).await.json();
    assert_eq!(rotation["phase"], "stuck");
    assert_eq!(rotation["waits_for"], "a person: the page has no \"Save\"");
    assert_eq!(
        rotation["stuck"],
        json!({
            "step": "contain", "surface": "connector:-/Contacts", "fault": "permanent",
            "message": "the page has no \"Save\"",
        })
    );
    assert_eq!(rotation["left_disabled"], json!(["connector:-/Contacts"]));
}

#[tokio::test]
async fn a_step_that_failed_and_will_be_tried_again_is_waited_for() {
    let bench = Bench::start().await;
    let id = bench.begin("acme").await;
    let deferred = Entry::Deferred {
        step: Step::Contain,
        surface: None,
        fault: Fault::Transient,
        message: "the console cannot be reached".to_owned(),
        retry_at: bench.clock.now() + Duration::from_mins(1),
    };
    bench.write(id, vec![deferred]).await;
    let rotation = bench.get(&format!("/v1/rotations/{id}")).await.json();
    assert_eq!(
        rotation["waits_for"],
        "another try to contain at 2026-03-02T08:01:00Z, because the console cannot be reached"
    );
}

#[tokio::test]
async fn rotations_are_filtered_and_paged_by_a_cursor() {
    let bench = Bench::start().await;
    let mut ids_of_all = Vec::new();
    for _ in 0..3 {
        let (began, id) = (bench.clock.now(), bench.begin("acme").await);
        bench.write(id, [containment(), recovery(began)].concat()).await;
        ids_of_all.push(id.to_string());
    }
    ids_of_all.push(bench.begin("globex").await.to_string());
    ids_of_all.reverse();
    let ids = |page: &Value| -> Vec<String> {
        let rotations = page["rotations"].as_array().unwrap();
        rotations.iter().map(|summary| summary["id"].as_str().unwrap().to_owned()).collect()
    };
    let list = async |query: &str| bench.get(&format!("/v1/rotations?{query}")).await.json();

    let first = list("limit=3").await;
    assert_eq!(ids(&first), ids_of_all[..3]);
    assert_eq!(first["next_before"], ids_of_all[2]);
    let second = list(&format!("limit=3&before={}", ids_of_all[2])).await;
    assert_eq!(ids(&second), ids_of_all[3..]);
    assert_eq!(second["next_before"], Value::Null);
    let whole = list("limit=4").await;
    assert_eq!(whole["next_before"], Value::Null, "a full last page has no next one");

    assert_eq!(ids(&list("target=globex").await), ids_of_all[..1]);
    assert_eq!(ids(&list("phase=confirmed").await), ids_of_all[1..]);
    assert!(ids(&list("target=globex&phase=confirmed").await).is_empty());
}

#[tokio::test]
async fn a_query_that_cannot_be_understood_is_a_bad_request_that_names_its_key() {
    let bench = Bench::start().await;
    for (query, key) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "invalid digit"),
        ("target=Acme", "target"),
        ("phase=sleeping", "phase"),
        ("before=yesterday", "before"),
        ("page=2", "page"),
    ] {
        let detail = bench.get(&format!("/v1/rotations?{query}")).await.problem(400);
        assert!(detail.contains(key), "{query}: {detail}");
    }
}

#[tokio::test]
async fn what_is_unknown_is_not_found() {
    let bench = Bench::start().await;
    let target = "there is no such target";
    let rotation = "there is no such rotation";
    let (nobody, nothing) = (nobody(), "there is nothing at this path");
    for (method, path, detail) in [
        (Method::GET, "/v1/targets/initech", target),
        (Method::GET, "/v1/targets/No%20Name", target),
        (Method::POST, "/v1/targets/initech/rotate", target),
        (Method::GET, &nobody, rotation),
        (Method::GET, "/v1/rotations/17", rotation),
        (Method::POST, &format!("{nobody}/retry"), rotation),
        (Method::POST, "/v1/rotations/17/abandon", rotation),
        (Method::GET, "/v1/elsewhere", nothing),
        (Method::GET, "/elsewhere", nothing),
        (Method::POST, "/v1/resets/flow", nothing),
    ] {
        assert_eq!(bench.ask(method, path, Some(OTTO)).await.problem(404), detail, "{path}");
    }
}

#[tokio::test]
async fn another_method_is_refused_with_the_methods_that_are_served() {
    let bench = Bench::start().await;
    let nobody = nobody();
    let read = ["/livez", "/readyz", "/metrics", "/v1/targets", "/v1/targets/acme", &nobody];
    for path in read {
        let answer = bench.ask(Method::DELETE, path, Some(OTTO)).await;
        answer.problem(405);
        assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{path}");
    }
    for path in ["/v1/targets/acme/rotate", &format!("{nobody}/retry")] {
        let answer = bench.get(path).await;
        answer.problem(405);
        assert_eq!(answer.header("allow"), Some("POST"), "{path}");
    }
    let head = bench.ask(Method::HEAD, "/livez", None).await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
}
