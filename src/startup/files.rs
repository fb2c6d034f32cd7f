//! Reads the files that the configuration names.

use std::io;
use std::path::Path;

use crate::config::OperatorToken;
use crate::domain::secret::SecretText;
use crate::operator::who_may::AccessToken;
use crate::startup::StartError;

/// Reads a file that a key names.
pub(in crate::startup) fn read(key: &str, path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|source| StartError::File {
        key: key.to_owned(),
        path: path.to_owned(),
        source,
    })
}

pub(in crate::startup) fn read_text(key: &str, path: &Path) -> Result<String, StartError> {
    let bytes = read(key, path)?;
    String::from_utf8(bytes).map_err(|error| StartError::File {
        key: key.to_owned(),
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()),
    })
}

/// A token of the operator API.
pub(in crate::startup) fn access_token(token: &OperatorToken) -> Result<AccessToken, StartError> {
    let key = format!("operator.tokens ({})", token.name);
    let text = read_text(&key, &token.token_file)?;
    let token_text = SecretText::new(text.trim().to_owned());
    Ok(AccessToken { name: token.name.clone(), role: token.role, token: token_text })
}
