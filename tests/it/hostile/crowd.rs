//! Ten thousand connections that say nothing.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::Duration;

use reset_receiver::hooks::limits::Limits;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::beside::beside;
use crate::support::public_listener::PublicListener;
use crate::support::wire::connected;

/// So many connections.
const CROWD: usize = 10_000;
/// From so many addresses: more than are needed to fill the listener, if each had all that an
/// address may have.
const ADDRESSES: usize = 25;
/// How long the listener waits for a handshake here.
const DEADLINE: Duration = Duration::from_secs(5);
/// What a busy machine may add to it.
const SLACK: Duration = Duration::from_secs(20);
/// Files that the rest of this process needs: the listener's ends, other tests.
const OTHERS: u64 = 4_096;

/// Raises the limit of open files as far as that is allowed; how many connections may be opened.
fn allowed() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let files = limit.current.unwrap_or(u64::MAX).saturating_sub(OTHERS);
    usize::try_from(files).unwrap_or(usize::MAX).min(CROWD)
}

/// Opens silent connections, in turn from each address.
async fn open(receiver: &PublicListener, count: usize) -> Vec<TcpStream> {
    let mut crowd = Vec::with_capacity(count);
    for number in 0..count {
        let last = u8::try_from(number % ADDRESSES).unwrap() + 2;
        crowd.push(connected(receiver, Ipv4Addr::new(127, 0, 0, last)).await.unwrap());
    }
    crowd
}

/// Whether the listener still holds its end, as far as can be seen without waiting.
fn is_held(socket: &TcpStream) -> bool {
    matches!(socket.try_read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// How many connections the listener holds, once it has refused those that it will not hold.
async fn held(crowd: &[TcpStream], most: usize) -> usize {
    let counting = async {
        loop {
            let held = crowd.iter().filter(|socket| is_held(socket)).count();
            if held <= most {
                return held;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(DEADLINE / 2, counting).await.expect("what is too much is refused at once")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_silent_connections_are_closed_and_a_good_sender_does_not_wait_for_them() {
    let limits = Limits { header_deadline: DEADLINE, ..Limits::default() };
    let most = limits.connections;
    let receiver = PublicListener::with(limits, 1_000).await;
    let count = allowed();
    assert!(count > 2 * most, "the limit of open files allows {count} connections only");
    beside(&receiver, async || {
        let mut crowd = open(&receiver, count).await;
        let held = held(&crowd, most).await;
        assert!(held > most / 2, "{held} of {most} are of use");
        let ending = async {
            for socket in &mut crowd {
                // An end is an end, however it is said.
                let _ended = socket.read(&mut [0]).await;
            }
        };
        timeout(DEADLINE + SLACK, ending).await.expect("every one is closed");
    })
    .await;
}
