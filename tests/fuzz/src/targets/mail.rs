//! Mails and the forms that bring them, before anybody asks who sent them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::LazyLock;

use reset_receiver::domain::ids::EventId;
use reset_receiver::senders::email::form::{Form, MAX_PARTS};
use reset_receiver::senders::email::mail::{Mail, read_mime};
use reset_receiver::senders::email::patterns::Patterns;
use reset_receiver::senders::email::verdict::Judgement;

/// A mail that is a notice with the built-in patterns.
const SAMPLE: &[u8] = b"From: Salesforce <noreply@salesforce.com>\r\n\
    Subject: Your new Salesforce security token\r\n\r\n\
    Username: gator.sync@example.com\r\nSecurity token (case-sensitive): CanaryZz9Yy8Xx7Ww6Vv5Uu4\r\n";

static BUILT_IN: LazyLock<Patterns> = LazyLock::new(Patterns::built_in);

/// Waits for what has nothing to wait for.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a thread has a runtime").block_on(future)
}

/// A form: the first line is its content type. One that is encoded in an address holds what
/// everybody else reads in it, and of no form there is more than the limit.
pub(crate) fn form(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (kind, body) = bytes.split_at(end);
    let body = body.get(1..).unwrap_or_default();
    let kind = String::from_utf8_lossy(kind);
    drop(Form::read(&kind, body));
    let Ok(form) = Form::read("application/x-www-form-urlencoded", body) else { return };
    let pairs: Vec<_> = url::form_urlencoded::parse(body).collect();
    assert!(pairs.len() <= MAX_PARTS);
    let by_name: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(by_name.len(), pairs.len(), "no name stands twice");
    for (name, value) in by_name {
        assert_eq!(form.get(&name), Some(value.as_ref()));
    }
}

/// A raw mail: it has an id and at most one author, whatever it holds, and proves nothing.
pub(crate) fn mime(bytes: &[u8]) {
    let Ok((mut mail, headers)) = read_mime(bytes) else { return };
    within_limits(&mail);
    mail.verdicts.add_results(&headers, None);
    assert_eq!(mail.verdicts.judge(|_| true), Judgement::Unsaid, "nobody was asked to believe it");
    under_a_verdict(bytes);
    let (again, _) = read_mime(bytes).expect("it is a mail");
    assert_eq!((again.id, again.from), (mail.id, mail.from));
}

/// What the receiving server wrote above everything else stands, whatever the sender wrote below.
fn under_a_verdict(bytes: &[u8]) {
    // A line that begins with a space is a part of the one above for everybody.
    if bytes.first().is_none_or(u8::is_ascii_whitespace) {
        return;
    }
    for (result, judgement) in [("dmarc=fail", Judgement::Forged), ("dkim=none", Judgement::Unsaid)]
    {
        let own = format!("Authentication-Results: believed.example; {result}\r\n");
        let Ok((mut mail, headers)) = read_mime(&[own.as_bytes(), bytes].concat()) else {
            continue;
        };
        mail.verdicts.add_results(&headers, Some("believed.example"));
        assert_eq!(mail.verdicts.judge(|domain| domain == "salesforce.com"), judgement);
    }
}

/// What every mail keeps, whoever brought it.
pub(crate) fn within_limits(mail: &Mail) {
    let id = mail.id.as_str();
    assert!((1..=EventId::MAX_CHARS).contains(&id.chars().count()), "{id:?}");
    assert!(!id.chars().any(char::is_control), "{id:?}");
    assert!(mail.texts.len() <= 16);
    let Ok(recognised) = BUILT_IN.recognise(mail) else { return };
    // An address may come with its brackets, of which the parser leaves one where the other is missing.
    let author = mail.from.as_deref().unwrap_or_default().trim();
    let domain = author.rsplit('@').next().unwrap_or_default().trim_end_matches('>');
    assert!(domain.eq_ignore_ascii_case("salesforce.com"), "{author:?}");
    let token = recognised.token.as_ref().map_or("", |token| token.expose());
    let is_there = |text: &str| text.contains(token);
    assert!(mail.texts.iter().any(|text| is_there(text.expose())), "the token stands in the mail");
    // The rest of a mail is printed, and may say what its text says.
    let rest = [id, author, &mail.subject, recognised.username.as_str()].concat();
    if token.len() >= 15 && !rest.to_lowercase().contains(&token.to_lowercase()) {
        assert!(!format!("{mail:?}{recognised:?}").contains(token), "texts print nothing");
    }
}

/// A file of patterns: what can be used recognises nothing of a domain that it does not name.
pub(crate) fn patterns(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(patterns) = Patterns::parse(text) else { return };
    assert!(!patterns.is_sender(""), "nobody is no sender");
    let (mail, _) = read_mime(SAMPLE).expect("it is a mail");
    if patterns.recognise(&mail).is_ok() {
        assert!(patterns.is_sender("salesforce.com"));
    }
}
