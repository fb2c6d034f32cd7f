//! Liveness, readiness and metrics, without a token.

use std::collections::BTreeSet;

use reqwest::Method;
use reset_receiver::ports::meter::{DeliveryOutcome, Meter};
use serde_json::json;

use super::bench::{Answer, Bench};

async fn open(bench: &Bench, path: &str) -> Answer {
    bench.ask(Method::GET, path, None).await
}

#[tokio::test]
async fn it_lives_from_the_beginning_and_is_ready_once_start_up_is_complete() {
    let bench = Bench::start().await;
    assert_eq!(open(&bench, "/livez").await.status, 200);
    let answer = open(&bench, "/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json(), json!({"ready": false, "not_ready": ["worker"]}));

    bench.latch.open();
    let answer = open(&bench, "/readyz").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({"ready": true, "not_ready": []}));
}

#[tokio::test]
async fn a_closed_store_takes_readiness_and_the_api_and_leaves_life_and_metrics() {
    let bench = Bench::start().await;
    bench.latch.open();
    bench.store.close().await;

    let answer = open(&bench, "/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json(), json!({"ready": false, "not_ready": ["store"]}));
    assert_eq!(open(&bench, "/livez").await.status, 200);

    let page = open(&bench, "/metrics").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("\nreset_receiver_store_up 0\n"), "{}", page.text);
    assert!(!page.text.contains("reset_receiver_rotations{"), "{}", page.text);

    for path in ["/v1/targets", "/v1/targets/acme", "/v1/rotations"] {
        let answer = bench.get(path).await;
        assert_eq!(answer.problem(503), "the store cannot be read or written now", "{path}");
        assert_eq!(answer.header("retry-after"), Some("5"), "{path}");
    }
    bench.post("/v1/targets/acme/rotate").await.problem(503);
}

#[tokio::test]
async fn every_sample_of_the_metrics_has_a_help_and_a_type() {
    let bench = Bench::start().await;
    bench.begin("acme").await;
    bench.metrics.delivery("flow", DeliveryOutcome::Accepted);
    let answer = open(&bench, "/metrics").await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(answer.text.contains("reset_receiver_rotations{phase=\"containing\"} 1\n"));

    let (mut helped, mut typed, mut samples) = (BTreeSet::new(), BTreeSet::new(), 0);
    for line in answer.text.lines() {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name)) => assert!(helped.insert(name), "{line}"),
            (Some("#"), Some("TYPE"), Some(name)) => assert!(typed.insert(name), "{line}"),
            (Some("#"), Some("UNIT" | "EOF"), _) => {}
            _ => {
                samples += 1;
                assert!(is_described(line, &helped) && is_described(line, &typed), "{line}");
            }
        }
    }
    assert!(samples > 50, "{samples} samples");
    assert_eq!(answer.text.lines().last(), Some("# EOF"));
}

/// Whether a sample's name, without the suffix of its kind, is among the described ones, and its
/// value is a number.
fn is_described(line: &str, described: &BTreeSet<&str>) -> bool {
    let (name, value) = line.rsplit_once(' ').unwrap();
    let name = name.split('{').next().unwrap();
    let is = |suffix: &str| name.strip_suffix(suffix).is_some_and(|name| described.contains(name));
    value.parse::<f64>().is_ok()
        && name.starts_with("reset_receiver_")
        && ["", "_total", "_bucket", "_sum", "_count"].into_iter().any(is)
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    let mut bench = Bench::start().await;
    assert_eq!(open(&bench, "/livez").await.status, 200);
    bench.stop.cancel();
    (&mut bench.running).await.unwrap().unwrap();
}
