//! Ends the program in order: a first signal asks for the end, a second one or a deadline forces
//! it.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How the work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended<T> {
    /// By itself, or in time after it was asked to.
    Finished(T),
    /// It was dropped at a second signal.
    SecondSignal,
    /// It was dropped at the deadline.
    Deadline,
}

/// The signals that ask for the end: SIGTERM, from an orchestrator, and SIGINT, from a terminal.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes both signals over from the system, which would end the process at once.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Runs `work` to its end. At the first signal `stop` is cancelled and the work has `drain` to
    /// finish; then, or at a second signal, it is dropped where it stands, which it survives like
    /// any other crash.
    pub async fn supervise<T>(
        mut self,
        stop: CancellationToken,
        drain: Duration,
        work: impl Future<Output = T>,
    ) -> Ended<T> {
        supervise(async || self.next().await, stop, drain, work).await
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn supervise<T>(
    mut next_signal: impl AsyncFnMut(),
    stop: CancellationToken,
    drain: Duration,
    work: impl Future<Output = T>,
) -> Ended<T> {
    let mut work = pin!(work);
    tokio::select! {
        output = &mut work => return Ended::Finished(output),
        () = next_signal() => {}
    }
    tracing::info!(drain_s = drain.as_secs(), "asked to stop; finishing what is under way");
    stop.cancel();
    let forced = tokio::time::timeout(drain, next_signal());
    tokio::select! {
        // The work comes first: what has finished has finished, however late.
        biased;
        output = &mut work => Ended::Finished(output),
        forced = forced => match forced {
            Ok(()) => {
                tracing::warn!("asked again to stop; ending at once");
                Ended::SecondSignal
            }
            Err(_elapsed) => {
                tracing::warn!("not finished by the deadline; ending at once");
                Ended::Deadline
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::process::{Command, id};

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    /// So that a test whose subject never ends fails instead of hanging.
    async fn bounded<T>(ends: impl Future<Output = Ended<T>>) -> Ended<T> {
        tokio::time::timeout(Duration::from_secs(30), ends).await.unwrap()
    }

    /// Signals that were sent before, and no further one.
    fn sent(count: usize) -> UnboundedReceiver<()> {
        let (sender, receiver) = unbounded_channel();
        (0..count).for_each(|_| sender.send(()).unwrap());
        receiver
    }

    async fn next(signals: &mut UnboundedReceiver<()>) {
        if signals.recv().await.is_none() {
            pending::<()>().await;
        }
    }

    #[tokio::test]
    async fn work_that_ends_by_itself_is_not_asked_to_stop() {
        let (mut signals, stop) = (sent(0), CancellationToken::new());
        let ended =
            bounded(supervise(async || next(&mut signals).await, stop.clone(), LONG, ready(7)))
                .await;
        assert_eq!(ended, Ended::Finished(7));
        assert!(!stop.is_cancelled());
    }

    #[tokio::test]
    async fn a_first_signal_asks_and_the_work_finishes() {
        let (mut signals, stop) = (sent(1), CancellationToken::new());
        let work = async {
            stop.cancelled().await;
            "drained"
        };
        let ended =
            bounded(supervise(async || next(&mut signals).await, stop.clone(), LONG, work)).await;
        assert_eq!(ended, Ended::Finished("drained"));
    }

    #[tokio::test]
    async fn a_second_signal_ends_at_once() {
        let (mut signals, stop) = (sent(2), CancellationToken::new());
        let work = pending::<()>();
        let ended =
            bounded(supervise(async || next(&mut signals).await, stop.clone(), LONG, work)).await;
        assert_eq!(ended, Ended::SecondSignal);
        assert!(stop.is_cancelled(), "it was asked first");
    }

    #[tokio::test]
    async fn the_deadline_ends_work_that_does_not_finish() {
        let (mut signals, stop) = (sent(1), CancellationToken::new());
        let soon = Duration::from_millis(1);
        let work = pending::<()>();
        let ended =
            bounded(supervise(async || next(&mut signals).await, stop.clone(), soon, work)).await;
        assert_eq!(ended, Ended::Deadline);
        assert!(stop.is_cancelled(), "it was asked first");
    }

    #[tokio::test]
    async fn a_real_sigterm_is_a_signal() {
        let (signals, stop) = (Signals::listen().unwrap(), CancellationToken::new());
        let kill = Command::new("kill").args(["-TERM", &id().to_string()]).status().unwrap();
        assert!(kill.success());
        let ended = bounded(signals.supervise(stop.clone(), LONG, stop.cancelled())).await;
        assert_eq!(ended, Ended::Finished(()));
    }
}
