//! Who may look and who may act: bearer tokens with a name and a role.

use std::fmt;
use std::future::{Ready, ready};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, ResponseError, web};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::secret::SecretText;
use crate::operator::State;
use crate::operator::problem::Problem;

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To look.
    Viewer,
    /// To look, and to say the verbs.
    Operator,
}

/// A token of the API.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// Whose it is; the journal names whoever says a verb by it.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The token itself.
    pub token: SecretText,
}

/// Why a list of tokens cannot be used. It names tokens by their names alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTokens {
    /// A name that the journal cannot hold.
    #[error(
        "a token's name has 1 to {max} letters, digits and `-`, `_`, `.`, `@`; {name:?} has not",
        max = AccessToken::MAX_NAME
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A name that two tokens have.
    #[error("two tokens are named {name}")]
    SameName {
        /// The name.
        name: String,
    },
    /// A token that could be guessed.
    #[error("the token of {name} has fewer than {min} bytes", min = AccessToken::MIN_BYTES)]
    Short {
        /// The token's name.
        name: String,
    },
    /// A token that cannot stand in a header.
    #[error("the token of {name} holds a space or a character that is not ASCII")]
    Character {
        /// The token's name.
        name: String,
    },
    /// A token that two people share, so that the journal could not tell them apart.
    #[error("the token of {name} is another's as well")]
    SameToken {
        /// The token's name.
        name: String,
    },
}

impl AccessToken {
    /// Shorter tokens are refused.
    pub const MIN_BYTES: usize = 24;

    /// Longer names are refused.
    pub const MAX_NAME: usize = 63;

    /// Whether the journal can hold a name.
    pub fn check_name(name: &str) -> Result<(), InvalidTokens> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.@".contains(&b);
        if name.is_empty() || name.len() > Self::MAX_NAME || !name.bytes().all(fits) {
            return Err(InvalidTokens::Name { name: name.to_owned() });
        }
        Ok(())
    }

    fn check(&self) -> Result<(), InvalidTokens> {
        let name = || self.name.clone();
        Self::check_name(&self.name)?;
        if self.token.expose().len() < Self::MIN_BYTES {
            return Err(InvalidTokens::Short { name: name() });
        }
        if !self.token.expose().bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidTokens::Character { name: name() });
        }
        Ok(())
    }
}

/// Someone who has shown a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// The token's name.
    pub(super) name: String,
    role: Role,
}

/// A caller who may act. A handler that asks for one is out of a viewer's reach.
#[derive(Debug)]
pub(super) struct Actor {
    /// The name for the journal.
    pub(super) name: String,
}

struct Known {
    digest: [u8; 32],
    caller: Caller,
}

/// The known tokens, as digests.
pub(super) struct WhoMay(Vec<Known>);

impl WhoMay {
    pub(super) fn new(tokens: Vec<AccessToken>) -> Result<Self, InvalidTokens> {
        let mut known: Vec<Known> = Vec::with_capacity(tokens.len());
        for token in tokens {
            token.check()?;
            let digest = digest(token.token.expose());
            let AccessToken { name, role, .. } = token;
            if known.iter().any(|known| known.caller.name == name) {
                return Err(InvalidTokens::SameName { name });
            }
            if known.iter().any(|known| known.digest == digest) {
                return Err(InvalidTokens::SameToken { name });
            }
            known.push(Known { digest, caller: Caller { name, role } });
        }
        Ok(Self(known))
    }

    /// Compares with every known token, in a time that does not tell where they differ.
    fn recognise(&self, headers: &HeaderMap) -> Option<Caller> {
        let shown = digest(bearer(headers)?);
        let mut recognised = None;
        for known in &self.0 {
            if bool::from(known.digest.ct_eq(&shown)) {
                recognised = Some(&known.caller);
            }
        }
        recognised.cloned()
    }
}

impl fmt::Debug for WhoMay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|known| &known.caller)).finish()
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The token of the only `Authorization` header; a second one would leave open which counts.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(AUTHORIZATION);
    let only = all.next().filter(|_| all.next().is_none())?;
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_matches(' '))
}

/// Lets only known callers through to the API, whatever the path, so that a new route cannot be
/// open by mistake.
pub(super) async fn admit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let state = request.app_data::<web::Data<State>>();
    let Some(caller) = state.and_then(|state| state.who_may.recognise(request.headers())) else {
        let refusal = Problem::Unauthenticated.error_response();
        return Ok(request.into_response(refusal).map_into_right_body());
    };
    request.extensions_mut().insert(caller);
    Ok(next.call(request).await?.map_into_left_body())
}

impl FromRequest for Actor {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Caller>().cloned();
        ready(match caller {
            None => Err(Problem::Unauthenticated),
            Some(Caller { name, role: Role::Viewer }) => Err(Problem::Forbidden(name)),
            Some(Caller { name, role: Role::Operator }) => Ok(Self { name }),
        })
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    const ANN: &str = "ann-0123456789-0123456789";
    const BOB: &str = "bob-0123456789-0123456789";

    fn token(name: &str, role: Role, token: &str) -> AccessToken {
        AccessToken { name: name.to_owned(), role, token: SecretText::new(token.to_owned()) }
    }

    fn recognised(values: &[&str]) -> Option<String> {
        let tokens = vec![token("ann", Role::Viewer, ANN), token("bob", Role::Operator, BOB)];
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        let who_may = WhoMay::new(tokens).unwrap();
        who_may.recognise(&headers).map(|caller| caller.name)
    }

    #[test]
    fn a_known_token_has_a_name_and_any_other_has_none() {
        assert_eq!(recognised(&[&format!("Bearer {ANN}")]).as_deref(), Some("ann"));
        assert_eq!(recognised(&[&format!("bearer {BOB}")]).as_deref(), Some("bob"));
        for stranger in [&format!("Bearer {ANN}x"), &format!("Basic {ANN}"), ANN, "Bearer ", ""] {
            assert_eq!(recognised(&[stranger]), None, "{stranger}");
        }
        assert_eq!(recognised(&[]), None);
    }

    #[test]
    fn two_tokens_at_once_are_none() {
        assert_eq!(recognised(&[&format!("Bearer {ANN}"), &format!("Bearer {BOB}")]), None);
    }

    #[test]
    fn a_list_of_tokens_that_could_be_guessed_or_mixed_up_is_refused() {
        let fault = |tokens| WhoMay::new(tokens).unwrap_err();
        let ann = || token("ann", Role::Viewer, ANN);
        let name = || "bob".to_owned();
        let with_ann = |other| fault(vec![ann(), other]);
        assert_eq!(
            with_ann(token("bob", Role::Viewer, ANN)),
            InvalidTokens::SameToken { name: name() }
        );
        assert_eq!(
            with_ann(token("ann", Role::Viewer, BOB)),
            InvalidTokens::SameName { name: "ann".to_owned() }
        );
        let just_short = "x".repeat(AccessToken::MIN_BYTES - 1);
        assert_eq!(
            fault(vec![token("bob", Role::Viewer, &just_short)]),
            InvalidTokens::Short { name: name() }
        );
        let spaced = format!("{ANN} {BOB}");
        assert_eq!(
            fault(vec![token("bob", Role::Viewer, &spaced)]),
            InvalidTokens::Character { name: name() }
        );
        assert_eq!(
            fault(vec![token("a b", Role::Viewer, BOB)]),
            InvalidTokens::Name { name: "a b".to_owned() }
        );
    }

    #[test]
    fn a_list_of_tokens_prints_none_of_them() {
        let who_may = WhoMay::new(vec![token("ann", Role::Viewer, ANN)]).unwrap();
        let printed = format!("{who_may:?} {:?}", token("ann", Role::Viewer, ANN));
        assert!(printed.contains("ann") && !printed.contains("0123"), "{printed}");
    }
}
