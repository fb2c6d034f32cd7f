//! `POST /v1/emails/{source}`: a mail that an email relay passes on.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use serde::Serialize;

use crate::domain::event::{ResetEvent, Subject, UserKey};
use crate::domain::fault::error_line;
use crate::domain::ids::{EventId, RotationId};
use crate::hooks::admission::{admit, count, outcome, refused};
use crate::hooks::app::State;
use crate::hooks::gate;
use crate::hooks::headers::Evidence;
use crate::hooks::problem::Problem;
use crate::hooks::sources::Gate;
use crate::ports::journal::Admission;
use crate::ports::meter::DeliveryOutcome;
use crate::senders::email::mail::{InvalidMail, Mail};
use crate::senders::email::mailbox::Mailbox;
use crate::senders::email::opening::{Letter, Opened, Post, Unopened};
use crate::senders::email::patterns::{NotOurs, Recognised};
use crate::senders::email::relay::{Relay, Word};
use crate::senders::email::verdict::Judgement;
use crate::senders::source::{Format, Source};

/// What a relay is told of a mail that was taken, or put aside.
#[derive(Debug, Serialize)]
struct Receipt {
    status: &'static str,
    rotation_id: Option<RotationId>,
    event_id: Option<EventId>,
}

impl Receipt {
    const fn plain(status: &'static str) -> Self {
        Self { status, rotation_id: None, event_id: None }
    }
}

/// What became of a post.
enum Taken {
    /// A mail that tells of a reset.
    Event(EventId, Admission),
    /// A mail that does not, or nothing at all.
    PutAside,
    /// The relay's subscription was confirmed.
    Subscribed,
}

/// Receives one post, counts it and answers as its relay understands.
pub(super) async fn receive(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let is_mail = |format: &Format| matches!(format, Format::Email(_));
    let gate = gate::find(&request, &state, is_mail).and_then(|gate| match &gate.source.format {
        Format::Email(mailbox) => Ok((Arc::clone(&gate), Arc::clone(mailbox))),
        Format::Notice | Format::VaultEvent | Format::OutboundMessage(_) => {
            Err(Problem::UnknownSource)
        }
    });
    let (taken, relay) = match gate {
        Err(problem) => (Err(problem), None),
        Ok((gate, mailbox)) => {
            let taken = take(&request, payload, &state, &gate, &mailbox).await;
            (taken, Some(mailbox.relay))
        }
    };
    match &taken {
        Ok(Taken::Event(_, admission)) => count(&request, &state, outcome(admission)),
        Ok(Taken::PutAside | Taken::Subscribed) => {
            count(&request, &state, DeliveryOutcome::PutAside);
        }
        Err(problem) => refused(&request, &state, problem),
    }
    match (taken, relay) {
        (Ok(taken), _) => Ok(answer(taken)),
        (Err(problem), Some(relay)) => refuse(problem, relay),
        (Err(problem), None) => Err(problem),
    }
}

/// The way of a post: read, prove, judge, recognise, write down.
async fn take(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
    gate: &Gate,
    mailbox: &Arc<Mailbox>,
) -> Result<Taken, Problem> {
    gate::pass(request, gate)?;
    let source = &gate.source;
    let body = gate::read(request, payload, state.limits.mail_body, &state.limits).await?;
    let now = state.clock.now();
    let post = Post { headers: &Evidence(request), body };
    let (memory, readers) = (&state.mails.memory, &state.readers);
    let opened = mailbox.open(&post, memory, readers, now, source.future).await;
    let letter = match opened {
        Ok(Opened::Mail(letter)) => *letter,
        Ok(Opened::Nothing) => return Ok(Taken::PutAside),
        Ok(Opened::Subscribed) => {
            tracing::info!(source = %source.name, "the relay's subscription is confirmed");
            return Ok(Taken::Subscribed);
        }
        Err(Unopened::Unauthenticated(reason)) => {
            tracing::warn!(source = %source.name, %reason, "delivery refused");
            return Err(Problem::Unauthenticated { challenge: mailbox.challenge() });
        }
        Err(Unopened::Invalid(reason @ InvalidMail::Shape)) => {
            tracing::info!(source = %source.name, %reason, "a mail is put aside");
            return Ok(Taken::PutAside);
        }
        Err(Unopened::Invalid(reason)) => return Err(Problem::Mail(reason)),
        Err(Unopened::Later(reason)) => {
            tracing::error!(source = %source.name, %reason, "delivery could not be verified");
            return Err(Problem::Unavailable);
        }
    };
    let Letter { mail, told } = letter;
    let Some(recognised) = judge(source, mailbox, &mail, told)? else {
        return Ok(Taken::PutAside);
    };
    let subject = Subject::Login {
        organization: mailbox.organization.clone(),
        user: UserKey::Name(recognised.username.clone()),
    };
    // A mail cannot be from the future, whatever it says.
    let occurred_at = mail.date.unwrap_or(now).min(now);
    let (id, kind) = (mail.id, recognised.kind);
    let event = ResetEvent { source: source.name.clone(), id, kind, subject, occurred_at };
    let admission = admit(state, source, event.clone()).await?;
    // What is a duplicate by its id alone may be another mail, with another token.
    let is_this_mail = mail.is_bound || !matches!(admission, Admission::Duplicate(_));
    if mailbox.write_token && is_this_mail {
        keep_token(state, source, &event, admission, recognised).await?;
    } else if mailbox.write_token {
        tracing::warn!(
            source = %source.name, event = %event.id,
            "a mail came again, and nothing proves that it is the same; its token is left alone"
        );
    }
    Ok(Taken::Event(event.id, admission))
}

/// Whose reset a mail tells of, where it is proven; `None` for one that is none of Salesforce's notices.
///
/// The patterns come before the verdict, so that whatever else arrives in the mailbox is put
/// aside in silence, and a forged notice is not.
fn judge(
    source: &Source,
    mailbox: &Mailbox,
    mail: &Mail,
    told: Result<Recognised, NotOurs>,
) -> Result<Option<Recognised>, Problem> {
    let recognised = match told {
        Ok(recognised) => recognised,
        Err(reason) => {
            tracing::info!(source = %source.name, %reason, "a mail is put aside");
            return Ok(None);
        }
    };
    let judgement = mail.verdicts.judge(|domain| mailbox.patterns.is_sender(domain));
    match judgement {
        Judgement::Genuine => Ok(Some(recognised)),
        Judgement::Unsaid if !mailbox.require_verdict => Ok(Some(recognised)),
        Judgement::Unsaid | Judgement::Forged => {
            tracing::warn!(
                source = %source.name,
                event = %mail.id,
                ?judgement,
                verdicts = ?mail.verdicts,
                "a mail that looks like Salesforce's is not proven to be"
            );
            Err(Problem::Verdict)
        }
    }
}

/// Puts the mailed token into Vault, after the event is written down: containment waits for
/// nothing.
async fn keep_token(
    state: &State,
    source: &Source,
    event: &ResetEvent,
    admission: Admission,
    recognised: Recognised,
) -> Result<(), Problem> {
    let Some(token) = recognised.token else { return Ok(()) };
    let (tokens, event, targets) =
        (state.mails.tokens.clone(), event.clone(), source.targets.clone());
    let id = event.id.clone();
    // In a task of its own: a relay that hangs up must not cut a write short.
    let keeping = actix_web::rt::spawn(async move {
        tokens.keep(&event, targets.as_deref(), admission, &token).await
    });
    match tokio::time::timeout(state.limits.admission_deadline, keeping).await {
        Ok(Ok(Ok(kept))) => {
            tracing::info!(source = %source.name, event = %id, ?kept, "mailed token");
            Ok(())
        }
        Ok(Ok(Err(error))) => {
            let error = error_line(&error);
            tracing::error!(source = %source.name, event = %id, error, "mailed token is not kept");
            Err(Problem::Unavailable)
        }
        Ok(Err(_)) | Err(_) => {
            tracing::error!(source = %source.name, event = %id, "keeping a mailed token was cut short");
            Err(Problem::Unavailable)
        }
    }
}

fn answer(taken: Taken) -> HttpResponse {
    let (status, receipt) = match taken {
        Taken::Event(id, admission) => {
            let rotation_id = match admission {
                Admission::Accepted(rotation) => Some(rotation),
                Admission::Duplicate(rotation) => rotation,
                Admission::Unmatched => None,
            };
            let status = outcome(&admission).as_str();
            // Some relays take nothing but 200 for "done".
            (StatusCode::OK, Receipt { status, rotation_id, event_id: Some(id) })
        }
        Taken::PutAside => (StatusCode::OK, Receipt::plain("put_aside")),
        Taken::Subscribed => (StatusCode::OK, Receipt::plain("subscribed")),
    };
    HttpResponse::build(status).insert_header(("cache-control", "no-store")).json(receipt)
}

/// Says "stop" or "later" in the words of the relay.
fn refuse(problem: Problem, relay: Relay) -> Result<HttpResponse, Problem> {
    let is_final = matches!(
        problem,
        Problem::Mail(_) | Problem::Verdict | Problem::TooLarge { .. } | Problem::MediaType
    );
    let word = if is_final {
        relay.stop()
    } else if problem.status_code().is_client_error() {
        relay.later()
    } else {
        Word::AsItIs
    };
    match word {
        Word::AsItIs => Err(problem),
        Word::PutAside => {
            let mut response = answer(Taken::PutAside);
            if matches!(problem, Problem::TooLarge { .. }) {
                // What is left of the body is not read.
                response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
            }
            Ok(response)
        }
        Word::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            Ok(problem.answered_with(status))
        }
    }
}
