//! The recipe of the image, read and held to what it promises: it cannot be built here, so its
//! text is what can be tested.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// One instruction: its word in capitals, and the rest of it on one line.
struct Instruction {
    word: String,
    rest: String,
}

/// A way in which a recipe breaks its promise.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    /// A base without a version, or without the digest of its content.
    LooseBase,
    /// No last `USER`, or one that is a name or root.
    Root,
    /// A build that may change the lock file.
    Unlocked,
    /// A build that is not for release.
    NotRelease,
    /// A build with more features than the default ones.
    Features,
    /// A variable, argument or file that is a secret by its name.
    Secret,
    /// The last stage takes something else than what was built.
    Stray,
    /// The last stage runs a command, so it needs a shell.
    Shell,
}

/// Joins continued lines and leaves comments out, also those between continued lines.
fn instructions(recipe: &str) -> Vec<Instruction> {
    let mut found = Vec::new();
    let mut open = String::new();
    for line in recipe.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            open.push_str(part);
            continue;
        }
        open.push_str(line);
        let (word, rest) = open.split_once(char::is_whitespace).unwrap_or((&open, ""));
        found.push(Instruction { word: word.to_uppercase(), rest: rest.trim().to_owned() });
        open.clear();
    }
    found
}

fn faults(recipe: &str) -> Vec<Fault> {
    let instructions = instructions(recipe);
    let stages: Vec<&[Instruction]> =
        instructions.chunk_by(|_, next| next.word != "FROM").collect();
    let last = stages.last().copied().unwrap_or_default();
    let builds = || instructions.iter().filter(|it| it.rest.contains("cargo build"));
    let of = |word: &'static str| last.iter().filter(move |it| it.word == word);
    let mut found = Vec::new();
    let mut note = |broken: bool, fault| {
        if broken {
            found.push(fault);
        }
    };
    note(instructions.iter().any(|it| it.word == "FROM" && !is_pinned(&it.rest)), Fault::LooseBase);
    note(!of("USER").next_back().is_some_and(|user| is_a_person(&user.rest)), Fault::Root);
    note(builds().count() == 0 || builds().any(|it| !has(it, "--locked")), Fault::Unlocked);
    note(builds().count() == 0 || builds().any(|it| !has(it, "--release")), Fault::NotRelease);
    note(
        recipe.contains("failpoints") || builds().any(|it| it.rest.contains("features")),
        Fault::Features,
    );
    note(instructions.iter().any(holds_a_secret), Fault::Secret);
    note(of("COPY").chain(of("ADD")).any(|it| !it.rest.contains("--from=build ")), Fault::Stray);
    note(of("RUN").next().is_some() || !is_list(of("ENTRYPOINT").next_back()), Fault::Shell);
    found
}

fn has(instruction: &Instruction, option: &str) -> bool {
    instruction.rest.split_whitespace().any(|word| word == option)
}

/// `name:1.2@sha256:` and 64 hexadecimal digits; a later `AS name` is not looked at.
fn is_pinned(from: &str) -> bool {
    let Some((name, digest)) = from.split_whitespace().next().and_then(|base| base.split_once('@'))
    else {
        return false;
    };
    let tag = name.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
    let is_hex = |digest: &str| digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    tag.is_some_and(|tag| tag != "latest") && digest.strip_prefix("sha256:").is_some_and(is_hex)
}

/// A numeric user that is not root: Kubernetes cannot tell who a name is.
fn is_a_person(user: &str) -> bool {
    user.split(':').next().and_then(|id| id.parse::<u32>().ok()).is_some_and(|id| id != 0)
}

/// By the name of a variable or a file; the mount of a build secret is meant to be one.
fn holds_a_secret(instruction: &Instruction) -> bool {
    let named = ["PASSWORD", "TOKEN", "SECRET", "KEY", "CREDENTIAL"];
    let rest = instruction.rest.to_uppercase();
    match instruction.word.as_str() {
        "ENV" | "ARG" => named.iter().any(|name| rest.contains(name)),
        "COPY" | "ADD" => [".PEM", ".KEY", ".ENV", "ID_RSA"].iter().any(|name| rest.contains(name)),
        _ => false,
    }
}

fn is_list(instruction: Option<&Instruction>) -> bool {
    instruction.is_some_and(|it| serde_json::from_str::<Vec<String>>(&it.rest).is_ok())
}

fn committed(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("it is committed")
}

/// What stands behind the last instruction of this kind.
fn last(recipe: &str, word: &str) -> String {
    let found = instructions(recipe).into_iter().rfind(|instruction| instruction.word == word);
    found.unwrap_or_else(|| panic!("no {word}")).rest
}

#[test]
fn the_image_is_pinned_locked_without_root_and_without_secrets() {
    assert_eq!(faults(&committed("deploy/Dockerfile")), []);
}

#[test]
fn every_broken_promise_of_a_recipe_is_found() {
    let recipe = committed("deploy/Dockerfile");
    let digest = recipe.split("@sha256:").nth(1).and_then(|rest| rest.get(..64)).expect("pinned");
    for (from, to, expected) in [
        ("rust:1.95.0-slim-bookworm@", "rust@", Fault::LooseBase),
        ("rust:1.95.0-slim-bookworm@", "rust:latest@", Fault::LooseBase),
        (digest, "0123", Fault::LooseBase),
        ("USER 65532:65532", "", Fault::Root),
        ("USER 65532:65532", "USER nonroot", Fault::Root),
        ("USER 65532:65532", "USER 65532\nUSER 0", Fault::Root),
        (" --locked", "", Fault::Unlocked),
        (" --release", "", Fault::NotRelease),
        (" --locked", " --locked --features journal", Fault::Features),
        (" --locked", " --locked --all-features", Fault::Features),
        ("WORKDIR /build", "ARG VAULT_TOKEN", Fault::Secret),
        ("WORKDIR /build", "COPY server.key /", Fault::Secret),
        ("USER 65532:65532", "COPY . /\nUSER 65532", Fault::Stray),
        ("ENTRYPOINT [\"/usr/local/bin/reset-receiver\"]", "ENTRYPOINT run", Fault::Shell),
        ("USER 65532:65532", "RUN id\nUSER 65532", Fault::Shell),
    ] {
        let broken = recipe.replace(from, to);
        assert_ne!(broken, recipe, "`{from}` is not in the recipe");
        assert_eq!(faults(&broken), [expected], "{from} -> {to}");
    }
}

#[test]
fn the_hook_that_kills_the_process_is_in_no_default_feature() {
    let manifest: toml::Table = committed("Cargo.toml").parse().expect("it is TOML");
    let features = manifest["features"].as_table().expect("features");
    assert!(features.contains_key("failpoints"), "the feature has another name now");
    let default = features.get("default").and_then(toml::Value::as_array);
    assert!(default.is_none_or(Vec::is_empty), "{default:?}");
}

#[test]
fn the_image_starts_the_program_that_the_crate_builds() {
    let recipe = committed("deploy/Dockerfile");
    let entry: Value = serde_json::from_str(&last(&recipe, "ENTRYPOINT")).expect("a list");
    let copied = last(&recipe, "COPY");
    assert_eq!(entry, serde_json::json!([copied.split_whitespace().last()]));
    let manifest: toml::Table = committed("Cargo.toml").parse().expect("it is TOML");
    let program = manifest["bin"][0]["name"].as_str().expect("a name");
    assert!(copied.ends_with(&format!("/{program}")), "{copied}");
    assert!(recipe.contains(&format!("--bin {program} ")), "{program} is not built");
    let edition = manifest["workspace"]["package"]["rust-version"].as_str().expect("a version");
    assert!(recipe.contains(&format!("FROM rust:{edition}.")), "Rust {edition} does not build it");
}

#[test]
fn the_image_opens_the_doors_and_reads_the_file_that_the_deployment_has() {
    let recipe = committed("deploy/Dockerfile");
    let config: toml::Table = committed("deploy/kubernetes/config.toml").parse().expect("TOML");
    let doors = ["hooks", "operator"].map(|door| {
        let listen = config[door]["listen"].as_str().expect("a text");
        listen.rsplit(':').next().expect("host:port").to_owned()
    });
    assert_eq!(last(&recipe, "EXPOSE"), doors.join(" "));
    assert!(last(&recipe, "CMD").contains("\"/etc/reset-receiver/config.toml\""));
}

#[test]
fn only_what_the_program_is_built_from_enters_the_build() {
    let ignored = committed("deploy/Dockerfile.dockerignore");
    let lines = ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (allowed, refused): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.starts_with('!'));
    assert_eq!(allowed, ["!Cargo.toml", "!Cargo.lock", "!openapi.yaml", "!src", "!tests"]);
    assert_eq!(refused.first(), Some(&"*"), "everything else is refused");
}
