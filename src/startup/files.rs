//! Reads the files that the configuration names: keys, tokens, profiles.

use std::io;
use std::path::Path;

use crate::config::{AuthenticationFiles, OperatorToken, Source as SourceConfig, SourceFormat};
use crate::domain::secret::SecretText;
use crate::operator::who_may::AccessToken;
use crate::senders::bearer::Bearer;
use crate::senders::keys::{BearerToken, SigningKey};
use crate::senders::source::{Authentication, Format, Rate, Source};
use crate::senders::standard_webhooks::StandardWebhooks;
use crate::startup::{StartError, WINDOW};

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

/// A source with its keys.
pub(in crate::startup) fn source(config: &SourceConfig) -> Result<Source, StartError> {
    let key = format!("sources.{}.authentication", config.name);
    let invalid =
        |path: &Path, source| StartError::Key { key: key.clone(), path: path.to_owned(), source };
    let mut authentications = Vec::new();
    for files in &config.authentication {
        authentications.push(match files {
            AuthenticationFiles::StandardWebhooks(paths) => {
                let keys = paths.iter().map(|path| {
                    SigningKey::parse(&read_text(&key, path)?).map_err(|e| invalid(path, e))
                });
                let keys = keys.collect::<Result<Vec<_>, _>>()?;
                Authentication::StandardWebhooks(StandardWebhooks::new(keys, WINDOW))
            }
            AuthenticationFiles::Bearer(paths) => {
                let tokens = paths.iter().map(|path| {
                    BearerToken::parse(&read_text(&key, path)?).map_err(|e| invalid(path, e))
                });
                Authentication::Bearer(Bearer::new(tokens.collect::<Result<Vec<_>, _>>()?))
            }
        });
    }
    Ok(Source {
        name: config.name.clone(),
        format: match config.format {
            SourceFormat::Notice => Format::Notice,
            SourceFormat::VaultEvent => Format::VaultEvent,
        },
        authentications,
        targets: config.targets.clone(),
        rate: Rate { burst: config.rate_per_minute, per_minute: config.rate_per_minute },
        future: WINDOW,
    })
}
