//! The sample notice that `send` signs and sends, as a receiver sees it.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::header::{HeaderMap, HeaderValue};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use reset_receiver::cli::remote::RemoteCommand;
use reset_receiver::cli::send::{SendArguments, SendError, send};
use reset_receiver::cli::{Command, Exit, parse, report};
use reset_receiver::clock::SystemClock;
use reset_receiver::domain::event::{ResetEvent, ResetKind, Subject};
use reset_receiver::domain::ids::SourceName;
use reset_receiver::domain::secret::{SecretLocation, SecretVersion};
use reset_receiver::ports::clock::Clock;
use reset_receiver::senders::bearer::Bearer;
use reset_receiver::senders::delivery::{Delivery, Headers};
use reset_receiver::senders::keys::{BearerToken, SigningKey};
use reset_receiver::senders::notice::parse as parse_notice;
use reset_receiver::senders::source::{Authentication, Format, Rate, Source};
use reset_receiver::senders::standard_webhooks::StandardWebhooks;
use reset_receiver::senders::vault_event::{Reading, VaultEvent};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const KEY: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
const TOKEN: &str = "a-bearer-token-of-the-flow";
const WINDOW: Duration = Duration::from_mins(5);
const SAMPLE: &str = "--organization-id 00D5e000001AbCd --username Sync@Acme.example \
                      --type token_reset --id sample-1 --occurred-at 2026-03-02T08:00:00Z";

/// A receiver that checks and reads what it gets with the product's own senders.
struct Receiver {
    url: String,
    events: UnboundedReceiver<ResetEvent>,
    server: ServerHandle,
}

struct Got<'a>(&'a HeaderMap);

impl Headers for Got<'_> {
    fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.0.get_all(name);
        values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
    }
}

fn source(authentication: Authentication) -> Source {
    Source {
        name: SourceName::parse("flow").unwrap(),
        format: Format::Notice,
        authentications: vec![authentication],
        targets: None,
        rate: Rate { burst: NonZeroU32::MIN, per_minute: NonZeroU32::MIN },
        future: WINDOW,
    }
}

async fn take(
    request: HttpRequest,
    body: web::Bytes,
    source: web::Data<Source>,
    events: web::Data<UnboundedSender<ResetEvent>>,
) -> HttpResponse {
    let delivery = Delivery { headers: &Got(request.headers()), body: &body };
    let now = SystemClock.now();
    let Ok(proof) = source.authenticate(&delivery, now) else {
        return HttpResponse::Unauthorized().body("a stranger");
    };
    assert_eq!(request.headers().get("content-type").unwrap(), "application/json");
    events.send(parse_notice(&source.name, &proof, &body, now, WINDOW).unwrap()).unwrap();
    HttpResponse::Accepted().body("{\"status\":\"accepted\"}\n")
}

async fn take_vault_event(
    request: HttpRequest,
    body: web::Bytes,
    source: web::Data<Source>,
    events: web::Data<UnboundedSender<ResetEvent>>,
) -> HttpResponse {
    let (headers, now) = (Got(request.headers()), SystemClock.now());
    let proof = source.authenticate(&Delivery { headers: &headers, body: &body }, now).unwrap();
    let (source, proof, body) = (&source.name, &proof, &body);
    let reading = Reading { source, proof, headers: &headers, body, now, window: WINDOW };
    let VaultEvent::Written(event) = reading.read().unwrap() else { panic!("nothing written") };
    events.send(event).unwrap();
    HttpResponse::Accepted().finish()
}

impl Receiver {
    fn start(authentication: Authentication) -> Self {
        let (sender, events) = unbounded_channel();
        let source = web::Data::new(source(authentication));
        let sender = web::Data::new(sender);
        let app = move || {
            let app = App::new().app_data(source.clone()).app_data(sender.clone());
            app.route("/v1/resets/flow", web::post().to(take))
                .route("/v1/vault-events/flow", web::post().to(take_vault_event))
        };
        let server = HttpServer::new(app).workers(1).disable_signals();
        let server = server.bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/resets/flow", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        drop(tokio::spawn(server));
        Self { url, events, server: handle }
    }

    fn signed() -> Self {
        let keys = vec![SigningKey::parse(KEY).unwrap()];
        Self::start(Authentication::StandardWebhooks(StandardWebhooks::new(keys, WINDOW)))
    }

    /// The one event that came, after the receiver has stopped.
    async fn stop(mut self) -> Option<ResetEvent> {
        self.server.stop(true).await;
        let event = self.events.try_recv().ok();
        assert!(self.events.try_recv().is_err(), "more than one event");
        event
    }
}

/// A file with that content.
fn file(content: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    file
}

fn arguments(url: &str, proof: &str, file: &Path, more: &str) -> SendArguments {
    let file = file.display();
    let line = format!("reset-receiver send --url {url} --{proof}-file {file} {SAMPLE} {more}");
    let words = line.split_whitespace().map(OsString::from);
    let arguments = parse(words, &mut Vec::new(), &mut Vec::new()).unwrap();
    let Command::Remote(RemoteCommand::Send(sample)) = arguments.command else {
        panic!("not a sample: {line}")
    };
    *sample
}

async fn sent(arguments: &SendArguments) -> (Result<Exit, SendError>, String) {
    let mut out = Vec::new();
    let exit = send(arguments, &mut out, &SystemClock).await;
    (exit, String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn a_signed_sample_is_authentic_and_says_what_it_was_told_to_say() {
    let receiver = Receiver::signed();
    let key = file(&format!("{KEY}\n"));
    let (exit, out) = sent(&arguments(&receiver.url, "key", key.path(), "")).await;
    assert_eq!(exit.unwrap(), Exit::Well);
    assert_eq!(out, "202 Accepted\n{\"status\":\"accepted\"}\n");
    let event = receiver.stop().await.unwrap();
    assert_eq!(event.id.as_str(), "sample-1");
    assert_eq!(event.kind.as_str(), "token_reset");
    assert_eq!(event.occurred_at.to_string(), "2026-03-02T08:00:00Z");
    let subject = format!("{:?}", event.subject);
    assert!(subject.contains("00D5e000001AbCd") && subject.contains("sync@acme.example"));
}

fn about_secret(url: &str, key: &Path, format: &str) -> String {
    format!(
        "reset-receiver send --url {url} --format {format} --key-file {} \
         --secret-path secret/data/salesforce/acme --secret-version 7 --id sample-1 \
         --occurred-at 2026-03-02T08:00:00Z",
        key.display()
    )
}

fn read(line: &str) -> Option<SendArguments> {
    let words = line.split_whitespace().map(OsString::from);
    let command = parse(words, &mut Vec::new(), &mut Vec::new()).ok()?.command;
    if let Command::Remote(RemoteCommand::Send(sample)) = command { Some(*sample) } else { None }
}

#[tokio::test]
async fn a_sample_of_a_written_secret_is_a_vault_event_in_every_form() {
    let key = file(KEY);
    let forms = [
        ("secret-notice", "sample-1"),
        ("cloudevent", "vault://sample#sample-1"),
        ("cloudevent-binary", "sample-1"),
        ("vault-event", "vault://sample#sample-1"),
    ];
    for (format, id) in forms {
        let receiver = Receiver::signed();
        let url = receiver.url.replace("/v1/resets/", "/v1/vault-events/");
        let (exit, out) = sent(&read(&about_secret(&url, key.path(), format)).unwrap()).await;
        assert_eq!(exit.unwrap(), Exit::Well, "{format}: {out}");
        let event = receiver.stop().await.unwrap();
        assert_eq!((event.id.as_str(), event.kind), (id, ResetKind::SecretWritten), "{format}");
        let location =
            SecretLocation { mount: "secret".to_owned(), path: "salesforce/acme".to_owned() };
        let version = Some(SecretVersion(7));
        assert_eq!(event.subject, Subject::Secret { location, version }, "{format}");
        if format != "cloudevent-binary" {
            assert_eq!(event.occurred_at.to_string(), "2026-03-02T08:00:00Z", "{format}");
        }
    }
}

#[tokio::test]
async fn a_printed_binary_sample_has_its_attributes_as_headers() {
    let key = file(KEY);
    let line =
        about_secret("https://receiver.example/v1/vault-events/a", key.path(), "vault-event");
    let line = format!("{line} --print").replace("vault-event --key", "cloudevent-binary --key");
    let (exit, out) = sent(&read(&line).unwrap()).await;
    assert_eq!(exit.unwrap(), Exit::Well);
    for header in ["ce-specversion: 1.0", "ce-id: sample-1", "ce-time: 2026-03-02T08:00:00Z"] {
        assert!(out.contains(&format!("--header '{header}'")), "{header}: {out}");
    }
}

#[tokio::test]
async fn a_sample_is_about_a_secret_or_about_a_login() {
    let key = file(KEY);
    let line = about_secret("https://receiver.example/v1/resets/a", key.path(), "secret-notice");
    assert!(read(&format!("{line} --username a@b.c")).is_none(), "one or the other");
    assert!(read(&line.replace("--secret-version 7", "")).is_none(), "no version");
    assert!(read(&line.replace("/data/", "/")).is_none(), "no data path");
    for format in ["notice", "outbound-message"] {
        let (exit, _) = sent(&read(&line.replace("secret-notice", format)).unwrap()).await;
        assert_eq!(exit.unwrap_err().exit(), Exit::Usage, "{format}");
    }
    let login =
        arguments("https://receiver.example/v1/resets/a", "key", key.path(), "--format cloudevent");
    assert_eq!(sent(&login).await.0.unwrap_err().exit(), Exit::Usage);
}

#[tokio::test]
async fn a_sample_with_a_token_is_authentic() {
    let token = BearerToken::parse(TOKEN).unwrap();
    let receiver = Receiver::start(Authentication::Bearer(Bearer::new(vec![token])));
    let token = file(TOKEN);
    let (exit, _) = sent(&arguments(&receiver.url, "token", token.path(), "")).await;
    assert_eq!(exit.unwrap(), Exit::Well);
    assert!(receiver.stop().await.is_some());
}

#[tokio::test]
async fn a_sample_under_another_key_ends_wrong_with_the_receivers_answer() {
    let receiver = Receiver::signed();
    let key = file("whsec_OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2");
    let (exit, out) = sent(&arguments(&receiver.url, "key", key.path(), "")).await;
    assert_eq!(exit.unwrap(), Exit::Wrong);
    assert_eq!(out, "401 Unauthorized\na stranger\n");
    assert!(receiver.stop().await.is_none());
}

#[tokio::test]
async fn a_printed_sample_holds_no_key_and_sends_nothing() {
    let receiver = Receiver::signed();
    let key = file(KEY);
    let arguments = arguments(&receiver.url, "key", key.path(), "--print");
    let (exit, out) = sent(&arguments).await;
    assert_eq!(exit.unwrap(), Exit::Well);
    assert!(out.starts_with("curl --request POST 'http"), "{out}");
    assert!(!out.contains(KEY), "{out}");
    assert!(receiver.stop().await.is_none(), "nothing was sent");
}

#[tokio::test]
async fn a_printed_sample_leaves_the_token_in_its_file() {
    let token = file(TOKEN);
    let url = "https://receiver.example/v1/resets/flow";
    let arguments = arguments(url, "token", token.path(), "--print --ca-file it's.pem");
    let (exit, out) = sent(&arguments).await;
    assert_eq!(exit.unwrap(), Exit::Well);
    assert!(!out.contains(TOKEN), "{out}");
    let file = token.path().display();
    assert!(out.contains(&format!("\"authorization: Bearer $(cat '{file}')\"")), "{out}");
    assert!(out.contains(r"--cacert 'it'\''s.pem'"), "{out}");
    assert!(out.contains("--data-raw '{\"id\":\"sample-1\",\"type\":\"token_reset\","), "{out}");
}

#[tokio::test]
async fn files_that_cannot_be_used_are_a_wrong_use_and_are_not_shown() {
    let (bad, missing) = (file("hunter2"), Path::new("not/there"));
    let url = "http://127.0.0.1:9/v1/resets/flow";
    let good = file(KEY);
    let no_authorities = format!("--ca-file {}", bad.path().display());
    for (proof, file, more) in [
        ("key", bad.path(), ""),
        ("token", bad.path(), ""),
        ("key", missing, ""),
        ("key", good.path(), &no_authorities),
        ("key", good.path(), "--ca-file not/there"),
    ] {
        let error = sent(&arguments(url, proof, file, more)).await.0.unwrap_err();
        assert_eq!(error.exit(), Exit::Usage, "{error}");
        let mut line = Vec::new();
        report(&error, &mut line).unwrap();
        let shown = format!("{error:?} {}", String::from_utf8(line).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
