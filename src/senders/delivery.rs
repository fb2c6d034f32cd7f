//! One delivery as it came over the wire, and what proving its origin says of it.

use jiff::Timestamp;

use crate::domain::ids::EventId;

/// The headers of a delivery.
pub trait Headers {
    /// The value of a header that is there exactly once; `None` where it is missing or there
    /// several times, as nobody can say which of several was meant.
    fn only(&self, name: &str) -> Option<&[u8]>;
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
}

/// A delivery that none of its source's ways to authenticate accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not authenticated: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct Unauthenticated(pub Vec<Refusal>);
