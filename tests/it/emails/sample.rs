//! The sample mails that `send` posts, as a real listener sees them.

use std::ffi::OsString;

use reset_receiver::cli::remote::RemoteCommand;
use reset_receiver::cli::send::send;
use reset_receiver::cli::{Command, Exit, parse};
use reset_receiver::hooks::limits::Limits;
use reset_receiver::senders::email::basic::BasicLogin;
use reset_receiver::senders::email::mailbox::RelayProof;

use super::amazon::Signer;
use super::events;
use super::relays::{LOGINS, MAILGUN_KEYS, mailbox, source};
use crate::support::mail_town::MailTown;
use crate::support::public_listener::{KEY, PublicListener, at_now};
use reset_receiver::senders::email::relay::Relay;

/// Runs `send` against a listener; what it ends with and what it prints.
async fn sent(listener: &PublicListener, format: &str, more: &str) -> (Option<Exit>, String) {
    let path = |name: &str| listener.directory.path().join(name);
    let (proof, secret) = match format {
        "mailgun" => ("key", MAILGUN_KEYS[0]),
        "mime" => ("key", KEY),
        _ => ("login", LOGINS[0]),
    };
    std::fs::write(path(format), secret).unwrap();
    let line = format!(
        "reset-receiver send --url https://localhost:{}/v1/emails/{format} --format {format} \
         --{proof}-file {} --ca-file {} --organization-id 00D5e000001AbCdEAK \
         --username gator.sync@example.com --id sample-{format} {more}",
        listener.address.port(),
        path(format).display(),
        path("tls.crt").display(),
    );
    let words = line.split_whitespace().map(OsString::from);
    let arguments = parse(words, &mut Vec::new(), &mut Vec::new()).unwrap();
    let Command::Remote(RemoteCommand::Send(arguments)) = arguments.command else {
        panic!("not a sample: {line}")
    };
    let mut out = Vec::new();
    let exit = send(&arguments, &mut out, &*at_now()).await.ok();
    (exit, String::from_utf8(out).unwrap())
}

async fn listener() -> PublicListener {
    let sources = Relay::ALL.into_iter().map(|relay| {
        let mut mailbox = mailbox(relay);
        mailbox.require_verdict = relay != Relay::Mime;
        // Nobody but SendGrid can sign as SendGrid does.
        let login = BasicLogin::parse(LOGINS[0]).unwrap();
        mailbox.proofs.push(RelayProof::Basic(vec![login]));
        source(relay.as_str(), mailbox, 100)
    });
    let town = MailTown::new(sources.collect(), Signer::web());
    PublicListener::with_mails(Limits::default(), 100, at_now(), town).await
}

#[tokio::test]
async fn every_sample_mail_is_taken() {
    let listener = listener().await;
    let formats = ["mailgun", "sendgrid", "postmark", "cloudmailin", "mime"];
    for format in formats {
        let (exit, out) = sent(&listener, format, "").await;
        assert_eq!(exit, Some(Exit::Well), "{format}: {out}");
        assert!(out.starts_with("200 OK\n") && out.contains("accepted"), "{format}: {out}");
    }
    assert_eq!(events(&listener).await, formats.map(|format| format!("sample-{format}")));
}

#[tokio::test]
async fn a_printed_sample_mail_holds_no_secret_and_none_tells_of_a_token() {
    let listener = listener().await;
    for (format, secret) in [("mailgun", MAILGUN_KEYS[0]), ("postmark", LOGINS[0]), ("mime", KEY)] {
        let (exit, out) = sent(&listener, format, "--print").await;
        assert_eq!(exit, Some(Exit::Well));
        assert!(out.starts_with("curl ") && !out.contains(secret), "{out}");
        assert_eq!(sent(&listener, format, "--type token_reset").await.0, None, "{format}");
    }
    assert!(events(&listener).await.is_empty(), "nothing was sent");
}
