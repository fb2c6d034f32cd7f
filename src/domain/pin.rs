//! A pin: the SHA-256 digest by which a certificate, or the public key in it, is recognised.

use std::fmt;

use sha2::{Digest, Sha256};

/// Why a text is not a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pin is sha256: and 64 hexadecimal digits; `reset-receiver fingerprint` prints it")]
pub struct InvalidPin;

/// A digest of a certificate, or of its `SubjectPublicKeyInfo`, each in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; 32]);

impl Pin {
    const PREFIX: &str = "sha256:";

    /// The pin of something in DER.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Reads `sha256:` and the digest in hexadecimal, in pairs that colons may separate, as
    /// `openssl x509 -fingerprint` writes them.
    pub fn parse(text: &str) -> Result<Self, InvalidPin> {
        let hexadecimal = text.trim().strip_prefix(Self::PREFIX).ok_or(InvalidPin)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(hexadecimal.replace(':', ""), &mut digest).map_err(|_| InvalidPin)?;
        Ok(Self(digest))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, hex::encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1.
    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_pin_is_written_and_read_alike() {
        assert_eq!(Pin::of(b"abc").to_string(), ABC);
        assert_eq!(Pin::parse(ABC), Ok(Pin::of(b"abc")));
        assert_eq!(Pin::parse(&ABC.to_uppercase().replace("SHA256", "sha256")), Pin::parse(ABC));
        let pairs: Vec<&str> = (7..ABC.len()).step_by(2).map(|at| &ABC[at..at + 2]).collect();
        assert_eq!(Pin::parse(&format!("sha256:{}", pairs.join(":"))), Pin::parse(ABC));
    }

    #[test]
    fn anything_else_is_no_pin() {
        for text in ["", "sha256:", &ABC[7..], &ABC[..70], &format!("{ABC}00"), "sha1:00"] {
            assert_eq!(Pin::parse(text), Err(InvalidPin), "{text}");
        }
    }
}
