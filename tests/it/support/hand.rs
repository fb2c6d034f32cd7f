//! A whole installation without its listeners, whose worker a test turns by hand.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reset_receiver::config::Config;
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject, UserKey};
use reset_receiver::domain::ids::{EventId, OrganizationId, RotationId, SourceName, Username};
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::secret::SecretLocation;
use reset_receiver::engine::drive::World;
use reset_receiver::engine::operations::Verb;
use reset_receiver::engine::worker::{Tick, Worker};
use reset_receiver::ports::journal::Admission;
use reset_receiver::startup::Plant;
use tokio::sync::Notify;

use crate::support::town::{Town, USERNAME};

/// How long a rotation may take to come where a test expects it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A plant whose worker is turned by hand.
pub(crate) struct Hand {
    pub(crate) plant: Plant,
    worker: Worker,
}

impl Hand {
    /// What a start of the program builds for this town, with nothing in its memory.
    pub(crate) async fn new(town: &Town) -> Self {
        Self::configured(&town.config()).await
    }

    /// The same by another configuration.
    pub(crate) async fn configured(config: &str) -> Self {
        let config = Config::parse(config, []).unwrap();
        let plant = Plant::build(&config).await.unwrap();
        let worker = plant.worker("by hand");
        Self { plant, worker }
    }

    /// The same plant in a world that differs.
    pub(crate) fn in_world(mut self, change: impl FnOnce(&mut World)) -> Self {
        let mut world = World::clone(&self.plant.world);
        change(&mut world);
        self.plant.world = Arc::new(world);
        let (world, targets) = (Arc::clone(&self.plant.world), Arc::clone(&self.plant.targets));
        self.worker = Worker::new(world, targets, Arc::new(Notify::new()), "by hand".to_owned());
        self
    }

    /// Tells of a reset of the town's login that happened just now.
    pub(crate) async fn tell(&self, town: &Town, id: &str, kind: ResetKind) -> RotationId {
        accepted(self.tell_at(town, id, kind, now()).await)
    }

    /// Tells of a reset that happened at that time.
    pub(crate) async fn tell_at(
        &self,
        town: &Town,
        id: &str,
        kind: ResetKind,
        occurred_at: Timestamp,
    ) -> Admission {
        let organization = town.simulator.salesforce().organization_id();
        let subject = Subject::Login {
            organization: OrganizationId::parse(organization).unwrap(),
            user: UserKey::Name(Username::parse(USERNAME).unwrap()),
        };
        self.admit(id, kind, subject, occurred_at).await
    }

    /// Tells that the town's secret was written.
    pub(crate) async fn tell_written(&self, town: &Town, id: &str) -> RotationId {
        let location = SecretLocation { mount: town.mount.clone(), path: "salesforce".to_owned() };
        let subject = Subject::Secret { location, version: None };
        accepted(self.admit(id, ResetKind::SecretWritten, subject, now()).await)
    }

    async fn admit(
        &self,
        id: &str,
        kind: ResetKind,
        subject: Subject,
        occurred_at: Timestamp,
    ) -> Admission {
        let source = SourceName::parse("flow").unwrap();
        let id = EventId::parse(id).unwrap();
        let event = ResetEvent { source, id, kind, subject, occurred_at };
        self.plant.intake.admit(&event, None).await.unwrap()
    }

    /// An operator's verb.
    pub(crate) async fn say(&self, rotation: RotationId, verb: Verb) {
        self.plant.operations.say(rotation, verb, "on-call").await.unwrap();
    }

    /// Drives what is due, if anything is.
    pub(crate) async fn turn(&self) -> Tick {
        self.worker.tick().await.unwrap()
    }

    /// Drives until nothing is due any more: nothing waits but for time or for somebody.
    pub(crate) async fn until_idle(&self) {
        let deadline = now() + PATIENCE;
        while self.turn().await == Tick::Drove {
            assert!(now() < deadline, "the work does not come to an end");
        }
    }

    /// Turns the worker until the rotation is in this phase.
    pub(crate) async fn until(&self, rotation: RotationId, phase: Phase) {
        let reached = self.until_one(rotation, |now| now == phase || now.is_finished()).await;
        if reached != phase {
            let says = self.says(rotation).await.join("\n");
            panic!("the rotation is {reached}, not {phase}; its journal:\n{says}");
        }
    }

    /// Turns the worker until the rotation is over or needs a person.
    pub(crate) async fn until_rest(&self, rotation: RotationId) -> Phase {
        self.until_one(rotation, |phase| phase.is_finished() || phase == Phase::Stuck).await
    }

    /// Turns the worker until the rotation's journal says something.
    pub(crate) async fn until_said(&self, rotation: RotationId, what: impl Fn(&Entry) -> bool) {
        let deadline = now() + PATIENCE;
        while !self.entries(rotation).await.iter().any(&what) {
            self.turn_or_wait(rotation, deadline).await;
        }
    }

    async fn until_one(&self, rotation: RotationId, enough: impl Fn(Phase) -> bool) -> Phase {
        let deadline = now() + PATIENCE;
        loop {
            let phase = self.phase(rotation).await;
            if enough(phase) {
                return phase;
            }
            self.turn_or_wait(rotation, deadline).await;
        }
    }

    async fn turn_or_wait(&self, rotation: RotationId, deadline: Timestamp) {
        if now() > deadline {
            let says = self.says(rotation).await.join("\n");
            panic!("the rotation does not get there; its journal:\n{says}");
        }
        if self.turn().await == Tick::Idle {
            look_again_soon().await;
        }
    }

    /// Where the rotation stands.
    pub(crate) async fn phase(&self, rotation: RotationId) -> Phase {
        self.plant.world.journal.rotation(rotation).await.unwrap().phase
    }

    /// The rotation's journal.
    pub(crate) async fn entries(&self, rotation: RotationId) -> Vec<Entry> {
        let rows = self.plant.world.journal.rows(rotation).await.unwrap();
        rows.into_iter().map(|row| row.entry).collect()
    }

    /// The rotation's journal in words.
    pub(crate) async fn says(&self, rotation: RotationId) -> Vec<String> {
        self.entries(rotation).await.iter().map(ToString::to_string).collect()
    }

    /// The names of the journal's entries.
    pub(crate) async fn names(&self, rotation: RotationId) -> Vec<&'static str> {
        self.entries(rotation).await.iter().map(Entry::name).collect()
    }
}

/// The rotation that an event went to.
pub(crate) fn accepted(admission: Admission) -> RotationId {
    match admission {
        Admission::Accepted(rotation) => rotation,
        other @ (Admission::Duplicate(_) | Admission::Unmatched) => {
            panic!("not accepted: {other:?}")
        }
    }
}

/// The machine's time, which OpenBao and the simulator go by as well.
#[expect(clippy::disallowed_methods, reason = "whole installations live in the machine's time")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

#[expect(clippy::disallowed_methods, reason = "bounded waiting for what a clock makes due")]
async fn look_again_soon() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}
