//! Replicas that are killed and stopped at random, and senders that go on all along.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Client;
use tokio_util::sync::CancellationToken;

use crate::support::receiver::{Receiver, client, tell_of};

use super::PATIENCE;
use super::city::{City, LEASE, started};

const REPLICAS: usize = 3;
/// Each of them has targets of its own.
const SENDERS: usize = 3;
/// The shortest pause of a sender.
const PAUSE: Duration = Duration::from_millis(50);
/// The havoc goes on until there were so many kills, and so many stops.
const AT_LEAST: u32 = 3;

/// What was sent, and taken.
#[derive(Default)]
pub(super) struct Sent {
    /// The ids of the events that were accepted.
    pub(super) accepted: BTreeSet<String>,
    /// The ids that a replica gives to what it finds in Vault by itself.
    pub(super) in_vault: BTreeSet<String>,
}

impl Sent {
    fn all(parts: Vec<Self>) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.accepted.extend(part.accepted);
            all.in_vault.extend(part.in_vault);
        }
        all
    }
}

/// The replicas of a city, and what happens to them.
pub(super) struct Havoc<'c> {
    city: &'c City,
    configuration: PathBuf,
    replicas: Vec<Receiver>,
    /// What those said that are dead.
    last_words: Mutex<Vec<String>>,
    /// Where each one's public listener is now.
    hooks: Mutex<Vec<SocketAddr>>,
    pub(super) kills: AtomicU32,
    pub(super) stops: AtomicU32,
    enough: CancellationToken,
}

impl<'c> Havoc<'c> {
    /// Starts all replicas at once over an empty database.
    pub(super) async fn begin(city: &'c City) -> Self {
        let configuration = city.configuration();
        let replicas = join_all((0..REPLICAS).map(|_| start(configuration.clone()))).await;
        let hooks = replicas.iter().map(|replica| replica.hooks.unwrap()).collect();
        Self {
            city,
            configuration,
            replicas,
            last_words: Mutex::default(),
            hooks: Mutex::new(hooks),
            kills: AtomicU32::new(0),
            stops: AtomicU32::new(0),
            enough: CancellationToken::new(),
        }
    }

    /// Resets passwords and tells of it while the replicas are killed and stopped, for so long, and
    /// until enough has happened to say something.
    pub(super) async fn wreak(&mut self, length: Duration) -> Sent {
        // Each replica is harassed by itself, beside the others and beside the senders.
        let mut replicas = std::mem::take(&mut self.replicas);
        let this = &*self;
        let harassed = replicas.iter_mut().enumerate().map(|(at, one)| this.harass(at, one));
        let senders = (0..SENDERS).map(|sender| this.reset_all_along(sender));
        let (sent, (), _) =
            tokio::join!(join_all(senders), this.until_enough(length), join_all(harassed));
        self.replicas = replicas;
        Sent::all(sent)
    }

    async fn until_enough(&self, length: Duration) {
        tokio::time::sleep(length).await;
        let began = Instant::now();
        loop {
            let kills = self.kills.load(Ordering::Relaxed);
            let stops = self.stops.load(Ordering::Relaxed);
            let taken_over = self.city.entries("\"taken_over\"").await;
            let cut_off = self.city.entries("cut off before an answer was kept").await;
            if kills.min(stops) >= AT_LEAST && taken_over.min(cut_off) > 0 {
                break;
            }
            let said = format!(
                "{kills} kills, {stops} stops, {taken_over} taken over, {cut_off} proofs cut off"
            );
            assert!(began.elapsed() < PATIENCE, "it says little: {said}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.enough.cancel();
    }

    /// Kills one replica and starts it again, or stops it for up to two leases, again and again: so
    /// often that among all of them something happens about every second.
    async fn harass(&self, number: usize, replica: &mut Receiver) {
        let mut chance = StdRng::seed_from_u64(number.try_into().unwrap());
        loop {
            let pause = Duration::from_secs(2).mul_f64(chance.random());
            tokio::select! {
                () = self.enough.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            if chance.random_bool(0.5) {
                replica.kill();
                self.last_words.lock().unwrap().push(replica.log());
                *replica = start(self.configuration.clone()).await;
                self.hooks.lock().unwrap()[number] = replica.hooks.unwrap();
                self.kills.fetch_add(1, Ordering::Relaxed);
            } else {
                replica.signal("STOP");
                tokio::time::sleep(LEASE.mul_f64(chance.random_range(0.1..2.0))).await;
                replica.signal("CONT");
                self.stops.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Resets the passwords of this sender's targets and tells of it, of each at least once, until
    /// it is enough.
    async fn reset_all_along(&self, sender: usize) -> Sent {
        let seed = 100 + u64::try_from(sender).unwrap();
        let (mut chance, client) = (StdRng::seed_from_u64(seed), client());
        let (city, mut sent) = (self.city, Sent::default());
        // Two resets of one target would not be told from one another.
        let targets: Vec<usize> = (sender..city.targets).step_by(SENDERS).collect();
        for number in 0.. {
            if number >= targets.len() && self.enough.is_cancelled() {
                break;
            }
            let at =
                if number < targets.len() { number } else { chance.random_range(..targets.len()) };
            let target = targets[at];
            // A login that comes too late for its secret fails once; if nobody resets the password
            // again before another one succeeds, no user comes near a lock but by a fault.
            if city.was_refused(target) {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let id = format!("event-{sender}-{number}");
            // However late a replica takes it, this is when it happened.
            let occurred_at = Timestamp::now();
            let version = city.reset(target, &format!("CANARY-password-{sender}-{number}")).await;
            sent.in_vault.insert(city.found_in_vault(target, version));
            self.tell(&client, &mut chance, target, &id, occurred_at).await;
            sent.accepted.insert(id);
            tokio::time::sleep(chance.random_range(PAUSE..10 * PAUSE)).await;
        }
        sent
    }

    /// Tells of a reset until it is accepted, each time whichever replica, and with more patience.
    async fn tell(
        &self,
        client: &Client,
        chance: &mut StdRng,
        target: usize,
        id: &str,
        occurred_at: Timestamp,
    ) {
        let (organization, username) = (self.city.organization(), City::username(target));
        let began = Instant::now();
        for attempt in 1.. {
            assert!(began.elapsed() < PATIENCE, "{id} is not accepted");
            let at = self.hooks.lock().unwrap()[chance.random_range(0..REPLICAS)];
            let telling = tell_of(client, at, organization, &username, id, occurred_at);
            match tokio::time::timeout(10 * PAUSE * attempt, telling).await {
                Ok(Some((200 | 202, _))) => return,
                // A replica that stands still, or is just dying, or a store that could not be
                // written in time.
                Err(_) | Ok(None | Some((503, _))) => tokio::time::sleep(PAUSE).await,
                Ok(Some((status, answer))) => panic!("{id}: {status} {answer}"),
            }
        }
    }

    /// What all replicas logged, those that are dead too.
    pub(super) fn logs(&self) -> Vec<String> {
        let mut logs = self.last_words.lock().unwrap().clone();
        logs.extend(self.replicas.iter().map(Receiver::log));
        logs
    }
}

/// Starts a replica, while everything else goes on.
async fn start(configuration: PathBuf) -> Receiver {
    tokio::task::spawn_blocking(move || started(&configuration)).await.unwrap()
}
