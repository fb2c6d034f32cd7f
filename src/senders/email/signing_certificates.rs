//! The certificates under which Amazon SNS signs, fetched from Amazon alone and remembered.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;
use webpki::EndEntityCert;

use crate::ports::web::{Web, WebTrouble};

/// So many certificates are remembered; SNS has one for each region, and changes it rarely.
const CAPACITY: usize = 16;

/// A certificate is fetched anew after so long.
const LIFETIME: Duration = Duration::from_hours(24);

/// At most so many fetches in [`FETCH_PERIOD`]: whoever posts names the certificate, also a
/// stranger.
const FETCHES: usize = 10;

/// See [`FETCHES`].
const FETCH_PERIOD: Duration = Duration::from_mins(1);

/// Why there is no key to verify with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// It cannot be fetched now.
    #[error("the signing certificate cannot be fetched: {0}")]
    Web(#[from] WebTrouble),
    /// Too many were asked for.
    #[error("too many signing certificates were asked for")]
    TooMany,
    /// What was fetched is no certificate.
    #[error("what was fetched is no certificate")]
    NoCertificate,
}

/// A public key as its certificate has it (`SubjectPublicKeyInfo`).
pub(super) type PublicKey = Arc<[u8]>;

/// The certificates, and the way to more of them.
pub struct SigningCertificates {
    web: Arc<dyn Web>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: VecDeque<Known>,
    fetches: VecDeque<Timestamp>,
}

struct Known {
    url: Url,
    key: PublicKey,
    until: Timestamp,
}

impl fmt::Debug for SigningCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningCertificates")
    }
}

impl SigningCertificates {
    /// No certificate yet.
    pub fn new(web: Arc<dyn Web>) -> Self {
        Self { web, state: Mutex::default() }
    }

    /// The web, for confirmations.
    pub(super) fn web(&self) -> &dyn Web {
        &*self.web
    }

    /// The key of the certificate at an address that is known to be Amazon's, and whether it had
    /// to be fetched.
    pub(super) async fn key(&self, url: &Url, now: Timestamp) -> Result<(PublicKey, bool), NoKey> {
        if let Some(key) = self.known(url, now)? {
            return Ok((key, false));
        }
        let pem = self.web.get(url).await?;
        let certificate = CertificateDer::from_pem_slice(&pem).map_err(|_| NoKey::NoCertificate)?;
        let parsed = EndEntityCert::try_from(&certificate).map_err(|_| NoKey::NoCertificate)?;
        Ok((parsed.subject_public_key_info().as_ref().into(), true))
    }

    /// Looks a key up; where it is not known, takes leave to fetch it.
    fn known(&self, url: &Url, now: Timestamp) -> Result<Option<PublicKey>, NoKey> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.known.retain(|known| known.until > now);
        if let Some(known) = state.known.iter().find(|known| known.url == *url) {
            return Ok(Some(Arc::clone(&known.key)));
        }
        let earliest = now.saturating_sub(FETCH_PERIOD).unwrap_or(Timestamp::MIN);
        state.fetches.retain(|at| *at > earliest);
        if state.fetches.len() >= FETCHES {
            return Err(NoKey::TooMany);
        }
        state.fetches.push_back(now);
        Ok(None)
    }

    /// Remembers a key that has verified something, so that strangers cannot push one out.
    pub(super) fn remember(&self, url: &Url, key: &PublicKey, now: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.known.len() >= CAPACITY {
            state.known.pop_front();
        }
        let until = now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
        state.known.push_back(Known { url: url.clone(), key: Arc::clone(key), until });
    }
}
