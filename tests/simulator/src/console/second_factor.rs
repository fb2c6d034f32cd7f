//! Time-based one-time passwords (RFC 6238) as authenticator programs make them: SHA-1, six
//! digits, thirty seconds.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

const STEP_SECONDS: u64 = 30;
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Whether the code is the one of this moment or of the steps right before and after it.
pub(crate) fn accepts(secret_base32: &str, code: &str, unix_seconds: u64) -> bool {
    let Some(secret) = decode(secret_base32) else { return false };
    let step = unix_seconds / STEP_SECONDS;
    (step.saturating_sub(1)..=step + 1).any(|step| code_at(&secret, step) == code)
}

/// The code of this moment; `None` if the secret is not base 32.
pub(crate) fn code(secret_base32: &str, unix_seconds: u64) -> Option<String> {
    decode(secret_base32).map(|secret| code_at(&secret, unix_seconds / STEP_SECONDS))
}

fn code_at(secret: &[u8], step: u64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    // RFC 4226, section 5.3: the last four bits say where the four bytes start.
    let offset = usize::from(digest.last().copied().unwrap_or(0) & 0x0f);
    let bytes = digest.iter().skip(offset).take(4).fold(0_u32, |sum, &b| sum << 8 | u32::from(b));
    format!("{:06}", (bytes & 0x7fff_ffff) % 1_000_000)
}

/// RFC 4648 base 32; spaces, padding and case do not matter.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for letter in text.bytes().filter(|letter| !b" =".contains(letter)) {
        let value = ALPHABET.iter().position(|&known| known == letter.to_ascii_uppercase())?;
        buffer = (buffer << 5 | u32::try_from(value).ok()?) & 0xffff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{code_at, decode};

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        let secret = decode("GEZD GNBV GY3T QOJQ GEZDGNBVGY3TQOJQ").unwrap();
        assert_eq!(secret, b"12345678901234567890");
        assert_eq!(code_at(&secret, 59 / 30), "287082");
        assert_eq!(code_at(&secret, 1_111_111_109 / 30), "081804");
        assert_eq!(code_at(&secret, 20_000_000_000 / 30), "353130");
    }
}
