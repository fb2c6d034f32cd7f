//! What can be wrong with the package as a whole: one line for each fault.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::apex::{quoted_after, without_comments, words};
use super::package::Package;
use super::xml::Element;

/// The one object that is sent.
pub(crate) const EVENT: &str = "Credential_Reset_Event__c";

/// Fields that every object has.
const STANDARD_FIELDS: &[&str] = &["Id", "Name", "NAME", "CreatedDate"];

/// The kinds of components, as the file names and as the manifest call them.
const KINDS: &[(&str, &str)] = &[
    ("cls", "ApexClass"),
    ("trigger", "ApexTrigger"),
    ("object", "CustomObject"),
    ("tab", "CustomTab"),
    ("externalCredential", "ExternalCredential"),
    ("externalServiceRegistration", "ExternalServiceRegistration"),
    ("flow", "Flow"),
    ("layout", "Layout"),
    ("namedCredential", "NamedCredential"),
    ("permissionset", "PermissionSet"),
    ("workflow", "Workflow"),
];

/// Keys of test vectors, which are published.
const TEST_KEYS: &[&str] = &[
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
];

/// Files that are no XML of the Metadata API.
pub(crate) fn malformed(package: &Package) -> Vec<String> {
    let is_xml = |path: &str| Path::new(path).extension().is_some_and(|end| end == "xml");
    let files = package.files.iter().filter(|(path, _)| is_xml(path));
    files
        .filter_map(|(path, text)| {
            Element::parse(text).err().map(|error| format!("{path}: {error}"))
        })
        .collect()
}

/// Places that state another API version than the project does.
pub(crate) fn versions(package: &Package) -> Vec<String> {
    let project: Value =
        serde_json::from_str(package.text("sfdx-project.json")).expect("the project is JSON");
    let stated = project["sourceApiVersion"].as_str().unwrap_or_default();
    let mut faults = Vec::new();
    for (path, text) in &package.files {
        let Ok(root) = Element::parse(text) else { continue };
        let (name, needed) = match root.name.as_str() {
            "ApexClass" | "ApexTrigger" | "Flow" | "Workflow" => ("apiVersion", true),
            "Package" => ("version", true),
            _ => ("apiVersion", false),
        };
        let versions = root.texts(name);
        if needed && versions.is_empty() || versions.iter().any(|version| *version != stated) {
            faults.push(format!("{path}: {versions:?} and not {stated}"));
        }
    }
    faults
}

/// Apex without its metadata, and metadata without its Apex.
pub(crate) fn companions(package: &Package) -> Vec<String> {
    let mut faults = Vec::new();
    for extension in ["cls", "trigger"] {
        let code: BTreeSet<String> =
            package.apex(extension).iter().map(|(_, name, _)| (*name).to_owned()).collect();
        let described: BTreeSet<String> = package.components(extension).into_keys().collect();
        let odd = code.symmetric_difference(&described);
        faults.extend(odd.map(|name| format!("{name}.{extension} has no companion")));
    }
    faults
}

/// Words that look like a custom field, object or relationship, and are none of the package.
pub(crate) fn unknown_names(package: &Package) -> Vec<String> {
    let mut known = package.objects();
    for object in package.objects() {
        for field in package.fields(&object) {
            known.insert(field.replace("__c", "__r"));
            known.insert(field);
        }
    }
    let mut faults = Vec::new();
    for (path, text) in &package.files {
        let custom = words(text).filter(|word| word.ends_with("__c") || word.ends_with("__r"));
        let unknown: BTreeSet<&str> = custom.filter(|word| !known.contains(*word)).collect();
        faults.extend(unknown.iter().map(|word| format!("{path}: {word}")));
    }
    faults
}

/// Fields that a component names and the event does not have.
pub(crate) fn fields(package: &Package) -> Vec<String> {
    let known = package.fields(EVENT);
    let mut named: Vec<(String, String)> = Vec::new();
    let mut note = |place: &str, field: &str| named.push((place.to_owned(), field.to_owned()));
    for (name, workflow) in package.components("workflow") {
        workflow.texts("fields").iter().for_each(|field| note(&name, field));
    }
    for kind in ["flow", "layout", "listView"] {
        for (name, component) in package.components(kind) {
            component.texts("field").iter().for_each(|field| note(&name, field));
            component.texts("columns").iter().for_each(|field| note(&name, field));
            for value in component.texts("elementReference") {
                if let Some(field) = value.strip_prefix("$Record.") {
                    note(&name, &field.replace("__r.Username", "__c"));
                }
            }
        }
    }
    for (name, set) in package.components("permissionset") {
        for permission in set.all("fieldPermissions") {
            let (object, field) = permission.at("field").split_once('.').unwrap_or_default();
            note(&name, if object == EVENT { field } else { object });
        }
    }
    named.retain(|(_, field)| !known.contains(field) && !STANDARD_FIELDS.contains(&&**field));
    named.into_iter().map(|(place, field)| format!("{place}: {field}")).collect()
}

/// Fields and objects that do not say what they are for.
pub(crate) fn undescribed(package: &Package) -> Vec<String> {
    let kinds = ["object", "field", "permissionset", "externalCredential", "flow", "tab"];
    let components = kinds.iter().flat_map(|kind| package.components(kind));
    let silent = components.filter(|(_, component)| component.at("description").is_empty());
    silent.map(|(name, _)| name).collect()
}

/// Classes that something names and nothing defines.
pub(crate) fn classes(package: &Package) -> Vec<String> {
    let known: BTreeSet<&str> = package.apex("cls").into_iter().map(|(_, name, _)| name).collect();
    let mut faults = Vec::new();
    let mut note = |place: &str, class: &str| {
        if !known.contains(class) {
            faults.push(format!("{place}: {class}"));
        }
    };
    for (name, set) in package.components("permissionset") {
        set.texts("apexClass").iter().for_each(|class| note(&name, class));
    }
    for (path, _, code) in [package.apex("cls"), package.apex("trigger")].concat() {
        let code = without_comments(code);
        // Every class of the package begins so; fields of the settings hold an underscore.
        let ours = |word: &&str| {
            word.strip_prefix("Reset")
                .is_some_and(|rest| rest.starts_with(char::is_uppercase) && !rest.contains('_'))
        };
        let outside_of_texts: String = code.split('\'').step_by(2).collect::<Vec<_>>().join(" ");
        words(&outside_of_texts).filter(ours).for_each(|class| note(path, class));
    }
    let readme = package.text("README.md");
    let tests = words(readme).filter(|word| word.starts_with("Reset") && word.ends_with("Test"));
    tests.for_each(|class| note("README.md", class));
    faults
}

/// Components that no manifest lists, and listed ones that are not there.
pub(crate) fn manifests(package: &Package) -> Vec<String> {
    let mut listed = BTreeSet::new();
    for name in ["manifest/package.xml", "manifest/callout-flow.xml"] {
        let Ok(manifest) = Element::parse(package.text(name)) else { continue };
        for types in manifest.all("types") {
            for member in types.texts("members") {
                listed.insert(format!("{} {member}", types.at("name")));
            }
        }
    }
    let components = KINDS.iter().flat_map(|(kind, manifest)| {
        package.components(kind).into_keys().map(move |name| format!("{manifest} {name}"))
    });
    let there: BTreeSet<String> = components.collect();
    there.symmetric_difference(&listed).cloned().collect()
}

/// Flows that start at, go to or act on something that is not there.
pub(crate) fn flows(package: &Package) -> Vec<String> {
    let mut faults = Vec::new();
    let actions = actions(package);
    let schemas = schemas(package);
    for (name, flow) in package.components("flow") {
        let mut expect = |is: bool, what: &str| {
            if !is {
                faults.push(format!("{name}: {what}"));
            }
        };
        expect(package.objects().contains(flow.at("start/object")), "its object");
        let elements: BTreeSet<&str> = flow.children.iter().map(|child| child.at("name")).collect();
        let targets = flow.texts("targetReference");
        expect(!targets.is_empty(), "it goes nowhere");
        for target in targets {
            expect(elements.contains(target), target);
        }
        for call in flow.all("actionCalls") {
            let action = format!("{} {}", call.at("actionType"), call.at("actionName"));
            expect(actions.contains(&action), &action);
        }
        for variable in flow.all("variables") {
            let properties = schemas.iter().find(|(class, _)| class == variable.at("apexClass"));
            expect(properties.is_some(), variable.at("apexClass"));
            let properties = properties.map(|(_, found)| found.clone()).unwrap_or_default();
            let prefix = format!("{}.", variable.at("name"));
            for assigned in flow.texts("assignToReference") {
                let property = assigned.strip_prefix(&prefix).unwrap_or_default();
                expect(properties.contains(property), assigned);
            }
        }
    }
    faults
}

/// What a flow may call, as type and name.
fn actions(package: &Package) -> BTreeSet<String> {
    let mut actions = BTreeSet::new();
    for (object, workflow) in package.components("workflow") {
        for message in workflow.all("outboundMessages") {
            actions.insert(format!("outboundMessage {object}.{}", message.at("fullName")));
        }
    }
    for (name, registration) in package.components("externalServiceRegistration") {
        let schema = schema_of(&registration);
        let defined: BTreeSet<&str> = schema["paths"]
            .as_object()
            .into_iter()
            .flat_map(|paths| paths.values())
            .filter_map(|path| path["post"]["operationId"].as_str())
            .collect();
        for operation in registration.all("operations") {
            if operation.at("active") == "true" && defined.contains(operation.at("name")) {
                actions.insert(format!("externalService {name}.{}", operation.at("name")));
            }
        }
    }
    actions
}

/// The document that an External Service is made of.
pub(crate) fn schema_of(registration: &Element) -> Value {
    serde_json::from_str(registration.at("schema")).expect("the schema is JSON")
}

/// The classes that Salesforce makes of the External Services, with their properties.
fn schemas(package: &Package) -> Vec<(String, BTreeSet<String>)> {
    let mut found = Vec::new();
    for (name, registration) in package.components("externalServiceRegistration") {
        let schema = schema_of(&registration);
        let Some(schemas) = schema["components"]["schemas"].as_object() else { continue };
        for (class, definition) in schemas {
            let properties = definition["properties"].as_object();
            let properties = properties.map(|all| all.keys().cloned().collect());
            found
                .push((format!("ExternalService__{name}_{class}"), properties.unwrap_or_default()));
        }
    }
    found
}

/// Credentials and principals that something names and nothing defines.
pub(crate) fn credentials(package: &Package) -> Vec<String> {
    let (named, external) =
        (package.components("namedCredential"), package.components("externalCredential"));
    let mut principals = BTreeSet::new();
    let mut faults = Vec::new();
    for (name, credential) in &external {
        for parameter in credential.all("externalCredentialParameters") {
            if parameter.at("parameterType") == "NamedPrincipal" {
                principals.insert(format!("{name}-{}", parameter.at("parameterName")));
            }
            let value = parameter.at("parameterValue");
            for rest in value.split("$Credential.").skip(1) {
                if !rest.starts_with(&format!("{name}.")) {
                    faults.push(format!("{name}: {value}"));
                }
            }
        }
    }
    let mut expect = |is: bool, place: &str, what: &str| {
        if !is {
            faults.push(format!("{place}: {what}"));
        }
    };
    for (name, credential) in &named {
        for wanted in credential.texts("externalCredential") {
            expect(external.contains_key(wanted), name, wanted);
        }
    }
    for (name, registration) in package.components("externalServiceRegistration") {
        let wanted = registration.at("namedCredentialReference");
        expect(named.contains_key(wanted), &name, wanted);
    }
    for (name, set) in package.components("permissionset") {
        for wanted in set.texts("externalCredentialPrincipal") {
            expect(principals.contains(wanted), &name, wanted);
        }
    }
    for (path, name, code) in package.apex("cls") {
        for endpoint in quoted_after(code, "setEndpoint(") {
            let wanted = endpoint.strip_prefix("callout:").and_then(|rest| rest.split('/').next());
            expect(wanted.is_some_and(|wanted| named.contains_key(wanted)), path, endpoint);
        }
        expect(!name.ends_with("Sender") || code.contains("'callout:"), path, "no callout");
    }
    faults
}

/// What is a secret, or somebody's own.
pub(crate) fn secrets(package: &Package) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in &package.files {
        let is_key = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        for rest in text.split("whsec_").skip(1) {
            let key: String = rest.chars().take_while(|c| is_key(*c)).collect();
            let published = TEST_KEYS.contains(&format!("whsec_{key}").as_str());
            if key.len() > 12 && !(path.ends_with("Test.cls") && published) {
                faults.push(format!("{path}: a signing key"));
            }
        }
        if text.contains("-----BEGIN") {
            faults.push(format!("{path}: a key or certificate"));
        }
        for url in text.split("https://").skip(1) {
            let end = |c: char| c.is_whitespace() || "<\"'`)".contains(c);
            let url = url.split(end).next().unwrap_or_default();
            let host = url.split('/').next().unwrap_or_default();
            let ours =
                ["resets.example.com", "resets.your-company.example", "login.salesforce.com"];
            let example = ours.contains(&host) || host == "YOUR-DOMAIN.my.salesforce.com";
            if !example || url.contains('@') || url.contains('?') {
                faults.push(format!("{path}: {url}"));
            }
        }
    }
    for (name, workflow) in package.components("workflow") {
        for endpoint in workflow.texts("endpointUrl") {
            if !endpoint.ends_with("/v1/outbound-messages/salesforce") {
                faults.push(format!("{name}: {endpoint}"));
            }
        }
        if workflow.texts("includeSessionId").iter().any(|value| *value != "false") {
            faults.push(format!("{name}: a session"));
        }
    }
    for (name, credential) in package.components("externalCredential") {
        for parameter in credential.all("externalCredentialParameters") {
            let value = parameter.at("parameterValue");
            if !value.is_empty() && !value.contains("$Credential.") {
                faults.push(format!("{name}: {}", parameter.at("parameterName")));
            }
        }
    }
    faults
}
