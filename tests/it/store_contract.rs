//! What every store owes to the engine. One suite over all of them.
//!
//! A case begins with an empty store that it can open again and again.

mod audit;
mod bench;
mod claiming;
mod crashes;
mod intake;
mod journals;
mod lists;
mod proofs;
mod retention;

/// Runs the cases of the suite over each store.
macro_rules! contract {
    ($($module:ident::$case:ident),+ $(,)?) => {
        mod memory {
            use super::bench::Bench;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$module::$case(Bench::memory()).await;
                }
            )+
        }

        mod postgres {
            use super::bench::Bench;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$module::$case(Bench::postgres().await).await;
                }
            )+
        }

        mod sqlite {
            use super::bench::Bench;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$module::$case(Bench::sqlite()).await;
                }
            )+
        }
    };
}

contract! {
    intake::admission_is_idempotent,
    intake::an_event_about_nobody_is_kept_and_begins_nothing,
    intake::ids_are_unique_within_a_source_only,
    intake::an_event_joins_the_unfinished_rotation_of_its_target,
    intake::an_event_after_the_end_begins_another_rotation,
    intake::surfaces_that_the_target_gained_are_covered_before_the_event,
    intake::many_senders_at_once_begin_one_rotation_per_target,
    intake::a_joined_event_makes_a_sleeping_rotation_due_at_once,
    intake::a_joined_event_makes_a_rotation_due_at_once_even_while_it_is_driven,
    intake::a_joined_event_never_pushes_a_due_date_back,
    claiming::two_claims_never_give_the_same_account,
    claiming::many_workers_at_once_get_different_accounts,
    claiming::a_claim_holds_the_whole_journal_and_what_is_applied,
    claiming::what_is_to_be_contained_comes_first_then_the_longest_due,
    claiming::a_rotation_that_sleeps_is_not_claimed_before_its_time,
    claiming::what_is_to_be_contained_does_not_wait_for_a_clock_that_was_set_back,
    claiming::only_what_is_to_be_contained_now_on_the_same_account_is_awaiting,
    claiming::a_rotation_that_is_stuck_can_be_due_too,
    claiming::a_lease_that_expires_is_taken_over_and_says_so,
    claiming::a_take_over_is_noticed_though_another_rotation_had_the_account_meanwhile,
    claiming::the_fence_of_an_expired_lease_can_write_nothing,
    claiming::a_lease_writes_to_the_rotation_that_it_was_taken_for,
    claiming::a_renewed_lease_lasts_longer,
    claiming::the_next_due_time_regards_the_leases_that_stand_before_it,
    journals::an_entry_follows_the_row_that_its_writer_knows,
    journals::illegal_entries_change_nothing,
    journals::every_entry_is_read_back_as_it_was_written,
    journals::what_was_confirmed_or_unconfirmed_is_applied,
    journals::where_nothing_had_to_be_done_what_is_applied_stays,
    journals::an_operator_needs_no_lease_and_the_driver_must_read_again,
    journals::an_abandoned_rotation_is_over,
    journals::an_unknown_rotation_is_said_to_be_unknown,
    lists::rotations_are_listed_newest_first_page_by_page,
    lists::a_summary_follows_the_journal,
    lists::phases_are_counted,
    lists::a_breaker_tells_of_the_latest_refusal,
    lists::a_breaker_is_cleared_by_retrying_what_it_keeps_back,
    lists::the_probe_leaves_nothing_behind,
    proofs::a_proving_login_is_spent_once_over_all_rotations,
    proofs::a_login_is_spent_for_one_version_of_one_target,
    proofs::an_entry_that_is_not_written_spends_nothing,
    proofs::what_came_of_a_login_is_noted_once,
    crashes::reopening_finds_everything,
    audit::every_verb_of_an_operator_is_in_the_audit,
    audit::the_audit_is_read_page_by_page,
    audit::a_verb_that_is_refused_is_not_in_the_audit,
    retention::what_is_over_and_old_is_forgotten,
    retention::what_is_active_applied_or_young_stays,
    retention::a_spent_proving_login_stays_spent_however_old_it_is,
    retention::a_redelivery_is_recognised_for_a_week_at_least,
}

#[tokio::test]
async fn a_copy_of_the_sqlite_files_taken_at_any_moment_holds_what_was_answered() {
    crashes::a_copy_taken_at_any_moment_opens_and_holds_what_was_answered(bench::Bench::sqlite())
        .await;
}
