//! Time spans, and how short and how long each of them may be.

use std::time::Duration;

use jiff::SignedDuration;
use toml::Value;

use crate::config::reader::text;

/// How short and how long a time span may be, both included; `default.toml` says it of each key.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Bounds {
    shortest: Duration,
    longest: Duration,
}

const fn bounds(shortest: Duration, longest: Duration) -> Bounds {
    Bounds { shortest, longest }
}

/// For a request's header and its body: more would keep slow senders for nothing.
pub(in crate::config) const DEADLINE: Bounds =
    bounds(Duration::from_secs(1), Duration::from_mins(5));
/// For a connection on which nothing happens.
pub(in crate::config) const IDLE: Bounds = bounds(Duration::from_secs(1), Duration::from_mins(10));
/// For a request to Vault, and to connect for it.
pub(in crate::config) const VAULT: Bounds =
    bounds(Duration::from_millis(100), Duration::from_mins(1));
/// For the pause between two looks at the secrets' versions.
pub(in crate::config) const WATCH: Bounds =
    bounds(Duration::from_millis(100), Duration::from_hours(24));
/// For the difference of two clocks. A secret that is older than a reset by less counts as new.
pub(in crate::config) const GRACE: Bounds = bounds(Duration::ZERO, Duration::from_hours(1));
/// For a claim on a console account: it is renewed at a third of it, and a dead worker is missed
/// for all of it.
pub(in crate::config) const LEASE: Bounds = bounds(Duration::from_secs(1), Duration::from_mins(5));
/// For the waits of a step that failed.
pub(in crate::config) const RETRY: Bounds =
    bounds(Duration::from_millis(10), Duration::from_hours(1));
/// For the same while a connector may still log in with the dead secret.
pub(in crate::config) const CONTAIN_RETRY: Bounds =
    bounds(Duration::from_millis(10), Duration::from_mins(1));
/// For the waits between two questions for the new secret.
pub(in crate::config) const SECRET_POLL: Bounds =
    bounds(Duration::from_millis(10), Duration::from_hours(1));
/// For the time without the new secret after which a person is told.
pub(in crate::config) const SECRET_DEADLINE: Bounds =
    bounds(Duration::from_millis(100), Duration::from_hours(30 * 24));
/// For the waits between two looks at the console.
pub(in crate::config) const CONFIRM_POLL: Bounds =
    bounds(Duration::from_millis(10), Duration::from_mins(10));
/// For the time after which the last look decides.
pub(in crate::config) const CONFIRM_DEADLINE: Bounds =
    bounds(Duration::from_millis(100), Duration::from_hours(24));
/// For how long a secret that nobody proved is watched; not at all is possible.
pub(in crate::config) const CONFIRM_WATCH: Bounds =
    bounds(Duration::ZERO, Duration::from_hours(24));
/// For how long a console login is remembered.
pub(in crate::config) const LOGIN_AGE: Bounds =
    bounds(Duration::from_secs(10), Duration::from_hours(24));
/// For a request to a console.
pub(in crate::config) const CONSOLE: Bounds =
    bounds(Duration::from_millis(100), Duration::from_mins(5));
/// For how far from now an event may have happened that a signature over the body alone proves.
pub(in crate::config) const WINDOW: Bounds =
    bounds(Duration::from_secs(1), Duration::from_hours(1));

/// A time span such as `30s`, `10m` or `1h 30m`, within its bounds.
pub(in crate::config) fn within(bounds: Bounds) -> impl Fn(&Value) -> Result<Duration, String> {
    move |value| {
        let text = text(value)?;
        let wrong = || format!("`{text}` is not a time span like 30s, 10m or 1h 30m");
        let span: SignedDuration = text.parse().map_err(|_| wrong())?;
        let span = Duration::try_from(span).map_err(|_| wrong())?;
        let Bounds { shortest, longest } = bounds;
        if (shortest..=longest).contains(&span) {
            return Ok(span);
        }
        let written = |span| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        let (shortest, longest) = (written(shortest), written(longest));
        Err(format!("must be from {shortest:#} to {longest:#}, not {text}"))
    }
}
