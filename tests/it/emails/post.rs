//! One mail as each relay posts it, by the relay's documentation, with the proof that it asks for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use reqwest::Method;
use reset_receiver::senders::email::mailgun::MailgunKey;
use reset_receiver::senders::email::relay::Relay;
use reset_receiver::senders::email::sendgrid;
use reset_receiver::senders::keys::SigningKey;
use reset_receiver::senders::standard_webhooks;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::amazon::{Signer, message};
use super::relays::{LOGINS, MAILGUN_KEYS, SENDGRID_KEYS, sendgrid_signature};
use crate::support::public_listener::{KEY, NOW, PREVIOUS_KEY};
use crate::support::sender::Delivery;

/// The token of the mails; it must not be found anywhere.
pub(crate) const TOKEN: &str = "CanaryZz9Yy8Xx7Ww6Vv5Uu4";

/// What the checks of a mail's origin came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Salesforce,
    Elsewhere,
}

/// A mail, and how it is posted.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) at: Timestamp,
    pub(crate) origin: Origin,
    /// Which key: 0 the current one, 1 the one before it, 2 a stranger's.
    pub(crate) key: usize,
    /// When it is posted, in seconds from now.
    pub(crate) sent: i64,
    /// The body has at least so many bytes.
    pub(crate) size: usize,
}

/// The documented security token mail.
pub(crate) fn token_mail(id: &str) -> Post {
    Post {
        id: format!("{id}@salesforce.com"),
        subject: "Your new Salesforce security token".to_owned(),
        text: text(TOKEN),
        at: NOW.parse().unwrap(),
        origin: Origin::Salesforce,
        key: 0,
        sent: 0,
        size: 0,
    }
}

/// The documented text with a token.
pub(crate) fn text(token: &str) -> String {
    format!(
        "Username: gator.sync@example.com\r\nSecurity token (case-sensitive): {token}\r\n\r\n\
         For more information on using your security token, ...\r\n"
    )
}

impl Post {
    fn is_genuine(&self) -> bool {
        self.origin == Origin::Salesforce
    }

    fn word(&self) -> &'static str {
        if self.is_genuine() { "pass" } else { "fail" }
    }

    fn date(&self) -> String {
        DateTimePrinter::new().timestamp_to_string(&self.at).unwrap()
    }

    fn sent_at(&self) -> Timestamp {
        let now: Timestamp = NOW.parse().unwrap();
        Timestamp::from_second(now.as_second() + self.sent).unwrap()
    }

    /// What is missing to the size that was asked for.
    fn padding(&self, body: &[u8]) -> usize {
        self.size.saturating_sub(body.len())
    }

    /// The raw mail, its subject and body encoded.
    pub(crate) fn mime(&self) -> String {
        let results = format!("mx.example; dkim={} header.d=salesforce.com; spf=none", self.word());
        format!(
            "Authentication-Results: {results}\r\nMessage-ID: <{}>\r\n\
             From: Salesforce <noreply@salesforce.com>\r\nTo: rst-7f3a@in.example.com\r\n\
             Subject: =?UTF-8?B?{}?=\r\nDate: {}\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
            self.id,
            STANDARD.encode(&self.subject),
            self.date(),
            STANDARD.encode(&self.text),
        )
    }

    /// Mailgun's token: fifty characters that no other post has.
    fn token(&self) -> String {
        format!("{:a<50}", hex::encode(&self.id)).chars().rev().take(50).collect()
    }

    /// The id of the event that it becomes.
    pub(crate) fn event_id(&self, relay: Relay) -> String {
        if relay == Relay::Mailgun { self.token() } else { self.id.clone() }
    }

    /// As a relay posts it.
    pub(crate) fn by(&self, relay: Relay) -> Delivery {
        match relay {
            Relay::Mailgun => self.by_mailgun(),
            Relay::SendGrid => self.by_sendgrid(),
            Relay::Postmark => self.by_postmark(),
            Relay::CloudMailin => self.by_cloudmailin(),
            Relay::SesSns => self.by_sns(),
            Relay::Mime => self.by_script(self.mime().into_bytes()),
        }
    }

    fn by_mailgun(&self) -> Delivery {
        let time = self.sent_at().as_second().to_string();
        let token = self.token();
        let signature = MailgunKey::parse(MAILGUN_KEYS[self.key]).unwrap().sign(&time, &token);
        let headers = json!([
            ["X-Mailgun-Spf", if self.is_genuine() { "Pass" } else { "Fail" }],
            ["X-Mailgun-Dkim-Check-Result", if self.is_genuine() { "Pass" } else { "Fail" }],
            ["DKIM-Signature", "v=1; a=rsa-sha256; d=salesforce.com; s=x; bh=y; b=z"],
            ["Date", self.date()],
            ["Message-Id", format!("<{}>", self.id)],
        ]);
        let mut body = Serializer::new(String::new())
            .append_pair("recipient", "rst-7f3a@in.example.com")
            .append_pair("sender", "bounce@salesforce.com")
            .append_pair("from", "Salesforce <noreply@salesforce.com>")
            .append_pair("subject", &self.subject)
            .append_pair("body-plain", &self.text)
            .append_pair("message-headers", &headers.to_string())
            .append_pair("timestamp", &time)
            .append_pair("token", &token)
            .append_pair("signature", &signature)
            .finish();
        let padding = self.padding(body.as_bytes());
        if padding > 3 {
            body = format!("{body}&p={}", "x".repeat(padding - 3));
        }
        delivery(Relay::Mailgun, "application/x-www-form-urlencoded", body.into_bytes(), vec![])
    }

    fn by_sendgrid(&self) -> Delivery {
        let part = |name: &str, value: &str| {
            format!("--xYzZY\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let headers = format!("Message-ID: <{}>\r\nDate: {}\r\n", self.id, self.date());
        let envelope = r#"{"to":["rst-7f3a@in.example.com"],"from":"bounce@salesforce.com"}"#;
        let mut body = part("headers", &headers)
            + &part("dkim", &format!("{{@salesforce.com : {}}}", self.word()))
            + &part("SPF", self.word())
            + &part("from", "Salesforce <noreply@salesforce.com>")
            + &part("to", "rst-7f3a@in.example.com")
            + &part("subject", &self.subject)
            + &part("envelope", envelope)
            + &part("charsets", r#"{"text":"UTF-8"}"#)
            + &part("text", &self.text)
            + "--xYzZY--\r\n";
        body.push_str(&" ".repeat(self.padding(body.as_bytes())));
        self.signed_by_sendgrid(body.into_bytes())
    }

    pub(crate) fn signed_by_sendgrid(&self, body: Vec<u8>) -> Delivery {
        let time = self.sent_at().as_second().to_string();
        let signature = sendgrid_signature(&SENDGRID_KEYS[self.key], &time, &body);
        let headers = vec![(sendgrid::TIMESTAMP, time), (sendgrid::SIGNATURE, signature)];
        delivery(Relay::SendGrid, "multipart/form-data; boundary=xYzZY", body, headers)
    }

    fn by_postmark(&self) -> Delivery {
        let received =
            format!("{} (example) envelope-from=\"bounce@salesforce.com\";", self.word());
        let results = format!("mx.example; dkim={} header.d=salesforce.com", self.word());
        self.with_login(Relay::Postmark, &json!({
            "FromName": "Salesforce", "MessageStream": "inbound", "From": "noreply@salesforce.com",
            "FromFull": {"Email": "noreply@salesforce.com", "Name": "Salesforce", "MailboxHash": ""},
            "To": "rst-7f3a@in.example.com",
            "ToFull": [{"Email": "rst-7f3a@in.example.com", "Name": "", "MailboxHash": ""}],
            "Cc": "", "CcFull": [], "Bcc": "", "BccFull": [],
            "OriginalRecipient": "rst-7f3a@in.example.com", "Subject": self.subject,
            "MessageID": self.id, "ReplyTo": "", "MailboxHash": "", "Date": self.date(),
            "TextBody": self.text, "HtmlBody": "", "StrippedTextReply": "", "Tag": "",
            "Headers": [
                {"Name": "Received-SPF", "Value": received},
                {"Name": "Authentication-Results", "Value": results},
            ],
            "Attachments": [],
        }))
    }

    fn by_cloudmailin(&self) -> Delivery {
        self.with_login(Relay::CloudMailin, &json!({
            "headers": {
                "from": "Salesforce <noreply@salesforce.com>", "to": "rst-7f3a@cloudmailin.example",
                "subject": self.subject, "message_id": format!("<{}>", self.id),
                "date": self.date(),
            },
            "envelope": {
                "to": "rst-7f3a@cloudmailin.example", "from": "bounce@salesforce.com",
                "helo_domain": "mta.example", "remote_ip": "192.0.2.10", "tls": true,
                "spf": {"result": self.word(), "domain": "salesforce.com"},
            },
            "plain": self.text, "html": "", "reply_plain": null, "attachments": [],
        }))
    }

    /// JSON with the login of the relay's address.
    pub(crate) fn with_login(&self, relay: Relay, body: &Value) -> Delivery {
        let mut body = body.to_string();
        body.push_str(&" ".repeat(self.padding(body.as_bytes())));
        let login = format!("Basic {}", STANDARD.encode(LOGINS[self.key]));
        let headers = vec![("authorization", login)];
        delivery(relay, "application/json; charset=utf-8", body.into_bytes(), headers)
    }

    /// The message of SES, not signed yet.
    pub(crate) fn notification(&self) -> Value {
        let verdict = json!({"status": self.word().to_uppercase()});
        json!({
            "notificationType": "Received",
            "receipt": {
                "recipients": ["rst-7f3a@in.example.com"], "spfVerdict": verdict,
                "dkimVerdict": verdict, "dmarcVerdict": verdict,
                "action": {"type": "SNS", "topicArn": super::amazon::TOPIC, "encoding": "BASE64"},
            },
            "mail": {
                "messageId": "made-up-ses-id", "source": "bounce@salesforce.com",
                "destination": ["rst-7f3a@in.example.com"],
                "commonHeaders": {"from": ["noreply@salesforce.com"], "subject": self.subject},
            },
            "content": STANDARD.encode(self.mime()),
        })
    }

    fn by_sns(&self) -> Delivery {
        self.signed_by_sns(&self.notification().to_string())
    }

    pub(crate) fn signed_by_sns(&self, text: &str) -> Delivery {
        let signers = Signer::all();
        // A stranger has no certificate of Amazon's, and names one that is.
        let named = &signers[self.key % 2];
        let message = message("Notification", &self.sent_at().to_string(), text);
        let mut body = signers[self.key].sign(message, named).to_string();
        body.push_str(&" ".repeat(self.padding(body.as_bytes())));
        delivery(Relay::SesSns, "text/plain; charset=UTF-8", body.into_bytes(), vec![])
    }

    pub(crate) fn by_script(&self, mut body: Vec<u8>) -> Delivery {
        body.resize(body.len() + self.padding(&body), b' ');
        let stranger = format!("whsec_{}", STANDARD.encode([9; 32]));
        let key = SigningKey::parse([KEY, PREVIOUS_KEY, &stranger][self.key]).unwrap();
        let signed = standard_webhooks::sign(&key, "message-1", self.sent_at(), &body).unwrap();
        let headers = vec![
            (standard_webhooks::ID, signed.id),
            (standard_webhooks::TIMESTAMP, signed.timestamp),
            (standard_webhooks::SIGNATURE, signed.signature),
        ];
        delivery(Relay::Mime, "message/rfc822", body, headers)
    }
}

fn delivery(
    relay: Relay,
    content_type: &str,
    body: Vec<u8>,
    mut headers: Vec<(&'static str, String)>,
) -> Delivery {
    headers.push(("content-type", content_type.to_owned()));
    Delivery { method: Method::POST, source: relay.as_str().to_owned(), headers, body }
}
