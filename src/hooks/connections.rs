//! How many connections are open, in all and per address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::hooks::peer::Peer;

/// The count over all workers. A connection is counted before its TLS handshake.
#[derive(Debug)]
pub(super) struct Connections {
    limit: usize,
    per_address: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_peer: HashMap<Peer, usize>,
}

/// One counted connection; it stops counting when this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    connections: Arc<Connections>,
    peer: Peer,
}

impl Connections {
    pub(super) fn new(limit: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { limit, per_address, open: Mutex::default() })
    }

    /// Counts one more connection; `None` where that would be one too many.
    ///
    /// The last eighth is for peers that hold none, so that a few of them cannot fill the listener
    /// with what each may have: each has one of it, and a newcomer finds room.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let peer = Peer::of(address);
        let mut open = self.lock();
        let of_peer = open.by_peer.get(&peer).copied().unwrap_or(0);
        let limit = if of_peer == 0 { self.limit } else { self.limit - self.limit / 8 };
        if open.total >= limit || of_peer >= self.per_address {
            return None;
        }
        open.total += 1;
        open.by_peer.insert(peer, of_peer + 1);
        drop(open);
        Some(Permit { connections: Arc::clone(self), peer })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing in the critical sections can panic half way, so the counts are right even then.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.total = open.total.saturating_sub(1);
        if let Some(count) = open.by_peer.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.by_peer.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn one_address_cannot_take_every_connection() {
        let connections = Connections::new(3, 2);
        let permits: Vec<Option<Permit>> = (0..3).map(|_| connections.admit(address(1))).collect();
        assert!(permits[0].is_some() && permits[1].is_some() && permits[2].is_none());
        let other = connections.admit(address(2));
        assert!(other.is_some());
        assert!(connections.admit(address(3)).is_none(), "three in all");
    }

    #[test]
    fn peers_that_take_all_they_can_get_leave_room_for_another() {
        let connections = Connections::new(1000, 128);
        let mut permits = Vec::new();
        for last in 1..=100 {
            permits.extend((0..128).filter_map(|_| connections.admit(address(last))));
        }
        assert!(permits.len() > 875, "{} of 1000 are of use", permits.len());
        assert!(connections.admit(address(200)).is_some());
    }

    #[test]
    fn a_closed_connection_no_longer_counts() {
        let connections = Connections::new(1, 1);
        let permit = connections.admit(address(1)).unwrap();
        assert!(connections.admit(address(2)).is_none());
        drop(permit);
        assert!(connections.lock().by_peer.is_empty(), "nothing is left of a peer that is gone");
        assert!(connections.admit(address(1)).is_some());
    }
}
