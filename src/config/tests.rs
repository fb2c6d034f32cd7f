//! The shipped default, and every kind of fault.

mod emails;
mod follow_on;
mod outbound_messages;
mod secrecy;
mod served;
mod spans;
mod watch;

use std::path::Path;
use std::time::Duration;

use crate::config::{Config, ConfigError, DEFAULT, Roles, Source, SourceFormat, Weakness};
use crate::domain::proof::{ClientLocation, LoginUrl, Prove};
use crate::domain::retention::Retention;
use crate::domain::secret::SecretLocation;
use crate::store::Location;
use outbound_messages::{outbound, scheme};

/// The smallest file that is complete.
const SMALLEST: &str = r#"
[hooks]
certificate_file = "tls.crt"
private_key_file = "tls.key"
[store]
fingerprint_key_file = "fingerprint-key"
[vault]
address = "https://vault:8200"
[vault.auth]
method = "token"
token_file = "token"
"#;

const TARGET: &str = r#"
[consoles.acme]
base_url = "https://console.example"
login = { mount = "secret", path = "console" }
[targets.acme]
organization_id = "00D5e000001AbCdEAK"
username = "gator@acme.example"
console = "acme"
secret = { mount = "secret", path = "salesforce" }
[[targets.acme.instances]]
connectors = ["Sync"]
integration = true
"#;

fn faults(text: &str) -> Vec<String> {
    match Config::parse(text, []) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
        Err(error) => panic!("{error}"),
    }
}

/// The default file with every commented key switched on: a comment that is a key or a table
/// begins right after its `#`.
fn switched_on() -> String {
    let mut auth_methods = 0;
    let mut text = String::new();
    for line in DEFAULT.lines() {
        // Of the five ways to log in to Vault, which exclude each other, the first is taken.
        auth_methods += usize::from(line.starts_with("#method = "));
        let is_other_method = auth_methods > 1 && !text.contains("\n[rotation]");
        match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') && !key.is_empty() && !is_other_method => {
                text.push_str(key);
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

#[test]
fn every_key_that_the_default_file_shows_is_read() {
    let text = switched_on();
    assert_eq!(faults(&text), Vec::<String>::new());
    let config = Config::parse(&text, []).unwrap();
    assert_eq!(config.targets.len(), 1);
    assert_eq!(config.targets[0].surfaces.len(), 2);
    assert_eq!(config.sources.iter().map(|source| source.authentication.len()).sum::<usize>(), 6);
    let is_mail = |source: &&Source| matches!(source.format, SourceFormat::Email(_));
    assert_eq!(config.sources.iter().filter(is_mail).count(), 5);
    assert_eq!(config.operator.tokens.len(), 1);
}

#[test]
fn the_default_alone_names_what_is_required() {
    let expected = [
        "hooks.certificate_file: is missing",
        "hooks.private_key_file: is missing",
        "store.fingerprint_key_file: is missing",
        "vault.address: is missing",
        "vault.auth.method: is missing",
    ];
    assert_eq!(faults(""), expected);
    assert_eq!(faults(SMALLEST), Vec::<String>::new());
}

#[test]
fn five_faults_are_five_lines() {
    let text = format!("{SMALLEST}{TARGET}")
        .replace("00D5e000001AbCdEAK", "00D5")
        .replace("[\"Sync\"]", "\"Sync\"")
        .replace("https://vault:8200", "vault")
        + "[rotation]\nparallel = 0\n[log]\nlevel = \"loud\"\n";
    let expected = [
        "vault.address: is not a URL: relative URL without a base",
        "rotation.parallel: must be a whole number from 1 to 1000",
        "log.level: must be one of error, warn, info, debug, trace",
        "targets.acme.organization_id: a Salesforce id has 15 or 18 letters and digits, this has 4 \
         characters",
        "targets.acme.instances[0].connectors: must be an array, not string",
    ];
    assert_eq!(faults(&text), expected);
}

#[test]
fn what_one_section_says_of_another_must_be_there() {
    let text = format!("{SMALLEST}{TARGET}").replace("console = \"acme\"", "console = \"acne\"");
    assert_eq!(faults(&text), ["targets.acme.console: there is no [consoles.acne]"]);
}

#[test]
fn unknown_keys_are_faults_that_name_the_known_ones() {
    let found = faults(&format!("{SMALLEST}[rotation]\nparalel = 3\n[hook]\n"));
    let unknown = "is not a key that is known here; did you mean";
    assert_eq!(
        found,
        [format!("rotation.paralel: {unknown} `parallel`?"), format!("hook: {unknown} `hooks`?"),]
    );
    let file = SMALLEST.replace("certificate_file", "certifciate_file");
    let expected = [
        "hooks.certificate_file: is missing".to_owned(),
        format!("hooks.certifciate_file: {unknown} `certificate_file`?"),
    ];
    assert_eq!(faults(&file), expected);
    let far = faults(&format!("{SMALLEST}[log]\ncolour = true\n"));
    assert_eq!(far, ["log.colour: is not a key that is known here; known: format, level"]);
}

#[test]
fn the_environment_overrides_the_file() {
    let variable = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let environment = [
        variable("RESET_RECEIVER__ROTATION__PARALLEL", "3"),
        variable("RESET_RECEIVER__VAULT__ADDRESS", "https://other:8200"),
    ];
    let config = Config::parse(SMALLEST, environment).unwrap();
    assert_eq!(config.rotation.parallel, 3);
    assert_eq!(config.vault.address.as_str(), "https://other:8200/");
}

#[test]
fn no_login_belongs_to_two_targets_and_no_place_is_named_twice() {
    let other = TARGET[TARGET.find("[targets").unwrap()..].replace("targets.acme", "targets.zwei");
    let text =
        format!("{SMALLEST}{TARGET}{other}").replace("00D5e000001AbCdEAK", "00D5e000001AbCd");
    assert_eq!(faults(&text), ["targets.zwei.username: the same login is the target acme already"]);
    let twice = format!("{SMALLEST}{TARGET}").replace("[\"Sync\"]", "[\"Sync\", \"Sync\"]");
    assert_eq!(faults(&twice), ["targets.acme.instances: connector:-/Sync is named twice"]);
}

#[test]
fn a_target_that_proves_says_where() {
    let target = |keys: &str| {
        format!("{SMALLEST}{TARGET}")
            .replace("console = \"acme\"", &format!("console = \"acme\"\n{keys}"))
    };
    let prove = |keys: &str| Config::parse(&target(keys), []).unwrap().targets.remove(0).prove;
    let url = "login_url = \"https://login.salesforce.com\"";
    let login_url = LoginUrl::parse("https://login.salesforce.com").unwrap();
    assert_eq!(prove(""), Prove::Not);
    assert_eq!(prove(&format!("prove = \"none\"\n{url}")), Prove::Not);
    let soap = Prove::SoapLogin { login_url: login_url.clone() };
    assert_eq!(prove(&format!("prove = \"soap-login\"\n{url}")), soap);
    let client = "oauth_client = { mount = \"secret\", path = \"app\" }";
    let location = SecretLocation { mount: "secret".to_owned(), path: "app".to_owned() };
    let (id_field, secret_field) = ("client_id".to_owned(), "client_secret".to_owned());
    let client_location = ClientLocation { location, id_field, secret_field };
    let oauth = Prove::OauthPassword { login_url, client: client_location };
    assert_eq!(prove(&format!("prove = \"oauth-password\"\n{url}\n{client}")), oauth);

    let faults = |keys: &str| faults(&target(keys));
    let no_url = faults("prove = \"soap-login\"");
    assert!(no_url[0].starts_with("targets.acme.login_url: is missing: "), "{no_url:?}");
    let no_client = faults(&format!("prove = \"oauth-password\"\n{url}"));
    assert!(no_client[0].starts_with("targets.acme.oauth_client: is missing: "), "{no_client:?}");
    let plain = faults("prove = \"soap-login\"\nlogin_url = \"http://login.salesforce.com\"");
    let reason = "must be https, or http on the loopback interface";
    assert_eq!(plain, [format!("targets.acme.login_url: {reason}")]);
    let other = faults(&format!("prove = \"soap\"\n{url}"));
    let known = "`soap` is not one of soap-login, oauth-password, none";
    assert_eq!(other, [format!("targets.acme.prove: {known}")]);
}

#[test]
fn a_source_needs_a_scheme_and_a_name_of_its_own() {
    let source = |text: &str| faults(&format!("{SMALLEST}[sources.{text}"));
    let none = source("flow]\nformat = \"notice\"\n");
    assert_eq!(
        none,
        ["sources.flow.authentication: must name at least one scheme; there is no \"none\""]
    );
    let scheme =
        "[[sources.operator.authentication]]\nscheme = \"bearer\"\ntoken_files = [\"t\"]\n";
    let reserved = source(&format!("operator]\nformat = \"notice\"\n{scheme}"));
    assert_eq!(reserved, ["sources.operator: this name stands for the operator; choose another"]);
}

#[test]
fn what_is_weak_is_warned_of() {
    let schemes = [
        ("scheme = \"path-secret\"\npath_secret_files = [\"s\"]", Some(Weakness::PathSecretAlone)),
        (
            "scheme = \"mtls\"\nca_file = \"c\"\nname = \"proxy.salesforce.com\"",
            Some(Weakness::SharedCertificate),
        ),
        (
            "scheme = \"mtls\"\nca_file = \"c\"\nname = \"proxy.salesforce.com\"\npath_secret_files = [\"s\"]",
            None,
        ),
        ("scheme = \"mtls\"\ncertificate_files = [\"c\"]", None),
    ];
    for (keys, expected) in schemes {
        let config = Config::parse(&outbound("", &scheme("sf", keys)), []).unwrap();
        let found: Vec<Weakness> = config.warnings().iter().map(|one| one.weakness).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{keys}");
    }
    let bearer = scheme("flow", "scheme = \"bearer\"\ntoken_files = [\"t\"]");
    let text = format!("{SMALLEST}[sources.flow]\nformat = \"notice\"\n{bearer}");
    let warnings = Config::parse(&text, []).unwrap().warnings();
    assert_eq!(warnings[0].weakness, Weakness::BearerAlone);
    assert!(warnings[0].to_string().starts_with("warning: sources.flow: a bearer token"));
    let mail = "relay = \"mime\"\norganization_id = \"00D5e000001AbCdEAK\"";
    let (bearer, unproven) = (Weakness::BearerAlone, Weakness::UnprovenMail);
    for (keys, expected) in [
        ("token_files = [\"f\"]", vec![bearer, unproven]),
        ("key_files = [\"f\"]", vec![unproven]),
        ("key_files = [\"f\"]\nauthserv_id = \"mx\"", vec![]),
    ] {
        let section = format!("format = \"email\"\n[sources.mail.email]\n{mail}\n{keys}");
        let config = Config::parse(&format!("{SMALLEST}[sources.mail]\n{section}\n"), []).unwrap();
        let found: Vec<_> = config.warnings().iter().map(|one| one.weakness).collect();
        assert_eq!(found, expected, "{keys}");
    }
}

#[test]
fn a_store_is_a_file_or_a_server_and_a_replica_has_one_role_at_least() {
    let with = |store: &str| SMALLEST.replace("[store]", &format!("[store]\n{store}"));
    let file = Config::parse(SMALLEST, []).unwrap().store;
    assert_eq!(file.location, Location::Sqlite("/var/lib/reset-receiver/journal.db".into()));
    assert_eq!(file.roles, Roles { api: true, worker: true });
    let text = with(
        "url = \"postgres://receiver@db.example:5433/journal\"\npassword_file = \"p\"\n\
         ca_file = \"ca\"\nroles = [\"worker\"]\nretention_days = 30",
    );
    let server = Config::parse(&text, []).unwrap().store;
    let Location::Postgres(settings) = server.location else { panic!("{server:?}") };
    assert_eq!(settings.password_file.as_deref(), Some(Path::new("p")));
    assert_eq!(settings.ca_file.as_deref(), Some(Path::new("ca")));
    assert_eq!(server.roles, Roles { api: false, worker: true });
    assert_eq!(server.retention, Retention::new(Duration::from_hours(30 * 24)));

    for (store, fault) in [
        ("url = \"postgres://u:canary@db/journal\"", "store.url: a password does not belong"),
        ("url = \"postgres://db/journal\"", "store.url: is not of the form postgres://USER@HOST"),
        ("url = \"postgres://u@db/journal?sslmode=disable\"", "store.url: is not of the form"),
        ("url = \"mysql://u@db/canary\"", "store.url: is neither sqlite:"),
        ("roles = [\"worker\"]", "store.roles: must be both"),
        ("roles = []", "store.roles: must name"),
        ("roles = [\"api\", \"page\"]", "store.roles: must name"),
        ("retention_days = 0", "store.retention_days: must be a whole number"),
    ] {
        let found = faults(&with(store));
        assert!(found.iter().any(|found| found.contains(fault)), "{store}: {found:?}");
        assert!(!found.concat().contains("canary"), "{found:?}");
    }
}
