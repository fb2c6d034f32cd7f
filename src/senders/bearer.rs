//! The scheme `bearer`: a token in the `Authorization` header (RFC 6750).

use crate::senders::delivery::{Delivery, Proof, Refusal};
use crate::senders::keys::BearerToken;

/// The header that carries the token.
pub const AUTHORIZATION: &str = "authorization";

/// The tokens of one source; each of them is good while tokens are being exchanged.
#[derive(Debug, Clone)]
pub struct Bearer {
    tokens: Vec<BearerToken>,
}

impl Bearer {
    /// A scheme that accepts each of the tokens, and nothing where there is none.
    pub fn new(tokens: Vec<BearerToken>) -> Self {
        Self { tokens }
    }

    /// Checks the delivery. A token says nothing about time or id.
    pub(super) fn verify(&self, delivery: &Delivery<'_>) -> Result<Proof, Refusal> {
        let value = delivery.header(AUTHORIZATION)?;
        let (scheme, token) = value.split_once(' ').ok_or(Refusal::Form(AUTHORIZATION))?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Form(AUTHORIZATION));
        }
        let presented = token.trim_matches(' ').as_bytes();
        // Every token is compared, so that the time does not tell which one was met.
        let known = self.tokens.iter().fold(false, |known, token| known | token.is(presented));
        if known { Ok(Proof::default()) } else { Err(Refusal::Token) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::senders::delivery::Headers;

    struct Authorization(Option<&'static str>);

    impl Headers for Authorization {
        fn only(&self, name: &str) -> Option<&[u8]> {
            self.0.filter(|_| name == AUTHORIZATION).map(str::as_bytes)
        }
    }

    fn verify(value: Option<&'static str>) -> Result<Proof, Refusal> {
        let token = |text| BearerToken::parse(text).unwrap();
        let tokens = vec![token("first-first-first-first-1"), token("second-second-second-2222")];
        let headers = Authorization(value);
        Bearer::new(tokens).verify(&Delivery { headers: &headers, body: b"{}" })
    }

    #[test]
    fn each_of_several_tokens_is_good() {
        for token in ["Bearer first-first-first-first-1", "bearer  second-second-second-2222"] {
            assert_eq!(verify(Some(token)), Ok(Proof::default()), "{token}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let form = Err(Refusal::Form(AUTHORIZATION));
        assert_eq!(verify(None), Err(Refusal::Header(AUTHORIZATION)));
        assert_eq!(verify(Some("")), form);
        assert_eq!(verify(Some("first-first-first-first-1")), form);
        assert_eq!(verify(Some("Basic first-first-first-first-1")), form);
        for token in ["Bearer ", "Bearer first", "Bearer first-first-first-first-11"] {
            assert_eq!(verify(Some(token)), Err(Refusal::Token), "{token}");
        }
    }

    #[test]
    fn a_source_without_tokens_accepts_nothing() {
        let headers = Authorization(Some("Bearer "));
        let delivery = Delivery { headers: &headers, body: b"{}" };
        assert_eq!(Bearer::new(Vec::new()).verify(&delivery), Err(Refusal::Token));
    }
}
