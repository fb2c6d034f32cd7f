//! The rotations, and the verbs about one.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use uuid::Uuid;

use crate::domain::entry::Row;
use crate::domain::ids::{RotationId, TargetName};
use crate::domain::phase::Phase;
use crate::engine::operations::Verb;
use crate::operator::State;
use crate::operator::problem::{Problem, QueryFault};
use crate::operator::standing::Stand;
use crate::operator::view::{Recorded, RotationList, RotationView, SummaryView};
use crate::operator::who_may::Actor;
use crate::operator::words;
use crate::ports::journal::{Journal, JournalError, RotationFilter};

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;

/// The query of a list, as it stands in the URL.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    target: Option<String>,
    phase: Option<String>,
    before: Option<String>,
    limit: Option<u32>,
}

impl Listing {
    fn filter(&self) -> Result<RotationFilter, QueryFault> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(QueryFault::Limit(MAX_LIMIT));
        }
        let target = self.target.as_deref().map(TargetName::parse).transpose()?;
        let phase = |word: &str| Phase::parse(word).ok_or(QueryFault::Phase);
        let before = |id: &str| parse(id).ok_or(QueryFault::Before);
        Ok(RotationFilter {
            target,
            phase: self.phase.as_deref().map(phase).transpose()?,
            before: self.before.as_deref().map(before).transpose()?,
            limit,
        })
    }
}

pub(super) async fn list(
    state: web::Data<State>,
    request: actix_web::HttpRequest,
) -> Result<web::Json<RotationList>, Problem> {
    let query = web::Query::<Listing>::from_query(request.query_string());
    let mut filter = query.map_err(QueryFault::Shape)?.filter()?;
    // One more than asked for tells whether there is a further page.
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    filter.limit = filter.limit.saturating_add(1);
    let mut found = state.parts.journal.rotations(&filter).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_before = found.last().filter(|_| more).map(|summary| summary.id);
    let rotations = found.into_iter().map(SummaryView::from).collect();
    Ok(web::Json(RotationList { rotations, next_before }))
}

pub(super) async fn one(
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<web::Json<RotationView>, Problem> {
    let id = parse(&id).ok_or(Problem::NoRotation)?;
    let summary = state.parts.journal.rotation(id).await?;
    let (rows, stand) = read_stand(&*state.parts.journal, id).await?;
    let mut summary = SummaryView::from(summary);
    // The journal is read after the summary and may have moved on; what it says is newer.
    summary.phase = stand.phase;
    Ok(web::Json(RotationView {
        summary,
        since: stand.since,
        waits_for: words::waits_for(&stand, &rows),
        stuck: words::stuck(&stand.rotation),
        left_disabled: stand.rotation.left_disabled().map(ToString::to_string).collect(),
        journal: rows.iter().map(words::row).collect(),
    }))
}

pub(super) async fn retry(
    state: web::Data<State>,
    actor: Actor,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    say(&state, &actor, &id, Verb::Retry).await
}

pub(super) async fn use_current_secret(
    state: web::Data<State>,
    actor: Actor,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    say(&state, &actor, &id, Verb::UseCurrentSecret).await
}

pub(super) async fn abandon(
    state: web::Data<State>,
    actor: Actor,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    say(&state, &actor, &id, Verb::Abandon).await
}

async fn say(state: &State, actor: &Actor, id: &str, verb: Verb) -> Result<HttpResponse, Problem> {
    let rotation_id = parse(id).ok_or(Problem::NoRotation)?;
    state.parts.operations.say(rotation_id, verb, &actor.name).await?;
    Ok(HttpResponse::Accepted().json(Recorded { rotation_id }))
}

/// Reads a rotation's journal and where it stands.
pub(super) async fn read_stand(
    journal: &dyn Journal,
    id: RotationId,
) -> Result<(Vec<Row>, Stand), Problem> {
    let rows = journal.rows(id).await?;
    let stand = Stand::of(&rows).map_err(|illegal| JournalError::Inconsistent(illegal.into()))?;
    Ok((rows, stand))
}

fn parse(id: &str) -> Option<RotationId> {
    Uuid::try_parse(id).ok().map(RotationId)
}
