//! No answer of the private listener holds a secret, a token, or a fingerprint of either.

use reqwest::Method;
use reset_receiver::ports::clock::Clock;

use super::bench::{Bench, OTTO, PASSWORD, VERA, containment, fingerprints, recovery};

#[tokio::test]
async fn no_answer_holds_a_secret_or_a_fingerprint() {
    let bench = Bench::start().await;
    let began = bench.clock.now();
    let id = bench.begin("acme").await;
    bench.write(id, [containment(), recovery(began)].concat()).await;

    let prints = serde_json::to_value(fingerprints()).unwrap();
    let mut canaries = vec![PASSWORD.to_owned(), VERA.to_owned(), OTTO.to_owned()];
    canaries.push("fingerprint".to_owned());
    for half in ["password", "security_token"] {
        canaries.push(prints[half].as_str().unwrap().to_owned());
    }
    let rotation = format!("/v1/rotations/{id}");
    let verb = format!("{rotation}/retry");
    let mut answers = Vec::new();
    for path in [
        "/livez",
        "/readyz",
        "/metrics",
        "/v1/targets",
        "/v1/targets/acme",
        "/v1/rotations",
        &rotation,
        "/v1/elsewhere",
    ] {
        answers.push((path, bench.ask(Method::GET, path, Some(OTTO)).await));
    }
    answers.push((&verb, bench.post(&verb).await));
    for (path, answer) in answers {
        let whole = format!("{:?}\n{}", answer.headers, answer.text);
        for canary in &canaries {
            assert!(!whole.contains(canary.as_str()), "{path} holds {canary}:\n{whole}");
        }
    }
}
