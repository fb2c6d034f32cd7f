//! The program: what it prints, and its control interface.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use simulator::World;

/// The program, ended with the test.
struct Program {
    child: Child,
    console: String,
    control: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn start(flags: &[&str]) -> Program {
    let mut child = Command::new(env!("CARGO_BIN_EXE_simulator"))
        .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .args(flags)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let (mut console, mut control) = (None, None);
    for line in lines {
        let url = line.split_whitespace().nth(1).unwrap_or_default().to_owned();
        match line.split_whitespace().next() {
            Some("console") => console = Some(url),
            Some("control") => control = url.strip_suffix("/state").map(str::to_owned),
            Some("salesforce") => break,
            _ => {}
        }
    }
    Program { child, console: console.unwrap(), control: control.unwrap() }
}

async fn ask(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.text().await.unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn the_control_interface_resets_syncs_and_shows_what_came_of_it() {
    let flags = ["--connectors", "3", "--disabled", "1", "--lockout", "3", "--period-seconds", "0"];
    let program = start(&flags);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |path: &str| client.post(format!("{}{path}", program.control));

    let user = World::SALESFORCE_USER;
    let reset =
        post("/salesforce/reset-password").json(&json!({"username": user, "password": "N"}));
    let (status, new) = ask(reset).await;
    assert_eq!((status, &new["password"]), (200, &json!("N")));
    assert_eq!(ask(post("/sync")).await.0, 204);
    let (_, state) = ask(client.get(format!("{}/state", program.control))).await;
    assert_eq!(state["users"][0]["locked"], true, "two connectors and Integration: {state}");
    assert_eq!(state["login_history"].as_array().unwrap().len(), 3);
    let connectors = &state["instances"][0]["connectors"];
    assert_eq!(
        (&connectors[1]["state"], &connectors[2]["state"]),
        (&json!("Enabled"), &json!("Disabled"))
    );
    assert_eq!(connectors[0]["up_to_date"], false);
    assert!(!state.to_string().contains(new["security_token"].as_str().unwrap()));

    let (status, _) = ask(post("/salesforce/unlock").json(&json!({"username": user}))).await;
    assert_eq!(status, 204);
    let (status, _) =
        ask(post("/salesforce/reset-token").json(&json!({"username": "nobody"}))).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn faults_come_from_flags_and_from_the_control_interface() {
    let program = start(&["--skin", "webforms", "--fault", "GET login=status:503,2"]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let login = || client.get(format!("{}/Login.aspx", program.console)).send();
    for status in [503, 503, 200] {
        assert_eq!(login().await.unwrap().status().as_u16(), status);
    }
    let faults = format!("{}/faults", program.control);
    let fault = json!({"on": "GET login", "fault": "reset-before", "times": "always"});
    assert_eq!(ask(client.post(&faults).json(&fault)).await.0, 204);
    assert!(login().await.is_err());
    let wrong = json!({"on": "GET login", "fault": "explode"});
    let (status, answer) = ask(client.post(&faults).json(&wrong)).await;
    assert_eq!(status, 400, "{answer}");
    assert_eq!(ask(client.delete(&faults)).await.0, 204);
    assert_eq!(login().await.unwrap().status().as_u16(), 200);
}
