//! `openapi.yaml` against the running operator listener, against itself, and against what
//! Salesforce's External Services can import. The public listener's answers are held against it
//! by every test of the suite `hooks`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method};
use reset_receiver::domain::ids::SourceName;
use reset_receiver::domain::outbound_object::{ApiName, OutboundObject};
use reset_receiver::domain::secret::SecretText;
use reset_receiver::engine::intake::Intake;
use reset_receiver::engine::operations::Operations;
use reset_receiver::engine::targets::Targets;
use reset_receiver::metrics::Metrics;
use reset_receiver::operator::messages::Messages;
use reset_receiver::operator::readiness::Readiness;
use reset_receiver::operator::who_may::{AccessToken, Role};
use reset_receiver::operator::{Operator, Parts, Settings};
use reset_receiver::ports::journal::Journal;
use reset_receiver::store::SqliteStore;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::support::contract::{Breach, Contract};
use crate::support::public_listener::{acme, at_now};

const OPERATOR: &str = "operator-token-operator-token";
const VIEWER: &str = "viewer-token-viewer-token-viewer";

/// The operator listener over a real store, and a client of it.
struct Console {
    base: String,
    client: Client,
    contract: Contract,
    store: SqliteStore,
    seen: BTreeSet<(String, String, u16)>,
    _directory: TempDir,
}

/// The message of one source.
fn messages() -> Arc<Messages> {
    let name = |text| ApiName::parse(text).unwrap();
    let object = OutboundObject {
        object: name("User"),
        user_id: Some(name("Id")),
        username: None,
        occurred_at: name("LastPasswordChangeDate"),
        kind: None,
        kind_otherwise: None,
    };
    let source = SourceName::parse("salesforce").unwrap();
    Arc::new(Messages::new([(source, Arc::new(object))].into()))
}

impl Console {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = at_now();
        let path = directory.path().join("journal.db");
        let store = SqliteStore::open(&path, Arc::clone(&clock)).await.unwrap();
        let journal: Arc<dyn Journal> = Arc::new(store.clone());
        let targets = Arc::new(Targets::new([acme()]));
        let wake = Arc::new(Notify::new());
        let (j, c, t, w) =
            (Arc::clone(&journal), Arc::clone(&clock), Arc::clone(&targets), Arc::clone(&wake));
        let intake = Intake::new(j, c, t, w);
        let (j, c, t) = (Arc::clone(&journal), Arc::clone(&clock), Arc::clone(&targets));
        let operations = Operations::new(intake, j, c, t, wake);
        let metrics = Arc::new(Metrics::new([]));
        let readiness = Readiness::default();
        let messages = messages();
        let parts = Parts { journal, operations, targets, messages, metrics, readiness, clock };
        let token = |name: &str, role, token: &str| AccessToken {
            name: name.to_owned(),
            role,
            token: SecretText::new(token.to_owned()),
        };
        let tokens =
            vec![token("ann", Role::Operator, OPERATOR), token("vic", Role::Viewer, VIEWER)];
        let settings = Settings { address: ([127, 0, 0, 1], 0).into(), tokens };
        let bound = Operator::bind(settings, parts).unwrap();
        let base = format!("http://{}", bound.address());
        drop(tokio::spawn(bound.run(CancellationToken::new())));
        let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let (contract, seen) = (Contract::read(), BTreeSet::new());
        Self { base, client, contract, store, seen, _directory: directory }
    }

    /// Calls a documented operation, and holds the answer against its documentation.
    async fn call(&mut self, token: &str, method: &str, path: &str, at: &str) -> (u16, Value) {
        let url = format!("{}{at}", self.base);
        let verb = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let request = self.client.request(verb, url).bearer_auth(token);
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        self.contract
            .check(path, method, status, &content_type, &body)
            .unwrap_or_else(|fault| panic!("{status} to {method} {at}: {fault}"));
        self.seen.insert((path.to_owned(), method.to_owned(), status));
        (status, body)
    }
}

#[tokio::test]
async fn every_operation_of_the_operator_listener_answers_as_documented() {
    let mut console = Console::start().await;
    let unknown = "018f0000-0000-7000-8000-000000000000";
    for probe in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(console.call("", "get", probe, probe).await.0, 200);
    }
    let targets = "/v1/targets";
    assert_eq!(console.call(VIEWER, "get", targets, targets).await.0, 200);
    let rotate = "/v1/targets/{name}/rotate";
    let at = "/v1/targets/acme/rotate";
    assert_eq!(console.call(VIEWER, "post", rotate, at).await.0, 403);
    let (status, recorded) = console.call(OPERATOR, "post", rotate, at).await;
    assert_eq!(status, 202);
    let id = recorded["rotation_id"].as_str().unwrap().to_owned();
    assert_eq!(console.call(OPERATOR, "post", rotate, "/v1/targets/nobody/rotate").await.0, 404);
    let target = "/v1/targets/{name}";
    assert_eq!(console.call(VIEWER, "get", target, "/v1/targets/acme").await.0, 200);
    assert_eq!(console.call(VIEWER, "get", target, "/v1/targets/nobody").await.0, 404);

    let rotations = "/v1/rotations";
    for (query, status) in [
        ("", 200),
        ("?target=acme&phase=awaiting_secret&limit=1", 200),
        (&*format!("?before={id}"), 200),
        ("?limit=0", 400),
        ("?limit=201", 400),
        ("?phase=sleeping", 400),
        ("?before=yesterday", 400),
        ("?colour=red", 400),
    ] {
        let at = format!("{rotations}{query}");
        assert_eq!(console.call(VIEWER, "get", rotations, &at).await.0, status, "{query}");
    }
    let described = "/v1/outbound-messages/{source}";
    for (source, status) in [("salesforce", 200), ("nobody", 404)] {
        let at = format!("/v1/outbound-messages/{source}?wsdl");
        assert_eq!(console.call(VIEWER, "get", described, &at).await.0, status, "{source}");
        assert_eq!(console.call("a stranger's", "get", described, &at).await.0, 401);
    }
    let one = "/v1/rotations/{id}";
    assert_eq!(console.call(VIEWER, "get", one, &format!("{rotations}/{id}")).await.0, 200);
    assert_eq!(console.call(VIEWER, "get", one, &format!("{rotations}/{unknown}")).await.0, 404);
    let verbs = ["retry", "use-current-secret", "abandon"];
    // Nothing can be said any more of a rotation that was given up.
    for (expected, verb) in [202, 409].into_iter().flat_map(|status| verbs.map(|v| (status, v))) {
        let path = format!("/v1/rotations/{{id}}/{verb}");
        let at = |id: &str| format!("{rotations}/{id}/{verb}");
        assert_eq!(console.call(VIEWER, "post", &path, &at(&id)).await.0, 403, "{verb}");
        assert_eq!(console.call(OPERATOR, "post", &path, &at(unknown)).await.0, 404, "{verb}");
        assert_eq!(console.call(OPERATOR, "post", &path, &at(&id)).await.0, expected, "{verb}");
    }
    let audit = "/v1/audit";
    for (query, status) in
        [("", 200), ("?before=2&limit=1", 200), ("?limit=0", 400), ("?before=ann", 400)]
    {
        let at = format!("{audit}{query}");
        assert_eq!(console.call(VIEWER, "get", audit, &at).await.0, status, "{query}");
    }
    for (path, method, at) in
        [(targets, "get", targets), (audit, "get", audit), (rotate, "post", at)]
    {
        assert_eq!(console.call("a stranger's", method, path, at).await.0, 401);
    }
    console.store.close().await;
    for path in ["/readyz", targets, audit] {
        assert_eq!(console.call(VIEWER, "get", path, path).await.0, 503);
    }
    let called: BTreeSet<_> = console.seen.iter().map(|(path, method, _)| (path, method)).collect();
    for (path, method, operation) in console.contract.operations() {
        let is_called = called.contains(&(&path.to_owned(), &method.to_owned()));
        let is_public = operation["tags"][0] == "hooks";
        assert!(is_called || is_public, "{method} {path} was not called");
    }
}

/// A valid Apex identifier, as External Services makes names of.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.contains("__")
        && !name.ends_with('_')
        && name.len() <= 80
}

#[test]
fn names_are_what_external_services_can_make_apex_of() {
    let contract = Contract::read();
    let mut ids = BTreeSet::new();
    for (path, method, operation) in contract.operations() {
        let id = operation["operationId"].as_str().unwrap_or_default();
        assert!(is_identifier(id), "{method} {path}: {id:?}");
        assert!(ids.insert(id.to_lowercase()), "{id} stands twice");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap();
            assert!(is_identifier(name), "{id}: {name}");
        }
    }
    let schemas = contract.0["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        assert!(is_identifier(name), "{name}");
        for property in schema["properties"].as_object().unwrap().keys() {
            assert!(is_identifier(property), "{name}.{property}");
        }
    }
}

/// Calls `look` with every object of the document and where it stands.
fn walk(value: &Value, at: &str, look: &mut impl FnMut(&serde_json::Map<String, Value>, &str)) {
    match value {
        Value::Object(object) => {
            look(object, at);
            for (key, value) in object {
                walk(value, &format!("{at}/{key}"), look);
            }
        }
        Value::Array(items) => {
            for (n, item) in items.iter().enumerate() {
                walk(item, &format!("{at}/{n}"), look);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn nothing_is_used_that_external_services_cannot_import() {
    let contract = Contract::read();
    assert_eq!(contract.0["openapi"], "3.0.3");
    let mut references = 0;
    walk(&contract.0, "", &mut |object, at| {
        let is_properties = at.ends_with("/properties");
        for key in ["not", "patternProperties", "const", "$defs"] {
            assert!(is_properties || !object.contains_key(key), "{at} uses {key}");
        }
        assert!(!object.contains_key("headers"), "{at}: headers of answers are not supported");
        assert!(!object.get("type").is_some_and(Value::is_array), "{at}: 3.1 only");
        if let Some(Value::String(text)) = object.get("description") {
            assert!(text.chars().count() <= 1_333, "{at}: the description would be cut");
        }
        if let Some(Value::String(reference)) = object.get("$ref") {
            references += 1;
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(contract.0.pointer(pointer).is_some(), "{at}: {reference}");
        }
        let nested = object.get("items").and_then(|items| items.get("type"));
        assert!(nested.is_none_or(|kind| kind != "array"), "{at}: a list of nameless lists");
    });
    assert!(references > 50, "the walk looks at the whole document");
    for (path, method, operation) in contract.operations() {
        let gets_a_body = method == "get" && operation.get("requestBody").is_some();
        assert!(!gets_a_body, "{path}: a GET has no body");
        assert!(operation["responses"].as_object().is_some_and(|all| !all.is_empty()), "{path}");
    }
}

#[test]
fn what_a_sender_sends_and_gets_is_flat() {
    let contract = Contract::read();
    for name in ["ResetNotice", "ResetReceipt"] {
        let properties = contract.0["components"]["schemas"][name]["properties"].as_object();
        for (property, schema) in properties.unwrap() {
            assert_eq!(schema["type"], "string", "{name}.{property}");
        }
    }
}

#[test]
fn every_parameter_in_a_path_is_documented_and_no_other() {
    for (path, method, operation) in Contract::read().operations() {
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let documented: BTreeMap<&str, bool> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| (parameter["name"].as_str().unwrap(), parameter["required"] == true))
            .collect();
        assert_eq!(in_path, documented.keys().copied().collect(), "{method} {path}");
        assert!(documented.values().all(|required| *required), "{method} {path}");
    }
}

#[test]
fn an_answer_that_is_not_documented_is_noticed() {
    let contract = Contract::read();
    let good = json!({"status": "unmatched", "rotation_id": null, "event_id": "e"});
    let problem = |status: u16, kind: &str, body: &Value| {
        contract.check("/v1/resets/{source}", "post", status, kind, body)
    };
    assert_eq!(problem(200, "application/json", &good), Ok(()));
    assert_eq!(problem(200, "application/json; charset=utf-8", &good), Ok(()));
    let wrong = [
        problem(201, "application/json", &good),
        problem(200, "text/html", &good),
        problem(200, "application/json", &json!({"status": "unmatched", "event_id": "e"})),
        problem(200, "application/json", &json!([])),
    ];
    assert!(wrong.iter().all(Result::is_err), "{wrong:?}");
    for (field, value) in [
        ("status", json!("lost")),
        ("status", json!(null)),
        ("event_id", json!(7)),
        ("rotation_id", json!("seven")),
        ("secret", json!("x")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let Err(Breach(told)) = problem(200, "application/json", &body) else {
            panic!("{body} is accepted");
        };
        assert!(told.contains(field), "{told}");
    }
}

#[test]
fn the_notice_of_the_tests_is_the_documented_one() {
    let contract = Contract::read();
    let schema = &contract.0["components"]["schemas"]["ResetNotice"];
    let notice = crate::support::sender::notice();
    assert_eq!(contract.validate(schema, &notice, "notice"), Ok(()));
    let properties: BTreeSet<&String> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(properties, notice.as_object().unwrap().keys().collect());
}
