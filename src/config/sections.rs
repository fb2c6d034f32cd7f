//! The sections of the configuration file, one function each.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::Value;

use crate::config::Console;
use crate::config::reader::{Reader, address, flag, parsed, path, place, text, texts, whole};
use crate::config::spans::{self, Bounds, within};
use crate::config::urls;
use crate::domain::backoff::Backoff;
use crate::domain::ids::{AccountName, OrganizationId, TargetName, UserId, Username};
use crate::domain::proof::{ClientLocation, Prove};
use crate::domain::secret::SecretLocation;
use crate::domain::target::{SecretFields, Surface, Target, UpdateOrder};
use crate::engine::console_login::LoginLocation;
use crate::engine::settings::Settings as Rotation;
use crate::engine::watch::Settings as Watch;
use crate::operator::who_may::{AccessToken, Role};
use crate::telemetry::{LogFormat, Settings as Log};
use crate::vault::{Auth, Settings as Vault};

/// The public listener.
#[derive(Debug, Clone)]
pub struct HooksSection {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The certificate chain.
    pub certificate_file: PathBuf,
    /// Its private key.
    pub private_key_file: PathBuf,
    /// How long a header may take.
    pub header_deadline: Duration,
    /// How long a body may take.
    pub body_deadline: Duration,
    /// How long an idle connection is kept.
    pub idle_deadline: Duration,
    /// Open connections in all.
    pub connections_max: usize,
    /// Open connections from one address.
    pub connections_max_per_address: usize,
}

/// The private listener.
#[derive(Debug, Clone)]
pub struct OperatorSection {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who may use its API.
    pub tokens: Vec<OperatorToken>,
}

/// One who may use the operator API.
#[derive(Debug, Clone)]
pub struct OperatorToken {
    /// The name under which it acts.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The file that holds the token.
    pub token_file: PathBuf,
}

pub(in crate::config) fn hooks(section: &mut Reader<'_>) -> Option<HooksSection> {
    let listen = section.required("listen", address);
    let certificate_file = section.required("certificate_file", path);
    let private_key_file = section.required("private_key_file", path);
    let header_deadline = section.required("header_deadline", within(spans::DEADLINE));
    let body_deadline = section.required("body_deadline", within(spans::DEADLINE));
    let idle_deadline = section.required("idle_deadline", within(spans::IDLE));
    let connections_max = section.required("connections_max", whole(1..=100_000));
    let per_address = section.required("connections_max_per_address", whole(1..=100_000));
    if let (Some(all), Some(of_one)) = (connections_max, per_address)
        && of_one > all
    {
        let problem = format!("must not be more than connections_max: {of_one} is, of {all}");
        section.fault("connections_max_per_address", problem);
    }
    Some(HooksSection {
        listen: listen?,
        certificate_file: certificate_file?,
        private_key_file: private_key_file?,
        header_deadline: header_deadline?,
        body_deadline: body_deadline?,
        idle_deadline: idle_deadline?,
        connections_max: connections_max?,
        connections_max_per_address: per_address?,
    })
}

pub(in crate::config) fn operator(section: &mut Reader<'_>) -> Option<OperatorSection> {
    let listen = section.required("listen", address);
    let (mut names, mut files) = (BTreeSet::new(), BTreeSet::new());
    let tokens = section.each("tokens", |token| {
        let name = token.required("name", |value| {
            let name = text(value)?;
            AccessToken::check_name(&name).map_err(|error| error.to_string())?;
            Ok(name)
        });
        let role = token.required("role", |value| match value.as_str() {
            Some("viewer") => Ok(Role::Viewer),
            Some("operator") => Ok(Role::Operator),
            _ => Err("must be \"viewer\" or \"operator\"".to_owned()),
        });
        let token_file = token.required("token_file", path);
        if name.as_ref().is_some_and(|name| !names.insert(name.clone())) {
            token.fault("name", "another token has this name already");
        }
        if token_file.as_ref().is_some_and(|file| !files.insert(file.clone())) {
            token.fault("token_file", "another token is in this file already");
        }
        Some(OperatorToken { name: name?, role: role?, token_file: token_file? })
    });
    Some(OperatorSection { listen: listen?, tokens })
}

pub(in crate::config) fn vault(section: &mut Reader<'_>) -> Option<Vault> {
    let address = section.required("address", urls::vault);
    let namespace = section.optional("namespace", |value| {
        let namespace = text(value)?;
        Vault::check_namespace(&namespace).map_err(|error| error.to_string())?;
        Ok(namespace)
    });
    let ca_file = section.optional("ca_file", path);
    let connect_timeout = section.required("connect_timeout", within(spans::VAULT));
    let timeout = section.required("timeout", within(spans::VAULT));
    let auth = section.table("auth", vault_auth);
    Some(Vault {
        address: address?,
        namespace,
        ca_file,
        auth: auth?,
        connect_timeout: connect_timeout?,
        timeout: timeout?,
    })
}

pub(in crate::config) fn watch(section: &mut Reader<'_>) -> Option<Watch> {
    let interval = section.required("watch_interval", within(spans::WATCH));
    Some(Watch { interval: interval? })
}

fn vault_auth(section: &mut Reader<'_>) -> Option<Auth> {
    let Some(method) = section.required("method", text) else {
        section.leave_open();
        return None;
    };
    let mount = |section: &mut Reader<'_>| {
        section.optional("mount", place).unwrap_or_else(|| method.clone())
    };
    match method.as_str() {
        "token" => Some(Auth::TokenFile { path: section.required("token_file", path)? }),
        "approle" => {
            let mount = mount(section);
            let role_id_file = section.required("role_id_file", path);
            let secret_id_file = section.required("secret_id_file", path);
            Some(Auth::AppRole {
                mount,
                role_id_file: role_id_file?,
                secret_id_file: secret_id_file?,
            })
        }
        "kubernetes" => {
            let mount = mount(section);
            let role = section.required("role", text);
            let jwt_file = section.required("token_file", path);
            Some(Auth::Kubernetes { mount, role: role?, jwt_file: jwt_file? })
        }
        "jwt" => {
            let mount = mount(section);
            let role = section.optional("role", text);
            let jwt_file = section.required("token_file", path)?;
            Some(Auth::Jwt { mount, role, jwt_file })
        }
        "cert" => {
            let mount = mount(section);
            let role = section.required("role", text);
            let certificate_file = section.required("certificate_file", path);
            let key_file = section.required("private_key_file", path);
            Some(Auth::Certificate {
                mount,
                role: role?,
                certificate_file: certificate_file?,
                key_file: key_file?,
            })
        }
        other => {
            let problem = format!("`{other}` is not one of kubernetes, approle, jwt, cert, token");
            section.fault("method", problem);
            section.leave_open();
            None
        }
    }
}

pub(in crate::config) fn rotation(section: &mut Reader<'_>) -> Option<Rotation> {
    let grace = section.required("grace", within(spans::GRACE));
    let parallel = section.required("parallel", whole(1..=1_000));
    let lease = section.required("lease", within(spans::LEASE));
    let retry = backoff(section, ["retry_first", "retry_cap"], spans::RETRY);
    let contain = ["contain_retry_first", "contain_retry_cap"];
    let contain_retry = backoff(section, contain, spans::CONTAIN_RETRY);
    let secret = ["secret_poll_first", "secret_poll_cap"];
    let secret_poll = backoff(section, secret, spans::SECRET_POLL);
    let secret_deadline = section.required("secret_deadline", within(spans::SECRET_DEADLINE));
    let confirm = ["confirm_poll_first", "confirm_poll_cap"];
    let confirm_poll = backoff(section, confirm, spans::CONFIRM_POLL);
    let confirm_deadline = section.required("confirm_deadline", within(spans::CONFIRM_DEADLINE));
    let confirm_watch = section.required("confirm_watch", within(spans::CONFIRM_WATCH));
    let console_login_age = section.required("console_login_age", within(spans::LOGIN_AGE));
    Some(Rotation {
        grace: grace?,
        lease: lease?,
        parallel: parallel?,
        retry: retry?,
        contain_retry: contain_retry?,
        secret_poll: secret_poll?,
        secret_deadline: secret_deadline?,
        confirm_poll: confirm_poll?,
        confirm_deadline: confirm_deadline?,
        confirm_watch: confirm_watch?,
        console_login_age: console_login_age?,
    })
}

fn backoff(
    section: &mut Reader<'_>,
    [first, cap]: [&'static str; 2],
    bounds: Bounds,
) -> Option<Backoff> {
    let first_wait = section.required(first, within(bounds));
    let longest = section.required(cap, within(bounds));
    match Backoff::new(first_wait?, longest?) {
        Ok(backoff) => Some(backoff),
        Err(error) => {
            section.fault(first, error.to_string());
            None
        }
    }
}

pub(in crate::config) fn log(section: &mut Reader<'_>) -> Option<Log> {
    let format = section.required("format", |value| match value.as_str() {
        Some("json") => Ok(LogFormat::Json),
        Some("text") => Ok(LogFormat::Text),
        _ => Err("must be \"json\" or \"text\"".to_owned()),
    });
    let levels = "must be one of error, warn, info, debug, trace";
    let level = section
        .required("level", |value: &Value| text(value)?.parse().map_err(|_| levels.to_owned()));
    Some(Log { format: format?, level: level? })
}

pub(in crate::config) fn console(name: &str, section: &mut Reader<'_>) -> Option<Console> {
    let name = named(name, section, AccountName::parse);
    let base_url = section.required("base_url", urls::page);
    let login = section.table("login", |login| {
        let location = location(login);
        let mut field =
            |key, default: &str| login.optional(key, text).unwrap_or_else(|| default.to_owned());
        Some(LoginLocation {
            username_field: field("username_field", "username"),
            password_field: field("password_field", "password"),
            totp_field: field("totp_field", "totp"),
            location: location?,
        })
    });
    let other_origins = section.optional("other_origins", urls::origins).unwrap_or_default();
    let profile_file = section.optional("profile_file", path);
    let timeout = section.optional("timeout", within(spans::CONSOLE));
    Some(Console {
        name: name?,
        base_url: base_url?,
        other_origins,
        login: login?,
        profile_file,
        timeout: timeout.unwrap_or(Duration::from_secs(30)),
    })
}

pub(in crate::config) fn target(name: &str, section: &mut Reader<'_>) -> Option<Target> {
    let name = named(name, section, TargetName::parse);
    let organization = section.required("organization_id", parsed(OrganizationId::parse));
    let username = section.required("username", parsed(Username::parse));
    let user_id = section.optional("user_id", parsed(UserId::parse));
    let account = section.required("console", parsed(AccountName::parse));
    let (secret, fields) = section.table("secret", |secret| {
        let default = SecretFields::default();
        let password = secret.optional("password_field", text).unwrap_or(default.password);
        let token = secret.optional("security_token_field", text);
        let security_token = token.unwrap_or(default.security_token);
        (location(secret), SecretFields { password, security_token })
    });
    let needs_token = section.optional("needs_token", flag).unwrap_or(true);
    let prove = prove(section);
    let order = section.optional("update_order", |value| match value.as_str() {
        Some("integration-first") => Ok(UpdateOrder::IntegrationFirst),
        Some("connectors-first") => Ok(UpdateOrder::ConnectorsFirst),
        _ => Err("must be \"integration-first\" or \"connectors-first\"".to_owned()),
    });
    let before = section.faults_so_far();
    let surfaces: Vec<Surface> =
        section.each("instances", |section| Some(instance(section))).concat();
    if surfaces.is_empty() && section.faults_so_far() == before {
        section.fault("instances", "must name at least one connector or integration = true");
    }
    for (index, surface) in surfaces.iter().enumerate() {
        if surfaces.iter().take(index).any(|before| before == surface) {
            section.fault("instances", format!("{surface} is named twice"));
        }
    }
    Some(Target {
        name: name?,
        organization: organization?,
        username: username?,
        user_id,
        secret: secret?,
        fields,
        needs_token,
        prove: prove?,
        account: account?,
        surfaces,
        order: order.unwrap_or_default(),
    })
}

/// How a target's secret is proved. What belongs to a way that is not chosen is read and left.
fn prove(section: &mut Reader<'_>) -> Option<Prove> {
    let way = section.optional("prove", text).unwrap_or_else(|| "none".to_owned());
    let login_url = section.optional("login_url", urls::login_host);
    let has_client = section.has("oauth_client");
    let client = has_client.then(|| section.table("oauth_client", oauth_client)).flatten();
    let missing = |key: &str, what: &str| {
        section.fault(key, format!("is missing: prove = \"{way}\" needs {what}"));
    };
    if way != "none" && !section.has("login_url") {
        missing("login_url", "the login host, https://login.salesforce.com for instance");
    }
    match way.as_str() {
        "none" => Some(Prove::Not),
        "soap-login" => Some(Prove::SoapLogin { login_url: login_url? }),
        "oauth-password" => {
            if !has_client {
                missing("oauth_client", "the connected app's place in Vault");
            }
            Some(Prove::OauthPassword { login_url: login_url?, client: client? })
        }
        other => {
            section.fault(
                "prove",
                format!("`{other}` is not one of soap-login, oauth-password, none"),
            );
            None
        }
    }
}

fn oauth_client(section: &mut Reader<'_>) -> Option<ClientLocation> {
    let location = location(section);
    let mut field =
        |key, default: &str| section.optional(key, text).unwrap_or_else(|| default.to_owned());
    Some(ClientLocation {
        id_field: field("id_field", "client_id"),
        secret_field: field("secret_field", "client_secret"),
        location: location?,
    })
}

fn instance(section: &mut Reader<'_>) -> Vec<Surface> {
    let instance = section.optional("name", text);
    let connectors = section.optional("connectors", texts).unwrap_or_default();
    let has_integration = section.optional("integration", flag).unwrap_or(false);
    let integration = has_integration.then(|| Surface::Integration { instance: instance.clone() });
    let connector = |name| Surface::Connector { instance: instance.clone(), name };
    connectors.into_iter().map(connector).chain(integration).collect()
}

fn location(section: &mut Reader<'_>) -> Option<SecretLocation> {
    let mount = section.required("mount", place);
    let path = section.required("path", place);
    Some(SecretLocation { mount: mount?, path: path? })
}

pub(in crate::config) fn named<T, E: ToString>(
    name: &str,
    section: &Reader<'_>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<T> {
    match parse(name) {
        Ok(name) => Some(name),
        Err(error) => {
            section.fault("", error.to_string());
            None
        }
    }
}
