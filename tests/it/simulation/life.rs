//! One simulated world from its first reset to its rest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use reset_receiver::domain::backoff::Backoff;
use reset_receiver::domain::entry::Outcome;
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::{AccountName, OrganizationId, TargetName, Username};
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::proof::{LoginUrl, Prove};
use reset_receiver::domain::secret::{FingerprintKey, SecretLocation};
use reset_receiver::domain::step::Step;
use reset_receiver::domain::target::{SecretFields, Surface, Target, UpdateOrder};
use reset_receiver::engine::console_login::{ConsoleLogins, LoginLocation};
use reset_receiver::engine::drive;
use reset_receiver::engine::intake::Intake;
use reset_receiver::engine::operations::Operations;
use reset_receiver::engine::settings::Settings;
use reset_receiver::engine::targets::Targets;
use reset_receiver::engine::worker::Worker;
use reset_receiver::ports::clock::Clock;
use reset_receiver::ports::journal::Journal;
use reset_receiver::ports::meter::{DeliveryOutcome, Meter, RefusedBy};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::simulation::console::SimulatedConsole;
use crate::simulation::people::People;
use crate::simulation::rules;
use crate::simulation::salesforce::SimulatedSalesforce;
use crate::simulation::secrets::SimulatedVault;
use crate::simulation::store::SimulatedStore;
use crate::simulation::time::{SimulatedClock, WorkersClock};
use crate::simulation::world::{Place, World};
use crate::support::memory_journal::MemoryJournal;

/// How often a connector syncs. The rest of the console's own logins are nobody's here.
const PERIOD: Duration = Duration::from_mins(5);

/// Lives one world. Gives its story, as an error where something in it was wrong; the story is kept
/// only where somebody wants it told.
pub(crate) fn live(seed: u64, is_told: bool) -> Result<String, String> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(live_in_time(seed, is_told))
}

async fn live_in_time(seed: u64, is_told: bool) -> Result<String, String> {
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new(seed));
    let workers = usize::try_from(seed % 3 + 1).unwrap();
    let world = World::new(seed, Arc::clone(&clock), places(), workers, is_told);
    let journal = MemoryJournal::new(Arc::clone(&clock));
    let target = target(&world);
    let targets = Arc::new(Targets::new([target.clone()]));
    let wake = Arc::new(Notify::new());
    let shared: Arc<dyn Journal> = Arc::new(journal.clone());
    let (c, t, w) = (Arc::clone(&clock), Arc::clone(&targets), Arc::clone(&wake));
    let door = SimulatedStore { journal: journal.clone(), world: world.clone(), worker: 0 };
    let intake = Intake::new(Arc::new(door), c, t, w);
    let (t, w) = (Arc::clone(&targets), Arc::clone(&wake));
    let operations = Operations::new(intake.clone(), shared, clock, t, w);
    let stop = CancellationToken::new();
    let staff: Vec<_> = (0..workers)
        .map(|number| {
            let desk = Desk { number, world: world.clone(), journal: journal.clone() };
            tokio::spawn(work(desk, Arc::clone(&targets), Arc::clone(&wake), stop.clone()))
        })
        .collect();
    let syncs = tokio::spawn(sync(world.clone()));
    let people =
        People { world: world.clone(), intake, operations, journal: journal.clone(), target };
    people.live().await;
    people.rest().await;
    syncs.abort();
    stop.cancel();
    for one in staff {
        one.await.unwrap();
    }
    judge(&world, &journal).await
}

/// Where a worker works, whatever process it is.
struct Desk {
    number: usize,
    world: World,
    journal: MemoryJournal,
}

fn connector(name: &str) -> Surface {
    Surface::Connector { instance: Some("Acme".to_owned()), name: name.to_owned() }
}

fn places() -> BTreeMap<Surface, Place> {
    let place = |was_enabled| {
        let (holds, bleeds) = ((1, 1), false);
        Place { enabled: was_enabled, was_enabled, holds, bleeds }
    };
    BTreeMap::from([
        (connector("Sync"), place(true)),
        (connector("Leads"), place(true)),
        (connector("Old"), place(false)),
        (Surface::Integration { instance: Some("Acme".to_owned()) }, place(true)),
    ])
}

fn target(world: &World) -> Target {
    let login_url = LoginUrl::parse("https://login.salesforce.com").unwrap();
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
        prove: if world.proves() { Prove::SoapLogin { login_url } } else { Prove::Not },
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
        confirm_watch: Duration::from_mins(3),
        console_login_age: Duration::from_mins(10),
    }
}

/// The connectors sync, whatever else happens.
async fn sync(world: World) {
    loop {
        tokio::time::sleep(PERIOD).await;
        rules::sync(&world);
    }
}

/// A worker that is started again whenever it dies.
async fn work(desk: Desk, targets: Arc<Targets>, wake: Arc<Notify>, stop: CancellationToken) {
    let (number, world) = (desk.number, &desk.world);
    while !stop.is_cancelled() {
        let name = format!("worker {number}");
        let engine = Arc::new(engine(&desk));
        let worker = Worker::new(engine, Arc::clone(&targets), Arc::clone(&wake), name);
        tokio::select! {
            biased;
            () = worker.run(stop.clone()) => {}
            () = world.death(number) => {
                let pause = world.up_to(Duration::from_secs(20));
                tokio::time::sleep(pause).await;
                world.say(|| format!("worker {number} starts again"));
            }
        }
    }
}

fn engine(desk: &Desk) -> drive::World {
    let (worker, world, journal) = (desk.number, &desk.world, &desk.journal);
    let world = || world.clone();
    let secrets = Arc::new(SimulatedVault { world: world(), worker });
    let account = AccountName::parse("acme").unwrap();
    let place = LoginLocation {
        location: SecretLocation { mount: "secret".to_owned(), path: "console".to_owned() },
        username_field: "username".to_owned(),
        password_field: "password".to_owned(),
        totp_field: "totp".to_owned(),
    };
    let (clock, settings) = (Arc::new(WorkersClock { world: world(), worker }), settings());
    let logins = ConsoleLogins::new(
        secrets.clone(),
        clock.clone(),
        BTreeMap::from([(account, place)]),
        settings.console_login_age,
    );
    drive::World {
        journal: Arc::new(SimulatedStore { journal: journal.clone(), world: world(), worker }),
        console: Arc::new(SimulatedConsole { journal: journal.clone(), world: world(), worker }),
        secrets,
        logins: Arc::new(logins),
        untold: Arc::default(),
        clock,
        meter: Arc::new(Nobody),
        probe: Arc::new(SimulatedSalesforce { world: world(), worker }),
        fingerprints: FingerprintKey::new(vec![5; 32]).unwrap(),
        settings,
    }
}

/// Whether everything came to its end, and the end is right.
async fn judge(world: &World, journal: &MemoryJournal) -> Result<String, String> {
    let events = journal.events();
    let kept: BTreeSet<String> = events.iter().map(|(event, _)| event.to_string()).collect();
    let acknowledged = world.facts().acknowledged.clone();
    for lost in acknowledged.difference(&kept) {
        world.wrong(format!("{lost} was acknowledged and is lost"));
    }
    for (event, rotation) in events {
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
    let wrongs = world.facts().wrongs.join("\n");
    let story = world.story();
    if wrongs.is_empty() { Ok(story) } else { Err(format!("{story}\n{wrongs}")) }
}

/// A meter that nobody reads.
struct Nobody;

impl Meter for Nobody {
    fn delivery(&self, _source: &str, _outcome: DeliveryOutcome) {}
    fn contained(&self, _target: &TargetName, _after: Duration) {}
    fn completed(&self, _target: &TargetName, _outcome: Outcome, _after: Option<Duration>) {}
    fn connector_off(&self, _target: &TargetName, _off: Duration) {}
    fn step_failed(&self, _step: Step, _fault: Fault) {}
    fn login_refused(&self, _by: RefusedBy) {}
}
