//! Walking through the console: pressing what the profile names, one page after another.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::communigator::blot::Blot;
use crate::communigator::form::{Entries, Method, Request};
use crate::communigator::halt::Halt;
use crate::communigator::http::Http;
use crate::communigator::page::{Effect, Page};
use crate::communigator::profile::{Label, Profile};
use crate::communigator::read::{self, Source};
use crate::communigator::route::{Key, Memory, Route};
use crate::ports::clock::Clock;
use crate::ports::console::Trouble;

/// A page as it was when it came.
pub(super) struct Seen {
    /// The page.
    pub page: Arc<Page>,
    /// When it came.
    pub at: Timestamp,
}

/// Where a walker is.
enum Place {
    /// On the page behind the login, or lost.
    Outside,
    /// In an instance: that of the name, or the only one.
    Inside(Option<String>),
}

/// A logged-in walker.
pub(super) struct Walk {
    http: Http,
    profile: Arc<Profile>,
    memory: Arc<Memory>,
    clock: Arc<dyn Clock>,
    /// What may not be reported.
    blot: Blot,
    /// The page behind the login: the list of instances, or the only instance's first page.
    root: Option<Arc<Page>>,
    /// Where the walker is.
    place: Place,
    /// Pages of this session from which a walk can go on: the only way to get on where links are
    /// postbacks and pages have no address.
    seen: HashMap<Key, Seen>,
}

impl Walk {
    /// A walker that has not logged in yet.
    pub(super) fn new(
        http: Http,
        profile: Arc<Profile>,
        memory: Arc<Memory>,
        clock: Arc<dyn Clock>,
        blot: Blot,
    ) -> Self {
        let (root, place, seen) = (None, Place::Outside, HashMap::new());
        Self { http, profile, memory, clock, blot, root, place, seen }
    }

    /// Puts the walker on the page behind the login.
    pub(super) fn start(&mut self, root: Page) {
        self.root = Some(Arc::new(root));
        self.place = Place::Outside;
        self.seen.clear();
    }

    /// The page behind the login.
    pub(super) fn root(&self) -> Option<Arc<Page>> {
        self.root.clone()
    }

    /// The profile.
    pub(super) fn profile(&self) -> Arc<Profile> {
        Arc::clone(&self.profile)
    }

    /// Forgets what this session has seen, after something went wrong.
    pub(super) fn doubt(&mut self) {
        self.place = Place::Outside;
        self.seen.clear();
    }

    /// Forgets one page of this session, because it was changed.
    pub(super) fn changed(&mut self, key: &Key) {
        self.seen.remove(key);
    }

    /// A page of this session that is no older than `age`.
    pub(super) fn recent(&self, key: &Key, age: jiff::SignedDuration) -> Option<Arc<Page>> {
        let seen = self.seen.get(key)?;
        let since = self.clock.now().duration_since(seen.at);
        (since <= age).then(|| Arc::clone(&seen.page))
    }

    /// Sends a request and reads the page, whatever page it is.
    pub(super) async fn fetch(&self, step: &str, request: Request) -> Result<Page, Halt> {
        let reply = self.http.send(step, request).await?;
        let source = Source {
            step,
            url: &reply.url,
            by_get: reply.by_get,
            status: reply.status,
            encoding: reply.encoding,
            html: &reply.html,
            blot: &self.blot,
        };
        Ok(read::page(&source, &self.profile))
    }

    /// Sends a request and reads the page, which has to be one of a logged-in session.
    pub(super) async fn request(&self, step: &str, request: Request) -> Result<Page, Halt> {
        let page = self.fetch(step, request).await?;
        if self.is_login(&page) {
            return Err(Halt::LoggedOut);
        }
        self.stops(&page)?;
        Ok(page)
    }

    /// Whether a page is the login page.
    pub(super) fn is_login(&self, page: &Page) -> bool {
        let login = &self.profile.login;
        let has = |form| {
            !page.fields(&login.username, Some(form)).is_empty()
                && !page.fields(&login.password, Some(form)).is_empty()
                && !page.pressables(&login.submit, Some(form)).is_empty()
        };
        (0..page.forms.len()).any(has)
    }

    /// Whether a page asks for the second factor.
    pub(super) fn asks_for_code(&self, page: &Page) -> bool {
        page.mentions(&self.profile.second_factor.shown_by) && !self.is_inside(page)
    }

    fn is_inside(&self, page: &Page) -> bool {
        !page.pressables(&self.profile.logout, None).is_empty()
    }

    /// Pages that only a person can get past.
    pub(super) fn stops(&self, page: &Page) -> Result<(), Trouble> {
        if page.needs_script {
            return Err(Trouble::NeedsScript { page: page.step.clone() });
        }
        if page.mentions(&self.profile.stops.confirm_address) && !self.is_inside(page) {
            return Err(Trouble::ConfirmAddress);
        }
        Ok(())
    }

    /// Presses the one link or button of that label, with nothing filled in.
    /// A tab whose content the page has already leaves it as it is.
    pub(super) async fn press(&self, page: &Arc<Page>, label: &Label) -> Result<Arc<Page>, Halt> {
        let action = page.pressable(label, None)?;
        if matches!(page.actions.get(action).map(|action| &action.effect), Some(Effect::Stay)) {
            return Ok(Arc::clone(page));
        }
        match Request::pressing(page, action, &Entries::default())? {
            Some(request) => Ok(Arc::new(self.request(label.name(), request).await?)),
            None => Err(Trouble::NeedsScript { page: page.name().to_owned() }.into()),
        }
    }

    /// Goes to the end of a route and asks the console for that page anew. `fits` says whether an
    /// address from an earlier walk still leads to the right page; if it does not, the whole way
    /// is walked again, as a person would walk it.
    pub(super) async fn arrive(
        &mut self,
        route: &Route,
        fits: &(dyn Fn(&Page) -> bool + Sync),
    ) -> Result<Arc<Page>, Halt> {
        let is_shortcut = self.has_shortcut(route);
        let arrived = self.walk(route, true).await;
        match arrived {
            Ok(page) if page.status < 400 && fits(&page) => return Ok(page),
            Ok(_) | Err(_) if !is_shortcut => return arrived,
            Err(Halt::Failed(error)) if !is_about_the_page(&error.trouble) => {
                return Err(Halt::Failed(error));
            }
            Err(Halt::LoggedOut) => return Err(Halt::LoggedOut),
            Ok(_) | Err(Halt::Failed(_)) => {}
        }
        self.doubt();
        self.walk(route, false).await
    }

    fn has_shortcut(&self, route: &Route) -> bool {
        let keys = || (0..=route.legs.len()).map(|legs| route.key(legs));
        keys().any(|key| self.memory.page(&key).is_some() || self.seen.contains_key(&key))
    }

    async fn walk(&mut self, route: &Route, shortcut: bool) -> Result<Arc<Page>, Halt> {
        self.enter(route).await?;
        let length = route.legs.len();
        if shortcut && let Some(url) = self.memory.page(&route.end()) {
            let step = route.legs.last().map_or("", |leg| leg.label.name());
            let page = self.request(step, Request::get(url, None)).await?;
            return Ok(self.keep(route.end(), page));
        }
        let mut limit = length;
        loop {
            // The furthest page that is known, by having been seen or by its address.
            let known = |legs: &usize| {
                let key = route.key(*legs);
                self.seen.contains_key(&key) || (shortcut && self.memory.page(&key).is_some())
            };
            let from = (0..limit).rev().find(known).unwrap_or(0);
            let (page, asked) = self.legs(route, from).await?;
            // Tabs on one page lead to its end without a request; what was seen before is not
            // what is there now, so that the walk starts further back.
            if asked || from == 0 {
                return Ok(page);
            }
            limit = from;
        }
    }

    /// Walks from a known page to the end, and says whether anything was asked for on the way.
    async fn legs(&mut self, route: &Route, from: usize) -> Result<(Arc<Page>, bool), Halt> {
        let (mut here, mut asked) = if let Some(seen) = self.seen.get(&route.key(from)) {
            (Arc::clone(&seen.page), false)
        } else {
            // Entering the instance has left its first page behind, so that one of both is known.
            let Some(url) = self.memory.page(&route.key(from)) else { return Err(Halt::LoggedOut) };
            let page = self.request("the way", Request::get(url, None)).await?;
            (self.keep(route.key(from), page), true)
        };
        for (at, leg) in route.legs.iter().enumerate().skip(from) {
            let next = route.legs.get(at + 1);
            let passed =
                leg.menu && next.is_some_and(|next| !here.pressables(&next.label, None).is_empty());
            let page =
                if passed { None } else { self.step(&here, &leg.label, route, at + 1).await? };
            asked |= page.is_some();
            here = match page {
                Some(page) => page,
                None => self.keep_again(route.key(at + 1), here),
            };
        }
        Ok((here, asked))
    }

    /// One step of a route; `None` where the page has the next one's content already.
    async fn step(
        &mut self,
        here: &Page,
        label: &Label,
        route: &Route,
        legs: usize,
    ) -> Result<Option<Arc<Page>>, Halt> {
        let action = here.pressable(label, None)?;
        if matches!(here.actions.get(action).map(|action| &action.effect), Some(Effect::Stay)) {
            return Ok(None);
        }
        let Some(request) = Request::pressing(here, action, &Entries::default())? else {
            return Err(Trouble::NeedsScript { page: here.name().to_owned() }.into());
        };
        let link = (request.method == Method::Get).then(|| request.url.clone());
        let page = self.request(label.name(), request).await?;
        // What a postback chose in the session is not in the address behind it, so that an
        // instance is only known by its link.
        let has_address = page.by_get && page.url != here.url && legs > 0;
        let behind_postback = has_address.then(|| page.url.clone());
        let address = link.or(behind_postback).filter(|_| page.status < 400);
        if let Some(url) = address {
            self.memory.note(route.key(legs), url);
        }
        Ok(Some(self.keep(route.key(legs), page)))
    }

    /// Makes sure that the walker is in the route's instance.
    async fn enter(&mut self, route: &Route) -> Result<(), Halt> {
        if matches!(&self.place, Place::Inside(instance) if *instance == route.instance) {
            return Ok(());
        }
        let Some(root) = self.root.clone() else { return Err(Halt::LoggedOut) };
        self.seen.clear();
        let first = route.key(0);
        let Some(name) = &route.instance else {
            self.place = Place::Inside(None);
            self.keep_again(first, root);
            return Ok(());
        };
        let label = Label::of(name);
        let opens_directly = root.pressables(&label, None).is_empty() && root.shows(name);
        if opens_directly {
            self.keep_again(first, root);
        } else {
            // Addresses are remembered by the instance's name. Where the name leads elsewhere now,
            // they may all be another instance's.
            let action = root.pressable(&label, None)?;
            let leads_to = match root.actions.get(action).map(|action| &action.effect) {
                Some(Effect::Go(url)) => Some(url.clone()),
                Some(_) | None => None,
            };
            if self.memory.page(&first).is_some_and(|known| Some(known) != leads_to) {
                self.memory.forget();
            }
            self.step(&root, &label, route, 0).await?;
        }
        self.place = Place::Inside(route.instance.clone());
        Ok(())
    }

    fn keep(&mut self, key: Key, page: Page) -> Arc<Page> {
        self.keep_again(key, Arc::new(page))
    }

    fn keep_again(&mut self, key: Key, page: Arc<Page>) -> Arc<Page> {
        let seen = Seen { page: Arc::clone(&page), at: self.clock.now() };
        self.seen.insert(key, seen);
        page
    }
}

fn is_about_the_page(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::PageChanged { .. })
}
