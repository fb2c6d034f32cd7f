//! A strict reader of small JSON documents: UTF-8, bounded nesting, no key twice.
//!
//! `serde_json` alone keeps the last of two equal keys, where another reader keeps the first, so
//! that two programs can see two different events in the same bytes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// Arrays and objects deeper than this are refused.
pub const MAX_DEPTH: u8 = 16;

/// A value, as far as anything here needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A text.
    Text(String),
    /// An array; its elements have been checked and dropped.
    Array,
    /// An object.
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// What the value is, for a sentence.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a truth value",
            Self::Number => "a number",
            Self::Text(_) => "a text",
            Self::Array => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Why bytes are not a document that is read here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJson {
    /// Not UTF-8.
    #[error("the body is not UTF-8")]
    Encoding,
    /// Not JSON.
    #[error("the body is not JSON: line {line}, column {column}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, in bytes from 1.
        column: usize,
    },
    /// Nested too deep.
    #[error("the body is nested deeper than {MAX_DEPTH} levels")]
    Depth,
    /// A key that stands twice in one object.
    #[error("a key stands twice in the same object")]
    Duplicate(String),
}

/// Reads one document.
pub fn read(bytes: &[u8]) -> Result<Json, InvalidJson> {
    let text = std::str::from_utf8(bytes).map_err(|_| InvalidJson::Encoding)?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let fault = RefCell::new(None);
    let value = Reading { depth: MAX_DEPTH, fault: &fault }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| {
        let syntax = || InvalidJson::Syntax { line: error.line(), column: error.column() };
        fault.take().unwrap_or_else(syntax)
    })
}

/// Reads one value with so many levels left. What a visitor cannot say through serde's error,
/// which is a text, it leaves in `fault`.
#[derive(Clone, Copy)]
struct Reading<'f> {
    depth: u8,
    fault: &'f RefCell<Option<InvalidJson>>,
}

impl Reading<'_> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(self.refuse(InvalidJson::Depth)),
        }
    }

    fn refuse<E: Error>(self, fault: InvalidJson) -> E {
        let error = E::custom(&fault);
        self.fault.replace(Some(fault));
        error
    }
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        while elements.next_element_seed(inner)?.is_some() {}
        Ok(Json::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let inner = self.inner()?;
        let mut object = BTreeMap::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(self.refuse(InvalidJson::Duplicate(key)));
            }
            object.insert(key, entries.next_value_seed(inner)?);
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> InvalidJson {
        read(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn every_kind_of_value_is_told_apart() {
        let document = br#" {"a": null, "b": true, "c": -1.5, "d": "\u0041", "e": [1], "f": {}} "#;
        let Json::Object(object) = read(document).unwrap() else { panic!("not an object") };
        let kinds: Vec<&str> = object.values().map(Json::kind).collect();
        let expected = ["null", "a truth value", "a number", "a text", "an array", "an object"];
        assert_eq!(kinds, expected);
        assert_eq!(object["d"], Json::Text("A".to_owned()));
    }

    #[test]
    fn a_key_may_not_stand_twice_however_it_is_written() {
        let duplicate = |key: &str| InvalidJson::Duplicate(key.to_owned());
        assert_eq!(fault(r#"{"id": 1, "id": 1}"#), duplicate("id"));
        assert_eq!(fault(r#"{"id": 1, "\u0069d": 1}"#), duplicate("id"));
        assert_eq!(fault(r#"[{"a": {"x": 1, "x": 2}}]"#), duplicate("x"));
        assert!(read(br#"{"a": {"x": 1}, "b": {"x": 1}}"#).is_ok());
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(nested(16).as_bytes()).is_ok());
        assert_eq!(fault(&nested(17)), InvalidJson::Depth);
        assert_eq!(fault(&"[".repeat(60_000)), InvalidJson::Depth);
        assert_eq!(fault(&r#"{"a":"#.repeat(17)), InvalidJson::Depth);
    }

    #[test]
    fn bytes_that_are_not_one_json_document_in_utf_8_are_refused() {
        assert_eq!(read(b"{\"a\": \"\xff\"}"), Err(InvalidJson::Encoding));
        assert_eq!(fault("{\n\"a\": x}"), InvalidJson::Syntax { line: 2, column: 6 });
        let texts = ["", "{", "{}{}", "{} x", "{'a': 1}", "{\"a\": 1,}", "\u{feff}{}", "1e999"];
        for text in texts.into_iter().chain(["\"\\ud800\"", "{\"a\": \"\n\"}", "NaN"]) {
            assert!(matches!(fault(text), InvalidJson::Syntax { .. }), "{text:?}");
        }
    }
}
