//! Events that come while others are being written wait, and are then written together.
//!
//! A commit costs the same whether it holds one event or many, and only one can be under way. So
//! the first event is written at once, alone; what comes meanwhile goes into the next commit. Nobody
//! waits for company, and the more there is to do the less each costs.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::ports::journal::{Admission, Arrival, Journal, JournalError};

/// No more than this go into one commit: a batch of Salesforce's, and what came beside it.
const MOST_AT_ONCE: usize = 128;

/// No more than this wait while the store is slow or stands still; who comes then is told to come
/// again.
pub(super) const MOST_WAITING: usize = 4_096;

type Answer = Result<Admission, JournalError>;

/// The arrivals that wait for their turn.
pub(super) struct Gathering {
    journal: Arc<dyn Journal>,
    waiting: Mutex<Vec<Waiting>>,
    turn: tokio::sync::Mutex<()>,
}

struct Waiting {
    arrival: Arrival,
    answer: oneshot::Sender<Answer>,
}

impl Gathering {
    pub(super) fn new(journal: Arc<dyn Journal>) -> Self {
        let turn = tokio::sync::Mutex::new(());
        Self { journal, waiting: Mutex::default(), turn }
    }

    /// Writes an arrival down, together with whatever else waits.
    pub(super) async fn admit(self: &Arc<Self>, arrival: Arrival) -> Answer {
        let (answer, mut answered) = oneshot::channel();
        {
            let mut waiting = self.waiting();
            if waiting.len() >= MOST_WAITING {
                return Err(JournalError::Unavailable("too many events wait to be written".into()));
            }
            waiting.push(Waiting { arrival, answer });
        }
        loop {
            let turn = tokio::select! {
                biased;
                answer = &mut answered => return answer.unwrap_or_else(|_| Err(cut_short())),
                turn = self.turn.lock() => turn,
            };
            let gathered = {
                let mut waiting = self.waiting();
                let count = waiting.len().min(MOST_AT_ONCE);
                waiting.drain(..count).collect()
            };
            let this = Arc::clone(self);
            // In a task of its own: whoever asked first may hang up while it writes for all.
            let writing = tokio::spawn(async move { this.write(gathered).await });
            if let Err(error) = writing.await {
                tracing::error!(%error, "writing events down was cut short");
            }
            drop(turn);
        }
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

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        // Nothing that happens under this lock can leave the list half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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
