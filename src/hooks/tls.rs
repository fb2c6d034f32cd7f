//! TLS 1.2 and 1.3 for the public listener, with a certificate that can be exchanged.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use crate::hooks::client_certificates::Possession;
use crate::hooks::validity::Validity;

/// Where the certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then those above it up to the root, in PEM.
    pub certificate: PathBuf,
    /// The private key, in PEM: PKCS #8, PKCS #1 or SEC 1.
    pub key: PathBuf,
}

/// Why the files give no certificate to serve with. It carries nothing of their content.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No certificate in the file, or something that is none.
    #[error(
        "{} holds no readable certificate: it must begin with -----BEGIN CERTIFICATE-----, the \
         server's own certificate first",
        .0.display()
    )]
    Certificate(PathBuf),
    /// No private key in the file, or something that is none.
    #[error(
        "{} holds no readable private key: it must have one section -----BEGIN PRIVATE KEY-----, \
         without a passphrase",
        .0.display()
    )]
    Key(PathBuf),
    /// Two files that do not belong together, or a key of a kind that is not supported.
    #[error(
        "the key in {} does not belong to the first certificate in {}: issue both together and \
         put the server's own certificate first",
        files.key.display(),
        files.certificate.display()
    )]
    Mismatch {
        /// The files.
        files: TlsFiles,
        /// What rustls says.
        source: rustls::Error,
    },
    /// The cryptography does not support the protocol versions.
    #[error("TLS 1.2 and 1.3 cannot be set up")]
    Protocol(#[source] rustls::Error),
}

/// The certificate that the listener shows, read from its files again on demand.
pub struct Certificates {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    current: ArcSwap<Served>,
}

/// What is served with.
struct Served {
    key: Arc<CertifiedKey>,
    validity: Validity,
}

impl Certificates {
    /// Reads the files.
    pub fn load(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = ArcSwap::from_pointee(read(&files, &provider)?);
        Ok(Arc::new(Self { files, provider, current }))
    }

    /// Reads the files again. Connections that begin from now on see the new certificate; where
    /// the files are not right, nothing changes.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(read(&self.files, &self.provider)?));
        Ok(())
    }

    /// From when until when the server's own certificate is valid, the one that is shown now.
    pub fn validity(&self) -> Validity {
        self.current.load().validity
    }

    /// The configuration of a listener that speaks HTTP/1.1.
    pub(super) fn server_config(self: Arc<Self>) -> Result<ServerConfig, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::Protocol)?
            .with_client_cert_verifier(Arc::new(Possession(Arc::clone(&self.provider))))
            .with_cert_resolver(self);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
    }
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<Served, TlsError> {
    let certificate_error = || TlsError::Certificate(files.certificate.clone());
    let certificates = CertificateDer::pem_slice_iter(&read_file(&files.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| certificate_error())?;
    let validity = certificates.first().and_then(Validity::of).ok_or_else(certificate_error)?;
    let key = PrivateKeyDer::from_pem_slice(&read_file(&files.key)?)
        .map_err(|_| TlsError::Key(files.key.clone()))?;
    let key = CertifiedKey::from_der(certificates, key, provider)
        .map_err(|source| TlsError::Mismatch { files: files.clone(), source })?;
    Ok(Served { key: Arc::new(key), validity })
}

fn read_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let read = fs::read(path).map(Zeroizing::new);
    read.map_err(|source| TlsError::Read { path: path.to_owned(), source })
}
