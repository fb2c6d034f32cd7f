//! The envelope of an outbound message: whose it is, and the records in it.

use std::collections::BTreeMap;

use crate::domain::ids::{EventId, InvalidId, OrganizationId};
use crate::senders::outbound_message::xml::{self, Element, InvalidXml, Space};

/// What Salesforce puts into one message at most.
pub const MAX_NOTIFICATIONS: usize = 100;

/// Why a body is not an outbound message. It carries nothing of the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMessage {
    /// Not XML that is read here.
    #[error(transparent)]
    Xml(#[from] InvalidXml),
    /// Not an envelope of SOAP 1.1 whose body is one `notifications`.
    #[error("the body is not an envelope of SOAP 1.1 with one element notifications")]
    Envelope,
    /// An element that has to be there once.
    #[error("the element {0} must be there once, with text and nothing else in it")]
    Once(&'static str),
    /// The organisation's id is none.
    #[error("OrganizationId: {0}")]
    Organization(#[source] InvalidId),
    /// A notification's id is none.
    #[error("Notification/Id must have 15 or 18 letters and digits")]
    NotificationId,
    /// No notification, or too many.
    #[error("there must be 1 to {MAX_NOTIFICATIONS} notifications, here are {0}")]
    Notifications(usize),
    /// A field that stands twice in one record.
    #[error("a field stands twice in one sObject")]
    Field,
}

/// One message.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) organization: OrganizationId,
    pub(super) notifications: Vec<Notification>,
}

/// One notification.
#[derive(Debug)]
pub(super) struct Notification {
    pub(super) id: EventId,
    /// `None` where the record was gone before the message was sent.
    pub(super) record: Option<Record>,
}

/// The record of a notification.
#[derive(Debug)]
pub(super) struct Record {
    /// Which object it says that it is, where it says so.
    pub(super) object: Option<String>,
    fields: BTreeMap<String, String>,
}

impl Record {
    /// A field's text, without space around it; `None` where it is left out, nil or empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }
}

/// Reads the body of a delivery.
pub(super) fn read(bytes: &[u8]) -> Result<Envelope, InvalidMessage> {
    let root = xml::read(bytes)?;
    let body =
        if root.is(Space::Soap, "Envelope") { only(&root, Space::Soap, "Body") } else { None };
    let notifications = match body.map(|body| body.children.as_slice()) {
        Some([content]) if content.is(Space::Outbound, "notifications") => content,
        _ => return Err(InvalidMessage::Envelope),
    };
    let organization = text_of(notifications, "OrganizationId")?;
    let organization = OrganizationId::parse(organization).map_err(InvalidMessage::Organization)?;
    let is_notification = |child: &&Element| child.is(Space::Outbound, "Notification");
    let found: Vec<&Element> = notifications.children.iter().filter(is_notification).collect();
    if !(1..=MAX_NOTIFICATIONS).contains(&found.len()) {
        return Err(InvalidMessage::Notifications(found.len()));
    }
    let notifications = found.into_iter().map(notification).collect::<Result<_, _>>()?;
    Ok(Envelope { organization, notifications })
}

/// The child of that name, where there is exactly one.
fn only<'e>(parent: &'e Element, space: Space, name: &str) -> Option<&'e Element> {
    let mut found = parent.children.iter().filter(|child| child.is(space, name));
    found.next().filter(|_| found.next().is_none())
}

/// The text of a child that must be there once.
fn text_of<'e>(parent: &'e Element, name: &'static str) -> Result<&'e str, InvalidMessage> {
    let child = only(parent, Space::Outbound, name).filter(|child| child.children.is_empty());
    child.map(|child| child.text.trim()).ok_or(InvalidMessage::Once(name))
}

fn notification(element: &Element) -> Result<Notification, InvalidMessage> {
    let id = text_of(element, "Id")?;
    let is_id = matches!(id.len(), 15 | 18) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    let id = EventId::parse(id).ok().filter(|_| is_id).ok_or(InvalidMessage::NotificationId)?;
    let mut objects = element.children.iter().filter(|child| child.is(Space::Outbound, "sObject"));
    let record = match (objects.next(), objects.next()) {
        (None, _) => None,
        (Some(object), None) => record(object)?,
        (Some(_), Some(_)) => return Err(InvalidMessage::Once("sObject")),
    };
    Ok(Notification { id, record })
}

/// A record that was deleted comes without its fields, apart from its own id.
fn record(object: &Element) -> Result<Option<Record>, InvalidMessage> {
    let mut fields = BTreeMap::new();
    let mut is_there = false;
    for field in object.children.iter().filter(|child| child.space == Space::Enterprise) {
        // A field of several parts is none that could be asked for.
        let text = if field.is_nil || !field.children.is_empty() { "" } else { &field.text };
        is_there |= field.name != "Id";
        if fields.insert(field.name.clone(), text.to_owned()).is_some() {
            return Err(InvalidMessage::Field);
        }
    }
    let record = Record { object: object.xsi_type.clone(), fields };
    Ok(Some(record).filter(|_| is_there && !object.is_nil))
}
