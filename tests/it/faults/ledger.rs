//! What the console's log says about the order of things, whatever the journal says.

use std::collections::BTreeSet;

use simulator::{Change, ConsoleRequest, State};

/// What may be changed in a form.
const CREDENTIALS: [&str; 3] = ["Username", "Password", "Security Token"];

/// Follows the changes of one rotation; says what was against the rules.
pub(crate) struct Ledger {
    enabled: BTreeSet<String>,
    saved: BTreeSet<String>,
    surfaces: usize,
    found_disabled: BTreeSet<String>,
}

impl Ledger {
    /// The connectors with their states before, and how many surfaces there are.
    pub(crate) fn new<'a>(
        connectors: impl IntoIterator<Item = (&'a str, bool)>,
        surfaces: usize,
    ) -> Self {
        let (enabled, disabled): (Vec<_>, Vec<_>) =
            connectors.into_iter().partition(|(_, enabled)| *enabled);
        let names = |list: Vec<(&str, bool)>| list.iter().map(|(n, _)| (*n).to_owned()).collect();
        Self {
            enabled: names(enabled),
            saved: BTreeSet::new(),
            surfaces,
            found_disabled: names(disabled),
        }
    }

    /// Reads the requests of the rotation.
    pub(crate) fn read(&mut self, requests: &[ConsoleRequest]) -> Vec<String> {
        let mut complaints = Vec::new();
        for request in requests {
            for change in &request.changes {
                let complaint = self.judge(change);
                complaints
                    .extend(complaint.map(|why| format!("request {}: {why}", request.number)));
            }
        }
        complaints
    }

    fn judge(&mut self, change: &Change) -> Option<String> {
        match change {
            Change::State { connector, .. } if self.found_disabled.contains(connector) => {
                Some(format!("{connector} was found disabled and has been switched"))
            }
            Change::State { connector, to: State::Disabled | State::Paused, .. } => {
                self.enabled.remove(connector);
                None
            }
            Change::State { connector, to: State::Enabled, .. } => {
                self.enabled.insert(connector.clone());
                let early = self.saved.len() < self.surfaces;
                early.then(|| format!("{connector} was enabled before everything was updated"))
            }
            Change::DataSource { connector, fields, .. } => self.saved(connector, fields),
            Change::Security { instance, fields } => self.saved(instance, fields),
            Change::SdkTested { .. } => Some("the SDK was tested".to_owned()),
        }
    }

    fn saved(&mut self, surface: &str, fields: &[String]) -> Option<String> {
        let before_containment = self.saved.is_empty() && !self.enabled.is_empty();
        self.saved.insert(surface.to_owned());
        if before_containment {
            return Some(format!("{surface} was written before everything was contained"));
        }
        let other = fields.iter().find(|field| !CREDENTIALS.contains(&field.as_str()));
        other.map(|field| format!("the field {field} of {surface} was changed"))
    }
}

#[test]
fn the_ledger_knows_what_is_against_the_rules() {
    let state = |connector: &str, to| Change::State {
        instance: "I".to_owned(),
        connector: connector.to_owned(),
        to,
    };
    let save = |fields: &[&str]| Change::Security {
        instance: "I".to_owned(),
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
    };
    let ledger = || Ledger::new([("on", true), ("off", false)], 1);
    assert!(ledger().judge(&save(&["Password"])).unwrap().contains("before everything was con"));
    assert!(ledger().judge(&state("off", State::Enabled)).unwrap().contains("found disabled"));
    let mut contained = ledger();
    assert_eq!(contained.judge(&state("on", State::Disabled)), None);
    assert!(contained.judge(&state("on", State::Enabled)).unwrap().contains("before everything"));
    let mut contained = ledger();
    assert_eq!(contained.judge(&state("on", State::Disabled)), None);
    assert!(contained.judge(&save(&["SDK user"])).unwrap().contains("SDK user"));
    assert_eq!(contained.judge(&state("on", State::Enabled)), None);
}
