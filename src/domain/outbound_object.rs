//! The Salesforce object whose outbound messages tell of resets, and what its fields mean.

use std::fmt;

use crate::domain::event::ResetKind;

/// Why a text is not the API name of an object or a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an API name begins with a letter and has at most {max} letters, digits and underscores",
    max = ApiName::MAX_CHARS
)]
pub struct InvalidApiName;

/// The API name of an object or a field, `User` or `Kind__c`. Salesforce writes it on the wire
/// exactly as it was defined.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiName(String);

impl ApiName {
    /// Longer than any that Salesforce allows: 40 characters, a namespace of 15 and both suffixes.
    pub const MAX_CHARS: usize = 80;

    /// Checks the text.
    pub fn parse(text: &str) -> Result<Self, InvalidApiName> {
        let fits = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.len() <= Self::MAX_CHARS
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidApiName) }
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApiName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A field that says which reset it was, and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindField {
    /// The field.
    pub field: ApiName,
    /// Values that stand for a reset of the password.
    pub password_reset: Vec<String>,
    /// Values that stand for a reset of the token alone.
    pub token_reset: Vec<String>,
}

impl KindField {
    fn read(&self, value: &str) -> Option<ResetKind> {
        let is_among = |values: &[String]| values.iter().any(|known| known == value);
        if is_among(&self.password_reset) {
            Some(ResetKind::PasswordReset)
        } else if is_among(&self.token_reset) {
            Some(ResetKind::TokenReset)
        } else {
            None
        }
    }
}

/// The object of one outbound message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundObject {
    /// Its API name.
    pub object: ApiName,
    /// The field with the id of the user whose login was reset.
    pub user_id: Option<ApiName>,
    /// The field with that user's name. Where neither field is there, no event has a user.
    pub username: Option<ApiName>,
    /// The field with the time of the reset.
    pub occurred_at: ApiName,
    /// The field that says which reset it was.
    pub kind: Option<KindField>,
    /// Which reset it was where no field, or no known value of it, says so.
    pub kind_otherwise: Option<ResetKind>,
}

impl OutboundObject {
    /// Which reset a record tells of, by the value of the field that says so.
    pub fn kind_of(&self, value: Option<&str>) -> Option<ResetKind> {
        let said = self.kind.as_ref().zip(value).and_then(|(kind, value)| kind.read(value));
        said.or(self.kind_otherwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_name_has_letters_digits_and_underscores() {
        for name in ["User", "Kind__c", "acme__Kind__c", "Id2"] {
            assert_eq!(ApiName::parse(name).unwrap().as_str(), name);
        }
        for name in ["", "_a", "2a", "a b", "a\"", "a>", "ü", &"a".repeat(81)] {
            assert_eq!(ApiName::parse(name), Err(InvalidApiName), "{name}");
        }
    }

    #[test]
    fn a_value_decides_and_otherwise_the_default() {
        let name = |text| ApiName::parse(text).unwrap();
        let mut object = OutboundObject {
            object: name("Reset__c"),
            user_id: None,
            username: None,
            occurred_at: name("At__c"),
            kind: Some(KindField {
                field: name("Kind__c"),
                password_reset: vec!["PASSWORD".to_owned()],
                token_reset: vec!["TOKEN".to_owned(), "SECURITY_TOKEN".to_owned()],
            }),
            kind_otherwise: None,
        };
        assert_eq!(object.kind_of(Some("PASSWORD")), Some(ResetKind::PasswordReset));
        assert_eq!(object.kind_of(Some("SECURITY_TOKEN")), Some(ResetKind::TokenReset));
        assert_eq!(object.kind_of(Some("password")), None, "values are compared as they are");
        assert_eq!(object.kind_of(None), None);
        object.kind_otherwise = Some(ResetKind::TokenReset);
        assert_eq!(object.kind_of(None), Some(ResetKind::TokenReset));
        assert_eq!(object.kind_of(Some("PASSWORD")), Some(ResetKind::PasswordReset));
    }
}
