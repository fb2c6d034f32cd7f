//! A source of events: what it sends and how it proves who it is.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use toml::Value;

use crate::config::emails::{EmailSection, email};
use crate::config::mutual_tls::{self, CertificateTrust};
use crate::config::outbound_message;
use crate::config::reader::{Reader, paths, text, texts, whole};
use crate::config::sections::named;
use crate::config::spans;
use crate::domain::audit::Deed;
use crate::domain::ids::{OrganizationId, SourceName, TargetName};
use crate::domain::outbound_object::OutboundObject;
use crate::engine::watch;

/// How many deliveries from one address a source looks at in one minute, unless it says otherwise.
const RATE_PER_MINUTE: NonZeroU32 = NonZeroU32::new(600).unwrap();

/// A source of events.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name, and a segment of its route.
    pub name: SourceName,
    /// What it sends.
    pub format: SourceFormat,
    /// The targets that it may speak for; `None` for all.
    pub targets: Option<Vec<TargetName>>,
    /// How many deliveries from one address are looked at in one minute, and at once.
    pub rate_per_minute: NonZeroU32,
    /// The ways to authenticate, one of which has to succeed; a relay of mails has its own.
    pub authentication: Vec<AuthenticationFiles>,
}

/// What a source sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceFormat {
    /// The JSON notice.
    Notice,
    /// News of a secret that was written in Vault.
    VaultEvent,
    /// Mails that a relay passes on.
    Email(EmailSection),
    /// Salesforce's outbound messages.
    OutboundMessage {
        /// The object, and what its fields mean.
        object: Arc<OutboundObject>,
        /// The organisations that it may speak for; `None` for those of its targets.
        organizations: Option<Vec<OrganizationId>>,
    },
}

/// A way to authenticate and the files that hold its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthenticationFiles {
    /// Standard Webhooks signatures.
    StandardWebhooks(Vec<PathBuf>),
    /// Bearer tokens.
    Bearer(Vec<PathBuf>),
    /// Signatures over the body alone.
    HmacBody {
        /// Files with keys.
        keys: Vec<PathBuf>,
        /// How far from now the event may have happened; `None` for the default.
        window: Option<Duration>,
    },
    /// Client certificates, and secrets in the address where there are any.
    Mtls {
        /// Which certificates.
        trust: CertificateTrust,
        /// Files with secrets, one of which has to stand in the address besides.
        path_secrets: Vec<PathBuf>,
    },
    /// Secrets in the address.
    PathSecret(Vec<PathBuf>),
}

impl AuthenticationFiles {
    /// Whether a sender can use it that neither sets headers nor signs.
    fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Mtls { .. } | Self::PathSecret(_) => true,
            Self::StandardWebhooks(_) | Self::Bearer(_) | Self::HmacBody { .. } => false,
        }
    }

    /// Whether it proves the sender with a token, or with a signature that covers a time.
    fn is_of_the_sender(&self) -> bool {
        match self {
            Self::StandardWebhooks(_) | Self::Bearer(_) => true,
            Self::HmacBody { .. } | Self::Mtls { .. } | Self::PathSecret(_) => false,
        }
    }

    /// Whether it looks at a secret in the address.
    fn has_path_secret(&self) -> bool {
        match self {
            Self::Mtls { path_secrets, .. } => !path_secrets.is_empty(),
            Self::PathSecret(_) => true,
            Self::StandardWebhooks(_) | Self::Bearer(_) | Self::HmacBody { .. } => false,
        }
    }

    /// Every file that it names.
    pub fn files(&self) -> Vec<&PathBuf> {
        match self {
            Self::StandardWebhooks(files) | Self::Bearer(files) | Self::PathSecret(files) => {
                files.iter().collect()
            }
            Self::HmacBody { keys, .. } => keys.iter().collect(),
            Self::Mtls { trust, path_secrets } => {
                let certificates = match trust {
                    CertificateTrust::Pinned { certificate_files, .. } => {
                        certificate_files.as_slice()
                    }
                    CertificateTrust::Issued { ca_file, .. } => std::slice::from_ref(ca_file),
                };
                certificates.iter().chain(path_secrets).collect()
            }
        }
    }
}

impl Source {
    /// Every file that it names.
    pub fn files(&self) -> Vec<&PathBuf> {
        let schemes = self.authentication.iter().flat_map(AuthenticationFiles::files);
        match &self.format {
            SourceFormat::Email(email) => schemes.chain(email.files()).collect(),
            SourceFormat::Notice
            | SourceFormat::VaultEvent
            | SourceFormat::OutboundMessage { .. } => schemes.collect(),
        }
    }
}

pub(in crate::config) fn source(name: &str, section: &mut Reader<'_>) -> Option<Source> {
    let name = named(name, section, SourceName::parse);
    if name.as_ref().is_some_and(|name| name.as_str() == Deed::SOURCE) {
        section.fault("", "this name stands for the operator; choose another");
    }
    if name.as_ref().is_some_and(|name| name.as_str() == watch::SOURCE) {
        section.fault("", "this name stands for the watch on Vault; choose another");
    }
    let word = section.required("format", format_word);
    if word.is_none() {
        section.leave_open();
    }
    let format = word.as_deref().and_then(|word| format(section, word));
    let targets = section.optional("targets", |value| {
        texts(value)?
            .iter()
            .map(|name| TargetName::parse(name).map_err(|e| e.to_string()))
            .collect()
    });
    let rate_per_minute = section.optional("rate_per_minute", |value| {
        whole(1..=1_000_000)(value)
            .map(|rate: u32| NonZeroU32::new(rate).unwrap_or(RATE_PER_MINUTE))
    });
    // A relay proves itself in its own way, which stands with what else is said of its mails.
    let authentication = match word.as_deref() {
        Some("email") => Vec::new(),
        Some(_) => authentications(section, format.as_ref()),
        None => section.each("authentication", authentication),
    };
    Some(Source {
        name: name?,
        format: format?,
        targets,
        rate_per_minute: rate_per_minute.unwrap_or(RATE_PER_MINUTE),
        authentication,
    })
}

fn format_word(value: &Value) -> Result<String, String> {
    const WORDS: [&str; 4] = ["notice", "outbound-message", "email", "vault-event"];
    let word = value.as_str().filter(|word| WORDS.contains(word)).map(str::to_owned);
    word.ok_or_else(|| {
        "must be \"notice\", \"outbound-message\", \"email\" or \"vault-event\"".to_owned()
    })
}

fn format(section: &mut Reader<'_>, word: &str) -> Option<SourceFormat> {
    match word {
        "outbound-message" => outbound_message::format(section),
        "email" => section.table("email", email).map(SourceFormat::Email),
        "vault-event" => Some(SourceFormat::VaultEvent),
        _ => Some(SourceFormat::Notice),
    }
}

fn authentications(
    section: &mut Reader<'_>,
    format: Option<&SourceFormat>,
) -> Vec<AuthenticationFiles> {
    let before = section.faults_so_far();
    let schemes = section.each("authentication", authentication);
    if schemes.is_empty() && section.faults_so_far() == before {
        section.fault("authentication", "must name at least one scheme; there is no \"none\"");
    }
    if let Some(problem) = format.and_then(|format| misfit(format, &schemes)) {
        section.fault("authentication", problem);
    }
    schemes
}

/// Schemes that a format's senders or its route do not have.
fn misfit(format: &SourceFormat, schemes: &[AuthenticationFiles]) -> Option<&'static str> {
    match format {
        SourceFormat::OutboundMessage { .. } => {
            let fit = schemes.iter().all(AuthenticationFiles::is_of_the_connection);
            (!fit).then_some(
                "an outbound message carries no header and no signature: use mtls or path-secret",
            )
        }
        // Their senders name no time that a signature over the body alone could be held against.
        SourceFormat::VaultEvent => {
            let fit = schemes.iter().all(AuthenticationFiles::is_of_the_sender);
            (!fit).then_some("a Vault event is proven by standard-webhooks or bearer")
        }
        SourceFormat::Notice => schemes
            .iter()
            .any(AuthenticationFiles::has_path_secret)
            .then_some("only outbound messages have a secret in their address"),
        SourceFormat::Email(_) => None,
    }
}

fn authentication(section: &mut Reader<'_>) -> Option<AuthenticationFiles> {
    let Some(scheme) = section.required("scheme", text) else {
        section.leave_open();
        return None;
    };
    match scheme.as_str() {
        "standard-webhooks" => {
            section.required("key_files", paths).map(AuthenticationFiles::StandardWebhooks)
        }
        "bearer" => section.required("token_files", paths).map(AuthenticationFiles::Bearer),
        "hmac-body" => {
            let keys = section.required("key_files", paths);
            let window = section.optional("window", spans::within(spans::WINDOW));
            Some(AuthenticationFiles::HmacBody { keys: keys?, window })
        }
        "mtls" => {
            let path_secrets = section.optional("path_secret_files", paths).unwrap_or_default();
            let trust = mutual_tls::trust(section)?;
            Some(AuthenticationFiles::Mtls { trust, path_secrets })
        }
        "path-secret" => {
            section.required("path_secret_files", paths).map(AuthenticationFiles::PathSecret)
        }
        other => {
            let problem = format!(
                "`{other}` is not one of standard-webhooks, bearer, hmac-body, mtls, path-secret"
            );
            section.fault("scheme", problem);
            section.leave_open();
            None
        }
    }
}
