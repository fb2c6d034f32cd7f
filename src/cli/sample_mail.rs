//! Sample mails, as the relays post them. They tell of a password, never of a token: where a source
//! writes mailed tokens into Vault, a made-up one would take the real one's place.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::json;
use url::form_urlencoded::Serializer;

use crate::cli::send::Sample;
use crate::domain::ids::{EventId, Username};
use crate::senders::email::mailgun::MailgunKey;

/// What every sample holds.
pub(super) struct Letter<'a> {
    pub(super) id: &'a EventId,
    pub(super) username: &'a Username,
    pub(super) written_at: Timestamp,
}

const FROM: &str = "Salesforce <noreply@salesforce.com>";
const SUBJECT: &str = "Your Salesforce password was changed";
const BOUNDARY: &str = "reset-receiver-sample";
const ENVELOPE: &str = "bounce@salesforce.com";

impl Letter<'_> {
    fn text(&self) -> String {
        format!("This is a sample.\r\n\r\nUsername: {}\r\n", self.username.as_str())
    }

    fn date(&self) -> String {
        DateTimePrinter::new().timestamp_to_string(&self.written_at).unwrap_or_default()
    }

    fn message_id(&self) -> String {
        format!("<{}>", self.id)
    }

    /// As Mailgun posts it, signed at `now`; the event's id stands in for Mailgun's token.
    pub(super) fn by_mailgun(&self, key: &MailgunKey, now: Timestamp) -> Sample {
        let time = now.as_second().to_string();
        let headers = json!([
            ["X-Mailgun-Spf", "Pass"],
            ["Date", self.date()],
            ["Message-Id", self.message_id()],
        ]);
        let body = Serializer::new(String::new())
            .append_pair("sender", ENVELOPE)
            .append_pair("from", FROM)
            .append_pair("subject", SUBJECT)
            .append_pair("body-plain", &self.text())
            .append_pair("message-headers", &headers.to_string())
            .append_pair("timestamp", &time)
            .append_pair("token", self.id.as_str())
            .append_pair("signature", &key.sign(&time, self.id.as_str()))
            .finish();
        Sample::new("application/x-www-form-urlencoded", body)
    }

    /// As SendGrid posts it.
    pub(super) fn by_sendgrid(&self) -> Sample {
        let headers = format!("Message-ID: {}\nDate: {}\n", self.message_id(), self.date());
        let envelope = json!({"to": ["resets@sample.example"], "from": ENVELOPE}).to_string();
        let text = self.text();
        let fields = [
            ("headers", headers.as_str()),
            ("from", FROM),
            ("subject", SUBJECT),
            ("text", &text),
            ("envelope", &envelope),
            ("SPF", "pass"),
        ];
        let part = |(name, value)| {
            let disposition = format!("Content-Disposition: form-data; name=\"{name}\"");
            format!("--{BOUNDARY}\r\n{disposition}\r\n\r\n{value}\r\n")
        };
        let parts: String = fields.map(part).concat();
        let content_type = "multipart/form-data; boundary=reset-receiver-sample";
        Sample::new(content_type, format!("{parts}--{BOUNDARY}--\r\n"))
    }

    /// As Postmark posts it.
    pub(super) fn by_postmark(&self) -> Sample {
        let spf = format!("pass envelope-from=\"{ENVELOPE}\"");
        let body = json!({
            "From": FROM, "Subject": SUBJECT, "MessageID": self.id.as_str(), "Date": self.date(),
            "TextBody": self.text(), "HtmlBody": "",
            "Headers": [{"Name": "Received-SPF", "Value": spf}],
        });
        Sample::new("application/json", body.to_string())
    }

    /// As CloudMailin posts it.
    pub(super) fn by_cloudmailin(&self) -> Sample {
        let body = json!({
            "headers": {"from": FROM, "subject": SUBJECT, "message_id": self.message_id(),
                "date": self.date()},
            "envelope": {"from": ENVELOPE, "spf": {"result": "pass", "domain": "salesforce.com"}},
            "plain": self.text(), "html": "",
        });
        Sample::new("application/json", body.to_string())
    }

    /// The raw mail.
    pub(super) fn mime(&self) -> Sample {
        let (id, date, text) = (self.message_id(), self.date(), self.text());
        let body = format!(
            "Message-ID: {id}\r\nFrom: {FROM}\r\nSubject: {SUBJECT}\r\nDate: {date}\r\n\
             MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}"
        );
        Sample::new("message/rfc822", body)
    }
}
