//! `openapi.yaml`, and whether an answer is what it documents.
//!
//! The schemas use a small part of JSON Schema; a keyword that is not understood here is an error,
//! so that nothing is documented and not checked.

use std::fmt;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

/// The document.
pub(crate) struct Contract(pub(crate) Value);

/// What an answer does not keep, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Breach(pub(crate) String);

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn breach<T>(text: impl Into<String>) -> Result<T, Breach> {
    Err(Breach(text.into()))
}

impl Contract {
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.yaml");
        let text = std::fs::read_to_string(path).unwrap();
        Self(yaml_serde::from_str(&text).unwrap())
    }

    /// Whether an operation documents this answer: status, content type and schema.
    pub(crate) fn check(
        &self,
        path: &str,
        method: &str,
        status: u16,
        content_type: &str,
        body: &Value,
    ) -> Result<(), Breach> {
        let Some(responses) = self.0["paths"][path][method].get("responses") else {
            return breach(format!("{method} {path} is not documented"));
        };
        let Some(response) = responses.get(status.to_string()) else {
            return breach(format!("the status {status} of {method} {path} is not documented"));
        };
        let media = content_type.split(';').next().unwrap_or_default().trim();
        let Some(content) = response["content"].get(media) else {
            return breach(format!("{media:?} is not documented for {status}"));
        };
        self.validate(&content["schema"], body, "body")
    }

    /// Whether a value is what a schema says.
    pub(crate) fn validate(&self, schema: &Value, value: &Value, at: &str) -> Result<(), Breach> {
        let Some(keywords) = schema.as_object() else {
            return breach(format!("{at}: a schema is an object"));
        };
        if value.is_null() && schema["nullable"] == true {
            return Ok(());
        }
        for (keyword, argument) in keywords {
            match keyword.as_str() {
                "description" | "nullable" | "items" | "required" | "properties" => {}
                "$ref" => self.validate(self.referred(argument), value, at)?,
                "allOf" => {
                    for part in argument.as_array().unwrap() {
                        self.validate(part, value, at)?;
                    }
                }
                "type" => self.validate_type(schema, value, at)?,
                "enum" if argument.as_array().unwrap().contains(value) => {}
                "format" if is_format(argument, value) => {}
                "minLength" if length(value) >= argument.as_u64() => {}
                "maxLength" if length(value) <= argument.as_u64() => {}
                "minimum" if value.as_i64() >= argument.as_i64() => {}
                "maximum" if value.as_i64() <= argument.as_i64() => {}
                _ => return breach(format!("{at}: {value} breaks {keyword}: {argument}")),
            }
        }
        Ok(())
    }

    fn validate_type(&self, schema: &Value, value: &Value, at: &str) -> Result<(), Breach> {
        match (schema["type"].as_str().unwrap_or_default(), value) {
            ("string", Value::String(_)) | ("boolean", Value::Bool(_)) => Ok(()),
            ("integer", Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(()),
            ("array", Value::Array(items)) => items.iter().enumerate().try_for_each(|(n, item)| {
                self.validate(&schema["items"], item, &format!("{at}[{n}]"))
            }),
            ("object", Value::Object(members)) => {
                let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
                for name in required.iter().map(|name| name.as_str().unwrap()) {
                    if !members.contains_key(name) {
                        return breach(format!("{at}: {name} is missing"));
                    }
                }
                for (name, member) in members {
                    let Some(property) = schema["properties"].get(name) else {
                        return breach(format!("{at}: {name} is not documented"));
                    };
                    self.validate(property, member, &format!("{at}.{name}"))?;
                }
                Ok(())
            }
            (expected, _) => breach(format!("{at}: {value} is no {expected}")),
        }
    }

    /// What a reference within the document points at.
    fn referred(&self, reference: &Value) -> &Value {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        self.0.pointer(pointer).unwrap_or_else(|| panic!("{reference} points at nothing"))
    }

    /// Every operation, as path, method and its description.
    pub(crate) fn operations(&self) -> Vec<(&str, &str, &Value)> {
        const METHODS: [&str; 8] =
            ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
        let paths = self.0["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, item)| {
                item.as_object()
                    .unwrap()
                    .iter()
                    .filter(|(method, _)| METHODS.contains(&method.as_str()))
                    .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
            })
            .collect()
    }
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| u64::try_from(text.chars().count()).unwrap())
}

fn is_format(format: &Value, value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    match format.as_str() {
        Some("uuid") => uuid::Uuid::try_parse(text).is_ok(),
        Some("date-time") => text.parse::<Timestamp>().is_ok(),
        _ => false,
    }
}
