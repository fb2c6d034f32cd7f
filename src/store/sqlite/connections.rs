//! Connections to the file, and whose turn it is.
//!
//! SQLite works in the thread that asks, and that may wait for the disk or for another process. So
//! all that belongs together runs in one piece on a thread whose waiting holds up nobody.
//!
//! A driver that hands over statement by statement spends more on the hand-overs than on what is
//! handed over: an event took 1.1 ms to be written with one, and takes 0.5 ms in one piece. Each
//! entry of a journal costs that much, and so the time from an event to its containment.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::ports::journal::JournalError;
use crate::store::fault;

/// How long a statement waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for its turn, before the store counts as unavailable.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// The pages that a connection keeps, in kibibytes below zero: those that a storm about a thousand
/// targets writes to, again and again, are more than the two mebibytes that it keeps otherwise.
const CACHE: i64 = -16_384;
/// More statements than there are, so that each is prepared once.
const STATEMENTS: usize = 64;

/// What connections may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// Read and write.
    Write,
    /// Only read.
    Read,
}

/// Some connections to one file, which are opened when they are needed.
#[derive(Debug)]
pub(super) struct Connections {
    path: PathBuf,
    may: May,
    most: u32,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Connections {
    /// No more than `most` of them at a time.
    pub(super) fn new(path: PathBuf, may: May, most: u32) -> Arc<Self> {
        let turns = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(usize::MAX)));
        Arc::new(Self { path, may, most, turns, idle: Mutex::default() })
    }

    /// Waits for a connection and works with it. Who stops waiting for the outcome does not stop
    /// the work.
    pub(super) async fn turn<T, W>(self: &Arc<Self>, work: W) -> Result<T, JournalError>
    where
        T: Send + 'static,
        W: FnOnce(&mut Connection) -> Result<T, JournalError> + Send + 'static,
    {
        let turn = tokio::time::timeout(TURN_TIMEOUT, Arc::clone(&self.turns).acquire_owned());
        let turn = turn.await.map_err(unavailable)?.map_err(unavailable)?;
        let connections = Arc::clone(self);
        let worked = tokio::task::spawn_blocking(move || {
            let mut connection = connections.take()?;
            let outcome = work(&mut connection);
            connections.put_back(connection);
            drop(turn);
            outcome
        });
        worked.await.unwrap_or_else(|cut_short| Err(unavailable(cut_short)))
    }

    /// Waits for whoever has a turn, and closes the connections; there are no turns afterwards.
    pub(super) async fn close(&self) {
        let all = self.turns.acquire_many(self.most).await;
        self.turns.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle());
        // The last one to close puts the write-ahead log into the file.
        let closed = tokio::task::spawn_blocking(move || drop(idle)).await;
        if let Err(cut_short) = closed {
            tracing::warn!(%cut_short, "closing the database was cut short");
        }
    }

    fn take(&self) -> Result<Connection, JournalError> {
        let idle = self.idle().pop();
        idle.map_or_else(|| self.open().map_err(fault::sqlite), Ok)
    }

    /// Keeps a connection, unless a transaction is still open that could not be taken back: it is
    /// closed, which takes it back, and the next turn opens another one.
    fn put_back(&self, connection: Connection) {
        if connection.is_autocommit() {
            self.idle().push(connection);
        }
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "cache_size", CACHE)?;
        // What a statement needs to undo itself alone is small, and worth no file.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "query_only", self.may == May::Read)?;
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // Nothing that happens under this lock can leave the list half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable(why: impl std::error::Error + Send + Sync + 'static) -> JournalError {
    JournalError::Unavailable(Box::new(why))
}
