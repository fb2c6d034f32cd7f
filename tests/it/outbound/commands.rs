//! `fingerprint`, `check` and `send`, with what they are for.

use std::ffi::OsString;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::KeyPair;
use reset_receiver::cli::fingerprint::fingerprint;
use reset_receiver::cli::remote::RemoteCommand;
use reset_receiver::cli::send::{SendError, send};
use reset_receiver::cli::{Command, Exit, host, parse};
use reset_receiver::config::Config;
use reset_receiver::domain::pin::Pin;
use reset_receiver::hooks::limits::Limits;
use reset_receiver::senders::hmac_body::{BodyKey, HmacBody};
use reset_receiver::senders::source::{Authentication, Format, Source};
use reset_receiver::senders::standard_webhooks::DEFAULT_WINDOW;
use serde_json::Value;

use super::bench::{
    SECRET, Shown, kept, of_salesforce, of_salesforce_with, pinned, reset_event, source, user,
};
use crate::support::public_listener::{PublicListener, at_now};

const BODY_KEY: &str = "0123456789abcdef0123456789abcdef";

fn command(line: &str) -> Command {
    let words = line.split_whitespace().map(OsString::from);
    parse(words, &mut Vec::new(), &mut Vec::new()).unwrap().command
}

fn fingerprinted(directory: &Path, shown: &Shown, json: &str) -> String {
    let path = directory.join("shown.pem");
    std::fs::write(&path, &shown.pem).unwrap();
    let line = format!("reset-receiver fingerprint {} {json}", path.display());
    let Command::Fingerprint(arguments) = command(&line) else { panic!("{line}") };
    let mut out = Vec::new();
    assert_eq!(fingerprint(&arguments, &mut out).unwrap(), Exit::Well);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_fingerprint_is_the_pin_that_a_source_takes() {
    let directory = tempfile::tempdir().unwrap();
    let shown = of_salesforce("ours.example");
    let [certificate, public_key] = shown.pins().map(|pin| pin.to_string());
    let text = fingerprinted(directory.path(), &shown, "");
    assert!(text.contains(&format!("certificate  {certificate}\n")), "{text}");
    assert!(text.contains(&format!("public key   {public_key}\n")), "{text}");
    assert!(text.contains("CN=ours.example") && !text.contains("warning"), "{text}");
    let json: Value =
        serde_json::from_str(&fingerprinted(directory.path(), &shown, "--json")).unwrap();
    assert_eq!(json["certificate"], certificate);
    assert_eq!(json["public_key"], public_key);
    assert_eq!(json["shared_by_salesforce"], false);
    let shared = of_salesforce("proxy.salesforce.com");
    assert!(fingerprinted(directory.path(), &shared, "").contains("warning: Salesforce shows"));
}

#[test]
fn the_pins_are_those_that_openssl_computes() {
    let shown = of_salesforce("ours.example");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.pem");
    std::fs::write(&path, &shown.pem).unwrap();
    let openssl = |arguments: &[&str]| {
        let output = std::process::Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let path = path.to_str().unwrap();
    let print = openssl(&["x509", "-in", path, "-noout", "-fingerprint", "-sha256"]);
    let digits = print.trim().split_once('=').unwrap().1;
    let pin = |text: &str| Pin::parse(&format!("sha256:{text}")).unwrap();
    assert_eq!(pin(digits), shown.pins()[0]);
    let key = openssl(&["x509", "-in", path, "-noout", "-pubkey"]);
    let der: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let der = STANDARD.decode(der).unwrap();
    assert_eq!(Pin::of(&der), shown.pins()[1]);
}

#[test]
fn a_file_without_a_certificate_has_no_fingerprint() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for content in ["", "nonsense", &KeyPair::generate().unwrap().serialize_pem()] {
        std::fs::write(file.path(), content).unwrap();
        let line = format!("reset-receiver fingerprint {}", file.path().display());
        let Command::Fingerprint(arguments) = command(&line) else { panic!("{line}") };
        assert!(fingerprint(&arguments, &mut Vec::new()).is_err(), "{content}");
    }
}

#[test]
fn check_warns_of_a_shared_certificate_and_ends_well() {
    let directory = tempfile::tempdir().unwrap();
    let checked = |name: &str, more: &str| {
        let path = directory.path().join("pinned.pem");
        std::fs::write(&path, of_salesforce(name).pem).unwrap();
        let text = format!(
            "[hooks]\ncertificate_file = \"c\"\nprivate_key_file = \"k\"\n[store]\n\
             fingerprint_key_file = \"f\"\n[vault]\naddress = \"https://vault:8200\"\n[vault.auth]\n\
             method = \"token\"\ntoken_file = \"t\"\n[sources.sf]\nformat = \"outbound-message\"\n\
             organization_ids = [\"00D5e000001AbCdEAK\"]\n[sources.sf.message]\nobject = \"User\"\n\
             user_id_field = \"Id\"\noccurred_at_field = \"LastPasswordChangeDate\"\n\
             [[sources.sf.authentication]]\nscheme = \"mtls\"\ncertificate_files = [\"{}\"]\n{more}",
            path.display()
        );
        let mut out = Vec::new();
        let exit = host::check(&Config::parse(&text, []).unwrap(), &mut out).unwrap();
        (exit, String::from_utf8(out).unwrap())
    };
    let (exit, text) = checked("proxy.salesforce.com", "");
    assert_eq!(exit, Exit::Well);
    assert!(text.starts_with("warning: sources.sf: the certificate is the one"), "{text}");
    let (_, text) = checked("proxy.salesforce.com", "path_secret_files = [\"s\"]\n");
    assert!(!text.contains("warning"), "{text}");
    let (_, text) = checked("ours.example", "");
    assert!(!text.contains("warning"), "{text}");
}

async fn sent(
    receiver: &PublicListener,
    path: &str,
    more: &str,
) -> (Result<Exit, SendError>, String) {
    let root = receiver.directory.path().join("root.pem");
    std::fs::write(&root, &receiver.certificate.pem).unwrap();
    let line = format!(
        "reset-receiver send --url https://localhost:{}{path} --ca-file {} \
         --organization-id 00D5e000001AbCdEAK --username gator.sync@example.com \
         --user-id 0055e000002KjHgAAK {more}",
        receiver.address.port(),
        root.display()
    );
    let Command::Remote(RemoteCommand::Send(arguments)) = command(&line) else { panic!("{line}") };
    let mut out = Vec::new();
    let exit = send(&arguments, &mut out, &*at_now()).await;
    (exit, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn a_sample_message_goes_the_whole_way_with_its_certificate_and_its_secret() {
    let key = KeyPair::generate().unwrap();
    let ours = of_salesforce_with("ours.example", &key);
    let accepts = || vec![pinned(&ours.pins(), &[SECRET])];
    let sources =
        vec![source("salesforce", reset_event(), accepts()), source("users", user(), accepts())];
    let receiver = PublicListener::of(sources, Limits::default()).await;
    let file = |name: &str, text: &str| {
        let path = receiver.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let proof = format!(
        "--format outbound-message --certificate-file {} --private-key-file {} --path-secret-file {}",
        file("c.pem", &ours.pem),
        file("c.key", &ours.key_pem),
        file("secret", SECRET)
    );
    let route = "/v1/outbound-messages/salesforce";
    let (exit, text) = sent(&receiver, route, &format!("{proof} --type token_reset")).await;
    assert_eq!(exit.unwrap(), Exit::Well, "{text}");
    let events = kept(&receiver);
    assert!(events[0].kind == "token_reset" && events[0].is_matched, "{events:?}");
    let more = format!("{proof} --object User --id 04l000000000000AAA");
    let (exit, text) = sent(&receiver, "/v1/outbound-messages/users", &more).await;
    assert_eq!(exit.unwrap(), Exit::Well, "{text}");
    assert!(kept(&receiver).iter().all(|event| event.is_matched));
    // Without the secret it is a stranger, and says so with its exit code.
    let without = proof.split(" --path-secret-file").next().unwrap();
    let (exit, text) = sent(&receiver, route, without).await;
    assert_eq!(exit.unwrap(), Exit::Wrong);
    assert!(text.contains("401") && !text.contains(SECRET), "{text}");
    let (exit, text) = sent(&receiver, route, &format!("{proof} --print")).await;
    assert_eq!(exit.unwrap(), Exit::Well);
    assert!(text.contains("--cert ") && text.contains("/\"$(cat "), "{text}");
    assert!(!text.contains(SECRET) && !text.contains("PRIVATE"), "{text}");
}

#[tokio::test]
async fn a_sample_notice_is_signed_over_its_body() {
    let keys = vec![BodyKey::parse(BODY_KEY).unwrap()];
    let accepts = vec![Authentication::HmacBody(HmacBody::new(keys, DEFAULT_WINDOW))];
    let source = Source { format: Format::Notice, ..source("flow", reset_event(), accepts) };
    let receiver = PublicListener::of(vec![source], Limits::default()).await;
    let file = receiver.directory.path().join("body-key");
    std::fs::write(&file, BODY_KEY).unwrap();
    let proof = format!("--hmac-key-file {}", file.display());
    let (exit, text) = sent(&receiver, "/v1/resets/flow", &proof).await;
    assert_eq!(exit.unwrap(), Exit::Well, "{text}");
    assert_eq!(kept(&receiver).len(), 1);
}
