//! Who may look and who may act.

use reqwest::Method;

use super::bench::{Bench, OTTO, VERA, nobody};

/// Every route of the API, and one that is none.
fn routes() -> Vec<(Method, String)> {
    let mut routes: Vec<(Method, String)> =
        ["/v1/targets", "/v1/targets/acme", "/v1/rotations", &nobody(), "/v1/elsewhere"]
            .map(|path| (Method::GET, path.to_owned()))
            .into();
    routes.extend(verbs());
    routes
}

fn verbs() -> Vec<(Method, String)> {
    let mut verbs = vec![(Method::POST, "/v1/targets/acme/rotate".to_owned())];
    for verb in ["retry", "use-current-secret", "abandon"] {
        verbs.push((Method::POST, format!("{}/{verb}", nobody())));
    }
    verbs
}

#[tokio::test]
async fn without_a_known_token_nothing_of_the_api_is_served() {
    let bench = Bench::start().await;
    for (method, path) in routes() {
        for token in [None, Some("a-token-that-nobody-knows")] {
            let answer = bench.ask(method.clone(), &path, token).await;
            assert_eq!(answer.problem(401), "a valid bearer token is needed", "{path}");
            assert_eq!(
                answer.header("www-authenticate"),
                Some("Bearer realm=\"reset-receiver\""),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_viewer_may_look_and_not_act() {
    let bench = Bench::start().await;
    for path in ["/v1/targets", "/v1/targets/acme", "/v1/rotations"] {
        assert_eq!(bench.ask(Method::GET, path, Some(VERA)).await.status, 200, "{path}");
    }
    for (method, path) in verbs() {
        let detail = bench.ask(method, &path, Some(VERA)).await.problem(403);
        assert!(detail.contains("vera") && detail.contains("role operator"), "{detail}");
    }
    let list = bench.get("/v1/rotations").await.json();
    assert_eq!(list["rotations"].as_array().unwrap().len(), 0, "nothing was set in motion");
}

#[tokio::test]
async fn an_operator_may_look_and_act() {
    let bench = Bench::start().await;
    assert_eq!(bench.ask(Method::GET, "/v1/targets", Some(OTTO)).await.status, 200);
    let answer = bench.ask(Method::POST, "/v1/targets/acme/rotate", Some(OTTO)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
}
