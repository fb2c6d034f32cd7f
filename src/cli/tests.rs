//! What the command line accepts, and how it ends.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use clap::CommandFactory;

use super::{Arguments, Command, Exit, HostCommand, host, parse, report};
use crate::config::Config;

fn parsed(line: &str) -> (Result<Arguments, Exit>, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = line.split_whitespace().map(OsString::from);
    let result = parse(arguments, &mut out, &mut err);
    (result, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn accepted(line: &str) -> Arguments {
    let (result, _, err) = parsed(line);
    result.unwrap_or_else(|_| panic!("{line}: {err}"))
}

fn refused(line: &str) -> String {
    let (result, out, err) = parsed(line);
    assert_eq!(result.unwrap_err(), Exit::Usage, "{line}");
    assert_eq!(out, "", "{line}");
    err
}

#[test]
fn the_definition_holds_together() {
    Arguments::command().debug_assert();
}

#[test]
fn exit_codes_are_0_1_and_2() {
    assert_eq!([Exit::Well, Exit::Wrong, Exit::Usage].map(Exit::code), [0, 1, 2]);
}

#[test]
fn help_and_version_are_answers_and_not_errors() {
    for (line, said) in [
        ("reset-receiver --help", "Exit codes: 0 well"),
        ("reset-receiver rotate --help", "--wait"),
        ("reset-receiver --version", env!("CARGO_PKG_VERSION")),
    ] {
        let (result, out, err) = parsed(line);
        assert_eq!(result.unwrap_err(), Exit::Well, "{line}");
        assert!(out.contains(said), "{out}");
        assert_eq!(err, "", "{line}");
    }
}

#[test]
fn a_wrong_use_ends_with_2_and_says_why_on_the_other_stream() {
    assert!(refused("reset-receiver frobnicate").contains("frobnicate"));
    assert!(refused("reset-receiver rotate").contains("TARGET"));
    assert!(refused("reset-receiver rotate Acme").contains("lower-case"));
    assert!(refused("reset-receiver retry 17").contains("17"));
    refused("reset-receiver");
}

#[test]
fn every_command_is_understood() {
    for line in [
        "reset-receiver serve --config /etc/reset-receiver.toml",
        "reset-receiver --config x.toml check",
        "reset-receiver doctor acme --json",
        "reset-receiver status --watch --json --operator http://localhost:1 --token-file t",
        "reset-receiver rotate acme --wait --timeout 60",
        "reset-receiver retry 0198f2a4-0000-7000-8000-000000000000",
        "reset-receiver use-current-secret 0198f2a4-0000-7000-8000-000000000000",
        "reset-receiver abandon 0198f2a4-0000-7000-8000-000000000000",
        "reset-receiver send --url https://r/v1/resets/flow --key-file k \
         --organization-id 00D5e000001AbCd --username a@b.c",
    ] {
        accepted(line);
    }
    let arguments = accepted("reset-receiver serve --config x.toml");
    assert_eq!(arguments.config, Some(PathBuf::from("x.toml")));
    assert!(matches!(arguments.command, Command::Host(HostCommand::Serve)));
}

#[test]
fn the_commands_of_the_documentation_are_understood() {
    let pages = [
        include_str!("../../deploy/senders.md"),
        include_str!("../../deploy/salesforce/README.md"),
        include_str!("../../deploy/vault/README.md"),
        include_str!("../../deploy/README.md"),
    ];
    let mut count = 0;
    for page in pages {
        let page = page.replace("\\\n", " ");
        let blocks = page.split("```").skip(1).step_by(2).flat_map(str::lines);
        let quoted = page.split('`').filter(|code| code.starts_with("reset-receiver send "));
        for command in blocks.chain(quoted).filter(|line| line.starts_with("reset-receiver ")) {
            accepted(command);
            count += 1;
        }
    }
    assert!(count >= 5, "{count} commands were found");
}

#[test]
fn a_sample_has_one_kind_of_proof_and_at_least_one_key_of_the_user() {
    let base = "reset-receiver send --url https://r/v1/resets/flow";
    let organization = "--organization-id 00D5e000001AbCd";
    refused(&format!("{base} {organization} --username a@b.c"));
    refused(&format!("{base} {organization} --username a@b.c --key-file k --token-file t"));
    refused(&format!("{base} {organization} --key-file k"));
    refused(&format!("{base} --username a@b.c --key-file k"));
    accepted(&format!("{base} {organization} --user-id 0055e000002KjHg --token-file t"));
}

#[test]
fn an_error_is_reported_with_what_is_below_it() {
    #[derive(Debug, thiserror::Error)]
    #[error("the top")]
    struct Top(#[source] io::Error);

    let mut line = Vec::new();
    report(&Top(io::Error::other("the bottom")), &mut line).unwrap();
    assert_eq!(String::from_utf8(line).unwrap(), "reset-receiver: the top: the bottom\n");
}

#[test]
fn a_check_says_that_it_did_not_look_into_the_files() {
    let text = "[hooks]\ncertificate_file = \"c\"\nprivate_key_file = \"k\"\n\
                [store]\nfingerprint_key_file = \"f\"\n[vault]\naddress = \"https://vault\"\n\
                [vault.auth]\nmethod = \"token\"\ntoken_file = \"t\"\n";
    let mut out = Vec::new();
    assert_eq!(host::check(&Config::parse(text, []).unwrap(), &mut out).unwrap(), Exit::Well);
    let expected = "the configuration is well: 0 target(s) with 0 surface(s), 0 console account(s), \
                    0 source(s); the files that it names were not checked\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}
