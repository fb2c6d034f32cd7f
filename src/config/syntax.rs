//! Where a text stops being TOML, told without the text, which may hold a secret.

use std::fmt;

/// A text that is not TOML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line and the column, counted from 1; `None` where the parser does not say.
    pub place: Option<(usize, usize)>,
    /// What the parser says, which quotes nothing.
    pub problem: String,
}

impl SyntaxError {
    pub(in crate::config) fn new(text: &str, error: &toml::de::Error) -> Self {
        let place = error.span().map(|span| {
            let before = text.char_indices().take_while(|(index, _)| *index < span.start);
            before.fold((1, 1), |(line, column), (_, character)| match character {
                '\n' => (line + 1, 1),
                _ => (line, column + 1),
            })
        });
        Self { place, problem: error.message().to_owned() }
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "line {line}, column {column}: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl std::error::Error for SyntaxError {}
