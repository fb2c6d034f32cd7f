//! The Salesforce package: whole, of one mind with itself and with the receiver, and without a
//! secret. There is no org here, so its text is what can be tested.

mod apex;
mod faults;
mod package;
mod xml;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reset_receiver::config::Config;
use reset_receiver::domain::event::{ResetEvent, ResetKind};
use reset_receiver::domain::ids::SourceName;
use reset_receiver::senders::delivery::Proof;
use reset_receiver::senders::keys::SigningKey;
use reset_receiver::senders::notice::{InvalidNotice, parse};
use reset_receiver::senders::standard_webhooks::{DEFAULT_WINDOW, sign};
use serde_json::{Value, json};

use crate::support::contract::Contract;
use apex::{arguments, constant, quoted_after, without_comments, words};
use faults::EVENT;
use package::Package;

/// A check of the whole package.
type Check = fn(&Package) -> Vec<String>;

/// What breaks a package: the end of a file's path, a text in it, and what replaces the text.
type Break = (&'static str, &'static str, &'static str);

/// Every check, with what it has to find.
const CHECKS: &[(&str, Check, &[Break])] = &[
    (
        "XML",
        faults::malformed,
        &[
            ("Status__c.field-meta.xml", "</label>", "</lable>"),
            ("manifest/package.xml", "2006/04", "2006/05"),
            ("Report_Reset_By_Callout.flow-meta.xml", "<label>", "<label>&nbsp;"),
        ],
    ),
    (
        "versions",
        faults::versions,
        &[
            ("ResetSender.cls-meta.xml", "64.0", "63.0"),
            ("workflow-meta.xml", "64.0", "63.0"),
            ("Report_Reset_By_Callout.flow-meta.xml", "<apiVersion>64.0</apiVersion>", ""),
            ("manifest/callout-flow.xml", "64.0", "65.0"),
        ],
    ),
    (
        "names",
        faults::unknown_names,
        &[
            ("ResetSender.cls", "Event_Id__c", "Event_Key__c"),
            ("ResetNotice.cls", "Target_User__r", "Target_Person__r"),
            ("Target_Username__c.field-meta.xml", "Target_User__r", "Targeted_User__r"),
            ("Target_User_Is_Required.validationRule-meta.xml", "Kind__c", "Type__c"),
            ("CredentialResetEvent.trigger", "Credential_Reset_Event__c", "Reset_Event__c"),
        ],
    ),
    (
        "fields",
        faults::fields,
        &[
            ("workflow-meta.xml", "<fields>Kind__c", "<fields>Source__c"),
            ("Report_Reset_By_Callout.flow-meta.xml", "<field>Status__c", "<field>Source__c"),
            ("Report_Reset_By_Callout.flow-meta.xml", "$Record.Event_Id__c", "$Record.Source__c"),
            ("Reset_Receiver_Sender.permissionset-meta.xml", "_c.Kind__c", "_c.Source__c"),
            ("Event Layout.layout-meta.xml", "<field>Kind__c", "<field>Source__c"),
            ("Not_Sent.listView-meta.xml", "<columns>Kind__c", "<columns>Source__c"),
        ],
    ),
    (
        "descriptions",
        faults::undescribed,
        &[(
            "Attempts__c.field-meta.xml",
            concat!(
                "<description>How often the Apex sender has sent this event since its status ",
                "was New.</description>"
            ),
            "<description/>",
        )],
    ),
    (
        "classes",
        faults::classes,
        &[
            ("Reset_Receiver_Sender.permissionset-meta.xml", "ResetPoller", "ResetWatcher"),
            ("ResetPoller.cls", "new ResetPoller()", "new ResetWatcher()"),
            ("CredentialResetEvent.trigger", "ResetEvents.send", "ResetRecords.send"),
            ("README.md", "ResetPollerTest", "ResetWatcherTest"),
        ],
    ),
    (
        "manifests",
        faults::manifests,
        &[
            ("manifest/package.xml", "<members>ResetNotice</members>", ""),
            ("manifest/callout-flow.xml", "Report_Reset_By_Callout", "Report_Reset_By_Call"),
        ],
    ),
    (
        "flows",
        faults::flows,
        &[
            ("By_Outbound_Message.flow-meta.xml", "<object>Credential_", "<object>Credentials_"),
            ("By_Outbound_Message.flow-meta.xml", "_c.Report_Reset<", "_c.Report_Resets<"),
            ("By_Callout.flow-meta.xml", "Reset_Receiver.reportReset", "Reset_Receiver.report"),
            ("By_Callout.flow-meta.xml", "Reference>Mark_Failed", "Reference>Mark_Broken"),
            ("By_Callout.flow-meta.xml", "Notice.user_id", "Notice.userId"),
            ("By_Callout.flow-meta.xml", "_ResetNotice", "_ResetNews"),
            ("externalServiceRegistration-meta.xml", "<active>true", "<active>false"),
        ],
    ),
    (
        "credentials",
        faults::credentials,
        &[
            ("ResetSender.cls", "callout:Reset_Receiver_Apex", "callout:Reset_Receiver"),
            ("Reset_Receiver_Flow.namedCredential-meta.xml", "Credential>Reset_R", "Credential>R"),
            ("externalServiceRegistration-meta.xml", "Reset_Receiver_Flow", "Reset_Receiver"),
            ("Reset_Receiver_Sender.permissionset-meta.xml", "Apex-Sender", "Apex-Caller"),
            ("Reset_Receiver_Flow.externalCredential-meta.xml", "l.Reset_Receiver_Flow", "l.Reset"),
        ],
    ),
    (
        "secrets",
        faults::secrets,
        &[
            ("README.md", "# Salesforce", "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="),
            ("ResetSenderTest.cls", "whsec_MDEy", "whsec_QUJD"),
            ("README.md", "# Salesforce", "-----BEGIN PRIVATE KEY-----"),
            ("workflow-meta.xml", "messages/salesforce", "messages/salesforce/3f9c0c1e5b7a4d0f"),
            ("workflow-meta.xml", "resets.example.com", "resets.acme.com"),
            ("workflow-meta.xml", "SessionId>false", "SessionId>true"),
            ("Reset_Receiver_Flow.externalCredential-meta.xml", "$Credential.", "secret."),
        ],
    ),
];

/// The keys of a notice, in the order of the receiver's documentation.
const KEYS: [&str; 6] = ["id", "type", "occurred_at", "organization_id", "username", "user_id"];

#[test]
fn the_package_is_whole() {
    let package = Package::read();
    assert!(package.files.len() >= 40, "only {} files were read", package.files.len());
    for (name, check, _) in CHECKS {
        assert_eq!(check(&package), Vec::<String>::new(), "{name}");
    }
    assert_eq!(faults::companions(&package), Vec::<String>::new());
}

#[test]
fn each_check_finds_a_package_that_is_broken() {
    let package = Package::read();
    for (name, check, breaks) in CHECKS {
        for (file, from, to) in *breaks {
            let found = check(&package.with(file, from, to));
            assert!(!found.is_empty(), "{name}: {file} with `{to}` for `{from}` passes");
        }
    }
    for file in ["ResetSender.cls", "CredentialResetEvent.trigger-meta.xml"] {
        assert_eq!(faults::companions(&package.without(file)).len(), 1, "{file}");
    }
    let without_field = package.without("/Event_Id__c.field-meta.xml");
    assert!(!faults::fields(&without_field).is_empty());
    assert!(!faults::unknown_names(&without_field).is_empty());
    assert!(!faults::manifests(&package.without("ResetPoller.cls-meta.xml")).is_empty());
}

#[test]
fn every_way_to_send_is_off_until_somebody_chooses_it() {
    let package = Package::read();
    for (name, flow) in package.components("flow") {
        assert_eq!(flow.at("status"), "Draft", "{name}");
    }
    let on = package.components("field").remove("Send_With_Apex__c").expect("the switch");
    assert_eq!(on.at("defaultValue"), "false");
}

#[test]
fn what_an_administrator_replaces_is_in_the_files() {
    let package = Package::read();
    let project: Value = serde_json::from_str(package.text("sfdx-project.json")).expect("JSON");
    let replacements = project["replacements"].as_array().expect("replacements");
    assert_eq!(replacements.len(), 3);
    for replacement in replacements {
        let place = replacement["filename"].as_str().or(replacement["glob"].as_str());
        let (folder, end) = place.expect("a place").rsplit_once('/').expect("a folder");
        let end = end.trim_start_matches('*');
        let text = replacement["stringToReplace"].as_str().expect("a text");
        let within: Vec<_> = package
            .files
            .iter()
            .filter(|(path, _)| path.starts_with(folder) && path.ends_with(end))
            .collect();
        assert!(!within.is_empty(), "{replacement}");
        assert!(within.iter().all(|(_, content)| content.contains(text)), "{replacement}");
        let variable = replacement["replaceWithEnv"].as_str().expect("a variable");
        let export = format!("export {variable}=");
        assert!(package.text("README.md").contains(&export), "{variable} is not explained");
    }
}

/// The keys that the Apex code writes into a notice, in their order.
fn notice_keys(package: &Package) -> Vec<String> {
    let code = without_comments(package.text("/ResetNotice.cls"));
    quoted_after(&code, "notice.write").map(str::to_owned).collect()
}

/// What the Apex code calls each kind of the picklist.
fn types(package: &Package) -> BTreeMap<String, String> {
    let code = without_comments(package.text("/ResetNotice.cls"));
    let (_, map) = code.split_once("TYPES =").expect("the map");
    let (map, _) = map.split_once("};").expect("its end");
    let pair = |line: &str| {
        let mut texts = line.split('\'').skip(1).step_by(2);
        Some((texts.next()?.to_owned(), texts.next()?.to_owned()))
    };
    map.lines().filter_map(pair).collect()
}

/// What the receiver makes of a notice with these keys.
fn received(keys: &[String], kind: &str) -> Result<ResetEvent, InvalidNotice> {
    let samples = BTreeMap::from([
        ("id", "0055e000002KjHgAAK-20260302T091502Z"),
        ("type", kind),
        ("occurred_at", "2026-03-02T09:15:02Z"),
        ("organization_id", "00D5e000001AbCdEAK"),
        ("username", "gator.sync@example.com.invalid"),
        ("user_id", "0055e000002KjHgAAK"),
    ]);
    let notice: serde_json::Map<String, Value> =
        keys.iter().map(|key| (key.clone(), json!(samples[key.as_str()]))).collect();
    let source = SourceName::parse("salesforce").unwrap();
    let now: Timestamp = "2026-03-02T09:20:00Z".parse().unwrap();
    let body = serde_json::to_vec(&notice).unwrap();
    parse(&source, &Proof::default(), &body, now, DEFAULT_WINDOW)
}

#[test]
fn the_apex_notice_has_the_receivers_keys_and_the_receiver_takes_it() {
    let package = Package::read();
    let keys = notice_keys(&package);
    assert_eq!(keys, KEYS);
    let event = received(&keys, "password_reset").expect("the receiver takes it");
    assert_eq!(event.id.as_str(), "0055e000002KjHgAAK-20260302T091502Z");
    let broken = package.with("/ResetNotice.cls", "'occurred_at'", "'timestamp'");
    assert_ne!(notice_keys(&broken), KEYS);
    let less: Vec<String> = keys.iter().filter(|key| *key != "occurred_at").cloned().collect();
    assert!(received(&less, "password_reset").is_err(), "the receiver misses a key");
}

#[test]
fn every_kind_of_the_picklist_has_a_type_that_the_receiver_knows() {
    let package = Package::read();
    let kinds = package.components("field").remove("Kind__c").expect("the field");
    let picklist: BTreeSet<&str> = kinds.texts("fullName").into_iter().collect();
    let types = types(&package);
    let mapped: BTreeSet<&str> = types.keys().map(String::as_str).chain(["Kind__c"]).collect();
    assert_eq!(picklist, mapped);
    let keys = notice_keys(&package);
    let received: Vec<ResetKind> =
        types.values().map(|kind| received(&keys, kind).expect("a known type").kind).collect();
    assert_eq!(received, [ResetKind::PasswordReset, ResetKind::TokenReset]);
    let flow = package.text("By_Callout.flow-meta.xml");
    for kind in types.values() {
        assert!(flow.contains(&format!("\"{kind}\"")), "the flow does not know {kind}");
    }
}

#[test]
fn the_flow_sends_the_same_notice_as_apex_to_the_same_route() {
    let package = Package::read();
    let flow = package.components("flow").remove("Report_Reset_By_Callout").expect("the flow");
    let assigned: Vec<&str> = flow
        .texts("assignToReference")
        .iter()
        .filter_map(|reference| reference.strip_prefix("Notice."))
        .collect();
    assert_eq!(assigned, KEYS);
    let service = package.components("externalServiceRegistration").remove("Reset_Receiver");
    let schema = faults::schema_of(&service.expect("the service"));
    let properties = schema["components"]["schemas"]["ResetNotice"]["properties"].as_object();
    let properties: BTreeSet<&str> =
        properties.expect("properties").keys().map(String::as_str).collect();
    assert_eq!(properties, BTreeSet::from(KEYS));
    assert_eq!(schema["openapi"], "3.0.3", "External Services import no newer one");
    assert!(schema["paths"]["/v1/resets/{source}"]["post"].is_object());
    let sender = package.text("/ResetSender.cls");
    assert!(sender.contains("'callout:Reset_Receiver_Apex/v1/resets/' + source"));
}

#[test]
fn the_service_that_a_flow_calls_is_the_one_that_the_receiver_documents() {
    let service =
        Package::read().components("externalServiceRegistration").remove("Reset_Receiver");
    let imported = faults::schema_of(&service.expect("the service"));
    let documented = Contract::read().0;
    let operation = |document: &Value| document["paths"]["/v1/resets/{source}"]["post"].clone();
    let (ours, theirs) = (operation(&documented), operation(&imported));
    assert_eq!(theirs["operationId"], ours["operationId"]);
    for (status, answer) in theirs["responses"].as_object().expect("answers") {
        let reference = &answer["content"]["application/json"]["schema"]["$ref"];
        let documented =
            &ours["responses"][status]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(reference, documented, "{status}");
    }
    for name in ["ResetNotice", "ResetReceipt"] {
        let schema = |document: &Value| document["components"]["schemas"][name].clone();
        let (ours, theirs) = (schema(&documented), schema(&imported));
        for (property, described) in theirs["properties"].as_object().expect("properties") {
            let kind = &ours["properties"][property]["type"];
            assert!(kind.is_string(), "{name}.{property} is not documented");
            assert_eq!(&described["type"], kind, "{name}.{property}");
        }
        let required = |schema: &Value| -> BTreeSet<String> {
            let names = schema["required"].as_array().into_iter().flatten();
            names.map(|name| name.as_str().expect("a name").to_owned()).collect()
        };
        // What the receiver asks for is asked of the flow as well.
        let missing: Vec<_> = required(&ours).difference(&required(&theirs)).cloned().collect();
        let is_asked = name == "ResetReceipt" || missing.is_empty();
        assert!(is_asked, "{name}: the flow may leave {missing:?} out");
    }
}

/// Ways in which a retry could come under another id than the record's.
fn id_faults(package: &Package) -> Vec<String> {
    let sender = without_comments(package.text("/ResetSender.cls"));
    let notice = without_comments(package.text("/ResetNotice.cls"));
    let events = without_comments(package.text("/ResetEvents.cls"));
    let mut faults = Vec::new();
    let mut expect = |found: &[&str], expected: &str| {
        if found != [expected] {
            faults.push(format!("{found:?} and not {expected}"));
        }
    };
    expect(&arguments(&sender, "'webhook-id', "), "event.Event_Id__c);");
    expect(&arguments(&sender, "signature.sign("), "event.Event_Id__c, timestamp, body));");
    expect(&arguments(&notice, "'id', "), "event.Event_Id__c);");
    expect(
        &arguments(&sender, "body = "),
        "ResetNotice.body(event, UserInfo.getOrganizationId());",
    );
    for (name, code) in [("ResetSender", &sender), ("ResetNotice", &notice)] {
        let chance = ["UUID", "Crypto", "random", "Math.random"];
        if words(code).any(|word| chance.contains(&word)) || code.contains("Event_Id__c =") {
            faults.push(format!("{name} makes an id"));
        }
    }
    if words(&notice).any(|word| ["now", "System", "currentTimeMillis"].contains(&word)) {
        faults.push("the notice depends on the time of sending".to_owned());
    }
    let given: Vec<&str> = arguments(&events, "event.Event_Id__c = ");
    let guarded = events.contains("else if (String.isBlank(event.Event_Id__c)) {")
        && events.contains("if (!old.Event_Id__c.equals(event.Event_Id__c)) {");
    if given.len() != 1 || !guarded {
        faults.push("an id can change".to_owned());
    }
    faults
}

#[test]
fn every_delivery_of_an_event_carries_the_records_own_id() {
    let package = Package::read();
    assert_eq!(id_faults(&package), Vec::<String>::new());
    for (file, from, to) in [
        ("/ResetSender.cls", "'webhook-id', event.Event_Id__c", "'webhook-id', event.Id"),
        ("/ResetSender.cls", "sign(event.Event_Id__c", "sign(UUID.randomUUID().toString()"),
        ("/ResetSender.cls", "String body =", "event.Event_Id__c = null; String body ="),
        ("/ResetNotice.cls", "event.Event_Id__c", "event.Name"),
        ("/ResetNotice.cls", "event.Occurred_At__c.", "Datetime.now()."),
        ("/ResetEvents.cls", "if (!old.", "if (old."),
    ] {
        assert!(!id_faults(&package.with(file, from, to)).is_empty(), "{file}: {to}");
    }
    let id = package.components("field").remove("Event_Id__c").expect("the field");
    for (property, value) in [("unique", "true"), ("externalId", "true"), ("caseSensitive", "true")]
    {
        assert_eq!(id.at(property), value, "{property}");
    }
    let poller = package.text("/ResetPoller.cls");
    assert!(poller.contains("Event_Id__c = userId + '-' + changed.formatGmt(EVENT_ID_TIME)"));
    assert!(package.objects().contains(EVENT));
}

#[test]
fn the_apex_tests_hold_the_signature_to_what_the_receiver_signs() {
    let package = Package::read();
    let code = package.text("/ResetSignatureTest.cls");
    for vector in ["REFERENCE", "OWN"] {
        let value = |name: &str| constant(code, &format!("{vector}_{name}"));
        let key = SigningKey::parse(value("KEY")).expect("a key");
        let sent_at = Timestamp::from_second(value("TIME").parse().expect("seconds")).unwrap();
        let signed = sign(&key, value("ID"), sent_at, value("BODY").as_bytes()).unwrap();
        assert_eq!(signed.signature, value("SIGNATURE"), "{vector}");
        assert_eq!(STANDARD.decode(&signed.signature["v1,".len()..]).unwrap().len(), 32);
        let asserted = format!("{vector}_SIGNATURE, ");
        assert!(code.contains(&format!("assertEquals({asserted}")), "{vector} is not asserted");
    }
}

#[test]
fn the_sources_of_the_steps_are_a_configuration_that_the_receiver_reads() {
    let package = Package::read();
    let (_, steps) = package.text("README.md").split_once("```toml").expect("the sources");
    let (sources, _) = steps.split_once("```").expect("their end");
    let base = include_str!("../../deploy/kubernetes/config.toml");
    let (base, _) = base.split_once("[sources.").expect("the base has a source");
    let config = |sources: &str| Config::parse(&format!("{base}\n{sources}"), []);
    assert!(config(sources).is_ok(), "{:?}", config(sources).err());
    assert!(config(&sources.replace("token_files", "tokens")).is_err());
    for name in ["[sources.salesforce]", "[sources.salesforce-flow]"] {
        assert!(sources.contains(name), "{name} is what the package calls");
    }
}
