//! Which client certificates a source accepts, as the configuration says it.

use std::path::PathBuf;

use rustls::pki_types::DnsName;
use toml::Value;

use crate::config::reader::{Reader, path, paths, text, texts};
use crate::domain::pin::Pin;

/// Which client certificates a source accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateTrust {
    /// Those that are pinned.
    Pinned {
        /// Pins of certificates or public keys.
        pins: Vec<Pin>,
        /// Files with certificates; each pins its first one.
        certificate_files: Vec<PathBuf>,
    },
    /// Those that an authority issued to a name.
    Issued {
        /// The file with the authorities.
        ca_file: PathBuf,
        /// The name.
        name: DnsName<'static>,
    },
}

pub(in crate::config) fn trust(section: &mut Reader<'_>) -> Option<CertificateTrust> {
    let before = section.faults_so_far();
    let pins = section.optional("pins", pins);
    let certificate_files = section.optional("certificate_files", paths);
    let ca_file = section.optional("ca_file", path);
    let name = section.optional("name", dns_name);
    match (pins, certificate_files, ca_file, name) {
        (None, None, Some(ca_file), Some(name)) => Some(CertificateTrust::Issued { ca_file, name }),
        (pins, certificate_files, None, None) if pins.is_some() || certificate_files.is_some() => {
            Some(CertificateTrust::Pinned {
                pins: pins.unwrap_or_default(),
                certificate_files: certificate_files.unwrap_or_default(),
            })
        }
        _ if section.faults_so_far() > before => None,
        _ => {
            let problem = "mtls needs pins or certificate_files, or else ca_file and name";
            section.fault("scheme", problem);
            None
        }
    }
}

fn pins(value: &Value) -> Result<Vec<Pin>, String> {
    let pins = texts(value)?
        .iter()
        .map(|text| Pin::parse(text).map_err(|error| format!("`{text}`: {error}")))
        .collect::<Result<Vec<_>, _>>()?;
    if pins.is_empty() { Err("must name at least one pin".to_owned()) } else { Ok(pins) }
}

fn dns_name(value: &Value) -> Result<DnsName<'static>, String> {
    let text = text(value)?;
    let wrong = |_| "is not a DNS name like client.example.com".to_owned();
    DnsName::try_from(text).map_err(wrong)
}
