//! Who may not act any more, sends nothing any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reset_receiver::ports::console::{Console, ConsoleError, Permit, Switch};
use simulator::Skin;
use tokio::sync::Notify;

use crate::console_contract::bench::{Bench, account, connector, login};

/// A permit that is over once so many questions were answered well.
struct Counted {
    granted: usize,
    asked: AtomicUsize,
    denied: Notify,
}

impl Counted {
    fn of(granted: usize) -> Arc<Self> {
        Arc::new(Self { granted, asked: AtomicUsize::new(0), denied: Notify::new() })
    }
}

impl Permit for Counted {
    fn is_over(&self) -> bool {
        let is_over = self.asked.fetch_add(1, Ordering::SeqCst) >= self.granted;
        if is_over {
            self.denied.notify_one();
        }
        is_over
    }
}

/// Logs in, disables a connector, logs out.
async fn walk(bench: &Bench, permit: &Arc<Counted>) -> Result<(), ConsoleError> {
    let permit: Arc<dyn Permit> = permit.clone();
    let mut session = bench.console.open(&account(), &login(), &permit).await?;
    session.switch_connector(&connector(None), Switch::Disable).await?;
    session.close().await
}

/// How often somebody had to ask for what has arrived: twice for each request, the second time when
/// its connection writes it.
fn cost(bench: &Bench) -> usize {
    2 * bench.simulator.console_log().len()
}

#[actix_web::test]
async fn nothing_arrives_once_the_permit_is_over_whichever_request_is_the_next() {
    for skin in Skin::ALL {
        let (bench, all) = (Bench::one_instance(skin), Counted::of(usize::MAX));
        walk(&bench, &all).await.unwrap();
        let asked = all.asked.load(Ordering::SeqCst);
        assert_eq!(asked, cost(&bench), "{skin:?}");
        let visitor = Bench::one_instance(skin);
        visitor.open().await.unwrap();
        for granted in 0..asked {
            let (mut bench, permit) = (Bench::one_instance(skin), Counted::of(granted));
            tokio::select! {
                done = walk(&bench, &permit) => assert!(done.is_err(), "{skin:?} {granted}"),
                () = permit.denied.notified() => {}
            }
            // What were still under way would be there before the next visitor is through, who has
            // to find the way by itself.
            bench.restart();
            bench.open().await.unwrap();
            let arrived = cost(&bench) - cost(&visitor);
            // Where a request was held back that had been handed to its connection, one was in vain.
            assert_eq!(arrived, granted - granted % 2, "{skin:?} {granted}");
        }
    }
}
