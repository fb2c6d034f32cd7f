//! The verbs of a session, each as one walk that looks before it changes anything.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::communigator::credential_form::{self, CredentialForm};
use crate::communigator::form::{Entries, Request};
use crate::communigator::halt::Halt;
use crate::communigator::page::Page;
use crate::communigator::profile::{CredentialLabels, Label, Profile};
use crate::communigator::route::Route;
use crate::communigator::shown;
use crate::communigator::text;
use crate::communigator::walk::Walk;
use crate::domain::target::Surface;
use crate::ports::console::{
    ConnectorState, ConnectorView, IntegrationView, SalesforceCredential, Switch, Trouble,
};

/// How long what a page showed may be acted upon without asking again.
const FRESH: SignedDuration = SignedDuration::from_secs(5);

/// Reads a connector's page, as it is now.
pub(super) async fn observe_connector(
    walk: &mut Walk,
    place: &Surface,
) -> Result<ConnectorView, Halt> {
    let page = connector_page(walk, place).await?;
    Ok(shown::connector(&page, &walk.profile())?)
}

/// Reads Integration's General tab, as it is now.
pub(super) async fn observe_integration(
    walk: &mut Walk,
    place: &Surface,
) -> Result<IntegrationView, Halt> {
    let page = integration_page(walk, place).await?;
    Ok(shown::integration(&page, &walk.profile())?)
}

/// The connector's own page, asked for now.
pub(super) async fn connector_page(walk: &mut Walk, place: &Surface) -> Result<Arc<Page>, Halt> {
    let Surface::Connector { name, .. } = place else { return Err(no_such(place)) };
    let profile = walk.profile();
    let route = Route::to(place, &profile);
    let fits =
        |page: &Page| page.shows(name) && !page.readings(&profile.connector.state).is_empty();
    let page = walk.arrive(&route, &fits).await?;
    if page.shows(name) {
        return Ok(page);
    }
    Err(page.changed(&format!("page of the connector \"{name}\""), 0, page.line_texts()).into())
}

/// Integration's General tab, asked for now.
pub(super) async fn integration_page(walk: &mut Walk, place: &Surface) -> Result<Arc<Page>, Halt> {
    if place.is_connector() {
        return Err(no_such(place));
    }
    let profile = walk.profile();
    let route = Route::to(place, &profile);
    let fits = |page: &Page| !page.readings(&profile.integration.running).is_empty();
    walk.arrive(&route, &fits).await
}

/// A verb for one kind of surface was called with the other.
fn no_such(place: &Surface) -> Halt {
    let page = place.to_string();
    let expected = "surface of the kind that the step is for".to_owned();
    Trouble::PageChanged { page, expected, found: 0, seen: Vec::new() }.into()
}

/// The connector's page: the one that was just observed, or asked for now.
async fn fresh_connector_page(walk: &mut Walk, place: &Surface) -> Result<Arc<Page>, Halt> {
    let key = Route::to(place, &walk.profile()).end();
    match walk.recent(&key, FRESH) {
        Some(page) => Ok(page),
        None => connector_page(walk, place).await,
    }
}

/// Changes a connector's state, unless it has it already.
pub(super) async fn switch_connector(
    walk: &mut Walk,
    place: &Surface,
    switch: Switch,
) -> Result<(), Halt> {
    let profile = walk.profile();
    let labels = &profile.connector;
    let page = fresh_connector_page(walk, place).await?;
    let view = shown::connector(&page, &profile)?;
    if view.state == shown::goal(switch) {
        return Ok(());
    }
    if let ConnectorState::Other(_) = view.state {
        let expected = format!("\"{}\" or \"{}\"", labels.enabled, labels.disabled);
        return Err(shown::wrong_state(&page, &labels.state, &expected, &view.state).into());
    }
    let opened = if page.fields(&labels.status, None).is_empty() {
        walk.press(&page, &labels.open_change).await?
    } else {
        page
    };
    let request = confirmation(&opened, shown::word(switch, &profile), &profile)?;
    walk.changed(&Route::to(place, &profile).end());
    let answer = walk.request(labels.confirm_change.name(), request).await?;
    let still_asks = !answer.fields(&labels.status, None).is_empty();
    refused(&answer, &opened.errors, |_| still_asks)?;
    Ok(())
}

fn confirmation(page: &Page, word: &str, profile: &Profile) -> Result<Request, Trouble> {
    let status = page.field(&profile.connector.status, None)?;
    let form = page.controls.get(status).and_then(|control| control.form);
    let chosen = Some((status, page.choice(status, word)?));
    let button = page.pressable(&profile.connector.confirm_change, form)?;
    let entries = Entries { typed: Vec::new(), chosen };
    Request::pressing(page, button, &entries)?
        .ok_or_else(|| Trouble::NeedsScript { page: page.name().to_owned() })
}

/// Writes a disabled connector's data source.
pub(super) async fn update_connector(
    walk: &mut Walk,
    place: &Surface,
    credential: &SalesforceCredential,
) -> Result<(), Halt> {
    let profile = walk.profile();
    let labels = &profile.connector;
    let page = fresh_connector_page(walk, place).await?;
    let view = shown::connector(&page, &profile)?;
    if view.state != ConnectorState::Disabled {
        let expected = format!("\"{}\"", labels.disabled);
        return Err(shown::wrong_state(&page, &labels.state, &expected, &view.state).into());
    }
    let form = walk.press(&page, &labels.data_source).await?;
    let route = Route::to(place, &profile);
    walk.changed(&route.end());
    let way = Way { errors: &page.errors, route, label: &labels.data_source };
    update(walk, &way, &form, &labels.credentials, credential).await
}

/// Writes an instance's Integration credentials.
pub(super) async fn update_integration(
    walk: &mut Walk,
    place: &Surface,
    credential: &SalesforceCredential,
) -> Result<(), Halt> {
    if place.is_connector() {
        return Err(no_such(place));
    }
    let profile = walk.profile();
    let labels = &profile.integration.credentials;
    let route = Route::to_security(place, &profile);
    let needs_token = credential.secret.security_token.is_some();
    let fits = |page: &Page| CredentialForm::find(page, labels, needs_token).is_ok();
    let form = walk.arrive(&route, &fits).await?;
    walk.changed(&route.end());
    let mut parent = route;
    let Some(last) = parent.legs.pop() else { return Err(no_such(place)) };
    let way = Way { errors: &[], route: parent, label: &last.label };
    update(walk, &way, &form, labels, credential).await
}

/// How a form is opened, and what the page before it showed.
struct Way<'a> {
    errors: &'a [String],
    route: Route,
    label: &'a Label,
}

impl Way<'_> {
    /// The form as it is now.
    async fn again(&self, walk: &mut Walk, page: &Page) -> Result<Arc<Page>, Halt> {
        if page.by_get {
            let request = Request::get(page.url.clone(), None);
            return Ok(Arc::new(walk.request(&page.step, request).await?));
        }
        let there = |page: &Page| page.status < 400;
        let parent = walk.arrive(&self.route, &there).await?;
        walk.press(&parent, self.label).await
    }
}

async fn update(
    walk: &mut Walk,
    way: &Way<'_>,
    page: &Page,
    labels: &CredentialLabels,
    credential: &SalesforceCredential,
) -> Result<(), Halt> {
    let needs_token = credential.secret.security_token.is_some();
    let form = CredentialForm::find(page, labels, needs_token)?;
    let entries = form.entries(page, credential)?;
    let request = Request::pressing(page, form.save, &entries)?;
    let request = request.ok_or_else(|| Trouble::NeedsScript { page: page.name().to_owned() })?;
    let answer = walk.request(labels.save.name(), request).await?;
    let patterns = &walk.profile().errors.about_credentials;
    let is_form = !answer.fields(&labels.password, None).is_empty();
    let shown: Vec<_> = page.errors.iter().chain(way.errors).cloned().collect();
    // A red error about the login belongs to the surface and clears with its next sync; on the
    // form itself, a new error is the console's answer to the save.
    refused(&answer, &shown, |error| is_form || !text::contains_any(error, patterns))?;
    let after =
        if is_form && answer.by_get { Arc::new(answer) } else { way.again(walk, page).await? };
    let kept = CredentialForm::find(&after, labels, needs_token)?;
    let volatile = &walk.profile().volatile_fields;
    Ok(credential_form::compare((page, &form), (&after, &kept), credential, volatile)?)
}

/// Whether the console answered with a refusal: an error that it did not show before.
fn refused(answer: &Page, before: &[String], counts: impl Fn(&str) -> bool) -> Result<(), Trouble> {
    let error = answer.errors.iter().find(|error| !before.contains(error) && counts(error));
    let blot = answer.blot.and_values(answer);
    let message = match error {
        Some(error) => blot.quote(error, shown::MAX_ERROR_LENGTH),
        None if answer.status >= 400 => format!("HTTP {}", answer.status),
        None => return Ok(()),
    };
    Err(Trouble::SaveRefused { page: blot.clean(answer.name()), message })
}
