//! One simulated world from its first reset to its rest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reset_receiver::domain::backoff::Backoff;
use reset_receiver::domain::entry::Outcome;
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject, UserKey};
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::{
    AccountName, EventId, OrganizationId, SourceName, TargetName, Username,
};
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::proof::Prove;
use reset_receiver::domain::secret::{FingerprintKey, SecretLocation};
use reset_receiver::domain::step::Step;
use reset_receiver::domain::target::{SecretFields, Surface, Target, UpdateOrder};
use reset_receiver::engine::console_login::{ConsoleLogins, LoginLocation};
use reset_receiver::engine::drive;
use reset_receiver::engine::intake::Intake;
use reset_receiver::engine::settings::Settings;
use reset_receiver::engine::targets::Targets;
use reset_receiver::engine::worker::Worker;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::{Admission, Journal, JournalError};
use reset_receiver::ports::login_probe::{LoginProbe, ProbeError, ReadyLogin};
use reset_receiver::ports::meter::{DeliveryOutcome, Meter, RefusedBy};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::simulation::console::SimulatedConsole;
use crate::simulation::secrets::SimulatedVault;
use crate::simulation::time::SimulatedClock;
use crate::simulation::world::{Luck, Place, Version, World};
use crate::support::interruption::{Interrupted, Moment};
use crate::support::memory_journal::MemoryJournal;

/// How long a world has to come to rest once nothing goes wrong any more.
const REST: Duration = Duration::from_hours(24);

/// Lives one world. Gives its story, as an error where something in it was wrong.
pub(crate) fn live(seed: u64) -> Result<String, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(live_in_time(seed))
}

async fn live_in_time(seed: u64) -> Result<String, String> {
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new(seed));
    let workers = usize::try_from(seed % 3 + 1).unwrap();
    let world = World::new(seed, Arc::clone(&clock), places(), workers);
    let journal = MemoryJournal::new(Arc::clone(&clock));
    let targets = Arc::new(Targets::new([target()]));
    let wake = Arc::new(Notify::new());
    let shared: Arc<dyn Journal> = Arc::new(journal.clone());
    let intake = Intake::new(Arc::clone(&shared), clock, Arc::clone(&targets), Arc::clone(&wake));
    let stop = CancellationToken::new();
    let staff: Vec<_> = (0..workers)
        .map(|number| {
            let (world, shared) = (world.clone(), Arc::clone(&shared));
            let (targets, wake, stop) = (Arc::clone(&targets), Arc::clone(&wake), stop.clone());
            tokio::spawn(work(number, world, shared, targets, wake, stop))
        })
        .collect();
    people(&world, &intake).await;
    rest(&world, &journal).await;
    stop.cancel();
    for one in staff {
        one.await.unwrap();
    }
    judge(&world, &journal).await
}

fn connector(name: &str) -> Surface {
    Surface::Connector { instance: Some("Acme".to_owned()), name: name.to_owned() }
}

fn places() -> BTreeMap<Surface, Place> {
    let place = |was_enabled| Place { enabled: was_enabled, was_enabled, holds: (1, 1) };
    BTreeMap::from([
        (connector("Sync"), place(true)),
        (connector("Leads"), place(true)),
        (connector("Old"), place(false)),
        (Surface::Integration { instance: Some("Acme".to_owned()) }, place(true)),
    ])
}

fn target() -> Target {
    Target {
        name: TargetName::parse("acme").unwrap(),
        organization: OrganizationId::parse("00D5e000001AbCdEAK").unwrap(),
        username: Username::parse("sync@acme.example").unwrap(),
        user_id: None,
        secret: SecretLocation { mount: "secret".to_owned(), path: "salesforce".to_owned() },
        fields: SecretFields::default(),
        needs_token: true,
        account: AccountName::parse("acme").unwrap(),
        surfaces: places().into_keys().collect(),
        order: UpdateOrder::default(),
        prove: Prove::default(),
    }
}

fn settings() -> Settings {
    let seconds = Duration::from_secs;
    let backoff = |first, cap| Backoff::new(seconds(first), seconds(cap)).unwrap();
    Settings {
        grace: seconds(60),
        lease: seconds(30),
        parallel: 2,
        retry: backoff(1, 60),
        contain_retry: backoff(1, 5),
        secret_poll: backoff(1, 30),
        secret_deadline: Duration::from_hours(1),
        confirm_poll: backoff(2, 60),
        confirm_deadline: Duration::from_mins(5),
        console_login_age: Duration::from_mins(10),
    }
}

/// A worker that is started again whenever it dies.
async fn work(
    number: usize,
    world: World,
    journal: Arc<dyn Journal>,
    targets: Arc<Targets>,
    wake: Arc<Notify>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let engine = Arc::new(engine(number, &world, &journal));
        let name = format!("worker {number}");
        let worker = Worker::new(engine, Arc::clone(&targets), Arc::clone(&wake), name);
        tokio::select! {
            () = worker.run(stop.clone()) => {}
            () = world.death(number) => {
                let pause = world.up_to(Duration::from_secs(20));
                tokio::time::sleep(pause).await;
                world.say(format!("worker {number} starts again"));
            }
        }
    }
}

fn engine(number: usize, world: &World, journal: &Arc<dyn Journal>) -> drive::World {
    let secrets = Arc::new(SimulatedVault { world: world.clone(), worker: number });
    let account = AccountName::parse("acme").unwrap();
    let place = LoginLocation {
        location: SecretLocation { mount: "secret".to_owned(), path: "console".to_owned() },
        username_field: "username".to_owned(),
        password_field: "password".to_owned(),
        totp_field: "totp".to_owned(),
    };
    let (clock, settings) = (Arc::clone(&world.clock), settings());
    let logins = ConsoleLogins::new(
        secrets.clone(),
        Arc::clone(&clock),
        BTreeMap::from([(account, place)]),
        settings.console_login_age,
    );
    let fate = world.clone();
    let journal = Interrupted::wrap(Arc::clone(journal), move |moment| {
        let world = fate.clone();
        async move { write(&world, number, moment).await }
    });
    drive::World {
        journal,
        console: Arc::new(SimulatedConsole { world: world.clone(), worker: number }),
        secrets,
        logins: Arc::new(logins),
        clock,
        meter: Arc::new(Nobody),
        probe: Arc::new(Nobody),
        fingerprints: FingerprintKey::new(vec![5; 32]).unwrap(),
        settings,
    }
}

/// What goes wrong with a write of the journal.
async fn write(world: &World, worker: usize, moment: Moment) -> Result<(), JournalError> {
    match moment {
        Moment::Before(entry) => match world.before(worker, entry.name()).await {
            Luck::Refused | Luck::ReplyLost if world.once_in(4) => {
                Err(JournalError::Unavailable("the store is busy".into()))
            }
            Luck::Good | Luck::Refused | Luck::ReplyLost => Ok(()),
        },
        Moment::After(entry) => {
            world.say(format!("worker {worker} wrote: {entry}"));
            world.after(worker, entry.name()).await;
            Ok(())
        }
    }
}

/// What people and senders do: one to three resets, each told of once or more, early, late, twice,
/// and a secret that arrives whole, in halves, wrong at first, or after a rollback.
async fn people(world: &World, intake: &Intake) {
    for reset in 0..=world.below(3) {
        tokio::time::sleep(world.up_to(Duration::from_mins(10))).await;
        let pair = {
            let mut facts = world.facts();
            facts.salesforce = (facts.salesforce.0 + 1, facts.salesforce.1 + 1);
            facts.salesforce
        };
        let occurred_at = world.clock.now();
        world.say(format!("PEOPLE: the password is reset, Salesforce takes {pair:?} now"));
        tokio::join!(tell(world, intake, reset, occurred_at), provide(world, pair));
    }
    world.facts().faults = false;
    let pair = world.facts().salesforce;
    write_secret(world, pair);
    world.say("PEOPLE: nothing goes wrong any more, and the right secret is in Vault");
}

async fn tell(world: &World, intake: &Intake, reset: u32, occurred_at: Timestamp) {
    let senders = world.below(3) + 1;
    for sender in 0..senders {
        tokio::time::sleep(world.up_to(Duration::from_secs(30))).await;
        let id = format!("reset-{reset}-by-{sender}");
        for _ in 0..=world.below(2) {
            let admission = intake.admit(&event(&id, occurred_at), None).await.unwrap();
            assert_ne!(admission, Admission::Unmatched);
            world.say(format!("{id} is delivered: {admission:?}"));
        }
    }
}

fn event(id: &str, occurred_at: Timestamp) -> ResetEvent {
    ResetEvent {
        source: SourceName::parse("flow").unwrap(),
        id: EventId::parse(id).unwrap(),
        kind: ResetKind::PasswordReset,
        subject: Subject::Login {
            organization: target().organization,
            user: UserKey::Name(target().username),
        },
        occurred_at,
    }
}

async fn provide(world: &World, pair: (u32, u32)) {
    tokio::time::sleep(world.up_to(Duration::from_mins(2))).await;
    match world.below(6) {
        // The token comes by another mail, later.
        0 => {
            write_secret(world, (pair.0, pair.1 - 1));
            tokio::time::sleep(world.up_to(Duration::from_mins(5))).await;
        }
        // Somebody mistypes it first.
        1 => {
            write_secret(world, (pair.0 + 500, pair.1 + 500));
            tokio::time::sleep(world.up_to(Duration::from_mins(20))).await;
        }
        // Somebody rolls Vault back to the secret before, and forward again.
        2 => {
            write_secret(world, pair);
            tokio::time::sleep(world.up_to(Duration::from_mins(1))).await;
            write_secret(world, (pair.0 - 1, pair.1 - 1));
            tokio::time::sleep(world.up_to(Duration::from_mins(5))).await;
        }
        // Nobody does, until the very end.
        3 => return,
        _ => {}
    }
    write_secret(world, pair);
}

fn write_secret(world: &World, pair: (u32, u32)) {
    let written_at = world.clock.now();
    let mut facts = world.facts();
    let number = facts.vault.last().map_or(0, |version| version.number) + 1;
    facts.vault.push(Version { number, written_at, pair });
    drop(facts);
    world.say(format!("PEOPLE: version {number} is written to Vault: {pair:?}"));
}

/// Waits until nothing is left to do, a day at most.
async fn rest(world: &World, journal: &MemoryJournal) {
    let until = world.clock.now() + REST;
    while world.clock.now() < until {
        let phases = journal.phases().await.unwrap();
        if phases.iter().all(|(phase, _)| phase.is_finished()) {
            return;
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
}

/// Whether everything came to its end, and the end is right.
async fn judge(world: &World, journal: &MemoryJournal) -> Result<String, String> {
    for (event, rotation) in journal.events() {
        let phase = match rotation {
            Some(rotation) => journal.rotation(rotation).await.unwrap().phase,
            None => panic!("every event is about the one target"),
        };
        if !matches!(phase, Phase::Confirmed | Phase::Unconfirmed | Phase::NothingToDo) {
            world.wrong(format!("{event} ended {phase}"));
        }
    }
    let places = world.facts().places.clone();
    let salesforce = world.facts().salesforce;
    for (surface, place) in places {
        if place.enabled != place.was_enabled {
            world.wrong(format!("{surface} was left in another state"));
        }
        if place.holds != salesforce {
            world.wrong(format!("{surface} holds {:?}, not {salesforce:?}", place.holds));
        }
    }
    let facts = world.facts();
    let story = facts.story.join("\n");
    if facts.wrongs.is_empty() { Ok(story) } else { Err(story) }
}

/// A meter that nobody reads, and a probe that nobody configured.
struct Nobody;

#[async_trait]
impl LoginProbe for Nobody {
    async fn prepare(&self, _target: &Target) -> Result<Box<dyn ReadyLogin>, ProbeError> {
        Err(ProbeError::NotConfigured)
    }
}

impl Meter for Nobody {
    fn delivery(&self, _source: &str, _outcome: DeliveryOutcome) {}
    fn contained(&self, _target: &TargetName, _after: Duration) {}
    fn completed(&self, _target: &TargetName, _outcome: Outcome, _after: Option<Duration>) {}
    fn connector_off(&self, _target: &TargetName, _off: Duration) {}
    fn step_failed(&self, _step: Step, _fault: Fault) {}
    fn login_refused(&self, _by: RefusedBy) {}
}
