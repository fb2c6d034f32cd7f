//! One Salesforce login that CommuniGator holds, and the console places that hold it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::event::{Subject, UserKey};
use crate::domain::ids::{AccountName, OrganizationId, TargetName, UserId, Username};
use crate::domain::proof::Prove;
use crate::domain::secret::SecretLocation;

/// A place in the console that holds the login.
///
/// The text form, `connector:Instance/Name` or `integration:Instance`, is what the journal and
/// the API show.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Surface {
    /// A Data Sync connector.
    Connector {
        /// The GatorMail instance; `None` where the account has one and opens it directly.
        instance: Option<String>,
        /// The connector's name, as the console lists it.
        name: String,
    },
    /// An instance's Integration settings.
    Integration {
        /// The GatorMail instance; `None` where the account has one and opens it directly.
        instance: Option<String>,
    },
}

impl Surface {
    /// The instance that the surface belongs to.
    pub fn instance(&self) -> Option<&str> {
        match self {
            Self::Connector { instance, .. } | Self::Integration { instance } => {
                instance.as_deref()
            }
        }
    }

    /// Whether the surface is a Data Sync connector, the kind that can be disabled.
    pub fn is_connector(&self) -> bool {
        matches!(self, Self::Connector { .. })
    }
}

impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instance = self.instance().unwrap_or("-");
        match self {
            Self::Connector { name, .. } => write!(f, "connector:{instance}/{name}"),
            Self::Integration { .. } => write!(f, "integration:{instance}"),
        }
    }
}

/// In which order the surfaces take the new secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateOrder {
    /// Integration has no off switch, so it is the one that still bleeds: first.
    #[default]
    IntegrationFirst,
    /// The order of the vendor's manual procedure.
    ConnectorsFirst,
}

/// What the fields of the Vault secret are called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretFields {
    /// The field that holds the password.
    pub password: String,
    /// The field that holds the security token.
    pub security_token: String,
}

impl Default for SecretFields {
    fn default() -> Self {
        Self { password: "password".to_owned(), security_token: "security_token".to_owned() }
    }
}

/// One Salesforce login that CommuniGator holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its configured name.
    pub name: TargetName,
    /// The Salesforce organisation.
    pub organization: OrganizationId,
    /// The Salesforce user name; it is also what Integration's Username field gets.
    pub username: Username,
    /// The Salesforce user id, for senders that name the user by id.
    pub user_id: Option<UserId>,
    /// Where Vault keeps the password and the token.
    pub secret: SecretLocation,
    /// The names of the fields there.
    pub fields: SecretFields,
    /// Whether Salesforce asks this login for a security token (it does not from a trusted IP range).
    pub needs_token: bool,
    /// How a new secret is proved at Salesforce before the console gets it.
    pub prove: Prove,
    /// The console account whose session reaches the surfaces.
    pub account: AccountName,
    /// Every place that holds the login; never empty, no place twice.
    pub surfaces: Vec<Surface>,
    /// In which order the surfaces are updated.
    pub order: UpdateOrder,
}

impl Target {
    /// Whether a reset event's subject is this target.
    pub fn is_subject(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Login { organization, user } => {
                self.organization == *organization && self.is_user(user)
            }
            Subject::Nobody { .. } => false,
            Subject::Secret { location, .. } => self.secret.is_meant_by(location),
        }
    }

    fn is_user(&self, user: &UserKey) -> bool {
        let name_fits = |name: &Username| self.username == *name;
        let id_fits = |id: &UserId| self.user_id.as_ref() == Some(id);
        match user {
            UserKey::Name(name) => name_fits(name),
            UserKey::Id(id) => id_fits(id),
            // A target that is configured without an id is known by its name alone.
            UserKey::Both(name, id) => name_fits(name) && (self.user_id.is_none() || id_fits(id)),
        }
    }

    /// The Data Sync connectors, in configured order.
    pub fn connectors(&self) -> impl Iterator<Item = &Surface> {
        self.surfaces.iter().filter(|surface| surface.is_connector())
    }

    /// All surfaces in the order in which they take the new secret.
    pub fn update_order(&self) -> impl Iterator<Item = &Surface> {
        let connectors_first = self.order == UpdateOrder::ConnectorsFirst;
        let first = move |s: &&Surface| s.is_connector() == connectors_first;
        let second = move |s: &&Surface| s.is_connector() != connectors_first;
        self.surfaces.iter().filter(first).chain(self.surfaces.iter().filter(second))
    }
}
