//! One login: the token that it gave, and how long that token lives.

use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use vaultrs::client::VaultClient;
use zeroize::Zeroize;

use crate::ports::secret_store::TokenStatus;

/// For how long a token was granted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    /// When it was asked for, which is not after the server began to count.
    pub(super) since: Timestamp,
    /// How long it lives from then on; `None` where it does not expire, or where the server
    /// does not say.
    pub(super) ttl: Option<Duration>,
    /// Whether it can be renewed.
    pub(super) renewable: bool,
}

impl Lease {
    /// When the token dies.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        self.ttl.map(|ttl| later(self.since, ttl))
    }

    /// When it is to be renewed: at two thirds of its life, so that a third is left for a server
    /// that cannot be reached.
    pub(super) fn renew_at(&self) -> Option<Timestamp> {
        self.ttl.map(|ttl| later(self.since, ttl * 2 / 3))
    }
}

fn later(moment: Timestamp, duration: Duration) -> Timestamp {
    moment.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// One login. Its token never changes; its lease does, when the token is renewed.
pub(super) struct Session {
    number: u64,
    is_known: bool,
    client: VaultClient,
    full_ttl: Option<Duration>,
    lease: ArcSwap<Lease>,
}

impl Session {
    /// A session of the first `lease`; `full_ttl` is what a renewal is expected to grant.
    pub(super) fn new(client: VaultClient, lease: Lease, full_ttl: Option<Duration>) -> Self {
        Self { number: 0, is_known: true, client, full_ttl, lease: ArcSwap::from_pointee(lease) }
    }

    /// The same session, as the `number`th of its desk.
    pub(super) fn numbered(mut self, number: u64) -> Self {
        self.number = number;
        self
    }

    /// The same session with a token of which the server says nothing: it is dead, or may not ask
    /// about itself.
    pub(super) fn unknown(mut self) -> Self {
        self.is_known = false;
        self
    }

    /// Whether the server knew the token.
    pub(super) fn is_known(&self) -> bool {
        self.is_known
    }

    /// Which login this was, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The client that sends the token.
    pub(super) fn client(&self) -> &VaultClient {
        &self.client
    }

    /// The lease as of the last renewal.
    pub(super) fn lease(&self) -> Lease {
        **self.lease.load()
    }

    /// Notes a renewal. Says whether it granted all that was granted at first; it grants less
    /// when the token nears the end of its longest life.
    pub(super) fn renewed(&self, lease: Lease) -> bool {
        self.lease.store(lease.into());
        match (lease.ttl, self.full_ttl) {
            (Some(ttl), Some(full)) => ttl >= full,
            (_, None) | (None, _) => true,
        }
    }

    /// Whether the token is known to be dead.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.lease().expires_at().is_some_and(|end| end <= now)
    }

    /// Whether two logins gave the same token, as a token file does.
    pub(super) fn has_token_of(&self, other: &Self) -> bool {
        self.has_token(&other.client.middle.token)
    }

    /// Whether this is the token.
    pub(super) fn has_token(&self, token: &str) -> bool {
        self.client.middle.token == token
    }

    /// What may be told of the token.
    pub(super) fn status(&self) -> TokenStatus {
        let lease = self.lease();
        TokenStatus { expires_at: lease.expires_at(), renewable: lease.renewable }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.client.middle.token.zeroize();
    }
}
