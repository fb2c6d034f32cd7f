//! Tokens that are good for one delivery each, remembered for as long as one could be presented
//! again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

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
    /// It was not used since this program began.
    New,
    /// It is presented with the same content again.
    Again,
    /// It was used for something else.
    Spent,
    /// No more tokens can be remembered now, so that none can be accepted.
    Full,
}

impl UsedTokens {
    /// Uses a token, which nobody believes any more after `until`, for some content.
    ///
    /// The same content again is a redelivery, which the event's id takes care of: a sender
    /// that got no answer must be able to try again.
    pub(super) fn claim(
        &self,
        token: &str,
        content: [u8; 32],
        now: Timestamp,
        until: Timestamp,
    ) -> Claimed {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match used.get(token) {
            Some(earlier) if earlier.until >= now => {
                return if earlier.content == content { Claimed::Again } else { Claimed::Spent };
            }
            Some(_) | None => {}
        }
        if used.len() >= CAPACITY {
            used.retain(|_, earlier| earlier.until >= now);
        }
        if used.len() >= CAPACITY {
            return Claimed::Full;
        }
        used.insert(token.to_owned(), Use { content, until });
        Claimed::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_is_good_for_one_content_until_it_is_stale() {
        let used = UsedTokens::default();
        let claim = |token, content, now| used.claim(token, [content; 32], at(now), at(600));
        assert_eq!(claim("a", 1, 0), Claimed::New);
        assert_eq!(claim("a", 1, 600), Claimed::Again);
        assert_eq!(claim("a", 2, 600), Claimed::Spent);
        assert_eq!(claim("b", 2, 600), Claimed::New);
        assert_eq!(claim("a", 2, 601), Claimed::New);
    }

    #[test]
    fn the_memory_is_bounded_and_refuses_rather_than_forgets() {
        let used = UsedTokens::default();
        for n in 0..CAPACITY {
            assert_eq!(used.claim(&n.to_string(), [0; 32], at(0), at(600)), Claimed::New);
        }
        assert_eq!(used.claim("one more", [0; 32], at(600), at(900)), Claimed::Full);
        assert_eq!(used.claim("one more", [0; 32], at(601), at(900)), Claimed::New);
    }
}
