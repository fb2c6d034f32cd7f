//! The console without its looks: what it keeps, who is logged in, and what a request does.

pub(crate) mod deed;
pub(crate) mod form;
pub(crate) mod inspect;
pub(crate) mod page;
pub(crate) mod pages;
pub(crate) mod place;
pub(crate) mod second_factor;
pub(crate) mod session;
pub(crate) mod surface;

use std::time::Duration;

use crate::console::page::Page;
use crate::console::place::Place;
use crate::console::session::{Session, Sessions};
use crate::console::surface::Instance;
use crate::faults::Faults;
use crate::log::ConsoleRequest;
use crate::world::ConsoleUser;

/// Everything behind the console's pages.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) instances: Vec<Instance>,
    pub(crate) users: Vec<ConsoleUser>,
    pub(crate) sessions: Sessions,
    pub(crate) log: Vec<ConsoleRequest>,
    pub(crate) faults: Faults,
    /// Logins that went well.
    pub(crate) logins: u64,
    /// Logins that were refused: a wrong password or a wrong code.
    pub(crate) refused: u64,
    /// The simulated clock, from the start of the world.
    pub(crate) clock: Duration,
}

impl Console {
    pub(crate) fn new(instances: Vec<Instance>, users: Vec<ConsoleUser>) -> Self {
        Self {
            instances,
            users,
            sessions: Sessions::default(),
            log: Vec::new(),
            faults: Faults::default(),
            logins: 0,
            refused: 0,
            clock: Duration::ZERO,
        }
    }

    /// The page of a place as this session sees it; without a session only the public ones.
    pub(crate) fn page(&self, place: Place, session: Option<&Session>) -> Option<Page> {
        pages::page(&self.instances, &self.visible(session), place)
    }

    /// The instances that the session's user may open.
    pub(crate) fn visible(&self, session: Option<&Session>) -> Vec<usize> {
        let user = session.and_then(|session| self.users.get(session.user?));
        let Some(user) = user else { return Vec::new() };
        let allowed = |name: &String| user.only.as_ref().is_none_or(|only| only.contains(name));
        (0..self.instances.len())
            .filter(|&number| self.instances.get(number).is_some_and(|one| allowed(&one.name)))
            .collect()
    }

    /// Where a login leads: straight into the only instance, or to the list of them.
    pub(crate) fn start(&self, session: Option<&Session>) -> Place {
        match self.visible(session).as_slice() {
            [only] => Place::Home(*only),
            _ => Place::Instances,
        }
    }
}
