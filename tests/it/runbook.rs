//! The runbook names nothing that does not exist: samples of the metrics and headings.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use reset_receiver::domain::ids::{AccountName, SourceName};
use reset_receiver::domain::phase::Phase;
use reset_receiver::metrics::Metrics;

fn runbook() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/README.md");
    fs::read_to_string(path).unwrap()
}

/// What stands between each of these and the end that follows it.
fn between<'t>(text: &'t str, begin: &str, end: char) -> Vec<&'t str> {
    text.split(begin).skip(1).filter_map(|rest| Some(rest.split_once(end)?.0)).collect()
}

/// Every sample that a running server can show.
fn page() -> String {
    let source = SourceName::parse("flow").unwrap();
    let account = AccountName::parse("name").unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let metrics = Metrics::new([&source])
        .with_vault_token(Arc::new(move || Some(now)))
        .with_certificate(Arc::new(move || Some(now)))
        .with_console_logins(Arc::new(move || vec![(account.clone(), true)]));
    metrics.page(Some(&[(Phase::Stuck, 1)]), now).unwrap()
}

#[test]
fn every_sample_that_is_to_be_watched_is_one_that_the_server_shows() {
    let (runbook, page) = (runbook(), page());
    let named = between(&runbook, "`reset_receiver_", '`');
    assert!(named.len() >= 8, "{named:?}");
    for named in named {
        let (name, labels) = named.split_once('{').unwrap_or((named, "}"));
        let label = labels.trim_end_matches('}').replace("NAME", "name");
        let is_shown = page.lines().any(|line| {
            let rest = line.strip_prefix(&format!("reset_receiver_{name}"));
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']) && rest.contains(&label))
        });
        assert!(is_shown, "no sample reset_receiver_{named} in\n{page}");
    }
}

#[test]
fn every_reference_leads_to_a_heading() {
    let runbook = runbook();
    let anchor = |heading: &str| heading.trim().to_lowercase().replace(' ', "-");
    let headings: Vec<String> =
        runbook.lines().filter_map(|line| Some(anchor(line.split_once("# ")?.1))).collect();
    let named = between(&runbook, "](#", ')');
    assert!(named.len() >= 10, "{named:?}");
    for named in named {
        assert!(headings.iter().any(|heading| heading == named), "no heading for #{named}");
    }
}
