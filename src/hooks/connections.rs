//! How many connections are open, in all and per address, and which one goes when another comes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use futures_util::task::AtomicWaker;

use crate::hooks::listener::Connection;
use crate::hooks::peer::Peer;

/// The count over all workers. A connection is counted before its TLS handshake.
#[derive(Debug)]
pub(super) struct Connections {
    limit: usize,
    per_address: usize,
    /// Counts connections and answers, so that the lowest number has waited the longest.
    turns: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    places: HashMap<u64, Arc<Place>>,
    by_peer: HashMap<Peer, usize>,
}

/// What an open connection is doing.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    peer: Peer,
    since: AtomicU64,
    state: AtomicU8,
    waker: AtomicWaker,
}

/// Something is awaited of the peer: its handshake, its next request, the rest of one.
const WAITS: u8 = 0;
/// A request has come whole, and its answer is on its way.
const WORKS: u8 = 1;
/// It has to make room for another.
const GOES: u8 = 2;

/// One counted connection; it stops counting when this is dropped, or when it has to go.
#[derive(Debug)]
pub(super) struct Permit {
    connections: Arc<Connections>,
    place: Arc<Place>,
}

impl Connections {
    pub(super) fn new(limit: usize, per_address: usize) -> Arc<Self> {
        let (turns, open) = (AtomicU64::default(), Mutex::default());
        Arc::new(Self { limit, per_address, turns, open })
    }

    /// Counts one more connection; where that is one too many, the one that has been waited for
    /// the longest goes. `None` where none is waited for.
    ///
    /// Whoever has some already gives up one of his own, and the last eighth is for peers that have
    /// none: those who take all they can get stand in each other's way, and a newcomer finds room.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let peer = Peer::of(address);
        let mut open = self.lock();
        let of_peer = open.by_peer.get(&peer).copied().unwrap_or(0);
        let limit = if of_peer == 0 { self.limit } else { self.limit - self.limit / 8 };
        if open.places.len() >= limit || of_peer >= self.per_address {
            open.make_room(|place| of_peer == 0 || place.peer == peer)?;
        }
        let number = self.turn();
        let place = Place::new(number, peer);
        *open.by_peer.entry(peer).or_default() += 1;
        open.places.insert(number, Arc::clone(&place));
        drop(open);
        Some(Permit { connections: Arc::clone(self), place })
    }

    fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing in the critical sections can panic half way, so the counts are right even then.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Sends the one away that has been waited for the longest, of those that may go.
    fn make_room(&mut self, may_go: impl Fn(&Place) -> bool) -> Option<()> {
        loop {
            let waiting = self.places.values().filter(|place| may_go(place) && place.is_in(WAITS));
            let longest = waiting.min_by_key(|place| place.since.load(Ordering::Relaxed))?;
            let longest = Arc::clone(longest);
            // Its request may have come whole in this moment.
            if longest.changes(WAITS, GOES) {
                self.remove(&longest);
                longest.waker.wake();
                return Some(());
            }
        }
    }

    fn remove(&mut self, place: &Place) {
        if self.places.remove(&place.number).is_none() {
            return;
        }
        if let Some(count) = self.by_peer.get_mut(&place.peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_peer.remove(&place.peer);
            }
        }
    }
}

impl Place {
    fn new(number: u64, peer: Peer) -> Arc<Self> {
        let (since, state) = (AtomicU64::new(number), AtomicU8::new(WAITS));
        Arc::new(Self { number, peer, since, state, waker: AtomicWaker::new() })
    }

    fn is_in(&self, state: u8) -> bool {
        self.state.load(Ordering::Acquire) == state
    }

    fn changes(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

impl Permit {
    /// Its peer was told something, and may wait as long as any other again.
    pub(super) fn answered(&self) {
        self.place.since.store(self.connections.turn(), Ordering::Relaxed);
        self.place.changes(WORKS, WAITS);
    }

    /// Ready once the connection has to go.
    pub(super) fn poll_goes(&self, cx: &Context<'_>) -> Poll<()> {
        // Registered first, so that whoever says it afterwards wakes this one.
        self.place.waker.register(cx.waker());
        if self.place.is_in(GOES) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Keeps what its requests tell of it.
    pub(super) fn keep(connection: &Connection, data: &mut Extensions) {
        data.insert(Arc::clone(&connection.permit().place));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.place);
    }
}

/// A request has come whole: its connection stays until it is answered.
pub(super) fn has_come(request: &HttpRequest) {
    if let Some(place) = request.conn_data::<Arc<Place>>() {
        place.changes(WAITS, WORKS);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::task::noop_waker_ref;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn goes(permit: &Permit) -> bool {
        permit.poll_goes(&Context::from_waker(noop_waker_ref())).is_ready()
    }

    fn works(permit: &Permit) {
        assert!(permit.place.changes(WAITS, WORKS));
    }

    #[test]
    fn one_address_cannot_take_every_connection() {
        let connections = Connections::new(3, 2);
        let [first, second, third] = [(); 3].map(|()| connections.admit(address(1)).unwrap());
        assert_eq!([&first, &second, &third].map(goes), [true, false, false]);
        let other = connections.admit(address(2)).unwrap();
        assert_eq!(connections.lock().places.len(), 3);
        let newcomer = connections.admit(address(3)).unwrap();
        let all = [&second, &third, &other, &newcomer];
        assert_eq!(all.map(goes), [true, false, false, false], "three in all");
        drop(first);
        assert_eq!(connections.lock().places.len(), 3, "the first did not count any more");
    }

    #[test]
    fn whoever_was_answered_last_stays_the_longest() {
        let connections = Connections::new(2, 2);
        let [first, second] = [1, 2].map(|last| connections.admit(address(last)).unwrap());
        works(&first);
        first.answered();
        let third = connections.admit(address(3)).unwrap();
        assert_eq!([&first, &second, &third].map(goes), [false, true, false]);
    }

    #[test]
    fn a_request_under_way_is_not_cut_short() {
        let connections = Connections::new(2, 2);
        let [first, second] = [1, 2].map(|last| connections.admit(address(last)).unwrap());
        works(&first);
        works(&second);
        assert!(connections.admit(address(3)).is_none(), "nobody can go");
        second.answered();
        let third = connections.admit(address(3)).unwrap();
        assert_eq!([&first, &second, &third].map(goes), [false, true, false]);
        assert!(!second.place.changes(WAITS, WORKS), "it goes, whatever comes of it yet");
    }

    #[test]
    fn peers_that_take_all_they_can_get_leave_room_for_another() {
        let connections = Connections::new(1000, 128);
        let mut permits = Vec::new();
        for last in 1..=100 {
            permits.extend((0..128).filter_map(|_| connections.admit(address(last))));
        }
        let held = permits.iter().filter(|permit| !goes(permit)).count();
        assert!(held > 875 && held <= 1000, "{held} of 1000 are of use");
        let newcomer = connections.admit(address(200)).unwrap();
        assert!(connections.lock().places.len() <= 1000);
        // What the others take from now on, they take from each other.
        for last in 1..=100 {
            permits.extend((0..128).filter_map(|_| connections.admit(address(last))));
        }
        assert!(!goes(&newcomer));
    }

    #[test]
    fn a_closed_connection_no_longer_counts() {
        let connections = Connections::new(1, 1);
        let permit = connections.admit(address(1)).unwrap();
        works(&permit);
        assert!(connections.admit(address(2)).is_none());
        drop(permit);
        assert!(connections.lock().by_peer.is_empty(), "nothing is left of a peer that is gone");
        assert!(connections.admit(address(1)).is_some());
    }
}
