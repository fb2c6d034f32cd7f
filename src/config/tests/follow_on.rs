//! One mistake is one fault: nothing is said that would only follow from it.

use super::{SMALLEST, TARGET, faults};

const SOURCES: &str = r#"
[sources.flow]
format = "notice"
targets = ["acme"]
[[sources.flow.authentication]]
scheme = "standard-webhooks"
key_files = ["k"]
[sources.sf]
format = "outbound-message"
[sources.sf.message]
object = "Reset__c"
user_id_field = "User__c"
occurred_at_field = "At__c"
kind_field = "Kind__c"
token_reset_values = ["T"]
[[sources.sf.authentication]]
scheme = "mtls"
pins = ["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]
[sources.mail]
format = "email"
[sources.mail.email]
relay = "mime"
organization_id = "00D5e000001AbCdEAK"
key_files = ["k"]
require_verdict = true
authserv_id = "mx"
"#;

#[test]
fn one_mistake_is_one_fault() {
    let whole = format!("{SMALLEST}{TARGET}{SOURCES}");
    assert_eq!(faults(&whole), Vec::<String>::new());
    for (before, after, key) in [
        // A console or a target that is wrong is there nevertheless.
        ("https://console.example", "console", "consoles.acme.base_url"),
        ("00D5e000001AbCdEAK\"\nusername", "00D\"\nusername", "targets.acme.organization_id"),
        ("gator@acme.example", "", "targets.acme.username"),
        ("[\"Sync\"]\nintegration = true", "\"Sync\"", "targets.acme.instances[0].connectors"),
        // What else may be there hangs on a word that is wrong.
        ("\"standard-webhooks\"", "\"webhooks\"", "sources.flow.authentication[0].scheme"),
        ("scheme = \"mtls\"\n", "", "sources.sf.authentication[0].scheme"),
        ("\"token\"\ntoken_file", "\"tokens\"\ntoken_file", "vault.auth.method"),
        ("method = \"token\"\n", "", "vault.auth.method"),
        ("\"outbound-message\"", "\"outbound\"", "sources.sf.format"),
        ("format = \"email\"\n", "", "sources.mail.format"),
        ("\"mime\"", "\"maildir\"", "sources.mail.email.relay"),
        // What is wrong is not missing as well.
        ("[\"sha256:", "[\"sha1:", "sources.sf.authentication[0].pins"),
        ("\"User__c\"", "\"a b\"", "sources.sf.message.user_id_field"),
        ("\"Kind__c\"", "\"a b\"", "sources.sf.message.kind_field"),
        ("[\"T\"]", "\"T\"", "sources.sf.message.token_reset_values"),
        ("[\"k\"]\nrequire", "[]\nrequire", "sources.mail.email.key_files"),
        ("\"mx\"", "\"\"", "sources.mail.email.authserv_id"),
    ] {
        assert!(whole.contains(before), "{before}");
        let found = faults(&whole.replace(before, after));
        assert_eq!(found.len(), 1, "{before} -> {after}: {found:?}");
        assert!(found[0].starts_with(&format!("{key}: ")), "{found:?}");
    }
}

#[test]
fn what_is_no_table_lacks_no_keys() {
    let hooks = SMALLEST.split_once("[store]").map(|(_, rest)| format!("hooks = 3\n[store]{rest}"));
    assert_eq!(faults(&hooks.unwrap()), ["hooks: must be a table, not integer"]);
    let consoles = TARGET.split_once("[targets.acme]");
    let targets = consoles.map(|(_, rest)| format!("[targets.acme]{rest}")).unwrap();
    let number = format!("consoles = 3\n{SMALLEST}{targets}");
    assert_eq!(faults(&number), ["consoles: must be a table, not integer"]);
    let one = format!("{SMALLEST}{targets}[consoles]\nacme = 3\n");
    assert_eq!(faults(&one), ["consoles.acme: must be a table, not integer"]);
}

#[test]
fn two_mistakes_are_two_faults() {
    let whole = format!("{SMALLEST}{TARGET}{SOURCES}");
    let text = whole
        .replace("targets = [\"acme\"]", "targets = [\"acme\", \"acne\"]")
        .replace("gator@acme.example", "")
        .replace("\"standard-webhooks\"", "\"webhooks\"");
    let scheme = "`webhooks` is not one of standard-webhooks, bearer, hmac-body, mtls, path-secret";
    let expected = [
        "targets.acme.username: must not be empty".to_owned(),
        format!("sources.flow.authentication[0].scheme: {scheme}"),
        "sources.flow.targets: there is no [targets.acne]".to_owned(),
    ];
    assert_eq!(faults(&text), expected);
}
