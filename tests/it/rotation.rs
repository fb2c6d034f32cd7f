//! Whole rotations: real OpenBao, real SQLite, the real drivers, a simulated console.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reset_receiver::config::Config;
use reset_receiver::domain::entry::Entry;
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject, UserKey};
use reset_receiver::domain::ids::{EventId, OrganizationId, RotationId, SourceName, Username};
use reset_receiver::domain::phase::Phase;
use reset_receiver::engine::worker::{Tick, Worker};
use reset_receiver::ports::journal::Admission;
use reset_receiver::startup::Plant;
use simulator::{Skin, State};

use crate::support::town::{CONNECTORS, INSTANCES, Town, USERNAME};

/// A plant whose worker is turned by hand.
pub(crate) struct Hand {
    pub(crate) plant: Plant,
    pub(crate) worker: Worker,
}

impl Hand {
    pub(crate) async fn new(town: &Town) -> Self {
        let config = Config::parse(&town.config(), []).unwrap();
        let plant = Plant::build(&config).await.unwrap();
        let worker = plant.worker("by hand");
        Self { plant, worker }
    }

    async fn tell(&self, town: &Town, id: &str, kind: ResetKind) -> RotationId {
        let event = ResetEvent {
            source: SourceName::parse("flow").unwrap(),
            id: EventId::parse(id).unwrap(),
            kind,
            subject: Subject::Login {
                organization: OrganizationId::parse(town.simulator.salesforce().organization_id())
                    .unwrap(),
                user: UserKey::Name(Username::parse(USERNAME).unwrap()),
            },
            occurred_at: Timestamp::now(),
        };
        match self.plant.intake.admit(&event, None).await.unwrap() {
            Admission::Accepted(rotation) => rotation,
            other => panic!("not accepted: {other:?}"),
        }
    }

    /// Turns the worker until the rotation is in this phase, ten seconds at most.
    pub(crate) async fn until(&self, rotation: RotationId, phase: Phase) {
        let deadline = Timestamp::now() + Duration::from_secs(10);
        loop {
            let now = self.plant.world.journal.rotation(rotation).await.unwrap().phase;
            if now == phase {
                return;
            }
            if Timestamp::now() > deadline {
                let says = self.says(rotation).await.join("\n");
                panic!("the rotation is {now}, not {phase}; its journal:\n{says}");
            }
            if self.worker.tick().await.unwrap() == Tick::Idle {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    pub(crate) async fn entries(&self, rotation: RotationId) -> Vec<Entry> {
        let rows = self.plant.world.journal.rows(rotation).await.unwrap();
        rows.into_iter().map(|row| row.entry).collect()
    }

    async fn says(&self, rotation: RotationId) -> Vec<String> {
        self.entries(rotation).await.iter().map(ToString::to_string).collect()
    }
}

fn states(town: &Town) -> Vec<bool> {
    let state = |(instance, name, _): &(&str, &str, bool)| {
        town.simulator.connector(instance, name).unwrap().state == State::Enabled
    };
    CONNECTORS.iter().map(state).collect()
}

fn at_first() -> Vec<bool> {
    CONNECTORS.iter().map(|(.., enabled)| *enabled).collect()
}

#[tokio::test]
async fn a_reset_is_contained_and_then_both_surfaces_hold_the_new_secret() {
    for skin in [Skin::Plain, Skin::WebForms] {
        let town = Town::new(skin).await;
        let hand = Hand::new(&town).await;
        let before: Vec<_> = INSTANCES
            .iter()
            .map(|name| town.simulator.integration(name).unwrap().other_fields)
            .collect();

        let new = town.simulator.salesforce().reset_password(USERNAME, "second-pw").unwrap();
        let rotation = hand.tell(&town, "reset-1", ResetKind::PasswordReset).await;
        hand.until(rotation, Phase::AwaitingSecret).await;
        assert_eq!(states(&town), [false, false, false], "contained before the secret is there");

        town.write_secret(&new).await;
        hand.until(rotation, Phase::Confirmed).await;

        assert_eq!(states(&town), at_first(), "what was found disabled stays so");
        for (instance, name, _) in CONNECTORS {
            assert_eq!(town.simulator.connector(instance, name).unwrap().holds.token, new.token);
        }
        for (name, before) in INSTANCES.iter().zip(before) {
            let now = town.simulator.integration(name).unwrap();
            assert_eq!(now.holds.password, new.password);
            assert_eq!(now.other_fields, before, "fields that are not ours are unchanged");
        }
        town.simulator.run_syncs();
        let failed =
            town.simulator.login_history().iter().filter(|l| !l.outcome.is_usable()).count();
        assert_eq!(failed, 0);
        assert_eq!(town.simulator.open_sessions(), 0, "every session was closed");
        drop(Arc::clone(&hand.plant.world));
    }
}
