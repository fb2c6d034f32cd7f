//! What a mail's headers say of its origin.

use reset_receiver::senders::email::headers::MailHeaders;
use reset_receiver::senders::email::verdict::{Judgement, Verdicts};

/// A block of headers. `Authentication-Results` counts only from the one server that is believed,
/// whatever else stands there, and from the topmost of its headers.
pub(crate) fn read(bytes: &[u8]) {
    let block = String::from_utf8_lossy(bytes);
    let headers = MailHeaders::from_block(&block);
    let judged = |headers: &MailHeaders, authority: Option<&str>| {
        let mut verdicts = Verdicts::default();
        verdicts.add_results(headers, authority);
        verdicts.judge(|domain| domain == "salesforce.com")
    };
    assert_eq!(judged(&headers, None), Judgement::Unsaid);
    if !block.to_ascii_lowercase().contains("believed.example") {
        assert_eq!(judged(&headers, Some("believed.example")), Judgement::Unsaid);
    }
    // What the server wrote above everything else stands, whatever the sender wrote below.
    let topmost = |result: &str| {
        let own = format!("Authentication-Results: believed.example; {result}\n{block}");
        judged(&MailHeaders::from_block(&own), Some("believed.example"))
    };
    let is_continued = block.starts_with([' ', '\t']);
    if !is_continued {
        assert_eq!(topmost("dmarc=fail header.from=salesforce.com"), Judgement::Forged);
        assert_eq!(topmost("dkim=none"), Judgement::Unsaid);
    }
    let mut verdicts = Verdicts::default();
    verdicts.add_received_spf(&headers);
    let judged = verdicts.judge(|_| false);
    assert_ne!(judged, Judgement::Genuine, "no domain is ours, and one passed: {verdicts:?}");
}
