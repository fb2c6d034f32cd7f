//! What a source of mails takes from the configuration.

use super::{SMALLEST, faults};
use crate::config::{Config, SourceFormat};

fn email(keys: &str) -> Vec<String> {
    let organization = "organization_id = \"00D5e000001AbCdEAK\"";
    faults(&format!(
        "{SMALLEST}[sources.mail]\nformat = \"email\"\n[sources.mail.email]\n{organization}\n{keys}"
    ))
}

#[test]
fn a_relay_proves_itself_in_its_own_way_and_in_no_other() {
    let none = |relay: &str| email(&format!("relay = \"{relay}\""));
    let fault =
        |relay, key, keys| format!("sources.mail.email.{key}: {relay} proves itself with {keys}");
    for (relay, key, keys) in [
        ("mailgun", "key_files", "key_files"),
        ("sendgrid", "key_files", "key_files or login_files or token_files"),
        ("postmark", "login_files", "login_files"),
        ("cloudmailin", "login_files", "login_files"),
        ("ses-sns", "topic_arn", "topic_arn"),
        ("mime", "key_files", "key_files or token_files"),
    ] {
        assert_eq!(none(relay), [fault(relay, key, keys)]);
    }
    let both = email("relay = \"mailgun\"\nkey_files = [\"k\"]\nlogin_files = [\"l\"]\n");
    assert_eq!(both, ["sources.mail.email.login_files: is no proof of mailgun; use key_files"]);
    assert_eq!(
        none("pigeon"),
        [
            "sources.mail.email.relay: `pigeon` is not one of mailgun, sendgrid, postmark, cloudmailin, \
          ses-sns, mime"
        ]
    );
    let topic = email("relay = \"ses-sns\"\ntopic_arn = \"arn:aws:sqs:x\"\n");
    assert_eq!(
        topic[0],
        "sources.mail.email.topic_arn: a topic is arn:aws:sns:REGION:ACCOUNT:NAME"
    );
}

#[test]
fn a_verdict_is_required_where_somebody_reports_one() {
    let required = |keys: &str| {
        let organization = "organization_id = \"00D5e000001AbCdEAK\"";
        let text = format!(
            "{SMALLEST}[sources.mail]\nformat = \"email\"\n[sources.mail.email]\n{organization}\n{keys}"
        );
        let config = Config::parse(&text, []).unwrap();
        match &config.sources[0].format {
            SourceFormat::Email(email) => email.require_verdict,
            other @ (SourceFormat::Notice
            | SourceFormat::VaultEvent
            | SourceFormat::OutboundMessage { .. }) => panic!("{other:?}"),
        }
    };
    let mime = "relay = \"mime\"\ntoken_files = [\"t\"]\n";
    let postmark = "relay = \"postmark\"\nlogin_files = [\"l\"]\n";
    assert!(required(postmark));
    assert!(!required(&format!("{postmark}require_verdict = false\n")));
    assert!(!required(mime));
    assert!(required(&format!("{mime}authserv_id = \"mx\"\n")));
    assert_eq!(
        email(&format!("{mime}require_verdict = true\n")),
        [
            "sources.mail.email.authserv_id: must be there with require_verdict: nobody else reports on \
          a raw mail"
        ]
    );
}
