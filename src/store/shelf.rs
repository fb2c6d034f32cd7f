//! The journals that were written to last, read and folded already.
//!
//! To add a row to a journal one has to know where it stands, and a journal may be long: a storm of
//! events about one login would read it anew for each of them. Rows are only ever added, so a
//! journal that was read once stays true as far as it goes, and the rotation's own row says whether
//! it goes to the end.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use lru::LruCache;

use crate::domain::ids::RotationId;
use crate::store::ledger::Ledger;

/// So many are kept: as many as one night's resets, at some kilobytes each.
const MOST: NonZeroUsize = NonZeroUsize::new(2_048).unwrap();

/// How far a stored journal goes, as the rotation's row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// The number of its last row.
    pub(super) last_seq: u64,
    /// When that row was written: it tells apart two journals of one length, where a database was
    /// put back to an earlier state beneath the running program.
    pub(super) updated_at: Timestamp,
}

/// The shelf. A journal changes on it only by what was committed.
#[derive(Debug)]
pub(super) struct Shelf(Mutex<LruCache<RotationId, (Ledger, Timestamp)>>);

impl Shelf {
    pub(super) fn new() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }

    /// A copy of a journal, where all of it is here. What becomes of the copy may not come to
    /// anything, and then the next one needs the journal as it is.
    pub(super) fn take(&self, rotation: RotationId, extent: Extent) -> Option<Ledger> {
        let mut journals = self.journals();
        let (ledger, updated_at) = journals.get(&rotation)?;
        let is_whole = extent == Extent { last_seq: ledger.last_seq(), updated_at: *updated_at };
        is_whole.then(|| ledger.clone())
    }

    /// Keeps a journal whose gained rows are stored now.
    pub(super) fn put(&self, rotation: RotationId, ledger: Ledger, updated_at: Timestamp) {
        self.journals().put(rotation, (ledger.stored(), updated_at));
    }

    fn journals(&self) -> MutexGuard<'_, LruCache<RotationId, (Ledger, Timestamp)>> {
        // Nothing that happens under this lock can leave a journal half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
