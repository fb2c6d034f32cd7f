//! Every bound of the public listener.

use std::time::Duration;

/// The bounds. The program takes those that have a key from its configuration; the defaults here are
/// for the others, and for a listener by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest JSON body, in bytes.
    pub json_body: usize,
    /// The largest body with a mail, in bytes.
    pub mail_body: usize,
    /// The largest body of an outbound message, in bytes.
    pub message_body: usize,
    /// The largest head of a request, in bytes.
    pub header: usize,
    /// How long the TLS handshake may take, and after it the head of the first request.
    pub header_deadline: Duration,
    /// How long a body may take, from its first byte to its last.
    pub body_deadline: Duration,
    /// How long writing an event down may take.
    pub admission_deadline: Duration,
    /// How long a connection may stay open between two requests.
    pub idle: Duration,
    /// How many connections may be open.
    pub connections: usize,
    /// How many of them may come from one address; an IPv6 network of 64 bits counts as one.
    pub connections_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_body: 64 * 1024,
            mail_body: 1024 * 1024,
            message_body: 1024 * 1024,
            header: 16 * 1024,
            header_deadline: Duration::from_secs(10),
            body_deadline: Duration::from_secs(10),
            admission_deadline: Duration::from_secs(8),
            idle: Duration::from_secs(15),
            connections: 1024,
            connections_per_address: 128,
        }
    }
}

impl Limits {
    /// How long a connection may go on without a byte of an answer, whatever it sends meanwhile.
    /// It is longer than each of the finer deadlines, which answer before they close, and holds
    /// where they do not reach: the head of a second request, a body that is being discarded.
    pub(super) fn silence(&self) -> Duration {
        const SLACK: Duration = Duration::from_secs(2);
        let exchange = self.header_deadline + self.body_deadline + self.admission_deadline;
        exchange.max(self.idle) + SLACK
    }
}
