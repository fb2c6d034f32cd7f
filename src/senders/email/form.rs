//! The forms that relays post: `multipart/form-data` and `application/x-www-form-urlencoded`,
//! bounded in parts and in size.

use std::collections::BTreeMap;

use futures_util::FutureExt;
use multer::{Constraints, Multipart, SizeLimit};
use sha2::{Digest, Sha256};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::senders::email::mail::InvalidMail;

/// More parts than this are refused; a relay sends some thirty, and one for each attachment.
pub const MAX_PARTS: usize = 128;

/// The fields that hold text, by name. Files are left out.
#[derive(Debug, Clone)]
pub struct Form(BTreeMap<String, Zeroizing<String>>);

impl Form {
    /// Reads a form by its content type. A name that stands twice is refused.
    pub fn read(content_type: &str, body: &[u8]) -> Result<Self, InvalidMail> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Self::from_urlencoded(body);
        }
        match multer::parse_boundary(content_type) {
            // The body is there, so that there is nothing to wait for.
            Ok(boundary) => Self::from_multipart(boundary, body)
                .now_or_never()
                .unwrap_or(Err(InvalidMail::Form)),
            Err(_) => Err(InvalidMail::MediaType(
                "multipart/form-data or application/x-www-form-urlencoded",
            )),
        }
    }

    fn from_urlencoded(body: &[u8]) -> Result<Self, InvalidMail> {
        let mut fields = BTreeMap::new();
        for (position, (name, value)) in form_urlencoded::parse(body).enumerate() {
            let value = Zeroizing::new(value.into_owned());
            if position >= MAX_PARTS || fields.insert(name.into_owned(), value).is_some() {
                return Err(InvalidMail::Form);
            }
        }
        Ok(Self(fields))
    }

    async fn from_multipart(boundary: String, body: &[u8]) -> Result<Self, InvalidMail> {
        let limit = u64::try_from(body.len()).unwrap_or(u64::MAX);
        let size = SizeLimit::new().whole_stream(limit).per_field(limit);
        let constraints = Constraints::new().size_limit(size);
        let mut parts = Multipart::with_reader_with_constraints(body, boundary, constraints);
        let mut fields = BTreeMap::new();
        for _ in 0..=MAX_PARTS {
            let Some(part) = parts.next_field().await.map_err(|_| InvalidMail::Form)? else {
                return Ok(Self(fields));
            };
            // What is not read here is skipped by the next turn.
            let (Some(name), None) = (part.name().map(str::to_owned), part.file_name()) else {
                continue;
            };
            let value = Zeroizing::new(part.text().await.map_err(|_| InvalidMail::Form)?);
            if fields.insert(name, value).is_some() {
                return Err(InvalidMail::Form);
            }
        }
        Err(InvalidMail::Form)
    }

    /// A field's text; empty where it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// A field's text, where it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }

    /// A digest over every field, which does not depend on how the form was written.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for (name, value) in &self.0 {
            for text in [name.as_str(), value.as_str()] {
                digest.update(text.len().to_be_bytes());
                digest.update(text);
            }
        }
        digest.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert_eq, proptest};

    use super::*;

    const MULTIPART: &str = "multipart/form-data; boundary=xYz";

    fn read(content_type: &str, body: &[u8]) -> Result<Form, InvalidMail> {
        Form::read(content_type, body)
    }

    fn part(head: &str, value: &str) -> String {
        format!("--xYz\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    }

    #[test]
    fn both_forms_are_read_and_files_are_left_out() {
        let form = read("application/x-www-form-urlencoded", b"a=1%3D2+3&b=").unwrap();
        assert_eq!((form.text("a"), form.get("b"), form.get("c")), ("1=2 3", Some(""), None));
        let body = part("name=\"a\"", "1=2 3")
            + &part("name=\"f\"; filename=\"x.txt\"\r\nContent-Type: text/plain", "file")
            + &part("name=\"b\"", "")
            + "--xYz--\r\n";
        let multipart = read(MULTIPART, body.as_bytes()).unwrap();
        assert_eq!(multipart.digest(), form.digest());
        assert_eq!(multipart.get("f"), None);
    }

    #[test]
    fn a_malformed_form_is_refused() {
        let whole = part("name=\"a\"", "1");
        for body in [
            String::new(),
            whole.clone(),
            format!("{whole}{whole}--xYz--"),
            part("name=\"a\"", "1").repeat(MAX_PARTS + 1) + "--xYz--",
            "--xYz\r\nno colon\r\n\r\n--xYz--".to_owned(),
        ] {
            assert_eq!(read(MULTIPART, body.as_bytes()).unwrap_err(), InvalidMail::Form, "{body}");
        }
        assert_eq!(
            read("application/x-www-form-urlencoded", b"a=1&a=2").unwrap_err(),
            InvalidMail::Form
        );
        for kind in ["application/json", "multipart/form-data", ""] {
            assert!(matches!(read(kind, b"a=1"), Err(InvalidMail::MediaType(_))), "{kind}");
        }
    }

    #[test]
    fn at_most_so_many_parts_are_read() {
        let parts = |count: usize| {
            let all: String = (0..count).map(|n| part(&format!("name=\"{n}\""), "x")).collect();
            read(MULTIPART, (all + "--xYz--").as_bytes()).is_ok()
        };
        assert!(parts(MAX_PARTS));
        assert!(!parts(MAX_PARTS + 1));
        let pairs = |count: usize| {
            let all: Vec<String> = (0..count).map(|n| format!("{n}=x")).collect();
            read("application/x-www-form-urlencoded", all.join("&").as_bytes()).is_ok()
        };
        assert!(pairs(MAX_PARTS));
        assert!(!pairs(MAX_PARTS + 1));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..500), kind in any::<String>(),
        ) {
            drop(read(MULTIPART, &bytes));
            drop(read("application/x-www-form-urlencoded", &bytes));
            drop(read(&kind, &bytes));
        }

        #[test]
        fn what_is_written_is_read(value in "[^\r\u{feff}-]{0,200}") {
            let body = part("name=\"a\"", &value) + "--xYz--\r\n";
            let form = read(MULTIPART, body.as_bytes()).unwrap();
            prop_assert_eq!(form.text("a"), value);
        }
    }
}
