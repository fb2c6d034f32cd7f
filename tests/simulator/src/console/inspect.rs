//! What a test may see of the console from behind.

use std::collections::BTreeMap;

use crate::console::Console;
use crate::console::surface::{State, login_error};
use crate::credential::Credential;

/// A connector, seen from behind.
#[derive(Debug, Clone)]
pub struct ConnectorSnapshot {
    /// Its state.
    pub state: State,
    /// The red error that its page shows.
    pub error: Option<String>,
    /// What it logs in with.
    pub holds: Credential,
    /// Every other field of its data source, by label.
    pub other_fields: BTreeMap<String, String>,
}

/// An instance's Integration, seen from behind.
#[derive(Debug, Clone)]
pub struct IntegrationSnapshot {
    /// Whether its last login at Salesforce went well.
    pub running: bool,
    /// The red error about the login that the General tab shows.
    pub error: Option<String>,
    /// What it logs in with.
    pub holds: Credential,
    /// Every other field of the Security tab, by label.
    pub other_fields: BTreeMap<String, String>,
}

impl Console {
    pub(crate) fn connector(&self, instance: &str, name: &str) -> Option<ConnectorSnapshot> {
        let instance = self.instances.iter().find(|one| one.name == instance)?;
        let connector = instance.connectors.iter().find(|one| one.name == name)?;
        Some(ConnectorSnapshot {
            state: connector.state,
            error: login_error(connector.last),
            holds: connector.data_source.credential(),
            other_fields: connector.data_source.others(),
        })
    }

    pub(crate) fn set_state(&mut self, instance: &str, name: &str, state: State) -> bool {
        let instance = self.instances.iter_mut().find(|one| one.name == instance);
        let mut connectors = instance.into_iter().flat_map(|one| &mut one.connectors);
        let connector = connectors.find(|one| one.name == name);
        connector.map(|connector| connector.state = state).is_some()
    }

    pub(crate) fn integration(&self, instance: &str) -> Option<IntegrationSnapshot> {
        let instance = self.instances.iter().find(|one| one.name == instance)?;
        Some(IntegrationSnapshot {
            running: instance.last.is_usable(),
            error: login_error(instance.last),
            holds: instance.security.credential(),
            other_fields: instance.security.others(),
        })
    }
}
