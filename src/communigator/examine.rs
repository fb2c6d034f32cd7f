//! A read-only look at one surface: whether every label that a rotation needs is there once.

use std::sync::Arc;

use crate::communigator::halt::Halt;
use crate::communigator::page::Page;
use crate::communigator::profile::{CredentialLabels, Label, Profile};
use crate::communigator::route::Route;
use crate::communigator::shown;
use crate::communigator::verbs;
use crate::communigator::walk::Walk;
use crate::domain::target::Surface;
use crate::ports::console::{
    ConnectorState, Examination, LabelFinding, ShownError, Switch, Trouble,
};

/// Looks at a surface.
pub(super) async fn surface(walk: &mut Walk, place: &Surface) -> Result<Examination, Halt> {
    let mut look = Look::default();
    match place {
        Surface::Connector { .. } => connector(walk, place, &mut look).await?,
        Surface::Integration { .. } => integration(walk, place, &mut look).await?,
    }
    Ok(look.0)
}

struct Look(Examination);

impl Default for Look {
    fn default() -> Self {
        let shows = String::new();
        Self(Examination { labels: Vec::new(), shows, connectors: Vec::new() })
    }
}

impl Look {
    fn note(&mut self, page: &str, label: &Label, found: usize) {
        self.named(page, label.name(), found);
    }

    fn named(&mut self, page: &str, label: &str, found: usize) {
        let (page, label) = (page.to_owned(), label.to_owned());
        self.0.labels.push(LabelFinding { page, label, found });
    }

    /// Turns a page that is not as expected into a finding; anything else stops the look.
    fn page<T>(&mut self, looked: Result<T, Halt>) -> Result<Option<T>, Halt> {
        match looked {
            Ok(page) => Ok(Some(page)),
            Err(Halt::Failed(error)) => {
                let Trouble::PageChanged { page, expected, found, .. } = &error.trouble else {
                    return Err(error.into());
                };
                self.named(page, expected, *found);
                Ok(None)
            }
            Err(Halt::LoggedOut) => Err(Halt::LoggedOut),
        }
    }

    fn credentials(&mut self, page: &Page, labels: &CredentialLabels) {
        let passwords = page.fields(&labels.password, None);
        let form = match passwords.as_slice() {
            [one] => page.controls.get(*one).and_then(|control| control.form),
            _ => None,
        };
        self.note(page.name(), &labels.password, passwords.len());
        let tokens = page.fields(&labels.security_token, form).len();
        self.note(page.name(), &labels.security_token, tokens);
        let usernames = page.fields(&labels.username, form).len();
        // A form without a user name box keeps the one that it has.
        if usernames != 0 {
            self.note(page.name(), &labels.username, usernames);
        }
        self.note(page.name(), &labels.save, page.pressables(&labels.save, form).len());
    }
}

async fn connector(walk: &mut Walk, place: &Surface, look: &mut Look) -> Result<(), Halt> {
    let profile = walk.profile();
    look.0.connectors = list(walk, place, look).await?;
    let Some(page) = look.page(verbs::connector_page(walk, place).await)? else { return Ok(()) };
    let labels = &profile.connector;
    look.note(page.name(), &labels.state, page.readings(&labels.state).len());
    if let Ok(view) = shown::connector(&page, &profile) {
        let state = match view.state {
            ConnectorState::Enabled => labels.enabled.clone(),
            ConnectorState::Disabled => labels.disabled.clone(),
            ConnectorState::Other(text) => text,
        };
        look.0.shows = sentence(state, &view.errors);
    }
    look.note(page.name(), &labels.open_change, page.pressables(&labels.open_change, None).len());
    let opened = walk.press(&page, &labels.open_change).await;
    if let Some(form) = look.page(opened)? {
        change_form(&form, &profile, look);
    }
    look.note(page.name(), &labels.data_source, page.pressables(&labels.data_source, None).len());
    let opened = walk.press(&page, &labels.data_source).await;
    if let Some(form) = look.page(opened)? {
        look.credentials(&form, &labels.credentials);
    }
    Ok(())
}

fn change_form(page: &Page, profile: &Profile, look: &mut Look) {
    let labels = &profile.connector;
    let fields = page.fields(&labels.status, None);
    look.note(page.name(), &labels.status, fields.len());
    let [status] = fields.as_slice() else { return };
    for switch in [Switch::Enable, Switch::Disable] {
        let word = shown::word(switch, profile);
        look.named(page.name(), word, usize::from(page.choice(*status, word).is_ok()));
    }
    let form = page.controls.get(*status).and_then(|control| control.form);
    let buttons = page.pressables(&labels.confirm_change, form).len();
    look.note(page.name(), &labels.confirm_change, buttons);
}

/// The names of the instance's connectors: what can be pressed on their list and could not be
/// pressed on the page before it.
async fn list(walk: &mut Walk, place: &Surface, look: &mut Look) -> Result<Vec<String>, Halt> {
    let profile = walk.profile();
    let mut before = Route::to_connectors(place, &profile);
    let list = before.clone();
    before.legs.pop();
    let there = |page: &Page| page.status < 400;
    let Some(before) = look.page(walk.arrive(&before, &there).await)? else {
        return Ok(Vec::new());
    };
    let Some(page) = look.page(walk.arrive(&list, &there).await)? else { return Ok(Vec::new()) };
    let known: Vec<_> = before.action_labels().collect();
    Ok(page.action_labels().filter(|label| !label.is_empty() && !known.contains(label)).collect())
}

async fn integration(walk: &mut Walk, place: &Surface, look: &mut Look) -> Result<(), Halt> {
    let profile = walk.profile();
    let Some(page) = look.page(verbs::integration_page(walk, place).await)? else {
        return Ok(());
    };
    let running = &profile.integration.running;
    look.note(page.name(), running, page.readings(running).len());
    if let Ok(view) = shown::integration(&page, &profile) {
        let state = if view.running { "running" } else { "not running" };
        look.0.shows = sentence(state.to_owned(), &view.errors);
    }
    for leg in &profile.walk.security {
        look.note(page.name(), &leg.label, page.pressables(&leg.label, None).len());
    }
    let route = Route::to_security(place, &profile);
    let there = |page: &Page| page.status < 400;
    let opened: Option<Arc<Page>> = look.page(walk.arrive(&route, &there).await)?;
    if let Some(form) = opened {
        look.credentials(&form, &profile.integration.credentials);
    }
    Ok(())
}

fn sentence(state: String, errors: &[ShownError]) -> String {
    [state]
        .into_iter()
        .chain(errors.iter().map(|error| error.text.clone()))
        .collect::<Vec<_>>()
        .join("; ")
}
