//! Three senders tell of the same resets, again and again, in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use reset_receiver::domain::phase::Phase;
use reset_receiver::ports::journal::{Journal, RotationFilter, RotationSummary};
use reset_receiver::senders::keys::SigningKey;
use reset_receiver::senders::standard_webhooks;
use reset_receiver::store::PostgresStore;
use serde_json::{Value, json};

use crate::replicas::city::City;
use crate::support::postgres::Postgres;
use crate::support::receiver::{Receiver, client};
use crate::support::town::Town;

const TARGETS: usize = 20;
const NOTIFICATIONS: usize = 2_000;
const TIMES: usize = 5;
const PATIENCE: Duration = Duration::from_mins(3);
const SECRET: &str = "a-secret-of-the-address-of-salesforce";

/// The senders besides `flow`.
const SOURCES: &str = r#"
[sources.salesforce]
format = "outbound-message"
rate_per_minute = 1000000
[sources.salesforce.message]
object = "Credential_Reset_Event__c"
username_field = "Target_Username__c"
occurred_at_field = "Occurred_At__c"
[[sources.salesforce.authentication]]
scheme = "path-secret"
path_secret_files = ["SECRET_FILE"]
[sources.mail]
format = "email"
rate_per_minute = 1000000
[sources.mail.email]
relay = "mime"
organization_id = "ORGANIZATION"
key_files = ["KEY_FILE"]
"#;

/// One of the senders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Teller {
    Salesforce,
    Flow,
    Mail,
}

/// One notification: of whose reset, by whom. Its number is its id.
#[derive(Debug, Clone, Copy)]
struct Telling {
    number: usize,
    teller: Teller,
    target: usize,
}

/// One request, with its body and headers.
struct Posted {
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    notifications: usize,
}

/// What the tellers know: the receiver's address, whose the logins are, and when they were reset.
struct Storm {
    client: reqwest::Client,
    base: String,
    organization: String,
    reset_at: Timestamp,
    key: SigningKey,
}

impl Storm {
    fn new(city: &City, receiver: &Receiver, reset_at: Timestamp) -> Self {
        Self {
            client: client(),
            base: format!("https://{}", receiver.hooks.unwrap()),
            organization: city.organization().to_owned(),
            reset_at,
            key: SigningKey::parse(&Town::signing_key()).unwrap(),
        }
    }

    /// What comes in this order, Salesforce's in batches as large as it makes them.
    fn posts(&self, tellings: &[Telling], chance: &mut StdRng) -> Vec<Posted> {
        let (mut posts, mut batch) = (Vec::new(), Vec::new());
        let mut size = chance.random_range(1..=100);
        for telling in tellings {
            match telling.teller {
                Teller::Flow => posts.push(self.notice(*telling)),
                Teller::Mail => posts.push(self.mail(*telling)),
                Teller::Salesforce => batch.push(*telling),
            }
            if batch.len() == size {
                posts.push(self.message(&std::mem::take(&mut batch)));
                size = chance.random_range(1..=100);
            }
        }
        if !batch.is_empty() {
            posts.push(self.message(&batch));
        }
        posts
    }

    fn signed(&self, id: &str, content: &str, body: &str) -> Vec<(&'static str, String)> {
        let now = Timestamp::now();
        let signed = standard_webhooks::sign(&self.key, id, now, body.as_bytes()).unwrap();
        vec![
            ("content-type", content.to_owned()),
            (standard_webhooks::ID, signed.id),
            (standard_webhooks::TIMESTAMP, signed.timestamp),
            (standard_webhooks::SIGNATURE, signed.signature),
        ]
    }

    fn notice(&self, telling: Telling) -> Posted {
        let id = format!("notice-{}", telling.number);
        let body = json!({
            "id": id,
            "type": "password_reset",
            "occurred_at": self.reset_at.to_string(),
            "organization_id": self.organization,
            "username": City::username(telling.target),
        })
        .to_string();
        let headers = self.signed(&id, "application/json", &body);
        Posted { path: "/v1/resets/flow".to_owned(), headers, body, notifications: 1 }
    }

    fn mail(&self, telling: Telling) -> Posted {
        let id = format!("mail-{}", telling.number);
        let date = DateTimePrinter::new().timestamp_to_string(&self.reset_at).unwrap();
        let body = format!(
            "Message-ID: <{id}@salesforce.com>\r\nFrom: Salesforce <noreply@salesforce.com>\r\n\
             Subject: Your Salesforce password was changed\r\nDate: {date}\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
             Username: {}\r\n",
            City::username(telling.target)
        );
        let headers = self.signed(&id, "message/rfc822", &body);
        Posted { path: "/v1/emails/mail".to_owned(), headers, body, notifications: 1 }
    }

    fn message(&self, tellings: &[Telling]) -> Posted {
        let mut notifications = String::new();
        for telling in tellings {
            write!(
                notifications,
                r#"<Notification><Id>04l{:015}</Id><sObject xsi:type="sf:Credential_Reset_Event__c"
                xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>a015e00000ZyXwVAAV</sf:Id>
                <sf:Occurred_At__c>{}</sf:Occurred_At__c><sf:Target_Username__c>{}</sf:Target_Username__c>
                </sObject></Notification>"#,
                telling.number,
                self.reset_at,
                City::username(telling.target),
            )
            .unwrap();
        }
        let body = crate::outbound::bench::envelope(&notifications)
            .replace("00D5e000001AbCdEAK", &self.organization);
        Posted {
            path: format!("/v1/outbound-messages/salesforce/{SECRET}"),
            headers: vec![("content-type", "text/xml; charset=UTF-8".to_owned())],
            body,
            notifications: tellings.len(),
        }
    }

    /// Sends everything, a few at a time, and returns how many notifications were new.
    async fn breaks_loose(self: &Arc<Self>, posts: Vec<Posted>) -> usize {
        let sent = posts.into_iter().map(|post| {
            let storm = Arc::clone(self);
            async move { storm.send(post).await }
        });
        stream::iter(sent).buffer_unordered(16).fold(0, async |sum, new| sum + new).await
    }

    /// Sends one request until it is taken.
    async fn send(&self, post: Posted) -> usize {
        let began = Instant::now();
        loop {
            let mut request = self.client.post(format!("{}{}", self.base, post.path));
            for (name, value) in &post.headers {
                request = request.header(*name, value);
            }
            let answer = request.body(post.body.clone()).send().await.unwrap();
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap();
            let is_taken = matches!(status, 200 | 202) && !text.contains("<Ack>false");
            if is_taken {
                let body: Value = serde_json::from_str(&text).unwrap_or_default();
                return usize::from(body["status"] == "accepted");
            }
            let is_busy = status == 503 || text.contains("<Ack>false");
            assert!(is_busy && began.elapsed() < PATIENCE, "{} {status}: {text}", post.path);
        }
    }
}

async fn rotations(journal: &PostgresStore) -> Vec<RotationSummary> {
    let filter = RotationFilter { limit: 100_000, ..RotationFilter::default() };
    journal.rotations(&filter).await.unwrap()
}

async fn until_all_are(journal: &PostgresStore, phase: Phase, receiver: &Receiver) {
    let began = Instant::now();
    loop {
        let rotations = rotations(journal).await;
        if rotations.iter().all(|rotation| rotation.phase == phase) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{rotations:#?}\n{}", receiver.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every event in the journal, and how often.
async fn events(journal: &PostgresStore) -> BTreeMap<String, usize> {
    let mut events = BTreeMap::new();
    for rotation in rotations(journal).await {
        for row in journal.rows(rotation.id).await.unwrap() {
            if let reset_receiver::domain::entry::Entry::Admitted { event_id, .. } = row.entry {
                *events.entry(event_id.to_string()).or_default() += 1;
            }
        }
    }
    events
}

fn tellings() -> Vec<Telling> {
    let teller = |number: usize| match number / TARGETS % 10 {
        0 => Teller::Flow,
        1 => Teller::Mail,
        _ => Teller::Salesforce,
    };
    let one = |number| Telling { number, teller: teller(number), target: number % TARGETS };
    (0..NOTIFICATIONS).map(one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_redeliveries_by_three_senders_is_one_rotation_for_each_target() {
    let database = Postgres::shared().database().await;
    let city = City::new(TARGETS, database.clone()).await;
    let journal = database.open().await;
    std::fs::write(city.file("path-secret"), SECRET).unwrap();
    let sources = SOURCES
        .replace("SECRET_FILE", &city.file("path-secret").display().to_string())
        .replace("KEY_FILE", &city.file("signing-key").display().to_string())
        .replace("ORGANIZATION", city.organization());
    let receiver = tokio::task::block_in_place(|| city.start_replica_with(&sources));
    for target in 0..TARGETS {
        city.reset_alone(target, &format!("CANARY-password-{target}"));
    }
    // A mail's time is in whole seconds.
    let reset_at = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let storm = Arc::new(Storm::new(&city, &receiver, reset_at));
    let mut chance = StdRng::seed_from_u64(21);
    let mut all = tellings().repeat(TIMES);
    all.shuffle(&mut chance);
    let tellers: BTreeSet<(usize, Teller)> =
        all.iter().map(|one| (one.target, one.teller)).collect();
    assert_eq!(tellers.len(), 3 * TARGETS, "every reset is told of by three senders");

    let posts = storm.posts(&all, &mut chance);
    assert_eq!(posts.iter().map(|post| post.notifications).sum::<usize>(), NOTIFICATIONS * TIMES);
    storm.breaks_loose(posts).await;
    let begun = rotations(&journal).await;
    let targets: BTreeSet<_> = begun.iter().map(|rotation| rotation.target.clone()).collect();
    assert_eq!((begun.len(), targets.len()), (TARGETS, TARGETS), "one rotation for each target");
    let kept = events(&journal).await;
    assert_eq!(kept.len(), NOTIFICATIONS, "every notification is there");
    assert!(kept.values().all(|&times| times == 1), "and is there once");
    until_all_are(&journal, Phase::AwaitingSecret, &receiver).await;

    for target in 0..TARGETS {
        city.write_secret(target).await;
    }
    until_all_are(&journal, Phase::Confirmed, &receiver).await;
    all.shuffle(&mut chance);
    let new = storm.breaks_loose(storm.posts(&all, &mut chance)).await;
    assert_eq!(new, 0, "nothing of it is new");
    assert_eq!(rotations(&journal).await.len(), TARGETS, "no other rotation began");
    assert_eq!(events(&journal).await.len(), NOTIFICATIONS);
    city.assert_well();
}
