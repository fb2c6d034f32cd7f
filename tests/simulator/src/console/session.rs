//! Console sessions, held by a cookie.

use std::collections::BTreeMap;

use rand::distr::{Alphanumeric, SampleString};

/// One browser's visit.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// From 1, for the log.
    pub(crate) number: u32,
    /// The user that gave a right password.
    pub(crate) user: Option<usize>,
    /// Whether everything that the login asks for was given.
    pub(crate) logged_in: bool,
    /// The instance that was opened last.
    pub(crate) instance: Option<usize>,
}

/// All sessions, by the cookie's value.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: BTreeMap<String, Session>,
    opened: u32,
}

impl Sessions {
    /// A session that is not logged in; returns the cookie's value.
    pub(crate) fn open(&mut self) -> String {
        self.opened += 1;
        let id = Alphanumeric.sample_string(&mut rand::rng(), 24).to_lowercase();
        let session = Session { number: self.opened, user: None, logged_in: false, instance: None };
        self.by_id.insert(id.clone(), session);
        id
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Session> {
        self.by_id.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.by_id.get_mut(id)
    }

    pub(crate) fn end(&mut self, id: &str) {
        self.by_id.remove(id);
    }

    pub(crate) fn end_all(&mut self) {
        self.by_id.clear();
    }

    /// How many are logged in now.
    pub(crate) fn live(&self) -> usize {
        self.by_id.values().filter(|session| session.logged_in).count()
    }
}
