//! What start-up waits for, by name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The parts of start-up. It is complete once every latch was opened.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Vec<Latch>);

/// One part of start-up. Once opened it stays open.
#[derive(Debug, Clone)]
pub struct Latch {
    name: &'static str,
    open: Arc<AtomicBool>,
}

impl Readiness {
    /// Adds a part, closed until its [`Latch::open`] is called.
    pub fn latch(&mut self, name: &'static str) -> Latch {
        let latch = Latch { name, open: Arc::default() };
        self.0.push(latch.clone());
        latch
    }

    /// The parts that are not there yet.
    pub fn closed(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().filter(|latch| !latch.is_open()).map(|latch| latch.name)
    }
}

impl Latch {
    /// Says that the part is there.
    pub fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }
}
