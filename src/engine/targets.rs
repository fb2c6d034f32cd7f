//! The configured targets, found by what an event says of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::event::Subject;
use crate::domain::ids::TargetName;
use crate::domain::target::Target;

/// The configured targets. Configuration makes sure that no login belongs to two of them.
#[derive(Debug, Clone, Default)]
pub struct Targets(BTreeMap<TargetName, Arc<Target>>);

impl Targets {
    /// The targets by name.
    pub fn new(targets: impl IntoIterator<Item = Target>) -> Self {
        Self(targets.into_iter().map(|target| (target.name.clone(), Arc::new(target))).collect())
    }

    /// The target with this name.
    pub fn get(&self, name: &TargetName) -> Option<&Arc<Target>> {
        self.0.get(name)
    }

    /// The target that an event is about.
    pub fn find(&self, subject: &Subject) -> Option<&Arc<Target>> {
        self.iter().find(|target| target.is_subject(subject))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.0.values()
    }
}
