//! Statements about many rows.
//!
//! A round trip to the thread that runs the statements costs more than a row does. JSON in one
//! parameter would do too, but taking it apart costs SQLite several times what the row itself does.

use std::iter;

use sqlx::QueryBuilder;
use sqlx::query_builder::Separated;
use sqlx::sqlite::Sqlite;

/// A statement about rows that begins so.
pub(super) type Statement = QueryBuilder<Sqlite>;

/// The columns of a row.
pub(super) type Columns<'a> = Separated<'a, Sqlite, &'static str>;

/// The rows, and after them as many `None` as make their number a power of two: whoever prepares a
/// statement for each number of rows, prepares hundreds.
pub(super) fn padded<T>(rows: &[T]) -> impl Iterator<Item = Option<&T>> {
    let padding = rows.len().next_power_of_two() - rows.len();
    rows.iter().map(Some).chain(iter::repeat_n(None, padding))
}

/// Adds `FROM (VALUES …)` to a statement, whose columns are called `column1` and so on; those of
/// the padding are null.
pub(super) fn from_values<T>(
    statement: &mut Statement,
    rows: &[T],
    bind: impl FnMut(Columns<'_>, Option<&T>),
) {
    statement.push(" FROM (");
    statement.push_values(padded(rows), bind);
    statement.push(") AS new ");
}
