//! Tokens that are good for one delivery each, remembered for as long as one could be presented
//! again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// So many tokens are remembered at once.
const CAPACITY: usize = 20_000;

/// What a token was used for, and until when that matters.
#[derive(Debug, Clone, Copy)]
struct Use {
    content: [u8; 32],
    until: Timestamp,
}

/// The tokens that were used.
#[derive(Debug, Default)]
pub struct UsedTokens(Mutex<HashMap<String, Use>>);

/// What is known of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claimed {
    /// It is good for this content: new, or presented with the same content again.
    Good,
    /// It was used for something else.
    Spent,
    /// No more tokens can be remembered now, so that none can be accepted.
    Full,
}

impl UsedTokens {
    /// Uses a token, which nobody believes any more after `window`, for some content.
    ///
    /// The same content again is a redelivery, which the event's id takes care of: a sender
    /// that got no answer must be able to try again.
    pub(super) fn claim(
        &self,
        token: &str,
        content: [u8; 32],
        now: Timestamp,
        window: Duration,
    ) -> Claimed {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match used.get(token) {
            Some(earlier) if earlier.until >= now => {
                return if earlier.content == content { Claimed::Good } else { Claimed::Spent };
            }
            Some(_) | None => {}
        }
        if used.len() >= CAPACITY {
            used.retain(|_, earlier| earlier.until >= now);
        }
        if used.len() >= CAPACITY {
            return Claimed::Full;
        }
        let until = now.saturating_add(window).unwrap_or(Timestamp::MAX);
        used.insert(token.to_owned(), Use { content, until });
        Claimed::Good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_mins(10);

    #[test]
    fn a_token_is_good_for_one_content_until_it_is_stale() {
        let used = UsedTokens::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(used.claim("a", [1; 32], at(0), WINDOW), Claimed::Good);
        assert_eq!(used.claim("a", [1; 32], at(600), WINDOW), Claimed::Good);
        assert_eq!(used.claim("a", [2; 32], at(600), WINDOW), Claimed::Spent);
        assert_eq!(used.claim("b", [2; 32], at(600), WINDOW), Claimed::Good);
        assert_eq!(used.claim("a", [2; 32], at(601), WINDOW), Claimed::Good);
    }

    #[test]
    fn the_memory_is_bounded_and_refuses_rather_than_forgets() {
        let used = UsedTokens::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        for n in 0..CAPACITY {
            assert_eq!(used.claim(&n.to_string(), [0; 32], at(0), WINDOW), Claimed::Good);
        }
        assert_eq!(used.claim("one more", [0; 32], at(600), WINDOW), Claimed::Full);
        assert_eq!(used.claim("one more", [0; 32], at(601), WINDOW), Claimed::Good);
    }
}
