//! The token's life, by a clock whose hands the test moves.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::secret_store::SecretStore;
use reset_receiver::vault::Vault;
use serde_json::{Value, json};

use crate::support::openbao::OpenBao;
use crate::vault::clock::ManualClock;
use crate::vault::stand_in::{Manner, StandIn};
use crate::vault::{Files, at, fields, settings};

/// A vault with an AppRole at a recorder in front of a server, and its clock.
struct Bench {
    vault: Arc<Vault>,
    clock: Arc<ManualClock>,
    recorder: StandIn,
    _files: Files,
}

impl Bench {
    /// Makes the AppRole `NAME` with these parameters, which may read `NAME/x`.
    async fn with(bao: &OpenBao, name: &str, mut role: Value) -> Self {
        bao.mount(name).await;
        bao.write_secret(name, "x", &json!({"password": "a"})).await;
        let policy = format!("path \"{name}/data/x\" {{ capabilities = [\"read\"] }}");
        bao.policy(name, &policy).await;
        role["token_policies"] = json!([name]);
        let ids = bao.approle(name, &role).await;
        let files = Files::new();
        let recorder = StandIn::start(Manner::PassOn(bao.address().to_owned()));
        let clock = Arc::new(ManualClock::new());
        let settings = settings(recorder.address(), files.approle(name, &ids));
        let vault = Arc::new(Vault::new(settings, clock.clone()).unwrap());
        Self { vault, clock, recorder, _files: files }
    }

    /// Spawns the renewal, and waits until it has nothing to do; returns for how long.
    async fn keep_fresh(&self) -> Duration {
        let vault = Arc::clone(&self.vault);
        tokio::spawn(async move { vault.keep_token_fresh().await });
        self.clock.asleep().await
    }

    /// Moves the clock, and waits until the renewal has nothing to do; returns for how long.
    async fn advance(&self, seconds: u64) -> Duration {
        self.clock.advance(Duration::from_secs(seconds));
        self.clock.asleep().await
    }

    fn expires_at(&self) -> Timestamp {
        self.vault.token_status().unwrap().expires_at.unwrap()
    }

    fn in_seconds(&self, seconds: u64) -> Timestamp {
        self.clock.now() + Duration::from_secs(seconds)
    }

    fn logins(&self) -> usize {
        self.recorder.count("/login")
    }

    fn renewals(&self) -> usize {
        self.recorder.count("/renew-self")
    }
}

#[tokio::test]
async fn a_token_is_renewed_at_two_thirds_of_its_life() {
    let role = json!({"token_ttl": "60m", "token_max_ttl": "10h"});
    let bench = Bench::with(OpenBao::shared(), "renew-on-time", role).await;
    assert_eq!(bench.keep_fresh().await, Duration::from_mins(40));
    assert_eq!(bench.expires_at(), bench.in_seconds(3600));
    assert_eq!((bench.logins(), bench.renewals()), (1, 0));

    assert_eq!(bench.advance(2399).await, Duration::from_secs(1), "not yet");
    assert_eq!(bench.renewals(), 0);
    assert_eq!(bench.advance(1).await, Duration::from_mins(40));
    assert_eq!((bench.logins(), bench.renewals()), (1, 1));
    assert_eq!(bench.expires_at(), bench.in_seconds(3600));
    assert!(bench.vault.token_status().unwrap().renewable);
    fields(&bench.vault, &at("renew-on-time", "x")).await;
    assert_eq!(bench.logins(), 1, "the renewed token is the one in use");
}

#[tokio::test]
async fn a_renewal_that_grants_less_near_the_longest_life_leads_to_another_login() {
    let bao = OpenBao::shared();
    let role = json!({"token_ttl": "60m", "token_max_ttl": "60m"});
    let bench = Bench::with(bao, "renew-shrunk", role).await;
    bench.keep_fresh().await;
    let place = at("renew-shrunk", "x");
    fields(&bench.vault, &place).await;
    let first = bench.recorder.seen().pop().unwrap().token.unwrap();
    // The longest life is counted by the server's clock.
    bao.until_older_than_a_second(&first).await;
    assert_eq!(bench.advance(2400).await, Duration::from_mins(40));
    assert_eq!((bench.logins(), bench.renewals()), (2, 1));
    assert_eq!(bench.expires_at(), bench.in_seconds(3600));
    fields(&bench.vault, &place).await;
    let last = bench.recorder.seen().pop().unwrap().token.unwrap();
    assert_ne!(first, last, "the new token is in use");
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_is_replaced_by_another_login() {
    let role = json!({"token_type": "batch", "token_ttl": "60m"});
    let bench = Bench::with(OpenBao::shared(), "renew-batch", role).await;
    assert_eq!(bench.keep_fresh().await, Duration::from_mins(40));
    assert!(!bench.vault.token_status().unwrap().renewable);
    bench.advance(2400).await;
    assert_eq!((bench.logins(), bench.renewals()), (2, 0));
    assert_eq!(bench.expires_at(), bench.in_seconds(3600));
}

#[tokio::test]
async fn a_refused_renewal_leads_to_another_login() {
    let bao = OpenBao::shared();
    let role = json!({"token_ttl": "60m", "token_max_ttl": "10h"});
    let bench = Bench::with(bao, "renew-revoked", role).await;
    bench.keep_fresh().await;
    fields(&bench.vault, &at("renew-revoked", "x")).await;
    bao.revoke(&bench.recorder.seen().pop().unwrap().token.unwrap()).await;
    assert_eq!(bench.advance(2400).await, Duration::from_mins(40));
    assert_eq!((bench.logins(), bench.renewals()), (2, 1));
    fields(&bench.vault, &at("renew-revoked", "x")).await;
    assert_eq!(bench.logins(), 2);
}

#[tokio::test]
async fn a_read_after_the_token_expired_logs_in_first() {
    let bench = Bench::with(OpenBao::shared(), "renew-late", json!({"token_ttl": "60m"})).await;
    let place = at("renew-late", "x");
    fields(&bench.vault, &place).await;
    bench.clock.advance(Duration::from_secs(3599));
    fields(&bench.vault, &place).await;
    assert_eq!(bench.logins(), 1);
    bench.clock.advance(Duration::from_secs(1));
    fields(&bench.vault, &place).await;
    assert_eq!((bench.logins(), bench.recorder.count("/data/x")), (2, 3), "none was denied");
}

#[tokio::test]
async fn a_login_by_a_reader_moves_the_next_renewal() {
    let bao = OpenBao::shared();
    let role = json!({"token_ttl": "60m", "token_max_ttl": "10h"});
    let bench = Bench::with(bao, "renew-moved", role).await;
    bench.keep_fresh().await;
    assert_eq!(bench.advance(1800).await, Duration::from_mins(10));
    let place = at("renew-moved", "x");
    fields(&bench.vault, &place).await;
    bao.revoke(&bench.recorder.seen().pop().unwrap().token.unwrap()).await;
    fields(&bench.vault, &place).await;
    assert_eq!(bench.logins(), 2);
    assert_eq!(bench.advance(600).await, Duration::from_mins(30), "40 minutes after the login");
    assert_eq!(bench.renewals(), 0);
}

#[tokio::test]
async fn a_login_by_a_reader_wakes_the_renewal_where_its_token_lives_shorter() {
    let bao = OpenBao::shared();
    let bench = Bench::with(bao, "renew-woken", json!({"token_ttl": "60m"})).await;
    assert_eq!(bench.keep_fresh().await, Duration::from_mins(40));
    let place = at("renew-woken", "x");
    fields(&bench.vault, &place).await;
    bao.post("auth/renew-woken/role/receiver", &json!({"token_ttl": "6m"})).await;
    bao.revoke(&bench.recorder.seen().pop().unwrap().token.unwrap()).await;
    fields(&bench.vault, &place).await;
    bench.clock.asleep_for(Duration::from_mins(4)).await;
}

#[tokio::test]
async fn a_sealed_server_is_asked_again_and_the_token_kept() {
    let bao = OpenBao::start();
    let role = json!({"token_ttl": "60m", "token_max_ttl": "10h"});
    let bench = Bench::with(&bao, "renew-sealed", role).await;
    bench.keep_fresh().await;
    let expiry = bench.expires_at();
    bao.seal().await;
    assert_eq!(bench.advance(2400).await, Duration::from_secs(1));
    assert_eq!(bench.advance(1).await, Duration::from_secs(2), "pauses double");
    assert_eq!(bench.expires_at(), expiry);
    bao.unseal().await;
    assert_eq!(bench.advance(2).await, Duration::from_mins(40));
    assert_eq!((bench.logins(), bench.renewals()), (1, 3));
    assert_eq!(bench.expires_at(), bench.in_seconds(3600));
}

#[tokio::test]
async fn a_token_from_a_file_is_renewed_and_a_dead_one_is_not_asked_about_in_a_loop() {
    let bao = OpenBao::shared();
    let token = bao.token(&json!({"policies": ["default"], "ttl": "30m"})).await;
    let files = Files::new();
    let recorder = StandIn::start(Manner::PassOn(bao.address().to_owned()));
    let clock = Arc::new(ManualClock::new());
    let settings = settings(recorder.address(), files.token(&token));
    let vault = Arc::new(Vault::new(settings, clock.clone()).unwrap());
    let bench = Bench { vault, clock, recorder, _files: files };

    let due = bench.keep_fresh().await;
    assert!(due > Duration::from_mins(19) && due <= Duration::from_mins(20), "{due:?}");
    bench.advance(1200).await;
    assert_eq!(bench.renewals(), 1);
    assert_eq!(bench.expires_at(), bench.in_seconds(1800));

    bao.revoke(&token).await;
    assert_eq!(bench.advance(1200).await, Duration::from_mins(1));
    let asked = bench.recorder.seen().len();
    bench.advance(60).await;
    assert_eq!(bench.recorder.seen().len(), asked, "the file did not change");
    assert!(bench.vault.read(&at("secret", "x")).await.is_err());
}
