//! Everything that reads what strangers send, as functions of bytes that panic where a property
//! does not hold.
//!
//! One more target takes three lines: its `mod`, its entry in [`ALL`], and a folder of seeds with
//! its name. The fuzzer finds it by that name, and the ordinary tests replay its seeds.

mod certificate;
mod configuration;
mod mail;
mod notice;
mod outbound_message;
mod relays;
mod request;
mod signatures;
mod vault_event;
mod verdict;

/// A target: what it is called, and what it does with bytes.
type Target = (&'static str, fn(&[u8]));

/// Every target.
pub(crate) const ALL: &[Target] = &[
    ("bearer", signatures::bearer),
    ("certificate", certificate::read),
    ("cloudmailin", relays::cloudmailin),
    ("configuration", configuration::read),
    ("form", mail::form),
    ("hmac_body", signatures::hmac_body),
    ("json", notice::json),
    ("mailgun", relays::mailgun),
    ("mime", mail::mime),
    ("notice", notice::read),
    ("outbound_message", outbound_message::read),
    ("path_secret", signatures::path_secret),
    ("patterns", mail::patterns),
    ("postmark", relays::postmark),
    ("sendgrid", relays::sendgrid),
    ("sns", relays::sns),
    ("standard_webhooks", signatures::standard_webhooks),
    ("vault_event", vault_event::read),
    ("verdict", verdict::read),
];
