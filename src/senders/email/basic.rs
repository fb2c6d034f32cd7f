//! HTTP basic authentication (RFC 7617): the login that stands in the address that a relay is given.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::senders::bearer::AUTHORIZATION;
use crate::senders::delivery::{Delivery, Proof, Refusal};
use crate::senders::keys::{BearerToken, InvalidKey};

/// A user name and a password. Only a digest is kept.
#[derive(Debug, Clone)]
pub struct BasicLogin(BearerToken);

/// Why a file holds no login. It never carries anything of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLogin {
    /// No user, no colon, or a password that is too short.
    #[error("a login is a user name, `:` and a password of at least {min} bytes", min = BearerToken::MIN_BYTES)]
    Form,
    /// Too long to stand in a header.
    #[error("the login is too long")]
    Length(#[source] InvalidKey),
}

impl BasicLogin {
    /// Reads `user:password` from a file's content; space around it is ignored.
    pub fn parse(content: &str) -> Result<Self, InvalidLogin> {
        let login = content.trim();
        match login.split_once(':') {
            Some((user, password))
                if !user.is_empty() && password.len() >= BearerToken::MIN_BYTES => {}
            _ => return Err(InvalidLogin::Form),
        }
        // Base 64 of one text is one text, so that what is compared may stay encoded.
        BearerToken::parse(&STANDARD.encode(login)).map(Self).map_err(InvalidLogin::Length)
    }
}

/// Checks the delivery against each of the logins, with the same work whichever it is.
pub(super) fn verify(logins: &[BasicLogin], delivery: &Delivery<'_>) -> Result<Proof, Refusal> {
    let value = delivery.header(AUTHORIZATION)?;
    let (scheme, encoded) = value.split_once(' ').ok_or(Refusal::Form(AUTHORIZATION))?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Refusal::Form(AUTHORIZATION));
    }
    let presented = encoded.trim_matches(' ').as_bytes();
    let known = logins.iter().fold(false, |known, login| known | login.0.is(presented));
    if known { Ok(Proof::default()) } else { Err(Refusal::Token) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::senders::delivery::Headers;

    struct Authorization(Option<String>);

    impl Headers for Authorization {
        fn only(&self, name: &str) -> Option<&[u8]> {
            self.0.as_deref().filter(|_| name == AUTHORIZATION).map(str::as_bytes)
        }
    }

    fn verified(value: Option<String>) -> Result<Proof, Refusal> {
        let login = |text| BasicLogin::parse(text).unwrap();
        let logins =
            [login("relay:first-first-first-first-1\n"), login("b:second-second-second-222")];
        let headers = Authorization(value);
        verify(&logins, &Delivery { headers: &headers, body: b"" })
    }

    #[test]
    fn each_login_is_good_and_nothing_else_is() {
        let header = |login: &str| Some(format!("Basic {}", STANDARD.encode(login)));
        assert!(verified(header("relay:first-first-first-first-1")).is_ok());
        assert!(verified(header("b:second-second-second-222")).is_ok());
        for wrong in ["relay:second-second-second-222", "relay:", ":first-first-first-first-1", ""]
        {
            assert_eq!(verified(header(wrong)), Err(Refusal::Token), "{wrong}");
        }
        assert_eq!(verified(None), Err(Refusal::Header(AUTHORIZATION)));
        let bearer = header("b:second-second-second-222").map(|h| h.replace("Basic", "Bearer"));
        assert_eq!(verified(bearer), Err(Refusal::Form(AUTHORIZATION)));
    }

    #[test]
    fn a_login_has_a_user_and_a_long_password() {
        for text in ["", "relay", ":first-first-first-first-1", "relay:short", "first-first-first"]
        {
            assert_eq!(BasicLogin::parse(text).unwrap_err(), InvalidLogin::Form, "{text}");
        }
        let long = format!("relay:{}", "x".repeat(600));
        assert!(matches!(BasicLogin::parse(&long), Err(InvalidLogin::Length(_))));
    }
}
