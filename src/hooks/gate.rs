//! What every delivery passes before anything of it is read: its source, its rate, its size, and
//! the proof of where it comes from.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use actix_web::web::{Bytes, Payload};
use actix_web::{HttpMessage, HttpRequest};
use jiff::Timestamp;

use crate::domain::ids::SourceName;
use crate::hooks::access_log::KnownSource;
use crate::hooks::app::State;
use crate::hooks::connections;
use crate::hooks::headers::{self, Evidence};
use crate::hooks::limits::Limits;
use crate::hooks::problem::Problem;
use crate::hooks::sources::Gate;
use crate::senders::delivery::{Delivery, Proof, Unauthenticated};
use crate::senders::source::{Authentication, Format, Source};

/// The source in the address, where it sends a format that fits the route.
pub(super) fn find(
    request: &HttpRequest,
    state: &State,
    fits: impl Fn(&Format) -> bool,
) -> Result<Arc<Gate>, Problem> {
    let name = request.match_info().get("source").unwrap_or_default();
    let name = SourceName::parse(name).map_err(|_| Problem::UnknownSource)?;
    let gate = state.sources.get(&name, fits).ok_or(Problem::UnknownSource)?;
    request.extensions_mut().insert(KnownSource(name));
    Ok(gate)
}

/// Lets one more request through, or says that it is one too many.
pub(super) fn pass(request: &HttpRequest, gate: &Gate) -> Result<(), Problem> {
    // A connection always has an address; one that lost it already shares a bucket.
    let address = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    gate.limiter.take(address).map_err(|retry_after| Problem::Throttled { retry_after })
}

/// Finds the source and passes.
pub(super) fn enter(
    request: &HttpRequest,
    state: &State,
    fits: impl Fn(&Format) -> bool,
) -> Result<Arc<Gate>, Problem> {
    let gate = find(request, state, fits)?;
    pass(request, &gate)?;
    Ok(gate)
}

/// Reads the whole body, within a limit of bytes and the deadline.
pub(super) async fn read(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
    limits: &Limits,
) -> Result<Bytes, Problem> {
    let announced = headers::content_length(request);
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |bytes| bytes > limit)) {
        return Err(Problem::TooLarge { limit });
    }
    let reading = payload.to_bytes_limited(limit);
    match tokio::time::timeout(limits.body_deadline, reading).await {
        Err(_elapsed) => Err(Problem::BodyTimeout),
        Ok(Err(_exceeded)) => Err(Problem::TooLarge { limit }),
        Ok(Ok(Err(_broken))) => Err(Problem::Truncated),
        Ok(Ok(Ok(body))) => {
            connections::has_come(request);
            Ok(body)
        }
    }
}

/// Proves where a delivery comes from.
pub(super) fn authenticate(
    request: &HttpRequest,
    source: &Source,
    body: &[u8],
    now: Timestamp,
) -> Result<Proof, Problem> {
    let delivery = Delivery { headers: &Evidence(request), body };
    source.authenticate(&delivery, now).map_err(|reason| refuse(source, &reason))
}

/// The one answer to every stranger; why goes to the log.
pub(super) fn refuse(source: &Source, reason: &Unauthenticated) -> Problem {
    tracing::warn!(source = %source.name, %reason, "delivery refused");
    Problem::Unauthenticated { challenge: challenge(source) }
}

/// The schemes that the source accepts, as `WWW-Authenticate` lists them.
fn challenge(source: &Source) -> String {
    let mut schemes: Vec<&str> =
        source.authentications.iter().map(Authentication::scheme).collect();
    schemes.dedup();
    schemes.join(", ")
}
