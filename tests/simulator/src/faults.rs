//! Faults on demand: which request they hit, what they do, and how often.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Which requests a fault hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match(Which);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Any,
    Number(u64),
    Name(String),
    NumberOfName(String, u64),
    NameSince(String, u64),
    Chance { seed: u64, one_in: u64 },
}

impl Match {
    /// Every request.
    pub fn any() -> Self {
        Self(Which::Any)
    }

    /// The request of that number, counted from 1 over the simulator's life.
    pub fn nth(number: u64) -> Self {
        Self(Which::Number(number))
    }

    /// Requests of that name, for example `POST change-state`.
    pub fn request(name: impl Into<String>) -> Self {
        Self(Which::Name(name.into()))
    }

    /// The nth request of that name, counted from 1 over the simulator's life.
    pub fn nth_request(name: impl Into<String>, number: u64) -> Self {
        Self(Which::NumberOfName(name.into(), number))
    }

    /// Requests of that name from that request on, counted from 1 over the simulator's life.
    pub fn request_since(name: impl Into<String>, number: u64) -> Self {
        Self(Which::NameSince(name.into(), number))
    }

    /// One request in so many, by chance; the same requests for the same seed.
    pub fn chance(seed: u64, one_in: u64) -> Self {
        Self(Which::Chance { seed, one_in: one_in.max(1) })
    }

    fn hits(&self, name: &str, number: u64, number_of_name: u64) -> bool {
        match &self.0 {
            Which::Any => true,
            Which::Number(wanted) => *wanted == number,
            Which::Name(wanted) => wanted == name,
            Which::NumberOfName(wanted, nth) => wanted == name && *nth == number_of_name,
            Which::NameSince(wanted, since) => wanted == name && *since <= number,
            Which::Chance { seed, one_in } => {
                spread(seed.wrapping_add(number)).is_multiple_of(*one_in)
            }
        }
    }
}

/// Spreads neighbouring numbers over all of `u64` (the finalizer of `SplitMix64`).
fn spread(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What happens to the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The answer comes later by this much.
    Delay(Duration),
    /// This HTTP status and no page; nothing has happened. 500 and 503 are the usual ones.
    Status(u16),
    /// The connection is dropped without an answer; nothing has happened.
    ResetBefore,
    /// The connection is dropped without an answer; it has happened.
    ResetAfter,
    /// It has happened; no answer comes.
    NoAnswer,
    /// The session ends before the request takes effect: the login page.
    SessionExpired,
    /// Whatever carries this label carries another one.
    MissingLabel(String),
    /// Whatever carries this label is there twice.
    DoubledLabel(String),
    /// It has happened; the connection breaks in the middle of the page.
    Truncated,
    /// It has happened; the answer is complete by HTTP, and its page ends in the middle.
    CutShort,
    /// It has happened; the page says UTF-8 and is Latin-1.
    WrongEncoding,
    /// The page that wants the address confirmed; nothing has happened.
    ConfirmIp,
}

/// How often a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// The first request that matches.
    Once,
    /// The first so many requests that match.
    Count(u32),
    /// Every request that matches.
    Always,
}

/// The faults that are switched on.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<(Match, Fault, Times)>,
    names: BTreeMap<String, u64>,
}

impl Faults {
    pub(crate) fn on(&mut self, which: Match, fault: Fault, times: Times) {
        self.rules.push((which, fault, times));
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Counts the request and returns the faults that hit it, in the order they were switched on.
    pub(crate) fn hit(&mut self, name: &str, number: u64) -> Vec<Fault> {
        let of_name = self.names.entry(name.to_owned()).or_insert(0);
        *of_name += 1;
        let mut hits = Vec::new();
        for (which, fault, times) in &mut self.rules {
            let left = match times {
                Times::Count(left) => *left > 0,
                Times::Once | Times::Always => true,
            };
            if left && which.hits(name, number, *of_name) {
                hits.push(fault.clone());
                *times = match *times {
                    Times::Once => Times::Count(0),
                    Times::Count(left) => Times::Count(left - 1),
                    Times::Always => Times::Always,
                };
            }
        }
        hits
    }
}

/// The text does not say a fault, a match or a number of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseFaultError {
    /// No fault has this name.
    Fault(String),
    /// This is not how requests are matched.
    Match(String),
    /// This is not a number of times.
    Times(String),
}

impl fmt::Display for ParseFaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(text) => write!(
                f,
                "{text:?} is none of delay:MILLISECONDS, status:CODE, reset-before, reset-after, \
                 no-answer, session-expired, missing-label:LABEL, doubled-label:LABEL, truncated, cut-short, \
                 wrong-encoding, confirm-ip"
            ),
            Self::Match(text) => write!(
                f,
                "{text:?} is none of any, nth:N, chance:SEED:ONE-IN, \"POST change-state\", \
                 \"POST change-state#N\""
            ),
            Self::Times(text) => write!(f, "{text:?} is none of once, always, N"),
        }
    }
}

impl std::error::Error for ParseFaultError {}

impl FromStr for Match {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseFaultError::Match(text.to_owned());
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        if text == "any" {
            return Ok(Self::any());
        }
        if let Some(nth) = text.strip_prefix("nth:") {
            return Ok(Self::nth(number(nth)?));
        }
        if let Some(chance) = text.strip_prefix("chance:") {
            let (seed, one_in) = chance.split_once(':').ok_or_else(wrong)?;
            return Ok(Self::chance(number(seed)?, number(one_in)?));
        }
        if !text.starts_with("GET ") && !text.starts_with("POST ") {
            return Err(wrong());
        }
        match text.split_once('#') {
            Some((name, nth)) => Ok(Self::nth_request(name, number(nth)?)),
            None => Ok(Self::request(text)),
        }
    }
}

impl FromStr for Fault {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseFaultError::Fault(text.to_owned());
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        match (name, rest) {
            ("delay", time) => {
                Ok(Self::Delay(Duration::from_millis(time.parse().map_err(|_| wrong())?)))
            }
            ("status", code) => match code.parse() {
                Ok(code @ 400..=599) => Ok(Self::Status(code)),
                Ok(_) | Err(_) => Err(wrong()),
            },
            ("missing-label", label) if !label.is_empty() => {
                Ok(Self::MissingLabel(label.to_owned()))
            }
            ("doubled-label", label) if !label.is_empty() => {
                Ok(Self::DoubledLabel(label.to_owned()))
            }
            ("reset-before", "") => Ok(Self::ResetBefore),
            ("reset-after", "") => Ok(Self::ResetAfter),
            ("no-answer", "") => Ok(Self::NoAnswer),
            ("session-expired", "") => Ok(Self::SessionExpired),
            ("truncated", "") => Ok(Self::Truncated),
            ("cut-short", "") => Ok(Self::CutShort),
            ("wrong-encoding", "") => Ok(Self::WrongEncoding),
            ("confirm-ip", "") => Ok(Self::ConfirmIp),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay(delay) => write!(f, "delay:{}", delay.as_millis()),
            Self::Status(code) => write!(f, "status:{code}"),
            Self::ResetBefore => f.write_str("reset-before"),
            Self::ResetAfter => f.write_str("reset-after"),
            Self::NoAnswer => f.write_str("no-answer"),
            Self::SessionExpired => f.write_str("session-expired"),
            Self::MissingLabel(label) => write!(f, "missing-label:{label}"),
            Self::DoubledLabel(label) => write!(f, "doubled-label:{label}"),
            Self::Truncated => f.write_str("truncated"),
            Self::CutShort => f.write_str("cut-short"),
            Self::WrongEncoding => f.write_str("wrong-encoding"),
            Self::ConfirmIp => f.write_str("confirm-ip"),
        }
    }
}

impl FromStr for Times {
    type Err = ParseFaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "once" => Ok(Self::Once),
            "always" => Ok(Self::Always),
            number => match number.parse() {
                Ok(number) => Ok(Self::Count(number)),
                Err(_) => Err(ParseFaultError::Times(text.to_owned())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, Match, ParseFaultError, Times};

    #[test]
    fn every_fault_is_read_back_from_its_own_words() {
        let words = [
            "delay:250",
            "status:503",
            "reset-before",
            "reset-after",
            "no-answer",
            "session-expired",
            "missing-label:Data Source Properties",
            "doubled-label:Save",
            "truncated",
            "cut-short",
            "wrong-encoding",
            "confirm-ip",
        ];
        for word in words {
            assert_eq!(word.parse::<Fault>().unwrap().to_string(), word);
        }
        for wrong in ["", "delay:soon", "status:200", "missing-label:", "reset-before:x", "fire"] {
            assert_eq!(wrong.parse::<Fault>(), Err(ParseFaultError::Fault(wrong.to_owned())));
        }
    }

    #[test]
    fn matches_and_times_are_read_from_words() {
        let matches = [
            ("any", Match::any()),
            ("nth:7", Match::nth(7)),
            ("chance:1:20", Match::chance(1, 20)),
            ("GET login", Match::request("GET login")),
            ("POST change-state#2", Match::nth_request("POST change-state", 2)),
        ];
        for (word, wanted) in matches {
            assert_eq!(word.parse(), Ok(wanted));
        }
        for wrong in ["", "nth:", "login", "chance:1", "POST login#x"] {
            assert_eq!(wrong.parse::<Match>(), Err(ParseFaultError::Match(wrong.to_owned())));
        }
        assert_eq!("once".parse(), Ok(Times::Once));
        assert_eq!("always".parse(), Ok(Times::Always));
        assert_eq!("3".parse(), Ok(Times::Count(3)));
        assert!("often".parse::<Times>().is_err());
    }
}
