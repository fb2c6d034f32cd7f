//! A transaction that writes.

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::Postgres;
use sqlx::pool::PoolConnection;

use crate::domain::fault::error_line;
use crate::domain::ids::RotationId;
use crate::ports::journal::JournalError;
use crate::store::fault;
use crate::store::ledger::Ledger;
use crate::store::postgres::connection::WRITERS;
use crate::store::postgres::{PostgresStore, Time};
use crate::store::shelf::Shelf;

/// A transaction that writes. It is to be [ended](Self::end): the connection of one that is dropped
/// before is closed, which undoes it.
pub(super) struct Write {
    pub(super) connection: PoolConnection<Postgres>,
    pub(super) shelf: Arc<Shelf>,
    pub(super) time: Time,
    /// The journals that gained something, and when.
    pub(super) grown: Vec<(RotationId, Ledger, Timestamp)>,
    is_open: bool,
}

impl Write {
    /// Begins one. The pool does not ask a connection whether it is still there, which would cost a
    /// round trip: whether it begins a transaction says so, and one that was lost is passed over.
    pub(super) async fn begin(store: &PostgresStore) -> Result<Self, JournalError> {
        let mut lost = 0;
        loop {
            let mut write = Self {
                connection: store.writers.acquire().await.map_err(fault::postgres)?,
                shelf: Arc::clone(&store.shelf),
                time: store.time.clone(),
                grown: Vec::new(),
                is_open: true,
            };
            match write.run("BEGIN").await {
                Ok(()) => return Ok(write),
                Err(error) if lost == WRITERS => return Err(fault::postgres(error)),
                Err(_) => lost += 1,
            }
        }
    }

    /// The time now; asked for once everything is locked that is decided about.
    pub(super) async fn now(&mut self) -> Result<Timestamp, JournalError> {
        self.time.now(&mut *self.connection).await
    }

    /// Commits what went well and undoes what did not. Where the undoing fails the server does it,
    /// once it has lost the connection.
    pub(super) async fn end<T>(
        mut self,
        result: Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        if result.is_ok() {
            self.run("COMMIT").await.map_err(fault::postgres)?;
            for (rotation, ledger, now) in std::mem::take(&mut self.grown) {
                self.shelf.put(rotation, ledger, now);
            }
        } else if let Err(error) = self.run("ROLLBACK").await {
            tracing::debug!(error = error_line(&error), "transaction not undone");
            return result;
        }
        self.is_open = false;
        result
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(statement).execute(&mut *self.connection).await.map(drop)
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.close_on_drop();
        }
    }
}
