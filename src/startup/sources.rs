//! The configured sources with their keys, tokens, certificates and pins read from their files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{
    AuthenticationFiles, CertificateTrust, Config, Source as SourceConfig, SourceFormat,
};
use crate::domain::ids::SourceName;
use crate::domain::outbound_object::OutboundObject;
use crate::domain::pin::Pin;
use crate::domain::secret::SecretText;
use crate::senders::bearer::Bearer;
use crate::senders::client_certificate::{ClientCertificate, UnreadableCertificate};
use crate::senders::hmac_body::{BodyKey, HmacBody};
use crate::senders::keys::{BearerToken, InvalidKey, SigningKey};
use crate::senders::mtls::{Authority, Mtls, Trust};
use crate::senders::outbound_message::OutboundMessages;
use crate::senders::path_secret::PathSecret;
use crate::senders::source::{Authentication, Format, Rate, Source};
use crate::senders::standard_webhooks::StandardWebhooks;
use crate::startup::files::{read, read_text};
use crate::startup::mailboxes::mailbox;
use crate::startup::{StartError, WINDOW};

/// Reads every source.
pub(in crate::startup) fn sources(config: &Config) -> Result<Vec<Source>, StartError> {
    config.sources.iter().map(|source| one(config, source)).collect()
}

fn one(config: &Config, source: &SourceConfig) -> Result<Source, StartError> {
    let files = Files { key: format!("sources.{}.authentication", source.name) };
    let read = |scheme| files.authentication(scheme);
    let format = match &source.format {
        SourceFormat::Notice => Format::Notice,
        SourceFormat::VaultEvent => Format::VaultEvent,
        SourceFormat::Email(section) => {
            Format::Email(Arc::new(mailbox(source.name.as_str(), section)?))
        }
        SourceFormat::OutboundMessage { object, .. } => Format::OutboundMessage(OutboundMessages {
            object: object.clone(),
            organizations: config.organizations(source),
        }),
    };
    Ok(Source {
        name: source.name.clone(),
        format,
        authentications: source.authentication.iter().map(read).collect::<Result<_, _>>()?,
        targets: source.targets.clone(),
        rate: Rate { burst: source.rate_per_minute, per_minute: source.rate_per_minute },
        future: WINDOW,
    })
}

/// The files of one source's authentication.
struct Files {
    /// The configuration's key that names them.
    key: String,
}

impl Files {
    fn authentication(&self, scheme: &AuthenticationFiles) -> Result<Authentication, StartError> {
        Ok(match scheme {
            AuthenticationFiles::StandardWebhooks(paths) => {
                let keys = self.keys(paths, SigningKey::parse)?;
                Authentication::StandardWebhooks(StandardWebhooks::new(keys, WINDOW))
            }
            AuthenticationFiles::Bearer(paths) => {
                Authentication::Bearer(Bearer::new(self.keys(paths, BearerToken::parse)?))
            }
            AuthenticationFiles::HmacBody { keys, window } => {
                let keys = self.keys(keys, BodyKey::parse)?;
                Authentication::HmacBody(HmacBody::new(keys, window.unwrap_or(WINDOW)))
            }
            AuthenticationFiles::Mtls { trust, path_secrets } => {
                let secrets = self.keys(path_secrets, PathSecret::parse)?;
                Authentication::Mtls(Mtls::new(self.trust(trust)?, secrets))
            }
            AuthenticationFiles::PathSecret(paths) => {
                Authentication::PathSecret(self.keys(paths, PathSecret::parse)?)
            }
        })
    }

    fn trust(&self, trust: &CertificateTrust) -> Result<Trust, StartError> {
        match trust {
            CertificateTrust::Pinned { pins, certificate_files } => {
                let mut pins = pins.clone();
                for path in certificate_files {
                    pins.push(self.pin(path)?);
                }
                Ok(Trust::Pins(pins))
            }
            CertificateTrust::Issued { ca_file, name } => {
                let pem = read(&self.key, ca_file)?;
                let authority = Authority::read(&pem, name.clone());
                authority.map(Trust::Authority).map_err(|error| self.certificate(ca_file, error))
            }
        }
    }

    fn pin(&self, path: &Path) -> Result<Pin, StartError> {
        let certificate = ClientCertificate::from_pem(&read(&self.key, path)?);
        certificate
            .map(|certificate| certificate.certificate_pin)
            .map_err(|error| self.certificate(path, error))
    }

    fn certificate(&self, path: &Path, source: UnreadableCertificate) -> StartError {
        StartError::Certificate { key: self.key.clone(), path: path.to_owned(), source }
    }

    fn keys<T>(
        &self,
        paths: &[PathBuf],
        parse: impl Fn(&str) -> Result<T, InvalidKey>,
    ) -> Result<Vec<T>, StartError> {
        let invalid = |path: &Path, source| StartError::Key {
            key: self.key.clone(),
            path: path.to_owned(),
            source,
        };
        let key = |path: &PathBuf| {
            let text = SecretText::new(read_text(&self.key, path)?);
            parse(text.expose()).map_err(|error| invalid(path, error))
        };
        paths.iter().map(key).collect()
    }
}

/// The objects of the sources of outbound messages.
pub(in crate::startup) fn outbound_objects(
    config: &Config,
) -> BTreeMap<SourceName, Arc<OutboundObject>> {
    let object = |source: &SourceConfig| match &source.format {
        SourceFormat::OutboundMessage { object, .. } => {
            Some((source.name.clone(), Arc::clone(object)))
        }
        SourceFormat::Notice | SourceFormat::VaultEvent | SourceFormat::Email(_) => None,
    };
    config.sources.iter().filter_map(object).collect()
}
