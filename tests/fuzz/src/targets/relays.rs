//! What relays post: nothing of it counts without the relay's proof, and with it anything is read.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::CertificateParams;
use reset_receiver::domain::ids::OrganizationId;
use reset_receiver::ports::web::{Web, WebTrouble};
use reset_receiver::senders::aside::Aside;
use reset_receiver::senders::email::basic::BasicLogin;
use reset_receiver::senders::email::mailbox::{Mailbox, RelayProof};
use reset_receiver::senders::email::mailgun::MailgunKey;
use reset_receiver::senders::email::opening::{Memory, Opened, Post, Unopened};
use reset_receiver::senders::email::patterns::Patterns;
use reset_receiver::senders::email::relay::Relay;
use reset_receiver::senders::email::sendgrid::{self, SendGridKey};
use reset_receiver::senders::email::sns::TopicArn;
use serde_json::json;
use url::Url;

use super::mail::{wait, within_limits};
use super::request::{Request, WINDOW, now};

const LOGIN: &str = "relay:password-password-password";
const MAILGUN: &str = "seed-mailgun-signing-key";
const TOPIC: &str = "arn:aws:sns:eu-west-2:111122223333:sf-token-mail";
const CERTIFICATE: &str = "https://sns.eu-west-2.amazonaws.com/SimpleNotificationService-0.pem";

/// A mailbox of a relay with one key.
fn mailbox(relay: Relay, proof: RelayProof) -> Mailbox {
    static PATTERNS: LazyLock<Arc<Patterns>> = LazyLock::new(|| Arc::new(Patterns::built_in()));
    Mailbox {
        relay,
        proofs: vec![proof],
        organization: OrganizationId::parse("00D5e000001AbCdEAK").expect("it is an id"),
        patterns: Arc::clone(&PATTERNS),
        require_verdict: true,
        authority: Some("mx.example".to_owned()),
        write_token: false,
    }
}

/// The web with Amazon's certificate alone.
struct Amazon(String);

#[async_trait]
impl Web for Amazon {
    async fn get(&self, url: &Url) -> Result<Vec<u8>, WebTrouble> {
        assert!(url.host_str().is_some_and(|host| host.starts_with("sns.")), "visited {url}");
        if url.as_str() == CERTIFICATE {
            Ok(self.0.clone().into_bytes())
        } else {
            Err(WebTrouble::Status(404))
        }
    }
}

/// Reads everything where it stands.
struct Here;

impl Aside for Here {
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        Some(work())
    }
}

/// Opens a post; what is a mail stays within its limits.
fn open(mailbox: &Mailbox, request: &Request, web: Arc<dyn Web>) -> Result<Opened, Unopened> {
    let post = Post { headers: request, body: request.body.clone() };
    let memory = Memory::new(web);
    let mailbox = Arc::new(mailbox.clone());
    let opened = wait(mailbox.open(&post, &memory, &Here, now(), WINDOW));
    if let Ok(Opened::Mail(letter)) = &opened {
        within_limits(&letter.mail);
    }
    opened
}

fn nowhere() -> Arc<dyn Web> {
    Arc::new(Amazon(String::new()))
}

/// Nobody without the proof gets anywhere.
fn refused(mailbox: &Mailbox, request: &Request, web: Arc<dyn Web>) {
    let opened = open(mailbox, request, web);
    assert!(opened.is_err(), "without a proof: {opened:?}");
}

/// Whether the proof itself was believed.
fn believed(opened: &Result<Opened, Unopened>) {
    assert!(!matches!(opened, Err(Unopened::Unauthenticated(_))), "{opened:?}");
}

/// JSON behind a login.
fn with_login(relay: Relay, bytes: &[u8]) {
    let login = RelayProof::Basic(vec![BasicLogin::parse(LOGIN).expect("it is a login")]);
    let mailbox = mailbox(relay, login);
    let request = Request::with("content-type", "application/json", bytes);
    refused(&mailbox, &request, nowhere());
    let header = format!("Basic {}", STANDARD.encode(LOGIN));
    believed(&open(&mailbox, &request.and("authorization", &header), nowhere()));
}

/// Postmark's JSON.
pub(crate) fn postmark(bytes: &[u8]) {
    with_login(Relay::Postmark, bytes);
}

/// `CloudMailin`'s JSON.
pub(crate) fn cloudmailin(bytes: &[u8]) {
    with_login(Relay::CloudMailin, bytes);
}

/// Mailgun's form, without its time, token and signature.
pub(crate) fn mailgun(bytes: &[u8]) {
    let key = MailgunKey::parse(MAILGUN).expect("it is long enough");
    let (time, token) = ("1772442904", "seed-token");
    let signature = key.sign(time, token);
    let mailbox = mailbox(Relay::Mailgun, RelayProof::Mailgun(vec![key]));
    let kind = "application/x-www-form-urlencoded";
    let post = |body: &[u8]| open(&mailbox, &Request::with("content-type", kind, body), nowhere());
    let unsigned = post(bytes);
    assert!(
        unsigned.is_err() || bytes.windows(64).any(|part| part == signature.as_bytes()),
        "{unsigned:?}"
    );
    let body = format!("timestamp={time}&token={token}&signature={signature}&");
    let signed = post(&[body.as_bytes(), bytes].concat());
    if let Ok(Opened::Mail(mail)) = signed {
        let moved = body.replace(time, "1772442905");
        assert!(post(&[moved.as_bytes(), bytes].concat()).is_err(), "another time: {mail:?}");
    }
}

/// `SendGrid`'s form: the first line is its content type.
pub(crate) fn sendgrid(bytes: &[u8]) {
    static KEYS: LazyLock<[EcdsaKeyPair; 2]> = LazyLock::new(|| {
        [(); 2].map(|()| {
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("there is randomness")
        })
    });
    let head = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200")
        .expect("it is hexadecimal");
    let der = [head.as_slice(), KEYS[0].public_key().as_ref()].concat();
    let key = SendGridKey::parse(&STANDARD.encode(der)).expect("it is a key");
    let mailbox = mailbox(Relay::SendGrid, RelayProof::SendGrid(vec![key]));
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let body = bytes.get(end + 1..).unwrap_or_default();
    let time = "1772442904";
    let message = [time.as_bytes(), body].concat();
    let signed = |key: &EcdsaKeyPair| {
        let signature = key.sign(&SystemRandom::new(), &message).expect("it can be signed");
        Request::with("content-type", &String::from_utf8_lossy(&bytes[..end]), body)
            .and(sendgrid::TIMESTAMP, time)
            .and(sendgrid::SIGNATURE, &STANDARD.encode(signature))
    };
    refused(&mailbox, &signed(&KEYS[1]), nowhere());
    believed(&open(&mailbox, &signed(&KEYS[0]), nowhere()));
    refused(&mailbox, &Request::read(bytes), nowhere());
}

/// Amazon SNS: the bytes as a whole envelope, and as the message in one that is signed.
pub(crate) fn sns(bytes: &[u8]) {
    static AMAZON: LazyLock<(RsaKeyPair, String)> = LazyLock::new(|| {
        let pair =
            rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("there is randomness");
        let made = CertificateParams::new(vec!["sns.amazonaws.com".to_owned()]);
        let pem = made.and_then(|made| made.self_signed(&pair)).expect("it can be signed").pem();
        (RsaKeyPair::from_pkcs8(pair.serialized_der()).expect("it is a key"), pem)
    });
    let (key, pem) = &*AMAZON;
    let web = || Arc::new(Amazon(pem.clone()));
    let topic = TopicArn::parse(TOPIC).expect("it is a topic");
    let mailbox = mailbox(Relay::SesSns, RelayProof::Sns(topic));
    refused(&mailbox, &Request::with("content-type", "text/plain", bytes), web());
    let text = String::from_utf8_lossy(bytes);
    let at = "2026-03-02T09:15:04.000Z";
    let lines = format!(
        "Message\n{text}\nMessageId\nid\nTimestamp\n{at}\nTopicArn\n{TOPIC}\nType\nNotification\n"
    );
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), lines.as_bytes(), &mut signature)
        .expect("it can be signed");
    let envelope = |text: &str| {
        let body = json!({
            "Type": "Notification", "MessageId": "id", "TopicArn": TOPIC, "Message": text,
            "Timestamp": at, "SignatureVersion": "2", "Signature": STANDARD.encode(&signature),
            "SigningCertURL": CERTIFICATE,
        });
        Request::with("content-type", "text/plain", body.to_string())
    };
    believed(&open(&mailbox, &envelope(&text), web()));
    refused(&mailbox, &envelope(&format!("{text} ")), web());
}
