//! A password that stands in the file by mistake is told by its place, and not quoted.

use super::{SMALLEST, TARGET, faults};
use crate::config::{Config, ConfigError, SyntaxError};

/// The keys that take a URL, and what each says of one with a password.
const KEYS: [(&str, &str); 5] = [
    ("vault.address", "a password does not belong into the URL, nor does a user: vault.auth says"),
    ("consoles.acme.base_url", "a password does not belong into the URL, nor does a user: login"),
    ("consoles.acme.other_origins", "a password does not belong into the URL, nor does a user: "),
    ("targets.acme.login_url", "a password does not belong into the URL, nor does a user: secret"),
    ("store.url", "is neither sqlite: "),
];

/// What is wrong with a file that has this URL under this key.
fn with_url(key: &str, url: &str) -> Vec<String> {
    let (before, after) = match key {
        "vault.address" => ("https://vault:8200", url.to_owned()),
        "consoles.acme.base_url" => ("https://console.example", url.to_owned()),
        "consoles.acme.other_origins" => {
            ("[targets.acme]", format!("other_origins = [\"{url}\"]\n[targets.acme]"))
        }
        "targets.acme.login_url" => {
            ("console = \"acme\"", format!("console = \"acme\"\nlogin_url = \"{url}\""))
        }
        _ => ("[store]", format!("[store]\nurl = \"{url}\"")),
    };
    let whole = format!("{SMALLEST}{TARGET}");
    assert!(whole.contains(before), "{key}");
    faults(&whole.replace(before, &after))
}

#[test]
fn a_url_holds_no_password_and_no_user() {
    for (key, reason) in KEYS {
        for url in ["https://u:canary@c.example", "https://canary@c.example/", "https://:canary@c"]
        {
            let found = with_url(key, url);
            assert!(found[0].starts_with(&format!("{key}: {reason}")), "{url}: {found:?}");
            assert!(!found.concat().contains("canary"), "{url}: {found:?}");
        }
    }
}

#[test]
fn a_text_that_is_no_url_is_not_quoted_either() {
    for (key, _) in KEYS {
        for url in [
            "https://user:canary@c.example:99999/login",
            "https://user:canary@",
            "https://user:canary@[::1",
            "https://user:canary@a b/",
            "user:canary@c.example",
            "//user:canary@c.example",
            "canary",
        ] {
            let found = with_url(key, url);
            assert!(!found.concat().contains("canary"), "{key}, {url}: {found:?}");
        }
    }
    let found = with_url("vault.address", "https://user:canary@c.example:99999/login");
    assert_eq!(found, ["vault.address: is not a URL: invalid port number"]);
}

#[test]
fn a_url_holds_nothing_that_nobody_would_use() {
    let (origins, base) = ("consoles.acme.other_origins", "consoles.acme.base_url");
    let alone = format!("{origins}: must be an origin alone, like https://console.example.com");
    for more in ["https://c.example/path", "https://c.example/?q", "https://c.example/#f"] {
        assert_eq!(with_url(origins, more), [alone.as_str()], "{more}");
    }
    assert_eq!(with_url(origins, "https://c.example:8443"), Vec::<String>::new());
    let fragment = format!("{base}: must not have a fragment, which no server is told");
    assert_eq!(with_url(base, "https://c.example/login?t=1#f")[0], fragment);
    assert_eq!(with_url(base, "https://c.example/login?t=1"), Vec::<String>::new());
}

fn syntax(text: &str) -> SyntaxError {
    match Config::parse(text, []) {
        Err(ConfigError::Syntax(error)) => error,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_text_that_is_not_toml_is_told_by_its_place() {
    let error = syntax("[log]\nlevel = json canary\n");
    assert_eq!(error.place, Some((2, 9)), "{error}");
    assert!(error.to_string().starts_with("line 2, column 9: "), "{error}");
    assert_eq!(syntax("a = 1\nb = \"\u{e4}\u{f6}\" c\n").place, Some((2, 10)));
    for text in [
        "password = canary",
        "password = \"canary",
        "password = \"\\canary\"",
        "password = \"a\" canary",
        "password = '''canary",
        "password = 0xcanary",
        "password = 2026-13-canary",
        "password = [canary]",
        "password = { canary }",
        "password = { canary = 1, canary = 2 }",
        "canary\n",
        "[canary\n",
        "[canary]]\n",
        "canary = 1\ncanary = 2\n",
        "[canary]\n[canary]\n",
        "canary = 1\n[canary.a]\n",
        "canary = 1\ncanary.a = 1\n",
    ] {
        let error = syntax(text);
        assert!(error.place.is_some(), "{text}: {error}");
        let shown = format!("{error} {error:?} {:?}", Config::parse(text, []));
        assert!(!shown.contains("canary"), "{shown}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}
