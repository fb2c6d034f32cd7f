//! Syncs: who logs in to Salesforce when, on a simulated clock.

use std::time::Duration;

use crate::console::Console;
use crate::console::surface::{Due, State};
use crate::salesforce::{Caller, Salesforce};

/// The shortest period, so that a tick always comes to an end.
const SHORTEST: Duration = Duration::from_millis(1);

/// Something that logs in, by its position in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Connector(usize, usize),
    Integration(usize),
}

impl Console {
    /// Moves the simulated clock and runs every sync that falls due on the way, in its order.
    pub(crate) fn tick(&mut self, by: Duration, salesforce: &Salesforce) {
        let end = self.clock + by;
        while let Some((at, holder)) = self.next_due().filter(|(at, _)| *at <= end) {
            self.clock = at;
            self.sync(holder, salesforce);
            if let Some(due) = self.due_of(holder) {
                due.next = at + due.period.unwrap_or(SHORTEST).max(SHORTEST);
            }
        }
        self.clock = end;
    }

    /// Runs one sync of everything that may log in, whatever its schedule.
    pub(crate) fn sync_all(&mut self, salesforce: &Salesforce) {
        for holder in self.holders() {
            self.sync(holder, salesforce);
        }
    }

    fn holders(&self) -> Vec<Holder> {
        let of = |(number, instance): (usize, &crate::console::surface::Instance)| {
            let connectors = 0..instance.connectors.len();
            connectors
                .map(move |at| Holder::Connector(number, at))
                .chain([Holder::Integration(number)])
                .collect::<Vec<_>>()
        };
        self.instances.iter().enumerate().flat_map(of).collect()
    }

    fn due_of(&mut self, holder: Holder) -> Option<&mut Due> {
        match holder {
            Holder::Connector(instance, at) => {
                let connector = self.instances.get_mut(instance)?.connectors.get_mut(at)?;
                Some(&mut connector.due)
            }
            Holder::Integration(instance) => Some(&mut self.instances.get_mut(instance)?.due),
        }
    }

    fn next_due(&mut self) -> Option<(Duration, Holder)> {
        let scheduled = self.holders().into_iter().filter_map(|holder| {
            let due = self.due_of(holder)?;
            due.period.map(|_| (due.next, holder))
        });
        scheduled.min()
    }

    /// One login at Salesforce with what is held; a disabled connector makes none.
    fn sync(&mut self, holder: Holder, salesforce: &Salesforce) {
        match holder {
            Holder::Connector(number, at) => {
                let Some(instance) = self.instances.get_mut(number) else { return };
                let Some(connector) = instance.connectors.get_mut(at) else { return };
                if connector.state != State::Enabled {
                    return;
                }
                let caller = Caller::Connector {
                    instance: instance.name.clone(),
                    connector: connector.name.clone(),
                };
                let held = connector.data_source.credential();
                connector.last = salesforce.login(&held.username, &held.secret(), caller);
            }
            // Integration has no documented switch: it always logs in.
            Holder::Integration(number) => {
                let Some(instance) = self.instances.get_mut(number) else { return };
                let caller = Caller::Integration { instance: instance.name.clone() };
                let held = instance.security.credential();
                instance.last = salesforce.login(&held.username, &held.secret(), caller);
            }
        }
    }
}
