//! What a source of outbound messages takes from the configuration.

use super::{SMALLEST, TARGET, faults};
use crate::config::Config;

/// A source of outbound messages, whose message and schemes are these.
pub(super) fn outbound(message: &str, schemes: &str) -> String {
    format!(
        "{SMALLEST}{TARGET}[sources.sf]\nformat = \"outbound-message\"\n\
         [sources.sf.message]\nobject = \"User\"\nuser_id_field = \"Id\"\n\
         occurred_at_field = \"LastPasswordChangeDate\"\n{message}\n{schemes}"
    )
}

pub(super) fn scheme(source: &str, keys: &str) -> String {
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
        assert_eq!(mtls(keys).len(), 1, "{keys}: {:?}", mtls(keys));
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
