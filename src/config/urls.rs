//! The URLs of the configuration, and what may stand in them. One that is refused is not quoted, as
//! it may hold a password.

use toml::Value;
use url::Url;

use crate::config::reader::{as_array, text};
use crate::domain::proof::LoginUrl;

/// What holds a console's user and password instead.
const CONSOLE_LOGIN: &str = "login says where they are in Vault";

/// The address of Vault.
pub(in crate::config) fn vault(value: &Value) -> Result<Url, String> {
    absolute(value, "vault.auth says how to log in")
}

/// The page where a console begins. Its query may say which it is.
pub(in crate::config) fn page(value: &Value) -> Result<Url, String> {
    let url = absolute(value, CONSOLE_LOGIN)?;
    match url.fragment() {
        Some(_) => Err("must not have a fragment, which no server is told".to_owned()),
        None => Ok(url),
    }
}

/// Further origins of a console.
pub(in crate::config) fn origins(value: &Value) -> Result<Vec<Url>, String> {
    as_array(value)?.iter().map(origin).collect()
}

fn origin(value: &Value) -> Result<Url, String> {
    let url = absolute(value, CONSOLE_LOGIN)?;
    if url.path() == "/" && url.query().is_none() && url.fragment().is_none() {
        Ok(url)
    } else {
        Err("must be an origin alone, like https://console.example.com".to_owned())
    }
}

/// The login host of a target's organisation.
pub(in crate::config) fn login_host(value: &Value) -> Result<LoginUrl, String> {
    let url = absolute(value, "secret says where they are in Vault")?;
    LoginUrl::parse(url.as_str()).map_err(|error| error.to_string())
}

/// An absolute URL without a user and a password, which stand elsewhere.
fn absolute(value: &Value, elsewhere: &str) -> Result<Url, String> {
    let url = Url::parse(&text(value)?).map_err(|error| format!("is not a URL: {error}"))?;
    if url.username().is_empty() && url.password().is_none() {
        Ok(url)
    } else {
        Err(format!("a password does not belong into the URL, nor does a user: {elsewhere}"))
    }
}
