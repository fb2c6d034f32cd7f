//! The format `outbound-message`: SOAP 1.1 that Salesforce sends when a rule or a flow says so.
//!
//! Source: the outbound messaging chapter of the SOAP API Developer Guide. One message holds 1 to
//! 100 notifications, each with an id of its own that stays the same over redeliveries, and is
//! acknowledged as a whole. Data is read when it is sent, so that a notification may be about a
//! record that is gone; Salesforce would send it again for a day unless it is acknowledged. What
//! is authentic and says nothing that can be acted on is therefore an event about nobody.

mod answer;
mod envelope;
mod xml;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::event::{ResetEvent, ResetKind, Subject, UserKey};
use crate::domain::ids::{EventId, OrganizationId, SourceName, UserId, Username};
use crate::domain::outbound_object::{ApiName, OutboundObject};
use crate::senders::outbound_message::envelope::{Notification, Record};

pub use crate::senders::outbound_message::answer::{ACK, CONTENT_TYPE, NACK, fault};
pub use crate::senders::outbound_message::envelope::{InvalidMessage, MAX_NOTIFICATIONS};

/// What a source of outbound messages sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundMessages {
    /// The object, and what its fields mean.
    pub object: Arc<OutboundObject>,
    /// The organisations that it may speak for. Where there is none, nothing is accepted.
    pub organizations: Vec<OrganizationId>,
}

impl OutboundMessages {
    /// Whether the source may speak for this organisation. It is a tenant filter, and proves
    /// nothing: the id stands in addresses and mails.
    pub fn may_speak_for(&self, organization: &OrganizationId) -> bool {
        self.organizations.contains(organization)
    }
}

/// Why a notification is not about a login, or not about the time that it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// The record was deleted before the message was sent.
    #[error("the record is gone")]
    NoRecord,
    /// The record is of another object than the source's.
    #[error("the record is of another object than is configured")]
    OtherObject,
    /// Neither of the user's fields holds a user.
    #[error("no configured field holds a user id or a user name")]
    NoUser,
    /// Nothing says which reset it was.
    #[error("no configured value says which reset it was")]
    NoKind,
    /// No time that can be read; the time of receipt stands for it.
    #[error("no time can be read; it is taken to have happened now")]
    NoTime,
    /// A time that has not come; the time of receipt stands for it.
    #[error("its time lies in the future; it is taken to have happened now")]
    Future,
}

/// What one notification says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notified {
    /// The event.
    pub event: ResetEvent,
    /// What is odd about it, for the log.
    pub doubt: Option<Doubt>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The organisation that it speaks for.
    pub organization: OrganizationId,
    /// One event for each notification, in their order.
    pub notified: Vec<Notified>,
}

/// Reads the message of a delivery whose origin is proven. A reset that lies further in the future
/// than `window` is taken to have happened now.
pub fn parse(
    source: &SourceName,
    object: &OutboundObject,
    body: &[u8],
    now: Timestamp,
    window: Duration,
) -> Result<Message, InvalidMessage> {
    let envelope = envelope::read(body)?;
    let organization = envelope.organization;
    let reading = Reading { source, object, organization: &organization, now, window };
    let notified = envelope.notifications.iter().map(|one| reading.notified(one)).collect();
    Ok(Message { organization, notified })
}

/// What all notifications of a message share.
struct Reading<'a> {
    source: &'a SourceName,
    object: &'a OutboundObject,
    organization: &'a OrganizationId,
    now: Timestamp,
    window: Duration,
}

impl Reading<'_> {
    fn notified(&self, notification: &Notification) -> Notified {
        let id = notification.id.clone();
        match notification
            .record
            .as_ref()
            .ok_or(Doubt::NoRecord)
            .and_then(|record| self.login(record))
        {
            Ok((kind, user, occurred_at)) => {
                let organization = self.organization.clone();
                let (occurred_at, doubt) = match occurred_at {
                    Ok(at) => (at, None),
                    Err(doubt) => (self.now, Some(doubt)),
                };
                let subject = Subject::Login { organization, user };
                Notified { event: self.event(id, kind, subject, occurred_at), doubt }
            }
            Err(doubt) => {
                let subject = Subject::Nobody { organization: self.organization.clone() };
                // Which reset it was makes no difference to nobody.
                let kind = self.object.kind_otherwise.unwrap_or(ResetKind::PasswordReset);
                Notified { event: self.event(id, kind, subject, self.now), doubt: Some(doubt) }
            }
        }
    }

    fn event(
        &self,
        id: EventId,
        kind: ResetKind,
        subject: Subject,
        occurred_at: Timestamp,
    ) -> ResetEvent {
        ResetEvent { source: self.source.clone(), id, kind, subject, occurred_at }
    }

    fn login(
        &self,
        record: &Record,
    ) -> Result<(ResetKind, UserKey, Result<Timestamp, Doubt>), Doubt> {
        if record.object.as_deref().is_some_and(|object| object != self.object.object.as_str()) {
            return Err(Doubt::OtherObject);
        }
        let field =
            |name: &Option<ApiName>| record.field(name.as_ref().map_or("", ApiName::as_str));
        let username = field(&self.object.username).and_then(|text| Username::parse(text).ok());
        let user_id = field(&self.object.user_id).and_then(|text| UserId::parse(text).ok());
        let user = UserKey::from_parts(username, user_id).ok_or(Doubt::NoUser)?;
        let said = self.object.kind.as_ref().and_then(|kind| record.field(kind.field.as_str()));
        let kind = self.object.kind_of(said).ok_or(Doubt::NoKind)?;
        let at = record.field(self.object.occurred_at.as_str());
        Ok((kind, user, self.time(at)))
    }

    fn time(&self, text: Option<&str>) -> Result<Timestamp, Doubt> {
        let at: Timestamp = text.and_then(|text| text.parse().ok()).ok_or(Doubt::NoTime)?;
        let latest = self.now.saturating_add(self.window).unwrap_or(Timestamp::MAX);
        if at > latest { Err(Doubt::Future) } else { Ok(at) }
    }
}

#[cfg(test)]
mod tests;
