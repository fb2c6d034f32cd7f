//! Keeps the token alive: renewal before it expires, another login where that does not help.

use std::time::Duration;

use tokio::select;
use vaultrs::token::renew_self;

use crate::ports::secret_store::SecretTrouble;
use crate::vault::login::granted;
use crate::vault::session::Session;
use crate::vault::token::Tokens;
use crate::vault::trouble::Failure;

/// A token that does not expire is looked at this often: a file may hold another one.
const IDLE: Duration = Duration::from_mins(1);
/// The shortest pause, so that a token of a second's life cannot keep this busy.
const SHORTEST: Duration = Duration::from_secs(1);
/// The longest pause after failures that go away by themselves.
const LONGEST: Duration = Duration::from_mins(1);
/// The longest pause after refusals. Vault locks an AppRole after five wrong secret ids within
/// a quarter of an hour, unless it is set up otherwise.
const LONGEST_AFTER_REFUSAL: Duration = Duration::from_mins(15);

impl Tokens {
    /// Runs for ever; dropping the future stops it.
    pub(super) async fn keep_fresh(&self) {
        let mut failures = 0_u32;
        let mut told = None;
        loop {
            let pause = match self.freshen().await {
                Ok(pause) => {
                    failures = 0;
                    told = None;
                    pause.max(SHORTEST)
                }
                Err(trouble) => {
                    let pause = pause_after(failures, trouble, self.clock.chance());
                    failures = failures.saturating_add(1);
                    if told.replace(trouble) != Some(trouble) {
                        tracing::warn!(%trouble, "the Vault token cannot be kept fresh");
                    }
                    pause
                }
            };
            select! {
                () = self.clock.sleep(pause) => {}
                () = self.replaced.notified() => {}
            }
        }
    }

    /// Does what is due now, and says how long nothing will be.
    async fn freshen(&self) -> Result<Duration, SecretTrouble> {
        let mut session = self.current().await?;
        let due = |session: &Session| match session.lease().renew_at() {
            Some(moment) => Duration::try_from(moment.duration_since(self.clock.now()))
                .unwrap_or(Duration::ZERO),
            None => IDLE,
        };
        if due(&session).is_zero() {
            if !self.renew(&session).await? {
                session = self.replace(&session).await?;
            }
            tracing::debug!("the Vault token was renewed or replaced");
        }
        Ok(due(&session))
    }

    /// Renews the token. `false` where it has to be replaced: it cannot be renewed, or the
    /// renewal was refused or granted less than before.
    async fn renew(&self, session: &Session) -> Result<bool, SecretTrouble> {
        if !session.lease().renewable {
            return Ok(false);
        }
        let now = self.clock.now();
        match renew_self(session.client(), None).await.map_err(Failure::from) {
            Ok(answer) => Ok(session.renewed(granted(&answer, now))),
            Err(failure) => match failure.login_trouble() {
                SecretTrouble::LoginRefused => Ok(false),
                trouble @ (SecretTrouble::Unreachable
                | SecretTrouble::Sealed
                | SecretTrouble::Standby
                | SecretTrouble::Unavailable(_)
                | SecretTrouble::TokenRefused
                | SecretTrouble::Denied
                | SecretTrouble::NoEngine
                | SecretTrouble::Unreadable
                | SecretTrouble::CredentialFile) => Err(trouble),
            },
        }
    }
}

/// Twice as long after each failure, up to a bound, and up to a fifth less by `chance`.
fn pause_after(failures: u32, trouble: SecretTrouble, chance: f64) -> Duration {
    let longest = match trouble {
        SecretTrouble::LoginRefused => LONGEST_AFTER_REFUSAL,
        SecretTrouble::Unreachable
        | SecretTrouble::Sealed
        | SecretTrouble::Standby
        | SecretTrouble::Unavailable(_)
        | SecretTrouble::TokenRefused
        | SecretTrouble::Denied
        | SecretTrouble::NoEngine
        | SecretTrouble::Unreadable
        | SecretTrouble::CredentialFile => LONGEST,
    };
    let doubled = SHORTEST.saturating_mul(2_u32.saturating_pow(failures));
    doubled.min(longest).mul_f64(1.0 - chance.clamp(0.0, 1.0) / 5.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_that_is_longer_after_a_refusal() {
        let pause = |failures, trouble| pause_after(failures, trouble, 0.0).as_secs();
        assert_eq!(pause(0, SecretTrouble::Sealed), 1);
        assert_eq!(pause(3, SecretTrouble::Sealed), 8);
        assert_eq!(pause(u32::MAX, SecretTrouble::Sealed), 60);
        assert_eq!(pause(u32::MAX, SecretTrouble::LoginRefused), 900);
    }

    #[test]
    fn chance_shortens_a_pause_by_a_fifth_at_most() {
        assert_eq!(pause_after(1, SecretTrouble::Sealed, 1.0), Duration::from_millis(1600));
        assert_eq!(pause_after(1, SecretTrouble::Sealed, 9.0), Duration::from_millis(1600));
    }
}
