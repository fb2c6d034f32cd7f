//! The demo, run as a person runs it: the program that `cargo test` builds beside these tests.

use std::path::PathBuf;
use std::process::{Command, Output};

/// `target/debug/examples/demo`, seen from `target/debug/deps/it-…`.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own program");
    let profile = test.ancestors().nth(2).expect("it lies in a folder of the profile");
    let program = profile.join("examples").join(format!("demo{}", std::env::consts::EXE_SUFFIX));
    assert!(program.exists(), "{} is missing: cargo build --example demo", program.display());
    program
}

fn run(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).output().expect("it starts")
}

/// The cells of a table's row, which two blanks or more keep apart.
fn cells(table: &str, name: &str) -> Vec<String> {
    let is_it = |line: &&str| line.trim_start().starts_with(name);
    let row = table.lines().find(is_it).unwrap_or_else(|| panic!("no row {name}:\n{table}"));
    row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
}

#[test]
fn the_demo_ends_well_with_the_receiver_and_locked_without_it() {
    let ran = run(&[]);
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert_eq!(ran.status.code(), Some(0), "{out}\n{err}");
    assert_eq!(err, "", "nothing but the demo's own lines");
    assert!(!out.contains('\u{1b}'), "no colour where there is no terminal:\n{out}");
    let (story, table) = out.split_once("WITH THE RECEIVER").expect("a table");
    let told = |what: &str| story.lines().filter(|line| line.contains(what)).count();
    assert_eq!(told("is disabled"), 2, "{story}");
    assert_eq!(told("was disabled already and stays so"), 1, "{story}");
    assert_eq!(told("is well"), 6, "five surfaces and the end:\n{story}");
    assert_eq!(told("the account is LOCKED"), 1, "{story}");

    let measured = |cell: &str| {
        let seconds = cell.strip_prefix("after ").and_then(|cell| cell.strip_suffix(" s"));
        seconds.unwrap_or_else(|| panic!("{cell}:\n{table}")).parse::<f64>().expect("a number")
    };
    let contained = cells(table, "contained");
    let confirmed = cells(table, "confirmed");
    assert!(measured(&contained[1]) < measured(&confirmed[1]), "{table}");
    assert_eq!([contained[2].as_str(), confirmed[2].as_str()], ["never", "never"]);
    let account = cells(table, "Salesforce account");
    assert_eq!(account[1], "not locked");
    assert!(account[2].starts_with("LOCKED after "), "{table}");
    let failed = cells(table, "failed Salesforce logins");
    assert!(["0", "1"].contains(&failed[1].as_str()), "{table}");
    assert!(failed[2].starts_with('3'), "{table}");
    assert_eq!(cells(table, "connectors enabled")[1], "2 of 3, as before");
    assert_eq!(cells(table, "surfaces with the new secret")[1..], ["5 of 5", "0 of 5"]);
}

#[test]
fn a_wrong_use_of_the_demo_is_answered_with_its_usage() {
    let ran = run(&["--bogus"]);
    let err = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(2), "{err}");
    assert!(err.contains("--bogus") && err.contains("Usage: demo"), "{err}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "");
}
