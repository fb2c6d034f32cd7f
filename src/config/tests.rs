//! The shipped default, and every kind of fault.

mod watch;

use std::path::Path;
use std::time::Duration;

use crate::config::{Config, ConfigError, DEFAULT, Roles, Source, SourceFormat, Weakness};
use crate::domain::proof::{ClientLocation, LoginUrl, Prove};
use crate::domain::retention::Retention;
use crate::domain::secret::SecretLocation;
use crate::store::Location;

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
        "vault.address: `vault` is not a URL: relative URL without a base",
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
    let rotation = &found[0];
    assert!(
        rotation.starts_with("rotation.paralel: is not a key that is known here"),
        "{rotation}"
    );
    assert!(rotation.contains("parallel"), "{rotation}");
    assert!(found[1].starts_with("hook: is not a key"), "{}", found[1]);
    assert_eq!(found.len(), 2);
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
fn time_spans_are_longer_than_nothing_and_say_their_form() {
    let grace = |text: &str| faults(&format!("{SMALLEST}[rotation]\ngrace = \"{text}\"\n"));
    assert_eq!(grace("1h 30m"), Vec::<String>::new());
    assert_eq!(grace("0s"), ["rotation.grace: must be longer than nothing"]);
    let wrong = "rotation.grace: `soon` is not a time span like 30s, 10m or 1h 30m";
    assert_eq!(grace("soon"), [wrong]);
}

/// A source of outbound messages, whose message and schemes are these.
fn outbound(message: &str, schemes: &str) -> String {
    format!(
        "{SMALLEST}{TARGET}[sources.sf]\nformat = \"outbound-message\"\n\
         [sources.sf.message]\nobject = \"User\"\nuser_id_field = \"Id\"\n\
         occurred_at_field = \"LastPasswordChangeDate\"\n{message}\n{schemes}"
    )
}

fn scheme(source: &str, keys: &str) -> String {
    format!("[[sources.{source}.authentication]]\n{keys}\n")
}

#[test]
fn an_outbound_message_is_believed_by_its_certificate_or_its_address_alone() {
    let pin = format!("scheme = \"mtls\"\npins = [\"sha256:{}\"]", "00".repeat(32));
    let secret = "scheme = \"path-secret\"\npath_secret_files = [\"s\"]";
    for keys in [&pin, secret, &format!("{pin}\npath_secret_files = [\"s\"]")] {
        assert_eq!(faults(&outbound("", &scheme("sf", keys))), Vec::<String>::new(), "{keys}");
    }
    let none = "sources.sf.authentication: must name at least one scheme; there is no \"none\"";
    assert_eq!(faults(&outbound("", "")), [none]);
    let misfit = "sources.sf.authentication: an outbound message carries no header and no \
                  signature: use mtls or path-secret";
    for keys in [
        "scheme = \"bearer\"\ntoken_files = [\"t\"]",
        "scheme = \"hmac-body\"\nkey_files = [\"k\"]",
        "scheme = \"standard-webhooks\"\nkey_files = [\"k\"]",
    ] {
        let schemes = scheme("sf", secret) + &scheme("sf", keys);
        assert_eq!(faults(&outbound("", &schemes)), [misfit], "{keys}");
    }
    let notice = format!("{SMALLEST}[sources.sf]\nformat = \"notice\"\n{}", scheme("sf", secret));
    let only = "sources.sf.authentication: only outbound messages have a secret in their address";
    assert_eq!(faults(&notice), [only]);
}

#[test]
fn a_certificate_is_pinned_or_issued_to_a_name_and_not_both() {
    let mtls =
        |keys: &str| faults(&outbound("", &scheme("sf", &format!("scheme = \"mtls\"\n{keys}"))));
    let well = Vec::<String>::new();
    assert_eq!(mtls("certificate_files = [\"c\"]"), well);
    assert_eq!(mtls("ca_file = \"ca\"\nname = \"client.example\""), well);
    let needs = "sources.sf.authentication[0].scheme: mtls needs pins or certificate_files, or else \
                 ca_file and name";
    for keys in [
        "",
        "ca_file = \"ca\"",
        "name = \"client.example\"",
        "certificate_files = [\"c\"]\nca_file = \"ca\"\nname = \"client.example\"",
    ] {
        assert!(mtls(keys).contains(&needs.to_owned()), "{keys}: {:?}", mtls(keys));
    }
    for keys in ["pins = []", "pins = [\"sha256:00\"]", "ca_file = \"c\"\nname = \"a b\""] {
        assert!(mtls(keys).len() >= 2, "{keys}: {:?}", mtls(keys));
    }
}

#[test]
fn the_fields_of_a_message_say_whose_when_and_which() {
    let secret = scheme("sf", "scheme = \"path-secret\"\npath_secret_files = [\"s\"]");
    let found = |message: &str| faults(&outbound(message, &secret));
    let key = |text: &str| format!("sources.sf.message.{text}");
    let kind = "kind_field = \"Kind__c\"\npassword_reset_values = [\"P\"]";
    assert_eq!(found(kind), Vec::<String>::new());
    let no_values =
        key("kind_field: has no values: say password_reset_values or token_reset_values");
    assert_eq!(found("kind_field = \"Kind__c\""), [no_values]);
    let no_field = key("kind_field: is missing: whose values are these?");
    assert_eq!(found("token_reset_values = [\"T\"]"), [no_field]);
    let twice = key("token_reset_values: `P` stands for both resets");
    assert_eq!(found(&format!("{kind}\ntoken_reset_values = [\"P\"]")), [twice]);
    let nobody = outbound("", &secret).replace("user_id_field = \"Id\"\n", "");
    let missing = key("user_id_field: this or username_field is needed, or both");
    assert_eq!(faults(&nobody), [missing]);
    let object = outbound("", &secret).replace("\"User\"", "\"a<b\"");
    assert!(faults(&object)[0].starts_with(&key("object: an API name begins with a letter")));
}

#[test]
fn the_organisations_are_those_of_the_targets_unless_the_source_names_them() {
    let secret = scheme("sf", "scheme = \"path-secret\"\npath_secret_files = [\"s\"]");
    let text = outbound("", &secret);
    let organizations = |text: &str| {
        let config = Config::parse(text, []).unwrap();
        let of_source = config.organizations(&config.sources[0]);
        of_source.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(organizations(&text), ["00D5e000001AbCdEAK"]);
    let format = "format = \"outbound-message\"\n";
    let named = format!("{format}organization_ids = [\"00D000000000001\", \"00D000000000002\"]\n");
    assert_eq!(
        organizations(&text.replace(format, &named)),
        ["00D000000000001", "00D000000000002"]
    );
    let nobody = text.replace(TARGET, "");
    let expected = "sources.sf.organization_ids: is missing, and there is no target whose \
                    organisation could be meant";
    assert_eq!(faults(&nobody), [expected]);
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

fn email(keys: &str) -> Vec<String> {
    let organization = "organization_id = \"00D5e000001AbCdEAK\"";
    faults(&format!(
        "{SMALLEST}[sources.mail]\nformat = \"email\"\n[sources.mail.email]\n{organization}\n{keys}"
    ))
}

#[test]
fn a_relay_proves_itself_in_its_own_way_and_in_no_other() {
    let none = |relay: &str| email(&format!("relay = \"{relay}\""));
    let fault =
        |relay, key, keys| format!("sources.mail.email.{key}: {relay} proves itself with {keys}");
    for (relay, key, keys) in [
        ("mailgun", "key_files", "key_files"),
        ("sendgrid", "key_files", "key_files or login_files or token_files"),
        ("postmark", "login_files", "login_files"),
        ("cloudmailin", "login_files", "login_files"),
        ("ses-sns", "topic_arn", "topic_arn"),
        ("mime", "key_files", "key_files or token_files"),
    ] {
        assert_eq!(none(relay), [fault(relay, key, keys)]);
    }
    let both = email("relay = \"mailgun\"\nkey_files = [\"k\"]\nlogin_files = [\"l\"]\n");
    assert_eq!(both, ["sources.mail.email.login_files: is no proof of mailgun; use key_files"]);
    assert_eq!(
        none("pigeon"),
        [
            "sources.mail.email.relay: `pigeon` is not one of mailgun, sendgrid, postmark, cloudmailin, \
          ses-sns, mime"
        ]
    );
    let topic = email("relay = \"ses-sns\"\ntopic_arn = \"arn:aws:sqs:x\"\n");
    assert_eq!(
        topic[0],
        "sources.mail.email.topic_arn: a topic is arn:aws:sns:REGION:ACCOUNT:NAME"
    );
}

#[test]
fn a_verdict_is_required_where_somebody_reports_one() {
    let required = |keys: &str| {
        let organization = "organization_id = \"00D5e000001AbCdEAK\"";
        let text = format!(
            "{SMALLEST}[sources.mail]\nformat = \"email\"\n[sources.mail.email]\n{organization}\n{keys}"
        );
        let config = Config::parse(&text, []).unwrap();
        match &config.sources[0].format {
            SourceFormat::Email(email) => email.require_verdict,
            other @ (SourceFormat::Notice
            | SourceFormat::VaultEvent
            | SourceFormat::OutboundMessage { .. }) => panic!("{other:?}"),
        }
    };
    let mime = "relay = \"mime\"\ntoken_files = [\"t\"]\n";
    let postmark = "relay = \"postmark\"\nlogin_files = [\"l\"]\n";
    assert!(required(postmark));
    assert!(!required(&format!("{postmark}require_verdict = false\n")));
    assert!(!required(mime));
    assert!(required(&format!("{mime}authserv_id = \"mx\"\n")));
    assert_eq!(
        email(&format!("{mime}require_verdict = true\n")),
        [
            "sources.mail.email.authserv_id: must be there with require_verdict: nobody else reports on \
          a raw mail"
        ]
    );
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
