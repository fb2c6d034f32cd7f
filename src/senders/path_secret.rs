//! A secret that stands in the address: all that some senders can carry.

use std::fmt;

use crate::senders::delivery::{Delivery, Refusal};
use crate::senders::keys::{BearerToken, InvalidKey};

/// A secret path segment. Only its digest is kept.
#[derive(Clone)]
pub struct PathSecret(BearerToken);

impl PathSecret {
    /// Reads a secret from a file's content; space around it is ignored. It holds only characters
    /// that stand in a path as they are (RFC 3986, unreserved), so that no sender writes it in
    /// another way, and has as many bytes as a bearer token.
    pub fn parse(content: &str) -> Result<Self, InvalidKey> {
        let secret = content.trim();
        let is_unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        if !secret.bytes().all(is_unreserved) {
            return Err(InvalidKey::PathCharacter);
        }
        BearerToken::parse(secret).map(Self)
    }
}

impl fmt::Debug for PathSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Whether the delivery's address holds one of the secrets. All are compared, so that the time
/// does not tell which one was met.
pub(super) fn verify(secrets: &[PathSecret], delivery: &Delivery<'_>) -> Result<(), Refusal> {
    let presented = delivery.headers.path_secret().ok_or(Refusal::NoPathSecret)?;
    let known = secrets.iter().fold(false, |known, secret| known | secret.0.is(presented));
    if known { Ok(()) } else { Err(Refusal::PathSecret) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::senders::delivery::Headers;

    struct Segment(Option<&'static str>);

    impl Headers for Segment {
        fn only(&self, _: &str) -> Option<&[u8]> {
            None
        }
        fn path_secret(&self) -> Option<&[u8]> {
            self.0.map(str::as_bytes)
        }
    }

    fn check(segment: Option<&'static str>) -> Result<(), Refusal> {
        let secret = |text| PathSecret::parse(text).unwrap();
        let secrets = [secret("first-first-first-first-1"), secret("second-second-second~2.2_2")];
        verify(&secrets, &Delivery { headers: &Segment(segment), body: b"" })
    }

    #[test]
    fn each_of_several_secrets_is_good_and_nothing_else() {
        assert_eq!(check(Some("first-first-first-first-1")), Ok(()));
        assert_eq!(check(Some("second-second-second~2.2_2")), Ok(()));
        for wrong in ["", "first", "first-first-first-first-11", "FIRST-first-first-first-1"] {
            assert_eq!(check(Some(wrong)), Err(Refusal::PathSecret), "{wrong}");
        }
        assert_eq!(check(None), Err(Refusal::NoPathSecret));
        let none = Delivery { headers: &Segment(Some("")), body: b"" };
        assert_eq!(verify(&[], &none), Err(Refusal::PathSecret));
    }

    #[test]
    fn a_secret_is_long_and_stands_in_a_path_as_it_is() {
        let parse = |text: &str| PathSecret::parse(text).err();
        assert_eq!(parse(&"s".repeat(24)), None);
        assert_eq!(parse(&"s".repeat(23)), Some(InvalidKey::TokenLength(23)));
        for character in ["/", "%41", "+", "?", " ", "é"] {
            let text = format!("{}{character}s", "s".repeat(24));
            assert_eq!(parse(&text), Some(InvalidKey::PathCharacter), "{text}");
        }
        let secret = PathSecret::parse(&"canary".repeat(5)).unwrap();
        assert_eq!(format!("{secret:?}"), "[secret]");
    }
}
