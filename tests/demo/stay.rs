//! `--stay`: everything stays up, with its addresses and commands, and Enter resets once more.

use std::io;
use std::thread;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::comparison::report;
use crate::receiver::{CONSOLE_PATH, Receiver, SECRET_PATH};
use crate::round::{SECRET_AFTER, Stage};
use crate::screen::{Screen, Tone};
use crate::trouble::Trouble;
use crate::vault_stand_in::MOUNT;
use crate::world::{CONSOLE_PASSWORD, CONSOLE_USER, USERNAME};

/// Plays a reset for every Enter until `stop` is cancelled.
pub(crate) async fn stay(
    stage: &Stage,
    receiver: &Receiver,
    screen: &mut Screen,
    stop: &CancellationToken,
) -> Result<(), Trouble> {
    tell(stage, receiver, screen)?;
    let mut enters = enters()?;
    let mut number = 2_u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Some(()) = enters.recv() => {}
            // Without somebody who types, a signal is what ends it.
            else => {
                stop.cancelled().await;
                return Ok(());
            }
        }
        number += 1;
        screen.say(Tone::Plain, "")?;
        let password = format!("New-password-{number}");
        let ending = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            ending = stage.play(receiver, screen, &password) => ending?,
        };
        report(&ending, stage, screen)?;
        screen.say(Tone::Quiet, "\n  Enter resets once more, Ctrl-C ends it.")?;
    }
}

/// Every Enter on standard input. It is read by a thread, as nothing else can wait for it; the
/// thread ends with the process.
fn enters() -> io::Result<mpsc::Receiver<()>> {
    let (typed, enters) = mpsc::channel(1);
    thread::Builder::new().name("enter".to_owned()).spawn(move || {
        for line in io::stdin().lines() {
            if line.is_err() || typed.blocking_send(()).is_err() {
                return;
            }
        }
    })?;
    Ok(enters)
}

fn tell(stage: &Stage, receiver: &Receiver, screen: &mut Screen) -> io::Result<()> {
    let file = |name: &str| stage.files.path(name).display().to_string();
    let (operator, hooks) = (receiver.operator.as_str().trim_end_matches('/'), receiver.hooks);
    let (token, vault) = (file("operator-token"), stage.vault.url());
    let console = stage.with.simulator.console_url();
    let organization = stage.with.simulator.salesforce().organization_id();
    let run = "cargo run --release --quiet --";
    screen.say(Tone::Strong, "\n  Everything stays up until Ctrl-C. Enter resets once more;")?;
    let seconds = SECRET_AFTER.as_secs();
    screen.say(Tone::Strong, &format!("  a new secret follows {seconds} s later.\n"))?;
    for (what, where_) in [
        ("hooks listener", format!("https://{hooks}/v1/resets/flow")),
        ("operator API", format!("{operator}/v1/targets")),
        ("operator token file", token.clone()),
        ("all files", stage.files.directory().display().to_string()),
        ("simulated console", format!("{console}   {CONSOLE_USER} / {CONSOLE_PASSWORD}")),
        ("  without receiver", stage.without.simulator.console_url().to_owned()),
        ("stand-in for Vault", vault.to_owned()),
        ("  secrets", format!("{MOUNT}/{SECRET_PATH}, {MOUNT}/{CONSOLE_PATH}")),
    ] {
        screen.say(Tone::Plain, &format!("  {what:<20}  {where_}"))?;
    }
    screen.say(Tone::Strong, "\n  To try in another terminal, here in the repository:\n")?;
    let access = format!("--operator {operator} --token-file {token}");
    let bearer = format!("-H \"Authorization: Bearer $(cat {token})\"");
    let (key, ca) = (file("signing-key"), file("tls.crt"));
    let vault_token = format!("-H \"X-Vault-Token: $(cat {})\"", file("vault-token"));
    for (what, command) in [
        ("where every target stands", format!("{run} status {access}")),
        ("the same from the operator API", format!("curl -s {bearer} {operator}/v1/targets")),
        ("every rotation", format!("curl -s {bearer} {operator}/v1/rotations")),
        ("what is counted and timed", format!("curl -s {operator}/metrics")),
        (
            "whether a rotation would find all that it needs",
            format!("{run} doctor --config {}", file("config.toml")),
        ),
        (
            "what the stand-in for Vault holds",
            format!("curl -s {vault_token} {vault}/v1/{MOUNT}/metadata/{SECRET_PATH}"),
        ),
        (
            "tell of a reset by hand: contained, it waits for a new secret, which Enter brings",
            format!(
                "{run} send --url https://{hooks}/v1/resets/flow --key-file {key} --ca-file {ca} \
                 --organization-id {organization} --username {USERNAME}"
            ),
        ),
        ("the same as an operator, and watch it", format!("{run} rotate acme --wait {access}")),
    ] {
        screen.say(Tone::Quiet, &format!("  # {what}"))?;
        screen.say(Tone::Plain, &format!("  {command}"))?;
    }
    Ok(())
}
