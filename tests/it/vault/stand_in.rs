//! A server that remembers every request, and passes it on or answers in its own way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use reqwest::Client;
use serde_json::{Value, json};

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum Manner {
    /// Passes it on to another server, and the answer back.
    PassOn(String),
    /// Sends the client to another server.
    Redirect(String),
    /// Answers with a status and a body.
    Answer(u16, Value),
    /// Confirms every service account token as that of `prod/receiver`, as Kubernetes does.
    ReviewTokens,
}

/// A request, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its method and path, `GET /v1/secret/data/x` for instance.
    pub(crate) line: String,
    /// Its token.
    pub(crate) token: Option<String>,
    /// Its body.
    pub(crate) body: String,
}

struct State {
    manner: Mutex<Manner>,
    seen: Mutex<Vec<Seen>>,
}

pub(crate) struct StandIn {
    address: String,
    state: Arc<State>,
}

impl StandIn {
    /// Starts on a free port; ends with the test's runtime.
    pub(crate) fn start(manner: Manner) -> Self {
        let state = Arc::new(State { manner: Mutex::new(manner), seen: Mutex::default() });
        let data = web::Data::from(Arc::clone(&state));
        let app = move || App::new().app_data(data.clone()).default_service(web::to(handle));
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind(("127.0.0.1", 0)).unwrap();
        let address = format!("http://{}", server.addrs()[0]);
        tokio::spawn(server.run());
        Self { address, state }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn behave(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// How many requests had this ending of their path.
    pub(crate) fn count(&self, ending: &str) -> usize {
        self.seen().iter().filter(|seen| seen.line.ends_with(ending)).count()
    }
}

async fn handle(request: HttpRequest, body: Bytes, state: web::Data<State>) -> HttpResponse {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let seen = Seen {
        line: format!("{} {}", request.method(), request.path()),
        token: header("X-Vault-Token"),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    state.seen.lock().unwrap().push(seen);
    let manner = state.manner.lock().unwrap().clone();
    match manner {
        Manner::PassOn(address) => pass_on(&request, body, &address).await,
        Manner::Redirect(address) => {
            let target = format!("{address}{}", request.uri());
            HttpResponse::TemporaryRedirect().insert_header(("Location", target)).finish()
        }
        Manner::Answer(status, body) => {
            HttpResponse::build(StatusCode::from_u16(status).unwrap()).json(body)
        }
        Manner::ReviewTokens => review(&body),
    }
}

async fn pass_on(request: &HttpRequest, body: Bytes, address: &str) -> HttpResponse {
    let client = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let method = request.method().as_str().parse().unwrap();
    let mut onward = client.request(method, format!("{address}{}", request.uri()));
    for name in ["X-Vault-Token", "X-Vault-Namespace", "X-Vault-Request"] {
        if let Some(value) = request.headers().get(name) {
            onward = onward.header(name, value.to_str().unwrap());
        }
    }
    let onward = onward.timeout(Duration::from_secs(20)).body(body.to_vec());
    let answer = onward.send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let body = answer.bytes().await.unwrap();
    HttpResponse::build(status).content_type("application/json").body(body)
}

/// `POST /apis/authentication.k8s.io/v1/tokenreviews` of a Kubernetes API server.
fn review(body: &[u8]) -> HttpResponse {
    let mut review: Value = serde_json::from_slice(body).unwrap();
    review["status"] = json!({"authenticated": true, "user": {
        "username": "system:serviceaccount:prod:receiver",
        "uid": "11111111-2222-3333-4444-555555555555",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:prod"],
    }});
    HttpResponse::Created().json(review)
}
