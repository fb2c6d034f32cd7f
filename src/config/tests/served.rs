//! What the start would refuse by the text alone is refused before it, with its key.

use super::{SMALLEST, TARGET, faults};

/// The whole file, with one text exchanged for another.
fn with(before: &str, after: &str) -> Vec<String> {
    let whole = format!("{SMALLEST}{TARGET}");
    assert!(whole.contains(before), "{before}");
    faults(&whole.replace(before, after))
}

#[test]
fn nothing_secret_crosses_a_network_in_the_clear() {
    let https = "must be https, or http on the loopback interface";
    for plain in ["http://c.example", "http://10.0.0.1", "http://localhost.example", "ftp://[::1]"]
    {
        let base = with("https://console.example", plain);
        assert_eq!(base, [format!("consoles.acme.base_url: {https}")], "{plain}");
        let other = format!("other_origins = [\"{plain}\"]\n[targets.acme]");
        let other = with("[targets.acme]", &other);
        assert_eq!(other, [format!("consoles.acme.other_origins: {https}")], "{plain}");
        let vault = with("https://vault:8200", plain);
        assert_eq!(vault.len(), 1, "{vault:?}");
        assert!(vault[0].starts_with("vault.address: "), "{vault:?}");
    }
    for loopback in ["http://127.0.0.1:8200", "http://localhost:8200/", "http://[::1]:8200"] {
        assert_eq!(with("https://vault:8200", loopback), Vec::<String>::new(), "{loopback}");
        assert_eq!(with("https://console.example", loopback), Vec::<String>::new(), "{loopback}");
    }
}

#[test]
fn vault_has_an_origin_and_a_namespace_that_a_header_can_hold() {
    let only = "vault.address: the address of Vault may hold a scheme, a host and a port, and \
                nothing else";
    for more in ["https://vault/v1", "https://vault/?q", "https://vault/#f"] {
        assert_eq!(with("https://vault:8200", more), [only], "{more}");
    }
    let namespace = |text: &str| with("[vault]\n", &format!("[vault]\nnamespace = \"{text}\"\n"));
    assert_eq!(namespace("admin/team-a/"), Vec::<String>::new());
    let printable = "vault.namespace: the namespace of Vault must be printable ASCII";
    for text in ["team a", "t\u{e4}m"] {
        assert_eq!(namespace(text), [printable], "{text}");
    }
}

#[test]
fn a_place_in_vault_is_names_with_one_slash_between_them() {
    let reason = "must be names with one slash between them, and none before or after";
    assert_eq!(with("path = \"console\"", "path = \"team/a.b/console\""), Vec::<String>::new());
    for wrong in ["/console", "console/", "a//console", "/", "a/../console", "./console"] {
        let login = with("path = \"console\"", &format!("path = \"{wrong}\""));
        assert_eq!(login, [format!("consoles.acme.login.path: {reason}")], "{wrong}");
        let secret = with("path = \"salesforce\"", &format!("path = \"{wrong}\""));
        assert_eq!(secret, [format!("targets.acme.secret.path: {reason}")], "{wrong}");
    }
    let client = "oauth_client = { mount = \"secret/\", path = \"app\" }\n";
    let client = with("[[targets.acme.instances]]", &format!("{client}[[targets.acme.instances]]"));
    assert_eq!(client, [format!("targets.acme.oauth_client.mount: {reason}")]);
    let auth = "method = \"jwt\"\nmount = \"/jwt/\"\n";
    let auth = with("method = \"token\"\n", auth);
    assert_eq!(auth, [format!("vault.auth.mount: {reason}")]);
}

#[test]
fn every_operator_has_a_name_and_a_token_of_his_own() {
    let tokens = |others: &[(&str, &str)]| {
        let table = |(name, file): &(&str, &str)| {
            let role = "[[operator.tokens]]\nrole = \"viewer\"";
            format!("{role}\nname = \"{name}\"\ntoken_file = \"{file}\"\n")
        };
        let tables: Vec<String> = others.iter().map(table).collect();
        faults(&format!("{SMALLEST}{}{}", table(&("ann", "ann-token")), tables.concat()))
    };
    assert_eq!(tokens(&[("bob", "bob-token")]), Vec::<String>::new());
    let name = "operator.tokens[1].name: another token has this name already";
    assert_eq!(tokens(&[("ann", "bob-token")]), [name]);
    let file = "operator.tokens[1].token_file: another token is in this file already";
    assert_eq!(tokens(&[("bob", "ann-token")]), [file]);
    for wrong in ["a b", &"x".repeat(64)] {
        let found = tokens(&[(wrong, "bob-token")]);
        assert!(found[0].starts_with("operator.tokens[1].name: a token's name has"), "{found:?}");
        assert_eq!(found.len(), 1);
    }
}

#[test]
fn two_listeners_have_two_ports() {
    let listen = |hooks: &str, operator: &str, roles: &str| {
        let hooks = format!("[hooks]\nlisten = \"{hooks}\"");
        let store = "[store]\nurl = \"postgres://u@db/journal\"";
        let text = SMALLEST
            .replace("[hooks]", &hooks)
            .replace("[store]", &format!("{store}\nroles = {roles}"));
        faults(&format!("{text}[operator]\nlisten = \"{operator}\"\n"))
    };
    let both = "[\"api\", \"worker\"]";
    for (hooks, operator) in [
        ("127.0.0.1:8443", "127.0.0.1:8443"),
        ("0.0.0.0:8443", "127.0.0.1:8443"),
        ("[::1]:8443", "[::]:8443"),
    ] {
        let taken = format!("operator.listen: {operator} is taken: hooks.listen is {hooks}");
        assert_eq!(listen(hooks, operator, both), [taken]);
        assert_eq!(listen(hooks, operator, "[\"worker\"]"), Vec::<String>::new());
    }
    for (hooks, operator) in [
        ("0.0.0.0:8443", "0.0.0.0:8444"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:8443", "127.0.0.2:8443"),
        ("127.0.0.1:8443", "[::1]:8443"),
    ] {
        assert_eq!(listen(hooks, operator, both), Vec::<String>::new(), "{hooks}, {operator}");
    }
}
