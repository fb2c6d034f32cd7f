//! The program's control interface: what a test does by calls, by curl.

use actix_web::web::{self, Data, Json};
use actix_web::{App, HttpResponse, HttpServer, dev::Server};
use serde::Deserialize;
use serde_json::{Value, json};
use simulator::{Credential, Fault, Match, Simulator, Times, UnknownUser};

/// Serves the control interface on an address. Fails when it cannot be listened on.
pub(crate) fn serve(simulator: Simulator, address: &str) -> std::io::Result<(Server, String)> {
    let state = Data::new(simulator);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .route("/state", web::get().to(state_of))
            .route("/salesforce/reset-password", web::post().to(reset_password))
            .route("/salesforce/reset-token", web::post().to(reset_token))
            .route("/salesforce/unlock", web::post().to(unlock))
            .route("/sync", web::post().to(sync))
            .route("/sessions/expire", web::post().to(expire))
            .route("/faults", web::post().to(add_fault))
            .route("/faults", web::delete().to(clear_faults))
    })
    .workers(1)
    .bind(address)?;
    let bound = server.addrs().first().copied().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    Ok((server.run(), format!("http://{bound}")))
}

#[derive(Deserialize)]
struct NewPassword {
    username: String,
    password: String,
}

#[derive(Deserialize)]
struct Username {
    username: String,
}

#[derive(Deserialize)]
struct NewFault {
    on: String,
    fault: String,
    #[serde(default = "once")]
    times: String,
}

fn once() -> String {
    "once".to_owned()
}

fn answer(credential: Result<Credential, UnknownUser>) -> HttpResponse {
    match credential {
        Ok(now) => HttpResponse::Ok().json(json!({
            "username": now.username, "password": now.password, "security_token": now.token,
        })),
        Err(unknown) => HttpResponse::NotFound().json(json!({ "error": unknown.to_string() })),
    }
}

async fn reset_password(simulator: Data<Simulator>, new: Json<NewPassword>) -> HttpResponse {
    answer(simulator.salesforce().reset_password(&new.username, &new.password))
}

async fn reset_token(simulator: Data<Simulator>, user: Json<Username>) -> HttpResponse {
    answer(simulator.salesforce().reset_token(&user.username))
}

async fn unlock(simulator: Data<Simulator>, user: Json<Username>) -> HttpResponse {
    match simulator.salesforce().unlock(&user.username) {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(unknown) => HttpResponse::NotFound().json(json!({ "error": unknown.to_string() })),
    }
}

async fn sync(simulator: Data<Simulator>) -> HttpResponse {
    simulator.run_syncs();
    HttpResponse::NoContent().finish()
}

async fn expire(simulator: Data<Simulator>) -> HttpResponse {
    simulator.expire_sessions();
    HttpResponse::NoContent().finish()
}

async fn add_fault(simulator: Data<Simulator>, new: Json<NewFault>) -> HttpResponse {
    let parsed = new
        .on
        .parse::<Match>()
        .and_then(|which| Ok((which, new.fault.parse::<Fault>()?, new.times.parse::<Times>()?)));
    match parsed {
        Ok((which, fault, times)) => {
            simulator.fault(which, fault, times);
            HttpResponse::NoContent().finish()
        }
        Err(wrong) => HttpResponse::BadRequest().json(json!({ "error": wrong.to_string() })),
    }
}

async fn clear_faults(simulator: Data<Simulator>) -> HttpResponse {
    simulator.clear_faults();
    HttpResponse::NoContent().finish()
}

async fn state_of(simulator: Data<Simulator>) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "instances": instances(&simulator),
        "users": users(&simulator),
        "console": {
            "logins": simulator.console_logins(),
            "refused_logins": simulator.refused_console_logins(),
            "open_sessions": simulator.open_sessions(),
            "requests": requests(&simulator),
        },
        "login_history": logins(&simulator),
    }))
}

fn instances(simulator: &Simulator) -> Vec<Value> {
    let of = |(instance, connectors): (String, Vec<String>)| {
        let connectors: Vec<Value> = connectors
            .iter()
            .filter_map(|name| {
                let seen = simulator.connector(&instance, name)?;
                Some(json!({
                    "name": name, "state": seen.state.as_str(), "error": seen.error,
                    "username": seen.holds.username, "up_to_date": works(simulator, &seen.holds),
                }))
            })
            .collect();
        let seen = simulator.integration(&instance)?;
        Some(json!({
            "name": instance, "connectors": connectors,
            "integration": {
                "running": seen.running, "error": seen.error,
                "username": seen.holds.username, "up_to_date": works(simulator, &seen.holds),
            },
        }))
    };
    simulator.places().into_iter().filter_map(of).collect()
}

/// Whether this is what Salesforce takes now; finding out is no login.
fn works(simulator: &Simulator, held: &Credential) -> bool {
    simulator.salesforce().credential(&held.username).is_ok_and(|now| now == *held)
}

fn users(simulator: &Simulator) -> Vec<Value> {
    let users = simulator.salesforce().users();
    let user = users.iter().map(|user| {
        json!({
            "username": user.username, "user_id": user.user_id, "locked": user.locked,
            "password_expired": user.password_expired, "failures": user.failures,
        })
    });
    user.collect()
}

fn requests(simulator: &Simulator) -> Vec<Value> {
    let log = simulator.console_log();
    let request = log.iter().map(|one| {
        json!({
            "number": one.number, "arrived": one.arrived, "done": one.done, "at": one.at,
            "name": one.name, "method": one.method, "path": one.path, "session": one.session,
            "user": one.user, "driver": one.driver, "write": one.is_write(), "status": one.status,
            "changes": one.changes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "faults": one.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    });
    request.collect()
}

fn logins(simulator: &Simulator) -> Vec<Value> {
    let history = simulator.login_history();
    let login = history.iter().map(|one| {
        json!({
            "order": one.order, "at": one.at, "username": one.username,
            "caller": one.caller.to_string(), "secret": one.secret,
            "outcome": one.outcome.as_str(),
        })
    });
    login.collect()
}
