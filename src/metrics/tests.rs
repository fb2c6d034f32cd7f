//! What stands on the page after something was counted, and what does not.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Metrics;
use crate::domain::entry::Outcome;
use crate::domain::fault::Fault;
use crate::domain::ids::{AccountName, SourceName, TargetName};
use crate::domain::phase::Phase;
use crate::domain::step::Step;
use crate::ports::meter::{DeliveryOutcome, Meter, RefusedBy};

fn source(name: &str) -> SourceName {
    SourceName::parse(name).unwrap()
}

fn account(name: &str) -> AccountName {
    AccountName::parse(name).unwrap()
}

fn target() -> TargetName {
    TargetName::parse("acme").unwrap()
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn page(metrics: &Metrics) -> String {
    metrics.page(None, now()).unwrap()
}

fn assert_line(page: &str, line: &str) {
    assert!(page.lines().any(|other| other == line), "no line {line:?} in\n{page}");
}

#[test]
fn every_counter_stands_on_the_page_at_zero_before_anything_happens() {
    let metrics = Metrics::new([&source("flow")]);
    let page = page(&metrics);
    for line in [
        "reset_receiver_deliveries_total{source=\"flow\",outcome=\"accepted\"} 0",
        "reset_receiver_deliveries_total{source=\"-\",outcome=\"unauthenticated\"} 0",
        "reset_receiver_step_failures_total{step=\"contain\",fault=\"transient\"} 0",
        "reset_receiver_logins_refused_total{by=\"salesforce\"} 0",
        "reset_receiver_rotations_ended_total{outcome=\"nothing_to_do\"} 0",
        "reset_receiver_event_to_contained_seconds_count 0",
    ] {
        assert_line(&page, line);
    }
    assert!(page.ends_with("# EOF\n"));
}

#[test]
fn what_is_metered_is_counted_under_its_labels() {
    let metrics = Metrics::new([&source("flow")]);
    metrics.delivery("flow", DeliveryOutcome::Accepted);
    metrics.step_failed(Step::Update, Fault::Permanent);
    metrics.login_refused(RefusedBy::Console);
    metrics.completed(&target(), Outcome::Confirmed, Some(Duration::from_secs(7)));
    metrics.completed(&target(), Outcome::NothingToDo, None);
    metrics.contained(&target(), Duration::from_millis(300));
    metrics.connector_off(&target(), Duration::from_secs(90));
    let page = page(&metrics);
    for line in [
        "reset_receiver_deliveries_total{source=\"flow\",outcome=\"accepted\"} 1",
        "reset_receiver_step_failures_total{step=\"update\",fault=\"permanent\"} 1",
        "reset_receiver_logins_refused_total{by=\"console\"} 1",
        "reset_receiver_rotations_ended_total{outcome=\"confirmed\"} 1",
        "reset_receiver_rotations_ended_total{outcome=\"nothing_to_do\"} 1",
        "reset_receiver_secret_to_completed_seconds_count 1",
        "reset_receiver_secret_to_completed_seconds_sum 7.0",
        "reset_receiver_event_to_contained_seconds_bucket{le=\"0.25\"} 0",
        "reset_receiver_event_to_contained_seconds_bucket{le=\"0.5\"} 1",
        "reset_receiver_connector_off_seconds_sum 90.0",
    ] {
        assert_line(&page, line);
    }
}

#[test]
fn a_source_that_is_not_configured_grows_no_new_label() {
    let metrics = Metrics::new([&source("flow")]);
    let lines = page(&metrics).lines().count();
    metrics.delivery("made-up\"\n", DeliveryOutcome::Unauthenticated);
    let page = page(&metrics);
    assert_eq!(page.lines().count(), lines);
    assert_line(
        &page,
        "reset_receiver_deliveries_total{source=\"-\",outcome=\"unauthenticated\"} 1",
    );
}

#[test]
fn gauges_are_read_at_the_scrape_and_left_out_where_nothing_is_known() {
    let metrics = Metrics::new([]);
    let bare = page(&metrics);
    assert_line(&bare, "reset_receiver_store_up 0");
    for absent in
        ["rotations{", "rotations_stuck", "vault_token", "certificate", "console_login_known"]
    {
        assert!(!bare.contains(&format!("reset_receiver_{absent}")), "{absent} in\n{bare}");
    }

    let in_a_minute = now() + Duration::from_mins(1);
    let a_second_ago = now() - Duration::from_secs(1);
    let metrics = metrics
        .with_vault_token(Arc::new(move || Some(in_a_minute)))
        .with_certificate(Arc::new(move || Some(a_second_ago)))
        .with_console_logins(Arc::new(|| vec![(account("main"), true), (account("own"), false)]));
    let phases = [(Phase::Stuck, 2), (Phase::Confirmed, 40)];
    let full = metrics.page(Some(&phases), now()).unwrap();
    for line in [
        "reset_receiver_store_up 1",
        "reset_receiver_rotations{phase=\"stuck\"} 2",
        "reset_receiver_rotations{phase=\"confirmed\"} 40",
        "reset_receiver_rotations{phase=\"containing\"} 0",
        "reset_receiver_rotations_stuck 2",
        "reset_receiver_vault_token_left_seconds 60.0",
        "reset_receiver_certificate_left_seconds -1.0",
        "reset_receiver_console_login_known{account=\"main\"} 1",
        "reset_receiver_console_login_known{account=\"own\"} 0",
    ] {
        assert_line(&full, line);
    }
}

#[test]
fn a_token_that_does_not_expire_has_no_time_left_on_the_page() {
    let metrics = Metrics::new([]).with_vault_token(Arc::new(|| None));
    assert!(!page(&metrics).contains("vault_token"));
}
