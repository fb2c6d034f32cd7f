//! The fuzzer: one target, which the environment names in `FUZZ_TARGET`.
#![no_main]

mod targets;

use std::sync::LazyLock;

/// The target that was asked for.
static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let asked = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names the target");
    let found = targets::ALL.iter().find(|(name, _)| *name == asked);
    found.unwrap_or_else(|| panic!("there is no target {asked}")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
