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

/// On a machine that is busy: so many times what the same delivery takes at the same time at another
/// receiver, which nobody is hostile to.
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
/// that goes on serving from one that does not, and single outliers of a busy machine do not.
/// With each delivery another goes to a second receiver that is left alone; where those take more
/// than a quarter of the bound, the machine has no time for anybody, and the bound is [`SLOWER`]
/// times what they take.
pub(crate) async fn beside(receiver: &PublicListener, hostile: impl AsyncFn()) {
    let alone = PublicListener::start().await;
    let measured = tokio::task::block_in_place(|| {
        thread::scope(|scope| {
            let (times, measured) = channel();
            let both = [receiver, &alone];
            let good = scope.spawn(move || send(both, &times));
            let mut waited: Vec<[Duration; 2]> = Vec::new();
            while waited.len() < MEASURED {
                Handle::current().block_on(hostile());
                waited.extend(measured.try_iter());
                assert!(!good.is_finished(), "the good sender has given up; its reason is above");
            }
            waited
        })
    });
    let [beside, alone] = [0, 1].map(|which| {
        let mut times: Vec<Duration> = measured.iter().map(|pair| pair[which]).collect();
        times.sort();
        times
    });
    let [waited, quiet] = [&beside, &alone].map(|times| times[times.len() / 2]);
    tell(waited, quiet, &beside);
    let bound = BOUND.max(quiet * SLOWER);
    assert!(waited < bound, "good deliveries waited {waited:?}, elsewhere {quiet:?}: {beside:?}");
}

/// Sends good deliveries to both at their pace, and tells how long each took while anybody listens.
fn send(receivers: [&PublicListener; 2], times: &Sender<[Duration; 2]>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut pace = interval(PACE);
        for number in 0_usize.. {
            pace.tick().await;
            let [attacked, alone] = receivers;
            let pair = [answered(attacked, number).await, answered(alone, number).await];
            // Once nobody listens any more, the hostile ones are done, or have failed.
            if times.send(pair).is_err() {
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
fn tell(waited: Duration, quiet: Duration, beside: &[Duration]) {
    let (count, longest) = (beside.len(), beside.last());
    println!("median {waited:?} beside ({count}, longest {longest:?}), {quiet:?} elsewhere");
}
