//! The journal in a database: events, rotations with their entries, leases, breakers.
//!
//! What a dialect of SQL does not touch is shared: `ledger` decides what an entry means for a
//! rotation and `intake` what becomes of an event, `shelf` keeps the journals that are being
//! written, `rows` turns columns into domain types and back, `fault` names what went wrong. Each
//! dialect has its own statements and its own migrations.
//!
//! A server is asked in few statements about many rows, because a round trip costs more than a row
//! does. SQLite works in this process, and is asked row by row.

mod due;
mod fault;
mod intake;
mod ledger;
mod location;
mod postgres;
mod rows;
mod shelf;
mod sqlite;

pub use fault::OpenError;
pub use location::Location;
pub use postgres::{PostgresSettings, PostgresStore, PostgresUrlError};
pub use sqlite::{SqliteStore, WorkPermit};
