//! Statements, each of which a connection prepares once.

use rusqlite::{Connection, Params, Row};

use crate::ports::journal::JournalError;
use crate::store::fault;

/// A row's columns, in their order.
pub(super) trait Columns: for<'a> TryFrom<&'a Row<'a>, Error = rusqlite::Error> {}

impl<T> Columns for T where T: for<'a> TryFrom<&'a Row<'a>, Error = rusqlite::Error> {}

/// Changes rows, and gives how many it touched.
pub(super) fn execute(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<u64, JournalError> {
    let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
    let rows = statement.execute(parameters).map_err(fault::sqlite)?;
    Ok(u64::try_from(rows).unwrap_or(u64::MAX))
}

/// Changes one row, which is named in the error where it is not one.
pub(super) fn execute_one(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    table: &'static str,
    row: &impl ToString,
) -> Result<(), JournalError> {
    let rows = execute(connection, sql, parameters)?;
    Ok(fault::one_row(rows, table, row)?)
}

/// Reads the first row, where there is one.
pub(super) fn first<T: Columns>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<Option<T>, JournalError> {
    let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
    let mut rows = statement.query(parameters).map_err(fault::sqlite)?;
    let row = rows.next().map_err(fault::sqlite)?;
    row.map(T::try_from).transpose().map_err(fault::sqlite)
}

/// Reads every row.
pub(super) fn all<T: Columns>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> Result<Vec<T>, JournalError> {
    let mut statement = connection.prepare_cached(sql).map_err(fault::sqlite)?;
    let rows = statement.query_and_then(parameters, |row| T::try_from(row));
    rows.map_err(fault::sqlite)?.collect::<Result<_, _>>().map_err(fault::sqlite)
}
