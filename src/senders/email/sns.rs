//! The relay Amazon SES through Amazon SNS: JSON, signed with RSA under a certificate of Amazon's.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters,
    UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use crate::ports::web::WebTrouble;
use crate::senders::delivery::Refusal;
use crate::senders::email::mail::{InvalidMail, Mail, read_mime};
use crate::senders::email::signing_certificates::{NoKey, SigningCertificates};
use crate::senders::email::verdict::{Check, Outcome, Verdicts, domain_of};

/// SNS repeats a message with the time at which it was published, for hours. Older ones are
/// refused; within this, the message id tells a repetition.
pub const MAX_AGE: Duration = Duration::from_hours(24);

/// The name of a topic, `arn:aws:sns:REGION:ACCOUNT:NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicArn(String);

/// A text that is no topic's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a topic is arn:aws:sns:REGION:ACCOUNT:NAME")]
pub struct InvalidTopic;

impl TopicArn {
    /// Checks the text.
    pub fn parse(text: &str) -> Result<Self, InvalidTopic> {
        let parts: Vec<&str> = text.split(':').collect();
        let word = |text: &str, extra: &[u8]| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
        };
        match parts.as_slice() {
            ["arn", partition, "sns", region, account, name]
                if word(partition, b"-")
                    && word(region, b"-")
                    && account.len() == 12
                    && account.bytes().all(|b| b.is_ascii_digit())
                    && word(name, b"-_.") =>
            {
                Ok(Self(text.to_owned()))
            }
            _ => Err(InvalidTopic),
        }
    }
}

impl fmt::Display for TopicArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message as SNS posts it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Envelope {
    r#type: String,
    message_id: String,
    topic_arn: String,
    subject: Option<String>,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    token: Option<String>,
}

/// A message is not believed, or cannot be looked at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    Refused(Refusal),
    Later(NoKey),
}

/// What a message brings.
#[derive(Debug)]
pub(super) enum Brought {
    Mail(Box<Mail>),
    /// The topic's subscription is to be confirmed at this address.
    Subscription(Url),
    /// Nothing to do.
    Nothing,
}

/// Reads the envelope; nothing of it is believed yet.
pub(super) fn parse(body: &[u8]) -> Option<Envelope> {
    serde_json::from_slice(body).ok()
}

/// An address of Amazon SNS: https, `sns.REGION.amazonaws.com` or the same below `.cn`, no port,
/// no login.
fn sns_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let host = url.host_str()?;
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let region = host.strip_prefix("sns.")?.strip_suffix(".amazonaws.com")?;
    let is_region = !region.is_empty()
        && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (is_plain && is_region).then_some(url)
}

impl Envelope {
    /// Proves that Amazon signed the message, and that it is of the topic.
    pub(super) async fn verify(
        &self,
        topic: &TopicArn,
        certificates: &SigningCertificates,
        now: Timestamp,
        window: Duration,
    ) -> Result<(), Doubt> {
        let refused = |refusal| Err(Doubt::Refused(refusal));
        // Everybody can have a topic of his own at Amazon, and it signs for all of them.
        if self.topic_arn != topic.0 {
            return refused(Refusal::Stranger);
        }
        let is_certificate = |url: &Url| {
            let path = url.path().rsplit_once('.');
            path.is_some_and(|(_, ending)| ending == "pem") && url.query().is_none()
        };
        let Some(url) = sns_address(&self.signing_cert_url).filter(is_certificate) else {
            return refused(Refusal::Field("SigningCertURL"));
        };
        let algorithm: &'static RsaParameters = match self.signature_version.as_str() {
            "1" => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            "2" => &RSA_PKCS1_2048_8192_SHA256,
            _ => return refused(Refusal::Field("SignatureVersion")),
        };
        let Ok(signature) = STANDARD.decode(&self.signature) else {
            return refused(Refusal::Field("Signature"));
        };
        let Some(signed) = self.signed() else { return refused(Refusal::Field("Type")) };
        let Ok(sent) = self.timestamp.parse::<Timestamp>() else {
            return refused(Refusal::Field("Timestamp"));
        };
        let (key, is_new) = match certificates.key(&url, now).await {
            Ok(found) => found,
            // No retry makes a certificate of it.
            Err(NoKey::NoCertificate) => return refused(Refusal::Field("SigningCertURL")),
            Err(reason @ (NoKey::Web(_) | NoKey::TooMany)) => return Err(Doubt::Later(reason)),
        };
        if UnparsedPublicKey::new(algorithm, &key).verify(signed.as_bytes(), &signature).is_err() {
            return refused(Refusal::Signature);
        }
        if is_new {
            certificates.remember(&url, &key, now);
        }
        let age = now.duration_since(sent);
        if age.is_positive() && age.unsigned_abs() > MAX_AGE
            || age.is_negative() && age.unsigned_abs() > window
        {
            return refused(Refusal::Stale);
        }
        Ok(())
    }

    /// The signed text: names and values, each on a line, in the order that Amazon documents. `None`
    /// for a type without such an order, and for values that could be read in two ways.
    fn signed(&self) -> Option<String> {
        let subject = self.subject.as_deref().map(|subject| ("Subject", subject));
        let pairs: Vec<(&str, &str)> = match self.r#type.as_str() {
            "Notification" => [("Message", self.message.as_str()), ("MessageId", &self.message_id)]
                .into_iter()
                .chain(subject)
                .chain([("Timestamp", self.timestamp.as_str())])
                .chain([("TopicArn", self.topic_arn.as_str()), ("Type", &self.r#type)])
                .collect(),
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => vec![
                ("Message", &self.message),
                ("MessageId", &self.message_id),
                ("SubscribeURL", self.subscribe_url.as_deref()?),
                ("Timestamp", &self.timestamp),
                ("Token", self.token.as_deref()?),
                ("TopicArn", &self.topic_arn),
                ("Type", &self.r#type),
            ],
            _ => return None,
        };
        // A value with a line break could be taken for several. The message is the one that may have
        // some: it comes first, and what follows it is known line by line.
        if pairs.iter().any(|(name, value)| *name != "Message" && value.contains('\n')) {
            return None;
        }
        let line = |(name, value): (&str, &str)| format!("{name}\n{value}\n");
        Some(pairs.into_iter().map(line).collect())
    }

    /// Reads a message that is proven to be the topic's.
    pub(super) fn read(&self, authority: Option<&str>) -> Result<Brought, InvalidMail> {
        match self.r#type.as_str() {
            "SubscriptionConfirmation" => {
                let url = self.subscribe_url.as_deref().and_then(sns_address);
                url.map(Brought::Subscription).ok_or(InvalidMail::Field("SubscribeURL"))
            }
            "Notification" => read_receipt(&self.message, authority),
            _ => Ok(Brought::Nothing),
        }
    }
}

/// Confirms a subscription.
pub(super) async fn confirm(
    url: &Url,
    certificates: &SigningCertificates,
) -> Result<(), WebTrouble> {
    certificates.web().get(url).await.map(drop)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    #[serde(rename = "notificationType")]
    event: String,
    receipt: Receipt,
    mail: MailSummary,
    content: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    spf_verdict: Option<Verdict>,
    dmarc_verdict: Option<Verdict>,
    action: Option<Action>,
}

#[derive(Deserialize)]
struct Verdict {
    status: String,
}

#[derive(Deserialize)]
struct Action {
    encoding: Option<String>,
}

#[derive(Deserialize)]
struct MailSummary {
    source: String,
}

/// Reads what SES says of a mail that it received, and the mail itself.
///
/// The verdict on DKIM does not say which domain signed, so that DMARC and SPF decide.
fn read_receipt(message: &str, authority: Option<&str>) -> Result<Brought, InvalidMail> {
    let Ok(notification) = serde_json::from_str::<Notification>(message) else {
        // SES announces itself on a new topic with a sentence.
        let is_json = message.trim_start().starts_with('{');
        return if is_json { Err(InvalidMail::Json) } else { Ok(Brought::Nothing) };
    };
    if notification.event != "Received" {
        return Ok(Brought::Nothing);
    }
    let content = notification.content.ok_or(InvalidMail::Field("content"))?;
    let encoding = notification.receipt.action.and_then(|action| action.encoding);
    let raw = if encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64")) {
        STANDARD.decode(content.trim()).map_err(|_| InvalidMail::Field("content"))?
    } else {
        content.into_bytes()
    };
    let (mut mail, headers) = read_mime(&raw)?;
    let mut verdicts = Verdicts::default();
    if let Some(spf) = notification.receipt.spf_verdict {
        let domain = domain_of(&notification.mail.source);
        verdicts.spf.push(Check::new(Outcome::parse(&spf.status), Some(domain)));
    }
    let dmarc = notification.receipt.dmarc_verdict;
    verdicts.dmarc.extend(dmarc.map(|verdict| Outcome::parse(&verdict.status)));
    verdicts.add_results(&headers, authority);
    mail.verdicts = verdicts;
    Ok(Brought::Mail(Box::new(mail)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_amazon_sns_are_visited() {
        for good in [
            "https://sns.eu-west-2.amazonaws.com/SimpleNotificationService-0.pem",
            "https://sns.cn-north-1.amazonaws.com.cn/x.pem",
            "https://sns.us-gov-west-1.amazonaws.com/?Action=ConfirmSubscription",
        ] {
            assert!(sns_address(good).is_some(), "{good}");
        }
        for bad in [
            "http://sns.eu-west-2.amazonaws.com/x.pem",
            "https://sns.eu-west-2.amazonaws.com.evil.example/x.pem",
            "https://evil.example/sns.eu-west-2.amazonaws.com/x.pem",
            "https://sns.eu-west-2.amazonaws.com:8443/x.pem",
            "https://a@sns.eu-west-2.amazonaws.com/x.pem",
            "https://sns.eu-west-2.amazonaws.com@evil.example/x.pem",
            "https://s3.amazonaws.com/bucket/x.pem",
            "https://sns.amazonaws.com/x.pem",
            "https://sns..amazonaws.com/x.pem",
            "https://sns.bucket.s3.amazonaws.com/x.pem",
            "https://snsxeu-west-2.amazonaws.com/x.pem",
            "https://sns.eu-west-2.amazonaws.com.cn.cn/x.pem",
            "https://sns.eu-west-2.amazonaws.cn/x.pem",
            "https://169.254.169.254/x.pem",
            "",
        ] {
            assert!(sns_address(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_topic_has_six_parts() {
        assert!(TopicArn::parse("arn:aws:sns:eu-west-2:111122223333:sf-token-mail").is_ok());
        for bad in [
            "",
            "arn:aws:sqs:eu-west-2:111122223333:x",
            "arn:aws:sns:eu-west-2:11112222333:x",
            "arn:aws:sns:eu-west-2:111122223333:",
            "arn:aws:sns:eu-west-2:111122223333:x:y",
            "arn:aws:sns:eu west:111122223333:x",
        ] {
            assert_eq!(TopicArn::parse(bad), Err(InvalidTopic), "{bad}");
        }
    }

    #[test]
    fn the_signed_text_is_the_documented_one() {
        let message = |kind: &str, subject: &str| {
            let body = format!(
                r#"{{"Type":"{kind}","MessageId":"id","TopicArn":"arn",{subject}"Message":"hello",
                "Timestamp":"2026-03-02T09:15:06.000Z","SignatureVersion":"2","Signature":"",
                "SigningCertURL":"","SubscribeURL":"https://s","Token":"t"}}"#
            );
            parse(body.as_bytes()).unwrap().signed()
        };
        let time = "Timestamp\n2026-03-02T09:15:06.000Z\n";
        assert_eq!(
            message("Notification", "\"Subject\":\"s\",").unwrap(),
            format!(
                "Message\nhello\nMessageId\nid\nSubject\ns\n{time}TopicArn\narn\nType\nNotification\n"
            )
        );
        assert_eq!(
            message("Notification", "").unwrap(),
            format!("Message\nhello\nMessageId\nid\n{time}TopicArn\narn\nType\nNotification\n")
        );
        assert_eq!(
            message("SubscriptionConfirmation", "").unwrap(),
            format!(
                "Message\nhello\nMessageId\nid\nSubscribeURL\nhttps://s\n{time}Token\nt\n\
                 TopicArn\narn\nType\nSubscriptionConfirmation\n"
            )
        );
        assert_eq!(message("Other", ""), None);
        let moved = r#""Subject":"s\nTimestamp\n2026-03-02T09:15:06.000Z","#;
        assert_eq!(message("Notification", moved), None, "a value that could be two");
    }

    #[test]
    fn a_certificates_path_ends_in_pem_and_a_word_of_ses_is_no_fault() {
        assert!(matches!(read_receipt("Successfully validated", None), Ok(Brought::Nothing)));
        assert!(matches!(read_receipt("{}", None), Err(InvalidMail::Json)));
        let bounce = r#"{"notificationType":"Bounce","receipt":{},"mail":{"source":"a"}}"#;
        assert!(matches!(read_receipt(bounce, None), Ok(Brought::Nothing)));
        let empty = bounce.replace("Bounce", "Received");
        assert_eq!(read_receipt(&empty, None).unwrap_err(), InvalidMail::Field("content"));
    }
}
