//! Every seed of the fuzzer, and everything that once broke a property, read by the same targets in
//! the ordinary run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

// The fuzzer is no member of the workspace, so that nobody builds its libraries to run the tests.
#[path = "../fuzz/src/targets/mod.rs"]
mod targets;

fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds")
}

#[test]
fn every_target_has_seeds_and_every_seed_has_a_target() {
    let folders = fs::read_dir(seeds()).unwrap().map(|entry| entry.unwrap().file_name());
    let folders: BTreeSet<String> = folders.map(|name| name.into_string().unwrap()).collect();
    let names: BTreeSet<String> = targets::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(folders, names);
}

#[test]
fn every_seed_keeps_what_its_target_promises() {
    for (name, target) in targets::ALL {
        let files = fs::read_dir(seeds().join(name)).unwrap();
        let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{name} has no seed");
        for file in files {
            let bytes = fs::read(&file).unwrap();
            let kept = std::panic::catch_unwind(|| target(&bytes));
            assert!(kept.is_ok(), "{} breaks a property; its message is above", file.display());
        }
    }
}
