//! The JSON that Postmark and CloudMailin post.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::senders::email::headers::MailHeaders;
use crate::senders::email::mail::{InvalidMail, Mail, Parts};
use crate::senders::email::verdict::{Check, Outcome, Verdicts};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Postmark {
    from: String,
    subject: String,
    #[serde(rename = "MessageID")]
    message_id: String,
    date: Option<String>,
    text_body: Option<String>,
    html_body: Option<String>,
    #[serde(default)]
    headers: Vec<PostmarkHeader>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PostmarkHeader {
    name: String,
    value: String,
}

/// Reads what Postmark posts. Where the mail has no id, Postmark's own stands for it, which is the
/// same on every repetition.
pub(super) fn postmark(body: &[u8], authority: Option<&str>) -> Result<Mail, InvalidMail> {
    let mail: Postmark = serde_json::from_slice(body).map_err(|_| InvalidMail::Json)?;
    let headers = mail.headers.into_iter().map(|header| (header.name, header.value));
    let headers = MailHeaders::new(headers);
    let mut verdicts = Verdicts::default();
    verdicts.add_received_spf(&headers);
    verdicts.add_results(&headers, authority);
    let parts = Parts {
        message_id: headers.only("message-id").or(Some(&mail.message_id)),
        from: &mail.from,
        subject: &mail.subject,
        date: mail.date.as_deref(),
        text: mail.text_body.as_deref().unwrap_or_default(),
        html: mail.html_body.as_deref().unwrap_or_default(),
    };
    Ok(parts.mail(body, verdicts))
}

#[derive(Deserialize)]
struct CloudMailin {
    headers: BTreeMap<String, Value>,
    envelope: Envelope,
    plain: Option<String>,
    html: Option<String>,
}

#[derive(Deserialize)]
struct Envelope {
    spf: Option<Spf>,
}

#[derive(Deserialize)]
struct Spf {
    result: String,
    domain: Option<String>,
}

/// Reads what CloudMailin posts in its JSON format. A header that stands several times comes as
/// an array.
pub(super) fn cloudmailin(body: &[u8], authority: Option<&str>) -> Result<Mail, InvalidMail> {
    let mail: CloudMailin = serde_json::from_slice(body).map_err(|_| InvalidMail::Json)?;
    let headers = mail.headers.iter().flat_map(|(name, value)| {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let name = name.replace('_', "-");
        values.iter().filter_map(Value::as_str).map(move |text| (name.clone(), text))
    });
    let headers = MailHeaders::new(headers);
    let mut verdicts = Verdicts::default();
    if let Some(spf) = mail.envelope.spf {
        verdicts.spf.push(Check::new(Outcome::parse(&spf.result), spf.domain.as_deref()));
    }
    verdicts.add_results(&headers, authority);
    let parts = Parts {
        message_id: headers.only("message-id"),
        from: headers.only("from").unwrap_or_default(),
        subject: headers.only("subject").unwrap_or_default(),
        date: headers.only("date"),
        text: mail.plain.as_deref().unwrap_or_default(),
        html: mail.html.as_deref().unwrap_or_default(),
    };
    Ok(parts.mail(body, verdicts))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    #[test]
    fn a_header_that_stands_twice_comes_as_an_array() {
        let body = r#"{"headers":{"from":["a@salesforce.com","b@evil.example"],"subject":"s",
            "message_id":"<m@x>","date":"Mon, 2 Mar 2026 09:15:04 +0000"},
            "envelope":{"spf":{"result":"pass","domain":"Salesforce.com"}},"plain":"p","html":null}"#;
        let mail = cloudmailin(body.as_bytes(), None).unwrap();
        assert_eq!((mail.id.as_str(), mail.from.as_deref()), ("m@x", None));
        assert_eq!(mail.date, Some("2026-03-02T09:15:04Z".parse().unwrap()));
        assert_eq!(mail.verdicts.spf, [Check::new(Outcome::Pass, Some("salesforce.com"))]);
        assert_eq!(mail.texts.len(), 1);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..500)) {
            drop(postmark(&bytes, Some("x")));
            drop(cloudmailin(&bytes, Some("x")));
            drop(crate::senders::email::sns::parse(&bytes));
        }

        #[test]
        fn no_text_in_a_field_makes_the_readers_panic(text in any::<String>()) {
            let header = serde_json::json!({"Name": text, "Value": text});
            let mail = serde_json::json!({"From": text, "Subject": text, "MessageID": text,
                "Date": text, "TextBody": text, "HtmlBody": text, "Headers": [header]});
            drop(postmark(mail.to_string().as_bytes(), Some("x")).unwrap());
        }
    }
}
