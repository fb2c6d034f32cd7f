//! The configured sources, which can be exchanged while the listener runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::domain::ids::SourceName;
use crate::hooks::rate::Limiter;
use crate::senders::source::{Format, Source};

/// A source and its buckets.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) source: Source,
    pub(super) limiter: Limiter,
}

/// The configured sources by name.
#[derive(Debug)]
pub struct Sources(ArcSwap<BTreeMap<SourceName, Arc<Gate>>>);

impl Sources {
    /// The sources; of two with one name the later one counts.
    pub fn new(sources: impl IntoIterator<Item = Source>) -> Self {
        Self(ArcSwap::from_pointee(Self::gates(sources)))
    }

    /// Exchanges all of them at once, for requests that begin from now on. Their buckets start
    /// full.
    pub fn replace(&self, sources: impl IntoIterator<Item = Source>) {
        self.0.store(Arc::new(Self::gates(sources)));
    }

    /// The source with this name, where its format fits.
    pub(super) fn get(
        &self,
        name: &SourceName,
        fits: impl Fn(&Format) -> bool,
    ) -> Option<Arc<Gate>> {
        self.0.load().get(name).filter(|gate| fits(&gate.source.format)).map(Arc::clone)
    }

    fn gates(sources: impl IntoIterator<Item = Source>) -> BTreeMap<SourceName, Arc<Gate>> {
        let gate = |source: Source| {
            let limiter = Limiter::new(source.rate);
            (source.name.clone(), Arc::new(Gate { source, limiter }))
        };
        sources.into_iter().map(gate).collect()
    }
}
