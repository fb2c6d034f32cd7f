//! What is written, and on which connection.

use std::mem;
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::{Connection, Postgres};

use crate::domain::fault::error_line;
use crate::domain::ids::RotationId;
use crate::ports::journal::JournalError;
use crate::store::fault;
use crate::store::ledger::Ledger;
use crate::store::postgres::connection::WRITERS;
use crate::store::postgres::{PostgresStore, Time};
use crate::store::shelf::Shelf;

/// A connection that is written on: in a transaction, or in one statement that stands alone. A
/// transaction is to be [ended](Self::end): the connection of one that is dropped before is closed,
/// which undoes it.
pub(super) struct Write {
    pub(super) connection: PoolConnection<Postgres>,
    pub(super) shelf: Arc<Shelf>,
    pub(super) time: Time,
    /// The journals that gained something, and when.
    pub(super) grown: Vec<(RotationId, Ledger, Timestamp)>,
    /// Whether a transaction is open on it.
    pub(super) is_open: bool,
    /// Whether something is under way on it. A connection that is given up then may be dead without
    /// a sign: it is closed, because the pool would wait for its answer.
    is_busy: bool,
}

impl Write {
    /// Takes a connection. The pool does not ask it whether it is still there, which would cost a
    /// round trip: what is said on it first says so, and a [lost](Self::pass_over) one is passed
    /// over.
    pub(super) async fn take(store: &PostgresStore) -> Result<Self, JournalError> {
        Ok(Self {
            connection: store.writers.acquire().await.map_err(fault::postgres)?,
            shelf: Arc::clone(&store.shelf),
            time: store.time.clone(),
            grown: Vec::new(),
            is_open: false,
            is_busy: true,
        })
    }

    /// Takes a connection and begins a transaction.
    pub(super) async fn begin(store: &PostgresStore) -> Result<Self, JournalError> {
        let mut lost = 0;
        loop {
            let mut write = Self::take(store).await?;
            write.is_open = true;
            match write.run("BEGIN").await {
                Ok(()) => return Ok(write),
                Err(error) => write.pass_over(error, &mut lost).await?,
            }
        }
    }

    /// After the first thing that was said on it failed: lets go of a connection that was lost, so
    /// that another one is taken. Where it is not, or none is left, the error is what it is.
    pub(super) async fn pass_over(
        mut self,
        error: sqlx::Error,
        lost: &mut u32,
    ) -> Result<(), JournalError> {
        if *lost == WRITERS || self.connection.ping().await.is_ok() {
            return Err(fault::postgres(error));
        }
        *lost += 1;
        self.connection.close_on_drop();
        Ok(())
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
            self.keep();
        } else if let Err(error) = self.run("ROLLBACK").await {
            tracing::debug!(error = error_line(&error), "transaction not undone");
            return result;
        }
        self.answered();
        result
    }

    /// The server has answered, and nothing is under way any more.
    pub(super) fn answered(&mut self) {
        self.is_busy = false;
    }

    /// Keeps the journals at hand whose gained rows are stored now.
    pub(super) fn keep(&mut self) {
        for (rotation, ledger, now) in mem::take(&mut self.grown) {
            self.shelf.put(rotation, ledger, now);
        }
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(statement).execute(&mut *self.connection).await.map(drop)
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if self.is_busy {
            self.connection.close_on_drop();
        }
    }
}
