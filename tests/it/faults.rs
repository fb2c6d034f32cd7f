//! Every fault of the console at every request of a rotation: what the journal says of it, and
//! what becomes of the rotation.

mod expected;
pub(crate) mod ledger;
mod sweep;

use std::time::Duration;

use simulator::Fault;

use crate::faults::sweep::{Patience, sweep};

/// Longer than an impatient town waits for an answer, and over before it has waited for another one:
/// a session that is logged out late does not count as left open by what comes next.
const TOO_LONG: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_an_error_is_asked_again() {
    sweep(&[Fault::Status(500), Fault::Status(503)], Patience::Default).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_before_or_after_the_effect_is_looked_into_and_goes_on() {
    sweep(&[Fault::ResetBefore, Fault::ResetAfter, Fault::Truncated], Patience::Default).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_cannot_be_read_is_looked_into_and_goes_on() {
    sweep(&[Fault::CutShort, Fault::WrongEncoding], Patience::Default).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_is_replaced_unless_it_ends_in_the_login_itself() {
    sweep(&[Fault::SessionExpired], Patience::Default).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_wants_confirming_waits_for_a_person() {
    sweep(&[Fault::ConfirmIp], Patience::Default).await;
}

/// The sweep puts the label in that each page is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_that_is_missing_or_there_twice_waits_for_a_person() {
    let any = String::new();
    let faults = [Fault::MissingLabel(any.clone()), Fault::DoubledLabel(any)];
    sweep(&faults, Patience::Default).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_answer_changes_nothing_and_one_that_is_too_slow_counts_as_none() {
    sweep(&[Fault::Delay(Duration::from_millis(50))], Patience::Default).await;
    sweep(&[Fault::Delay(TOO_LONG)], Patience::Short).await;
}
