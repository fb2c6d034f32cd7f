//! What a relay found out about a mail's origin: SPF, DKIM and DMARC.

use crate::senders::email::headers::MailHeaders;

/// The outcome of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It passed.
    Pass,
    /// It failed.
    Fail,
    /// It was not done, or says nothing.
    Unsaid,
}

impl Outcome {
    /// Reads the words of RFC 8601 and of the relays, whatever their case.
    pub fn parse(word: &str) -> Self {
        match word.trim().to_ascii_lowercase().as_str() {
            "pass" => Self::Pass,
            "fail" | "softfail" | "hardfail" | "permerror" | "reject" | "policy" => Self::Fail,
            _ => Self::Unsaid,
        }
    }
}

/// A check and the domain that it is about, where the relay says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// How it ended.
    pub outcome: Outcome,
    /// The domain, in lower case.
    pub domain: Option<String>,
}

impl Check {
    /// A check of a domain.
    pub fn new(outcome: Outcome, domain: Option<&str>) -> Self {
        let domain = domain.map(|domain| domain.trim().trim_end_matches('.').to_ascii_lowercase());
        Self { outcome, domain: domain.filter(|domain| !domain.is_empty()) }
    }
}

/// Everything that a relay reports of one mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Whether the sending machine may send for the envelope's domain.
    pub spf: Vec<Check>,
    /// Whether a domain signed the mail.
    pub dkim: Vec<Check>,
    /// Whether either of them is about the domain that the mail names as its author's.
    pub dmarc: Vec<Outcome>,
}

/// What the verdicts come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The mail is from one of the domains.
    Genuine,
    /// The mail is not, or a check failed that a genuine one passes.
    Forged,
    /// The relay says nothing of use.
    Unsaid,
}

impl Verdicts {
    /// Judges the origin; `ours` says whether a domain is one that the mail may come from.
    ///
    /// DMARC decides where it was checked, as it is about the author's domain. A signature counts
    /// by the domain that signed, SPF by the domain of the envelope: a pass of another domain
    /// proves nothing about this mail.
    pub fn judge(&self, ours: impl Fn(&str) -> bool) -> Judgement {
        if self.dmarc.contains(&Outcome::Fail) {
            return Judgement::Forged;
        }
        if self.dmarc.contains(&Outcome::Pass) {
            return Judgement::Genuine;
        }
        let about_us = |check: &&Check| check.domain.as_deref().is_some_and(&ours);
        let nameless = |check: &&Check| check.domain.is_none();
        let failed = |check: &Check| check.outcome == Outcome::Fail;
        let passed = |check: &Check| check.outcome == Outcome::Pass;
        if self.dkim.iter().filter(about_us).any(passed) {
            return Judgement::Genuine;
        }
        let is_ours_or_nameless = |check: &&Check| about_us(check) || nameless(check);
        if self.dkim.iter().filter(is_ours_or_nameless).any(failed) || self.spf.iter().any(failed) {
            return Judgement::Forged;
        }
        if self.spf.iter().filter(about_us).any(passed) {
            return Judgement::Genuine;
        }
        // Passed, and for somebody else: the author is not who the mail says.
        let foreign = |check: &Check| passed(check) && check.domain.is_some();
        if self.dkim.iter().any(foreign) || self.spf.iter().any(foreign) {
            return Judgement::Forged;
        }
        Judgement::Unsaid
    }

    /// Adds what the topmost `Authentication-Results` (RFC 8601) of `authority` says. Without a
    /// configured authority the header counts for nothing, because anybody can write one into
    /// the mail that he sends.
    pub fn add_results(&mut self, headers: &MailHeaders, authority: Option<&str>) {
        let Some(authority) = authority else { return };
        let by_authority = |value: &&str| {
            let id = value.split(';').next().unwrap_or_default();
            id.split_whitespace().next().is_some_and(|id| id.eq_ignore_ascii_case(authority))
        };
        // Each hop writes its header above those that came before it.
        let Some(value) = headers.all("authentication-results").find(by_authority) else { return };
        for result in without_comments(value).split(';').skip(1) {
            self.add_result(result);
        }
    }

    fn add_result(&mut self, result: &str) {
        let mut words = result.split_whitespace();
        let Some((method, outcome)) = words.next().and_then(|word| word.split_once('=')) else {
            return;
        };
        let outcome = Outcome::parse(outcome);
        let property = |name: &str| {
            result.split_whitespace().filter_map(|word| word.split_once('=')).find_map(
                |(key, value)| key.eq_ignore_ascii_case(name).then(|| value.trim_matches('"')),
            )
        };
        match method.trim().to_ascii_lowercase().as_str() {
            "dkim" => self.dkim.push(Check::new(outcome, property("header.d"))),
            "spf" => {
                let from = property("smtp.mailfrom").map(domain_of);
                self.spf.push(Check::new(outcome, from));
            }
            "dmarc" => self.dmarc.push(outcome),
            _ => {}
        }
    }

    /// Adds what the topmost `Received-SPF` (RFC 7208) says, which the relay itself wrote.
    pub fn add_received_spf(&mut self, headers: &MailHeaders) {
        let Some(value) = headers.all("received-spf").next() else { return };
        let outcome = value.split([' ', '\t', ';', '(']).next().unwrap_or_default();
        let plain = without_comments(value);
        let from = plain.split([';', ' ', '\t']).filter_map(|part| part.split_once('=')).find_map(
            |(key, value)| {
                key.trim().eq_ignore_ascii_case("envelope-from").then(|| value.trim_matches('"'))
            },
        );
        self.spf.push(Check::new(Outcome::parse(outcome), from.map(domain_of)));
    }
}

/// The domain of an address; a bare domain stays as it is.
pub(super) fn domain_of(address: &str) -> &str {
    let address = address.trim().trim_start_matches('<').trim_end_matches('>');
    address.rsplit_once('@').map_or(address, |(_, domain)| domain)
}

/// A header's value without what stands in parentheses, which anybody may fill.
fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    let outside = |c: &char| {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    };
    value.chars().filter(outside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(domain: &str) -> bool {
        domain == "salesforce.com"
    }

    fn judged(results: &str) -> Judgement {
        let headers = MailHeaders::new([("Authentication-Results", results)]);
        let mut verdicts = Verdicts::default();
        verdicts.add_results(&headers, Some("mx.example"));
        verdicts.judge(ours)
    }

    #[test]
    fn dmarc_decides_then_a_signature_then_spf() {
        for (results, judgement) in [
            ("mx.example; dmarc=pass", Judgement::Genuine),
            ("mx.example 1; dkim=pass header.d=salesforce.com", Judgement::Genuine),
            ("mx.example; dkim=pass (2048) header.d=salesforce.com; spf=fail", Judgement::Genuine),
            ("mx.example; spf=pass smtp.mailfrom=bounce@salesforce.com", Judgement::Genuine),
            ("mx.example; dkim=pass header.d=salesforce.com; dmarc=fail", Judgement::Forged),
            ("mx.example; dkim=fail header.d=salesforce.com", Judgement::Forged),
            ("mx.example; dkim=pass header.d=evil.example", Judgement::Forged),
            ("mx.example; spf=pass smtp.mailfrom=a@evil.example", Judgement::Forged),
            ("mx.example; spf=softfail smtp.mailfrom=a@salesforce.com", Judgement::Forged),
            ("mx.example; dkim=none; spf=neutral", Judgement::Unsaid),
            ("mx.example; dkim=pass", Judgement::Unsaid),
            ("mx.example", Judgement::Unsaid),
            ("evil.example; dkim=pass header.d=salesforce.com", Judgement::Unsaid),
            ("mx.example; x=y (; dkim=pass header.d=salesforce.com)", Judgement::Unsaid),
        ] {
            assert_eq!(judged(results), judgement, "{results}");
        }
    }

    #[test]
    fn only_the_topmost_result_of_the_configured_authority_counts() {
        let genuine = "mx.example; dkim=pass header.d=salesforce.com";
        let forged = "mx.example; dkim=fail header.d=salesforce.com";
        let both = |first, second| {
            MailHeaders::new([
                ("Authentication-Results", first),
                ("Authentication-Results", second),
            ])
        };
        let judge = |headers: &MailHeaders, authority| {
            let mut verdicts = Verdicts::default();
            verdicts.add_results(headers, authority);
            verdicts.judge(ours)
        };
        assert_eq!(judge(&both(forged, genuine), Some("mx.example")), Judgement::Forged);
        assert_eq!(judge(&both(genuine, forged), Some("MX.example")), Judgement::Genuine);
        assert_eq!(judge(&both(genuine, genuine), None), Judgement::Unsaid);
    }

    #[test]
    fn received_spf_counts_with_the_domain_of_its_envelope() {
        for (value, judgement) in [
            ("pass (x) identity=mailfrom; envelope-from=\"b@salesforce.com\"", Judgement::Genuine),
            ("Pass (x) client-ip=192.0.2.1; envelope-from=b@salesforce.com;", Judgement::Genuine),
            ("pass (envelope-from=b@salesforce.com)", Judgement::Unsaid),
            ("pass; envelope-from=b@evil.example", Judgement::Forged),
            ("fail; envelope-from=b@salesforce.com", Judgement::Forged),
        ] {
            let mut verdicts = Verdicts::default();
            verdicts.add_received_spf(&MailHeaders::new([("Received-SPF", value)]));
            assert_eq!(verdicts.judge(ours), judgement, "{value}");
        }
    }
}
