//! Events that are handed to the intake without a request: what a store takes.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject, UserKey};
use reset_receiver::domain::ids::{EventId, OrganizationId, SourceName, Username};
use reset_receiver::engine::intake::Intake;
use reset_receiver::ports::journal::Admission;
use tokio::task::JoinSet;

use crate::load::{News, ORGANIZATION, SOURCE};

/// How many events are written down in a second when so many hand over the next one at once.
pub(crate) async fn peak(intake: &Intake, clients: usize, length: Duration) -> f64 {
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..clients {
        let intake = intake.clone();
        running.spawn(async move {
            let mut written = 0_u32;
            while began.elapsed() < length {
                let admission = intake.admit(&event(), None).await.unwrap();
                assert!(matches!(admission, Admission::Accepted(_)), "{admission:?}");
                written += 1;
            }
            written
        });
    }
    let written: u32 = running.join_all().await.into_iter().sum();
    f64::from(written) / began.elapsed().as_secs_f64()
}

fn event() -> ResetEvent {
    let News { id, username } = News::next();
    ResetEvent {
        source: SourceName::parse(SOURCE).unwrap(),
        id: EventId::parse(&id).unwrap(),
        kind: ResetKind::PasswordReset,
        subject: Subject::Login {
            organization: OrganizationId::parse(ORGANIZATION).unwrap(),
            user: UserKey::Name(Username::parse(&username).unwrap()),
        },
        occurred_at: Timestamp::now(),
    }
}
