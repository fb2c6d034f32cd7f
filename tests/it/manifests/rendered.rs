//! The Kubernetes base as the cluster would get it: rendered, and held against the API's schemas.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::Value;

/// The oldest and the newest Kubernetes that the manifests are meant for.
const VERSIONS: [&str; 2] = ["1.31", "1.37"];

/// Reads a list of objects, and prints one line for each that is not valid.
const VALIDATE: &str = r#"
import json, sys
import kubernetes_validate as schemas

versions = sys.argv[1:]
for item in json.load(sys.stdin):
    for version in versions:
        name = f"{item.get('kind')} {item.get('metadata', {}).get('name')} at {version}"
        try:
            schemas.validate(item, version, strict=True)
        except schemas.ValidationError as error:
            print(f"{name}: {'.'.join(map(str, error.path))}: {error.message}")
        except (schemas.SchemaNotFoundError, schemas.InvalidSchemaError) as error:
            print(f"{name}: {error}")
"#;

/// Where a file of `deploy/` is.
pub(crate) fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(path)
}

/// Every object of the base.
pub(crate) fn objects() -> Vec<Value> {
    let documents = render(&deploy("kubernetes"));
    yaml_serde::Deserializer::from_str(&documents)
        .map(|document| Value::deserialize(document).expect("the renderer writes YAML"))
        .collect()
}

/// Renders with `kubectl`, or with `kustomize` where only that one is installed.
fn render(folder: &Path) -> String {
    for (program, verb) in [("kubectl", "kustomize"), ("kustomize", "build")] {
        let Ok(output) = Command::new(program).arg(verb).arg(folder).output() else { continue };
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {verb} failed: {complaint}");
        return String::from_utf8(output.stdout).expect("the renderer writes UTF-8");
    }
    panic!(
        "neither kubectl nor kustomize is installed, so the manifests cannot be rendered: \
         install one (Debian has it as the package kubernetes-client)"
    );
}

/// One line for each way in which an object does not fit the API's schemas.
pub(crate) fn schema_faults(objects: &[Value]) -> Vec<String> {
    let mut child = Command::new(python())
        .args(["-c", VALIDATE])
        .args(VERSIONS)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("TOOLS_PYTHON names a Python");
    let input = serde_json::to_vec(objects).expect("values are JSON");
    let mut pipe = child.stdin.take().expect("it was piped");
    pipe.write_all(&input).expect("the validator reads its input");
    drop(pipe);
    let output = child.wait_with_output().expect("the validator ends");
    assert!(output.status.success(), "the validator failed; is kubernetes-validate installed?");
    String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned).collect()
}

/// The Python with the tools of `tests/requirements.txt`.
#[expect(clippy::disallowed_methods, reason = "a test has no configuration file to read it from")]
fn python() -> PathBuf {
    std::env::var_os("TOOLS_PYTHON")
        .expect("TOOLS_PYTHON names the Python with the test tools; `tests/run` sets it")
        .into()
}
