//! A stand-in for Vault, for this demo alone: as much of the key-value engine of version 2 as the
//! receiver asks for, kept in memory and lost at the end. It is not Vault and keeps nothing safe.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data, Json};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use jiff::Timestamp;
use reset_receiver::clock::SystemClock;
use reset_receiver::ports::clock::Clock;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The one mount of the key-value engine.
pub(crate) const MOUNT: &str = "secret";

/// A running stand-in; it ends when it is dropped.
pub(crate) struct VaultStandIn {
    url: String,
    state: Data<State>,
    server: ServerHandle,
}

struct State {
    token: String,
    secrets: Mutex<BTreeMap<String, Vec<Version>>>,
}

/// One version of a secret; its number is its place in the list, from 1.
struct Version {
    written_at: Timestamp,
    fields: Map<String, Value>,
}

/// The body of a write.
#[derive(Deserialize)]
struct Write {
    data: Map<String, Value>,
}

impl VaultStandIn {
    /// Listens on a free port of the loopback interface; only this token opens it.
    pub(crate) fn start(token: &str) -> io::Result<Self> {
        let state = Data::new(State { token: token.to_owned(), secrets: Mutex::default() });
        let shared = state.clone();
        let server = HttpServer::new(move || {
            App::new().app_data(shared.clone()).configure(routes).default_service(web::to(nowhere))
        })
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")?;
        let address = server.addrs().first().copied().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(async move {
            // A server that was told to stop has nothing left to report.
            drop(server.await);
        });
        Ok(Self { url: format!("http://{address}"), state, server: handle })
    }

    /// Where it listens, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Writes a version as if it had been written at another time: what was there before.
    pub(crate) fn seed(&self, path: &str, written_at: Timestamp, fields: Map<String, Value>) {
        self.state.write(path, Version { written_at, fields });
    }
}

impl Drop for VaultStandIn {
    fn drop(&mut self) {
        // The order to stop is sent by the call; what it returns only waits for the end.
        drop(self.server.stop(false));
    }
}

impl State {
    fn secrets(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Version>>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a version and returns the metadata that the API answers.
    fn write(&self, path: &str, version: Version) -> Value {
        let mut secrets = self.secrets();
        let versions = secrets.entry(path.to_owned()).or_default();
        let metadata = metadata(version.written_at, versions.len() + 1);
        versions.push(version);
        metadata
    }

    /// Whether the request carries the token.
    fn may(&self, request: &HttpRequest) -> bool {
        let token = request.headers().get("x-vault-token");
        token.is_some_and(|token| token.as_bytes() == self.token.as_bytes())
    }
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/v1/sys/health", web::get().to(health))
        .route("/v1/auth/token/lookup-self", web::get().to(look_up_token))
        .route("/v1/sys/internal/ui/mounts/secret", web::get().to(mount))
        .route("/v1/secret/data/{path:.+}", web::get().to(read))
        .route("/v1/secret/data/{path:.+}", web::post().to(write))
        .route("/v1/secret/data/{path:.+}", web::put().to(write))
        .route("/v1/secret/metadata/{path:.+}", web::get().to(read_metadata));
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "initialized": true, "sealed": false, "standby": false, "version": "stand-in",
    }))
}

async fn look_up_token(state: Data<State>, request: HttpRequest) -> HttpResponse {
    if !state.may(&request) {
        return denied();
    }
    answer(&json!({ "ttl": 0, "creation_ttl": 0, "renewable": false }))
}

async fn mount(state: Data<State>, request: HttpRequest) -> HttpResponse {
    if !state.may(&request) {
        return denied();
    }
    answer(&json!({ "type": "kv", "path": format!("{MOUNT}/"), "options": { "version": "2" } }))
}

async fn read(state: Data<State>, request: HttpRequest, path: web::Path<String>) -> HttpResponse {
    if !state.may(&request) {
        return denied();
    }
    let secrets = state.secrets();
    let versions = secrets.get(path.as_str()).map_or(&[][..], Vec::as_slice);
    match versions.last() {
        Some(latest) => answer(&json!({
            "data": latest.fields, "metadata": metadata(latest.written_at, versions.len()),
        })),
        None => nothing_there(),
    }
}

async fn read_metadata(
    state: Data<State>,
    request: HttpRequest,
    path: web::Path<String>,
) -> HttpResponse {
    if !state.may(&request) {
        return denied();
    }
    let secrets = state.secrets();
    let versions = secrets.get(path.as_str()).map_or(&[][..], Vec::as_slice);
    let (Some(first), Some(latest)) = (versions.first(), versions.last()) else {
        return nothing_there();
    };
    let each = versions.iter().enumerate().map(|(place, version)| {
        let number = (place + 1).to_string();
        (number, metadata(version.written_at, place + 1))
    });
    answer(&json!({
        "cas_required": false, "created_time": first.written_at, "updated_time": latest.written_at,
        "current_version": versions.len(), "oldest_version": 1, "max_versions": 0,
        "delete_version_after": "0s", "custom_metadata": null,
        "versions": each.collect::<Map<_, _>>(),
    }))
}

async fn write(
    state: Data<State>,
    request: HttpRequest,
    path: web::Path<String>,
    body: Json<Write>,
) -> HttpResponse {
    if !state.may(&request) {
        return denied();
    }
    let version = Version { written_at: SystemClock.now(), fields: body.into_inner().data };
    answer(&state.write(&path, version))
}

async fn nowhere() -> HttpResponse {
    HttpResponse::NotFound().json(json!({ "errors": ["no handler for route"] }))
}

fn metadata(written_at: Timestamp, number: usize) -> Value {
    json!({
        "created_time": written_at, "deletion_time": "", "custom_metadata": null,
        "destroyed": false, "version": number,
    })
}

fn answer(data: &Value) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "request_id": "", "lease_id": "", "renewable": false, "lease_duration": 0,
        "data": data, "wrap_info": null, "warnings": null, "auth": null,
    }))
}

fn denied() -> HttpResponse {
    HttpResponse::Forbidden().json(json!({ "errors": ["permission denied"] }))
}

/// An engine that has nothing at a path answers with an empty list.
fn nothing_there() -> HttpResponse {
    HttpResponse::NotFound().json(json!({ "errors": [] }))
}
