//! Names and identifiers, parsed once at the edge into types that cannot be wrong.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a text is not the identifier that it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// A Salesforce id has 15 or 18 ASCII letters and digits.
    #[error("a Salesforce id has 15 or 18 letters and digits, this has {0} characters")]
    SalesforceLength(usize),
    /// A Salesforce id of the right length with another character in it.
    #[error("a Salesforce id holds only letters and digits")]
    SalesforceCharacter,
    /// An organisation id starts with `00D`, a user id with `005`.
    #[error("this Salesforce id must start with {0}")]
    SalesforcePrefix(&'static str),
    /// An empty text, or one longer than the limit.
    #[error("{what} must have 1 to {max} characters")]
    Length {
        /// What the text stands for.
        what: &'static str,
        /// The limit, in characters.
        max: usize,
    },
    /// A control character, or for a name anything but lower-case letters, digits and `-`.
    #[error("{what} may hold only {allowed}")]
    Character {
        /// What the text stands for.
        what: &'static str,
        /// The characters that it may hold.
        allowed: &'static str,
    },
}

/// A Salesforce record id.
///
/// Salesforce writes the same id with 15 case-sensitive characters or with three more as a
/// checksum for systems that ignore case. Two ids are equal where their first 15 characters
/// are; the checksum is not verified, because published samples carry wrong ones.
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct SalesforceId(String);

impl SalesforceId {
    const SIGNIFICANT: usize = 15;

    fn parse(text: &str, prefix: &'static str) -> Result<Self, InvalidId> {
        let length = text.chars().count();
        if length != Self::SIGNIFICANT && length != 18 {
            return Err(InvalidId::SalesforceLength(length));
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(InvalidId::SalesforceCharacter);
        }
        if !text.starts_with(prefix) {
            return Err(InvalidId::SalesforcePrefix(prefix));
        }
        Ok(Self(text.to_owned()))
    }

    fn significant(&self) -> &str {
        self.0.get(..Self::SIGNIFICANT).unwrap_or(&self.0)
    }
}

impl From<SalesforceId> for String {
    fn from(id: SalesforceId) -> Self {
        id.0
    }
}

impl TryFrom<String> for SalesforceId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text, "")
    }
}

impl PartialEq for SalesforceId {
    fn eq(&self, other: &Self) -> bool {
        self.significant() == other.significant()
    }
}

impl Eq for SalesforceId {}

macro_rules! salesforce_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SalesforceId);

        impl $name {
            /// Reads the 15- or the 18-character form.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                SalesforceId::parse(text, $prefix).map(Self)
            }

            /// The id as it was given.
            pub fn as_str(&self) -> &str {
                &self.0.0
            }

            /// The 15 characters that identify the record.
            pub fn significant(&self) -> &str {
                self.0.significant()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0.0)
            }
        }
    };
}

salesforce_id!(
    /// The id of a Salesforce organisation (`00D…`). It is a tenant filter, never a proof of origin.
    OrganizationId,
    "00D"
);
salesforce_id!(
    /// The id of a Salesforce user (`005…`).
    UserId,
    "005"
);

/// A Salesforce user name. Salesforce compares them without regard to case, and so does this.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Username(String);

impl Username {
    /// Salesforce's own limit on user names.
    pub const MAX_CHARS: usize = 80;

    /// Trims, checks and folds a user name.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        const WHAT: &str = "a user name";
        let text = printable(WHAT, text.trim(), Self::MAX_CHARS)?;
        Ok(Self(text.to_lowercase()))
    }

    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Username> for String {
    fn from(name: Username) -> Self {
        name.0
    }
}

impl TryFrom<String> for Username {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $parse:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let parse: fn(&'static str, &str) -> Result<String, InvalidId> = $parse;
                parse($what, text).map(Self)
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(&text)
            }
        }
    };
}

text_id!(
    /// The name of a target, as configured: lower-case letters, digits and `-`.
    TargetName,
    "a target's name",
    slug
);
text_id!(
    /// The name of a source, as configured and as it stands in its route.
    SourceName,
    "a source's name",
    slug
);
text_id!(
    /// The name of a console account, as configured: one login at one CommuniGator console.
    AccountName,
    "a console account's name",
    slug
);
text_id!(
    /// The id that a sender gives to a reset event; the same on every redelivery.
    EventId,
    "an event id",
    |what, text| printable(what, text, EventId::MAX_CHARS)
);

impl EventId {
    /// Longer ids are refused, so that a stranger cannot fill the store with one.
    pub const MAX_CHARS: usize = 256;
}

/// The id of a rotation: a UUID of version 7, so that ids sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RotationId(pub uuid::Uuid);

impl fmt::Display for RotationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn slug(what: &'static str, text: &str) -> Result<String, InvalidId> {
    const MAX: usize = 63;
    if text.is_empty() || text.len() > MAX {
        return Err(InvalidId::Length { what, max: MAX });
    }
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !text.bytes().all(fits) {
        let allowed = "lower-case letters, digits and `-`";
        return Err(InvalidId::Character { what, allowed });
    }
    Ok(text.to_owned())
}

fn printable(what: &'static str, text: &str, max: usize) -> Result<String, InvalidId> {
    if text.is_empty() || text.chars().count() > max {
        return Err(InvalidId::Length { what, max });
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidId::Character { what, allowed: "printable characters" });
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salesforce_ids_are_equal_where_their_first_15_characters_are() {
        let short = OrganizationId::parse("00D5e000001AbCd").unwrap();
        let long = OrganizationId::parse("00D5e000001AbCdEAK").unwrap();
        let other_case = OrganizationId::parse("00D5e000001ABCD").unwrap();
        assert_eq!(short, long);
        assert_ne!(short, other_case, "the 15-character form is case-sensitive");
    }

    #[test]
    fn salesforce_ids_have_15_or_18_letters_and_digits_and_the_right_prefix() {
        use InvalidId::{SalesforceCharacter, SalesforceLength, SalesforcePrefix};
        let parse = |text| OrganizationId::parse(text).unwrap_err();
        assert_eq!(parse(""), SalesforceLength(0));
        assert_eq!(parse("00D5e000001AbC"), SalesforceLength(14));
        assert_eq!(parse("00D5e000001AbCdE"), SalesforceLength(16));
        assert_eq!(parse("00D5e000001AbCdEAKx"), SalesforceLength(19));
        assert_eq!(parse("00D5e000001Ab-d"), SalesforceCharacter);
        assert_eq!(parse("00D5e000001AbCé"), SalesforceCharacter);
        assert_eq!(parse("0055e000002KjHg"), SalesforcePrefix("00D"));
        assert!(UserId::parse("0055e000002KjHgAAK").is_ok());
    }

    #[test]
    fn user_names_ignore_case_and_surrounding_space() {
        let name = Username::parse("  Gator.Sync@Example.com ").unwrap();
        assert_eq!(name, Username::parse("gator.sync@example.com").unwrap());
        assert!(Username::parse(&"x".repeat(80)).is_ok());
        assert!(Username::parse(&"x".repeat(81)).is_err());
        assert!(Username::parse("a\nb").is_err());
        assert!(Username::parse(" ").is_err());
    }

    #[test]
    fn names_are_slugs_and_event_ids_are_printable() {
        assert!(TargetName::parse("acme-sync-1").is_ok());
        assert!(TargetName::parse(&"a".repeat(63)).is_ok());
        assert!(TargetName::parse(&"a".repeat(64)).is_err());
        assert!(TargetName::parse("Acme").is_err());
        assert!(EventId::parse(&"é".repeat(256)).is_ok());
        assert!(EventId::parse(&"é".repeat(257)).is_err());
        assert!(EventId::parse("a\u{7}").is_err());
    }
}
