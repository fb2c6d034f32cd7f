//! Lays one TOML table over another, and the environment over both.

use toml::{Table, Value};

/// The prefix of every environment variable that overrides a key. `__` stands for a dot:
/// `RESET_RECEIVER__VAULT__ADDRESS` is `vault.address`.
pub(in crate::config) const PREFIX: &str = "RESET_RECEIVER__";

/// Lays `upper` over `lower`: tables are merged, anything else is replaced.
pub(in crate::config) fn lay(lower: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay(below, above),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

/// The environment's overrides as a table. A value is read as TOML where it is TOML, and as a
/// text otherwise.
pub(in crate::config) fn from_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Table {
    let mut overrides = Table::new();
    for (name, text) in variables {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let keys: Vec<String> = path.split("__").map(str::to_lowercase).collect();
        set(&mut overrides, &keys, read(text));
    }
    overrides
}

fn read(text: String) -> Value {
    let document = format!("value = {text}");
    let value = document.parse::<Table>().ok().and_then(|mut table| table.remove("value"));
    value.unwrap_or(Value::String(text))
}

fn set(table: &mut Table, keys: &[String], value: Value) {
    match keys {
        [] => {}
        [last] => {
            table.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let below = table.entry(first.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(below) = below {
                set(below, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_merged_and_values_replaced() {
        let mut lower: Table = "a = 1\n[t]\nx = 1\ny = [1, 2]".parse().unwrap();
        lay(&mut lower, "[t]\ny = [3]\nz = 4".parse().unwrap());
        assert_eq!(lower, "a = 1\n[t]\nx = 1\ny = [3]\nz = 4".parse().unwrap());
    }

    #[test]
    fn environment_variables_name_keys_and_carry_toml_or_text() {
        let variables = [
            ("RESET_RECEIVER__VAULT__ADDRESS", "https://vault:8200"),
            ("RESET_RECEIVER__ROTATION__PARALLEL", "3"),
            ("RESET_RECEIVER_CONFIG", "not an override"),
            ("PATH", "/bin"),
        ];
        let variables = variables.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let expected = "[vault]\naddress = \"https://vault:8200\"\n[rotation]\nparallel = 3";
        assert_eq!(from_environment(variables), expected.parse().unwrap());
    }
}
