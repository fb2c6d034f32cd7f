//! What operators said.

use actix_web::web;
use serde::Deserialize;

use crate::operator::State;
use crate::operator::problem::{Problem, QueryFault};
use crate::operator::view::{AuditList, AuditView};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

/// The query of the list, as it stands in the URL.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    before: Option<u64>,
    limit: Option<u32>,
}

pub(super) async fn list(
    state: web::Data<State>,
    request: actix_web::HttpRequest,
) -> Result<web::Json<AuditList>, Problem> {
    let query = web::Query::<Listing>::from_query(request.query_string());
    let Listing { before, limit } = query.map_err(QueryFault::Shape)?.into_inner();
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(QueryFault::Limit(MAX_LIMIT).into());
    }
    // A number that no column can hold is after every row.
    let before = before.filter(|number| i64::try_from(*number).is_ok());
    // One more than asked for tells whether there is a further page.
    let mut found = state.parts.journal.audit(before, limit.saturating_add(1)).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next_before = found.last().filter(|_| more).map(|row| row.number);
    Ok(web::Json(AuditList {
        audit: found.into_iter().map(AuditView::from).collect(),
        next_before,
    }))
}
