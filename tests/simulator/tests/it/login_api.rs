//! Salesforce's logins on the wire.

use reqwest::{Client, Response};
use serde_json::Value;
use simulator::{Fault, Lockout, LoginMethod, LoginOutcome, Match, Simulator, Times, World};

const USER: &str = World::SALESFORCE_USER;

fn simulator() -> Simulator {
    Simulator::start(World::new().lockout(Lockout::After(3))).unwrap()
}

async fn post_soap(simulator: &Simulator, body: String) -> Response {
    let url = format!("{}/services/Soap/u/64.0", simulator.login_url());
    let request = Client::builder().no_proxy().build().unwrap().post(url);
    let request = request.header("Content-Type", "text/xml; charset=UTF-8");
    request.header("SOAPAction", "login").body(body).send().await.unwrap()
}

/// A SOAP login; its status and text.
async fn soap(simulator: &Simulator, secret: &str) -> (u16, String) {
    let body = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Body>\
         <login xmlns=\"urn:partner.soap.sforce.com\"><username>{USER}</username>\
         <password>{secret}</password></login></e:Body></e:Envelope>"
    );
    let answer = post_soap(simulator, body).await;
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// A token by the password grant.
async fn oauth(simulator: &Simulator, secret: &str, client_secret: &str) -> (u16, Value) {
    let url = format!("{}/services/oauth2/token", simulator.login_url());
    let form = [
        ("grant_type", "password"),
        ("client_id", World::CLIENT_ID),
        ("client_secret", client_secret),
        ("username", USER),
        ("password", secret),
    ];
    let client = Client::builder().no_proxy().build().unwrap();
    let answer = client.post(url).form(&form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn between<'a>(text: &'a str, tag: &str) -> &'a str {
    let start = text.find(&format!("<{tag}>")).unwrap() + tag.len() + 2;
    &text[start..start + text[start..].find('<').unwrap()]
}

#[tokio::test]
async fn a_right_secret_opens_a_session_that_logging_out_ends() {
    let simulator = simulator();
    simulator.salesforce().reset_password(USER, "a&b<c").unwrap();
    let right = simulator.salesforce().credential(USER).unwrap().secret();
    let (status, text) = soap(&simulator, &right.replace('&', "&amp;").replace('<', "&lt;")).await;
    assert_eq!((status, between(&text, "passwordExpired")), (200, "false"), "{text}");
    let organization = simulator.salesforce().organization_id();
    assert_eq!(between(&text, "organizationId"), organization);
    assert_eq!(simulator.salesforce().open_api_sessions(), 1);
    let session = between(&text, "sessionId");
    let logout = format!("<e><h><sessionId>{session}</sessionId></h><b><logout/></b></e>");
    assert_eq!(post_soap(&simulator, logout.clone()).await.status(), 200);
    assert_eq!(simulator.salesforce().open_api_sessions(), 0);
    assert_eq!(post_soap(&simulator, logout).await.status(), 500, "it has ended");
    let history = simulator.login_history();
    let seen: Vec<_> = history.iter().map(|l| (l.caller.to_string(), l.outcome)).collect();
    assert_eq!(seen, [("API".to_owned(), LoginOutcome::Success)]);
}

#[tokio::test]
async fn failures_over_the_wire_lock_the_user_like_any_other() {
    let simulator = simulator();
    let password = World::SALESFORCE_PASSWORD;
    let (status, text) = soap(&simulator, password).await;
    assert_eq!(
        (status, between(&text, "sf:exceptionCode")),
        (500, "LOGIN_MUST_USE_SECURITY_TOKEN")
    );
    let (status, answer) = oauth(&simulator, "wrong", World::CLIENT_SECRET).await;
    assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_grant")));
    assert_eq!(simulator.salesforce().user(USER).unwrap().failures, 2);
    let (_, text) = soap(&simulator, "wrong").await;
    assert_eq!(between(&text, "sf:exceptionCode"), "INVALID_LOGIN");
    assert!(simulator.salesforce().user(USER).unwrap().locked);
    let right = simulator.salesforce().credential(USER).unwrap().secret();
    let (_, text) = soap(&simulator, &right).await;
    assert_eq!(
        between(&text, "sf:exceptionCode"),
        "INVALID_LOGIN",
        "a locked user is told the same"
    );
}

#[tokio::test]
async fn what_is_not_about_the_secret_counts_as_no_failure() {
    let simulator = simulator();
    let right = simulator.salesforce().credential(USER).unwrap().secret();
    let (status, answer) = oauth(&simulator, &right, "not the app's").await;
    assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_client")));
    simulator.salesforce().switch(LoginMethod::Soap, false);
    let (status, text) = soap(&simulator, "wrong").await;
    assert_eq!((status, between(&text, "sf:exceptionCode")), (500, "INVALID_OPERATION"));
    assert_eq!(simulator.salesforce().user(USER).unwrap().failures, 0);
    simulator.salesforce().switch(LoginMethod::Soap, true);
    simulator.salesforce().expire_password(USER).unwrap();
    let (status, text) = soap(&simulator, &right).await;
    assert_eq!((status, between(&text, "passwordExpired")), (200, "true"));
    let (status, answer) = oauth(&simulator, &right, World::CLIENT_SECRET).await;
    assert_eq!((status, answer["error_description"].as_str()), (400, Some("password expired")));
}

#[tokio::test]
async fn faults_hit_logins_by_their_names() {
    let simulator = simulator();
    let right = simulator.salesforce().credential(USER).unwrap().secret();
    simulator.fault(Match::request("POST soap-login"), Fault::Status(503), Times::Once);
    simulator.fault(Match::nth(1), Fault::ResetBefore, Times::Always);
    assert_eq!(soap(&simulator, &right).await.0, 503);
    assert_eq!(simulator.login_history().len(), 0, "nothing has happened");
    assert_eq!(oauth(&simulator, &right, World::CLIENT_SECRET).await.0, 200);
    assert_eq!(soap(&simulator, &right).await.0, 200);
    assert_eq!(simulator.api_log(), ["POST soap-login", "POST oauth-token", "POST soap-login"]);
    assert!(simulator.console_log().is_empty());
}
