//! What the watch on Vault takes from the configuration.

use std::time::Duration;

use super::{SMALLEST, TARGET, faults};
use crate::config::{Config, SourceFormat};

#[test]
fn the_watch_has_an_interval_and_a_source_name_of_its_own() {
    let source = |name: &str, format: &str| {
        format!(
            "{SMALLEST}[sources.{name}]\nformat = \"{format}\"\n\
             [[sources.{name}.authentication]]\nscheme = \"bearer\"\ntoken_files = [\"t\"]\n"
        )
    };
    let config = Config::parse(&source("agent", "vault-event"), []).unwrap();
    assert_eq!(config.watch.interval, Duration::from_mins(1));
    assert_eq!(config.sources[0].format, SourceFormat::VaultEvent);
    let reserved = "sources.vault: this name stands for the watch on Vault; choose another";
    assert_eq!(faults(&source("vault", "notice")), [reserved]);
}

#[test]
fn no_secret_belongs_to_two_targets() {
    let other = TARGET
        .split_once("[targets.acme]")
        .map(|(_, target)| format!("[targets.acme]{target}"))
        .unwrap()
        .replace("targets.acme", "targets.other")
        .replace("gator@", "other@");
    let told = ["targets.other.secret: the same secret is the target acme's already"];
    assert_eq!(faults(&format!("{SMALLEST}{TARGET}{other}")), told);
}
