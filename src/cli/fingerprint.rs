//! Prints the pins of a client certificate.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::Exit;
use crate::senders::client_certificate::{ClientCertificate, UnreadableCertificate};

/// No more of a file is read; a chain takes a few kilobytes.
const MAX_BYTES: u64 = 1 << 20;

/// Which certificate.
#[derive(Debug, Args)]
pub struct FingerprintArguments {
    /// The file with the certificate (PEM), the sender's own one first.
    pub certificate: PathBuf,
    /// Say it as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Why there are no pins.
#[derive(Debug, thiserror::Error)]
pub enum FingerprintError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds no certificate.
    #[error("{} holds no certificate", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: UnreadableCertificate,
    },
    /// The command's own output could not be written.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
}

#[derive(Serialize)]
struct Fingerprints {
    subject: String,
    not_before: jiff::Timestamp,
    not_after: jiff::Timestamp,
    certificate: String,
    public_key: String,
    shared_by_salesforce: bool,
}

/// Prints the pins of a file's first certificate.
pub fn fingerprint(
    arguments: &FingerprintArguments,
    out: &mut dyn Write,
) -> Result<Exit, FingerprintError> {
    let path = || arguments.certificate.clone();
    let file_error = |source| FingerprintError::File { path: path(), source };
    let mut pem = Vec::new();
    let file = File::open(path()).map_err(file_error)?;
    file.take(MAX_BYTES).read_to_end(&mut pem).map_err(file_error)?;
    let certificate = ClientCertificate::from_pem(&pem)
        .map_err(|source| FingerprintError::Certificate { path: path(), source })?;
    let prints = Fingerprints {
        subject: certificate.subject.clone(),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        certificate: certificate.certificate_pin.to_string(),
        public_key: certificate.public_key_pin.to_string(),
        shared_by_salesforce: certificate.is_shared_by_salesforce(),
    };
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &prints).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(Exit::Well);
    }
    writeln!(out, "subject      {}", prints.subject)?;
    writeln!(out, "valid        {} to {}", prints.not_before, prints.not_after)?;
    writeln!(out, "certificate  {}", prints.certificate)?;
    writeln!(out, "public key   {}", prints.public_key)?;
    if prints.shared_by_salesforce {
        writeln!(
            out,
            "warning: Salesforce shows this certificate for all its customers; it proves Salesforce, \
             and not your organisation"
        )?;
    }
    Ok(Exit::Well)
}
