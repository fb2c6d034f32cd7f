//! The configured targets, found by what an event says of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::domain::event::{Subject, UserKey};
use crate::domain::ids::{TargetName, Username};
use crate::domain::target::Target;

/// The configured targets. Configuration makes sure that no login belongs to two of them.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    by_name: BTreeMap<TargetName, Arc<Target>>,
    /// A user name belongs to one organisation in practice, and to few at the worst.
    by_username: HashMap<Username, Vec<Arc<Target>>>,
}

impl Targets {
    /// The targets by name.
    pub fn new(targets: impl IntoIterator<Item = Target>) -> Self {
        let mut this = Self::default();
        for target in targets.into_iter().map(Arc::new) {
            let namesakes = this.by_username.entry(target.username.clone()).or_default();
            namesakes.push(Arc::clone(&target));
            this.by_name.insert(target.name.clone(), target);
        }
        this
    }

    /// The target with this name.
    pub fn get(&self, name: &TargetName) -> Option<&Arc<Target>> {
        self.by_name.get(name)
    }

    /// The target that an event is about.
    pub fn find(&self, subject: &Subject) -> Option<&Arc<Target>> {
        let is_it = |target: &&Arc<Target>| target.is_subject(subject);
        match subject {
            Subject::Login { user: UserKey::Name(name) | UserKey::Both(name, _), .. } => {
                self.by_username.get(name)?.iter().find(is_it)
            }
            Subject::Login { user: UserKey::Id(_), .. }
            | Subject::Nobody { .. }
            | Subject::Secret { .. } => self.iter().find(is_it),
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.by_name.values()
    }
}
