//! What people and senders do in a simulated world.

use std::time::Duration;

use jiff::Timestamp;
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject, UserKey};
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::ids::{EventId, SourceName};
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::rotation::Rotation;
use reset_receiver::domain::secret::SecretVersion;
use reset_receiver::domain::step::Step;
use reset_receiver::domain::target::{Surface, Target};
use reset_receiver::domain::track::Standing;
use reset_receiver::engine::intake::Intake;
use reset_receiver::engine::operations::{Operations, Verb};
use reset_receiver::ports::journal::{Admission, Journal, RotationFilter};

use crate::simulation::world::{Pair, Place, Told, Version, World};
use crate::support::memory_journal::MemoryJournal;

/// How long a world has to come to rest once nothing goes wrong any more.
const REST: Duration = Duration::from_hours(24);

/// How often one event is told before a test gives up on the store.
const TELLINGS: u32 = 100;

/// The people of a world, and the programs of theirs that send.
pub(crate) struct People {
    pub(crate) world: World,
    pub(crate) intake: Intake,
    pub(crate) operations: Operations,
    pub(crate) journal: MemoryJournal,
    pub(crate) target: Target,
}

/// A reset, as a sender tells of it.
#[derive(Clone)]
struct Tale {
    id: String,
    reset: u32,
    at: Timestamp,
    occurred_at: Timestamp,
}

impl People {
    /// One to four resets, each told of once or more, early, late, twice and out of order, and a
    /// secret that arrives whole, in halves, wrong at first, or after a rollback.
    pub(crate) async fn live(&self) {
        let world = &self.world;
        let mut late = Vec::new();
        for _ in 0..=world.below(3) {
            // With clocks that differ nobody could tell two resets at once apart.
            let least = if world.is_skewed() { Duration::from_mins(4) } else { Duration::ZERO };
            tokio::time::sleep(least + world.up_to(Duration::from_mins(10))).await;
            let pair = {
                let mut facts = world.facts();
                facts.salesforce = (facts.salesforce.0 + 1, facts.salesforce.1 + 1);
                facts.failed_logins = 0;
                facts.places.values_mut().for_each(|place| place.bleeds = false);
                facts.salesforce
            };
            let (at, occurred_at) = (world.clock.now(), world.time_by(world.skew.sender));
            world.say(|| format!("PEOPLE: the password is reset, Salesforce takes {pair:?} now"));
            let told = self.tell(pair.0, at, occurred_at, std::mem::take(&mut late));
            let (told, ()) = tokio::join!(told, self.provide(pair));
            late = told;
            if world.changes_console_login() && world.once_in(2) {
                self.change_console_login().await;
            }
        }
        for tale in late {
            self.deliver(&tale).await;
        }
        let pair = {
            let mut facts = world.facts();
            facts.faults = false;
            facts.console_in_vault = facts.console_takes;
            facts.salesforce
        };
        self.write_secret(pair).await;
        world
            .say(|| "PEOPLE: nothing goes wrong any more, the right secret is in Vault".to_owned());
    }

    /// Tells of a reset, and of earlier ones whose news is late. Returns the tales to come.
    async fn tell(
        &self,
        reset: u32,
        at: Timestamp,
        occurred_at: Timestamp,
        mut late: Vec<Tale>,
    ) -> Vec<Tale> {
        let world = &self.world;
        let mut later = Vec::new();
        for sender in 0..=world.below(3) {
            tokio::time::sleep(world.up_to(Duration::from_secs(30))).await;
            let tale = Tale { id: format!("reset-{reset}-by-{sender}"), reset, at, occurred_at };
            for _ in 0..=world.below(2) {
                self.deliver(&tale).await;
            }
            if world.once_in(4) {
                later.push(tale);
            } else if sender == 2 {
                later.push(Tale { id: format!("reset-{reset}-late"), ..tale });
            }
            if let Some(tale) = late.pop() {
                self.deliver(&tale).await;
            }
        }
        later.extend(late);
        later
    }

    async fn deliver(&self, tale: &Tale) {
        let event = ResetEvent {
            source: SourceName::parse("flow").unwrap(),
            id: EventId::parse(&tale.id).unwrap(),
            kind: ResetKind::PasswordReset,
            subject: Subject::Login {
                organization: self.target.organization.clone(),
                user: UserKey::Name(self.target.username.clone()),
            },
            occurred_at: tale.occurred_at,
        };
        let admission = self.hand_over(&event).await;
        let mut facts = self.world.facts();
        if tale.reset > facts.told.reset {
            facts.told = Told { reset: tale.reset, at: tale.at };
        }
        drop(facts);
        self.world.say(|| format!("{} is delivered: {admission:?}", tale.id));
    }

    /// Tells until it is acknowledged, as every sender does.
    async fn hand_over(&self, event: &ResetEvent) -> Admission {
        for _ in 0..TELLINGS {
            match self.intake.admit(event, None).await {
                Ok(admission) => {
                    assert_ne!(admission, Admission::Unmatched);
                    self.world.facts().acknowledged.insert(event.id.to_string());
                    return admission;
                }
                Err(error) => self.world.say(|| format!("{} is put off: {error}", event.id)),
            }
            tokio::time::sleep(self.world.up_to(Duration::from_secs(5))).await;
        }
        panic!("{} is put off for ever", event.id);
    }

    /// Somebody enables a connector by hand that a rotation has disabled, while nobody is at work
    /// on it: what happens between a worker's look and its act is nobody's fault.
    async fn meddle(&self) {
        let filter = RotationFilter { limit: 10, ..RotationFilter::default() };
        let rotations = self.journal.rotations(&filter).await.unwrap();
        if !rotations.iter().all(|found| found.phase.is_finished() || found.wakes_at.is_some()) {
            return;
        }
        let mut facts = self.world.facts();
        let off = |(at, place): &(&Surface, &mut Place)| {
            at.is_connector() && place.was_enabled && !place.enabled
        };
        let Some((surface, place)) = facts.places.iter_mut().find(off) else { return };
        place.enabled = true;
        let surface = surface.clone();
        drop(facts);
        self.world.say(|| format!("PEOPLE: {surface} is enabled by hand"));
    }

    async fn provide(&self, pair: Pair) {
        let world = &self.world;
        tokio::time::sleep(world.up_to(Duration::from_mins(2))).await;
        if world.once_in(4) {
            self.meddle().await;
        }
        match world.below(6) {
            // The token comes by another mail, later.
            0 => {
                self.write_secret((pair.0, pair.1 - 1)).await;
                tokio::time::sleep(world.up_to(Duration::from_mins(5))).await;
            }
            // Somebody mistypes it first.
            1 => {
                self.write_secret((pair.0 + 500, pair.1 + 500)).await;
                tokio::time::sleep(world.up_to(Duration::from_mins(20))).await;
            }
            // Somebody rolls Vault back to the secret before, and forward again.
            2 => {
                self.write_secret(pair).await;
                tokio::time::sleep(world.up_to(Duration::from_mins(1))).await;
                self.write_secret((pair.0 - 1, pair.1 - 1)).await;
                tokio::time::sleep(world.up_to(Duration::from_mins(5))).await;
            }
            // Nobody does, until the very end.
            3 => return,
            _ => {}
        }
        self.write_secret(pair).await;
    }

    async fn write_secret(&self, pair: Pair) {
        let world = &self.world;
        let (written, written_at) = (world.clock.now(), world.time_by(world.skew.vault));
        let number = {
            let mut facts = world.facts();
            let number = facts.vault.last().map_or(0, |version| version.number) + 1;
            facts.vault.push(Version { number, written, written_at, pair });
            number
        };
        world.say(|| format!("PEOPLE: version {number} is written to Vault: {pair:?}"));
        if !world.announces() {
            return;
        }
        let (location, version) = (self.target.secret.clone(), Some(SecretVersion(number)));
        let event = ResetEvent {
            source: SourceName::parse("vault").unwrap(),
            id: EventId::parse(&format!("version-{number}")).unwrap(),
            kind: ResetKind::SecretWritten,
            subject: Subject::Secret { location, version },
            occurred_at: written_at,
        };
        let admission = self.hand_over(&event).await;
        world.say(|| format!("Vault tells of version {number}: {admission:?}"));
    }

    /// The console's own login is changed there, and in Vault some time later.
    async fn change_console_login(&self) {
        let world = &self.world;
        let number = {
            let mut facts = world.facts();
            facts.console_takes += 1;
            facts.console_takes
        };
        world.say(|| format!("PEOPLE: the console takes login {number} now"));
        tokio::time::sleep(world.up_to(Duration::from_mins(5))).await;
        if world.once_in(2) {
            world.facts().console_in_vault = number;
            world.say(|| format!("PEOPLE: console login {number} is written to Vault"));
        }
    }

    /// Waits until nothing is left to do, a day at most. Where a rotation waits for a person, a
    /// person says so; one that waits for the right secret finds it by itself.
    pub(crate) async fn rest(&self) {
        let until = self.world.clock.now() + REST;
        while self.world.clock.now() < until {
            let phases = self.journal.phases().await.unwrap();
            if phases.iter().all(|(phase, _)| phase.is_finished()) {
                return;
            }
            if phases.iter().any(|(phase, _)| *phase == Phase::Stuck) {
                self.retry_stuck().await;
            }
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
    }

    async fn retry_stuck(&self) {
        let phase = Some(Phase::Stuck);
        let filter = RotationFilter { phase, limit: 10, ..RotationFilter::default() };
        for found in self.journal.rotations(&filter).await.unwrap() {
            let rows = self.journal.rows(found.id).await.unwrap();
            let rotation = Rotation::replay(&rows).unwrap();
            let Standing::Stuck(stuck) = &rotation.standing else { continue };
            let needs_person = match stuck.fault {
                Fault::Permanent => true,
                Fault::Rejected => rotation.is_barred(),
                Fault::Transient | Fault::Indeterminate => false,
            };
            // Where clocks differ, a secret that answers a reset can seem older than it, and what
            // repeats it unchanged. Nobody but a person knows better.
            let seems_old = self.world.is_skewed() && stuck.step == Step::AwaitSecret;
            if needs_person {
                self.world.say(|| format!("PEOPLE: retry, after \"{}\"", stuck.message));
                self.world.facts().refused.clear();
                self.operations.say(found.id, Verb::Retry, "ops").await.unwrap();
            } else if seems_old {
                self.world.say(|| format!("PEOPLE: use it, after \"{}\"", stuck.message));
                self.operations.say(found.id, Verb::UseCurrentSecret, "ops").await.unwrap();
            }
        }
    }
}
