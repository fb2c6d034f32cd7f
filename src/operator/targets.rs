//! The targets, and the verb that rotates one.

use actix_web::{HttpResponse, web};

use crate::domain::ids::TargetName;
use crate::domain::target::Target;
use crate::operator::State;
use crate::operator::problem::Problem;
use crate::operator::rotations::read_stand;
use crate::operator::view::{Recorded, StandingView, TargetList, TargetView};
use crate::operator::who_may::Actor;
use crate::operator::words;
use crate::ports::journal::{Journal, RotationFilter, RotationSummary};

pub(super) async fn list(state: web::Data<State>) -> Result<web::Json<TargetList>, Problem> {
    let mut targets = Vec::new();
    for target in state.parts.targets.iter() {
        targets.push(view(&*state.parts.journal, target).await?);
    }
    Ok(web::Json(TargetList { targets }))
}

pub(super) async fn one(
    state: web::Data<State>,
    name: web::Path<String>,
) -> Result<web::Json<TargetView>, Problem> {
    let target = state.parts.targets.get(&parse(&name)?).ok_or(Problem::NoTarget)?;
    Ok(web::Json(view(&*state.parts.journal, target).await?))
}

pub(super) async fn rotate(
    state: web::Data<State>,
    actor: Actor,
    name: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let target = parse(&name)?;
    let rotation_id = state.parts.operations.rotate(&target, &actor.name).await?;
    Ok(HttpResponse::Accepted().json(Recorded { rotation_id }))
}

/// A text that no target can be named is the name of none.
fn parse(name: &str) -> Result<TargetName, Problem> {
    TargetName::parse(name).map_err(|_invalid| Problem::NoTarget)
}

async fn view(journal: &dyn Journal, target: &Target) -> Result<TargetView, Problem> {
    let filter =
        RotationFilter { target: Some(target.name.clone()), limit: 1, ..Default::default() };
    let latest = journal.rotations(&filter).await?.into_iter().next();
    let rotation = match latest {
        Some(summary) => Some(standing(journal, &summary).await?),
        None => None,
    };
    Ok(TargetView {
        name: target.name.clone(),
        organization: target.organization.clone(),
        username: target.username.clone(),
        account: target.account.clone(),
        surfaces: target.surfaces.iter().map(ToString::to_string).collect(),
        rotation,
        applied: journal.applied(&target.name).await?.map(Into::into),
    })
}

/// A rotation that is over says everything in its summary; only one that is not is replayed.
async fn standing(
    journal: &dyn Journal,
    summary: &RotationSummary,
) -> Result<StandingView, Problem> {
    if let (true, Some(since)) = (summary.phase.is_finished(), summary.finished_at) {
        let (id, phase) = (summary.id, summary.phase);
        return Ok(StandingView { id, phase, since, waits_for: None });
    }
    let (rows, stand) = read_stand(journal, summary.id).await?;
    Ok(StandingView {
        id: summary.id,
        phase: stand.phase,
        since: stand.since,
        waits_for: words::waits_for(&stand, &rows),
    })
}
