//! Events that come while others are being written wait, and are then written together.
//!
//! A commit costs the same whether it holds one event or many, and only one is under way: SQLite can
//! do no more, and on two cores PostgreSQL was slower with several, each of which holds less. So the
//! first event is written at once, alone; what comes meanwhile goes into the next commit. Nobody
//! waits for company, and the more there is to do the less each costs.

use std::error::Error;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::ports::journal::{Admission, Arrival, Journal, JournalError};

/// No more than this go into one commit: a batch of Salesforce's, and what came beside it.
const MOST_AT_ONCE: usize = 256;

/// No more than this wait while the store is slow or stands still; who comes then is told to come
/// again.
pub(super) const MOST_WAITING: usize = 4_096;

type Answer = Result<Admission, JournalError>;

/// The arrivals that wait for their turn.
pub(super) struct Gathering {
    journal: Arc<dyn Journal>,
    /// Where it is written: not on the thread of whoever asks, where a step of the transaction would
    /// stand in line behind all that its connections have to do.
    runtime: Handle,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Waiting>,
    /// Whether somebody writes, and will go on until nobody waits.
    is_written: bool,
}

struct Waiting {
    arrival: Arrival,
    answer: oneshot::Sender<Answer>,
}

impl Gathering {
    /// To be called on the runtime on which it is written.
    pub(super) fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal, runtime: Handle::current(), queue: Mutex::default() }
    }

    /// Writes an arrival down, together with whatever else waits.
    pub(super) async fn admit(self: &Arc<Self>, arrival: Arrival) -> Answer {
        let (answer, answered) = oneshot::channel();
        let is_written = {
            let mut queue = self.queue();
            if queue.waiting.len() >= MOST_WAITING {
                return Err(JournalError::Unavailable("too many events wait to be written".into()));
            }
            queue.waiting.push(Waiting { arrival, answer });
            mem::replace(&mut queue.is_written, true)
        };
        if !is_written {
            let mut turn = Turn { gathering: Arc::clone(self), is_over: false };
            let mut next = turn.next();
            // In a task of its own: whoever asked first may hang up while it writes for all.
            self.runtime.spawn(async move {
                while let Some(gathered) = next {
                    turn.gathering.write(gathered).await;
                    next = turn.next();
                }
            });
        }
        answered.await.unwrap_or_else(|_| Err(cut_short()))
    }

    /// Writes what has gathered. Where the store is well and one of them is not, the others do not
    /// suffer by it.
    async fn write(&self, gathered: Vec<Waiting>) {
        let (arrivals, answers): (Vec<_>, Vec<_>) =
            gathered.into_iter().map(|one| (one.arrival, one.answer)).unzip();
        match self.journal.admit_all(&arrivals).await {
            Ok(admissions) => {
                for (answer, admission) in answers.into_iter().zip(admissions) {
                    tell(answer, Ok(admission));
                }
            }
            Err(JournalError::Unavailable(reason)) => {
                let reason = Shared(reason.into());
                for answer in answers {
                    let error = JournalError::Unavailable(Box::new(reason.clone()));
                    tell(answer, Err(error));
                }
            }
            Err(_) => {
                for (arrival, answer) in arrivals.into_iter().zip(answers) {
                    let admitted = self.journal.admit(&arrival.event, arrival.placement.as_ref());
                    tell(answer, admitted.await);
                }
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that happens under this lock can leave the queue half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of whoever writes for all, until nobody waits.
struct Turn {
    gathering: Arc<Gathering>,
    is_over: bool,
}

impl Turn {
    /// Those to write next; `None` ends the turn.
    fn next(&mut self) -> Option<Vec<Waiting>> {
        let mut queue = self.gathering.queue();
        if queue.waiting.is_empty() {
            queue.is_written = false;
            self.is_over = true;
            return None;
        }
        let count = queue.waiting.len().min(MOST_AT_ONCE);
        Some(queue.waiting.drain(..count).collect())
    }
}

impl Drop for Turn {
    /// A turn that was cut short, by a fault or with the thread that it ran on, must not leave
    /// everybody waiting: they are told so, and whoever comes next begins another.
    fn drop(&mut self) {
        if !self.is_over {
            tracing::error!("writing events down was cut short");
            let mut queue = self.gathering.queue();
            queue.waiting.clear();
            queue.is_written = false;
        }
    }
}

/// Tells one of them; whoever hung up meanwhile is told when they send it again.
fn tell(answer: oneshot::Sender<Answer>, admitted: Answer) {
    if answer.send(admitted).is_err() {
        tracing::debug!("nobody waits for the answer any more");
    }
}

/// One failure, told to everybody whom it befell.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<dyn Error + Send + Sync>);

/// Whoever wrote for all is gone, and nobody knows how far it came.
fn cut_short() -> JournalError {
    JournalError::Unavailable("writing was cut short".into())
}
