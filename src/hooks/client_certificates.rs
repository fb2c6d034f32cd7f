//! Client certificates: asked for in every handshake, required in none.
//!
//! The handshake proves that the client holds the certificate's key, whoever issued it and for
//! whatever use; a client that shows none is served as well. Which certificates are good is each
//! source's own question, and is asked with every request, so that a pin that was taken out of the
//! configuration stops being good at once, also on connections that are open.

use std::fmt;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::hooks::listener::Connection;
use crate::senders::client_certificate::ClientCertificate;

/// What every handshake checks of a client's certificate: that the client has its key.
pub(super) struct Possession(pub(super) Arc<CryptoProvider>);

impl fmt::Debug for Possession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Possession")
    }
}

impl ClientCertVerifier for Possession {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Without a hint the client shows what it has.
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Keeps a connection's certificate for its requests.
pub(super) fn keep(connection: &Connection, data: &mut Extensions) {
    let (_, session) = connection.get_ref().get_ref();
    let Some(chain) = session.peer_certificates() else { return };
    match ClientCertificate::read(chain.to_vec()) {
        Ok(certificate) => {
            data.insert(certificate);
        }
        Err(error) => tracing::warn!(%error, "a client certificate cannot be read"),
    }
}

/// The certificate of a request's connection.
pub(super) fn of(request: &HttpRequest) -> Option<&ClientCertificate> {
    request.conn_data()
}
