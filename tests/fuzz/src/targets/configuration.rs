//! The configuration file.

use reset_receiver::config::{Config, ConfigError};

/// A file is a configuration, or says at least one thing that is wrong with it.
pub(crate) fn read(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Config::parse(text, Vec::new()) {
        Err(ConfigError::Faults(faults)) => assert!(!faults.is_empty()),
        Err(ConfigError::Syntax(_)) => {}
        Err(other @ ConfigError::File { .. }) => panic!("no file was read: {other}"),
        Ok(_) => assert!(Config::parse(text, Vec::new()).is_ok()),
    }
}
