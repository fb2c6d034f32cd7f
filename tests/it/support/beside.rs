//! A good sender beside hostile ones, and how long it waits for its answers.

use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tokio::runtime::{Builder, Handle};
use tokio::time::{Instant, interval};

use super::public_listener::PublicListener;
use super::sender::{Delivery, changed};
use super::wire::Wire;

/// The longest that a good sender waits, whatever happens beside it, on a machine that is not busy
/// with other things.
pub(crate) const BOUND: Duration = Duration::from_millis(100);

/// On a machine where a good sender waits for long with nothing beside it, so many times as long.
const SLOWER: u32 = 4;

/// So many answers are measured at least.
const MEASURED: usize = 9;

/// The pause between two good deliveries: a sender's pace, and no flood of its own.
const PACE: Duration = Duration::from_millis(20);

/// Does something hostile, again and again until enough good deliveries were answered beside it,
/// and holds the median of their waiting against [`BOUND`]. It needs a runtime of several threads.
///
/// One measurement is everything that a sender waits for: the connection, the TLS handshake, the
/// request, the signature's check, the event in the store on its disk, and the answer to its last
/// byte. The good sender has a thread of its own, so that it waits for the receiver and not for
/// the hostile ones' own work. All of them are one process without optimisation that shares its
/// processors with the other tests. Therefore the median is what is bounded: it tells a receiver
/// that goes on serving from one that does not, and single outliers of a busy machine do not. Where
/// the same deliveries take more than a quarter of the bound with nothing hostile beside them, the
/// bound is [`SLOWER`] times what they take: then the machine has no time for anybody.
pub(crate) async fn beside(receiver: &PublicListener, hostile: impl AsyncFn()) {
    let (quiet, mut waited) = tokio::task::block_in_place(|| {
        thread::scope(|scope| {
            let (times, measured) = channel();
            let good = scope.spawn(move || send(receiver, &times));
            let quiet: Vec<Duration> = measured.iter().take(MEASURED).collect();
            let mut waited = Vec::new();
            while waited.len() < MEASURED {
                Handle::current().block_on(hostile());
                waited.extend(measured.try_iter());
                assert!(!good.is_finished(), "the good sender has given up; its reason is above");
            }
            (median(quiet), waited)
        })
    });
    waited.sort();
    let (beside, longest) = (median(waited.clone()), waited[waited.len() - 1]);
    tell(quiet, waited.len(), beside, longest);
    let bound = BOUND.max(quiet * SLOWER);
    assert!(beside < bound, "good deliveries waited {beside:?}, and {quiet:?} before: {waited:?}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Sends good deliveries at their pace, and tells of each how long it took while anybody listens.
fn send(receiver: &PublicListener, times: &Sender<Duration>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut pace = interval(PACE);
        for number in 0_usize.. {
            pace.tick().await;
            // Once nobody listens any more, the hostile ones are done, or have failed.
            if times.send(answered(receiver, number).await).is_err() {
                break;
            }
        }
    });
}

/// Sends one good delivery over a connection of its own; how long that took.
async fn answered(receiver: &PublicListener, number: usize) -> Duration {
    let id = json!({"id": format!("beside-{number}")});
    let delivery = Delivery::signed(&changed(id));
    let began = Instant::now();
    let mut wire = Wire::to(receiver).await;
    wire.write(&delivery.on_wire("connection: close\r\n")).await;
    let answer = wire.read_to_end().await;
    let time = began.elapsed();
    assert!(answer.starts_with("HTTP/1.1 20"), "the good delivery is taken: {answer}");
    time
}

#[expect(clippy::print_stdout, reason = "for whoever asks with --nocapture what was measured")]
fn tell(quiet: Duration, count: usize, beside: Duration, longest: Duration) {
    println!("median {quiet:?} before, {beside:?} beside ({count} of them, longest {longest:?})");
}
