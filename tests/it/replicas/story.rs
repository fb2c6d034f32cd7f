//! What became of a target, for whoever reads why a test failed.

use std::fmt::Write;

use reset_receiver::domain::entry::Entry;
use reset_receiver::ports::journal::{Journal, RotationFilter, RotationSummary};
use reset_receiver::store::PostgresStore;

use super::havoc::Havoc;

/// So many complaints of a rotation's are told.
const COMPLAINTS: usize = 20;

/// Every rotation of a target, oldest first, with its journal and what the replicas complained of.
pub(super) async fn story(journal: &PostgresStore, havoc: &Havoc<'_>, target: &str) -> String {
    let mut rotations = rotations(journal).await;
    rotations.retain(|rotation| rotation.target.as_str() == target);
    rotations.reverse();
    let (mut text, logs) = (String::new(), havoc.logs());
    for rotation in rotations {
        let RotationSummary { id, phase, admitted_at, wakes_at, .. } = &rotation;
        writeln!(
            text,
            "{target}, {phase:?}, rotation {id} of {admitted_at}, due at {}",
            wakes_at.map_or("-".to_owned(), |at| at.to_string())
        )
        .unwrap();
        for row in journal.rows(*id).await.unwrap() {
            let event = if let Entry::Admitted { event_id, .. } = &row.entry {
                format!(" ({event_id})")
            } else {
                String::new()
            };
            let fence = row.fence.map_or("-".to_owned(), |fence| fence.to_string());
            writeln!(text, "{:4} {} fence {fence}: {}{event}", row.seq, row.at, row.entry).unwrap();
        }
        let id = id.to_string();
        let is_complaint = |line: &&str| {
            line.contains(&id) && (line.contains("\"WARN\"") || line.contains("\"ERROR\""))
        };
        for line in logs.iter().flat_map(|log| log.lines()).filter(is_complaint).take(COMPLAINTS) {
            writeln!(text, "     {line}").unwrap();
        }
    }
    text
}

/// Every rotation, newest first.
pub(super) async fn rotations(journal: &PostgresStore) -> Vec<RotationSummary> {
    let filter = RotationFilter { limit: 100_000, ..RotationFilter::default() };
    journal.rotations(&filter).await.unwrap()
}
