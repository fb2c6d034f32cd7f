//! The one process that works on a database file.
//!
//! A lease protects the console from two workers. Where only one process can work, what a lease
//! still says at its start was said by a predecessor that died, and waiting for it to expire would
//! only lengthen the time in which failed logins pile up.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::store::fault::OpenError;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::statements::execute;

/// Held as long as the process works on the database; the system gives it free when it dies.
#[derive(Debug)]
pub struct WorkPermit(
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")] File,
);

impl SqliteStore {
    /// Makes this process the only one that works on the database at `path`, or says that another
    /// one does. Processes that only look are not kept out.
    pub fn permit(path: &Path) -> Result<WorkPermit, OpenError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let path = Path::new(&name);
        let wrong = |source| OpenError::File { path: path.to_owned(), source };
        let file =
            File::options().write(true).create(true).truncate(false).open(path).map_err(wrong)?;
        match file.try_lock() {
            Ok(()) => Ok(WorkPermit(file)),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(wrong(source)),
        }
    }

    /// Ends the leases that a predecessor left behind, so that its rotations go on at once. They
    /// count as expired, not as released: whoever held them died.
    pub async fn end_leases(&self, _permit: &WorkPermit) -> Result<(), OpenError> {
        let sql = "UPDATE lease SET expires_at_ms = 0 WHERE expires_at_ms IS NOT NULL";
        let ended = self.writer.turn(|connection| execute(connection, sql, []));
        ended.await.map(drop).map_err(OpenError::database)
    }
}
