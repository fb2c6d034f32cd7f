//! Secrets: redacted, zeroed when dropped, compared by keyed fingerprint.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

/// The one type of every secret text. It cannot be displayed or serialised.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself: for the request that carries it, and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Where a secret lives in Vault's key-value engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretLocation {
    /// The engine's mount, `secret` for instance.
    pub mount: String,
    /// The path below the mount, without `data/`.
    pub path: String,
}

impl fmt::Display for SecretLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mount, self.path)
    }
}

impl SecretLocation {
    /// Whether somebody who names this other place means this one. Slashes at the ends do not
    /// count, and neither does a namespace that stands before the mount: whoever means a secret of
    /// the same name in another namespace causes some reads and nothing else.
    pub fn is_meant_by(&self, told: &Self) -> bool {
        let (mount, told_mount) = (self.mount.trim_matches('/'), told.mount.trim_matches('/'));
        let below_namespace = || told_mount.strip_suffix(mount).is_some_and(|ns| ns.ends_with('/'));
        self.path.trim_matches('/') == told.path.trim_matches('/')
            && (mount == told_mount || below_namespace())
    }
}

/// The number that Vault gives to each version of a secret; versions start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretVersion(pub u64);

impl fmt::Display for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A Salesforce login's secret, complete: every field that the target needs is there.
#[derive(Debug, Clone)]
pub struct SalesforceSecret {
    /// The password.
    pub password: SecretText,
    /// The security token; `None` for a login that needs none (trusted IP range).
    pub security_token: Option<SecretText>,
}

/// The key under which fingerprints are made. It lives outside the store, so that a stolen
/// database does not allow guesses at a password to be checked.
#[derive(Clone)]
pub struct FingerprintKey(Zeroizing<Vec<u8>>);

impl FingerprintKey {
    /// Fewer bytes than this are refused.
    pub const MIN_BYTES: usize = 32;

    /// Takes the key over; `None` where it is shorter than [`Self::MIN_BYTES`].
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() >= Self::MIN_BYTES).then(|| Self(Zeroizing::new(bytes)))
    }

    /// The fingerprint of one field: HMAC-SHA256 over the field's name, a zero byte and its text.
    pub fn fingerprint(&self, field: &str, text: &SecretText) -> Fingerprint {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any key length is valid");
        mac.update(field.as_bytes());
        mac.update(&[0]);
        mac.update(text.expose().as_bytes());
        Fingerprint(hex::encode(mac.finalize().into_bytes()))
    }

    /// The fingerprints of a whole secret.
    pub fn fingerprints(&self, secret: &SalesforceSecret) -> Fingerprints {
        Fingerprints {
            password: self.fingerprint("password", &secret.password),
            security_token: secret
                .security_token
                .as_ref()
                .map(|token| self.fingerprint("security_token", token)),
        }
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A keyed fingerprint of one field, in hexadecimal. Equal fingerprints mean equal texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(String);

/// One fingerprint per field of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprints {
    /// Of the password.
    pub password: Fingerprint,
    /// Of the security token; `None` for a login that needs none.
    pub security_token: Option<Fingerprint>,
}

/// What the last completed rotation of a target wrote. Never the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The version that both surfaces hold.
    pub version: SecretVersion,
    /// When Vault took that version.
    pub written_at: Timestamp,
    /// Fingerprints of its fields.
    pub fingerprints: Fingerprints,
    /// When the console was last seen to be well with it; where it never was, when Vault took it.
    pub confirmed_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let secret = SalesforceSecret {
            password: SecretText::new("hunter2".to_owned()),
            security_token: Some(SecretText::new("tok".to_owned())),
        };
        let printed = format!("{secret:?} {:?}", FingerprintKey::new(vec![7; 32]));
        assert!(!printed.contains("hunter2") && !printed.contains("tok\""), "{printed}");
        assert!(printed.contains("[secret]"));
    }

    #[test]
    fn fingerprints_depend_on_the_key_the_field_and_the_text() {
        let key = FingerprintKey::new(vec![1; 32]).unwrap();
        let other = FingerprintKey::new(vec![2; 32]).unwrap();
        let text = |t: &str| SecretText::new(t.to_owned());
        let print = key.fingerprint("password", &text("a"));
        assert_eq!(print, key.fingerprint("password", &text("a")));
        assert_ne!(print, key.fingerprint("password", &text("b")));
        assert_ne!(print, key.fingerprint("security_token", &text("a")));
        assert_ne!(print, other.fingerprint("password", &text("a")));
    }

    #[test]
    fn a_fingerprint_key_has_at_least_32_bytes() {
        assert!(FingerprintKey::new(vec![0; 31]).is_none());
        assert!(FingerprintKey::new(vec![0; 32]).is_some());
    }
}
