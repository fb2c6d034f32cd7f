//! A request as a seed writes it: a line for each header, an empty line, the body.

use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;
use reset_receiver::domain::ids::SourceName;
use reset_receiver::senders::client_certificate::ClientCertificate;
use reset_receiver::senders::delivery::{Delivery, Headers, Proof, Unauthenticated};
use reset_receiver::senders::source::{Authentication, Format, Rate, Source};

/// How far two clocks may be apart.
pub(crate) const WINDOW: Duration = Duration::from_mins(5);

/// The receiver's time.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_772_442_904).expect("it is the time of the samples")
}

/// The source that every target sends as.
pub(crate) fn name() -> SourceName {
    SourceName::parse("fuzz").expect("it is a name")
}

/// A request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) path_secret: Option<Vec<u8>>,
    pub(crate) certificate: Option<ClientCertificate>,
    pub(crate) body: Vec<u8>,
}

impl Headers for Request {
    fn only(&self, name: &str) -> Option<&[u8]> {
        let mut all = self.headers.iter().filter(|(header, _)| header == name);
        let (_, value) = all.next()?;
        all.next().is_none().then_some(value)
    }

    fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.certificate.as_ref()
    }

    fn path_secret(&self) -> Option<&[u8]> {
        self.path_secret.as_deref()
    }
}

impl Request {
    /// Reads a request as HTTP would have it: no header has a line break in it.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let mut request = Self::default();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            request.headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
        }
        request.body = rest.to_vec();
        request
    }

    /// A body with one header.
    pub(crate) fn with(name: &str, value: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::default() }.and(name, value)
    }

    /// The same with one more header.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// What authenticating it says.
    pub(crate) fn authenticated(&self, by: &Authentication) -> Result<Proof, Unauthenticated> {
        let source = Source {
            name: name(),
            format: Format::Notice,
            authentications: vec![by.clone()],
            targets: None,
            rate: Rate { burst: NonZeroU32::MIN, per_minute: NonZeroU32::MIN },
            future: WINDOW,
        };
        source.authenticate(&Delivery { headers: self, body: &self.body }, now())
    }

    /// Whether it is who it should be.
    pub(crate) fn passes(&self, by: &Authentication) -> bool {
        self.authenticated(by).is_ok()
    }
}
