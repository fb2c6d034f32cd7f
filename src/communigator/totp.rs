//! The code of a time-based second factor (RFC 6238; SHA-1, six digits, 30 seconds, which is what
//! Google Authenticator does).

use jiff::Timestamp;
use totp_rs::{Builder, Secret};

use crate::domain::secret::SecretText;
use crate::ports::console::Trouble;

/// How long a code is valid, in seconds.
pub(super) const STEP_SECONDS: u64 = 30;

/// The step of time that a code belongs to.
pub(super) fn step(at: Timestamp) -> u64 {
    u64::try_from(at.as_second()).unwrap_or(0) / STEP_SECONDS
}

/// The code for a step. A secret that is not base 32 is no second factor at all.
pub(super) fn code(secret: &SecretText, step: u64) -> Result<SecretText, Trouble> {
    let base_32: String = secret
        .expose()
        .chars()
        // Authenticators show the secret in groups, and some pad it.
        .filter(|character| !character.is_whitespace() && !matches!(character, '-' | '='))
        .map(|character| character.to_ascii_uppercase())
        .collect();
    let secret = Secret::try_from_base32(base_32).map_err(|_| Trouble::SecondFactor)?;
    // The compliant builder refuses secrets below 128 bits; Google's own have 80.
    let totp = Builder::new().with_secret(secret).build_noncompliant();
    Ok(SecretText::new(totp.generate(step * STEP_SECONDS).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_at(seconds: i64, secret: &str) -> Result<String, Trouble> {
        let at = Timestamp::from_second(seconds).unwrap();
        let secret = SecretText::new(secret.to_owned());
        code(&secret, step(at)).map(|code| code.expose().to_owned())
    }

    #[test]
    fn the_codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1, the last six of the eight digits; the secret is "1234567890" twice.
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(code_at(59, secret).as_deref(), Ok("287082"));
        assert_eq!(code_at(1_111_111_109, secret).as_deref(), Ok("081804"));
        assert_eq!(code_at(20_000_000_000, secret).as_deref(), Ok("353130"));
    }

    #[test]
    fn a_secret_may_be_short_grouped_padded_and_in_lower_case() {
        let plain = code_at(59, "GEZDGNBVGY3TQOJQ");
        assert!(plain.is_ok());
        assert_eq!(code_at(59, " gezd gnbv-gy3t qojq== "), plain);
    }

    #[test]
    fn what_is_not_base_32_is_no_second_factor() {
        assert_eq!(code_at(59, "not base 32!"), Err(Trouble::SecondFactor));
    }
}
