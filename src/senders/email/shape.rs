//! How a raw mail is built, looked at before it is read.
//!
//! The reader's time grows with the square of some things that a mail can be made of: the parameters
//! of one field, parts that announce parts that never come, mails within mails. Whoever can write to
//! the mailbox could keep a processor busy for a minute with one mebibyte, long before anybody asks
//! where the mail is from. A notice has a handful of parts, so that nothing else is read.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// More fields that describe a part are not read: a notice has three for each of two or three parts.
pub(super) const MAX_FIELDS: usize = 64;
/// More parts that consist of parts are not read.
pub(super) const MAX_MULTIPARTS: usize = 8;
/// A longer field that describes a part is not read: a name of a file in a foreign script has two
/// kilobytes at most.
pub(super) const MAX_FIELD_BYTES: usize = 4096;

/// What describes a part. Anywhere in a line: a part begins right behind a boundary.
static FIELDS: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "a fixed expression, which the tests use")]
    Regex::new("(?-u)content-(type|disposition|transfer-encoding):").expect("it is well-formed")
});

/// Whether the mail is built so that reading it takes no longer than its size asks for.
pub(super) fn is_simple(raw: &[u8]) -> bool {
    let text = squeezed(raw);
    let (mut multiparts, mut has_mail, mut is_encoded) = (0, false, false);
    for (position, field) in FIELDS.captures_iter(&text).enumerate() {
        let (Some(whole), Some(name)) = (field.get(0), field.get(1)) else { return false };
        let rest = text.get(whole.end()..).unwrap_or_default();
        let value = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if position == MAX_FIELDS || value.len() > MAX_FIELD_BYTES {
            return false;
        }
        let has = |word: &[u8]| value.windows(word.len()).any(|window| window == word);
        if name.as_bytes() == b"transfer-encoding" {
            is_encoded |= !matches!(value, b"7bit" | b"8bit" | b"binary");
        }
        has_mail |= has(b"message/") || has(b"digest");
        multiparts += usize::from(has(b"multipart"));
        // What is decoded and read again can be built in any way.
        if multiparts > MAX_MULTIPARTS || has_mail && is_encoded {
            return false;
        }
    }
    true
}

/// In lower case, each field in one line and without white space: the reader passes over all of it.
fn squeezed(raw: &[u8]) -> Vec<u8> {
    let mut squeezed = Vec::with_capacity(raw.len());
    let next = raw.iter().skip(1).map(Some).chain([None]);
    for (byte, next) in raw.iter().zip(next) {
        let is_end = *byte == b'\n' && !matches!(next, Some(b' ' | b'\t'));
        if is_end || !byte.is_ascii_whitespace() {
            squeezed.push(byte.to_ascii_lowercase());
        }
    }
    squeezed
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "From: a@salesforce.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";

    fn of_parts(part: &str, count: usize) -> bool {
        is_simple(format!("{HEAD}{}--b--\r\n", part.repeat(count)).as_bytes())
    }

    #[test]
    fn a_notice_and_a_newsletter_are_simple() {
        assert!(is_simple(b""));
        assert!(is_simple(b"Subject: s\r\n\r\nContent-Type: is a word of MIME\r\n"));
        let part = "--b\r\nContent-Type: text/html; charset=utf-8\r\n\
            Content-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\nQUFB\r\n";
        assert!(of_parts(part, 20));
        assert!(!of_parts(part, 22));
        assert!(of_parts("--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\nx\r\n", 1));
    }

    #[test]
    fn a_field_is_not_longer_than_a_name_needs() {
        let field = |name: &str, bytes: usize| {
            let parameters = ";\r\n a*1=b".repeat(bytes / ";a*1=b".len());
            is_simple(format!("{name}: text/plain{parameters}\r\n\r\nx").as_bytes())
        };
        for name in
            ["Content-Type", "content-disposition", "C o n t e n t-T y p e ", ":Content-Type"]
        {
            assert!(field(name, MAX_FIELD_BYTES - 100), "{name}");
            assert!(!field(name, MAX_FIELD_BYTES + 100), "{name}");
        }
        assert!(field("X-Anything", 100_000));
    }

    #[test]
    fn parts_of_parts_are_few_also_right_behind_a_boundary() {
        let lost =
            |count| of_parts("--b\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n", count);
        assert!(lost(MAX_MULTIPARTS - 1));
        assert!(!lost(MAX_MULTIPARTS));
        assert!(!of_parts(
            "--bContent-Type: Multi\r\n part/mixed; boundary=q\r\n\r\n",
            MAX_MULTIPARTS
        ));
    }

    #[test]
    fn a_mail_that_is_encoded_within_a_mail_is_not_looked_into() {
        let mail = |kind: &str, encoding: &str| {
            of_parts(
                &format!(
                    "--b\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\nx\r\n"
                ),
                1,
            )
        };
        assert!(mail("message/rfc822", "8bit"));
        assert!(mail("text/plain", "base64"));
        for encoding in ["base64", "Quoted-Printable", "=?utf-8?q?base64?="] {
            assert!(!mail("message/rfc822", encoding), "{encoding}");
            assert!(!mail("message/global", encoding), "{encoding}");
            assert!(!mail("multipart/digest; boundary=c", encoding), "{encoding}");
        }
    }
}
