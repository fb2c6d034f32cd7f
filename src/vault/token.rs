//! The token in use: one for all readers, replaced by one login at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use tokio::sync::{Mutex, Notify};

use crate::ports::clock::Clock;
use crate::ports::secret_store::SecretTrouble;
use crate::vault::client::Connection;
use crate::vault::login::{credential, log_in};
use crate::vault::session::Session;
use crate::vault::settings::Auth;

/// Holds the session that every request uses, and replaces it.
pub(super) struct Tokens {
    connection: Connection,
    auth: Auth,
    pub(super) clock: Arc<dyn Clock>,
    session: ArcSwapOption<Session>,
    /// Who holds it logs in. It keeps what the last login came to, for those who waited.
    turn: Mutex<Option<SecretTrouble>>,
    /// How many logins have come to an end, well or not.
    finished: AtomicU64,
    /// Wakes the renewal when a reader has logged in.
    pub(super) replaced: Notify,
}

impl Tokens {
    /// No session yet.
    pub(super) fn new(connection: Connection, auth: Auth, clock: Arc<dyn Clock>) -> Self {
        Self {
            connection,
            auth,
            clock,
            session: ArcSwapOption::empty(),
            turn: Mutex::new(None),
            finished: AtomicU64::new(0),
            replaced: Notify::new(),
        }
    }

    /// The latest session, dead or alive.
    pub(super) fn latest(&self) -> Option<Arc<Session>> {
        self.session.load_full()
    }

    /// A session whose token is not known to be dead: the one at hand, or that of a login.
    pub(super) async fn current(&self) -> Result<Arc<Session>, SecretTrouble> {
        match self.latest() {
            None => self.newer_than(0).await,
            Some(session) => {
                let dead = session.has_expired(self.clock.now());
                if dead || self.file_holds_another(&session).await {
                    self.replace(&session).await
                } else {
                    Ok(session)
                }
            }
        }
    }

    /// A session of a later login than this one.
    pub(super) async fn replace(&self, stale: &Session) -> Result<Arc<Session>, SecretTrouble> {
        self.newer_than(stale.number()).await
    }

    /// Logs in, unless somebody else did after the numbered login or does just now.
    async fn newer_than(&self, number: u64) -> Result<Arc<Session>, SecretTrouble> {
        let before = self.finished.load(Ordering::Acquire);
        let mut last_failure = self.turn.lock().await;
        if let Some(newer) = self.latest().filter(|session| session.number() > number) {
            return Ok(newer);
        }
        let finished = self.finished.load(Ordering::Acquire);
        // The failure of a login that ended while this one waited is this one's failure too: a
        // wrong credential must not be tried once per waiting reader.
        if finished != before
            && let Some(trouble) = *last_failure
        {
            return Err(trouble);
        }
        let outcome = log_in(&self.auth, &self.connection, self.clock.now()).await;
        self.finished.store(finished + 1, Ordering::Release);
        match outcome {
            Ok(session) => {
                let session = Arc::new(session.numbered(finished + 1));
                self.session.store(Some(Arc::clone(&session)));
                *last_failure = None;
                self.replaced.notify_one();
                Ok(session)
            }
            Err(trouble) => {
                *last_failure = Some(trouble);
                Err(trouble)
            }
        }
    }

    /// Whether the token file has another token than the session. A file that cannot be read
    /// just now is no reason to give up a token that works.
    async fn file_holds_another(&self, session: &Session) -> bool {
        match &self.auth {
            Auth::TokenFile { path } => {
                credential(path).await.is_ok_and(|token| !session.has_token(token.expose()))
            }
            Auth::AppRole { .. }
            | Auth::Kubernetes { .. }
            | Auth::Jwt { .. }
            | Auth::Certificate { .. } => false,
        }
    }
}
