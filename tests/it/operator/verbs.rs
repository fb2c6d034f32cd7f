//! The operator's verbs, and where they leave a rotation.

use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::RotationId;
use reset_receiver::domain::step::Step;
use reset_receiver::ports::clock::Clock;
use serde_json::{Value, json};

use super::bench::{Bench, containment, recovery};

async fn stuck(bench: &Bench) -> RotationId {
    let id = bench.begin("acme").await;
    let stuck = Entry::Stuck {
        step: Step::AwaitSecret,
        surface: None,
        fault: Fault::Permanent,
        message: "Vault denies access".to_owned(),
    };
    bench.write(id, [containment(), vec![stuck]].concat()).await;
    id
}

async fn last_row(bench: &Bench, id: RotationId) -> (Value, Value) {
    let rotation = bench.get(&format!("/v1/rotations/{id}")).await.json();
    let row = rotation["journal"].as_array().unwrap().last().unwrap().clone();
    (rotation, row)
}

#[tokio::test]
async fn rotate_begins_a_rotation_in_the_name_of_the_token_and_joins_one_under_way() {
    let bench = Bench::start().await;
    let answer = bench.post("/v1/targets/acme/rotate").await;
    assert_eq!(answer.status, 202);
    let id = answer.json()["rotation_id"].as_str().unwrap().to_owned();
    let rotation = bench.get(&format!("/v1/rotations/{id}")).await.json();
    assert_eq!(rotation["target"], "acme");
    assert_eq!(rotation["journal"][1]["entry"], "admitted");
    let again = bench.post("/v1/targets/acme/rotate").await;
    assert_eq!(again.json(), json!({"rotation_id": id}));
}

#[tokio::test]
async fn a_verb_about_a_stuck_rotation_is_recorded_with_who_said_it() {
    for (verb, entry, sentence) in [
        ("retry", "retried", "otto set it going again"),
        (
            "use-current-secret",
            "use_current",
            "otto said that Vault's current version is the new one",
        ),
    ] {
        let bench = Bench::start().await;
        let id = stuck(&bench).await;
        let answer = bench.post(&format!("/v1/rotations/{id}/{verb}")).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        assert_eq!(answer.json(), json!({"rotation_id": id.to_string()}));
        let (rotation, row) = last_row(&bench, id).await;
        assert_eq!(row["entry"], entry);
        assert_eq!(row["sentence"], sentence);
        assert_eq!(row["fence"], Value::Null, "no worker wrote it");
        assert_eq!(rotation["phase"], "awaiting_secret");
        assert_eq!(rotation["stuck"], Value::Null);
    }
}

#[tokio::test]
async fn an_abandoned_rotation_shows_what_it_leaves_disabled() {
    let bench = Bench::start().await;
    let id = stuck(&bench).await;
    assert_eq!(bench.post(&format!("/v1/rotations/{id}/abandon")).await.status, 202);
    let (rotation, row) = last_row(&bench, id).await;
    assert_eq!(row["sentence"], "otto gave it up");
    assert_eq!(rotation["phase"], "abandoned");
    assert_eq!(rotation["left_disabled"], json!(["connector:-/Contacts"]));
}

#[tokio::test]
async fn a_verb_about_a_finished_rotation_is_a_conflict_that_says_why() {
    let bench = Bench::start().await;
    let began = bench.clock.now();
    let id = bench.begin("acme").await;
    bench.write(id, [containment(), recovery(began)].concat()).await;
    for verb in ["retry", "use-current-secret", "abandon"] {
        let answer = bench.post(&format!("/v1/rotations/{id}/{verb}")).await;
        let detail = "the rotation's state does not allow this: a finished rotation is over";
        assert_eq!(answer.problem(409), detail, "{verb}");
    }
    let (_, row) = last_row(&bench, id).await;
    assert_eq!(row["entry"], "completed", "nothing was recorded");
}
