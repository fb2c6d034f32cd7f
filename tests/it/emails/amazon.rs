//! Amazon SNS as a stand-in: a key, its certificate on a web of few pages, and signed messages.

use std::sync::{Arc, OnceLock};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Map, Value, json};

use crate::support::mail_town::FewPages;

pub(crate) const TOPIC: &str = "arn:aws:sns:eu-west-2:111122223333:sf-token-mail";

/// A key of Amazon's, or of somebody who would like to be Amazon.
pub(crate) struct Signer {
    pub(crate) url: String,
    pub(crate) pem: String,
    key: RsaKeyPair,
}

impl Signer {
    fn new(name: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let params = CertificateParams::new(vec!["sns.amazonaws.com".to_owned()]).unwrap();
        let host = "https://sns.eu-west-2.amazonaws.com";
        Self {
            url: format!("{host}/SimpleNotificationService-{name}.pem"),
            pem: params.self_signed(&pair).unwrap().pem(),
            key: RsaKeyPair::from_pkcs8(pair.serialized_der()).unwrap(),
        }
    }

    /// The keys of every test: the current one, the one before it, and a stranger's.
    pub(crate) fn all() -> &'static [Self; 3] {
        static ALL: OnceLock<[Signer; 3]> = OnceLock::new();
        ALL.get_or_init(|| ["current", "previous", "stranger"].map(Signer::new))
    }

    /// Publishes the certificates of the first two.
    pub(crate) fn web() -> Arc<FewPages> {
        let web = Arc::new(FewPages::default());
        let [current, previous, _] = Self::all();
        web.publish(&current.url, &current.pem);
        web.publish(&previous.url, &previous.pem);
        web
    }

    /// Signs a message by version 2, under the certificate of `named`.
    pub(crate) fn sign(&self, mut message: Map<String, Value>, named: &Self) -> Value {
        let confirms = message["Type"] != "Notification";
        let lines: &[&str] = if confirms {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        } else {
            &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        };
        let line = |name: &&str| Some(format!("{name}\n{}\n", message.get(*name)?.as_str()?));
        let text: String = lines.iter().filter_map(line).collect();
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature).unwrap();
        message.insert("SignatureVersion".to_owned(), json!("2"));
        message.insert("Signature".to_owned(), json!(STANDARD.encode(signature)));
        message.insert("SigningCertURL".to_owned(), json!(named.url));
        Value::Object(message)
    }
}

/// A message of the topic, not signed yet.
pub(crate) fn message(kind: &str, at: &str, text: &str) -> Map<String, Value> {
    let message = json!({
        "Type": kind,
        "MessageId": "9b1d4a52-0000-5000-8000-0000000000aa",
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Receipt Notification",
        "Message": text,
        "Timestamp": at,
        "UnsubscribeURL": "https://sns.eu-west-2.amazonaws.com/?Action=Unsubscribe",
    });
    let Value::Object(message) = message else { unreachable!("it is an object") };
    message
}
