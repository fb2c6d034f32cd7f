//! The Kubernetes base: valid for the API, confined, reachable only where it should be, and of one
//! mind with the configuration that it carries.

mod rendered;

use std::fs;

use serde_json::{Value, json};

use rendered::{deploy, objects, schema_faults};

/// The object of this kind whose name starts like this; a `ConfigMap`'s name ends in a hash.
fn object(kind: &str, name: &str) -> Value {
    let fits = |object: &Value| {
        object["kind"] == kind
            && object["metadata"]["name"].as_str().is_some_and(|full| full.starts_with(name))
    };
    objects().into_iter().find(fits).unwrap_or_else(|| panic!("the base has no {kind} {name}"))
}

fn pod() -> Value {
    object("Deployment", "reset-receiver")["spec"]["template"].take()
}

fn container() -> Value {
    let mut pod = pod();
    let containers = pod["spec"]["containers"].as_array_mut().expect("a pod has containers");
    assert_eq!(containers.len(), 1, "one container");
    containers.remove(0)
}

fn config() -> toml::Table {
    let text = fs::read_to_string(deploy("kubernetes/config.toml")).expect("it is committed");
    text.parse().expect("it is TOML")
}

/// What stands at a dotted key; a list is entered at its first element.
fn at<'a>(table: &'a toml::Table, key: &str) -> Option<&'a toml::Value> {
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let found = table.get(first)?;
    if rest.is_empty() {
        return Some(found);
    }
    let table = found.as_array().map_or(Some(found), |list| list.first())?;
    at(table.as_table()?, rest)
}

fn text(table: &toml::Table, key: &str) -> String {
    at(table, key).and_then(toml::Value::as_str).unwrap_or_else(|| panic!("no {key}")).to_owned()
}

fn port_of(listen: &str) -> u16 {
    listen.rsplit(':').next().and_then(|port| port.parse().ok()).expect("host:port")
}

/// The mounts of the container, as where they are and the volume that they show.
fn mounts() -> Vec<(String, Value)> {
    let volumes = pod()["spec"]["volumes"].as_array().expect("volumes").clone();
    let volume = |name: &Value| volumes.iter().find(|volume| volume["name"] == *name).cloned();
    let shown = |mount: &Value| {
        let path = mount["mountPath"].as_str().expect("a mount has a path").to_owned();
        (path, volume(&mount["name"]).expect("a mount shows a volume"))
    };
    container()["volumeMounts"].as_array().expect("mounts").iter().map(shown).collect()
}

/// The volume that holds a file, and the file's path in it.
fn volume_of(file: &str) -> (Value, String) {
    let within = |(path, volume): (String, Value)| {
        let rest = file.strip_prefix(&path)?.strip_prefix('/')?;
        Some((volume, rest.to_owned()))
    };
    mounts().into_iter().find_map(within).unwrap_or_else(|| panic!("{file} is on no volume"))
}

/// Every path that a `.._file` or `.._files` key of the configuration names.
fn files(table: &toml::Table) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in table {
        let names_files = key.ends_with("_file") || key.ends_with("_files");
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        for value in values {
            if let Some(table) = value.as_table() {
                found.extend(files(table));
            } else if let Some(path) = value.as_str().filter(|_| names_files) {
                found.push(path.to_owned());
            }
        }
    }
    found
}

#[test]
fn every_object_fits_the_schemas_of_kubernetes() {
    let objects = objects();
    assert!(objects.len() >= 7, "only {} objects were rendered", objects.len());
    assert_eq!(schema_faults(&objects), Vec::<String>::new());
}

#[test]
fn the_schemas_refuse_a_misspelt_field_and_a_wrong_type() {
    let mut misspelt = object("Deployment", "reset-receiver");
    misspelt["spec"]["replicass"] = json!(1);
    let mut mistyped = object("Service", "reset-receiver-hooks");
    mistyped["spec"]["ports"][0]["port"] = json!("https");
    let faults = schema_faults(&[misspelt, mistyped]);
    assert_eq!(faults.len(), 4, "{faults:?}");
    assert!(faults[0].contains("replicass") && faults[2].contains("ports"), "{faults:?}");
}

#[test]
fn no_object_names_a_namespace_and_none_is_a_secret() {
    for object in objects() {
        assert_eq!(object["metadata"]["namespace"], Value::Null, "{}", object["metadata"]);
        assert_ne!(object["kind"], "Secret", "{}", object["metadata"]);
    }
}

#[test]
fn the_journal_has_one_writer_and_outlives_the_pod() {
    let deployment = object("Deployment", "reset-receiver");
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert_eq!(deployment["spec"]["strategy"]["type"], "Recreate");
    let url = text(&config(), "store.url");
    let (volume, _) = volume_of(url.strip_prefix("sqlite:").expect("the base uses SQLite"));
    let claim = object("PersistentVolumeClaim", "reset-receiver");
    assert_eq!(volume["persistentVolumeClaim"]["claimName"], claim["metadata"]["name"]);
}

#[test]
fn the_container_is_confined() {
    let (pod, container) = (pod(), container());
    for (place, expected) in [
        ("/spec/securityContext/runAsNonRoot", json!(true)),
        ("/spec/securityContext/runAsUser", json!(65532)),
        ("/spec/securityContext/seccompProfile/type", json!("RuntimeDefault")),
        ("/spec/automountServiceAccountToken", json!(false)),
    ] {
        assert_eq!(pod.pointer(place), Some(&expected), "{place}");
    }
    for (place, expected) in [
        ("/securityContext/readOnlyRootFilesystem", json!(true)),
        ("/securityContext/allowPrivilegeEscalation", json!(false)),
        ("/securityContext/privileged", json!(false)),
        ("/securityContext/capabilities", json!({ "drop": ["ALL"] })),
    ] {
        assert_eq!(container.pointer(place), Some(&expected), "{place}");
    }
    for forbidden in ["hostNetwork", "hostPID", "hostIPC"] {
        assert_eq!(pod["spec"][forbidden], Value::Null, "{forbidden}");
    }
    for (path, volume) in mounts() {
        assert_eq!(volume["hostPath"], Value::Null, "{path}");
    }
}

#[test]
fn the_container_has_limits_and_requests() {
    let container = container();
    for kind in ["limits", "requests"] {
        for resource in ["cpu", "memory", "ephemeral-storage"] {
            assert!(container["resources"][kind][resource].is_string(), "{kind}: {resource}");
        }
    }
}

#[test]
fn the_probes_ask_the_operator_door() {
    let container = container();
    for (probe, path) in
        [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")]
    {
        assert_eq!(container[probe]["httpGet"], json!({ "path": path, "port": "operator" }));
    }
}

#[test]
fn the_doors_are_the_ports_that_the_configuration_listens_on() {
    let (config, container) = (config(), container());
    for door in ["hooks", "operator"] {
        let port = port_of(&text(&config, &format!("{door}.listen")));
        let ports = container["ports"].as_array().expect("ports");
        let named = ports.iter().find(|port| port["name"] == door).expect("a port for each door");
        assert_eq!(named["containerPort"], port, "{door}");
        let service = object("Service", &format!("reset-receiver-{door}"));
        assert_eq!(service["spec"]["ports"][0]["targetPort"], door);
        assert_eq!(service["spec"]["ports"].as_array().map(Vec::len), Some(1), "{door}");
        assert_eq!(service["spec"]["selector"], pod()["metadata"]["labels"], "{door}");
    }
    assert_eq!(object("Service", "reset-receiver-operator")["spec"]["type"], "ClusterIP");
}

#[test]
fn the_only_token_in_the_pod_is_for_vault() {
    let account = object("ServiceAccount", "reset-receiver");
    assert_eq!(account["automountServiceAccountToken"], false);
    assert_eq!(pod()["spec"]["serviceAccountName"], account["metadata"]["name"]);
    let (volume, file) = volume_of(&text(&config(), "vault.auth.token_file"));
    let sources = volume["projected"]["sources"].as_array().expect("the token is projected");
    let [source] = &sources[..] else { panic!("one source: {sources:?}") };
    assert_eq!(source["serviceAccountToken"]["path"], file);
    assert_eq!(source["serviceAccountToken"]["audience"], "vault");
}

#[test]
fn the_network_policy_selects_the_pod_and_opens_only_what_is_needed() {
    let policy = object("NetworkPolicy", "reset-receiver");
    assert_eq!(policy["spec"]["podSelector"]["matchLabels"], pod()["metadata"]["labels"]);
    assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress", "Egress"]));
    let ports = |direction: &str| -> Vec<(u64, Value)> {
        let rules = policy["spec"][direction].as_array().expect("rules").iter();
        let peers = if direction == "ingress" { "from" } else { "to" };
        rules
            .flat_map(|rule| {
                let ports = rule["ports"].as_array().expect("no rule opens every port");
                ports
                    .iter()
                    .map(|port| (port["port"].as_u64().expect("a number"), rule[peers].clone()))
            })
            .collect()
    };
    let [(hooks, anyone), (operator, monitoring)] = &ports("ingress")[..] else {
        panic!("two doors")
    };
    assert_eq!((*hooks, *operator), (8443, 8081));
    assert_eq!(anyone, &Value::Null);
    let namespace = json!({ "kubernetes.io/metadata.name": "monitoring" });
    assert_eq!(monitoring, &json!([{ "namespaceSelector": { "matchLabels": namespace } }]));
    let ways: Vec<u64> = ports("egress").iter().map(|(port, _)| *port).collect();
    assert_eq!(ways, [53, 53, 8200, 443]);
    assert!(ports("egress").iter().all(|(_, peers)| peers.is_array()), "every way has an end");
}

#[test]
fn the_way_to_the_console_does_not_lead_into_the_cluster() {
    let policy = object("NetworkPolicy", "reset-receiver");
    let rules = policy["spec"]["egress"].as_array().expect("rules");
    let console = rules.iter().find(|rule| rule["ports"][0]["port"] == 443).expect("a console");
    let except = console["to"][0]["ipBlock"]["except"].as_array().expect("exceptions");
    for block in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"] {
        assert!(except.contains(&json!(block)), "{block}");
    }
}

#[test]
fn the_pod_reads_the_configuration_that_is_committed() {
    let map = object("ConfigMap", "reset-receiver-config");
    let committed = fs::read_to_string(deploy("kubernetes/config.toml")).expect("committed");
    assert_eq!(map["data"]["config.toml"], committed);
    let (volume, file) = volume_of("/etc/reset-receiver/config.toml");
    assert_eq!(volume["configMap"]["name"], map["metadata"]["name"]);
    assert_eq!(file, "config.toml");
}

#[test]
fn the_configuration_has_every_key_that_a_deployment_needs() {
    let config = config();
    for key in [
        "hooks.listen",
        "hooks.certificate_file",
        "hooks.private_key_file",
        "operator.listen",
        "operator.tokens.name",
        "operator.tokens.role",
        "operator.tokens.token_file",
        "store.url",
        "store.fingerprint_key_file",
        "vault.address",
        "vault.ca_file",
        "vault.auth.method",
        "vault.auth.mount",
        "vault.auth.role",
        "vault.auth.token_file",
        "consoles.main.base_url",
        "consoles.main.login.mount",
        "consoles.main.login.path",
        "targets.marketing.organization_id",
        "targets.marketing.username",
        "targets.marketing.user_id",
        "targets.marketing.secret.mount",
        "targets.marketing.secret.path",
        "targets.marketing.instances.name",
        "targets.marketing.instances.connectors",
        "targets.marketing.instances.integration",
        "sources.salesforce.format",
        "sources.salesforce.authentication.scheme",
        "sources.salesforce.authentication.key_files",
    ] {
        assert!(at(&config, key).is_some(), "{key} is missing");
    }
    let console = text(&config, "targets.marketing.console");
    assert!(at(&config, &format!("consoles.{console}")).is_some(), "no console {console}");
}

#[test]
fn every_file_of_the_configuration_is_mounted_and_the_steps_say_how_it_is_made() {
    let steps = fs::read_to_string(deploy("README.md")).expect("the steps are written down");
    let files = files(&config());
    assert!(files.len() >= 8, "{files:?}");
    for file in files {
        let (volume, within) = volume_of(&file);
        if volume["projected"].is_object() {
            continue;
        }
        let (verb, name) = match (&volume["secret"]["secretName"], &volume["configMap"]["name"]) {
            (Value::String(name), _) if within.starts_with("tls.") => ("secret tls", name),
            (Value::String(name), _) => ("secret generic", name),
            (_, Value::String(name)) => ("configmap", name),
            _ => panic!("{file} is neither in a Secret nor in a ConfigMap"),
        };
        let step = format!("create {verb} {name}");
        assert!(steps.contains(&step), "README.md does not say `{step}` for {file}");
        let made = within.starts_with("tls.") || steps.contains(&format!("--from-file={within}="));
        assert!(made, "README.md does not fill {within} of {name}");
    }
}
