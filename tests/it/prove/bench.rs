//! A town whose target proves its secrets, and the real program that looks after it.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulator::{Caller, Credential, LoginRecord, Skin, World as SimulatedWorld};

use crate::support::receiver::{Receiver, client, tell};
use crate::support::town::{Town, USERNAME};

/// Longer than anything here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The ways to prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Soap,
    Oauth,
    None,
}

impl Way {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Soap => "soap-login",
            Self::Oauth => "oauth-password",
            Self::None => "none",
        }
    }
}

/// A town and the program.
pub(crate) struct Scene {
    pub(crate) town: Town,
    pub(crate) receiver: Receiver,
    told: usize,
}

impl Scene {
    /// A target that proves in this way; the program is running, nothing has happened.
    pub(crate) async fn new(way: Way) -> Self {
        Self::of_organization(way, None).await
    }

    /// The same for a target that is configured with another organisation.
    pub(crate) async fn of_organization(way: Way, organization: Option<&str>) -> Self {
        let town = town(way, organization).await;
        let receiver = Receiver::start(&town);
        Self { town, receiver, told: 0 }
    }

    /// The same with a program that kills itself.
    pub(crate) async fn dying(way: Way, plan: &str) -> Self {
        let town = town(way, None).await;
        let receiver = Receiver::start_dying(&town, Some(plan));
        Self { town, receiver, told: 0 }
    }

    /// Gives the user another password and a new token at Salesforce; nobody is told.
    pub(crate) fn reset(&self) -> Credential {
        let number = self.told + 2;
        let password = format!("pass<{number}>&-CANARY");
        self.town.simulator.salesforce().reset_password(USERNAME, &password).unwrap()
    }

    /// Tells the program of a reset.
    pub(crate) async fn tell(&mut self) {
        self.told += 1;
        let id = format!("reset-{}", self.told);
        if let Some(hooks) = self.receiver.hooks {
            drop(tell(&client(), hooks, &self.town, &id).await);
        }
    }

    /// The right secret reaches Vault, and the program is told.
    pub(crate) async fn reset_and_tell(&mut self) -> Credential {
        let new = self.reset();
        self.town.write_secret(&new).await;
        self.tell().await;
        new
    }

    /// A wrong secret reaches Vault, and the program is told. Returns the right one.
    pub(crate) async fn reset_and_tell_wrongly(&mut self) -> Credential {
        let new = self.reset();
        let wrong = Credential::new(USERNAME, "mistyped-CANARY", &new.token);
        self.town.write_secret(&wrong).await;
        self.tell().await;
        new
    }

    /// The same town with a program that was started anew.
    pub(crate) fn restart(&mut self) {
        self.receiver.kill();
        self.receiver = Receiver::start(&self.town);
    }

    /// Waits until the newest rotation is in this phase.
    pub(crate) async fn until(&self, phase: &str) {
        self.until_one_of(&[phase]).await;
    }

    /// Waits until the newest rotation is in one of these phases; says in which.
    pub(crate) async fn until_one_of(&self, phases: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let listed = self.receiver.get("/v1/rotations").await;
            let phase = listed["rotations"][0]["phase"].as_str().unwrap_or_default();
            if phases.contains(&phase) {
                return phase.to_owned();
            }
            assert!(began.elapsed() < PATIENCE, "not {phases:?}: {}", self.journal().await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until something is so.
    pub(crate) async fn until_so(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is_so(self) {
            assert!(began.elapsed() < PATIENCE, "never {what}: {}", self.journal().await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// An operator's verb about the newest rotation.
    pub(crate) async fn say(&self, verb: &str) {
        let path = format!("/v1/rotations/{}/{verb}", self.rotation().await);
        let url = format!("http://{}{path}", self.receiver.operator.unwrap());
        let request = client().post(url).bearer_auth(Town::operator_token()).json(&json!({}));
        let status = request.send().await.unwrap().status();
        assert_eq!(status, StatusCode::ACCEPTED, "{verb}");
    }

    async fn rotation(&self) -> String {
        let listed = self.receiver.get("/v1/rotations").await;
        listed["rotations"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The newest rotation, with its journal.
    pub(crate) async fn journal(&self) -> Value {
        self.receiver.get(&format!("/v1/rotations/{}", self.rotation().await)).await
    }

    /// The names of the journal's entries.
    pub(crate) async fn entries(&self) -> Vec<String> {
        let journal = self.journal().await;
        let rows = journal["journal"].as_array().unwrap_or_else(|| panic!("{journal}"));
        rows.iter().map(|row| row["entry"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until the journal has so many entries of one name since the first of another.
    pub(crate) async fn until_entries(&self, since: &str, name: &str, count: usize) {
        let began = Instant::now();
        loop {
            let entries = self.entries().await;
            let late = entries.iter().skip_while(|entry| *entry != since);
            if late.filter(|entry| *entry == name).count() >= count {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "not {count} {name} since {since}: {entries:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Why the newest rotation is stuck.
    pub(crate) async fn stuck(&self) -> String {
        self.until("stuck").await;
        let journal = self.journal().await;
        let rows = journal["journal"].as_array().unwrap_or_else(|| panic!("{journal}"));
        let stuck = rows.iter().rfind(|row| row["entry"] == "stuck");
        stuck.unwrap_or_else(|| panic!("{journal}")).to_string()
    }

    /// The logins that the program made.
    pub(crate) fn logins(&self) -> Vec<LoginRecord> {
        let ours = |login: &LoginRecord| login.caller == Caller::Other("API".to_owned());
        self.town.simulator.login_history().into_iter().filter(ours).collect()
    }

    /// The logins that connectors made.
    pub(crate) fn connector_logins(&self) -> Vec<LoginRecord> {
        let theirs = |login: &LoginRecord| matches!(login.caller, Caller::Connector { .. });
        self.town.simulator.login_history().into_iter().filter(theirs).collect()
    }

    /// How many requests of this name reached Salesforce.
    pub(crate) fn requests(&self, name: &str) -> usize {
        self.town.simulator.api_log().iter().filter(|request| *request == name).count()
    }

    /// What every surface holds.
    pub(crate) fn held(&self) -> Vec<Credential> {
        let simulator = &self.town.simulator;
        let mut held = Vec::new();
        for (instance, connectors) in simulator.places() {
            for name in connectors {
                held.push(simulator.connector(&instance, &name).unwrap().holds);
            }
            held.push(simulator.integration(&instance).unwrap().holds);
        }
        held
    }

    /// Looks for secrets in everything that the program says and keeps.
    pub(crate) async fn assert_no_secret_left(&self) {
        let mut places = vec![
            ("log".to_owned(), self.receiver.log().into_bytes()),
            ("api".to_owned(), self.journal().await.to_string().into_bytes()),
        ];
        for file in std::fs::read_dir(self.town.directory()).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("journal.db") {
                places.push((name, std::fs::read(path).unwrap()));
            }
        }
        assert!(places.len() > 2, "the database was not found");
        let tokens = self.held().into_iter().map(|held| held.token);
        let now = self.town.simulator.salesforce().credential(USERNAME).unwrap().token;
        let secrets = tokens.chain([now, "CANARY".to_owned(), "!AQ.".to_owned()]);
        for secret in secrets {
            for (place, bytes) in &places {
                let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(!found, "a secret is in {place}");
            }
        }
    }
}

async fn town(way: Way, organization: Option<&str>) -> Town {
    let town = Town::new(Skin::Plain).await;
    let client = json!({
        "client_id": SimulatedWorld::CLIENT_ID, "client_secret": SimulatedWorld::CLIENT_SECRET,
    });
    town.openbao.write_secret(&town.mount, "connected-app", &client).await;
    let (mount, url) = (&town.mount, town.simulator.login_url());
    let prove = format!(
        "console = \"acme\"\nprove = \"{}\"\nlogin_url = \"{url}\"\n\
         oauth_client = {{ mount = \"{mount}\", path = \"connected-app\" }}\n",
        way.as_str()
    );
    let mut config = replaced(&town.config(), "console = \"acme\"\n", &prove);
    let cap = "confirm_poll_cap = \"100ms\"\n";
    config = replaced(&config, cap, &format!("{cap}confirm_deadline = \"500ms\"\n"));
    if let Some(organization) = organization {
        config = replaced(&config, town.simulator.salesforce().organization_id(), organization);
    }
    std::fs::write(town.file("config.toml"), config).unwrap();
    town
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}
