//! Seeded simulation: the engine over ports that fail, die, lag, repeat and forget.
//!
//! One seed decides everything: how many workers there are, what people do (resets, secrets that
//! are half written, wrong or rolled back), what senders deliver twice or out of order, and what
//! goes wrong at every call of a port. Time is simulated, so that days pass in milliseconds.
//!
//! While a world runs, every write to the console is checked: connectors are contained before
//! anything is written (invariant 2), what was found disabled is never enabled, and nothing is
//! enabled before every surface holds one and the same version (3), nothing older than the newest
//! version known is written or enabled (4), and two workers never drive an account at once (6).
//! When the faults have stopped and the right secret is in Vault, every accepted event must end in
//! a rotation that is over (8), with every surface holding that secret and every connector in the
//! state in which it was found.
//!
//! `SIMULATION_SEEDS=100000 tests/run simulation` runs for longer; `SIMULATION_SEED=7` replays one
//! seed. A seed that fails prints its story.
//!
//! Each rule was broken on purpose once and the simulation found it: containment skipped where the
//! secret is at hand; Integration left out of the surfaces that must hold the secret before
//! anything is enabled; what was found disabled counted as ours; a lease that is never renewed;
//! a stuck rotation that never looks for a newer secret; news that joins while a rotation
//! completes.

mod console;
mod life;
mod people;
mod rules;
mod salesforce;
mod secrets;
mod store;
mod time;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// How many seeds the suite tries where nobody asks for more.
const SEEDS: u64 = 2_000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[test]
fn whatever_goes_wrong_every_invariant_holds_and_every_event_ends() {
    if let Some(seed) = number("SIMULATION_SEED") {
        let story = life::live(seed, true).unwrap_or_else(|story| panic!("{story}"));
        panic!("seed {seed} is well; its story:\n{story}");
    }
    let seeds = number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let next = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let next = Arc::clone(&next);
            thread::spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    if let Err(wrongs) = life::live(seed, false) {
                        let story = life::live(seed, true).unwrap_or_else(|story| story);
                        panic!(
                            "seed {seed} fails; SIMULATION_SEED={seed} replays it\n{story}\n\n\
                             {wrongs}"
                        );
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
}
