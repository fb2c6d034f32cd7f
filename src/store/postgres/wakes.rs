//! Wake-ups between replicas, by LISTEN and NOTIFY.
//!
//! They only save waiting: a worker looks for work from time to time whether or not it is woken.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::Notify;

use crate::domain::fault::error_line;
use crate::ports::clock::Clock;
use crate::ports::journal::JournalError;
use crate::store::fault;
use crate::store::postgres::{PostgresStore, Write};

/// The channel, within the database.
pub(super) const CHANNEL: &str = "reset_receiver_due";
/// How long the listener stays away from a database that does not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// A connection that was silent for this long is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(30);

/// Tells every listener, once the transaction commits.
pub(super) async fn tell(write: &mut Write) -> Result<(), JournalError> {
    sqlx::query("SELECT pg_notify($1, '')")
        .bind(CHANNEL)
        .execute(&mut *write.connection)
        .await
        .map(drop)
        .map_err(fault::postgres)
}

impl PostgresStore {
    /// Notifies `wake` whenever some replica wrote what may be due, until it is dropped. What was
    /// said while the connection was lost counts as one wake-up.
    pub async fn forward_wakes(&self, wake: Arc<Notify>, clock: Arc<dyn Clock>) {
        loop {
            let Err(error) = self.listen(&wake).await;
            tracing::warn!(error = error_line(&error), "no wake-ups from other replicas for now");
            clock.sleep(PAUSE).await;
        }
    }

    async fn listen(&self, wake: &Notify) -> Result<std::convert::Infallible, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.readers).await?;
        listener.listen(CHANNEL).await?;
        loop {
            wake.notify_one();
            loop {
                // `None` where the connection was lost and there is a new one.
                if let Ok(heard) = tokio::time::timeout(SILENCE, listener.try_recv()).await {
                    heard?;
                    break;
                }
                let ping = sqlx::query("SELECT 1").execute(&mut listener);
                tokio::time::timeout(SILENCE, ping)
                    .await
                    .map_err(|_| sqlx::Error::PoolTimedOut)??;
            }
        }
    }
}
