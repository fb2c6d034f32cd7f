//! A connection that counts, that gives way to the others, and that ends where its peer takes too
//! long.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use std::{io, mem};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::hooks::connections::Permit;

/// Until when a connection lives.
///
/// The time starts anew with each written byte and with the first byte read after it, so that
/// a request has all of it; a peer that sends a byte now and then does not get more.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Silence {
    limit: Duration,
    ends: Instant,
    answered: bool,
}

impl Silence {
    fn new(limit: Duration, now: Instant) -> Self {
        Self { limit, ends: now + limit, answered: true }
    }

    fn read(&mut self, now: Instant) {
        if self.answered {
            self.answered = false;
            self.ends = now + self.limit;
        }
    }

    fn written(&mut self, now: Instant) {
        self.answered = true;
        self.ends = now + self.limit;
    }
}

/// So many bytes are read before it is the turn of the worker's other connections: a request as
/// senders write them, or a hundred of the smallest.
const TURN: usize = 4096;

/// A stream that breaks after so much time without a byte of an answer, or where it has to make room.
pub(super) struct Watched<S> {
    stream: S,
    silence: Silence,
    alarm: Pin<Box<Sleep>>,
    /// Whether it was given bytes in this turn, so that it is the others' turn now.
    is_fed: bool,
    permit: Permit,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, limit: Duration, permit: Permit) -> Self {
        let silence = Silence::new(limit, now());
        let alarm = Box::pin(tokio::time::sleep_until(silence.ends));
        Self { stream, silence, alarm, is_fed: false, permit }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }

    pub(super) fn permit(&self) -> &Permit {
        &self.permit
    }

    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.permit.poll_goes(cx).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if self.alarm.deadline() != self.silence.ends {
            self.alarm.as_mut().reset(self.silence.ends);
        }
        match self.alarm.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

/// A socket's peer keeps real time, not the program's.
fn now() -> Instant {
    Instant::now()
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        // A peer that sends faster than it is answered would have its worker alone for as long as
        // its socket holds something: thousands of requests.
        if mem::take(&mut self.is_fed) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let most = buffer.remaining().min(TURN);
        let mut turn = ReadBuf::new(buffer.initialize_unfilled_to(most));
        let polled = Pin::new(&mut self.stream).poll_read(cx, &mut turn);
        let read = turn.filled().len();
        buffer.advance(read);
        if read > 0 {
            self.silence.read(now());
            self.is_fed = true;
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if matches!(polled, Poll::Ready(Ok(written)) if written > 0) {
            self.silence.written(now());
            self.permit.answered();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);
    const STEP: Duration = Duration::from_secs(6);

    #[test]
    fn a_byte_now_and_then_gives_no_more_time() {
        let began = now();
        let mut silence = Silence::new(LIMIT, began);
        silence.read(began + STEP);
        assert_eq!(silence.ends, began + STEP + LIMIT, "a request has all of the time");
        silence.read(began + 2 * STEP);
        assert_eq!(silence.ends, began + STEP + LIMIT);
    }

    #[test]
    fn an_answer_and_the_request_after_it_give_the_time_anew() {
        let began = now();
        let mut silence = Silence::new(LIMIT, began);
        silence.read(began);
        silence.written(began + STEP);
        assert_eq!(silence.ends, began + STEP + LIMIT);
        silence.read(began + 2 * STEP);
        assert_eq!(silence.ends, began + 2 * STEP + LIMIT);
    }
}
