//! Where a store is.

use std::path::PathBuf;

use crate::store::postgres::PostgresSettings;

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file, for one process.
    Sqlite(PathBuf),
    /// A PostgreSQL database, for several replicas.
    Postgres(PostgresSettings),
}
