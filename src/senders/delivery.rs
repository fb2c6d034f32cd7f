//! One delivery as it came over the wire, and what proving its origin says of it.

use std::time::Duration;

use jiff::Timestamp;

use crate::domain::ids::EventId;
use crate::senders::client_certificate::ClientCertificate;

/// The headers of a delivery, and what else came with it besides its body.
pub trait Headers {
    /// The value of a header that is there exactly once; `None` where it is missing or there
    /// several times, as nobody can say which of several was meant.
    fn only(&self, name: &str) -> Option<&[u8]>;

    /// The certificate that the sender showed, whose key it was proven to hold.
    fn client_certificate(&self) -> Option<&ClientCertificate> {
        None
    }

    /// The secret segment of the address.
    fn path_secret(&self) -> Option<&[u8]> {
        None
    }
}

/// One delivery, nothing of it believed yet.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// Its headers.
    pub headers: &'a dyn Headers,
    /// Its body, byte for byte as it came.
    pub body: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// A header that is there exactly once, as text.
    pub(super) fn header(&self, name: &'static str) -> Result<&'a str, Refusal> {
        let value = self.headers.only(name).ok_or(Refusal::Header(name))?;
        std::str::from_utf8(value).map_err(|_| Refusal::Header(name))
    }
}

/// What the proof of origin covers besides the body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// The id that the scheme signs, where it signs one.
    pub id: Option<EventId>,
    /// The time of sending that the scheme signs, where it signs one.
    pub sent_at: Option<Timestamp>,
    /// How far from now the event itself may have happened, where the scheme signs no time.
    pub occurred_within: Option<Duration>,
}

impl Proof {
    /// Refuses an event that happened too far from now, where nothing but its own time tells a
    /// delivery from a repetition; the edge itself is still good.
    pub fn check_time(&self, occurred_at: Timestamp, now: Timestamp) -> Result<(), Refusal> {
        let apart = now.duration_since(occurred_at).unsigned_abs();
        match self.occurred_within {
            Some(window) if apart > window => Err(Refusal::Stale),
            Some(_) | None => Ok(()),
        }
    }
}

/// Why one way to authenticate did not succeed: for the log, never for the sender, and without
/// anything that the sender sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header is missing, there several times, or not text.
    #[error("the header {0} is not there exactly once as text")]
    Header(&'static str),
    /// A header does not have the form that the scheme asks for.
    #[error("the header {0} does not have the form that the scheme asks for")]
    Form(&'static str),
    /// No signature fits the signed bytes under any key.
    #[error("no signature fits under any key")]
    Signature,
    /// The signature fits, and the signed time lies outside the window.
    #[error("the signed time is too far from now")]
    Stale,
    /// A field that the proof needs is missing or malformed.
    #[error("the field {0} that the proof needs is missing or malformed")]
    Field(&'static str),
    /// What proves one delivery was used for another one.
    #[error("its proof was used for another delivery")]
    Spent,
    /// Signed, and not on behalf of the one who may send.
    #[error("signed on behalf of somebody else")]
    Stranger,
    /// The token is none of the source's.
    #[error("the token is none of the source's")]
    Token,
    /// No secret stands in the address.
    #[error("no secret stands in the address")]
    NoPathSecret,
    /// The secret in the address is none of the source's.
    #[error("the secret in the address is none of the source's")]
    PathSecret,
    /// The sender showed no certificate.
    #[error("no client certificate was shown")]
    NoCertificate,
    /// The certificate is not pinned.
    #[error("neither the client certificate nor its public key is pinned")]
    CertificatePin,
    /// No trusted authority issued the certificate, or not for now.
    #[error("no trusted authority issued the client certificate for use now")]
    CertificateChain,
    /// The certificate is for another name.
    #[error("the client certificate is not for the expected name")]
    CertificateName,
    /// The certificate is not valid yet, or no more.
    #[error("the client certificate is not valid now")]
    CertificateTime,
    /// It speaks for an organisation that is not the source's.
    #[error("it speaks for an organisation that is not the source's")]
    Organization,
}

/// A delivery that none of its source's ways to authenticate accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not authenticated: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Unauthenticated(pub Vec<Refusal>);
