//! Keyed seals over what a page hands out and wants back: view state, anti-forgery tokens.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const TAG_BYTES: usize = 32;

/// A random key; every start of a simulator has its own.
pub(crate) struct Seal([u8; 32]);

impl Seal {
    pub(crate) fn random() -> Self {
        Self(rand::random())
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn mac(&self, purpose: &[&str], content: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        for part in purpose {
            mac.update(part.as_bytes());
            mac.update(&[0]);
        }
        mac.update(content);
        mac
    }

    /// The content with its seal, as one word of base 64. The purpose is not in it: whoever opens
    /// it has to name the same one.
    pub(crate) fn close(&self, purpose: &[&str], content: &str) -> String {
        let mut bytes = self.mac(purpose, content.as_bytes()).finalize().into_bytes().to_vec();
        bytes.extend_from_slice(content.as_bytes());
        BASE64_STANDARD.encode(bytes)
    }

    /// The content, if the seal is whole and was closed for this purpose.
    pub(crate) fn open(&self, purpose: &[&str], sealed: &str) -> Option<String> {
        let bytes = BASE64_STANDARD.decode(sealed).ok()?;
        let (tag, content) = bytes.split_at_checked(TAG_BYTES)?;
        self.mac(purpose, content).verify_slice(tag).ok()?;
        String::from_utf8(content.to_vec()).ok()
    }
}
