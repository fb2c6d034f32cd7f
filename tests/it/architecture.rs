//! The house rules that a reader of the sources can check: the direction of imports, the ground
//! floor without a world, and how files and modules are named and sized.

mod rules;
mod source;

use std::fs;
use std::io;
use std::path::Path;

use rules::{Finding, Rule, findings};
use source::Source;

/// Reads every Rust file below a folder of this repository.
fn sources(folder: &str) -> io::Result<Vec<Source>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)?;
                let path = path.strip_prefix(root).map_err(io::Error::other)?;
                found.push(Source { path: path.display().to_string(), text });
            }
        }
    }
    Ok(found)
}

/// What is wrong with a file of this name and text, as rules with their lines.
fn broken(path: &str, text: &str) -> Vec<(Rule, usize)> {
    let source = Source { path: path.to_owned(), text: text.to_owned() };
    findings(&source).into_iter().map(|finding| (finding.rule, finding.line)).collect()
}

/// What is wrong with code in a file that opens as it should; line 1 is the opening.
fn broken_code(path: &str, code: &str) -> Vec<(Rule, usize)> {
    broken(path, &format!("//! A planted file.\n{code}"))
}

#[test]
fn the_sources_keep_the_house_rules() -> io::Result<()> {
    let (product, tests) = (sources("src")?, sources("tests")?);
    for expected in ["src/lib.rs", "src/domain/mod.rs", "src/ports/console.rs"] {
        assert!(product.iter().any(|source| source.path == expected), "{expected} was not read");
    }
    let found: Vec<Finding> = product.iter().chain(&tests).flat_map(findings).collect();
    let lines: Vec<String> = found.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
    Ok(())
}

#[test]
fn an_arrow_against_the_picture_is_found_however_it_is_written() {
    for code in [
        "use crate::engine::worker::Worker;",
        "use crate::{domain::event, engine};",
        "use crate::{domain::{event, fault}, engine::{worker::{self, Worker}}};",
        "use {crate::engine as motor};",
        "use crate::r#engine::worker;",
        "use super::super::engine::worker;",
        "use super::super::{engine::worker, domain::event};",
        "use super::{super::engine, rows};",
        "use reset_receiver::engine::worker;",
        "pub(in crate::store) use crate::engine::worker;",
        "pub use crate::engine::worker;",
        "fn now() -> crate::engine::Worker { todo!() }",
        "fn now() { run(crate::engine::worker::<u8>) }",
        "macro_rules! go { () => { $crate::engine::go() } }",
        "mod inner { use super::super::super::engine::worker; }",
        "#[serde(with = \"crate::engine::worker\")] struct Row;",
        "#[cfg(test)] mod tests { use crate::engine::worker; }",
    ] {
        assert_eq!(broken_code("src/store/sqlite.rs", code), [(Rule::Arrow, 2)], "{code}");
    }
}

#[test]
fn every_pair_of_adapters_is_kept_apart() {
    let adapters = ["vault", "communigator", "salesforce", "store", "notify", "clock"];
    for from in adapters {
        for to in adapters.into_iter().chain(["engine", "hooks", "senders", "config", "startup"]) {
            let found = broken_code(&format!("src/{from}/mod.rs"), &format!("use crate::{to}::X;"));
            let expected = if from == to { vec![] } else { vec![(Rule::Arrow, 2)] };
            assert_eq!(found, expected, "{from} imports {to}");
        }
    }
}

#[test]
fn the_arrows_of_the_picture_are_free() {
    for (path, code) in [
        ("src/main.rs", "use reset_receiver::cli;"),
        ("src/lib.rs", "pub mod domain; pub use self::domain::event;"),
        ("src/cli/serve.rs", "use crate::{config::Config, startup, telemetry};"),
        ("src/startup.rs", "use crate::{hooks, operator, vault, store, engine, shutdown};"),
        ("src/hooks/notice.rs", "use crate::{senders, engine::intake, ports, domain};"),
        ("src/operator/page.rs", "use crate::{engine, ports, domain, metrics};"),
        ("src/engine/worker.rs", "use crate::{ports::clock::Clock, domain::event};"),
        ("src/engine/worker.rs", "use super::steps; use crate::engine::steps;"),
        ("src/vault/kv.rs", "use crate::ports::secret_store; use crate::domain::secret;"),
        ("src/ports/console.rs", "use crate::domain::fault::Fault;"),
        ("src/domain/target.rs", "use crate::domain::event; use super::ids;"),
    ] {
        assert_eq!(broken_code(path, code), [], "{path}: {code}");
    }
}

#[test]
fn an_arrow_into_the_roof_or_to_the_root_is_found() {
    for (path, code) in [
        ("src/engine/worker.rs", "use crate::startup::App;"),
        ("src/startup.rs", "use crate::cli::Arguments;"),
        ("src/config/mod.rs", "use crate::startup::App;"),
        ("src/operator/page.rs", "use crate::hooks::limits;"),
        ("src/operator/page.rs", "use crate::senders::notice;"),
        ("src/gadget.rs", "use crate::domain::event;"),
        ("src/engine/worker.rs", "use crate as root;"),
        ("src/engine/worker.rs", "use crate::{self as root};"),
        ("src/engine/worker.rs", "use super::super as root;"),
        ("src/engine/worker.rs", "use super::super::super::elsewhere;"),
        ("src/engine/worker.rs", "use crate::Reexported;"),
    ] {
        assert_eq!(broken_code(path, code), [(Rule::Arrow, 2)], "{path}: {code}");
    }
}

#[test]
fn what_is_not_code_draws_no_arrow() {
    let code = r##"
        /// See [`crate::engine::worker`], and tokio::spawn, and std::time::Instant.
        //! use crate::engine::worker;
        #![doc = "crate::engine::worker"]
        // use crate::engine::worker;
        /* use crate::engine::worker; /* use tokio::spawn; */ */
        pub(in crate::domain) const TEXT: &str = "use crate::engine::worker; // tokio::spawn";
        pub(crate) const RAW: &str = r#"Timestamp::now() "crate::engine" "#;
        const QUOTE: char = '"'; const WORD: char = '\'';
        fn life<'a>(text: &'a str) -> &'a str { text }
    "##;
    assert_eq!(broken_code("src/domain/event.rs", code), []);
}

#[test]
fn the_ground_floor_names_no_world() {
    for code in [
        "use tokio::sync::Mutex;",
        "use actix_web::web;",
        "use {sqlx::Row};",
        "use reqwest as http;",
        "fn roll() -> u8 { rand::random() }",
        "fn go() { ::tokio::spawn(f) }",
        "use std::time::Instant;",
        "use std::time::{Duration, SystemTime};",
        "use std::{time::{self, Instant}, fmt};",
        "fn age() { time::Instant::now() }",
        "fn now() -> Timestamp { Timestamp::now() }",
        "fn now() -> Zoned { jiff::Zoned::now() }",
        "fn id() { Uuid::now_v7() }",
        "use std::fs::read;",
        "use std::{env, fmt};",
    ] {
        assert_eq!(broken_code("src/domain/event.rs", code), [(Rule::Floor, 2)], "{code}");
    }
    let free = "use std::time::Duration; fn at(now: Timestamp, clock: u8) { later(now.second()) }";
    assert_eq!(broken_code("src/domain/event.rs", free), []);
    assert_eq!(broken_code("src/clock.rs", "fn now() { Timestamp::now() }"), []);
}

#[test]
fn the_middle_floors_know_no_web_framework_and_no_database() {
    assert_eq!(broken_code("src/senders/notice.rs", "use actix_web::web;"), [(Rule::Floor, 2)]);
    assert_eq!(broken_code("src/engine/worker.rs", "use sqlx::Row;"), [(Rule::Floor, 2)]);
    assert_eq!(broken_code("src/ports/console.rs", "use reqwest::Client;"), [(Rule::Floor, 2)]);
    assert_eq!(broken_code("src/engine/worker.rs", "use tokio::sync::watch;"), []);
}

#[test]
fn a_file_without_its_purpose_is_found() {
    assert_eq!(broken("src/store/rows.rs", "fn a() {}\n"), [(Rule::Purpose, 1)]);
    assert_eq!(broken("src/store/rows.rs", "\n//! Late.\n"), [(Rule::Purpose, 1)]);
    assert_eq!(broken("src/store/rows.rs", "/// Of the item.\nfn a() {}\n"), [(Rule::Purpose, 1)]);
    assert_eq!(broken("tests/it/rows.rs", ""), [(Rule::Purpose, 1)]);
    assert_eq!(broken("src/store/rows.rs", "//! Rows.\n"), []);
}

#[test]
fn a_file_of_more_than_450_lines_is_found() {
    let most = format!("//! Long.\n{}", "// a line\n".repeat(449));
    assert_eq!(broken("src/store/rows.rs", &most), []);
    assert_eq!(broken("src/store/rows.rs", &format!("{most}//\n")), [(Rule::Length, 451)]);
}

#[test]
fn a_module_whose_name_says_nothing_is_found() {
    for path in ["src/utils.rs", "src/store/row_helpers.rs", "src/common/x.rs", "tests/it/util.rs"]
    {
        assert_eq!(broken_code(path, ""), [(Rule::ModuleName, 1)], "{path}");
    }
    assert_eq!(broken_code("src/store/a.rs", "mod manager {}"), [(Rule::ModuleName, 2)]);
    assert_eq!(broken_code("src/store/a.rs", "pub mod rotation_service;"), [(Rule::ModuleName, 2)]);
}

#[test]
fn a_glob_import_is_found_except_of_the_file_under_test() {
    for code in [
        "use crate::domain::*;",
        "use std::{fmt, io::*};",
        "use super::*;",
        "fn a() { use Kind::*; }",
        "mod inner { use super::*; }",
        "#[cfg(test)] mod tests { use crate::domain::event::*; }",
        "#[cfg(test)] mod tests {} mod inner { use super::*; }",
    ] {
        assert_eq!(broken_code("src/ports/a.rs", code), [(Rule::Glob, 2)], "{code}");
    }
    let free = "#[cfg(test)] mod tests { use super::*; } fn area() -> f64 { std::f64::PI * 2.0 }";
    assert_eq!(broken_code("src/ports/a.rs", free), []);
}

#[test]
fn an_ignored_test_and_a_sleep_are_found() {
    for code in ["#[ignore]", "#[ignore = \"slow\"]", "#[cfg_attr(miri, ignore)]"] {
        let test = format!("{code} #[test] fn a() {{}}");
        assert_eq!(broken_code("tests/it/a.rs", &test), [(Rule::Ignored, 2)], "{code}");
    }
    for code in [
        "fn a() { std::thread::sleep(d) }",
        "fn a() { thread::sleep(d) }",
        "use std::thread::{self, sleep};",
    ] {
        assert_eq!(broken_code("tests/it/a.rs", code), [(Rule::Sleep, 2)], "{code}");
    }
    let free = "/// Never `#[ignore]` or thread::sleep.\nfn a(ignore: bool) { clock.sleep(d) }";
    assert_eq!(broken_code("tests/it/a.rs", free), []);
}

#[test]
fn a_file_that_is_not_rust_is_found() {
    assert_eq!(broken_code("src/store/rows.rs", "fn a( {"), [(Rule::Unreadable, 2)]);
}
