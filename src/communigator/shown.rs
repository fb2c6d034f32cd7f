//! What a surface's own page shows: a connector's state, Integration's tick, red errors.

use crate::communigator::page::Page;
use crate::communigator::profile::{Label, Profile};
use crate::communigator::text;
use crate::ports::console::{
    ConnectorState, ConnectorView, IntegrationView, ShownError, Switch, Trouble,
};

/// How much of an error is carried on.
pub(super) const MAX_ERROR_LENGTH: usize = 200;

/// Reads a connector's page.
pub(super) fn connector(page: &Page, profile: &Profile) -> Result<ConnectorView, Trouble> {
    let shown = page.reading(&profile.connector.state)?;
    let state = if text::same(&shown, &profile.connector.enabled) {
        ConnectorState::Enabled
    } else if text::same(&shown, &profile.connector.disabled) {
        ConnectorState::Disabled
    } else {
        ConnectorState::Other(page.blot.quote(&shown, MAX_ERROR_LENGTH))
    };
    Ok(ConnectorView { state, errors: errors(page, profile) })
}

/// Reads Integration's General tab.
pub(super) fn integration(page: &Page, profile: &Profile) -> Result<IntegrationView, Trouble> {
    let shown = page.reading(&profile.integration.running)?;
    let ticks = &profile.integration.tick_texts;
    let running = ticks.iter().any(|tick| text::same(tick, &shown)) || shown == "\u{2713}";
    Ok(IntegrationView { running, errors: errors(page, profile) })
}

fn errors(page: &Page, profile: &Profile) -> Vec<ShownError> {
    let errors = page.errors.iter().map(|error| ShownError {
        text: page.blot.quote(error, MAX_ERROR_LENGTH),
        about_credentials: text::contains_any(error, &profile.errors.about_credentials),
    });
    errors.collect()
}

/// The word of a state that a connector can be given.
pub(super) fn word(switch: Switch, profile: &Profile) -> &str {
    match switch {
        Switch::Enable => &profile.connector.enabled,
        Switch::Disable => &profile.connector.disabled,
    }
}

/// The state that a switch leads to.
pub(super) fn goal(switch: Switch) -> ConnectorState {
    match switch {
        Switch::Enable => ConnectorState::Enabled,
        Switch::Disable => ConnectorState::Disabled,
    }
}

/// What to report where a connector is in another state than a step needs.
pub(super) fn wrong_state(
    page: &Page,
    label: &Label,
    expected: &str,
    is: &ConnectorState,
) -> Trouble {
    let is = match is {
        ConnectorState::Enabled => "Enabled",
        ConnectorState::Disabled => "Disabled",
        ConnectorState::Other(text) => text,
    };
    let seen = [format!("{}: {is}", label.name())];
    page.changed(&format!("state {expected}"), 0, seen)
}
