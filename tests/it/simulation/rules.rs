//! The invariants that are checked while a world runs: at each entry of the journal, at each act
//! on the console and at each login.

use std::time::Duration;

use jiff::Timestamp;
use reset_receiver::domain::entry::{Entry, Outcome};
use reset_receiver::domain::fault::Fault;
use reset_receiver::domain::phase::Phase;
use reset_receiver::domain::target::Surface;

use crate::simulation::world::{Facts, Pair, World};

/// How many logins Salesforce may refuse between two resets because of what the workers did; an
/// organisation locks a user out after ten, unless it is set to fewer.
const FAILED_LOGINS: u32 = 10;

/// How often the console may refuse one login: once to each process that remembers it.
const CONSOLE_REFUSALS: u32 = 6;

/// Grace, and the difference between two clocks: a secret written so long before a reset is not
/// the answer to it, and the program can know.
const CERTAINTY: Duration = Duration::from_secs(60 + 40);

/// What every password and every token of a world begins with.
const SECRETS: [&str; 2] = ["pw-", "token-"];

/// An entry is durable. Nothing has happened between the decision and this moment.
pub(crate) fn recorded(world: &World, worker: usize, entry: &Entry) {
    world.say(|| format!("worker {worker} wrote: {entry}"));
    acts(world, worker, "an entry");
    let kept = serde_json::to_string(entry).unwrap();
    if SECRETS.iter().any(|secret| kept.contains(secret)) {
        world.wrong(format!("a secret is in the journal: {entry}"));
    }
    let mut facts = world.facts();
    let mut wrongs = Vec::new();
    if let Entry::SecretChosen { version, .. } = entry {
        facts.chosen = version.0;
        let told = facts.told.reset;
        facts.chosen_for.entry(version.0).or_insert(told);
    } else if let Entry::Proving { version } = entry {
        facts.proving = version.0;
    } else if let Entry::Stuck { fault: Fault::Permanent, .. } = entry {
        // Whatever goes on bleeding is that person's from now on.
        facts.places.values_mut().for_each(|place| place.bleeds = false);
    } else if let Entry::Rejected { version, .. } | Entry::Refused { version, .. } = entry {
        facts.refused.insert(version.0);
    } else if let Entry::Updating { version, surface } | Entry::Enabling { version, surface } =
        entry
    {
        wrongs.extend(used(&facts, version.0, surface));
        if let Entry::Updating { .. } = entry {
            facts.updating = version.0;
        }
    } else if let Entry::Completed { outcome: Outcome::Confirmed | Outcome::Unconfirmed, .. } =
        entry
    {
        wrongs.extend(completed(&facts));
        facts.applied = version_pair(&facts, facts.chosen);
    }
    drop(facts);
    for wrong in wrongs {
        world.wrong(wrong);
    }
}

/// A pair is written to a surface: of the version that was written down, and of none older than any
/// that was written before.
pub(crate) fn updates(world: &World, surface: &Surface, pair: Pair) {
    let mut facts = world.facts();
    let (version, newest) = (facts.updating, facts.newest_written);
    let is_announced = version_pair(&facts, version) == Some(pair);
    facts.newest_written = newest.max(version);
    drop(facts);
    if !is_announced {
        world.wrong(format!("{surface} gets {pair:?}, which is not version {version}"));
    }
    if version < newest {
        world.wrong(format!("{surface} gets version {version} after version {newest}"));
    }
}

fn version_pair(facts: &Facts, number: u64) -> Option<Pair> {
    facts.vault.iter().find(|version| version.number == number).map(|version| version.pair)
}

/// A version is about to be written or enabled: neither a dead nor a refused one.
fn used(facts: &Facts, number: u64, surface: &Surface) -> Vec<String> {
    let mut wrongs = Vec::new();
    if facts.refused.contains(&number) {
        wrongs.push(format!("version {number} was refused and is used again for {surface}"));
    }
    let Some(version) = facts.vault.iter().find(|version| version.number == number) else {
        return vec![format!("version {number} does not exist")];
    };
    let reset = facts.told.reset;
    let is_old = version.pair.0 < reset || version.pair.1 < reset;
    let predates = version.written + CERTAINTY < facts.told.at;
    let was_chosen = facts.chosen_for.get(&number).is_some_and(|earlier| *earlier < reset)
        && version.written < facts.told.at;
    let is_applied = |applied: Pair| {
        let half = |new: u32, old: u32| new == old && new < reset;
        half(version.pair.0, applied.0) || half(version.pair.1, applied.1)
    };
    if is_old && (predates || was_chosen || facts.applied.is_some_and(is_applied)) {
        wrongs.push(format!("version {number} is dead and is used for {surface}"));
    }
    wrongs
}

/// A rotation is over: what it disabled is on again, and everything holds one secret.
fn completed(facts: &Facts) -> Vec<String> {
    let mut wrongs = Vec::new();
    for (surface, place) in &facts.places {
        if place.enabled != place.was_enabled {
            wrongs.push(format!("a rotation is completed and {surface} is in another state"));
        }
        if Some(place.holds) != version_pair(facts, facts.chosen) {
            wrongs.push(format!("a rotation is completed and {surface} holds {:?}", place.holds));
        }
    }
    wrongs
}

/// A worker has given an account free: what is not over has a time at which it goes on, or a person
/// was told.
pub(crate) fn released(world: &World, phase: Phase, wakes_at: Option<Timestamp>) {
    if wakes_at.is_none() && phase != Phase::Stuck && !phase.is_finished() {
        world.wrong(format!("a rotation is left {phase}: no retry is due and nobody was told"));
    }
}

/// A worker acts on the console or writes to the journal: nobody else has claimed its account
/// since.
pub(crate) fn acts(world: &World, worker: usize, verb: &str) {
    let holder = world.facts().holder;
    if holder != Some(worker) {
        world.wrong(format!("worker {worker} does {verb}, while {holder:?} has the account"));
    }
}

/// A proving login reaches Salesforce: written down before, and made once for a version.
pub(crate) fn proving_login(world: &World, worker: usize, tried: Pair) {
    acts(world, worker, "a proving login");
    let mut facts = world.facts();
    let number = facts.proving;
    let is_first = facts.proofs.insert(number);
    let is_announced = version_pair(&facts, number) == Some(tried);
    let enabled = facts.places.iter().find(|(at, place)| at.is_connector() && place.enabled);
    let enabled = enabled.map(|(at, _)| at.to_string());
    drop(facts);
    if !is_announced {
        world.wrong(format!("a proving login with {tried:?} was not written down before"));
    } else if !is_first {
        world.wrong(format!("the proving login of version {number} is repeated"));
    }
    if let Some(at) = enabled {
        world.wrong(format!("version {number} is proved while {at} is enabled"));
    }
    login(world, tried);
}

/// Somebody logs in to Salesforce because of what a worker did.
pub(crate) fn login(world: &World, tried: Pair) {
    let mut facts = world.facts();
    if tried == facts.salesforce {
        return;
    }
    facts.failed_logins += 1;
    let failed = facts.failed_logins;
    drop(facts);
    world.say(|| format!("Salesforce refuses {tried:?}, number {failed} since the reset"));
    if failed >= FAILED_LOGINS {
        world.wrong(format!("{failed} logins were refused since the reset"));
    }
}

/// Every connector syncs, and logs in for it. What was dead when a worker enabled it is the
/// worker's fault, unless the console may have shut the workers out since.
pub(crate) fn sync(world: &World) {
    if world.changes_console_login() {
        return;
    }
    let dead: Vec<Pair> = {
        let facts = world.facts();
        let bleeding = facts.places.values().filter(|place| place.bleeds);
        bleeding.map(|place| place.holds).collect()
    };
    for pair in dead {
        login(world, pair);
    }
}

/// The console refuses a login.
pub(crate) fn console_refuses(world: &World, worker: usize, login: u64) {
    let refused = {
        let mut facts = world.facts();
        let refused = facts.console_refused.entry(login).or_default();
        *refused += 1;
        *refused
    };
    world.say(|| format!("the console refuses login {login} of worker {worker}, time {refused}"));
    if refused > CONSOLE_REFUSALS {
        world.wrong(format!("console login {login} was refused {refused} times"));
    }
}
