//! The section of the durable memory: where it is, and what this replica does with it.

use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use crate::config::reader::{Reader, path, text, texts, whole};
use crate::domain::retention::Retention;
use crate::store::{Location, PostgresSettings};

/// The durable memory.
#[derive(Debug, Clone)]
pub struct StoreSection {
    /// Where it is.
    pub location: Location,
    /// The file with the fingerprint key.
    pub fingerprint_key_file: PathBuf,
    /// What this replica does.
    pub roles: Roles,
    /// How long what is over is remembered.
    pub retention: Retention,
}

/// What a replica does. The private listener is there in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// It listens to senders.
    pub api: bool,
    /// It drives rotations.
    pub worker: bool,
}

/// A day.
const DAY: Duration = Duration::from_hours(24);

pub(in crate::config) fn store(section: &mut Reader<'_>) -> Option<StoreSection> {
    let location = section.required("url", location);
    // What belongs to a database server is read and left where the store is a file.
    let password_file = section.optional("password_file", path);
    let ca_file = section.optional("ca_file", path);
    let fingerprint_key_file = section.required("fingerprint_key_file", path);
    let roles = section.required("roles", roles);
    let days = section.required("retention_days", whole::<u32>(1..=36_500));
    let location = match location? {
        Location::Postgres(mut settings) => {
            (settings.password_file, settings.ca_file) = (password_file, ca_file);
            Location::Postgres(settings)
        }
        file @ Location::Sqlite(_) => {
            if roles.is_some_and(|roles| !(roles.api && roles.worker)) {
                let problem = "must be both: nobody else can work on a SQLite file";
                section.fault("roles", problem);
            }
            file
        }
    };
    Some(StoreSection {
        location,
        fingerprint_key_file: fingerprint_key_file?,
        roles: roles?,
        retention: Retention::new(DAY * days?),
    })
}

/// What is wrong is said without the text, which may hold a password.
fn location(value: &Value) -> Result<Location, String> {
    let url = text(value)?;
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        let settings = PostgresSettings::parse(&url).map_err(|error| error.to_string())?;
        return Ok(Location::Postgres(settings));
    }
    match url.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
        Some(path) => Ok(Location::Sqlite(PathBuf::from(path))),
        None => Err("is neither sqlite: and the path of a file nor a postgres:// URL".to_owned()),
    }
}

fn roles(value: &Value) -> Result<Roles, String> {
    let names = texts(value)?;
    let roles = Roles {
        api: names.iter().any(|name| name == "api"),
        worker: names.iter().any(|name| name == "worker"),
    };
    let is_known = |name: &String| name == "api" || name == "worker";
    if names.is_empty() || !names.iter().all(is_known) {
        return Err("must name \"api\", \"worker\" or both".to_owned());
    }
    Ok(roles)
}
