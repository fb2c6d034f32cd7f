//! Routes through the console, and the addresses on them that are known from earlier walks.

use std::collections::HashMap;
use std::sync::Mutex;

use url::Url;

use crate::communigator::profile::{Label, Leg, Profile};
use crate::domain::target::Surface;

/// What is pressed, one after another, from the page behind the login.
#[derive(Debug, Clone)]
pub(super) struct Route {
    /// The instance that is chosen first; `None` where the account opens its only one directly.
    pub instance: Option<String>,
    /// What is pressed from the instance's first page on.
    pub legs: Vec<Leg>,
}

impl Route {
    /// To a surface's own page: the connector's, or Integration's General tab.
    pub(super) fn to(place: &Surface, profile: &Profile) -> Self {
        match place {
            Surface::Connector { name, .. } => {
                let mut route = Self::to_connectors(place, profile);
                route.legs.push(Leg { label: Label::of(name), menu: false });
                route
            }
            Surface::Integration { instance } => {
                Self { instance: instance.clone(), legs: profile.walk.integration.clone() }
            }
        }
    }

    /// To the list of connectors of a surface's instance.
    pub(super) fn to_connectors(place: &Surface, profile: &Profile) -> Self {
        let instance = place.instance().map(str::to_owned);
        Self { instance, legs: profile.walk.connectors.clone() }
    }

    /// To the tab of Integration that holds the credentials.
    pub(super) fn to_security(place: &Surface, profile: &Profile) -> Self {
        let mut legs = profile.walk.integration.clone();
        legs.extend(profile.walk.security.clone());
        Self { instance: place.instance().map(str::to_owned), legs }
    }

    /// What the page after so many legs is remembered by; 0 is the instance's first page.
    pub(super) fn key(&self, legs: usize) -> Key {
        let names = self.legs.iter().take(legs).map(|leg| leg.label.name().to_owned());
        Key { instance: self.instance.clone(), legs: names.collect() }
    }

    /// What the page at its end is remembered by.
    pub(super) fn end(&self) -> Key {
        self.key(self.legs.len())
    }
}

/// What a page on a route is remembered by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    instance: Option<String>,
    legs: Vec<String>,
}

/// Addresses that earlier sessions of an account found behind plain links. Asking for one of them
/// at once is what makes a later walk short; what comes is checked like any other page.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    login: Option<Url>,
    pages: HashMap<Key, Url>,
}

impl Memory {
    fn with<T>(&self, f: impl FnOnce(&mut Known) -> T) -> T {
        // A panic while it was held leaves addresses that are checked on use in any case.
        f(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The login page.
    pub(super) fn login(&self) -> Option<Url> {
        self.with(|known| known.login.clone())
    }

    /// Notes the login page, or forgets it.
    pub(super) fn set_login(&self, url: Option<Url>) {
        self.with(|known| known.login = url);
    }

    /// A page on a route.
    pub(super) fn page(&self, key: &Key) -> Option<Url> {
        self.with(|known| known.pages.get(key).cloned())
    }

    /// Notes a page on a route.
    pub(super) fn note(&self, key: Key, url: Url) {
        self.with(|known| known.pages.insert(key, url));
    }

    /// Forgets every page, because an instance is not where it used to be.
    pub(super) fn forget(&self) {
        self.with(|known| known.pages.clear());
    }
}
