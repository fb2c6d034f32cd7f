//! The WSDL that an administrator is shown: a SOAP client of another make builds messages from it,
//! and the receiver reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reset_receiver::domain::ids::SourceName;
use reset_receiver::domain::outbound_object::OutboundObject;
use reset_receiver::domain::secret::SecretText;
use reset_receiver::engine::intake::Intake;
use reset_receiver::engine::operations::Operations;
use reset_receiver::engine::targets::Targets;
use reset_receiver::hooks::limits::Limits;
use reset_receiver::metrics::Metrics;
use reset_receiver::operator::messages::Messages;
use reset_receiver::operator::readiness::Readiness;
use reset_receiver::operator::who_may::{AccessToken, Role};
use reset_receiver::operator::{Operator, Parts, Settings};
use reset_receiver::ports::journal::Journal;
use serde_json::json;
use tokio::process::Command;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::bench::{
    Kept, SECRET, Shown, id, kept, of_salesforce, pinned, reset_event, source, user,
};
use crate::support::public_listener::{PublicListener, acme, at_now};

const VIEWER: &str = "viewer-token-viewer-token-viewer";

#[expect(clippy::disallowed_methods, reason = "the one setting that tests/run gives to the tests")]
fn python() -> PathBuf {
    let path = std::env::var_os("TOOLS_PYTHON");
    PathBuf::from(path.expect(
        "TOOLS_PYTHON does not name a Python with zeep; start the tests with tests/run, which installs one",
    ))
}

/// The private listener of a receiver whose sources send these objects.
fn operator(receiver: &PublicListener, objects: Vec<(&str, OutboundObject)>) -> String {
    let journal: Arc<dyn Journal> = Arc::new(receiver.store.clone());
    let (clock, targets) = (at_now(), Arc::new(Targets::new([acme()])));
    let wake = Arc::new(Notify::new());
    let (j, c, t, w) = (journal.clone(), clock.clone(), targets.clone(), wake.clone());
    let intake = Intake::new(j, c, t, w);
    let operations = Operations::new(intake, journal.clone(), clock.clone(), targets.clone(), wake);
    let named = |(name, object): (&str, OutboundObject)| {
        (SourceName::parse(name).unwrap(), Arc::new(object))
    };
    let objects: BTreeMap<_, _> = objects.into_iter().map(named).collect();
    let parts = Parts {
        journal,
        operations,
        targets,
        messages: Arc::new(Messages::new(objects)),
        metrics: Arc::new(Metrics::new([])),
        readiness: Readiness::default(),
        clock,
    };
    let token = SecretText::new(VIEWER.to_owned());
    let tokens = vec![AccessToken { name: "vera".to_owned(), role: Role::Viewer, token }];
    let settings = Settings { address: ([127, 0, 0, 1], 0).into(), tokens };
    let bound = Operator::bind(settings, parts).unwrap();
    let base = format!("http://{}", bound.address());
    drop(tokio::spawn(bound.run(CancellationToken::new())));
    base
}

async fn asked(base: &str, path: &str) -> (u16, String, String) {
    let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
    let answer = client.get(format!("{base}{path}")).bearer_auth(VIEWER).send().await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), kind, answer.text().await.unwrap())
}

/// Lets zeep build records from a WSDL and post them; returns what it says.
async fn posted(
    receiver: &PublicListener,
    wsdl: &Path,
    path: &str,
    records: &serde_json::Value,
    shown: Option<&Shown>,
) -> String {
    let file = |name: &str, text: &str| {
        let path = receiver.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let mut command = Command::new(python());
    command.arg("-I").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/outbound/zeep_client.py"));
    command.arg(wsdl).arg(format!("https://localhost:{}{path}", receiver.address.port()));
    command.arg(file("root.pem", &receiver.certificate.pem)).arg(records.to_string());
    if let Some(shown) = shown {
        command.arg(file("client.pem", &shown.pem)).arg(file("client.key", &shown.key_pem));
    }
    let output = command.env_clear().stdin(Stdio::null()).output().await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_soap_client_that_knows_the_description_alone_is_understood() {
    let ours = of_salesforce("ours.example");
    let both = || vec![pinned(&ours.pins(), &[SECRET])];
    let sources =
        vec![source("salesforce", reset_event(), both()), source("users", user(), both())];
    let receiver = PublicListener::of(sources, Limits::default()).await;
    let objects = vec![("salesforce", reset_event()), ("users", user())];
    let base = operator(&receiver, objects);
    let events = json!([
        [id(1), {
            "Id": "a015e00000ZyXwVAAV",
            "Kind__c": "SECURITY_TOKEN",
            "Occurred_At__c": "2026-03-02T09:15:00Z",
            "Target_User__c": "0055e000002KjHgAAK",
            "Target_Username__c": "gator.sync@example.com",
        }],
        [id(2), {"Id": "a015e00000ZyXwVAAW"}],
    ]);
    let users = json!([[id(3), {
        "Id": "0055e000002KjHgAAK",
        "LastPasswordChangeDate": "2026-03-02T09:15:00Z",
        "Username": "gator.sync@example.com",
    }]]);
    for (name, records) in [("salesforce", events), ("users", users)] {
        let (status, kind, text) =
            asked(&base, &format!("/v1/outbound-messages/{name}?wsdl")).await;
        assert_eq!((status, kind.as_str()), (200, "text/xml; charset=utf-8"));
        let wsdl = receiver.directory.path().join("message.wsdl");
        std::fs::write(&wsdl, text).unwrap();
        let path = format!("/v1/outbound-messages/{name}/{SECRET}");
        let other = of_salesforce("ours.example");
        let refused = "status 401";
        assert_eq!(posted(&receiver, &wsdl, &path, &records, None).await, refused);
        assert_eq!(posted(&receiver, &wsdl, &path, &records, Some(&other)).await, refused);
        assert_eq!(posted(&receiver, &wsdl, &path, &records, Some(&ours)).await, "ack True");
    }
    let event =
        |number, kind: &str, is_matched| Kept { id: id(number), kind: kind.to_owned(), is_matched };
    let expected = [
        event(1, "token_reset", true),
        event(2, "password_reset", false),
        event(3, "password_reset", true),
    ];
    assert_eq!(kept(&receiver), expected);
    // A fault is read as one as well.
    let wsdl = receiver.directory.path().join("message.wsdl");
    let path = format!("/v1/outbound-messages/users/{SECRET}");
    let nameless = json!([["04l", {"Id": "0055e000002KjHgAAK"}]]);
    let fault = posted(&receiver, &wsdl, &path, &nameless, Some(&ours)).await;
    let expected = "fault soapenv:Client: Notification/Id must have 15 or 18 letters and digits";
    assert_eq!(fault, expected);
}

#[tokio::test]
async fn only_sources_of_outbound_messages_have_a_description() {
    let receiver = PublicListener::start().await;
    let base = operator(&receiver, vec![("salesforce", reset_event())]);
    for (path, detail) in [
        ("/v1/outbound-messages/apex?wsdl", "there is no such source of outbound messages"),
        ("/v1/outbound-messages/A?wsdl", "there is no such source of outbound messages"),
        ("/v1/outbound-messages/salesforce", "there is nothing at this path"),
        ("/v1/outbound-messages/salesforce?xsd", "there is nothing at this path"),
    ] {
        let (status, kind, text) = asked(&base, path).await;
        assert_eq!((status, kind.as_str()), (404, "application/problem+json"), "{path}");
        assert!(text.contains(detail), "{path}: {text}");
    }
}
