//! The URLs of the configuration, and what may stand in them. One that is refused is not quoted, as
//! it may hold a password.

use toml::Value;
use url::Url;

use crate::communigator::AccountConfig;
use crate::config::reader::{as_array, text};
use crate::domain::proof::LoginUrl;
use crate::vault::Settings as Vault;

/// The address of Vault.
pub(in crate::config) fn vault(value: &Value) -> Result<Url, String> {
    let url = absolute(value, "vault.auth says how to log in")?;
    Vault::check_address(&url).map_err(|error| error.to_string())?;
    Ok(url)
}

/// The page where a console begins. Its query may say which it is.
pub(in crate::config) fn page(value: &Value) -> Result<Url, String> {
    let url = of_console(value)?;
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
    let url = of_console(value)?;
    if url.path() == "/" && url.query().is_none() && url.fragment().is_none() {
        Ok(url)
    } else {
        Err("must be an origin alone, like https://console.example.com".to_owned())
    }
}

fn of_console(value: &Value) -> Result<Url, String> {
    let url = absolute(value, "login says where they are in Vault")?;
    if AccountConfig::is_safe(&url) {
        Ok(url)
    } else {
        Err("must be https, or http on the loopback interface".to_owned())
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
