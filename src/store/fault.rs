//! What goes wrong in a database, and what it means for the caller.

use std::fmt;
use std::path::PathBuf;

use sqlx::migrate::MigrateError;

use crate::domain::rotation::IllegalEntry;
use crate::ports::console::Source;
use crate::ports::journal::JournalError;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be created, or may not be written.
    #[error("the database file {} cannot be opened for writing", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// Another process works on it.
    #[error(
        "another reset-receiver works on this database (it holds {}): stop it first, or give this \
         one a database of its own",
        path.display()
    )]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The database does not answer, or is none.
    #[error("the database cannot be opened")]
    Database(#[source] Source),
    /// A newer program has changed the database in a way that this one does not know.
    #[error(
        "the database has schema version {found} and this program knows versions up to {known}; \
         start the newer program again, or restore a copy from before the upgrade"
    )]
    Newer {
        /// The version that the database has.
        found: i64,
        /// The newest version that the program knows.
        known: i64,
    },
    /// The schema could not be brought up to date; the database is as it was.
    #[error("the schema of the database cannot be brought up to date")]
    Migration(#[source] MigrateError),
}

impl OpenError {
    pub(super) fn database(error: impl Into<Source>) -> Self {
        Self::Database(error.into())
    }
}

/// A cell that this program cannot make sense of. It names the place and never the value.
#[derive(Debug, thiserror::Error)]
#[error("{table}.{column} of row {row} {problem}")]
pub(super) struct Inconsistency {
    /// The table.
    pub(super) table: &'static str,
    /// The column.
    pub(super) column: &'static str,
    /// The row's key.
    pub(super) row: String,
    /// What is wrong with it.
    pub(super) problem: Problem,
}

/// What is wrong with a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// It is not of the form that this program reads.
    Unreadable,
    /// A number that does not fit.
    OutOfRange,
    /// A statement that was about one row touched so many.
    Affected(u64),
    /// A journal that breaks a rule.
    Rule(IllegalEntry),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("cannot be read by this version"),
            Self::OutOfRange => f.write_str("is out of range"),
            Self::Affected(rows) => write!(f, "was to be one row, and {rows} were touched"),
            Self::Rule(illegal) => write!(f, "breaks a rule: {}", illegal.why),
        }
    }
}

impl From<Inconsistency> for JournalError {
    fn from(inconsistency: Inconsistency) -> Self {
        Self::Inconsistent(Box::new(inconsistency))
    }
}

/// Makes sure that a statement touched the one row that it was about.
pub(super) fn one_row(
    affected: u64,
    table: &'static str,
    row: &impl ToString,
) -> Result<(), Inconsistency> {
    if affected == 1 {
        return Ok(());
    }
    let problem = Problem::Affected(affected);
    Err(Inconsistency { table, column: "*", row: row.to_string(), problem })
}

/// Sorts a database's error into "may work later" and "never will".
///
/// Result codes of SQLite: <https://www.sqlite.org/rescode.html>. The low byte is the class.
pub(super) fn sqlite(error: rusqlite::Error) -> JournalError {
    const ERROR: i32 = 1;
    const INTERNAL: i32 = 2;
    const CORRUPT: i32 = 11;
    const SCHEMA: i32 = 17;
    const TOO_BIG: i32 = 18;
    const CONSTRAINT: i32 = 19;
    const MISMATCH: i32 = 20;
    const NOT_A_DATABASE: i32 = 26;
    const NEVER: [i32; 8] =
        [ERROR, INTERNAL, CORRUPT, SCHEMA, TOO_BIG, CONSTRAINT, MISMATCH, NOT_A_DATABASE];

    // Whatever is no answer of the database is about what was asked, or about what was read.
    let code = error.sqlite_error().map(|sqlite| sqlite.extended_code);
    let is_lasting = code.is_none_or(|code| NEVER.contains(&(code & 0xff)));
    sorted(error, is_lasting)
}

/// The same for PostgreSQL: a database that is not there, is full, stops, refuses the login, may
/// only be read or took too long may do better later.
///
/// The first two characters of a code are its class:
/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
pub(super) fn postgres(error: sqlx::Error) -> JournalError {
    /// Connection, transaction state, login, roll-back, resources, state of an object, operator,
    /// system.
    const LATER: [&str; 8] = ["08", "25", "28", "40", "53", "55", "57", "58"];

    let is_lasting = match error.as_database_error() {
        Some(database) => {
            let code = database.code();
            code.is_none_or(|code| !LATER.iter().any(|class| code.starts_with(class)))
        }
        None => is_about_content(&error),
    };
    sorted(error, is_lasting)
}

/// Whether an error of the driver itself is about what it read, and not about the connection.
fn is_about_content(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. }
    )
}

fn sorted(error: impl Into<Source>, is_lasting: bool) -> JournalError {
    if is_lasting {
        JournalError::Inconsistent(error.into())
    } else {
        JournalError::Unavailable(error.into())
    }
}
