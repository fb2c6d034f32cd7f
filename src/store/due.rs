//! When a rotation is looked at again.

use std::time::Duration;

use jiff::Timestamp;

use crate::store::rows;

/// How far a rotation that cannot be read is put off, so that it does not stand before others.
pub(super) const PUT_OFF: Duration = Duration::from_mins(1);
/// How far one is put off at most that has connectors to contain.
pub(super) const NEAR: Duration = Duration::from_mins(2);

/// The end of a span that begins now, as a column keeps it.
pub(super) fn end_of(now: Timestamp, span: Duration) -> Timestamp {
    rows::whole(now.saturating_add(span).unwrap_or(Timestamp::MAX))
}
